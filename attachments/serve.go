package attachments

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"mime"
	"net/http"
	"time"
)

// FileMeta is what the sender said of a file. Neither is believed.
type FileMeta struct {
	Name      string
	MediaType string
}

// servedTypes are the media types that a download may carry. They help a person's programs choose an icon; whatever could run in a browser, HTML and SVG first, is bytes to us.
var servedTypes = map[string]bool{
	"image/png": true, "image/jpeg": true, "image/gif": true, "image/webp": true, "image/heic": true, "image/tiff": true, "image/bmp": true,
	"text/plain": true, "text/csv": true, "text/calendar": true, "application/pdf": true, "application/json": true, "application/rtf": true,
	"application/zip": true, "application/gzip": true, "application/x-7z-compressed": true, "application/vnd.rar": true,
	"application/msword": true, "application/vnd.ms-excel": true, "application/vnd.ms-powerpoint": true,
	"application/vnd.openxmlformats-officedocument.wordprocessingml.document":   true,
	"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet":         true,
	"application/vnd.openxmlformats-officedocument.presentationml.presentation": true,
	"application/vnd.oasis.opendocument.text":                                   true,
	"application/vnd.oasis.opendocument.spreadsheet":                            true,
	"audio/mpeg": true, "audio/ogg": true, "audio/wav": true, "video/mp4": true, "video/webm": true, "message/rfc822": true,
}

// servedType is the Content-Type for what a sender claimed.
func servedType(claimed string) string {
	kind, _, err := mime.ParseMediaType(claimed)
	if err != nil || !servedTypes[kind] {
		return "application/octet-stream"
	}
	return kind
}

// Serve answers a GET or HEAD with a file, in parts if that is asked for (RFC 9110 §14). Whoever calls it has decided that the asker may have it.
// The file can only be saved: it cannot be shown as a page, sniffed into another type, embedded by another site or kept by a cache.
func Serve(w http.ResponseWriter, r *http.Request, b *Bucket, o Object, meta FileMeta) {
	if err := b.stored(r.Context(), o); errors.Is(err, ErrNotFound) {
		http.Error(w, "This file is no longer there.", http.StatusNotFound)
		return
	} else if err != nil {
		w.Header().Set("Retry-After", "30")
		http.Error(w, "Files cannot be reached at the moment.", http.StatusServiceUnavailable)
		return
	}
	header := w.Header()
	header.Set("Content-Type", servedType(meta.MediaType))
	header.Set("Content-Disposition", Disposition(meta.Name, AsAttachment))
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Content-Security-Policy", "sandbox; default-src 'none'; frame-ancestors 'none'")
	header.Set("Cache-Control", "private, no-store")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("ETag", `"`+hex.EncodeToString(o.SHA256)+`"`)

	file := &seeker{ctx: r.Context(), bucket: b, object: o}
	defer file.Close()
	http.ServeContent(w, r, "", time.Time{}, file)
	if file.failed != nil {
		// The status is sent. Only a broken connection tells the other side that what it has is not the file.
		panic(http.ErrAbortHandler)
	}
}

const (
	firstWindow = 256 << 10 // how much is asked for at first: a small range should not cost a large request
	mostWindow  = 8 << 20   // how much is asked for when a reader goes on and on
)

// seeker reads an object in windows, so that http.ServeContent, which knows everything about ranges, can jump about in it.
type seeker struct {
	ctx    context.Context
	bucket *Bucket
	object Object
	offset int64
	window int64         // size of the next window
	body   io.ReadCloser // of the current one, nil between two
	failed error
}

// Seek implements io.Seeker; it costs nothing.
func (s *seeker) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += s.offset
	case io.SeekEnd:
		offset += s.object.Size
	}
	if offset < 0 {
		return 0, errors.New("seek before the beginning of a file")
	}
	if offset != s.offset {
		s.Close()
		s.offset, s.window = offset, 0
	}
	return offset, nil
}

// Read implements io.Reader.
func (s *seeker) Read(p []byte) (int, error) {
	for {
		if s.offset >= s.object.Size {
			return 0, io.EOF
		}
		if s.body == nil {
			s.window = min(max(2*s.window, firstWindow), mostWindow)
			body, err := s.bucket.Get(s.ctx, s.object, s.offset, min(s.window, s.object.Size-s.offset))
			if err != nil {
				s.failed = err
				return 0, err
			}
			s.body = body
		}
		n, err := s.body.Read(p)
		s.offset += int64(n)
		if errors.Is(err, io.EOF) {
			s.Close()
			err = nil
		}
		if err != nil {
			s.failed = err
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// Close ends the request for the current window.
func (s *seeker) Close() error {
	if s.body == nil {
		return nil
	}
	body := s.body
	s.body = nil
	return body.Close()
}

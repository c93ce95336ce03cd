package embedded

import (
	"context"
	"crypto/md5"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/rclone/gofakes3"
)

// uploads are the multipart uploads that are under way. They do not outlive the process: their client is in it.
type uploads struct {
	mu   sync.Mutex
	open map[gofakes3.UploadID]*upload
}

// upload is one of them. Its parts lie in the folder parts/<id>.
type upload struct {
	meta map[string]string

	mu    sync.Mutex
	parts map[int]part
}

type part struct {
	file string
	size int64
	hash []byte // MD5, the part's ETag
}

func (u *uploads) find(id gofakes3.UploadID) (*upload, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	up, ok := u.open[id]
	if !ok {
		return nil, gofakes3.ErrNoSuchUpload
	}
	return up, nil
}

func folderOf(id gofakes3.UploadID) string { return "parts/" + escape(string(id)) }

// CreateMultipartUpload implements gofakes3.MultipartBackend.
func (s *store) CreateMultipartUpload(_ context.Context, _, _ string, meta map[string]string) (gofakes3.UploadID, error) {
	id := gofakes3.UploadID(rand.Text())
	if err := s.root.Mkdir(folderOf(id), 0o700); err != nil {
		return "", err
	}
	s.uploads.mu.Lock()
	defer s.uploads.mu.Unlock()
	s.uploads.open[id] = &upload{meta: meta, parts: map[int]part{}}
	return id, nil
}

// UploadPart implements gofakes3.MultipartBackend. Parts are not synced: only the object made of them is promised to anybody.
func (s *store) UploadPart(_ context.Context, _, _ string, id gofakes3.UploadID, number int, size int64, body io.Reader) (etag string, err error) {
	up, err := s.uploads.find(id)
	if err != nil {
		return "", err
	}
	d, err := s.newDraft()
	if err != nil {
		return "", err
	}
	defer s.drop(d)
	hash := md5.New()
	n, err := io.Copy(io.MultiWriter(d, hash), body)
	if err != nil {
		return "", err
	}
	if n != size {
		return "", gofakes3.ErrIncompleteBody
	}
	// A part that is sent again gets another name: the older one may just be being read.
	name := fmt.Sprintf("%s/%d-%s", folderOf(id), number, rand.Text())
	if err := s.root.Rename(d.name, name); err != nil {
		return "", err
	}
	up.mu.Lock()
	defer up.mu.Unlock()
	up.parts[number] = part{file: name, size: n, hash: hash.Sum(nil)}
	return `"` + hex.EncodeToString(hash.Sum(nil)) + `"`, nil
}

// CompleteMultipartUpload implements gofakes3.MultipartBackend: the parts become one object, as durable as one put at once.
func (s *store) CompleteMultipartUpload(ctx context.Context, bucket, key string, id gofakes3.UploadID, in *gofakes3.CompleteMultipartUploadRequest) (gofakes3.VersionID, string, error) {
	up, err := s.uploads.find(id)
	if err != nil {
		return "", "", err
	}
	parts, err := up.wanted(in)
	if err != nil {
		return "", "", err
	}
	d, err := s.newDraft()
	if err != nil {
		return "", "", err
	}
	defer s.drop(d)
	t := trailer{Modified: time.Now().UTC(), Meta: up.meta}
	hash := md5.New()
	for _, p := range parts {
		if err := s.appendPart(d, p); err != nil {
			return "", "", err
		}
		hash.Write(p.hash)
		t.Size += p.size
		t.Parts = append(t.Parts, p.size)
	}
	t.Hash = hash.Sum(nil)
	if err := s.commit(ctx, d, objectName{bucket, key}, t); err != nil {
		return "", "", err
	}
	return "", `"` + hex.EncodeToString(t.Hash) + `"`, s.AbortMultipartUpload(ctx, bucket, key, id)
}

// wanted finds the parts that the client lists, which must be in order and the ones that were received.
func (u *upload) wanted(in *gofakes3.CompleteMultipartUploadRequest) ([]part, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(in.Parts) == 0 {
		return nil, gofakes3.ErrMalformedXML
	}
	var parts []part
	last := 0
	for _, want := range in.Parts {
		have, ok := u.parts[want.PartNumber]
		if !ok || strings.Trim(want.ETag, `"`) != hex.EncodeToString(have.hash) {
			return nil, gofakes3.ErrInvalidPart
		}
		if want.PartNumber <= last {
			return nil, gofakes3.ErrInvalidPartOrder
		}
		last = want.PartNumber
		parts = append(parts, have)
	}
	return parts, nil
}

// appendPart copies a part within the kernel, where the file system may even share the blocks.
func (s *store) appendPart(d draft, p part) error {
	file, err := s.root.Open(p.file)
	if err != nil {
		return err
	}
	defer file.Close()
	n, err := io.Copy(d.File, file)
	if err == nil && n != p.size {
		err = errDamaged
	}
	return err
}

// AbortMultipartUpload implements gofakes3.MultipartBackend.
func (s *store) AbortMultipartUpload(_ context.Context, _, _ string, id gofakes3.UploadID) error {
	s.uploads.mu.Lock()
	delete(s.uploads.open, id)
	s.uploads.mu.Unlock()
	return s.root.RemoveAll(folderOf(id))
}

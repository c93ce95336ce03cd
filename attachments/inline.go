package attachments

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"

	"golang.org/x/image/webp"
)

const (
	// MaxPixels is the largest picture that is shown inline: 40 million pixels, 160 to 320 MB while it is decoded.
	MaxPixels = 40_000_000
	// mostPicture bounds the file of such a picture, in bytes.
	mostPicture = 32 << 20
)

// ErrNotShown says that a file is not a picture that may be shown inline; it can still be downloaded.
var ErrNotShown = errors.New("not a picture that can be shown")

// decoding holds a place for each picture that is being decoded: two at a time, whatever a page full of pictures asks for.
var decoding = make(chan struct{}, 2)

// pictures are the raster formats that are shown, by the bytes that they begin with, and how to read them. SVG is a program and not among them.
// The decoders are called by name: image.Decode would try whatever format any package of the program has registered.
var pictures = []struct {
	mediaType string
	begins    func([]byte) bool
	config    func(io.Reader) (image.Config, error)
	decode    func(io.Reader) (image.Image, error)
}{
	{"image/png", prefix("\x89PNG\r\n\x1a\n"), png.DecodeConfig, png.Decode},
	{"image/jpeg", prefix("\xff\xd8\xff"), jpeg.DecodeConfig, jpeg.Decode},
	{"image/gif", prefix("GIF8"), gif.DecodeConfig, gif.Decode},
	{"image/webp", func(b []byte) bool { return len(b) > 12 && string(b[:4]) == "RIFF" && string(b[8:12]) == "WEBP" }, webp.DecodeConfig, webp.Decode},
}

func prefix(magic string) func([]byte) bool {
	return func(b []byte) bool { return bytes.HasPrefix(b, []byte(magic)) }
}

// Inline decodes a picture and encodes it anew, so that what a browser shows is pixels of ours and nothing else that the file held: no script, no location, no second format.
// A JPEG stays one, turned as its camera meant it; the others become PNG, of moving pictures the first frame. It looks at the size first and refuses more than maxPixels.
// The error is ErrNotShown for all that is not such a picture, whatever its sender called it.
func Inline(ctx context.Context, r io.Reader, maxPixels int) (data []byte, mediaType string, err error) {
	data, err = io.ReadAll(io.LimitReader(r, mostPicture+1))
	if err != nil {
		return nil, "", fmt.Errorf("read picture: %w", err)
	}
	if len(data) > mostPicture {
		return nil, "", fmt.Errorf("%w: it is larger than %d bytes", ErrNotShown, mostPicture)
	}
	for _, format := range pictures {
		if !format.begins(data) {
			continue
		}
		config, err := format.config(bytes.NewReader(data))
		if err != nil {
			return nil, "", fmt.Errorf("%w: %w", ErrNotShown, err)
		}
		if config.Width <= 0 || config.Height <= 0 || config.Width > maxPixels/config.Height {
			return nil, "", fmt.Errorf("%w: it has %d by %d pixels", ErrNotShown, config.Width, config.Height)
		}
		select {
		case decoding <- struct{}{}:
			defer func() { <-decoding }()
		case <-ctx.Done():
			return nil, "", fmt.Errorf("wait to decode a picture: %w", ctx.Err())
		}
		picture, err := format.decode(bytes.NewReader(data))
		if err != nil {
			return nil, "", fmt.Errorf("%w: %w", ErrNotShown, err)
		}
		return encode(picture, format.mediaType, data)
	}
	return nil, "", ErrNotShown
}

func encode(picture image.Image, from string, original []byte) ([]byte, string, error) {
	var out bytes.Buffer
	if from == "image/jpeg" {
		if err := jpeg.Encode(&out, upright(picture, orientation(original)), &jpeg.Options{Quality: 88}); err != nil {
			return nil, "", fmt.Errorf("encode picture: %w", err)
		}
		return out.Bytes(), "image/jpeg", nil
	}
	encoder := png.Encoder{CompressionLevel: png.BestSpeed}
	if err := encoder.Encode(&out, picture); err != nil {
		return nil, "", fmt.Errorf("encode picture: %w", err)
	}
	return out.Bytes(), "image/png", nil
}

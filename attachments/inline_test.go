package attachments

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"
)

// corner is a picture that is white but for its upper left quarter, which is red.
func corner(w, h int) *image.Paletted {
	p := image.NewPaletted(image.Rect(0, 0, w, h), color.Palette{color.White, color.RGBA{R: 0xff, A: 0xff}})
	for y := range h / 2 {
		for x := range w / 2 {
			p.SetColorIndex(x, y, 1)
		}
	}
	return p
}

func encoded(t *testing.T, encode func(*bytes.Buffer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := encode(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// tiny is a lossless WebP picture of one pixel (RFC 9649), which Go can read but not write.
const tiny = "UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA=="

func TestInlineEncodesPicturesAnew(t *testing.T) {
	t.Parallel()
	picture := corner(40, 20)
	asPNG := encoded(t, func(b *bytes.Buffer) error { return png.Encode(b, picture) })
	asJPEG := encoded(t, func(b *bytes.Buffer) error { return jpeg.Encode(b, picture, nil) })
	asGIF := encoded(t, func(b *bytes.Buffer) error { return gif.Encode(b, picture, nil) })
	asWebP, err := base64.StdEncoding.DecodeString(tiny)
	if err != nil {
		t.Fatal(err)
	}
	const payload = "<script>alert(1)</script>"
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"PNG with a tail": {append(asPNG, payload...), "image/png"}, "JPEG with a tail": {append(asJPEG, payload...), "image/jpeg"},
		"GIF with a tail": {append(asGIF, payload...), "image/png"}, "WebP": {asWebP, "image/png"},
	} {
		got, mediaType, err := Inline(t.Context(), bytes.NewReader(c.data), MaxPixels)
		if err != nil || mediaType != c.want {
			t.Errorf("%s: %s, %v", name, mediaType, err)
			continue
		}
		if bytes.Contains(got, []byte(payload)) {
			t.Errorf("%s: what was hidden in it came through", name)
		}
		if _, _, err := image.Decode(bytes.NewReader(got)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestInlineRefusals(t *testing.T) {
	t.Parallel()
	asPNG := encoded(t, func(b *bytes.Buffer) error { return png.Encode(b, corner(40, 20)) })
	bomb := bytes.Clone(asPNG)
	copy(bomb[16:], []byte{0, 1, 0, 0, 0, 1, 0, 0}) // 65536 by 65536
	binary.BigEndian.PutUint32(bomb[29:], crc32.ChecksumIEEE(bomb[12:29]))
	for name, data := range map[string][]byte{
		"SVG":              []byte(`<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`),
		"HTML":             []byte("<html>"),
		"empty":            nil,
		"BMP":              []byte("BM" + strings.Repeat("\x00", 60)),
		"PNG cut":          asPNG[:len(asPNG)/2],
		"PNG with 4 Gpx":   bomb,
		"JPEG of one byte": []byte("\xff\xd8\xff"),
	} {
		if _, _, err := Inline(t.Context(), bytes.NewReader(data), MaxPixels); !errors.Is(err, ErrNotShown) {
			t.Errorf("%s: %v, want ErrNotShown", name, err)
		}
	}
	if _, _, err := Inline(t.Context(), bytes.NewReader(bomb), MaxPixels); err == nil || !strings.Contains(err.Error(), "65536 by 65536") {
		t.Errorf("the size was not looked at first: %v", err)
	}
	if _, _, err := Inline(t.Context(), bytes.NewReader(asPNG), 40*20-1); !errors.Is(err, ErrNotShown) {
		t.Errorf("a pixel too many: %v", err)
	}
	if _, _, err := Inline(t.Context(), bytes.NewReader(asPNG), 40*20); err != nil {
		t.Errorf("just enough pixels: %v", err)
	}
}

// Photos stand upright although the note that says how they were held is dropped.
func TestInlineTurnsPhotosUpright(t *testing.T) {
	t.Parallel()
	plain := encoded(t, func(b *bytes.Buffer) error { return jpeg.Encode(b, corner(64, 32), &jpeg.Options{Quality: 95}) })
	// Where the red corner of a stored picture is seen, by orientation: Exif 2.3 §4.6.4.
	for orientation, want := range map[byte]string{1: "top left", 2: "top right", 3: "bottom right", 4: "bottom left", 5: "top left", 6: "top right", 7: "bottom right", 8: "bottom left", 9: "top left"} {
		exif := []byte("Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00" + string(orientation) + "\x00\x00\x00\x00\x00\x00")
		exif = append(append([]byte{0xff, 0xe1, 0, byte(len(exif) + 2)}, exif...), plain[2:]...)
		got, _, err := Inline(t.Context(), bytes.NewReader(append([]byte{0xff, 0xd8}, exif...)), MaxPixels)
		if err != nil {
			t.Fatal(err)
		}
		picture, err := jpeg.Decode(bytes.NewReader(got))
		if err != nil {
			t.Fatal(err)
		}
		w, h := picture.Bounds().Dx(), picture.Bounds().Dy()
		if side := orientation >= 5 && orientation <= 8; side != (w < h) {
			t.Errorf("orientation %d: %d by %d", orientation, w, h)
		}
		seen := ""
		for where, at := range map[string]image.Point{"top left": {w / 4, h / 4}, "top right": {3 * w / 4, h / 4}, "bottom left": {w / 4, 3 * h / 4}, "bottom right": {3 * w / 4, 3 * h / 4}} {
			if _, g, _, _ := picture.At(at.X, at.Y).RGBA(); g < 0x8000 {
				seen = where
			}
		}
		if seen != want {
			t.Errorf("orientation %d: the corner is %s, want %s", orientation, seen, want)
		}
	}
}

// FuzzOrientation: no file makes the reader of Exif data panic.
func FuzzOrientation(f *testing.F) {
	f.Add([]byte("\xff\xd8\xff\xe1\x00\x22Exif\x00\x00II\x2a\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) < 3 {
			return // Inline has seen the three bytes that a JPEG begins with
		}
		if got := orientation(data); got < 1 || got > 8 {
			t.Errorf("orientation %d", got)
		}
	})
}

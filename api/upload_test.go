package api_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
)

func TestUploads(t *testing.T) {
	t.Parallel()
	o := open(t)
	raw := make([]byte, 9<<20)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(raw)
	upload := func(path, kind string, body io.Reader, more ...string) answer {
		header := map[string]string{"Content-Type": kind}
		if len(more) == 2 {
			header[more[0]] = more[1]
		}
		return o.do(t, ask{as: "agent", method: "POST", path: path, body: body, header: header})
	}
	form := func(name string, content []byte) (string, *bytes.Buffer) {
		var body bytes.Buffer
		writer := multipart.NewWriter(&body)
		must(t, writer.WriteField("comment", "before the file"))
		part, err := writer.CreateFormFile("file", name)
		must(t, err)
		_, err = part.Write(content)
		must(t, err)
		must(t, writer.Close())
		return writer.FormDataContentType(), &body
	}
	multi, multiBody := form("Größe.bin", raw[:100_000])
	for name, c := range map[string]struct {
		made answer
		name string
		want []byte
	}{
		"raw":             {upload("/uploads?name=big.bin", "application/octet-stream", bytes.NewReader(raw)), "big.bin", raw},
		"of unknown size": {upload("/uploads?name=big.bin", "application/octet-stream", io.MultiReader(bytes.NewReader(raw[:300_000]))), "big.bin", raw[:300_000]},
		"disposition":     {upload("/uploads", "text/plain", strings.NewReader("x"), "Content-Disposition", "attachment; filename*=UTF-8''na%C3%AFve.txt"), "naïve.txt", []byte("x")},
		"form":            {upload("/uploads", multi, multiBody), "Größe.bin", raw[:100_000]},
	} {
		c.made.want(http.StatusCreated)
		if got := c.made.value("name"); got != c.name || c.made.id("size") != int64(len(c.want)) {
			t.Errorf("%s: %s", name, c.made.body)
		}
		if got := o.get(t, "agent", at("/attachments/%d", c.made.id("id"))).want(http.StatusOK); !bytes.Equal(got.body, c.want) {
			t.Errorf("%s: %d bytes came back, want %d", name, len(got.body), len(c.want))
		}
		o.get(t, "customer", at("/attachments/%d", c.made.id("id"))).want(http.StatusNotFound)
	}
	empty, emptyBody := "multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=x\r\n\r\ny\r\n--b--\r\n"
	upload("/uploads", empty, strings.NewReader(emptyBody)).want(http.StatusUnprocessableEntity)
	upload("/uploads", "text/plain", strings.NewReader("x")).want(http.StatusUnprocessableEntity) // no name
	tooMuch := func() io.Reader { return io.LimitReader(rand.NewChaCha8([32]byte{2}), 13<<20) }
	upload("/uploads?name=huge", "text/plain", tooMuch()).want(http.StatusRequestEntityTooLarge)
	huge, hugeBody := form("huge", make([]byte, 12<<20+1))
	upload("/uploads", huge, hugeBody).want(http.StatusRequestEntityTooLarge)
}

package attachments

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// served puts a file in a bucket and serves it over HTTP.
func served(t *testing.T, data []byte, meta FileMeta) (*Bucket, Object, *httptest.Server) {
	t.Helper()
	b := testBucket(t)
	o, err := b.Put(t.Context(), bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { Serve(w, r, b, o, meta) }))
	t.Cleanup(server.Close)
	return b, o, server
}

func ask(t *testing.T, method, address string, header ...string) (*http.Response, []byte, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response, body, err
}

func TestServeWholeAndInParts(t *testing.T) {
	t.Parallel()
	const size = 3<<20 + 17 // several windows
	data := content("served", size)
	_, _, server := served(t, data, FileMeta{Name: "Größe.pdf", MediaType: "application/pdf"})

	response, body, err := ask(t, "GET", server.URL)
	if err != nil || response.StatusCode != 200 || !bytes.Equal(body, data) {
		t.Fatalf("GET: %v, %d bytes, %v", response, len(body), err)
	}
	etag := response.Header.Get("ETag")
	for name, want := range map[string]string{
		"Content-Type": "application/pdf", "Content-Length": fmt.Sprint(size), "Accept-Ranges": "bytes",
		"Content-Disposition":          `attachment; filename="Gr__e.pdf"; filename*=UTF-8''Gr%C3%B6%C3%9Fe.pdf`,
		"X-Content-Type-Options":       "nosniff",
		"Content-Security-Policy":      "sandbox; default-src 'none'; frame-ancestors 'none'",
		"Cache-Control":                "private, no-store",
		"Referrer-Policy":              "no-referrer",
		"Cross-Origin-Resource-Policy": "same-origin",
	} {
		if got := response.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	for _, c := range []struct {
		name, method string
		header       []string
		status       int
		want         []byte
		contentRange string
	}{
		{"HEAD", "HEAD", nil, 200, nil, ""},
		{"the beginning", "GET", []string{"Range", "bytes=0-0"}, 206, data[:1], fmt.Sprintf("bytes 0-0/%d", size)},
		{"over the edge of a package", "GET", []string{"Range", "bytes=65535-65537"}, 206, data[65535:65538], fmt.Sprintf("bytes 65535-65537/%d", size)},
		{"over the edge of a window", "GET", []string{"Range", "bytes=100-999999"}, 206, data[100:1000000], fmt.Sprintf("bytes 100-999999/%d", size)},
		{"the last ten", "GET", []string{"Range", "bytes=-10"}, 206, data[size-10:], fmt.Sprintf("bytes %d-%d/%d", size-10, size-1, size)},
		{"from the middle on", "GET", []string{"Range", "bytes=2000000-"}, 206, data[2000000:], fmt.Sprintf("bytes 2000000-%d/%d", size-1, size)},
		{"behind the end", "GET", []string{"Range", fmt.Sprintf("bytes=%d-", size)}, 416, nil, fmt.Sprintf("bytes */%d", size)},
		{"the same version goes on", "GET", []string{"Range", "bytes=5-9", "If-Range", etag}, 206, data[5:10], fmt.Sprintf("bytes 5-9/%d", size)},
		{"another version begins anew", "GET", []string{"Range", "bytes=5-9", "If-Range", `"x"`}, 200, data, ""},
		{"nothing new", "GET", []string{"If-None-Match", etag}, 304, nil, ""},
	} {
		response, body, err := ask(t, c.method, server.URL, c.header...)
		if err != nil || response.StatusCode != c.status || response.Header.Get("Content-Range") != c.contentRange {
			t.Errorf("%s: %v %v", c.name, response, err)
		} else if c.status < 300 && !bytes.Equal(body, c.want) {
			t.Errorf("%s: %d bytes, want %d", c.name, len(body), len(c.want))
		}
	}
	response, body, err = ask(t, "GET", server.URL, "Range", "bytes=0-3,70000-70009")
	if err != nil || response.StatusCode != 206 {
		t.Fatalf("two ranges: %v %v", response, err)
	}
	_, params, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	parts := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	for _, want := range [][]byte{data[:4], data[70000:70010]} {
		part, err := parts.NextPart()
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := io.ReadAll(part); !bytes.Equal(got, want) {
			t.Errorf("a part of two: %d bytes", len(got))
		}
	}
}

// What a browser would run is bytes, whatever its sender called it.
func TestServedTypeCannotRun(t *testing.T) {
	t.Parallel()
	for claimed, want := range map[string]string{
		"image/svg+xml": "application/octet-stream", "text/html": "application/octet-stream", "application/xhtml+xml": "application/octet-stream",
		"text/javascript": "application/octet-stream", "text/xml": "application/octet-stream", "": "application/octet-stream", "rubbish;;": "application/octet-stream",
		"text/plain; charset=utf-8": "text/plain", "IMAGE/PNG": "image/png", "application/x-msdownload": "application/octet-stream",
	} {
		if got := servedType(claimed); got != want {
			t.Errorf("%q is served as %q, want %q", claimed, got, want)
		}
	}
}

func TestServeWhenTheStoreFails(t *testing.T) {
	t.Parallel()
	data := content("cut", 2<<20)
	b, o, server := served(t, data, FileMeta{Name: "x"})

	// Damaged in the middle: the first bytes are out when it shows, and the connection must break.
	whole := raw(t, b, o.Key)
	bad := bytes.Clone(whole)
	bad[len(bad)/2] ^= 1
	replace(t, b, o.Key, bad)
	if response, body, err := ask(t, "GET", server.URL); err == nil {
		t.Errorf("a damaged file was served without an error: %d, %d bytes", response.StatusCode, len(body))
	}
	replace(t, b, o.Key, whole[:len(whole)-packageSize])
	if response, body, err := ask(t, "GET", server.URL); err != nil || response.StatusCode != 503 {
		t.Errorf("a cut file: %v, %d bytes, %v", response, len(body), err)
	}
	if err := b.Remove(t.Context(), o.Key); err != nil {
		t.Fatal(err)
	}
	response, body, err := ask(t, "GET", server.URL)
	if err != nil || response.StatusCode != 404 || strings.Contains(string(body), o.Key) {
		t.Errorf("a removed file: %v, %q, %v", response, body, err)
	}
}

func TestServeEmptyFile(t *testing.T) {
	t.Parallel()
	_, _, server := served(t, nil, FileMeta{})
	response, body, err := ask(t, "GET", server.URL)
	if err != nil || response.StatusCode != 200 || len(body) != 0 || response.Header.Get("Content-Disposition") != `attachment; filename="attachment"` {
		t.Errorf("%v, %d bytes, %v", response, len(body), err)
	}
}

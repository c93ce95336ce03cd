package portal

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestStaticFiles(t *testing.T) {
	t.Parallel()
	serve := func(header ...string) *http.Response {
		t.Helper()
		req := httptest.NewRequest(http.MethodGet, assetURL("base.css"), nil)
		for i := 0; i+1 < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		answer := httptest.NewRecorder()
		staticFiles().ServeHTTP(answer, req)
		return answer.Result()
	}
	plain := serve()
	text, err := io.ReadAll(plain.Body)
	check(t, err)
	if plain.StatusCode != http.StatusOK || !strings.HasPrefix(plain.Header.Get("Content-Type"), "text/css") || !strings.Contains(plain.Header.Get("Cache-Control"), "immutable") || plain.Header.Get("Vary") != "Accept-Encoding" {
		t.Errorf("%d %v", plain.StatusCode, plain.Header)
	}
	zipped := serve("Accept-Encoding", "br, gzip")
	reader, err := gzip.NewReader(zipped.Body)
	check(t, err)
	same, err := io.ReadAll(reader)
	check(t, err)
	if zipped.Header.Get("Content-Encoding") != "gzip" || string(same) != string(text) || zipped.Header.Get("ETag") == plain.Header.Get("ETag") {
		t.Errorf("packed: %v", zipped.Header)
	}
	if again := serve("If-None-Match", plain.Header.Get("ETag")); again.StatusCode != http.StatusNotModified {
		t.Errorf("asked again: %d", again.StatusCode)
	}
	missing := httptest.NewRecorder()
	staticFiles().ServeHTTP(missing, httptest.NewRequest(http.MethodGet, "/static/../portal.go", nil))
	if missing.Code != http.StatusNotFound {
		t.Errorf("a file that is none: %d", missing.Code)
	}
}

// The script of our own is light on its way: 15 kB for all of it, without htmx.
func TestScriptIsLight(t *testing.T) {
	t.Parallel()
	sum := 0
	for name, file := range assets() {
		if strings.HasSuffix(name, ".js") && !strings.HasPrefix(name, "htmx") {
			sum += len(file.packed)
		}
	}
	if sum > 15_000 || sum < 1000 {
		t.Errorf("the scripts are %d bytes as they are sent", sum)
	}
	t.Logf("the scripts are %d bytes as they are sent", sum)
}

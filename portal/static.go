package portal

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"sync"
)

//go:embed static
var staticFS embed.FS

// asset is a static file as it is served.
type asset struct {
	tag    string // first characters of its SHA-256: an address with it may be cached for ever
	kind   string // media type
	plain  []byte
	packed []byte // by gzip
}

// assets are the static files by name. They are public and the same for everybody, so that packing them tells nobody anything (pages, which hold secrets beside words of strangers, are not packed: BREACH).
var assets = sync.OnceValue(func() map[string]asset {
	all := map[string]asset{}
	names, err := fs.ReadDir(staticFS, "static")
	if err != nil {
		panic(err) // the folder is part of the program
	}
	for _, entry := range names {
		content, err := staticFS.ReadFile("static/" + entry.Name())
		if err != nil {
			panic(err)
		}
		sum := sha256.Sum256(content)
		all[entry.Name()] = asset{tag: hex.EncodeToString(sum[:6]), kind: mime.TypeByExtension(path.Ext(entry.Name())), plain: content, packed: packed(content)}
	}
	return all
})

// packed is content as gzip makes it, as small as it can.
func packed(content []byte) []byte {
	var out bytes.Buffer
	zip, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		panic(err) // the level is a constant
	}
	if _, err := zip.Write(content); err != nil {
		panic(err) // memory does not refuse
	}
	if err := zip.Close(); err != nil {
		panic(err)
	}
	return out.Bytes()
}

// assetURL is the address of a static file, with the tag of its content.
func assetURL(name string) string { return "/static/" + name + "?v=" + assets()[name].tag }

// staticFiles serves the embedded files. They are the same for everybody, so they may be cached anywhere.
func staticFiles() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		file, known := assets()[strings.TrimPrefix(r.URL.Path, "/static/")]
		if !known {
			http.NotFound(w, r)
			return
		}
		h := w.Header()
		secureHeaders(h, false)
		h.Set("Content-Type", file.kind)
		h.Set("Vary", "Accept-Encoding")
		h.Set("Cache-Control", "no-cache")
		if r.URL.Query().Get("v") == file.tag {
			h.Set("Cache-Control", "public, max-age=31536000, immutable")
		}
		body, tag := file.plain, `"`+file.tag+`"`
		if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			h.Set("Content-Encoding", "gzip")
			body, tag = file.packed, `"`+file.tag+`-gz"`
		}
		h.Set("ETag", tag)
		if r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = w.Write(body) // whoever asked has gone: there is nothing to do about it
	})
}

package portal

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"strings"
	"sync"
)

//go:embed static
var staticFS embed.FS

// assetTags are the first characters of each static file's SHA-256, by name: an address with a tag may be cached for ever.
var assetTags = sync.OnceValue(func() map[string]string {
	tags := map[string]string{}
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
		tags[entry.Name()] = hex.EncodeToString(sum[:6])
	}
	return tags
})

// assetURL is the address of a static file, with the tag of its content.
func assetURL(name string) string { return "/static/" + name + "?v=" + assetTags()[name] }

// staticFiles serves the embedded files. They are the same for everybody, so they may be cached anywhere.
func staticFiles() http.Handler {
	files := http.FileServerFS(staticFS)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, "/static/")
		tag, known := assetTags()[name]
		if !known {
			http.NotFound(w, r)
			return
		}
		secureHeaders(w.Header(), false)
		w.Header().Set("ETag", `"`+tag+`"`)
		w.Header().Set("Cache-Control", "no-cache")
		if r.URL.Query().Get("v") == tag {
			w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		}
		files.ServeHTTP(w, r)
	})
}

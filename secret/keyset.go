// Package secret promises that what it seals can be read, or forged, only by somebody who holds the key file.
//
// It seals small values with AES-256-GCM under key ids, makes and checks HMAC tags, hashes bearer tokens with SHA-256 and passwords with Argon2id.
// It knows nothing of what it protects: callers hand in a context or purpose, and a value sealed for one context cannot be opened in another.
// It does not hide the length of what it seals, it is not meant for large data (attachments seals those under a key of their own, which this package wraps),
// and it does not protect against somebody who reads this process's memory.
package secret

import (
	"bufio"
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// masterSize is the size of a master key in bytes: AES-256, and HKDF over SHA-256.
const masterSize = 32

// keyIDPattern is what may stand as a key id: short enough for one length byte, and safe in a database column, an address or a log line.
var keyIDPattern = regexp.MustCompile(`^[a-z0-9]{1,32}$`)

// ErrNoKeyFile says that the key file is not there and MustExist forbade making one.
var ErrNoKeyFile = errors.New("no key file")

// CreateMode says what OpenKeyset does when there is no key file.
type CreateMode int

const (
	MustExist     CreateMode = iota // fail with ErrNoKeyFile: there is data already that a new key could not read
	CreateMissing                   // make a file with one fresh key: the first start
)

// masterKey is one line of the key file. The key itself is never used; everything is derived from it, so that no two purposes share a key.
type masterKey struct {
	id     string
	master []byte
	seal   cipher.AEAD // AES-256-GCM with a random nonce in front of every ciphertext
}

// Keyset is the set of master keys: one active, which seals, and older ones, which still open. It does not change after it was opened and is safe for concurrent use.
type Keyset struct {
	keys  []masterKey // the first is active
	fresh bool
}

// OpenKeyset reads the key file at path. Each line is `id base64 created`; the first is the active key, blank lines and lines that begin with # are skipped.
// A file that others than its owner may read or write is refused, as is a line that cannot be read: a key that is silently missing would look like lost data.
func OpenKeyset(path string, create CreateMode) (*Keyset, error) {
	fresh := false
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		if create != CreateMissing {
			return nil, fmt.Errorf("open key file %s: %w", path, ErrNoKeyFile)
		}
		if fresh, err = createKeyFile(path); err != nil {
			return nil, fmt.Errorf("make key file: %w", err)
		}
		file, err = os.Open(path)
	}
	if err != nil {
		return nil, fmt.Errorf("open key file: %w", err)
	}
	defer file.Close()

	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("open key file: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("key file %s has mode %04o, so others on this machine can reach the keys: run chmod 600 %s", path, mode, path)
	}
	keys, err := readKeys(file)
	if err != nil {
		return nil, fmt.Errorf("read key file %s: %w", path, err)
	}
	return &Keyset{keys: keys, fresh: fresh}, nil
}

// NewKeyset makes a keyset of one key that is kept nowhere. It panics if random fails, which crypto/rand.Reader does not.
func NewKeyset(random io.Reader) *Keyset {
	id, master := newMaster(random)
	key, err := newMasterKey(id, master)
	if err != nil {
		panic(err) // the sizes above are constants: this cannot be reached by any input
	}
	return &Keyset{keys: []masterKey{key}, fresh: true}
}

// Active is the id of the key that seals.
func (k *Keyset) Active() string { return k.keys[0].id }

// Has says whether a key of that id is in the set.
func (k *Keyset) Has(id string) bool { return k.find(id) != nil }

// Fresh says whether the key file was made just now, so that its owner can be told that a backup without it is worthless.
func (k *Keyset) Fresh() bool { return k.fresh }

// find returns the key of that id, or nil.
func (k *Keyset) find(id string) *masterKey {
	for i := range k.keys {
		if k.keys[i].id == id {
			return &k.keys[i]
		}
	}
	return nil
}

func newMasterKey(id string, master []byte) (masterKey, error) {
	sub, err := hkdf.Key(sha256.New, master, nil, "postern seal", masterSize)
	if err != nil {
		return masterKey{}, fmt.Errorf("derive sealing key: %w", err)
	}
	block, err := aes.NewCipher(sub)
	if err != nil {
		return masterKey{}, fmt.Errorf("make cipher: %w", err)
	}
	seal, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return masterKey{}, fmt.Errorf("make cipher: %w", err)
	}
	return masterKey{id: id, master: master, seal: seal}, nil
}

func newMaster(random io.Reader) (id string, master []byte) {
	name := readRandom(random, 5)
	return strings.ToLower(base32.StdEncoding.EncodeToString(name)), readRandom(random, masterSize)
}

// readRandom reads n bytes. A short read panics: to go on with fewer random bytes than asked for would be worse than to stop.
func readRandom(random io.Reader, n int) []byte {
	b := make([]byte, n)
	if _, err := io.ReadFull(random, b); err != nil {
		panic(fmt.Errorf("read %d random bytes: %w", n, err))
	}
	return b
}

func readKeys(r io.Reader) ([]masterKey, error) {
	var keys []masterKey
	seen := map[string]bool{}
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Fields(line)
		if len(fields) != 3 {
			return nil, fmt.Errorf("line %d: want three words, `id base64 created`", n)
		}
		id := fields[0]
		if !keyIDPattern.MatchString(id) {
			return nil, fmt.Errorf("line %d: a key id is 1 to 32 small letters and digits", n)
		}
		if seen[id] {
			return nil, fmt.Errorf("line %d: key id %s stands there twice", n, id)
		}
		seen[id] = true
		master, err := base64.StdEncoding.DecodeString(fields[1])
		if err != nil || len(master) != masterSize {
			return nil, fmt.Errorf("line %d: key %s is not %d bytes in base64", n, id, masterSize)
		}
		if _, err := time.Parse(time.RFC3339, fields[2]); err != nil {
			return nil, fmt.Errorf("line %d: key %s: the time is not like 2026-11-22T10:00:00Z", n, id)
		}
		key, err := newMasterKey(id, master)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		keys = append(keys, key)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		return nil, errors.New("there is no key in it")
	}
	return keys, nil
}

// createKeyFile writes a file with one fresh key. It says false without an error when another process was faster: then that file is the one to read.
// The file is written whole and synced under another name first, so that a crash never leaves half a key behind that looks like the key.
func createKeyFile(path string) (created bool, err error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return false, err
	}
	draft, err := os.CreateTemp(dir, ".keys-*") // 0600 from the start
	if err != nil {
		return false, err
	}
	defer os.Remove(draft.Name())
	defer draft.Close()

	id, master := newMaster(rand.Reader)
	var text bytes.Buffer
	fmt.Fprintf(&text, "# Postern's master keys, the active one first. Whoever has this file can read every attachment and secret; a backup without it is worthless.\n")
	fmt.Fprintf(&text, "%s %s %s\n", id, base64.StdEncoding.EncodeToString(master), time.Now().UTC().Format(time.RFC3339))
	if _, err := draft.Write(text.Bytes()); err != nil {
		return false, err
	}
	if err := draft.Sync(); err != nil {
		return false, err
	}
	// link(2) refuses to replace a file, where rename(2) would throw another process's key away.
	if err := os.Link(draft.Name(), path); errors.Is(err, fs.ErrExist) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	return true, syncDir(dir)
}

// syncDir makes a new name in a folder durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

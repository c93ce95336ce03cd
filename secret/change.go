package secret

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// MasterKey is one line of a key file, without the key.
type MasterKey struct {
	ID      string    `json:"id"`
	Created time.Time `json:"created_at"`
	Active  bool      `json:"active"` // it seals and signs; the others still open and are still believed
}

// ListKeys says which keys a file holds, the active one first.
func ListKeys(path string) ([]MasterKey, error) {
	lines, err := keyLines(path)
	if err != nil {
		return nil, err
	}
	var list []MasterKey
	for _, line := range lines {
		if fields := strings.Fields(line); isKey(line) {
			created, _ := time.Parse(time.RFC3339, fields[2]) // keyLines has read it once
			list = append(list, MasterKey{ID: fields[0], Created: created, Active: len(list) == 0})
		}
	}
	return list, nil
}

// AddKey puts a fresh key at the end of a file: it opens what it sealed elsewhere, and seals nothing until UseKey. So a file can be brought to every machine before the first of them uses the key.
func AddKey(path string, now time.Time) (id string, err error) {
	lines, err := keyLines(path)
	if err != nil {
		return "", err
	}
	id, master := newMaster(rand.Reader)
	line := fmt.Sprintf("%s %s %s", id, base64.StdEncoding.EncodeToString(master), now.UTC().Format(time.RFC3339))
	return id, writeKeyFile(path, append(lines, line))
}

// UseKey makes a key of a file the active one. All others stay, so that nothing that they sealed or signed is lost.
func UseKey(path, id string) error {
	lines, err := keyLines(path)
	if err != nil {
		return err
	}
	var remarks, first, rest []string
	for _, line := range lines {
		switch {
		case !isKey(line) && len(rest) == 0 && len(first) == 0:
			remarks = append(remarks, line)
		case isKey(line) && strings.Fields(line)[0] == id:
			first = append(first, line)
		default:
			rest = append(rest, line)
		}
	}
	if len(first) == 0 {
		return fmt.Errorf("key file %s: %w %s", path, errNoSuchKey, id)
	}
	return writeKeyFile(path, append(append(remarks, first...), rest...))
}

var errNoSuchKey = errors.New("there is no key")

func isKey(line string) bool {
	line = strings.TrimSpace(line)
	return line != "" && !strings.HasPrefix(line, "#")
}

// keyLines reads a file that OpenKeyset would open.
func keyLines(path string) ([]string, error) {
	if _, err := OpenKeyset(path, MustExist); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read key file: %w", err)
	}
	return strings.Split(strings.TrimRight(string(text), "\n"), "\n"), nil
}

// writeKeyFile replaces a file in one step: a crash leaves the old one or the new one. What it would write is read first, as at the next start.
func writeKeyFile(path string, lines []string) error {
	text := []byte(strings.Join(lines, "\n") + "\n")
	if _, err := readKeys(bytes.NewReader(text)); err != nil {
		return fmt.Errorf("key file %s: %w", path, err)
	}
	draft, err := os.CreateTemp(filepath.Dir(path), ".keys-*") // 0600 from the start
	if err != nil {
		return fmt.Errorf("write key file: %w", err)
	}
	defer os.Remove(draft.Name())
	_, err = draft.Write(text)
	if err == nil {
		err = draft.Sync()
	}
	if err = errors.Join(err, draft.Close()); err != nil {
		return fmt.Errorf("write key file: %w", err)
	}
	if err := os.Rename(draft.Name(), path); err != nil {
		return fmt.Errorf("write key file: %w", err)
	}
	return syncDir(filepath.Dir(path))
}

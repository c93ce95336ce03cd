package secret

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func keyLine(id string, fill byte) string {
	return fmt.Sprintf("%s %s 2026-11-22T10:00:00Z\n", id, base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{fill}, masterSize)))
}

func writeKeys(t *testing.T, mode os.FileMode, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "master")
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // past the umask
		t.Fatal(err)
	}
	return path
}

func TestSealedValueOpensOnlyInItsContextAndUnchanged(t *testing.T) {
	t.Parallel()
	k := NewKeyset(rand.Reader)
	plain := []byte("a private key")
	sealed, id := k.Seal("domain_key/12/private", plain)
	if id != k.Active() {
		t.Errorf("sealed under %q, active is %q", id, k.Active())
	}
	if got, err := k.Open("domain_key/12/private", sealed); err != nil || !bytes.Equal(got, plain) {
		t.Fatalf("Open = %q, %v", got, err)
	}
	if bytes.Contains(sealed, plain) {
		t.Error("the plain text stands in the sealed value")
	}
	if again, _ := k.Seal("domain_key/12/private", plain); bytes.Equal(again, sealed) {
		t.Error("the same value sealed twice is the same: the nonce is not random")
	}
	if _, err := k.Open("domain_key/13/private", sealed); !errors.Is(err, ErrTampered) {
		t.Errorf("moved to another row: %v, want ErrTampered", err)
	}
	for i := range sealed {
		for _, bit := range []byte{1, 0x80} {
			bad := bytes.Clone(sealed)
			bad[i] ^= bit
			if _, err := k.Open("domain_key/12/private", bad); err == nil {
				t.Errorf("opened with byte %d changed", i)
			}
		}
		if _, err := k.Open("domain_key/12/private", sealed[:i]); err == nil {
			t.Errorf("opened after being cut to %d bytes", i)
		}
	}
	if _, err := NewKeyset(rand.Reader).Open("domain_key/12/private", sealed); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("with another key: %v, want ErrUnknownKey", err)
	}
}

func TestRotationKeepsOldValuesReadable(t *testing.T) {
	t.Parallel()
	before, err := OpenKeyset(writeKeys(t, 0o600, keyLine("old1", 1)), MustExist)
	if err != nil {
		t.Fatal(err)
	}
	after, err := OpenKeyset(writeKeys(t, 0o600, "# rotated\n"+keyLine("new2", 2)+"\n"+keyLine("old1", 1)), MustExist)
	if err != nil {
		t.Fatal(err)
	}
	sealed, _ := before.Seal("c", []byte("v"))
	if got, err := after.Open("c", sealed); err != nil || string(got) != "v" {
		t.Errorf("after rotation: %q, %v", got, err)
	}
	if _, id := after.Seal("c", []byte("v")); id != "new2" {
		t.Errorf("seals under %s, want the first line's key", id)
	}
	id, tag := before.MAC("reply", []byte("data"))
	if !after.CheckMAC("reply", id, []byte("data"), tag[:]) {
		t.Error("a tag of the old key is no longer good")
	}
}

func TestMACIsBoundToPurposeKeyAndLength(t *testing.T) {
	t.Parallel()
	k := NewKeyset(rand.Reader)
	id, tag := k.MAC("reply", []byte("ticket 12"))
	flipped := tag
	flipped[0] ^= 1
	for _, c := range []struct {
		name, purpose, id, data string
		tag                     []byte
		want                    bool
	}{
		{"whole", "reply", id, "ticket 12", tag[:], true},
		{"shortest", "reply", id, "ticket 12", tag[:MinTag], true},
		{"too short", "reply", id, "ticket 12", tag[:MinTag-1], false},
		{"empty", "reply", id, "ticket 12", nil, false},
		{"too long", "reply", id, "ticket 12", append(tag[:], 0), false},
		{"other purpose", "link", id, "ticket 12", tag[:], false},
		{"other data", "reply", id, "ticket 13", tag[:], false},
		{"other key", "reply", "nokey", "ticket 12", tag[:], false},
		{"a bit changed", "reply", id, "ticket 12", flipped[:], false},
	} {
		if got := k.CheckMAC(c.purpose, c.id, []byte(c.data), c.tag); got != c.want {
			t.Errorf("%s: CheckMAC = %v", c.name, got)
		}
	}
}

func TestKeyFileIsMadeOnceAndPrivate(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keys", "master")
	if _, err := OpenKeyset(path, MustExist); !errors.Is(err, ErrNoKeyFile) {
		t.Fatalf("MustExist: %v, want ErrNoKeyFile", err)
	}
	// Several processes may start at once; all must end with the same key.
	var wg sync.WaitGroup
	ids := make([]string, 8)
	for i := range ids {
		wg.Go(func() {
			k, err := OpenKeyset(path, CreateMissing)
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = k.Active()
		})
	}
	wg.Wait()
	for _, id := range ids {
		if id == "" || id != ids[0] {
			t.Fatalf("racing first starts ended with keys %v", ids)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("drafts were left behind: %v", left)
	}
	if k, err := OpenKeyset(path, CreateMissing); err != nil || k.Active() != ids[0] || k.Fresh() {
		t.Errorf("second start: %v", err)
	}
}

func TestKeyFileRefusals(t *testing.T) {
	t.Parallel()
	good := keyLine("k1", 1)
	for _, c := range []struct {
		name string
		mode os.FileMode
		text string
		want string
	}{
		{"readable by the group", 0o640, good, "chmod 600"},
		{"readable by all", 0o604, good, "chmod 600"},
		{"empty", 0o600, "# nothing\n", "no key"},
		{"same id twice", 0o600, good + keyLine("k1", 2), "twice"},
		{"short key", 0o600, "k1 AAAA 2026-11-22T10:00:00Z\n", "32 bytes"},
		{"no time", 0o600, strings.Join(strings.Fields(good)[:2], " "), "three words"},
		{"bad id", 0o600, strings.Replace(good, "k1", "K-1", 1), "key id"},
	} {
		_, err := OpenKeyset(writeKeys(t, c.mode, c.text), MustExist)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want a sentence with %q", c.name, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), strings.Fields(good)[1]) {
			t.Errorf("%s: the error shows the key", c.name)
		}
	}
}

func TestTokenIsStoredHashed(t *testing.T) {
	t.Parallel()
	token, hash := NewToken(nil)
	if len(token) != 43 || !bytes.Equal(hash, HashToken(token)) || len(hash) != 32 {
		t.Errorf("token %q, hash %x", token, hash)
	}
	if fixed, _ := NewToken(bytes.NewReader(make([]byte, 32))); fixed != strings.Repeat("A", 43) {
		t.Errorf("not drawn from the reader handed in: %q", fixed)
	}
}

func TestPassword(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	phc, err := HashPassword(ctx, "correct horse")
	if err != nil || !strings.HasPrefix(phc, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Fatalf("HashPassword = %q, %v", phc, err)
	}
	// Test vector of the reference implementation (its test.c): version 19, t=2, m=2^16 KiB, p=1.
	const reference = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	for _, c := range []struct {
		name, password, phc string
		ok, rehash          bool
	}{
		{"right", "correct horse", phc, true, false},
		{"wrong", "correct horsf", phc, false, false},
		{"nobody there", "correct horse", "", false, false},
		{"other cost", "password", reference, true, true},
		{"other cost, wrong", "passwore", reference, false, false},
	} {
		if ok, rehash, err := CheckPassword(ctx, c.password, c.phc); ok != c.ok || rehash != c.rehash || err != nil {
			t.Errorf("%s: %v %v %v", c.name, ok, rehash, err)
		}
	}
	for _, bad := range []string{
		"x", "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		strings.Replace(reference, "m=65536", "m=4194304", 1), strings.Replace(reference, "t=2", "t=0", 1),
		strings.Replace(reference, "p=1", "p=0", 1), strings.Replace(reference, "p=1", "p=1,x=1", 1),
	} {
		if _, _, err := CheckPassword(ctx, "password", bad); !errors.Is(err, ErrPasswordHash) {
			t.Errorf("%q: %v, want ErrPasswordHash", bad, err)
		}
	}
}

func TestHashingWaitsItsTurn(t *testing.T) {
	for range cap(hashing) {
		hashing <- struct{}{}
	}
	defer func() {
		for range cap(hashing) {
			<-hashing
		}
	}()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := HashPassword(ctx, "p"); !errors.Is(err, context.Canceled) {
		t.Errorf("with every place taken: %v, want the context's end", err)
	}
}

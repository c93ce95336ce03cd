package threading

import (
	"crypto/rand"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postern/desk"
	"postern/secret"
)

// T-BYTES, T-DSN: a return path names its message and its recipient, survives a change of case, and is nobody's but ours.
func TestReturnPathsNameMessageAndRecipient(t *testing.T) {
	t.Parallel()
	codec, foreign := testCodec(t), testCodec(t)
	const carol = "Carol@Customer.example"
	for _, mailbox := range []string{"support@example.com", "support+sales@example.com", strings.Repeat("x", 17) + "@example.com"} {
		for _, message := range []int64{1, 31, 255, 256, 70000, 1 << 40, 1<<63 - 1} {
			path := codec.ReturnPath(mailbox, message, carol)
			local, _ := desk.SplitAddress(path)
			if len(local) > maxLocal {
				t.Errorf("%s: the local part has %d octets", path, len(local))
			}
			for _, written := range []string{path, strings.ToUpper(path), strings.ToLower(path)} {
				box, got, recipient, ok := codec.ParseReturnPath(written)
				if !ok || box != mailbox || got != message || recipient != RecipientTag("carol@customer.example") || !codec.Signed(written) {
					t.Errorf("%s of %s, message %d: %s %d %x %v", written, mailbox, message, box, got, recipient, ok)
				}
			}
			if _, _, ok := codec.ParseAddress(path); ok {
				t.Errorf("the return path %s is taken for a reply address", path)
			}
			if foreign.Signed(path) {
				t.Errorf("%s of another installation is taken for ours", path)
			}
		}
	}
	if codec.ReturnPath("support@example.com", 5, "dave@customer.example") == codec.ReturnPath("support@example.com", 5, carol) {
		t.Error("two recipients share a return path")
	}
}

// A reply token is never a return path: who answers a mail cannot report it as bounced.
func TestReplyAddressIsNoReturnPath(t *testing.T) {
	t.Parallel()
	codec := testCodec(t)
	for _, message := range []int64{1, 1 << 33, 1<<63 - 1} { // the second has five bytes, as many as a tag and a number
		reply := codec.ReplyAddress("support@example.com", message)
		if _, _, _, ok := codec.ParseReturnPath(reply); ok || !codec.Signed(reply) {
			t.Errorf("%s: a return path %v, signed %v", reply, ok, codec.Signed(reply))
		}
	}
	long := strings.Repeat("a", 29) + "@example.com" // room for a reply token, not for a return path
	path := codec.ReturnPath(long, 70000, "carol@customer.example")
	if box, message, ok := codec.ParseAddress(path); !ok || box != long || message != 70000 {
		t.Errorf("%s falls back to %s", long, path)
	}
	endless := strings.Repeat("a", 60) + "@example.com"
	if path := codec.ReturnPath(endless, 1, "carol@customer.example"); path != endless || codec.Signed(path) {
		t.Errorf("%s falls back to %s", endless, path)
	}
}

func TestEveryChangedReturnPathIsRefused(t *testing.T) {
	t.Parallel()
	codec := testCodec(t)
	path := codec.ReturnPath("support@example.com", 1234, "carol@customer.example")
	start, end := strings.IndexByte(path, '+')+1, strings.IndexByte(path, '@')
	for i := start; i < end; i++ {
		for _, other := range []byte("a7-\n") {
			if forged := path[:i] + string(other) + path[i+1:]; path[i] != other && codec.Signed(forged) {
				t.Fatalf("%q passes, made from %s", forged, path)
			}
		}
	}
	for _, junk := range []string{"", "@", "+@", "support@example.com", "support+@example.com", "support+-@example.com", path[:end-1] + path[end:], path[:end] + "a" + path[end:]} {
		if codec.Signed(junk) {
			t.Errorf("%q passes", junk)
		}
	}
}

// What an old key made is still known after a new one has taken its place.
func TestReturnPathsSurviveANewKey(t *testing.T) {
	t.Parallel()
	line := func(id string, fill byte) string {
		return id + " " + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(string(fill), 32))) + " 2026-11-22T10:00:00Z\n"
	}
	keys := func(lines string) *secret.Keyset {
		file := filepath.Join(t.TempDir(), "keys")
		if err := os.WriteFile(file, []byte(lines), 0o600); err != nil {
			t.Fatal(err)
		}
		set, err := secret.OpenKeyset(file, secret.MustExist)
		if err != nil {
			t.Fatal(err)
		}
		return set
	}
	before, after := NewCodec(keys(line("old", 'o')), "x.example"), NewCodec(keys(line("new", 'n')+line("old", 'o')), "x.example")
	old, fresh := before.ReturnPath("support@example.com", 9, "c@d.example"), after.ReturnPath("support@example.com", 9, "c@d.example")
	if _, message, _, ok := after.ParseReturnPath(old); !ok || message != 9 || old == fresh {
		t.Errorf("%s is not known any more", old)
	}
	if before.Signed(fresh) {
		t.Error("a key that is not there checked a token")
	}
}

// Whatever stands in an address, reading it ends, and only what we made passes.
func FuzzReturnPath(f *testing.F) {
	codec := NewCodec(secret.NewKeyset(rand.Reader), "mail.example.com")
	for _, seed := range []string{"", "support@example.com", "support+a-b-c@example.com", "+++@", "a+b+c-d-e@x", "prvs=1234=support@example.com"} {
		f.Add(seed)
	}
	f.Add(codec.ReturnPath("support@example.com", 7, "c@d.example"))
	f.Add(codec.ReplyAddress("support@example.com", 7))
	f.Fuzz(func(t *testing.T, addr string) {
		box, message, recipient, ok := codec.ParseReturnPath(addr)
		if !ok {
			return
		}
		if message != 7 || recipient != RecipientTag("c@d.example") {
			t.Errorf("%q names message %d of %s", addr, message, box)
		}
		if _, _, both := codec.ParseAddress(addr); both {
			t.Errorf("%q is both", addr)
		}
	})
}

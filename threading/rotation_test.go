package threading

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postern/desk"
	"postern/secret"
)

// codecOf is a codec with the keys of a file, the active one first.
func codecOf(t *testing.T, ids ...string) *Codec {
	t.Helper()
	var text strings.Builder
	for _, id := range ids {
		master := base64.StdEncoding.EncodeToString([]byte(strings.Repeat(id, 32)[:32]))
		text.WriteString(id + " " + master + " 2026-11-29T10:00:00Z\n")
	}
	file := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	keys, err := secret.OpenKeyset(file, secret.MustExist)
	if err != nil {
		t.Fatal(err)
	}
	return NewCodec(keys, "mx.example.com")
}

// What was written under a key is known for as long as the key is kept, by whichever keys came after it; what is written now is under the newest; and without its key a mark is nobody's.
func TestMarksOutliveTheirKey(t *testing.T) {
	t.Parallel()
	const mailbox, message = "support@example.com", 70001
	old, rotated, twice, without := codecOf(t, "old1"), codecOf(t, "new2", "old1"), codecOf(t, "third3", "new2", "old1"), codecOf(t, "new2")
	mark := AgentMark{Message: message, User: 7, Kind: desk.KindReply}
	for _, codec := range []*Codec{rotated, twice} {
		if box, got, ok := codec.ParseAddress(old.ReplyAddress(mailbox, message)); !ok || got != message || box != mailbox {
			t.Errorf("an old reply address: %s %d %v", box, got, ok)
		}
		if _, got, recipient, ok := codec.ParseReturnPath(old.ReturnPath(mailbox, message, "carol@customer.example")); !ok || got != message || recipient != RecipientTag("carol@customer.example") {
			t.Errorf("an old return path: %d %x %v", got, recipient, ok)
		}
		if got, ok := codec.ParseMessageID(old.MessageID(message)); !ok || got != message {
			t.Errorf("an old Message-ID: %d %v", got, ok)
		}
		if _, got, ok := codec.ParseAgentAddress(old.AgentAddress(mailbox, mark)); !ok || got != mark {
			t.Errorf("an old personal address: %+v %v", got, ok)
		}
	}
	for _, address := range []string{rotated.ReplyAddress(mailbox, message), rotated.ReturnPath(mailbox, message, "carol@customer.example"), rotated.AgentAddress(mailbox, mark), rotated.MessageID(message)} {
		if !strings.Contains(address, "new2-") {
			t.Errorf("%s is not under the new key", address)
		}
	}
	for _, address := range []string{old.ReplyAddress(mailbox, message), old.ReturnPath(mailbox, message, "carol@customer.example"), old.AgentAddress(mailbox, mark)} {
		if without.Signed(address) {
			t.Errorf("%s is known without its key", address)
		}
	}
}

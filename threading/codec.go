// Package threading decides which ticket a mail belongs to, and writes the marks by which an answer is known again: reply addresses and Message-IDs that only we can make.
//
// It is pure: it sees values, never the database, a socket or the bytes of a mail.
package threading

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"strings"

	"postern/desk"
	"postern/secret"
)

const (
	purpose  = "reply token" // of the MAC: a tag made for anything else is no token
	tagBytes = secret.MinTag // 80 bits: nobody guesses that through SMTP (behaviour §2.2)
	maxLocal = 64            // octets of a local part (RFC 5321 §4.5.3.1.1)
)

// letters is base32 in lower case without padding: mail systems change the case of local parts.
var letters = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// Codec writes and reads the marks. It names messages, not tickets, so that a mark follows its message when that is moved or merged.
type Codec struct {
	keys     *secret.Keyset
	hostname string
}

// NewCodec makes a codec whose Message-IDs end in the given host name.
func NewCodec(keys *secret.Keyset, hostname string) *Codec {
	return &Codec{keys: keys, hostname: strings.ToLower(hostname)}
}

// token is keyid-message-tag, for instance gqzq3ab7-aaaae-mfrggzdfmztwq2lk.
func (c *Codec) token(message int64) string {
	id := encode(message)
	key, tag := c.keys.MAC(purpose, []byte(id))
	return key + "-" + id + "-" + letters.EncodeToString(tag[:tagBytes])
}

// read checks a token and returns the message that it names.
func (c *Codec) read(token string) (message int64, ok bool) {
	key, rest, _ := strings.Cut(strings.ToLower(token), "-")
	id, tag, found := strings.Cut(rest, "-")
	if !found {
		return 0, false
	}
	raw, err := letters.DecodeString(tag)
	if err != nil || len(tag) != letters.EncodedLen(tagBytes) || !c.keys.CheckMAC(purpose, key, []byte(id), raw) {
		return 0, false
	}
	return decode(id)
}

// MessageID is the Message-ID of a message of ours, without the angle brackets (RFC 5322 §3.6.4).
func (c *Codec) MessageID(message int64) string { return c.token(message) + "@" + c.hostname }

// ParseMessageID says which of our messages an id names. It is false for every id that we did not make.
func (c *Codec) ParseMessageID(id string) (message int64, ok bool) {
	token, _, found := strings.Cut(strings.Trim(id, "<> \t"), "@")
	if !found {
		return 0, false
	}
	return c.read(token)
}

// ReplyAddress is the address to which answers to the message go: support+token@example.com (RFC 5233). Where the mailbox's local part leaves no room for a token it
// is the mailbox itself; the answer is then known by our Message-ID.
func (c *Codec) ReplyAddress(mailbox string, message int64) string {
	local, domain := desk.SplitAddress(mailbox)
	tagged := local + "+" + c.token(message)
	if len(tagged) > maxLocal {
		return mailbox
	}
	return tagged + "@" + domain
}

// ParseAddress takes a reply address apart. It is false for an address without a valid token.
func (c *Codec) ParseAddress(addr string) (mailbox string, message int64, ok bool) {
	base, detail := desk.CutSubaddress(addr)
	if detail == "" {
		return "", 0, false
	}
	if at := strings.LastIndexByte(detail, '+'); at >= 0 { // support+sales+token@: the mailbox has a detail of its own
		local, domain := desk.SplitAddress(base)
		base, detail = local+"+"+detail[:at]+"@"+domain, detail[at+1:]
	}
	message, ok = c.read(detail)
	return desk.Canonical(base), message, ok
}

// Key is the form in which a Message-ID is stored and looked up: the first 16 bytes of its SHA-256. Ids are compared to the letter (RFC 5322 §3.6.4),
// without brackets or white space.
func Key(messageID string) [16]byte {
	sum := sha256.Sum256([]byte(strings.Trim(messageID, "<> \t\r\n")))
	return [16]byte(sum[:16])
}

// encode writes a number as base32, without the zero bytes in front.
func encode(n int64) string {
	var raw [8]byte
	binary.BigEndian.PutUint64(raw[:], uint64(n))
	start := 0
	for start < 7 && raw[start] == 0 {
		start++
	}
	return letters.EncodeToString(raw[start:])
}

func decode(s string) (int64, bool) {
	raw, err := letters.DecodeString(s)
	if err != nil || len(raw) == 0 || len(raw) > 8 {
		return 0, false
	}
	var whole [8]byte
	copy(whole[8-len(raw):], raw)
	n := int64(binary.BigEndian.Uint64(whole[:]))
	return n, n > 0
}

// Hostname is the name in which our Message-IDs end.
func (c *Codec) Hostname() string { return c.hostname }

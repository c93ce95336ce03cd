// Package threading decides which ticket a mail belongs to, and writes the marks by which an answer or a bounce is known again: reply addresses, return paths and Message-IDs that only we can make.
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

// purpose is what a tag was made for: made for one purpose it proves nothing for another.
type purpose string

const (
	replyToken purpose = "reply token"
	returnPath purpose = "return path"
	agentReply purpose = "agent reply"
	agentNote  purpose = "agent note"

	tagBytes       = secret.MinTag // 80 bits: nobody guesses that through SMTP (behaviour §2.2)
	recipientBytes = 4             // tell apart the recipients of one message, of whom there are a hundred at most
	maxLocal       = 64            // octets of a local part (RFC 5321 §4.5.3.1.1)
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

// token is keyid-what-tag, for instance gqzq3ab7-aaaae-mfrggzdfmztwq2lk.
func (c *Codec) token(p purpose, what string) string {
	key, tag := c.keys.MAC(string(p), []byte(what))
	return key + "-" + what + "-" + letters.EncodeToString(tag[:tagBytes])
}

// read checks a token that was made for the purpose and returns what it names.
func (c *Codec) read(p purpose, token string) (what string, ok bool) {
	key, rest, _ := strings.Cut(strings.ToLower(token), "-")
	what, tag, found := strings.Cut(rest, "-")
	if !found {
		return "", false
	}
	raw, err := letters.DecodeString(tag)
	if err != nil || len(tag) != letters.EncodedLen(tagBytes) || !c.keys.CheckMAC(string(p), key, []byte(what), raw) {
		return "", false
	}
	return what, true
}

// readMessage reads a reply token.
func (c *Codec) readMessage(token string) (message int64, ok bool) {
	what, ok := c.read(replyToken, token)
	if !ok {
		return 0, false
	}
	return decode(what)
}

// MessageID is the Message-ID of a message of ours, without the angle brackets (RFC 5322 §3.6.4).
func (c *Codec) MessageID(message int64) string {
	return c.token(replyToken, encode(message)) + "@" + c.hostname
}

// ParseMessageID says which of our messages an id names. It is false for every id that we did not make.
func (c *Codec) ParseMessageID(id string) (message int64, ok bool) {
	token, _, found := strings.Cut(strings.Trim(id, "<> \t"), "@")
	if !found {
		return 0, false
	}
	return c.readMessage(token)
}

// ReplyAddress is the address to which answers to the message go: support+token@example.com (RFC 5233). Where the mailbox's local part leaves no room for a token it
// is the mailbox itself; the answer is then known by our Message-ID.
func (c *Codec) ReplyAddress(mailbox string, message int64) string {
	if tagged, fits := withDetail(mailbox, c.token(replyToken, encode(message))); fits {
		return tagged
	}
	return mailbox
}

// ParseAddress takes a reply address apart. It is false for an address without a valid token, and for a return path.
func (c *Codec) ParseAddress(addr string) (mailbox string, message int64, ok bool) {
	mailbox, token := cutDetail(addr)
	if token == "" {
		return "", 0, false
	}
	message, ok = c.readMessage(token)
	return mailbox, message, ok
}

// ReturnPath is the envelope sender of the message's copy to one recipient, so that a bounce names both, whatever it holds (VERP): support+token@example.com. It is never taken for a reply
// address. Where the mailbox's local part leaves no room for it (from 18 to 30 octets, by the length of the message's number and the key's id) it is the reply address, which names no recipient.
func (c *Codec) ReturnPath(mailbox string, message int64, recipient string) string {
	tag := RecipientTag(recipient)
	if tagged, fits := withDetail(mailbox, c.token(returnPath, letters.EncodeToString(append(tag[:], significant(message)...)))); fits {
		return tagged
	}
	return c.ReplyAddress(mailbox, message)
}

// ParseReturnPath takes a return path apart. recipient is the RecipientTag of whom the message went to. It is false for every address that we did not make as a return path.
func (c *Codec) ParseReturnPath(addr string) (mailbox string, message int64, recipient [4]byte, ok bool) {
	mailbox, token := cutDetail(addr)
	what, ok := c.read(returnPath, token)
	if !ok {
		return "", 0, recipient, false
	}
	raw, err := letters.DecodeString(what)
	if err != nil || len(raw) <= recipientBytes {
		return "", 0, recipient, false
	}
	message, ok = number(raw[recipientBytes:])
	return mailbox, message, [4]byte(raw[:recipientBytes]), ok
}

// RecipientTag is how a return path names a recipient: the first 4 bytes of the SHA-256 of the canonical address. It tells the recipients of one message apart and says nothing to anybody else.
func RecipientTag(addr string) [4]byte {
	sum := sha256.Sum256([]byte(desk.Canonical(addr)))
	return [4]byte(sum[:recipientBytes])
}

// AgentMark is what a personal address of one of our people names: whose it is, and what a mail of theirs to it becomes.
type AgentMark struct {
	Message int64            // of the ticket; the mark follows it when it is moved or merged
	User    int64            // who alone may use the address
	Kind    desk.MessageKind // desk.KindReply or desk.KindNote
}

// AgentKinds are what a mail to a personal address can become.
var AgentKinds = []desk.MessageKind{desk.KindReply, desk.KindNote}

// agentPurpose is what the tag of a personal address is made for, by what a mail to it becomes.
func agentPurpose(kind desk.MessageKind) (purpose, bool) {
	switch kind {
	case desk.KindReply:
		return agentReply, true
	case desk.KindNote:
		return agentNote, true
	default:
		return "", false
	}
}

// AgentAddress is the address at which one of our people answers a message's ticket, or puts a note on it, by mail: support+token@example.com. It is no secret that proves anything: who
// writes to it has still to prove to be the user (security T-07). It is empty for any other kind, and where the mailbox's local part leaves no room for it: nothing else may stand in for it.
func (c *Codec) AgentAddress(mailbox string, mark AgentMark) string {
	p, known := agentPurpose(mark.Kind)
	if !known || mark.Message <= 0 || mark.User <= 0 {
		return ""
	}
	message := significant(mark.Message)
	what := append(append([]byte{byte(len(message))}, message...), significant(mark.User)...)
	tagged, fits := withDetail(mailbox, c.token(p, letters.EncodeToString(what)))
	if !fits {
		return ""
	}
	return tagged
}

// ParseAgentAddress takes a personal address apart. It is false for every address that we did not make as one, reply addresses and return paths included.
func (c *Codec) ParseAgentAddress(addr string) (mailbox string, mark AgentMark, ok bool) {
	mailbox, token := cutDetail(addr)
	if token == "" {
		return "", AgentMark{}, false
	}
	for _, kind := range AgentKinds {
		p, _ := agentPurpose(kind)
		what, made := c.read(p, token)
		if !made {
			continue
		}
		raw, err := letters.DecodeString(what)
		if err != nil || len(raw) < 3 || len(raw) <= 1+int(raw[0]) {
			return "", AgentMark{}, false
		}
		mark.Kind = kind
		var first, second bool
		mark.Message, first = number(raw[1 : 1+int(raw[0])])
		mark.User, second = number(raw[1+int(raw[0]):])
		return mailbox, mark, first && second
	}
	return "", AgentMark{}, false
}

// Signed says whether the address is a reply address, a return path or a personal address of ours: mail to it is taken even where its mailbox is not there any more.
func (c *Codec) Signed(addr string) bool {
	if _, _, ok := c.ParseAddress(addr); ok {
		return true
	}
	if _, _, ok := c.ParseAgentAddress(addr); ok {
		return true
	}
	_, _, _, ok := c.ParseReturnPath(addr)
	return ok
}

// forged says whether a text has the form of a token of ours: whether it is one is another question.
func forged(token string) bool {
	_, rest, keyed := strings.Cut(strings.ToLower(token), "-")
	what, tag, found := strings.Cut(rest, "-")
	if !keyed || !found || what == "" || len(tag) != letters.EncodedLen(tagBytes) {
		return false
	}
	for _, part := range []string{what, tag} {
		if _, err := letters.DecodeString(part); err != nil {
			return false
		}
	}
	return true
}

// Guesses counts what in a mail has the form of a token of ours and was not made by us: addresses with a detail, and Message-IDs in our name. One is a mark of a key that is gone, or of a mail
// that was mangled; many are somebody who tries to come onto other people's tickets (behaviour §2.2).
func (c *Codec) Guesses(mail Mail) (n int) {
	seen := map[string]bool{}
	for _, addr := range mail.Addresses {
		if _, token := cutDetail(addr); !seen[token] && forged(token) && !c.Signed(addr) {
			seen[token] = true
			n++
		}
	}
	for _, id := range mail.Named() {
		token, host, _ := strings.Cut(id, "@")
		if strings.EqualFold(host, c.hostname) && !seen[token] && forged(token) {
			if _, ours := c.ParseMessageID(id); !ours {
				seen[token] = true
				n++
			}
		}
	}
	return n
}

// withDetail adds a detail to an address (RFC 5233), and says whether the local part is not too long with it.
func withDetail(addr, detail string) (tagged string, fits bool) {
	local, domain := desk.SplitAddress(addr)
	local += "+" + detail
	return local + "@" + domain, len(local) <= maxLocal
}

// cutDetail takes the last detail off an address: in support+sales+token@ the mailbox has one of its own. The mailbox is canonical; without a detail both are empty.
func cutDetail(addr string) (mailbox, detail string) {
	base, detail := desk.CutSubaddress(addr)
	if detail == "" {
		return "", ""
	}
	if at := strings.LastIndexByte(detail, '+'); at >= 0 {
		local, domain := desk.SplitAddress(base)
		base, detail = local+"+"+detail[:at]+"@"+domain, detail[at+1:]
	}
	return desk.Canonical(base), detail
}

// Key is the form in which a Message-ID is stored and looked up: the first 16 bytes of its SHA-256. Ids are compared to the letter (RFC 5322 §3.6.4),
// without brackets or white space.
func Key(messageID string) [16]byte {
	sum := sha256.Sum256([]byte(strings.Trim(messageID, "<> \t\r\n")))
	return [16]byte(sum[:16])
}

// encode writes a number as base32, without the zero bytes in front.
func encode(n int64) string { return letters.EncodeToString(significant(n)) }

func decode(s string) (int64, bool) {
	raw, err := letters.DecodeString(s)
	if err != nil {
		return 0, false
	}
	return number(raw)
}

// significant is a number's bytes, without the zeros in front.
func significant(n int64) []byte {
	var raw [8]byte
	binary.BigEndian.PutUint64(raw[:], uint64(n))
	start := 0
	for start < 7 && raw[start] == 0 {
		start++
	}
	return raw[start:]
}

func number(raw []byte) (int64, bool) {
	if len(raw) == 0 || len(raw) > 8 {
		return 0, false
	}
	var whole [8]byte
	copy(whole[8-len(raw):], raw)
	n := int64(binary.BigEndian.Uint64(whole[:]))
	return n, n > 0
}

// Hostname is the name in which our Message-IDs end.
func (c *Codec) Hostname() string { return c.hostname }

package portal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"postern/desk"
	"postern/language"
	"postern/mailtext"
)

const (
	originalRead   = mailtext.HeaderBytes // bytes of a mail that its page reads
	originalHeader = 24 << 10             // bytes of header on the page
	originalBody   = 16 << 10             // bytes of body on the page
)

// originalPage is a mail as it came: its way, what servers say of it, its header, and how its body begins.
type originalPage struct {
	page
	Message  desk.Message
	Back     string
	Size     int64
	Hops     []mailtext.Hop
	Findings []serverFindings
	Ours     []fact // what we found ourselves
	Fields   []mailtext.Field
	Cut      bool // fields were left out
	Body     string
	More     bool // the body goes on
}

// serverFindings is what another server says that it found, a sentence each.
type serverFindings struct {
	Server string
	Words  []string
}

// originalShow shows the mail behind a message.
func (p *Portal) originalShow(c *call) error {
	m, err := p.message(c)
	if err != nil {
		return err
	}
	facts, err := m.Decode()
	if err != nil {
		return fmt.Errorf("portal: message %d: facts: %w", m.ID, err)
	}
	original, size, err := p.tickets.Original(c.r.Context(), c.actor, m.ID)
	if err != nil {
		return err
	}
	defer original.Close()
	raw := make([]byte, originalRead)
	n, err := io.ReadFull(original, raw)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return fmt.Errorf("portal: original of message %d: %w", m.ID, err)
	}
	frame, err := p.framed(c, c.lang.Say("The mail as it came"), "")
	if err != nil {
		return err
	}
	answer := originalPage{page: frame, Message: m, Back: ticketPath(c, m.TicketID) + fmt.Sprintf("#m-%d", m.ID), Size: size, Ours: proofs(c.lang, facts.Verdict)}
	answer.take(c.lang, raw[:n])
	answer.More = answer.More || int64(n) < size
	return p.show(c, "original", answer)
}

// take fills the page from the beginning of the mail.
func (o *originalPage) take(lang *language.Language, raw []byte) {
	fields, rest, cut := mailtext.Fields(raw)
	o.Hops, o.Cut = mailtext.Hops(fields), cut
	theirs := fields
	if len(fields) > 0 && len(o.Ours) > 0 && strings.EqualFold(fields[0].Name, "Authentication-Results") {
		theirs = fields[1:] // ours stands first (RFC 8601 §4), and is said above
	}
	for _, one := range mailtext.FindingsOf(theirs) {
		found := serverFindings{Server: one.Server}
		for _, finding := range one.List {
			found.Words = append(found.Words, findingWords(lang, finding))
		}
		o.Findings = append(o.Findings, found)
	}
	left := originalHeader
	for _, field := range fields {
		if left -= len(field.Raw) + len(field.Name) + 40; left < 0 {
			o.Cut = true
			break
		}
		if field.Decoded == strings.Join(strings.Fields(field.Raw), " ") {
			field.Decoded = "" // the same
		}
		o.Fields = append(o.Fields, field)
	}
	body := raw[rest:]
	if len(body) > originalBody {
		body, o.More = body[:originalBody], true
	}
	o.Body = strings.ToValidUTF8(string(bytes.ReplaceAll(bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n")), []byte{0}, nil)), "�")
}

// findingWords says what a server found, as a sentence.
func findingWords(lang *language.Language, f mailtext.Finding) string {
	name := strings.ToUpper(f.Method)
	result := resultWord(lang, desk.Result(f.Result))
	if f.About == "" {
		return name + ": " + result
	}
	return lang.Say("%s: %s, for %s", name, result, f.About)
}

// tookWords says how long a hop took, for people.
func tookWords(lang *language.Language, d time.Duration) string {
	switch {
	case d < 0:
		return lang.Say("clocks disagree")
	case d < time.Second:
		return ""
	case d < 2*time.Minute:
		return lang.Say("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return lang.Say("%d min", int(d.Minutes()))
	}
	return lang.Say("%d h", int(d.Hours()))
}

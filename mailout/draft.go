package mailout

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"postern/desk"
)

// Draft is everything that a mail says. There is deliberately no Bcc: who else receives it is the envelope's business.
type Draft struct {
	From    desk.Address
	ReplyTo desk.Address // left out when its Addr is empty
	To, Cc  []desk.Address

	Subject    string
	MessageID  string   // with or without angle brackets; also the seed of the MIME boundaries
	InReplyTo  string   // empty: none
	References []string // oldest first; trimmed to the first and the last 20
	Date       time.Time

	Text, HTML string // in UTF-8, with any line ends; HTML may be empty
	Files      []File

	AutoSubmitted string // RFC 3834 §5: auto-replied or auto-generated; empty for what a person wrote
	Loop          string // our mark in X-Postern-Loop, by which we know our own automatic mail when it comes back

	TLSReport *TLSReport // the mail brings a report about TLS; nil: it does not
}

// TLSReport is what makes a mail one that brings a report about TLS (RFC 8460 §5.3). Its text is for people.
type TLSReport struct {
	Domain    string // that it is about
	Submitter string // who made it
	File      File   // the report
}

// File is an attachment, or an image that the HTML shows by its Content-ID (RFC 2392).
type File struct {
	Name      string
	MediaType string // application/octet-stream when it is empty, unreadable, or a type that may not be encoded
	ContentID string // without cid: and brackets
	Inline    bool   // shown in the HTML; without HTML it is an attachment like any other
	Size      int64  // octets that Open gives: fewer or more are an error, so that a truncated file never leaves
	Open      func() (io.ReadCloser, error)
}

// maxReferences is how many of the newest ancestors are named besides the first: enough for every client to thread by, and far from the 998 octets at which lines break (RFC 5322 §3.6.4).
const maxReferences = 20

// Compose writes the draft as a message that any server takes: seven-bit throughout, lines ended by CRLF, none longer than 998 octets and those of bodies at most 76, in the header folded at 78 where words allow it.
// The same draft always gives the same bytes. Files are streamed. The one exception to seven-bit is an address whose local part is not ASCII: it has no other form, and needs SMTPUTF8 (RFC 6531).
//
// An error means that the draft cannot be a mail (no sender, no recipient, an address or Message-ID that is none) or that a file or w failed; what was written until then must be thrown away.
func Compose(w io.Writer, d Draft) error {
	h := new(header)
	if err := d.describe(h); err != nil {
		return fmt.Errorf("composing %s: %w", d.MessageID, err)
	}
	body := d.tree()
	h.fields(body.header)
	out := bufio.NewWriterSize(w, 32<<10)
	if _, err := h.WriteTo(out); err != nil {
		return fmt.Errorf("writing %s: %w", d.MessageID, err)
	}
	if err := body.write(out); err != nil {
		return fmt.Errorf("composing %s: %w", d.MessageID, err)
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("writing %s: %w", d.MessageID, err)
	}
	return nil
}

// describe writes the fields of the message itself, as opposed to those of its body.
func (d Draft) describe(h *header) error {
	id, ok := messageID(d.MessageID)
	if !ok {
		return fmt.Errorf("message-id %q is not one (RFC 5322 §3.6.4)", d.MessageID)
	}
	if len(d.To)+len(d.Cc) == 0 {
		return errors.New("it has no recipients")
	}
	h.add("Date", d.Date.Format(time.RFC1123Z))
	for _, field := range []struct {
		name string
		list []desk.Address
	}{{"From", []desk.Address{d.From}}, {"To", d.To}, {"Cc", d.Cc}, {"Reply-To", present(d.ReplyTo)}} {
		tokens, err := addressTokens(field.list)
		if err != nil {
			return fmt.Errorf("%s: %w", strings.ToLower(field.name), err)
		}
		h.add(field.name, tokens...)
	}
	h.add("Subject", textTokens(d.Subject)...)
	h.add("Message-ID", id)
	h.add("In-Reply-To", idTokens([]string{d.InReplyTo})...)
	h.add("References", idTokens(d.References)...)
	if d.AutoSubmitted != "" {
		h.add("Auto-Submitted", textTokens(d.AutoSubmitted)...)
		h.add("X-Auto-Response-Suppress", "All") // the same, in Exchange's words
	}
	if d.AutoSubmitted == "auto-replied" {
		h.add("Precedence", "auto_reply") // the same for programs older than RFC 3834, which §3.1.8 of it provides for
	}
	h.add("X-Postern-Loop", textTokens(d.Loop)...)
	if r := d.TLSReport; r != nil {
		h.add("TLS-Report-Domain", textTokens(r.Domain)...)
		h.add("TLS-Report-Submitter", textTokens(r.Submitter)...)
		h.add("TLS-Required", "No") // RFC 8689 §3: it tells of TLS that fails, and shall arrive all the same
	}
	h.add("MIME-Version", "1.0")
	return nil
}

func present(a desk.Address) []desk.Address {
	if a.Addr == "" {
		return nil
	}
	return []desk.Address{a}
}

// idTokens keeps the ids that are ones, each once, and of a long history the first and the newest.
func idTokens(ids []string) []string {
	var tokens []string
	seen := map[string]bool{}
	for _, raw := range ids {
		if id, ok := messageID(raw); ok && !seen[id] {
			seen[id] = true
			tokens = append(tokens, id)
		}
	}
	if extra := len(tokens) - 1 - maxReferences; extra > 0 {
		tokens = append(tokens[:1], tokens[1+extra:]...)
	}
	return tokens
}

// tree arranges the parts: mixed( alternative( text, related( html, images ) ), files ), leaving out every level that would hold one part only.
func (d Draft) tree() part {
	body := textPart("plain", d.Text)
	if d.TLSReport != nil {
		return multipart("report", d.MessageID, []part{body, filePart(d.TLSReport.File, "attachment")})
	}
	var shown, attached []part
	for _, file := range d.Files {
		if file.Inline && d.HTML != "" && contentID(file.ContentID) != "" {
			shown = append(shown, filePart(file, "inline"))
		} else {
			attached = append(attached, filePart(file, "attachment"))
		}
	}
	if d.HTML != "" {
		html := textPart("html", d.HTML)
		if len(shown) > 0 {
			html = multipart("related", d.MessageID, append([]part{html}, shown...))
		}
		if d.Text == "" {
			body = html
		} else {
			body = multipart("alternative", d.MessageID, []part{body, html}) // the better part last (RFC 2046 §5.1.4)
		}
	}
	if len(attached) > 0 {
		body = multipart("mixed", d.MessageID, append([]part{body}, attached...))
	}
	return body
}

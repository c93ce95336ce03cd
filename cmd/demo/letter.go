package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"html"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/textproto"
	"strings"
	"time"
)

// letter is a mail before it is written down.
type letter struct {
	from, to  mail.Address
	cc        string // an address; may be empty
	subject   string
	text      string
	id        string // Message-ID, without angle brackets
	answers   string // the Message-ID that it answers; may be empty
	date      time.Time
	html      bool // with an HTML form, as shops write
	automatic bool // written by a machine in its owner's absence (RFC 3834 §5)
	files     []file
}

// file is what is attached to a letter.
type file struct {
	mediaType, name string // no name: shown with the text, as an invitation is
	bytes           []byte
}

// write makes the mail's bytes: ASCII alone, whatever the language.
func (l letter) write() ([]byte, error) {
	var out bytes.Buffer
	field := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&out, "%s: %s\r\n", name, value)
		}
	}
	field("From", l.from.String())
	field("To", l.to.String())
	field("Cc", l.cc)
	field("Subject", mime.QEncoding.Encode("utf-8", l.subject))
	field("Date", l.date.Format(time.RFC1123Z))
	field("Message-ID", "<"+l.id+">")
	if l.answers != "" {
		field("In-Reply-To", "<"+l.answers+">")
		field("References", "<"+l.answers+">")
	}
	if l.automatic {
		field("Auto-Submitted", "auto-replied")
	}
	field("MIME-Version", "1.0")
	if !l.html && len(l.files) == 0 {
		field("Content-Type", "text/plain; charset=utf-8")
		field("Content-Transfer-Encoding", "quoted-printable")
		out.WriteString("\r\n")
		err := printable(&out, l.text)
		return out.Bytes(), err
	}
	parts := multipart.NewWriter(&out)
	kind := "mixed"
	if len(l.files) == 0 {
		kind = "alternative"
	}
	field("Content-Type", "multipart/"+kind+"; boundary="+parts.Boundary())
	out.WriteString("\r\n")
	err := l.writeParts(parts)
	return out.Bytes(), err
}

// writeParts writes the text, the HTML form, and the files.
func (l letter) writeParts(parts *multipart.Writer) error {
	texts := []struct{ mediaType, text string }{{"text/plain", l.text}}
	if l.html {
		texts = append(texts, struct{ mediaType, text string }{"text/html", webForm(l.subject, l.text)})
	}
	for _, each := range texts {
		to, err := parts.CreatePart(textproto.MIMEHeader{"Content-Type": {each.mediaType + "; charset=utf-8"}, "Content-Transfer-Encoding": {"quoted-printable"}})
		if err != nil {
			return err
		}
		if err := printable(to, each.text); err != nil {
			return err
		}
	}
	for _, file := range l.files {
		head := textproto.MIMEHeader{"Content-Type": {file.mediaType}, "Content-Transfer-Encoding": {"base64"}}
		if file.name != "" {
			head.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": file.name}))
		}
		to, err := parts.CreatePart(head)
		if err != nil {
			return err
		}
		if err := wrapped(to, file.bytes); err != nil {
			return err
		}
	}
	return parts.Close()
}

// printable writes text as RFC 2045 §6.7 wants it.
func printable(to io.Writer, text string) error {
	encoder := quotedprintable.NewWriter(to)
	if _, err := io.WriteString(encoder, strings.ReplaceAll(text, "\n", "\r\n")); err != nil {
		return err
	}
	return encoder.Close()
}

// wrapped writes bytes as base64 in lines of 76 (RFC 2045 §6.8).
func wrapped(to io.Writer, content []byte) error {
	const line = 57
	for len(content) > 0 {
		n := min(line, len(content))
		if _, err := io.WriteString(to, base64.StdEncoding.EncodeToString(content[:n])+"\r\n"); err != nil {
			return err
		}
		content = content[n:]
	}
	return nil
}

// webForm is the text as a shop would dress it up, with a picture from far away that counts who looks at it.
func webForm(subject, text string) string {
	var page strings.Builder
	page.WriteString(`<!doctype html><html><head><style>body{background:#eef}td{padding:12px}</style></head><body><table width="600" align="center" cellspacing="0" bgcolor="#ffffff"><tr><td bgcolor="#204060" style="color:#ffffff;font-size:22px">`)
	page.WriteString(html.EscapeString(subject) + `</td></tr><tr><td style="font-family:Helvetica,Arial,sans-serif;font-size:15px">`)
	for paragraph := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		page.WriteString("<p>" + strings.ReplaceAll(html.EscapeString(paragraph), "\n", "<br>") + "</p>")
	}
	page.WriteString(`</td></tr><tr><td style="font-size:11px;color:#777777">You get this mail because you ordered. <a href="https://shop.example/unsubscribe">Unsubscribe</a> <img src="https://shop.example/seen.gif?who=42" width="1" height="1" alt=""></td></tr></table></body></html>`)
	return page.String()
}

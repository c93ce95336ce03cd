package intake

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	netmail "net/mail"
	"net/netip"
	"net/textproto"
	"os"
	"strings"
	"time"

	"postern/desk"
)

// Letter is what somebody wrote on a page of ours. It is taken in as a mail of theirs, by the same way: what holds for mail about threading, scanning, limits and suspension holds for it.
type Letter struct {
	From    desk.Address // the author; Addr is the address that was proved, or that the form says
	To      string       // our mailbox, or a reply address of a ticket
	Subject string
	Text    string
	Files   []LetterFile
	Answers string    // the Message-ID that it answers; empty: none
	Once    string    // names it: the same text sent twice with the same name is one letter
	At      time.Time // when its form was given out, so that sent twice it has the same bytes
}

// LetterFile is a file that goes with a letter.
type LetterFile struct {
	Name      string
	MediaType string
	Open      func() (io.ReadCloser, error)
}

// Page is how a letter came to us.
type Page struct {
	Source desk.Source // desk.FromVisitor or desk.FromForm
	IP     string
	At     time.Time
}

// errPage says that the program took mail for a letter.
var errPage = errors.New("intake: a letter is written on a page of ours")

// TakeLetter takes a letter in. From is believed as far as the source says.
func (in *Intake) TakeLetter(ctx context.Context, letter Letter, page Page) (desk.Outcome, error) {
	raw, size, done, err := in.Compose(letter)
	if err != nil {
		return desk.Outcome{}, err
	}
	defer done()
	return in.TakeComposed(ctx, letter, io.NewSectionReader(raw, 0, size), page)
}

// TakeComposed takes a letter in that was composed before. Of the letter only From and To are looked at.
func (in *Intake) TakeComposed(ctx context.Context, letter Letter, raw *io.SectionReader, page Page) (desk.Outcome, error) {
	if page.Source != desk.FromVisitor && page.Source != desk.FromForm {
		return desk.Outcome{}, errPage
	}
	env := desk.Envelope{Source: page.Source, MailFrom: desk.Canonical(letter.From.Addr), Recipients: []string{letter.To}, Protocol: "HTTP", ReceivedAt: page.At, Session: "page"}
	if addr, err := netip.ParseAddr(page.IP); err == nil {
		env.RemoteIP = addr.Unmap()
	}
	return in.Accept(ctx, env, raw)
}

// Compose writes the letter as a mail, into a file that has no name. The same letter gives the same bytes. done gives the file up.
func (in *Intake) Compose(letter Letter) (raw io.ReaderAt, size int64, done func(), err error) {
	file, err := os.CreateTemp("", "postern-letter-*")
	if err != nil {
		return nil, 0, nil, fmt.Errorf("intake: letter: %w", err)
	}
	done = func() { _ = file.Close() } // it has no name and is not needed any more
	if err = os.Remove(file.Name()); err == nil {
		err = letter.write(file, in.cfg.Hostname)
	}
	if err == nil {
		size, err = file.Seek(0, io.SeekCurrent)
	}
	if err != nil {
		done()
		return nil, 0, nil, fmt.Errorf("intake: letter: %w", err)
	}
	return file, size, done, nil
}

// id is the Message-ID: whoever writes cannot choose it, and cannot meet that of somebody else.
func (l Letter) id(hostname string) string {
	sum := sha256.Sum256([]byte(desk.Canonical(l.From.Addr) + "\x00" + l.Once))
	return hex.EncodeToString(sum[:16]) + "@page." + hostname
}

// write composes the mail: a text, and files beside it (RFC 5322, RFC 2045).
func (l Letter) write(w io.Writer, hostname string) error {
	id := l.id(hostname)
	var head bytes.Buffer
	field := func(name, value string) {
		if value != "" {
			head.WriteString(name + ": " + value + "\r\n")
		}
	}
	field("Date", l.At.UTC().Format(time.RFC1123Z))
	field("From", folded((&netmail.Address{Name: plainLine(l.From.Name), Address: desk.Canonical(l.From.Addr)}).String()))
	field("To", "<"+l.To+">")
	field("Subject", folded(mime.QEncoding.Encode("utf-8", plainLine(l.Subject))))
	field("Message-ID", "<"+id+">")
	if plain := strings.Trim(plainLine(l.Answers), "<> "); plain != "" {
		field("In-Reply-To", "<"+plain+">")
		field("References", "<"+plain+">")
	}
	field("MIME-Version", "1.0")
	boundary := "=_" + hex.EncodeToString([]byte(id)[:12])
	if len(l.Files) > 0 {
		field("Content-Type", `multipart/mixed; boundary="`+boundary+`"`)
		head.WriteString("\r\n--" + boundary + "\r\n")
	}
	field("Content-Type", "text/plain; charset=utf-8")
	field("Content-Transfer-Encoding", "base64")
	head.WriteString("\r\n")
	if _, err := head.WriteTo(w); err != nil {
		return err
	}
	text := strings.ReplaceAll(strings.ReplaceAll(strings.ToValidUTF8(l.Text, "\uFFFD"), "\r\n", "\n"), "\n", "\r\n")
	if err := encode(w, strings.NewReader(text)); err != nil {
		return err
	}
	for _, file := range l.Files {
		if err := file.write(w, boundary); err != nil {
			return err
		}
	}
	if len(l.Files) == 0 {
		return nil
	}
	_, err := io.WriteString(w, "--"+boundary+"--\r\n")
	return err
}

// write adds the file as a part.
func (f LetterFile) write(w io.Writer, boundary string) error {
	kind, _, err := mime.ParseMediaType(f.MediaType)
	if err != nil || strings.HasPrefix(kind, "multipart/") || strings.HasPrefix(kind, "message/") { // these may not be encoded (RFC 2045 §6.4); the file keeps its name
		kind = "application/octet-stream"
	}
	header := textproto.MIMEHeader{}
	header.Set("Content-Type", mime.FormatMediaType(kind, nil))
	name := plainLine(f.Name)
	if len(name) > 255 {
		name = name[len(name)-255:] // its end says what it is
	}
	header.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": strings.ToValidUTF8(name, "")}))
	if _, err := io.WriteString(w, "--"+boundary+"\r\nContent-Type: "+header.Get("Content-Type")+"\r\nContent-Disposition: "+header.Get("Content-Disposition")+"\r\nContent-Transfer-Encoding: base64\r\n\r\n"); err != nil {
		return err
	}
	content, err := f.Open()
	if err != nil {
		return err
	}
	defer content.Close()
	return encode(w, content)
}

// encode writes base64 in lines of 76 characters (RFC 2045 §6.8).
func encode(w io.Writer, r io.Reader) error {
	lines := &lineWriter{w: w}
	encoder := base64.NewEncoder(base64.StdEncoding, lines)
	if _, err := io.Copy(encoder, r); err != nil {
		return err
	}
	if err := encoder.Close(); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\r\n")
	return err
}

// lineWriter breaks lines.
type lineWriter struct {
	w  io.Writer
	at int // in the line
}

func (l *lineWriter) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		if l.at == 76 {
			if _, err := io.WriteString(l.w, "\r\n"); err != nil {
				return n, err
			}
			l.at = 0
		}
		part := p[:min(len(p), 76-l.at)]
		written, err := l.w.Write(part)
		n, l.at = n+written, l.at+written
		if err != nil {
			return n, err
		}
		p = p[len(part):]
	}
	return n, nil
}

// folded breaks a field between its encoded words, so that no line is too long (RFC 2047 §2).
func folded(value string) string { return strings.ReplaceAll(value, " =?", "\r\n =?") }

// plainLine is a text as one line of a header can hold it.
func plainLine(text string) string { return strings.Join(strings.Fields(clean(text)), " ") }

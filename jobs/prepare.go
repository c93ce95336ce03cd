package jobs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"postern/desk"
	"postern/domains"
	"postern/mailout"
	"postern/tickets"
)

// author is in whose name a mail leaves, and by whose keys it is signed.
type author struct {
	from    desk.Address
	keys    []domains.Key
	system  bool   // it is the system's domain, not the mailbox
	problem string // why it is not the mailbox itself, signed
}

// authorOf chooses the From line (T-SIGN): the mailbox, if its domain is verified; else the system's address in the mailbox's name; and before any domain is verified the mailbox, unsigned.
func authorOf(ctx context.Context, names *domains.Service, mailbox desk.Address, system string) (author, error) {
	own := desk.DomainOf(mailbox.Addr)
	keys, active, err := names.SigningKeys(ctx, own)
	if err != nil {
		return author{}, err
	}
	if active {
		return author{from: mailbox, keys: keys}, nil
	}
	if system == "" {
		return author{from: mailbox, problem: fmt.Sprintf(
			"This mail left unsigned, since no mail domain is verified yet: many servers take unsigned mail for spam. Add %s under Domains and publish its records.", own)}, nil
	}
	via := desk.DomainOf(system)
	if keys, _, err = names.SigningKeys(ctx, via); err != nil {
		return author{}, err
	}
	return author{
		from: desk.Address{Name: mailbox.Label() + " via " + via, Addr: system}, keys: keys, system: true,
		problem: fmt.Sprintf("This mail left in the name of %s, since the domain %s is not verified: see its records under Domains. Answers still go to %s.", via, own, mailbox.Addr),
	}, nil
}

// returnPath is where bounces of the message go: to the domain that it leaves from.
func (a author) returnPath(out tickets.Outgoing) tickets.ReturnPath {
	if a.system {
		return out.System.ReturnPath
	}
	return out.ReturnPath
}

// prepare composes and signs the mail and keeps its exact bytes. It happens once: every attempt sends the same.
func (w *sendReply) prepare(ctx context.Context, out tickets.Outgoing, from author) error {
	size := int64(len(out.Message.Text) + len(out.Message.HTML))
	for _, file := range out.Files {
		size += file.Size
	}
	final, err := write(draftOf(ctx, out, from), from.keys, size)
	if err != nil {
		return err
	}
	defer final.close()
	reader, err := final.reader()
	if err != nil {
		return err
	}
	var problems []string
	if from.problem != "" {
		problems = []string{from.problem}
	}
	return w.tickets.KeepSigned(ctx, tickets.Signed{Message: out.Message.ID, Size: final.size, R: reader, Problems: problems})
}

// write composes a mail of about the given size and signs it where there are keys. The caller closes the sheet.
func write(draft mailout.Draft, keys []domains.Key, size int64) (*sheet, error) {
	composed, err := newSheet(size)
	if err != nil {
		return nil, err
	}
	if err := mailout.Compose(composed, draft); err != nil {
		composed.close()
		return nil, err
	}
	if len(keys) == 0 {
		return composed, nil
	}
	defer composed.close()
	signed, err := newSheet(size)
	if err != nil {
		return nil, err
	}
	reader, err := composed.reader()
	if err == nil {
		// No x=: mail that waits in a queue for days must not arrive with a signature that has ended.
		err = mailout.Sign(signed, reader, keys, time.Time{})
	}
	if err != nil {
		signed.close()
		return nil, err
	}
	return signed, nil
}

// draftOf is what the mail says.
func draftOf(ctx context.Context, out tickets.Outgoing, from author) mailout.Draft {
	m := out.Message
	draft := mailout.Draft{
		From: from.from, ReplyTo: desk.Address{Name: m.FromName, Addr: out.ReplyTo}, To: m.To, Cc: m.Cc, Subject: m.Subject,
		MessageID: m.MessageID, References: out.Facts.References, Date: m.At, Text: m.Text, HTML: m.HTML,
	}
	if len(draft.References) > 0 {
		draft.InReplyTo = draft.References[len(draft.References)-1]
	}
	if len(m.To)+len(m.Cc) == 0 { // all recipients are blind copies: somebody has to stand in To (RFC 5322 §3.6.3)
		draft.To = []desk.Address{from.from}
	}
	if draft.HTML == "" {
		draft.HTML = markup(m.Text)
	}
	for _, file := range out.Files {
		draft.Files = append(draft.Files, mailout.File{
			Name: file.Name, MediaType: file.MediaType, ContentID: file.ContentID, Inline: file.Inline, Size: file.Size,
			Open: func() (io.ReadCloser, error) { return file.Open(ctx) },
		})
	}
	return draft
}

// inMemory is the size up to which a mail is composed without a temporary file.
const inMemory = 1 << 20

// sheet is where a mail is written before it is kept: in memory, or in a temporary file that has no name any more.
type sheet struct {
	size   int64
	memory bytes.Buffer
	file   *os.File
}

func newSheet(size int64) (*sheet, error) {
	if size <= inMemory {
		return &sheet{}, nil
	}
	file, err := os.CreateTemp("", "postern-mail-*")
	if err != nil {
		return nil, fmt.Errorf("jobs: temporary file: %w", err)
	}
	if err := os.Remove(file.Name()); err != nil { // it goes with the process, whatever happens
		return nil, errors.Join(fmt.Errorf("jobs: temporary file: %w", err), file.Close())
	}
	return &sheet{file: file}, nil
}

func (s *sheet) Write(p []byte) (n int, err error) {
	if s.file != nil {
		n, err = s.file.Write(p)
	} else {
		n, err = s.memory.Write(p)
	}
	s.size += int64(n)
	return n, err
}

// reader reads what was written, from the start.
func (s *sheet) reader() (io.ReadSeeker, error) {
	if s.file == nil {
		return bytes.NewReader(slices.Clip(s.memory.Bytes())), nil
	}
	_, err := s.file.Seek(0, io.SeekStart)
	return s.file, err
}

func (s *sheet) close() {
	if s.file != nil {
		_ = s.file.Close() // it has no name and is not needed any more
	}
}

package jobs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"postern/attachments"
	"postern/desk"
	"postern/domains"
	"postern/language"
	"postern/mailout"
	"postern/store"
	"postern/tickets"
)

// author is in whose name a mail leaves, and by whose keys it is signed.
type author struct {
	from    desk.Address
	keys    []domains.Key
	system  bool   // it is the system's domain, not the mailbox
	problem string // why it is not the mailbox itself, signed
}

// heldError is why a mail waits: its own domain is to be mended or resumed first.
type heldError struct {
	why   string
	until time.Time // when it will leave in the system's name after all; zero: it does not
}

func (e heldError) Error() string { return e.why }

// authorOf chooses the From line (T-SIGN): the mailbox, if its domain is verified; else the system's address in the mailbox's name; and before any domain is verified the mailbox, unsigned.
// A heldError says that the mail has to wait.
func authorOf(ctx context.Context, names *domains.Service, mailbox desk.Address, system string) (author, error) {
	own := desk.DomainOf(mailbox.Addr)
	sending, err := names.SendingAs(ctx, own)
	if err != nil {
		return author{}, err
	}
	switch {
	case sending.Do == domains.SendUse:
		return author{from: mailbox, keys: sending.Keys}, nil
	case sending.Do == domains.SendHold:
		return author{}, heldError{sending.Why, sending.Until}
	case system == "" && (sending.State == desk.DomainDegraded || sending.State == desk.DomainPaused):
		return author{}, heldError{why: sending.Why + "; and there is no other domain in whose name it could leave"}
	case system == "":
		return author{from: mailbox, problem: fmt.Sprintf(
			"This mail left unsigned, since no mail domain is verified yet: many servers take unsigned mail for spam. Add %s under Domains and publish its records.", own)}, nil
	}
	via := desk.DomainOf(system)
	other, err := names.SendingAs(ctx, via)
	if err != nil {
		return author{}, err
	}
	if other.Do != domains.SendUse {
		return author{}, heldError{why: sending.Why + "; and " + other.Why}
	}
	return author{
		from: desk.Address{Name: mailbox.Label() + " via " + via, Addr: system}, keys: other.Keys, system: true,
		problem: fmt.Sprintf("This mail left in the name of %s, since %s. Answers still go to %s.", via, sending.Why, mailbox.Addr),
	}, nil
}

// returnPath is where bounces of the message go: to the domain that it leaves from.
func (a author) returnPath(out *tickets.Outgoing) tickets.ReturnPath {
	if a.system {
		return out.System.ReturnPath
	}
	return out.ReturnPath
}

// parcel is a message as it leaves for one destination.
type parcel struct {
	letter     tickets.Letter
	returnPath tickets.ReturnPath
	size       int64
	open       func() (io.ReadCloser, error)
	signature  signature
	story      []desk.Attempt // what happened to it before it leaves, for each recipient
	sheet      *sheet         // nil: its bytes lie elsewhere
}

func (p *parcel) close() {
	if p.sheet != nil {
		p.sheet.close()
	}
}

// before is what the story of a recipient says of the mail before it leaves.
func (p *parcel) before(recipient store.InHand) []desk.Attempt {
	story := slices.Clone(p.story)
	for i := range story {
		story[i].State = desk.DeliveryDeferred
		if recipient.Attempts == 0 {
			story[i].State = desk.DeliveryQueued
		}
	}
	return story
}

// replace makes the bytes that somebody else has kept just before those that leave: every copy is the same.
func (p *parcel) replace(ctx context.Context, from *tickets.Service) error {
	open := func() (io.ReadCloser, int64, error) { return from.SignedBytes(ctx, p.letter.Message.ID) }
	return p.read(open)
}

// read takes the bytes from where they are kept. Small ones are read once for all copies.
func (p *parcel) read(open func() (io.ReadCloser, int64, error)) error {
	r, size, err := open()
	if err != nil {
		return err
	}
	defer r.Close()
	p.size = size
	if size > inMemory {
		p.open = func() (io.ReadCloser, error) {
			r, _, err := open()
			return r, err
		}
		return nil
	}
	all, err := io.ReadAll(r)
	p.open = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(all)), nil }
	return err
}

// ready makes the mail: from the bytes that are kept if they may still leave as they are, else anew. A heldError says that it has to wait.
func (w *sendReply) ready(ctx context.Context, out *tickets.Outgoing) (*parcel, error) {
	if !out.Kept() {
		from, err := authorOf(ctx, w.domains, out.Message.From(), out.System.From)
		if err != nil {
			return nil, err
		}
		return w.compose(ctx, out, from)
	}
	return w.again(ctx, out)
}

// compose writes and signs the mail. It happens once: every attempt sends the same bytes, unless they can not be believed any more.
func (w *sendReply) compose(ctx context.Context, out *tickets.Outgoing, from author) (*parcel, error) {
	size := int64(len(out.Message.Text) + len(out.Message.Quoted) + len(out.Message.HTML))
	for _, file := range out.Files {
		size += file.Size
	}
	final, err := write(draftOf(ctx, out, from), from.keys, size, w.expiry())
	if err != nil {
		return nil, err
	}
	m, err := w.sealed(ctx, out, final)
	if err != nil {
		final.close()
		return nil, err
	}
	if from.problem != "" {
		m.letter.Problems = []string{from.problem}
	}
	m.letter.Sender, m.returnPath = desk.DomainOf(from.from.Addr), from.returnPath(out)
	m.signature = w.signed(from.keys)
	return m, nil
}

// signed is a signature that these keys make now.
func (w *sendReply) signed(keys []domains.Key) signature {
	s := signature{signed: w.now(), expires: w.expiry()}
	for _, key := range keys {
		s.domain, s.selectors = key.Domain, append(s.selectors, key.Selector)
	}
	return s
}

// sealed is a mail that was written, with its bytes as they will be kept.
func (w *sendReply) sealed(ctx context.Context, out *tickets.Outgoing, final *sheet) (*parcel, error) {
	reader, err := final.reader()
	if err != nil {
		return nil, err
	}
	original, err := w.tickets.Seal(ctx, out, reader, final.size)
	if err != nil {
		return nil, err
	}
	return &parcel{letter: tickets.Letter{Outgoing: out, Original: original}, size: final.size, sheet: final, open: func() (io.ReadCloser, error) {
		reader, err := final.reader()
		if err != nil {
			return nil, fmt.Errorf("jobs: mail: %w", err)
		}
		return io.NopCloser(reader), nil
	}}, nil
}

// expiry is when a signature made now ends; zero: never.
func (w *sendReply) expiry() time.Time {
	if w.life == 0 {
		return time.Time{}
	}
	return w.now().Add(w.life)
}

// write composes a mail of about the given size and signs it where there are keys, until expires (zero: without end). The caller closes the sheet.
func write(draft mailout.Draft, keys []domains.Key, size int64, expires time.Time) (*sheet, error) {
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
		err = mailout.Sign(signed, reader, keys, expires)
	}
	if err != nil {
		signed.close()
		return nil, err
	}
	return signed, nil
}

// draftOf is what the mail says.
func draftOf(ctx context.Context, out *tickets.Outgoing, from author) mailout.Draft {
	m := out.Message
	text := m.Text
	if m.Quoted != "" {
		text = strings.TrimLeft(text+"\n\n"+m.Quoted, "\n")
	}
	draft := mailout.Draft{
		From: from.from, ReplyTo: desk.Address{Name: m.FromName, Addr: out.ReplyTo}, To: m.To, Cc: m.Cc, Subject: m.Subject,
		MessageID: m.MessageID, References: out.Facts.References, Date: m.At, Text: text, HTML: m.HTML,
	}
	if len(draft.References) > 0 {
		draft.InReplyTo = draft.References[len(draft.References)-1]
	}
	if len(m.To)+len(m.Cc) == 0 { // all recipients are blind copies: somebody has to stand in To (RFC 5322 §3.6.3)
		draft.To = []desk.Address{from.from}
	}
	if draft.HTML == "" {
		draft.HTML = markup(text)
	} else if m.Quoted != "" {
		draft.HTML += "\n" + markup(m.Quoted)
	}
	if out.Facts.Automatic != "" { // T-LOOP: what no person wrote says so, and where it came from
		draft.AutoSubmitted, draft.Loop = "auto-replied", out.Loop
	}
	if out.Link != "" {
		lang := language.Pick(out.Language, "")
		draft.Text, draft.HTML = strings.TrimRight(draft.Text, "\n")+"\n\n"+mailout.VisitText(lang, out.Link), draft.HTML+mailout.VisitHTML(lang, out.Link)
	}
	for _, file := range out.Files {
		draft.Files = append(draft.Files, mailout.File{
			Name: file.Name, MediaType: file.MediaType, ContentID: file.ContentID, Inline: file.Inline, Size: file.Size,
			Open: func() (io.ReadCloser, error) { return file.Open(ctx) },
		})
	}
	return draft
}

// inMemory is the size up to which a mail is composed without a temporary file: fifty may be under way. What is larger lies in the bucket anyway.
const inMemory = attachments.SmallOriginal

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

package intake

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"postern/attachments"
	"postern/desk"
	"postern/domains"
	"postern/mailtext"
	"postern/reports"
	"postern/store"
	"postern/threading"
)

// mail is one mail on its way to its group: everything that needs bytes, keys or the bucket is done; only its place is open.
type mail struct {
	env       desk.Envelope
	at        time.Time
	verdict   desk.Verdict
	parsed    *mailtext.Mail // nil: unreadable
	from      desk.Address   // canonical
	messageID string         // its own, or one made from its bytes
	keyed     bool           // the id may tell the same mail from another (see identify)
	digest    []byte
	mailboxes []int64        // of ours, the primary first
	others    []desk.Address // in To and Cc, without ours
	asBcc     bool
	evidence  threading.Mail
	clues     threading.Clues
	guesses   int        // tokens that it names in our form, and that we did not make
	answers   [][16]byte // keys of the foreign ids that it names
	hold      hold
	words     []string // for search
	preview   string

	opinion     desk.Opinion
	view        view // what screening saw
	warnings    []desk.Warning
	code        string           // evidence of another service's sign-in code
	released    desk.Cause       // why it was suspended, if an agent let it in
	into        int64            // the ticket onto which an agent let it; 0: by its evidence
	forwarded   *forwarded       // an agent forwarded a customer's mail (T-FWD)
	returned    *returned        // it reports on a message of ours (T-DSN)
	personal    *personal        // it names a personal address of one of our people (T-07)
	settled     *desk.Returned   // what became of that message, once the plan knows
	about       *store.ReportRow // it reports on a domain of ours
	reportKind  reports.Kind     // what it reports, if anything
	acknowledge bool             // its mailbox acknowledges new tickets

	original     store.OriginalRow
	originalKept bool // set once a row names the object
	files        []store.FileRow
	keepOriginal func(id int64) (store.OriginalRow, error)
}

// prepare does all work on a mail that does not need its group. Who sent it is asked beside the reading of it: the one waits for the DNS, the other works.
func (in *Intake) prepare(ctx context.Context, env desk.Envelope, raw *io.SectionReader, was *suspendedMail) (*mail, error) {
	m := &mail{env: env, at: env.ReceivedAt}
	judged := in.judge(ctx, m, raw, was)
	parsed, problem, err := read(ctx, raw)
	judged()
	if err != nil {
		return nil, fmt.Errorf("intake: read the mail: %w", err)
	}
	m.parsed = parsed
	if err := in.identify(m, raw, was); err != nil {
		return nil, err
	}
	named := m.named()
	m.mailboxes, m.asBcc = in.directory.mailboxes(env.Recipients, named)
	for _, person := range named {
		if !in.directory.isMailbox(person.Addr) {
			m.others = append(m.others, person)
		}
	}
	if err := in.understand(ctx, m, raw); err != nil {
		return nil, err
	}
	m.view = in.look(m, problem)
	m.hold = screen(m.view)
	if m.hold.refused != "" {
		return m, nil
	}
	return m, in.keep(ctx, m, raw)
}

// understand reads what is special about a mail: what it answers, what it reports, whom it brings.
func (in *Intake) understand(ctx context.Context, m *mail, raw *io.SectionReader) error {
	if m.parsed == nil {
		return nil
	}
	if err := m.attempt(ctx, "looking for a report in it", func() error { return in.readReport(ctx, m, raw) }); err != nil {
		return err
	}
	if err := m.attempt(ctx, "looking for a forwarded mail in it", func() error { return in.readForward(ctx, m, raw) }); err != nil {
		return err
	}
	if m.env.Source == desk.FromSMTP && in.directory.policy().VerificationCodes {
		if err := m.attempt(ctx, "looking for a sign-in code", func() error { m.code, _ = mailtext.VerificationCode(m.parsed); return nil }); err != nil {
			return err
		}
	}
	if err := m.attempt(ctx, "looking for names that deceive", func() error { m.warnings = in.directory.warnings(m.parsed); return nil }); err != nil {
		return err
	}
	m.acknowledge = in.directory.acknowledges(m.mailboxes)
	m.evidence = m.asEvidence()
	m.clues, m.guesses = in.codec.Read(m.evidence), in.codec.Guesses(m.evidence)
	m.personal = in.readPersonal(m)
	for _, id := range m.clues.Foreign {
		m.answers = append(m.answers, threading.Key(id))
	}
	return nil
}

// attempt tries to find out more about a mail that can be read. That it cannot be found out is a line on the mail and no reason to send it back for ever (T-POISON), unless our own time is over.
func (m *mail) attempt(ctx context.Context, doing string, try func() error) error {
	err := func() (err error) {
		defer func() {
			if caught := recover(); caught != nil {
				err = fmt.Errorf("failed inside the program: %v", caught)
			}
		}()
		return try()
	}()
	if ctx.Err() != nil {
		return fmt.Errorf("intake: %s: %w", doing, ctx.Err())
	}
	if err != nil {
		m.parsed.Problems = append(m.parsed.Problems, clean("In "+doing+": "+err.Error()))
	}
	return nil
}

// look gathers what screening decides by.
func (in *Intake) look(m *mail, problem string) view {
	_, fromAgent := in.directory.agent(m.from.Addr)
	v := view{
		Unreadable: problem, Source: m.env.Source, NoMailbox: len(m.mailboxes) == 0, Hostname: in.cfg.Hostname, Loops: m.loops(),
		From: m.from.Addr, FromAgent: fromAgent, FromUs: in.directory.isMailbox(m.from.Addr), FromOwned: in.directory.owns(desk.DomainOf(m.from.Addr)),
		Personal: m.personal.lacking(), Verified: m.verified(), DMARC: m.verdict.DMARC, Level: in.directory.dmarcLevel(m.mailboxes),
		Listed: m.env.Listed, Opinion: m.opinion, Policy: in.directory.policy(), Automatic: m.automatic() != "", Recipients: m.recipients(),
	}
	if rule, ok := in.directory.rule(desk.Sender{From: m.from.Addr, MailFrom: desk.Canonical(m.env.MailFrom), IP: m.env.RemoteIP, Proved: v.Verified}, m.at); ok {
		v.Rule = &rule
	}
	switch m.env.Source {
	case desk.FromVisitor, desk.FromForm:
		v.Hourly = in.rates.count(m.from.Addr, m.at)
	case desk.FromSMTP:
		v.Hourly = in.rates.count(m.from.Addr, m.at)
		if !m.personal.acts() {
			v.Code = m.code
		}
	case desk.FromFile: // an operator brings mail that is old: its keys are gone, its servers have changed
		v.Level = desk.DMARCMonitor
	}
	return v
}

// keep stores what the mail leaves behind: its original, its files, its words.
func (in *Intake) keep(ctx context.Context, m *mail, raw *io.SectionReader) error {
	kept, err := in.stamped(m, raw)
	if err != nil {
		return err
	}
	if err := in.keepOriginal(ctx, m, kept); err != nil {
		return err
	}
	if m.hold.cause == "" && m.about == nil && len(m.parsed.Files) > 0 {
		if err := in.keepFiles(ctx, m, raw); err != nil {
			in.discard(m)
			return err
		}
	}
	if m.parsed == nil {
		return nil
	}
	m.preview = mailtext.Snippet(cut(m.body().text, 8*previewLen), previewLen)
	text := m.parsed.Text
	if len(m.clues.Foreign)+len(m.clues.OurIDs)+len(m.clues.Tokens) > 0 {
		text = m.body().text // an answer: what it quotes is found where it was written
	}
	m.words = mailtext.Lexemes(strings.Join([]string{m.parsed.Subject, m.from.Name, m.from.Addr, text}, "\n"))
	return nil
}

// identify finds who the mail says that it is from, and by which id it is known.
func (in *Intake) identify(m *mail, raw *io.SectionReader, was *suspendedMail) error {
	if m.parsed != nil {
		m.messageID = m.parsed.MessageID
		if len(m.parsed.From) > 0 {
			m.from = m.parsed.From[0]
		} else if m.parsed.Sender != nil {
			m.from = *m.parsed.Sender
		}
	}
	if m.from.Addr == "" {
		m.from.Addr = m.env.MailFrom
	}
	if m.from.Addr == "" {
		m.from.Addr = "unknown@invalid" // RFC 2606 §2: nobody's address, and nobody's identity
	}
	m.from.Addr = desk.Canonical(m.from.Addr)
	of := exceptTrace
	if m.messageID == "" {
		of = asSent
	}
	print, err := takeFingerprint(raw, of)
	if err != nil {
		return fmt.Errorf("intake: read the mail again: %w", err)
	}
	m.digest, m.keyed = print.sum, true
	if was != nil {
		m.digest = was.digest // the kept copy bears our stamp, which is not the mail's
	}
	if m.messageID == "" {
		// A missing id is no key for anything. Bytes that carry a Date or a trace of their way are a mail of their own, and coming again they are the same one
		// tried twice; without either, two equal mails may well be two (an alarm that always says the same), so each gets an id of its own.
		m.messageID = hex.EncodeToString(print.sum[:16]) + "@synthetic." + in.cfg.Hostname
		if m.keyed = print.dated; !m.keyed {
			m.messageID = fmt.Sprintf("%x.%d@synthetic.%s", print.sum[:8], m.at.UnixNano(), in.cfg.Hostname)
		}
	}
	return nil
}

// named is everybody in To and Cc.
func (m *mail) named() []desk.Address {
	if m.parsed == nil {
		return nil
	}
	return slices.Concat(m.parsed.To, m.parsed.Cc)
}

func (m *mail) loops() []string {
	if m.parsed == nil {
		return nil
	}
	return m.parsed.Loop
}

// asEvidence shows the mail to threading.
func (m *mail) asEvidence() threading.Mail {
	mail := threading.Mail{
		MessageID: m.messageID, From: m.from.Addr, Mailboxes: m.mailboxes, ReceivedAt: m.at,
		Addresses: slices.Clone(m.env.Recipients), Automatic: m.automatic() != "",
	}
	for _, person := range m.others {
		mail.People = append(mail.People, desk.Canonical(person.Addr))
	}
	if m.parsed != nil {
		mail.InReplyTo, mail.References, mail.Subject = m.parsed.InReplyTo, m.parsed.References, m.parsed.Subject
		for _, person := range m.named() {
			mail.Addresses = append(mail.Addresses, person.Addr)
		}
		mail.Addresses = append(mail.Addresses, m.parsed.DeliveredTo...)
		mail.Verified = m.verified()
	}
	return mail
}

// verified says whether the From address is proved (behaviour §4). The verdict must be on the very domain that counts as the sender's here: two readers of one header may see two.
func (m *mail) verified() bool {
	if m.parsed == nil || !m.verdict.Verified(m.parsed.OneFrom) {
		return false
	}
	if visitor := m.verdict.Visitor; visitor != "" {
		return visitor == m.from.Addr // a code proves one address, not its domain
	}
	domain, err := domains.ASCII(desk.DomainOf(m.from.Addr))
	return err == nil && domain == m.verdict.From
}

// recipients is how many people stand in To and Cc.
func (m *mail) recipients() int { return len(m.named()) }

// automatic says why the mail counts as written by a machine; empty when a person wrote it (T-OOO).
func (m *mail) automatic() string {
	switch {
	case m.parsed != nil && m.parsed.Automatic != "":
		return m.parsed.Automatic
	case m.env.MailFrom == "" && m.env.Source == desk.FromSMTP:
		return "null return path"
	case m.reportKind != "":
		return "a report (" + string(m.reportKind) + ")"
	default:
		return ""
	}
}

// keepOriginal seals the mail's bytes. Small ones travel with the rows; large ones go to the bucket now. The context of the key is the row's id, known only in the group.
func (in *Intake) keepOriginal(ctx context.Context, m *mail, raw *io.SectionReader) error {
	m.original.Size = raw.Size()
	if raw.Size() > attachments.SmallOriginal {
		object, err := in.upload(ctx, io.NewSectionReader(raw, 0, raw.Size()), raw.Size())
		if err != nil {
			return fmt.Errorf("intake: keep the original: %w", err)
		}
		m.original.ObjectKey, m.original.DEK = &object.Key, object.DEK
		m.keepOriginal = func(int64) (store.OriginalRow, error) { m.originalKept = true; return m.original, nil }
		return nil
	}
	plain := make([]byte, raw.Size())
	if _, err := raw.ReadAt(plain, 0); err != nil && err != io.EOF {
		return fmt.Errorf("intake: read the original: %w", err)
	}
	packed, err := attachments.PackSmall(plain)
	if err != nil {
		return err
	}
	m.keepOriginal = func(id int64) (store.OriginalRow, error) {
		row := m.original
		row.DEK, row.Sealed = packed.SealKey(in.cfg.Keys, originalContext(id)), packed.Sealed
		return row, nil
	}
	return nil
}

// keepFiles streams the mail's files into the bucket. Where the mail itself cannot be taken apart a second time it is suspended with its original: another try would end the same.
func (in *Intake) keepFiles(ctx context.Context, m *mail, raw *io.SectionReader) error {
	var ours error // what the bucket, not the mail, is to blame for
	err := mailtext.EachFile(ctx, raw, m.parsed, func(file mailtext.File, content io.Reader) error {
		source := &witness{Reader: content}
		object, err := in.upload(ctx, source, file.Size)
		if err != nil {
			err = fmt.Errorf("intake: keep file %d of the mail: %w", file.Index, err)
			if source.err == nil {
				ours = err
			}
			return err
		}
		m.files = append(m.files, store.FileRow{
			Info: desk.FileInfo{
				Name: file.Name, MediaType: file.MediaType, Size: object.Size, Inline: file.Inline,
				ContentID: file.ContentID, Origin: file.Origin, Description: file.Description,
			},
			ObjectKey: object.Key, DEK: object.DEK, SHA256: object.SHA256,
		})
		return nil
	})
	if err == nil || ours != nil || ctx.Err() != nil {
		return err
	}
	m.files = nil // the sweep finds the objects that no row names
	m.hold, m.personal = suspendFor(desk.CauseUnprocessable, "Its files could not be taken out: "+err.Error()), nil
	return nil
}

// witness remembers that reading failed.
type witness struct {
	io.Reader
	err error
}

func (w *witness) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	if err != nil && err != io.EOF {
		w.err = err
	}
	return n, err
}

func (in *Intake) upload(ctx context.Context, content io.Reader, size int64) (attachments.Object, error) {
	select {
	case in.uploads <- struct{}{}:
		defer func() { <-in.uploads }()
	case <-ctx.Done():
		return attachments.Object{}, ctx.Err()
	}
	return in.cfg.Bucket.Put(ctx, content, size)
}

// unprocessable is the same mail, to be suspended.
func (m *mail) unprocessable(evidence string) *mail {
	held := *m
	held.hold, held.personal = suspendFor(desk.CauseUnprocessable, evidence), nil
	if held.parsed != nil { // words that the database refused must not come back in the entry
		held.parsed = &mailtext.Mail{Subject: clean(held.parsed.Subject)}
	}
	held.from.Addr = clean(held.from.Addr)
	return &held
}

// clean keeps what any database takes.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0xFFFD {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
}

// Package mailtext promises that any bytes a stranger sends as mail become something a person can read: names, text, sanitized HTML, files, events, and where the quoted history begins.
//
// It is pure: it reads from an io.ReaderAt and returns values; it opens no socket, no database and no file but the one of time zones, and keeps no state between mails.
// It is bounded: depth, parts, header fields, parameters, text, time and memory have limits, and a mail beyond one of them is still returned, with its header fields and the original as its only file.
// It does not judge: who may be believed, which ticket the mail belongs to and whether it is spam are questions for others.
package mailtext

import (
	"context"
	"fmt"
	"io"
	"runtime/debug"
	"time"

	"postern/desk"
)

// Limits bound the work that one mail may cause. A zero field stands for that of DefaultLimits.
type Limits struct {
	Depth        int           // multiparts inside each other
	Parts        int           // parts of the whole mail, containers included
	HeaderFields int           // fields in one header
	Params       int           // parameters of one Content-Type or Content-Disposition
	HeaderBytes  int64         // bytes of one header
	FieldBytes   int64         // bytes of one structured field that is taken apart
	TextBytes    int64         // decoded bytes of one text part, and of the joined Text
	Time         time.Duration // for one walk over the mail
}

// DefaultLimits are far above what people's mail programs write and far below what hurts.
var DefaultLimits = Limits{
	Depth:        50,
	Parts:        1000,
	HeaderFields: 1000,
	Params:       100,
	HeaderBytes:  256 << 10,
	FieldBytes:   64 << 10,
	TextBytes:    1 << 20,
	Time:         10 * time.Second,
}

// filled returns the limits with the defaults where a field is zero.
func (l Limits) filled() Limits {
	d := DefaultLimits
	if l.Depth == 0 {
		l.Depth = d.Depth
	}
	if l.Parts == 0 {
		l.Parts = d.Parts
	}
	if l.HeaderFields == 0 {
		l.HeaderFields = d.HeaderFields
	}
	if l.Params == 0 {
		l.Params = d.Params
	}
	if l.HeaderBytes == 0 {
		l.HeaderBytes = d.HeaderBytes
	}
	if l.FieldBytes == 0 {
		l.FieldBytes = d.FieldBytes
	}
	if l.TextBytes == 0 {
		l.TextBytes = d.TextBytes
	}
	if l.Time == 0 {
		l.Time = d.Time
	}
	return l
}

// Mail is what a person can read in a message, and what the rest of the program decides by.
type Mail struct {
	From        []desk.Address
	Sender      *desk.Address
	ReplyTo     []desk.Address
	To, Cc, Bcc []desk.Address
	OneFrom     bool      // exactly one From field with exactly one address
	Concealed   bool      // From held unseen characters or such that turn the order of letters around; they were taken out of the name
	Subject     string    // decoded, one line
	Date        time.Time // zero when missing or nonsense

	MessageID   string   // without < and >; empty when missing
	InReplyTo   []string // message identifiers, without < and >, in the order written
	References  []string
	DeliveredTo []string // addresses of Delivered-To, X-Original-To, Envelope-To and their kin
	Loop        []string // values of X-Postern-Loop

	ListID, AutoSubmitted, Precedence string
	Automatic                         string // why the mail is automatic, for people; empty when a person wrote it
	Report                            string // report-type of a multipart/report (RFC 6522): delivery-status, feedback-report, disposition-notification

	Text        string // UTF-8, \n line ends, no NUL
	HTML        string // sanitized by Clean; empty when the mail has none, or none that can be shown
	QuoteAt     int    // byte offset into Text where the quoted history begins; len(Text) when there is none
	SignatureAt int    // byte offset into Text where the signature begins; len(Text) when there is none

	Files     []File
	Events    []desk.CalendarEvent
	Encrypted string   // S/MIME or OpenPGP
	Signed    string   // S/MIME or OpenPGP
	Problems  []string // sentences about what was odd or beyond a bound

	by  reader // which reader understood the mail; EachFile has to use the same,
	lim Limits // with the same limits
}

// File is something in a mail that is kept beside its text.
type File struct {
	Name        string // as the sender wrote it, decoded; without folders, controls and invisible direction marks
	MediaType   string // in lower case, without parameters; found by looking when the mail does not say
	ContentID   string // without < and >
	Origin      string // part, message, calendar, tnef, original: where in the mail it came from
	Description string
	Inline      bool  // meant to be shown within the text
	Index       int   // place in Mail.Files
	Size        int64 // decoded bytes
}

// Where a file came from.
const (
	OriginPart     = "part"     // an attachment, or an image within the text
	OriginMessage  = "message"  // an attached mail, kept whole
	OriginCalendar = "calendar" // an invitation, also read into Mail.Events
	OriginTNEF     = "tnef"     // out of a winmail.dat
	OriginOriginal = "original" // the whole mail, because it could not be taken apart
)

// Unreadable says that nothing at all could be shown of a mail.
type Unreadable struct {
	Reason string // a sentence for people
	Err    error  // what stopped the reader, if an error did
}

func (u *Unreadable) Error() string { return u.Reason }
func (u *Unreadable) Unwrap() error { return u.Err }

// Read takes a message (RFC 5322, RFC 2045) apart. It reads src once in the ordinary case, holds no more than a few times Limits.TextBytes however large src is, and does not panic.
// It returns an *Unreadable only when nothing can be shown: src is empty, or broke the reader. Any other error is no fault of the mail (src could not be read from, ctx was called off), and the same mail may be tried again.
// A mail beyond the limits comes back with its header fields, its Problems, and itself as its only file.
func Read(ctx context.Context, src *io.SectionReader, lim Limits) (mail *Mail, err error) {
	defer func() {
		if caught := recover(); caught != nil {
			mail, err = nil, &Unreadable{Reason: "The mail broke the reader.", Err: fmt.Errorf("reading a mail: panic: %v\n%s", caught, debug.Stack())}
		}
	}()
	if src.Size() == 0 {
		return nil, &Unreadable{Reason: "The mail is empty."}
	}
	return newReading(ctx, src, lim.filled()).cascade()
}

// EachFile walks the mail once more and hands out the decoded bytes of each of m.Files, in their order, as a stream. fn may return without reading to the end; its first error stops the walk and is returned.
// m has to come from Read over the same bytes.
func EachFile(ctx context.Context, src *io.SectionReader, m *Mail, fn func(f File, r io.Reader) error) (err error) {
	defer func() {
		if caught := recover(); caught != nil {
			err = fmt.Errorf("handing out the files of a mail: panic: %v\n%s", caught, debug.Stack())
		}
	}()
	if len(m.Files) == 0 {
		return nil
	}
	lim := m.lim.filled()
	lim.Time = time.Hour // fn writes to storage, whose slowness is no fault of the mail; ctx bounds it
	r := newReading(ctx, src, lim)
	r.known, r.hand = m.Files, fn
	return r.again(m.by)
}

package mailtext

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"postern/desk"
)

// How a mail was forwarded.
const (
	FormAttached = "attached" // as a file: message/rfc822
	FormInline   = "inline"   // copied into the text, below a block of its fields
)

// Forward is the mail of a customer within the mail of an agent who passed it on (T-FWD). Of several levels it is the outermost: what the agent had before them.
type Forward struct {
	Form      string // attached or inline
	From      desk.Address
	To, Cc    []desk.Address
	Subject   string    // one line
	Date      time.Time // UTC; zero when missing or unreadable. An inline date without a zone is taken for UTC, and so may be off by hours
	MessageID string    // without < and >; inline only where the program shows it, which few do
	Text      string    // the customer's words
	Note      string    // the agent's words, above the forwarded mail and below it
	HTML      string    // sanitized; of the attached form only

	// Of the attached form only: the mail itself, and its bytes. EachFile(ctx, Source, Nested, …) hands out its files.
	Nested *Mail
	Source *io.SectionReader
	File   int // place in Files of the mail that carries it; -1 when inline

	told bool // a line or the subject says 'forwarded': it is not the history of a reply
}

// maxForwarded bounds an attached mail that is opened: it is held in memory.
const maxForwarded = 32 << 20

// Forwarded finds a mail that was forwarded within the text of m. It is a guess by the habits of mail programs, on the safe side: false when no sender with an address is found, when the block is the history of a reply, or when m is a report of a machine.
// Whether the one who forwards may speak for others is for the caller to ask. ReadForwarded also opens attached mails.
func Forwarded(m *Mail) (Forward, bool) {
	if byMachine(m) {
		return Forward{}, false
	}
	if fw, found := inlineForward(m, m.Text); found || m.HTML == "" {
		return fw, found
	}
	return inlineForward(m, linesOfHTML(m.HTML)) // the text lacks the line ends that the formatted version has
}

// ReadForwarded finds a mail that was forwarded within m, attached or inline; m has to come from Read over src. The attached mail is read with the limits of m and held in memory; one of more than 32 MiB is not opened.
// An attached mail goes first, unless the text itself is a forwarded mail from somebody else: then the attachment came with that.
// An error says that src could not be read or ctx was called off; a forward that cannot be understood is no error, but false.
func ReadForwarded(ctx context.Context, src *io.SectionReader, m *Mail) (Forward, bool, error) {
	inline, found := Forwarded(m)
	if byMachine(m) {
		return Forward{}, false, nil
	}
	for _, f := range m.Files {
		if f.Origin != OriginMessage || f.Size > maxForwarded {
			continue
		}
		attached, ok, err := openForwarded(ctx, src, m, f)
		if err != nil {
			return Forward{}, false, err
		}
		if ok && found && inline.told && !attached.From.Is(inline.From.Addr) {
			return inline, true, nil
		}
		if ok {
			return attached, true, nil
		}
	}
	return inline, found, nil
}

// byMachine says whether a mail was sent by a program of its own accord: bounces show the mail that came back just as a forward does. Automatic is not asked, since Exchange puts its X-Auto-Response-Suppress on people's mail too.
// A mail that is shown as it came begins with its own fields.
func byMachine(m *Mail) bool {
	return m.by == byOriginal || m.Report != "" || m.AutoSubmitted != "" && !strings.EqualFold(m.AutoSubmitted, "no")
}

// errFound ends a walk over files after the one that was wanted.
var errFound = errors.New("found")

// openForwarded reads an attached mail.
func openForwarded(ctx context.Context, src *io.SectionReader, m *Mail, wanted File) (Forward, bool, error) {
	var raw []byte
	err := EachFile(ctx, src, m, func(f File, r io.Reader) (err error) {
		if f.Index != wanted.Index {
			return nil
		}
		if raw, err = io.ReadAll(io.LimitReader(r, maxForwarded)); err != nil {
			return err
		}
		return errFound
	})
	if err != nil && !errors.Is(err, errFound) {
		return Forward{}, false, fmt.Errorf("opening a forwarded mail: %w", err)
	}
	source := io.NewSectionReader(bytes.NewReader(raw), 0, int64(len(raw)))
	nested, err := Read(ctx, source, m.lim)
	var unreadable *Unreadable
	if errors.As(err, &unreadable) {
		return Forward{}, false, nil
	}
	if err != nil {
		return Forward{}, false, fmt.Errorf("opening a forwarded mail: %w", err)
	}
	if len(nested.From) == 0 || !desk.ValidAddress(nested.From[0].Addr) {
		return Forward{}, false, nil
	}
	return Forward{
		Form: FormAttached, From: nested.From[0], To: nested.To, Cc: nested.Cc, Subject: nested.Subject, Date: nested.Date, MessageID: nested.MessageID,
		Text: nested.Text, HTML: nested.HTML, Note: strings.TrimSpace(m.Text), Nested: nested, Source: source, File: wanted.Index, told: true,
	}, true, nil
}

// inlineForward reads the first block of fields in a text, if it is that of a forwarded mail.
func inlineForward(m *Mail, text string) (Forward, bool) {
	lines := splitLines(text)
	block, found := forwardBlock(lines)
	if !found {
		return Forward{}, false
	}
	fw, ok := block.forward()
	if !ok {
		return Forward{}, false
	}
	switch prefix := subjectPrefix(m.Subject); {
	case block.told:
	case prefix == prefixReply || isAmong(fw.From, m.To) || isAmong(fw.From, m.Cc):
		return Forward{}, false // the same block stands above the history of a reply
	default:
		fw.told = prefix == prefixForward
	}
	fw.Note = strings.TrimSpace(text[:lines[block.start].start])
	body, below := forwardedText(lines, block, text)
	fw.Text = body
	if below != "" {
		fw.Note = strings.TrimSpace(fw.Note + "\n\n" + below)
	}
	return fw, true
}

func isAmong(one desk.Address, list []desk.Address) bool {
	for _, each := range list {
		if each.Is(one.Addr) {
			return true
		}
	}
	return false
}

// forwardedText is what stands below the block: the customer's words, without the > that some programs put before them, and what the agent wrote below the line that ends them.
func forwardedText(lines []textLine, block *forwardFields, text string) (body, below string) {
	first := block.after
	for first < len(lines) && (lines[first].text == "" || isForwardFrame(lines[first].text)) {
		first++
	}
	if first == len(lines) {
		return "", ""
	}
	begin, end := lines[first].start, len(text)
	if block.ends {
		for i := len(lines) - 1; i >= first; i-- {
			if isForwardEnd(lines[i].text) {
				end = lines[i].start
				if i+1 < len(lines) {
					below = strings.TrimSpace(text[lines[i+1].start:])
				}
				break
			}
		}
	}
	body = text[begin:end]
	if lines[first].quoted {
		body = unquoted(body)
	}
	return strings.TrimSpace(body), below
}

// unquoted takes one > off each line.
func unquoted(text string) string {
	var out strings.Builder
	out.Grow(len(text))
	for line := range strings.SplitAfterSeq(text, "\n") {
		if rest, marked := strings.CutPrefix(strings.TrimLeft(line, " "), ">"); marked {
			line = strings.TrimPrefix(rest, " ")
		}
		out.WriteString(line)
	}
	return out.String()
}

// What the beginning of a subject says.
type prefixKind int

const (
	prefixNone prefixKind = iota
	prefixReply
	prefixForward
)

// subjectPrefix is the outermost 'Re:' or 'Fwd:' of a subject, in any language. VS: is a reply in Finnish and a forward in Danish and Norwegian, so it says nothing.
func subjectPrefix(subject string) prefixKind {
	head := subject[:min(len(subject), 40)]
	colon := strings.IndexAny(head, ":：")
	if colon <= 0 {
		return prefixNone
	}
	word := strings.ToLower(strings.TrimSpace(head[:colon]))
	if cut := strings.IndexAny(word, "[(^"); cut > 0 { // Re[2]:, Re(2):, Re^2:
		word = word[:cut]
	}
	return subjectPrefixes[word]
}

package jobs

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/mail"
	"strconv"
	"strings"
	"time"

	"postern/desk"
	"postern/domains"
	"postern/mailauth/canon"
	"postern/mailout"
	"postern/store"
	"postern/tickets"
)

// lastDays is how much of its life a signature must have before it when the mail leaves: time for queues on the way, since many verifiers take one that has ended for none (RFC 6376 §3.5, x=).
const lastDays = 48 * time.Hour

// signature is what the header of a mail says of who speaks in it, and until when that can be believed.
type signature struct {
	from      string // the address in From
	domain    string // d=; empty: it is not signed
	selectors []string
	signed    time.Time // t=, the earliest
	expires   time.Time // x=, the earliest; zero: never
}

// signatureOf reads the signatures of a mail of ours.
func signatureOf(r io.Reader) (s signature, err error) {
	parsed, err := mail.ReadMessage(bufio.NewReader(r))
	if err != nil {
		return s, fmt.Errorf("jobs: header of a kept mail: %w", err)
	}
	from, err := parsed.Header.AddressList("From")
	if err != nil || len(from) != 1 {
		return s, errors.New("jobs: a kept mail has no author")
	}
	s.from = from[0].Address
	for _, field := range parsed.Header["Dkim-Signature"] {
		tags, err := canon.ParseTags(field)
		if err != nil {
			return s, fmt.Errorf("jobs: signature of a kept mail: %w", err)
		}
		s.domain = tags.Get("d")
		s.selectors = append(s.selectors, tags.Get("s"))
		s.signed, s.expires = earlier(s.signed, tags.Get("t")), earlier(s.expires, tags.Get("x"))
	}
	return s, nil
}

// earlier is the earlier of two times, the second in the seconds of a signature; none is none.
func earlier(a time.Time, seconds string) time.Time {
	n, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return a
	}
	if b := time.Unix(n, 0); a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

// again is a mail that was composed before. Its bytes leave as they are if they still can: not in the name of a domain that broke meanwhile, and not under a signature that will not be believed.
func (w *sendReply) again(ctx context.Context, out *tickets.Outgoing) (*parcel, error) {
	p := &parcel{letter: tickets.Letter{Outgoing: out}}
	if err := p.read(func() (io.ReadCloser, int64, error) { return w.tickets.KeptBytes(ctx, out) }); err != nil {
		return nil, err
	}
	r, err := p.open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	kept, err := signatureOf(r)
	if err != nil {
		return nil, err
	}
	p.signature = kept
	sending, err := w.domains.SendingAs(ctx, desk.DomainOf(kept.from))
	if err != nil {
		return nil, err
	}
	switch {
	case sending.Do == domains.SendUse:
		p.letter.Sender, p.returnPath = desk.DomainOf(kept.from), w.tickets.ReturnPath(kept.from, out.Message.ID)
		why, err := w.stale(ctx, kept)
		if kept.domain == "" {
			why = "its domain was not verified when it was written"
		}
		if err != nil || why == "" {
			return p, err
		}
		return w.resign(ctx, p, sending.Keys, why)
	case sending.Do == domains.SendFallback && kept.domain == "" && out.System.From == "":
		p.letter.Sender, p.returnPath = desk.DomainOf(kept.from), w.tickets.ReturnPath(kept.from, out.Message.ID) // nothing has changed: there is no verified domain
		return p, nil
	}
	return w.anew(ctx, out, sending.Why)
}

// anew composes a mail again, in another name than before. A heldError says that there is no other.
func (w *sendReply) anew(ctx context.Context, out *tickets.Outgoing, why string) (*parcel, error) {
	from, err := authorOf(ctx, w.domains, out.Message.From(), out.System.From)
	if err != nil {
		return nil, err
	}
	whole, err := w.tickets.Outgoing(ctx, store.WordsAlways, out.Errand)
	if err != nil || whole[0] == nil {
		return nil, errors.Join(err, errGone)
	}
	p, err := w.compose(ctx, whole[0], from)
	if err != nil {
		return nil, err
	}
	p.story = []desk.Attempt{{At: w.now(), Kind: desk.AttemptSigned, Reply: "composed and signed anew in the name of " + from.from.Addr + ", since " + why}}
	return p, nil
}

var errGone = errors.New("the message was taken back")

// stale says why a signature will not be believed by whoever gets the mail now; empty: it will.
func (w *sendReply) stale(ctx context.Context, kept signature) (string, error) {
	if !kept.expires.IsZero() && kept.expires.Sub(w.now()) < lastDays {
		return "the signature from before is about to end", nil
	}
	valid, err := w.domains.Valid(ctx, kept.domain, kept.selectors, kept.signed)
	if err != nil || valid {
		return "", err
	}
	return "a key that signed it is not in force any more", nil
}

// resign puts new signatures on a mail in place of those that it bears. Everything below them stays as it was.
func (w *sendReply) resign(ctx context.Context, old *parcel, keys []domains.Key, why string) (*parcel, error) {
	bare, err := newSheet(old.size)
	if err != nil {
		return nil, err
	}
	defer bare.close()
	r, err := old.open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if err := unsigned(bare, r); err != nil {
		return nil, fmt.Errorf("jobs: sign anew: %w", err)
	}
	final, err := newSheet(old.size)
	if err != nil {
		return nil, err
	}
	reader, err := bare.reader()
	if err == nil {
		err = mailout.Sign(final, reader, keys, w.expiry())
	}
	var p *parcel
	if err == nil {
		p, err = w.sealed(ctx, old.letter.Outgoing, final)
	}
	if err != nil {
		final.close()
		return nil, err
	}
	p.letter.Sender, p.returnPath, p.signature = old.letter.Sender, old.returnPath, w.signed(keys)
	if old.signature.domain != "" { // else the problem was that it is not signed
		p.letter.Problems = old.letter.Facts.Problems
	}
	p.story = []desk.Attempt{{At: w.now(), Kind: desk.AttemptSigned, Reply: "signed anew, since " + why}}
	return p, nil
}

// unsigned copies a mail of ours without its signatures.
func unsigned(to io.Writer, from io.Reader) error {
	lines := bufio.NewReader(from)
	skipping := false
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return fmt.Errorf("the header does not end: %w", err)
		}
		if folded := line[0] == ' ' || line[0] == '\t'; !folded {
			name, _, _ := strings.Cut(line, ":")
			skipping = strings.EqualFold(name, "DKIM-Signature")
		}
		if skipping {
			continue
		}
		if _, err := io.WriteString(to, line); err != nil {
			return err
		}
		if line == "\r\n" {
			_, err := io.Copy(to, lines)
			return err
		}
	}
}

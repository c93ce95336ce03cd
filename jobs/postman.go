package jobs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"postern/desk"
	"postern/domains"
	"postern/mailout"
	"postern/tickets"
)

// postman brings automatic letters to one person each: a code, news of an account, the question whether an address is theirs.
type postman struct {
	tickets *tickets.Service
	domains *domains.Service
	sender  *mailout.Sender
	log     *slog.Logger
}

// errand is one letter.
type errand struct {
	what  string       // as the log calls it
	about []any        // what else the log says of it: never a word of it, nor whom it goes to
	id    string       // the first part of its Message-ID, the same at every try
	from  desk.Address // the mailbox in whose name it leaves; without an address the system itself
	draft func(from desk.Address, m mark) mailout.Draft
}

// mark is how a mail of ours is known: its Message-ID, and what it shows when it comes back (T-LOOP).
type mark struct{ id, loop string }

// brought is what became of a letter.
type brought struct {
	desk.Delivery
	waits bool // it could not leave just now: whoever has the errand tries again
}

// taken says whether somebody has the letter, or may have it: then it is not sent again.
func (b brought) taken() bool {
	return !b.waits && (b.State == desk.DeliverySent || mailout.PerhapsTaken(b.Delivery))
}

// bring writes a letter and tries once to hand it over.
func (p postman) bring(ctx context.Context, e errand) (brought, error) {
	system, err := p.tickets.SystemSender(ctx)
	if err != nil {
		return brought{}, err
	}
	marks := p.tickets.Marks()
	if e.from.Addr == "" {
		e.from.Addr = "postern@" + marks
	}
	from, err := authorOf(ctx, p.domains, e.from, system)
	if held := (heldError{}); errors.As(err, &held) {
		return brought{waits: true}, nil
	}
	if err != nil {
		return brought{}, err
	}
	draft := e.draft(from.from, mark{e.id + "@" + marks, marks})
	outcome, err := deliverLetter(ctx, p.sender, from, draft)
	if err != nil {
		return brought{}, err
	}
	p.log.InfoContext(ctx, e.what, append(e.about, "domain", desk.DomainOf(draft.To[0].Addr), "state", outcome.State, "reply", outcome.Reply)...)
	return brought{outcome, outcome.State == desk.DeliveryDeferred && !mailout.PerhapsTaken(outcome)}, nil
}

// deliverLetter writes, signs and sends one automatic mail to one person, with the null sender: nobody hears of a bounce.
func deliverLetter(ctx context.Context, sender *mailout.Sender, from author, draft mailout.Draft) (desk.Delivery, error) {
	ctx, cancel := context.WithTimeout(ctx, handTime)
	defer cancel()
	sheet, err := write(draft, from.keys, letterSize, time.Time{})
	if err != nil {
		return desk.Delivery{}, err
	}
	defer sheet.close()
	outcome := sender.Deliver(ctx, mailout.Outgoing{
		ID: draft.MessageID, Recipients: []string{draft.To[0].Addr}, Size: sheet.size,
		Open: func() (io.ReadCloser, error) {
			reader, err := sheet.reader()
			if err != nil {
				return nil, fmt.Errorf("jobs: letter: %w", err)
			}
			return io.NopCloser(reader), nil
		},
	})
	return outcome[0], nil
}

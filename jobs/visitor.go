package jobs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/riverqueue/river"

	"postern/desk"
	"postern/domains"
	"postern/identity"
	"postern/language"
	"postern/mailout"
	"postern/tickets"
)

// tellVisitor mails the code by which somebody proves an address. Somebody waits for it, so it is tried again soon, until it would come too late.
type tellVisitor struct {
	river.WorkerDefaults[desk.TellVisitor]
	tickets  *tickets.Service
	identity *identity.Service
	domains  *domains.Service
	sender   *mailout.Sender
	log      *slog.Logger
}

// codeRetry is how long a code waits that could not leave just now.
const codeRetry = 20 * time.Second

func (w *tellVisitor) Work(ctx context.Context, job *river.Job[desk.TellVisitor]) error {
	id := job.Args.Code
	letter, wanted, err := w.identity.VisitorLetter(ctx, id)
	if err != nil || !wanted {
		return err
	}
	system, err := w.tickets.SystemSender(ctx)
	if err != nil {
		return err
	}
	from, err := authorOf(ctx, w.domains, letter.From, system)
	if held := (heldError{}); errors.As(err, &held) {
		return river.JobSnooze(codeRetry)
	}
	if err != nil {
		return err
	}
	marks := w.tickets.Marks()
	outcome, err := deliverLetter(ctx, w.sender, from, visitorDraft(letter, from.from, mark{fmt.Sprintf("code.%d@%s", id, marks), marks}))
	if err != nil {
		return err
	}
	w.log.InfoContext(ctx, "code for a visitor", "code", id, "domain", desk.DomainOf(letter.To), "state", outcome.State, "reply", outcome.Reply)
	if outcome.State == desk.DeliveryDeferred && !mailout.PerhapsTaken(outcome) {
		return river.JobSnooze(codeRetry)
	}
	return w.identity.VisitorTold(ctx, id, string(outcome.State)+" "+outcome.Reply)
}

// mark is how a mail of ours is known: its Message-ID, and what it shows when it comes back (T-LOOP).
type mark struct{ id, loop string }

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

// visitorDraft is the mail with the code. Not one word in it is of whoever asked for it: they may have typed somebody else's address (T-02).
func visitorDraft(letter identity.VisitorLetter, from desk.Address, m mark) mailout.Draft {
	lang := language.Pick(letter.Language, "")
	desk := letter.From.Label()
	var text strings.Builder
	subject := lang.Say("Your code for %s", desk)
	if letter.Form {
		subject = lang.Say("Confirm your message to %s", desk)
		text.WriteString(lang.Say("Somebody wrote to %s by a form on the web and gave this address. If it was you, confirm it, and the message is sent.", desk) + "\n\n")
	} else {
		text.WriteString(lang.Say("With this code you see your conversations with %s.", desk) + "\n\n")
	}
	text.WriteString(lang.Say("Your code: %s", spaced(letter.Code)) + "\n")
	text.WriteString(lang.Say("It works for %d minutes, in the browser in which you asked for it.", int(letter.Until.Sub(letter.At).Minutes())) + "\n\n")
	text.WriteString(lang.Say("Or open this link: %s", letter.URL) + "\n\n")
	text.WriteString(lang.Say("If it was not you, there is nothing to do: without the code nobody gets further. Never tell it to anybody.") + "\n")
	return mailout.Draft{
		From: from, To: to(letter.To), Subject: subject, MessageID: m.id, Date: letter.At, Text: text.String(), AutoSubmitted: "auto-generated", Loop: m.loop,
	}
}

// to is one bare address.
func to(addr string) []desk.Address { return []desk.Address{{Addr: addr}} }

// spaced writes a code in two halves, as people read it out.
func spaced(code string) string { return code[:len(code)/2] + " " + code[len(code)/2:] }

package jobs

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/riverqueue/river"

	"postern/desk"
	"postern/domains"
	"postern/language"
	"postern/mailout"
	"postern/tickets"
)

// askRatings asks customers whose tickets were solved whether they were helped. A question is claimed before it is sent: rather lost than asked twice.
type askRatings struct {
	river.WorkerDefaults[desk.AskRatings]
	tickets *tickets.Service
	domains *domains.Service
	sender  *mailout.Sender
	log     *slog.Logger
}

// askAtOnce is how many questions one run sends; the rest is for the next, a minute later.
const askAtOnce = 50

func (w *askRatings) Work(ctx context.Context, _ *river.Job[desk.AskRatings]) error {
	questions, err := w.tickets.DueQuestions(ctx, askAtOnce)
	if err != nil {
		return err
	}
	for _, question := range questions {
		if err := w.ask(ctx, question); err != nil {
			return err
		}
	}
	return nil
}

// ask sends one question and writes down what became of it, even when it was told to stop.
func (w *askRatings) ask(ctx context.Context, question tickets.Question) error {
	from, err := authorOf(ctx, w.domains, question.From, question.System)
	if held := (heldError{}); errors.As(err, &held) {
		return w.tickets.Asked(ctx, question, tickets.Reply{Words: held.why, Again: time.Hour})
	}
	if err != nil {
		return err
	}
	outcome, err := deliverLetter(ctx, w.sender, from, questionDraft(question, from.from))
	if err != nil {
		outcome = desk.Delivery{State: desk.DeliveryDeferred, Reply: "451 4.3.0 not sent: " + err.Error()}
	}
	w.log.InfoContext(ctx, "asked for a rating", "ticket", question.Ticket, "domain", desk.DomainOf(question.To), "state", outcome.State, "reply", outcome.Reply)
	reply := tickets.Reply{Words: outcome.Reply, Sent: outcome.State == desk.DeliverySent}
	if outcome.State == desk.DeliveryDeferred && !mailout.PerhapsTaken(outcome) {
		reply.Again = time.Hour
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTime)
	defer cancel()
	return w.tickets.Asked(ctx, question, reply)
}

// questionDraft is the mail with the question. Nothing that the customer wrote stands in it (T-02).
func questionDraft(q tickets.Question, from desk.Address) mailout.Draft {
	lang := language.Pick(q.Language, "")
	var text strings.Builder
	text.WriteString(lang.Say("Your conversation #%d with %s was marked as solved.", q.Ticket, q.From.Label()) + "\n\n")
	text.WriteString(lang.Say("Were you helped?") + "\n\n")
	text.WriteString(lang.Say("Yes, good: %s", q.URL+"?r=good") + "\n")
	text.WriteString(lang.Say("No, not good: %s", q.URL+"?r=bad") + "\n\n")
	text.WriteString(lang.Say("It takes one more click. If something is still open, answer any of our mails.") + "\n")
	return mailout.Draft{
		From: from, ReplyTo: desk.Address{Name: q.From.Name, Addr: q.ReplyTo}, To: to(q.To), Subject: lang.Say("Were you helped? [#%d]", q.Ticket), MessageID: q.MessageID, Date: q.At,
		Text: text.String(), AutoSubmitted: "auto-generated", Loop: q.Loop,
	}
}

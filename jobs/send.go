package jobs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/riverqueue/river"

	"postern/desk"
	"postern/domains"
	"postern/mailout"
	"postern/store"
	"postern/tickets"
)

const (
	// firstPause and longestPause bound the wait after an error of ours (the store is down, the disk is full); servers of recipients have delays of their own.
	firstPause   = 10 * time.Second
	longestPause = 10 * time.Minute
	// hopeless is after how many such errors a message that could not even be composed is given up, where its writer can see it: about four hours.
	hopeless = 30
	// recordTime is what writing down an outcome may take after the job itself was told to stop.
	recordTime = 5 * time.Second
)

// sendReply brings one message to all its recipients: composed and signed once, then attempted until every recipient has an answer.
type sendReply struct {
	river.WorkerDefaults[desk.SendReply]
	tickets *tickets.Service
	domains *domains.Service
	sender  *mailout.Sender
	random  func() float64
	now     func() time.Time
}

// Timeout is that of the whole job.
func (w *sendReply) Timeout(*river.Job[desk.SendReply]) time.Duration { return sendTimeout }

// NextRetry is the pause after an error of ours.
func (w *sendReply) NextRetry(job *river.Job[desk.SendReply]) time.Time {
	return w.now().Add(min(time.Duration(len(job.Errors)+1)*firstPause, longestPause))
}

// Work makes one attempt for every recipient that is due, and comes back when the next one is.
func (w *sendReply) Work(ctx context.Context, job *river.Job[desk.SendReply]) error {
	id := job.Args.Message
	out, err := w.tickets.Outgoing(ctx, id)
	if undone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	from, err := authorOf(ctx, w.domains, out.Message.From(), out.System.From)
	if err != nil {
		return err
	}
	if !out.Message.HasOriginal {
		err := w.prepare(ctx, out, from)
		switch {
		case undone(err):
			return nil
		case err != nil && len(job.Errors) >= hopeless:
			return w.giveUp(ctx, out, err)
		case err != nil:
			return err
		}
	}
	if err := w.attempt(ctx, out, from); err != nil {
		return err
	}
	return w.comeBack(ctx, id)
}

// undone says whether the message is not there any more: its writer took it back.
func undone(err error) bool {
	var fault *desk.Fault
	return errors.As(err, &fault) && fault.Kind == desk.NotFound
}

// attempt delivers to the recipients that are due, those of one server after each other over one connection. Whoever has their copy is recorded before the next one leaves,
// and the others at the end of their group, so that a crash repeats as little as possible.
func (w *sendReply) attempt(ctx context.Context, out tickets.Outgoing, from author) error {
	bytes, size, err := w.tickets.SignedBytes(ctx, out.Message.ID)
	if err != nil {
		return err
	}
	if err := bytes.Close(); err != nil { // opened for its size, and to fail before anybody is called
		return err
	}
	claimed, err := w.tickets.Claim(ctx, out.Message.ID, sendTimeout)
	if err != nil {
		return err
	}
	known := map[string]store.Awaited{}
	due := make([]string, len(claimed))
	for i, recipient := range claimed {
		known[recipient.Recipient], due[i] = recipient, recipient.Recipient
	}
	slices.Sort(due)
	join := func(one desk.Delivery) desk.Delivery {
		before := known[one.Recipient]
		return mailout.After(desk.Delivery{Attempts: before.Attempts}, one, before.QueuedAt, w.random)
	}
	mail := mailout.Outgoing{
		ID: out.Message.MessageID, ReturnPath: from.returnPath(out), Size: size,
		Open: func() (io.ReadCloser, error) {
			bytes, _, err := w.tickets.SignedBytes(ctx, out.Message.ID)
			return bytes, err
		},
	}
	for _, mail.Recipients = range w.sender.Group(due) {
		var lost error
		mail.Sent = func(one desk.Delivery) error {
			lost = w.record(ctx, out.Message.ID, []desk.Delivery{join(one)})
			return lost
		}
		outcome := w.sender.Deliver(ctx, mail)
		if lost != nil {
			return lost
		}
		rest := slices.DeleteFunc(outcome, func(one desk.Delivery) bool { return one.State == desk.DeliverySent })
		for i, one := range rest {
			rest[i] = join(one)
		}
		if len(rest) == 0 {
			continue
		}
		if err := w.record(ctx, out.Message.ID, rest); err != nil {
			return err
		}
	}
	return nil
}

// record writes an outcome down even when the job was told to stop: what was sent must not be sent again.
func (w *sendReply) record(ctx context.Context, message int64, outcome []desk.Delivery) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTime)
	defer cancel()
	return w.tickets.Delivered(ctx, message, outcome)
}

// comeBack ends the job when every recipient has an answer, and else lets it sleep until the next one is due. Waiting counts as no failure.
func (w *sendReply) comeBack(ctx context.Context, message int64) error {
	awaited, err := w.tickets.Awaited(ctx, message)
	if err != nil || len(awaited) == 0 {
		return err
	}
	next := awaited[0].NextAt
	for _, recipient := range awaited {
		if recipient.NextAt.Before(next) {
			next = recipient.NextAt
		}
	}
	return river.JobSnooze(max(0, next.Sub(w.now())))
}

// giveUp shows the writer that the message could not be made into a mail.
func (w *sendReply) giveUp(ctx context.Context, out tickets.Outgoing, reason error) error {
	outcome := make([]desk.Delivery, len(out.Awaited))
	for i, recipient := range out.Awaited {
		outcome[i] = desk.Delivery{
			Recipient: recipient.Recipient, State: desk.DeliveryBounced, Attempts: recipient.Attempts + 1, UpdatedAt: w.now(),
			Reply: "554 5.6.0 this message could not be made into a mail", // RFC 3463 §3.7: other or undefined media error
		}
	}
	if err := w.record(ctx, out.Message.ID, outcome); err != nil {
		return err
	}
	return river.JobCancel(fmt.Errorf("message %d was given up: %w", out.Message.ID, reason))
}

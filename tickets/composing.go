package tickets

import (
	"context"
	"slices"

	"postern/desk"
)

// Composing is what a composer is filled with: who an answer goes to and from where, what its writer has begun, and how they write.
type Composing struct {
	Answers   int64          // the message that an answer is to; 0: the ticket has none
	Side      bool           // that message stands beside the conversation with the customer
	Subject   string         // of an answer
	To, Cc    []desk.Address // everybody (T-RECIPIENTS)
	Sender    []desk.Address // its author alone
	From      int64          // the mailbox that it was written to
	Drafts    map[desk.MessageKind]desk.Draft
	Habits    desk.Habits
	Mailboxes []desk.Mailbox   // that it can leave from
	Below     map[int64]string // what stands below a mail, by mailbox; the same for all others under 0
}

// Composing fills a composer for an answer to a message; 0: to the newest mail of the ticket.
func (s *Service) Composing(ctx context.Context, actor desk.Actor, ticket desk.Ticket, answers int64) (Composing, error) {
	if err := need(actor, desk.MayNote); err != nil {
		return Composing{}, err
	}
	asked, err := s.answering(ctx, s.store.Reader, ticket, answers)
	if err != nil {
		return Composing{}, err
	}
	out := Composing{Answers: asked.Message.ID, Side: asked.Message.Side != nil, Subject: replySubject(ticket.Subject)}
	if out.Side {
		out.Subject = replySubject(asked.Message.Subject)
	}
	out.To, out.Cc = asked.recipients()
	alone := asked
	alone.Facts.AsBcc = true // which is answered to its author only
	if out.Sender, _ = alone.recipients(); asked.Message.Kind.Leaves() {
		out.Sender = out.Sender[:min(1, len(out.Sender))]
	}
	if m := maskOf(actor.User.Masks()); m.any() {
		out.To, out.Cc, out.Sender, out.Subject = m.shownTo(out.To), m.shownTo(out.Cc), m.shownTo(out.Sender), m.text(out.Subject)
	}
	if out.Drafts, err = s.store.Drafts(ctx, actor.User.ID, ticket.ID); err != nil {
		return out, err
	}
	if err := s.offered(ctx, actor, &out); err != nil {
		return out, err
	}
	out.From = s.writtenTo(asked, ticket, out.Mailboxes)
	return out, nil
}

// Starting fills a composer for a new conversation.
func (s *Service) Starting(ctx context.Context, actor desk.Actor) (out Composing, err error) {
	if err := need(actor, desk.MayReply); err != nil {
		return out, err
	}
	err = s.offered(ctx, actor, &out)
	return out, err
}

// offered reads what is the same for everything that the actor writes.
func (s *Service) offered(ctx context.Context, actor desk.Actor, out *Composing) (err error) {
	if out.Habits, err = s.store.Habits(ctx, actor.User.ID); err != nil {
		return err
	}
	if out.Mailboxes, err = s.store.Mailboxes(ctx); err != nil {
		return err
	}
	below, err := s.store.MailboxSignatures(ctx)
	if err != nil {
		return err
	}
	out.Below = map[int64]string{0: signatures(out.Habits.Signature, "")}
	for mailbox, signature := range below {
		out.Below[mailbox] = signatures(out.Habits.Signature, signature)
	}
	return nil
}

// writtenTo is the mailbox that the message answered was written to: the first of ours in To, then in Cc, then among those for whom it was handed over. Else it is the ticket's own.
func (s *Service) writtenTo(asked answering, ticket desk.Ticket, mailboxes []desk.Mailbox) int64 {
	var names []string
	if asked.Message.Kind.Leaves() {
		names = append(names, asked.Message.FromAddress)
	} else {
		for _, person := range slices.Concat(asked.Message.To, asked.Message.Cc) {
			names = append(names, person.Addr)
		}
		if asked.Facts.Envelope != nil {
			names = append(names, asked.Facts.Envelope.Recipients...)
		}
	}
	for _, name := range names {
		name = desk.Canonical(name)
		base, _ := desk.CutSubaddress(name)
		if parsed, _, ok := s.codec.ParseAddress(name); ok {
			base = parsed
		}
		for _, box := range mailboxes {
			if box.Address == name || box.Address == base {
				return box.ID
			}
		}
	}
	return ticket.MailboxID
}

// Meanwhile are the messages that came to a ticket after the given one and that somebody else wrote, oldest first; five at most (T-STALE).
func (s *Service) Meanwhile(ctx context.Context, actor desk.Actor, number, seen int64) ([]desk.Message, error) {
	if err := need(actor, desk.MayRead); err != nil {
		return nil, err
	}
	eyes, err := s.eyes(ctx, actor)
	if err != nil {
		return nil, err
	}
	return s.store.MessagesSince(ctx, eyes, number, seen, actor.User.ID)
}

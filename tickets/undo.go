package tickets

import (
	"context"
	"slices"
	"strings"

	"postern/desk"
)

// UndoSend takes back a reply that has not left: message, deliveries and job go, the ticket stands as before, and the words are a draft of their author again (T-UNDO).
// Once the first attempt has begun it is a Conflict: keeping the signed bytes and undoing lock the same row, so one of the two comes first.
func (s *Service) UndoSend(ctx context.Context, actor desk.Actor, message int64) (desk.Draft, error) {
	if err := need(actor, desk.MayReply); err != nil {
		return desk.Draft{}, err
	}
	sent, err := s.sightedMessage(ctx, actor, message)
	if err != nil {
		return desk.Draft{}, err
	}
	var draft desk.Draft
	err = s.changeBy(ctx, permitted{actor, desk.MayReply}, sent.TicketID, func(c *change) error {
		m, err := c.LockMessage(ctx, message)
		if err != nil {
			return err
		}
		if err := c.undoable(m); err != nil {
			return err
		}
		facts, err := m.Decode()
		if err != nil {
			return err
		}
		if draft, err = c.takeBack(ctx, m, facts); err != nil {
			return err
		}
		if err := c.DropJob(ctx, desk.SendReply{Message: message}); err != nil {
			return err
		}
		c.restore(m, facts.Before)
		c.audit("ticket.undo", ticketName(c.ticket.ID), map[string]any{"message": message})
		return nil
	})
	return draft, err
}

// undoable says whether a message can still be taken back by the actor.
func (c *change) undoable(m desk.Message) error {
	switch {
	case m.TicketID != c.ticket.ID || !m.Kind.Leaves():
		return desk.Faultf(desk.Conflict, "only a mail of ours can be undone")
	case m.AuthorID == nil || *m.AuthorID != c.actor.User.ID:
		return desk.Faultf(desk.Forbidden, "only who wrote a message can take it back")
	case m.HasOriginal || slices.ContainsFunc(m.Deliveries, func(d desk.Delivery) bool {
		return d.Attempts > 0 || d.State != desk.DeliveryQueued && d.State != desk.DeliveryCancelled
	}):
		return desk.Faultf(desk.Conflict, "too late: the message is on its way")
	default:
		return nil
	}
}

// takeBack makes the message a draft. What its author has begun to write meanwhile stays below it.
func (c *change) takeBack(ctx context.Context, m desk.Message, facts desk.MessageFacts) (desk.Draft, error) {
	draft := desk.Draft{UserID: c.actor.User.ID, TicketID: c.ticket.ID, Kind: m.Kind, Text: m.Text, To: m.To, Cc: m.Cc, Bcc: orNone(facts.Bcc),
		Uploads: []int64{}, Answers: facts.Answers, Forwards: facts.Forwards, UpdatedAt: c.at}
	if m.Kind == desk.KindForward {
		draft.Subject = m.Subject
	}
	var err error
	if draft.MailboxID, err = c.MailboxOf(ctx, m.FromAddress); err != nil {
		return draft, err
	}
	for _, file := range m.Files {
		draft.Uploads = append(draft.Uploads, file.ID)
	}
	later, found, err := c.Draft(ctx, draft.UserID, draft.TicketID, draft.Kind)
	if err != nil {
		return draft, err
	}
	if found {
		draft.Text = strings.TrimSpace(draft.Text + "\n\n" + later.Text)
		draft.Uploads = append(draft.Uploads, later.Uploads...)
	}
	if err := c.DropMessage(ctx, m); err != nil {
		return draft, err
	}
	return draft, c.SaveDraft(ctx, draft)
}

// restore puts the ticket back to how it stood before the reply, unless somebody changed it meanwhile.
func (c *change) restore(m desk.Message, before *desk.Before) {
	if first := c.ticket.FirstAnsweredAt; first != nil && first.Equal(m.At) {
		c.ticket.FirstAnsweredAt = nil // it was the first answer, and has not left
	}
	if before == nil || c.ticket.UpdatedAt.After(m.At) {
		return
	}
	t := &c.ticket
	t.Status, t.WaitingSince, t.SolvedAt, t.ClosedAt = before.Status, before.WaitingSince, before.SolvedAt, before.ClosedAt
	t.DeliveryProblem, t.Preview = before.Problem, before.Preview
}

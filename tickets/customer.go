package tickets

import (
	"context"

	"postern/desk"
	"postern/store"
)

// What customers do on our pages to tickets of their own. Their answers come in by intake, as mail does.

// visitLink is where a customer finds the conversation of a message of theirs or ours, once they have proved their address; empty where this installation has no pages.
func (s *Service) visitLink(message int64) string {
	if s.cfg.PublicURL == "" {
		return ""
	}
	return s.cfg.PublicURL + "/t/" + s.codec.VisitToken(message)
}

// Visited says to which ticket a link in one of our mails leads, and in which mailbox that is. A token that we did not make is a desk.NotFound. It says nothing about who may see the ticket.
func (s *Service) Visited(ctx context.Context, token string) (number, mailbox int64, err error) {
	nothing := desk.Faultf(desk.NotFound, "This link is not whole. Copy all of it from the mail, or ask for your conversations below.")
	message, ok := s.codec.ParseVisitToken(token)
	if !ok {
		return 0, 0, nothing
	}
	m, err := s.store.Message(ctx, store.AllSeeing(), message)
	if isFault(err, desk.NotFound) {
		return 0, 0, nothing
	}
	if err != nil {
		return 0, 0, err
	}
	ticket, err := s.store.Ticket(ctx, store.AllSeeing(), m.TicketID)
	return ticket.ID, ticket.MailboxID, err
}

// AnswerTo is where a customer's answer on a ticket of theirs goes.
type AnswerTo struct {
	Ticket    desk.Ticket
	Address   string // the reply address of the ticket
	MessageID string // that it answers
}

// AnswerTo says where the customer's answer on their ticket goes: to the message that they had before them, so that the same answer sent twice is one. 0 is the newest.
func (s *Service) AnswerTo(ctx context.Context, actor desk.Actor, number, message int64) (to AnswerTo, err error) {
	if err := need(actor, desk.MayOwnWrite); err != nil {
		return to, err
	}
	if to.Ticket, err = s.Get(ctx, actor, number); err != nil {
		return to, err
	}
	if into := to.Ticket.MergedInto; into != nil {
		return to, desk.Faultf(desk.Conflict, "This conversation goes on as #%d.", *into)
	}
	viewer, err := s.viewer(ctx, actor)
	if err != nil {
		return to, err
	}
	m, err := s.store.Message(ctx, viewer, message)
	if isFault(err, desk.NotFound) || err == nil && m.TicketID != number {
		var newest int64
		if newest, err = s.store.NewestInbound(ctx, number); err == nil && newest == 0 {
			err = desk.Faultf(desk.Conflict, "There is nothing to answer here yet.")
		}
		if err == nil {
			m, err = s.store.Message(ctx, store.AllSeeing(), newest)
		}
	}
	to.Address, to.MessageID = s.codec.ReplyAddress(to.Ticket.MailboxAddress, m.ID), m.MessageID
	return to, err
}

// own is change for a customer on a ticket of theirs. Whether it is, the database says in the same transaction.
func (s *Service) own(ctx context.Context, actor desk.Actor, number int64, do func(*change) error) error {
	if err := need(actor, desk.MayOwnWrite); err != nil {
		return err
	}
	viewer, err := s.viewer(ctx, actor)
	if err != nil {
		return err
	}
	return s.store.Write(ctx, func(tx *store.Tx) error {
		locked, err := tx.LockTickets(ctx, viewer, number)
		if err != nil {
			return err
		}
		c := &change{Tx: tx, actor: actor, at: s.now(), ticket: locked[number]}
		if into := c.ticket.MergedInto; into != nil {
			return desk.Faultf(desk.Conflict, "This conversation goes on as #%d.", *into)
		}
		if err := do(c); err != nil {
			return err
		}
		return c.finish(ctx)
	})
}

// CustomerSolve is a customer who says that nothing more is to be done. Said twice it changes nothing.
func (s *Service) CustomerSolve(ctx context.Context, actor desk.Actor, number int64) error {
	return s.own(ctx, actor, number, func(c *change) error {
		if c.ticket.Status.Ended() {
			return nil
		}
		c.event("customer-solved", actor.User.Email, "")
		become(&c.ticket, desk.StatusSolved, c.at)
		return nil
	})
}

// CustomerReopen is a customer who says that it is not solved after all. A ticket that was closed too long ago stays so: an answer to it begins another one (T-FOLLOWUP).
func (s *Service) CustomerReopen(ctx context.Context, actor desk.Actor, number int64) error {
	return s.own(ctx, actor, number, func(c *change) error {
		if !c.ticket.Status.Ended() {
			return nil
		}
		if at := c.ticket.ClosedAt; at != nil && c.ticket.Status.OnReply(*at, c.at, true) != desk.ReplyReopens {
			return desk.Faultf(desk.Conflict, "This conversation was closed too long ago to be opened again. Write what is missing: that begins a new one.")
		}
		c.event("customer-reopened", actor.User.Email, "")
		become(&c.ticket, desk.StatusOpen, c.at)
		return nil
	})
}

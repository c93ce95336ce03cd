package tickets

import (
	"context"

	"postern/desk"
	"postern/store"
)

// Relate says that two tickets belong together. Both stay as they are; each names the other.
func (s *Service) Relate(ctx context.Context, actor desk.Actor, number, other int64) error {
	return s.both(ctx, actor, number, other, func(p *pair) error {
		added, err := p.AddRelated(ctx, number, other)
		if err != nil || !added {
			return err
		}
		p.event("related", "", hash(other))
		p.beside("related", "", hash(number))
		return nil
	})
}

// Unrelate takes that back.
func (s *Service) Unrelate(ctx context.Context, actor desk.Actor, number, other int64) error {
	return s.both(ctx, actor, number, other, func(p *pair) error {
		dropped, err := p.DropRelated(ctx, number, other)
		if err != nil || !dropped {
			return err
		}
		p.event("unrelated", hash(other), "")
		p.beside("unrelated", hash(number), "")
		return nil
	})
}

// Related lists the tickets that belong to one, and those that continue it, as far as the actor sees them, the newest first; 50 at most.
func (s *Service) Related(ctx context.Context, actor desk.Actor, number int64) ([]desk.Ticket, error) {
	if err := need(actor, desk.MayRead); err != nil {
		return nil, err
	}
	eyes, err := s.eyes(ctx, actor)
	if err == nil {
		err = s.store.See(ctx, eyes, number)
	}
	if err != nil {
		return nil, err
	}
	list, err := s.store.RelatedTickets(ctx, eyes, number)
	for i := range list {
		list[i] = maskOf(eyes.Masks).ticket(list[i])
	}
	return list, err
}

// FollowUp begins a ticket that continues one whose work is over: of the same customer, mailbox, team, tags and fields. The first answer on it is the agent's, whose it is.
func (s *Service) FollowUp(ctx context.Context, actor desk.Actor, number int64) (desk.Ticket, error) {
	var made int64
	err := s.change(ctx, actor, number, func(c *change) error {
		old := c.ticket
		if !old.Status.Ended() {
			return desk.Faultf(desk.Conflict, "ticket #%d is not solved yet: go on there, or split a message off", number)
		}
		t := desk.Ticket{Subject: old.Subject, Priority: old.Priority, MailboxID: old.MailboxID, RequesterID: old.RequesterID, AssigneeID: &actor.User.ID,
			Tags: old.Tags, Follows: &number, CreatedAt: c.at, UpdatedAt: c.at}
		become(&t, desk.StatusOpen, c.at)
		t.WaitingSince = nil // nobody waits until somebody writes
		var err error
		if made, err = c.AddTicket(ctx, t); err != nil {
			return err
		}
		locked, err := c.LockTickets(ctx, store.AllSeeing(), made)
		if err != nil {
			return err
		}
		next := locked[made]
		next.TeamID, next.Fields = old.TeamID, old.Fields
		if err := c.SaveTicket(ctx, next); err != nil {
			return err
		}
		c.also = append(c.also, made)
		c.events = append(c.events, store.Happened{Ticket: made, Event: desk.Event{Verb: "continues", To: hash(number)}})
		c.event("continued", "", hash(made))
		c.audit("ticket.follow-up", ticketName(made), map[string]any{"from": number})
		return nil
	})
	if err != nil {
		return desk.Ticket{}, err
	}
	return s.changed(ctx, actor, made)
}

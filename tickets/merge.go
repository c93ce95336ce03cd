package tickets

import (
	"context"
	"fmt"

	"postern/desk"
	"postern/mailtext"
	"postern/store"
)

// pair is a transaction on two locked tickets.
type pair struct {
	*change
	other desk.Ticket
}

// both locks two tickets, lets do work on them, and writes what happened. Neither may be merged away, unless do expects it.
func (s *Service) both(ctx context.Context, actor desk.Actor, first, second int64, do func(*pair) error) error {
	if err := need(actor, desk.MayMerge); err != nil {
		return err
	}
	eyes, err := s.eyes(ctx, actor)
	if err != nil {
		return err
	}
	return s.store.Write(ctx, func(tx *store.Tx) error {
		locked, err := tx.LockTickets(ctx, eyes, first, second)
		if err != nil {
			return err
		}
		if first == second {
			return desk.Wrong("target", "these are one and the same ticket")
		}
		p := &pair{&change{Tx: tx, actor: actor, at: s.now(), ticket: locked[first], also: []int64{second}}, locked[second]}
		if err := do(p); err != nil {
			return err
		}
		return p.tell(ctx)
	})
}

// beside puts a line into the other ticket's conversation.
func (p *pair) beside(verb, from, to string) {
	p.events = append(p.events, store.Happened{Ticket: p.other.ID, Event: desk.Event{Verb: verb, From: from, To: to}})
}

// Merge moves everything of the source onto the target and closes the source. Its number, its tokens and its Message-IDs lead to the target from now on (T-MERGE).
func (s *Service) Merge(ctx context.Context, actor desk.Actor, source, target int64) error {
	return s.both(ctx, actor, source, target, func(p *pair) error {
		if into := p.ticket.MergedInto; into != nil {
			return desk.Faultf(desk.Conflict, "ticket #%d was merged into #%d before", source, *into)
		}
		if into := p.other.MergedInto; into != nil {
			return desk.Faultf(desk.Conflict, "ticket #%d was merged into #%d: merge into that one", target, *into)
		}
		if err := p.Tx.Merge(ctx, source, target, p.at); err != nil {
			return err
		}
		p.event("merged", hash(source), hash(target))
		p.beside("merged", hash(source), hash(target))
		t := p.other
		if waiting := p.ticket.WaitingSince; waiting != nil { // whoever waited there waits here
			if !t.Status.Waiting() {
				p.beside("status", string(t.Status), string(desk.StatusOpen))
				become(&t, desk.StatusOpen, p.at)
			}
			if t.WaitingSince == nil || waiting.Before(*t.WaitingSince) {
				t.WaitingSince = waiting
			}
		}
		return p.settle(ctx, t)
	})
}

// Unmerge takes a merge back: the source has its messages, people and status again. What came to the target afterwards stays there.
func (s *Service) Unmerge(ctx context.Context, actor desk.Actor, source int64) error {
	ticket, err := s.Get(ctx, actor, source)
	if err != nil {
		return err
	}
	if ticket.MergedInto == nil {
		return desk.Faultf(desk.Conflict, "ticket #%d was not merged", source)
	}
	target := *ticket.MergedInto
	return s.both(ctx, actor, source, target, func(p *pair) error {
		if into := p.ticket.MergedInto; into == nil || *into != target {
			return desk.Faultf(desk.Conflict, "ticket #%d has changed meanwhile", source)
		}
		if err := p.Tx.Unmerge(ctx, source, target, p.at); err != nil {
			return err
		}
		p.event("unmerged", hash(source), hash(target))
		p.beside("unmerged", hash(source), hash(target))
		if err := p.RecountPending(ctx, []int64{source, target}); err != nil {
			return err
		}
		return p.settle(ctx, p.other)
	})
}

// settle writes a ticket whose conversation has gained or lost messages.
func (p *pair) settle(ctx context.Context, t desk.Ticket) error {
	if err := p.refresh(ctx, &t); err != nil {
		return err
	}
	return p.RecountPending(ctx, []int64{t.ID})
}

// refresh reads a ticket's preview and paper clip from its conversation again, and writes it.
func (c *change) refresh(ctx context.Context, t *desk.Ticket) error {
	newest, err := c.Newest(ctx, t.ID)
	if err != nil {
		return err
	}
	t.Preview, t.HasAttachment, t.UpdatedAt = mailtext.Snippet(newest.Text, previewRunes), newest.HasAttachment, c.at
	return c.SaveTicket(ctx, *t)
}

// Move puts one message onto another ticket; later answers to it follow (T-MOVE).
func (s *Service) Move(ctx context.Context, actor desk.Actor, message, target int64) error {
	if err := need(actor, desk.MayMerge); err != nil {
		return err
	}
	m, err := s.sightedMessage(ctx, actor, message)
	if err != nil {
		return err
	}
	return s.both(ctx, actor, m.TicketID, target, func(p *pair) error {
		if into := p.other.MergedInto; into != nil {
			return desk.Faultf(desk.Conflict, "ticket #%d was merged into #%d: move it there", target, *into)
		}
		return p.move(ctx, m)
	})
}

// move puts a message from the first ticket of the pair onto the other.
func (p *pair) move(ctx context.Context, known desk.Message) error {
	m, err := p.LockMessage(ctx, known.ID)
	if err != nil {
		return err
	}
	switch {
	case m.TicketID != p.ticket.ID:
		return desk.Faultf(desk.Conflict, "this message was moved meanwhile")
	case m.Kind == desk.KindEvent:
		return desk.Faultf(desk.Conflict, "a line about a change belongs to its ticket")
	}
	facts, err := m.Decode()
	if err != nil {
		return err
	}
	facts.Before = nil // undoing a reply would change the wrong ticket
	facts.Why = desk.Why{Rule: "moved", Saw: hash(p.ticket.ID), Note: movedNote(p.actor, p.ticket.ID, facts.Why)}
	if err := p.MoveMessage(ctx, m.ID, p.other.ID, facts); err != nil {
		return err
	}
	p.event("moved", hash(p.ticket.ID), hash(p.other.ID))
	p.beside("moved", hash(p.ticket.ID), hash(p.other.ID))
	if err := p.refresh(ctx, &p.ticket); err != nil {
		return err
	}
	if err := p.settle(ctx, p.other); err != nil {
		return err
	}
	return p.RecountPending(ctx, []int64{p.ticket.ID})
}

// movedNote keeps the evidence by which the message first came to its ticket.
func movedNote(actor desk.Actor, from int64, why desk.Why) string {
	note := fmt.Sprintf("%s moved it here from #%d.", actor.User.Name, from)
	if why.Rule != "" && why.Rule != "moved" {
		note += fmt.Sprintf(" It had come there by the rule %q, which saw: %s", why.Rule, why.Saw)
	}
	return note
}

// Split makes a new ticket of one message. Its author is the requester; of a message of ours it is the requester of the old ticket.
func (s *Service) Split(ctx context.Context, actor desk.Actor, message int64) (desk.Ticket, error) {
	if err := need(actor, desk.MayMerge); err != nil {
		return desk.Ticket{}, err
	}
	m, err := s.sightedMessage(ctx, actor, message)
	if err != nil {
		return desk.Ticket{}, err
	}
	eyes, err := s.eyes(ctx, actor)
	if err != nil {
		return desk.Ticket{}, err
	}
	var number int64
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		locked, err := tx.LockTickets(ctx, eyes, m.TicketID)
		if err != nil {
			return err
		}
		p := &pair{change: &change{Tx: tx, actor: actor, at: s.now(), ticket: locked[m.TicketID]}}
		if number, err = p.AddTicket(ctx, p.splitOff(ctx, m)); err != nil {
			return err
		}
		if locked, err = tx.LockTickets(ctx, store.AllSeeing(), number); err != nil {
			return err
		}
		p.other, p.also = locked[number], []int64{number}
		p.audit("ticket.split", ticketName(number), map[string]any{"from": m.TicketID, "message": message})
		if err := p.move(ctx, m); err != nil {
			return err
		}
		if m.Side != nil { // it is the new ticket's own conversation
			if err := p.LeaveSide(ctx, m.ID); err != nil {
				return err
			}
		}
		return p.tell(ctx)
	})
	if err != nil {
		return desk.Ticket{}, err
	}
	return s.changed(ctx, actor, number)
}

// splitOff is the ticket that a message begins.
func (p *pair) splitOff(ctx context.Context, m desk.Message) desk.Ticket {
	t := desk.Ticket{Subject: m.Subject, Priority: p.ticket.Priority, MailboxID: p.ticket.MailboxID, RequesterID: p.ticket.RequesterID, CreatedAt: p.at, UpdatedAt: p.at}
	if t.Subject == "" {
		t.Subject = p.ticket.Subject
	}
	become(&t, desk.StatusOpen, p.at)
	if m.Kind != desk.KindInbound {
		return t
	}
	t.WaitingSince = &m.At
	if author, err := p.KnowContacts(ctx, []desk.Address{m.From()}); err == nil && author[0] != 0 {
		t.RequesterID = author[0]
	}
	return t
}

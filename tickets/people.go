package tickets

import (
	"context"

	"postern/desk"
	"postern/store"
)

// AcceptParticipant lets a stranger who wrote with a token stand on the ticket: from now on they are among the recipients of replies (T-STRANGER).
func (s *Service) AcceptParticipant(ctx context.Context, actor desk.Actor, number, contact int64) error {
	return s.participant(ctx, actor, standing{number, contact, "accepted", (*store.Tx).Accept})
}

// RemoveParticipant takes somebody off a ticket. What they wrote stays.
func (s *Service) RemoveParticipant(ctx context.Context, actor desk.Actor, number, contact int64) error {
	return s.participant(ctx, actor, standing{number, contact, "removed", (*store.Tx).RemoveParticipant})
}

// standing is a change of how somebody stands on a ticket.
type standing struct {
	number, contact int64
	verb            string
	do              func(tx *store.Tx, ctx context.Context, number, contact int64) error
}

func (s *Service) participant(ctx context.Context, actor desk.Actor, w standing) error {
	return s.changeBy(ctx, permitted{actor, desk.MayManageCopied}, w.number, func(c *change) error {
		person, err := c.Contact(ctx, w.contact)
		if err != nil {
			return err
		}
		if err := w.do(c.Tx, ctx, w.number, w.contact); err != nil {
			return err
		}
		c.event(w.verb, "", person.Address)
		return c.recount(ctx)
	})
}

// recount sets the badge 'new participant' of the ticket by who waits there now.
func (c *change) recount(ctx context.Context) error {
	people, err := c.Standing(ctx, c.ticket.ID)
	c.ticket.NewParticipant = len(people.Pending) > 0
	return err
}

// AddAddress makes an address one of a contact's own (T-ALT-ADDR): mail from it counts as theirs from now on. Contacts are not merged: what the address wrote before stays under its own name.
func (s *Service) AddAddress(ctx context.Context, actor desk.Actor, contact int64, address string) error {
	if err := need(actor, desk.MayEditCustomers); err != nil {
		return err
	}
	address = desk.Canonical(address)
	if err := checkAddress(desk.Address{Addr: address}); err != nil {
		return err
	}
	eyes, err := s.eyes(ctx, actor)
	if err != nil {
		return err
	}
	return s.store.Write(ctx, func(tx *store.Tx) error {
		person, err := tx.SeenContact(ctx, eyes, contact)
		if err != nil {
			return err
		}
		if person.Address == address {
			return desk.Faultf(desk.Conflict, "%s has this address already", person.Address)
		}
		tickets, err := tx.GiveAddress(ctx, contact, address)
		if err != nil {
			return err
		}
		if err := tx.RecountPending(ctx, tickets); err != nil {
			return err
		}
		if err := tx.Audit(ctx, actor, "contact.address", person.Address, values{To: address}); err != nil {
			return err
		}
		return tx.Announce(ctx, store.News{Tickets: tickets})
	})
}

package tickets

import (
	"context"
	"strings"

	"postern/desk"
	"postern/store"
)

// longestAbout is how much can be noted about a person, in bytes.
const longestAbout = 4000

// Customer is a person who writes to us, as the panel beside their ticket shows them.
func (s *Service) Customer(ctx context.Context, actor desk.Actor, contact int64) (store.Customer, error) {
	if err := need(actor, desk.MayReadCustomers); err != nil {
		return store.Customer{}, err
	}
	eyes, err := s.eyes(ctx, actor)
	if err != nil {
		return store.Customer{}, err
	}
	customer, err := s.store.Customer(ctx, eyes, contact)
	m := maskOf(eyes.Masks)
	customer.Address, customer.Name, customer.Note = m.address(customer.Address), m.named(customer.Name), m.text(customer.Note)
	for i, address := range customer.Addresses {
		customer.Addresses[i] = m.address(address)
	}
	return customer, err
}

// SetCustomer changes the name of a person and what is noted about them. The mails keep the names that they came with.
func (s *Service) SetCustomer(ctx context.Context, actor desk.Actor, contact int64, name, note string) error {
	if err := need(actor, desk.MayEditCustomers); err != nil {
		return err
	}
	name, note = oneLine(name), strings.TrimSpace(strings.ReplaceAll(storable(note), "\r\n", "\n"))
	switch {
	case len(name) > 200:
		return desk.Wrong("name", "a name has at most 200 bytes")
	case len(note) > longestAbout:
		return desk.Wrong("note", "what is noted about a person has at most %d bytes", longestAbout)
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
		if err := tx.SetCustomer(ctx, contact, name, note); err != nil {
			return err
		}
		if err := tx.Audit(ctx, actor, "contact.change", person.Address, values{From: person.Name, To: name}); err != nil {
			return err
		}
		tickets, err := tx.NewestTicketsOf(ctx, contact)
		if err != nil {
			return err
		}
		return tx.Announce(ctx, store.News{Tickets: tickets})
	})
}

package tickets

import (
	"context"

	"postern/desk"
)

// SetRequester makes somebody else the requester of a ticket: whose it is was not to be read from an agent's forward, or was read wrongly (T-FWD). Who was it before stays as a
// participant, unless it is one of our people. The mails stay as they are; from now on answers without a mail to answer go to the new one.
func (s *Service) SetRequester(ctx context.Context, actor desk.Actor, number int64, address, name string) error {
	person := desk.Address{Name: oneLine(name), Addr: desk.Canonical(address)}
	if err := checkAddress(person); err != nil {
		return desk.Wrong("requester", "%q is not the address of somebody who could be answered", address)
	}
	return s.changeBy(ctx, permitted{actor, desk.MayManageCopied}, number, func(c *change) error {
		people, err := c.Standing(ctx, number)
		if err != nil {
			return err
		}
		if s.ours(people.Ours)(person.Addr) {
			return desk.Wrong("requester", "%s is a mailbox of ours: answers would come back", person.Addr)
		}
		contacts, err := c.KnowContacts(ctx, []desk.Address{person})
		if err != nil || contacts[0] == c.ticket.RequesterID {
			return err
		}
		if err := c.Tx.SetRequester(ctx, number, contacts[0]); err != nil {
			return err
		}
		c.event("requester", c.ticket.RequesterAddress, person.Addr)
		c.ticket.RequesterID = contacts[0]
		return c.recount(ctx) // the new one may have waited to be accepted
	})
}

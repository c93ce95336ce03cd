package portal

import (
	"net/url"

	"postern/desk"
)

// belonging is what belongs to a ticket: who hears of it, and other tickets.
type belonging struct {
	Number   int64
	Watching watching
	Tickets  []relatedTicket
	Follows  int64 // the ticket that this one continues; 0: none
	Ended    bool  // work on it is over, so that it can be continued
	Links    bool  // the reader may say what belongs together
	Begins   bool  // and begin a conversation
}

// relatedTicket is a ticket that belongs to another.
type relatedTicket struct {
	desk.Ticket
	Continues bool // it continues that one, which no link says
}

// belongingOf gathers it.
func (p *Portal) belongingOf(c *call, ticket desk.Ticket) (belonging, error) {
	b := belonging{Number: ticket.ID, Follows: deref(ticket.Follows), Ended: ticket.Status.Ended() && ticket.MergedInto == nil,
		Links: c.actor.Can(desk.MayWrite), Begins: c.actor.Can(desk.MayReply)}
	var err error
	if b.Watching, err = p.watchingOf(c, ticket.ID); err != nil {
		return b, err
	}
	list, err := p.tickets.Related(c.r.Context(), c.actor, ticket.ID)
	for _, one := range list {
		b.Tickets = append(b.Tickets, relatedTicket{one, deref(one.Follows) == ticket.ID})
	}
	return b, err
}

// relatedPost says that another ticket belongs to this one, or that it does not.
func (p *Portal) relatedPost(c *call) error {
	return p.change(c, func(number int64, form url.Values) error {
		other, err := otherTicket(form)
		if err != nil {
			return err
		}
		if form.Get("do") == "remove" {
			return p.tickets.Unrelate(c.r.Context(), c.actor, number, other)
		}
		return p.tickets.Relate(c.r.Context(), c.actor, number, other)
	})
}

// followUpPost begins a ticket that continues this one, and shows it.
func (p *Portal) followUpPost(c *call) error {
	number, err := c.id64("number")
	if err != nil {
		return err
	}
	made, err := p.tickets.FollowUp(c.r.Context(), c.actor, number)
	if err != nil {
		return err
	}
	return p.onTicket(c, made.ID)
}

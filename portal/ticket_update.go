package portal

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"postern/desk"
)

// change runs a change of the ticket in the path and shows the ticket again.
func (p *Portal) change(c *call, do func(number int64, form url.Values) error) error {
	number, err := c.id64("number")
	if err != nil {
		return err
	}
	form, err := c.form()
	if err != nil {
		return err
	}
	if err := do(number, form); err != nil {
		return err
	}
	return c.seeOther(ticketPath(c, number))
}

// ticketUpdate changes the fields that the form names; the others stay.
func (p *Portal) ticketUpdate(c *call) error {
	return p.change(c, func(number int64, form url.Values) error {
		_, err := p.tickets.Update(c.r.Context(), c.actor, number, changeOf(form))
		return err
	})
}

// changeOf reads the fields out of a form.
func changeOf(form url.Values) desk.TicketChange {
	var change desk.TicketChange
	if form.Has("status") {
		change.Status = new(desk.Status(form.Get("status")))
	}
	if form.Has("priority") {
		change.Priority = new(desk.Priority(form.Get("priority")))
	}
	if form.Has("assignee") {
		change.Assignee = new(number64(form, "assignee"))
	}
	if form.Has("subject") {
		change.Subject = new(strings.TrimSpace(form.Get("subject")))
	}
	if form.Has("tags") {
		change.Tags = new(strings.FieldsFunc(form.Get("tags"), func(r rune) bool { return r == ',' || r == ' ' || r == '\n' }))
	}
	return change
}

// mergePost merges the ticket into another and shows that one.
func (p *Portal) mergePost(c *call) error { return p.toOther(c, "number", p.tickets.Merge) }

// movePost moves one message to another ticket and shows it there (T-MOVE).
func (p *Portal) movePost(c *call) error { return p.toOther(c, "id", p.tickets.Move) }

// toOther brings what the path names to the ticket that the form names, and shows that ticket.
func (p *Portal) toOther(c *call, what string, bring func(ctx context.Context, actor desk.Actor, id, target int64) error) error {
	id, err := c.id64(what)
	if err != nil {
		return err
	}
	form, err := c.form()
	if err != nil {
		return err
	}
	target, err := otherTicket(form)
	if err != nil {
		return err
	}
	if err := bring(c.r.Context(), c.actor, id, target); err != nil {
		return err
	}
	return c.seeOther(ticketPath(c, target))
}

// unmergePost takes the ticket out of the one that it was merged into.
func (p *Portal) unmergePost(c *call) error {
	return p.change(c, func(number int64, _ url.Values) error { return p.tickets.Unmerge(c.r.Context(), c.actor, number) })
}

// peoplePost accepts or removes a participant, or joins an address to the person who asked (T-STRANGER, T-ALT-ADDR).
func (p *Portal) peoplePost(c *call) error {
	return p.change(c, func(ticket int64, form url.Values) error {
		ctx, contact := c.r.Context(), number64(form, "contact")
		switch form.Get("do") {
		case "accept":
			return p.tickets.AcceptParticipant(ctx, c.actor, ticket, contact)
		case "remove":
			return p.tickets.RemoveParticipant(ctx, c.actor, ticket, contact)
		case "same-person":
			return p.tickets.AddAddress(ctx, c.actor, contact, form.Get("address"))
		}
		return desk.Wrong("do", "The form does not say what to do.")
	})
}

// splitPost makes a ticket of its own out of one message and shows it.
func (p *Portal) splitPost(c *call) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	made, err := p.tickets.Split(c.r.Context(), c.actor, id)
	if err != nil {
		return err
	}
	return c.seeOther(ticketPath(c, made.ID))
}

// otherTicket reads the number of a ticket as people write it: 12 or #12.
func otherTicket(form url.Values) (int64, error) {
	var n int64
	if _, err := fmt.Sscanf(strings.TrimPrefix(strings.TrimSpace(form.Get("target")), "#"), "%d", &n); err != nil || n <= 0 {
		return 0, desk.Wrong("target", "Write the number of the other ticket, like 123.")
	}
	return n, nil
}

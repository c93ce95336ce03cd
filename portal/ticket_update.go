package portal

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

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
	return p.onTicket(c, number)
}

// onTicket shows a ticket that was changed or made, or the list that it was reached from where that has taken it out of the reader's sight.
func (p *Portal) onTicket(c *call, number int64) error {
	seen, err := p.tickets.InSight(c.r.Context(), c.actor, []int64{number})
	if err != nil {
		return err
	}
	if len(seen) == 0 {
		return c.seeOther(c.back().URL())
	}
	return c.seeOther(ticketPath(c, number))
}

// ticketUpdate changes the fields that the form names; the others stay.
func (p *Portal) ticketUpdate(c *call) error {
	return p.change(c, func(number int64, form url.Values) error {
		change, err := changeOf(form, p.now().In(c.zone))
		if err == nil {
			_, err = p.tickets.Update(c.r.Context(), c.actor, number, change)
		}
		return err
	})
}

// changeOf reads the fields out of a form. Times in it are in the zone of now.
func changeOf(form url.Values, now time.Time) (desk.TicketChange, error) {
	change := desk.TicketChange{AddTags: strings.FieldsFunc(form.Get("add_tags"), betweenTags), DropTags: form["drop_tag"], Fields: fieldsOf(form)}
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
		change.Tags = new(strings.FieldsFunc(form.Get("tags"), betweenTags))
	}
	if form.Has("team") {
		change.Team = new(number64(form, "team"))
	}
	if err := ownerOf(&change, form); err != nil {
		return change, err
	}
	return change, snoozeOf(&change, form, now)
}

func betweenTags(r rune) bool { return r == ',' || r == ' ' || r == '\n' }

// fieldsOf reads the values of custom fields. An unticked checkbox sends only the empty value that stands before it.
func fieldsOf(form url.Values) map[string]string {
	fields := map[string]string{}
	for name, values := range form {
		if key, ok := strings.CutPrefix(name, "field:"); ok {
			fields[key] = values[len(values)-1]
		}
	}
	return fields
}

// ownerOf reads whose the ticket shall be: nobody, person:5 or team:3.
func ownerOf(change *desk.TicketChange, form url.Values) error {
	if !form.Has("owner") {
		return nil
	}
	what, number, _ := strings.Cut(form.Get("owner"), ":")
	id, err := strconv.ParseInt(number, 10, 64)
	switch {
	case what == "nobody":
		change.Assignee = new(int64(0))
	case err != nil || id <= 0:
		return desk.Wrong("owner", "The form does not say to whom it shall be given.")
	case what == "person":
		change.Assignee = &id
	case what == "team":
		change.Team, change.Assignee = &id, new(int64(0)) // the team decides who of it
	}
	return nil
}

// snoozeOf reads until when the ticket shall rest: a word, wake, or a time on the clock of the reader.
func snoozeOf(change *desk.TicketChange, form url.Values, now time.Time) error {
	switch word := form.Get("snooze"); {
	case word == "wake":
		change.Snooze = &time.Time{}
	case word != "":
		until, err := desk.Snooze(word).Until(now)
		change.Snooze = &until
		return err
	case form.Has("until"):
		until, err := time.ParseInLocation("2006-01-02T15:04", form.Get("until"), now.Location())
		if err != nil {
			return desk.Wrong("until", "Write a day and a time, such as 2026-12-01T09:00.")
		}
		change.Snooze = &until
	}
	return nil
}

// customerPost changes the name of the ticket's customer and what is noted about them.
func (p *Portal) customerPost(c *call) error {
	return p.change(c, func(number int64, form url.Values) error {
		ticket, err := p.tickets.Get(c.r.Context(), c.actor, number)
		if err != nil {
			return err
		}
		return p.tickets.SetCustomer(c.r.Context(), c.actor, ticket.RequesterID, form.Get("name"), form.Get("note"))
	})
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
	return p.onTicket(c, made.ID)
}

// otherTicket reads the number of a ticket as people write it: 12 or #12.
func otherTicket(form url.Values) (int64, error) {
	var n int64
	if _, err := fmt.Sscanf(strings.TrimPrefix(strings.TrimSpace(form.Get("target")), "#"), "%d", &n); err != nil || n <= 0 {
		return 0, desk.Wrong("target", "Write the number of the other ticket, like 123.")
	}
	return n, nil
}

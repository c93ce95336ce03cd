package portal

import (
	"slices"
	"time"

	"postern/desk"
	"postern/store"
)

// panelPart is what the panel beside a conversation, and the menus above it, show besides the ticket.
type panelPart struct {
	Customer    store.Customer
	Teams       []desk.Team
	TeamID      int64
	OldTeam     bool        // the ticket's team was removed
	TeamPeople  []desk.User // members of the ticket's team
	OtherPeople []desk.User
	Away        []int64
	Fields      []ticketField // that tickets of this mailbox have
	Snoozes     []snoozeChoice
	SnoozeDay   string // what the field for another time begins with
	Zone        string // in which that is
}

// ticketField is a custom field with its value on the ticket.
type ticketField struct {
	desk.Field
	Now   string
	Stray bool // the value is none of the choices any more
}

// snoozeChoice is a button of the menu, with when the ticket comes back.
type snoozeChoice struct {
	Word desk.Snooze
	At   time.Time
}

// IsAway says whether somebody gets no tickets by turn.
func (p panelPart) IsAway(user int64) bool { return slices.Contains(p.Away, user) }

// panelOf gathers what the panel shows.
func (p *Portal) panelOf(c *call, t desk.Ticket, staff []desk.User) (part panelPart, err error) {
	ctx := c.r.Context()
	if part.Customer, err = p.tickets.Customer(ctx, c.actor, t.RequesterID); err != nil {
		return part, err
	}
	if part.Teams, err = p.tickets.Teams(ctx, c.actor); err != nil {
		return part, err
	}
	if part.Away, err = p.tickets.Away(ctx, c.actor); err != nil {
		return part, err
	}
	part.TeamID = deref(t.TeamID)
	at := slices.IndexFunc(part.Teams, func(team desk.Team) bool { return team.ID == part.TeamID })
	part.OldTeam = part.TeamID != 0 && at < 0
	if at >= 0 {
		for _, user := range staff {
			if part.Teams[at].Has(user.ID) {
				part.TeamPeople = append(part.TeamPeople, user)
			} else {
				part.OtherPeople = append(part.OtherPeople, user)
			}
		}
	}
	fields, err := p.tickets.Fields(ctx, c.actor)
	if err != nil {
		return part, err
	}
	for _, field := range fields {
		if field.On(t.MailboxID) {
			now := t.Fields[field.Key]
			part.Fields = append(part.Fields, ticketField{field, now, now != "" && field.Kind == desk.FieldChoice && !slices.Contains(field.Choices, now)})
		}
	}
	return part, part.snoozes(p.now().In(c.zone))
}

// snoozes fills the menu by the clock of the reader.
func (part *panelPart) snoozes(now time.Time) error {
	for _, word := range desk.Snoozes {
		at, err := word.Until(now)
		if err != nil {
			return err
		}
		part.Snoozes = append(part.Snoozes, snoozeChoice{word, at})
	}
	part.SnoozeDay, part.Zone = part.Snoozes[1].At.Format("2006-01-02T15:04"), now.Location().String()
	return nil
}

package portal

import (
	"encoding/json"
	"fmt"

	"postern/desk"
)

// suspendedPage lists the mails that are held back.
type suspendedPage struct {
	page
	Rows []suspendedRow
	Next string
}

// suspendedRow is one of them, with its cause in words.
type suspendedRow struct {
	desk.SuspendedMail
	Cause    string
	Envelope desk.Envelope
}

// pageLimit is how many rows the plain lists show at once.
const pageLimit = 50

// suspendedList shows what is held back.
func (p *Portal) suspendedList(c *call) error {
	found, err := p.tickets.Suspended(c.r.Context(), c.actor, desk.SuspendedQuery{Cursor: c.r.URL.Query().Get("cursor"), Limit: pageLimit})
	if err != nil {
		return err
	}
	answer := suspendedPage{Next: found.Next}
	for _, mail := range found.Items {
		row := suspendedRow{SuspendedMail: mail, Cause: desk.Causes[mail.Cause]}
		if err := json.Unmarshal(mail.Envelope, &row.Envelope); err != nil && len(mail.Envelope) > 0 {
			return fmt.Errorf("portal: suspended mail %d: envelope: %w", mail.ID, err)
		}
		answer.Rows = append(answer.Rows, row)
	}
	if answer.page, err = p.framed(c, "Suspended mail", "/suspended"); err != nil {
		return err
	}
	return p.show(c, "suspended", answer)
}

// suspendedOriginal downloads a held mail as it came.
func (p *Portal) suspendedOriginal(c *call) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	original, size, err := p.tickets.SuspendedOriginal(c.r.Context(), c.actor, id)
	if err != nil {
		return err
	}
	defer original.Close()
	return sendOriginal(c, fmt.Sprintf("suspended-%d.eml", id), original, size)
}

// suspendedRelease lets a mail through as if it had just come, and shows its ticket.
func (p *Portal) suspendedRelease(c *call) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	outcome, err := p.tickets.Release(c.r.Context(), c.actor, id, 0)
	if err != nil {
		return err
	}
	if outcome.Ticket != 0 {
		return c.seeOther(listing{View: "all"}.Ticket(outcome.Ticket))
	}
	return c.seeOther("/suspended?done=released")
}

// suspendedDelete deletes a held mail for good.
func (p *Portal) suspendedDelete(c *call) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	if err := p.tickets.DeleteSuspended(c.r.Context(), c.actor, id); err != nil {
		return err
	}
	return c.seeOther("/suspended?done=deleted")
}

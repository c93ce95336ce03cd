package tickets

import (
	"context"
	"time"

	"postern/desk"
)

// setSnooze takes the ticket out of the lists until a time, or with the zero time brings it back.
func (c *change) setSnooze(ctx context.Context, w desk.TicketChange) error {
	if w.Snooze == nil {
		return nil
	}
	if w.Snooze.IsZero() {
		if c.ticket.SnoozedUntil != nil {
			c.event("woken", "", "")
			c.ticket.SnoozedUntil = nil
		}
		return nil
	}
	if err := desk.CheckSnooze(*w.Snooze, c.at); err != nil {
		return err
	}
	if c.ticket.Status.Ended() {
		return desk.Wrong("snooze", "ticket #%d is over: open it again, then snooze it", c.ticket.ID)
	}
	until := w.Snooze.UTC().Truncate(time.Second)
	c.event("snoozed", "", until.Format(time.RFC3339))
	c.ticket.SnoozedUntil = &until
	if me := c.actor.User.ID; me != 0 && me != idOf(c.ticket.AssigneeID) { // whoever wants to go on with it then hears of it
		_, err := c.Watch(ctx, c.ticket.ID, me)
		return err
	}
	return nil
}

// mostWoken is how many tickets come back in one round.
const mostWoken = 200

// Wake brings back the tickets whose time has come: open, as somebody wanted to go on with them then.
func (s *Service) Wake(ctx context.Context) error {
	due, err := s.store.DueSnoozes(ctx, s.now(), mostWoken)
	if err != nil {
		return err
	}
	for _, number := range due {
		if err := s.byItself(ctx, number, wake); err != nil {
			return err
		}
	}
	return nil
}

// wake brings a ticket back whose time has come, if nobody else did so meanwhile.
func wake(c *change) (bool, error) {
	if c.ticket.SnoozedUntil == nil || c.ticket.SnoozedUntil.After(c.at) {
		return false, nil
	}
	c.ticket.SnoozedUntil = nil
	c.event("woken", "", "")
	if status := c.ticket.Status; !status.Ended() && !status.Waiting() && c.ticket.MergedInto == nil {
		c.event("status", string(status), string(desk.StatusOpen))
		become(&c.ticket, desk.StatusOpen, c.at)
	}
	return true, nil
}

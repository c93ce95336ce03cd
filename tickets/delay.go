package tickets

import (
	"context"
	"time"

	"postern/desk"
	"postern/store"
)

// delayTold is after how long a reply that still waits is told on its ticket: whoever wrote it may want to call instead. Other systems send a warning after as long.
const delayTold = 4 * time.Hour

// TellDelays shows on tickets that a reply has not arrived after hours, once for each recipient; and takes the badge off where it has arrived meanwhile. What remains after one run is for the next.
func (s *Service) TellDelays(ctx context.Context) error {
	now := s.now()
	late, err := s.store.Delayed(ctx, now.Add(-delayTold))
	if err != nil {
		return err
	}
	if err := s.onTickets(ctx, late, func(tx *store.Tx, tickets map[int64]desk.Ticket) error {
		return tellDelays(ctx, tx, late, tickets, now)
	}); err != nil {
		return err
	}
	over, err := s.store.DelaysOver(ctx)
	if err != nil {
		return err
	}
	return s.onTickets(ctx, over, func(tx *store.Tx, tickets map[int64]desk.Ticket) error { return forgetDelays(ctx, tx, over, tickets) })
}

// onTickets locks the tickets of recipients before anything of theirs changes: in the same order as every other change.
func (s *Service) onTickets(ctx context.Context, list []store.Delayed, do func(*store.Tx, map[int64]desk.Ticket) error) error {
	if len(list) == 0 {
		return nil
	}
	numbers := make([]int64, len(list))
	for i, one := range list {
		numbers[i] = one.Ticket
	}
	return s.store.Write(ctx, func(tx *store.Tx) error {
		locked, err := tx.LockTickets(ctx, store.AllSeeing(), numbers...)
		if err != nil {
			return err
		}
		return do(tx, locked)
	})
}

func tellDelays(ctx context.Context, tx *store.Tx, late []store.Delayed, tickets map[int64]desk.Ticket, now time.Time) error {
	told, err := tx.MarkDelayed(ctx, late, now)
	if err != nil || len(told) == 0 {
		return err
	}
	var events []store.Happened
	var news store.News
	for _, one := range told {
		events = append(events, store.Happened{Ticket: one.Ticket, Event: desk.Event{Verb: "delayed", To: one.Recipient}})
		news.Tickets = append(news.Tickets, one.Ticket)
		ticket := tickets[one.Ticket]
		ticket.DeliveryProblem, ticket.UpdatedAt = true, now
		if err := tx.SaveTicket(ctx, ticket); err != nil {
			return err
		}
		if err := tx.Audit(ctx, desk.System("job"), "delivery.delayed", messageName(one.Message), map[string]string{"recipient": one.Recipient}); err != nil {
			return err
		}
	}
	if err := tx.AddEvents(ctx, 0, now, events...); err != nil {
		return err
	}
	return tx.Announce(ctx, news)
}

func forgetDelays(ctx context.Context, tx *store.Tx, over []store.Delayed, tickets map[int64]desk.Ticket) error {
	if err := tx.ForgetDelays(ctx, over); err != nil {
		return err
	}
	var news store.News
	for number, ticket := range tickets {
		problem, err := tx.Reader.DeliveryProblem(ctx, number)
		if err != nil {
			return err
		}
		if problem || !ticket.DeliveryProblem {
			continue
		}
		ticket.DeliveryProblem = false
		if err := tx.SaveTicket(ctx, ticket); err != nil {
			return err
		}
		news.Tickets = append(news.Tickets, number)
	}
	return tx.Announce(ctx, news)
}

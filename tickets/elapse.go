package tickets

import (
	"context"
	"errors"
	"slices"
	"time"

	"postern/desk"
	"postern/store"
)

const (
	// walkWidth is how many tickets one statement of a look walks over.
	walkWidth = 500
	// walkLength is how many a rule walks over in one round; the next round goes on where it ended.
	walkLength = 20_000
	// mostElapsed is on how many tickets a rule acts in one round.
	mostElapsed = 500
	// elapsedWithin is how long after its time a ticket is still acted on: a rule that is turned on today leaves alone what has lain there for a year.
	elapsedWithin = 30 * 24 * time.Hour
)

// Elapse lets the rules look for tickets on which enough time has passed. Each rule acts once for each moment from which time passes: a ticket that waits anew is a new one to it.
// One process at a time does so; a second call meanwhile does nothing.
func (s *Service) Elapse(ctx context.Context) error {
	return s.store.Write(ctx, func(tx *store.Tx) error {
		mine, err := tx.LockRound(ctx)
		if err != nil || !mine {
			return err
		}
		rules, err := s.store.ActiveAutomations(ctx, desk.WhenTime)
		if err != nil {
			return err
		}
		stopped := map[int64]bool{} // tickets on which a rule acted that ends the looking
		for _, rule := range rules {
			err = errors.Join(err, s.elapse(ctx, rule, stopped))
		}
		return err
	})
}

// elapse is the round of one rule.
func (s *Service) elapse(ctx context.Context, rule desk.Automation, stopped map[int64]bool) error {
	passed, ok := rule.Span()
	if !ok {
		return nil
	}
	from, err := s.store.LookedTo(ctx, rule.ID)
	if err != nil {
		return err
	}
	before := s.now().Add(-passed.Span)
	ask := store.Elapsing{Automation: rule.ID, Since: passed.Since, Before: before, After: before.Add(-elapsedWithin), Statuses: statusesOf(rule, passed.Since), From: from, Width: walkWidth}
	for walked, acted := 0, 0; walked < walkLength && acted < mostElapsed; walked += walkWidth {
		found, next, err := s.store.Elapsed(ctx, ask)
		if err != nil {
			return err
		}
		for _, one := range found {
			if stopped[one.Ticket] {
				continue
			}
			cause := store.Cause{Ticket: one.Ticket, Trigger: desk.WhenTime, Name: store.ElapsedCause(one.Since), At: s.now()}
			stop, err := s.rule(ctx, ruling{cause: cause, rules: []desk.Automation{rule}})
			if err != nil {
				return err
			}
			acted++
			stopped[one.Ticket] = stop
		}
		if ask.From = next; next == 0 {
			break
		}
	}
	return s.store.Write(ctx, func(tx *store.Tx) error { return tx.SetLookedTo(ctx, rule.ID, ask.From) })
}

// statusesOf are the statuses in which a rule for time that has passed can find a ticket. Tickets that are solved are looked at only by a rule that speaks of it, closed ones by none.
func statusesOf(rule desk.Automation, since desk.Subject) []desk.Status {
	statuses := []desk.Status{desk.StatusNew, desk.StatusOpen, desk.StatusPending, desk.StatusHold}
	speaks := since == desk.OfSinceSolved || slices.ContainsFunc(rule.If, func(c desk.Condition) bool {
		return c.Of == desk.OfSinceSolved || c.Of == desk.OfStatus && c.Is == desk.Is && c.Value == string(desk.StatusSolved)
	})
	if speaks {
		statuses = append(statuses, desk.StatusSolved)
	}
	for _, c := range rule.If {
		if c.Of == desk.OfStatus {
			statuses = slices.DeleteFunc(statuses, func(s desk.Status) bool { return (string(s) == c.Value) != (c.Is == desk.Is) })
		}
	}
	return statuses
}

// SweepRuns forgets what rules did long ago.
func (s *Service) SweepRuns(ctx context.Context) error {
	before := s.now().Add(-keepRuns)
	return s.store.Write(ctx, func(tx *store.Tx) error { return tx.SweepRuns(ctx, before) })
}

package tickets

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"postern/desk"
	"postern/store"
)

// Targets lists how long answers and solutions may take, the most general target first.
func (s *Service) Targets(ctx context.Context, actor desk.Actor) ([]desk.Target, error) {
	if err := need(actor, desk.MayReadConfig); err != nil {
		return nil, err
	}
	return s.store.Targets(ctx)
}

// SetTarget adds a target, or replaces the one for the same mailbox and priority. What is due on tickets that are not solved is reckoned anew by a job.
func (s *Service) SetTarget(ctx context.Context, actor desk.Actor, t desk.Target) error {
	if err := need(actor, desk.MayManageTargets); err != nil {
		return err
	}
	if err := checkTarget(t); err != nil {
		return err
	}
	return s.store.Write(ctx, func(tx *store.Tx) error {
		id, err := tx.SetTarget(ctx, t)
		if err != nil {
			return err
		}
		if err := tx.Enqueue(ctx, time.Time{}, desk.ReckonTargets{}); err != nil {
			return err
		}
		detail := map[string]any{"mailbox": t.MailboxID, "priority": t.Priority, "answer_minutes": t.AnswerMinutes, "solve_minutes": t.SolveMinutes}
		return tx.Audit(ctx, actor, "target.set", fmt.Sprintf("target/%d", id), detail)
	})
}

func checkTarget(t desk.Target) error {
	if t.Priority != nil && !t.Priority.Valid() {
		return desk.Wrong("priority", "there is no priority %q", *t.Priority)
	}
	if t.AnswerMinutes == nil && t.SolveMinutes == nil {
		return desk.Wrong("answer", "a target says how long the first answer or the solution may take, or both")
	}
	for _, minutes := range []*int{t.AnswerMinutes, t.SolveMinutes} {
		if minutes != nil && (*minutes < 1 || *minutes > desk.LongestTarget) {
			return desk.Wrong("answer", "a target is from one minute to %d hours", desk.LongestTarget/60)
		}
	}
	return nil
}

// DropTarget removes a target.
func (s *Service) DropTarget(ctx context.Context, actor desk.Actor, id int64) error {
	if err := need(actor, desk.MayManageTargets); err != nil {
		return err
	}
	return s.store.Write(ctx, func(tx *store.Tx) error {
		if err := tx.DropTarget(ctx, id); err != nil {
			return err
		}
		if err := tx.Enqueue(ctx, time.Time{}, desk.ReckonTargets{}); err != nil {
			return err
		}
		return tx.Audit(ctx, actor, "target.remove", fmt.Sprintf("target/%d", id), nil)
	})
}

// moves says whether a change of a ticket moves the clocks of its targets.
func moves(was, now desk.Ticket) bool {
	return was.ID == 0 || was.Status != now.Status || was.Priority != now.Priority || was.MailboxID != now.MailboxID || idOf(was.TeamID) != idOf(now.TeamID) ||
		(was.SnoozedUntil == nil) != (now.SnoozedUntil == nil) || (was.FirstAnsweredAt == nil) != (now.FirstAnsweredAt == nil)
}

// clockwork sets the clocks of the locked ticket's targets by how it stands at a moment, and its due times by them; the ticket itself is not written. It is false when nothing is different.
func (c *change) clockwork(ctx context.Context, at time.Time) (bool, error) {
	t := &c.ticket
	timing, err := c.Timing(ctx, t.ID, idOf(t.TeamID))
	if err != nil {
		return false, err
	}
	runs := t.Status.Waiting() && t.SnoozedUntil == nil && t.MergedInto == nil
	var changed []desk.Clock
	for _, kind := range desk.TargetKinds {
		moment := desk.Moment{At: at, Hours: timing.Hours, Allowed: desk.Allowed(timing.Targets, kind, t.MailboxID, t.Priority), Runs: runs, Reached: t.Status.Ended()}
		if kind == desk.TargetAnswer {
			moment.Reached = t.FirstAnsweredAt != nil
		}
		clock := desk.Clock{TicketID: t.ID, Kind: kind}
		if i := slices.IndexFunc(timing.Clocks, func(one desk.Clock) bool { return one.Kind == kind }); i >= 0 {
			clock = timing.Clocks[i]
		} else if moment.Allowed == 0 || moment.Reached {
			continue // there was nothing to reach, or it was reached before there was a target
		}
		next := clock.Step(moment)
		if !next.Same(clock) {
			changed = append(changed, next)
		}
		if kind == desk.TargetAnswer {
			t.AnswerDueAt = next.DueAt
		} else {
			t.SolveDueAt = next.DueAt
		}
	}
	return len(changed) > 0, c.SaveClocks(ctx, changed)
}

func (s *Service) anyTargets(ctx context.Context) (bool, error) { return s.store.AnyTargets(ctx) }

// mindTargets sets the clocks of a ticket that a mail has changed, which knows nothing of them. What our own people change is minded when it is written.
func (s *Service) mindTargets(ctx context.Context, happening desk.Happening) error {
	switch happening.Kind {
	case desk.HappenedCreated, desk.HappenedJoined, desk.HappenedBounced:
		return s.reckonOne(ctx, happening.Ticket, happening.At)
	}
	detail, err := happening.Decode()
	if err != nil {
		return err
	}
	for _, e := range detail.Events {
		if e.Verb == "merged" || e.Verb == "unmerged" || e.Verb == "moved" { // of both tickets, whose conversations were written at once
			for _, number := range []string{e.From, e.To} {
				if one, err := strconv.ParseInt(strings.TrimPrefix(number, "#"), 10, 64); err == nil {
					if err := s.reckonOne(ctx, one, happening.At); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

// reckonOne sets the clocks of a ticket by how it stands.
func (s *Service) reckonOne(ctx context.Context, number int64, at time.Time) error {
	return s.reckonSome(ctx, []int64{number}, at)
}

// reckonSome sets the clocks of some tickets in one transaction, and tells open pages of those on which anything is different.
func (s *Service) reckonSome(ctx context.Context, numbers []int64, at time.Time) error {
	return s.store.Write(ctx, func(tx *store.Tx) error {
		locked, err := tx.LockTickets(ctx, store.AllSeeing(), numbers...)
		if err != nil {
			return err
		}
		var different []int64
		for _, number := range numbers {
			c := &change{Tx: tx, ticket: locked[number]}
			changed, err := c.clockwork(ctx, at)
			if err != nil {
				return err
			}
			if !changed {
				continue
			}
			if err := tx.SetDue(ctx, number, c.ticket.AnswerDueAt, c.ticket.SolveDueAt); err != nil {
				return err
			}
			different = append(different, number)
		}
		if len(different) == 0 {
			return nil
		}
		return tx.Announce(ctx, store.News{Tickets: different})
	})
}

// reckonAtOnce is how many tickets one transaction holds locked meanwhile.
const reckonAtOnce = 50

// Reckon sets the clocks of all tickets that are not solved, after targets or business hours have changed. It may be broken off and begun again.
func (s *Service) Reckon(ctx context.Context) error {
	for after := int64(0); ; {
		numbers, err := s.store.Unclocked(ctx, after)
		if err != nil || len(numbers) == 0 {
			return err
		}
		for some := range slices.Chunk(numbers, reckonAtOnce) {
			if err := s.reckonSome(ctx, some, s.now()); err != nil {
				return err
			}
		}
		after = numbers[len(numbers)-1]
	}
}

// soon is how long before a target is missed somebody hears of it.
const soon = 30 * time.Minute

// TellTargets puts what was missed, and what is due soon, onto the tickets, where those hear of it who want to: the event 'missed' stands in the conversation, 'due' is news only.
func (s *Service) TellTargets(ctx context.Context) error {
	now := s.now()
	due, err := s.store.DueClocks(ctx, now, now.Add(soon))
	if err != nil {
		return err
	}
	for _, one := range due {
		err := s.byItself(ctx, one.TicketID, func(c *change) (bool, error) {
			told, err := c.ToldClock(ctx, one, now)
			if err != nil || !told {
				return false, err
			}
			if one.Missed {
				c.event("missed", "", string(one.Kind))
				return true, nil
			}
			return false, c.AddHappenings(ctx, store.HappeningRow{Ticket: one.TicketID, Kind: desk.HappenedChanged, At: now,
				Detail: desk.HappeningDetail{Events: []desk.Event{{Verb: "due", To: string(one.Kind)}}}})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

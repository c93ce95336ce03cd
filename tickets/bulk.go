package tickets

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"time"

	"postern/desk"
	"postern/store"
)

// keepBulk is how long a bulk action can be taken back.
const keepBulk = 24 * time.Hour

// errSame ends a transaction that has nothing to write: the ticket is already as it shall be.
var errSame = errors.New("tickets: nothing changes")

// Bulk does the same to several tickets, each in a transaction of its own: what cannot be done to one is told and stops no other. What was done can be undone for a day (UndoBulk).
func (s *Service) Bulk(ctx context.Context, actor desk.Actor, b desk.Bulk) (desk.BulkDone, error) {
	if err := need(actor, desk.MayWrite); err != nil {
		return desk.BulkDone{}, err
	}
	numbers := slices.Clone(b.Tickets)
	slices.Sort(numbers)
	numbers = slices.Compact(numbers)
	done := desk.BulkDone{Kind: desk.BulkChanged, At: s.now(), Done: []desk.BulkStep{}, Left: []desk.BulkLeft{}}
	do := func(number int64) (desk.BulkStep, error) { return s.bulkChange(ctx, actor, number, b.Change) }
	switch {
	case len(numbers) == 0:
		return done, desk.Wrong("n", "tick the conversations that shall change")
	case len(numbers) > desk.MostBulk:
		return done, desk.Wrong("n", "at most %d conversations change at once", desk.MostBulk)
	case b.Spam:
		done.Kind = desk.BulkSpam
		do = func(number int64) (desk.BulkStep, error) { return s.bulkSpam(ctx, actor, number) }
	case b.Into != 0:
		if done.Kind, done.Into = desk.BulkMerged, b.Into; slices.Equal(numbers, []int64{b.Into}) {
			return done, desk.Wrong("n", "tick the conversations that shall be merged into #%d", b.Into)
		}
		do = func(number int64) (desk.BulkStep, error) {
			return desk.BulkStep{Ticket: number}, s.Merge(ctx, actor, number, b.Into)
		}
		numbers = slices.DeleteFunc(numbers, func(number int64) bool { return number == b.Into })
	case reflect.DeepEqual(b.Change, desk.TicketChange{}):
		return done, desk.Wrong("do", "choose what shall change")
	}
	for _, number := range numbers {
		step, err := do(number)
		if err := addStep(&done, step, number, err); err != nil {
			return done, err
		}
	}
	return s.keepBulk(ctx, actor, done)
}

// addStep notes what became of one ticket. An error that no person can act on ends the whole.
func addStep(done *desk.BulkDone, step desk.BulkStep, number int64, err error) error {
	var fault *desk.Fault
	switch {
	case err == nil:
		done.Done = append(done.Done, step)
	case errors.Is(err, errSame):
	case errors.As(err, &fault):
		done.Left = append(done.Left, desk.BulkLeft{Ticket: number, Reason: fault.Reason})
	default:
		return err
	}
	return nil
}

// keepBulk keeps what was done, so that it can be told and taken back.
func (s *Service) keepBulk(ctx context.Context, actor desk.Actor, done desk.BulkDone) (desk.BulkDone, error) {
	err := s.store.Write(ctx, func(tx *store.Tx) (err error) {
		done.ID, err = tx.AddBulk(ctx, actor.User.ID, done)
		return err
	})
	return done, err
}

// bulkChange changes one ticket.
func (s *Service) bulkChange(ctx context.Context, actor desk.Actor, number int64, w desk.TicketChange) (step desk.BulkStep, err error) {
	step.Ticket = number
	err = s.change(ctx, actor, number, func(c *change) error {
		step.Before = valuesOf(c.ticket)
		if err := c.update(ctx, w); err != nil {
			return err
		}
		if step.After = valuesOf(c.ticket); reflect.DeepEqual(step.Before, step.After) {
			return errSame
		}
		return nil
	})
	return step, err
}

// bulkSpam marks one ticket as spam; its sender is not blocked.
func (s *Service) bulkSpam(ctx context.Context, actor desk.Actor, number int64) (step desk.BulkStep, err error) {
	before, err := s.Get(ctx, actor, number)
	if err != nil {
		return step, err
	}
	if err := s.MarkSpam(ctx, actor, number, SenderStays); err != nil {
		return step, err
	}
	after, err := s.Get(ctx, actor, number)
	return desk.BulkStep{Ticket: number, Before: valuesOf(before), After: valuesOf(after)}, err
}

// valuesOf are those of a ticket's values that a bulk action changes.
func valuesOf(t desk.Ticket) desk.TicketValues {
	v := desk.TicketValues{Status: t.Status, Priority: t.Priority, Assignee: idOf(t.AssigneeID), Team: idOf(t.TeamID),
		SnoozedUntil: t.SnoozedUntil, WaitingSince: t.WaitingSince, SolvedAt: t.SolvedAt, ClosedAt: t.ClosedAt}
	if len(t.Tags) > 0 {
		v.Tags = slices.Clone(t.Tags)
	}
	return v
}

// BulkDone is what the actor did to several tickets within the last day.
func (s *Service) BulkDone(ctx context.Context, actor desk.Actor, id int64) (desk.BulkDone, error) {
	if err := need(actor, desk.MayWrite); err != nil {
		return desk.BulkDone{}, err
	}
	return s.store.Bulk(ctx, actor.User.ID, id)
}

// UndoBulk takes a bulk action back, once, and tells of it like of one. A value that somebody has changed since stays as it is now; a spam filter that has learned goes on knowing.
func (s *Service) UndoBulk(ctx context.Context, actor desk.Actor, id int64) (desk.BulkDone, error) {
	was, err := s.BulkDone(ctx, actor, id)
	if err != nil {
		return desk.BulkDone{}, err
	}
	if was.Kind == desk.BulkUndone {
		return was, desk.Faultf(desk.Conflict, "what was undone is done anew from the list")
	}
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		taken, err := tx.TakeBulk(ctx, actor.User.ID, id, s.now())
		if err == nil && !taken {
			return desk.Faultf(desk.Conflict, "this was undone before")
		}
		return err
	})
	if err != nil {
		return was, err
	}
	done := desk.BulkDone{Kind: desk.BulkUndone, At: s.now(), Done: []desk.BulkStep{}, Left: []desk.BulkLeft{}}
	for _, step := range slices.Backward(was.Done) {
		err := s.takeBack(ctx, actor, was.Kind, step)
		if err := addStep(&done, desk.BulkStep{Ticket: step.Ticket}, step.Ticket, err); err != nil {
			return done, err
		}
	}
	return s.keepBulk(ctx, actor, done)
}

// takeBack undoes one step of a bulk action.
func (s *Service) takeBack(ctx context.Context, actor desk.Actor, kind desk.BulkKind, step desk.BulkStep) error {
	if kind == desk.BulkMerged {
		return s.Unmerge(ctx, actor, step.Ticket)
	}
	return s.change(ctx, actor, step.Ticket, func(c *change) error {
		back, times := backOf(step, valuesOf(c.ticket))
		if reflect.DeepEqual(back, desk.TicketChange{}) {
			return desk.Faultf(desk.Conflict, "somebody has changed it since")
		}
		if err := c.update(ctx, back); err != nil {
			return err
		}
		if times {
			c.ticket.WaitingSince, c.ticket.SolvedAt, c.ticket.ClosedAt = step.Before.WaitingSince, step.Before.SolvedAt, step.Before.ClosedAt
		}
		return nil
	})
}

// backOf is the change that undoes a step on a ticket as it is now: of each value that still is as the step left it. times says whether the times that belong to the status go back with it.
func backOf(step desk.BulkStep, now desk.TicketValues) (back desk.TicketChange, times bool) {
	before, after := step.Before, step.After
	if before.Status != after.Status && now.Status == after.Status {
		back.Status, times = &before.Status, true
	}
	if before.Priority != after.Priority && now.Priority == after.Priority {
		back.Priority = &before.Priority
	}
	if before.Assignee != after.Assignee && now.Assignee == after.Assignee {
		back.Assignee = &before.Assignee
	}
	if before.Team != after.Team && now.Team == after.Team {
		back.Team = &before.Team
	}
	if !sameTime(before.SnoozedUntil, after.SnoozedUntil) && sameTime(now.SnoozedUntil, after.SnoozedUntil) {
		back.Snooze = &time.Time{}
		if before.SnoozedUntil != nil {
			back.Snooze = before.SnoozedUntil
		}
	}
	for _, tag := range after.Tags {
		if !slices.Contains(before.Tags, tag) && slices.Contains(now.Tags, tag) {
			back.DropTags = append(back.DropTags, tag)
		}
	}
	for _, tag := range before.Tags {
		if !slices.Contains(after.Tags, tag) && !slices.Contains(now.Tags, tag) {
			back.AddTags = append(back.AddTags, tag)
		}
	}
	return back, times
}

func sameTime(a, b *time.Time) bool {
	return a == nil && b == nil || a != nil && b != nil && a.Equal(*b)
}

package jobs

import (
	"context"
	"errors"
	"time"

	"github.com/riverqueue/river"

	"postern/desk"
	"postern/tickets"
)

const (
	// clocks is a queue of its own, so that no ticket sleeps on behind a sweep.
	clocks = "clocks"
	// watchEvery is how late a ticket may come back, or a missed target be told of.
	watchEvery = 10 * time.Second
)

// watchClocks does what only time brings about: snoozed tickets come back, what was missed or is due soon is told, and tickets go to who of their team has come back.
type watchClocks struct {
	river.WorkerDefaults[desk.WatchClocks]
	tickets *tickets.Service
}

func (w *watchClocks) Work(ctx context.Context, _ *river.Job[desk.WatchClocks]) error {
	return errors.Join(w.tickets.Wake(ctx), w.tickets.TellTargets(ctx), w.tickets.TakeTurns(ctx))
}

// reckonTargets sets what is due on tickets anew.
type reckonTargets struct {
	river.WorkerDefaults[desk.ReckonTargets]
	tickets *tickets.Service
}

func (w *reckonTargets) Work(ctx context.Context, _ *river.Job[desk.ReckonTargets]) error {
	return w.tickets.Reckon(ctx)
}

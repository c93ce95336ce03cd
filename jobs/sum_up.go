package jobs

import (
	"context"
	"errors"

	"github.com/riverqueue/river"

	"postern/desk"
	"postern/tickets"
)

// sumUp keeps the figures of days that are over. Years of history, as after an import, take several runs: each ends well before it is taken for stuck, and what it has done stays.
type sumUp struct {
	river.WorkerDefaults[desk.SumUp]
	tickets *tickets.Service
}

// Work sums up what there is time for.
func (w *sumUp) Work(ctx context.Context, _ *river.Job[desk.SumUp]) error {
	ctx, cancel := context.WithTimeout(ctx, upkeepTimeout/3)
	defer cancel()
	if err := w.tickets.SumUp(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

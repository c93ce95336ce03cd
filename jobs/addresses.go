package jobs

import (
	"context"

	"github.com/riverqueue/river"

	"postern/desk"
	"postern/identity"
)

// revertAddresses takes back rules of where people may come from, which nobody has confirmed in time. They count no more from that moment on; this writes it down.
type revertAddresses struct {
	river.WorkerDefaults[desk.RevertAddresses]
	identity *identity.Service
}

func (w *revertAddresses) Work(ctx context.Context, _ *river.Job[desk.RevertAddresses]) error {
	return w.identity.RevertAddresses(ctx)
}

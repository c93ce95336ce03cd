package jobs

import (
	"context"

	"github.com/riverqueue/river"

	"postern/desk"
	"postern/identity"
)

// tendTokens does what time brings about for API tokens.
type tendTokens struct {
	river.WorkerDefaults[desk.TendTokens]
	identity *identity.Service
}

func (w *tendTokens) Work(ctx context.Context, _ *river.Job[desk.TendTokens]) error {
	return w.identity.TendTokens(ctx)
}

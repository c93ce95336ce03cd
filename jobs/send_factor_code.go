package jobs

import (
	"context"
	"time"

	"github.com/riverqueue/river"

	"postern/desk"
	"postern/identity"
)

// sendFactorCode hands codes to the gateway for text messages. It is tried again at once and often, since somebody waits for it, and only while the code still works.
type sendFactorCode struct {
	river.WorkerDefaults[desk.SendFactorCode]
	identity *identity.Service
}

func (w *sendFactorCode) Work(ctx context.Context, job *river.Job[desk.SendFactorCode]) error {
	return w.identity.SendFactorCode(ctx, job.Args.Code)
}

// NextRetry is soon: the code is worth something for five minutes.
func (w *sendFactorCode) NextRetry(job *river.Job[desk.SendFactorCode]) time.Time {
	return time.Now().Add(time.Duration(min(len(job.Errors)+1, 6)) * 5 * time.Second)
}

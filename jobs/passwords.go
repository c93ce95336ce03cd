package jobs

import (
	"context"

	"github.com/riverqueue/river"

	"postern/desk"
	"postern/identity"
)

// resetPassword looks whether somebody is here who asked for a new password. It is a job, so that whoever asks cannot tell from the time of the answer.
type resetPassword struct {
	river.WorkerDefaults[desk.ResetPassword]
	identity *identity.Service
}

func (w *resetPassword) Work(ctx context.Context, job *river.Job[desk.ResetPassword]) error {
	return w.identity.MakeReset(ctx, job.Args)
}

// tellStricter tells people that the rules for their passwords have become stricter.
type tellStricter struct {
	river.WorkerDefaults[desk.TellStricter]
	identity *identity.Service
}

func (w *tellStricter) Work(ctx context.Context, job *river.Job[desk.TellStricter]) error {
	return w.identity.TellStricter(ctx, job.Args)
}

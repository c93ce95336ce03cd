package jobs

import (
	"context"
	"errors"
	"fmt"

	"github.com/riverqueue/river"

	"postern/audit"
	"postern/desk"
	"postern/identity"
)

// actOnAlert does about people what the settings say. Everything can be undone: they sign in again, or an admin lets them ask as much as before, or enables them. A second run changes nothing.
type actOnAlert struct {
	river.WorkerDefaults[desk.ActOnAlert]
	audit    *audit.Service
	identity *identity.Service
}

func (w *actOnAlert) Work(ctx context.Context, job *river.Job[desk.ActOnAlert]) error {
	about := job.Args
	switch audit.Remedy(about.Do) {
	case audit.Throttle:
		values, err := w.identity.Settings(ctx)
		if err != nil {
			return err
		}
		subject := about.Network
		if about.User != 0 {
			subject = fmt.Sprintf("user/%d", about.User)
		}
		return w.audit.Slow(ctx, values, about.Alert, subject)
	case audit.SignOut:
		return w.audit.EndSessions(ctx, about.Alert, about.User)
	case audit.Suspend: // which ends sessions, too
		err := w.identity.Disable(ctx, desk.System("job"), about.User)
		if fault := (*desk.Fault)(nil); errors.As(err, &fault) { // they have become an owner, or are gone
			return w.audit.EndSessions(ctx, about.Alert, about.User)
		}
		return err
	}
	return nil
}

package jobs

import (
	"context"
	"errors"

	"github.com/riverqueue/river"

	"postern/desk"
	"postern/domains"
	"postern/identity"
	"postern/tickets"
)

// verifyDomains looks up every domain's records (T-PREFLIGHT).
type verifyDomains struct {
	river.WorkerDefaults[desk.VerifyDomains]
	domains *domains.Service
}

func (w *verifyDomains) Work(ctx context.Context, _ *river.Job[desk.VerifyDomains]) error {
	return w.domains.VerifyAll(ctx)
}

// sweep removes what nobody will ask for again. Each part is tried, whatever becomes of the others.
type sweep struct {
	river.WorkerDefaults[desk.Sweep]
	tickets  *tickets.Service
	identity *identity.Service
}

func (w *sweep) Work(ctx context.Context, _ *river.Job[desk.Sweep]) error {
	return errors.Join(w.tickets.Sweep(ctx), w.identity.Sweep(ctx))
}

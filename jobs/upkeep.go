package jobs

import (
	"context"
	"errors"
	"time"

	"github.com/riverqueue/river"

	"postern/desk"
	"postern/domains"
	"postern/identity"
	"postern/mailout"
	"postern/store"
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

// renewPolicies keeps what other domains ask of senders from running out.
type renewPolicies struct {
	river.WorkerDefaults[desk.RenewPolicies]
	sender *mailout.Sender
}

func (w *renewPolicies) Work(ctx context.Context, _ *river.Job[desk.RenewPolicies]) error {
	return w.sender.RenewPolicies(ctx)
}

// sweep removes what nobody will ask for again. Each part is tried, whatever becomes of the others.
type sweep struct {
	river.WorkerDefaults[desk.Sweep]
	store    *store.Store
	tickets  *tickets.Service
	identity *identity.Service
	now      func() time.Time
}

// keepAcknowledgements is longer than any limit looks back but that of a ticket, which counts this far.
const keepAcknowledgements = 30 * 24 * time.Hour

func (w *sweep) Work(ctx context.Context, _ *river.Job[desk.Sweep]) error {
	before := w.now().Add(-keepAcknowledgements)
	return errors.Join(w.tickets.Sweep(ctx), w.identity.Sweep(ctx), w.store.Write(ctx, func(tx *store.Tx) error { return tx.SweepAcknowledgements(ctx, before) }))
}

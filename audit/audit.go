// Package audit promises that what was recorded can be read, handed on and checked, and that a record which was changed, taken out or slipped in is found and named.
//
// Records are made by the rooms in which things change, in the same transaction (store.Tx.Audit). This package links them into a chain of hashes within a second, signs checkpoints of it, verifies it,
// writes it out for other programs, sends it to them, and looks through it for what should alarm people. It keeps the log of readings, too.
// It cannot tell that the newest records were cut off together with their links and checkpoints by whoever owns the database: only a copy elsewhere can, which is what sinks are for.
package audit

import (
	"context"
	"log/slog"
	"net/netip"
	"time"

	"postern/desk"
	"postern/secret"
	"postern/store"
)

// Config is what a Service is made of.
type Config struct {
	Store    *store.Store
	Keys     *secret.Keyset                                          // seals the key that signs checkpoints, and the secrets of webhooks
	Hostname string                                                  // by which sinks know us
	Version  string                                                  // of the program, for sinks
	Folder   string                                                  // where files with the log lie; empty: this process writes none
	Refuse   func(netip.Addr) error                                  // says why nothing is sent to an address; nil: to any
	Behind   func(sink string, records int64, failing time.Duration) // hears how each sink fares; nil: nobody does
	Now      func() time.Time                                        // nil: the clock
	Log      *slog.Logger                                            // nil: the default
}

// Service is safe for concurrent use.
type Service struct {
	cfg   Config
	store *store.Store
	reads readings
}

// New makes a service.
func New(cfg Config) *Service {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	return &Service{cfg: cfg, store: cfg.Store}
}

// now is the time as PostgreSQL keeps it.
func (s *Service) now() time.Time { return s.cfg.Now().UTC().Truncate(time.Microsecond) }

// need says whether the actor holds the right.
func need(actor desk.Actor, right desk.Right) error {
	switch {
	case actor.Can(right):
		return nil
	case actor.User.ID == 0:
		return desk.Faultf(desk.Unsigned, "sign in first")
	default:
		return desk.Faultf(desk.Forbidden, "you may not do this: it takes the right %q", right)
	}
}

// largestPage is how many entries a page has at most.
const largestPage = 100

// veiled says whether the actor reads the log without the words of conversations: an auditor sees that something was done, by whom and when, and not what a customer wrote.
func veiled(actor desk.Actor) bool {
	return !actor.IsSystem() && (actor.User.Sight() != desk.SightAll || len(actor.User.Masks()) > 0)
}

// List is one page of the log.
func (s *Service) List(ctx context.Context, actor desk.Actor, q desk.AuditQuery) (desk.Page[desk.AuditEntry], error) {
	if err := need(actor, mayRead); err != nil {
		return desk.Page[desk.AuditEntry]{}, err
	}
	q.Limit, q.Veiled = min(q.Limit, largestPage), veiled(actor)
	return s.store.AuditLog(ctx, q)
}

package tickets

import (
	"context"
	"errors"
	"time"

	"postern/desk"
	"postern/store"
)

const (
	keepUploads = 24 * time.Hour // an upload that no message took
	keepObjects = 24 * time.Hour // a stored object without a row: far longer than any upload or intake takes
	sweepBatch  = 500            // objects that one query asks about
)

// Sweep removes what nobody will ask for again, in bounded steps, and sums up the figures of days that are over. What remains after one run is for the next.
func (s *Service) Sweep(ctx context.Context) error {
	now := s.now()
	return errors.Join(
		s.store.Write(ctx, func(tx *store.Tx) error { return sweepRows(ctx, tx, now) }),
		s.store.Write(ctx, func(tx *store.Tx) error { return purgeSuspended(ctx, tx, now) }),
		s.store.Write(ctx, func(tx *store.Tx) error { return rollUp(ctx, tx, now) }),
		s.sweepObjects(ctx, now.Add(-keepObjects)),
	)
}

func sweepRows(ctx context.Context, tx *store.Tx, now time.Time) error {
	if _, err := tx.DropUploads(ctx, now.Add(-keepUploads)); err != nil {
		return err
	}
	if _, err := tx.DropFileLinks(ctx, now); err != nil {
		return err
	}
	if err := tx.SweepSenderRules(ctx, now); err != nil {
		return err
	}
	if err := tx.SweepBulk(ctx, now.Add(-keepBulk)); err != nil {
		return err
	}
	if err := tx.SweepBounces(ctx, now.Add(-desk.SuppressWithin)); err != nil {
		return err
	}
	if err := tx.SweepFormEntries(ctx, now, now.Add(-formsFor)); err != nil {
		return err
	}
	if err := tx.SweepNotifications(ctx, now.Add(-keepNotifications)); err != nil {
		return err
	}
	_, err := tx.SweepIdempotent(ctx, now.Add(-store.KeepAnswers))
	return err
}

// purgeSuspended removes what nobody looked at for as long as the policy says (behaviour §5), and leaves the count in the audit log.
func purgeSuspended(ctx context.Context, tx *store.Tx, now time.Time) error {
	policy, err := policyOf(ctx, tx.Reader)
	if err != nil {
		return err
	}
	purged, err := tx.PurgeSuspended(ctx, now.Add(-policy.Keep()))
	if err != nil || purged == 0 {
		return err
	}
	if err := tx.Audit(ctx, desk.System("job"), "suspended.purge", "suspended", map[string]int64{"count": purged}); err != nil {
		return err
	}
	return tx.Announce(ctx, store.News{Suspended: true})
}

// Requeue gives deliveries a job again that have been due for longer than the given time and have none: it was lost. Where there is one, nothing is added.
func (s *Service) Requeue(ctx context.Context, overdue time.Duration) error {
	stranded, err := s.store.Stranded(ctx, s.now().Add(-overdue))
	if err != nil || len(stranded) == 0 {
		return err
	}
	jobs := make([]store.Job, len(stranded))
	for i, errand := range stranded {
		jobs[i] = errand
	}
	return s.store.Write(ctx, func(tx *store.Tx) error { return tx.Enqueue(ctx, time.Time{}, jobs...) })
}

// sweepObjects removes stored objects that no row names.
func (s *Service) sweepObjects(ctx context.Context, before time.Time) error {
	batch := make([]string, 0, sweepBatch)
	remove := func() error {
		unused, err := s.store.Unused(ctx, batch)
		if err != nil {
			return err
		}
		batch = batch[:0]
		if len(unused) == 0 {
			return nil
		}
		return s.cfg.Bucket.Remove(ctx, unused...)
	}
	err := s.cfg.Bucket.List(ctx, before, func(key string) error {
		if batch = append(batch, key); len(batch) < sweepBatch {
			return nil
		}
		return remove()
	})
	if err != nil {
		return err
	}
	return remove()
}

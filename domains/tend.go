package domains

import (
	"context"
	"errors"
	"time"

	"postern/desk"
	"postern/store"
)

// due says whether it is time to look a domain's records up again.
func due(d desk.Domain, keys []store.DomainKey, now time.Time, spans Spans) bool {
	since := now.Sub(d.CheckedAt)
	switch {
	case d.CheckedAt.IsZero(), since >= spans.Routine:
		return true
	case d.State == desk.DomainPaused, d.State == desk.DomainRemoved:
		return false
	case d.State == desk.DomainDegraded:
		return since >= spans.Soon
	case d.State != desk.DomainActive:
		return since >= spans.Soon && now.Sub(d.CreatedAt) < spans.Forgotten
	}
	for _, key := range keys {
		if key.Role == desk.KeyNext && (key.Slot == 0 || key.SeenAt == nil || key.Grace != nil) {
			return since >= spans.Soon && now.Sub(key.CreatedAt) < spans.Forgotten
		}
	}
	return false
}

// Tend does for every domain what its time has come for: its records are looked up, keys take over and end, the operator's zone is brought up to date, and domains that were removed long ago are forgotten.
// It is called often; between two times there is nothing to do. One domain that cannot be tended does not keep the others from it.
func (s *Service) Tend(ctx context.Context) error {
	list, err := s.cfg.Store.Domains(ctx)
	if err != nil {
		return err
	}
	keys, err := s.cfg.Store.AllDomainKeys(ctx)
	if err != nil {
		return err
	}
	var failed []error
	for _, domain := range list {
		failed = append(failed, s.tend(ctx, domain, keys[domain.ID]))
	}
	failed = append(failed, s.Publish(ctx))
	failed = append(failed, s.cfg.Store.Write(ctx, func(tx *store.Tx) error { return tx.SweepAlerts(ctx, s.cfg.Now().Add(-s.cfg.Spans.Dangling)) }))
	if s.cfg.Observe != nil {
		if list, err = s.cfg.Store.Domains(ctx); err == nil {
			s.cfg.Observe(list)
		}
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}

// tend is Tend for one domain.
func (s *Service) tend(ctx context.Context, d desk.Domain, keys []store.DomainKey) error {
	now, system := s.cfg.Now(), desk.System("job")
	if due(d, keys, now, s.cfg.Spans) {
		_, _, err := s.Verify(ctx, system, d.Name)
		if isNotFound(err) { // removed meanwhile
			return nil
		}
		return err
	}
	if !turn(d, keys, now, s.cfg.Spans).changes() {
		return nil
	}
	return s.change(ctx, func(tx *store.Tx) error {
		v, err := s.hold(ctx, tx, d.Name)
		if isNotFound(err) {
			return nil
		}
		if err != nil {
			return err
		}
		return s.advance(ctx, tx, system, &v, now)
	})
}

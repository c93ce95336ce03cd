package domains

import (
	"context"
	"errors"
	"slices"
	"sync"
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

const (
	looks    = 8           // at once
	lookTurn = time.Minute // no look begins later than this in one Tend, so that keys are not kept waiting by many slow name servers
)

// Tend does for every domain what its time has come for: keys take over and end, the operator's zone is brought up to date, records are looked up, and domains that were removed long ago are forgotten.
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
	now, failed := s.cfg.Now(), []error(nil)
	var waiting []desk.Domain
	for _, d := range list {
		if turn(d, keys[d.ID], now, s.cfg.Spans).changes() {
			failed = append(failed, s.turn(ctx, d.Name))
		}
		if due(d, keys[d.ID], now, s.cfg.Spans) {
			waiting = append(waiting, d)
		}
	}
	failed = append(failed, s.Publish(ctx), s.lookAt(ctx, waiting), s.Publish(ctx))
	failed = append(failed, s.cfg.Store.Write(ctx, func(tx *store.Tx) error { return tx.SweepAlerts(ctx, s.cfg.Now().Add(-s.cfg.Spans.Dangling)) }))
	if s.cfg.Observe != nil {
		if list, err = s.cfg.Store.Domains(ctx); err == nil {
			s.cfg.Observe(list)
		}
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}

// turn does with a domain's keys what their time has come for.
func (s *Service) turn(ctx context.Context, name string) error {
	return s.note(ctx, func(tx *store.Tx) (bool, error) {
		v, err := s.hold(ctx, tx, name)
		if isNotFound(err) { // removed meanwhile
			return false, nil
		}
		if err != nil {
			return false, err
		}
		return s.advance(ctx, tx, desk.System("job"), &v, s.cfg.Now())
	})
}

// lookAt looks domains up, several at a time, those first whose last look is the longest ago. Those that it does not come to are the first of the next time.
func (s *Service) lookAt(ctx context.Context, list []desk.Domain) error {
	slices.SortStableFunc(list, func(a, b desk.Domain) int { return a.CheckedAt.Compare(b.CheckedAt) })
	ends := time.Now().Add(lookTurn)
	var mu sync.Mutex
	var failed []error
	var looking sync.WaitGroup
	places := make(chan struct{}, looks)
	for _, d := range list {
		places <- struct{}{}
		if ctx.Err() != nil || time.Now().After(ends) {
			break
		}
		looking.Go(func() {
			defer func() { <-places }()
			if _, _, err := s.Verify(ctx, desk.System("job"), d.Name); err != nil && !isNotFound(err) {
				mu.Lock()
				defer mu.Unlock()
				failed = append(failed, err)
			}
		})
	}
	looking.Wait()
	return errors.Join(append(failed, ctx.Err())...)
}

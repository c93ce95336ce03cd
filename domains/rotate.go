package domains

import (
	"context"
	"slices"

	"postern/desk"
	"postern/store"
)

// Rotate makes the next keys take over in good order and returns all records that are wanted then. Keys behind CNAMEs take over at once, if they were seen for long enough.
// Where the owner publishes each key, new ones are made: the old ones sign until the new ones' records are found (Verify), and their own records shall stay for a week after that.
func (s *Service) Rotate(ctx context.Context, actor desk.Actor, name string) ([]desk.Record, error) {
	name, err := allowed(actor, name)
	if err != nil {
		return nil, err
	}
	err = s.change(ctx, func(tx *store.Tx) error {
		v, err := s.hold(ctx, tx, name)
		if err != nil {
			return err
		}
		return s.rotate(ctx, tx, actor, &v)
	})
	if err != nil {
		return nil, err
	}
	view, err := s.read(ctx, name)
	return view.records, err
}

// hold takes a domain in hand and reads all that is known of it.
func (s *Service) hold(ctx context.Context, tx *store.Tx, name string) (v view, err error) {
	if v.domain, err = lockLiving(ctx, tx, name); err != nil {
		return v, err
	}
	return v, s.readRest(ctx, tx.Reader, &v)
}

// rotate is Rotate for a domain in hand.
func (s *Service) rotate(ctx context.Context, tx *store.Tx, actor desk.Actor, v *view) error {
	now := s.cfg.Now()
	if v.domain.Publication == desk.PublishDelegated {
		return s.rotateDelegated(ctx, tx, actor, v)
	}
	waits := func(key store.DomainKey) bool {
		return key.Slot == 0 && (key.Role == desk.KeyNext || key.Role == desk.KeySigning && key.SeenAt == nil && key.Algorithm == string(RSA))
	}
	if slices.ContainsFunc(v.keys, waits) {
		return desk.Faultf(desk.Conflict, "keys of %s wait for their records already: publish those and verify first", v.domain.Name)
	}
	rows, err := s.newKeys(v.domain.Name, 0, now)
	if err != nil {
		return err
	}
	if err := tx.AddDomainKeys(ctx, v.domain.ID, rows); err != nil {
		return err
	}
	return tx.Audit(ctx, actor, "domain.rotate", subjectOf(v.domain.Name), map[string]any{"selectors": selectors(rows)})
}

// rotateDelegated lets the other slot take over now, if caches have had time to forget what stood there before.
func (s *Service) rotateDelegated(ctx context.Context, tx *store.Tx, actor desk.Actor, v *view) error {
	now := s.cfg.Now()
	forced := v.domain
	forced.State, forced.RotateDays = desk.DomainActive, 1
	hurry := s.cfg.Spans
	hurry.Day = 1 // the keys that sign are old enough, whatever their age
	t := turn(forced, v.keys, now, hurry)
	if v.domain.State != desk.DomainActive || len(t.Took) == 0 {
		return desk.Faultf(desk.Conflict, "the next keys of %s have not been in the DNS for long enough: they can sign once they were seen for %s", v.domain.Name, s.cfg.Spans.Settle)
	}
	if err := tx.Audit(ctx, actor, "domain.rotate", subjectOf(v.domain.Name), map[string]any{"selectors": t.Took}); err != nil {
		return err
	}
	return s.carryOut(ctx, tx, actor, v, t, now)
}

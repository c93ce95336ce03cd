package domains

import (
	"context"
	"slices"
	"time"

	"postern/desk"
	"postern/store"
)

// Rotate makes the next keys take over in good order and returns all records that are wanted then. Keys behind CNAMEs take over at once, if they were seen for long enough.
// Where the owner publishes each key, new ones are made: the old ones sign until the new ones' records are found (Verify), and their own records shall stay for a week after that.
func (s *Service) Rotate(ctx context.Context, actor desk.Actor, name string) ([]desk.Record, error) {
	name, err := allowed(actor, desk.MayManageDomains, name)
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
	_ = s.publishSoon(ctx, name, asNoted) // managers are told, and it is tried again
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
		return key.Slot == 0 && key.Algorithm == string(RSA) && (key.Role == desk.KeyNext || key.Role == desk.KeySigning && key.SeenAt == nil)
	}
	if slices.ContainsFunc(v.keys, waits) {
		return desk.Faultf(desk.Conflict, "keys of %s wait for their records already: publish those and verify first", v.domain.Name)
	}
	if err := room(v.domain.Name, v.keys); err != nil {
		return err
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

// mostGrace is the longest time for which keys are believed after an emergency: that of a rotation in good order.
const mostGrace = 7 * 24 * time.Hour

// Emergency replaces keys that may be in the wrong hands, and returns the records that are wanted then.
// Behind CNAMEs the keys of the other slot sign at once, if no cache can hold what stood there before, else as soon as that is so; the keys before them are revoked after the grace.
// Where the owner publishes each key, new ones are made, and take over as soon as their records are found; from then on we believe the old ones no more, and their owner has to delete the records.
// In every case the old private keys are destroyed with the change, and until then they sign: no mail leaves unsigned.
func (s *Service) Emergency(ctx context.Context, actor desk.Actor, name string, grace time.Duration) ([]desk.Record, error) {
	name, err := allowed(actor, desk.MayManageDomains, name)
	if err != nil {
		return nil, err
	}
	if grace < 0 || grace > mostGrace {
		return nil, desk.Wrong("grace", "the grace is between nothing and %s", mostGrace)
	}
	err = s.change(ctx, func(tx *store.Tx) error {
		v, err := s.hold(ctx, tx, name)
		if err != nil {
			return err
		}
		hurried, err := s.hurry(ctx, tx, &v, int(grace/time.Second))
		if err != nil {
			return err
		}
		detail := map[string]any{"selectors": hurried, "grace": grace.String()}
		if err := tx.Audit(ctx, actor, "domain.emergency", subjectOf(name), detail); err != nil {
			return err
		}
		_, err = s.advance(ctx, tx, actor, &v, s.cfg.Now())
		return err
	})
	if err != nil {
		return nil, err
	}
	_ = s.publishSoon(ctx, name, asNoted) // managers are told, and it is tried again
	view, err := s.read(ctx, name)
	return view.records, err
}

// hurry marks the keys that take over in an emergency, and makes them where there are none. It names them.
func (s *Service) hurry(ctx context.Context, tx *store.Tx, v *view, grace int) ([]string, error) {
	h := hurried(v.domain, v.keys, grace)
	if !h.fresh {
		v.keys = slices.Concat(h.rest, h.waiting)
		return selectors(h.waiting), tx.SetDomainKeys(ctx, h.waiting)
	}
	if err := room(v.domain.Name, v.keys); err != nil {
		return nil, err
	}
	if err := tx.DropDomainKeys(ctx, h.drop); err != nil {
		return nil, err
	}
	fresh, err := s.newKeys(v.domain.Name, h.slot, s.cfg.Now())
	if err != nil {
		return nil, err
	}
	for i := range fresh {
		fresh[i].Grace = &grace
	}
	if err := tx.AddDomainKeys(ctx, v.domain.ID, fresh); err != nil {
		return nil, err
	}
	v.keys, err = tx.DomainKeys(ctx, v.domain.ID)
	return selectors(fresh), err
}

// mostKeys of one domain are kept, those that were revoked lately among them: more than anybody has, and less than what is read at once.
const mostKeys = 100

// room says whether a domain may have more keys.
func room(name string, keys []store.DomainKey) error {
	if len(keys) >= mostKeys {
		return desk.Faultf(desk.TooLarge, "%s has %d keys, which is the most: delete the records of those that are used no more, and verify", name, len(keys))
	}
	return nil
}

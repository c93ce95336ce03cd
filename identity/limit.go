package identity

import (
	"context"
	"sync"
	"time"

	"postern/store"
)

// Permission is whether a request may go on, and what its sender is told of the limit.
type Permission struct {
	Granted bool
	Limit   int           // requests in 60 seconds; 0: there is no limit
	Left    int           // how many more may come now
	Reset   time.Duration // when the count of this minute begins anew
	Again   time.Duration // when the next one is let through, where this one is not
}

// rates are permits that this process has taken from the count that all machines share. It takes some at a time, as many as a twentieth of the limit, fewer where few are left: so a request costs a statement
// now and then, and yet no more than the limit get through, however many machines there are. Those of a minute that are not used are lost with it.
type rates struct {
	mu    sync.Mutex
	slots map[string]*slot
}

// slot is what one key has in this process.
type slot struct {
	mu      sync.Mutex
	minute  int64
	left    int       // permits in hand
	used    int       // what was counted by all when the last were taken
	before  int       // what was counted in the minute before
	refused time.Time // until then nothing is asked for
}

// slotsMost bounds the memory: more keys than that in a minute are an attack from many places, which this does not stop anyway.
const slotsMost = 50_000

// slot is the one of a key.
func (r *rates) slot(key string, minute int64) *slot {
	r.mu.Lock()
	defer r.mu.Unlock()
	if found, known := r.slots[key]; known {
		return found
	}
	if r.slots == nil {
		r.slots = map[string]*slot{}
	}
	if len(r.slots) >= slotsMost {
		for key, old := range r.slots {
			if old.mu.TryLock() {
				if old.minute < minute {
					delete(r.slots, key)
				}
				old.mu.Unlock()
			}
		}
		if len(r.slots) >= slotsMost {
			clear(r.slots)
		}
	}
	made := &slot{}
	r.slots[key] = made
	return made
}

// Permit counts a request under a key and says whether it may go on: so many within 60 seconds, over all machines. A limit of 0 or less is none.
func (s *Service) Permit(ctx context.Context, key string, limit int) (Permission, error) {
	if limit <= 0 {
		return Permission{Granted: true}, nil
	}
	now := s.now()
	minute, second := now.Unix()/60, int(now.Unix()%60)
	slot := s.rates.slot(key, minute)
	slot.mu.Lock()
	defer slot.mu.Unlock()
	if slot.minute != minute {
		slot.minute, slot.left, slot.used, slot.before = minute, 0, 0, 0
	}
	permission := Permission{Limit: limit, Reset: time.Duration(60-second) * time.Second}
	if now.Before(slot.refused) {
		permission.Again = slot.refused.Sub(now)
		return permission, nil
	}
	if slot.left == 0 {
		if err := s.lease(ctx, slot, key, second, limit); err != nil {
			return Permission{}, err
		}
	}
	if slot.left == 0 {
		// Not even one was left, whatever count a statement saw that ran beside another.
		permission.Again = again(max(slot.used, limit-weight(slot.before, second)), slot.before, second, limit)
		slot.refused = now.Add(permission.Again)
		return permission, nil
	}
	slot.left--
	permission.Granted = true
	permission.Left = max(0, limit-slot.used-weight(slot.before, second)) + slot.left
	return permission, nil
}

// lease takes some permits.
func (s *Service) lease(ctx context.Context, slot *slot, key string, second, limit int) error {
	want := max(1, min(limit/20, (limit-slot.used-weight(slot.before, second))/8))
	for {
		leased, err := s.store.Lease(ctx, store.Lease{Key: key, Minute: slot.minute, Second: second, Want: want, Limit: limit})
		if err != nil {
			return err
		}
		slot.used, slot.before = leased.Used, leased.Before
		if leased.Granted {
			slot.left = want
			return nil
		}
		if want == 1 {
			return nil
		}
		want = 1
	}
}

// weight is how much of the minute before the last 60 seconds still hold, at that second of this one, as if it had come evenly.
func weight(before, second int) int { return before * (60 - second) / 60 }

// again is when the next request is let through: when enough of the minute before is out of sight, or else some time within the next minute.
func again(used, before, second, limit int) time.Duration {
	for at := second + 1; at < 60; at++ {
		if used+1 <= limit-weight(before, at) {
			return time.Duration(at-second) * time.Second
		}
	}
	for at := range 60 {
		if 1 <= limit-weight(used, at) {
			return time.Duration(60-second+at) * time.Second
		}
	}
	return time.Duration(60-second) * time.Second
}

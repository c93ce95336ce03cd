package identity

import (
	"context"
	"sync"
	"time"

	"postern/desk"
	"postern/store"
)

// errOutside is the answer to somebody who comes from where their role may not come from.
var errOutside = &desk.Fault{Kind: desk.Forbidden, Reason: "This cannot be opened from your address."}

// AdmitsPlace says whether the actor may use the right from where they are; the answer holds for this request only. Nobody (a zero User) is let in or kept out by where a page is, before anybody is known.
func (s *Service) AdmitsPlace(ctx context.Context, actor desk.Actor, right desk.Right) error {
	rules, err := s.AddressRules(ctx)
	if err != nil || !rules.On || actor.User.ID == 0 {
		return err
	}
	now := s.now()
	if rules.Customers && !actor.User.Role.Staff() {
		return nil
	}
	if !rules.Admit(actor.IP, now) || forAdmins(right) && !rules.AdmitAdmin(actor.IP, now) {
		return errOutside
	}
	return nil
}

// forAdmins says whether a right is for looking after the desk, beyond working at it.
func forAdmins(right desk.Right) bool {
	row, given := right.Row()
	return given && row.Scope == desk.ScopeAdmin && right != desk.MayHoldTokens
}

// staffOutside says whether staff cannot sign in from there.
func (s *Service) staffOutside(ctx context.Context, from Client) (bool, error) {
	rules, err := s.AddressRules(ctx)
	return !rules.Admit(from.IP, s.now()), err
}

// admitsArrival says whether somebody may come in from where they are, whatever way they came. It reads the rules in the transaction, which waits for no second connection then.
func (s *Service) admitsArrival(ctx context.Context, r store.Reader, a Arrival) error {
	found, trial, err := s.readAddresses(ctx, r)
	if trial.pending() && !s.now().Before(trial.Until) {
		found = trial.Before
	}
	if err == nil && !found.Admit(a.From.IP, s.now()) && (a.User.Role.Staff() || !found.Customers) {
		return errOutside
	}
	return err
}

// turnedAway remembers which addresses were turned away of late, so that a flood of requests writes one line a minute for each and not one a request.
type turnedAway struct {
	mu sync.Mutex
	at map[string]time.Time
}

// mostTurned bounds that memory: a flood from more addresses than this is told of by its first ones.
const mostTurned = 10_000

func (t *turnedAway) fresh(ip string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if last, known := t.at[ip]; known && now.Sub(last) < time.Minute {
		return false
	}
	if t.at == nil || len(t.at) >= mostTurned {
		for one, last := range t.at {
			if now.Sub(last) >= time.Minute {
				delete(t.at, one)
			}
		}
		if len(t.at) >= mostTurned {
			return false
		}
	}
	if t.at == nil {
		t.at = map[string]time.Time{}
	}
	t.at[ip] = now
	return true
}

// TurnedAway notes in the audit log that somebody came from where nobody may come from: once a minute for each address.
func (s *Service) TurnedAway(ctx context.Context, actor desk.Actor) error {
	if !s.turned.fresh(place(actor.IP), s.now()) {
		return nil
	}
	return s.store.Write(ctx, func(tx *store.Tx) error {
		return tx.Audit(ctx, actor, "addresses.denied", "addresses", nil)
	})
}

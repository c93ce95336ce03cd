package identity

import (
	"context"

	"postern/desk"
	"postern/secret"
	"postern/store"
)

// Session is whose session the token opens. The error is a desk.Fault of kind Unsigned when it opens none: wrong, ended, not used or open for longer than the settings let it, not whole yet,
// or its owner is disabled. It costs one query, and a write at most once a minute.
func (s *Service) Session(ctx context.Context, token string) (desk.User, error) {
	live, err := s.SignedIn(ctx, token)
	if err == nil && live.Pending != "" {
		return desk.User{}, unsigned("Please sign in.")
	}
	return live.User, err
}

// SignedIn is Session with all that is known of it. One that is pending is returned as well: whoever asks lets it do only what it is pending for.
func (s *Service) SignedIn(ctx context.Context, token string) (store.LiveSession, error) {
	return s.signedIn(ctx, token, used)
}

// Glance is SignedIn for what a page asks by itself: it does not count as use, so that a browser left open does not keep its session alive.
func (s *Service) Glance(ctx context.Context, token string) (store.LiveSession, error) {
	return s.signedIn(ctx, token, glanced)
}

// use says whether asking for a session counts as use of it.
type use int

const (
	used use = iota
	glanced
)

func (s *Service) signedIn(ctx context.Context, token string, how use) (store.LiveSession, error) {
	values, err := s.Settings(ctx)
	if err != nil {
		return store.LiveSession{}, err
	}
	now, hash := s.now(), secret.HashToken(token)
	live, found, err := s.store.Session(ctx, hash, now)
	if err != nil {
		return store.LiveSession{}, err
	}
	idle, life := limits(values, live.Role)
	if !found || now.Sub(live.SeenAt) >= idle || now.Sub(live.CreatedAt) >= life {
		return store.LiveSession{}, unsigned("Please sign in.")
	}
	if how == used && now.Sub(live.SeenAt) >= touchEvery {
		err = s.store.Write(ctx, func(tx *store.Tx) error { return tx.TouchSession(ctx, hash, live.ID, now) })
	}
	return live, err
}

// SignOut ends the session of the token. One that has ended already is no error.
func (s *Service) SignOut(ctx context.Context, token string) error {
	return s.store.Write(ctx, func(tx *store.Tx) error {
		user, err := tx.RemoveSession(ctx, secret.HashToken(token))
		if err != nil || user.ID == 0 {
			return err
		}
		return tx.Audit(ctx, desk.Actor{User: user, Via: "portal"}, "user.signout", subjectOf(user.ID), nil)
	})
}

package identity

import (
	"context"

	"postern/desk"
	"postern/secret"
	"postern/store"
)

// Session is whose session the token opens. The error is a desk.Fault of kind Unsigned when it opens none: wrong, ended, not used for 12 hours, older than
// 30 days, or its owner is disabled. It costs one query, and a write at most once a minute.
func (s *Service) Session(ctx context.Context, token string) (desk.User, error) {
	live, err := s.SignedIn(ctx, token)
	return live.User, err
}

// SignedIn is Session with how the person likes to read.
func (s *Service) SignedIn(ctx context.Context, token string) (store.LiveSession, error) {
	now, hash := s.now(), secret.HashToken(token)
	live, found, err := s.store.Session(ctx, hash, now, now.Add(-sessionIdle))
	if err != nil {
		return store.LiveSession{}, err
	}
	if !found {
		return store.LiveSession{}, unsigned("Please sign in.")
	}
	if now.Sub(live.SeenAt) >= touchEvery {
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

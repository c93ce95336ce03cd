package identity

import (
	"context"
	"crypto/subtle"
	"time"

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
	return s.signedIn(ctx, token, Used)
}

// Glance is SignedIn for what a page asks by itself: it does not count as use, so that a browser left open does not keep its session alive.
func (s *Service) Glance(ctx context.Context, token string) (store.LiveSession, error) {
	return s.signedIn(ctx, token, Glanced)
}

// Use says whether asking for a session counts as use of it.
type Use int

const (
	Used    Use = iota
	Glanced     // what a page asks by itself
)

func (s *Service) signedIn(ctx context.Context, token string, how Use) (store.LiveSession, error) {
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
	if how == Used && now.Sub(live.SeenAt) >= touchEvery {
		err = s.store.Write(ctx, func(tx *store.Tx) error { return tx.TouchSession(ctx, hash, live.ID, now) })
	}
	return live, err
}

// In is SignedIn, or Glance, of a session that a browser shows. A session belongs to the browser in which it was opened: shown by another, it was copied, and ends. One that is suddenly used by another kind of
// browser from another network goes on, but its person has to prove again who they are before anything sensitive (security T-29).
func (s *Service) In(ctx context.Context, token string, from Client, how Use) (store.LiveSession, error) {
	live, err := s.signedIn(ctx, token, how)
	if err != nil {
		return live, err
	}
	actor := from.actor(live.User)
	actor.Session = live.SessionID
	if len(live.DeviceKey) > 0 && subtle.ConstantTimeCompare(live.DeviceKey, secret.HashToken(from.Device)) != 1 {
		err := s.audited(ctx, func(tx *store.Tx) (entry, error) {
			_, err := tx.EndSession(ctx, live.ID, live.SessionID)
			return entry{actor: actor, action: "session.copied", subject: subjectOf(live.ID), detail: map[string]any{"session": live.SessionID, "client": DeviceName(from.agent())}}, err
		})
		if err != nil {
			return store.LiveSession{}, err
		}
		return store.LiveSession{}, unsigned("Please sign in.")
	}
	if place(live.IP) == place(from.IP) || live.UserAgent == "" || DeviceName(live.UserAgent) == DeviceName(from.agent()) {
		return live, nil
	}
	live.ProvedAt = time.Time{}
	return live, s.audited(ctx, func(tx *store.Tx) (entry, error) {
		detail := map[string]any{"session": live.SessionID, "from": DeviceName(live.UserAgent), "to": DeviceName(from.agent()), "before": live.IP}
		return entry{actor: actor, action: "session.moved", subject: subjectOf(live.ID), detail: detail}, tx.MoveSession(ctx, live.SessionID, from.IP, from.agent())
	})
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

package store

import (
	"context"
	"time"

	"postern/desk"
)

// OpenSession is a session that has not expired, and whose it is.
type OpenSession struct {
	desk.User
	Hash      []byte // of the token
	Pending   string // what is still to do; empty: it opens everything
	CreatedAt time.Time
	SeenAt    time.Time
}

// OpenSessions are those of some sessions that Session would find, in one question.
func (r Reader) OpenSessions(ctx context.Context, hashes [][]byte, now time.Time) ([]OpenSession, error) {
	open, err := rowsOf[OpenSession](ctx, r.q, `
		select u.id, u.email, u.name, u.role, s.token_hash as hash, s.pending, s.created_at, s.last_seen_at as seen_at
		from session s
		join "user" u on u.id = s.user_id
		where s.token_hash = any($1) and s.expires_at > $2 and u.disabled_at is null and (u.ends_at is null or u.ends_at > $2)`, hashes, now)
	if err != nil {
		return nil, wrap(err, "open sessions")
	}
	users := make([]*desk.User, len(open))
	for i := range open {
		users[i] = &open[i].User
	}
	return open, r.grant(ctx, users...)
}

package store

import (
	"context"
	"time"

	"postern/desk"
)

// sessionsMost is how many sessions a person keeps at once; the oldest end. It bounds what a script that signs in again and again leaves behind.
const sessionsMost = 20

// Session is one signed-in browser.
type Session struct {
	Hash      []byte // of the token
	UserID    int64
	At        time.Time // of the sign-in
	ExpiresAt time.Time
	IP        string
	UserAgent string
	DeviceID  int64
	Method    string    // how it was opened
	Provider  string    // who vouched; empty: nobody
	Pending   string    // what is still to do; empty: it opens everything
	ProvedAt  time.Time // when the person showed all that there is to show; zero: not yet
}

// LiveSession is whose session it is, how it was opened, and when it was last used.
type LiveSession struct {
	desk.User
	SessionID int64
	DeviceID  *int64
	DeviceKey []byte // hash of the cookie of the browser in which it was opened; empty: of before browsers were known
	IP        string // where it was used last from, when that changed
	UserAgent string
	Method    string
	Provider  string
	Pending   string
	CreatedAt time.Time
	ProvedAt  time.Time
	SeenAt    time.Time
	Language  string // that they chose; empty: what the browser asks for
	TimeZone  string // as in the IANA database; empty: the browser's

	ActsFor   string     // address of the customer as whom they look at customers' pages just now; empty: nobody
	ActsUntil *time.Time // when that ends
}

// Session finds a session that has not expired and belongs to somebody who may sign in. None is no error: found is false.
func (r Reader) Session(ctx context.Context, hash []byte, now time.Time) (live LiveSession, found bool, err error) {
	live, found, err = perhapsOne[LiveSession](ctx, r.q, `
		select u.id, u.email, u.name, u.role, s.id as session_id, s.device_id, d.token_hash as device_key, s.ip, s.user_agent, s.method, s.provider, s.pending, s.created_at, s.proved_at,
		       s.last_seen_at as seen_at, u.language, u.time_zone, coalesce(i.address, '') as acts_for, i.ends_at as acts_until
		from session s
		join "user" u on u.id = s.user_id
		left join device d on d.id = s.device_id
		left join impersonation i on i.session_id = s.id and i.ended_at is null and i.ends_at > $2
		      and not exists (select from "user" o where o.email = i.address and (o.role <> 'customer' or o.disabled_at is not null))
		where s.token_hash = $1 and s.expires_at > $2 and u.disabled_at is null and (u.ends_at is null or u.ends_at > $2)`, hash, now)
	if err != nil || !found {
		return live, found, wrap(err, "session")
	}
	return live, found, r.grant(ctx, &live.User)
}

// AddSession keeps a session and returns its number, marks its owner as seen, and ends the oldest of too many.
func (tx *Tx) AddSession(ctx context.Context, session Session) (id int64, err error) {
	err = tx.tx.QueryRow(ctx, `
		insert into session (token_hash, user_id, created_at, last_seen_at, proved_at, expires_at, ip, user_agent, device_id, method, provider, pending)
		values ($1, $2, $3, $3, $11, $4, $5, $6, nullif($7::bigint, 0), $8, $9, $10)
		returning id`,
		session.Hash, session.UserID, session.At, session.ExpiresAt, session.IP, session.UserAgent, session.DeviceID, session.Method, session.Provider, session.Pending, session.ProvedAt).Scan(&id)
	if err != nil {
		return 0, wrap(err, "add session")
	}
	_, err = tx.tx.Exec(ctx, `
		delete from session
		where token_hash in (
			select token_hash
			from session
			where user_id = $1
			order by created_at desc, token_hash
			offset $2)`, session.UserID, sessionsMost)
	if err != nil {
		return 0, wrap(err, "end oldest session")
	}
	return id, tx.seen(ctx, session.UserID, session.At)
}

// TouchSession notes that a session was used.
func (tx *Tx) TouchSession(ctx context.Context, hash []byte, user int64, now time.Time) error {
	if _, err := tx.tx.Exec(ctx, `update session set last_seen_at = greatest(last_seen_at, $2) where token_hash = $1`, hash, now); err != nil {
		return wrap(err, "touch session")
	}
	return tx.seen(ctx, user, now)
}

func (tx *Tx) seen(ctx context.Context, user int64, now time.Time) error {
	_, err := tx.tx.Exec(ctx, `update "user" set last_seen_at = greatest(last_seen_at, $2) where id = $1`, user, now)
	return wrap(err, "mark user as seen")
}

// RemoveSession ends one session and says whose it was; 0: there was none.
func (tx *Tx) RemoveSession(ctx context.Context, hash []byte) (user desk.User, err error) {
	found, _, err := perhapsOne[desk.User](ctx, tx.tx, `
		delete from session s
		using "user" u
		where s.token_hash = $1 and u.id = s.user_id
		returning u.id, u.email, u.name, u.role`, hash)
	return found, wrap(err, "end session")
}

// RemoveSessions ends all sessions of a person but the one with the hash to keep (nil: all).
func (tx *Tx) RemoveSessions(ctx context.Context, user int64, keep []byte) error {
	_, err := tx.tx.Exec(ctx, `delete from session where user_id = $1 and token_hash is distinct from $2`, user, keep)
	return wrap(err, "end sessions")
}

// SweepSessions removes sessions that have expired or were not used since idle.
func (tx *Tx) SweepSessions(ctx context.Context, now, idle time.Time) error {
	_, err := tx.tx.Exec(ctx, `delete from session where expires_at <= $1 or last_seen_at <= $2`, now, idle)
	return wrap(err, "sweep sessions")
}

// ProveSession notes that the person of a session has just shown again that it is them.
func (tx *Tx) ProveSession(ctx context.Context, hash []byte, now time.Time) error {
	_, err := tx.tx.Exec(ctx, `update session set proved_at = $2 where token_hash = $1`, hash, now)
	return wrap(err, "prove session")
}

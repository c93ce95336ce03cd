package store

import (
	"context"
	"time"
)

// SessionPass is a session that goes on after a step that it waited for.
type SessionPass struct {
	Was     string // the step
	Hash    []byte // of its new token
	Factor  string // that was shown or added; empty: what it was, for a new password proves nothing
	Pending string // the next step; empty: none
	At      time.Time
}

// PassSession lets a session go on, under a new token, if it waits for that step. Of two who try at the same moment, one wins.
func (tx *Tx) PassSession(ctx context.Context, hash []byte, pass SessionPass) (won bool, err error) {
	tag, err := tx.tx.Exec(ctx, `
		update session
		set token_hash = $2, factor = coalesce(nullif($3, ''), factor), pending = $4, last_seen_at = $5,
		    proved_at = case when $6 = 'password' then proved_at else $5 end
		where token_hash = $1 and pending = $6`, hash, pass.Hash, pass.Factor, pass.Pending, pass.At, pass.Was)
	return tag.RowsAffected() == 1, wrap(err, "session goes on")
}

// ProveSessionBy notes that the person of a session has just shown a factor again.
func (tx *Tx) ProveSessionBy(ctx context.Context, hash []byte, factor string, now time.Time) error {
	_, err := tx.tx.Exec(ctx, `update session set proved_at = $2, factor = $3 where token_hash = $1`, hash, now, factor)
	return wrap(err, "prove session")
}

// CompleteDevice notes that a sign-in from a browser was completed, so that it is known from now on.
func (tx *Tx) CompleteDevice(ctx context.Context, device int64, now time.Time) error {
	_, err := tx.tx.Exec(ctx, `update device set completed_at = coalesce(completed_at, $2) where id = $1`, device, now)
	return wrap(err, "complete device")
}

// DistrustDevices makes all browsers of a person show a factor at their next sign-in.
func (tx *Tx) DistrustDevices(ctx context.Context, user int64) error {
	_, err := tx.tx.Exec(ctx, `update device set trusted_until = null where user_id = $1 and trusted_until is not null`, user)
	return wrap(err, "distrust devices")
}

// BrowsersKnown says whether a sign-in of the person was completed in this browser, and whether one was in another.
func (r Reader) BrowsersKnown(ctx context.Context, user, device int64) (this, others bool, err error) {
	err = r.q.QueryRow(ctx, `
		select exists (select from device where user_id = $1 and id = $2 and completed_at is not null),
		       exists (select from device where user_id = $1 and id <> $2 and completed_at is not null)`, user, device).Scan(&this, &others)
	return this, others, wrap(err, "known devices")
}

// CanMail says whether a code that we mail to the person could come to them and nobody else.
func (r Reader) CanMail(ctx context.Context, user int64) (bool, error) {
	reader, found, err := r.LetterReader(ctx, user, "")
	return found && reader.From != "" && !reader.Ours && !reader.Suppressed, err
}

// FactorAskedAt is when the person was first asked to add a factor; nil: they are not.
func (r Reader) FactorAskedAt(ctx context.Context, user int64) (asked *time.Time, err error) {
	err = r.q.QueryRow(ctx, `select factor_asked_at from "user" where id = $1`, user).Scan(&asked)
	return asked, wrap(err, "asked for a factor")
}

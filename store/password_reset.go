package store

import (
	"context"
	"time"

	"postern/desk"
)

// Classes of advisory locks: any constants that nothing else in this database uses.
const (
	lockReset      = 0x7261
	lockResetPlace = 0x7270
)

// PasswordReset is a request to replace a forgotten password.
type PasswordReset struct {
	ID        int64
	Account   string // canonical address as typed, known or not
	Place     string // the network of who asked
	IP        string
	AskedBy   *int64 // the admin who asked; nil: somebody on the sign-in page
	CreatedAt time.Time
	ExpiresAt time.Time
}

// ResetCounts is how often it was asked for.
type ResetCounts struct {
	Account   int `db:"account"`
	Place     int `db:"place"`
	Everybody int `db:"everybody"`
}

// CountResets counts the requests since then, each to a thousand at most. Others who ask for the address or from the place wait until the transaction ends.
func (tx *Tx) CountResets(ctx context.Context, account, place string, since time.Time) (ResetCounts, error) {
	for class, text := range map[int]string{lockReset: account, lockResetPlace: place} {
		if _, err := tx.tx.Exec(ctx, `select pg_advisory_xact_lock($1, hashtext($2))`, class, text); err != nil {
			return ResetCounts{}, wrap(err, "lock requests for passwords")
		}
	}
	counts, err := rowOf[ResetCounts](ctx, tx.q, `
		select (select count(*) from (select from password_reset where account = $1 and created_at > $3 limit 1000) as c) as account,
		       (select count(*) from (select from password_reset where place = $2 and created_at > $3 limit 1000) as c) as place,
		       (select count(*) from (select from password_reset where created_at > $3 limit 1000) as c) as everybody`, account, place, since)
	return counts, wrap(err, "count requests for passwords")
}

// AddReset keeps a request, and returns its id.
func (tx *Tx) AddReset(ctx context.Context, reset PasswordReset) (id int64, err error) {
	err = tx.tx.QueryRow(ctx, `
		insert into password_reset (account, place, ip, asked_by, created_at, expires_at)
		values ($1, $2, $3, $4, $5, $6)
		returning id`, reset.Account, reset.Place, reset.IP, reset.AskedBy, reset.CreatedAt, reset.ExpiresAt).Scan(&id)
	return id, wrap(err, "add request for a password")
}

// PasswordReset reads a request whose link was not made yet. One that was swept away, or has its link, is not found.
func (tx *Tx) PasswordReset(ctx context.Context, id int64) (reset PasswordReset, found bool, err error) {
	reset, found, err = perhapsOne[PasswordReset](ctx, tx.q, `
		select id, account, place, ip, asked_by, created_at, expires_at
		from password_reset
		where id = $1 and token_hash is null and used_at is null
		for update`, id)
	return reset, found, wrap(err, "request for a password")
}

// GiveReset makes a request's link that of a person; those that they have not used are worth nothing from now on.
func (tx *Tx) GiveReset(ctx context.Context, id, user int64, token []byte, now time.Time) error {
	if err := tx.DropResets(ctx, user, now); err != nil {
		return err
	}
	_, err := tx.tx.Exec(ctx, `update password_reset set user_id = $2, token_hash = $3 where id = $1`, id, user, token)
	return wrap(err, "make link for a password")
}

// ResetLink is whose link it is, while it can be used. None is no error: found is false.
func (r Reader) ResetLink(ctx context.Context, token []byte, now time.Time) (user desk.User, found bool, err error) {
	user, found, err = perhapsOne[desk.User](ctx, r.q, `
		select u.id, u.email, u.name, u.role
		from password_reset p
		join "user" u on u.id = p.user_id
		where p.token_hash = $1 and p.used_at is null and p.expires_at > $2 and u.disabled_at is null and (u.ends_at is null or u.ends_at > $2)`, token, now)
	return user, found, wrap(err, "link for a password")
}

// UseReset spends a link and says whose it was. Of two who try at the same moment, one wins.
func (tx *Tx) UseReset(ctx context.Context, token []byte, now time.Time) (user desk.User, found bool, err error) {
	user, found, err = perhapsOne[desk.User](ctx, tx.q, `
		update password_reset p
		set used_at = $2
		from "user" u
		where p.token_hash = $1 and p.used_at is null and p.expires_at > $2 and u.id = p.user_id and u.disabled_at is null and (u.ends_at is null or u.ends_at > $2)
		returning u.id, u.email, u.name, u.role`, token, now)
	return user, found, wrap(err, "use link for a password")
}

// DropResets takes back every unused link of a person.
func (tx *Tx) DropResets(ctx context.Context, user int64, now time.Time) error {
	_, err := tx.tx.Exec(ctx, `update password_reset set used_at = $2 where user_id = $1 and used_at is null`, user, now)
	return wrap(err, "take back links for passwords")
}

// SweepResets removes requests from before the given time, which no limit counts any more.
func (tx *Tx) SweepResets(ctx context.Context, before time.Time) error {
	_, err := tx.tx.Exec(ctx, `delete from password_reset where created_at <= $1 and expires_at <= now()`, before)
	return wrap(err, "sweep requests for passwords")
}

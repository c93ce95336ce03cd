package store

import (
	"context"
	"time"

	"postern/desk"
)

// Bypass is an owner's way in past providers.
type Bypass struct {
	UserID    *int64 // nil: it was asked for under an address that is no owner's, and opens nothing
	ByMail    bool   // else it was made on the machine
	Place     string
	CreatedAt time.Time
	ExpiresAt time.Time
}

// CountBypasses says how many ways in were asked for by mail since then: for a person, and from a place.
func (r Reader) CountBypasses(ctx context.Context, user int64, place string, since time.Time) (person, here int, err error) {
	err = r.q.QueryRow(ctx, `
		select count(*) filter (where user_id = nullif($1, 0)), count(*) filter (where place = $2)
		from bypass
		where by_mail and created_at > $3`, user, place, since).Scan(&person, &here)
	return person, here, wrap(err, "count bypasses")
}

// AddBypass keeps a way in under the hash of its token.
func (tx *Tx) AddBypass(ctx context.Context, token []byte, add Bypass) error {
	_, err := tx.tx.Exec(ctx, `
		insert into bypass (token_hash, user_id, by_mail, place, created_at, expires_at)
		values ($1, $2, $3, $4, $5, $6)`, token, add.UserID, add.ByMail, add.Place, add.CreatedAt, add.ExpiresAt)
	return wrap(err, "add bypass")
}

// Bypass is whose way in it is, while it can be used.
func (r Reader) Bypass(ctx context.Context, token []byte, now time.Time) (user desk.User, found bool, err error) {
	user, found, err = perhapsOne[desk.User](ctx, r.q, `
		select u.id, u.email, u.name, u.role
		from bypass b
		join "user" u on u.id = b.user_id
		where b.token_hash = $1 and b.used_at is null and b.expires_at > $2 and u.disabled_at is null and u.role = 'owner'`, token, now)
	return user, found, wrap(err, "bypass")
}

// UseBypass spends a way in. Of two who try at the same moment, one wins.
func (tx *Tx) UseBypass(ctx context.Context, token []byte, now time.Time) (user desk.User, byMail, found bool, err error) {
	type row struct {
		desk.User
		ByMail bool
	}
	used, found, err := perhapsOne[row](ctx, tx.tx, `
		update bypass b
		set used_at = $2
		from "user" u
		where u.id = b.user_id and b.token_hash = $1 and b.used_at is null and b.expires_at > $2 and u.disabled_at is null and u.role = 'owner'
		returning u.id, u.email, u.name, u.role, b.by_mail`, token, now)
	return used.User, used.ByMail, found, wrap(err, "use bypass")
}

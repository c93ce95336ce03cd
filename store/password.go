package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"postern/desk"
)

// PasswordState is what is known of a person's password besides its hash.
type PasswordState struct {
	At        *time.Time // when it was chosen; nil: there is none
	CheckedAt *time.Time // when it was last seen to keep to the rules
	Must      string     // why another has to be chosen; empty: it has not
	Key       string     // master key that the hash is sealed under
	Foreign   bool       // the hash is another program's
}

// PasswordState reads it.
func (r Reader) PasswordState(ctx context.Context, user int64) (PasswordState, error) {
	state, err := rowOf[PasswordState](ctx, r.q, `
		select password_at as at, password_checked_at as checked_at, password_must as must, password_key as key, password_foreign as "foreign"
		from "user"
		where id = $1`, user)
	if err != nil {
		return state, missing(err, "user %d", user)
	}
	return state, nil
}

// ForeignPasswords says whether anybody has a hash of another program still, which takes another time to check.
func (r Reader) ForeignPasswords(ctx context.Context) (bool, error) {
	var there bool
	err := r.q.QueryRow(ctx, `select exists (select from "user" where password_foreign)`).Scan(&there)
	return there, wrap(err, "foreign passwords")
}

// SealedPassword is a password's hash as it is kept.
type SealedPassword struct {
	Hash    string // sealed
	Key     string // id of the master key
	Foreign bool
}

// NewPassword is a password that somebody gets.
type NewPassword struct {
	SealedPassword
	User int64
	At   time.Time
	Must string // why they have to choose another at their next sign-in; empty: they have not
	Keep int    // so many earlier ones are kept, with the present one
}

// SetPassword gives a person a password. The one so far is kept among the earlier ones.
func (tx *Tx) SetPassword(ctx context.Context, set NewPassword) error {
	_, err := tx.tx.Exec(ctx, `
		insert into password_past (user_id, hash, key, at)
		select id, password_hash, password_key, $2
		from "user"
		where id = $1 and password_hash is not null`, set.User, set.At)
	if err != nil {
		return wrap(err, "keep earlier password")
	}
	_, err = tx.tx.Exec(ctx, `
		delete from password_past
		where id in (
			select id
			from password_past
			where user_id = $1
			order by id desc
			offset $2)`, set.User, set.Keep)
	if err != nil {
		return wrap(err, "forget earlier passwords")
	}
	checked := &set.At
	if set.Foreign || set.Must != "" {
		checked = nil
	}
	_, err = tx.tx.Exec(ctx, `
		update "user"
		set password_hash = $2, password_key = $3, password_foreign = $4, password_at = $5, password_checked_at = $6, password_must = $7
		where id = $1`, set.User, set.Hash, set.Key, set.Foreign, set.At, checked, set.Must)
	return wrap(err, "set password")
}

// Rehash replaces the hash of an unchanged password, unless the password was changed meanwhile.
func (tx *Tx) Rehash(ctx context.Context, id int64, before string, after SealedPassword) error {
	_, err := tx.tx.Exec(ctx, `
		update "user"
		set password_hash = $3, password_key = $4, password_foreign = $5
		where id = $1 and password_hash = $2`, id, before, after.Hash, after.Key, after.Foreign)
	return wrap(err, "rehash password")
}

// PastPassword is an earlier password of a person, or the present one under an older key.
type PastPassword struct {
	ID     int64
	UserID int64
	Hash   string
}

// PastPasswords are the earlier passwords of a person, the newest first.
func (r Reader) PastPasswords(ctx context.Context, user int64, limit int) ([]PastPassword, error) {
	past, err := rowsOf[PastPassword](ctx, r.q, `
		select id, user_id, hash
		from password_past
		where user_id = $1
		order by id desc
		limit $2`, user, bounded(limit, desk.PasswordHistoryMost))
	return past, wrap(err, "earlier passwords")
}

// PasswordsUnder are present passwords that are sealed under another key than the given one; their ID is 0.
func (r Reader) PasswordsUnder(ctx context.Context, other string, limit int) ([]PastPassword, error) {
	found, err := rowsOf[PastPassword](ctx, r.q, `
		select 0::bigint as id, id as user_id, password_hash as hash
		from "user"
		where password_hash is not null and password_key <> $1
		limit $2`, other, limit)
	return found, wrap(err, "passwords under older keys")
}

// PastPasswordsUnder are earlier passwords that are sealed under another key than the given one.
func (r Reader) PastPasswordsUnder(ctx context.Context, other string, limit int) ([]PastPassword, error) {
	found, err := rowsOf[PastPassword](ctx, r.q, `
		select id, user_id, hash
		from password_past
		where key <> $1
		limit $2`, other, limit)
	return found, wrap(err, "earlier passwords under older keys")
}

// ResealPassword writes a password, present or earlier, as it is sealed now, unless it was changed meanwhile.
func (tx *Tx) ResealPassword(ctx context.Context, was PastPassword, after SealedPassword) error {
	if was.ID != 0 {
		_, err := tx.tx.Exec(ctx, `update password_past set hash = $2, key = $3 where id = $1`, was.ID, after.Hash, after.Key)
		return wrap(err, "reseal earlier password")
	}
	_, err := tx.tx.Exec(ctx, `
		update "user"
		set password_hash = $3, password_key = $4
		where id = $1 and password_hash = $2`, was.UserID, was.Hash, after.Hash, after.Key)
	return wrap(err, "reseal password")
}

// MustChangePassword notes why a person has to choose another password; empty: they have not.
func (tx *Tx) MustChangePassword(ctx context.Context, user int64, why string) error {
	_, err := tx.tx.Exec(ctx, `update "user" set password_must = $2 where id = $1`, user, why)
	return wrap(err, "demand another password")
}

// PasswordKept notes that a password was seen to keep to the rules.
func (tx *Tx) PasswordKept(ctx context.Context, user int64, at time.Time) error {
	_, err := tx.tx.Exec(ctx, `update "user" set password_checked_at = $2 where id = $1`, user, at)
	return wrap(err, "note that a password keeps to the rules")
}

// Population says of whom something is asked: staff or customers.
type Population string

const (
	PopulationStaff     Population = "staff"
	PopulationCustomers Population = "customers"
)

// WithPassword lists people who have a password and are not disabled, by id.
func (r Reader) WithPassword(ctx context.Context, of Population, after int64, limit int) ([]int64, error) {
	rows, err := r.q.Query(ctx, `
		select id
		from "user"
		where password_hash is not null and disabled_at is null and id > $1 and (role = 'customer') = ($2 = 'customers')
		order by id
		limit $3`, after, of, limit)
	if err != nil {
		return nil, wrap(err, "people with a password")
	}
	people, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	return people, wrap(err, "people with a password")
}

// PlaceNames are names that belong to the desk, of which no password is made: those of mailboxes and of their domains.
func (r Reader) PlaceNames(ctx context.Context) ([]string, error) {
	rows, err := r.q.Query(ctx, `
		select name from mailbox where removed_at is null
		union
		select split_part(address, '@', 2) from mailbox where removed_at is null
		limit 500`)
	if err != nil {
		return nil, wrap(err, "names of the desk")
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return names, wrap(err, "names of the desk")
}

package store

import (
	"context"
	"time"

	"postern/desk"
)

// lockFactor is a class of advisory locks: whoever tries a factor of a person keeps other attempts on that person waiting.
const lockFactor = 0x6661

// Factor is one that a person has, with what it is checked against.
type Factor struct {
	ID           int64           `db:"id"`
	UserID       int64           `db:"user_id"`
	Kind         desk.FactorKind `db:"kind"`
	Name         string          `db:"name"`
	Sealed       []byte          `db:"sealed"`
	CredentialID []byte          `db:"credential_id"`
	Record       []byte          `db:"record"` // JSON
	Verifies     bool            `db:"verifies"`
	LastStep     int64           `db:"last_step"`
	Ready        bool            `db:"ready"`
	CreatedAt    time.Time       `db:"created_at"`
	LastUsedAt   *time.Time      `db:"last_used_at"`
}

// mostFactors bounds the list of one person: ten passkeys, an app, a telephone, and those being added.
const mostFactors = 20

const factorColumns = `f.id, f.user_id, f.kind, f.name, f.sealed, f.credential_id, f.record, f.verifies, f.last_step, f.ready, f.created_at, f.last_used_at`

// Factors are those of a person, the one being added too, in the order in which they were added.
func (r Reader) Factors(ctx context.Context, user int64) ([]Factor, error) {
	factors, err := rowsOf[Factor](ctx, r.q, `
		select `+factorColumns+`
		from factor f
		where f.user_id = $1
		order by f.id
		limit $2`, user, mostFactors)
	return factors, wrap(err, "factors")
}

// HasFactor says whether the person has a factor that is ready.
func (r Reader) HasFactor(ctx context.Context, user int64) (has bool, err error) {
	err = r.q.QueryRow(ctx, `select exists (select from factor where user_id = $1 and ready)`, user).Scan(&has)
	return has, wrap(err, "factors")
}

// LockFactors keeps other attempts to use or change factors of a person waiting until the transaction ends.
func (tx *Tx) LockFactors(ctx context.Context, user int64) error {
	_, err := tx.tx.Exec(ctx, `select pg_advisory_xact_lock($1, hashint8($2))`, lockFactor, user)
	return wrap(err, "lock factors")
}

// NextFactor takes the id of a factor, since it is sealed for it.
func (tx *Tx) NextFactor(ctx context.Context) (id int64, err error) {
	err = tx.tx.QueryRow(ctx, `select nextval(pg_get_serial_sequence('factor', 'id'))`).Scan(&id)
	return id, wrap(err, "next factor")
}

// AddFactor keeps a factor. One of the same kind that was being added is replaced. A passkey that is there already is a desk.Conflict.
func (tx *Tx) AddFactor(ctx context.Context, f Factor) error {
	if _, err := tx.tx.Exec(ctx, `delete from factor where user_id = $1 and kind = $2 and not ready`, f.UserID, f.Kind); err != nil {
		return wrap(err, "replace factor")
	}
	_, err := tx.tx.Exec(ctx, `
		insert into factor (id, user_id, kind, name, sealed, credential_id, record, verifies, ready, created_at, last_used_at)
		overriding system value
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`, f.ID, f.UserID, f.Kind, f.Name, f.Sealed, f.CredentialID, f.Record, f.Verifies, f.Ready, f.CreatedAt, f.LastUsedAt)
	if violates(err, "factor_credential_id_key") {
		return desk.Faultf(desk.Conflict, "this passkey is known already")
	}
	return wrap(err, "add factor")
}

// ReadyFactor makes a factor that was being added count, in place of the one of its kind that the person had.
func (tx *Tx) ReadyFactor(ctx context.Context, f Factor) error {
	if _, err := tx.tx.Exec(ctx, `delete from factor where user_id = $1 and kind = $2 and ready and id <> $3`, f.UserID, f.Kind, f.ID); err != nil {
		return wrap(err, "replace factor")
	}
	_, err := tx.tx.Exec(ctx, `update factor set ready = true, last_step = $2, last_used_at = $3 where id = $1`, f.ID, f.LastStep, f.LastUsedAt)
	return wrap(err, "add factor")
}

// UseStep spends the code of one step. Of two who show it at the same moment, one wins, and no older code works any more.
func (tx *Tx) UseStep(ctx context.Context, factor, step int64, now time.Time) (won bool, err error) {
	tag, err := tx.tx.Exec(ctx, `update factor set last_step = $2, last_used_at = $3 where id = $1 and last_step < $2`, factor, step, now)
	return tag.RowsAffected() == 1, wrap(err, "use code")
}

// UseFactor notes that a factor was used, with what has changed about a passkey (nil: nothing).
func (tx *Tx) UseFactor(ctx context.Context, factor int64, record []byte, now time.Time) error {
	_, err := tx.tx.Exec(ctx, `update factor set last_used_at = $2, record = coalesce($3, record) where id = $1`, factor, now, record)
	return wrap(err, "use factor")
}

// RenameFactor gives a factor of a person another name.
func (tx *Tx) RenameFactor(ctx context.Context, user, factor int64, name string) (found bool, err error) {
	tag, err := tx.tx.Exec(ctx, `update factor set name = $3 where user_id = $1 and id = $2 and kind = 'passkey'`, user, factor, name)
	return tag.RowsAffected() == 1, wrap(err, "rename factor")
}

// RemoveFactor takes a factor from a person. None is no error: found is false.
func (tx *Tx) RemoveFactor(ctx context.Context, user, factor int64) (removed Factor, found bool, err error) {
	removed, found, err = perhapsOne[Factor](ctx, tx.tx, `
		delete from factor f
		where f.user_id = $1 and f.id = $2 and f.ready
		returning `+factorColumns, user, factor)
	return removed, found, wrap(err, "remove factor")
}

// PasskeyOwner is whose passkey it is.
type PasskeyOwner struct {
	desk.User
	Handle     []byte     `db:"passkey_handle"`
	DisabledAt *time.Time `db:"disabled_at"`
}

// PasskeyOwner finds a person by the handle that their passkeys know. None is no error: found is false.
func (r Reader) PasskeyOwner(ctx context.Context, handle []byte) (owner PasskeyOwner, found bool, err error) {
	owner, found, err = perhapsOne[PasskeyOwner](ctx, r.q, `
		select id, email, name, role, passkey_handle, disabled_at
		from "user"
		where passkey_handle = $1`, handle)
	if err != nil || !found {
		return owner, found, wrap(err, "owner of a passkey")
	}
	return owner, true, r.grant(ctx, &owner.User)
}

// PasskeyHandle is the handle by which a person's passkeys know them.
func (r Reader) PasskeyHandle(ctx context.Context, user int64) (handle []byte, err error) {
	err = r.q.QueryRow(ctx, `select passkey_handle from "user" where id = $1`, user).Scan(&handle)
	return handle, wrap(err, "handle of passkeys")
}

// SpendChallenge marks a challenge as answered. Of two answers one wins.
func (tx *Tx) SpendChallenge(ctx context.Context, hash []byte, expires time.Time) (won bool, err error) {
	tag, err := tx.tx.Exec(ctx, `insert into spent_challenge (hash, expires_at) values ($1, $2) on conflict do nothing`, hash, expires)
	return tag.RowsAffected() == 1, wrap(err, "spend challenge")
}

// FactorFailures counts wrong codes of a kind since then, and says when the last one was.
func (tx *Tx) FactorFailures(ctx context.Context, user int64, kind desk.FactorKind, since time.Time) (count int, last time.Time, err error) {
	err = tx.tx.QueryRow(ctx, `select count(*), coalesce(max(at), $3) from factor_failure where user_id = $1 and kind = $2 and at > $3`, user, kind, since).Scan(&count, &last)
	return count, last, wrap(err, "wrong codes")
}

// AddFactorFailure counts a wrong code.
func (tx *Tx) AddFactorFailure(ctx context.Context, user int64, kind desk.FactorKind, now time.Time) error {
	_, err := tx.tx.Exec(ctx, `insert into factor_failure (user_id, kind, at) values ($1, $2, $3)`, user, kind, now)
	return wrap(err, "count wrong code")
}

// ForgiveFactor forgets the wrong codes of a kind.
func (tx *Tx) ForgiveFactor(ctx context.Context, user int64, kind desk.FactorKind) error {
	_, err := tx.tx.Exec(ctx, `delete from factor_failure where user_id = $1 and kind = $2`, user, kind)
	return wrap(err, "forgive wrong codes")
}

// AskForFactor notes when a person was first asked to add a factor, and says when that was. nil takes it back.
func (tx *Tx) AskForFactor(ctx context.Context, user int64, at *time.Time) (asked *time.Time, err error) {
	err = tx.tx.QueryRow(ctx, `
		update "user"
		set factor_asked_at = case when $2::timestamptz is null then null else coalesce(factor_asked_at, $2) end
		where id = $1
		returning factor_asked_at`, user, at).Scan(&asked)
	return asked, wrap(err, "ask for a factor")
}

// SweepFactors removes what can matter no more: answered challenges and codes that have expired, wrong codes, factors that nobody finished adding.
func (tx *Tx) SweepFactors(ctx context.Context, now, failures, unfinished time.Time) error {
	for _, sweep := range []struct {
		sql string
		at  time.Time
	}{
		{`delete from spent_challenge where expires_at <= $1`, now},
		{`delete from factor_failure where at <= $1`, failures},
		{`delete from factor_code where created_at <= $1`, unfinished},
		{`delete from factor where not ready and created_at <= $1`, unfinished},
		{`delete from recovery_code where expires_at <= $1`, unfinished},
	} {
		if _, err := tx.tx.Exec(ctx, sweep.sql, sweep.at); err != nil {
			return wrap(err, "sweep factors")
		}
	}
	return nil
}

// FactorHolders lists people who can sign in and what they have, in the order in which they were added.
func (r Reader) FactorHolders(ctx context.Context, cursor string, limit int) (desk.Page[desk.FactorHolder], error) {
	after, err := parsePlace(cursor)
	if err != nil {
		return desk.Page[desk.FactorHolder]{}, err
	}
	limit = bounded(limit, largestPage)
	people, err := rowsOf[desk.FactorHolder](ctx, r.q, factorHolders+`
		where u.id > $1 and u.disabled_at is null and not u.service
		order by u.id
		limit $2`, after.id(), limit+1)
	for i := range people {
		if err == nil {
			err = r.grant(ctx, &people[i].User)
		}
	}
	return pageOf(people, limit, func(p desk.FactorHolder) place { return place{ID: p.ID} }), wrap(err, "report of factors")
}

// FactorHolder is one person of the report.
func (r Reader) FactorHolder(ctx context.Context, user int64) (desk.FactorHolder, error) {
	holder, err := rowOf[desk.FactorHolder](ctx, r.q, factorHolders+`
		where u.id = $1`, user)
	if err != nil {
		return holder, missing(err, "user %d", user)
	}
	return holder, r.grant(ctx, &holder.User)
}

// factorHolders are people and what they have, without saying who.
const factorHolders = `
		select u.id, u.email, u.name, u.role, u.factor_asked_at as asked_at,
		       (select count(*) from factor f where f.user_id = u.id and f.kind = 'passkey' and f.ready)::int as passkeys,
		       exists (select from factor f where f.user_id = u.id and f.kind = 'totp' and f.ready) as totp,
		       exists (select from factor f where f.user_id = u.id and f.kind = 'sms' and f.ready) as sms,
		       (select count(*) from recovery_code c where c.user_id = u.id and c.used_at is null and not c.by_admin)::int as codes,
		       greatest((select max(f.last_used_at) from factor f where f.user_id = u.id and f.ready), (select max(c.used_at) from recovery_code c where c.user_id = u.id)) as last_used_at
		from "user" u`

package store

import (
	"context"
	"time"

	"postern/desk"
)

// Classes of advisory locks: any constants that nothing else in this database uses.
const (
	lockAccount  = 0x7061
	lockPlace    = 0x7070
	lockPeople   = 0x7075
	lockSettings = 0x7073
)

// Attempt is somebody who tries to sign in, or to prove that it is still them.
type Attempt struct {
	Account string // canonical address as typed, known or not
	Place   string // the network of the address, under which failures are counted
	Device  []byte // hash of the cookie by which the browser is known again; nil: it has none
	Session int64  // of who is signed in already; 0: nobody is
}

// Failures is what speaks against a further attempt to sign in: how many failed of late, and when the last one was.
type Failures struct {
	Known       bool // the browser is one in which the account's owner has signed in: only what failed in it counts for the account
	Account     int
	AccountLast time.Time
	Place       int
	PlaceLast   time.Time
	Everybody   int    // on all accounts from all places, since the later time, to a thousand at most
	DeviceID    *int64 // of the browser, where it is known
}

// Failures counts failed attempts since the given time, for the account and for the place, and keeps other attempts on both waiting
// until the transaction ends: otherwise a thousand guesses at once would all find the count of before.
// An account is counted from all places and unknown browsers together; in a browser in which its owner has signed in only what failed there: a stranger must not be able to lock the owner out.
func (tx *Tx) Failures(ctx context.Context, who Attempt, since, late time.Time) (Failures, error) {
	if _, err := tx.tx.Exec(ctx, `select pg_advisory_xact_lock($1, hashtext($2))`, lockAccount, who.Account); err != nil {
		return Failures{}, wrap(err, "lock account")
	}
	if _, err := tx.tx.Exec(ctx, `select pg_advisory_xact_lock($1, hashtext($2))`, lockPlace, who.Place); err != nil {
		return Failures{}, wrap(err, "lock place")
	}
	found, err := rowOf[Failures](ctx, tx.q, `
		with device as (
			select d.id
			from device d
			join "user" u on u.id = d.user_id
			where u.email = $1 and (d.token_hash = $4 or d.id = (select s.device_id from session s where s.id = $5)) and d.completed_at is not null
			limit 1
		), account as (
			select count(*) as count, max(f.at) as last
			from login_failure f
			where f.account = $1 and f.at > $3 and f.device_id is not distinct from (select id from device)
		), place as (
			select count(*) as count, max(at) as last
			from login_failure
			where ip = $2 and at > $3 and device_id is null
		)
		select (select id from device) as device_id, exists (select from device) as known,
		       account.count as account, coalesce(account.last, $3) as account_last, place.count as place, coalesce(place.last, $3) as place_last,
		       (select count(*) from (select from login_failure where at > $6 limit 1000) as f) as everybody
		from account, place`, who.Account, who.Place, since, who.Device, who.Session, late)
	return found, wrap(err, "failed sign-ins")
}

// AddFailure counts an attempt as failed, for the browser alone where it is known. It is written before the password is checked and forgiven when it was right.
func (tx *Tx) AddFailure(ctx context.Context, who Attempt, device *int64, now time.Time) error {
	_, err := tx.tx.Exec(ctx, `insert into login_failure (account, ip, device_id, at) values ($1, $2, $3, $4)`, who.Account, who.Place, device, now)
	return wrap(err, "count failed sign-in")
}

// Forgive forgets the failed attempts on an account that were made in this browser, or from this place if the browser was not known before now. What others tried stays counted: otherwise strangers would have as many guesses again whenever the owner signs in.
func (tx *Tx) Forgive(ctx context.Context, who Attempt, now time.Time) error {
	_, err := tx.tx.Exec(ctx, `
		with device as (
			select d.id, d.completed_at < $5 as known
			from device d
			join "user" u on u.id = d.user_id
			where u.email = $1 and (d.token_hash = $3 or d.id = (select s.device_id from session s where s.id = $4))
		)
		delete from login_failure
		where account = $1
		  and (device_id in (select id from device)
		       or device_id is null and ip = $2 and not exists (select from device where known))`, who.Account, who.Place, who.Device, who.Session, now)
	return wrap(err, "forgive failed sign-ins")
}

// Link is whose one-time link it is, while it can be used. None is no error: found is false.
func (r Reader) Link(ctx context.Context, hash []byte, now time.Time) (user desk.User, found bool, err error) {
	user, found, err = perhapsOne[desk.User](ctx, r.q, `
		select u.id, u.email, u.name, u.role
		from login_link l
		join "user" u on u.id = l.user_id
		where l.token_hash = $1 and l.used_at is null and l.expires_at > $2 and u.disabled_at is null and (u.ends_at is null or u.ends_at > $2)`, hash, now)
	if err != nil {
		return user, found, wrap(err, "one-time link")
	}
	return user, found, r.grant(ctx, &user)
}

// LinkUsedSince says whether the person came in by a one-time link since then.
func (r Reader) LinkUsedSince(ctx context.Context, user int64, since time.Time) (bool, error) {
	var used bool
	err := r.q.QueryRow(ctx, `select exists (select from login_link where user_id = $1 and used_at > $2)`, user, since).Scan(&used)
	return used, wrap(err, "used links")
}

// AddLink keeps a one-time link; those that the person has not used yet are worth nothing from now on.
func (tx *Tx) AddLink(ctx context.Context, hash []byte, user int64, expires time.Time) error {
	if err := tx.DropLinks(ctx, user); err != nil {
		return err
	}
	_, err := tx.tx.Exec(ctx, `insert into login_link (token_hash, user_id, expires_at) values ($1, $2, $3)`, hash, user, expires)
	return wrap(err, "add one-time link")
}

// DropLinks takes back every unused link of a person.
func (tx *Tx) DropLinks(ctx context.Context, user int64) error {
	_, err := tx.tx.Exec(ctx, `delete from login_link where user_id = $1 and used_at is null`, user)
	return wrap(err, "take back links")
}

// UseLink spends a one-time link. Of two who try at the same moment, one wins; the other finds nothing.
func (tx *Tx) UseLink(ctx context.Context, hash []byte, now time.Time) (user desk.User, found bool, err error) {
	user, found, err = perhapsOne[desk.User](ctx, tx.tx, `
		update login_link l
		set used_at = $2
		from "user" u
		where u.id = l.user_id and l.token_hash = $1 and l.used_at is null and l.expires_at > $2 and u.disabled_at is null and (u.ends_at is null or u.ends_at > $2)
		returning u.id, u.email, u.name, u.role`, hash, now)
	if err != nil {
		return user, found, wrap(err, "use one-time link")
	}
	return user, found, tx.grant(ctx, &user)
}

// SweepLogins removes links that expired, and failed attempts, before the given time.
func (tx *Tx) SweepLogins(ctx context.Context, before time.Time) error {
	if _, err := tx.tx.Exec(ctx, `delete from login_link where expires_at <= $1`, before); err != nil {
		return wrap(err, "sweep links")
	}
	_, err := tx.tx.Exec(ctx, `delete from login_failure where at <= $1`, before)
	return wrap(err, "sweep failed sign-ins")
}

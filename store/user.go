package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"postern/desk"
)

// Person is a user as administration sees them.
type Person struct {
	desk.User
	CreatedAt  time.Time  `json:"created_at"`
	LastSeenAt *time.Time `json:"last_seen_at"` // to the minute; nil: has never signed in
	DisabledAt *time.Time `json:"disabled_at"`
}

// Credentials is a person with the hash of their password, which goes no further than the room that checks it.
type Credentials struct {
	Person
	PasswordHash string // sealed; empty: no password
}

// perhapsOne is the one row of a query, by the names of its columns, where having none is no error.
func perhapsOne[T any](ctx context.Context, q querier, sql string, args ...any) (row T, found bool, err error) {
	row, err = rowOf[T](ctx, q, sql, args...)
	if none(err) {
		return row, false, nil
	}
	return row, err == nil, err
}

// PersonByEmail is the person with this canonical address.
func (r Reader) PersonByEmail(ctx context.Context, email string) (Person, error) {
	person, err := rowOf[Person](ctx, r.q, `
		select id, email, name, role, created_at, last_seen_at, disabled_at
		from "user"
		where email = $1`, email)
	if err != nil {
		return Person{}, missing(err, "user %s", email)
	}
	return person, r.grant(ctx, &person.User)
}

// Credentials returns what a sign-in is checked against, and nothing at all for an address that nobody has.
func (r Reader) Credentials(ctx context.Context, email string) (Credentials, error) {
	found, _, err := perhapsOne[Credentials](ctx, r.q, `
		select id, email, name, role, created_at, last_seen_at, disabled_at, coalesce(password_hash, '') as password_hash
		from "user"
		where email = $1`, email)
	if err != nil {
		return found, wrap(err, "credentials")
	}
	return found, r.grant(ctx, &found.User)
}

// CredentialsOf is a person by id, with the hash of their password.
func (r Reader) CredentialsOf(ctx context.Context, id int64) (Credentials, error) {
	found, err := rowOf[Credentials](ctx, r.q, `
		select id, email, name, role, created_at, last_seen_at, disabled_at, coalesce(password_hash, '') as password_hash
		from "user"
		where id = $1`, id)
	if err != nil {
		return Credentials{}, missing(err, "user %d", id)
	}
	return found, r.grant(ctx, &found.User)
}

// People lists users in the order in which they were added.
func (r Reader) People(ctx context.Context, cursor string, limit int) (desk.Page[Person], error) {
	after, err := parsePlace(cursor)
	if err != nil {
		return desk.Page[Person]{}, err
	}
	limit = bounded(limit, largestPage)
	people, err := rowsOf[Person](ctx, r.q, `
		select id, email, name, role, created_at, last_seen_at, disabled_at
		from "user"
		where id > $1
		order by id
		limit $2`, after.id(), limit+1)
	if err != nil {
		return desk.Page[Person]{}, wrap(err, "users")
	}
	return pageOf(people, limit, func(p Person) place { return place{ID: p.ID} }), r.grant(ctx, usersOf(people)...)
}

// usersOf are the people themselves.
func usersOf(people []Person) []*desk.User {
	users := make([]*desk.User, len(people))
	for i := range people {
		users[i] = &people[i].User
	}
	return users
}

// id is the number at which the page before ended; 0 at the first page.
func (p *place) id() int64 {
	if p == nil {
		return 0
	}
	return p.ID
}

// Staff lists everybody who can work on tickets, by name. A thousand is more than any list of assignees can show.
func (r Reader) Staff(ctx context.Context) ([]desk.User, error) {
	staff, err := rowsOf[desk.User](ctx, r.q, `
		select id, email, name, role
		from "user"
		where disabled_at is null and not service and role in (select r.name from role r where r.works)
		order by lower(name), id
		limit 1000`)
	if err != nil {
		return nil, wrap(err, "staff")
	}
	people := make([]*desk.User, len(staff))
	for i := range staff {
		people[i] = &staff[i]
	}
	return staff, r.grant(ctx, people...)
}

// OwnerExists says whether some owner can sign in: has a password, or has signed in before.
func (r Reader) OwnerExists(ctx context.Context) (bool, error) {
	var exists bool
	err := r.q.QueryRow(ctx, `
		select exists (
			select from "user"
			where role = 'owner' and disabled_at is null and (password_hash is not null or last_seen_at is not null))`).Scan(&exists)
	return exists, wrap(err, "owner")
}

// AddPerson adds a user without a password. An address that is taken is a desk.Conflict.
func (tx *Tx) AddPerson(ctx context.Context, user desk.User) (desk.User, error) {
	err := tx.tx.QueryRow(ctx, `
		insert into "user" (email, name, role)
		values ($1, $2, $3)
		returning id`, user.Email, user.Name, user.Role).Scan(&user.ID)
	if violates(err, "user_email_key") {
		return user, emailTaken(user.Email)
	}
	if violates(err, "user_role") {
		return user, noRole(user.Role)
	}
	return user, wrap(err, "add user")
}

// UpdatePerson writes the person's address, name and role.
func (tx *Tx) UpdatePerson(ctx context.Context, changed desk.User) error {
	_, err := tx.tx.Exec(ctx, `
		update "user"
		set email = $2, name = $3, role = $4
		where id = $1`, changed.ID, changed.Email, changed.Name, changed.Role)
	if violates(err, "user_email_key") {
		return emailTaken(changed.Email)
	}
	if violates(err, "user_role") {
		return noRole(changed.Role)
	}
	return wrap(err, "update user")
}

func emailTaken(email string) error {
	return &desk.Fault{Kind: desk.Conflict, Reason: "somebody has the address " + email + " already", Field: "email"}
}

// SetDisabled keeps a person out from the given time on, or lets them in again with nil.
func (tx *Tx) SetDisabled(ctx context.Context, id int64, at *time.Time) error {
	_, err := tx.tx.Exec(ctx, `update "user" set disabled_at = $2 where id = $1`, id, at)
	return wrap(err, "disable user")
}

// LockOwners keeps every other change of people waiting until the transaction ends, and returns the owners who are not disabled.
// Every change of a person takes this lock first, so that two owners cannot demote each other at the same moment.
func (tx *Tx) LockOwners(ctx context.Context) ([]int64, error) {
	if _, err := tx.tx.Exec(ctx, `select pg_advisory_xact_lock($1, 0)`, lockPeople); err != nil {
		return nil, wrap(err, "lock users")
	}
	rows, err := tx.tx.Query(ctx, `select id from "user" where role = 'owner' and disabled_at is null order by id`)
	if err != nil {
		return nil, wrap(err, "owners")
	}
	owners, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	return owners, wrap(err, "owners")
}

// UnseenOwner is the oldest owner who has neither a password nor ever signed in, or 0: the one that a first start makes.
func (tx *Tx) UnseenOwner(ctx context.Context) (int64, error) {
	var id int64
	err := tx.tx.QueryRow(ctx, `
		select coalesce(min(id), 0)
		from "user"
		where role = 'owner' and disabled_at is null and password_hash is null and last_seen_at is null`).Scan(&id)
	return id, wrap(err, "owner")
}

// DropPassword takes a person's password away: they sign in by link, or choose a new one.
func (tx *Tx) DropPassword(ctx context.Context, id int64) error {
	_, err := tx.tx.Exec(ctx, `update "user" set password_hash = null where id = $1`, id)
	return wrap(err, "drop password")
}

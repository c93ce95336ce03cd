package store

import (
	"context"
	"time"

	"postern/desk"
)

// guestColumns are those of a desk.Guest, from guest g and "user" u.
const guestColumns = `g.id, g.user_id, u.email, u.name, g.role, g.reason, g.made_by, g.begun_at, g.ends_at, g.ended_at, g.ended_by, g.ended_how, u.last_seen_at`

// Guests lists those who are here and those who were, the newest first.
func (r Reader) Guests(ctx context.Context, cursor string, limit int) (desk.Page[desk.Guest], error) {
	before, err := parsePlace(cursor)
	if err != nil {
		return desk.Page[desk.Guest]{}, err
	}
	limit = bounded(limit, largestPage)
	guests, err := rowsOf[desk.Guest](ctx, r.q, `
		select `+guestColumns+`
		from guest g
		join "user" u on u.id = g.user_id
		where $1::bigint = 0 or g.id < $1
		order by g.id desc
		limit $2`, before.id(), limit+1)
	return pageOf(guests, limit, func(g desk.Guest) place { return place{ID: g.ID} }), wrap(err, "guests")
}

// OpenGuests are those who are here: ended_at is not set. A guest who is past their time is still among them, until it is written down.
func (r Reader) OpenGuests(ctx context.Context) ([]desk.Guest, error) {
	guests, err := rowsOf[desk.Guest](ctx, r.q, `
		select `+guestColumns+`
		from guest g
		join "user" u on u.id = g.user_id
		where g.ended_at is null
		order by g.id
		limit 1000`)
	return guests, wrap(err, "guests")
}

// IsGuest says whether somebody was let in for a while; also when that is over.
func (r Reader) IsGuest(ctx context.Context, user int64) (bool, error) {
	var is bool
	err := r.q.QueryRow(ctx, `select exists (select from "user" where id = $1 and ends_at is not null)`, user).Scan(&is)
	return is, wrap(err, "guest")
}

// GuestUntil is when the account of a guest opens nothing any more; nil: it is no guest's.
func (r Reader) GuestUntil(ctx context.Context, user int64) (*time.Time, error) {
	var until *time.Time
	err := r.q.QueryRow(ctx, `select (select ends_at from "user" where id = $1)`, user).Scan(&until)
	return until, wrap(err, "guest")
}

// AddGuest lets somebody in for a while: a person who has just been added, or one whose last time is over. What that left behind was taken away then.
func (tx *Tx) AddGuest(ctx context.Context, guest desk.Guest) (id int64, err error) {
	err = tx.tx.QueryRow(ctx, `
		insert into guest (user_id, role, reason, made_by, begun_at, ends_at)
		values ($1, $2, $3, $4, $5, $6)
		returning id`, guest.UserID, guest.Role, guest.Reason, guest.MadeBy, guest.BegunAt, guest.EndsAt).Scan(&id)
	if err != nil {
		return 0, wrap(err, "add guest")
	}
	_, err = tx.tx.Exec(ctx, `
		update "user"
		set name = $2, role = $3, ends_at = $4, disabled_at = null, last_seen_at = null
		where id = $1`, guest.UserID, guest.Name, guest.Role, guest.EndsAt)
	if violates(err, "user_role") {
		return 0, noRole(guest.Role)
	}
	return id, wrap(err, "let guest in")
}

// EndGuest writes down that the time of a guest is over, and how. One that has ended already is no error: found is false.
func (tx *Tx) EndGuest(ctx context.Context, guest desk.Guest) (found bool, err error) {
	done, err := tx.tx.Exec(ctx, `
		update guest
		set ended_at = $2, ended_by = $3, ended_how = $4
		where id = $1 and ended_at is null`, guest.ID, guest.EndedAt, guest.EndedBy, guest.EndedHow)
	return done.RowsAffected() > 0, wrap(err, "end guest")
}

// StripPerson takes everything away by which somebody could come in or act: sessions, links, password, factors, accounts elsewhere, browsers, tokens and apps. Who they are stays.
func (tx *Tx) StripPerson(ctx context.Context, user int64, now time.Time) error {
	for _, sql := range []string{
		`update "user" set disabled_at = $2, password_hash = null where id = $1`,
		`update password_reset set used_at = $2 where user_id = $1 and used_at is null`,
	} {
		if _, err := tx.tx.Exec(ctx, sql, user, now); err != nil {
			return wrap(err, "strip person")
		}
	}
	for _, sql := range []string{
		`delete from session where user_id = $1`,
		`delete from login_link where user_id = $1`,
		`delete from password_past where user_id = $1`,
		`delete from factor where user_id = $1`,
		`delete from recovery_code where user_id = $1`,
		`delete from identity where user_id = $1`,
		`delete from device where user_id = $1`,
		`delete from team_member where user_id = $1`,
	} {
		if _, err := tx.tx.Exec(ctx, sql, user); err != nil {
			return wrap(err, "strip person")
		}
	}
	_, err := tx.RevokeTokensOf(ctx, user, now)
	return err
}

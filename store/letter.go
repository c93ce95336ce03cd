package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// LetterReader is one of our people as a letter to them needs them.
type LetterReader struct {
	Email      string     `db:"email"`
	Name       string     `db:"name"`
	Language   string     `db:"language"`
	TimeZone   string     `db:"time_zone"`
	DisabledAt *time.Time `db:"disabled_at"`
	Ours       bool       `db:"ours"`       // the address that the letter goes to is a mailbox of ours, with or without a detail: everybody would read it
	Suppressed bool       `db:"suppressed"` // it gets no mail, since it bounces
	From       string     `db:"from_addr"`  // the oldest mailbox; empty: there is none
}

// LetterReader reads who gets a letter, at the given address or, if it is empty, at their own. Nobody of that id is no error: found is false.
func (r Reader) LetterReader(ctx context.Context, user int64, to string) (reader LetterReader, found bool, err error) {
	const sql = `
		with person as (
		    select coalesce(nullif($2, ''), u.email) as email, u.name, u.language, u.time_zone, u.disabled_at
		    from "user" u
		    where u.id = $1
		)
		select p.email, p.name, p.language, p.time_zone, p.disabled_at,
		       exists (
		           select from mailbox own
		           where own.address = p.email
		              or split_part(p.email, '@', 2) = split_part(own.address, '@', 2) and starts_with(p.email, split_part(own.address, '@', 1) || '+')) as ours,
		       exists (select from suppression s where s.address = p.email) as suppressed,
		       coalesce((select address from mailbox where removed_at is null order by id limit 1), '') as from_addr
		from person p`
	reader, found, err = perhapsOne[LetterReader](ctx, r.q, sql, user, to)
	return reader, found, wrap(err, "reader of a letter")
}

// Owners are those who are not disabled, the oldest first; a thousand at most.
func (r Reader) Owners(ctx context.Context) ([]int64, error) {
	rows, err := r.q.Query(ctx, `
		select id
		from "user"
		where role = 'owner' and disabled_at is null
		order by id
		limit 1000`)
	if err != nil {
		return nil, wrap(err, "owners")
	}
	owners, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	return owners, wrap(err, "owners")
}

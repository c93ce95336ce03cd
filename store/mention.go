package store

import (
	"context"

	"postern/desk"
)

// mostColleagues is how many people of ours a list of those who may be named holds.
const mostColleagues = 10_000

// Colleagues lists the people of ours whom a note may name, by name.
func (r Reader) Colleagues(ctx context.Context) ([]desk.User, error) {
	people, err := rowsOf[desk.User](ctx, r.q, `
		select id, email, name, role
		from "user"
		where disabled_at is null and role in (select r.name from role r where r.reads)
		order by lower(name), id
		limit $1`, mostColleagues)
	return people, wrap(err, "colleagues")
}

// Mention notes that a message names people of ours.
func (tx *Tx) Mention(ctx context.Context, message int64, users []int64) error {
	_, err := tx.tx.Exec(ctx, `
		insert into mention (message_id, user_id)
		select $1, unnest($2::bigint[])
		on conflict do nothing`, message, orEmpty(users))
	return wrap(err, "mentions")
}

// Mentioned lists the people of ours whom a message names.
func (r Reader) Mentioned(ctx context.Context, message int64) ([]int64, error) {
	rows, err := r.q.Query(ctx, `
		select user_id
		from mention
		where message_id = $1
		order by user_id
		limit $2`, message, mostColleagues)
	if err != nil {
		return nil, wrap(err, "people whom a message names")
	}
	return collectIDs(rows, "people whom a message names")
}

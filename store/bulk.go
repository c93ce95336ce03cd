package store

import (
	"context"
	"encoding/json"
	"time"

	"postern/desk"
)

// AddBulk keeps what was done to several tickets, and returns its id.
func (tx *Tx) AddBulk(ctx context.Context, user int64, b desk.BulkDone) (int64, error) {
	done, err := json.Marshal(orEmpty(b.Done))
	if err != nil {
		return 0, wrap(err, "add bulk")
	}
	left, err := json.Marshal(orEmpty(b.Left))
	if err != nil {
		return 0, wrap(err, "add bulk")
	}
	var id int64
	err = tx.tx.QueryRow(ctx, `
		insert into bulk (user_id, kind, "into", done, kept, at)
		values ($1, $2, $3, $4, $5, $6)
		returning id`, user, b.Kind, b.Into, done, left, b.At).Scan(&id)
	return id, wrap(err, "add bulk")
}

// Bulk is what a person did to several tickets; the fault is the same for one that somebody else did and for one that is forgotten.
func (r Reader) Bulk(ctx context.Context, user, id int64) (desk.BulkDone, error) {
	found, err := rowOf[desk.BulkDone](ctx, r.q, `
		select id, kind, "into", done, kept as left, at, undone_at is not null as undone
		from bulk
		where id = $1 and user_id = $2`, id, user)
	if none(err) {
		return found, desk.Faultf(desk.NotFound, "what was done is not kept any more")
	}
	return found, wrap(err, "bulk")
}

// TakeBulk marks it as undone, once: false says that it was before.
func (tx *Tx) TakeBulk(ctx context.Context, user, id int64, at time.Time) (bool, error) {
	tag, err := tx.tx.Exec(ctx, `
		update bulk
		set undone_at = $3
		where id = $1 and user_id = $2 and undone_at is null`, id, user, at)
	return tag.RowsAffected() == 1, wrap(err, "undo bulk")
}

// SweepBulk forgets what was done before the given time.
func (tx *Tx) SweepBulk(ctx context.Context, before time.Time) error {
	_, err := tx.tx.Exec(ctx, `delete from bulk where at < $1`, before)
	return wrap(err, "sweep bulk")
}

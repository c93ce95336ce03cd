package store

import (
	"context"
	"fmt"
)

// Original is where the exact bytes of a mail are: sealed in the row, or in the bucket.
type Original struct {
	ID        int64   `db:"id"`
	Size      int64   `db:"size"` // of the mail itself, in bytes
	DEK       []byte  `db:"dek"`
	Sealed    []byte  `db:"sealed"`
	ObjectKey *string `db:"object_key"`
}

// OriginalOf is the original of a message whose ticket is in sight of the viewer.
func (r Reader) OriginalOf(ctx context.Context, viewer Viewer, message int64) (Original, error) {
	var c conditions
	c.and("m.id = " + c.arg(message))
	c.messagesIn(viewer)
	original, err := rowOf[Original](ctx, r.q, `
		select o.id, o.size, o.dek, o.sealed, o.object_key
		from original o
		join message m on m.id = o.message
		where `+c.where(), c.args...)
	if err != nil {
		return original, missing(err, "the original of message %d", message)
	}
	return original, nil
}

// OriginalOfSuspended is the original of a suspended entry.
func (r Reader) OriginalOfSuspended(ctx context.Context, id int64) (Original, error) {
	original, err := rowOf[Original](ctx, r.q, `select id, size, dek, sealed, object_key from original where suspended = $1`, id)
	if err != nil {
		return original, missing(err, "suspended mail %d", id)
	}
	return original, nil
}

// NextOriginal takes the id of an original that will be written, since its key is sealed for it.
func (tx *Tx) NextOriginal(ctx context.Context) (int64, error) {
	var id int64
	if err := tx.tx.QueryRow(ctx, `select nextval('original_id_seq')`).Scan(&id); err != nil {
		return 0, fmt.Errorf("store: next original: %w", err)
	}
	return id, nil
}

// AddOriginal keeps the exact bytes of a message. If they are kept already it changes nothing and says false.
func (tx *Tx) AddOriginal(ctx context.Context, message int64, o Original) (added bool, err error) {
	const sql = `
		insert into original (id, message, size, dek, sealed, object_key)
		values ($1, $2, $3, $4, $5, $6)
		on conflict (message) where message is not null do nothing`
	tag, err := tx.tx.Exec(ctx, sql, o.ID, message, o.Size, o.DEK, o.Sealed, o.ObjectKey)
	if err != nil {
		return false, fmt.Errorf("store: add original of message %d: %w", message, err)
	}
	return tag.RowsAffected() == 1, nil
}

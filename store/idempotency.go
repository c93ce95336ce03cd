package store

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"postern/desk"
)

// KeepAnswers is how long an answer under an Idempotency-Key is kept. A request that was cut down with its server keeps its key as long: nobody knows whether it happened.
const KeepAnswers = 24 * time.Hour

// BeginIdempotent takes a key for a request, of which request is a digest. fresh says that this request is the first and has to be worked on; otherwise status and body
// are the answer that was given then. The faults: Invalid when the key was used for another request, Conflict while the first is still under way.
func (s *Store) BeginIdempotent(ctx context.Context, userID int64, key string, request []byte) (status int, body []byte, fresh bool, err error) {
	err = s.Write(ctx, func(tx *Tx) error {
		status, body, fresh, err = tx.beginIdempotent(ctx, userID, key, request)
		return err
	})
	return status, body, fresh, err
}

func (tx *Tx) beginIdempotent(ctx context.Context, userID int64, key string, request []byte) (int, []byte, bool, error) {
	const take = `
		insert into idempotency_key (user_id, key, request)
		values ($1, $2, $3)
		on conflict (user_id, key) do update
		set request = excluded.request, created_at = now(), status = null, body = null
		where idempotency_key.created_at < now() - $4::interval`
	tag, err := tx.tx.Exec(ctx, take, userID, key, request, KeepAnswers)
	if err != nil {
		return 0, nil, false, fmt.Errorf("store: idempotency key: %w", err)
	}
	if tag.RowsAffected() == 1 {
		return 0, nil, true, nil
	}
	var known, body []byte
	var status *int
	const look = `
		select request, status, body
		from idempotency_key
		where user_id = $1 and key = $2`
	if err := tx.tx.QueryRow(ctx, look, userID, key).Scan(&known, &status, &body); err != nil {
		return 0, nil, false, fmt.Errorf("store: idempotency key: %w", err)
	}
	switch {
	case !bytes.Equal(known, request):
		return 0, nil, false, desk.Wrong("Idempotency-Key", "this Idempotency-Key was used for another request")
	case status == nil:
		return 0, nil, false, desk.Faultf(desk.Conflict, "the first request with this Idempotency-Key is still under way")
	default:
		return *status, body, false, nil
	}
}

// FinishIdempotent keeps the answer to a request.
func (s *Store) FinishIdempotent(ctx context.Context, userID int64, key string, status int, body []byte) error {
	return s.Write(ctx, func(tx *Tx) error {
		_, err := tx.tx.Exec(ctx, `update idempotency_key set status = $3, body = $4 where user_id = $1 and key = $2`, userID, key, status, body)
		return wrap(err, "keep the answer of an idempotency key")
	})
}

// DropIdempotent gives a key free: its request changed nothing, and may be sent again.
func (s *Store) DropIdempotent(ctx context.Context, userID int64, key string) error {
	return s.Write(ctx, func(tx *Tx) error {
		_, err := tx.tx.Exec(ctx, `delete from idempotency_key where user_id = $1 and key = $2`, userID, key)
		return wrap(err, "give an idempotency key free")
	})
}

// SweepIdempotent removes keys from before the given time.
func (tx *Tx) SweepIdempotent(ctx context.Context, before time.Time) (int64, error) {
	tag, err := tx.tx.Exec(ctx, `delete from idempotency_key where created_at < $1`, before)
	return tag.RowsAffected(), wrap(err, "drop idempotency keys")
}

package store

import (
	"context"
	"encoding/json"
)

// Setting reads the setting of that name into value, a pointer. One that was never set leaves value as it is, so that the caller's default stands.
func (r Reader) Setting(ctx context.Context, key string, value any) error {
	var text []byte
	err := r.q.QueryRow(ctx, `select value from setting where key = $1`, key).Scan(&text)
	if none(err) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(text, value)
	}
	return wrap(err, "setting "+key)
}

// SetSetting keeps a setting: any value that JSON can hold.
func (tx *Tx) SetSetting(ctx context.Context, key string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return wrap(err, "setting "+key)
	}
	_, err = tx.tx.Exec(ctx, `
		insert into setting (key, value)
		values ($1, $2)
		on conflict (key) do update
		set value = excluded.value, updated_at = now()`, key, string(text))
	return wrap(err, "setting "+key)
}

// Claim keeps a setting unless one is kept already. Whoever comes first wins, however many come at the same time; the others read it.
func (tx *Tx) Claim(ctx context.Context, key string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return wrap(err, "setting "+key)
	}
	_, err = tx.tx.Exec(ctx, `
		insert into setting (key, value)
		values ($1, $2)
		on conflict (key) do nothing`, key, string(text))
	return wrap(err, "setting "+key)
}

// LockSetting makes sure that a setting is there, with the given value if it was not, and keeps others from changing it until the transaction ends.
func (tx *Tx) LockSetting(ctx context.Context, key string, value any) error {
	if err := tx.Claim(ctx, key, value); err != nil {
		return err
	}
	var locked string
	return wrap(tx.tx.QueryRow(ctx, `select key from setting where key = $1 for update`, key).Scan(&locked), "lock setting "+key)
}

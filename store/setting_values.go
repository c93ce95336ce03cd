package store

import (
	"context"
	"encoding/json"

	"github.com/jackc/pgx/v5"

	"postern/desk"
)

// SettingValues reads what is set of the registry, by key.
func (r Reader) SettingValues(ctx context.Context, keys []string) (desk.Values, error) {
	rows, err := r.q.Query(ctx, `select key, value from setting where key = any($1)`, keys)
	if err != nil {
		return nil, wrap(err, "settings")
	}
	values, key, text := desk.Values{}, "", []byte(nil)
	_, err = pgx.ForEachRow(rows, []any{&key, &text}, func() error {
		var value any
		if err := json.Unmarshal(text, &value); err != nil {
			return err
		}
		values[key] = value
		return nil
	})
	return values, wrap(err, "settings")
}

// LockSettings keeps everybody else from changing settings of accounts and access until the transaction ends.
func (tx *Tx) LockSettings(ctx context.Context) error {
	_, err := tx.tx.Exec(ctx, `select pg_advisory_xact_lock($1, 0)`, lockSettings)
	return wrap(err, "lock settings")
}

package store

import "context"

// Reading is how somebody likes to read: the code of a language and a time zone; empty where they have not said.
type Reading struct {
	Language string
	TimeZone string
}

// ReadingOf is how the person with this canonical address likes to read. Somebody who is not here has not said.
func (r Reader) ReadingOf(ctx context.Context, email string) (Reading, error) {
	found, _, err := perhapsOne[Reading](ctx, r.q, `
		select language, time_zone
		from "user"
		where email = $1`, email)
	return found, wrap(err, "reading")
}

// SetReading keeps how a person likes to read.
func (tx *Tx) SetReading(ctx context.Context, user int64, language, zone string) error {
	_, err := tx.tx.Exec(ctx, `
		update "user"
		set language = $2, time_zone = $3
		where id = $1`, user, language, zone)
	return wrap(err, "set reading")
}

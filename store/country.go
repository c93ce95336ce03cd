package store

import (
	"context"
	"time"
)

// Country is one in which a person has signed in, and where they were there last.
type Country struct {
	Country   string    `db:"country"`
	LastAt    time.Time `db:"last_at"`
	Latitude  *float64  `db:"latitude"` // nil: nothing but the country is known
	Longitude *float64  `db:"longitude"`
	Radius    int       `db:"radius"`
}

// Countries are those of a person, the latest first.
func (r Reader) Countries(ctx context.Context, user int64) ([]Country, error) {
	list, err := rowsOf[Country](ctx, r.q, `
		select country, last_at, latitude, longitude, radius
		from user_country
		where user_id = $1
		order by last_at desc, country
		limit 300`, user)
	return list, wrap(err, "countries of a person")
}

// SeeCountry remembers that a person was there.
func (tx *Tx) SeeCountry(ctx context.Context, user int64, c Country) error {
	_, err := tx.tx.Exec(ctx, `
		insert into user_country (user_id, country, first_at, last_at, latitude, longitude, radius)
		values ($1, $2, $3, $3, $4, $5, $6)
		on conflict (user_id, country) do update
		set last_at = excluded.last_at, latitude = excluded.latitude, longitude = excluded.longitude, radius = excluded.radius`,
		user, c.Country, c.LastAt, c.Latitude, c.Longitude, c.Radius)
	return wrap(err, "country of a person")
}

// SweepCountries forgets those in which nobody was since the given time.
func (tx *Tx) SweepCountries(ctx context.Context, before time.Time) error {
	_, err := tx.tx.Exec(ctx, `delete from user_country where last_at < $1`, before)
	return wrap(err, "sweep countries")
}

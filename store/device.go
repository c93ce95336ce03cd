package store

import (
	"context"
	"time"
)

// devicesMost is how many browsers of a person are remembered; those not seen for the longest are forgotten, with their sessions.
const devicesMost = 50

// Device is a browser in which a person has signed in, as it is at a sign-in.
type Device struct {
	UserID    int64
	Hash      []byte // of its cookie
	UserAgent string
	IP        string
	At        time.Time
}

// KnownDevice is what is known of a browser.
type KnownDevice struct {
	ID           int64
	TrustedUntil *time.Time
	Fresh        bool // it was not known before
}

// KnowDevice notes a sign-in from a browser, for the first time or again.
func (tx *Tx) KnowDevice(ctx context.Context, device Device) (known KnownDevice, err error) {
	known, err = rowOf[KnownDevice](ctx, tx.tx, `
		insert into device (user_id, token_hash, user_agent, ip, first_seen_at, last_seen_at)
		values ($1, $2, $3, $4, $5, $5)
		on conflict (user_id, token_hash) do update
		set user_agent = excluded.user_agent, ip = excluded.ip, last_seen_at = greatest(device.last_seen_at, excluded.last_seen_at)
		returning id, trusted_until, xmax = 0 as fresh`, device.UserID, device.Hash, device.UserAgent, device.IP, device.At)
	if err != nil {
		return known, wrap(err, "know device")
	}
	_, err = tx.tx.Exec(ctx, `
		delete from device
		where id in (
			select id
			from device
			where user_id = $1
			order by last_seen_at desc, id desc
			offset $2)`, device.UserID, devicesMost)
	return known, wrap(err, "forget oldest device")
}

// TrustDevice lets a browser skip the second factor until the given time.
func (tx *Tx) TrustDevice(ctx context.Context, id int64, until time.Time) error {
	_, err := tx.tx.Exec(ctx, `update device set trusted_until = $2 where id = $1`, id, until)
	return wrap(err, "trust device")
}

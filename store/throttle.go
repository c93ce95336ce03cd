package store

import (
	"context"
	"time"
)

// Throttle is that a person or a network may ask for little until a time.
type Throttle struct {
	Subject string    `db:"subject"` // user/3, 192.0.2.0/24
	Alert   int64     `db:"alert_id"`
	Until   time.Time `db:"until_at"`
}

// mostThrottles is how many are looked at: who is beyond them is not slowed down.
const mostThrottles = 1000

// AddThrottle keeps one, for the longer time where there is one about the same already. It is false when the same alert has made it before.
func (tx *Tx) AddThrottle(ctx context.Context, t Throttle) (bool, error) {
	tag, err := tx.tx.Exec(ctx, `
		insert into throttle (alert_id, subject, until_at)
		values ($1, $2, $3)
		on conflict (alert_id) do nothing`, t.Alert, t.Subject, t.Until)
	return err == nil && tag.RowsAffected() == 1, wrap(err, "throttle")
}

// LiftThrottle ends the one that an alert has made, and says whom it was about. It is false when there was none, or its time was over.
func (tx *Tx) LiftThrottle(ctx context.Context, alert int64) (subject string, lifted bool, err error) {
	err = tx.tx.QueryRow(ctx, `
		update throttle
		set until_at = now()
		where alert_id = $1 and until_at > now()
		returning subject`, alert).Scan(&subject)
	if none(err) {
		return "", false, nil
	}
	return subject, err == nil, wrap(err, "lift a throttle")
}

// Throttles are those that are not over, the newest first.
func (r Reader) Throttles(ctx context.Context, now time.Time) ([]Throttle, error) {
	list, err := rowsOf[Throttle](ctx, r.q, `
		select subject, alert_id, until_at
		from throttle
		where until_at > $1
		order by alert_id desc
		limit $2`, now, mostThrottles)
	return list, wrap(err, "throttles")
}

// SweepThrottles forgets those that were over at the given time.
func (tx *Tx) SweepThrottles(ctx context.Context, before time.Time) error {
	_, err := tx.tx.Exec(ctx, `delete from throttle where until_at < $1`, before)
	return wrap(err, "sweep throttles")
}

// RecipientsOf are the recipients of messages, by message.
func (r Reader) RecipientsOf(ctx context.Context, messages []int64) (map[int64][]string, error) {
	type row struct {
		Message   int64  `db:"message_id"`
		Recipient string `db:"recipient"`
	}
	rows, err := rowsOf[row](ctx, r.q, `
		select message_id, recipient
		from delivery
		where message_id = any($1)
		limit 500000`, messages)
	if err != nil {
		return nil, wrap(err, "recipients of messages")
	}
	to := map[int64][]string{}
	for _, one := range rows {
		to[one.Message] = append(to[one.Message], one.Recipient)
	}
	return to, nil
}

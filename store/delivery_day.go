package store

import (
	"context"
	"time"

	"postern/desk"
)

// countedLines are figures by day and domain of ours, out of the stories of a time. A recipient is counted once a day for each state, however often it came to that, or was written down by a job that ran twice.
const countedLines = `
		    select (e.at at time zone 'UTC')::date as day, d.sender,
		           count(distinct (e.message_id, e.recipient)) filter (where e.became = 'sent') as sent,
		           count(distinct (e.message_id, e.recipient)) filter (where e.became = 'deferred') as deferred,
		           count(distinct (e.message_id, e.recipient)) filter (where e.became = 'bounced' and e.kind <> 'suppressed') as bounced,
		           count(distinct (e.message_id, e.recipient)) filter (where e.became = 'bounced' and e.kind = 'suppressed') as suppressed
		    from delivery_event e
		    join delivery d on d.message_id = e.message_id and d.recipient = e.recipient
		    where e.at >= $1::timestamptz and e.at < $2::timestamptz and e.became in ('sent', 'deferred', 'bounced')
		    group by 1, 2`

// RollUp writes the figures of one day, which is over.
func (tx *Tx) RollUp(ctx context.Context, day time.Time) error {
	_, err := tx.tx.Exec(ctx, `
		insert into delivery_day (day, sender, sent, deferred, bounced, suppressed)
		select day, sender, sent, deferred, bounced, suppressed
		from (`+countedLines+`) as counted
		on conflict (day, sender) do update
		set sent = excluded.sent, deferred = excluded.deferred, bounced = excluded.bounced, suppressed = excluded.suppressed`, day, day.AddDate(0, 0, 1))
	return wrap(err, "roll up deliveries")
}

// FirstLine is when the first line of any story was written; zero: there is none.
func (r Reader) FirstLine(ctx context.Context) (time.Time, error) {
	var at *time.Time
	if err := r.q.QueryRow(ctx, `select min(at) from delivery_event`).Scan(&at); err != nil || at == nil {
		return time.Time{}, wrap(err, "first line of a story")
	}
	return *at, nil
}

// DeliveryDays are the figures from one day on, by day and domain of ours: those of days before live from the roll-up, the others counted now. An empty sender is every domain.
func (r Reader) DeliveryDays(ctx context.Context, sender string, since, live time.Time) ([]desk.DeliveryDay, error) {
	days, err := rowsOf[desk.DeliveryDay](ctx, r.q, `
		select day::timestamp at time zone 'UTC' as day, sender, sent, deferred, bounced, suppressed
		from (
		    select day, sender, sent, deferred, bounced, suppressed
		    from delivery_day
		    where day >= ($3::timestamptz at time zone 'UTC')::date and day < ($1::timestamptz at time zone 'UTC')::date
		    union all
		    select * from (`+countedLines+`) as counted) as both_kinds
		where $4 = '' or sender = $4
		order by 1, 2
		limit 100000`, live, live.AddDate(1, 0, 0), since, sender)
	return days, wrap(err, "days of deliveries")
}

package store

import (
	"context"
)

// Lease asks for permits: Want of them, under the key, for the minute, of at most Limit over this and the part of the last minute that a window of 60 seconds still sees.
type Lease struct {
	Key    string
	Minute int64 // since 1970
	Second int   // within the minute, 0 to 59
	Want   int
	Limit  int
}

// Leased is what became of it.
type Leased struct {
	Granted bool
	Used    int // what is counted in this minute, the permits among it
	Before  int // what was counted in the last one
}

// Lease takes permits out of what may be asked in a minute, over all machines: all that are wanted, or none. The count can not pass the limit, however many ask at once.
func (s *Store) Lease(ctx context.Context, l Lease) (leased Leased, err error) {
	err = s.pool.QueryRow(ctx, `
		with before as (
			select coalesce(max(count), 0) as count
			from rate_count
			where key = $1 and minute = $2 - 1
		), room as (
			select $5 - (before.count * (60 - $3) / 60) as most
			from before
		), taken as (
			insert into rate_count as r (key, minute, count)
			select $1, $2, $4
			from room
			where room.most >= $4
			on conflict (key, minute) do update
			set count = r.count + excluded.count
			where r.count + excluded.count <= (select most from room)
			returning count
		)
		select taken.count is not null, coalesce(taken.count, (select count from rate_count where key = $1 and minute = $2), 0), before.count
		from before
		left join taken on true`, l.Key, l.Minute, l.Second, l.Want, l.Limit).Scan(&leased.Granted, &leased.Used, &leased.Before)
	return leased, wrap(err, "count requests")
}

// SweepRates forgets what was counted before that minute.
func (tx *Tx) SweepRates(ctx context.Context, before int64) error {
	_, err := tx.tx.Exec(ctx, `delete from rate_count where minute < $1`, before)
	return wrap(err, "sweep counts of requests")
}

package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"postern/desk"
)

const accessColumns = `e.id, e.at, e.user_id, coalesce(u.email, '') as user_email, e.via, e.ip, e.kind, e.subject, e.method, e.route, e.request, e.session_id, e.token_id, e.on_behalf`

// AddReadings writes down who read what.
func (s *Store) AddReadings(ctx context.Context, entries []desk.AccessEntry) error {
	_, err := s.pool.CopyFrom(ctx, pgx.Identifier{"access_entry"},
		[]string{"at", "user_id", "via", "ip", "kind", "subject", "method", "route", "request", "session_id", "token_id", "on_behalf"},
		pgx.CopyFromSlice(len(entries), func(i int) ([]any, error) {
			e := entries[i]
			return []any{e.At, e.UserID, e.Via, e.IP, e.Kind, e.Subject, e.Method, e.Route, e.Request, e.Session, e.Token, e.OnBehalf}, nil
		}))
	return wrap(err, "keep readings")
}

// ReadingsAfter lists readings in the order in which they were written down.
func (r Reader) ReadingsAfter(ctx context.Context, id int64, limit int) ([]desk.AccessEntry, error) {
	entries, err := rowsOf[desk.AccessEntry](ctx, r.q, `
		select `+accessColumns+`
		from access_entry e
		left join "user" u on u.id = e.user_id
		where e.id > $1
		order by e.id
		limit $2`, id, limit)
	return entries, wrap(err, "readings")
}

// AccessLog is one page of the readings, the newest first: 1000 at most.
func (r Reader) AccessLog(ctx context.Context, q desk.AccessQuery) (desk.Page[desk.AccessEntry], error) {
	var page desk.Page[desk.AccessEntry]
	limit := bounded(q.Limit, largestRun)
	from, err := parsePlace(q.Cursor)
	if err != nil {
		return page, err
	}
	var c conditions
	if q.User != "" {
		c.and("e.user_id in (select id from \"user\" where " + c.contains("email", q.User) + ")")
	}
	if q.Kind != "" {
		c.and("e.kind = " + c.arg(q.Kind))
	}
	if q.Subject != "" {
		c.and("e.subject = " + c.arg(q.Subject))
	}
	if err := c.fromAddress("e.ip", q.IP); err != nil {
		return page, err
	}
	c.within("e.at", q.From, q.Until)
	if from != nil {
		c.and("e.id < " + c.arg(from.ID))
	}
	entries, err := rowsOf[desk.AccessEntry](ctx, r.q, `
		select `+accessColumns+`
		from access_entry e
		left join "user" u on u.id = e.user_id
		where `+c.where()+`
		order by e.id desc
		limit `+c.arg(limit+1), c.args...)
	if err != nil {
		return page, wrap(err, "readings")
	}
	return pageOf(entries, limit, func(e desk.AccessEntry) place { return place{ID: e.ID} }), nil
}

// SweepReadings forgets what is older than the given time.
func (tx *Tx) SweepReadings(ctx context.Context, before time.Time) error {
	_, err := tx.tx.Exec(ctx, `delete from access_entry where at < $1`, before)
	return wrap(err, "forget readings")
}

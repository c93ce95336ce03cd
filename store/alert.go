package store

import (
	"context"
	"encoding/json"
	"time"

	"postern/desk"
)

// AloneToWatch says whether this transaction alone may look for what should alarm people, until it ends.
func (tx *Tx) AloneToWatch(ctx context.Context) (alone bool, err error) {
	err = tx.tx.QueryRow(ctx, `select pg_try_advisory_xact_lock($1)`, watchLock).Scan(&alone)
	return alone, wrap(err, "lock the watch")
}

// AddAlert keeps an alert unless the same was raised after the given time; then its number is 0.
func (tx *Tx) AddAlert(ctx context.Context, a desk.Alert, after time.Time) (id int64, err error) {
	err = tx.tx.QueryRow(ctx, `
		insert into alert (at, detector, about, detail, done)
		select $1, $2, $3, $4, $5
		where not exists (select from alert where detector = $2 and about = $3 and at > $6)
		returning id`, a.At, a.Detector, a.About, json.RawMessage(a.Detail), a.Done, after).Scan(&id)
	if none(err) {
		return 0, nil
	}
	return id, wrap(err, "raise an alert")
}

// Alerts is one page of the alerts, the newest first. unseen keeps those that nobody has seen.
func (r Reader) Alerts(ctx context.Context, unseen Unseen, cursor string, limit int) (desk.Page[desk.Alert], error) {
	var page desk.Page[desk.Alert]
	limit = bounded(limit, largestPage)
	from, err := parsePlace(cursor)
	if err != nil {
		return page, err
	}
	var c conditions
	if unseen {
		c.and("a.seen_at is null")
	}
	if from != nil {
		c.and("(a.at, a.id) < (" + c.arg(from.At) + ", " + c.arg(from.ID) + ")")
	}
	alerts, err := rowsOf[desk.Alert](ctx, r.q, `
		select a.id, a.at, a.detector, a.about, a.detail, a.done, a.seen_by, a.seen_at
		from alert a
		where `+c.where()+`
		order by a.at desc, a.id desc
		limit `+c.arg(limit+1), c.args...)
	if err != nil {
		return page, wrap(err, "alerts")
	}
	return pageOf(alerts, limit, func(a desk.Alert) place { return place{At: a.At, ID: a.ID} }), nil
}

// Unseen says whether only alerts are asked for that nobody has seen.
type Unseen bool

// SeeAlert writes down who has seen an alert. It is false when somebody had before, or when there is none.
func (tx *Tx) SeeAlert(ctx context.Context, id, by int64, at time.Time) (bool, error) {
	tag, err := tx.tx.Exec(ctx, `update alert set seen_by = nullif($2, 0), seen_at = $3 where id = $1 and seen_at is null`, id, by, at)
	return err == nil && tag.RowsAffected() == 1, wrap(err, "see an alert")
}

// Managers are the owners and admins who are not disabled: a thousand at most.
func (r Reader) Managers(ctx context.Context) (ids []int64, err error) {
	rows, err := r.q.Query(ctx, `
		select id
		from "user"
		where role in ('owner', 'admin') and disabled_at is null
		order by id
		limit 1000`)
	if err != nil {
		return nil, wrap(err, "owners and admins")
	}
	return collectIDs(rows, "owners and admins")
}

// SeqOf is the link from which on records are not older than the given time; where there is none it is the end of the chain.
func (r Reader) SeqOf(ctx context.Context, at time.Time) (seq int64, err error) {
	err = r.q.QueryRow(ctx, `
		select coalesce(
		    (select l.seq from audit a join audit_link l on l.audit_id = a.id where a.at >= $1 order by a.at, a.id limit 1),
		    (select max(seq) + 1 from audit_link), 1)`, at).Scan(&seq)
	return seq, wrap(err, "place in the chain")
}

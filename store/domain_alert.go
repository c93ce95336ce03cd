package store

import (
	"context"
	"time"
)

// DomainAlert is something about a domain that managers should know.
type DomainAlert struct {
	ID      int64
	Domain  string
	Kind    string
	Text    string
	At      time.Time
	ToldAt  *time.Time // mailed
	EndedAt *time.Time // it is so no more, or was only news
}

// OpenAlerts lists what is so now, the newest first.
func (r Reader) OpenAlerts(ctx context.Context) ([]DomainAlert, error) {
	alerts, err := rowsOf[DomainAlert](ctx, r.q, `
		select id, domain, kind, text, at, told_at, ended_at
		from domain_alert
		where ended_at is null
		order by at desc, id desc
		limit 1000`)
	return alerts, wrap(err, "domain alerts")
}

// RaiseAlert says that something is so. What was said already is not said again, unless the words are others.
func (tx *Tx) RaiseAlert(ctx context.Context, a DomainAlert) error {
	_, err := tx.tx.Exec(ctx, `
		with same as (
		    update domain_alert
		    set text = $3
		    where domain = $1 and kind = $2 and ended_at is null
		    returning id
		)
		insert into domain_alert (domain, kind, text, at, told_at, ended_at)
		select $1, $2, $3, $4, $5, $6
		where not exists (select from same)`, a.Domain, a.Kind, a.Text, a.At, a.ToldAt, a.EndedAt)
	return wrap(err, "raise an alert")
}

// EndAlert says that something is so no more, and whether anybody was told that it was. What nobody was told of is forgotten.
func (tx *Tx) EndAlert(ctx context.Context, domain, kind string, at time.Time) (told bool, err error) {
	done, err := tx.tx.Exec(ctx, `
		update domain_alert
		set ended_at = $3
		where domain = $1 and kind = $2 and ended_at is null and told_at is not null`, domain, kind, at)
	if err != nil {
		return false, wrap(err, "end an alert")
	}
	_, err = tx.tx.Exec(ctx, `
		delete from domain_alert
		where domain = $1 and kind = $2 and ended_at is null`, domain, kind)
	return done.RowsAffected() > 0, wrap(err, "end an alert")
}

// TakeAlerts takes the alerts that nobody was told of, and marks them as told: whoever gets them tells them. Those of a domain of which something was told after quiet wait.
func (tx *Tx) TakeAlerts(ctx context.Context, now, quiet time.Time) ([]DomainAlert, error) {
	alerts, err := rowsOf[DomainAlert](ctx, tx.tx, `
		with due as (
		    select id
		    from domain_alert a
		    where told_at is null
		      and not exists (select from domain_alert o where o.domain = a.domain and o.told_at > $2 and o.id <> a.id)
		    order by at, id
		    limit 100
		    for update skip locked
		)
		update domain_alert a
		set told_at = $1
		from due
		where a.id = due.id
		returning a.id, a.domain, a.kind, a.text, a.at, a.told_at, a.ended_at`, now, quiet)
	return alerts, wrap(err, "take alerts")
}

// SweepAlerts forgets alerts that ended before the given time.
func (tx *Tx) SweepAlerts(ctx context.Context, before time.Time) error {
	_, err := tx.tx.Exec(ctx, `delete from domain_alert where ended_at < $1`, before)
	return wrap(err, "sweep alerts")
}

package store

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"postern/desk"
)

// HappeningRow is something that happened to a ticket, to be written with it.
type HappeningRow struct {
	Ticket  int64
	Message int64 // 0: none
	Kind    desk.HappeningKind
	Actor   int64 // 0: a customer, or Postern itself
	Detail  desk.HappeningDetail
	At      time.Time
}

// queueHappenings writes them in order.
func queueHappenings(batch *pgx.Batch, rows []HappeningRow) error {
	details := make([]string, len(rows))
	for i := range rows {
		text, err := json.Marshal(rows[i].Detail)
		if err != nil {
			return err
		}
		details[i] = string(text)
	}
	batch.Queue(`
		insert into happening (ticket_id, message_id, kind, actor_id, detail, at)
		select ticket_id, nullif(message_id, 0), kind, nullif(actor_id, 0), detail::jsonb, at
		from unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::text[], $6::timestamptz[]) with ordinality
		     as new (ticket_id, message_id, kind, actor_id, detail, at, place)
		order by place`,
		column(rows, func(r *HappeningRow) int64 { return r.Ticket }),
		column(rows, func(r *HappeningRow) int64 { return r.Message }),
		column(rows, func(r *HappeningRow) string { return string(r.Kind) }),
		column(rows, func(r *HappeningRow) int64 { return r.Actor }),
		details,
		column(rows, func(r *HappeningRow) time.Time { return r.At }))
	return nil
}

func (f *Filing) happenings(batch *pgx.Batch) error {
	if len(f.Happenings) == 0 {
		return nil
	}
	return queueHappenings(batch, f.Happenings)
}

// AddHappenings writes what happened outside of intake.
func (tx *Tx) AddHappenings(ctx context.Context, rows ...HappeningRow) error {
	if len(rows) == 0 {
		return nil
	}
	batch := &pgx.Batch{}
	if err := queueHappenings(batch, rows); err != nil {
		return wrap(err, "happenings")
	}
	return wrap(tx.tx.SendBatch(ctx, batch).Close(), "happenings")
}

// TakeHappenings takes what is due in hand until the given time, the oldest first, and of each ticket only what nothing older stands before: what happened to a ticket is reacted to in order.
func (tx *Tx) TakeHappenings(ctx context.Context, now, until time.Time, limit int) ([]desk.Happening, error) {
	const sql = `
		with due as (
		    select h.id
		    from happening h
		    where h.due_at <= $1
		      and not exists (select from happening before where before.ticket_id = h.ticket_id and before.id < h.id)
		    order by h.due_at, h.id
		    limit $3
		    for update skip locked)
		update happening h
		set due_at = $2, attempts = h.attempts + 1
		from due
		where h.id = due.id
		returning h.id, h.ticket_id, h.message_id, h.kind, h.actor_id, h.detail, h.at, h.attempts - 1 as attempts`
	taken, err := rowsOf[desk.Happening](ctx, tx.q, sql, now, until, limit)
	return taken, wrap(err, "take happenings")
}

// EndHappenings removes those that were reacted to.
func (tx *Tx) EndHappenings(ctx context.Context, ids []int64) error {
	_, err := tx.tx.Exec(ctx, `delete from happening where id = any($1)`, ids)
	return wrap(err, "end happenings")
}

// PostponeHappening lets one that could not be reacted to wait.
func (tx *Tx) PostponeHappening(ctx context.Context, id int64, until time.Time) error {
	_, err := tx.tx.Exec(ctx, `update happening set due_at = $2 where id = $1`, id, until)
	return wrap(err, "postpone happening")
}

// Record is what is told of a change when it is written: to the audit log, to those who react, and to open pages.
type Record struct {
	Actor      desk.Actor
	Audits     []AuditRow
	Happenings []HappeningRow
	News       News // 400 tickets at most
}

// Record writes all of it in one round trip.
func (tx *Tx) Record(ctx context.Context, r Record) error {
	batch := &pgx.Batch{}
	for _, one := range r.Audits {
		if err := queueAudit(batch, r.Actor.From(desk.OriginOf(ctx)), one); err != nil {
			return err
		}
	}
	if len(r.Happenings) > 0 {
		if err := queueHappenings(batch, r.Happenings); err != nil {
			return wrap(err, "record")
		}
	}
	payload, err := json.Marshal(r.News)
	if err != nil {
		return wrap(err, "record")
	}
	batch.Queue(`select pg_notify($1, $2)`, channel, string(payload))
	return wrap(tx.tx.SendBatch(ctx, batch).Close(), "record")
}

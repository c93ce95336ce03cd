package store

import (
	"context"
	"fmt"
	"time"

	"postern/desk"
)

// LockDelivery keeps one recipient of a message as it is until the transaction ends, and returns it. The address is compared but for case.
func (tx *Tx) LockDelivery(ctx context.Context, message int64, recipient string) (desk.Outbound, error) {
	row, err := rowOf[outboundRow](ctx, tx.q, selectOutbound+`
		where d.message_id = $1 and lower(d.recipient) = lower($2)
		order by d.recipient <> $2
		limit 1
		for update of d`, message, recipient)
	if err != nil {
		return desk.Outbound{}, missing(err, "recipient %s of message %d", recipient, message)
	}
	return row.outbound(), nil
}

// QueueAgain lets a delivery that failed or waits be tried anew, for another five days.
func (tx *Tx) QueueAgain(ctx context.Context, message int64, recipient string, now time.Time) error {
	const sql = `
		update delivery
		set state = 'queued', attempts = 0, next_at = null, queued_at = $3, updated_at = $3, delayed_at = null, stop = false
		where message_id = $1 and recipient = $2`
	_, err := tx.tx.Exec(ctx, sql, message, recipient, now)
	if err != nil {
		return fmt.Errorf("store: retry delivery of message %d: %w", message, err)
	}
	return nil
}

// StopDelivery cancels a recipient who waits; one whom a process has in hand is marked, so that it stops if it still can. It returns the recipient as they stand then.
func (tx *Tx) StopDelivery(ctx context.Context, message int64, recipient string, now time.Time) (desk.DeliveryState, error) {
	const sql = `
		update delivery
		set stop = worker is not null, state = case when worker is null then 'cancelled' else state end, next_at = case when worker is null then null else next_at end,
		    updated_at = case when worker is null then $3 else updated_at end
		where message_id = $1 and recipient = $2
		returning state`
	var state desk.DeliveryState
	err := tx.tx.QueryRow(ctx, sql, message, recipient, now).Scan(&state)
	return state, wrap(err, "stop a delivery")
}

// RedirectDelivery sends the same message to another address instead. The row of the first stays and says so; where it still waited, it is cancelled.
func (tx *Tx) RedirectDelivery(ctx context.Context, from desk.Outbound, to string, now time.Time) error {
	const add = `
		insert into delivery (message_id, recipient, destination, sender, state, queued_at, updated_at)
		values ($1, $2, $3, $4, 'queued', $5, $5)
		on conflict (message_id, recipient) do nothing`
	tag, err := tx.tx.Exec(ctx, add, from.MessageID, to, desk.DomainOf(to), from.Sender, now)
	if err == nil && tag.RowsAffected() == 0 {
		return desk.Faultf(desk.Conflict, "%s gets this message already", to)
	}
	if err == nil {
		const mark = `
			update delivery
			set redirected_to = $3, state = case when state in ('queued', 'deferred') then 'cancelled' else state end, next_at = null, updated_at = $4
			where message_id = $1 and recipient = $2`
		_, err = tx.tx.Exec(ctx, mark, from.MessageID, from.Recipient, to, now)
	}
	return wrap(err, "redirect a delivery")
}

// DeliveryProblem says whether a reply on the ticket did not arrive: it was refused and nobody has sent it elsewhere, or it waits since so long that the ticket was told.
func (r Reader) DeliveryProblem(ctx context.Context, number int64) (problem bool, err error) {
	const sql = `
		select exists (
		    select from message m
		    join delivery d on d.message_id = m.id
		    where m.ticket_id = $1 and m.kind in ('reply', 'forward') and (d.state = 'bounced' and d.redirected_to = '' or d.state in ('queued', 'deferred') and d.delayed_at is not null))`
	err = r.q.QueryRow(ctx, sql, number).Scan(&problem)
	return problem, wrap(err, "delivery problem of a ticket")
}

// Delayed is a recipient who has waited for so long that the ticket shall say so, or who waits no more.
type Delayed struct {
	Ticket    int64  `db:"ticket_id"`
	Message   int64  `db:"message_id"`
	Recipient string `db:"recipient"`
}

// Delayed lists recipients who wait since before the given time without their ticket having been told, the longest waiting first; 500 at most.
func (r Reader) Delayed(ctx context.Context, before time.Time) ([]Delayed, error) {
	list, err := rowsOf[Delayed](ctx, r.q, `
		select m.ticket_id, d.message_id, d.recipient
		from delivery d
		join message m on m.id = d.message_id
		where d.state in ('queued', 'deferred') and d.delayed_at is null and d.queued_at < $1 and coalesce(m.send_at, d.queued_at) < $1 and not d.stop
		order by d.queued_at
		limit 500`, before)
	return list, wrap(err, "delayed deliveries")
}

// DelaysOver lists recipients whose ticket was told and who wait no more; 500 at most.
func (r Reader) DelaysOver(ctx context.Context) ([]Delayed, error) {
	list, err := rowsOf[Delayed](ctx, r.q, `
		select m.ticket_id, d.message_id, d.recipient
		from delivery d
		join message m on m.id = d.message_id
		where d.delayed_at is not null and d.state in ('sent', 'bounced', 'cancelled')
		order by d.delayed_at
		limit 500`)
	return list, wrap(err, "delays that are over")
}

// MarkDelayed notes that the tickets of recipients are told; those who do not wait any more stay as they are. It returns the others.
func (tx *Tx) MarkDelayed(ctx context.Context, list []Delayed, now time.Time) ([]Delayed, error) {
	const sql = `
		update delivery d
		set delayed_at = $4
		from unnest($1::bigint[], $2::text[], $3::bigint[]) as told (message_id, recipient, ticket_id)
		where d.message_id = told.message_id and d.recipient = told.recipient and d.state in ('queued', 'deferred') and d.delayed_at is null
		returning told.ticket_id, d.message_id, d.recipient`
	messages, recipients, tickets := delayedColumns(list)
	marked, err := rowsOf[Delayed](ctx, tx.q, sql, messages, recipients, tickets, now)
	return marked, wrap(err, "mark delayed deliveries")
}

// ForgetDelays notes that recipients wait no more.
func (tx *Tx) ForgetDelays(ctx context.Context, list []Delayed) error {
	const sql = `
		update delivery d
		set delayed_at = null
		from unnest($1::bigint[], $2::text[]) as over (message_id, recipient)
		where d.message_id = over.message_id and d.recipient = over.recipient and d.state in ('sent', 'bounced', 'cancelled')`
	messages, recipients, _ := delayedColumns(list)
	_, err := tx.tx.Exec(ctx, sql, messages, recipients)
	return wrap(err, "forget delays")
}

func delayedColumns(list []Delayed) (messages []int64, recipients []string, tickets []int64) {
	return column(list, func(d *Delayed) int64 { return d.Message }), column(list, func(d *Delayed) string { return d.Recipient }), column(list, func(d *Delayed) int64 { return d.Ticket })
}

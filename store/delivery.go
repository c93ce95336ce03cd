package store

import (
	"context"
	"fmt"
	"time"

	"postern/desk"
)

// Awaited is a recipient whose delivery is not over.
type Awaited struct {
	Recipient string    `db:"recipient"`
	Attempts  int       `db:"attempts"`
	QueuedAt  time.Time `db:"queued_at"`
	NextAt    time.Time `db:"next_at"`
}

// Awaited lists the recipients of a message that are not done with.
func (r Reader) Awaited(ctx context.Context, message int64) ([]Awaited, error) {
	const sql = `
		select recipient, attempts, queued_at, coalesce(next_at, queued_at) as next_at
		from delivery
		where message_id = $1 and state in ('queued', 'deferred')
		order by recipient
		limit 10000`
	list, err := rowsOf[Awaited](ctx, r.q, sql, message)
	if err != nil {
		return nil, fmt.Errorf("store: deliveries of message %d: %w", message, err)
	}
	return list, nil
}

// ClaimDeliveries takes the recipients that are due for one attempt: until the given time no other job finds them due. It is when they are tried again if this process dies.
func (tx *Tx) ClaimDeliveries(ctx context.Context, message int64, now, until time.Time) ([]Awaited, error) {
	const sql = `
		update delivery
		set next_at = $3
		where message_id = $1 and state in ('queued', 'deferred') and coalesce(next_at, queued_at) <= $2
		returning recipient, attempts, queued_at, coalesce(next_at, queued_at) as next_at`
	rows, err := rowsOf[Awaited](ctx, tx.q, sql, message, now, until)
	return rows, wrap(err, "claim deliveries")
}

// ResumeSending takes up what a process was sending when it died. It is right only where no other process works on this database: otherwise what is under way elsewhere
// would begin a second time.
func (tx *Tx) ResumeSending(ctx context.Context) error {
	const jobs = `
		update river_job
		set state = 'available', scheduled_at = now()
		where state = 'running' and kind = $1`
	if _, err := tx.tx.Exec(ctx, jobs, desk.SendReply{}.Kind()); err != nil {
		return wrap(err, "resume jobs")
	}
	const claims = `
		update delivery
		set next_at = null
		where state = 'queued' and next_at is not null`
	_, err := tx.tx.Exec(ctx, claims)
	return wrap(err, "resume deliveries")
}

// Stranded lists messages whose delivery was due before the given time and has not happened: their job was lost. At most 1,000.
func (r Reader) Stranded(ctx context.Context, before time.Time) ([]int64, error) {
	const sql = `
		select array(
		    select distinct d.message_id
		    from delivery d
		    join message m on m.id = d.message_id
		    where d.state in ('queued', 'deferred') and greatest(d.next_at, d.queued_at, m.send_at) < $1
		      and not exists (select from river_job j
		                      where j.kind = $2 and j.args @> jsonb_build_object('message', d.message_id)
		                        and j.state in ('available', 'pending', 'retryable', 'running', 'scheduled'))
		    limit 1000)`
	var messages []int64
	err := r.q.QueryRow(ctx, sql, before, desk.SendReply{}.Kind()).Scan(&messages)
	return messages, wrap(err, "stranded deliveries")
}

// RecordDeliveries writes what became of recipients and returns those that changed. What is final stays: a job that runs twice changes nothing the second time.
func (tx *Tx) RecordDeliveries(ctx context.Context, message int64, outcome []desk.Delivery) ([]string, error) {
	const sql = `
		update delivery d
		set state = case when d.stop and new.state = 'deferred' then 'cancelled' else new.state end, host = new.host, tls = new.tls, proof = new.proof, reply = new.reply, attempts = new.attempts, next_at = new.next_at, updated_at = new.updated_at
		from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::int[], $8::timestamptz[], $9::timestamptz[], $10::text[])
		     as new (recipient, state, host, tls, reply, attempts, next_at, updated_at, proof)
		where d.message_id = $1 and d.recipient = new.recipient and d.state in ('queued', 'deferred')
		returning d.recipient`
	rows, err := tx.tx.Query(ctx, sql, message,
		column(outcome, func(d *desk.Delivery) string { return d.Recipient }),
		column(outcome, func(d *desk.Delivery) string { return string(d.State) }),
		column(outcome, func(d *desk.Delivery) string { return d.Host }),
		column(outcome, func(d *desk.Delivery) string { return d.TLS }),
		column(outcome, func(d *desk.Delivery) string { return d.Reply }),
		column(outcome, func(d *desk.Delivery) int { return d.Attempts }),
		column(outcome, func(d *desk.Delivery) *time.Time { return timeOrNull(d.NextAt) }),
		column(outcome, func(d *desk.Delivery) time.Time { return d.UpdatedAt }),
		column(outcome, func(d *desk.Delivery) string { return string(d.Proof) }))
	if err != nil {
		return nil, fmt.Errorf("store: deliveries of message %d: %w", message, err)
	}
	changed, err := collectTexts(rows)
	if err != nil {
		return nil, fmt.Errorf("store: deliveries of message %d: %w", message, err)
	}
	var told []Told
	for _, d := range outcome {
		for _, one := range d.Story {
			told = append(told, Told{message, d.Recipient, one})
		}
	}
	return changed, tx.TellStories(ctx, told...)
}

// QueueAgain lets a delivery that failed or waits be tried anew, for another five days.
func (tx *Tx) QueueAgain(ctx context.Context, message int64, recipient string, now time.Time) error {
	const sql = `
		update delivery
		set state = 'queued', attempts = 0, next_at = null, queued_at = $3, updated_at = $3
		where message_id = $1 and recipient = $2 and state in ('bounced', 'deferred')`
	tag, err := tx.tx.Exec(ctx, sql, message, recipient, now)
	if err != nil {
		return fmt.Errorf("store: retry delivery of message %d: %w", message, err)
	}
	if tag.RowsAffected() == 0 {
		return desk.Faultf(desk.Conflict, "nothing failed for %s on this message", recipient)
	}
	return nil
}

// RecountProblems sets the badge 'delivery problem' of a ticket by what really bounced.
func (tx *Tx) RecountProblems(ctx context.Context, number int64) error {
	const sql = `
		update ticket t
		set delivery_problem = exists (
		    select from message m join delivery d on d.message_id = m.id
		    where m.ticket_id = t.id and m.kind = 'reply' and d.state = 'bounced')
		where t.id = $1`
	if _, err := tx.tx.Exec(ctx, sql, number); err != nil {
		return fmt.Errorf("store: delivery problems of #%d: %w", number, err)
	}
	return nil
}

// SystemSender is the address in whose name mail leaves when the mailbox's own domain may not be used as From: the oldest mailbox on an active domain;
// else postern@ the active domain of the given host, or the oldest active one. It is empty when no domain is active.
func (r Reader) SystemSender(ctx context.Context, hostname string) (string, error) {
	const sql = `
		select coalesce(
		    (select b.address
		     from mailbox b
		     join domain d on d.name = split_part(b.address, '@', 2)
		     where d.state = 'active' and b.removed_at is null
		     order by b.id
		     limit 1),
		    (select 'postern@' || d.name
		     from domain d
		     where d.state = 'active'
		     order by $1 = d.name or $1 like '%.' || d.name desc, d.id
		     limit 1),
		    '')`
	var address string
	if err := r.q.QueryRow(ctx, sql, hostname).Scan(&address); err != nil {
		return "", fmt.Errorf("store: system sender: %w", err)
	}
	return address, nil
}

func timeOrNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

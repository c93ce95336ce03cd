package store

import (
	"context"
	"fmt"
	"time"

	"postern/desk"
)

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

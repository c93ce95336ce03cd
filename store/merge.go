package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"postern/desk"
)

// Merge moves everything of one locked ticket onto another, each row marked with where it came from. Tickets merged into the source earlier follow it, so that
// a number always leads to its target in one step; their rows keep their own marks.
func (tx *Tx) Merge(ctx context.Context, source, target int64, at time.Time) error {
	batch := &pgx.Batch{}
	batch.Queue(`
		update message_key
		set ticket_id = $2
		where message in (select id from message where ticket_id = $1)`, source, target)
	batch.Queue(`
		update message
		set ticket_id = $2, moved_from = coalesce(moved_from, $1)
		where ticket_id = $1`, source, target)
	batch.Queue(`
		insert into participant (ticket_id, contact_id, pending, accepted_at, merged_from)
		select $2, p.contact_id, p.pending, p.accepted_at, coalesce(p.merged_from, $1)
		from (select contact_id, pending, accepted_at, merged_from from participant where ticket_id = $1
		      union
		      select requester_id, false, null, null from ticket where id = $1) as p
		where p.contact_id <> (select requester_id from ticket where id = $2)
		on conflict (ticket_id, contact_id) do nothing`, source, target)
	batch.Queue(`
		insert into ticket_mailbox (ticket_id, mailbox_id, merged_from)
		select $2, s.mailbox_id, coalesce(s.merged_from, $1)
		from (select mailbox_id, merged_from from ticket_mailbox where ticket_id = $1
		      union
		      select mailbox_id, null from ticket where id = $1) as s
		where s.mailbox_id <> (select mailbox_id from ticket where id = $2)
		on conflict (ticket_id, mailbox_id) do nothing`, source, target)
	batch.Queue(`update ticket set merged_into = $2 where merged_into = $1`, source, target)
	batch.Queue(`
		update ticket
		set merged_into = $2, before_merge = status, status = 'closed', closed_at = coalesce(closed_at, $3), updated_at = $3
		where id = $1`, source, target, at)
	if err := tx.tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("store: merge #%d into #%d: %w", source, target, err)
	}
	return nil
}

// Unmerge takes back what Merge did to a locked ticket: its rows leave the target again.
func (tx *Tx) Unmerge(ctx context.Context, source, target int64, at time.Time) error {
	batch := &pgx.Batch{}
	batch.Queue(`
		update message_key
		set ticket_id = $1
		where message in (select id from message where ticket_id = $2 and moved_from = $1)`, source, target)
	batch.Queue(`
		update message
		set ticket_id = $1, moved_from = null
		where ticket_id = $2 and moved_from = $1`, source, target)
	batch.Queue(`delete from participant where ticket_id = $2 and merged_from = $1`, source, target)
	batch.Queue(`delete from ticket_mailbox where ticket_id = $2 and merged_from = $1`, source, target)
	batch.Queue(`
		update ticket
		set merged_into = null, status = before_merge, before_merge = null, closed_at = case when before_merge = 'closed' then closed_at end, updated_at = $2
		where id = $1`, source, at)
	if err := tx.tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("store: unmerge #%d from #%d: %w", source, target, err)
	}
	return nil
}

// MoveMessage puts one message onto another ticket; what answers it from now on follows.
func (tx *Tx) MoveMessage(ctx context.Context, message, target int64, facts desk.MessageFacts) error {
	document, err := document(facts)
	if err != nil {
		return fmt.Errorf("store: move message %d: %w", message, err)
	}
	batch := &pgx.Batch{}
	batch.Queue(`update message set ticket_id = $2, moved_from = null, facts = $3 where id = $1`, message, target, document)
	batch.Queue(`update message_key set ticket_id = $2 where message = $1`, message, target)
	batch.Queue(`
		insert into participant (ticket_id, contact_id, pending)
		select $2, m.contact_id, coalesce((select p.pending from participant p where p.ticket_id = m.ticket_id and p.contact_id = m.contact_id), false)
		from message m
		where m.id = $1 and m.contact_id is not null and m.contact_id <> (select requester_id from ticket where id = $2)
		on conflict (ticket_id, contact_id) do nothing`, message, target)
	batch.Queue(`
		insert into ticket_mailbox (ticket_id, mailbox_id)
		select distinct k.ticket_id, k.mailbox_id
		from message_key k
		join ticket t on t.id = k.ticket_id
		where k.message = $1 and k.mailbox_id <> t.mailbox_id
		on conflict (ticket_id, mailbox_id) do nothing`, message)
	if err := tx.tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("store: move message %d to #%d: %w", message, target, err)
	}
	return nil
}

package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"postern/desk"
)

// A message comes with its files and deliveries in one row, so that a conversation is one round trip.
const selectMessage = `
		select m.id, m.ticket_id, m.kind, m.author_id, coalesce(u.name, '') as author_name, m.from_name, m.from_address, m."to", m.cc, m.subject,
		       m.message_id, m.at, m.sent_at, m.text, m.quoted, m.html, m.facts, m.send_at,
		       exists (select from original o where o.message = m.id) as has_original,
		       coalesce((
		           select json_agg(json_build_object('id', a.id, 'name', a.name, 'media_type', a.media_type, 'size', a.size, 'inline', a.inline,
		                                             'content_id', a.content_id, 'origin', a.origin, 'description', a.description) order by a.id)
		           from attachment a where a.message = m.id), '[]') as files,
		       coalesce((
		           select json_agg(json_build_object('recipient', d.recipient, 'state', d.state, 'host', d.host, 'tls', d.tls, 'last_reply', d.reply,
		                                             'attempts', d.attempts, 'next_attempt_at', d.next_at, 'updated_at', d.updated_at, 'proof', d.proof,
		                                             'held_since', d.held_since, 'held_because', d.held_why, 'redirected_to', d.redirected_to,
		                                             'in_hand', d.worker is not null and d.state in ('queued', 'deferred'), 'stopping', d.stop and d.state in ('queued', 'deferred')) order by d.recipient)
		           from delivery d where d.message_id = m.id), '[]') as deliveries,
		       m.side
		from message m
		left join "user" u on u.id = m.author_id`

// largestConversation is how many messages one page of a conversation holds at most.
const largestConversation = 200

// Messages is one page of a conversation, oldest first.
func (r Reader) Messages(ctx context.Context, viewer Viewer, number int64, cursor string, limit int) (desk.Page[desk.Message], error) {
	var none desk.Page[desk.Message]
	limit = bounded(limit, largestConversation)
	from, err := parsePlace(cursor)
	if err != nil {
		return none, err
	}
	var c conditions
	c.and("m.ticket_id = " + c.arg(number))
	c.messagesOf(viewer)
	if from != nil {
		c.and("(m.at, m.id) > (" + c.arg(from.At) + "::timestamptz, " + c.arg(from.ID) + "::bigint)")
	}
	sql := selectMessage + "\n\t\twhere " + c.where() + "\n\t\torder by m.at, m.id\n\t\tlimit " + c.arg(limit+1)
	messages, err := rowsOf[desk.Message](ctx, r.q, sql, c.args...)
	if err != nil {
		return none, fmt.Errorf("store: messages of #%d: %w", number, err)
	}
	return pageOf(messages, limit, func(m desk.Message) place { return place{At: m.At, ID: m.ID} }), nil
}

// Message is one message, if the viewer may see it.
func (r Reader) Message(ctx context.Context, viewer Viewer, id int64) (desk.Message, error) {
	var c conditions
	c.and("m.id = " + c.arg(id))
	c.messagesOf(viewer)
	message, err := rowOf[desk.Message](ctx, r.q, selectMessage+"\n\t\twhere "+c.where(), c.args...)
	if err != nil {
		return message, missing(err, "message %d", id)
	}
	return message, nil
}

// LockMessage keeps a message from being sent, undone or moved by anybody else until the transaction ends, and returns it.
func (tx *Tx) LockMessage(ctx context.Context, id int64) (desk.Message, error) {
	if err := tx.tx.QueryRow(ctx, `select id from message where id = $1 for update`, id).Scan(&id); err != nil {
		return desk.Message{}, missing(err, "message %d", id)
	}
	return tx.Message(ctx, AllSeeing(), id)
}

// NewestInbound is the newest mail of a ticket that a person wrote; where there is none, the newest one of ours. 0: there is neither. What stands beside the ticket's own conversation is left aside.
func (r Reader) NewestInbound(ctx context.Context, number int64) (int64, error) {
	const sql = `
		select m.id
		from message m
		where m.ticket_id = $1 and m.kind in ('inbound', 'reply') and m.side is null
		order by (m.kind = 'inbound' and m.facts ->> 'automatic' is null) desc, m.at desc, m.id desc
		limit 1`
	var id int64
	if err := r.q.QueryRow(ctx, sql, number).Scan(&id); err != nil && !none(err) {
		return 0, fmt.Errorf("store: newest mail of #%d: %w", number, err)
	}
	return id, nil
}

// FirstInbound is the first mail that came in on a ticket; 0: none did.
func (r Reader) FirstInbound(ctx context.Context, number int64) (int64, error) {
	const sql = `
		select m.id
		from message m
		where m.ticket_id = $1 and m.kind = 'inbound' and m.side is null
		order by m.at, m.id
		limit 1`
	var id int64
	if err := r.q.QueryRow(ctx, sql, number).Scan(&id); err != nil && !none(err) {
		return 0, fmt.Errorf("store: first mail of #%d: %w", number, err)
	}
	return id, nil
}

// Since is the newest message, other than an event, that came to a ticket after the given one and was not written by that user; 0: there is none (T-STALE).
func (r Reader) Since(ctx context.Context, number, seen, user int64) (int64, error) {
	const sql = `
		select coalesce(max(m.id), 0)
		from message m
		where m.ticket_id = $1 and m.id > $2 and m.kind <> 'event' and m.author_id is distinct from $3`
	var id int64
	if err := r.q.QueryRow(ctx, sql, number, seen, user).Scan(&id); err != nil {
		return 0, fmt.Errorf("store: messages of #%d since %d: %w", number, seen, err)
	}
	return id, nil
}

// MessagesSince are the messages, other than events, that came to a ticket after the given one and were not written by that user, oldest first; five at most (T-STALE).
func (r Reader) MessagesSince(ctx context.Context, viewer Viewer, number, seen, user int64) ([]desk.Message, error) {
	var c conditions
	c.and("m.ticket_id = " + c.arg(number) + " and m.id > " + c.arg(seen) + " and m.kind <> 'event' and m.author_id is distinct from " + c.arg(user))
	c.messagesOf(viewer)
	messages, err := rowsOf[desk.Message](ctx, r.q, selectMessage+"\n\t\twhere "+c.where()+"\n\t\torder by m.id\n\t\tlimit 5", c.args...)
	if err != nil {
		return nil, fmt.Errorf("store: messages of #%d since %d: %w", number, seen, err)
	}
	return messages, nil
}

// NextMessage takes the id of a message that will be written, since its Message-ID is made from it.
func (tx *Tx) NextMessage(ctx context.Context) (int64, error) {
	var id int64
	if err := tx.tx.QueryRow(ctx, `select nextval('message_id_seq')`).Scan(&id); err != nil {
		return 0, fmt.Errorf("store: next message: %w", err)
	}
	return id, nil
}

// Written is a message of ours, and what is stored beside it.
type Written struct {
	desk.Message                   // its ID was taken by NextMessage; Files and Deliveries are left aside
	Facts        desk.MessageFacts // in place of the document
	Words        []string          // for search
	Key          [16]byte          // of its Message-ID; unused where there is none
	MailboxID    int64             // that it leaves from
	Recipients   []string          // a delivery is queued for each
}

// AddMessage writes a reply, a forward or a note: the message, its key for threading and its deliveries.
func (tx *Tx) AddMessage(ctx context.Context, w Written) error {
	facts, err := document(w.Facts)
	if err != nil {
		return fmt.Errorf("store: add message: %w", err)
	}
	m := w.Message
	batch := &pgx.Batch{}
	batch.Queue(`
		insert into message (id, ticket_id, kind, author_id, from_name, from_address, "to", cc, subject, message_id, at, text, html, facts, send_at, search, quoted, side)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, array_to_tsvector($16), $17, $18)`,
		m.ID, m.TicketID, m.Kind, m.AuthorID, m.FromName, m.FromAddress, orEmpty(m.To), orEmpty(m.Cc), m.Subject, m.MessageID, m.At, m.Text, m.HTML,
		facts, m.SendAt, orEmpty(w.Words), m.Quoted, m.Side)
	if m.MessageID != "" {
		batch.Queue(`
			insert into message_key (key, message, ticket_id, mailbox_id, named)
			values ($1, $2, $3, $4, false)`, w.Key, m.ID, m.TicketID, w.MailboxID)
	}
	if len(w.Recipients) > 0 {
		batch.Queue(`
			insert into delivery (message_id, recipient, destination, sender, state, queued_at, updated_at)
			select $1, r.recipient, r.destination, $4, 'queued', $5, $5
			from unnest($2::text[], $3::text[]) as r (recipient, destination)
			on conflict (message_id, recipient) do nothing`,
			m.ID, w.Recipients, column(w.Recipients, func(r *string) string { return desk.DomainOf(*r) }), desk.DomainOf(m.FromAddress), m.At)
	}
	if err := tx.tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("store: add message: %w", err)
	}
	return nil
}

// Happened is a change that a conversation shows as one line.
type Happened struct {
	Ticket int64
	Event  desk.Event
	Words  []string // by which search finds it; usually none
}

// AddEvents writes what somebody did into the conversations. A zero author is Postern itself. The ids come back in order.
func (tx *Tx) AddEvents(ctx context.Context, author int64, at time.Time, events ...Happened) error {
	batch := &pgx.Batch{}
	for _, one := range events {
		facts, err := document(desk.MessageFacts{Event: &one.Event})
		if err != nil {
			return fmt.Errorf("store: add event: %w", err)
		}
		batch.Queue(`
			insert into message (ticket_id, kind, author_id, at, facts, search)
			values ($1, 'event', nullif($2, 0), $3, $4, case when cardinality($5::text[]) > 0 then array_to_tsvector($5) end)`,
			one.Ticket, author, at, facts, orEmpty(one.Words))
	}
	if len(events) == 0 {
		return nil
	}
	if err := tx.tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("store: add events: %w", err)
	}
	return nil
}

// DropMessage removes a mail of ours that never left, with its deliveries and the events at its side. Its files become uploads of its author again.
func (tx *Tx) DropMessage(ctx context.Context, m desk.Message) error {
	batch := &pgx.Batch{}
	batch.Queue(`update attachment set message = null, created_at = now() where message = $1`, m.ID)
	batch.Queue(`
		delete from message
		where ticket_id = $1 and kind = 'event' and at = $2 and author_id = $3 and facts -> 'event' ->> 'verb' = 'status'`, m.TicketID, m.At, m.AuthorID)
	batch.Queue(`delete from message where id = $1`, m.ID)
	if err := tx.tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("store: drop message %d: %w", m.ID, err)
	}
	return nil
}

// DropJob removes a job that has not begun.
func (tx *Tx) DropJob(ctx context.Context, job Job) error {
	args, err := document(job)
	if err != nil {
		return fmt.Errorf("store: drop job %s: %w", job.Kind(), err)
	}
	const sql = `
		delete from river_job
		where kind = $1 and args @> $2::jsonb and state in ('available', 'scheduled', 'retryable', 'pending')`
	if _, err := tx.tx.Exec(ctx, sql, job.Kind(), args); err != nil {
		return fmt.Errorf("store: drop job %s: %w", job.Kind(), err)
	}
	return nil
}

// SetFacts replaces what a locked message carries besides its text.
func (tx *Tx) SetFacts(ctx context.Context, id int64, facts desk.MessageFacts) error {
	text, err := document(facts)
	if err == nil {
		_, err = tx.tx.Exec(ctx, `update message set facts = $2 where id = $1`, id, text)
	}
	return wrap(err, "facts of a message")
}

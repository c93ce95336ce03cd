package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"postern/desk"
)

// Leaving is a message on its way to one destination: what its mail is made of or, once they are kept, its bytes; and the recipients there who are not done with.
type Leaving struct {
	Message      desk.Message // without files and deliveries; Text and HTML are empty once the bytes are kept, unless they were asked for
	HasFiles     bool
	Original     *Original // the bytes as they are kept; nil: not yet
	NextOriginal int64     // the id that bytes will have which are kept now
	Link         bool      // the mail carries a link to the conversation
	Language     string    // of what we add to it by ourselves
	Awaited      []Awaited
}

// Awaited is a recipient whose delivery is not over.
type Awaited struct {
	Recipient   string     `json:"recipient"`
	Destination string     `json:"destination"`
	Attempts    int        `json:"attempts"`
	QueuedAt    time.Time  `json:"queued_at"`
	NextAt      time.Time  `json:"next_at"`
	Worker      string     `json:"worker"` // who has it in hand; empty: nobody
	HeldSince   *time.Time `json:"held_since"`
}

type leavingRow struct {
	Wanted       int64            `db:"wanted"` // from 1, as asked
	ID           int64            `db:"id"`
	TicketID     int64            `db:"ticket_id"`
	Kind         desk.MessageKind `db:"kind"`
	FromName     string           `db:"from_name"`
	FromAddress  string           `db:"from_address"`
	To           []desk.Address   `db:"to"`
	Cc           []desk.Address   `db:"cc"`
	Subject      string           `db:"subject"`
	MessageID    string           `db:"message_id"`
	At           time.Time        `db:"at"`
	Text         string           `db:"text"`
	Quoted       string           `db:"quoted"`
	HTML         string           `db:"html"`
	Facts        json.RawMessage  `db:"facts"`
	SendAt       *time.Time       `db:"send_at"`
	HasFiles     bool             `db:"has_files"`
	Original     *int64           `db:"original"`
	Size         *int64           `db:"size"`
	DEK          []byte           `db:"dek"`
	Sealed       []byte           `db:"sealed"`
	ObjectKey    *string          `db:"object_key"`
	NextOriginal *int64           `db:"next_original"`
	Link         bool             `db:"link"`
	Language     string           `db:"language"`
	Awaited      []Awaited        `db:"awaited"`
}

func (r leavingRow) leaving() Leaving {
	one := Leaving{HasFiles: r.HasFiles, Awaited: r.Awaited, Link: r.Link, Language: r.Language, Message: desk.Message{
		ID: r.ID, TicketID: r.TicketID, Kind: r.Kind, FromName: r.FromName, FromAddress: r.FromAddress, To: r.To, Cc: r.Cc, Subject: r.Subject, MessageID: r.MessageID,
		At: r.At, Text: r.Text, Quoted: r.Quoted, HTML: r.HTML, Facts: r.Facts, SendAt: r.SendAt, HasOriginal: r.Original != nil,
	}}
	if r.Original != nil {
		one.Original = &Original{ID: *r.Original, Size: *r.Size, DEK: r.DEK, Sealed: r.Sealed, ObjectKey: r.ObjectKey}
	}
	if r.NextOriginal != nil {
		one.NextOriginal = *r.NextOriginal
	}
	return one
}

// Words says whether the text of a message is wanted although its bytes are kept.
type Words int

const (
	WordsIfNeeded Words = iota
	WordsAlways
)

// Leaving reads messages that are to leave, each for one destination, in the order asked. nil stands for one that is not there any more.
func (r Reader) Leaving(ctx context.Context, words Words, errands ...desk.SendReply) ([]*Leaving, error) {
	const sql = `
		select w.wanted, m.id, m.ticket_id, m.kind, m.from_name, m.from_address, m."to", m.cc, m.subject, m.message_id, m.at,
		       case when o.id is null or $3 then m.text else '' end as text, case when o.id is null or $3 then m.quoted else '' end as quoted,
		       case when o.id is null or $3 then m.html else '' end as html,
		       m.facts, m.send_at, exists (select from attachment a where a.message = m.id) as has_files,
		       o.id as original, o.size, o.dek, o.sealed, o.object_key,
		       case when o.id is null then nextval('original_id_seq') end as next_original,
		       coalesce(cs.link, true) as link, coalesce(cs.language, '') as language,
		       coalesce((
		           select json_agg(json_build_object('recipient', d.recipient, 'destination', d.destination, 'attempts', d.attempts, 'queued_at', d.queued_at,
		                                             'next_at', coalesce(d.next_at, d.queued_at), 'worker', coalesce(d.worker, ''), 'held_since', d.held_since) order by d.recipient)
		           from delivery d
		           where d.message_id = m.id and d.destination = w.destination and d.state in ('queued', 'deferred') and not d.stop), '[]') as awaited
		from unnest($1::bigint[], $2::text[]) with ordinality as w (message, destination, wanted)
		join message m on m.id = w.message
		join ticket t on t.id = m.ticket_id
		left join customer_setting cs on cs.mailbox_id = t.mailbox_id
		left join original o on o.message = m.id`
	messages, destinations := errandColumns(errands)
	rows, err := rowsOf[leavingRow](ctx, r.q, sql, messages, destinations, words == WordsAlways)
	if err != nil {
		return nil, fmt.Errorf("store: messages that are to leave: %w", err)
	}
	found := make([]*Leaving, len(errands))
	for _, row := range rows {
		one := row.leaving()
		found[row.Wanted-1] = &one
	}
	return found, nil
}

func errandColumns(errands []desk.SendReply) (messages []int64, destinations []string) {
	return column(errands, func(e *desk.SendReply) int64 { return e.Message }), column(errands, func(e *desk.SendReply) string { return e.Destination })
}

// Awaited lists the recipients of a message that are not done with.
func (r Reader) Awaited(ctx context.Context, message int64) ([]Awaited, error) {
	const sql = `
		select coalesce(json_agg(json_build_object('recipient', d.recipient, 'destination', d.destination, 'attempts', d.attempts, 'queued_at', d.queued_at,
		                                           'next_at', coalesce(d.next_at, d.queued_at), 'worker', coalesce(d.worker, ''), 'held_since', d.held_since) order by d.recipient), '[]')
		from delivery d
		where d.message_id = $1 and d.state in ('queued', 'deferred') and not d.stop`
	var list []Awaited
	if err := r.q.QueryRow(ctx, sql, message).Scan(&list); err != nil {
		return nil, fmt.Errorf("store: deliveries of message %d: %w", message, err)
	}
	return list, nil
}

// Stopped lists those recipients whom somebody wants stopped while a process has them in hand.
func (r Reader) Stopped(ctx context.Context, errand desk.SendReply) ([]string, error) {
	const sql = `
		select array(
		    select recipient
		    from delivery
		    where message_id = $1 and destination = $2 and stop
		    limit 10000)`
	var list []string
	err := r.q.QueryRow(ctx, sql, errand.Message, errand.Destination).Scan(&list)
	return list, wrap(err, "stopped deliveries")
}

// KeptBytes are the bytes of a message that leaves for the first time, or in place of those that are kept.
type KeptBytes struct {
	Message int64
	Original
	Replace bool
}

// KeepOriginals keeps bytes of messages, and returns the ids of those that it kept: not where somebody else kept bytes just before, nor where the message was taken back.
// Undoing locks the same rows, so that one of the two comes first.
func (tx *Tx) KeepOriginals(ctx context.Context, kept []KeptBytes) (map[int64]bool, error) {
	const sql = `
		with alive as (
		    select id
		    from message
		    where id = any($2::bigint[])
		    order by id
		    for key share)
		insert into original (id, message, size, dek, sealed, object_key)
		select new.id, new.message, new.size, new.dek, new.sealed, new.object_key
		from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bytea[], $5::bytea[], $6::text[], $7::boolean[]) as new (id, message, size, dek, sealed, object_key, replace)
		join alive on alive.id = new.message
		where not new.replace
		on conflict (message) where message is not null do nothing
		returning id`
	const replace = `
		update original o
		set size = new.size, dek = new.dek, sealed = new.sealed, object_key = new.object_key
		from (
		    select distinct on (id) *
		    from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bytea[], $5::bytea[], $6::text[], $7::boolean[])
		         with ordinality as given (id, message, size, dek, sealed, object_key, replace, place)
		    where replace
		    order by id, place) as new
		where o.id = new.id and o.message = new.message
		returning o.id`
	args := []any{
		column(kept, func(k *KeptBytes) int64 { return k.ID }), column(kept, func(k *KeptBytes) int64 { return k.Message }),
		column(kept, func(k *KeptBytes) int64 { return k.Size }), column(kept, func(k *KeptBytes) []byte { return k.DEK }),
		column(kept, func(k *KeptBytes) []byte { return k.Sealed }), column(kept, func(k *KeptBytes) *string { return k.ObjectKey }),
		column(kept, func(k *KeptBytes) bool { return k.Replace }),
	}
	batch := &pgx.Batch{}
	done := make(map[int64]bool, len(kept))
	note := func(rows pgx.Rows) error {
		ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		for _, id := range ids {
			done[id] = true
		}
		return err
	}
	batch.Queue(sql, args...).Query(note)
	for i := range kept {
		if kept[i].Replace {
			batch.Queue(replace, args...).Query(note)
			break
		}
	}
	return done, wrap(tx.tx.SendBatch(ctx, batch).Close(), "keep originals")
}

// Handful is what a process takes in hand: a message for one destination, in the name of a domain.
type Handful struct {
	desk.SendReply
	Sender string // domain of From
}

// InHand is a recipient whom a process has taken in hand: no other tries them meanwhile.
type InHand struct {
	MessageID   int64             `db:"message_id"`
	Recipient   string            `db:"recipient"`
	Destination string            `db:"destination"`
	Attempts    int               `db:"attempts"`
	QueuedAt    time.Time         `db:"queued_at"`
	Suppressed  *desk.Suppression `db:"suppressed"` // why they get no mail; nil: they get it
}

// TakeInHand gives a process the recipients who are due. What it has in hand already it gets again: its own jobs keep out of each other's way.
// A process that counts as dead gets none, until it has been heard of again.
func (tx *Tx) TakeInHand(ctx context.Context, worker string, now time.Time, wanted []Handful) ([]InHand, error) {
	const sql = `
		update delivery d
		set worker = $1, sender = w.sender, held_since = null, held_why = ''
		from unnest($3::bigint[], $4::text[], $5::text[]) as w (message, destination, sender)
		where d.message_id = any($3::bigint[]) -- by index, however many wait
		  and d.message_id = w.message and d.destination = w.destination and d.state in ('queued', 'deferred') and not d.stop
		  and (d.worker is null or d.worker = $1) and coalesce(d.next_at, d.queued_at) <= $2
		  and exists (select from worker where id = $1)
		returning d.message_id, d.recipient, d.destination, d.attempts, d.queued_at, ` + suppressionOf + ` as suppressed`
	rows, err := rowsOf[InHand](ctx, tx.q, sql, worker, now,
		column(wanted, func(w *Handful) int64 { return w.Message }), column(wanted, func(w *Handful) string { return w.Destination }),
		column(wanted, func(w *Handful) string { return w.Sender }))
	return rows, wrap(err, "take deliveries in hand")
}

// Outcome is what became of one recipient of a message.
type Outcome struct {
	Message int64
	desk.Delivery
}

// RecordDeliveries writes what became of recipients, with their stories, and says of which it changed the state. What is final stays: a job that runs twice changes nothing the second time.
// What another process has in hand changes only by its mail having been taken. An empty worker is nobody's process. Everybody hears of it.
func (tx *Tx) RecordDeliveries(ctx context.Context, worker string, outcome []Outcome) (changed []bool, err error) {
	const sql = `
		update delivery d
		set state = case when d.stop and new.state in ('queued', 'deferred') then 'cancelled' else new.state end,
		    next_at = case when d.stop then null else new.next_at end,
		    host = case when new.reply = '' then d.host else new.host end, -- without a word nobody was asked, and what was said before stands
		    tls = case when new.reply = '' then d.tls else new.tls end,
		    proof = case when new.reply = '' then d.proof else new.proof end,
		    reply = case when new.reply = '' then d.reply else new.reply end,
		    worker = null, attempts = new.attempts, updated_at = new.updated_at
		from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::int[], $8::timestamptz[], $9::timestamptz[], $10::text[])
		     with ordinality as new (message, recipient, state, host, tls, reply, attempts, next_at, updated_at, proof, place)
		where d.message_id = any($1::bigint[]) -- by index, however many wait
		  and d.message_id = new.message and d.recipient = new.recipient and d.state in ('queued', 'deferred')
		  and (d.worker is null or d.worker = $11 or new.state = 'sent')
		returning new.place`
	messages := column(outcome, func(d *Outcome) int64 { return d.Message })
	batch := &pgx.Batch{}
	changed = make([]bool, len(outcome))
	batch.Queue(sql, messages,
		column(outcome, func(d *Outcome) string { return d.Recipient }),
		column(outcome, func(d *Outcome) string { return string(d.State) }),
		column(outcome, func(d *Outcome) string { return d.Host }),
		column(outcome, func(d *Outcome) string { return d.TLS }),
		column(outcome, func(d *Outcome) string { return d.Reply }),
		column(outcome, func(d *Outcome) int { return d.Attempts }),
		column(outcome, func(d *Outcome) *time.Time { return timeOrNull(d.NextAt) }),
		column(outcome, func(d *Outcome) time.Time { return d.UpdatedAt }),
		column(outcome, func(d *Outcome) string { return string(d.Proof) }), worker).Query(func(rows pgx.Rows) error {
		places, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		for _, place := range places {
			changed[place-1] = true
		}
		return err
	})
	var told []Told
	for _, d := range outcome {
		for _, one := range d.Story {
			told = append(told, Told{d.Message, d.Recipient, one})
		}
	}
	if len(told) > 0 {
		columns, err := storyColumns(told)
		if err != nil {
			return nil, wrap(err, "record deliveries")
		}
		batch.Queue(addStories, columns...)
	}
	batch.Queue(announceMessages, channel, messages)
	return changed, wrap(tx.tx.SendBatch(ctx, batch).Close(), "record deliveries")
}

// HoldDeliveries notes that recipients wait until their own domain is mended, once in each story. It returns how many are held now who were not.
func (tx *Tx) HoldDeliveries(ctx context.Context, errand desk.SendReply, why string, now time.Time) (fresh int64, err error) {
	const sql = `
		with fresh as (
		    select recipient, state
		    from delivery
		    where message_id = $1 and destination = $2 and state in ('queued', 'deferred') and worker is null and not stop and held_since is null
		    for update),
		noted as (
		    update delivery d
		    set held_since = coalesce(d.held_since, $4), held_why = $3
		    where d.message_id = $1 and d.destination = $2 and d.state in ('queued', 'deferred') and d.worker is null and not d.stop)
		insert into delivery_event (message_id, recipient, at, kind, state, reply)
		select $1, recipient, $4, 'held', state, $3
		from fresh`
	tag, err := tx.tx.Exec(ctx, sql, errand.Message, errand.Destination, why, now)
	return tag.RowsAffected(), wrap(err, "hold deliveries")
}

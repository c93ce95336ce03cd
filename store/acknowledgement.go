package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"postern/desk"
)

// AcknowledgementRow is the wish that a mail be acknowledged. Whether it is, the limits decide when its turn comes (T-LOOP).
type AcknowledgementRow struct {
	Mailbox int64 // in whose name
	Ticket  int64
	Message int64  // the mail that is answered; a second wish for it changes nothing
	Address string // to whom; stored canonical
	At      time.Time
}

// queueAcknowledgements writes wishes in the transaction that files their mails.
func queueAcknowledgements(batch *pgx.Batch, rows []AcknowledgementRow) {
	batch.Queue(`
		insert into acknowledgement (mailbox_id, ticket_id, message_id, address, domain, wanted_at, due_at)
		select mailbox_id, ticket_id, message_id, address, domain, at, at
		from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::timestamptz[]) as new (mailbox_id, ticket_id, message_id, address, domain, at)
		on conflict (message_id) do nothing`,
		column(rows, func(r *AcknowledgementRow) int64 { return r.Mailbox }),
		column(rows, func(r *AcknowledgementRow) int64 { return r.Ticket }),
		column(rows, func(r *AcknowledgementRow) int64 { return r.Message }),
		column(rows, func(r *AcknowledgementRow) string { return desk.Canonical(r.Address) }),
		column(rows, func(r *AcknowledgementRow) string { return desk.DomainOf(desk.Canonical(r.Address)) }),
		column(rows, func(r *AcknowledgementRow) time.Time { return r.At }))
}

// WantAcknowledgements writes wishes outside of intake.
func (tx *Tx) WantAcknowledgements(ctx context.Context, rows ...AcknowledgementRow) error {
	batch := &pgx.Batch{}
	queueAcknowledgements(batch, rows)
	return wrap(tx.tx.SendBatch(ctx, batch).Close(), "want acknowledgements")
}

// Acknowledgement is a wish whose time has come, with what speaks for and against it.
type Acknowledgement struct {
	ID         int64     `db:"id"`
	Mailbox    int64     `db:"mailbox_id"`
	Ticket     int64     `db:"ticket_id"`
	Message    int64     `db:"message_id"`
	Address    string    `db:"address"`
	Domain     string    `db:"domain"`
	WantedAt   time.Time `db:"wanted_at"`
	Attempts   int       `db:"attempts"`   // made so far; one with attempts passed the limits at its first
	On         bool      `db:"on"`         // the mailbox is there and acknowledges mail
	Ours       bool      `db:"ours"`       // the address is a mailbox of ours, with or without a detail
	Paused     bool      `db:"paused"`     // its domain's circuit breaker is open
	Suppressed bool      `db:"suppressed"` // the address gets no mail, since it bounces
}

// decideLock makes one process at a time count and decide, so that two of them cannot both send the last one that a limit allows: any constant that nothing else in this database uses.
const decideLock = 0x61636b6e

// DueAcknowledgements takes wishes whose time has come, the oldest first. They are locked until the transaction ends; while another process decides there are none.
func (tx *Tx) DueAcknowledgements(ctx context.Context, now time.Time, limit int) ([]Acknowledgement, error) {
	var mine bool
	if err := tx.q.QueryRow(ctx, `select pg_try_advisory_xact_lock($1)`, decideLock).Scan(&mine); err != nil || !mine {
		return nil, wrap(err, "due acknowledgements")
	}
	const sql = `
		select a.id, a.mailbox_id, a.ticket_id, a.message_id, a.address, a.domain, a.wanted_at, a.attempts,
		       b.acknowledge and b.removed_at is null as "on",
		       exists (select from mailbox own where own.address = a.address
		          or a.domain = split_part(own.address, '@', 2) and starts_with(a.address, split_part(own.address, '@', 1) || '+')) as ours,
		       exists (select from acknowledgement_pause p where p.domain = a.domain and p.until > $1) as paused,
		       exists (select from suppression s where s.address = a.address) as suppressed
		from acknowledgement a
		join mailbox b on b.id = a.mailbox_id
		where a.due_at <= $1
		order by a.due_at, a.id
		limit $2
		for update of a skip locked`
	list, err := rowsOf[Acknowledgement](ctx, tx.q, sql, now, limit)
	return list, wrap(err, "due acknowledgements")
}

// AcknowledgementCounts is what was sent before: the limits of T-LOOP and T-02 are on these.
type AcknowledgementCounts struct {
	Address int `db:"address"`   // to this address from this mailbox within a day
	Ticket  int `db:"ticket"`    // on this ticket
	Domain  int `db:"domain"`    // to this domain within an hour
	All     int `db:"everybody"` // within an hour
}

// CountAcknowledgements counts what was sent before a wish's turn, answers by automations among it.
func (tx *Tx) CountAcknowledgements(ctx context.Context, a Acknowledgement, now time.Time) (AcknowledgementCounts, error) {
	const sql = `
		select (select count(*) from acknowledgement where address = $1 and mailbox_id = $2 and sent_at > $5)
		       + (select count(*) from automatic_reply where address = $1 and mailbox_id = $2 and at > $5) as address,
		       (select count(*) from acknowledgement where ticket_id = $3 and sent_at is not null)
		       + (select count(*) from automatic_reply where ticket_id = $3) as ticket,
		       (select count(*) from acknowledgement where domain = $4 and sent_at > $6) + (select count(*) from automatic_reply where domain = $4 and at > $6) as domain,
		       (select count(*) from acknowledgement where sent_at > $6) + (select count(*) from automatic_reply where at > $6) as everybody`
	counts, err := rowOf[AcknowledgementCounts](ctx, tx.q, sql, a.Address, a.Mailbox, a.Ticket, a.Domain, now.Add(-24*time.Hour), now.Add(-time.Hour))
	return counts, wrap(err, "count acknowledgements")
}

// ClaimAcknowledgement takes a wish in hand: from now on it counts as sent. Where the process dies before it has written down what became of it, nobody tries again.
func (tx *Tx) ClaimAcknowledgement(ctx context.Context, id int64, now time.Time) error {
	_, err := tx.tx.Exec(ctx, `
		update acknowledgement
		set sent_at = coalesce(sent_at, $2), due_at = null, attempts = attempts + 1
		where id = $1`, id, now)
	return wrap(err, "claim acknowledgement")
}

// RefuseAcknowledgement ends a wish that is not granted.
func (tx *Tx) RefuseAcknowledgement(ctx context.Context, id int64, reason string) error {
	_, err := tx.tx.Exec(ctx, `
		update acknowledgement
		set refused = $2, due_at = null
		where id = $1`, id, reason)
	return wrap(err, "refuse acknowledgement")
}

// KeepAcknowledgement writes down an attempt: the remote's words, and when the next one is due (zero: it is over).
func (tx *Tx) KeepAcknowledgement(ctx context.Context, id int64, reply string, due time.Time) error {
	_, err := tx.tx.Exec(ctx, `
		update acknowledgement
		set reply = $2, due_at = $3
		where id = $1`, id, reply, timeOrNull(due))
	return wrap(err, "keep acknowledgement")
}

// PauseAcknowledgements opens the circuit breaker of a domain (empty: of all together) until the given time. began is false where it was open already.
func (tx *Tx) PauseAcknowledgements(ctx context.Context, domain string, now, until time.Time) (began bool, err error) {
	tag, err := tx.tx.Exec(ctx, `
		insert into acknowledgement_pause (domain, until)
		values ($1, $3)
		on conflict (domain) do update
		set until = excluded.until
		where acknowledgement_pause.until <= $2`, domain, now, until)
	return tag.RowsAffected() > 0, wrap(err, "pause acknowledgements")
}

// SweepAcknowledgements removes wishes from before the given time, pauses that were over by then, and what automations answered.
func (tx *Tx) SweepAcknowledgements(ctx context.Context, before time.Time) error {
	for _, sql := range []string{`delete from acknowledgement where wanted_at < $1`, `delete from acknowledgement_pause where until < $1`,
		`delete from automatic_reply where at < $1`} {
		if _, err := tx.tx.Exec(ctx, sql, before); err != nil {
			return wrap(err, "sweep acknowledgements")
		}
	}
	return nil
}

// AcknowledgementText is what a mailbox says when it acknowledges mail; empty where nobody chose a text of their own.
func (r Reader) AcknowledgementText(ctx context.Context, mailbox int64) (from desk.Address, text string, err error) {
	err = r.q.QueryRow(ctx, `select address, name, acknowledge_text from mailbox where id = $1`, mailbox).Scan(&from.Addr, &from.Name, &text)
	return from, text, wrap(err, "acknowledgement text")
}

package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"postern/desk"
)

// Participants lists the people on a ticket besides the requester, those first who wait to be accepted. A mail adds 48 at most, so 1,000 are all that a page can want.
func (r Reader) Participants(ctx context.Context, number int64) ([]desk.Participant, error) {
	const sql = `
		select p.contact_id, c.address, c.name, p.pending
		from participant p
		join contact c on c.id = p.contact_id
		where p.ticket_id = $1
		order by p.pending desc, p.added_at, p.contact_id
		limit 1000`
	people, err := rowsOf[desk.Participant](ctx, r.q, sql, number)
	if err != nil {
		return nil, fmt.Errorf("store: participants of #%d: %w", number, err)
	}
	return orEmpty(people), nil
}

// Standing is what decides who receives an answer: who waits to be accepted, who was, who is on the ticket, and which addresses are ours.
type Standing struct {
	Pending  []string `db:"pending"`
	Accepted []string `db:"accepted"`
	Present  []string `db:"present"` // participants who do not wait, and whom we have written to
	Ours     []string `db:"ours"`
}

// Standing reads it for one ticket. Removed mailboxes count as ours still: their mail would come back to us or to nobody.
func (r Reader) Standing(ctx context.Context, number int64) (Standing, error) {
	const sql = `
		select array(select c.address from participant p join contact c on c.id = p.contact_id where p.ticket_id = $1 and p.pending) as pending,
		       array(select c.address from participant p join contact c on c.id = p.contact_id
		             where p.ticket_id = $1 and p.accepted_at is not null and not p.pending order by p.accepted_at limit 100) as accepted,
		       array(select c.address from participant p join contact c on c.id = p.contact_id where p.ticket_id = $1 and not p.pending
		             union
		             select d.recipient from message m join delivery d on d.message_id = m.id where m.ticket_id = $1 and m.side is null limit 1000) as present,
		       array(select address from mailbox limit 100000) as ours`
	standing, err := rowOf[Standing](ctx, r.q, sql, number)
	if err != nil {
		return standing, fmt.Errorf("store: recipients of #%d: %w", number, err)
	}
	return standing, nil
}

// AddParticipants puts contacts on a ticket; the requester and those who are on it already stay as they are.
func (tx *Tx) AddParticipants(ctx context.Context, number int64, contacts []int64) error {
	const sql = `
		insert into participant (ticket_id, contact_id)
		select t.id, new.contact
		from ticket t, unnest($2::bigint[]) as new (contact)
		where t.id = $1 and new.contact <> t.requester_id
		on conflict (ticket_id, contact_id) do nothing`
	if _, err := tx.tx.Exec(ctx, sql, number, contacts); err != nil {
		return fmt.Errorf("store: add participants to #%d: %w", number, err)
	}
	return nil
}

// Accept ends a participant's waiting.
func (tx *Tx) Accept(ctx context.Context, number, contact int64) error {
	const sql = `
		update participant
		set pending = false, accepted_at = coalesce(accepted_at, now())
		where ticket_id = $1 and contact_id = $2`
	return tx.onParticipant(ctx, sql, number, contact)
}

// RemoveParticipant takes somebody off a ticket.
func (tx *Tx) RemoveParticipant(ctx context.Context, number, contact int64) error {
	return tx.onParticipant(ctx, `delete from participant where ticket_id = $1 and contact_id = $2`, number, contact)
}

func (tx *Tx) onParticipant(ctx context.Context, sql string, number, contact int64) error {
	tag, err := tx.tx.Exec(ctx, sql, number, contact)
	if err != nil {
		return fmt.Errorf("store: participant of #%d: %w", number, err)
	}
	if tag.RowsAffected() == 0 {
		return desk.Faultf(desk.NotFound, "this person is not a participant of ticket #%d", number)
	}
	return nil
}

// RecountPending sets the badge 'new participant' of tickets by who really waits there.
func (tx *Tx) RecountPending(ctx context.Context, numbers []int64) error {
	const sql = `
		update ticket t
		set new_participant = exists (select from participant p where p.ticket_id = t.id and p.pending)
		where t.id = any($1)`
	if _, err := tx.tx.Exec(ctx, sql, numbers); err != nil {
		return fmt.Errorf("store: new participants of %d: %w", numbers, err)
	}
	return nil
}

func collectIDs(rows pgx.Rows, what string) ([]int64, error) {
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, fmt.Errorf("store: %s: %w", what, err)
	}
	return ids, nil
}

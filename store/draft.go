package store

import (
	"context"
	"fmt"

	"postern/desk"
)

// Draft is what a user is writing on a ticket; false when there is nothing.
func (r Reader) Draft(ctx context.Context, user, number int64, kind desk.MessageKind) (desk.Draft, bool, error) {
	const sql = `
		select user_id, ticket_id, kind, text, "to", cc, bcc, uploads, answers, mailbox_id, subject, forwards, taken, original, updated_at
		from draft
		where user_id = $1 and ticket_id = $2 and kind = $3`
	draft, err := rowOf[desk.Draft](ctx, r.q, sql, user, number, kind)
	if none(err) {
		return draft, false, nil
	}
	if err != nil {
		return draft, false, fmt.Errorf("store: draft on #%d: %w", number, err)
	}
	return draft, true, nil
}

// Drafts is everything that a user is writing on a ticket, by kind.
func (r Reader) Drafts(ctx context.Context, user, number int64) (map[desk.MessageKind]desk.Draft, error) {
	const sql = `
		select user_id, ticket_id, kind, text, "to", cc, bcc, uploads, answers, mailbox_id, subject, forwards, taken, original, updated_at
		from draft
		where user_id = $1 and ticket_id = $2
		limit 10`
	drafts, err := rowsOf[desk.Draft](ctx, r.q, sql, user, number)
	if err != nil {
		return nil, fmt.Errorf("store: drafts on #%d: %w", number, err)
	}
	found := make(map[desk.MessageKind]desk.Draft, len(drafts))
	for _, draft := range drafts {
		found[draft.Kind] = draft
	}
	return found, nil
}

// SaveDraft keeps a draft in place of the one before.
func (tx *Tx) SaveDraft(ctx context.Context, d desk.Draft) error {
	const sql = `
		insert into draft (user_id, ticket_id, kind, text, "to", cc, bcc, uploads, answers, updated_at, mailbox_id, subject, forwards, taken, original)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
		on conflict (user_id, ticket_id, kind) do update
		set text = excluded.text, "to" = excluded."to", cc = excluded.cc, bcc = excluded.bcc, uploads = excluded.uploads, answers = excluded.answers,
		    updated_at = excluded.updated_at, mailbox_id = excluded.mailbox_id, subject = excluded.subject, forwards = excluded.forwards, taken = excluded.taken,
		    original = excluded.original`
	_, err := tx.tx.Exec(ctx, sql, d.UserID, d.TicketID, d.Kind, d.Text, orEmpty(d.To), orEmpty(d.Cc), orEmpty(d.Bcc), orEmpty(d.Uploads), d.Answers, d.UpdatedAt,
		d.MailboxID, d.Subject, d.Forwards, orEmpty(d.Take), d.Original)
	if err != nil {
		return fmt.Errorf("store: save draft on #%d: %w", d.TicketID, err)
	}
	return nil
}

// DropDraft removes a draft; it is no error if there was none.
func (tx *Tx) DropDraft(ctx context.Context, user, number int64, kind desk.MessageKind) error {
	if _, err := tx.tx.Exec(ctx, `delete from draft where user_id = $1 and ticket_id = $2 and kind = $3`, user, number, kind); err != nil {
		return fmt.Errorf("store: drop draft on #%d: %w", number, err)
	}
	return nil
}

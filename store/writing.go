package store

import (
	"context"

	"postern/desk"
)

// Letterhead is in whose name a mail of ours leaves, with what stands below its text.
type Letterhead struct {
	MailboxID int64  `db:"id"`
	Address   string `db:"address"`
	Name      string `db:"name"`
	Signature string `db:"signature"` // of the mailbox
	Own       string `db:"own"`       // of the person who writes
}

// Letterhead is a mailbox that takes mail, for somebody who writes from it.
func (r Reader) Letterhead(ctx context.Context, mailbox, user int64) (Letterhead, error) {
	head, err := rowOf[Letterhead](ctx, r.q, `
		select b.id, b.address, b.name, b.signature, coalesce((select u.signature from "user" u where u.id = $2), '') as own
		from mailbox b
		where b.id = $1 and b.removed_at is null`, mailbox, user)
	if none(err) {
		return head, desk.Wrong("mailbox", "there is no such mailbox")
	}
	return head, wrap(err, "sender")
}

// LetterheadOfTicket is the mailbox of a ticket, whether or not it still takes mail.
func (r Reader) LetterheadOfTicket(ctx context.Context, number, user int64) (Letterhead, error) {
	head, err := rowOf[Letterhead](ctx, r.q, `
		select b.id, b.address, b.name, b.signature, coalesce((select u.signature from "user" u where u.id = $2), '') as own
		from ticket t
		join mailbox b on b.id = t.mailbox_id
		where t.id = $1`, number, user)
	return head, wrap(err, "sender")
}

// MailboxOf is the id of a mailbox that takes mail; 0: there is none of that address.
func (r Reader) MailboxOf(ctx context.Context, address string) (int64, error) {
	var id int64
	err := r.q.QueryRow(ctx, `select coalesce((select id from mailbox where address = $1 and removed_at is null), 0)`, desk.Canonical(address)).Scan(&id)
	return id, wrap(err, "mailbox")
}

// Habits are how a person writes.
func (r Reader) Habits(ctx context.Context, user int64) (desk.Habits, error) {
	habits, err := rowOf[desk.Habits](ctx, r.q, `
		select coalesce(signature, '') as signature, undo_seconds, after_send
		from "user"
		where id = $1`, user)
	if err != nil {
		return habits, missing(err, "user %d", user)
	}
	return habits, nil
}

// SetHabits changes how a person writes.
func (tx *Tx) SetHabits(ctx context.Context, user int64, h desk.Habits) error {
	_, err := tx.tx.Exec(ctx, `update "user" set signature = $2, undo_seconds = $3, after_send = $4 where id = $1`, user, h.Signature, h.UndoSeconds, h.AfterSend)
	return wrap(err, "habits")
}

// MailboxSignatures are those of mailboxes that take mail and have one, by mailbox; 10,000 at most.
func (r Reader) MailboxSignatures(ctx context.Context) (map[int64]string, error) {
	type row struct {
		ID        int64  `db:"id"`
		Signature string `db:"signature"`
	}
	rows, err := rowsOf[row](ctx, r.q, `
		select id, signature
		from mailbox
		where removed_at is null and signature <> ''
		limit 10000`)
	found := make(map[int64]string, len(rows))
	for _, one := range rows {
		found[one.ID] = one.Signature
	}
	return found, wrap(err, "signatures")
}

// SetMailboxSignature changes what stands below every mail of a mailbox.
func (tx *Tx) SetMailboxSignature(ctx context.Context, address, signature string) error {
	tag, err := tx.tx.Exec(ctx, `update mailbox set signature = $2 where address = $1 and removed_at is null`, address, signature)
	if err == nil && tag.RowsAffected() == 0 {
		return desk.Faultf(desk.NotFound, "there is no mailbox %s here", address)
	}
	return wrap(err, "signature of a mailbox")
}

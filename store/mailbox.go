package store

import (
	"context"
	"time"

	"postern/desk"
)

// Mailboxes lists the addresses that take mail, by address. The list is an admin's work: thousands at most.
func (r Reader) Mailboxes(ctx context.Context) ([]desk.Mailbox, error) {
	mailboxes, err := rowsOf[desk.Mailbox](ctx, r.q, `
		select id, address, name, dmarc, acknowledge, acknowledge_text, created_at
		from mailbox
		where removed_at is null
		order by address
		limit 10000`)
	return mailboxes, wrap(err, "mailboxes")
}

// AddMailbox adds an address that takes mail, or opens a removed one again: its tickets are its own. One that is open already is a desk.Conflict.
func (tx *Tx) AddMailbox(ctx context.Context, address, name string) (desk.Mailbox, error) {
	mailbox, found, err := perhapsOne[desk.Mailbox](ctx, tx.tx, `
		insert into mailbox (address, name)
		values ($1, $2)
		on conflict (address) do update
		set name = excluded.name, removed_at = null
		where mailbox.removed_at is not null
		returning id, address, name, dmarc, acknowledge, acknowledge_text, created_at`, address, name)
	if err == nil && !found {
		return mailbox, &desk.Fault{Kind: desk.Conflict, Reason: "the mailbox " + address + " is here already", Field: "address"}
	}
	return mailbox, wrap(err, "add mailbox")
}

// RemoveMailbox closes an address: it takes no mail from now on, and its tickets stay.
func (tx *Tx) RemoveMailbox(ctx context.Context, address string, now time.Time) (id int64, err error) {
	err = tx.tx.QueryRow(ctx, `
		update mailbox
		set removed_at = $2
		where address = $1 and removed_at is null
		returning id`, address, now).Scan(&id)
	if none(err) {
		return 0, desk.Faultf(desk.NotFound, "there is no mailbox %s here", address)
	}
	return id, wrap(err, "remove mailbox")
}

// ChangeMailbox changes what is given of an open mailbox, and returns it as it is then.
func (tx *Tx) ChangeMailbox(ctx context.Context, address string, change desk.MailboxChange) (desk.Mailbox, error) {
	mailbox, found, err := perhapsOne[desk.Mailbox](ctx, tx.tx, `
		update mailbox
		set name             = coalesce($2, name),
		    dmarc            = coalesce($3, dmarc),
		    acknowledge      = coalesce($4, acknowledge),
		    acknowledge_text = coalesce($5, acknowledge_text)
		where address = $1 and removed_at is null
		returning id, address, name, dmarc, acknowledge, acknowledge_text, created_at`,
		address, change.Name, change.DMARC, change.Acknowledge, change.AcknowledgeText)
	if err == nil && !found {
		return mailbox, desk.Faultf(desk.NotFound, "there is no mailbox %s here", address)
	}
	return mailbox, wrap(err, "change mailbox")
}

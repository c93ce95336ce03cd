package store

import "context"

// MailedBefore is the message that a mail of one of our people became, known by its Message-ID; the zero value: none did. What came in as a customer's mail does not count.
func (r Reader) MailedBefore(ctx context.Context, key [16]byte, user int64) (KeyRow, error) {
	row, _, err := perhapsOne[KeyRow](ctx, r.q, `
		select k.key, k.message, k.ticket_id, k.mailbox_id, k.named, k.digest
		from message_key k
		join message m on m.id = k.message
		where k.key = $1 and not k.named and m.author_id = $2 and m.kind in ('note', 'event')
		order by k.message
		limit 1`, key, user)
	return row, wrap(err, "mail of an agent")
}

// AddKey writes an id by which a message is known besides its own.
func (tx *Tx) AddKey(ctx context.Context, row KeyRow) error {
	const sql = `
		insert into message_key (key, message, ticket_id, mailbox_id, named, digest)
		values ($1, $2, $3, $4, $5, $6)`
	_, err := tx.tx.Exec(ctx, sql, row.Key, row.Message, row.TicketID, row.MailboxID, row.Named, row.Digest)
	return wrap(err, "add the key of a message")
}

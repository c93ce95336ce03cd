package store

import (
	"context"

	"postern/desk"
)

// mostRelated is how many tickets a page names that belong to one.
const mostRelated = 50

// AddRelated says that two tickets belong together. false: it was said before.
func (tx *Tx) AddRelated(ctx context.Context, one, other int64) (bool, error) {
	tag, err := tx.tx.Exec(ctx, `
		insert into related (ticket_id, other_id)
		values (least($1::bigint, $2::bigint), greatest($1::bigint, $2::bigint))
		on conflict do nothing`, one, other)
	return tag.RowsAffected() > 0, wrap(err, "relate tickets")
}

// DropRelated takes that back. false: it was not said.
func (tx *Tx) DropRelated(ctx context.Context, one, other int64) (bool, error) {
	tag, err := tx.tx.Exec(ctx, `
		delete from related
		where ticket_id = least($1::bigint, $2::bigint) and other_id = greatest($1::bigint, $2::bigint)`, one, other)
	return tag.RowsAffected() > 0, wrap(err, "unrelate tickets")
}

// RelatedTickets lists the tickets that belong to one, and those that continue it, the newest first.
func (r Reader) RelatedTickets(ctx context.Context, number int64) ([]desk.Ticket, error) {
	tickets, err := rowsOf[desk.Ticket](ctx, r.q, selectTicket+`
		where t.id = any(array(select other_id from related where ticket_id = $1
		                       union all
		                       select ticket_id from related where other_id = $1
		                       union all
		                       select id from ticket where follows = $1))
		order by t.id desc
		limit $2`, number, mostRelated)
	return tickets, wrap(err, "related tickets")
}

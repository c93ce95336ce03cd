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

// RelatedTickets lists the tickets that belong to one, and those that continue it, as far as they are in sight of the viewer, the newest first.
func (r Reader) RelatedTickets(ctx context.Context, viewer Viewer, number int64) ([]desk.Ticket, error) {
	var c conditions
	one := c.arg(number)
	c.and(`t.id = any(array(select other_id from related where ticket_id = ` + one + `
		                       union all
		                       select ticket_id from related where other_id = ` + one + `
		                       union all
		                       select id from ticket where follows = ` + one + `))`)
	c.ticketsOf(viewer)
	tickets, err := rowsOf[desk.Ticket](ctx, r.q, selectTicket+"\n\t\twhere "+c.where()+"\n\t\torder by t.id desc\n\t\tlimit "+c.arg(mostRelated), c.args...)
	return tickets, wrap(err, "related tickets")
}

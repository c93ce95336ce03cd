package store

import (
	"context"
	"time"

	"postern/desk"
)

// Past asks for what happened, the newest first.
type Past struct {
	Kinds  []desk.MessageKind
	Since  time.Time
	Before int64 // the id of the last message that was looked at; 0: from the newest
	Width  int   // how many messages are walked over
}

// PastMessage is a message that was written, with its place in its conversation.
type PastMessage struct {
	desk.Message
	First bool `db:"first"` // the mail that opened its ticket
}

// Past walks over Width messages of those kinds. more says whether there may be older ones.
func (r Reader) Past(ctx context.Context, p Past) (found []PastMessage, err error) {
	if p.Before == 0 {
		p.Before = 1<<63 - 1
	}
	const sql = `
		with walked as (
		    select id from message
		    where id < $1 and kind = any($2) and at >= $3
		    order by id desc
		    limit $4
		)
		select past.*, not exists (select from message e where e.ticket_id = past.ticket_id and e.kind <> 'event' and (e.at, e.id) < (past.at, past.id)) as first
		from (` + selectMessage + `
		      where m.id in (select id from walked)) as past
		order by past.id desc`
	found, err = rowsOf[PastMessage](ctx, r.q, sql, p.Before, p.Kinds, p.Since, p.Width)
	return found, wrap(err, "past messages")
}

// TicketsOf is tickets by their numbers; those out of the viewer's sight are left out.
func (r Reader) TicketsOf(ctx context.Context, viewer Viewer, numbers []int64) (map[int64]desk.Ticket, error) {
	var c conditions
	c.and("t.id = any(" + c.arg(numbers) + ")")
	c.ticketsOf(viewer)
	list, err := rowsOf[desk.Ticket](ctx, r.q, selectTicket+"\n\t\twhere "+c.where(), c.args...)
	found := make(map[int64]desk.Ticket, len(list))
	for _, one := range list {
		found[one.ID] = one
	}
	return found, wrap(err, "tickets by number")
}

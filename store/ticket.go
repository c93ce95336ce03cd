package store

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"postern/desk"
)

const selectTicket = `
		select t.id, t.subject, t.status, t.priority, t.mailbox_id, b.address as mailbox_address, b.name as mailbox_name,
		       t.requester_id, c.name as requester_name, c.address as requester_address,
		       t.assignee_id, coalesce(u.name, '') as assignee_name, t.team_id, coalesce(g.name, '') as team_name, t.tags, t.fields, t.snoozed_until,
		       t.first_answered_at, t.answer_due_at, t.solve_due_at, t.rating, t.rating_note, t.preview, t.waiting_since, t.has_attachment, t.unverified,
		       t.new_participant, t.delivery_problem, t.suggested, t.merged_into, t.follows, t.created_at, t.updated_at, t.solved_at, t.closed_at
		from ticket t
		join mailbox b on b.id = t.mailbox_id
		join contact c on c.id = t.requester_id
		left join "user" u on u.id = t.assignee_id
		left join team g on g.id = t.team_id`

// Ticket is the ticket of that number, if the viewer may see it; else the fault is the same as if there were none.
func (r Reader) Ticket(ctx context.Context, viewer Viewer, number int64) (desk.Ticket, error) {
	var c conditions
	c.and("t.id = " + c.arg(number))
	c.ticketsOf(viewer)
	ticket, err := rowOf[desk.Ticket](ctx, r.q, selectTicket+"\n\t\twhere "+c.where(), c.args...)
	if err != nil {
		return ticket, missing(err, "ticket #%d", number)
	}
	return ticket, nil
}

// Tickets is one page of the tickets that the filter asks for. A search for common words may end a page early, even an empty one, whose cursor leads on.
func (r Reader) Tickets(ctx context.Context, viewer Viewer, f TicketFilter) (desk.Page[desk.Ticket], error) {
	none := desk.Page[desk.Ticket]{Items: []desk.Ticket{}}
	limit := bounded(f.Limit, largestPage)
	from, err := parsePlace(f.Cursor)
	if err != nil {
		return none, err
	}
	parts, ok := ticketOrders[f.Order]
	if !ok {
		return none, desk.Wrong("order", "there is no order %q", f.Order)
	}
	way, err := r.choose(ctx, viewer, f)
	if err != nil {
		return none, err
	}
	if way.only, err = r.fewer(ctx, viewer, f, way.only); err != nil {
		return none, err
	}
	found := none.Items
	for _, part := range parts {
		if from != nil && from.Part != part.name {
			continue // it ended on an earlier page
		}
		if part.name == partWaiting && len(f.Statuses) > 0 && !slices.ContainsFunc(f.Statuses, desk.Status.Waiting) {
			from = nil
			continue // nobody waits there: do not walk those who wait to find that out
		}
		tickets, stopped, err := r.ticketStretch(ctx, stretch{viewer, way.filter, part, from, limit + 1 - len(found), way.only}, way.walks)
		if err != nil {
			return none, err
		}
		if found = append(found, tickets...); stopped != nil && len(found) <= limit {
			return desk.Page[desk.Ticket]{Items: found, Next: stopped.String()}, nil
		}
		if len(found) > limit {
			break
		}
		from = nil
	}
	return pageOf(found, limit, func(t desk.Ticket) place { return placeOfTicket(parts, t) }), nil
}

// ticketPart is a stretch of a list that one index gives in order.
type ticketPart struct {
	name  string
	only  string // which tickets stand in it
	by    string // what it is sorted by, after which comes the number
	order string // asc or desc
}

const (
	partWaiting = "waiting"
	partRest    = "rest"
	partUpdated = "updated"
	partNewest  = "newest"
	partDue     = "due"
	partNotDue  = "not-due"
)

// ticketOrders: those who wait longest come first, then all others by their last change; one index for each part.
var ticketOrders = map[desk.Order][]ticketPart{
	"":                waitingOrder,
	desk.OrderWaiting: waitingOrder,
	desk.OrderUpdated: {{partUpdated, "true", "t.updated_at", "desc"}},
	desk.OrderNewest:  {{partNewest, "true", "t.id", "desc"}},
	desk.OrderDue:     {{partDue, due + " is not null", due, "asc"}, {partNotDue, due + " is null", "t.updated_at", "desc"}},
}

var waitingOrder = []ticketPart{
	{partWaiting, "t.waiting_since is not null", "t.waiting_since", "asc"},
	{partRest, "t.waiting_since is null", "t.updated_at", "desc"},
}

// placeOfTicket is the cursor of a ticket in a list of these parts.
func placeOfTicket(parts []ticketPart, t desk.Ticket) place {
	switch {
	case parts[0].name == partWaiting && t.WaitingSince != nil:
		return place{Part: partWaiting, At: *t.WaitingSince, ID: t.ID}
	case parts[0].name == partWaiting:
		return place{Part: partRest, At: t.UpdatedAt, ID: t.ID}
	case parts[0].name == partNewest:
		return place{Part: partNewest, ID: t.ID}
	case parts[0].name == partDue && t.Due() != nil:
		return place{Part: partDue, At: *t.Due(), ID: t.ID}
	case parts[0].name == partDue:
		return place{Part: partNotDue, At: t.UpdatedAt, ID: t.ID}
	default:
		return place{Part: partUpdated, At: t.UpdatedAt, ID: t.ID}
	}
}

// stretch is what one page takes out of one part of a list.
type stretch struct {
	viewer Viewer
	filter TicketFilter
	part   ticketPart
	from   *place // nil: from the beginning
	limit  int
	only   []int64 // the tickets that hold the rare words of a search; nil: there are none
}

// ticketStretch are the next tickets of a part of a list. stopped is where looking into conversations ended before it found enough; nil: the page is full, or the part ends.
func (r Reader) ticketStretch(ctx context.Context, s stretch, walks bool) (tickets []desk.Ticket, stopped *place, err error) {
	if walks {
		got, err := r.walk(ctx, s)
		if err != nil {
			return nil, nil, err
		}
		tickets, err = r.inOrder(ctx, got.numbers)
		return tickets, got.stopped, err
	}
	var c conditions
	c.and(s.part.only)
	c.filter(s.viewer, s.filter)
	s.narrowed(&c, s.from)
	// The page is cut out first: names are looked up for its tickets, not for all that stand in the view.
	cut := "(select t.* from ticket t\n\t\t      where " + c.where() + "\n\t\t      order by " + s.sorting() + "\n\t\t      limit " + c.arg(s.limit) + ") t\n"
	sql := strings.Replace(selectTicket, "ticket t\n", cut, 1) + "\n\t\torder by " + s.sorting()
	// Planned for these values: what is right for one mailbox or tag is wrong for another.
	tickets, err = rowsOf[desk.Ticket](ctx, r.q, sql, append([]any{pgx.QueryExecModeCacheDescribe}, c.args...)...)
	if err != nil {
		return nil, nil, fmt.Errorf("store: tickets: %w", err)
	}
	return tickets, nil, nil
}

// countedTo is as far as a view is counted: beyond, nobody reads the number, and counting all would cost more with every mail.
const countedTo = 1_000

// ViewCounts counts the tickets of every view, each to 1,000 at most.
func (r Reader) ViewCounts(ctx context.Context, viewer Viewer, user int64) (desk.ViewCounts, error) {
	var c conditions
	where := "t.merged_into is null and "
	if viewer.Staff {
		where += "t.snoozed_until is null and " // as the index ticket_view has it; what a customer asked stays theirs while we let it rest
	}
	limit, me := c.arg(countedTo), c.arg(user)
	count := func(only string) string { return c.countSeen(viewer, where+only, limit) }
	sql := "select " + count("t.status in ('new', 'open') and t.assignee_id is null") + " as unassigned, " +
		count("t.status in ('new', 'open', 'pending') and t.assignee_id = "+me) + " as mine, " +
		count("t.status in ('new', 'open')") + " as open, " +
		count("t.status = 'pending'") + " as pending, " +
		count("t.status = 'hold'") + " as hold, " +
		count("t.status = 'solved'") + " as solved, "
	if viewer.Staff {
		sql += c.countSeen(viewer, "t.merged_into is null and t.snoozed_until is not null", limit) + " as snoozed, " +
			"(select count(*) from (select from suspended limit " + limit + ") as counted) as suspended"
	} else {
		sql += "0::bigint as snoozed, 0::bigint as suspended"
	}
	counts, err := rowOf[desk.ViewCounts](ctx, r.q, sql, c.args...)
	if err != nil {
		return counts, fmt.Errorf("store: counts: %w", err)
	}
	return counts, nil
}

// LockTickets reads tickets and keeps others from changing them until the transaction ends. They are locked in the order of their numbers, so that no two transactions wait for each other.
// For one that is not in sight of the viewer the fault is the same as if there were none. What somebody sees only since they are in copy, they do not change.
func (tx *Tx) LockTickets(ctx context.Context, reader Viewer, numbers ...int64) (map[int64]desk.Ticket, error) {
	var c conditions
	viewer := reader
	viewer.Copied = false
	c.and("t.id = any(" + c.arg(numbers) + ")")
	c.ticketsOf(viewer)
	tickets, err := rowsOf[desk.Ticket](ctx, tx.q, selectTicket+"\n\t\twhere "+c.where()+"\n\t\torder by t.id\n\t\tfor no key update of t", c.args...)
	if err != nil {
		return nil, fmt.Errorf("store: lock tickets %d: %w", numbers, err)
	}
	found := make(map[int64]desk.Ticket, len(tickets))
	for _, ticket := range tickets {
		found[ticket.ID] = ticket
	}
	for _, number := range numbers {
		if _, ok := found[number]; ok {
			continue
		}
		if reader.Copied && tx.See(ctx, reader, number) == nil {
			return nil, desk.Faultf(desk.Forbidden, "you see ticket #%d since you are in copy of it or watch it, and may not change it", number)
		}
		return nil, desk.Faultf(desk.NotFound, "ticket #%d does not exist", number)
	}
	return found, nil
}

// AddTicket writes a new ticket and returns its number. Without a team it is that of its mailbox.
func (tx *Tx) AddTicket(ctx context.Context, t desk.Ticket) (int64, error) {
	const sql = `
		insert into ticket (subject, status, priority, mailbox_id, team_id, requester_id, assignee_id, tags, preview, waiting_since, has_attachment, follows,
		                    created_at, updated_at, solved_at, closed_at)
		values ($1, $2, $3, $4, coalesce($16, (select b.team_id from mailbox b where b.id = $4)), $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
		returning id`
	var number int64
	err := tx.tx.QueryRow(ctx, sql, t.Subject, t.Status, t.Priority, t.MailboxID, t.RequesterID, t.AssigneeID, orEmpty(t.Tags), t.Preview, t.WaitingSince,
		t.HasAttachment, t.Follows, t.CreatedAt, t.UpdatedAt, t.SolvedAt, t.ClosedAt, t.TeamID).Scan(&number)
	if violates(err, "ticket_mailbox_id_fkey") {
		return 0, desk.Wrong("mailbox", "there is no such mailbox")
	}
	return number, wrap(err, "add ticket")
}

// SaveTicket writes what may change of a locked ticket.
func (tx *Tx) SaveTicket(ctx context.Context, t desk.Ticket) error {
	const sql = `
		update ticket
		set subject = $2, status = $3, priority = $4, assignee_id = $5, tags = $6, preview = $7, waiting_since = $8, has_attachment = $9,
		    unverified = $10, new_participant = $11, delivery_problem = $12, updated_at = $13, solved_at = $14, closed_at = $15,
		    team_id = $16, fields = $17, snoozed_until = $18, first_answered_at = $19, answer_due_at = $20, solve_due_at = $21, rating = $22, rating_note = $23
		where id = $1`
	_, err := tx.tx.Exec(ctx, sql, t.ID, t.Subject, t.Status, t.Priority, t.AssigneeID, orEmpty(t.Tags), t.Preview, t.WaitingSince, t.HasAttachment,
		t.Unverified, t.NewParticipant, t.DeliveryProblem, t.UpdatedAt, t.SolvedAt, t.ClosedAt,
		t.TeamID, fieldsOf(t), t.SnoozedUntil, t.FirstAnsweredAt, t.AnswerDueAt, t.SolveDueAt, t.Rating, t.RatingNote)
	if violates(err, "ticket_assignee_id_fkey") {
		return desk.Wrong("assignee", "there is no such person to assign it to")
	}
	if err != nil {
		return fmt.Errorf("store: save ticket #%d: %w", t.ID, err)
	}
	return nil
}

// fieldsOf keeps an empty set of fields from becoming null.
func fieldsOf(t desk.Ticket) map[string]string {
	if t.Fields == nil {
		return map[string]string{}
	}
	return t.Fields
}

// SetRequester makes a contact the requester of a locked ticket, and no participant of it any more. Who was it before stays as a participant, unless it is one of our people:
// they see every ticket, and get no answers to it.
func (tx *Tx) SetRequester(ctx context.Context, number, contact int64) error {
	batch := &pgx.Batch{}
	batch.Queue(`delete from participant where ticket_id = $1 and contact_id = $2`, number, contact)
	batch.Queue(`
		insert into participant (ticket_id, contact_id)
		select t.id, t.requester_id
		from ticket t
		join contact c on c.id = t.requester_id
		where t.id = $1 and t.requester_id <> $2
		  and not exists (select from "user" u where u.email = c.address and u.role <> 'customer')
		on conflict (ticket_id, contact_id) do nothing`, number, contact)
	batch.Queue(`update ticket set requester_id = $2 where id = $1`, number, contact)
	if err := tx.tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("store: requester of #%d: %w", number, err)
	}
	return nil
}

// Newest is what a list shows of a ticket's conversation.
type Newest struct {
	Text          string `db:"text"` // of the newest mail: a note is nothing for a customer's list
	HasAttachment bool   `db:"has_attachment"`
}

// Newest looks at a conversation after messages were moved.
func (r Reader) Newest(ctx context.Context, number int64) (Newest, error) {
	const sql = `
		select coalesce((select m.text from message m where m.ticket_id = $1 and m.kind in ('inbound', 'reply') and m.side is null order by m.at desc, m.id desc limit 1), '') as text,
		       exists (select from attachment a join message m on m.id = a.message where m.ticket_id = $1) as has_attachment`
	newest, err := rowOf[Newest](ctx, r.q, sql, number)
	if err != nil {
		return newest, fmt.Errorf("store: newest of #%d: %w", number, err)
	}
	return newest, nil
}

// Assignable is the name of a person to whom tickets can be given: an enabled one who is no customer. It is empty for anybody else.
func (r Reader) Assignable(ctx context.Context, user int64) (string, error) {
	const sql = `
		select coalesce((select name from "user" where id = $1 and disabled_at is null and role in (select r.name from role r where r.works)), '')`
	var name string
	if err := r.q.QueryRow(ctx, sql, user).Scan(&name); err != nil {
		return "", wrap(err, "assignee")
	}
	return name, nil
}

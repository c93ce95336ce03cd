package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"postern/desk"
)

const selectOutbound = `
		select d.message_id, m.ticket_id, m.subject, d.recipient, d.destination, d.sender, d.state, d.host, d.tls, d.proof, d.reply, d.attempts, d.next_at, d.queued_at, d.updated_at,
		       d.held_since, d.held_why, d.redirected_to, d.worker is not null as in_hand, d.stop as stopping
		from delivery d
		join message m on m.id = d.message_id`

type outboundRow struct {
	MessageID    int64              `db:"message_id"`
	TicketID     int64              `db:"ticket_id"`
	Subject      string             `db:"subject"`
	Recipient    string             `db:"recipient"`
	Destination  string             `db:"destination"`
	Sender       string             `db:"sender"`
	State        desk.DeliveryState `db:"state"`
	Host         string             `db:"host"`
	TLS          string             `db:"tls"`
	Proof        desk.Proof         `db:"proof"`
	Reply        string             `db:"reply"`
	Attempts     int                `db:"attempts"`
	NextAt       *time.Time         `db:"next_at"`
	QueuedAt     time.Time          `db:"queued_at"`
	UpdatedAt    time.Time          `db:"updated_at"`
	HeldSince    *time.Time         `db:"held_since"`
	HeldWhy      string             `db:"held_why"`
	RedirectedTo string             `db:"redirected_to"`
	InHand       bool               `db:"in_hand"`
	Stopping     bool               `db:"stopping"`
}

func (r outboundRow) outbound() desk.Outbound {
	one := desk.Outbound{
		MessageID: r.MessageID, TicketID: r.TicketID, Subject: r.Subject, Destination: r.Destination, Sender: r.Sender, QueuedAt: r.QueuedAt,
		Delivery: desk.Delivery{Recipient: r.Recipient, State: r.State, Host: r.Host, TLS: r.TLS, Proof: r.Proof, Reply: r.Reply, Attempts: r.Attempts, UpdatedAt: r.UpdatedAt, HeldWhy: r.HeldWhy,
			RedirectedTo: r.RedirectedTo, InHand: r.InHand && !r.State.Final(), Stopping: r.Stopping && !r.State.Final()},
	}
	if r.NextAt != nil && !r.State.Final() {
		one.NextAt = *r.NextAt
	}
	if r.HeldSince != nil && !r.State.Final() {
		one.HeldSince = *r.HeldSince
	}
	return one
}

// Deliveries is one page of the deliveries that the query asks for and whose tickets are in sight of the viewer, the last changed first.
func (r Reader) Deliveries(ctx context.Context, viewer Viewer, q desk.DeliveryQuery) (desk.Page[desk.Outbound], error) {
	var none desk.Page[desk.Outbound]
	limit := bounded(q.Limit, largestPage)
	from, err := parsePlace(q.Cursor)
	if err != nil {
		return none, err
	}
	var c conditions
	c.deliveries(q)
	c.messagesIn(viewer)
	if from != nil {
		c.and("(d.updated_at, d.message_id, d.recipient) < (" + c.arg(from.At) + "::timestamptz, " + c.arg(from.ID) + "::bigint, " + c.arg(from.Name) + "::text)")
	}
	rows, err := rowsOf[outboundRow](ctx, r.q, selectOutbound+`
		where `+c.where()+`
		order by d.updated_at desc, d.message_id desc, d.recipient desc
		limit `+c.arg(limit+1), c.args...)
	if err != nil {
		return none, fmt.Errorf("store: deliveries: %w", err)
	}
	list := make([]desk.Outbound, len(rows))
	for i, row := range rows {
		list[i] = row.outbound()
	}
	return pageOf(list, limit, func(o desk.Outbound) place { return place{At: o.UpdatedAt, ID: o.MessageID, Name: o.Recipient} }), nil
}

// deliveries adds what the query asks for.
func (c *conditions) deliveries(q desk.DeliveryQuery) {
	if len(q.States) > 0 {
		c.and("d.state = any(" + c.arg(q.States) + ")")
	}
	if q.Held {
		c.and("d.held_since is not null and d.state in ('queued', 'deferred')")
	}
	if below, is := strings.CutPrefix(q.Destination, "*."); is {
		c.and("right(d.destination, " + c.arg(len(below)+1) + "::int) = " + c.arg("."+below))
	} else if q.Destination != "" {
		c.and("d.destination = " + c.arg(q.Destination))
	}
	if q.Sender != "" {
		c.and("d.sender = " + c.arg(q.Sender))
	}
	if strings.Contains(q.Recipient, "@") {
		c.and("lower(d.recipient) = " + c.arg(q.Recipient))
	} else if q.Recipient != "" {
		c.and(c.contains("d.recipient", q.Recipient))
	}
	if q.Ticket != 0 {
		c.and("m.ticket_id = " + c.arg(q.Ticket))
	}
	if q.Message != 0 {
		c.and("d.message_id = " + c.arg(q.Message))
	}
	if !q.Since.IsZero() {
		c.and("d.updated_at >= " + c.arg(q.Since))
	}
	if !q.Until.IsZero() {
		c.and("d.updated_at < " + c.arg(q.Until))
	}
	if q.Text != "" {
		c.and(c.contains("d.reply", q.Text))
	}
}

// Recipients are all recipients of a message as they stand, by address; 1,000 at most.
func (r Reader) Recipients(ctx context.Context, message int64) ([]desk.Outbound, error) {
	rows, err := rowsOf[outboundRow](ctx, r.q, selectOutbound+`
		where d.message_id = $1
		order by d.recipient
		limit 1000`, message)
	if err != nil {
		return nil, fmt.Errorf("store: recipients of message %d: %w", message, err)
	}
	list := make([]desk.Outbound, len(rows))
	for i, row := range rows {
		list[i] = row.outbound()
	}
	return list, nil
}

// DeliveryCounts says how much mail waits, and since when the oldest does.
func (r Reader) DeliveryCounts(ctx context.Context) (desk.DeliveryCounts, error) {
	type row struct {
		desk.DeliveryCounts
		Oldest *time.Time `db:"oldest"`
	}
	found, err := rowOf[row](ctx, r.q, `
		select count(*) filter (where state = 'queued') as queued, count(*) filter (where state = 'deferred') as deferred,
		       count(*) filter (where held_since is not null) as held, count(*) filter (where worker is not null) as in_hand, min(queued_at) as oldest
		from delivery
		where state in ('queued', 'deferred')`)
	if err != nil {
		return desk.DeliveryCounts{}, wrap(err, "count deliveries")
	}
	if found.Oldest != nil {
		found.DeliveryCounts.Oldest = *found.Oldest
	}
	return found.DeliveryCounts, nil
}

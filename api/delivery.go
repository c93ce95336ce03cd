package api

import (
	"context"
	"strings"
	"time"

	"postern/desk"
)

// Outbound is one recipient of one message, as the log of deliveries shows it.
type Outbound struct {
	Message     int64     `json:"message"`
	Ticket      int64     `json:"ticket"`
	Subject     string    `json:"subject"`
	Destination string    `json:"destination" doc:"Domain of the recipient."`
	Sender      string    `json:"sender" doc:"Domain of From as the mail leaves."`
	QueuedAt    time.Time `json:"queued_at"`
	Delivery
}

func viewOutbound(from desk.Outbound) Outbound {
	return Outbound{
		Message: from.MessageID, Ticket: from.TicketID, Subject: from.Subject, Destination: from.Destination, Sender: from.Sender, QueuedAt: from.QueuedAt.UTC(),
		Delivery: viewDelivery(from.Delivery),
	}
}

// deliveriesAsked is the query of the log of deliveries.
type deliveriesAsked struct {
	Page
	DeliveryFilter
}

// DeliveryFilter narrows the log.
type DeliveryFilter struct {
	State       []string  `query:"state,explode" doc:"One or several of queued, deferred, sent, bounced, cancelled; repeated or with commas. Absent: all."`
	Held        bool      `query:"held" doc:"Only those that wait until their own domain is mended."`
	Destination string    `query:"destination" maxLength:"255" doc:"Domain of the recipient; *.example.com: every domain below it."`
	Sender      string    `query:"sender" maxLength:"253" doc:"Domain of ours."`
	Recipient   string    `query:"recipient" maxLength:"320" doc:"An address; without @, a part of one."`
	Ticket      int64     `query:"ticket" minimum:"0"`
	Message     int64     `query:"message" minimum:"0"`
	Since       time.Time `query:"since" doc:"Last changed at or after."`
	Until       time.Time `query:"until" doc:"Last changed before."`
	Text        string    `query:"q" maxLength:"500" doc:"In the last reply."`
}

func (a *API) listDeliveries(ctx context.Context, actor desk.Actor, in *deliveriesAsked) (list[Outbound], error) {
	query := desk.DeliveryQuery{
		Held: in.Held, Destination: in.Destination, Sender: in.Sender, Recipient: in.Recipient, Ticket: in.Ticket, Message: in.Message, Since: in.Since, Until: in.Until,
		Text: in.Text, Cursor: in.Cursor, Limit: in.Limit,
	}
	for _, word := range strings.FieldsFunc(strings.Join(in.State, ","), func(r rune) bool { return r == ',' || r == ' ' }) {
		query.States = append(query.States, desk.DeliveryState(trimmed(word)))
	}
	found, err := a.cfg.Tickets.DeliveryLog(ctx, actor, query)
	return listed(found, viewOutbound), err
}

// deliveryCounts is desk.DeliveryCounts as it is sent.
type deliveryCounts struct {
	Queued     int64      `json:"queued" doc:"Recipients who wait for the first attempt."`
	Deferred   int64      `json:"deferred" doc:"Recipients who wait for another."`
	Held       int64      `json:"held" doc:"Of these: until their own domain is mended."`
	InHand     int64      `json:"in_hand" doc:"Of these: being sent now."`
	Oldest     *time.Time `json:"oldest" doc:"Since when the oldest waits. Null: nothing waits."`
	Since      time.Time  `json:"since" doc:"The beginning of today, in UTC."`
	Sent       int64      `json:"sent" doc:"Since then."`
	Bounced    int64      `json:"bounced" doc:"Since then."`
	Suppressed int64      `json:"suppressed" doc:"Addresses that get no mail."`
}

func (a *API) countDeliveries(ctx context.Context, actor desk.Actor, _ *struct{}) (deliveryCounts, error) {
	found, err := a.cfg.Tickets.DeliveryCounts(ctx, actor)
	return deliveryCounts{
		Queued: found.Queued, Deferred: found.Deferred, Held: found.Held, InHand: found.InHand, Oldest: unlessZero(found.Oldest), Since: found.Since.UTC(),
		Sent: found.Sent, Bounced: found.Bounced, Suppressed: found.Suppressed,
	}, err
}

// deliveryDay is desk.DeliveryDay as it is sent.
type deliveryDay struct {
	Day        string `json:"day,omitempty" format:"date" doc:"In UTC."`
	Sender     string `json:"sender,omitempty" doc:"Domain of ours."`
	Sent       int64  `json:"sent"`
	Deferred   int64  `json:"deferred" doc:"Had to wait, however often; most are sent later, and count there as well."`
	Bounced    int64  `json:"bounced" doc:"At once, or by a report later."`
	Suppressed int64  `json:"suppressed" doc:"Not tried."`
}

func viewDay(from desk.DeliveryDay) deliveryDay {
	return deliveryDay{Day: from.Day.Format(time.DateOnly), Sent: from.Sent, Deferred: from.Deferred, Bounced: from.Bounced, Suppressed: from.Suppressed}
}

func viewSum(from desk.DeliveryDay) deliveryDay {
	to := viewDay(from)
	to.Day, to.Sender = "", from.Sender
	return to
}

// deliveryFigures is desk.DeliveryFigures as it is sent.
type deliveryFigures struct {
	Since   time.Time     `json:"since"`
	Sender  string        `json:"sender,omitempty"`
	Days    []deliveryDay `json:"days" nullable:"false" doc:"One for each day, oldest first."`
	Senders []deliveryDay `json:"senders" nullable:"false" doc:"Sums by domain of ours, the busiest first."`
	Total   deliveryDay   `json:"total"`
}

// figuresAsked is the query of the figures.
type figuresAsked struct {
	Sender string `query:"sender" maxLength:"253" doc:"Domain of ours; absent: all."`
	Days   int    `query:"days" minimum:"1" maximum:"366" default:"30" doc:"Today included."`
}

func (a *API) sumDeliveries(ctx context.Context, actor desk.Actor, in *figuresAsked) (deliveryFigures, error) {
	found, err := a.cfg.Tickets.DeliveryFigures(ctx, actor, in.Sender, in.Days)
	return deliveryFigures{
		Since: found.Since.UTC(), Sender: found.Sender, Days: whole(found.Days, viewDay).Items, Senders: whole(found.Senders, viewSum).Items, Total: viewSum(found.Total),
	}, err
}

// attempt is desk.Attempt as it is sent.
type attempt struct {
	At     time.Time          `json:"at"`
	Kind   desk.AttemptKind   `json:"kind" enum:"tried,held,retry,cancelled,redirected,suppressed,reported,signed"`
	State  desk.DeliveryState `json:"state" enum:"queued,sent,deferred,bounced,cancelled" doc:"Of the recipient after it; of a host that was asked before another, what its answer alone would mean."`
	Host   string             `json:"host,omitempty"`
	Addr   string             `json:"addr,omitempty" doc:"Address and port."`
	TLS    *desk.TLSFacts     `json:"tls" doc:"What the connection showed of its encryption. Null: clear text, or nobody was reached."`
	Reply  string             `json:"reply,omitempty" doc:"The remote's own words, code first."`
	Actor  string             `json:"actor,omitempty" doc:"Who of us did it; empty for what a server said, and for the command line."`
	TookMS int64              `json:"took_ms"`
	Words  string             `json:"words" doc:"In a sentence."`
}

func viewAttempt(from desk.Attempt) attempt {
	return attempt{
		At: from.At.UTC(), Kind: from.Kind, State: from.State, Host: from.Host, Addr: from.Addr, TLS: from.TLS, Reply: from.Reply, Actor: from.Actor, TookMS: from.TookMS,
		Words: from.Words(),
	}
}

// deliveryStory is one recipient of a message with the whole story.
type deliveryStory struct {
	Outbound
	CanRetry    bool         `json:"can_retry"`
	CanCancel   bool         `json:"can_cancel"`
	CanRedirect bool         `json:"can_redirect"`
	Suppressed  *Suppression `json:"suppressed" doc:"Why the address gets no mail. Null: it does."`
	Timeline    []attempt    `json:"timeline" nullable:"false" doc:"Oldest first."`
}

func viewStory(from desk.Recipient) deliveryStory {
	to := deliveryStory{
		Outbound: viewOutbound(from.Outbound), CanRetry: from.CanRetry(), CanCancel: from.CanCancel(), CanRedirect: from.CanRedirect(), Timeline: whole(from.Timeline, viewAttempt).Items,
	}
	if from.Suppressed != nil {
		suppressed := viewSuppression(*from.Suppressed)
		to.Suppressed = &suppressed
	}
	return to
}

func (a *API) listStories(ctx context.Context, actor desk.Actor, in *Identified) (list[deliveryStory], error) {
	found, err := a.cfg.Tickets.DeliveryStories(ctx, actor, in.ID)
	return whole(found, viewStory), err
}

// recipientAsked names a recipient of a message.
type recipientAsked struct {
	Identified
	Body struct {
		Recipient string `json:"recipient" minLength:"3" maxLength:"320"`
	}
}

func (a *API) retryDelivery(ctx context.Context, actor desk.Actor, in *recipientAsked) (message, error) {
	if err := a.cfg.Tickets.RetryDelivery(ctx, actor, in.ID, in.Body.Recipient); err != nil {
		return message{}, err
	}
	return a.showMessage(ctx, actor, &in.Identified)
}

func (a *API) cancelDelivery(ctx context.Context, actor desk.Actor, in *recipientAsked) (Outbound, error) {
	stopped, err := a.cfg.Tickets.CancelDelivery(ctx, actor, in.ID, in.Body.Recipient)
	return viewOutbound(stopped), err
}

// redirectAsked sends a recipient's mail elsewhere.
type redirectAsked struct {
	Identified
	Body struct {
		Recipient string `json:"recipient" minLength:"3" maxLength:"320"`
		To        string `json:"to" minLength:"3" maxLength:"320" doc:"The address that gets it instead."`
	}
}

func (a *API) redirectDelivery(ctx context.Context, actor desk.Actor, in *redirectAsked) (list[deliveryStory], error) {
	if err := a.cfg.Tickets.RedirectDelivery(ctx, actor, in.ID, in.Body.Recipient, in.Body.To); err != nil {
		return list[deliveryStory]{}, err
	}
	return a.listStories(ctx, actor, &in.Identified)
}

// retriesAsked says which of those that wait shall be tried now.
type retriesAsked struct {
	Body struct {
		Destination string `json:"destination,omitempty" maxLength:"255" doc:"Domain of the recipients, or *.example.com. Absent: any."`
		Sender      string `json:"sender,omitempty" maxLength:"253" doc:"Domain of ours. Absent: any."`
		Text        string `json:"q,omitempty" maxLength:"500" doc:"In the last reply."`
	}
}

// retried is how many are tried now.
type retried struct {
	Count int `json:"count" doc:"At most 1,000: ask again for more."`
}

func (a *API) retryDeliveries(ctx context.Context, actor desk.Actor, in *retriesAsked) (retried, error) {
	count, err := a.cfg.Tickets.RetryDeliveries(ctx, actor, desk.DeliveryQuery{Destination: in.Body.Destination, Sender: in.Body.Sender, Text: in.Body.Text})
	return retried{count}, err
}

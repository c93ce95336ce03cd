package portal

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"postern/desk"
	"postern/language"
)

// deliveriesPage is the queue and the log of what leaves: how much waits, what became of it day by day, and each recipient.
type deliveriesPage struct {
	page
	Counts  desk.DeliveryCounts
	Asked   deliveriesAsked
	Tabs    []spanLink // states
	Domains []desk.Domain
	Rows    []desk.Outbound
	Next    string
	Problem string
	Figures figuresPart
}

// deliveriesAsked is the question as the address bar holds it.
type deliveriesAsked struct {
	State, To, Sender, Words string
	Ticket                   int64
	Days                     int
}

// held is the state that is none: what waits until its own domain is mended.
const held = "held"

func deliveriesAskedOf(values url.Values) deliveriesAsked {
	asked := deliveriesAsked{State: values.Get("state"), To: strings.TrimSpace(values.Get("to")), Sender: values.Get("sender"), Words: strings.TrimSpace(values.Get("words")),
		Ticket: number64(url.Values{"ticket": {strings.TrimLeft(strings.TrimSpace(values.Get("ticket")), "#")}}, "ticket"), Days: int(number64(values, "days"))}
	if !slices.Contains(spans, asked.Days) {
		asked.Days = spans[1]
	}
	return asked
}

// URL is the address of the question, with something put differently.
func (a deliveriesAsked) URL(change func(*deliveriesAsked)) string {
	change(&a)
	values := url.Values{}
	for name, value := range map[string]string{"state": a.State, "to": a.To, "sender": a.Sender, "words": a.Words} {
		if value != "" {
			values.Set(name, value)
		}
	}
	if a.Ticket != 0 {
		values.Set("ticket", strconv.FormatInt(a.Ticket, 10))
	}
	if a.Days != spans[1] {
		values.Set("days", strconv.Itoa(a.Days))
	}
	if len(values) == 0 {
		return "/deliveries"
	}
	return "/deliveries?" + values.Encode()
}

// Narrowed says whether more is asked for than a state.
func (a deliveriesAsked) Narrowed() bool {
	return a.To != "" || a.Sender != "" || a.Words != "" || a.Ticket != 0
}

// query is the question as the service takes it. A recipient is an address, a part of one, or, behind an @, all addresses of a domain.
func (a deliveriesAsked) query(cursor string) desk.DeliveryQuery {
	q := desk.DeliveryQuery{Sender: a.Sender, Text: a.Words, Ticket: a.Ticket, Cursor: cursor, Limit: pageLimit}
	switch a.State {
	case "":
	case held:
		q.Held = true
	default:
		q.States = []desk.DeliveryState{desk.DeliveryState(a.State)}
	}
	if domain, all := strings.CutPrefix(a.To, "@"); all {
		q.Destination = domain
	} else {
		q.Recipient = a.To
	}
	return q
}

// deliveryList shows the deliveries, the last changed first.
func (p *Portal) deliveryList(c *call) error {
	ctx, values := c.r.Context(), c.r.URL.Query()
	answer := deliveriesPage{Asked: deliveriesAskedOf(values)}
	found, err := p.tickets.DeliveryLog(ctx, c.actor, answer.Asked.query(values.Get("cursor")))
	if fault := asFault(err); fault != nil && fault.Kind == desk.Invalid {
		answer.Problem = c.sentence(fault.Reason)
	} else if err != nil {
		return err
	}
	answer.Rows = found.Items
	if found.Next != "" {
		answer.Next = answer.Asked.URL(func(*deliveriesAsked) {})
		answer.Next += joint(answer.Next) + "cursor=" + url.QueryEscape(found.Next)
	}
	if answer.Counts, err = p.tickets.DeliveryCounts(ctx, c.actor); err != nil {
		return err
	}
	if answer.Domains, err = p.domains.List(ctx, c.actor); err != nil {
		return err
	}
	if answer.Figures, err = p.figuresOf(c, answer.Asked); err != nil {
		return err
	}
	answer.Tabs = deliveryTabs(c.lang, answer.Asked)
	if answer.page, err = p.framed(c, "Deliveries", "/deliveries"); err != nil {
		return err
	}
	return p.show(c, "deliveries", answer)
}

func joint(address string) string {
	if strings.Contains(address, "?") {
		return "&"
	}
	return "?"
}

// deliveryTabs are the states to choose from.
func deliveryTabs(lang *language.Language, asked deliveriesAsked) []spanLink {
	states := []string{"", string(desk.DeliveryQueued), string(desk.DeliveryDeferred), held, string(desk.DeliveryBounced), string(desk.DeliverySent), string(desk.DeliveryCancelled)}
	tabs := make([]spanLink, len(states))
	for i, state := range states {
		title := lang.Say(label(state))
		switch state {
		case "":
			title = lang.Say("All")
		case held:
			title = lang.Say("Held")
		}
		tabs[i] = spanLink{title, asked.URL(func(a *deliveriesAsked) { a.State = state }), asked.State == state}
	}
	return tabs
}

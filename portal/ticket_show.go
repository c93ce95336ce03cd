package portal

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"postern/desk"
)

// ticketPage is an open ticket: the conversation, the composer and the panel.
type ticketPage struct {
	Back      listing // the list that it was opened from
	Ticket    desk.Ticket
	Cards     []card
	Earlier   int   // messages between the first and the newest that the page leaves out
	Cut       bool  // there is more of the conversation than the page holds
	Newest    int64 // id of the newest message on the page
	News      newsPart
	Composer  composer
	Sent      *sentPart // a mail that was sent on another ticket just now
	People    []desk.Participant
	Others    []desk.Ticket
	Staff     []desk.User
	Assignee  int64
	User      desk.User
	Statuses  []desk.Status
	Prios     []desk.Priority
	MergedIn  int64
	Following int64
	Suggested int64
	Requester chooser
	ByMail    byMail
	Here      herePart // who else is on it
	Belonging belonging
	HasMail   bool // some came in, so that it could be spam
	panelPart
}

// Writes says whether who looks at the page may change the ticket. What they may not do, the page does not offer.
func (t *ticketPage) Writes() bool { return t.User.Can(desk.MayWrite) }

// Replies says whether they may write to its customer.
func (t *ticketPage) Replies() bool { return t.User.Can(desk.MayReply) }

// Merges says whether they may merge it.
func (t *ticketPage) Merges() bool { return t.User.Can(desk.MayMerge) }

// Copies says whether they may say who takes part.
func (t *ticketPage) Copies() bool { return t.User.Can(desk.MayManageCopied) }

// Impersonates says whether they may look at customers' pages in the customer's place.
func (t *ticketPage) Impersonates() bool { return t.User.Can(desk.MayImpersonate) }

// Edits says whether they may change what is known of its customer.
func (t *ticketPage) Edits() bool { return t.User.Can(desk.MayEditCustomers) }

// mostMessages is how much of a conversation one page holds. Messages that are not unfolded cost a line each.
const mostMessages = 1000

// ticketShow shows one ticket, beside its list.
func (p *Portal) ticketShow(c *call) error {
	number, err := c.id64("number")
	if err != nil {
		return err
	}
	return p.ticketPage(c, number, composing{})
}

// composing is what the composer takes over from a form that could not be sent.
type composing struct {
	draft    *desk.Draft
	fault    *desk.Fault
	seen     int64          // newest message that its writer had on the page
	cautions []desk.Caution // what its writer should look at first
	heard    []string       // marks of cautions that they have heard before
}

// status is the HTTP status of the page.
func (w composing) status() int {
	if len(w.cautions) > 0 {
		return http.StatusConflict
	}
	return statusOf(w.fault)
}

// ticketPage renders the page of a ticket, with the composer as the agent left it.
func (p *Portal) ticketPage(c *call, number int64, with composing) error {
	open, err := p.openTicket(c, number, with)
	if err != nil {
		return err
	}
	status := with.status()
	c.moved()
	// A row of the list asks for the right side only.
	if c.partial() && c.r.Header.Get("HX-Target") == "work" && c.r.Method == "GET" {
		return p.render(c, view{status, "ticket_list", "work-page"}, listPage{page: page{Title: title(open.Ticket), User: c.actor.User}, Ticket: open})
	}
	list, err := p.listOf(c, open.Back)
	if err != nil {
		return err
	}
	list.Open = number
	r, err := p.railOf(c, open.Back, "")
	if err != nil {
		return err
	}
	answer := listPage{page: page{Title: title(open.Ticket), User: c.actor.User, Rail: r}, List: list, Ticket: open}
	return p.render(c, view{status, "ticket_list", "layout"}, answer)
}

// title is what the browser's tab says of a ticket.
func title(t desk.Ticket) string { return fmt.Sprintf("#%d %s", t.ID, subjectOf(t.Subject)) }

// subjectOf never leaves a line empty.
func subjectOf(subject string) string {
	if strings.TrimSpace(subject) == "" {
		return "(no subject)"
	}
	return subject
}

// openTicket gathers everything about a ticket that its page shows.
func (p *Portal) openTicket(c *call, number int64, with composing) (*ticketPage, error) {
	ctx := c.r.Context()
	ticket, err := p.tickets.Get(ctx, c.actor, number)
	if err != nil {
		return nil, err
	}
	back, err := p.resolved(c, c.back())
	if err != nil {
		return nil, err
	}
	open := &ticketPage{Back: back, Ticket: ticket, User: c.actor.User, Statuses: desk.Statuses, Prios: desk.Priorities,
		Assignee: deref(ticket.AssigneeID), MergedIn: deref(ticket.MergedInto), Following: deref(ticket.Follows), Suggested: deref(ticket.Suggested)}
	messages, cut, err := p.conversation(ctx, c.actor, number)
	if err != nil {
		return nil, err
	}
	open.Cut = cut
	if open.Cards, err = p.cardsOf(c.lang, messages, c.r.URL.Query().Get("open") == "all"); err != nil {
		return nil, err
	}
	for i := range open.Cards {
		open.Cards[i].Reader = c.actor.User
	}
	if len(messages) > 0 {
		open.Newest = slices.MaxFunc(messages, func(a, b desk.Message) int { return int(a.ID - b.ID) }).ID
	}
	if err := p.saw(c, number); err != nil {
		return nil, err
	}
	open.Here = p.hereOn(c, number)
	open.News = newsPart{Number: number, After: open.Newest, Back: open.Back}
	if open.People, err = p.tickets.Participants(ctx, c.actor, number); err != nil {
		return nil, err
	}
	if open.Others, err = p.tickets.OtherTickets(ctx, c.actor, number); err != nil {
		return nil, err
	}
	if open.Staff, err = p.identity.Staff(ctx); err != nil {
		return nil, err
	}
	if open.Belonging, err = p.belongingOf(c, ticket); err != nil {
		return nil, err
	}
	for i := range open.Cards {
		open.Cards[i].mark(ticket, open.People)
	}
	if open.panelPart, err = p.panelOf(c, ticket, open.Staff); err != nil {
		return nil, err
	}
	open.Requester, open.HasMail = chooserOf(open, open.Staff), newestMail(open.Cards) != nil
	if open.ByMail, err = p.byMailOf(c, open); err != nil {
		return nil, err
	}
	if open.Sent, err = p.sentOf(c, number64(c.r.URL.Query(), "sent")); err != nil {
		return nil, err
	}
	if open.Sent != nil && open.Sent.Number == number {
		open.Sent = nil // its card says it
	}
	if open.Composer, err = p.composerOf(c, open, with); err != nil {
		return nil, err
	}
	if c.r.URL.Query().Get("open") == "" {
		open.Cards, open.Earlier = shorten(open.Cards)
	}
	return open, nil
}

// Whole is the address of the ticket with a line for each of its messages.
func (t *ticketPage) Whole() string {
	at := t.Back.Ticket(t.Ticket.ID)
	if strings.Contains(at, "?") {
		return at + "&open=lines"
	}
	return at + "?open=lines"
}

// conversation reads the messages of a ticket, oldest first.
func (p *Portal) conversation(ctx context.Context, actor desk.Actor, number int64) (messages []desk.Message, cut bool, err error) {
	cursor := ""
	for {
		part, err := p.tickets.Conversation(ctx, actor, number, cursor, 200)
		if err != nil {
			return nil, false, err
		}
		messages = append(messages, part.Items...)
		if part.Next == "" || len(messages) >= mostMessages {
			return messages, part.Next != "", nil
		}
		cursor = part.Next
	}
}

// newsPart is the bar over the composer that says that more has arrived.
type newsPart struct {
	Number int64
	After  int64
	Count  int
	Back   listing
}

// ticketNews says how many messages have come since the page was made. The page asks after the stream has named its ticket.
func (p *Portal) ticketNews(c *call) error {
	id, err := c.id64("number")
	if err != nil {
		return err
	}
	messages, _, err := p.conversation(c.r.Context(), c.actor, id)
	if err != nil {
		return err
	}
	news := newsPart{Number: id, After: number64(c.r.URL.Query(), "after"), Back: c.back()}
	for _, m := range messages {
		if m.ID > news.After && m.Kind != desk.KindEvent {
			news.Count++
		}
	}
	return p.part(c, "ticket_list", "news", news)
}

// deref is the number behind a pointer, or 0.
func deref(n *int64) int64 {
	if n == nil {
		return 0
	}
	return *n
}

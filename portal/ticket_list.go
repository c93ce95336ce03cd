package portal

import (
	"net/http"

	"postern/desk"
)

// listPage is the list of tickets. On wide screens the open ticket stands beside it, so the page of a ticket holds one too.
type listPage struct {
	page
	List   ticketList
	Ticket *ticketPage // nil: none is open
}

// ticketList is the list pane.
type ticketList struct {
	At      listing
	Rows    []desk.Ticket
	Next    string
	Open    int64  // number of the ticket that is open
	Problem string // what was wrong with the search
	NoBoxes bool   // nothing can arrive yet
}

// ticketList shows the tickets of a view or a search.
func (p *Portal) ticketList(c *call) error {
	at := listingOf(c.r.URL.Query())
	list, err := p.listOf(c, at)
	if err != nil {
		return err
	}
	r, err := p.railOf(c, at, "")
	if err != nil {
		return err
	}
	list.NoBoxes = len(r.Mailboxes) == 0
	answer := listPage{page: page{Title: at.Title(), User: c.actor.User, Rail: r, Notice: notices[c.r.URL.Query().Get("done")]}, List: list}
	return p.show(c, "ticket_list", answer)
}

// listOf asks for the list. A search that cannot be understood is said on the list, not on a page of its own.
func (p *Portal) listOf(c *call, at listing) (ticketList, error) {
	found, err := p.tickets.List(c.r.Context(), c.actor, at.ask(c.actor.User))
	if fault := asFault(err); fault != nil && fault.Kind == desk.Invalid {
		return ticketList{At: at, Problem: sentence(fault.Reason)}, nil
	}
	if err != nil {
		return ticketList{}, err
	}
	return ticketList{At: at, Rows: found.Items, Next: found.Next}, nil
}

// statusOf is the HTTP status of a page that shows a fault in its middle.
func statusOf(fault *desk.Fault) int {
	if fault == nil {
		return http.StatusOK
	}
	return failures[fault.Kind].status
}

package portal

import (
	"net/http"
	"slices"
	"time"

	"postern/desk"
	"postern/language"
	"postern/tickets"
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
	Rows    []listRow
	Next    string
	Open    int64  // number of the ticket that is open
	Problem string // what was wrong with the search
	NoBoxes bool   // nothing can arrive yet
	Form    filterForm
	Chips   []chip
	Bulk    bulkForm
	Result  *bulkResult // of what was just done to several
	MayEdit bool        // the saved view is the reader's to change
	MayBulk bool        // the reader may change several conversations at once
}

// listRow is a ticket as the list shows it.
type listRow struct {
	desk.Ticket
	Hit     tickets.Hit
	DueIn   string // how long until its target, or since; empty: none runs
	Overdue bool
}

// ticketList shows the tickets of a view or a search.
func (p *Portal) ticketList(c *call) error { return p.listPage(c, listingOf(c.r.URL.Query()), nil) }

// listPage renders the list without an open ticket; fault is what was wrong with a form on it.
func (p *Portal) listPage(c *call, at listing, fault *desk.Fault) error {
	at, err := p.resolved(c, at)
	if err != nil {
		return err
	}
	list, err := p.listOf(c, at)
	if err != nil {
		return err
	}
	if fault != nil {
		list.Problem = sentence(c.lang.Sentence(fault.Reason))
	}
	r, err := p.railOf(c, at, "")
	if err != nil {
		return err
	}
	list.NoBoxes = len(r.Mailboxes) == 0
	if c.partial() && list.Form.Open {
		c.w.Header().Set("HX-Push-Url", at.URL()) // the form names every condition; the address only those that matter
	}
	answer := listPage{page: page{Title: c.lang.Say(at.Title()), User: c.actor.User, Rail: r, Notice: noticeOf(c.lang, c.r.URL.Query())}, List: list}
	return p.render(c, view{statusOf(fault), "ticket_list", "layout"}, answer)
}

// listOf asks for the list and gathers what stands around it. A search that cannot be understood is said on the list, not on a page of its own.
func (p *Portal) listOf(c *call, at listing) (ticketList, error) {
	list := ticketList{At: at, MayBulk: c.actor.Can(desk.MayWrite), MayEdit: at.Saved.ID != 0 && at.Saved.MayChange(c.actor.User)}
	nearby, err := p.nearby(c)
	if err != nil {
		return list, err
	}
	list.Form, list.Chips, list.Bulk = nearby.formOf(c, at.Filter()), nearby.chips(c, at), bulkFormOf(nearby)
	list.Form.Open = c.r.URL.Query().Has("filters")
	if list.Result, err = p.bulkResult(c); err != nil {
		return list, err
	}
	ask, err := at.ask(c.actor.User)
	if err == nil {
		var found desk.Page[desk.Ticket]
		if found, err = p.tickets.List(c.r.Context(), c.actor, ask); err == nil {
			list.Next = found.Next
			list.Rows, err = p.rowsOf(c, found.Items, ask.Text)
		}
	}
	if fault := asFault(err); fault != nil && fault.Kind == desk.Invalid {
		list.Problem, err = sentence(c.lang.Sentence(fault.Reason)), nil
	}
	return list, err
}

// after is the ticket that follows one in a list, or 0.
func (p *Portal) after(c *call, at listing, number int64) (int64, error) {
	at, err := p.resolved(c, at)
	if err != nil {
		return 0, err
	}
	ask, err := at.ask(c.actor.User)
	if err != nil {
		return 0, err
	}
	found, err := p.tickets.List(c.r.Context(), c.actor, ask)
	if fault := asFault(err); fault != nil && fault.Kind == desk.Invalid {
		return 0, nil // a search that says nothing has no next
	}
	if err != nil {
		return 0, err
	}
	if i := slices.IndexFunc(found.Items, func(t desk.Ticket) bool { return t.ID == number }); i >= 0 && i+1 < len(found.Items) {
		return found.Items[i+1].ID, nil
	}
	return 0, nil
}

// rowsOf adds to each ticket what the list says beside it: where the search hit, and how long until its target.
func (p *Portal) rowsOf(c *call, found []desk.Ticket, text string) ([]listRow, error) {
	hits, err := p.tickets.Hits(c.r.Context(), c.actor, found, text)
	if err != nil {
		return nil, err
	}
	now := p.now()
	rows := make([]listRow, len(found))
	for i, t := range found {
		rows[i] = listRow{Ticket: t, Hit: hits[t.ID]}
		if due := t.Due(); due != nil {
			rows[i].DueIn, rows[i].Overdue = dueIn(c.lang, *due, now)
		}
	}
	return rows, nil
}

// nearDue is how long before its end a target is shown in the list: before, nobody has to hurry.
const nearDue = 24 * time.Hour

// dueIn says how long there is until a target ends, or since. It is empty while there is more than a day.
func dueIn(lang *language.Language, due, now time.Time) (text string, over bool) {
	left := due.Sub(now)
	over = left < 0
	if over {
		left = -left
	}
	span := ""
	switch {
	case left < time.Hour:
		span = lang.Say("%d min", int(left.Minutes()))
	case left < 48*time.Hour:
		span = lang.Say("%d h", int(left.Hours()))
	default:
		span = lang.Say("%d d", int(left.Hours()/24))
	}
	switch {
	case over:
		return lang.Say("overdue %s", span), true
	case left > nearDue:
		return "", false
	}
	return lang.Say("due in %s", span), false
}

// statusOf is the HTTP status of a page that shows a fault in its middle.
func statusOf(fault *desk.Fault) int {
	if fault == nil {
		return http.StatusOK
	}
	return failures[fault.Kind].status
}

// hasWaiting says whether the list holds tickets that wait for us, so that an empty one is good news.
func (l listing) hasWaiting() bool {
	return !l.Changed() && slices.ContainsFunc(l.Filter().Statuses, desk.Status.Waiting)
}

// Empty is what an empty list says: a headline, and what to do.
func (l ticketList) Empty() (words [2]string) {
	switch {
	case l.Next != "":
		return [2]string{"Nothing among the first.", "These words are so common that the search stopped to show what it had. It can go on from there."}
	case l.At.Query() != "":
		return [2]string{"Nothing found.", "Every word has to be in the conversation. Try fewer words, or take a filter off."}
	case l.At.Cursor != "":
		return [2]string{"That was all.", ""}
	case l.At.Changed():
		return [2]string{"No conversation is like this.", "Take a filter off to see more."}
	case l.At.View == "mine":
		return [2]string{"Nothing is assigned to you.", "Take something from Unassigned."}
	case l.At.View == "snoozed":
		return [2]string{"Nothing is snoozed.", "A snoozed conversation rests here and comes back by itself."}
	case l.At.hasWaiting():
		return [2]string{"Nobody is waiting.", "New mail shows here by itself."}
	}
	return [2]string{"Nothing here.", ""}
}

package portal

import (
	"fmt"
	"strings"

	"postern/desk"
)

// cannedPage lists the canned replies that the reader may use.
type cannedPage struct {
	page
	Query   string
	Replies []cannedRow
}

// cannedRow is one of them.
type cannedRow struct {
	desk.Canned
	Preview string
	Keeps   bool // the reader may change it
}

// cannedList shows the canned replies, or those that hold some words.
func (p *Portal) cannedList(c *call) error {
	answer := cannedPage{Query: strings.TrimSpace(c.r.URL.Query().Get("q"))}
	found, err := p.tickets.CannedReplies(c.r.Context(), c.actor, answer.Query)
	if err != nil {
		return err
	}
	for _, one := range found {
		answer.Replies = append(answer.Replies, cannedRow{one, clip(one.Text, 160), keeps(c.actor, one.Shelf)})
	}
	if answer.page, err = p.framed(c, "Canned replies", "/canned"); err != nil {
		return err
	}
	return p.show(c, "canned", answer)
}

// cannedReplyPage is the form of one.
type cannedReplyPage struct {
	page
	Reply   desk.Canned
	Action  string
	Shelf   shelfForm
	Keeps   bool
	Problem string
	Ticket  string // to read it on, as typed
	Reads   string
}

// cannedNew shows an empty form.
func (p *Portal) cannedNew(c *call) error {
	return p.cannedReplyPage(c, cannedReplyPage{Reply: desk.Canned{Shelf: freshShelf(c.actor)}, Keeps: true}, nil)
}

// cannedShow shows one in its form; with a ticket in the address, also how it reads there.
func (p *Portal) cannedShow(c *call) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	answer := cannedReplyPage{Ticket: strings.TrimPrefix(strings.TrimSpace(c.r.URL.Query().Get("ticket")), "#")}
	if answer.Reply, err = p.tickets.CannedReply(c.r.Context(), c.actor, id); err != nil {
		return err
	}
	answer.Keeps = keeps(c.actor, answer.Reply.Shelf)
	var fault *desk.Fault
	if answer.Ticket != "" {
		answer.Reads, err = p.tickets.FillCanned(c.r.Context(), c.actor, number64(c.r.URL.Query(), "ticket"), id)
		if fault = asFault(err); err != nil && fault == nil {
			return err
		}
	}
	return p.cannedReplyPage(c, answer, fault)
}

// cannedAdd takes the form of a new one.
func (p *Portal) cannedAdd(c *call) error { return p.cannedTake(c, 0) }

// cannedSave takes the form of one.
func (p *Portal) cannedSave(c *call) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	return p.cannedTake(c, id)
}

func (p *Portal) cannedTake(c *call, id int64) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	reply := desk.Canned{ID: id, Name: form.Get("name"), Shortcut: form.Get("shortcut"), Text: form.Get("text"), Shelf: shelfOf(form, c.actor)}
	_, err = p.tickets.SaveCanned(c.r.Context(), c.actor, reply)
	if fault := asFault(err); fault != nil && fault.Kind != desk.Forbidden && fault.Kind != desk.NotFound {
		return p.cannedReplyPage(c, cannedReplyPage{Reply: reply, Keeps: true}, fault)
	}
	if err != nil {
		return err
	}
	return c.seeOther("/canned?done=saved")
}

// cannedRemove removes one.
func (p *Portal) cannedRemove(c *call) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	if err := p.tickets.DropCanned(c.r.Context(), c.actor, id); err != nil {
		return err
	}
	return c.seeOther("/canned?done=removed")
}

// cannedReplyPage renders the form.
func (p *Portal) cannedReplyPage(c *call, answer cannedReplyPage, fault *desk.Fault) error {
	lists, err := p.ruleLists(c)
	if err != nil {
		return err
	}
	answer.Shelf, answer.Action = p.shelfForm(c, answer.Reply.Shelf, lists), "/canned/new"
	if answer.Reply.ID != 0 {
		answer.Action = fmt.Sprintf("/canned/%d", answer.Reply.ID)
	}
	if fault != nil {
		answer.Problem = c.sentence(fault.Reason)
	}
	if answer.page, err = p.framed(c, "Canned reply", "/canned"); err != nil {
		return err
	}
	return p.render(c, view{statusOf(fault), "canned_reply", "layout"}, answer)
}

package portal

import (
	"strings"

	"postern/desk"
)

// mailboxesPage lists the addresses that take mail.
type mailboxesPage struct {
	page
	Mailboxes []desk.Mailbox
	Problem   string
	Address   string
	Next      string // where the form leads to; empty: this page
	Name      string
}

// mailboxList shows the mailboxes and the form that adds one.
func (p *Portal) mailboxList(c *call) error { return p.mailboxesPage(c, mailboxesPage{}, nil) }

// mailboxesPage renders the list, with what was wrong with an address.
func (p *Portal) mailboxesPage(c *call, answer mailboxesPage, fault *desk.Fault) error {
	var err error
	if answer.Mailboxes, err = p.domains.Mailboxes(c.r.Context()); err != nil {
		return err
	}
	if fault != nil {
		answer.Problem = sentence(fault.Reason)
	}
	if answer.page, err = p.framed(c, "Mailboxes", "/mailboxes"); err != nil {
		return err
	}
	return p.render(c, view{statusOf(fault), "mailboxes", "layout"}, answer)
}

// mailboxAdd adds an address that takes mail. The first steps send people here too, and back again.
func (p *Portal) mailboxAdd(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	address, name := strings.TrimSpace(form.Get("address")), strings.TrimSpace(form.Get("name"))
	_, err = p.domains.AddMailbox(c.r.Context(), c.actor, address, name)
	if fault := asFault(err); fault != nil && fault.Kind != desk.Forbidden {
		return p.mailboxesPage(c, mailboxesPage{Address: address, Name: name}, fault)
	}
	if err != nil {
		return err
	}
	return c.seeOther(localPath(form.Get("next"), "/mailboxes?done=added"))
}

// mailboxRemove closes an address; its tickets stay.
func (p *Portal) mailboxRemove(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	if err := p.domains.RemoveMailbox(c.r.Context(), c.actor, form.Get("address")); err != nil {
		return err
	}
	return c.seeOther("/mailboxes?done=removed")
}

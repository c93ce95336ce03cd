package portal

import (
	"strings"

	"postern/desk"
	"postern/identity"
)

// setupPage leads the first owner through the first five minutes: who you are, the domain, the mailbox, a first mail.
type setupPage struct {
	page
	Name, Email string
	Domains     []desk.Domain
	Mailboxes   []desk.Mailbox
	Problem     string
	YouDone     bool
}

// setupShow shows the steps and how far they are.
func (p *Portal) setupShow(c *call) error {
	return p.setupPage(c, setupPage{Name: c.actor.User.Name, Email: c.actor.User.Email}, nil)
}

// setupPage renders the steps, with what was wrong with the first.
func (p *Portal) setupPage(c *call, answer setupPage, fault *desk.Fault) error {
	ctx := c.r.Context()
	var err error
	if answer.Domains, err = p.domains.List(ctx, c.actor); err != nil {
		return err
	}
	if answer.Mailboxes, err = p.domains.Mailboxes(ctx); err != nil {
		return err
	}
	if fault != nil {
		answer.Problem = sentence(fault.Reason)
	}
	if answer.page, err = p.framed(c, "First steps", "/setup"); err != nil {
		return err
	}
	answer.YouDone = fault == nil && c.r.URL.Query().Get("done") == "saved"
	return p.render(c, view{statusOf(fault), "setup", "layout"}, answer)
}

// setupYou gives the owner a name, an address and a password of their own.
func (p *Portal) setupYou(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	name, email := strings.TrimSpace(form.Get("name")), strings.TrimSpace(form.Get("email"))
	change := identity.UserChange{Name: &name, Current: form.Get("current"), Session: c.token}
	if email != c.actor.User.Email {
		change.Email = &email
	}
	if password := form.Get("password"); password != "" {
		change.Password = &password
	}
	_, err = p.identity.UpdateUser(c.r.Context(), c.actor, c.actor.User.ID, change)
	if fault := asFault(err); fault != nil {
		return p.setupPage(c, setupPage{Name: name, Email: email}, fault)
	}
	if err != nil {
		return err
	}
	return c.seeOther("/setup?done=saved")
}

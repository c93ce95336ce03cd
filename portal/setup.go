package portal

import (
	"postern/desk"
)

// setupPage leads the first owner through the first five minutes: who you are, the domain, the mailbox, a first mail.
type setupPage struct {
	page
	You       youForm
	YouDone   bool
	Domains   []desk.Domain
	Mailboxes []desk.Mailbox
	Address   string // of the mailbox form, which is shared with the page of mailboxes
	Name      string
	Next      string
}

// unnamed is the name that the first owner has until they say their own.
const unnamed = "Owner"

// setupShow shows the steps and how far they are.
func (p *Portal) setupShow(c *call) error {
	ctx, user := c.r.Context(), c.actor.User
	frame, err := p.framed(c, "First steps", "/setup")
	if err != nil {
		return err
	}
	answer := setupPage{page: frame, YouDone: user.Name != unnamed, You: youForm{Name: user.Name, Email: user.Email, Next: "/setup"}, Next: "/setup"}
	if !answer.YouDone {
		answer.You.Name, answer.You.Email = "", ""
	}
	if answer.Domains, err = p.domains.List(ctx, c.actor); err != nil {
		return err
	}
	if answer.Mailboxes, err = p.domains.Mailboxes(ctx); err != nil {
		return err
	}
	return p.show(c, "setup", answer)
}

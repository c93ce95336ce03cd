package portal

import (
	"slices"
	"strings"

	"postern/desk"
	"postern/identity"
	"postern/tickets"
)

// youPage is where people change what is theirs: name, address, password.
type youPage struct {
	page
	Form    youForm
	Reading readingForm
	Away    bool // gets no tickets by turn
}

// youForm is the form, which the first steps show too.
type youForm struct {
	Name, Email string
	First       bool // the first steps: with a field for a password, which has a page of its own otherwise
	Next        string
	Problem     string
}

// youShow shows the form.
func (p *Portal) youShow(c *call) error {
	return p.youPage(c, youPage{Form: youFormOf(c), Reading: p.readingOf(c)}, nil)
}

// youFormOf is the form as it stands.
func youFormOf(c *call) youForm {
	return youForm{Name: c.actor.User.Name, Email: c.actor.User.Email, Next: "/you?done=saved"}
}

// youPage renders the forms; a fault in one of them stands over it already.
func (p *Portal) youPage(c *call, answer youPage, fault *desk.Fault) (err error) {
	if answer.page, err = p.framed(c, "You", "/you"); err != nil {
		return err
	}
	if c.actor.Can(desk.MayRead) {
		away, err := p.tickets.Away(c.r.Context(), c.actor)
		if err != nil {
			return err
		}
		answer.Away = slices.Contains(away, c.actor.User.ID)
	}
	return p.render(c, view{statusOf(fault), "you", "layout"}, answer)
}

// youPost changes the name, address and password of the person who is signed in. A new password ends their other sessions.
func (p *Portal) youPost(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	name, email, next := strings.TrimSpace(form.Get("name")), strings.TrimSpace(form.Get("email")), localPath(form.Get("next"), "/you?done=saved")
	change := identity.UserChange{Name: &name, Current: form.Get("current"), Session: c.token}
	if desk.Canonical(email) != c.actor.User.Email {
		change.Email = &email
	}
	if password := form.Get("password"); password != "" {
		change.Password = &password
	}
	_, err = p.identity.UpdateUser(c.r.Context(), c.actor, c.actor.User.ID, change)
	if fault := asFault(err); fault != nil {
		return p.youPage(c, youPage{Form: youForm{Name: name, Email: email, Next: next, Problem: c.sentence(fault.Reason)}, Reading: p.readingOf(c)}, fault)
	}
	if err != nil {
		return err
	}
	return c.seeOther(next)
}

// presencePost says whether the person who is signed in takes tickets by turn.
func (p *Portal) presencePost(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	if err := p.tickets.SetPresence(c.r.Context(), c.actor, c.actor.User.ID, tickets.Presence(form.Get("do") != "away")); err != nil {
		return err
	}
	return c.seeOther(localPath(form.Get("next"), "/you?done=saved"))
}

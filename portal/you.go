package portal

import (
	"strings"

	"postern/desk"
	"postern/identity"
)

// youPage is where people change what is theirs: name, address, password.
type youPage struct {
	page
	Form    youForm
	Reading readingForm
}

// youForm is the form, which the first steps show too.
type youForm struct {
	Name, Email string
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

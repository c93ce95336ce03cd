package portal

import (
	"postern/desk"
	"postern/identity"
)

// personPasswordPage is what an admin can do about somebody else's password.
type personPasswordPage struct {
	page
	Person  identity.Person
	MaySet  bool
	Field   passwordField
	Problem string
}

// personPasswordShow shows it.
func (p *Portal) personPasswordShow(c *call) error { return p.personPasswordPage(c, nil) }

func (p *Portal) personPasswordPage(c *call, fault *desk.Fault) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	frame, err := p.framed(c, "People", "/people")
	if err != nil {
		return err
	}
	person, rule, maySet, err := p.identity.PasswordOfOther(c.r.Context(), c.actor, id)
	if err != nil {
		return err
	}
	answer := personPasswordPage{page: frame, Person: person, MaySet: maySet, Field: passwordFieldOf(c, rule, fault != nil && fault.Field == "password")}
	if fault != nil {
		answer.Problem = c.sentence(fault.Reason)
	}
	return p.render(c, view{statusOf(fault), "person_password", "layout"}, answer)
}

// personPasswordPost has a link sent, or sets a password where an owner allows that.
func (p *Portal) personPasswordPost(c *call) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	form, err := c.form()
	if err != nil {
		return err
	}
	done := "reset"
	if form.Get("do") == "set" {
		done, err = "password-set", p.identity.SetPasswordOf(c.r.Context(), c.actor, id, form.Get("password"))
	} else {
		err = p.identity.StartReset(c.r.Context(), c.actor, id)
	}
	if fault := asFault(err); fault != nil && fault.Kind != desk.NotFound {
		return p.personPasswordPage(c, fault)
	}
	if err != nil {
		return err
	}
	return c.seeOther("/people?done=" + done)
}

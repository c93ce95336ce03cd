package portal

import (
	"time"

	"postern/desk"
	"postern/identity"
)

// youPasswordPage is where somebody changes their own password.
type youPasswordPage struct {
	page
	ChangedAt *time.Time // when they chose the one they have; nil: they have none
	Ends      *time.Time // by when they have to choose another one; nil: whenever they like
	Asks      bool       // for the present one
	Field     passwordField
	End       bool // end the other sessions
	Problem   string
}

// youPasswordShow shows the form.
func (p *Portal) youPasswordShow(c *call) error { return p.youPasswordPage(c, true, nil) }

func (p *Portal) youPasswordPage(c *call, end bool, fault *desk.Fault) error {
	frame, err := p.framed(c, "Password", "/you")
	if err != nil {
		return err
	}
	have, err := p.identity.PasswordOf(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	answer := youPasswordPage{page: frame, ChangedAt: have.At, Ends: have.Ends, Asks: have.Asked, Field: passwordFieldOf(c, have.Rule, fault != nil && fault.Field == "password"), End: end}
	if fault != nil {
		answer.Problem = c.sentence(fault.Reason)
	}
	return p.render(c, view{statusOf(fault), "you_password", "layout"}, answer)
}

// youPasswordPost changes the password. This session goes on.
func (p *Portal) youPasswordPost(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	end := form.Has("end")
	err = p.identity.ChangePassword(c.r.Context(), c.actor, identity.PasswordChange{
		Session: c.token, Current: form.Get("current"), Password: form.Get("password"), Others: othersOf(end), From: c.client(),
	})
	if fault := asFault(err); fault != nil {
		return p.youPasswordPage(c, end, fault)
	}
	if err != nil {
		return err
	}
	return c.seeOther("/you/security?done=saved")
}

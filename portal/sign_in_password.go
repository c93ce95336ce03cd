package portal

import (
	"postern/desk"
	"postern/identity"
)

// signInPasswordPage asks somebody who is signing in for another password.
type signInPasswordPage struct {
	page
	Why     string
	Next    string
	Field   passwordField
	Problem string
}

// signInPasswordShow shows the form to whom it is for.
func (p *Portal) signInPasswordShow(c *call) error {
	return p.signInPasswordPage(c, localPath(c.r.URL.Query().Get("next"), "/"), nil)
}

func (p *Portal) signInPasswordPage(c *call, next string, fault *desk.Fault) error {
	if c.session.Pending != string(identity.NeedsPassword) {
		return c.seeOther(next)
	}
	have, err := p.identity.PasswordOf(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	answer := signInPasswordPage{page: p.bare(c, "Choose another password"), Why: have.Must, Next: next, Field: passwordFieldOf(c, have.Rule, fault != nil)}
	if fault != nil {
		answer.Problem = c.sentence(fault.Reason)
	}
	return p.render(c, view{statusOf(fault), "sign_in_password", "layout"}, answer)
}

// signInPasswordPost takes the new password, and the sign-in goes on.
func (p *Portal) signInPasswordPost(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	next := localPath(form.Get("next"), "/")
	came, err := p.identity.ChoosePassword(c.r.Context(), c.token, form.Get("password"), c.client())
	if fault := asFault(err); fault != nil && fault.Kind != desk.Unsigned {
		return p.signInPasswordPage(c, next, fault)
	}
	if err != nil {
		return err
	}
	return p.welcome(c, came, next)
}

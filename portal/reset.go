package portal

import (
	"strings"

	"postern/desk"
	"postern/identity"
)

// resetPage asks for the address of somebody who has forgotten their password.
type resetPage struct {
	page
	Email   string
	Problem string
	Sent    bool
	Off     bool // an admin has to be asked
}

// resetChoosePage asks for the new password.
type resetChoosePage struct {
	page
	Token, Email string
	Field        passwordField
	End          bool
	Problem      string
}

// resetShow shows the form.
func (p *Portal) resetShow(c *call) error {
	on, err := p.identity.ResetsByMail(c.r.Context())
	if err != nil {
		return err
	}
	return p.show(c, "reset", resetPage{page: p.bare(c, "A new password"), Off: !on})
}

// resetPost has a link mailed. The answer is the same whoever the address is.
func (p *Portal) resetPost(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	answer := resetPage{page: p.bare(c, "A new password"), Email: strings.TrimSpace(form.Get("email")), Sent: true}
	err = p.identity.AskReset(c.r.Context(), answer.Email, c.client())
	fault := asFault(err)
	if fault != nil {
		answer.Sent, answer.Problem = false, c.sentence(fault.Reason)
	} else if err != nil {
		return err
	}
	return p.render(c, view{statusOf(fault), "reset", "layout"}, answer)
}

// resetChoose shows whose link it is, and the form that uses it. Programs that look into mail open links, and they must not use this one up.
func (p *Portal) resetChoose(c *call) error { return p.resetChoosePage(c, true, nil) }

func (p *Portal) resetChoosePage(c *call, end bool, fault *desk.Fault) error {
	c.w.Header().Set("Referrer-Policy", "no-referrer") // the address is a secret until it is used
	token := c.r.PathValue("token")
	user, rule, err := p.identity.PeekReset(c.r.Context(), token)
	if err != nil {
		return err
	}
	answer := resetChoosePage{page: p.bare(c, "A new password"), Token: token, Email: user.Email, End: end, Field: passwordFieldOf(c, rule, fault != nil)}
	answer.Here = "/sign-in" // a change of the language must not carry the token around
	if fault != nil {
		answer.Problem = c.sentence(fault.Reason)
	}
	return p.render(c, view{statusOf(fault), "reset_choose", "layout"}, answer)
}

// resetChoosePost sets the password. It opens no session: whoever has a second factor shows it when they sign in.
func (p *Portal) resetChoosePost(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	end := form.Has("end")
	err = p.identity.UseReset(c.r.Context(), c.r.PathValue("token"), form.Get("password"), othersOf(end), c.client())
	if fault := asFault(err); fault != nil && fault.Kind != desk.NotFound {
		return p.resetChoosePage(c, end, fault)
	}
	if err != nil {
		return err
	}
	return c.seeOther("/sign-in?done=password")
}

// othersOf is what becomes of other sessions, by the box of the form.
func othersOf(end bool) identity.Others {
	if end {
		return identity.EndOthers
	}
	return identity.KeepOthers
}

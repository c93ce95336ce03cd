package portal

import (
	"strings"
	"time"

	"postern/desk"
	"postern/identity"
	"postern/store"
)

const impersonatePath = "/impersonate"

// standsFor is what every page tells who looks at customers' pages in a customer's place. Zero: nobody does.
type standsFor struct {
	Who   string // the one of our people
	As    string // address of the customer
	Until time.Time
}

// standsForOf says in whose place the one who asks looks at customers' pages just now.
func standsForOf(c *call) standsFor {
	standing, ok := identity.StandsIn(c.session, c.actor)
	if !ok {
		return standsFor{}
	}
	return standsFor{Who: standing.Behind.Email, As: standing.User.Email, Until: *c.session.ActsUntil}
}

// standsIn makes the customer the one who asks in whose place one of our people looks, and that person the one behind.
func standsIn(c *call, session store.LiveSession) bool {
	standing, ok := identity.StandsIn(session, c.actor)
	if ok {
		c.actor = standing
	}
	return ok
}

// impersonatePage asks as whom somebody wants to look, and why.
type impersonatePage struct {
	page
	Customer string
	Reason   string
	Told     bool // the customer gets a mail
	Minutes  int
	Problem  string
	Field    string // what is wrong
}

// impersonateShow asks.
func (p *Portal) impersonateShow(c *call) error {
	return p.impersonatePage(c, impersonatePage{Customer: c.r.URL.Query().Get("customer")}, nil)
}

func (p *Portal) impersonatePage(c *call, answer impersonatePage, fault *desk.Fault) (err error) {
	if answer.page, err = p.framed(c, "See as a customer", ""); err != nil {
		return err
	}
	values, err := p.identity.Settings(c.r.Context())
	if err != nil {
		return err
	}
	answer.Told, answer.Minutes = values.On(desk.ImpersonationTell), int(identity.ImpersonationFor/time.Minute)
	if fault != nil {
		answer.Problem, answer.Field = c.sentence(fault.Reason), fault.Field
	}
	return p.render(c, view{statusOf(fault), "impersonate", "layout"}, answer)
}

// impersonatePost begins, and leads to the customer's pages.
func (p *Portal) impersonatePost(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	typed := impersonatePage{Customer: strings.TrimSpace(form.Get("customer")), Reason: form.Get("reason")}
	err = p.identity.Impersonate(c.r.Context(), c.actor, c.token, typed.Customer, typed.Reason)
	if fault := asFault(err); fault != nil && fault.Kind != desk.Unsigned {
		return p.impersonatePage(c, typed, fault)
	}
	if err != nil {
		return err
	}
	return c.seeOther("/my")
}

// impersonateEnd ends it, also for who may not begin any more.
func (p *Portal) impersonateEnd(c *call) error {
	if err := p.identity.EndImpersonation(c.r.Context(), c.actor); err != nil {
		return err
	}
	if c.actor.Can(desk.MayRead) {
		return c.seeOther("/tickets?done=no-longer")
	}
	return c.seeOther("/you/security?done=no-longer")
}

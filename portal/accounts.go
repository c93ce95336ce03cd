package portal

import (
	"slices"

	"postern/desk"
	"postern/identity"
)

// accountsPage is where people see which accounts elsewhere open theirs.
type accountsPage struct {
	page
	Connected []desk.ForeignIdentity
	Others    []desk.Provider // by which they could sign in, too
	Problem   string
}

// accountsShow lists them.
func (p *Portal) accountsShow(c *call) error { return p.accountsPage(c, nil) }

func (p *Portal) accountsPage(c *call, fault *desk.Fault) (err error) {
	var answer accountsPage
	ctx := c.r.Context()
	if answer.Connected, err = p.identity.Connected(ctx, c.actor, c.actor.User.ID); err != nil {
		return err
	}
	population := desk.ForStaff
	if c.actor.User.Role == desk.RoleCustomer {
		population = desk.ForCustomers
	}
	offered, err := p.identity.Offered(ctx, population, c.client())
	if err != nil {
		return err
	}
	answer.Others = slices.DeleteFunc(offered, func(one desk.Provider) bool {
		return slices.ContainsFunc(answer.Connected, func(has desk.ForeignIdentity) bool { return has.ProviderID == one.ID })
	})
	if answer.page, err = p.framed(c, "Connected accounts", "/you/security"); err != nil {
		return err
	}
	if fault != nil {
		answer.Problem = c.sentence(fault.Reason)
	}
	return p.render(c, view{statusOf(fault), "accounts", "layout"}, answer)
}

// accountConnect sends the browser to a provider, to connect an account there with the person who is signed in.
func (p *Portal) accountConnect(c *call) error { return p.signonBegin(c, identity.ToLink) }

// accountDisconnect takes an account elsewhere off the person who is signed in.
func (p *Portal) accountDisconnect(c *call) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	if err := p.identity.Disconnect(c.r.Context(), c.actor, c.actor.User.ID, id); err != nil {
		return err
	}
	return c.seeOther("/you/accounts?done=unlinked")
}

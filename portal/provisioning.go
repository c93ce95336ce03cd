package portal

import (
	"postern/desk"
	"postern/identity"
)

// provisioningPage is how a provider's own program keeps its people here (SCIM).
type provisioningPage struct {
	page
	Provider desk.Provider
	Address  string // what the program asks
	Tokens   []desk.ProvisionToken
	People   []desk.Provision
	All      int
	Next     int64 // id after which the next page begins; 0: this is the last
	Role     desk.Role
	Roles    []desk.Role
	Days     int64
	Secret   string // of a token that was made just now; it is shown once
	Problem  string
	May      bool
}

// provisioningPeople is how many people a page lists, and provisioningDays how long a token lasts if nothing else is chosen.
const (
	provisioningPeople = 50
	provisioningDays   = 180
)

func provisioningPath(id int64) string { return providerPath(id) + "/provisioning" }

// provisioningShow shows the tokens of a provider's program, and whom it keeps here.
func (p *Portal) provisioningShow(c *call) error {
	provider, err := p.providerAt(c)
	if err != nil {
		return err
	}
	return p.provisioningPage(c, provisioningPage{Provider: provider}, nil)
}

func (p *Portal) provisioningPage(c *call, answer provisioningPage, fault *desk.Fault) (err error) {
	ctx, id := c.r.Context(), answer.Provider.ID
	if answer.Tokens, err = p.identity.ProvisionTokens(ctx, c.actor, id); err != nil {
		return err
	}
	if answer.People, answer.All, err = p.identity.Provisions(ctx, c.actor, id, number64(c.r.URL.Query(), "after"), provisioningPeople+1); err != nil {
		return err
	}
	if len(answer.People) > provisioningPeople {
		answer.People = answer.People[:provisioningPeople]
		answer.Next = answer.People[provisioningPeople-1].UserID
	}
	for _, role := range []desk.Role{desk.RoleCustomer, desk.RoleLight, desk.RoleAgent, desk.RoleAdmin} {
		if answer.Provider.Population.Covers(role) {
			answer.Roles = append(answer.Roles, role)
		}
	}
	answer.Address, answer.May, answer.Role = p.public+identity.ProvisionPath, c.actor.Can(desk.MayManageSecurity), answer.Provider.RoleProvisioned()
	if answer.Days == 0 {
		answer.Days = provisioningDays
	}
	if fault != nil {
		answer.Problem = c.sentence(fault.Reason)
	}
	if answer.page, err = p.framed(c, "Provisioning", "/security"); err != nil {
		return err
	}
	return p.render(c, view{statusOf(fault), "provisioning", "layout"}, answer)
}

// provisioningPost makes or ends a token, or chooses the role of people who are brought.
func (p *Portal) provisioningPost(c *call) error {
	provider, err := p.providerAt(c)
	if err != nil {
		return err
	}
	form, err := c.form()
	if err != nil {
		return err
	}
	ctx, answer, done := c.r.Context(), provisioningPage{Provider: provider}, "saved"
	switch form.Get("do") {
	case "make":
		answer.Days = number64(form, "days")
		answer.Secret, err = p.identity.NewProvisionToken(ctx, c.actor, provider.ID, int(min(answer.Days, 100_000)))
	case "end":
		done, err = "revoked", p.identity.RevokeProvisionToken(ctx, c.actor, provider.ID, number64(form, "token"))
	case "role":
		err = p.identity.SetProvisionRole(ctx, c.actor, provider.ID, desk.Role(form.Get("role")))
	default:
		err = desk.Wrong("do", "There is no such action.")
	}
	if fault := asFault(err); fault != nil && fault.Kind != desk.NotFound {
		return p.provisioningPage(c, answer, fault)
	}
	if err != nil {
		return err
	}
	if answer.Secret != "" {
		return p.provisioningPage(c, answer, nil)
	}
	return c.seeOther(provisioningPath(provider.ID) + "?done=" + done)
}

package portal

import (
	"fmt"
	"slices"
	"strings"

	"postern/desk"
	"postern/identity"
)

// clientsPage lists the programs that people may connect.
type clientsPage struct {
	page
	Clients  []desk.OAuthClient
	Next     string
	Metadata string
}

// clientPage is the form of one, with what else can be done.
type clientPage struct {
	page
	ID           int64
	Key          string
	Name         string
	About        string
	Confidential bool
	Redirects    string
	Scopes       scopeBoxes
	Offline      bool
	Service      string
	Services     []identity.Person
	Minutes      int
	Off          bool
	Grants       []desk.OAuthGrant
	Next         string
	Secret       string // just made; it is shown once
	Problem      string
}

// clientList shows them.
func (p *Portal) clientList(c *call) error {
	found, err := p.identity.Clients(c.r.Context(), c.actor, c.r.URL.Query().Get("cursor"), pageLimit)
	if err != nil {
		return err
	}
	answer := clientsPage{Clients: found.Items, Next: found.Next, Metadata: p.identity.Issuer() + "/.well-known/oauth-authorization-server"}
	if answer.page, err = p.framed(c, "Apps that people may connect", "/security"); err != nil {
		return err
	}
	return p.show(c, "clients", answer)
}

// clientNew shows the form of one to be registered.
func (p *Portal) clientNew(c *call) error {
	return p.clientForm(c, clientPage{Scopes: c.boxesOf([]desk.Scope{desk.ScopeRead}, desk.ScopeImpersonate)}, nil)
}

// clientShow shows one.
func (p *Portal) clientShow(c *call) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	return p.clientOf(c, id, clientPage{}, nil)
}

// clientOf shows a client as it stands, with a secret that was just made or what was wrong.
func (p *Portal) clientOf(c *call, id int64, answer clientPage, fault *desk.Fault) error {
	client, err := p.identity.Client(c.r.Context(), c.actor, id)
	if err != nil {
		return err
	}
	answer.ID, answer.Key, answer.Confidential, answer.Off = client.ID, client.Key, client.Confidential, client.DisabledAt != nil
	if fault == nil {
		answer.Name, answer.About, answer.Redirects, answer.Service, answer.Minutes = client.Name, client.About, strings.Join(client.Redirects, "\n"), client.ServiceEmail, client.AccessMinutes
		answer.Scopes, answer.Offline = c.boxesOf(client.Scopes, desk.ScopeImpersonate), slices.Contains(client.Scopes, desk.ScopeOffline)
	}
	grants, err := p.identity.AppsOf(c.r.Context(), c.actor, id, c.r.URL.Query().Get("cursor"), pageLimit)
	if err != nil {
		return err
	}
	answer.Grants, answer.Next = grants.Items, grants.Next
	return p.clientForm(c, answer, fault)
}

// clientForm renders the form.
func (p *Portal) clientForm(c *call, answer clientPage, fault *desk.Fault) error {
	var err error
	if answer.Services, err = p.identity.Services(c.r.Context(), c.actor); asFault(err) != nil { // who may not see them chooses none
		answer.Services, err = nil, nil
	}
	if err != nil {
		return err
	}
	if fault != nil {
		answer.Problem = c.sentence(fault.Reason)
	}
	title := "Register an app"
	if answer.ID != 0 {
		title = answer.Name
	}
	if answer.page, err = p.framed(c, title, "/security"); err != nil {
		return err
	}
	return p.render(c, view{statusOf(fault), "client", "layout"}, answer)
}

// clientAsked reads the form, also into the page that shows it again.
func (c *call) clientAsked() (wanted identity.NewClient, again clientPage, err error) {
	form, err := c.form()
	if err != nil {
		return wanted, again, err
	}
	wanted = identity.NewClient{
		Name: strings.TrimSpace(form.Get("name")), About: form.Get("about"), Confidential: form.Get("confidential") == "on", Redirects: lines(form.Get("redirects")),
		Scopes: scopesOf(form["scope"]), Service: form.Get("service"), AccessMinutes: int(min(number64(form, "minutes"), 1_000_000)),
	}
	again = clientPage{
		Name: wanted.Name, About: wanted.About, Confidential: wanted.Confidential, Redirects: form.Get("redirects"), Scopes: c.boxesOf(wanted.Scopes, desk.ScopeImpersonate),
		Offline: slices.Contains(wanted.Scopes, desk.ScopeOffline), Service: wanted.Service, Minutes: wanted.AccessMinutes,
	}
	return wanted, again, nil
}

// clientAdd registers a client.
func (p *Portal) clientAdd(c *call) error {
	wanted, again, err := c.clientAsked()
	if err != nil {
		return err
	}
	secret, client, err := p.identity.AddClient(c.r.Context(), c.actor, wanted)
	if fault := asFault(err); fault != nil && fault.Kind != desk.Forbidden {
		return p.clientForm(c, again, fault)
	}
	if err != nil {
		return err
	}
	if secret == "" {
		return c.seeOther(clientPath(client.ID) + "?done=added")
	}
	return p.clientOf(c, client.ID, clientPage{Secret: secret}, nil)
}

// clientSave changes one.
func (p *Portal) clientSave(c *call) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	wanted, again, err := c.clientAsked()
	if err != nil {
		return err
	}
	err = p.identity.ChangeClient(c.r.Context(), c.actor, id, wanted)
	if fault := asFault(err); fault != nil && fault.Kind == desk.Invalid {
		return p.clientOf(c, id, again, fault)
	}
	if err != nil {
		return err
	}
	return c.seeOther(clientPath(id) + "?done=saved")
}

// clientSecret makes a new secret and shows it once.
func (p *Portal) clientSecret(c *call) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	secret, err := p.identity.NewClientSecret(c.r.Context(), c.actor, id)
	if err != nil {
		return err
	}
	return p.clientOf(c, id, clientPage{Secret: secret}, nil)
}

// clientSwitch takes one out of use, or puts it to use again.
func (p *Portal) clientSwitch(c *call) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	form, err := c.form()
	if err != nil {
		return err
	}
	use := identity.ClientOff
	if form.Get("to") == "on" {
		use = identity.ClientOn
	}
	if err := p.identity.SwitchClient(c.r.Context(), c.actor, id, use); err != nil {
		return err
	}
	return c.seeOther(clientPath(id) + "?done=saved")
}

// clientRemove removes one.
func (p *Portal) clientRemove(c *call) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	if err := p.identity.RemoveClient(c.r.Context(), c.actor, id); err != nil {
		return err
	}
	return c.seeOther("/security/clients?done=removed")
}

func clientPath(id int64) string { return fmt.Sprintf("/security/clients/%d", id) }

// servicesPage lists the accounts of programs.
type servicesPage struct {
	page
	Services []identity.Person
	Roles    []desk.Role
	Name     string
	Role     desk.Role
	Problem  string
}

// serviceList shows them.
func (p *Portal) serviceList(c *call) error {
	return p.servicesPage(c, servicesPage{Role: desk.RoleAgent}, nil)
}

func (p *Portal) servicesPage(c *call, answer servicesPage, fault *desk.Fault) error {
	var err error
	if answer.Services, err = p.identity.Services(c.r.Context(), c.actor); err != nil {
		return err
	}
	answer.Roles = []desk.Role{desk.RoleAgent, desk.RoleLight, desk.RoleAuditor, desk.RoleAdmin}
	if fault != nil {
		answer.Problem = c.sentence(fault.Reason)
	}
	if answer.page, err = p.framed(c, "Service accounts", "/security"); err != nil {
		return err
	}
	return p.render(c, view{statusOf(fault), "services", "layout"}, answer)
}

// serviceAdd makes one.
func (p *Portal) serviceAdd(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	answer := servicesPage{Name: strings.TrimSpace(form.Get("name")), Role: desk.Role(form.Get("role"))}
	_, err = p.identity.AddServiceAccount(c.r.Context(), c.actor, answer.Name, answer.Role)
	if fault := asFault(err); fault != nil && fault.Kind != desk.Forbidden {
		return p.servicesPage(c, answer, fault)
	}
	if err != nil {
		return err
	}
	return c.seeOther("/security/services?done=added")
}

// serviceSwitch takes one out of use, or puts it to use again.
func (p *Portal) serviceSwitch(c *call) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	form, err := c.form()
	if err != nil {
		return err
	}
	if err := p.identity.SwitchService(c.r.Context(), c.actor, id, identity.ClientUse(form.Get("to"))); err != nil {
		return err
	}
	return c.seeOther("/security/services?done=saved")
}

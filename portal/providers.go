package portal

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"postern/desk"
	"postern/identity"
)

// providersPath is where admins say how people sign in.
const providersPath = "/security/sign-in"

// signInSettings are the settings on the page, in its order.
var signInSettings = []*desk.Setting{
	desk.StaffPassword, desk.StaffMode, desk.StaffRedirect, desk.CustomerPassword, desk.CustomerCode, desk.CustomerMode, desk.CustomerRedirect, desk.SignOnNear,
}

// providersPage lists providers, and how the pages for signing in look.
type providersPage struct {
	page
	Form      settingsForm
	Providers []desk.Provider
	Kinds     []desk.ProviderKind
	May       bool // change something
}

// providerList shows who is believed about who people are.
func (p *Portal) providerList(c *call) error {
	form, err := p.settingsOf(c, providersPath, signInSettings)
	if err != nil {
		return err
	}
	return p.providersPage(c, form, nil)
}

// providerSettings changes how the pages for signing in look.
func (p *Portal) providerSettings(c *call) error {
	form, fault, err := p.saveSettings(c, providersPath, signInSettings)
	switch {
	case err != nil:
		return err
	case fault != nil:
		return p.providersPage(c, form, fault)
	}
	return c.seeOther(providersPath + "?done=saved")
}

func (p *Portal) providersPage(c *call, form settingsForm, fault *desk.Fault) (err error) {
	answer := providersPage{Form: form, Kinds: desk.ProviderKinds, May: c.actor.Can(desk.MayManageSecurity)}
	if answer.Providers, err = p.identity.Providers(c.r.Context(), c.actor); err != nil {
		return err
	}
	if answer.page, err = p.framed(c, "Signing in", "/security"); err != nil {
		return err
	}
	return p.render(c, view{statusOf(fault), "providers", "layout"}, answer)
}

// providerPage is one provider, or one to be added.
type providerPage struct {
	page
	Provider   desk.Provider
	Population []desk.Population
	Roles      []desk.Role
	Algorithms []string
	Callback   string // what the provider has to be told
	Secret     string // that was made just now; it is shown once
	Problem    string
	May        bool
	NeedsPlain bool // the provider gives us a secret
}

// providerNew shows the form of a kind.
func (p *Portal) providerNew(c *call) error {
	kind := desk.ProviderKind(c.r.URL.Query().Get("kind"))
	if kind == desk.ProviderSAML {
		return c.seeOther(samlNewPath)
	}
	if !kind.Valid() {
		kind = desk.ProviderOIDC
	}
	fresh := desk.Provider{Kind: kind, Population: desk.ForStaff}
	if kind.Social() {
		fresh.Population = desk.ForCustomers
	}
	if kind == desk.ProviderJWT {
		fresh.Settings.Algorithm = "HS256"
	}
	return p.providerPage(c, providerPage{Provider: fresh}, nil)
}

func (p *Portal) providerPage(c *call, answer providerPage, fault *desk.Fault) (err error) {
	answer.Population, answer.Algorithms, answer.May = desk.Populations, []string{"HS256", "RS256", "ES256", "EdDSA"}, c.actor.Can(desk.MayManageSecurity)
	answer.Roles = []desk.Role{desk.RoleCustomer, desk.RoleLight, desk.RoleAgent, desk.RoleAdmin}
	answer.NeedsPlain = answer.Provider.Kind.OpenID() || answer.Provider.Kind.Social()
	if answer.Provider.Kind.Social() {
		answer.Population = []desk.Population{desk.ForCustomers}
	}
	if id := answer.Provider.ID; id != 0 {
		answer.Callback = p.identity.CallbackURL(id)
		if answer.Provider.Kind == desk.ProviderJWT {
			answer.Callback = p.public + "/access/jwt/" + numberOf(id)
		}
	}
	if fault != nil {
		answer.Problem = c.sentence(fault.Reason)
	}
	if answer.page, err = p.framed(c, "Signing in", "/security"); err != nil {
		return err
	}
	return p.render(c, view{statusOf(fault), "provider", "layout"}, answer)
}

// providerAdd adds a provider, switched off.
func (p *Portal) providerAdd(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	wanted := providerOf(form, desk.Provider{Kind: desk.ProviderKind(form.Get("kind"))})
	made, err := p.identity.AddProvider(c.r.Context(), c.actor, wanted)
	if err == nil && strings.TrimSpace(form.Get("secret")) != "" {
		err = p.identity.SetProviderSecret(c.r.Context(), c.actor, made.ID, form.Get("secret"))
	}
	if fault := asFault(err); fault != nil {
		return p.providerPage(c, providerPage{Provider: wanted}, fault)
	}
	if err != nil {
		return err
	}
	return c.seeOther(providerPath(made.ID) + "?done=added")
}

// providerShow shows one.
func (p *Portal) providerShow(c *call) error {
	provider, err := p.providerAt(c)
	if err != nil {
		return err
	}
	return p.providerPage(c, providerPage{Provider: provider}, nil)
}

func (p *Portal) providerAt(c *call) (desk.Provider, error) {
	id, err := c.id64("id")
	if err != nil {
		return desk.Provider{}, err
	}
	return p.identity.Provider(c.r.Context(), c.actor, id)
}

// providerSave changes one.
func (p *Portal) providerSave(c *call) error {
	before, err := p.providerAt(c)
	if err != nil {
		return err
	}
	form, err := c.form()
	if err != nil {
		return err
	}
	wanted := providerOf(form, before)
	_, err = p.identity.ChangeProvider(c.r.Context(), c.actor, wanted)
	if err == nil && strings.TrimSpace(form.Get("secret")) != "" {
		err = p.identity.SetProviderSecret(c.r.Context(), c.actor, before.ID, form.Get("secret"))
	}
	if fault := asFault(err); fault != nil {
		return p.providerPage(c, providerPage{Provider: wanted}, fault)
	}
	if err != nil {
		return err
	}
	return c.seeOther(providerPath(before.ID) + "?done=saved")
}

// providerDo switches a provider, removes it, or makes a secret.
func (p *Portal) providerDo(c *call) error {
	provider, err := p.providerAt(c)
	if err != nil {
		return err
	}
	form, err := c.form()
	if err != nil {
		return err
	}
	ctx, answer, target := c.r.Context(), providerPage{Provider: provider}, providerPath(provider.ID)+"?done=saved"
	switch form.Get("do") {
	case "on":
		err = p.identity.SwitchProvider(ctx, c.actor, provider.ID, identity.SwitchedOn)
	case "off":
		err = p.identity.SwitchProvider(ctx, c.actor, provider.ID, identity.SwitchedOff)
	case "remove":
		target, err = providersPath+"?done=removed", p.identity.RemoveProvider(ctx, c.actor, provider.ID)
	case "secret":
		answer.Secret, err = p.identity.NewProviderSecret(ctx, c.actor, provider.ID)
	default:
		err = desk.Wrong("do", "There is no such action.")
	}
	if fault := asFault(err); fault != nil && fault.Kind != desk.NotFound {
		return p.providerPage(c, answer, fault)
	}
	if err != nil {
		return err
	}
	if answer.Secret != "" {
		answer.Provider.HasSecret = true
		return p.providerPage(c, answer, nil)
	}
	return c.seeOther(target)
}

// providerTest sends the browser to a provider to see whether it works, without coming in.
func (p *Portal) providerTest(c *call) error { return p.signonBegin(c, identity.ToTest) }

// trialPage says what a trial sign-in has found out.
type trialPage struct {
	page
	identity.Trial
}

func (p *Portal) trialPage(c *call, trial identity.Trial) error {
	// The session's cookie does not come along when the provider's page sends a form, so the page has no frame of the person's.
	return p.show(c, "trial", trialPage{page: page{Title: c.lang.Say("Trial sign-in"), Bare: true, Here: providerPath(trial.Provider.ID), User: c.actor.User}, Trial: trial})
}

func providerPath(id int64) string { return providersPath + "/" + numberOf(id) }

func numberOf(id int64) string { return strconv.FormatInt(id, 10) }

// providerOf reads the form over what stands already: fields of other kinds are not on it and stay.
func providerOf(form url.Values, p desk.Provider) desk.Provider {
	settings := &p.Settings
	text := func(name string, into *string) {
		if form.Has(name) {
			*into = strings.TrimSpace(form.Get(name))
		}
	}
	list := func(name string, into *[]string) {
		if form.Has(name) {
			*into = typedLines(form.Get(name))
		}
	}
	text("name", &p.Name)
	text("issuer", &settings.Issuer)
	text("client_id", &settings.ClientID)
	text("logout_url", &settings.LogoutURL)
	text("login_url", &settings.LoginURL)
	text("algorithm", &settings.Algorithm)
	text("public_key", &settings.PublicKey)
	text("keys_url", &settings.KeysURL)
	text("audience", &settings.Audience)
	text("token_issuer", &settings.TokenIssuer)
	for name, into := range map[string]*[]string{
		"domains": &settings.Domains, "hosted": &settings.Hosted, "tenants": &settings.Tenants, "ranges": &settings.Ranges, "mfa_values": &settings.MFAValues,
		"scopes": &settings.Scopes, "return_hosts": &settings.ReturnHosts, "fields": &settings.Fields,
	} {
		list(name, into)
	}
	if form.Has("population") {
		p.Population = desk.Population(form.Get("population"))
	}
	if form.Has("create_role") {
		settings.CreateRole = desk.Role(form.Get("create_role"))
	}
	settings.Create, settings.AllowRole = form.Get("create") == "on", form.Get("allow_role") == "on"
	settings.RequireMFA, settings.AllowGet = form.Get("require_mfa") == "on", form.Get("allow_get") == "on"
	if !settings.Create {
		settings.CreateRole = ""
	}
	return p
}

// typedLines are the lines of a field, without empty ones.
func typedLines(typed string) []string {
	lines := strings.FieldsFunc(typed, func(r rune) bool { return r == '\n' || r == '\r' })
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return slices.DeleteFunc(lines, func(line string) bool { return line == "" })
}

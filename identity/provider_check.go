package identity

import (
	"context"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"postern/desk"
)

// checked brings a provider into the form in which it is kept, or says what is wrong with it.
func (s *Service) checked(ctx context.Context, p desk.Provider) (desk.Provider, error) {
	outward, err := s.outward(ctx)
	if err != nil {
		return p, err
	}
	p.Name = strings.TrimSpace(p.Name)
	tidy(&p.Settings)
	return p, checkProvider(p, outward)
}

// tidy brings lists into their form: each entry once, without white space, in small letters where letters do not count.
func tidy(settings *desk.ProviderSettings) {
	for _, list := range []*[]string{&settings.Domains, &settings.Hosted, &settings.Tenants, &settings.ReturnHosts, &settings.Ranges} {
		*list = tidyList(*list, strings.ToLower)
	}
	for _, list := range []*[]string{&settings.MFAValues, &settings.Scopes, &settings.Fields} {
		*list = tidyList(*list, func(text string) string { return text })
	}
	for _, text := range []*string{&settings.Issuer, &settings.ClientID, &settings.PublicKey, &settings.KeysURL, &settings.LoginURL, &settings.LogoutURL, &settings.Audience, &settings.TokenIssuer} {
		*text = strings.TrimSpace(*text)
	}
}

func tidyList(list []string, form func(string) string) (made []string) {
	for _, one := range list {
		if one = form(strings.TrimSpace(one)); one != "" && !slices.Contains(made, one) {
			made = append(made, one)
		}
	}
	return made
}

// checkProvider says what is wrong with a provider.
func checkProvider(p desk.Provider, outward Outward) error {
	settings := p.Settings
	switch {
	case !p.Kind.Valid():
		return desk.Wrong("kind", "a provider is one of oidc, google, microsoft, saml, jwt, facebook and x")
	case p.Name == "" || utf8.RuneCountInString(p.Name) > longestProvider || strings.ContainsFunc(p.Name, unprintable):
		return desk.Wrong("name", "a name is one line of 1 to %d characters", longestProvider)
	case !slices.Contains(desk.Populations, p.Population):
		return desk.Wrong("population", "a provider is for staff, customers or both")
	case p.Kind.Social() && p.Population != desk.ForCustomers:
		return desk.Wrong("population", "anybody has an account there, so it is for customers only")
	case settings.CreateRole == desk.RoleOwner:
		return desk.Wrong("create_role", "a provider never makes an owner")
	case settings.CreateRole != "" && !p.Population.Covers(settings.CreateRole):
		return desk.Wrong("create_role", "this provider is not for people of that role")
	}
	for _, check := range []func(desk.Provider, Outward) error{checkLists, checkRanges, checkPages, checkKind} {
		if err := check(p, outward); err != nil {
			return err
		}
	}
	return nil
}

// checkLists bounds what was typed.
func checkLists(p desk.Provider, _ Outward) error {
	settings := p.Settings
	for field, list := range map[string][]string{"domains": settings.Domains, "hosted": settings.Hosted, "tenants": settings.Tenants, "return_hosts": settings.ReturnHosts, "ranges": settings.Ranges, "mfa_values": settings.MFAValues, "scopes": settings.Scopes, "fields": settings.Fields} {
		if len(list) > mostValues || slices.ContainsFunc(list, func(one string) bool { return len(one) > longestValue || strings.ContainsFunc(one, unprintable) }) {
			return desk.Wrong(field, "a list has at most %d lines of text", mostValues)
		}
	}
	for field, list := range map[string][]string{"domains": settings.Domains, "hosted": settings.Hosted} {
		for _, domain := range list {
			if !desk.ValidAddress("a@"+domain) || !strings.Contains(domain, ".") {
				return desk.Wrong(field, "%q is not a domain", domain)
			}
		}
	}
	if len(settings.PublicKey) > longestKey || len(settings.ClientID) > longestValue || len(settings.Audience) > longestValue || len(settings.TokenIssuer) > longestValue {
		return desk.Wrong("settings", "one of the fields is too long")
	}
	return nil
}

func checkRanges(p desk.Provider, _ Outward) error {
	for _, text := range p.Settings.Ranges {
		if _, err := netip.ParsePrefix(text); err != nil {
			return desk.Wrong("ranges", "%q is not a network: write one like 192.0.2.0/24", text)
		}
	}
	return nil
}

// checkPages looks at addresses to which browsers are sent. They are not asked by us, so they may be anywhere; but a script or a file is no page.
func checkPages(p desk.Provider, _ Outward) error {
	for field, text := range map[string]string{"logout_url": p.Settings.LogoutURL, "login_url": p.Settings.LoginURL} {
		if text == "" {
			continue
		}
		page, err := url.Parse(text)
		if err != nil || len(text) > longestValue || page.Host == "" || page.User != nil || page.Scheme != "https" && page.Scheme != "http" {
			return desk.Wrong(field, "%s is the whole address of a page, like https://login.example.com/", field)
		}
	}
	return nil
}

// checkKind looks at what only some kinds have.
func checkKind(p desk.Provider, outward Outward) error {
	settings := p.Settings
	switch p.Kind {
	case desk.ProviderOIDC, desk.ProviderGoogle, desk.ProviderMicrosoft:
		return checkOpenID(p, outward)
	case desk.ProviderFacebook, desk.ProviderX:
		if settings.ClientID == "" {
			return desk.Wrong("client_id", "write the client id that the provider has given you")
		}
	case desk.ProviderJWT:
		return checkJWT(settings, outward)
	case desk.ProviderSAML:
		return checkSAML(settings.SAML, outward)
	}
	return nil
}

func checkOpenID(p desk.Provider, outward Outward) error {
	settings := p.Settings
	if settings.ClientID == "" {
		return desk.Wrong("client_id", "write the client id that the provider has given you")
	}
	if p.Kind == desk.ProviderGoogle && p.Population != desk.ForCustomers && len(settings.Hosted) == 0 {
		return desk.Wrong("hosted", "name the Google Workspace domains of your staff: without them, anybody with a Google account could come in")
	}
	if p.Kind == desk.ProviderMicrosoft {
		if len(settings.Tenants) == 0 {
			return desk.Wrong("tenants", "name the Microsoft tenants that may come in: without them, anybody with a Microsoft account could say any address")
		}
		for _, tenant := range settings.Tenants {
			if !tenantShape(tenant) {
				return desk.Wrong("tenants", "%q is not the id of a tenant: it looks like 9188040d-6c67-4c5b-b112-36a304b66dad", tenant)
			}
		}
	}
	issuer := settings.Issuer
	if issuer == "" && p.Kind != desk.ProviderOIDC {
		return nil // the preset's
	}
	target, err := url.Parse(issuer)
	if err != nil || issuer == "" || len(issuer) > longestValue || target.RawQuery != "" || target.Fragment != "" {
		return desk.Wrong("issuer", "write the provider's issuer, like https://login.example.com")
	}
	if err := outward.Check(target); err != nil {
		return desk.Wrong("issuer", "%s", err.Error())
	}
	return nil
}

// tenantShape says whether text is a GUID in small letters.
func tenantShape(text string) bool {
	if len(text) != 36 {
		return false
	}
	for i, r := range text {
		if dash := i == 8 || i == 13 || i == 18 || i == 23; dash != (r == '-') || !dash && !strings.ContainsRune("0123456789abcdef", r) {
			return false
		}
	}
	return true
}

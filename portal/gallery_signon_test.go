package portal

import (
	"strings"

	"postern/desk"
	"postern/identity"
)

// signon are providers, a connected account, and an owner's way in.
func (g *gallery) signon() {
	t, ctx := g.t, g.t.Context()
	check(t, g.people.SetSettings(ctx, g.owner, map[string]any{desk.SignOnNear.Key: []string{"127.0.0.0/8"}}))
	for name, add := range map[string]desk.Provider{
		"provider":     {Kind: desk.ProviderOIDC, Name: "Example Works Council and Subsidiaries", Population: desk.ForBoth, Settings: desk.ProviderSettings{Issuer: "http://127.0.0.1:1", ClientID: "postern", Domains: []string{"example.com"}, Create: true, CreateRole: desk.RoleCustomer}},
		"jwt-provider": {Kind: desk.ProviderJWT, Name: "Our shop", Population: desk.ForCustomers, Settings: desk.ProviderSettings{Algorithm: "HS256", LoginURL: "https://shop.example.com/login"}},
	} {
		made, err := g.people.AddProvider(ctx, g.owner, add)
		check(t, err)
		if add.Kind == desk.ProviderJWT {
			_, err = g.people.NewProviderSecret(ctx, g.owner, made.ID)
		} else {
			err = g.people.SetProviderSecret(ctx, g.owner, made.ID, "not used by anybody")
		}
		check(t, err)
		check(t, g.people.SwitchProvider(ctx, g.owner, made.ID, identity.SwitchedOn))
		g.name(name, made.ID)
	}
	token, err := g.people.NewProvisionToken(ctx, g.owner, g.number("provider"), 180)
	check(t, err)
	by, err := g.people.ProvisionBearer(ctx, token, identity.Client{IP: "192.0.2.44"})
	check(t, err)
	for name, active := range map[string]bool{"bianca.with-a-rather-long-address": true, "gone": false} {
		_, err = g.people.AddProvisioned(ctx, by, desk.Provisioned{UserName: name + "@example.com", DisplayName: "Bianca " + name, Active: active, Organization: "Example Works"})
		check(t, err)
	}
	g.sql(`insert into identity (provider_id, issuer, subject, user_id, email, last_used_at) values ($1, 'http://127.0.0.1:1', '42', $2, 'ada.with-a-long-address@example.com', now())`, g.number("provider"), g.agent.User.ID)
	url, _, err := g.people.Recover(ctx, desk.System("cli"), identity.Recovery{Operator: "root"})
	check(t, err)
	g.names["bypass"] = url[strings.Index(url, "/access/"):]
}

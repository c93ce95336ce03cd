package portal

import (
	"net/url"
	"time"

	"postern/desk"
	"postern/identity"
)

const galleryBack = "https://field.example.com/back"

// galleryAsks is what a program asks a person for.
func galleryAsks(client desk.OAuthClient) identity.Authorization {
	return identity.Authorization{
		ClientID: client.Key, Redirect: galleryBack, ResponseType: "code", Scope: "tickets:read tickets:write offline", State: "s",
		Challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", Method: "S256", // RFC 7636, appendix B
	}
}

// access lets programs in: by tokens, of people and of a service, and by OAuth.
func (g *gallery) access() {
	ctx := g.t.Context()
	secret, client, err := g.people.AddClient(ctx, g.owner, identity.NewClient{
		Name: "Field notes", About: "Writes down what was done on the way.", Confidential: true, Redirects: []string{galleryBack}, Scopes: []desk.Scope{"tickets:read", "tickets:write", "offline"},
	})
	check(g.t, err)
	g.name("client", client.ID)
	asked := galleryAsks(client)
	g.names["authorize"] = url.Values{
		"client_id": {asked.ClientID}, "redirect_uri": {asked.Redirect}, "response_type": {"code"}, "scope": {asked.Scope}, "state": {"s"}, "code_challenge": {asked.Challenge}, "code_challenge_method": {"S256"},
	}.Encode()
	code, err := g.people.Agree(ctx, g.agent, asked)
	check(g.t, err)
	_, err = g.people.RedeemCode(ctx, identity.ClientProof{Key: client.Key, Secret: secret}, code, galleryBack, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", identity.Client{IP: "192.0.2.9"})
	check(g.t, err)
	_, err = g.people.AddServiceAccount(ctx, g.owner, "Backup script", desk.RoleLight)
	check(g.t, err)
	for _, token := range []identity.NewToken{
		{Name: "Warehouse lookup", Scopes: []desk.Scope{"tickets:read", "messages:read"}, Networks: []string{"192.0.2.0/24"}},
		{Name: "Nightly export", Expires: time.Now().Add(5 * 24 * time.Hour)},
	} {
		token.UserEmail = g.agent.User.Email
		_, _, err := g.people.AddToken(ctx, g.agent, token)
		check(g.t, err)
	}
	g.sql(`update api_token set disabled_at = now() where name = 'Nightly export'`)
}

package identity

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"golang.org/x/oauth2"

	"postern/desk"
)

// Providers that speak OAuth 2 and no OpenID Connect: a code, a token, and a profile that is fetched with it. There is no signature and no nonce: what is trusted is the TLS connection to the provider, and PKCE
// binds the code to this browser (RFC 9700 §2.1.1). They say nothing reliable about addresses, so an address is proved by mail.

// socialAdapter is how one such provider is spoken to.
type socialAdapter struct {
	authorize, token, profile string
	issuer                    string // under which its accounts are known
	scopes                    []string
	style                     oauth2.AuthStyle
	read                      func(text []byte) (socialProfile, error)
}

// socialProfile is what a profile says.
type socialProfile struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Email string `json:"email"`
}

// adapters are those of the providers, with the addresses that they document.
func adapters(p desk.Provider) socialAdapter {
	adapter := socialAdapter{
		authorize: "https://www.facebook.com/v23.0/dialog/oauth", token: "https://graph.facebook.com/v23.0/oauth/access_token", profile: "https://graph.facebook.com/v23.0/me?fields=id,name,email",
		issuer: "https://www.facebook.com", scopes: []string{"email", "public_profile"}, style: oauth2.AuthStyleInParams, read: readFacebook,
	}
	if p.Kind == desk.ProviderX {
		adapter = socialAdapter{
			authorize: "https://x.com/i/oauth2/authorize", token: "https://api.x.com/2/oauth2/token", profile: "https://api.x.com/2/users/me?user.fields=id,name,confirmed_email",
			issuer: "https://x.com", scopes: []string{"users.read", "tweet.read", "users.email"}, style: oauth2.AuthStyleInHeader, read: readX,
		}
	}
	if base := strings.TrimSuffix(p.Settings.Issuer, "/"); base != "" { // a gateway of the operator's own in front of it
		adapter.authorize, adapter.token, adapter.profile = base+"/authorize", base+"/token", base+"/me"
	}
	return adapter
}

func readFacebook(text []byte) (profile socialProfile, err error) {
	err = json.Unmarshal(text, &profile)
	return profile, err
}

// readX reads X's profile, which stands in an envelope.
func readX(text []byte) (socialProfile, error) {
	var envelope struct {
		Data struct {
			socialProfile
			Confirmed string `json:"confirmed_email"`
		} `json:"data"`
	}
	err := json.Unmarshal(text, &envelope)
	profile := envelope.Data.socialProfile
	profile.Email = envelope.Data.Confirmed
	return profile, err
}

// config is how we talk to it.
func (a socialAdapter) config(s *Service, p desk.Provider, plain string) oauth2.Config {
	return oauth2.Config{
		ClientID: p.Settings.ClientID, ClientSecret: plain, RedirectURL: s.CallbackURL(p.ID), Scopes: a.scopes,
		Endpoint: oauth2.Endpoint{AuthURL: a.authorize, TokenURL: a.token, AuthStyle: a.style},
	}
}

// beginSocial begins a dance and says where the browser goes.
func (s *Service) beginSocial(ctx context.Context, p desk.Provider, b Begin) (Begun, error) {
	verifier, _ := s.newToken()
	begun, err := s.begin(ctx, b, dance{Verifier: verifier})
	if err != nil {
		return Begun{}, err
	}
	config := adapters(p).config(s, p, "")
	begun.URL = config.AuthCodeURL(begun.State, oauth2.S256ChallengeOption(verifier))
	return begun, nil
}

// socialAsserted is what the provider's profile says about whoever brings the code.
func (s *Service) socialAsserted(ctx context.Context, p desk.Provider, d dance, answer CodeAnswer) (Asserted, error) {
	plain, err := s.providerSecret(ctx, p.ID)
	if err != nil {
		return Asserted{}, err
	}
	outward, err := s.outward(ctx)
	if err != nil {
		return Asserted{}, err
	}
	client := outward.Client()
	ctx = context.WithValue(ctx, oauth2.HTTPClient, client)
	adapter := adapters(p)
	token, err := exchange(ctx, adapter.config(s, p, plain), answer.Code, d.Verifier)
	if err != nil {
		return Asserted{}, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, adapter.profile, nil)
	if err != nil {
		return Asserted{}, refused(ProviderError, "the provider has no address for profiles")
	}
	token.SetAuthHeader(request)
	said, err := client.Do(request)
	if err != nil {
		return Asserted{}, refused(ProviderError, "the profile could not be fetched")
	}
	defer said.Body.Close()
	text, err := io.ReadAll(said.Body)
	if err != nil || said.StatusCode != http.StatusOK {
		return Asserted{}, refused(ProviderError, "the profile was not given")
	}
	profile, err := adapter.read(text)
	if err != nil || profile.ID == "" || len(profile.ID) > 255 {
		return Asserted{}, refused(BadClaims, "the profile names nobody")
	}
	return Asserted{Provider: p, Issuer: adapter.issuer, Subject: profile.ID, Email: profile.Email, Name: profile.Name}, nil
}

package identity

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"postern/desk"
)

// OpenID Connect as a relying party: the authorization code flow of OpenID Connect Core §3.1 with PKCE (RFC 7636), and what RFC 9700 asks of clients: exact redirect addresses, one for each provider;
// state and nonce bound to the browser and used once; the answer's issuer compared (RFC 9207), so that one provider's code is never shown to another.

// Issuers of the presets.
const (
	googleIssuer    = "https://accounts.google.com"
	microsoftLogin  = "https://login.microsoftonline.com"
	microsoftTenant = "{tenantid}" // stands in the issuer that Microsoft's configuration for many tenants names
)

// signingAlgorithms are those of an ID token: with a key pair, so that nobody who knows our secret or nothing at all can make one (OpenID Connect Core §3.1.3.7; 'none' and HMAC are out).
var signingAlgorithms = []string{oidc.RS256, oidc.RS384, oidc.RS512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.EdDSA}

// openIDFor is how long what a provider says about itself is believed.
const openIDFor = 10 * time.Minute

// openIDAge is how old an ID token may be: it has been made for the dance that ends now.
const openIDAge = danceLife

// openIDs are providers that have been asked about themselves.
type openIDs struct {
	mu    sync.Mutex
	known map[int64]openID
}

// openID is a provider with what it says about itself.
type openID struct {
	*oidc.Provider
	about struct {
		SaysIssuer  bool     `json:"authorization_response_iss_parameter_supported"` // RFC 9207 §3
		AuthMethods []string `json:"token_endpoint_auth_methods_supported"`
		Algorithms  []string `json:"id_token_signing_alg_values_supported"`
	}
	version string // of our settings
	until   time.Time
}

// openID asks a provider about itself (OpenID Connect Discovery §4), or remembers.
func (s *Service) openID(ctx context.Context, p desk.Provider) (openID, error) {
	outward, err := s.outward(ctx)
	if err != nil {
		return openID{}, err
	}
	version, now := fmt.Sprint(p.UpdatedAt.UnixNano(), outward.Near), time.Now()
	s.openIDs.mu.Lock()
	known, has := s.openIDs.known[p.ID]
	s.openIDs.mu.Unlock()
	if has && known.version == version && now.Before(known.until) {
		return known, nil
	}
	ctx = oidc.ClientContext(ctx, outward.Client())
	asked, issuer := discovery(p)
	if issuer != asked {
		ctx = oidc.InsecureIssuerURLContext(ctx, issuer) // for Microsoft's many tenants only, whose issuer is compared with the tenant of each token below
	}
	found := openID{version: version, until: now.Add(openIDFor)}
	if found.Provider, err = oidc.NewProvider(ctx, asked); err == nil {
		err = found.Claims(&found.about)
	}
	if err != nil {
		return openID{}, refused(ProviderError, "its configuration could not be read: "+oneLine(err.Error(), 200))
	}
	s.openIDs.mu.Lock()
	defer s.openIDs.mu.Unlock()
	if s.openIDs.known == nil || len(s.openIDs.known) > 2*desk.MostProviders {
		s.openIDs.known = map[int64]openID{}
	}
	s.openIDs.known[p.ID] = found
	return found, nil
}

// discovery is where a provider is asked about itself, and the issuer that it has to name.
func discovery(p desk.Provider) (asked, issuer string) {
	settings := p.Settings
	switch {
	case p.Kind == desk.ProviderMicrosoft:
		base := microsoftLogin
		if settings.Issuer != "" {
			base = strings.TrimSuffix(settings.Issuer, "/")
		}
		if len(settings.Tenants) == 1 {
			one := base + "/" + settings.Tenants[0] + "/v2.0"
			return one, one
		}
		return base + "/organizations/v2.0", base + "/" + microsoftTenant + "/v2.0"
	case p.Kind == desk.ProviderGoogle && settings.Issuer == "":
		return googleIssuer, googleIssuer
	}
	return settings.Issuer, settings.Issuer
}

// CallbackURL is where a provider sends browsers back: one address for each, compared as a whole.
func (s *Service) CallbackURL(provider int64) string {
	return fmt.Sprintf("%s/access/oidc/%d/callback", s.public, provider)
}

// client is how we talk to a provider's token endpoint.
func (s *Service) client(p desk.Provider, endpoint oauth2.Endpoint, plain string) oauth2.Config {
	scopes := slices.Concat([]string{oidc.ScopeOpenID, "email", "profile"}, p.Settings.Scopes)
	return oauth2.Config{ClientID: p.Settings.ClientID, ClientSecret: plain, Endpoint: endpoint, RedirectURL: s.CallbackURL(p.ID), Scopes: scopes}
}

// endpoint is the provider's, with the way in which we show our secret (OpenID Connect Core §9): in the form where the provider says that it takes that, in the header else. Trying both would show the code twice.
func (o openID) endpoint() oauth2.Endpoint {
	endpoint := o.Endpoint()
	endpoint.AuthStyle = oauth2.AuthStyleInHeader
	if slices.Contains(o.about.AuthMethods, "client_secret_post") {
		endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	return endpoint
}

// beginOpenID begins a dance and says where the browser goes.
func (s *Service) beginOpenID(ctx context.Context, p desk.Provider, b Begin) (Begun, error) {
	provider, err := s.openID(ctx, p)
	if err != nil {
		return Begun{}, err
	}
	nonce, _ := s.newToken()
	verifier, _ := s.newToken()
	begun, err := s.begin(ctx, b, dance{Nonce: nonce, Verifier: verifier})
	if err != nil {
		return Begun{}, err
	}
	options := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(verifier), oidc.Nonce(nonce)}
	if p.Kind == desk.ProviderGoogle && len(p.Settings.Hosted) == 1 {
		options = append(options, oauth2.SetAuthURLParam("hd", p.Settings.Hosted[0])) // a hint: what counts is the claim
	}
	config := s.client(p, provider.endpoint(), "")
	begun.URL = config.AuthCodeURL(begun.State, options...)
	return begun, nil
}

// CodeAnswer is what a browser brings back from a provider of OpenID Connect or OAuth 2 (RFC 6749 §4.1.2).
type CodeAnswer struct {
	Provider int64 // by the address to which it came
	State    string
	Code     string
	Issuer   string // RFC 9207; empty: not said
	Failure  string // RFC 6749 §4.1.2.1; empty: none
	Browser  string // cookie
	From     Client
}

// EndCode ends a dance with a provider of OpenID Connect or OAuth 2. A refusal is a *Refused, and in the audit log.
func (s *Service) EndCode(ctx context.Context, answer CodeAnswer) (SignedOn, error) {
	provider, err := s.store.Provider(ctx, answer.Provider)
	if err != nil || !provider.Kind.OpenID() && !provider.Kind.Social() {
		return SignedOn{}, desk.Faultf(desk.NotFound, "There is no such way to sign in.")
	}
	d, err := s.take(ctx, answer.State, answer.Browser, provider.ID)
	if err != nil {
		return SignedOn{}, s.refuseSignOn(ctx, provider, err, answer.From)
	}
	if !provider.Enabled && d.Purpose != ToTest {
		return SignedOn{}, desk.Faultf(desk.NotFound, "There is no such way to sign in.")
	}
	var asserted Asserted
	switch {
	case answer.Failure != "":
		err = refused(ProviderError, "the provider said "+knownFailure(answer.Failure))
	case answer.Code == "":
		err = refused(BadClaims, "the provider sent no code")
	case provider.Kind.Social():
		asserted, err = s.socialAsserted(ctx, provider, d, answer)
	default:
		asserted, err = s.openIDAsserted(ctx, provider, d, answer)
	}
	if err != nil {
		return SignedOn{Purpose: d.Purpose}, s.refuseSignOn(ctx, provider, err, answer.From)
	}
	return s.conclude(ctx, d, asserted, answer.Browser, answer.From)
}

// knownFailure is the code of an error as the specifications have it; anything else could be a stranger's words.
func knownFailure(code string) string {
	known := []string{
		"access_denied", "invalid_request", "unauthorized_client", "unsupported_response_type", "invalid_scope", "server_error", "temporarily_unavailable",
		"login_required", "consent_required", "interaction_required", "account_selection_required", "invalid_client", "invalid_grant", "unsupported_grant_type",
	}
	if slices.Contains(known, code) {
		return code
	}
	return "an error of its own"
}

// exchange shows a code to the provider that gave it (RFC 6749 §4.1.3), with the PKCE verifier.
func exchange(ctx context.Context, config oauth2.Config, code, verifier string) (*oauth2.Token, error) {
	token, err := config.Exchange(ctx, code, oauth2.VerifierOption(verifier))
	var said *oauth2.RetrieveError
	switch {
	case errors.As(err, &said):
		return nil, refused(ProviderError, "the code was not taken: "+knownFailure(said.ErrorCode))
	case err != nil:
		return nil, refused(ProviderError, "the provider could not be asked about the code")
	}
	return token, nil
}

// looseBool is a boolean that some providers write as a word.
type looseBool bool

// UnmarshalJSON takes true and "true", 1 and "1".
func (f *looseBool) UnmarshalJSON(text []byte) error {
	word := strings.Trim(string(text), `"`)
	*f = word == "true" || word == "1"
	return nil
}

// wordList is a list that some providers write as one word.
type wordList []string

// UnmarshalJSON takes "mfa" and ["pwd","mfa"].
func (w *wordList) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*w = wordList{one}
		return nil
	}
	var list []string
	err := json.Unmarshal(text, &list)
	*w = list
	return err
}

// openIDClaims are the claims of an ID token or of the UserInfo endpoint that we read.
type openIDClaims struct {
	Nonce         string    `json:"nonce"`
	Party         string    `json:"azp"`
	Email         string    `json:"email"`
	EmailVerified looseBool `json:"email_verified"`
	Name          string    `json:"name"`
	Locale        string    `json:"locale"`
	Role          string    `json:"role"`
	Methods       wordList  `json:"amr"`
	Class         string    `json:"acr"`
	Hosted        string    `json:"hd"`
	Tenant        string    `json:"tid"`
	DomainOwner   looseBool `json:"xms_edov"` // Microsoft: the tenant owns the domain of the address
}

// openIDAsserted is what the provider says about whoever brings the code: the whole of OpenID Connect Core §3.1.3.7.
func (s *Service) openIDAsserted(ctx context.Context, p desk.Provider, d dance, answer CodeAnswer) (Asserted, error) {
	provider, err := s.openID(ctx, p)
	if err != nil {
		return Asserted{}, err
	}
	if err := sameIssuer(p, provider, answer.Issuer); err != nil {
		return Asserted{}, err
	}
	plain, err := s.providerSecret(ctx, p.ID)
	if err != nil {
		return Asserted{}, err
	}
	outward, err := s.outward(ctx)
	if err != nil {
		return Asserted{}, err
	}
	ctx = oidc.ClientContext(ctx, outward.Client()) // the same key as oauth2.HTTPClient
	config := s.client(p, provider.endpoint(), plain)
	token, err := exchange(ctx, config, answer.Code, d.Verifier)
	if err != nil {
		return Asserted{}, err
	}
	raw, _ := token.Extra("id_token").(string)
	if raw == "" {
		return Asserted{}, refused(BadClaims, "the provider sent no ID token")
	}
	issuer := strings.Contains(issuerOf(p), microsoftTenant)
	verifier := provider.Verifier(&oidc.Config{ClientID: config.ClientID, SupportedSigningAlgs: signingAlgorithms, Now: s.now, SkipIssuerCheck: issuer})
	id, err := verifier.Verify(ctx, raw)
	if err != nil {
		return Asserted{}, unverified(err)
	}
	var claims openIDClaims
	if err := id.Claims(&claims); err != nil {
		return Asserted{}, refused(BadClaims, "the ID token's claims could not be read")
	}
	if err := checkIDToken(p, id, claims, checking{dance: d, accessToken: token.AccessToken, now: s.now()}); err != nil {
		return Asserted{}, err
	}
	if claims.Email == "" && provider.UserInfoEndpoint() != "" {
		if err := askUserInfo(ctx, provider, token, id.Subject, &claims); err != nil {
			return Asserted{}, err
		}
	}
	return assertedBy(p, id, claims), nil
}

func issuerOf(p desk.Provider) string {
	_, issuer := discovery(p)
	return issuer
}

// sameIssuer compares the issuer that stands beside the code (RFC 9207 §2.4).
func sameIssuer(p desk.Provider, provider openID, said string) error {
	want := issuerOf(p)
	switch {
	case said == "" && provider.about.SaysIssuer:
		return refused(BadClaims, "the answer does not name its issuer, although the provider always does")
	case said != "" && !strings.Contains(want, microsoftTenant) && said != want:
		return refused(BadClaims, "the answer comes from another issuer")
	}
	return nil
}

// unverified says why an ID token was not taken, in our words.
func unverified(err error) error {
	var expired *oidc.TokenExpiredError
	text := err.Error()
	switch {
	case errors.As(err, &expired):
		return refused(Expired, "the ID token has expired")
	case strings.Contains(text, "issued by a different provider"):
		return refused(BadClaims, "the ID token is another issuer's")
	case strings.Contains(text, "expected audience"):
		return refused(BadClaims, "the ID token is meant for another program")
	case strings.Contains(text, "nbf"):
		return refused(Expired, "the ID token is not valid yet")
	}
	return refused(BadSignature, "the ID token's signature does not hold")
}

// checking is what an ID token is held against besides the provider.
type checking struct {
	dance       dance
	accessToken string
	now         time.Time
}

// checkIDToken looks at what the library leaves to its caller.
func checkIDToken(p desk.Provider, id *oidc.IDToken, claims openIDClaims, with checking) error {
	settings := p.Settings
	switch {
	case id.Subject == "" || len(id.Subject) > 255: // OpenID Connect Core §2
		return refused(BadClaims, "the ID token names nobody")
	case subtle.ConstantTimeCompare([]byte(claims.Nonce), []byte(with.dance.Nonce)) != 1:
		return refused(BadState, "the ID token was made for another sign-in")
	case len(id.Audience) > 1 && claims.Party == "", claims.Party != "" && claims.Party != settings.ClientID:
		return refused(BadClaims, "the ID token was made for another program")
	case id.IssuedAt.IsZero() || with.now.Sub(id.IssuedAt) > openIDAge || id.IssuedAt.Sub(with.now) > time.Minute:
		return refused(Expired, "the ID token was not made just now")
	case id.AccessTokenHash != "" && id.VerifyAccessToken(with.accessToken) != nil:
		return refused(BadClaims, "the ID token belongs to another access token")
	}
	switch p.Kind {
	case desk.ProviderGoogle:
		if len(settings.Hosted) > 0 && !slices.Contains(settings.Hosted, strings.ToLower(claims.Hosted)) {
			return refused(ScopeDenied, "the Google account belongs to none of the named Workspace domains")
		}
	case desk.ProviderMicrosoft:
		tenant := strings.ToLower(claims.Tenant)
		if !slices.Contains(settings.Tenants, tenant) {
			return refused(ScopeDenied, "the Microsoft account belongs to none of the named tenants")
		}
		if want := strings.ReplaceAll(issuerOf(p), microsoftTenant, tenant); id.Issuer != want {
			return refused(BadClaims, "the ID token's issuer is not that of its tenant")
		}
	}
	return nil
}

// askUserInfo asks for the address where the ID token has none; the answer has to be about the same account (OpenID Connect Core §5.3.2).
func askUserInfo(ctx context.Context, provider openID, token *oauth2.Token, subject string, claims *openIDClaims) error {
	info, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return refused(ProviderError, "the provider could not be asked about the account")
	}
	if info.Subject != subject {
		return refused(BadClaims, "the provider answered about another account")
	}
	more := *claims
	if err := info.Claims(&more); err != nil {
		return refused(BadClaims, "what the provider says about the account could not be read")
	}
	claims.Email, claims.EmailVerified = more.Email, more.EmailVerified
	if claims.Name == "" {
		claims.Name = more.Name
	}
	return nil
}

// assertedBy is what follows from claims that have been checked. Microsoft's word about an address counts where the tenant owns its domain only: otherwise the tenant's admin has typed it.
func assertedBy(p desk.Provider, id *oidc.IDToken, claims openIDClaims) Asserted {
	made := Asserted{
		Provider: p, Issuer: id.Issuer, Subject: id.Subject, Email: claims.Email, EmailVerified: bool(claims.EmailVerified), Name: claims.Name, Role: claims.Role,
		MFA: claims.Methods, Profile: Profile{Language: languageOf(claims.Locale)},
	}
	if claims.Class != "" {
		made.MFA = append(slices.Clone(made.MFA), claims.Class)
	}
	if p.Kind == desk.ProviderMicrosoft {
		made.EmailVerified = bool(claims.DomainOwner)
	}
	return made
}

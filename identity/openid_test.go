package identity

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/oauth2-proxy/mockoidc"
	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"

	"postern/desk"
)

// federation is a house with somebody to administer it, and the loopback vouched for.
type federation struct {
	house
	owner desk.Actor
	admin desk.User
}

func newFederation(t *testing.T) federation {
	t.Helper()
	h := newHouse(t)
	owner := h.plain(t, "olga@example.com", desk.RoleOwner)
	f := federation{h, desk.Actor{User: owner, Via: "portal", IP: home.IP}, h.plain(t, "ada@acme.test", desk.RoleAdmin)}
	f.set(t, map[string]any{desk.SignOnNear.Key: []string{"127.0.0.0/8", "localhost"}})
	return f
}

func (f federation) set(t *testing.T, values map[string]any) {
	t.Helper()
	if err := f.SetSettings(t.Context(), f.owner, values); err != nil {
		t.Fatal(err)
	}
}

// provider adds one, gives it its secret, and switches it on.
func (f federation) provider(t *testing.T, add desk.Provider, plain string) desk.Provider {
	t.Helper()
	made, err := f.AddProvider(t.Context(), f.owner, add)
	if err == nil && plain != "" {
		err = f.SetProviderSecret(t.Context(), f.owner, made.ID, plain)
	}
	if err == nil {
		err = f.SwitchProvider(t.Context(), f.owner, made.ID, SwitchedOn)
	}
	if err == nil {
		made, err = f.Provider(t.Context(), f.owner, made.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// codeOf says why somebody was refused, and checks that the same stands in the audit log and nothing in the answer.
func (f federation) codeOf(t *testing.T, err error) RefusalCode {
	t.Helper()
	var refusal *Refused
	if !errors.As(err, &refusal) {
		return ""
	}
	var fault *desk.Fault
	if !errors.As(err, &fault) || fault != errRefused {
		t.Errorf("the answer tells more than it should: %v", err)
	}
	return refusal.Code
}

// account is what a provider says about somebody.
type account struct {
	*mockoidc.MockUser
	more   map[string]any // further claims, or others
	change func(*mockoidc.IDTokenClaims)
}

// Claims is mockoidc.User's.
func (a account) Claims(scopes []string, claims *mockoidc.IDTokenClaims) (jwt.Claims, error) {
	if a.change != nil {
		a.change(claims)
	}
	plain, err := a.MockUser.Claims(scopes, claims)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(plain)
	if err != nil {
		return nil, err
	}
	all := jwt.MapClaims{}
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, err
	}
	for name, value := range a.more {
		if all[name] = value; value == nil {
			delete(all, name)
		}
	}
	return all, nil
}

func ann(subject string) account {
	return account{MockUser: &mockoidc.MockUser{Subject: subject, Email: "ann@acme.test", EmailVerified: true}}
}

// server is a provider that speaks OpenID Connect.
func (f federation) server(t *testing.T) *mockoidc.MockOIDC {
	t.Helper()
	server, err := mockoidc.Run()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Shutdown() })
	return server
}

func openIDProvider(server *mockoidc.MockOIDC, population desk.Population) desk.Provider {
	return desk.Provider{Kind: desk.ProviderOIDC, Name: "Acme", Population: population, Settings: desk.ProviderSettings{
		Issuer: server.Issuer(), ClientID: server.ClientID, Domains: []string{"acme.test"},
	}}
}

// walk follows a browser to the provider and back, as far as our own address.
func walk(t *testing.T, address string) url.Values {
	t.Helper()
	browser := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := browser.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	back, err := answer.Location()
	if err != nil {
		text, _ := io.ReadAll(answer.Body)
		t.Fatalf("the provider sends nobody back: %s %s", answer.Status, text)
	}
	return back.Query()
}

// sign is a whole dance; change alters what comes back.
func (f federation) sign(t *testing.T, p desk.Provider, change func(*CodeAnswer)) (SignedOn, error) {
	t.Helper()
	begun, err := f.BeginSignOn(t.Context(), Begin{Provider: p.ID, Purpose: ToEnter, Next: "/tickets", From: home})
	if err != nil {
		t.Fatal(err)
	}
	return f.end(t, p, begun, change)
}

func (f federation) end(t *testing.T, p desk.Provider, begun Begun, change func(*CodeAnswer)) (SignedOn, error) {
	t.Helper()
	back := walk(t, begun.URL)
	answer := CodeAnswer{Provider: p.ID, State: back.Get("state"), Code: back.Get("code"), Issuer: back.Get("iss"), Failure: back.Get("error"), Browser: begun.Browser, From: home}
	if change != nil {
		change(&answer)
	}
	return f.EndCode(t.Context(), answer)
}

// A person whose address the provider vouches for is connected the first time, and known by the provider's own name for them from then on.
func TestOpenIDSignsIn(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	server := f.server(t)
	p := f.provider(t, openIDProvider(server, desk.ForStaff), server.ClientSecret)
	agent := f.plain(t, "ann@acme.test", desk.RoleAgent)
	server.QueueUser(ann("1"))
	done, err := f.sign(t, p, nil)
	if err != nil || done.Came.User.ID != agent.ID || done.Next != "/tickets" {
		t.Fatalf("first: %+v %v", done, err)
	}
	if user, err := f.Session(t.Context(), done.Came.Token); err != nil || user.ID != agent.ID {
		t.Errorf("session: %+v %v", user, err)
	}
	moved := ann("1")
	moved.Email = "somebody.else@acme.test"
	server.QueueUser(moved)
	if done, err = f.sign(t, p, nil); err != nil || done.Came.User.ID != agent.ID {
		t.Errorf("with another address: %+v %v", done, err)
	}
	links, err := f.Connected(t.Context(), f.owner, agent.ID)
	if err != nil || len(links) != 1 || links[0].Subject != "1" || links[0].Email != "somebody.else@acme.test" || links[0].Issuer != server.Issuer() {
		t.Errorf("%+v %v", links, err)
	}
	if err := f.Disable(t.Context(), f.owner, agent.ID); err != nil {
		t.Fatal(err)
	}
	server.QueueUser(ann("1"))
	if _, err := f.sign(t, p, nil); f.codeOf(t, err) != UserSuspended {
		t.Errorf("disabled: %v", err)
	}
}

// What an attacker can change on the way, or a provider can say wrongly, opens nothing.
func TestOpenIDAttacksAreRefused(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	server := f.server(t)
	p := f.provider(t, openIDProvider(server, desk.ForBoth), server.ClientSecret)
	f.plain(t, "ann@acme.test", desk.RoleAgent)
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		user   account
		change func(*CodeAnswer)
		code   RefusalCode
	}{
		{"state of nobody", ann("1"), func(a *CodeAnswer) { a.State = "made-up" }, BadState},
		{"no state", ann("1"), func(a *CodeAnswer) { a.State = "" }, BadState},
		{"another browser", ann("1"), func(a *CodeAnswer) { a.Browser = strings.Repeat("x", 43) }, BadState},
		{"no browser", ann("1"), func(a *CodeAnswer) { a.Browser = "" }, BadState},
		{"no code", ann("1"), func(a *CodeAnswer) { a.Code = "" }, BadClaims},
		{"code of nobody", ann("1"), func(a *CodeAnswer) { a.Code = "made-up" }, ProviderError},
		{"another issuer beside the code", ann("1"), func(a *CodeAnswer) { a.Issuer = "https://evil.test" }, BadClaims},
		{"refused there", ann("1"), func(a *CodeAnswer) { a.Failure = "access_denied" }, ProviderError},
		{"nonce of another sign-in", account{MockUser: ann("1").MockUser, more: map[string]any{"nonce": "other"}}, nil, BadState},
		{"no nonce", account{MockUser: ann("1").MockUser, more: map[string]any{"nonce": nil}}, nil, BadState},
		{"wrong audience", account{MockUser: ann("1").MockUser, more: map[string]any{"aud": "another-client"}}, nil, BadClaims},
		{"two audiences, no party", account{MockUser: ann("1").MockUser, more: map[string]any{"aud": []string{server.ClientID, "another-client"}}}, nil, BadClaims},
		{"another party", account{MockUser: ann("1").MockUser, more: map[string]any{"azp": "another-client"}}, nil, BadClaims},
		{"another issuer", account{MockUser: ann("1").MockUser, more: map[string]any{"iss": "https://evil.test"}}, nil, BadClaims},
		{"expired", account{MockUser: ann("1").MockUser, more: map[string]any{"exp": time.Now().Add(-time.Minute).Unix()}}, nil, Expired},
		{"made an hour ago", account{MockUser: ann("1").MockUser, more: map[string]any{"iat": time.Now().Add(-time.Hour).Unix()}}, nil, Expired},
		{"made tomorrow", account{MockUser: ann("1").MockUser, more: map[string]any{"iat": time.Now().Add(24 * time.Hour).Unix()}}, nil, Expired},
		{"no iat", account{MockUser: ann("1").MockUser, more: map[string]any{"iat": nil}}, nil, Expired},
		{"nobody", account{MockUser: ann("1").MockUser, more: map[string]any{"sub": nil}}, nil, BadClaims},
		{"hash of another access token", account{MockUser: ann("1").MockUser, more: map[string]any{"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}}, nil, BadClaims},
	} {
		server.QueueUser(test.user)
		if done, err := f.sign(t, p, test.change); f.codeOf(t, err) != test.code || done.Came.Token != "" {
			t.Errorf("%s: %+v %v", test.name, done, err)
		}
	}
	server.QueueUser(ann("1"))
	key := server.Keypair
	server.Keypair = &mockoidc.Keypair{PrivateKey: other, PublicKey: &other.PublicKey, Kid: key.Kid}
	begun, err := f.BeginSignOn(t.Context(), Begin{Provider: p.ID, Purpose: ToEnter, From: home})
	if err != nil {
		t.Fatal(err)
	}
	signed := func(a *CodeAnswer) {
		server.Keypair = &mockoidc.Keypair{PrivateKey: other, PublicKey: &key.PrivateKey.PublicKey, Kid: key.Kid}
	}
	if _, err := f.end(t, p, begun, signed); f.codeOf(t, err) != BadSignature {
		t.Errorf("signed by another key: %v", err)
	}
}

// A state opens one dance, and a code is taken once, whoever brings them again.
func TestOpenIDAnswersAreGoodOnce(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	server := f.server(t)
	p := f.provider(t, openIDProvider(server, desk.ForStaff), server.ClientSecret)
	f.plain(t, "ann@acme.test", desk.RoleAgent)
	server.QueueUser(ann("1"))
	var kept CodeAnswer
	if _, err := f.sign(t, p, func(a *CodeAnswer) { kept = *a }); err != nil {
		t.Fatal(err)
	}
	if _, err := f.EndCode(t.Context(), kept); f.codeOf(t, err) != BadState {
		t.Errorf("the same answer again: %v", err)
	}
	server.QueueUser(ann("1"))
	if _, err := f.sign(t, p, func(a *CodeAnswer) { a.Code = kept.Code }); f.codeOf(t, err) != ProviderError {
		t.Errorf("the code again: %v", err)
	}
	server.QueueUser(ann("1"))
	begun, err := f.BeginSignOn(t.Context(), Begin{Provider: p.ID, Purpose: ToEnter, From: home})
	if err != nil {
		t.Fatal(err)
	}
	f.clock.wait(danceLife + time.Second)
	if _, err := f.end(t, p, begun, nil); f.codeOf(t, err) != BadState {
		t.Errorf("after ten minutes: %v", err)
	}
}

// Without the verifier of the browser that began, a code that was caught is worth nothing (RFC 7636); and the state of one provider opens nothing at another (mix-up, RFC 9700 §4.4).
func TestOpenIDCodesAndProvidersAreNotMixedUp(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	honest, evil := f.server(t), f.server(t)
	p := f.provider(t, openIDProvider(honest, desk.ForStaff), honest.ClientSecret)
	second := openIDProvider(evil, desk.ForStaff)
	second.Name = "Evil"
	q := f.provider(t, second, evil.ClientSecret)
	f.plain(t, "ann@acme.test", desk.RoleAgent)
	honest.QueueUser(ann("1"))
	victim, err := f.BeginSignOn(t.Context(), Begin{Provider: p.ID, Purpose: ToEnter, From: home})
	if err != nil {
		t.Fatal(err)
	}
	caught := walk(t, victim.URL).Get("code")
	honest.QueueUser(ann("2"))
	if _, err := f.sign(t, p, func(a *CodeAnswer) { a.Code = caught }); f.codeOf(t, err) != ProviderError {
		t.Errorf("a caught code with another verifier: %v", err)
	}
	honest.QueueUser(ann("1"))
	if _, err := f.sign(t, p, func(a *CodeAnswer) { a.Provider = q.ID }); f.codeOf(t, err) != BadState {
		t.Errorf("an answer at another provider's address: %v", err)
	}
	asks := url.Values{}
	if target, err := url.Parse(victim.URL); err == nil {
		asks = target.Query()
	}
	if asks.Get("code_challenge_method") != "S256" || len(asks.Get("code_challenge")) != 43 || asks.Get("response_type") != "code" || len(asks.Get("nonce")) < 40 || asks.Get("redirect_uri") != f.CallbackURL(p.ID) {
		t.Errorf("the question: %v", asks)
	}
}

// An address is nobody's name: a provider's admin who sets an owner's or colleague's address, a subject that changes, or an address that is not verified open nothing.
func TestAddressesOpenNothingByThemselves(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	server := f.server(t)
	settings := openIDProvider(server, desk.ForBoth)
	settings.Settings.Domains = []string{"acme.test", "example.com"}
	p := f.provider(t, settings, server.ClientSecret)
	only := openIDProvider(server, desk.ForCustomers)
	only.Name, only.Settings.Create = "Customers", true
	customers := f.provider(t, only, server.ClientSecret)
	f.plain(t, "ann@acme.test", desk.RoleAgent)
	server.QueueUser(ann("1"))
	if _, err := f.sign(t, p, nil); err != nil {
		t.Fatal(err)
	}
	named := func(email, subject string) account {
		one := ann(subject)
		one.Email = email
		return one
	}
	for _, test := range []struct {
		name string
		at   desk.Provider
		user account
		code RefusalCode
	}{
		{"changed subject", p, ann("2"), NotConnected},
		{"owner's address", p, named("olga@example.com", "3"), NotConnected},
		{"nobody's address", p, named("nobody@acme.test", "4"), NotConnected},
		{"admin's address at a provider of customers", customers, named("ada@acme.test", "5"), ScopeDenied},
		{"agent's address there", customers, ann("6"), ScopeDenied},
	} {
		server.QueueUser(test.user)
		if done, err := f.sign(t, test.at, nil); f.codeOf(t, err) != test.code || done.Came.Token != "" {
			t.Errorf("%s: %+v %v", test.name, done, err)
		}
	}
	for name, user := range map[string]account{
		"not verified":           {MockUser: &mockoidc.MockUser{Subject: "7", Email: "ada@acme.test"}},
		"verified said as false": {MockUser: ann("8").MockUser, more: map[string]any{"email": "ada@acme.test", "email_verified": false}},
		"not the provider's":     named("ada@elsewhere.test", "9"),
	} {
		server.QueueUser(user)
		if done, err := f.sign(t, p, nil); err != nil || !done.Proving || done.Came.Token != "" {
			t.Errorf("%s: %+v %v: the address has to be proved first", name, done, err)
		}
	}
}

// A mail proves an address for the account that waits for it, in the browser in which it was begun, once.
func TestAnAddressIsProvedInTheSameBrowser(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	server := f.server(t)
	settings := openIDProvider(server, desk.ForBoth)
	settings.Settings.Create, settings.Settings.Domains = true, nil
	p := f.provider(t, settings, server.ClientSecret)
	eve := f.plain(t, "ann@acme.test", desk.RoleAgent)
	prove := func(subject, email string) (link string, browser string) {
		one := ann(subject)
		one.Email = email
		server.QueueUser(one)
		var at string
		if done, err := f.sign(t, p, func(a *CodeAnswer) { at = a.Browser }); err != nil || !done.Proving {
			t.Fatalf("%+v %v", done, err)
		}
		return f.mailedClaim(t), at
	}
	link, browser := prove("1", "ann@acme.test")
	if _, err := f.PeekClaim(t.Context(), link, strings.Repeat("y", 43)); err == nil {
		t.Error("another browser sees the link")
	}
	if _, err := f.UseClaim(t.Context(), link, strings.Repeat("y", 43), away); err == nil {
		t.Error("another browser uses the link")
	}
	if claim, err := f.PeekClaim(t.Context(), link, browser); err != nil || claim.Email != "ann@acme.test" || claim.Provider != "Acme" {
		t.Errorf("%+v %v", claim, err)
	}
	done, err := f.UseClaim(t.Context(), link, browser, home)
	if err != nil || done.Came.User.ID != eve.ID || done.Next != "/tickets" {
		t.Fatalf("%+v %v", done, err)
	}
	if _, err := f.UseClaim(t.Context(), link, browser, home); err == nil {
		t.Error("the link is used twice")
	}
	link, browser = prove("2", "new@customer.test")
	if done, err = f.UseClaim(t.Context(), link, browser, home); err != nil || done.Came.User.Role != desk.RoleCustomer || done.Came.User.Email != "new@customer.test" {
		t.Errorf("a new person: %+v %v", done, err)
	}
	link, browser = prove("3", "olga@example.com")
	if _, err = f.UseClaim(t.Context(), link, browser, home); f.codeOf(t, err) != NotConnected {
		t.Errorf("an owner by mail: %v", err)
	}
	link, browser = prove("4", "late@customer.test")
	f.clock.wait(claimLife + time.Second)
	if _, err = f.UseClaim(t.Context(), link, browser, home); err == nil {
		t.Error("the link works after half an hour")
	}
}

// mailedClaim is the token of the newest link that was mailed.
func (f federation) mailedClaim(t *testing.T) string {
	t.Helper()
	var args []byte
	if err := f.store.Pool().QueryRow(t.Context(), `select args from river_job where kind = 'prove_address' order by id desc limit 1`).Scan(&args); err != nil {
		t.Fatal(err)
	}
	var job desk.ProveAddress
	if err := json.Unmarshal(args, &job); err != nil {
		t.Fatal(err)
	}
	link, err := f.keys.Open(claimContext(job.Claim)+"/mail", job.Sealed)
	if err != nil {
		t.Fatal(err)
	}
	_, token, _ := strings.Cut(string(link), claimPath)
	return token
}

// People connect accounts themselves when they are signed in, owners too; one account belongs to one person.
func TestAccountsAreConnectedFromInside(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	server := f.server(t)
	p := f.provider(t, openIDProvider(server, desk.ForStaff), server.ClientSecret)
	connect := func(actor desk.Actor, subject string) error {
		server.QueueUser(ann(subject))
		begun, err := f.BeginSignOn(t.Context(), Begin{Provider: p.ID, Purpose: ToLink, Actor: actor, From: home})
		if err != nil {
			return err
		}
		_, err = f.end(t, p, begun, nil)
		return err
	}
	if err := connect(f.owner, "boss"); err != nil {
		t.Fatal(err)
	}
	server.QueueUser(ann("boss"))
	if done, err := f.sign(t, p, nil); err != nil || done.Came.User.ID != f.owner.User.ID {
		t.Errorf("%+v %v", done, err)
	}
	ada := desk.Actor{User: f.admin, Via: "portal"}
	if err := connect(ada, "boss"); err == nil {
		t.Error("one account belongs to two people")
	}
	if err := connect(f.owner, "second"); err == nil {
		t.Error("one person has two accounts at one provider")
	}
	customer := desk.Actor{User: f.plain(t, "cus@acme.test", desk.RoleCustomer), Via: "portal"}
	if err := connect(customer, "cus"); err == nil {
		t.Error("a customer connects an account of a provider for staff")
	}
	links, err := f.Connected(t.Context(), f.owner, f.owner.User.ID)
	if err != nil || len(links) != 1 {
		t.Fatalf("%+v %v", links, err)
	}
	if err := f.Disconnect(t.Context(), customer, f.owner.User.ID, links[0].ID); err == nil {
		t.Error("a customer disconnects an owner's account")
	}
	if err := f.Disconnect(t.Context(), ada, f.owner.User.ID, links[0].ID); err == nil {
		t.Error("an admin disconnects an owner's account")
	}
	if err := f.Disconnect(t.Context(), f.owner, f.owner.User.ID, links[0].ID); err != nil {
		t.Error(err)
	}
	server.QueueUser(ann("boss"))
	if _, err := f.sign(t, p, nil); f.codeOf(t, err) != NotConnected {
		t.Errorf("after disconnecting: %v", err)
	}
}

// Google's accounts need a Workspace domain that is named, Microsoft's a tenant, and Microsoft's word about an address counts where the tenant owns the domain.
func TestGoogleAndMicrosoftNameWhoMayComeIn(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	f.plain(t, "ann@acme.test", desk.RoleAgent)
	server := f.server(t)
	google := openIDProvider(server, desk.ForStaff)
	google.Kind = desk.ProviderGoogle
	if _, err := f.AddProvider(t.Context(), f.owner, google); err == nil {
		t.Error("Google without a domain is for everybody in the world")
	}
	google.Settings.Hosted = []string{"Acme.test"}
	p := f.provider(t, google, server.ClientSecret)
	claims := func(more map[string]any) account { return account{MockUser: ann("1").MockUser, more: more} }
	for name, test := range map[string]struct {
		user account
		code RefusalCode
	}{
		"no domain": {claims(nil), ScopeDenied}, "another domain": {claims(map[string]any{"hd": "evil.test"}), ScopeDenied}, "the domain": {claims(map[string]any{"hd": "acme.test"}), ""},
	} {
		server.QueueUser(test.user)
		if _, err := f.sign(t, p, nil); f.codeOf(t, err) != test.code || test.code == "" && err != nil {
			t.Errorf("Google, %s: %v", name, err)
		}
	}
	const tenant, foreign = "9188040d-6c67-4c5b-b112-36a304b66dad", "11111111-2222-3333-4444-555555555555"
	entra := microsoftServer(t, server)
	microsoft := desk.Provider{Kind: desk.ProviderMicrosoft, Name: "Microsoft", Population: desk.ForStaff, Settings: desk.ProviderSettings{Issuer: entra, ClientID: server.ClientID, Domains: []string{"acme.test"}}}
	if _, err := f.AddProvider(t.Context(), f.owner, microsoft); err == nil {
		t.Error("Microsoft without a tenant is for everybody in the world")
	}
	microsoft.Settings.Tenants = []string{tenant, "99999999-2222-3333-4444-555555555555"}
	q := f.provider(t, microsoft, server.ClientSecret)
	said := func(tid string, more map[string]any) account {
		all := map[string]any{"iss": entra + "/" + tid + "/v2.0", "tid": tid}
		for name, value := range more {
			all[name] = value
		}
		return account{MockUser: &mockoidc.MockUser{Subject: "m1", Email: "ann@acme.test", EmailVerified: true}, more: all}
	}
	for _, test := range []struct {
		name    string
		user    account
		code    RefusalCode
		proving bool
	}{
		{"another tenant", said(foreign, nil), ScopeDenied, false},
		{"a tenant that says it is another", said(tenant, map[string]any{"iss": entra + "/" + foreign + "/v2.0"}), BadClaims, false},
		{"an address that the tenant's admin has typed (nOAuth)", said(tenant, nil), "", true},
		{"the same, said to be unverified", said(tenant, map[string]any{"xms_edov": false}), "", true},
		{"an address of the tenant's own domain", said(tenant, map[string]any{"xms_edov": "1"}), "", false},
	} {
		server.QueueUser(test.user)
		done, err := f.sign(t, q, nil)
		if f.codeOf(t, err) != test.code || test.code == "" && (err != nil || done.Proving != test.proving) {
			t.Errorf("Microsoft, %s: %+v %v", test.name, done, err)
		}
	}
}

// microsoftServer puts Microsoft's addresses in front of a provider: the configuration for many tenants names an issuer with a hole in it.
func microsoftServer(t *testing.T, server *mockoidc.MockOIDC) string {
	t.Helper()
	front := httptest.NewUnstartedServer(nil)
	base := "http://" + front.Listener.Addr().String()
	front.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/organizations/v2.0/.well-known/openid-configuration" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{
			"issuer": base + "/{tenantid}/v2.0", "authorization_endpoint": server.AuthorizationEndpoint(), "token_endpoint": server.TokenEndpoint(), "jwks_uri": server.JWKSEndpoint(),
			"id_token_signing_alg_values_supported": []string{"RS256"}, "token_endpoint_auth_methods_supported": []string{"client_secret_post"},
		})
	})
	front.Start()
	t.Cleanup(front.Close)
	return base
}

// A provider that has to say that a second factor was asked for says it, or nobody comes in; and whoever it says it about is not asked again here.
func TestAProviderHasToSaySecondFactor(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	f.plain(t, "ann@acme.test", desk.RoleAgent)
	server := f.server(t)
	settings := openIDProvider(server, desk.ForStaff)
	settings.Settings.RequireMFA = true
	p := f.provider(t, settings, server.ClientSecret)
	server.QueueUser(ann("1"))
	if _, err := f.sign(t, p, nil); f.codeOf(t, err) != MFARequired {
		t.Errorf("not said: %v", err)
	}
	server.QueueUser(account{MockUser: ann("1").MockUser, more: map[string]any{"amr": []string{"pwd", "mfa"}}})
	if _, err := f.sign(t, p, nil); err != nil {
		t.Errorf("said in amr: %v", err)
	}
	server.QueueUser(account{MockUser: ann("1").MockUser, more: map[string]any{"acr": "http://schemas.microsoft.com/claims/multipleauthn"}})
	if _, err := f.sign(t, p, nil); err != nil {
		t.Errorf("said in acr: %v", err)
	}
}

// A trial says what would happen, lets nobody in, and counts as one only with the settings as they are.
func TestATrialComesBeforeRedirecting(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	server := f.server(t)
	p := f.provider(t, openIDProvider(server, desk.ForStaff), server.ClientSecret)
	redirect := map[string]any{desk.StaffMode.Key: desk.SignInRedirect, desk.StaffRedirect.Key: int(p.ID)}
	if err := f.SetSettings(t.Context(), f.owner, redirect); err == nil {
		t.Fatal("staff are redirected to a provider that nobody has tried")
	}
	if err := f.SetSettings(t.Context(), f.owner, map[string]any{desk.StaffPassword.Key: false}); err == nil {
		t.Fatal("passwords are off, and nothing else works")
	}
	try := func(user account) Trial {
		server.QueueUser(user)
		begun, err := f.BeginSignOn(t.Context(), Begin{Provider: p.ID, Purpose: ToTest, Actor: f.owner, From: home})
		if err != nil {
			t.Fatal(err)
		}
		done, err := f.end(t, p, begun, nil)
		if err != nil || done.Came.Token != "" {
			t.Fatalf("%+v %v", done, err)
		}
		return done.Trial
	}
	if trial := try(ann("1")); trial.Works || trial.Code != NotConnected {
		t.Errorf("nobody has the address: %+v", trial)
	}
	f.plain(t, "ann@acme.test", desk.RoleAgent)
	if trial := try(ann("1")); !trial.Works || trial.Would != "link" || trial.Email != "ann@acme.test" {
		t.Errorf("%+v", trial)
	}
	f.set(t, redirect)
	f.set(t, map[string]any{desk.StaffPassword.Key: false})
	if page, err := f.SignInPage(t.Context(), desk.ForStaff, home); err != nil || page.Redirect != p.ID || page.Password {
		t.Errorf("%+v %v", page, err)
	}
	for name, change := range map[string]func() error{
		"off":     func() error { return f.SwitchProvider(t.Context(), f.owner, p.ID, SwitchedOff) },
		"removed": func() error { return f.RemoveProvider(t.Context(), f.owner, p.ID) },
		"changed": func() error {
			changed := p
			changed.Settings.ClientID = "other"
			_, err := f.ChangeProvider(t.Context(), f.owner, changed)
			return err
		},
		"other secret": func() error { return f.SetProviderSecret(t.Context(), f.owner, p.ID, "other") },
	} {
		if change() == nil {
			t.Errorf("%s: the last way in for staff is gone", name)
		}
	}
	f.set(t, map[string]any{desk.StaffPassword.Key: true})
	if err := f.SetProviderSecret(t.Context(), f.owner, p.ID, "other"); err != nil {
		t.Fatal(err)
	}
	if page, err := f.SignInPage(t.Context(), desk.ForStaff, home); err != nil || page.Redirect != 0 {
		t.Errorf("staff are sent to a provider that was changed since it was tried: %+v %v", page, err)
	}
}

// zitadelServer is the example provider of zitadel/oidc, which has pages of its own.
func zitadelServer(t *testing.T, callback func() string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	issuer := "http://localhost:" + port + "/"
	storage.RegisterClients(storage.WebClient("postern", "secret of postern", callback()))
	logger := slog.New(slog.DiscardHandler)
	router := exampleop.SetupServer(issuer, storage.NewStorage(storage.NewUserStore(issuer)), logger, false)
	server := &http.Server{Handler: router, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return issuer
}

// Another provider, written by others: it asks for a password on a page of its own, and says addresses at its UserInfo endpoint only.
func TestOpenIDWithAnotherProvider(t *testing.T) {
	f := newFederation(t)
	agent := f.plain(t, "test-user@zitadel.ch", desk.RoleAgent)
	issuer := zitadelServer(t, func() string { return f.CallbackURL(1) })
	p := f.provider(t, desk.Provider{Kind: desk.ProviderOIDC, Name: "Zitadel", Population: desk.ForStaff, Settings: desk.ProviderSettings{Issuer: issuer, ClientID: "postern", Domains: []string{"zitadel.ch"}}}, "secret of postern")
	dance := func() (CodeAnswer, string) {
		begun, err := f.BeginSignOn(t.Context(), Begin{Provider: p.ID, Purpose: ToEnter, From: home})
		if err != nil {
			t.Fatal(err)
		}
		back := zitadelWalk(t, begun.URL, f.public)
		return CodeAnswer{Provider: p.ID, State: back.Get("state"), Code: back.Get("code"), Issuer: back.Get("iss"), Failure: back.Get("error"), Browser: begun.Browser, From: home}, begun.URL
	}
	answer, _ := dance()
	done, err := f.EndCode(t.Context(), answer)
	if err != nil || done.Came.User.ID != agent.ID {
		t.Fatalf("%+v %v", done, err)
	}
	second, _ := dance()
	second.Code = answer.Code
	if _, err := f.EndCode(t.Context(), second); f.codeOf(t, err) != ProviderError {
		t.Errorf("a code for the second time: %v", err)
	}
	if err := f.SetProviderSecret(t.Context(), f.owner, p.ID, "wrong"); err != nil {
		t.Fatal(err)
	}
	third, _ := dance()
	if _, err := f.EndCode(t.Context(), third); f.codeOf(t, err) != ProviderError {
		t.Errorf("with a wrong secret: %v", err)
	}
}

// zitadelWalk signs in on the provider's page and follows it back to us.
func zitadelWalk(t *testing.T, address, public string) url.Values {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := http.Client{Jar: jar, CheckRedirect: func(next *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(next.URL.String(), public) {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	page, err := browser.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(page.Body)
	page.Body.Close()
	_, rest, found := strings.Cut(string(text), `name="id" value="`)
	id, _, _ := strings.Cut(rest, `"`)
	if !found {
		t.Fatalf("no page for signing in: %s %s", page.Status, text)
	}
	login := page.Request.URL.ResolveReference(&url.URL{Path: "/login/username"})
	answer, err := browser.PostForm(login.String(), url.Values{"id": {id}, "username": {"test-user@localhost"}, "password": {"verysecure"}})
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	back, err := answer.Location()
	if err != nil {
		text, _ := io.ReadAll(answer.Body)
		t.Fatalf("nobody is sent back: %s %s", answer.Status, text)
	}
	return back.Query()
}

// The secrets of providers are sealed, and stand neither in the audit log nor in the settings.
func TestSecretsOfProvidersStandNowhere(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	server := f.server(t)
	p := f.provider(t, openIDProvider(server, desk.ForStaff), "canary-secret-4711")
	var count int
	for _, sql := range []string{`select count(*) from audit where detail::text like '%canary%'`, `select count(*) from provider where settings::text like '%canary%' or encode(secret, 'escape') like '%canary%'`} {
		if err := f.store.Pool().QueryRow(context.Background(), sql).Scan(&count); err != nil || count != 0 {
			t.Errorf("%s: %d %v", sql, count, err)
		}
	}
	if plain, err := f.providerSecret(t.Context(), p.ID); err != nil || plain != "canary-secret-4711" {
		t.Errorf("%q %v", plain, err)
	}
}

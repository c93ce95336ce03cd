package identity

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/desk"
)

const backAddress = "https://app.example.com/back"

// theVerifier is one of a client, with its challenge.
const theVerifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" // RFC 7636, appendix B

func challengeOf(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// grantHouse is a house with a client and a person.
type grantHouse struct {
	house
	ada    desk.User
	client desk.OAuthClient
	proof  ClientProof
}

func newGrantHouse(t *testing.T) grantHouse {
	t.Helper()
	h := grantHouse{house: newHouse(t)}
	h.plain(t, "root@example.com", desk.RoleOwner)
	h.ada = h.plain(t, "ada@example.com", desk.RoleAgent)
	h.client, h.proof = h.register(t, NewClient{Name: "Field app", Confidential: true, Redirects: []string{backAddress}, Scopes: []desk.Scope{"tickets:read", "read", "offline"}})
	return h
}

func (h grantHouse) register(t *testing.T, add NewClient) (desk.OAuthClient, ClientProof) {
	t.Helper()
	plain, client, err := h.AddClient(t.Context(), cli, add)
	if err != nil {
		t.Fatal(err)
	}
	return client, ClientProof{client.Key, plain}
}

// asked is a request as it should be.
func (h grantHouse) asked() Authorization {
	return Authorization{ClientID: h.client.Key, Redirect: backAddress, ResponseType: "code", Scope: "tickets:read offline", State: "xyz", Challenge: challengeOf(theVerifier), Method: "S256"}
}

// code is one that ada has agreed to.
func (h grantHouse) code(t *testing.T) string {
	t.Helper()
	code, err := h.Agree(t.Context(), as(h.ada), h.asked())
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// tokens are what a code of ada's gives.
func (h grantHouse) tokens(t *testing.T) Issued {
	t.Helper()
	issued, err := h.RedeemCode(t.Context(), h.proof, h.code(t), backAddress, theVerifier, home)
	if err != nil {
		t.Fatal(err)
	}
	return issued
}

// wantOAuth checks what a client is told.
func wantOAuth(t *testing.T, what string, err error, code string) {
	t.Helper()
	var refused *OAuthError
	if !errors.As(err, &refused) || refused.Code != code {
		t.Errorf("%s: %v, want %s", what, err, code)
	}
}

func TestAuthorization(t *testing.T) {
	t.Parallel()
	h, ctx := newGrantHouse(t), t.Context()
	if consent, err := h.Consider(ctx, h.asked()); err != nil || consent.Client.Name != "Field app" || !slices.Equal(consent.Scopes, []desk.Scope{"offline", "tickets:read"}) {
		t.Errorf("%+v, %v", consent, err)
	}
	// What comes from somebody else than the client: the person is not sent anywhere.
	for name, change := range map[string]func(*Authorization){
		"an unknown client":          func(a *Authorization) { a.ClientID = "pca_nobody" },
		"no client":                  func(a *Authorization) { a.ClientID = "" },
		"another address":            func(a *Authorization) { a.Redirect = "https://evil.example/back" },
		"a path more":                func(a *Authorization) { a.Redirect += "/more" },
		"a query more":               func(a *Authorization) { a.Redirect += "?x=1" },
		"a slash more":               func(a *Authorization) { a.Redirect += "/" },
		"a fragment":                 func(a *Authorization) { a.Redirect += "#x" },
		"a step up":                  func(a *Authorization) { a.Redirect = "https://app.example.com/x/../back" },
		"other case":                 func(a *Authorization) { a.Redirect = "https://APP.example.com/back" },
		"a name before":              func(a *Authorization) { a.Redirect = "https://app.example.com@evil.example/back" },
		"http":                       func(a *Authorization) { a.Redirect = "http://app.example.com/back" },
		"the beginning of it":        func(a *Authorization) { a.Redirect = "https://app.example.com" },
		"no address":                 func(a *Authorization) { a.Redirect = "" },
		"a port":                     func(a *Authorization) { a.Redirect = "https://app.example.com:8443/back" },
		"percent signs for the same": func(a *Authorization) { a.Redirect = "https://app.example.com/%62ack" },
	} {
		asked := h.asked()
		change(&asked)
		if _, err := h.Agree(ctx, as(h.ada), asked); !is(err, desk.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// What the client got wrong: it is told.
	for name, test := range map[string]struct {
		change func(*Authorization)
		code   string
	}{
		"implicit":                {func(a *Authorization) { a.ResponseType = "token" }, "unsupported_response_type"},
		"hybrid":                  {func(a *Authorization) { a.ResponseType = "code token" }, "unsupported_response_type"},
		"no PKCE":                 {func(a *Authorization) { a.Challenge, a.Method = "", "" }, "invalid_request"},
		"PKCE downgrade to plain": {func(a *Authorization) { a.Challenge, a.Method = theVerifier, "plain" }, "invalid_request"},
		"PKCE without a method":   {func(a *Authorization) { a.Method = "" }, "invalid_request"},
		"a short challenge":       {func(a *Authorization) { a.Challenge = "abc" }, "invalid_request"},
		"an unknown scope":        {func(a *Authorization) { a.Scope = "tickets:read root" }, "invalid_scope"},
		"a scope that it may not": {func(a *Authorization) { a.Scope = "admin" }, "invalid_scope"},
		"no scope":                {func(a *Authorization) { a.Scope = "" }, "invalid_scope"},
		"offline alone":           {func(a *Authorization) { a.Scope = "offline" }, "invalid_scope"},
		"an endless state":        {func(a *Authorization) { a.State = strings.Repeat("x", 5000) }, "invalid_request"},
	} {
		asked := h.asked()
		test.change(&asked)
		_, err := h.Agree(ctx, as(h.ada), asked)
		wantOAuth(t, name, err, test.code)
	}
	customer := h.plain(t, "customer@example.com", desk.RoleCustomer)
	for name, actor := range map[string]desk.Actor{"nobody": {Via: "portal"}, "a token": {User: h.ada, Scopes: []desk.Scope{"admin"}, Via: "api"}, "a customer": as(customer)} {
		if _, err := h.Agree(ctx, actor, h.asked()); !is(err, desk.Forbidden) {
			t.Errorf("%s agrees: %v", name, err)
		}
	}
}

func TestRedeemCode(t *testing.T) {
	t.Parallel()
	h, ctx := newGrantHouse(t), t.Context()
	issued := h.tokens(t)
	if issued.Life != time.Hour || issued.Refresh == "" || !slices.Equal(issued.Scopes, []desk.Scope{"tickets:read"}) || !strings.HasPrefix(issued.Access, "pst_oauth_") || !strings.HasPrefix(issued.Refresh, "pst_refresh_") {
		t.Errorf("%+v", issued)
	}
	actor, err := h.Bearer(ctx, issued.Access, home)
	if err != nil || !actor.User.Same(h.ada) || !slices.Equal(actor.Scopes, []desk.Scope{"tickets:read"}) || actor.Can(desk.MayWrite) {
		t.Errorf("%+v, %v", actor, err)
	}
	other, otherProof := h.register(t, NewClient{Name: "Other", Confidential: true, Redirects: []string{backAddress}, Scopes: []desk.Scope{"tickets:read"}})
	public, publicProof := h.register(t, NewClient{Name: "Public", Redirects: []string{backAddress}, Scopes: []desk.Scope{"tickets:read"}})
	if publicProof.Secret != "" || other.Key == public.Key {
		t.Error("a public client has a secret")
	}
	for name, try := range map[string]func(code string) error{
		"the wrong verifier":        func(code string) error { return h.redeem(t, h.proof, code, backAddress, strings.Repeat("a", 43)) },
		"the challenge as verifier": func(code string) error { return h.redeem(t, h.proof, code, backAddress, challengeOf(theVerifier)) },
		"no verifier":               func(code string) error { return h.redeem(t, h.proof, code, backAddress, "") },
		"another address":           func(code string) error { return h.redeem(t, h.proof, code, "https://app.example.com/", theVerifier) },
		"another client (mix-up)":   func(code string) error { return h.redeem(t, otherProof, code, backAddress, theVerifier) },
		"a client without a secret": func(code string) error { return h.redeem(t, publicProof, code, backAddress, theVerifier) },
		"a code that is none":       func(string) error { return h.redeem(t, h.proof, "nonsense", backAddress, theVerifier) },
		"a code that is too old": func(code string) error {
			h.clock.wait(grantCodeLife)
			return h.redeem(t, h.proof, code, backAddress, theVerifier)
		},
		"a code of a disabled person": func(code string) error {
			h.switchAda(t, ClientOff)
			defer h.switchAda(t, ClientOn)
			return h.redeem(t, h.proof, code, backAddress, theVerifier)
		},
	} {
		wantOAuth(t, name, try(h.code(t)), "invalid_grant")
	}
	for name, proof := range map[string]ClientProof{"the wrong secret": {h.proof.Key, "x"}, "no secret": {Key: h.proof.Key}, "nobody": {}, "a secret where there is none": {publicProof.Key, h.proof.Secret}} {
		wantOAuth(t, name, h.redeem(t, proof, h.code(t), backAddress, theVerifier), "invalid_client")
	}
	if err := h.SwitchClient(ctx, cli, h.client.ID, ClientOff); err != nil {
		t.Fatal(err)
	}
	wantOAuth(t, "out of use", h.redeem(t, h.proof, "x", backAddress, theVerifier), "invalid_client")
	if _, err := h.Bearer(ctx, issued.Access, home); err != errUnknownToken {
		t.Errorf("a token of a client out of use: %v", err)
	}
}

func (h grantHouse) redeem(t *testing.T, proof ClientProof, code, redirect, verifier string) error {
	t.Helper()
	_, err := h.RedeemCode(t.Context(), proof, code, redirect, verifier, home)
	return err
}

func (h grantHouse) switchAda(t *testing.T, use ClientUse) {
	t.Helper()
	do := h.Enable
	if use == ClientOff {
		do = h.Disable
	}
	if err := do(t.Context(), cli, h.ada.ID); err != nil {
		t.Fatal(err)
	}
}

// A code that comes a second time ends what came of the first.
func TestCodeReuse(t *testing.T) {
	t.Parallel()
	h, ctx := newGrantHouse(t), t.Context()
	code := h.code(t)
	issued, err := h.RedeemCode(ctx, h.proof, code, backAddress, theVerifier, home)
	if err != nil {
		t.Fatal(err)
	}
	wantOAuth(t, "the second time", h.redeem(t, h.proof, code, backAddress, theVerifier), "invalid_grant")
	if _, err := h.Bearer(ctx, issued.Access, home); err != errUnknownToken {
		t.Errorf("the access token of the first time: %v", err)
	}
	_, err = h.Renew(ctx, h.proof, issued.Refresh, "", home)
	wantOAuth(t, "the refresh token of the first time", err, "invalid_grant")
	if letters := h.lettersAbout(t, desk.LetterAppReuse); len(letters) != 1 || letters[0].User != h.ada.ID || letters[0].Facts["app"] != "Field app" {
		t.Errorf("letters: %+v", letters)
	}
	if log := strings.Join(h.audit(t), " "); !strings.HasSuffix(log, "app.allow app.token app.reuse") {
		t.Errorf("audit log: %s", log)
	}

	// At the same moment: one wins, and then the other ends it.
	code = h.code(t)
	var all sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for range 6 {
		all.Go(func() {
			if h.redeem(t, h.proof, code, backAddress, theVerifier) == nil {
				mu.Lock()
				won++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if won > 1 {
		t.Errorf("%d of 6 got tokens for one code", won)
	}
}

func TestRefreshRotation(t *testing.T) {
	t.Parallel()
	h, ctx := newGrantHouse(t), t.Context()
	renew := func(refresh, scope string) (Issued, error) { return h.Renew(ctx, h.proof, refresh, scope, home) }
	first := h.tokens(t)
	second, err := renew(first.Refresh, "")
	if err != nil || second.Refresh == first.Refresh || second.Access == first.Access {
		t.Fatalf("%+v, %v", second, err)
	}
	_, err = renew(second.Refresh, "tickets:read root")
	wantOAuth(t, "an unknown scope", err, "invalid_scope")
	_, err = renew(second.Refresh, "read")
	wantOAuth(t, "more than was agreed to", err, "invalid_scope")
	_, otherProof := h.register(t, NewClient{Name: "Other", Confidential: true, Redirects: []string{backAddress}, Scopes: []desk.Scope{"tickets:read"}})
	_, err = h.Renew(ctx, otherProof, second.Refresh, "", home)
	wantOAuth(t, "another client", err, "invalid_grant")
	third, err := renew(second.Refresh, "tickets:read")
	if err != nil {
		t.Fatalf("after what was refused: %v", err)
	}
	for _, wrong := range []string{"", third.Access, "pst_refresh_x", seal(prefixRefresh, strings.Repeat("A", 43))} {
		_, err = renew(wrong, "")
		wantOAuth(t, "no refresh token", err, "invalid_grant")
	}
	_, err = renew(first.Refresh, "") // a thief has the first one
	wantOAuth(t, "the first one again", err, "invalid_grant")
	_, err = renew(third.Refresh, "")
	wantOAuth(t, "the newest, after that", err, "invalid_grant")
	for _, token := range []string{first.Access, second.Access, third.Access} {
		if _, err := h.Bearer(ctx, token, home); err != errUnknownToken {
			t.Errorf("an access token after that: %v", err)
		}
	}

	// A grant lasts 30 days, however often it is renewed.
	live := h.tokens(t)
	for day := range 40 {
		next, err := renew(live.Refresh, "")
		if err != nil {
			if day < 30 {
				t.Errorf("ended after %d days: %v", day, err)
			}
			return
		}
		live = next
		h.clock.wait(aDay)
	}
	t.Error("a grant is renewed for ever")
}

// A person who may less from now on lets their apps do less, at once; and who disconnects one, or is disabled, ends it.
func TestGrantEnds(t *testing.T) {
	t.Parallel()
	h, ctx := newGrantHouse(t), t.Context()
	issued := h.tokens(t)
	apps, err := h.Apps(ctx, as(h.ada), "", 0)
	if err != nil || len(apps.Items) != 1 || apps.Items[0].ClientName != "Field app" {
		t.Fatalf("%+v, %v", apps, err)
	}
	bob := h.plain(t, "bob@example.com", desk.RoleAgent)
	wantFault(t, h.DisconnectApp(ctx, as(bob), apps.Items[0].ID), desk.NotFound, "")
	h.switchAda(t, ClientOff)
	if _, err := h.Bearer(ctx, issued.Access, home); err != errUnknownToken {
		t.Errorf("of a disabled person: %v", err)
	}
	_, err = h.Renew(ctx, h.proof, issued.Refresh, "", home)
	wantOAuth(t, "of a disabled person", err, "invalid_grant")
	h.switchAda(t, ClientOn)
	role := desk.RoleAuditor
	if _, err := h.UpdateUser(ctx, cli, h.ada.ID, UserChange{Role: &role}); err != nil {
		t.Fatal(err)
	}
	if actor, err := h.Bearer(ctx, issued.Access, home); err != nil || actor.Can(desk.MayRead) {
		t.Errorf("of a person who sees no tickets any more: %+v, %v", actor, err)
	}
	if err := h.DisconnectApp(ctx, as(h.ada), apps.Items[0].ID); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Bearer(ctx, issued.Access, home); err != errUnknownToken {
		t.Errorf("disconnected: %v", err)
	}
	_, err = h.Renew(ctx, h.proof, issued.Refresh, "", home)
	wantOAuth(t, "disconnected", err, "invalid_grant")
}

func TestClientActsByItself(t *testing.T) {
	t.Parallel()
	h, ctx := newGrantHouse(t), t.Context()
	robot, err := h.AddServiceAccount(ctx, cli, "robot", desk.RoleAgent)
	if err != nil {
		t.Fatal(err)
	}
	client, proof := h.register(t, NewClient{Name: "Nightly", Confidential: true, Scopes: []desk.Scope{"tickets:read", "offline"}, Service: robot.Email, AccessMinutes: 5})
	issued, err := h.ClientToken(ctx, proof, "", home)
	if err != nil || issued.Refresh != "" || issued.Life != 5*time.Minute || !slices.Equal(issued.Scopes, []desk.Scope{"tickets:read"}) {
		t.Fatalf("%+v, %v", issued, err)
	}
	if actor, err := h.Bearer(ctx, issued.Access, home); err != nil || actor.User.ID != robot.ID {
		t.Errorf("%+v, %v", actor, err)
	}
	_, err = h.ClientToken(ctx, proof, "write", home)
	wantOAuth(t, "a scope that it may not", err, "invalid_scope")
	_, err = h.ClientToken(ctx, proof, "offline", home)
	wantOAuth(t, "offline", err, "invalid_scope")
	_, err = h.ClientToken(ctx, h.proof, "", home)
	wantOAuth(t, "a client for people only", err, "unauthorized_client")
	h.clock.wait(5 * time.Minute)
	if _, err := h.Bearer(ctx, issued.Access, home); err != errUnknownToken {
		t.Errorf("after its life: %v", err)
	}
	if err := h.SwitchService(ctx, cli, robot.ID, ClientOff); err != nil {
		t.Fatal(err)
	}
	_, err = h.ClientToken(ctx, proof, "", home)
	wantOAuth(t, "its account is disabled", err, "unauthorized_client")

	// A new secret: the old one for a day as well; one that others have seen, not at all.
	fresh, err := h.NewClientSecret(ctx, cli, client.ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.SwitchService(ctx, cli, robot.ID, ClientOn); err != nil {
		t.Fatal(err)
	}
	for name, secret := range map[string]string{"the old secret": proof.Secret, "the new secret": fresh} {
		if _, err := h.ClientToken(ctx, ClientProof{client.Key, secret}, "", home); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	h.clock.wait(secretOverlap)
	_, err = h.ClientToken(ctx, proof, "", home)
	wantOAuth(t, "the old secret, a day later", err, "invalid_client")
	if ended, err := h.Exposed(ctx, fresh, ExposedLeak, "git.example", away); err != nil || !ended {
		t.Errorf("%v, %v", ended, err)
	}
	_, err = h.ClientToken(ctx, ClientProof{client.Key, fresh}, "", home)
	wantOAuth(t, "a secret that others have", err, "invalid_client")
}

func TestGiveBackAndInspect(t *testing.T) {
	t.Parallel()
	h, ctx := newGrantHouse(t), t.Context()
	_, otherProof := h.register(t, NewClient{Name: "Other", Confidential: true, Redirects: []string{backAddress}, Scopes: []desk.Scope{"tickets:read"}})
	_, publicProof := h.register(t, NewClient{Name: "Public", Redirects: []string{backAddress}, Scopes: []desk.Scope{"tickets:read"}})
	issued := h.tokens(t)
	active := func(proof ClientProof, token string) bool {
		t.Helper()
		found, err := h.Inspect(ctx, proof, token)
		if err != nil {
			t.Fatal(err)
		}
		return found.Active
	}
	if found, err := h.Inspect(ctx, h.proof, issued.Access); err != nil || !found.Active || !found.Access || found.Email != h.ada.Email || !found.ExpiresAt.Equal(h.clock.now().Add(time.Hour)) {
		t.Errorf("%+v, %v", found, err)
	}
	mine := h.accessToken(t, NewToken{UserEmail: h.ada.Email, Name: "by hand"})
	if !active(h.proof, issued.Refresh) || active(otherProof, issued.Access) || active(otherProof, issued.Refresh) || active(h.proof, mine) || active(h.proof, "x") {
		t.Error("who learns what of which token")
	}
	_, err := h.Inspect(ctx, publicProof, issued.Access)
	wantOAuth(t, "a client without a secret", err, "invalid_client")
	for _, token := range []string{issued.Access, issued.Refresh, mine, "nonsense"} {
		if err := h.GiveBack(ctx, otherProof, token, home); err != nil {
			t.Errorf("somebody else's token: %v", err)
		}
	}
	if _, err := h.Bearer(ctx, mine, home); err != nil || !active(h.proof, issued.Access) || !active(h.proof, issued.Refresh) {
		t.Errorf("somebody else has ended a token: %v", err)
	}
	if err := h.GiveBack(ctx, h.proof, issued.Access, home); err != nil || active(h.proof, issued.Access) || !active(h.proof, issued.Refresh) {
		t.Errorf("the access token alone: %v", err)
	}
	next, err := h.Renew(ctx, h.proof, issued.Refresh, "", home)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.GiveBack(ctx, h.proof, next.Refresh, home); err != nil || active(h.proof, next.Access) || active(h.proof, next.Refresh) {
		t.Errorf("the whole family: %v", err)
	}
}

func TestCheckRedirect(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"https://app.example.com/back": true, "https://app.example.com": true, "https://app.example.com:8443/back?x=1": true, "http://127.0.0.1:8100/back": true, "http://[::1]/back": true, "com.example.app:/back": true,
		"http://app.example.com/back": false, "http://localhost/back": false, "http://127.0.0.1.evil.example/": false, "https://a@app.example.com/": false, "https://app.example.com/#x": false, "https://*.example.com/": false,
		"javascript:alert(1)": false, "data:text/html,x": false, "myapp:/back": false, "/back": false, "https:///back": false, "https://app.example.com/a b": false, "": false,
		"https://app.example.com/\r\nX: y": false, "com.example.app://host/back": false, "https://bücher.example/": false,
	} {
		if err := checkRedirect(text); (err == nil) != want {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestClientRefused(t *testing.T) {
	t.Parallel()
	h, ctx := newGrantHouse(t), t.Context()
	fine := NewClient{Name: "x", Redirects: []string{backAddress}, Scopes: []desk.Scope{"read"}}
	for name, change := range map[string]func(*NewClient){
		"without a name": func(c *NewClient) { c.Name = "" }, "without scopes": func(c *NewClient) { c.Scopes = nil }, "with offline alone": func(c *NewClient) { c.Scopes = []desk.Scope{"offline"} },
		"with an unknown scope": func(c *NewClient) { c.Scopes = []desk.Scope{"root"} }, "without an address": func(c *NewClient) { c.Redirects = nil }, "with a life of a minute": func(c *NewClient) { c.AccessMinutes = 1 },
		"with a life of a week": func(c *NewClient) { c.AccessMinutes = 7 * 24 * 60 }, "without a secret, acting by itself": func(c *NewClient) { c.Service = "x@service.invalid" },
		"acting as a person": func(c *NewClient) { c.Service, c.Confidential = h.ada.Email, true },
	} {
		add := fine
		change(&add)
		if _, _, err := h.AddClient(ctx, cli, add); !is(err, desk.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := h.AddClient(ctx, as(h.ada), fine); !is(err, desk.Forbidden) {
		t.Errorf("by an agent: %v", err)
	}
}

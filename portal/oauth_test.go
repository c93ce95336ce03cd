package portal

import (
	"encoding/json"
	"errors"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/zitadel/oidc/v3/pkg/client/rp"
	httphelper "github.com/zitadel/oidc/v3/pkg/http"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"golang.org/x/oauth2"

	"postern/api"
	"postern/desk"
	"postern/identity"
	"postern/internal/testkit"
)

// withAPI serves the API beside the portal, over the same services.
func (h *house) withAPI() (base string) {
	h.t.Helper()
	served := api.New(api.Config{
		Tickets: h.tickets, Identity: h.people, Domains: h.domains, Audit: h.audit, Store: h.store, Keys: testkit.Keys(h.t), Version: "test", Log: slog.New(slog.DiscardHandler),
	})
	server := httptest.NewServer(served.Handler())
	h.t.Cleanup(server.Close)
	return server.URL
}

// formFields are the fields of the first form to the path, as the page has them.
func formFields(body, action string) (pairs []string) {
	_, form, _ := strings.Cut(body, `action="`+action+`"`)
	form, _, _ = strings.Cut(form, "</form>")
	for _, found := range regexp.MustCompile(`type="hidden" name="([^"]*)" value="([^"]*)"`).FindAllStringSubmatch(form, -1) {
		pairs = append(pairs, html.UnescapeString(found[1]), html.UnescapeString(found[2]))
	}
	return pairs
}

// sentTo is a program's page, which takes what the browser brings back.
func sentTo(t *testing.T) (address string, got func() url.Values) {
	t.Helper()
	back := make(chan url.Values, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/back" {
			back <- r.URL.Query()
		}
		_, _ = io.WriteString(w, "<title>The app</title><p id=app>Thank you.</p>")
	}))
	t.Cleanup(server.Close)
	return server.URL + "/back", func() url.Values {
		select {
		case values := <-back:
			return values
		case <-time.After(20 * time.Second):
			t.Fatal("nobody came back to the program")
			return nil
		}
	}
}

// x/oauth2 as a foreign client: a person signs in, agrees, and the program works for them until they disconnect it.
func TestForeignClientByOAuth2(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	base := h.withAPI()
	back, came := sentTo(t)
	secret, client, err := h.people.AddClient(t.Context(), h.owner, identity.NewClient{Name: "Field notes", Confidential: true, Redirects: []string{back}, Scopes: []desk.Scope{"tickets:read", "offline"}})
	check(t, err)
	config := oauth2.Config{
		ClientID: client.Key, ClientSecret: secret, RedirectURL: back, Scopes: []string{"tickets:read", "offline"},
		Endpoint: oauth2.Endpoint{AuthURL: h.url + "/oauth/authorize", TokenURL: base + "/oauth/token", AuthStyle: oauth2.AuthStyleInHeader},
	}
	verifier := oauth2.GenerateVerifier()
	path := strings.TrimPrefix(config.AuthCodeURL("state-1", oauth2.S256ChallengeOption(verifier)), h.url)

	if got := h.reader("").get(path); got.path != "/sign-in" {
		t.Errorf("nobody is at %s", got.path)
	}
	ada := h.reader("ada@example.com")
	page := ada.get(path)
	page.has(t, "Let Field notes act for you?", "Read: tickets", "Go on while you are not here", "ada@example.com")
	if policy := page.header.Get("Content-Security-Policy"); !strings.Contains(policy, "form-action 'self' "+strings.TrimSuffix(back, "/back")) || !strings.Contains(policy, "frame-ancestors 'none'") {
		t.Errorf("policy %s", policy)
	}
	fields := formFields(page.body, "/oauth/authorize")
	ada.post("/oauth/authorize", append(fields, "answer", "deny")...)
	if values := came(); values.Get("error") != "access_denied" || values.Get("state") != "state-1" || values.Get("iss") != h.url || values.Has("code") {
		t.Errorf("denied: %v", values)
	}
	ada.post("/oauth/authorize", append(fields, "answer", "allow")...)
	values := came()
	if values.Get("state") != "state-1" || values.Get("iss") != h.url || values.Get("code") == "" {
		t.Fatalf("allowed: %v", values)
	}
	if _, err := config.Exchange(t.Context(), values.Get("code"), oauth2.VerifierOption(oauth2.GenerateVerifier())); !retrieved(err, "invalid_grant") {
		t.Errorf("a foreign verifier: %v", err)
	}
	ada.post("/oauth/authorize", append(fields, "answer", "allow")...)
	code := came().Get("code")
	token, err := config.Exchange(t.Context(), code, oauth2.VerifierOption(verifier))
	check(t, err)
	if token.TokenType != "Bearer" || token.RefreshToken == "" || time.Until(token.Expiry) > time.Hour || time.Until(token.Expiry) < 50*time.Minute {
		t.Errorf("%+v", token)
	}
	ask := func(client *http.Client, path string) int {
		answer, err := client.Get(base + "/api/v1" + path)
		check(t, err)
		defer answer.Body.Close()
		return answer.StatusCode
	}
	if status := ask(config.Client(t.Context(), token), "/tickets"); status != http.StatusOK {
		t.Errorf("tickets: %d", status)
	}
	if status := ask(config.Client(t.Context(), token), "/mailboxes"); status != http.StatusForbidden {
		t.Errorf("mailboxes: %d", status)
	}
	old := *token
	token.Expiry = time.Now().Add(-time.Minute) // the library renews it by itself
	source := config.TokenSource(t.Context(), token)
	renewed, err := source.Token()
	check(t, err)
	if renewed.RefreshToken == old.RefreshToken || renewed.AccessToken == old.AccessToken {
		t.Error("a refresh token stays the same")
	}
	apps := ada.get("/apps")
	apps.has(t, "Field notes", "Read: tickets")
	h.reader("olga@example.com").get("/security/clients/1").has(t, "ada@example.com", client.Key)
	ada.post(regexp.MustCompile(`/apps/\d+/disconnect`).FindString(apps.body)).has(t, "Disconnected", "No connected apps")
	if status := ask(config.Client(t.Context(), renewed), "/tickets"); status != http.StatusUnauthorized {
		t.Errorf("disconnected: %d", status)
	}
	renewed.Expiry = time.Now().Add(-time.Minute)
	if _, err := config.TokenSource(t.Context(), renewed).Token(); !retrieved(err, "invalid_grant") {
		t.Errorf("renewed after that: %v", err)
	}
}

// retrieved says whether the token endpoint refused with that word.
func retrieved(err error, code string) bool {
	var refused *oauth2.RetrieveError
	return errors.As(err, &refused) && refused.ErrorCode == code
}

// zitadel's relying party as another foreign client: public, with its own state, cookies and PKCE.
func TestForeignClientByRelyingParty(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	base := h.withAPI()
	mux := http.NewServeMux()
	app := httptest.NewServer(mux)
	t.Cleanup(app.Close)
	_, client, err := h.people.AddClient(t.Context(), h.owner, identity.NewClient{Name: "Pocket desk", Redirects: []string{app.URL + "/back"}, Scopes: []desk.Scope{"read"}})
	check(t, err)
	cookies := httphelper.NewCookieHandler([]byte("0123456789abcdef0123456789abcdef"), []byte("0123456789abcdef"), httphelper.WithUnsecure())
	party, err := rp.NewRelyingPartyOAuth(&oauth2.Config{
		ClientID: client.Key, RedirectURL: app.URL + "/back", Scopes: []string{"read"}, Endpoint: oauth2.Endpoint{AuthURL: h.url + "/oauth/authorize", TokenURL: base + "/oauth/token", AuthStyle: oauth2.AuthStyleInParams},
	}, rp.WithCookieHandler(cookies), rp.WithPKCE(cookies))
	check(t, err)
	mux.Handle("/login", rp.AuthURLHandler(func() string { return "a-state" }, party))
	mux.Handle("/back", rp.CodeExchangeHandler(func(w http.ResponseWriter, r *http.Request, tokens *oidc.Tokens[*oidc.IDTokenClaims], _ string, _ rp.RelyingParty) {
		answer, err := party.OAuthConfig().Client(r.Context(), tokens.Token).Get(base + "/api/v1/tickets")
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer answer.Body.Close()
		w.WriteHeader(answer.StatusCode)
		_, _ = io.Copy(w, answer.Body)
	}, party))
	h.mail(letterOf("Anna <anna@customer.example>", "The lamp flickers", "lamp", "\nIt does."))
	ada := h.reader("ada@example.com")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, app.URL+"/login", nil)
	check(t, err)
	page := ada.do(req)
	page.has(t, "Let Pocket desk act for you?")
	got := ada.post("/oauth/authorize", append(formFields(page.body, "/oauth/authorize"), "answer", "allow")...)
	var list struct {
		Items []struct{ Subject string } `json:"items"`
	}
	check(t, json.Unmarshal([]byte(got.body), &list))
	if got.status != http.StatusOK || len(list.Items) != 1 || list.Items[0].Subject != "The lamp flickers" {
		t.Errorf("%d at %s: %s", got.status, got.path, got.body)
	}
}

// What comes with a wrong address, or from a program that nobody has registered, leads nowhere; what the program gets wrong it is told at its own address.
func TestAuthorizePageRefuses(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	back, came := sentTo(t)
	_, client, err := h.people.AddClient(t.Context(), h.owner, identity.NewClient{Name: "Field notes", Redirects: []string{back}, Scopes: []desk.Scope{"tickets:read"}})
	check(t, err)
	ada := h.reader("ada@example.com")
	ask := func(change func(url.Values)) answer {
		values := url.Values{"client_id": {client.Key}, "redirect_uri": {back}, "response_type": {"code"}, "scope": {"tickets:read"}, "state": {"s"}, "code_challenge": {strings.Repeat("a", 43)}, "code_challenge_method": {"S256"}}
		change(values)
		return ada.get("/oauth/authorize?" + values.Encode())
	}
	for name, change := range map[string]func(url.Values){
		"another address": func(v url.Values) { v.Set("redirect_uri", "https://evil.example/") }, "an unknown program": func(v url.Values) { v.Set("client_id", "x") },
		"two addresses": func(v url.Values) { v.Add("redirect_uri", "https://evil.example/") }, "two programs": func(v url.Values) { v.Add("client_id", "x") },
	} {
		if got := ask(change); got.status != http.StatusUnprocessableEntity || got.path != "/oauth/authorize" || strings.Contains(got.body, `="https://evil.example`) {
			t.Errorf("%s: %d at %s", name, got.status, got.path)
		}
	}
	for code, change := range map[string]func(url.Values){
		"unsupported_response_type": func(v url.Values) { v.Set("response_type", "token") }, "invalid_request": func(v url.Values) { v.Set("code_challenge_method", "plain") }, "invalid_scope": func(v url.Values) { v.Set("scope", "admin") },
	} {
		ask(change)
		if values := came(); values.Get("error") != code || values.Get("state") != "s" || values.Get("iss") != h.url {
			t.Errorf("%s: %v", code, values)
		}
	}
	// A page of another site cannot agree for somebody.
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.url+"/oauth/authorize", strings.NewReader("answer=allow&client_id="+client.Key))
	check(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	if got := ada.do(req); got.status != http.StatusForbidden {
		t.Errorf("from another site: %d", got.status)
	}
	// Who signed in long ago is asked who they are before they see what a program wants.
	h.sql(`update session set proved_at = now() - interval '11 minutes'`)
	if got := ask(func(url.Values) {}); got.path != "/confirm" {
		t.Errorf("with an old proof at %s", got.path)
	}
}

// The same in Chromium, which holds the redirect after the form to the policy of the page.
func TestOAuthInTheBrowser(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	back, came := sentTo(t)
	_, client, err := h.people.AddClient(t.Context(), h.owner, identity.NewClient{Name: "Field notes", Redirects: []string{back}, Scopes: []desk.Scope{"tickets:read"}})
	check(t, err)
	asked := url.Values{"client_id": {client.Key}, "redirect_uri": {back}, "response_type": {"code"}, "scope": {"tickets:read"}, "state": {"s"}, "code_challenge": {strings.Repeat("a", 43)}, "code_challenge_method": {"S256"}}
	ctx := h.browser("ada@example.com")
	does(t, ctx, "agree", chromedp.Navigate(h.url+"/oauth/authorize?"+asked.Encode()), chromedp.WaitVisible(`button[value="allow"]`), chromedp.Click(`button[value="allow"]`), chromedp.WaitVisible("#app"))
	if values := came(); values.Get("code") == "" || values.Get("state") != "s" {
		t.Errorf("%v", values)
	}
}

// A session that opens pages faster than any person is told to wait.
func TestPagesArePaced(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ada, nobody := h.reader("ada@example.com"), h.reader("")
	check(t, h.people.SetSettings(t.Context(), desk.System("cli"), map[string]any{desk.LimitSession.Key: 5, desk.LimitAnonymous.Key: 5}))
	for range 5 {
		if got := ada.get("/tokens"); got.status != http.StatusOK {
			t.Fatalf("%d", got.status)
		}
		if got := nobody.get("/my/sign-in"); got.status != http.StatusOK {
			t.Fatalf("%d", got.status)
		}
	}
	got := ada.get("/tokens")
	got.has(t, "too fast")
	if got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") == "" {
		t.Errorf("%d %v", got.status, got.header)
	}
	if got := nobody.get("/my/sign-in"); got.status != http.StatusTooManyRequests {
		t.Errorf("%d", got.status)
	}
	if got := h.reader("olga@example.com").get("/tokens"); got.status != http.StatusOK { // from the same address, and yet she signs in
		t.Errorf("another session: %d", got.status)
	}
}

package portal

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html/template"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/oauth2-proxy/mockoidc"
	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"

	"postern/desk"
	"postern/identity"
)

// signonProvider adds a provider and switches it on.
func (h *house) signonProvider(add desk.Provider, secret string) desk.Provider {
	h.t.Helper()
	ctx := h.t.Context()
	check(h.t, h.people.SetSettings(ctx, h.owner, map[string]any{desk.SignOnNear.Key: []string{"127.0.0.0/8", "localhost"}}))
	made, err := h.people.AddProvider(ctx, h.owner, add)
	check(h.t, err)
	check(h.t, h.people.SetProviderSecret(ctx, h.owner, made.ID, secret))
	check(h.t, h.people.SwitchProvider(ctx, h.owner, made.ID, identity.SwitchedOn))
	return made
}

func (h *house) signonServer() *mockoidc.MockOIDC {
	h.t.Helper()
	server, err := mockoidc.Run()
	check(h.t, err)
	h.t.Cleanup(func() { _ = server.Shutdown() })
	return server
}

func signonAcme(server *mockoidc.MockOIDC, population desk.Population) desk.Provider {
	return desk.Provider{Kind: desk.ProviderOIDC, Name: "Acme", Population: population, Settings: desk.ProviderSettings{Issuer: server.Issuer(), ClientID: server.ClientID, Domains: []string{"example.com"}}}
}

func signonUser(subject, email string) *mockoidc.MockUser {
	return &mockoidc.MockUser{Subject: subject, Email: email, EmailVerified: true}
}

// Somebody follows the button on the page for signing in to the provider and comes back signed in, at the page that they wanted.
func TestSignOnThroughThePages(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	server := h.signonServer()
	p := h.signonProvider(signonAcme(server, desk.ForStaff), server.ClientSecret)
	ada := h.reader("")
	page := ada.get("/sign-in?next=/views")
	page.has(t, "Sign in with Acme", fmt.Sprintf("/access/start/%d?next=%%2Fviews", p.ID))
	server.QueueUser(signonUser("1", "ada@example.com"))
	if got := ada.get(fmt.Sprintf("/access/start/%d?next=%%2Fviews", p.ID)); got.path != "/views" || got.status != http.StatusOK {
		t.Fatalf("%d at %s: %s", got.status, got.path, got.body)
	}
	ada.get("/you/accounts").has(t, "Acme", "ada@example.com")
	if got := ada.post("/sign-out"); got.path != "/sign-in" {
		t.Errorf("signed out at %s", got.path)
	}
	server.QueueUser(signonUser("2", "olga@example.com"))
	refused := h.reader("").get(fmt.Sprintf("/access/start/%d", p.ID))
	if refused.status != http.StatusForbidden {
		t.Errorf("an owner's address opens something: %d at %s", refused.status, refused.path)
	}
	refused.has(t, "Not signed in", "/sign-in?choose=1")
	refused.lacks(t, "owner", "olga", "not_connected")
	server.QueueUser(signonUser("1", "ada@example.com"))
	for _, next := range []string{"https://evil.test/", "//evil.test", "/\\evil.test"} {
		if got := h.reader("").get(fmt.Sprintf("/access/start/%d?next=%s", p.ID, url.QueryEscape(next))); got.path == "" || strings.Contains(got.path, "evil") {
			t.Errorf("%s: led to %s", next, got.path)
		}
	}
	if got := h.reader("").get(fmt.Sprintf("/access/oidc/%d/callback?code=x&state=y", p.ID)); got.status != http.StatusForbidden {
		t.Errorf("an answer without a question: %d", got.status)
	}
}

// A customer who comes by a provider sees their conversations; and nobody's desk.
func TestCustomersSignOnToTheirConversations(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	n := h.mail(question).Ticket
	server := h.signonServer()
	add := signonAcme(server, desk.ForCustomers)
	add.Settings.Create, add.Settings.Domains = true, []string{"customer.example"}
	p := h.signonProvider(add, server.ClientSecret)
	anna := h.reader("")
	anna.get("/my/sign-in").has(t, "Sign in with Acme")
	h.reader("").get("/sign-in").lacks(t, "Sign in with Acme")
	server.QueueUser(signonUser("a", "anna@customer.example"))
	if got := anna.get(fmt.Sprintf("/access/start/%d", p.ID)); got.path != "/my" || got.status != http.StatusOK {
		t.Fatalf("%d at %s", got.status, got.path)
	}
	anna.get(fmt.Sprintf("/my/tickets/%d", n)).has(t, "anna@customer.example")
	if got := anna.get(fmt.Sprintf("/tickets/%d", n)); got.status != http.StatusForbidden {
		t.Errorf("a customer at the desk: %d", got.status)
	}
	server.QueueUser(signonUser("e", "eve@customer.example"))
	eve := h.reader("")
	eve.get(fmt.Sprintf("/access/start/%d", p.ID))
	if got := eve.get(fmt.Sprintf("/my/tickets/%d", n)); got.status != http.StatusNotFound {
		t.Errorf("somebody else's conversation: %d", got.status)
	}
	if got := anna.post("/sign-out"); got.path != "/my/sign-in" {
		t.Errorf("signed out at %s", got.path)
	}
	if got := anna.get("/my"); got.path != "/my/sign-in" {
		t.Errorf("signed out, and still at %s", got.path)
	}
}

// The drill: passwords off, everybody is sent to a provider, and the provider breaks. An owner comes in by mail, nobody else does, and mends it.
func TestAnOwnerComesInWhenTheProviderIsBroken(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	server := h.signonServer()
	p := h.signonProvider(signonAcme(server, desk.ForStaff), server.ClientSecret)
	olga := h.reader("olga@example.com")
	server.QueueUser(signonUser("1", "ada@example.com"))
	out := olga.post(fmt.Sprintf("/security/sign-in/%d/test", p.ID))
	out.has(t, "You go on to")
	target := strings.TrimPrefix(out.header.Get("Refresh"), "0; url=")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
	check(t, err)
	olga.do(req).has(t, "It works", "ada@example.com", "Nobody was signed in")
	saved := olga.post("/security/sign-in", "signin.staff.mode", "redirect", "signin.staff.provider", fmt.Sprint(p.ID), "signin.customers.mode", "choose", "signin.customers.provider", "0", "signin.customers.password", "on", "signin.customers.code", "on", "signin.near", "127.0.0.0/8\nlocalhost")
	if saved.status != http.StatusOK || saved.path != "/security/sign-in" {
		t.Fatalf("saving: %d %s", saved.status, saved.body)
	}
	if _, err := h.people.SignIn(t.Context(), "ada@example.com", password, identity.Client{IP: "192.0.2.9"}); err == nil {
		t.Error("passwords are off, and one was taken")
	}
	server.QueueUser(signonUser("1", "ada@example.com"))
	if got := h.reader("").get("/sign-in?next=/views"); got.path != "/views" {
		t.Errorf("redirected to %s (%d)", got.path, got.status)
	}
	check(t, server.Shutdown())
	stuck := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answered, err := stuck.Get(h.url + "/sign-in")
	check(t, err)
	answered.Body.Close()
	if !strings.Contains(answered.Header.Get("Location"), "/access/start/") {
		t.Errorf("not redirected: %d", answered.StatusCode)
	}
	stranger := h.reader("")
	stranger.get("/sign-in?choose=1").has(t, "/access/bypass")
	for _, email := range []string{"olga@example.com", "ada@example.com", "nobody@example.com"} {
		stranger.post("/access/bypass", "email", email).has(t, "If this is an owner’s address")
	}
	if n := h.signonCount(`select count(*) from bypass where user_id is not null`); n != 1 {
		t.Errorf("%d ways in", n)
	}
	link, _, err := h.people.Recover(t.Context(), desk.System("cli"), identity.Recovery{Operator: "root"})
	check(t, err)
	path := strings.TrimPrefix(link, h.url)
	rescuer := h.reader("")
	rescuer.get(path).has(t, "olga@example.com")
	if got := rescuer.post(path); got.path != "/security/sign-in" || got.status != http.StatusOK {
		t.Fatalf("%d at %s", got.status, got.path)
	}
	if got := h.reader("").post(path); got.status != http.StatusNotFound {
		t.Errorf("a second time: %d", got.status)
	}
	for _, action := range []string{"bypass.ask", "bypass.recover", "bypass.use"} {
		if h.signonCount(`select count(*) from audit where action = '`+action+`'`) == 0 {
			t.Errorf("%s is not in the audit log", action)
		}
	}
	if n := h.signonCount(`select count(*) from river_job where kind = 'tell_person' and args ->> 'about' in ('recovered', 'bypass-used')`); n != 2 {
		t.Errorf("owners got %d letters", n)
	}
}

func (h *house) signonCount(sql string) (n int) {
	h.t.Helper()
	check(h.t, h.store.Pool().QueryRow(h.t.Context(), sql).Scan(&n))
	return n
}

// companyJWT signs a token as a company's program does.
func companyJWT(secret, email, id string) string {
	text := base64.RawURLEncoding.EncodeToString([]byte(`{"typ":"JWT","alg":"HS256"}`)) + "." +
		base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"iat":%d,"jti":%q,"name":"Ada","email":%q}`, time.Now().Unix(), id, email))
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// A company's page sends a token by a form, from another site; a bad one leads to the company's page for that, with a code and nothing else.
func TestATokenComesFromAnotherSite(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	company := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "company ", r.URL.RawQuery) }))
	t.Cleanup(company.Close)
	ctx := t.Context()
	made, err := h.people.AddProvider(ctx, h.owner, desk.Provider{Kind: desk.ProviderJWT, Name: "Shop", Population: desk.ForStaff, Settings: desk.ProviderSettings{Algorithm: "HS256", LoginURL: company.URL + "/login", LogoutURL: company.URL + "/out", Domains: []string{"example.com"}}})
	check(t, err)
	secret, err := h.people.NewProviderSecret(ctx, h.owner, made.ID)
	check(t, err)
	check(t, h.people.SwitchProvider(ctx, h.owner, made.ID, identity.SwitchedOn))
	send := func(token string) answer {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url+"/access/jwt", strings.NewReader(url.Values{"jwt": {token}, "return_to": {h.url + "/views"}}.Encode()))
		check(t, err)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", "https://shop.example.com")
		req.Header.Set("Sec-Fetch-Site", "cross-site")
		return h.reader("").do(req)
	}
	token := companyJWT(secret, "ada@example.com", "one")
	if got := send(token); got.path != "/views" || got.status != http.StatusOK {
		t.Fatalf("%d at %s", got.status, got.path)
	}
	if got := send(token); got.path != "/out" || got.body != "company kind=error&message=replayed" {
		t.Errorf("again: %s %s", got.path, got.body)
	}
	if got := send(companyJWT("wrong", "ada@example.com", "two")); got.body != "company kind=error&message=bad_signature" {
		t.Errorf("wrong secret: %s", got.body)
	}
	if got := h.reader("").get("/access/jwt?jwt=" + companyJWT(secret, "ada@example.com", "three")); !strings.Contains(got.body, "bad_claims") {
		t.Errorf("in the address: %s", got.body)
	}
	h.reader("").get("/sign-in").has(t, "Sign in with Shop")
	h.reader("").get("/access/start/"+fmt.Sprint(made.ID)).has(t, "company return_to=")
}

// An admin adds a provider on the pages, is shown the secret once, and people connect their accounts.
func TestProvidersAreSetOnPages(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	server := h.signonServer()
	check(t, h.people.SetSettings(t.Context(), h.owner, map[string]any{desk.SignOnNear.Key: []string{"127.0.0.0/8"}}))
	olga := h.reader("olga@example.com")
	bad := olga.post("/security/sign-in/new", "kind", "oidc", "name", "Acme", "population", "staff", "client_id", "x", "issuer", "https://10.0.0.1")
	if bad.status != http.StatusUnprocessableEntity {
		t.Errorf("a private address: %d", bad.status)
	}
	bad.has(t, "a private address")
	if got := olga.post("/security/sign-in/new", "kind", "facebook", "name", "FB", "population", "staff", "client_id", "x"); got.status != http.StatusUnprocessableEntity {
		t.Errorf("Facebook for staff: %d", got.status)
	}
	added := olga.post("/security/sign-in/new", "kind", "oidc", "name", "Acme", "population", "both", "client_id", server.ClientID, "secret", server.ClientSecret, "issuer", server.Issuer(), "domains", "Example.com\n", "create", "on", "create_role", "customer")
	if added.status != http.StatusOK || !regexp.MustCompile(`^/security/sign-in/\d+$`).MatchString(added.path) {
		t.Fatalf("%d at %s: %s", added.status, added.path, added.body)
	}
	added.has(t, "Acme", "/callback", "Not tested", "There is one; it is never shown")
	added.lacks(t, server.ClientSecret)
	olga.post(added.path+"/do", "do", "on").has(t, "Switch off")
	id := strings.TrimPrefix(added.path, "/security/sign-in/")
	server.QueueUser(signonUser("boss", "olga@elsewhere.test"))
	out := olga.post("/you/accounts/" + id + "/connect")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, strings.TrimPrefix(out.header.Get("Refresh"), "0; url="), nil)
	check(t, err)
	connected := olga.do(req)
	connected.has(t, "olga@elsewhere.test", "Disconnect")
	one := regexp.MustCompile(`/you/accounts/\d+/disconnect`).FindString(connected.body)
	olga.post(one).has(t, "No connected accounts.")
	jwt := olga.post("/security/sign-in/new", "kind", "jwt", "name", "Shop", "population", "customers", "algorithm", "HS256", "login_url", "https://shop.example.com/login")
	shown := olga.post(jwt.path+"/do", "do", "secret")
	secret := regexp.MustCompile(`<code data-copy-source>([\w-]{86})</code>`).FindStringSubmatch(shown.body)
	if secret == nil {
		t.Fatalf("no secret: %s", shown.body)
	}
	olga.get(jwt.path).lacks(t, secret[1])
	if got := h.reader("ada@example.com").get("/security/sign-in"); got.status != http.StatusForbidden {
		t.Errorf("an agent sees providers: %d", got.status)
	}
	kept := olga.post(added.path+"/provisioning", "do", "make", "days", "30")
	token := regexp.MustCompile(`<code data-copy-source>(pst_scim_[\w-]{49})</code>`).FindStringSubmatch(kept.body)
	if token == nil {
		t.Fatalf("no token: %s", kept.body)
	}
	if _, err := h.people.ProvisionBearer(t.Context(), token[1], identity.Client{}); err != nil {
		t.Error(err)
	}
	olga.get(added.path+"/provisioning").lacks(t, token[1])
	if got := olga.post(added.path+"/provisioning", "do", "make", "days", "9999"); got.status != http.StatusUnprocessableEntity {
		t.Errorf("a token for 27 years: %d", got.status)
	}
	if got := olga.post(added.path+"/provisioning", "do", "role", "role", "owner"); got.status != http.StatusUnprocessableEntity {
		t.Errorf("people are brought as owners: %d", got.status)
	}
	olga.post(added.path+"/provisioning", "do", "role", "role", "light_agent").has(t, `<option value="light_agent" selected>`)
	end := regexp.MustCompile(`name="token" value="(\d+)"`).FindStringSubmatch(kept.body)
	olga.post(added.path+"/provisioning", "do", "end", "token", end[1]).has(t, "No tokens")
	olga.post(added.path+"/do", "do", "remove").has(t, "Removed.")
}

// A whole sign-in in a real browser with another's provider and its own page: an admin tries it, an agent uses it, and a company's page of another site sends a token.
func TestSignOnInTheBrowser(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	issuer := "http://localhost:" + port + "/"
	p := h.signonProvider(desk.Provider{Kind: desk.ProviderOIDC, Name: "Zitadel", Population: desk.ForStaff, Settings: desk.ProviderSettings{Issuer: issuer, ClientID: "desk", Domains: []string{"zitadel.ch"}}}, "a secret")
	storage.RegisterClients(storage.WebClient("desk", "a secret", h.people.CallbackURL(p.ID)))
	op := &http.Server{Handler: exampleop.SetupServer(issuer, storage.NewStorage(storage.NewUserStore(issuer)), slog.New(slog.DiscardHandler), false), ReadHeaderTimeout: time.Minute}
	go func() { _ = op.Serve(listener) }()
	t.Cleanup(func() { _ = op.Close() })
	_, err = h.people.AddUser(t.Context(), desk.System("cli"), identity.NewUser{Email: "test-user@zitadel.ch", Name: "Test User", Role: desk.RoleAgent})
	check(t, err)

	ctx := h.browser("olga@example.com")
	does(t, ctx, "try the provider", chromedp.Navigate(fmt.Sprintf("%s/security/sign-in/%d", h.url, p.ID)), chromedp.Click(`form[action$="/test"] button`), chromedp.WaitVisible("#username"))
	does(t, ctx, "sign in there", chromedp.SendKeys("#username", "test-user@localhost"), chromedp.SendKeys("#password", "verysecure"), chromedp.Click("button[type=submit]"), says("h1", "Trial sign-in"), says("main", "It works"))
	ctx = h.chromium()
	does(t, ctx, "come in by the provider", chromedp.Navigate(h.url+"/sign-in"), chromedp.Click(".ways a"), chromedp.WaitVisible("#username"), chromedp.SendKeys("#username", "test-user@localhost"), chromedp.SendKeys("#password", "verysecure"), chromedp.Click("button[type=submit]"), chromedp.WaitVisible(".rail"))

	made, err := h.people.AddProvider(t.Context(), h.owner, desk.Provider{Kind: desk.ProviderJWT, Name: "Shop", Population: desk.ForStaff, Settings: desk.ProviderSettings{Algorithm: "HS256", LoginURL: "https://shop.example.com/login", Domains: []string{"example.com"}}})
	check(t, err)
	secret, err := h.people.NewProviderSecret(t.Context(), h.owner, made.ID)
	check(t, err)
	check(t, h.people.SwitchProvider(t.Context(), h.owner, made.ID, identity.SwitchedOn))
	company := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<form method="post" action="%s/access/jwt"><input name="jwt" value="%s"><button id="go">go</button></form>`, h.url, template.HTMLEscapeString(companyJWT(secret, "ada@example.com", "browser")))
	}))
	t.Cleanup(company.Close)
	other := h.chromium()
	does(t, other, "send a token from another site", chromedp.Navigate(strings.Replace(company.URL, "127.0.0.1", "localhost", 1)), chromedp.Click("#go"), chromedp.WaitVisible(".rail"))
}

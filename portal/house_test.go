package portal

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"postern/attachments"
	"postern/audit"
	"postern/desk"
	"postern/domains"
	"postern/identity"
	"postern/intake"
	"postern/internal/testkit"
	"postern/mailauth"
	"postern/secret"
	"postern/store"
	"postern/threading"
	"postern/tickets"
)

// house is the portal over a real database, a real bucket and a real intake, served on loopback.
type house struct {
	keys    *secret.Keyset
	t       *testing.T
	url     string
	portal  *Portal
	store   *store.Store
	tickets *tickets.Service
	audit   *audit.Service
	people  *identity.Service
	domains *domains.Service
	intake  *intake.Intake
	book    *intake.Directory
	codec   *threading.Codec
	dns     *testkit.DNSServer
	owner   desk.Actor
	agent   desk.Actor
}

// password is long enough for the rules and in no list of common ones.
const password = "seven quiet lanterns"

func newHouse(t *testing.T) *house {
	t.Helper()
	return newHouseAt(t, "127.0.0.1")
}

// newHouseAt is newHouse under another name of this machine: browsers make passkeys for names only.
func newHouseAt(t *testing.T, name string) *house {
	t.Helper()
	ctx := t.Context()
	st, err := store.Open(ctx, testkit.Postgres(t), 0)
	check(t, err)
	t.Cleanup(st.Close)
	keys := testkit.Keys(t)
	bucket := testkit.S3(t, keys)
	h := &house{t: t, store: st, codec: threading.NewCodec(keys, "mail.example.com"), dns: testkit.DNS(t, "")}
	server := httptest.NewUnstartedServer(nil)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	check(t, err)
	h.url = "http://" + net.JoinHostPort(name, port)
	h.wire(keys, bucket)
	// As in the program, the gate stands before everything; the tests themselves are its proxy, so that a reader can come from anywhere.
	server.Config.Handler = h.portal.Gate(GateConfig{Trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}}, h.portal.Handler())
	server.Start()
	running, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() { h.portal.Listen(running); close(ended) }()
	t.Cleanup(func() { stop(); <-ended; server.Close() })
	return h
}

// wire makes the services, with an owner, an agent and two mailboxes.
func (h *house) wire(keys *secret.Keyset, bucket *attachments.Bucket) {
	h.keys = keys
	t, ctx := h.t, h.t.Context()
	h.people = identity.New(identity.Config{Store: h.store, Keys: keys, PublicURL: h.url})
	h.domains = domains.NewService(domains.ServiceConfig{Store: h.store, Keys: keys, Resolver: domains.NewResolver([]string{h.dns.Addr}, time.Second), Hostname: "mail.example.com"})
	system := desk.System("cli")
	for _, box := range []desk.Mailbox{{Address: "support@example.com", Name: "Example Support"}, {Address: "billing@example.com", Name: "Billing"}} {
		_, err := h.domains.AddMailbox(ctx, system, box.Address, box.Name)
		check(t, err)
	}
	h.sql(`insert into setting (key, value) values ('limit.session', '0'), ('limit.anonymous', '0')`) // tests ask faster than people do
	owner, err := h.people.AddUser(ctx, system, identity.NewUser{Email: "olga@example.com", Name: "Olga Owner", Role: desk.RoleOwner, Password: password})
	check(t, err)
	agent, err := h.people.AddUser(ctx, system, identity.NewUser{Email: "ada@example.com", Name: "Ada Agent", Role: desk.RoleAgent, Password: password})
	check(t, err)
	check(t, h.people.SetSettings(ctx, system, map[string]any{desk.MailCode.Key: false})) // tests sign people in from new browsers all the time
	h.owner, h.agent = desk.Actor{User: owner, Via: "test"}, desk.Actor{User: agent, Via: "test"}
	directory, err := intake.NewDirectory(ctx, h.store, h.codec)
	check(t, err)
	h.book = directory
	h.intake = intake.New(intake.Config{Store: h.store, Keys: keys, Bucket: bucket, Checker: &mailauth.Checker{}, Hostname: "mail.example.com", Log: slog.New(slog.DiscardHandler)}, directory)
	running, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() { h.intake.Run(running); close(ended) }()
	t.Cleanup(func() { stop(); <-ended })
	h.tickets = tickets.New(tickets.Config{Store: h.store, Keys: keys, Bucket: bucket, Releaser: h.intake, Hostname: "mail.example.com", PublicURL: h.url})
	h.audit = audit.New(audit.Config{Store: h.store, Keys: keys, Hostname: "mail.example.com", Folder: t.TempDir()})
	h.portal = New(Config{Tickets: h.tickets, Identity: h.people, Domains: h.domains, Audit: h.audit, Bucket: bucket, Intake: h.intake, PublicURL: h.url, Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))})
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// mail takes a mail in, as if from the network, and returns what became of it.
func (h *house) mail(raw string) desk.Outcome {
	h.t.Helper()
	raw = strings.ReplaceAll(raw, "\n", "\r\n")
	from := "customer@customer.example"
	if _, rest, found := strings.Cut(raw, "From: "); found {
		line, _, _ := strings.Cut(rest, "\r\n")
		if list, err := parseAddresses("from", line); err == nil && len(list) == 1 {
			from = list[0].Addr
		}
	}
	env := desk.Envelope{Source: desk.FromSMTP, MailFrom: from, Recipients: []string{"support@example.com"}, Protocol: "ESMTPS", ReceivedAt: time.Now()}
	outcome, err := h.intake.Accept(h.t.Context(), env, io.NewSectionReader(strings.NewReader(raw), 0, int64(len(raw))))
	check(h.t, err)
	return outcome
}

// sql is for what only time or another machine could bring about.
func (h *house) sql(text string, args ...any) {
	h.t.Helper()
	_, err := h.store.Pool().Exec(h.t.Context(), text, args...)
	check(h.t, err)
}

// reader is a browser without JavaScript: it keeps cookies, follows redirects and sends forms.
type reader struct {
	h      *house
	client *http.Client
	accept string // Accept-Language; empty: none
	from   string // address that they come from; empty: loopback
}

// accepts sets the language that the browser asks for.
func (r *reader) accepts(languages string) *reader {
	r.accept = languages
	return r
}

// reader makes somebody who is signed in, or nobody for an empty address.
func (h *house) reader(email string) *reader {
	h.t.Helper()
	jar, err := cookiejar.New(nil)
	check(h.t, err)
	r := &reader{h: h, client: &http.Client{Jar: jar, Timeout: 10 * time.Second}}
	if email != "" {
		if answer := r.post("/sign-in", "email", email, "password", password); answer.status != http.StatusOK || strings.HasPrefix(answer.path, "/sign-in") {
			h.t.Fatalf("sign-in of %s: %d at %s", email, answer.status, answer.path)
		}
	}
	return r
}

// answer is a page as it came.
type answer struct {
	status int
	path   string // after redirects
	header http.Header
	body   string
}

// has says whether all the words stand on the page.
func (a answer) has(t testing.TB, words ...string) {
	t.Helper()
	for _, word := range words {
		if !strings.Contains(a.body, word) {
			t.Errorf("%s (%d) does not hold %q", a.path, a.status, word)
		}
	}
}

// lacks says whether none of the words stands on the page.
func (a answer) lacks(t testing.TB, words ...string) {
	t.Helper()
	for _, word := range words {
		if strings.Contains(a.body, word) {
			t.Errorf("%s (%d) holds %q", a.path, a.status, word)
		}
	}
}

// do sends a request.
func (r *reader) do(req *http.Request) answer {
	r.h.t.Helper()
	if r.accept != "" {
		req.Header.Set("Accept-Language", r.accept)
	}
	if r.from != "" {
		req.Header.Set("X-Forwarded-For", r.from)
	}
	resp, err := r.client.Do(req)
	check(r.h.t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	check(r.h.t, err)
	return answer{resp.StatusCode, resp.Request.URL.Path, resp.Header, string(body)}
}

// get opens a page.
func (r *reader) get(path string) answer {
	r.h.t.Helper()
	req, err := http.NewRequestWithContext(r.h.t.Context(), http.MethodGet, r.h.url+path, nil)
	check(r.h.t, err)
	return r.do(req)
}

// post sends a form of names and values.
func (r *reader) post(path string, pairs ...string) answer {
	r.h.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	req, err := http.NewRequestWithContext(r.h.t.Context(), http.MethodPost, r.h.url+path, strings.NewReader(form.Encode()))
	check(r.h.t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r.do(req)
}

package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/api"
	"postern/attachments"
	"postern/audit"
	"postern/desk"
	"postern/domains"
	"postern/identity"
	"postern/intake"
	"postern/internal/testkit"
	"postern/mailauth"
	"postern/mailout"
	"postern/secret"
	"postern/store"
	"postern/threading"
	"postern/tickets"
)

const (
	supportAddress = "support@example.com"
	customerEmail  = "ada@customer.test"
	strangerEmail  = "grace@elsewhere.test"
)

// office is a whole Postern behind a real HTTP server, with one person of each role, each with a token.
type office struct {
	url       string
	api       *api.API
	store     *store.Store
	tickets   *tickets.Service
	identity  *identity.Service
	domains   *domains.Service
	mailbox   desk.Mailbox
	users     map[string]desk.User // by role
	tokens    map[string]string    // by role; and 'reader': an admin's token with the scope read
	log       *journal
	mails     *intake.Intake
	names     *testkit.DNSServer
	directory *intake.Directory
}

// journal is a log that may be read while it is written.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

var cli = desk.System("cli")

// open starts an office.
func open(t *testing.T) *office {
	t.Helper()
	ctx := t.Context()
	keys := testkit.Keys(t)
	bucket := testkit.S3(t, keys)
	db, err := store.Open(ctx, testkit.Postgres(t), 8)
	must(t, err)
	t.Cleanup(db.Close)
	o := &office{store: db, users: map[string]desk.User{}, tokens: map[string]string{}, log: &journal{}}
	o.takeMail(t, keys, bucket)
	o.names = testkit.DNS(t, "")
	o.identity = identity.New(identity.Config{Store: db, Keys: keys, PublicURL: "http://desk.test"})
	resolver := domains.NewResolver([]string{o.names.Addr}, time.Second)
	judge := &mailout.SelfTest{Authority: domains.NewAuthority(domains.AuthorityConfig{Resolver: resolver}), Hostname: "desk.test"}
	must(t, o.identity.SetSettings(ctx, cli, map[string]any{desk.LimitAnonymous.Key: 0, desk.LimitToken.Key: 0, desk.LimitSearch.Key: 0})) // tests ask faster than programs do
	o.domains = domains.NewService(domains.ServiceConfig{Store: db, Keys: keys, Resolver: resolver, Hostname: "desk.test", SelfTest: judge.Run})
	o.tickets = tickets.New(tickets.Config{Store: db, Keys: keys, Bucket: bucket, Releaser: o.mails, Hostname: "desk.test", PublicURL: "http://desk.test"})
	o.mailbox, err = o.domains.AddMailbox(ctx, cli, supportAddress, "Support")
	must(t, err)
	for role, email := range map[desk.Role]string{
		desk.RoleOwner: "olga@example.com", desk.RoleAdmin: "adam@example.com", desk.RoleAgent: "agnes@example.com", desk.RoleCustomer: customerEmail,
	} {
		user, err := o.identity.AddUser(ctx, cli, identity.NewUser{Email: email, Name: strings.ToUpper(email[:1]) + email[1:4], Role: role})
		must(t, err)
		o.users[string(role)] = user
		o.tokens[string(role)] = o.token(t, email)
	}
	o.tokens["reader"] = o.token(t, "adam@example.com", desk.ScopeRead)
	must(t, o.directory.Reload(ctx)) // with the mailbox and the people
	o.api = api.New(api.Config{
		Tickets: o.tickets, Identity: o.identity, Domains: o.domains, Audit: audit.New(audit.Config{Store: db, Keys: keys}), Bucket: bucket, Store: db, Keys: keys,
		Version: "test", MaxUpload: 12 << 20, Log: slog.New(slog.NewJSONHandler(o.log, nil)),
	})
	server := httptest.NewServer(o.api.Handler())
	t.Cleanup(server.Close)
	o.url = server.URL
	return o
}

// takeMail opens the way in for mail.
func (o *office) takeMail(t *testing.T, keys *secret.Keyset, bucket *attachments.Bucket) {
	t.Helper()
	directory, err := intake.NewDirectory(t.Context(), o.store, threading.NewCodec(keys, "desk.test"))
	must(t, err)
	o.directory = directory
	o.mails = intake.New(intake.Config{
		Store: o.store, Keys: keys, Bucket: bucket, Checker: &mailauth.Checker{}, Hostname: "desk.test", Log: slog.New(slog.DiscardHandler),
	}, directory)
	running, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { o.mails.Run(running); close(ended) }()
	t.Cleanup(func() { stop(); <-ended })
}

// mail brings a mail in, as SMTP would.
func (o *office) mail(t *testing.T, from, text string) desk.Outcome {
	t.Helper()
	raw := strings.ReplaceAll(text, "\n", "\r\n")
	outcome, err := o.mails.Accept(t.Context(), desk.Envelope{
		Source: desk.FromSMTP, MailFrom: from, Recipients: []string{supportAddress}, ReceivedAt: time.Now(),
	}, io.NewSectionReader(strings.NewReader(raw), 0, int64(len(raw))))
	must(t, err)
	return outcome
}

func (o *office) token(t *testing.T, email string, scopes ...desk.Scope) string {
	t.Helper()
	secret, _, err := o.identity.AddToken(t.Context(), cli, identity.NewToken{UserEmail: email, Name: email + time.Now().String(), Scopes: scopes})
	must(t, err)
	return secret
}

// answer is what came back.
type answer struct {
	t      *testing.T
	asked  string
	status int
	header http.Header
	body   []byte
}

// ask is one request.
type ask struct {
	as     string // a role, or a token; empty: no token
	method string
	path   string // below /api/v1 when it begins with neither /a/ nor /api
	json   any    // the body
	body   io.Reader
	header map[string]string
}

func (o *office) do(t *testing.T, a ask) answer {
	t.Helper()
	path := a.path
	if !strings.HasPrefix(path, "/a/") && !strings.HasPrefix(path, "/api") {
		path = api.Base + path
	}
	body := a.body
	if a.json != nil {
		text, err := json.Marshal(a.json)
		must(t, err)
		body = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), a.method, o.url+path, body)
	must(t, err)
	if a.json != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if token, known := o.tokens[a.as]; known {
		r.Header.Set("Authorization", "Bearer "+token)
	} else if a.as != "" {
		r.Header.Set("Authorization", "Bearer "+a.as)
	}
	for name, value := range a.header {
		r.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(r)
	must(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	must(t, err)
	return answer{t: t, asked: a.method + " " + path + " as " + a.as, status: response.StatusCode, header: response.Header, body: text}
}

func (o *office) get(t *testing.T, as, path string) answer {
	t.Helper()
	return o.do(t, ask{as: as, method: "GET", path: path})
}

func (o *office) post(t *testing.T, as, path string, body any) answer {
	t.Helper()
	return o.do(t, ask{as: as, method: "POST", path: path, json: body})
}

// want checks the status, and for an error that it is a problem document.
func (a answer) want(status int) answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("%s: status %d, want %d\n%s", a.asked, a.status, status, a.body)
	}
	if status >= 400 && a.header.Get("Content-Type") != "application/problem+json" {
		a.t.Fatalf("%s: an error of type %q, want a problem document (RFC 9457)", a.asked, a.header.Get("Content-Type"))
	}
	return a
}

// into reads the JSON body.
func (a answer) into(target any) {
	a.t.Helper()
	if err := json.Unmarshal(a.body, target); err != nil {
		a.t.Fatalf("%s: %v\n%s", a.asked, err, a.body)
	}
}

// value is the field at the path of keys and indexes; nil when it is not there.
func (a answer) value(path ...any) any {
	a.t.Helper()
	var at any
	a.into(&at)
	for _, step := range path {
		switch step := step.(type) {
		case string:
			object, _ := at.(map[string]any)
			at = object[step]
		case int:
			array, _ := at.([]any)
			if step >= len(array) {
				return nil
			}
			at = array[step]
		}
	}
	return at
}

// id is the value of a whole number.
func (a answer) id(path ...any) int64 {
	a.t.Helper()
	number, _ := a.value(path...).(float64)
	return int64(number)
}

// ids are the numbers under key in a list's items.
func (a answer) ids(key string) []int64 {
	a.t.Helper()
	items, isList := a.value("items").([]any)
	if !isList {
		a.t.Fatalf("%s: no items in %s", a.asked, a.body)
	}
	ids := []int64{}
	for _, item := range items {
		number, _ := item.(map[string]any)[key].(float64)
		ids = append(ids, int64(number))
	}
	return ids
}

// started is a ticket from our side to the address.
func (o *office) started(t *testing.T, to, subject string) int64 {
	t.Helper()
	return o.post(t, "agent", "/tickets", map[string]any{
		"mailbox": supportAddress, "to": []string{to}, "subject": subject, "text": "Hello from support.",
	}).want(http.StatusCreated).id("number")
}

// at fills a path in.
func at(format string, ids ...any) string { return fmt.Sprintf(format, ids...) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

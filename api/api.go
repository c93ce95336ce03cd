// Package api promises that whatever a program may ask of Postern over HTTP stands in one table (routes.go), each call with the right that it needs, and in an OpenAPI 3.1 document made from it.
//
// It holds no rules: a handler turns a request into values, asks tickets, identity or domains, and turns the answer into JSON. It knows tokens only, no cookies and therefore no
// cross-site requests; pages of other sites may ask where an admin has named them. It is also where clients of OAuth 2 get their tokens. It is where providers keep their people here (SCIM). It also serves attachment links, which need no sign-in. It renders no pages.
package api

import (
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"postern/attachments"
	"postern/audit"
	"postern/domains"
	"postern/identity"
	"postern/secret"
	"postern/store"
	"postern/tickets"
)

// Base is the path under which every call stands.
const Base = "/api/v1"

// Limits of a request, in bytes and time.
const (
	maxBody   = 1 << 20          // of a JSON body
	bodyTime  = 10 * time.Second // in which a JSON body has arrived
	maxUpload = 50 << 20         // of an upload, when Config says nothing: as large as the largest mail (POSTERN_MAX_MESSAGE)
)

// Config is what an API needs.
type Config struct {
	Tickets   *tickets.Service
	Identity  *identity.Service
	Domains   *domains.Service
	Audit     *audit.Service
	Bucket    *attachments.Bucket
	Store     *store.Store   // keeps the answers to requests with an Idempotency-Key
	Keys      *secret.Keyset // seals them: one may hold a new token
	Version   string         // of the program, for the OpenAPI document
	MaxUpload int64          // bytes; 0: 50 MiB
	Log       *slog.Logger
	Observe   func(route string, status int, took time.Duration) // called after every request, if set; route is the pattern, never the path
	Now       func() time.Time                                   // nil: time.Now
}

// API is the JSON interface and the attachment links. It is safe for concurrent use.
type API struct {
	cfg     Config
	now     func() time.Time
	mux     *http.ServeMux
	rights  map[string]route // by pattern: "GET /api/v1/tickets"
	openapi []byte
	guesses *throttle // wrong attachment links, by address
}

// New builds the API. It panics on a table of routes that contradicts itself, which the first test of any kind shows.
func New(cfg Config) *API {
	if cfg.MaxUpload == 0 {
		cfg.MaxUpload = maxUpload
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	a := &API{cfg: cfg, now: cfg.Now, mux: http.NewServeMux(), rights: map[string]route{}, guesses: newThrottle(guessesPerMinute, time.Minute)}
	a.register()
	return a
}

// Handler serves /api/v1/…, /a/{token}, /scim/v2/… and the paths of OAuthPaths.
func (a *API) Handler() http.Handler { return a.observed(http.HandlerFunc(a.dispatch)) }

// register puts every route on the mux, behind its guard, and renders the OpenAPI document.
func (a *API) register() {
	doors := humago.New(guarded{a.mux, a.guard}, huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info:    &huma.Info{Title: "Postern", Version: a.cfg.Version, Description: description},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
				SecuritySchemes: map[string]*huma.SecurityScheme{
					bearer: {Type: "http", Scheme: "bearer", Description: "An API token, or an access token of OAuth 2."},
					basic:  {Type: "http", Scheme: "basic", Description: "ADDRESS/token as the user, an API token as the password: the same token for programs that know nothing else."},
				},
			},
		},
		Formats:                      huma.DefaultFormats, // JSON, and with it what ends in +json, such as the merge patches of RFC 7396
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true, // a token in a URL, too, is refused by this
		Transformers:                 []huma.Transformer{withoutEcho},
	})
	for _, route := range a.routes() {
		route.path = Base + route.path
		a.rights[route.pattern()] = route
		route.bind(doors, route.operation())
	}
	a.openapi = render(doors.OpenAPI())
	for _, one := range a.openings() {
		a.mux.HandleFunc(one.pattern, one.handle)
	}
}

const description = "Everything that Postern does, for programs. Errors are problem documents (RFC 9457). Lists hold items and next_cursor, which is null on the last page. " +
	"Times are RFC 3339 in UTC. A POST with an Idempotency-Key happens once, however often it is sent."

// dispatch finds the route. The mux's own answers to unknown paths and methods are plain text: they become problem documents here.
func (a *API) dispatch(w http.ResponseWriter, r *http.Request) {
	if inAddress(r) && !strings.HasPrefix(r.URL.Path, "/a/") {
		w.Header().Set("WWW-Authenticate", `Bearer realm="postern", error="invalid_request"`)
		writeProblem(w, &huma.ErrorModel{Status: http.StatusBadRequest, Detail: "a token does not belong into an address, which ends up in logs and histories: send it as Authorization: Bearer TOKEN, and revoke this one"})
		return
	}
	if a.cross(w, r) {
		return
	}
	handler, pattern := a.mux.Handler(r)
	if pattern != "" {
		a.mux.ServeHTTP(w, r)
		return
	}
	plain := &quiet{header: http.Header{}}
	handler.ServeHTTP(plain, r)
	if allow := plain.header.Get("Allow"); plain.status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", allow)
		writeProblem(w, &huma.ErrorModel{Status: plain.status, Detail: "this path answers to " + allow + " only"})
		return
	}
	if strings.HasPrefix(r.URL.Path, SCIMBase+"/") {
		scimRefuse(w, r, &scimFault{Status: http.StatusNotFound, Detail: "there is nothing at this path: people are kept at " + SCIMBase + "/Users"})
		return
	}
	writeProblem(w, &huma.ErrorModel{Status: http.StatusNotFound, Detail: "there is nothing at this path"})
}

// quiet takes the status and headers of an answer that nobody shall see.
type quiet struct {
	header http.Header
	status int
}

func (q *quiet) Header() http.Header         { return q.header }
func (q *quiet) WriteHeader(status int)      { q.status = status }
func (q *quiet) Write(p []byte) (int, error) { return len(p), nil }

// guarded is a mux that puts a guard before every handler that huma registers.
type guarded struct {
	*http.ServeMux
	guard func(pattern string, next http.HandlerFunc) http.HandlerFunc
}

// HandleFunc registers the handler behind its guard.
func (g guarded) HandleFunc(pattern string, next func(http.ResponseWriter, *http.Request)) {
	g.ServeMux.HandleFunc(pattern, g.guard(pattern, next))
}

// showOpenAPI needs no sign-in: what may be asked is no secret, and tools fetch it without one.
func (a *API) showOpenAPI(w http.ResponseWriter, r *http.Request) {
	if !a.anonymous(w, r) {
		return
	}
	w.Header().Set("Content-Type", "application/openapi+json")
	w.Header().Set("Cache-Control", "no-cache")
	_, _ = w.Write(a.openapi) // the client has gone: there is nobody to tell
}

// trimmed is the word without white space around it, in lower case: how query words are compared.
func trimmed(word string) string { return strings.ToLower(strings.TrimSpace(word)) }

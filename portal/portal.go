// Package portal is where agents work in a browser: server-rendered pages over tickets, identity and domains, where every action is a form or a link first and works without JavaScript.
//
// It turns forms into calls of the services and values into pages, and decides nothing itself: no rule, no SQL, no SMTP and no S3 request lives here. Mail is shown only as text that
// html/template has escaped, or from a sandboxed frame with a policy of its own. The stream of live updates carries ticket numbers only; the page fetches what its reader may see.
package portal

import (
	"context"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"postern/attachments"
	"postern/audit"
	"postern/desk"
	"postern/domains"
	"postern/identity"
	"postern/intake"
	"postern/language"
	"postern/store"
	"postern/tickets"
)

// Config is what the portal is made of. Every field but Now is needed.
type Config struct {
	Tickets   *tickets.Service
	Identity  *identity.Service
	Domains   *domains.Service
	Audit     *audit.Service
	Bucket    *attachments.Bucket
	Intake    *intake.Intake // takes in what customers write on our pages
	PublicURL string         // the portal as people reach it; with https the cookies are bound to it
	Log       *slog.Logger
	Now       func() time.Time // nil: the clock
	Version   string           // of the program, for admins
}

// Portal serves the pages.
type Portal struct {
	tickets  *tickets.Service
	identity *identity.Service
	domains  *domains.Service
	audit    *audit.Service
	bucket   *attachments.Bucket
	intake   *intake.Intake
	public   string // PublicURL without a final slash
	log      *slog.Logger
	now      func() time.Time
	secure   bool // PublicURL is https: cookies never travel in clear text
	pages    map[*language.Language]*template.Template
	version  string
	started  time.Time
	hub      *hub
	board    board
}

// New makes a portal. It reads the templates once; a template that does not parse is an error of the program and panics.
func New(cfg Config) *Portal {
	now := cfg.Now
	if now == nil {
		now = time.Now
	}
	pages := map[*language.Language]*template.Template{}
	for _, one := range language.All {
		pages[one] = parseTemplates(one, now)
	}
	return &Portal{
		version: cfg.Version, started: now(),
		tickets: cfg.Tickets, identity: cfg.Identity, domains: cfg.Domains, audit: cfg.Audit, bucket: cfg.Bucket, intake: cfg.Intake, public: strings.TrimRight(cfg.PublicURL, "/"),
		log: cfg.Log, now: now, secure: strings.HasPrefix(cfg.PublicURL, "https://"),
		pages: pages, hub: newHub(), board: board{tabs: map[tabKey]spot{}},
	}
}

// Listen passes news of changes on to the open tabs until ctx ends, and then ends their streams, so that the server can stop.
func (p *Portal) Listen(ctx context.Context) {
	var keeping sync.WaitGroup
	defer keeping.Wait()
	defer p.allLeft()
	keeping.Go(func() { p.keepHere(ctx) })
	keeping.Go(func() { p.watchStreams(ctx) })
	p.tickets.Listen(ctx, func(news store.News) { p.hear(news) }, func(err error) {
		p.log.Warn("live updates: lost the database; open pages will look again", "error", err)
		p.hub.heardItself.Store(false)
		p.hub.tellAll()
	})
}

// Handler serves the whole portal. It is mounted at the root of the site, beside the API.
func (p *Portal) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, route := range routes {
		mux.Handle(route.pattern, p.serve(route))
	}
	mux.Handle("GET /static/", staticFiles())
	// A form on another site cannot act for the person who is signed in here: the browser says where a request comes from, and what it says is believed.
	guard := http.NewCrossOriginProtection()
	for _, signed := range fromElsewhere { // each of them is proved by what it carries, and not by a cookie
		guard.AddInsecureBypassPattern(signed)
	}
	guard.SetDenyHandler(p.serve(route{right: desk.Public, handle: (*Portal).crossOrigin}))
	return guard.Handler(mux)
}

// fromElsewhere are the forms that pages of other sites send us: what a provider of sign-in has signed.
var fromElsewhere = []string{"POST /access/jwt", "POST /access/jwt/{id}", "POST /access/saml/{id}", "POST /access/saml/{id}/logout"}

// crossOrigin answers a request that a page of another site made.
func (p *Portal) crossOrigin(*call) error {
	return desk.Faultf(desk.Forbidden, "This request came from another site, so nothing was changed. Open the page here and try again.")
}

// localPath makes sure that a path to go on to stays on this site (an open redirect would lend our name to others). It returns the fallback for anything else.
func localPath(path, fallback string) string {
	u, err := url.Parse(path)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.ContainsAny(path, "\\\r\n\t") {
		return fallback
	}
	return path
}

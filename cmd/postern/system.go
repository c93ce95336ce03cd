package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"postern/api"
	"postern/audit"
	"postern/certificates"
	"postern/config"
	"postern/domains"
	"postern/filters"
	"postern/identity"
	"postern/intake"
	"postern/jobs"
	"postern/mailauth"
	"postern/mailout"
	"postern/mailout/mtasts"
	"postern/observe"
	"postern/portal"
	"postern/smtpd"
	"postern/store"
	"postern/threading"
	"postern/tickets"
)

// Timeouts of the web servers: a client that stalls holds a connection no longer than these.
const (
	headerTime  = 5 * time.Second
	requestTime = 10 * time.Minute // an upload of the largest size over a slow line
	idleTime    = 60 * time.Second
	headerBytes = 32 << 10
)

// system is everything that runs in one process, wired from the ground up.
type system struct {
	platform  *platform
	log       *slog.Logger
	metrics   *observe.Metrics
	health    *observe.Health
	directory *intake.Directory
	filters   *filters.Chain
	intake    *intake.Intake
	identity  *identity.Service
	domains   *domains.Service
	audit     *audit.Service
	tickets   *tickets.Service
	sender    *mailout.Sender
	portal    *portal.Portal // web only
	api       *api.API       // web only
	smtpd     *smtpd.Server  // smtp only
	jobs      *jobs.Runner   // worker only

	certificates *certificates.Keeper // smtp and web

	web, secure, admin *http.Server // secure speaks TLS; either may be nil
	failed             chan error
	background         sync.WaitGroup
	stopIntake         context.CancelFunc // after the last mail
	stopNews           context.CancelFunc
}

func openLog(settings config.Settings, out io.Writer) (*slog.Logger, error) {
	return observe.NewLog(out, settings.Log, settings.LogLevel), nil
}

// build wires the rooms in floor order.
func (s serveCommand) build(ctx context.Context, p *platform, l listeners, log *slog.Logger) (*system, error) {
	settings := p.settings
	sys := &system{platform: p, log: log, metrics: observe.NewMetrics(version), failed: make(chan error, 8)}
	sys.health = observe.NewHealth(time.Now, observe.Check{Name: "database", Run: p.store.Ping}, observe.Check{Name: "storage", Run: p.bucket.Check})

	var err error
	if sys.directory, err = intake.NewDirectory(ctx, p.store, threading.NewCodec(p.keys, settings.Hostname)); err != nil {
		return nil, err
	}
	atlas, err := identity.OpenAtlas(settings.GeoIP)
	if err != nil {
		return nil, err
	}
	sys.identity = identity.New(identity.Config{Store: p.store, Keys: p.keys, PublicURL: settings.PublicURL, LeakedPasswords: settings.LeakedPasswords, Atlas: atlas})
	if sys.sender, err = newSender(p, log); err != nil {
		return nil, err
	}
	sys.audit = newAudit(p, sys.metrics.Sink, log)
	sys.domains = newDomains(p, sys.metrics.Domains, sys.sender)
	if sys.filters, err = newFilters(settings, log, sys.metrics); err != nil {
		return nil, err
	}
	sys.intake = intake.New(intake.Config{
		Store: p.store, Keys: p.keys, Bucket: p.bucket, Checker: newChecker(settings, sys.directory), Filters: sys.filters, Hostname: settings.Hostname, Log: log,
		Observe: sys.metrics.Intake, Grouped: sys.metrics.Group, Replier: func() intake.Replier { return sys.tickets },
	}, sys.directory)
	sys.tickets = tickets.New(tickets.Config{
		Store: p.store, Keys: p.keys, Bucket: p.bucket, Releaser: sys.intake, Hostname: settings.Hostname, PublicURL: settings.PublicURL, Undo: undoTime,
		Delivered: sys.metrics.Delivery,
	})
	sys.metrics.Waiting(sys.tickets.Waiting)
	sys.sender.Destinations = mailout.NewDestinations(p.store.Destinations)
	if p.postgres != nil { // the database is this process's alone
		if err := p.store.Write(ctx, func(tx *store.Tx) error { return tx.ResumeSending(ctx) }); err != nil {
			return nil, err
		}
		if err := sys.welcome(ctx); err != nil {
			return nil, err
		}
	}
	if s.has("smtp") || s.has("web") {
		if sys.certificates, err = s.newKeeper(sys, l); err != nil {
			return nil, err
		}
	}
	if s.has("smtp") {
		sys.buildSMTP()
	}
	switch {
	case s.has("web"):
		sys.buildWeb()
	case l.web != nil:
		sys.buildChallenges()
	}
	if s.has("worker") {
		work := jobs.Config{Store: p.store, Audit: sys.audit, Tickets: sys.tickets, Identity: sys.identity, Domains: sys.domains, Sender: sys.sender, SignatureLife: settings.DKIMLife, Log: log}
		if settings.TLSReports {
			work.TLS = jobs.NewTLSCounter(p.store, log)
			sys.sender.Results = work.TLS.Note
		}
		sys.jobs, err = jobs.New(work)
	}
	return sys, err
}

// newChecker asks the DNS who sent a mail.
func newChecker(settings config.Settings, directory *intake.Directory) *mailauth.Checker {
	return &mailauth.Checker{Resolver: domains.NewResolver(settings.DNS, lookUpTime), Sealers: directory.Sealers, Hostname: settings.Hostname}
}

// newFilters asks others about the content of a mail.
func newFilters(settings config.Settings, log *slog.Logger, metrics *observe.Metrics) (*filters.Chain, error) {
	return filters.New(filters.Config{
		RspamdURL: settings.RspamdURL, Milters: settings.Milters, Clamd: string(settings.Clamd), Hostname: settings.Hostname, Log: log, Observe: metrics.Filtered,
	})
}

// undoTime is how long a new conversation can be undone; a reply brings its writer's own.
const undoTime = 10 * time.Second

func newSender(p *platform, log *slog.Logger) (*mailout.Sender, error) {
	settings := p.settings
	roots, err := trustedRoots(settings.TLSRoots)
	if err != nil {
		return nil, err
	}
	resolver := domains.NewTrustingResolver(settings.DNS, lookUpTime, domains.DNSSEC(settings.DNSSEC))
	refuse := mailout.AddressPolicy{Allow: settings.OutboundAllow}.Refuse
	sender := &mailout.Sender{Hostname: settings.Hostname, Resolver: resolver, MXPort: int(settings.MXPort), Roots: roots, Refuse: refuse, Log: log}
	sender.STS = &mtasts.Cache{Store: p.store, Resolver: resolver, Fetcher: &mtasts.Fetcher{Resolver: resolver, Port: int(settings.STSPort), Roots: roots, Refuse: refuse}}
	if settings.Smarthost != "" {
		smarthost, err := mailout.ParseSmarthost(settings.Smarthost)
		if err != nil {
			return nil, fmt.Errorf("POSTERN_SMARTHOST: %w", err)
		}
		sender.Smarthost = smarthost
	}
	return sender, nil
}

// trustedRoots are the authorities that servers elsewhere may prove themselves by: the system's, and those of the file.
func trustedRoots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("POSTERN_TLS_ROOTS: %w", err)
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("POSTERN_TLS_ROOTS: there is no certificate in %s", file)
	}
	return roots, nil
}

func (sys *system) buildSMTP() {
	settings, starttls := sys.platform.settings, sys.certificates.SMTP()
	lists := smtpd.Blocklists{Resolver: domains.NewResolver(settings.DNS, lookUpTime), Reject: settings.DNSBLAction == "reject"}
	for _, list := range settings.DNSBL {
		lists.Zones = append(lists.Zones, smtpd.Zone(list))
	}
	sys.smtpd = smtpd.New(smtpd.Config{
		Hostname: settings.Hostname, MaxMessage: int64(settings.MaxMessage), TLS: func() *tls.Config { return starttls }, ProxyFrom: settings.SMTPProxy, Log: sys.log, Metrics: sys.metrics,
		Trusted: settings.SMTPTrusted, Limits: smtpd.Limits(settings.SMTPLimits), Blocklists: lists,
	}, sys.directory, sys.intake)
}

// welcome makes a fresh embedded installation usable at once: one mailbox at this machine's name.
func (sys *system) welcome(ctx context.Context) error {
	needed, err := sys.identity.FirstOwner(ctx)
	if err != nil || !needed {
		return err
	}
	mailboxes, err := sys.domains.Mailboxes(ctx)
	if err != nil || len(mailboxes) > 0 {
		return err
	}
	if _, err := sys.domains.AddMailbox(ctx, operator(), "support@"+sys.platform.settings.Hostname, "Support"); err != nil {
		return fmt.Errorf("make the first mailbox: %w", err)
	}
	return sys.directory.Reload(ctx)
}

// firstOwner makes a sign-in link while there is no owner who has ever signed in; empty once there is.
func (sys *system) firstOwner(ctx context.Context) (url string, err error) {
	needed, err := sys.identity.FirstOwner(ctx)
	if err != nil || !needed {
		return "", err
	}
	return sys.identity.MakeFirstOwner(ctx, "owner@"+sys.platform.settings.Hostname)
}

// start sets everything going. What runs until the last mail has its own context: ctx ends when a signal comes, and mail under way is finished after that.
func (sys *system) start(ctx context.Context, l listeners) error {
	running := context.WithoutCancel(ctx)
	var filing, news context.Context
	filing, sys.stopIntake = context.WithCancel(running)
	news, sys.stopNews = context.WithCancel(running)
	sys.background.Go(func() { sys.intake.Run(filing) })
	sys.background.Go(func() { sys.audit.KeepReadings(news) })
	sys.background.Go(func() { sys.tickets.Listen(news, sys.heard(news), sys.unheard(news)) })

	sys.admin = newServer(observe.Admin(sys.metrics, sys.health), sys.log)
	sys.serve("metrics", func() error { return sys.admin.Serve(l.admin) })
	if sys.jobs != nil {
		if err := sys.jobs.Start(running); err != nil {
			return err
		}
	}
	if sys.portal != nil {
		sys.background.Go(func() { sys.portal.Listen(news) })
	}
	if sys.web != nil {
		sys.serve("portal", func() error { return sys.web.Serve(l.web) })
	}
	if sys.secure != nil {
		sys.secure.TLSConfig = sys.certificates.HTTPS()
		sys.serve("portal over TLS", func() error { return sys.secure.ServeTLS(l.secure, "", "") })
	}
	if sys.certificates != nil {
		sys.background.Go(func() { sys.certificates.Run(news) })
	}
	for _, listener := range l.smtp {
		sys.serve("smtp", func() error { return sys.smtpd.Serve(running, listener) })
	}
	return nil
}

// serve runs a listener; its end before the stop is a failure of the whole.
func (sys *system) serve(what string, run func() error) {
	sys.background.Go(func() {
		if err := run(); err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			sys.failed <- fmt.Errorf("%s: %w", what, err)
		}
	})
}

// heard keeps the directory of addresses true.
func (sys *system) heard(ctx context.Context) func(store.News) {
	return func(news store.News) {
		if sys.jobs != nil {
			sys.jobs.Heard(news)
		}
		if news.Settings {
			sys.domains.Forget()
			sys.reload(ctx)
			if sys.certificates != nil {
				sys.certificates.Wake()
			}
		}
	}
}

// unheard looks again after news may have been missed.
func (sys *system) unheard(ctx context.Context) func(error) {
	return func(err error) {
		sys.log.Warn("lost the database's news; looking again", "error", err)
		if sys.jobs != nil {
			sys.jobs.Unheard()
		}
		sys.domains.Forget()
		sys.reload(ctx)
	}
}

func (sys *system) reload(ctx context.Context) {
	if err := sys.directory.Reload(ctx); err != nil {
		sys.log.Warn("the directory of addresses could not be read again and stays as it was", "error", err)
	}
}

// wait returns when a signal came (nil) or something that everything needs has ended.
func (sys *system) wait(ctx context.Context) error {
	var gone <-chan error
	if sys.platform.postgres != nil {
		gone = sys.platform.postgres.Exited()
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-sys.failed:
		return err
	case err := <-gone:
		return errors.Join(errNoDatabase, err)
	}
}

// errNoDatabase says that the embedded database has ended, so that nothing which is under way can be finished.
var errNoDatabase = errors.New("the database is gone")

// stop ends the parts in the order in which work flows: no new mail, no new requests, then the work that they left, then the ground. reason is why wait returned.
func (sys *system) stop(reason error) error {
	sys.health.Drain()
	patience, alone := drain, errors.Is(reason, errNoDatabase)
	if alone { // whoever supervises us shall start both again soon
		patience = lastBreath
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var failed error
	if sys.smtpd != nil {
		failed = errors.Join(failed, sys.smtpd.Shutdown(ctx))
	}
	sys.stopNews() // ends the live streams, which would hold the web server
	for _, server := range []*http.Server{sys.web, sys.secure} {
		if server != nil {
			failed = errors.Join(failed, server.Shutdown(ctx))
		}
	}
	if sys.jobs != nil && !alone { // without a database they would try for seconds to sign off from it
		failed = errors.Join(failed, sys.jobs.Stop(ctx))
	}
	sys.sender.Close()
	sys.stopIntake()
	failed = errors.Join(failed, sys.admin.Shutdown(ctx))
	sys.background.Wait()
	if sys.certificates != nil {
		sys.certificates.Close()
	}
	return failed
}

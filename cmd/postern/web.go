package main

import (
	"log/slog"
	"net/http"
	"strings"

	"postern/api"
	"postern/portal"
)

// hsts is what a browser is told who has come over TLS: to come so for a year (RFC 6797), to this host and those below it.
const hsts = "max-age=31536000; includeSubDomains"

// buildWeb makes what the web listeners serve. There are two ways to be reached over HTTPS. With a listener of our own for it, the plain one answers the CA, sends people on and refuses programs.
// Without one, the plain listener is for a proxy in front, which says by X-Forwarded-Proto what came to it without TLS.
func (sys *system) buildWeb() {
	p := sys.platform
	sys.portal = portal.New(portal.Config{
		Tickets: sys.tickets, Identity: sys.identity, Domains: sys.domains, Audit: sys.audit, Bucket: p.bucket, Intake: sys.intake, PublicURL: p.settings.PublicURL, Log: sys.log,
		Version: version,
	})
	sys.api = api.New(api.Config{
		Tickets: sys.tickets, Identity: sys.identity, Domains: sys.domains, Audit: sys.audit, Bucket: p.bucket, Store: p.store, Keys: p.keys,
		Version: version, MaxUpload: int64(p.settings.MaxMessage), Log: sys.log, Observe: sys.metrics.Requests("api"),
	})
	mux := http.NewServeMux()
	mux.Handle("/api/", sys.api.Handler())
	mux.Handle("/a/", sys.api.Handler())
	mux.Handle(api.SCIMBase+"/", sys.api.Handler())
	for _, path := range api.OAuthPaths {
		mux.Handle(path, sys.api.Handler())
	}
	mux.Handle("/", sys.portal.Handler())

	gated := sys.portal.Gate(portal.GateConfig{Trusted: p.settings.HTTPTrusted}, mux)
	site, plain := gated, gated
	if p.settings.Secure() {
		site = strict(gated)
		plain = unlessForwarded(site, sys.api.Plain(p.settings.PublicURL))
	}
	if p.settings.HTTPSAddr != "" {
		sys.secure = newServer(sys.api.PolicyHosts(site), sys.log)
		plain = sys.api.Plain(p.settings.PublicURL)
	} else {
		plain = sys.api.PolicyHosts(plain)
	}
	sys.web = newServer(sys.certificates.Challenge(plain), sys.log)
}

// buildChallenges makes what a machine serves that has no web, but a certificate to obtain.
func (sys *system) buildChallenges() {
	nothing := http.NotFoundHandler()
	sys.web = newServer(sys.certificates.Challenge(nothing), sys.log)
	if sys.platform.settings.HTTPSAddr != "" {
		sys.secure = newServer(nothing, sys.log)
	}
}

// strict adds what every answer over TLS carries.
func strict(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Strict-Transport-Security", hsts)
		next.ServeHTTP(w, r)
	})
}

// unlessForwarded tells what a proxy took without TLS from what it took over TLS. A proxy that does not say is believed to do it right.
func unlessForwarded(secure, plain http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "http") {
			plain.ServeHTTP(w, r)
			return
		}
		secure.ServeHTTP(w, r)
	})
}

func newServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: handler, ReadHeaderTimeout: headerTime, ReadTimeout: requestTime, IdleTimeout: idleTime, MaxHeaderBytes: headerBytes,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

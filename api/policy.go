package api

import (
	"net"
	"net/http"
	"strings"

	"postern/domains"
)

// PolicyHosts answers for the hosts mta-sts.DOMAIN of our mail domains (RFC 8461 §3.3) and leaves every other host to next. Only the policy is there, and it is the same for everybody.
func (a *API) PolicyHosts(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		domain, is := domains.STSDomain(hostOf(r))
		if !is {
			next.ServeHTTP(w, r)
			return
		}
		policies, err := a.cfg.Domains.Policies(r.Context())
		if err != nil {
			a.cfg.Log.Error("the MTA-STS policies could not be read", "error", err)
			http.Error(w, "the policy cannot be read now", http.StatusServiceUnavailable)
			return
		}
		policy, ours := policies[domain]
		switch {
		case !ours:
			next.ServeHTTP(w, r)
		case r.URL.Path != domains.STSPath:
			http.NotFound(w, r)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "this is for reading only", http.StatusMethodNotAllowed)
		default:
			w.Header().Set("Content-Type", "text/plain") // RFC 8461 §3.2
			w.Header().Set("X-Content-Type-Options", "nosniff")
			w.Header().Set("Cache-Control", "no-cache") // §3.3: only max_age in the text counts
			_, _ = w.Write([]byte(policy.Text))         // a sender who is gone asks again
		}
	})
}

// hostOf is the host that a request is for: in small letters, without port and final dot.
func hostOf(r *http.Request) string {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

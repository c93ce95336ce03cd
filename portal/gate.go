package portal

import (
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"postern/desk"
	"postern/language"
)

// GateConfig is what a gate needs.
type GateConfig struct {
	Trusted []netip.Prefix // proxies whose X-Forwarded-For is believed
}

// Gate stands before everything that is served, pages and API alike: it finds out which address a request comes from, and turns away whoever comes from where nobody may, before anybody is asked who they are
// (security row 37).
func (p *Portal) Gate(cfg GateConfig, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if ip := clientAddress(r, cfg.Trusted); ip != "" {
			r = r.Clone(r.Context())
			r.RemoteAddr = net.JoinHostPort(ip, "0")
		}
		host, _, _ := net.SplitHostPort(r.RemoteAddr)
		rules, err := p.identity.AddressRules(r.Context())
		if err != nil {
			p.log.Error("the rules of addresses cannot be read", "error", err)
			p.turnAway(w, r, http.StatusServiceUnavailable)
			return
		}
		if rules.Admit(host, p.now()) || openTo(r.URL.Path, rules.Customers) {
			next.ServeHTTP(w, r)
			return
		}
		if err := p.identity.TurnedAway(r.Context(), desk.Actor{Via: "web", IP: host}); err != nil {
			p.log.Error("an address that was turned away cannot be noted", "error", err)
		}
		p.turnAway(w, r, http.StatusForbidden)
	})
}

// clientAddress is the address that a request comes from: the last one in X-Forwarded-For that no proxy of ours wrote about itself, if the connection is one of our proxies' at all. Empty: the connection's own.
func clientAddress(r *http.Request, trusted []netip.Prefix) string {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !inNetworks(trusted, peer.Addr()) {
		return ""
	}
	chain := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, one := range slices.Backward(chain) {
		addr, err := netip.ParseAddr(strings.TrimSpace(one))
		if err != nil {
			return "" // beyond this, anybody could have written it
		}
		if !inNetworks(trusted, addr) {
			return addr.Unmap().WithZone("").String()
		}
	}
	return ""
}

func inNetworks(networks []netip.Prefix, addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	return slices.ContainsFunc(networks, func(one netip.Prefix) bool { return one.Contains(addr) })
}

// The paths that stay open to customers while staff come from some addresses only: their own pages, what those are made of, links to files in mails, and the pages by which customers with a password sign in, where
// staff from elsewhere find that no password is right.
var (
	customerPlaces = []string{"/my", "/t", "/rate", "/form", "/a", "/static", "/sign-in", "/forgot", "/access", "/was-it-you"}
	customerPages  = []string{"/language", "/sign-out", "/you", "/favicon.ico"}
)

// openTo says whether a path is open from anywhere.
func openTo(path string, customers bool) bool {
	if !customers {
		return false
	}
	return slices.Contains(customerPages, path) || slices.ContainsFunc(customerPlaces, func(place string) bool {
		return path == place || strings.HasPrefix(path, place+"/")
	})
}

// turnAway answers without a word about what is here.
func (p *Portal) turnAway(w http.ResponseWriter, r *http.Request, status int) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	words := "This cannot be opened from your address."
	if status != http.StatusForbidden {
		h.Set("Retry-After", "5")
		words = "Not now. Try again in a moment."
	}
	if strings.HasPrefix(r.URL.Path, "/api/") || strings.HasPrefix(r.URL.Path, "/oauth/") {
		h.Set("Content-Type", "application/problem+json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]any{"title": http.StatusText(status), "status": status, "detail": words}) // the client has gone: there is nobody to tell
		return
	}
	h.Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(language.Pick("", r.Header.Get("Accept-Language")).Say(words) + "\n"))
}

// admitPlace turns away whoever may do something, but not from here.
func (p *Portal) admitPlace(c *call, right desk.Right) error {
	actor := c.actor
	if actor.Behind != nil { // they come from where staff may
		actor, right = desk.Actor{User: actor.Person(), IP: actor.IP, Via: actor.Via, Request: actor.Request}, desk.MayImpersonate
	}
	err := p.identity.AdmitsPlace(c.r.Context(), actor, right)
	if fault := asFault(err); fault != nil && fault.Kind == desk.Forbidden {
		if noted := p.identity.TurnedAway(c.r.Context(), actor); noted != nil {
			return noted
		}
	}
	return err
}

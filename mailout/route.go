package mailout

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"

	"postern/desk"
	"postern/domains"
	"postern/mailout/mtasts"
)

const (
	smtpPort = 25
	maxHosts = 10  // hosts tried for one mail; RFC 5321 §5.1 asks for at least two
	maxAddrs = 6   // addresses tried for one host
	maxGroup = 100 // copies that follow each other to one host before others have their turn
)

// exchange is one server that may take the mail.
type exchange struct {
	name     string
	addr     netip.Addr // set where no name need be looked up
	port     int
	implicit bool        // TLS from the first octet (RFC 8314 §3.3)
	need     requirement // what it must show
	chosen   bool        // named by the operator, so that the address policy, which is about strangers, says nothing of it
	login    *Smarthost  // whose user and password to give; nil: none
}

// route is the way to a domain: its servers, and what is known of them together.
type route struct {
	hosts      []exchange // best first
	domain     string     // of the recipients
	exchangers domains.Exchangers
	proved     bool // that the hosts are the domain's: see asked
	relayed    bool // through a smarthost
	wish       Wish
	rule       desk.TLSRule // ours
	sts        mtasts.Found
}

// route finds the servers for a mail (RFC 5321 §5.1) and what the domain and we ask of them, or the reason why there are none.
func (s *Sender) route(ctx context.Context, m envelope) (route, *answer) {
	way := route{domain: m.domain(), wish: m.Wish}
	if failed := s.servers(ctx, &way); failed != nil {
		return route{}, failed
	}
	return way, s.policies(ctx, &way, m)
}

func (s *Sender) servers(ctx context.Context, way *route) *answer {
	if s.Smarthost != nil {
		way.hosts, way.proved, way.relayed = []exchange{s.Smarthost.exchange()}, true, true
		return nil
	}
	port := s.MXPort
	if port == 0 {
		port = smtpPort
	}
	if addr, ok := literal(way.domain); ok {
		way.hosts, way.proved = []exchange{{name: way.domain, addr: addr, port: port}}, true
		return nil
	}
	found, err := s.Resolver.Exchangers(ctx, way.domain)
	way.exchangers = found
	switch {
	case domains.IsNoSuchName(err):
		return &answer{code: 550, text: "5.1.2 there is no domain " + way.domain}
	case domains.IsNotFound(err):
		way.hosts, way.proved = []exchange{{name: way.domain, port: port}}, true // RFC 5321 §5.1: the implicit MX
		return nil
	case err != nil:
		if way.wish != WishAnyhow {
			s.reportLookUp(way.domain, err)
		}
		return &answer{code: 451, text: "4.4.3 " + err.Error()}
	case len(found.Hosts) == 1 && found.Hosts[0].Host == ".":
		return &answer{code: 556, text: "5.1.10 " + way.domain + " takes no mail (null MX)"} // RFC 7505 §4.1
	}
	way.proved = found.Secure
	for _, name := range inOrder(found.Hosts, rand.Shuffle) {
		way.hosts = append(way.hosts, exchange{name: name, port: port})
	}
	return nil
}

// inOrder sorts by preference, equals in random order, so that they share the load (RFC 5321 §5.1). A null MX among others means nothing (RFC 7505 §3).
func inOrder(exchangers []*net.MX, shuffle func(n int, swap func(i, j int))) []string {
	list := slices.DeleteFunc(slices.Clone(exchangers), func(mx *net.MX) bool { return mx.Host == "." })
	shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	slices.SortStableFunc(list, func(a, b *net.MX) int { return int(a.Pref) - int(b.Pref) })
	names := make([]string, min(len(list), maxHosts))
	for i := range names {
		names[i] = list[i].Host
	}
	return names
}

// exchange is the smarthost as a route. Its password only travels under a certificate that proves the host's name.
func (h *Smarthost) exchange() exchange {
	to := exchange{name: h.Host, port: h.Port, chosen: true}
	to.addr, _ = literalHost(h.Host)
	switch {
	case h.Implicit:
		to.implicit, to.need.level = true, verified
	case h.User != "":
		to.need.level = verified
	}
	if h.User != "" {
		to.login = h
	}
	return to
}

// literalHost reads a host that is an address, as URLs write it.
func literalHost(host string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return addr, err == nil
}

// addresses are those found for a host that may be connected to, IPv6 first, then IPv4.
func (s *Sender) addresses(to exchange, addrs []netip.Addr) ([]netip.Addr, *answer) {
	if s.Refuse == nil || to.chosen {
		return addrs[:min(len(addrs), maxAddrs)], nil
	}
	var refused error
	addrs = slices.DeleteFunc(slices.Clone(addrs), func(addr netip.Addr) bool {
		err := s.Refuse(addr)
		refused = cmp.Or(refused, err)
		return err != nil
	})
	if len(addrs) == 0 { // 'not now': whose network that is can be said in the settings, and the mail is still there then
		return nil, &answer{code: 451, text: fmt.Sprintf("4.7.1 not connecting to %s: %v", to.name, refused)}
	}
	return addrs[:min(len(addrs), maxAddrs)], nil
}

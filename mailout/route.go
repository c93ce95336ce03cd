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

	"postern/domains"
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

// route finds the servers for a domain, best first (RFC 5321 §5.1), or the reason why there are none.
func (s *Sender) route(ctx context.Context, domain string) ([]exchange, *answer) {
	if s.Smarthost != nil {
		return []exchange{s.Smarthost.exchange()}, nil
	}
	port := s.MXPort
	if port == 0 {
		port = smtpPort
	}
	if addr, ok := literal(domain); ok {
		return []exchange{{name: domain, addr: addr, port: port}}, nil
	}
	exchangers, err := s.Resolver.LookupMX(ctx, domain)
	switch {
	case domains.IsNoSuchName(err):
		return nil, &answer{code: 550, text: "5.1.2 there is no domain " + domain}
	case domains.IsNotFound(err):
		return []exchange{{name: domain, port: port}}, nil // RFC 5321 §5.1: the implicit MX
	case err != nil:
		return nil, &answer{code: 451, text: "4.4.3 " + err.Error()}
	case len(exchangers) == 1 && exchangers[0].Host == ".":
		return nil, &answer{code: 556, text: "5.1.10 " + domain + " takes no mail (null MX)"} // RFC 7505 §4.1
	}
	var hosts []exchange
	for _, name := range inOrder(exchangers, rand.Shuffle) {
		hosts = append(hosts, exchange{name: name, port: port})
	}
	return hosts, nil
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

// addresses looks a host up: IPv6 first, then IPv4.
func (s *Sender) addresses(ctx context.Context, host exchange) ([]netip.Addr, *answer) {
	addrs := []netip.Addr{host.addr}
	if !host.addr.IsValid() {
		found, err := s.Resolver.LookupAddrs(ctx, host.name)
		switch {
		case domains.IsNotFound(err):
			return nil, &answer{code: 550, text: "5.4.4 the mail server " + host.name + " has no address"}
		case err != nil:
			return nil, &answer{code: 451, text: "4.4.3 " + err.Error()}
		}
		addrs = found
	}
	if s.Refuse == nil || host.chosen {
		return addrs[:min(len(addrs), maxAddrs)], nil
	}
	var refused error
	addrs = slices.DeleteFunc(slices.Clone(addrs), func(addr netip.Addr) bool {
		err := s.Refuse(addr)
		refused = cmp.Or(refused, err)
		return err != nil
	})
	if len(addrs) == 0 { // 'not now': whose network that is can be said in the settings, and the mail is still there then
		return nil, &answer{code: 451, text: fmt.Sprintf("4.7.1 not connecting to %s: %v", host.name, refused)}
	}
	return addrs[:min(len(addrs), maxAddrs)], nil
}

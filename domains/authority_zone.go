package domains

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

var errNoServers = errors.New("no name servers are known for the zone")

// serversFor finds the servers of the zone that a name is in.
func (v *Visit) serversFor(ctx context.Context, name string) ([]server, error) {
	for {
		at := v.zone(ctx, name)
		if at.err != nil || len(at.servers) > 0 {
			return at.servers, at.err
		}
		_, parent, below := strings.Cut(name, ".")
		if !below {
			return nil, errNoServers // the root's servers know nothing that the resolver does not
		}
		name = parent
	}
}

// zone asks once whether a zone begins at a name, and who serves it.
func (v *Visit) zone(ctx context.Context, name string) *zone {
	v.mu.Lock()
	at := v.zones[name]
	if at == nil {
		at = &zone{}
		v.zones[name] = at
	}
	v.mu.Unlock()
	at.once.Do(func() { at.servers, at.err = v.findServers(ctx, name) })
	return at
}

func (v *Visit) findServers(ctx context.Context, name string) ([]server, error) {
	names, err := v.serverNames(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("the name servers of %s could not be looked up: %w", name, err)
	}
	servers := make([]server, len(names))
	for i, host := range names {
		servers[i] = server{name: host}
		addrs, err := v.authority.cfg.Resolver.LookupAddrs(ctx, host)
		if err != nil {
			servers[i].err = errors.New("its address could not be looked up")
			if IsNotFound(err) {
				servers[i].err = errors.New("it has no address in the DNS")
			}
			continue
		}
		// IPv4 first: a machine whose IPv6 leads nowhere waits for every answer.
		slices.SortStableFunc(addrs, func(a, b netip.Addr) int { return a.BitLen() - b.BitLen() })
		servers[i].addrs = addrs[:min(len(addrs), maxTried)]
		if four, six := slices.IndexFunc(addrs, netip.Addr.Is4), slices.IndexFunc(addrs, netip.Addr.Is6); four == 0 && six > 0 {
			servers[i].addrs = []netip.Addr{addrs[0], addrs[six]}
		}
	}
	return servers, nil
}

// serverNames are the NS records at a name. There are none where no zone begins.
func (v *Visit) serverNames(ctx context.Context, name string) ([]string, error) {
	if err := v.spend(); err != nil {
		return nil, err
	}
	asked := dns.Question{Name: dns.Fqdn(name), Qtype: dns.TypeNS, Qclass: dns.ClassINET}
	said, err := v.authority.cfg.Resolver.exchange(ctx, asked)
	if err != nil {
		return nil, err
	}
	records, _ := owned(said.Answer, asked.Name, dns.TypeNS)
	var names []string
	for _, record := range records {
		if host := plainName(record.(*dns.NS).Ns); host != "." && len(names) < maxServers {
			names = append(names, host)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// registered says whether somebody holds a domain: whether its parent's zone knows it at all. What is not certain counts as held.
func (v *Visit) registered(ctx context.Context, domain string) bool {
	if err := v.spend(); err != nil {
		return true
	}
	said, err := v.authority.cfg.Resolver.exchange(ctx, dns.Question{Name: dns.Fqdn(domain), Qtype: dns.TypeNS, Qclass: dns.ClassINET})
	return err != nil || said.Rcode != dns.RcodeNameError
}

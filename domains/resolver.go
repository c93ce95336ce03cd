package domains

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// Resolver asks the DNS. Names are given and returned without the final dot. Errors are *LookupError.
type Resolver interface {
	// LookupTXT returns each TXT record of a name as one string: its character-strings joined without anything between them (RFC 6376 §3.6.2.2, RFC 7208 §3.3).
	LookupTXT(ctx context.Context, name string) ([]string, error)
	// LookupMX returns the mail exchangers of a domain, most preferred first. The null MX (RFC 7505) is the host ".".
	LookupMX(ctx context.Context, domain string) ([]*net.MX, error)
	// LookupAddrs returns the addresses of a host, IPv6 before IPv4.
	LookupAddrs(ctx context.Context, host string) ([]netip.Addr, error)
}

// LookupError says why a lookup gave no records. It unwraps to a *net.DNSError, so that a reader who does not know this package finds IsNotFound and IsTemporary where they always are.
type LookupError struct {
	*net.DNSError
	NoSuchName bool // NXDOMAIN: the name itself is not there, whatever the record type (RFC 2308 §2.1)
}

// Unwrap returns the *net.DNSError.
func (e *LookupError) Unwrap() error { return e.DNSError }

// IsNotFound says whether the DNS answered that there is no such record. Everything else that goes wrong may be different a minute later.
func IsNotFound(err error) bool {
	var lookup *net.DNSError
	return errors.As(err, &lookup) && lookup.IsNotFound
}

// IsNoSuchName says whether the DNS answered that the name is not there at all.
func IsNoSuchName(err error) bool {
	var lookup *LookupError
	return errors.As(err, &lookup) && lookup.NoSuchName
}

const (
	ourselves = "localhost" // never asked for: RFC 6761 §6.3
	resolvers = "/etc/resolv.conf"
)

// DNS is a stub resolver over UDP and TCP, which validates nothing itself (see DNSSEC). It keeps what it was told for a minute at most, asks each question only once at a time, and when no server answers anything it says so
// at once instead of letting everybody wait. It is safe for use by several goroutines.
type DNS struct {
	servers []string
	timeout time.Duration // for each server, each time it is asked
	trusted bool          // the servers validate, and nobody stands between them and us
	now     func() time.Time
	breaker breaker

	mu      sync.Mutex
	cache   cache
	flights map[question]*flight
}

var _ Resolver = (*DNS)(nil)

// NewResolver makes a resolver that asks the given servers (host:port) in turn, giving each the timeout. Without servers it asks those of /etc/resolv.conf,
// and where that cannot be read, the one on this machine. What it says of DNSSEC follows DNSSECAuto.
func NewResolver(servers []string, timeout time.Duration) *DNS {
	return NewTrustingResolver(servers, timeout, DNSSECAuto)
}

// NewTrustingResolver is NewResolver with another choice of whose word counts for DNSSEC.
func NewTrustingResolver(servers []string, timeout time.Duration, trust DNSSEC) *DNS {
	if len(servers) == 0 {
		servers = systemServers()
	}
	servers, trusted := trust.choose(servers)
	return &DNS{servers: servers, timeout: timeout, trusted: trusted, now: time.Now, flights: map[question]*flight{}}
}

func systemServers() []string {
	settings, err := dns.ClientConfigFromFile(resolvers)
	if err != nil || len(settings.Servers) == 0 {
		return []string{"127.0.0.1:53"}
	}
	servers := make([]string, len(settings.Servers))
	for i, server := range settings.Servers {
		servers[i] = net.JoinHostPort(server, settings.Port)
	}
	return servers
}

// LookupTXT implements Resolver and lookup.Resolver.
func (d *DNS) LookupTXT(ctx context.Context, name string) ([]string, error) {
	found, err := d.lookup(ctx, name, dns.TypeTXT)
	return slices.Clone(found.texts), err
}

// LookupMX implements Resolver and lookup.Resolver.
func (d *DNS) LookupMX(ctx context.Context, domain string) ([]*net.MX, error) {
	found, err := d.Exchangers(ctx, domain)
	if err != nil {
		return nil, err
	}
	return found.Hosts, nil
}

// LookupA implements lookup.Resolver.
func (d *DNS) LookupA(ctx context.Context, name string) ([]netip.Addr, error) {
	if isOurselves(name) {
		return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})}, nil
	}
	found, err := d.lookup(ctx, name, dns.TypeA)
	return slices.Clone(found.addrs), err
}

// LookupAAAA implements lookup.Resolver.
func (d *DNS) LookupAAAA(ctx context.Context, name string) ([]netip.Addr, error) {
	if isOurselves(name) {
		return []netip.Addr{netip.IPv6Loopback()}, nil
	}
	found, err := d.lookup(ctx, name, dns.TypeAAAA)
	return slices.Clone(found.addrs), err
}

// LookupPTR implements lookup.Resolver. An IPv4 address in IPv6 clothes is looked up as what it is.
func (d *DNS) LookupPTR(ctx context.Context, addr netip.Addr) ([]string, error) {
	name, err := dns.ReverseAddr(addr.Unmap().WithZone("").String())
	if err != nil {
		return nil, noSuchName(addr.String())
	}
	found, err := d.lookup(ctx, name, dns.TypePTR)
	return slices.Clone(found.names), err
}

// LookupAddrs implements Resolver. Half an answer is an answer: when only the A or only the AAAA lookup fails, the addresses of the other are returned.
func (d *DNS) LookupAddrs(ctx context.Context, host string) ([]netip.Addr, error) {
	if isOurselves(host) {
		return []netip.Addr{netip.IPv6Loopback(), netip.AddrFrom4([4]byte{127, 0, 0, 1})}, nil
	}
	found, err := d.addresses(ctx, host)
	return found.Addrs, err
}

func isOurselves(host string) bool {
	return strings.EqualFold(strings.TrimSuffix(host, "."), ourselves)
}

// lookup returns what the DNS holds of one type at a name: from memory, from a question that is already under way, or by asking.
func (d *DNS) lookup(ctx context.Context, name string, kind uint16) (answer, error) {
	canonical, ok := canonicalName(name)
	if !ok {
		return answer{}, noSuchName(name) // it cannot be asked for, so nothing can be there
	}
	asked := question{canonical, kind}
	d.mu.Lock()
	if found, ok := d.cache.get(asked, d.now()); ok {
		d.mu.Unlock()
		return found, found.err
	}
	if err := ctx.Err(); err != nil {
		d.mu.Unlock()
		return answer{}, temporary(name, kind, err)
	}
	under, ok := d.flights[asked]
	if !ok {
		flying, cancel := context.WithCancel(context.WithoutCancel(ctx)) // others may come to wait for it too
		under = &flight{landed: make(chan struct{}), cancel: cancel}
		d.flights[asked] = under
		go d.fly(flying, asked, under)
	}
	under.waiting++
	d.mu.Unlock()
	select {
	case <-under.landed:
		return under.answer, under.err
	case <-ctx.Done():
		d.leave(asked, under)
		return answer{}, temporary(name, kind, ctx.Err())
	}
}

// flight is a question under way.
type flight struct {
	waiting int // askers; under the lock of DNS
	cancel  context.CancelFunc
	landed  chan struct{} // closed when answer and err are there
	answer  answer
	err     error
}

// fly asks, and tells everybody who waits.
func (d *DNS) fly(ctx context.Context, asked question, f *flight) {
	defer f.cancel()
	f.answer, f.err = d.resolve(ctx, asked)
	d.mu.Lock()
	if now := d.now(); now.Before(f.answer.until) {
		d.cache.put(asked, f.answer)
	}
	if d.flights[asked] == f {
		delete(d.flights, asked)
	}
	d.mu.Unlock()
	close(f.landed)
}

// leave stops waiting. A question that nobody waits for is given up.
func (d *DNS) leave(asked question, f *flight) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f.waiting--
	if f.waiting > 0 {
		return
	}
	if d.flights[asked] == f {
		delete(d.flights, asked)
	}
	f.cancel()
}

func noRecord(name string, kind uint16) error {
	return &LookupError{DNSError: &net.DNSError{Err: "no " + dns.TypeToString[kind] + " record", Name: strings.TrimSuffix(name, "."), IsNotFound: true}}
}

func noSuchName(name string) error {
	return &LookupError{DNSError: &net.DNSError{Err: "no such name", Name: strings.TrimSuffix(name, "."), IsNotFound: true}, NoSuchName: true}
}

func temporary(name string, kind uint16, err error) error {
	var network net.Error
	failed := net.DNSError{
		Err: dns.TypeToString[kind] + " lookup failed: " + err.Error(), Name: strings.TrimSuffix(name, "."), UnwrapErr: err, IsTemporary: true,
		IsTimeout: errors.As(err, &network) && network.Timeout(),
	}
	return &LookupError{DNSError: &failed}
}

package domains

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"postern/desk"
	"postern/mailauth/iprev"
	"postern/mailauth/spf"
)

// Grade is how a check of our own host came out.
type Grade string

const (
	Good   Grade = "ok"
	Doubt  Grade = "warning" // some receivers mind
	Broken Grade = "failed"  // many receivers refuse our mail for it
)

// HostCheck is what one check of our own host found.
type HostCheck struct {
	Name   string
	Grade  Grade
	Found  string
	Advice string // what to do; empty where all is well
}

// Host checks what receivers see of our own host: its addresses, the names of these (RFC 8601 §3), that it is the name we greet with, and what SPF says of that name.
// leaving are the addresses that this machine's connections come from, as far as it knows; mail that leaves through a smarthost has those of the smarthost, and only the name is checked.
func (p *Preflight) Host(ctx context.Context, leaving []netip.Addr) []HostCheck {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	resolver := p.Authority.cfg.Resolver
	addrs, err := resolver.LookupAddrs(ctx, p.Hostname)
	switch {
	case IsNotFound(err):
		return []HostCheck{{"host address", Broken, p.Hostname + " has no address in the DNS", "publish an A record (and AAAA, if mail leaves by IPv6) for it, or set POSTERN_HOSTNAME to the name that this machine has"}}
	case err != nil:
		return []HostCheck{{"host address", Doubt, "could not be looked up: " + err.Error(), "see that the resolver works"}}
	}
	addrs = addrs[:min(len(addrs), maxSending)]
	checks := []HostCheck{addressCheck(p.Hostname, addrs)}
	if p.Smarthost != "" || checks[0].Grade != Good {
		return checks // receivers do not see it, or what they see is not in the DNS
	}
	if missing := elsewhere(addrs, leaving); len(missing) > 0 {
		checks = append(checks, HostCheck{"host address", Broken, fmt.Sprintf("mail can leave from %s, which is no address of %s", list(missing), p.Hostname),
			"publish that address for " + p.Hostname + ", with a PTR record back: receivers check that the name of a server leads back to it"})
	}
	for _, addr := range addrs {
		if public(addr) {
			checks = append(checks, p.reverse(ctx, addr))
		}
	}
	return append(checks, p.greetingSPF(ctx, addrs))
}

func addressCheck(host string, addrs []netip.Addr) HostCheck {
	if !slices.ContainsFunc(addrs, public) {
		return HostCheck{"host address", Doubt, fmt.Sprintf("%s is %s, which the world cannot reach", host, list(addrs)), "publish this machine's public address for it in the DNS"}
	}
	return HostCheck{"host address", Good, fmt.Sprintf("%s is %s", host, list(addrs)), ""}
}

// public says whether an address can be anybody's on the internet.
func public(addr netip.Addr) bool {
	return addr.IsGlobalUnicast() && !addr.IsPrivate() && !sharedSpace.Contains(addr) && !addr.IsLoopback()
}

var sharedSpace = netip.MustParsePrefix("100.64.0.0/10") // between a provider and its customers (RFC 6598)

// elsewhere are the public addresses that connections leave from and the name does not have. Behind a translator of addresses a machine does not know its own.
func elsewhere(addrs, leaving []netip.Addr) []netip.Addr {
	return slices.DeleteFunc(slices.Clone(leaving), func(addr netip.Addr) bool { return !public(addr) || slices.Contains(addrs, addr) })
}

func list(addrs []netip.Addr) string {
	words := make([]string, len(addrs))
	for i, addr := range addrs {
		words[i] = addr.String()
	}
	return strings.Join(words, ", ")
}

// reverse checks that an address has a name which leads back to it, and that this is the one we greet with.
func (p *Preflight) reverse(ctx context.Context, addr netip.Addr) HostCheck {
	const what = "reverse name"
	found := iprev.Check(ctx, p.Authority.cfg.Resolver, addr)
	advice := fmt.Sprintf("have whoever gave you the address set its PTR record to %s", p.Hostname)
	switch {
	case found.Result == desk.ResultPass && strings.EqualFold(found.Domain, p.Hostname):
		return HostCheck{what, Good, found.Reason, ""}
	case found.Result == desk.ResultPass:
		return HostCheck{what, Doubt, fmt.Sprintf("%s, while we greet as %s", found.Reason, p.Hostname), advice}
	case found.Result == desk.ResultTempError:
		return HostCheck{what, Doubt, found.Reason, "see that the resolver works"}
	}
	return HostCheck{what, Broken, found.Reason + ": many receivers refuse mail from such an address", advice}
}

// greetingSPF checks what SPF says of our name, which counts for mail without a sender, such as acknowledgements (RFC 7208 §2.4).
func (p *Preflight) greetingSPF(ctx context.Context, addrs []netip.Addr) HostCheck {
	const what = "SPF of the host name"
	advice := "publish: " + ZoneLine(desk.Record{Type: "TXT", Name: p.Hostname, Wanted: spfRecord + " a -all"})
	for _, addr := range addrs {
		verdict := spf.CheckHelo(ctx, p.Authority.cfg.Resolver, spf.Query{IP: addr, Helo: p.Hostname, Receiver: p.Hostname, Now: time.Now()})
		switch verdict.Result {
		case desk.ResultPass:
		case desk.ResultNone:
			return HostCheck{what, Doubt, p.Hostname + " publishes no SPF record: automatic answers, which have no sender, prove nothing by SPF", advice}
		case desk.ResultTempError:
			return HostCheck{what, Doubt, verdict.Reason, "see that the resolver works"}
		default:
			return HostCheck{what, Broken, fmt.Sprintf("%s (%s) for %s", verdict.Result, verdict.Reason, addr), advice}
		}
	}
	return HostCheck{what, Good, p.Hostname + " permits its own addresses", ""}
}

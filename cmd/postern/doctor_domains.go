package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"postern/desk"
	"postern/domains"
	"postern/mailout"
	"postern/mailout/mtasts"
)

// domains looks up the records of every mail domain.
func (c *checkup) domains(ctx context.Context, p *platform) {
	service := newDomains(p, nil, nil)
	list, err := service.List(ctx, operator())
	if err != nil {
		c.failed("mail domains", "see the error", err)
		return
	}
	if len(list) == 0 {
		c.warn("mail domains", "postern domain add example.com makes keys and prints the DNS records", "none: answers leave unsigned, and many servers refuse such mail")
	}
	for _, domain := range list {
		looked, records, err := service.Verify(ctx, operator(), domain.Name)
		if err != nil {
			c.failed("domain "+domain.Name, "see the error", err)
			continue
		}
		c.domain(looked, records)
		c.served(ctx, looked, records)
	}
}

// served fetches the MTA-STS policy of a domain as senders do, whose record says that there is one, and compares it with ours.
func (c *checkup) served(ctx context.Context, domain desk.Domain, records []desk.Record) {
	at := slices.IndexFunc(records, func(r desk.Record) bool { return r.Purpose == domains.PurposeSTS })
	if at < 0 || len(records[at].Found) == 0 || domain.State == desk.DomainRemoved {
		return // nobody asks for it
	}
	check, advice := "MTA-STS "+domain.Name, fmt.Sprintf("see that https://%s%s leads to our HTTPS, with a certificate in its name", domains.STSHost(domain.Name), domains.STSPath)
	roots, err := trustedRoots(c.settings.TLSRoots)
	if err != nil {
		c.failed(check, advice, err)
		return
	}
	fetcher := mtasts.Fetcher{
		Resolver: domains.NewResolver(c.settings.DNS, lookUpTime), Port: int(c.settings.STSPort), Roots: roots, Patience: 2 * dialTime,
		Refuse: mailout.AddressPolicy{Allow: c.settings.OutboundAllow}.Refuse,
	}
	policy, err := fetcher.Fetch(ctx, domain.Name)
	switch {
	case err != nil && domain.STS == desk.STSEnforce:
		c.failed(check, advice, fmt.Errorf("senders cannot fetch the policy: %w", err))
	case err != nil:
		c.warn(check, advice, "senders cannot fetch the policy: %v", err)
	case string(policy.Mode) != string(domain.STS):
		c.warn(check, "see who serves "+domains.STSHost(domain.Name), "the policy that senders fetch says %s, and ours %s", policy.Mode, domain.STS)
	default:
		c.ok(check, "the policy is served: %s", policy.Mode)
	}
}

// domain says what the page of a domain says: what is wrong with its records, what wants attention, and how far it is.
func (c *checkup) domain(domain desk.Domain, records []desk.Record) {
	name, before := "domain "+domain.Name, len(c.results)
	told := map[string]bool{} // what is so of every record need not be said of each
	for _, record := range records {
		what := fmt.Sprintf("%s: %s", record.Purpose, record.Problem)
		switch {
		case record.OK && record.Warning != "" && told[record.Warning]:
		case record.OK && record.Warning != "":
			told[record.Warning] = true
			c.warn(name, adviceOn(record), "%s: %s", record.Purpose, record.Warning)
		case record.OK:
		case record.Required:
			c.failed(name, adviceOn(record), errors.New(what))
		default:
			c.warn(name, adviceOn(record), "%s", what)
		}
	}
	switch {
	case domain.State == desk.DomainPaused:
		c.warn(name, "postern domain resume "+domain.Name+" lets it send again", "paused: nothing leaves in its name")
	case domain.TestProblem != "" && domain.State != desk.DomainRemoved:
		c.failed(name, "postern domain test "+domain.Name+" says more", errors.New("a mail signed by its keys is not believed: "+domain.TestProblem))
	}
	if len(c.results) == before {
		c.ok(name, "every record is as wanted; %s", domain.State)
	}
}

// adviceOn is what to do about a record: publish what is wanted, or take away what is of no use.
func adviceOn(record desk.Record) string {
	switch {
	case record.Purpose == domains.PurposeObsolete:
		return fmt.Sprintf("delete the %s record %s", record.Type, record.Name)
	case record.OK && len(record.Found) == 1 && record.Found[0] == record.Wanted:
		return "" // nothing to publish: the warning says what to do
	}
	return "publish: " + domains.ZoneLine(record)
}

// host checks what receivers see of this machine.
func (c *checkup) host(ctx context.Context) {
	if !strings.Contains(c.settings.Hostname, ".") {
		return // said already
	}
	for _, check := range newPreflight(c.settings).Host(ctx, leavingAddrs()) {
		c.results = append(c.results, diagnosis{Check: check.Name, State: string(check.Grade), Found: check.Found, Advice: check.Advice})
	}
}

// leavingAddrs are the addresses that this machine's connections to the world come from. Choosing them sends nothing.
func leavingAddrs() []netip.Addr {
	var addrs []netip.Addr
	for network, anywhere := range map[string]string{"udp4": "192.0.2.1:9", "udp6": "[2001:db8::1]:9"} {
		conn, err := net.DialTimeout(network, anywhere, time.Second)
		if err != nil {
			continue // this machine has no such addresses
		}
		if local, ok := conn.LocalAddr().(*net.UDPAddr); ok {
			addrs = append(addrs, local.AddrPort().Addr().Unmap())
		}
		_ = conn.Close()
	}
	return addrs
}

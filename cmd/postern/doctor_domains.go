package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"postern/desk"
	"postern/domains"
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
	}
}

// domain says what the page of a domain says: what is wrong with its records, what wants attention, and how far it is.
func (c *checkup) domain(domain desk.Domain, records []desk.Record) {
	name, before := "domain "+domain.Name, len(c.results)
	for _, record := range records {
		what := fmt.Sprintf("%s: %s", record.Purpose, record.Problem)
		switch {
		case record.OK && record.Warning != "":
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

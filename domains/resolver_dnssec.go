package domains

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/miekg/dns"
)

// DNSSEC says whose AD bit is believed (RFC 4035 §3.2.3): the resolver's word that it validated an answer is worth as much as the way to it.
type DNSSEC string

const (
	DNSSECAuto DNSSEC = "auto" // of resolvers on this machine
	DNSSECOn   DNSSEC = "on"   // of every resolver that is set: the operator vouches for the network between
	DNSSECOff  DNSSEC = "off"  // of none: DANE is not used
)

// dockers is where containers find a forwarder that passes on what others say: a loopback address all the same, from which no AD bit means anything.
const dockers = "127.0.0.11"

// choose says which servers are asked, and whether their AD bit is believed. Where one may be believed, the others are not asked at all: whoever makes an answer invalid, or holds it back,
// must not reach with it that somebody else is asked who notices nothing (RFC 7672 §2.1.2).
func (d DNSSEC) choose(servers []string) (asked []string, believed bool) {
	switch d {
	case DNSSECOn:
		return servers, true
	case DNSSECAuto:
		here := slices.DeleteFunc(slices.Clone(servers), func(server string) bool {
			host, _, err := net.SplitHostPort(server)
			addr, errAddr := netip.ParseAddr(host)
			return err != nil || errAddr != nil || !addr.Unmap().IsLoopback() || host == dockers
		})
		if len(here) > 0 {
			return here, true
		}
	}
	return servers, false
}

// Validates says whether answers of this resolver can be secure at all.
func (d *DNS) Validates() bool { return d.trusted }

// provedName is a name that has been signed since 2009, and that nobody can do without.
const provedName = "org"

// Proves says whether answers are secure where everybody's are, which tells a resolver that validates from one that only passes on.
func (d *DNS) Proves(ctx context.Context) (bool, error) {
	found, err := d.lookup(ctx, provedName, dns.TypeSOA)
	if IsNotFound(err) {
		err = nil
	}
	return found.secure, err
}

// Exchangers are the mail exchangers of a domain.
type Exchangers struct {
	Hosts  []*net.MX // most preferred first; empty: there are none, which Err says
	Name   string    // the domain, or what its aliases lead to
	Secure bool      // DNSSEC proves them, or that there are none
}

// Exchangers looks up what LookupMX does, with what DNSSEC says of it. Secure counts beside an IsNotFound error too.
func (d *DNS) Exchangers(ctx context.Context, domain string) (Exchangers, error) {
	found, err := d.lookup(ctx, domain, dns.TypeMX)
	own := slices.Clone(found.exchangers) // what is kept is nobody's to change
	hosts := make([]*net.MX, len(own))
	for i := range own {
		hosts[i] = &own[i]
	}
	return Exchangers{Hosts: hosts, Name: nameOf(found, domain), Secure: found.secure}, err
}

// Host is where a name leads.
type Host struct {
	Addrs       []netip.Addr // IPv6 before IPv4
	Name        string       // the host, or what its aliases lead to
	Secure      bool         // DNSSEC proves the addresses, and every alias on the way
	AliasSecure bool         // they are not all proved, but it is that the host itself is an alias (RFC 7672 §2.2.2)
}

// Host looks up what LookupAddrs does, with what DNSSEC says of it. Half an answer is an answer here too, and is secure when that half is: both are of one zone.
func (d *DNS) Host(ctx context.Context, host string) (Host, error) {
	if isOurselves(host) {
		addrs, err := d.LookupAddrs(ctx, host)
		return Host{Addrs: addrs, Name: host}, err
	}
	found, err := d.addresses(ctx, host)
	if err != nil || found.Secure || found.Name == host || !d.trusted {
		return found, err
	}
	first, err := d.lookup(ctx, host, dns.TypeCNAME)
	if err != nil && !IsNotFound(err) {
		return found, err // whether the alias is proved decides whether DANE applies: not knowing must not mean no
	}
	found.AliasSecure = err == nil && first.secure
	return found, nil
}

// addresses asks for both kinds of addresses at once.
func (d *DNS) addresses(ctx context.Context, host string) (Host, error) {
	type result struct {
		answer
		err error
	}
	six := make(chan result, 1)
	go func() {
		found, err := d.lookup(ctx, host, dns.TypeAAAA)
		six <- result{found, err}
	}()
	four, errFour := d.lookup(ctx, host, dns.TypeA)
	sixes := <-six
	found := Host{Secure: true}
	for _, half := range []result{sixes, {four, errFour}} {
		if half.err != nil && !IsNotFound(half.err) {
			continue
		}
		found.Secure = found.Secure && half.secure
		found.Name = cmp.Or(found.Name, half.alias)
		for _, addr := range half.addrs {
			found.Addrs = append(found.Addrs, addr.Unmap())
		}
	}
	found.Name = cmp.Or(found.Name, host)
	switch {
	case len(found.Addrs) > 0:
		return found, nil
	case errFour != nil && !IsNotFound(errFour):
		return Host{}, errFour
	case sixes.err != nil && !IsNotFound(sixes.err):
		return Host{}, sixes.err
	case errFour != nil:
		return found, errFour
	}
	return found, noRecord(host, dns.TypeA)
}

// TLSA is a TLSA record (RFC 6698 §2.1): what the certificate of a server, or one above it, must be. What a field means is for who reads it (mailout/dane).
type TLSA struct {
	Usage    uint8
	Selector uint8
	Matching uint8
	Data     []byte
}

// String is the record as a zone file holds it.
func (t TLSA) String() string {
	return fmt.Sprintf("%d %d %d %x", t.Usage, t.Selector, t.Matching, t.Data)
}

// maxTLSA bounds the records of one server: beyond it, a change of keys is no reason any more.
const maxTLSA = 64

// LookupTLSA returns the TLSA records of a server's TCP port (RFC 6698 §3), and whether DNSSEC proves them; without that they mean nothing. Secure counts beside an IsNotFound error too.
func (d *DNS) LookupTLSA(ctx context.Context, port int, host string) (keys []TLSA, secure bool, err error) {
	found, err := d.lookup(ctx, fmt.Sprintf("_%d._tcp.%s", port, host), dns.TypeTLSA)
	return slices.Clone(found.keys[:min(len(found.keys), maxTLSA)]), found.secure, err
}

func decodeTLSA(record *dns.TLSA) (TLSA, bool) {
	data, err := hex.DecodeString(record.Certificate)
	return TLSA{record.Usage, record.Selector, record.MatchingType, data}, err == nil
}

// nameOf is where the aliases of a name ended.
func nameOf(found answer, asked string) string { return cmp.Or(found.alias, asked) }

// refused is an answer that is none, in the server's own words.
type refused struct {
	server string
	rcode  int
	info   uint16 // extended error (RFC 8914 §4); 0 also where the server gave none
	detail string
}

func (r refused) Error() string {
	text := r.server + " answered " + dns.RcodeToString[r.rcode]
	if r.detail != "" {
		text += " (" + r.detail + ")"
	}
	return text
}

func refusalOf(server string, reply *dns.Msg) error {
	r := refused{server: server, rcode: reply.Rcode}
	edns := reply.IsEdns0()
	if edns == nil {
		return r
	}
	for _, option := range edns.Option {
		if extended, ok := option.(*dns.EDNS0_EDE); ok {
			r.info, r.detail = extended.InfoCode, dns.ExtendedErrorCodeToString[extended.InfoCode]
			break
		}
	}
	return r
}

// IsBogus says whether a lookup failed because the answer does not prove itself, and the resolver said so (RFC 8914). A resolver that gives no reason leaves this false, and it is a failed lookup all the same.
func IsBogus(err error) bool {
	var r refused
	if !errors.As(err, &r) {
		return false
	}
	switch r.info {
	case dns.ExtendedErrorCodeDNSBogus, dns.ExtendedErrorCodeDNSSECIndeterminate, dns.ExtendedErrorCodeSignatureExpired, dns.ExtendedErrorCodeSignatureNotYetValid,
		dns.ExtendedErrorCodeDNSKEYMissing, dns.ExtendedErrorCodeRRSIGsMissing, dns.ExtendedErrorCodeNoZoneKeyBitSet, dns.ExtendedErrorCodeNSECMissing:
		return true
	}
	return false
}

package domains

import (
	"cmp"
	"context"
	"errors"
	"fmt"
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
	udpSize   = 1232        // largest answer over UDP that is not fragmented on today's paths (DNS Flag Day 2020); longer ones come over TCP
	maxAlias  = 8           // CNAMEs followed before a chain counts as a loop
	maxTTL    = time.Minute // so that an admin who mends a record sees it mended at once
	cacheSize = 4096        // answers kept; the cache is emptied when it is full
	rounds    = 2           // how often each server is asked: UDP loses packets
	ourselves = "localhost" // never asked for: RFC 6761 §6.3
	resolvers = "/etc/resolv.conf"
)

// DNS is a stub resolver over UDP and TCP with a small cache of good answers. It is safe for use by several goroutines.
type DNS struct {
	servers []string
	timeout time.Duration

	mu    sync.Mutex
	cache map[dns.Question]answer
}

type answer struct {
	records []dns.RR
	until   time.Time
}

var _ Resolver = (*DNS)(nil)

// NewResolver makes a resolver that asks the given servers (host:port) in turn, giving each the timeout. Without servers it asks those of /etc/resolv.conf,
// and where that cannot be read, the one on this machine.
func NewResolver(servers []string, timeout time.Duration) *DNS {
	if len(servers) == 0 {
		servers = systemServers()
	}
	return &DNS{servers: servers, timeout: timeout, cache: map[dns.Question]answer{}}
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

// LookupTXT implements Resolver.
func (d *DNS) LookupTXT(ctx context.Context, name string) ([]string, error) {
	records, err := d.lookup(ctx, name, dns.TypeTXT)
	if err != nil {
		return nil, err
	}
	texts := make([]string, len(records))
	for i, record := range records {
		texts[i] = unescape(strings.Join(record.(*dns.TXT).Txt, ""))
	}
	return texts, nil
}

// LookupMX implements Resolver.
func (d *DNS) LookupMX(ctx context.Context, domain string) ([]*net.MX, error) {
	records, err := d.lookup(ctx, domain, dns.TypeMX)
	if err != nil {
		return nil, err
	}
	exchangers := make([]*net.MX, len(records))
	for i, record := range records {
		mx := record.(*dns.MX)
		host := strings.ToLower(mx.Mx)
		if host != "." {
			host = strings.TrimSuffix(host, ".")
		}
		exchangers[i] = &net.MX{Host: host, Pref: mx.Preference}
	}
	slices.SortStableFunc(exchangers, func(a, b *net.MX) int { return cmp.Compare(a.Pref, b.Pref) })
	return exchangers, nil
}

// LookupAddrs implements Resolver. Half an answer is an answer: when only the A or only the AAAA lookup fails, the addresses of the other are returned.
func (d *DNS) LookupAddrs(ctx context.Context, host string) ([]netip.Addr, error) {
	if strings.EqualFold(strings.TrimSuffix(host, "."), ourselves) {
		return []netip.Addr{netip.IPv6Loopback(), netip.AddrFrom4([4]byte{127, 0, 0, 1})}, nil
	}
	type result struct {
		records []dns.RR
		err     error
	}
	six := make(chan result, 1)
	go func() {
		records, err := d.lookup(ctx, host, dns.TypeAAAA)
		six <- result{records, err}
	}()
	four, errFour := d.lookup(ctx, host, dns.TypeA)
	sixes := <-six
	var addrs []netip.Addr
	for _, record := range slices.Concat(sixes.records, four) {
		var ip net.IP
		switch record := record.(type) {
		case *dns.AAAA:
			ip = record.AAAA
		case *dns.A:
			ip = record.A
		}
		if addr, ok := netip.AddrFromSlice(ip); ok {
			addrs = append(addrs, addr.Unmap())
		}
	}
	switch {
	case len(addrs) > 0:
		return addrs, nil
	case errFour != nil && !IsNotFound(errFour):
		return nil, errFour
	case sixes.err != nil && !IsNotFound(sixes.err):
		return nil, sixes.err
	case errFour != nil:
		return nil, errFour
	}
	return nil, noRecord(host, dns.TypeA)
}

// lookup returns the records of one type at a name, following aliases (RFC 1034 §3.6.2).
func (d *DNS) lookup(ctx context.Context, name string, kind uint16) ([]dns.RR, error) {
	if !isASCII(name) {
		ascii, err := ASCII(name)
		if err != nil {
			return nil, noSuchName(name)
		}
		name = ascii
	}
	if _, ok := dns.IsDomainName(name); !ok || name == "" {
		return nil, noSuchName(name) // it cannot be asked for, so nothing can be there
	}
	question := dns.Question{Name: dns.CanonicalName(name), Qtype: kind, Qclass: dns.ClassINET}
	if records, ok := d.cached(question); ok {
		return records, nil
	}
	current := question
	for range maxAlias {
		reply, err := d.exchange(ctx, current)
		if err != nil {
			return nil, err
		}
		records, target := pick(reply.Answer, current)
		if len(records) > 0 {
			d.keep(question, records)
			return records, nil
		}
		if reply.Rcode == dns.RcodeNameError {
			return nil, noSuchName(name)
		}
		if target == current.Name {
			return nil, noRecord(name, kind)
		}
		current.Name = target
	}
	return nil, temporary(name, kind, errors.New("more aliases than can be followed"))
}

// pick finds the wanted records in an answer, and where its aliases lead.
func pick(answers []dns.RR, question dns.Question) (records []dns.RR, target string) {
	target = question.Name
	for range len(answers) + 1 {
		alias := ""
		for _, record := range answers {
			if dns.CanonicalName(record.Header().Name) != target {
				continue
			}
			if record.Header().Rrtype == question.Qtype {
				records = append(records, record)
			} else if cname, ok := record.(*dns.CNAME); ok {
				alias = dns.CanonicalName(cname.Target)
			}
		}
		if len(records) > 0 || alias == "" {
			return records, target
		}
		target = alias
	}
	return nil, target
}

// exchange asks the servers in turn until one gives an answer that can be believed: records, or the certainty that there are none.
func (d *DNS) exchange(ctx context.Context, question dns.Question) (*dns.Msg, error) {
	query := new(dns.Msg)
	query.Id, query.RecursionDesired, query.Question = dns.Id(), true, []dns.Question{question}
	query.SetEdns0(udpSize, false)
	var last error
	for range rounds {
		for _, server := range d.servers {
			reply, err := d.ask(ctx, query, server)
			if err == nil {
				return reply, nil
			}
			last = err
			if ctx.Err() != nil {
				return nil, temporary(question.Name, question.Qtype, ctx.Err())
			}
		}
	}
	return nil, temporary(question.Name, question.Qtype, last)
}

func (d *DNS) ask(ctx context.Context, query *dns.Msg, server string) (*dns.Msg, error) {
	client := dns.Client{Net: "udp", Timeout: d.timeout, UDPSize: udpSize}
	reply, _, err := client.ExchangeContext(ctx, query, server)
	if err == nil && reply.Truncated {
		client.Net = "tcp" // RFC 7766 §5
		reply, _, err = client.ExchangeContext(ctx, query, server)
	}
	switch {
	case err != nil:
		return nil, err
	case len(reply.Question) != 1 || dns.CanonicalName(reply.Question[0].Name) != query.Question[0].Name || reply.Question[0].Qtype != query.Question[0].Qtype:
		return nil, fmt.Errorf("%s answered another question", server)
	case reply.Rcode != dns.RcodeSuccess && reply.Rcode != dns.RcodeNameError:
		return nil, fmt.Errorf("%s answered %s", server, dns.RcodeToString[reply.Rcode])
	}
	return reply, nil
}

func (d *DNS) cached(question dns.Question) ([]dns.RR, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	found, ok := d.cache[question]
	return found.records, ok && time.Now().Before(found.until)
}

func (d *DNS) keep(question dns.Question, records []dns.RR) {
	ttl := maxTTL
	for _, record := range records {
		ttl = min(ttl, time.Duration(record.Header().Ttl)*time.Second)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.cache) >= cacheSize {
		clear(d.cache)
	}
	d.cache[question] = answer{records: records, until: time.Now().Add(ttl)}
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

// unescape undoes the presentation form in which the DNS library holds text: \" \\ and \DDD (RFC 1035 §5.1).
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			out = append(out, s[i])
			continue
		}
		i++
		if digits := s[i:min(i+3, len(s))]; len(digits) == 3 && strings.Trim(digits, "0123456789") == "" {
			out = append(out, (digits[0]-'0')*100+(digits[1]-'0')*10+digits[2]-'0')
			i += 2
			continue
		}
		out = append(out, s[i])
	}
	return string(out)
}

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
	"time"

	"github.com/miekg/dns"
)

const (
	udpSize  = 1232 // largest answer over UDP that is not fragmented on today's paths (DNS Flag Day 2020); longer ones come over TCP
	maxAlias = 8    // CNAMEs followed before a chain counts as a loop
	rounds   = 2    // how often each server is asked: UDP loses packets
)

var errNobody = errors.New("no name server answers")

// silence is an error that came without a word from the server.
type silence struct{ error }

// Unwrap returns what the network said.
func (s silence) Unwrap() error { return s.error }

// resolve asks the servers, following aliases (RFC 1034 §3.6.2).
func (d *DNS) resolve(ctx context.Context, asked question) (answer, error) {
	current := dns.Question{Name: dns.Fqdn(asked.name), Qtype: asked.kind, Qclass: dns.ClassINET}
	ttl, secure := maxTTL, d.trusted
	for range maxAlias {
		reply, err := d.exchange(ctx, current)
		if err != nil {
			return answer{}, err
		}
		ttl = min(ttl, lifetime(reply.Answer)) // aliases on the way count as well
		secure = secure && reply.AuthenticatedData
		records, target := pick(reply.Answer, current)
		if len(records) > 0 {
			found := decode(records)
			found.until, found.secure = d.now().Add(ttl), secure
			if name := plainName(target); name != asked.name {
				found.alias = name
			}
			return found, nil
		}
		if reply.Rcode == dns.RcodeNameError || target == current.Name {
			err := noRecord(asked.name, asked.kind)
			if reply.Rcode == dns.RcodeNameError {
				err = noSuchName(asked.name)
			}
			alias := plainName(current.Name)
			if alias == asked.name {
				alias = ""
			}
			return answer{err: err, alias: alias, secure: secure, until: d.now().Add(min(ttl, negativeLifetime(reply.Ns)))}, err
		}
		current.Name = target
	}
	return answer{}, temporary(asked.name, asked.kind, errors.New("more aliases than can be followed"))
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

// decode brings records into the form that callers want.
func decode(records []dns.RR) (found answer) {
	for _, record := range records {
		found.size += perRecord
		switch record := record.(type) {
		case *dns.TXT:
			text := unescape(strings.Join(record.Txt, ""))
			found.texts, found.size = append(found.texts, text), found.size+len(text)
		case *dns.MX:
			found.exchangers, found.size = append(found.exchangers, net.MX{Host: plainName(record.Mx), Pref: record.Preference}), found.size+len(record.Mx)
		case *dns.PTR:
			found.names, found.size = append(found.names, plainName(record.Ptr)), found.size+len(record.Ptr)
		case *dns.CNAME:
			found.names, found.size = append(found.names, plainName(record.Target)), found.size+len(record.Target)
		case *dns.A:
			if addr, ok := netip.AddrFromSlice(record.A); ok {
				found.addrs = append(found.addrs, addr.Unmap())
			}
		case *dns.TLSA:
			if key, ok := decodeTLSA(record); ok {
				found.keys, found.size = append(found.keys, key), found.size+len(key.Data)
			}
		case *dns.AAAA:
			if addr, ok := netip.AddrFromSlice(record.AAAA); ok {
				found.addrs = append(found.addrs, addr)
			}
		}
	}
	slices.SortStableFunc(found.exchangers, func(a, b net.MX) int { return cmp.Compare(a.Pref, b.Pref) })
	return found
}

// plainName is a name from a record as callers want it. Octets that no host name has stay in their presentation form (RFC 1035 §5.1), in which they do no harm to a reader.
func plainName(name string) string {
	name = strings.ToLower(name)
	if name == "." {
		return name
	}
	return strings.TrimSuffix(name, ".")
}

// exchange asks the servers in turn until one gives an answer that can be believed: records, or the certainty that there are none.
func (d *DNS) exchange(ctx context.Context, question dns.Question) (*dns.Msg, error) {
	if !d.anybody() {
		return nil, temporary(question.Name, question.Qtype, errNobody)
	}
	query := new(dns.Msg)
	query.Id, query.RecursionDesired, query.Question = dns.Id(), true, []dns.Question{question}
	query.SetEdns0(udpSize, false)
	query.AuthenticatedData = d.trusted // RFC 6840 §5.7: we understand the bit, and need no signatures to hear of it
	started, silent := time.Now(), true
	var last error
	for range rounds {
		for _, server := range d.servers {
			reply, err := d.ask(ctx, query, server)
			if err == nil {
				return reply, nil
			}
			last = err
			var nothing silence
			silent = silent && errors.As(err, &nothing)
			if ctx.Err() != nil {
				if silent && time.Since(started) >= min(d.timeout, patience) {
					d.unheard(question.Name)
				}
				return nil, temporary(question.Name, question.Qtype, ctx.Err())
			}
		}
	}
	if silent {
		d.unheard(question.Name)
	}
	return nil, temporary(question.Name, question.Qtype, last)
}

// ask puts a question to one server.
func (d *DNS) ask(ctx context.Context, query *dns.Msg, server string) (*dns.Msg, error) {
	client := dns.Client{Net: "udp", Timeout: d.timeout, UDPSize: udpSize}
	reply, _, err := client.ExchangeContext(ctx, query, server)
	if err != nil && reply == nil {
		return nil, silence{err}
	}
	d.breaker.heard()
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
		return nil, refusalOf(server, reply)
	}
	return reply, nil
}

// anybody says whether a question is worth asking.
func (d *DNS) anybody() bool {
	switch d.breaker.admit(d.now()) {
	case refuse:
		return false
	case probe:
		return d.probe()
	}
	return true
}

// unheard notes that nobody answered a question, and looks whether anybody is there at all when that happens often.
func (d *DNS) unheard(name string) {
	if d.breaker.unheard(name) {
		d.probe()
	}
}

// probe asks all servers at once for the name servers of the root zone. Whatever they answer, they are there. It does not depend on the one who happened to find out.
func (d *DNS) probe() bool {
	query := new(dns.Msg)
	query.SetQuestion(probedName, dns.TypeNS)
	client := dns.Client{Net: "udp", Timeout: min(d.timeout, probeTime), UDPSize: udpSize}
	answered := make(chan bool, len(d.servers))
	for _, server := range d.servers {
		go func() {
			reply, _, _ := client.Exchange(query.Copy(), server)
			answered <- reply != nil
		}()
	}
	for range d.servers {
		if <-answered {
			d.breaker.heard()
			return true
		}
	}
	d.breaker.open(d.now())
	return false
}

// canonicalName brings a name into the form in which it is asked for and kept: A-labels, lower case, no final dot, octets that no host name has in their presentation form.
// It returns false for what cannot be asked for. Names that are already in that form cost no memory.
func canonicalName(name string) (string, bool) {
	name = strings.TrimSuffix(name, ".")
	if !isASCII(name) {
		ascii, err := ASCII(name)
		if err != nil {
			return "", false
		}
		name = ascii
	}
	if strings.Trim(name, letters+"-_.") != "" {
		name = escape(strings.ToLower(name))
	}
	if name == "" || strings.HasSuffix(name, ".") {
		return "", false
	}
	_, ok := dns.IsDomainName(name)
	return name, ok
}

// escape is the way back from unescape, for a whole name: as the DNS library writes the names that it reads, so that they can be compared.
func escape(name string) string {
	var out strings.Builder
	for i := range len(name) {
		switch c := name[i]; {
		case c < ' ' || c > '~':
			fmt.Fprintf(&out, `\%03d`, c)
		case strings.IndexByte(` '@;()"\`, c) >= 0:
			out.WriteByte('\\')
			out.WriteByte(c)
		default:
			out.WriteByte(c)
		}
	}
	return out.String()
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

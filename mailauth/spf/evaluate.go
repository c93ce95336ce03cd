package spf

import (
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"postern/desk"
	"postern/mailauth/lookup"
)

// What one check may ask (RFC 7208 §4.6.4).
const (
	maxTerms = 10 // include, a, mx, ptr, exists and redirect, and the first %{p}
	maxVoids = 2  // terms for which the DNS has nothing
	maxMX    = 10 // exchangers of one mx; more is an error
	maxPTR   = 10 // names of the client; more are not looked at
)

// check is one run of check_host() with all that it includes.
type check struct {
	resolver lookup.Resolver
	query    Query
	from     sender

	terms    int
	voids    int
	reversed bool            // the names of the client were asked for
	names    []string        // which the reverse zone gives the client
	proved   map[string]bool // names that were looked at, and whether they lead back to the client
}

// said is what a domain says of the client.
type said struct {
	result  desk.Result
	reason  string
	domain  string   // whose record decided
	explain template // its exp=
}

// broken is a permerror: the record can never be followed.
func broken(format string, about ...any) *said {
	return &said{result: desk.ResultPermError, reason: fmt.Sprintf(format, about...)}
}

// unanswered is a temperror: the DNS may know more later.
func unanswered(name string) *said {
	return &said{result: desk.ResultTempError, reason: "the DNS gave no answer about " + name}
}

// host is check_host() for a domain that can be asked for (RFC 7208 §4).
func (c *check) host(ctx context.Context, domain string) said {
	record, failed := c.record(ctx, domain)
	if failed != nil {
		return *failed
	}
	for _, d := range record.directives {
		matched, failed := c.match(ctx, d, domain)
		if failed != nil {
			return *failed
		}
		if matched {
			return said{result: d.result, reason: "matched " + d.text + " of " + domain, domain: domain, explain: record.explain}
		}
	}
	if record.redirect == nil {
		return said{result: desk.ResultNeutral, reason: "nothing in the SPF record of " + domain + " matched"} // §4.7
	}
	target, ok, failed := c.target(ctx, record.redirect, domain)
	switch {
	case failed != nil:
		return *failed
	case !ok:
		return *broken("the SPF record of %s redirects to %q, which is no domain", domain, target)
	}
	there := c.host(ctx, target)
	if there.result == desk.ResultNone {
		return *broken("the SPF record of %s redirects to %s, which has none", domain, target) // §6.1
	}
	return there
}

// record fetches the one SPF record of a domain (RFC 7208 §4.4, §4.5). A domain without one says 'none'.
func (c *check) record(ctx context.Context, domain string) (*Record, *said) {
	texts, err := c.resolver.LookupTXT(ctx, domain)
	if err != nil && !lookup.NotFound(err) {
		return nil, unanswered(domain)
	}
	found, count := "", 0
	for _, text := range texts {
		if isSPF(text) {
			found, count = text, count+1
		}
	}
	switch count {
	case 0:
		return nil, &said{result: desk.ResultNone, reason: domain + " publishes no SPF record"}
	case 1:
		record, err := Parse(found)
		if err != nil {
			return nil, broken("the SPF record of %s is broken: %v", domain, err)
		}
		return record, nil
	}
	return nil, broken("%s publishes %d SPF records; only one is allowed", domain, count)
}

// target counts a term that asks the DNS and expands the name that it is about. The name is no good when it cannot be asked for, which is for the caller to judge (RFC 7208 §4.8).
func (c *check) target(ctx context.Context, t template, domain string) (name string, ok bool, failed *said) {
	c.terms++
	if t.uses('p') && !c.reversed {
		c.terms++
	}
	if c.terms > maxTerms {
		return "", false, broken("the SPF record of %s needs more than %d DNS lookups", c.from.domain, maxTerms)
	}
	if t == nil {
		return domain, true, nil
	}
	name, ok = c.name(ctx, t, domain)
	return name, ok, nil
}

// name expands a template to a name. What is too long loses labels on its left (RFC 7208 §7.3).
func (c *check) name(ctx context.Context, t template, domain string) (string, bool) {
	name, ok := t.expand(func(letter byte) string { return c.value(ctx, letter, domain) })
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	for ok && len(name) > maxName {
		_, name, ok = strings.Cut(name, ".")
	}
	return name, ok && queryable(name)
}

// match says whether a mechanism matches the client (RFC 7208 §5).
func (c *check) match(ctx context.Context, d directive, domain string) (bool, *said) {
	switch d.kind {
	case mechAll:
		return true, nil
	case mechIP4, mechIP6:
		return d.prefix.Contains(c.query.IP), nil
	}
	target, ok, failed := c.target(ctx, d.target, domain)
	if failed != nil {
		return false, failed
	}
	if !ok {
		if d.kind == mechInclude {
			return false, broken("%s of %s leads to %q, which is no domain", d.text, domain, target)
		}
		return false, nil // a name that cannot be is a name that is not
	}
	switch d.kind {
	case mechInclude:
		return c.include(ctx, target, domain)
	case mechMX:
		return c.matchMX(ctx, d, target)
	case mechPTR:
		return c.matchPTR(ctx, target)
	case mechExists:
		addrs, err := c.resolver.LookupA(ctx, target) // also for clients with IPv6 (§5.7)
		return c.weigh(target, len(addrs), err, func() bool { return true })
	}
	addrs, err := c.addresses(ctx, target)
	return c.weigh(target, len(addrs), err, func() bool { return c.among(addrs, d) })
}

// weigh turns the answer to the one lookup of a term into a match: nothing found is a void lookup, an error ends the check.
func (c *check) weigh(target string, found int, err error, matches func() bool) (bool, *said) {
	switch {
	case err != nil && !lookup.NotFound(err):
		return false, unanswered(target)
	case err != nil || found == 0:
		return false, c.void()
	}
	return matches(), nil
}

// void counts a term for which the DNS had nothing.
func (c *check) void() *said {
	c.voids++
	if c.voids > maxVoids {
		return broken("the SPF record of %s names more than %d things that are not in the DNS", c.from.domain, maxVoids)
	}
	return nil
}

// include asks what another domain says (RFC 7208 §5.2).
func (c *check) include(ctx context.Context, target, domain string) (bool, *said) {
	there := c.host(ctx, target)
	switch there.result {
	case desk.ResultPass:
		return true, nil
	case desk.ResultTempError, desk.ResultPermError:
		return false, &there
	case desk.ResultNone:
		return false, broken("the SPF record of %s includes %s, which has none", domain, target)
	}
	return false, nil
}

// matchMX looks for the client among the exchangers of a domain (RFC 7208 §5.4). The whole term is void when no address comes of it: exchangers with addresses of the other kind only are no fault.
func (c *check) matchMX(ctx context.Context, d directive, target string) (bool, *said) {
	exchangers, err := c.resolver.LookupMX(ctx, target)
	switch {
	case err != nil && !lookup.NotFound(err):
		return false, unanswered(target)
	case err != nil || len(exchangers) == 0:
		return false, c.void()
	case len(exchangers) > maxMX:
		return false, broken("%s of %s leads to more than %d mail exchangers", d.text, target, maxMX)
	}
	asked, found := 0, 0
	for _, exchanger := range exchangers {
		if exchanger.Host == "" || exchanger.Host == "." {
			continue // RFC 7505
		}
		addrs, err := c.addresses(ctx, exchanger.Host)
		if err != nil && !lookup.NotFound(err) {
			return false, unanswered(exchanger.Host)
		}
		if c.among(addrs, d) {
			return true, nil
		}
		asked, found = asked+1, found+len(addrs)
	}
	if asked > 0 && found == 0 {
		return false, c.void()
	}
	return false, nil
}

// matchPTR looks for a name of the client at or below a domain (RFC 7208 §5.5). Errors mean no match.
func (c *check) matchPTR(ctx context.Context, target string) (bool, *said) {
	names := c.reverse(ctx)
	for _, name := range names {
		if isWithin(name, target) && c.leadsBack(ctx, name) {
			return true, nil
		}
	}
	if len(names) == 0 {
		return false, c.void()
	}
	return false, nil
}

// reverse asks once for the names that the reverse zone gives the client.
func (c *check) reverse(ctx context.Context) []string {
	if !c.reversed {
		c.reversed = true
		names, _ := c.resolver.LookupPTR(ctx, c.query.IP)
		c.names = names[:min(len(names), maxPTR)]
	}
	return c.names
}

// leadsBack says whether a name has the client's address: only then it is the client's (RFC 7208 §5.5).
func (c *check) leadsBack(ctx context.Context, name string) bool {
	known, ok := c.proved[name]
	if ok {
		return known
	}
	addrs, _ := c.addresses(ctx, name)
	for _, addr := range addrs {
		known = known || addr == c.query.IP
	}
	if c.proved == nil {
		c.proved = map[string]bool{}
	}
	c.proved[name] = known
	return known
}

// ownName is %{p}: a proved name of the client, best the domain itself, then one below it, then any (RFC 7208 §7.3).
func (c *check) ownName(ctx context.Context, domain string) string {
	for _, fits := range []func(name string) bool{
		func(name string) bool { return strings.EqualFold(name, domain) },
		func(name string) bool { return isWithin(name, domain) },
		func(string) bool { return true },
	} {
		for _, name := range c.reverse(ctx) {
			if fits(name) && c.leadsBack(ctx, name) {
				return name
			}
		}
	}
	return "unknown"
}

// addresses are those of a name that are of the client's kind.
func (c *check) addresses(ctx context.Context, name string) ([]netip.Addr, error) {
	if c.query.IP.Is4() {
		return c.resolver.LookupA(ctx, name)
	}
	return c.resolver.LookupAAAA(ctx, name)
}

// among says whether the client is in the network of one of these addresses.
func (c *check) among(addrs []netip.Addr, d directive) bool {
	bits := d.bits4
	if c.query.IP.Is6() {
		bits = d.bits6
	}
	for _, addr := range addrs {
		if netip.PrefixFrom(addr, bits).Contains(c.query.IP) {
			return true
		}
	}
	return false
}

// value is what a macro letter stands for (RFC 7208 §7.2).
func (c *check) value(ctx context.Context, letter byte, domain string) string {
	switch letter {
	case 's':
		return c.from.local + "@" + c.from.domain
	case 'l':
		return c.from.local
	case 'o':
		return c.from.domain
	case 'd':
		return domain
	case 'i':
		return dotted(c.query.IP)
	case 'p':
		return c.ownName(ctx, domain)
	case 'h':
		return c.query.Helo
	case 'v':
		if c.query.IP.Is4() {
			return "in-addr"
		}
		return "ip6"
	case 'c':
		return c.query.IP.String()
	case 't':
		return strconv.FormatInt(c.query.Now.Unix(), 10)
	}
	if c.query.Receiver == "" {
		return "unknown"
	}
	return c.query.Receiver
}

// dotted is %{i}: of an IPv6 address every half octet, as the reverse zone has them but the other way round.
func dotted(addr netip.Addr) string {
	if addr.Is4() {
		return addr.String()
	}
	octets := addr.As16()
	out := make([]byte, 0, 64)
	for _, octet := range octets {
		out = append(out, hexDigits[octet>>4], '.', hexDigits[octet&15], '.')
	}
	return string(out[:len(out)-1])
}

// isWithin says whether a name is a domain or below it.
func isWithin(name, domain string) bool {
	name, domain = strings.ToLower(name), strings.ToLower(domain)
	return name == domain || strings.HasSuffix(name, "."+domain)
}

// explain fetches what a domain wants to tell those whom it refuses (RFC 7208 §6.2): nothing when it is not exactly one text of printable ASCII. It counts for no limit but that of time.
func (c *check) explain(ctx context.Context, s said) string {
	if s.explain == nil {
		return ""
	}
	name, ok := c.name(ctx, s.explain, s.domain)
	if !ok {
		return ""
	}
	texts, err := c.resolver.LookupTXT(ctx, name)
	if err != nil || len(texts) != 1 || len(texts[0]) > maxRecord || printable(texts[0], maxRecord) != texts[0] {
		return ""
	}
	words, err := parseTemplate(texts[0], lettersOfText)
	if err != nil {
		return ""
	}
	told, ok := words.expand(func(letter byte) string { return c.value(ctx, letter, s.domain) })
	if !ok || printable(told, len(told)) != told {
		return "" // a sender's name in other letters, for one
	}
	return told[:min(len(told), maxTold)]
}

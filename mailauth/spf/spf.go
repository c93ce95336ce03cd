// Package spf says whether a domain permits a client to send in its name: the check_host() function of RFC 7208, for the HELO name and for the sender of a mail.
//
// It reads the whole record before it follows any of it, and asks no more than the RFC allows: 10 terms that need the DNS, 2 of them in vain, 10 exchangers or reverse names for one term,
// 20 seconds for everything. It never refuses a mail, and it does not know what a verdict is used for.
package spf

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/net/idna"

	"postern/desk"
	"postern/mailauth/lookup"
)

const (
	maxTime   = 20 * time.Second // RFC 7208 §4.6.4: at least that, if there is a limit at all
	maxReason = 300              // octets of a reason: most of it is a stranger's
	maxTold   = 500              // octets of a domain's own explanation
	maxInput  = 1000             // octets of a HELO name or a sender; SMTP allows half of it (RFC 5321 §4.5.3.1)
	postbox   = "postmaster"     // who sends where no local part is given (RFC 7208 §4.3)
)

// Query is what is known of a client before it sends a mail.
type Query struct {
	IP       netip.Addr // the client's; an IPv4 address in IPv6 clothes counts as IPv4 (RFC 7208 §5)
	Helo     string     // as given, also when it is an address literal or nonsense
	MailFrom string     // without angle brackets and unquoted; empty for the null sender
	Receiver string     // our own host name, for %{r}; empty becomes "unknown"
	Now      time.Time  // for %{t}
}

// Check judges both identities, at the same time. For the null sender they are one (RFC 7208 §2.4) and judged once.
func Check(ctx context.Context, r lookup.Resolver, q Query) (helo, mailFrom desk.Method) {
	if q.MailFrom == "" {
		helo = CheckHelo(ctx, r, q)
		mailFrom = helo
		mailFrom.Identity = identity(postbox, q.Helo, helo.Domain)
		return helo, mailFrom
	}
	done := make(chan desk.Method, 1)
	go func() { done <- CheckHelo(ctx, r, q) }()
	mailFrom = CheckMailFrom(ctx, r, q)
	return <-done, mailFrom
}

// CheckHelo judges the HELO name (RFC 7208 §2.3). Domain is the name in A-labels, empty when it is none; Identity is what the client said. The result is 'none' for a name that is no full domain name.
func CheckHelo(ctx context.Context, r lookup.Resolver, q Query) desk.Method {
	domain, ok := fullName(q.Helo)
	m := desk.Method{Result: desk.ResultNone, Domain: domain, Identity: identity("", q.Helo, domain)}
	if !ok {
		m.Reason = printable(fmt.Sprintf("the HELO name %q is no full domain name", q.Helo), maxReason)
		return m
	}
	return judge(ctx, r, q, sender{postbox, domain}, m)
}

// CheckMailFrom judges the sender of the envelope (RFC 7208 §2.4), or postmaster at the HELO name where there is none. Identity is the address.
func CheckMailFrom(ctx context.Context, r lookup.Resolver, q Query) desk.Method {
	local, given := postbox, q.Helo
	if q.MailFrom != "" {
		given = q.MailFrom
		if at := strings.LastIndexByte(q.MailFrom, '@'); at >= 0 {
			given = q.MailFrom[at+1:]
			if at > 0 {
				local = q.MailFrom[:at]
			}
		}
	}
	domain, ok := fullName(given)
	ok = ok && len(local) <= maxInput
	m := desk.Method{Result: desk.ResultNone, Domain: domain, Identity: identity(local, given, domain)}
	if !ok {
		m.Reason = printable(fmt.Sprintf("the sender's domain %q is no full domain name", given), maxReason)
		return m
	}
	return judge(ctx, r, q, sender{local, domain}, m)
}

// sender is an address that is judged.
type sender struct{ local, domain string }

// judge fills in what the sender's domain says of the client.
func judge(ctx context.Context, r lookup.Resolver, q Query, from sender, m desk.Method) desk.Method {
	if !q.IP.IsValid() {
		m.Reason = "the address of the client is not known"
		return m
	}
	ctx, cancel := context.WithTimeout(ctx, maxTime)
	defer cancel()
	c := check{resolver: r, query: q, from: from}
	c.query.IP = q.IP.Unmap().WithZone("")
	c.query.Helo = q.Helo[:min(len(q.Helo), maxInput)]
	said := c.host(ctx, from.domain)
	m.Result, m.Reason = said.result, printable(said.reason, maxReason)
	if said.result == desk.ResultFail {
		m.Told = c.explain(ctx, said)
	}
	return m
}

// fullName brings a domain into the form in which it is judged: A-labels, lower case, no final dot. It returns false for what RFC 7208 §4.3 calls malformed: one label, a label
// that is empty or too long, an address; and for names with characters that no mail domain has.
func fullName(name string) (string, bool) {
	if len(name) > maxInput {
		return "", false
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if strings.IndexFunc(name, func(r rune) bool { return r >= 0x80 }) >= 0 {
		ascii, err := idna.Lookup.ToASCII(name)
		if err != nil {
			return "", false
		}
		name = ascii
	}
	if _, err := netip.ParseAddr(name); err == nil || !queryable(name) || !strings.Contains(name, ".") {
		return "", false
	}
	if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != "" {
		return "", false
	}
	return name, true
}

// queryable says whether a name can be asked for: no label empty or longer than 63 octets, 253 in all (RFC 1035 §2.3.4).
func queryable(name string) bool {
	if len(name) > maxName {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 {
			return false
		}
	}
	return true
}

// identity is how the checked address or name is shown: in lower case, with its domain in A-labels where it has one.
func identity(local, given, domain string) string {
	if domain == "" {
		domain = given[:min(len(given), maxInput)]
	}
	if local == "" {
		return printable(strings.ToLower(domain), maxInput)
	}
	return printable(strings.ToLower(local[:min(len(local), maxInput)]+"@"+domain), maxInput)
}

// printable makes ASCII of what strangers wrote: every other character becomes a question mark.
func printable(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
	return s[:min(len(s), limit)]
}

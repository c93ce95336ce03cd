package compare

import (
	"fmt"
	mathrand "math/rand/v2"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"postern/domains"
	"postern/internal/testkit"
	"postern/mailauth/spf"
)

// senderJob is a line for judge.py, and senderAnswer what pyspf says.
type senderJob struct {
	SPF envelope `json:"spf"`
}

type senderAnswer struct{ Result, Why string }

// pool is what made-up records point to: addresses, exchangers, names for addresses, and names for which there is nothing.
const hosts = 16

func pool() string {
	var zone strings.Builder
	for i := range hosts {
		fmt.Fprintf(&zone, "host%d.pool.example. A 192.0.2.%d\nhost%d.pool.example. AAAA 2001:db8::%x\n", i, i, i, i)
		fmt.Fprintf(&zone, "mx%d.pool.example. A 192.0.2.%d\n", i, i)
		for n := range i {
			fmt.Fprintf(&zone, "mx%d.pool.example. MX %d host%d.pool.example.\n", i, n, (i+n)%hosts)
		}
		fmt.Fprintf(&zone, "%d.2.0.192.in-addr.lists.example. A 127.0.0.2\nanna.%d.lists.example. A 127.0.0.2\n", i, i)
		if i%4 == 0 {
			continue // without a name
		}
		for n := range 1 + i%3*5 {
			fmt.Fprintf(&zone, "%d.2.0.192.in-addr.arpa. PTR host%d.pool.example.\n", i, (i+n*7)%hosts)
		}
		fmt.Fprintf(&zone, "%s%x.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa. PTR host%d.pool.example.\n", "", i, i)
	}
	zone.WriteString("text.pool.example. TXT \"no SPF\"\nalias.pool.example. CNAME host3.pool.example.\nlost.pool.example. CNAME nothing.pool.example.\n")
	zone.WriteString("nullmx.pool.example. MX 0 .\nvoidmx.pool.example. MX 5 nothing.pool.example.\nvoidmx.pool.example. MX 6 gone.pool.example.\n")
	zone.WriteString("failmx.pool.example. MX 5 failing.pool.example.\nwhy.pool.example. TXT \"%{i} may not send for %{d}\"\n")
	return zone.String()
}

// sendingDomain is the name of the i-th domain that publishes a record.
func sendingDomain(i int) string { return fmt.Sprintf("d%d.gen.example", i) }

// policyOf makes up a record for the i-th domain of n.
func policyOf(r *mathrand.Rand, i, n int) string {
	other := func() string {
		if r.IntN(12) == 0 {
			return sendingDomain(r.IntN(n + n/20)) // itself, a loop, or one that is not there
		}
		return sendingDomain(r.IntN(i + 1))
	}
	target := func() string {
		return some(r, fmt.Sprintf("host%d.pool.example", r.IntN(hosts)), fmt.Sprintf("mx%d.pool.example", r.IntN(hosts)), "alias.pool.example", "text.pool.example", "nothing.pool.example",
			"gone.pool.example", "lost.pool.example", "nullmx.pool.example", "voidmx.pool.example", "%{d}", "host%{i}.pool.example", "%{l}.pool.example", other(), "HOST1.Pool.Example.", "failmx.pool.example")
	}
	length := func() string { return some(r, "", "", "", "/24", "/28", "//64", "/30//120", "/0") }
	terms := []string{some(r, "v=spf1", "v=spf1", "v=spf1", "v=spf1", "V=SPF1")}
	for range 1 + r.IntN(5) {
		term := ""
		switch r.IntN(16) {
		case 0, 1:
			term = fmt.Sprintf("ip4:192.0.2.%d%s", r.IntN(hosts+4), some(r, "", "", "/28", "/31", "/32"))
		case 2:
			term = fmt.Sprintf("ip6:2001:db8::%x%s", r.IntN(hosts+4), some(r, "", "", "/124", "/128"))
		case 3, 4:
			term = some(r, "a", "A") + some(r, "", ":"+target(), ":"+target()) + length()
		case 5, 6:
			term = "mx" + some(r, "", ":"+target(), ":"+target()) + length()
		case 7:
			term = "ptr" + some(r, "", ":pool.example", ":"+target())
		case 8, 9, 10:
			term = "include:" + other()
		case 11, 12:
			term = "exists:" + some(r, "%{i}.%{v}.lists.example", "%{ir}.%{v}.lists.example", "%{l}.%{i4r}.lists.example", "%{l1r-}.%{i1r}.lists.example", "%{d2}.lists.example", "%{h}.lists.example", "%{p}.lists.example",
				"%{S}.lists.example", "%{o}", "%{L-}.%%.%_.%-.lists.example", "%{d3r}.lists.example")
		case 13:
			term = some(r, "", "x-unknown=%{d}", "exp=why.pool.example", "exists:failing.pool.example", "a:failing.pool.example", "redirect="+other(), "moo=")
		case 14:
			term = some(r, "a:nothing.pool.example", "mx:gone.pool.example", "include:text.pool.example", "ip4:192.0.2.0/24", "all", "ptr:nothing.pool.example")
		case 15:
			term = some(r, "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "foo", "ip4:192.0.2", "ip4:192.0.2.1/33", "a:", "include", "all:x", "a/33", "ip6:::1/129", "exists:%{z}.x", "mx:bad%", "a:1.2.3.4", "redirect=%{q}", "a:host1.pool.example/024", "b=%%%", "all.", "-", "ip4:192.0.2.01", "exists:%{ir1}.lists.example")
		}
		if term != "" && !strings.Contains(term, "=") {
			term = some(r, "", "", "", "+", "-", "~", "?") + term
		}
		terms = append(terms, term)
	}
	terms = append(terms, some(r, "-all", "-all", "~all", "?all", "all", "", "redirect="+other(), "redirect="+target()))
	return strings.Join(terms, " ")
}

// T-AUTH: of thousands of senders with made-up records, pyspf says what we say, but for explained differences.
func TestCompareSPF(t *testing.T) {
	t.Parallel()
	s := compareScale()
	sum := newTally(t, s, senderDifferences)
	r := mathrand.New(mathrand.NewPCG(7208, 4408))
	var zone strings.Builder
	zone.WriteString(pool())
	records := make([]string, s.records)
	for i := range records {
		records[i] = policyOf(r, i, s.records)
		fmt.Fprintf(&zone, "%s. TXT %s\n%s. A 192.0.2.%d\n", sendingDomain(i), quoted(records[i]), sendingDomain(i), i%hosts)
		if r.IntN(40) == 0 {
			fmt.Fprintf(&zone, "%s. TXT %s\n", sendingDomain(i), some(r, `"v=spf1 -all"`, `"v=spf10 all"`, `"something else"`))
		}
		if r.IntN(4) == 0 {
			fmt.Fprintf(&zone, "%s. MX 10 host%d.pool.example.\n", sendingDomain(i), i%hosts)
		}
	}
	server := testkit.DNS(t, zone.String())
	server.Fail("failing.pool.example")
	var jobs []senderJob
	for i := range s.records * s.clients {
		one := envelope{IP: fmt.Sprintf("192.0.2.%d", r.IntN(hosts+4)), Helo: some(r, "mail.helo.example", "host1.pool.example"), Sender: some(r, "anna", "anna", "a.b-c", "x+y=z", "strong-bad") + "@" + sendingDomain(i%s.records)}
		if r.IntN(4) == 0 {
			one.IP = fmt.Sprintf("2001:db8::%x", r.IntN(hosts+4))
		}
		if r.IntN(20) == 0 {
			one.Sender, one.Helo = "", sendingDomain(i%s.records)
		}
		jobs = append(jobs, senderJob{one})
	}
	resolver := domains.NewResolver([]string{server.Addr}, 5*time.Second)
	for i, theirs := range judged[senderJob, senderAnswer](t, server.Addr, jobs) {
		e := jobs[i].SPF
		_, ours := spf.Check(t.Context(), resolver, spf.Query{IP: netip.MustParseAddr(e.IP), Helo: e.Helo, MailFrom: e.Sender, Receiver: "mx.example.org", Now: time.Now()})
		sum.add(comparison{who: pyspf, ours: string(ours.Result), theirs: theirs.Result, reason: ours.Reason, said: theirs.Why, question: fmt.Sprintf("%+v: %s", e, chain(records, i%s.records, map[int]bool{}))})
	}
	t.Logf("%d senders of %d domains", len(jobs), s.records)
	sum.close()
}

var mentioned = regexp.MustCompile(`d(\d+)\.gen\.example`)

// chain is a record and those that it leads to.
func chain(records []string, at int, seen map[int]bool) string {
	if at >= len(records) || seen[at] {
		return ""
	}
	seen[at] = true
	text := fmt.Sprintf("%s: %s\n", sendingDomain(at), records[at])
	for _, other := range mentioned.FindAllStringSubmatch(records[at], -1) {
		next, _ := strconv.Atoi(other[1])
		text += chain(records, next, seen)
	}
	return text
}

// senderDifferences are all between us and pyspf.
var senderDifferences = []difference{
	{"void lookups", []string{pyspf}, "RFC 7208 §4.6.4 counts terms for which the DNS has nothing; pyspf counts questions, of which one `mx` asks several, and that of `%{p}` and `ptr`.", said("permerror", "Void lookup limit")},
	{"redirect= that is not followed", []string{pyspf}, "A term counts when it is evaluated (RFC 7208 §4.6.4). pyspf counts `redirect=` in every record, also where a mechanism matches before it.", said("permerror", "Too many DNS lookups")},
	{"unknown modifiers twice", []string{pyspf}, "Only redirect= and exp= may stand once (RFC 7208 §6). pyspf refuses two of any other as well.", said("permerror", "= MUST appear at most once")},
	{"records that include themselves", []string{pyspf}, "An error only once it is evaluated, and then by the count of lookups. pyspf refuses it at sight, also where an earlier mechanism matched.", said("permerror", "trivial recursion")},
	{"macros out of order", []string{pyspf}, "`%{ir1}` is a syntax error: the digits stand before the `r` (RFC 7208 §7.1). pyspf reads it.", func(c comparison) bool {
		return c.ours == "permerror" && strings.Contains(c.reason, "%{ir1}")
	}},
}

// said is a difference in which the other gives a result, and this reason.
func said(result, reason string) func(comparison) bool {
	return func(c comparison) bool { return c.theirs == result && strings.Contains(c.said, reason) }
}

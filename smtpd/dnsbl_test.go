package smtpd

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/domains"
	"postern/internal/testkit"
)

// The zone as a list of addresses publishes it (RFC 5782 §2.1, §2.4, §5).
const listZone = `
2.0.0.127.bl.example.         A 127.0.0.2
7.100.51.198.bl.example.      A 127.0.0.4
7.100.51.198.half.example.    A 127.0.0.2
8.100.51.198.half.example.    A 127.0.0.2
8.100.51.198.other.example.   A 127.0.0.2
9.100.51.198.half.example.    A 127.0.0.2
10.100.51.198.bl.example.     A 127.255.255.254
11.100.51.198.bl.example.     A 203.0.113.80
12.100.51.198.bl.example.     A 127.0.0.1
13.100.51.198.0123456789abcdefghijklmnop.key.example. A 127.0.0.2
1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.bl.example. A 127.0.0.2
bl.example.                   TXT "a list"
`

func lists(t *testing.T, change func(*Config)) (*testServer, *recorder, *testkit.DNSServer) {
	server := testkit.DNS(t, listZone)
	ts, metrics := measured(t, func(c *Config) {
		c.ProxyFrom = local()
		c.Blocklists = Blocklists{
			Resolver: domains.NewResolver([]string{server.Addr}, time.Second),
			Zones:    []Zone{{"bl.example", 1}, {"half.example", 0.5}, {"other.example", 0.5}, {"0123456789abcdefghijklmnop.key.example", 1}},
		}
		if change != nil {
			change(c)
		}
	})
	return ts, metrics, server
}

// T-DNSBL (security.md row 12): the lists that name a client stand in the envelope of its mails.
func TestBlocklists(t *testing.T) {
	t.Parallel()
	ts, metrics, _ := lists(t, nil)
	for ip, want := range map[string][]string{
		"198.51.100.6":    nil,
		"198.51.100.7":    {"bl.example", "half.example"},
		"198.51.100.8":    {"half.example", "other.example"},
		"198.51.100.9":    nil, // half a word
		"198.51.100.10":   nil, // the list refuses the resolver
		"198.51.100.11":   nil, // an advertisement
		"198.51.100.12":   nil,
		"198.51.100.13":   {"key.example"}, // the key of a subscription is not shown
		"2001:db8:1:2::1": {"bl.example"},
		"10.1.2.3":        nil, // not public: not asked about
	} {
		c := ts.proxied(ip)
		c.want("220 ")
		c.send("EHLO client.example.net\r\n")
		c.want("250 ")
		c.mail()
		c.mail()
		mails := ts.shelf.got()
		for _, mail := range mails[len(mails)-2:] {
			if got := mail.env.Listed; !slices.Equal(got, want) || mail.env.RemoteIP != netip.MustParseAddr(ip) {
				t.Errorf("%s is listed by %q, want %q", ip, got, want)
			}
		}
	}
	metrics.mu.Lock()
	defer metrics.mu.Unlock()
	if metrics.listed["bl.example listed"] != 2 || metrics.listed["bl.example error"] != 3 || metrics.listed["bl.example not-listed"] != 4 || metrics.listed["key.example listed"] != 1 {
		t.Errorf("metrics %v", metrics.listed)
	}
}

// A listed client is refused its recipients where the operator wants it, but for postmaster; the mail of others is taken.
func TestBlocklistsReject(t *testing.T) {
	t.Parallel()
	ts, _, server := lists(t, func(c *Config) { c.Blocklists.Reject = true })
	c := ts.proxied("198.51.100.7")
	c.send("EHLO x\r\nMAIL FROM:<a@example.net>\r\nRCPT TO:<support@example.com>\r\nRCPT TO:<no-one@example.com>\r\nRCPT TO:<Postmaster@example.com>\r\nRCPT TO:<postmaster>\r\n")
	for _, want := range []string{"220 ", "250 ", "250 ", "550 5.7.1 your address [198.51.100.7] is listed by bl.example, half.example", "550 5.1.1 ", "250 ", "250 "} {
		c.want(want)
	}
	other := ts.proxied("198.51.100.6")
	other.send("EHLO x\r\nMAIL FROM:<a@example.net>\r\nRCPT TO:<support@example.com>\r\n")
	for _, want := range []string{"220 ", "250 ", "250 ", "250 "} {
		other.want(want)
	}
	if n := server.Asked("7.100.51.198.bl.example"); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// T-DNSBL: lists that do not answer, or answer with an error, hold no mail back; one that does answer still counts.
func TestBlocklistsThatAreSilent(t *testing.T) {
	t.Parallel()
	ts, metrics, server := lists(t, nil)
	ts.pace.lists = 300 * time.Millisecond
	server.Mute("8.100.51.198.bl.example") // the first that is waited for
	server.Fail("8.100.51.198.half.example")
	ts.cfg.Blocklists.Zones[2].Weight = 1
	c := ts.proxied("198.51.100.8")
	c.want("220 ")
	c.send("EHLO x\r\n")
	c.want("250 ")
	began := time.Now()
	c.mail()
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("the mail took %s", took)
	}
	if got := ts.shelf.got()[0].env.Listed; !slices.Equal(got, []string{"other.example"}) {
		t.Errorf("listed by %q", got)
	}
	dead := ts.proxied("198.51.100.14")
	server.Mute("14.100.51.198.bl.example")
	dead.want("220 ")
	dead.send("EHLO x\r\n")
	dead.want("250 ")
	dead.mail()
	metrics.mu.Lock()
	defer metrics.mu.Unlock()
	if metrics.listed["half.example error"] != 1 || metrics.listed["other.example listed"] != 1 || metrics.listed["bl.example error"] != 2 {
		t.Errorf("metrics %v", metrics.listed)
	}
}

func TestReversed(t *testing.T) {
	t.Parallel()
	for ip, want := range map[string]string{
		"192.0.2.99":      "99.2.0.192",
		"2001:db8:1:2::1": "1." + strings.Repeat("0.", 15) + "2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2",
	} {
		if got := reversed(netip.MustParseAddr(ip)); got != want {
			t.Errorf("%s: %s, want %s", ip, got, want)
		}
	}
}

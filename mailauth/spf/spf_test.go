package spf

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"postern/mailauth/lookup"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for record, want := range map[string]string{
		"v=spf1":                               "",
		"V=SPF1  A  MX:b.example/24//64 -ALL ": "",
		"v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 ip6:::ffff:1.2.3.4 ?ptr:a.example ~exists:%{i}.%{d2}": "",
		"v=spf1 redirect=%{d} exp=%{o}.x.example other=anything:/%{c} v=spf1":                            "",
		"v=spf1 a:%{l1r-+.,/_=}.example.com/24":                                                          "",
		"v=spf1 a:%%.%_%-":                                                                               "",
		"v=spf1 include:%{d9999999999999999999r}":                                                        "",
		"v=spf10":                              "does not begin",
		"v=spf1 " + strings.Repeat("a ", 5000): "longer than",
		"v=spf1 -all moo":                      "unknown mechanism",
		"v=spf1 \ta":                           "no record may have",
		"v=spf1 a:ex\xe4mple.com":              "no record may have",
		"v=spf1 --all":                         "unknown mechanism",
		"v=spf1 -":                             "unknown mechanism",
		"v=spf1 =":                             "unknown mechanism",
		"v=spf1 all:a.example":                 "nothing may follow",
		"v=spf1 include":                       "a domain is missing",
		"v=spf1 exists:":                       "empty domain",
		"v=spf1 include:a.example/24":          "not a full domain",
		"v=spf1 ptr/24":                        "something other than a domain",
		"v=spf1 a/33":                          "between 0 and 32",
		"v=spf1 a//129":                        "between 0 and 128",
		"v=spf1 a/024":                         "between 0 and 32",
		"v=spf1 a///64":                        "something other than a domain",
		"v=spf1 a/99999999999999999999":        "between 0 and 32",
		"v=spf1 ip4:1.2.3.4/":                  "between 0 and 32",
		"v=spf1 ip4:1.2.3.4/24/24":             "between 0 and 32",
		"v=spf1 ip4:01.2.3.4":                  "not an address",
		"v=spf1 ip4:::1":                       "not an address",
		"v=spf1 ip6:1.2.3.4":                   "not an address",
		"v=spf1 ip6:fe80::1%eth0":              "not an address",
		"v=spf1 ip4":                           "an address is missing",
		"v=spf1 a:localhost":                   "not a full domain",
		"v=spf1 a:a.123":                       "not a full domain",
		"v=spf1 a:a.b-":                        "not a full domain",
		"v=spf1 a:%{d}x":                       "not a full domain",
		"v=spf1 a:%{d}.":                       "not a full domain",
		"v=spf1 a:%":                           "lone percent",
		"v=spf1 a:%x.example":                  "begins no macro",
		"v=spf1 a:%{d.example":                 "without an end",
		"v=spf1 a:%{}.example":                 "no macro",
		"v=spf1 a:%{c}.example":                "no macro",
		"v=spf1 a:%{d0}.example":               "keeps no part",
		"v=spf1 a:%{d2x}.example":              "with",
		"v=spf1 redirect=a.example redirect=b.example": "given twice",
		"v=spf1 exp=a.example EXP=a.example":           "given twice",
		"v=spf1 redirect=":                             "empty domain",
		"v=spf1 other=%{x}":                            "no macro",
	} {
		_, err := Parse(record)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%.80q: %v, want %q", record, err, want)
		}
	}
}

// The examples of RFC 7208 §7.4, in which %{ir} has small letters; to the DNS they are the same.
func TestMacrosOfTheRFC(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ ip, macros, want string }{
		{"192.0.2.3", "%{s}", "strong-bad@email.example.com"},
		{"192.0.2.3", "%{o}", "email.example.com"},
		{"192.0.2.3", "%{d}", "email.example.com"},
		{"192.0.2.3", "%{d4}", "email.example.com"},
		{"192.0.2.3", "%{d3}", "email.example.com"},
		{"192.0.2.3", "%{d2}", "example.com"},
		{"192.0.2.3", "%{d1}", "com"},
		{"192.0.2.3", "%{dr}", "com.example.email"},
		{"192.0.2.3", "%{d2r}", "example.email"},
		{"192.0.2.3", "%{l}", "strong-bad"},
		{"192.0.2.3", "%{l-}", "strong.bad"},
		{"192.0.2.3", "%{lr}", "strong-bad"},
		{"192.0.2.3", "%{lr-}", "bad.strong"},
		{"192.0.2.3", "%{l1r-}", "strong"},
		{"192.0.2.3", "%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"},
		{"192.0.2.3", "%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"},
		{"192.0.2.3", "%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"},
		{"192.0.2.3", "%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "3.2.0.192.in-addr.strong.lp._spf.example.com"},
		{"192.0.2.3", "%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"},
		{"2001:db8::cb01", "%{ir}.%{v}._spf.%{d2}", "1.0.B.C.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.B.D.0.1.0.0.2.ip6._spf.example.com"},
		{"2001:db8::cb01", "%{c} %{t} %{r} %{h}", "2001:db8::cb01 1767225600 unknown mx.example.org"},
		{"192.0.2.3", "%{S}%%%_%-", "strong-bad%40email.example.com% %20"},
		{"192.0.2.3", "%{L1R-}", "strong"},
		{"192.0.2.3", "%{l.}|%{d.-}", "strong-bad|email.example.com"},
	} {
		words, err := parseTemplate(c.macros, lettersOfText)
		if err != nil {
			t.Fatalf("%s: %v", c.macros, err)
		}
		run := check{query: Query{IP: netip.MustParseAddr(c.ip), Helo: "mx.example.org", Now: time.Unix(1767225600, 0)}, from: sender{"strong-bad", "email.example.com"}}
		got, ok := words.expand(func(letter byte) string { return run.value(t.Context(), letter, "email.example.com") })
		if !ok || got != c.want {
			t.Errorf("%s: %q, want %q", c.macros, got, c.want)
		}
	}
}

func TestWhatIsNoFullDomainName(t *testing.T) {
	t.Parallel()
	label := strings.Repeat("a", 63)
	for name, want := range map[string]string{
		"Example.COM.": "example.com", "_x.a-b.example": "_x.a-b.example", "bücher.example": "xn--bcher-kva.example", label + ".example": label + ".example",
		"": "", ".": "", "localhost": "", "a..b": "", ".a.b": "", "a.b..": "", "[192.0.2.1]": "", "192.0.2.1": "", "::1": "", "::ffff:192.0.2.1": "", label + "a.example": "",
		strings.Repeat(label+".", 4) + "example": "", "a b.example": "", "a.example\r\n": "", "a%b.example": "", "\xff.example": "", strings.Repeat("a.", 5000): "",
	} {
		if got, ok := fullName(name); got != want || ok != (want != "") {
			t.Errorf("%.40q: %q, %v; want %q", name, got, ok, want)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	zone := zoneOfFuzz{"example.com": {"v=spf1 ip4:192.0.2.0/24 include:a.example.com include:b.example.com -all"}, "a.example.com": {"v=spf1 ip4:198.51.100.0/24 ~all"}, "b.example.com": {"v=spf1 a mx ip6:2001:db8::/32 ~all"}}
	var _ lookup.Resolver = zone
	q := Query{IP: netip.MustParseAddr("203.0.113.1"), Helo: "mail.example.com", MailFrom: "me@example.com"}
	b.ReportAllocs()
	for b.Loop() {
		CheckMailFrom(b.Context(), zone, q)
	}
}

package spf

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"postern/desk"
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

const desks = `
pass.example.    TXT "v=spf1 ip4:192.0.2.0/24 -all"
fail.example.    TXT "v=spf1 include:pass.example -all exp=why.fail.example"
why.fail.example. TXT "%{i} is none of %{o}'s, %{l}"
long.example.    TXT "v=spf1 -all exp=why.long.example"
why.long.example. TXT "%{s}%{s}%{s}%{s}%{s}%{s}%{s}%{s}%{s}%{s}%{s}%{s}%{s}%{s}%{s}%{s}%{s}%{s}%{s}%{s}%{s}%{s}%{s}%{s}%{s}%{s}%{s}%{s}%{s}%{s}%{s}%{s}%{s}%{s}%{s}%{s}%{s}%{s}%{s}%{s}"
soft.example.    TXT "v=spf1 redirect=all.soft.example"
all.soft.example. TXT "v=spf1 ~all"
none.example.    TXT "something else"
two.example.     TXT "v=spf1 -all"
two.example.     TXT "v=spf1 +all"
bad.example.     TXT "v=spf1 ip4:1.2.3.4.5 -all"
macro.example.   TXT "v=spf1 include:%{l}.example -all"
nowhere.example. TXT "v=spf1 redirect=%{l}.example"
named.example.   TXT "v=spf1 exists:%{p}.known.example -all"
h.named.example.known.example. A 127.0.0.2
9.2.0.192.in-addr.arpa. PTR other.example.
9.2.0.192.in-addr.arpa. PTR h.named.example.
h.named.example. A 192.0.2.9
other.example.   A 192.0.2.9
xn--bcher-kva.example. TXT "v=spf1 -all"
`

func TestCheck(t *testing.T) {
	t.Parallel()
	r := asked(t, desks, nil, []string{"broken.example"})
	for _, c := range []struct {
		name, ip, helo, from string
		result               desk.Result
		domain, identity     string
		reason, told         string
	}{
		{"a mechanism", "192.0.2.1", "h.example", "Me@Pass.Example", "pass", "pass.example", "me@pass.example", "matched ip4:192.0.2.0/24 of pass.example", ""},
		{"all", "198.51.100.1", "h.example", "me@fail.example", "fail", "fail.example", "me@fail.example", "matched -all of fail.example", "198.51.100.1 is none of fail.example's, me"},
		{"IPv4 in IPv6 clothes", "::ffff:192.0.2.1", "h.example", "me@fail.example", "pass", "fail.example", "me@fail.example", "matched include:pass.example of fail.example", ""},
		{"a redirect", "192.0.2.1", "h.example", "me@soft.example", "softfail", "soft.example", "me@soft.example", "matched ~all of all.soft.example", ""},
		{"no record", "192.0.2.1", "h.example", "me@none.example", "none", "none.example", "me@none.example", "none.example publishes no SPF record", ""},
		{"two records", "192.0.2.1", "h.example", "me@two.example", "permerror", "two.example", "me@two.example", "two.example publishes 2 SPF records; only one is allowed", ""},
		{"a broken record", "192.0.2.1", "h.example", "me@bad.example", "permerror", "bad.example", "me@bad.example", `the SPF record of bad.example is broken: "ip4:1.2.3.4.5": not an address of this kind`, ""},
		{"a broken server", "192.0.2.1", "h.example", "me@broken.example", "temperror", "broken.example", "me@broken.example", "the DNS gave no answer about broken.example", ""},
		{"an include of nonsense", "192.0.2.1", "h.example", "a..b@macro.example", "permerror", "macro.example", "a..b@macro.example", `include:%{l}.example of macro.example leads to "a..b.example", which is no domain`, ""},
		{"a redirect to nothing", "192.0.2.1", "h.example", "no@nowhere.example", "permerror", "nowhere.example", "no@nowhere.example", "the SPF record of nowhere.example redirects to no.example, which has none", ""},
		{"a redirect to nonsense", "192.0.2.1", "h.example", "a..b@nowhere.example", "permerror", "nowhere.example", "a..b@nowhere.example", `the SPF record of nowhere.example redirects to "a..b.example", which is no domain`, ""},
		{"the last at sign counts", "192.0.2.1", "h.example", "a@fail.example@pass.example", "pass", "pass.example", "a@fail.example@pass.example", "matched ip4:192.0.2.0/24 of pass.example", ""},
		{"the best name of the client", "192.0.2.9", "h.example", "me@named.example", "pass", "named.example", "me@named.example", "matched exists:%{p}.known.example of named.example", ""},
		{"other letters in the domain", "192.0.2.1", "h.example", "me@bücher.example", "fail", "xn--bcher-kva.example", "me@xn--bcher-kva.example", "matched -all of xn--bcher-kva.example", ""},
		{"other letters in the local part", "198.51.100.1", "h.example", "mé@fail.example", "fail", "fail.example", "m?@fail.example", "matched -all of fail.example", ""},
		{"no domain", "192.0.2.1", "h.example", "me@[192.0.2.1]", "none", "", "me@[192.0.2.1]", `the sender's domain "[192.0.2.1]" is no full domain name`, ""},
		{"the null sender", "192.0.2.1", "PASS.example", "", "pass", "pass.example", "postmaster@pass.example", "matched ip4:192.0.2.0/24 of pass.example", ""},
		{"the null sender of nobody", "192.0.2.1", "OEMCOMPUTER", "", "none", "", "postmaster@oemcomputer", `the HELO name "OEMCOMPUTER" is no full domain name`, ""},
		{"no local part", "198.51.100.1", "h.example", "@fail.example", "fail", "fail.example", "postmaster@fail.example", "matched -all of fail.example", "198.51.100.1 is none of fail.example's, postmaster"},
		{"no address of the client", "", "h.example", "me@fail.example", "none", "fail.example", "me@fail.example", "the address of the client is not known", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ip, _ := netip.ParseAddr(c.ip)
			_, got := Check(t.Context(), r, Query{IP: ip, Helo: c.helo, MailFrom: c.from})
			want := desk.Method{Result: c.result, Domain: c.domain, Identity: c.identity, Reason: c.reason, Told: c.told}
			if got != want {
				t.Errorf("\n%+v, want\n%+v", got, want)
			}
		})
	}
}

func TestHeloIsJudgedOnItsOwn(t *testing.T) {
	t.Parallel()
	r := asked(t, desks, nil, nil)
	helo, from := Check(t.Context(), r, Query{IP: netip.MustParseAddr("192.0.2.1"), Helo: "Pass.Example.", MailFrom: "me@two.example"})
	if helo.Result != desk.ResultPass || helo.Domain != "pass.example" || helo.Identity != "pass.example" || from.Result != desk.ResultPermError {
		t.Errorf("%+v\n%+v", helo, from)
	}
	for _, name := range []string{"[192.0.2.1]", "localhost", "192.0.2.1", "a\r\nb.example", ""} {
		got := CheckHelo(t.Context(), r, Query{IP: netip.MustParseAddr("192.0.2.1"), Helo: name})
		if got.Result != desk.ResultNone || got.Domain != "" || strings.ContainsAny(got.Reason+got.Identity, "\r\n") {
			t.Errorf("%q: %+v", name, got)
		}
	}
}

func TestWhatADomainTellsIsBounded(t *testing.T) {
	t.Parallel()
	r := asked(t, desks, nil, nil)
	got := CheckMailFrom(t.Context(), r, Query{IP: netip.MustParseAddr("192.0.2.1"), Helo: "h.example", MailFrom: "postmaster@long.example"})
	if got.Result != desk.ResultFail || len(got.Told) != maxTold {
		t.Errorf("%d octets: %+v", len(got.Told), got)
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	var zone strings.Builder
	include := func(n int) (terms string) {
		for i := range n {
			terms += fmt.Sprintf("include:i%d.example ", i)
		}
		return terms
	}
	add := func(format string, about ...any) { fmt.Fprintf(&zone, format+"\n", about...) }
	for i := range 11 {
		add(`i%d.example. TXT "v=spf1 ?all"`, i)
		add(`x.example. MX %d x%d.example.`, i, i)
		if i > 0 {
			add(`y.example. MX %d y%d.example.`, i, i)
		}
		add(`44.2.0.192.in-addr.arpa. PTR p%d.ptr.example.`, i)
		add(`p%d.ptr.example. A 192.0.2.%d`, i, i)
	}
	add(`ten.example. TXT "v=spf1 %s all"`, include(10))
	add(`eleven.example. TXT "v=spf1 %s all"`, include(11))
	add(`redirected.example. TXT "v=spf1 %s redirect=i1.example"`, include(10))
	add(`loop.example. TXT "v=spf1 include:loop.example all"`)
	add(`mxs.example. TXT "v=spf1 %s all"`, strings.Repeat("mx:m.example ", 10))
	add(`mxs11.example. TXT "v=spf1 %s all"`, strings.Repeat("mx:m.example ", 11))
	add("m.example. MX 1 m1.example.\nm.example. MX 2 m2.example.\nm.example. MX 3 m3.example.\nm1.example. A 198.51.100.1")
	add(`six.example. TXT "v=spf1 mx:m.example a:six.example mx:m.example all"`)
	add("six.example. AAAA 2001:db8::1")
	add(`void2.example. TXT "v=spf1 a:n1.example exists:n2.example all"`)
	add(`void3.example. TXT "v=spf1 a:n1.example exists:n2.example mx:n3.example all"`)
	add(`voidmx.example. TXT "v=spf1 a:n1.example exists:n2.example mx:v.example all"`)
	add("v.example. MX 1 v1.example.")
	add(`voidptr.example. TXT "v=spf1 a:n1.example exists:n2.example ptr:n3.example all"`)
	add(`mx10.example. TXT "v=spf1 mx:y.example all"`)
	add(`mx11.example. TXT "v=spf1 mx:x.example all"`)
	add(`null.example. TXT "v=spf1 mx:nomail.example -all"`)
	add("nomail.example. MX 0 .")
	add(`ptr.example. TXT "v=spf1 ptr -all"`)
	add(`named.example. TXT "v=spf1 %s exists:%%%%{p}.example all"`, include(9))
	add(`huge.example. TXT "v=spf1 a:%s.example -all"`, strings.Repeat("%{S}", 60))
	r := asked(t, strings.ReplaceAll(zone.String(), "%%", "%"), nil, nil)
	for _, c := range []struct {
		domain, ip string
		want       desk.Result
		reason     string
	}{
		{"ten.example", "192.0.2.44", desk.ResultPass, ""},
		{"eleven.example", "192.0.2.44", desk.ResultPermError, "more than 10 DNS lookups"},
		{"redirected.example", "192.0.2.44", desk.ResultPermError, "more than 10 DNS lookups"},
		{"loop.example", "192.0.2.44", desk.ResultPermError, "more than 10 DNS lookups"},
		{"mxs.example", "192.0.2.44", desk.ResultPass, ""},
		{"mxs11.example", "192.0.2.44", desk.ResultPermError, "more than 10 DNS lookups"},
		{"six.example", "2001:db8::2", desk.ResultPass, ""},
		{"void2.example", "192.0.2.44", desk.ResultPass, ""},
		{"void3.example", "192.0.2.44", desk.ResultPermError, "more than 2 things"},
		{"voidmx.example", "192.0.2.44", desk.ResultPermError, "more than 2 things"},
		{"voidptr.example", "192.0.2.45", desk.ResultPermError, "more than 2 things"},
		{"mx10.example", "192.0.2.44", desk.ResultPass, ""},
		{"mx11.example", "192.0.2.44", desk.ResultPermError, "more than 10 mail exchangers"},
		{"null.example", "192.0.2.44", desk.ResultFail, ""},
		{"ptr.example", "192.0.2.44", desk.ResultFail, ""},
		{"named.example", "192.0.2.44", desk.ResultPermError, "more than 10 DNS lookups"},
		{"huge.example", "192.0.2.44", desk.ResultFail, ""},
	} {
		t.Run(c.domain, func(t *testing.T) {
			t.Parallel()
			got := CheckMailFrom(t.Context(), r, Query{IP: netip.MustParseAddr(c.ip), Helo: "h.example", MailFrom: strings.Repeat("a=", 400) + "@" + c.domain})
			if got.Result != c.want || !strings.Contains(got.Reason, c.reason) {
				t.Errorf("%s, want %s (%s)", got.Result, c.want, got.Reason)
			}
		})
	}
}

// A name server that says nothing must cost no more than the time that the caller gives.
func TestTimeIsBounded(t *testing.T) {
	t.Parallel()
	r := asked(t, desks, []string{"slow.example"}, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	got := CheckMailFrom(ctx, r, Query{IP: netip.MustParseAddr("192.0.2.1"), Helo: "h.example", MailFrom: "me@slow.example"})
	if got.Result != desk.ResultTempError || !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		t.Errorf("%+v", got)
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

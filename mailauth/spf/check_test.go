package spf_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"postern/desk"
	"postern/mailauth/spf"
)

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
			_, got := spf.Check(t.Context(), r, spf.Query{IP: ip, Helo: c.helo, MailFrom: c.from})
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
	helo, from := spf.Check(t.Context(), r, spf.Query{IP: netip.MustParseAddr("192.0.2.1"), Helo: "Pass.Example.", MailFrom: "me@two.example"})
	if helo.Result != desk.ResultPass || helo.Domain != "pass.example" || helo.Identity != "pass.example" || from.Result != desk.ResultPermError {
		t.Errorf("%+v\n%+v", helo, from)
	}
	for _, name := range []string{"[192.0.2.1]", "localhost", "192.0.2.1", "a\r\nb.example", ""} {
		got := spf.CheckHelo(t.Context(), r, spf.Query{IP: netip.MustParseAddr("192.0.2.1"), Helo: name})
		if got.Result != desk.ResultNone || got.Domain != "" || strings.ContainsAny(got.Reason+got.Identity, "\r\n") {
			t.Errorf("%q: %+v", name, got)
		}
	}
}

func TestWhatADomainTellsIsBounded(t *testing.T) {
	t.Parallel()
	r := asked(t, desks, nil, nil)
	got := spf.CheckMailFrom(t.Context(), r, spf.Query{IP: netip.MustParseAddr("192.0.2.1"), Helo: "h.example", MailFrom: "postmaster@long.example"})
	if got.Result != desk.ResultFail || len(got.Told) != 500 {
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
			got := spf.CheckMailFrom(t.Context(), r, spf.Query{IP: netip.MustParseAddr(c.ip), Helo: "h.example", MailFrom: strings.Repeat("a=", 400) + "@" + c.domain})
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
	got := spf.CheckMailFrom(ctx, r, spf.Query{IP: netip.MustParseAddr("192.0.2.1"), Helo: "h.example", MailFrom: "me@slow.example"})
	if got.Result != desk.ResultTempError || !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		t.Errorf("%+v", got)
	}
}

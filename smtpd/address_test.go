package smtpd

import (
	"fmt"
	"strings"
	"testing"

	"postern/desk"
)

// spelling is one way of writing a part of an address, and what it means: the canonical form, or "" if it is refused.
type spelling struct{ written, canonical string }

func locals() []spelling {
	same := func(s string) spelling { return spelling{s, s} }
	return []spelling{
		// Case is the owner's business (RFC 5321 §2.4), and so is everything after a plus.
		same("support"), same("Support"), same("SUPPORT"), same("support+a"), same("support+A+b=c"), same("+"), same("!#$%&'*+-/=?^_`{|}~"),
		// Dots that ought to be quoted are not refused.
		same("a.b"), same("a..b"), same(".a"), same("a."),
		// Quotes go where they are not needed, and come back in one way where they are.
		{`"support"`, "support"}, {`"\s\u\pport"`, "support"}, {`"Sup.port"`, "Sup.port"}, {`"a b"`, `"a b"`}, {`"a@b"`, `"a@b"`}, {`"a\@b"`, `"a@b"`}, {`"a\"b"`, `"a\"b"`},
		{`"a\\b"`, `"a\\b"`}, {`"a>b"`, `"a>b"`}, {`"<a"`, `"<a"`}, {`"a,b;c:d"`, `"a,b;c:d"`}, {`"(a)"`, `"(a)"`}, {`" "`, `" "`},
		// Letters beyond ASCII are composed (NFC).
		same("jos\u00e9"), {"jose\u0301", "jos\u00e9"}, {"\"jose\u0301\"", "jos\u00e9"}, same("\u7528\u6237"), {"\"\u00fc x\"", "\"\u00fc x\""},
		// 64 octets are the most (§4.5.3.1.1).
		same(strings.Repeat("x", 64)), {strings.Repeat("x", 65), ""}, {`"` + strings.Repeat("x", 65) + `"`, ""}, {strings.Repeat("\u00fc", 33), ""},
		// What is no local part, or could mean another thing to a system behind us.
		{"", ""}, {`""`, ""}, {`"a`, ""}, {`a"`, ""}, {`a"b"`, ""}, {`"a"b`, ""}, {`"a"."b"`, ""}, {"a b", ""}, {"a@b", ""}, {"a(comment)", ""}, {"(comment)a", ""}, {"a,b", ""}, {"a;b", ""},
		{"a:b", ""}, {"a\\b", ""}, {"a<b", ""}, {"a[b", ""}, {"a\x00b", ""}, {"\"a\x00b\"", ""}, {"a\tb", ""}, {"a\rb", ""}, {"a\x7f", ""}, {"a\x1b[2J", ""}, {"a\xff", ""}, {"a\xc0\xaf", ""},
	}
}

func names() []spelling {
	return []spelling{
		{"example.net", "example.net"}, {"EXAMPLE.net", "example.net"}, {"Example.Net", "example.net"}, {"a-b.c_d.example", "a-b.c_d.example"}, {"localhost", "localhost"},
		// A-labels and U-labels are one name (RFC 5890 §2.3.2.1), in any case and width.
		{"b\u00fccher.example", "xn--bcher-kva.example"}, {"B\u00dcCHER.example", "xn--bcher-kva.example"}, {"bu\u0308cher.example", "xn--bcher-kva.example"},
		{"xn--bcher-kva.example", "xn--bcher-kva.example"}, {"XN--BCHER-KVA.Example", "xn--bcher-kva.example"}, {"fa\u00df.example", "xn--fa-hia.example"},
		{"\uff45xample.net", "example.net"}, {"example\u3002net", "example.net"}, {"ex\u00adample.net", "example.net"},
		// Literals have one spelling.
		{"[192.0.2.1]", "[192.0.2.1]"}, {"[IPv6:2001:db8::1]", "[ipv6:2001:db8::1]"}, {"[ipv6:2001:DB8:0:0:0:0:0:1]", "[ipv6:2001:db8::1]"}, {"[IPv6:2001:db8:0::0:1]", "[ipv6:2001:db8::1]"},
		// What is no name.
		{"", ""}, {"example.net.", ""}, {".example.net", ""}, {"example..net", ""}, {"exa mple.net", ""}, {"example.net(c)", ""}, {"exam\x00ple.net", ""}, {"example.net\x00", ""}, {"exam%ple.net", ""},
		{`"example.net"`, ""}, {"xn--\u00fc.example", ""}, {"xn--zzzzzz99.example", ""}, {"[192.0.2.1", ""}, {"[192.0.2.01]", ""}, {"[192.0.2.256]", ""}, {"[2001:db8::1]", ""}, {"[IPv6:fe80::1%eth0]", ""},
		{strings.Repeat("x", 64) + ".example", ""}, {strings.Repeat("xxxxxxx.", 32) + "net", ""}, {"example.net\xff", ""},
	}
}

// T-52: every way of writing a local part with every way of writing a domain, in every frame: one canonical address, or a refusal that has no effect.
func TestT52_AddressesHaveOneSpelling(t *testing.T) {
	t.Parallel()
	frames := []string{"<%s>", "<@relay.example:%s>", "<@one.example,@two.example:%s>", " <%s> ", "%s"}
	server := New(Config{}, book{}, &shelf{})
	pairs, taken := 0, 0
	for i, local := range locals() {
		for j, name := range names() {
			pairs++
			addr := local.written + "@" + name.written
			frame := frames[(i+j)%len(frames)]
			if strings.Contains(addr, " ") && frame == "%s" {
				frame = "<%s>" // without brackets a blank is the end
			}
			want := ""
			if local.canonical != "" && name.canonical != "" {
				want, taken = local.canonical+"@"+name.canonical, taken+1
			}
			for _, utf8 := range []bool{true, false} {
				s := &session{server: server, client: &client{server: server}, txn: &transaction{utf8: utf8}}
				d := s.command([]byte("RCPT TO:" + fmt.Sprintf(frame, addr) + "\r\n"))
				switch {
				case want != "" && (utf8 || isASCII(addr)):
					if got := s.rcpt.String(); d.do != handOn || got != want {
						t.Errorf("%q in %q: read as %q (%+v), want %q", addr, frame, got, d.reply, want)
					}
				case d.do != answer || d.reply.Code < 500 || s.rcpt != (path{}):
					t.Errorf("%q in %q with SMTPUTF8 %t: read as %q, want a refusal", addr, frame, utf8, s.rcpt)
				case want != "" && d.reply.Code != 553:
					t.Errorf("%q without SMTPUTF8: %+v, want 553", addr, d.reply)
				}
			}
		}
	}
	if pairs < 500 || taken < 400 {
		t.Errorf("only %d pairs, %d of them addresses", pairs, taken)
	}
	t.Logf("%d pairs, %d of them addresses", pairs, taken)
}

// What is written once more, read once more or compared, as desk does it, stays the same.
func TestT52_CanonicalAddressesStay(t *testing.T) {
	t.Parallel()
	for _, local := range locals() {
		for _, name := range names() {
			if local.canonical == "" || name.canonical == "" {
				continue
			}
			addr := local.canonical + "@" + name.canonical
			p, rest, err := cutPath("<" + addr + ">")
			if err != nil || rest != "" || p.String() != addr {
				t.Errorf("%q is read again as %q (%v)", addr, p, err)
			}
			if once := desk.Canonical(addr); desk.Canonical(once) != once {
				t.Errorf("%q: desk makes %q of it, and %q of that", addr, once, desk.Canonical(once))
			}
		}
	}
}

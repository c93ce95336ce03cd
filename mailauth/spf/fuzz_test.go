package spf

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"postern/desk"
	"postern/mailauth/lookup"
)

// zoneOfFuzz answers from memory: a fuzz target has no time for a name server. Every name has its texts, or those of "*", and an address.
type zoneOfFuzz map[string][]string

func (z zoneOfFuzz) LookupTXT(_ context.Context, name string) ([]string, error) {
	if texts, ok := z[name]; ok {
		return texts, nil
	}
	if texts, ok := z["*"]; ok {
		return texts, nil
	}
	return nil, &net.DNSError{IsNotFound: true}
}

func (z zoneOfFuzz) LookupMX(_ context.Context, domain string) ([]*net.MX, error) {
	return []*net.MX{{Host: "mx." + domain}}, nil
}

func (z zoneOfFuzz) LookupA(_ context.Context, name string) ([]netip.Addr, error) {
	if len(name)%5 == 0 {
		return nil, &net.DNSError{IsNotFound: true}
	}
	return []netip.Addr{netip.AddrFrom4([4]byte{192, 0, 2, byte(len(name))})}, nil
}

func (z zoneOfFuzz) LookupAAAA(context.Context, string) ([]netip.Addr, error) {
	return []netip.Addr{netip.MustParseAddr("2001:db8::1")}, nil
}

func (z zoneOfFuzz) LookupPTR(context.Context, netip.Addr) ([]string, error) {
	return []string{"a.example.com", "B.example.net"}, nil
}

var _ lookup.Resolver = zoneOfFuzz{}

func seeds(f *testing.F) []string {
	f.Helper()
	return []string{
		"v=spf1 -all", "v=spf1 include:_spf.google.com ~all", "v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 a mx ptr ?all", "v=spf1 redirect=%{d}.d.spf.example.com.",
		"v=spf1 exists:%{l1r+-}.%{ir}.%{v}.user.%{d2} exp=%{L}.%{H}.example.com -all", "v=spf1 a:foo:bar/baz.example.com/24//64 mx//33 -all", "v=spf1 a:%%.%_%-.%{p}.example -all moo=%{c}",
		"v=spf1 exp=why.example.com -all", "V=sPf1 +all v=spf1", "v=spf1 include:%{s}%{o}%{d}%{i}%{p}%{h}", "v=spf1 a:%{d99999999999999999999r.-+,/_=}",
	}
}

func FuzzRecord(f *testing.F) {
	for _, seed := range seeds(f) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		record, err := Parse(text)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\r\n\x00") {
				t.Errorf("a reason with control characters: %q", err)
			}
			return
		}
		for _, d := range record.directives {
			if d.prefix != (netip.Prefix{}) && !d.prefix.IsValid() || d.bits4 < 0 || d.bits4 > 32 || d.bits6 < 0 || d.bits6 > 128 {
				t.Errorf("%q: %+v", text, d)
			}
			again, err := Parse("v=spf1 " + d.text)
			if err != nil || len(again.directives) != 1 {
				t.Errorf("%q is right among others but not alone: %v", d.text, err)
			}
		}
	})
}

func FuzzCheck(f *testing.F) {
	for i, seed := range seeds(f) {
		f.Add(seed, "%{c} is none of %{o}'s, %{S}", "Me+tag@example.com", "mail.example.com", i%2 == 0)
	}
	f.Fuzz(func(t *testing.T, record, told, from, helo string, six bool) {
		q := Query{IP: netip.MustParseAddr("192.0.2.7"), Helo: helo, MailFrom: from, Now: time.Unix(1767225600, 0)}
		if six {
			q.IP = netip.MustParseAddr("2001:db8::1")
		}
		ours, sender := Check(t.Context(), zoneOfFuzz{"*": {record}, "why.example.com": {told}}, q)
		for _, m := range []desk.Method{ours, sender} {
			for _, text := range []string{m.Domain, m.Identity, m.Reason, m.Told} {
				if strings.IndexFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) >= 0 || len(text) > maxInput {
					t.Errorf("%d octets: %.100q", len(text), text)
				}
			}
			if m.Result == "" || m.Reason == "" || m.Told != "" && m.Result != desk.ResultFail {
				t.Errorf("%+v", m)
			}
		}
	})
}

package domains

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"net/netip"
	"strings"
	"testing"

	"postern/desk"
	"postern/mailauth/dmarc"
	"postern/mailauth/spf"
)

// pkcs1Of is a public key in the form that RFC 6376 does not quite ask for, and that verifiers take.
func pkcs1Of(t testing.TB, key Key) string {
	t.Helper()
	public, ok := key.Private.Public().(*rsa.PublicKey)
	if !ok {
		t.Fatalf("%T", key.Private.Public())
	}
	return base64.StdEncoding.EncodeToString(x509.MarshalPKCS1PublicKey(public))
}

// The record to publish is the one that is there, with no more changed than our mail needs, and it works.
func TestAdviseSPF(t *testing.T) {
	t.Parallel()
	ours := sender{host: "mail.example.com", addrs: []netip.Addr{netip.MustParseAddr("2001:db8::7"), netip.MustParseAddr("192.0.2.7")}}
	relay := sender{host: "relay.example", relay: true, addrs: []netip.Addr{netip.MustParseAddr("192.0.2.99")}}
	world := ourHost + included(12) + txt("_spf.other.example", "v=spf1 ip4:198.51.100.0/24 ~all") + txt("full.example", "v=spf1 "+includes(9)+"~all") + "relay.example. A 192.0.2.99\n"
	for _, c := range []struct {
		name string
		from sender
		have []string
		want string
	}{
		{"nothing there", ours, nil, "v=spf1 a:mail.example.com ~all"},
		{"good as it is", ours, []string{"v=spf1 mx  a:mail.example.com -all"}, "v=spf1 mx  a:mail.example.com -all"},
		{"before the end", ours, []string{"v=spf1 include:_spf.other.example -all"}, "v=spf1 include:_spf.other.example a:mail.example.com -all"},
		{"capitals stay", ours, []string{"V=SPF1 Include:_spf.other.example ~ALL"}, "V=SPF1 Include:_spf.other.example a:mail.example.com ~ALL"},
		{"before a redirect", ours, []string{"v=spf1 redirect=_spf.other.example"}, "v=spf1 a:mail.example.com redirect=_spf.other.example"},
		{"without an end", ours, []string{"v=spf1 ip4:198.51.100.1"}, "v=spf1 ip4:198.51.100.1 a:mail.example.com"},
		{"before what denies us", ours, []string{"v=spf1 -ip4:192.0.2.0/24 include:_spf.other.example -all"}, "v=spf1 a:mail.example.com -ip4:192.0.2.0/24 include:_spf.other.example -all"},
		{"by address where lookups are used up", ours, []string{"v=spf1 include:full.example -all"}, "v=spf1 include:full.example ip6:2001:db8::7 ip4:192.0.2.7 -all"},
		{"in front where there are too many already", ours, []string{"v=spf1 " + includes(11) + "-all"}, "v=spf1 ip6:2001:db8::7 ip4:192.0.2.7 " + includes(11) + "-all"},
		{"what leads to nobody goes (T-32)", ours, []string{"v=spf1 include:_spf.expired.test a:old.other.example  a:mail.example.com -all"}, "v=spf1 a:mail.example.com -all"},
		{"what leads to a name without a record goes", ours, []string{"v=spf1 include:mail.example.com include:_spf.other.example -all"}, "v=spf1 include:_spf.other.example a:mail.example.com -all"},
		{"everybody is nobody in particular", ours, []string{"v=spf1 a:mail.example.com +all"}, "v=spf1 a:mail.example.com ~all"},
		{"several become one", ours, []string{"v=spf1 include:_spf.other.example -all", "v=spf1 mx include:_spf.other.example ~all"}, "v=spf1 include:_spf.other.example mx a:mail.example.com -all"},
		{"what cannot be read goes", ours, []string{"v=spf1 ip4:192.0.2 include:_spf.other.example -all"}, "v=spf1 include:_spf.other.example a:mail.example.com -all"},
		{"through a smarthost", relay, []string{"v=spf1 include:_spf.other.example -all"}, "v=spf1 include:_spf.other.example a:relay.example -all"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, r := resolver(t, world)
			visit := NewAuthority(AuthorityConfig{Resolver: r}).Visit()
			seen, err := visit.lookSPF(t.Context(), "example.com", c.have, c.from)
			if err != nil || seen.wanted != c.want {
				t.Errorf("%q, %v; want %q", seen.wanted, err, c.want)
			}
			verdict, err := visit.permits(t.Context(), "example.com", seen.wanted, c.from)
			if err != nil || verdict.Result != desk.ResultPass {
				t.Errorf("%+v, %v", verdict, err)
			}
		})
	}
}

// Their own tags stay as they are; reports come here too; the next step is advised only when reports say that it hurts nobody.
func TestAdviseDMARC(t *testing.T) {
	t.Parallel()
	const ours = "mailto:postmaster@example.com"
	safe := heard{days: 20, mails: 5000, passed: 4950}
	for _, c := range []struct {
		name  string
		have  []string
		heard heard
		want  string
	}{
		{"nothing there", nil, heard{}, "v=DMARC1; p=none; rua=" + ours},
		{"good as it is", []string{"v=DMARC1;p=quarantine; rua=mailto:dmarc@example.com"}, heard{}, "v=DMARC1;p=quarantine; rua=mailto:dmarc@example.com"},
		{"reports come here too", []string{"v=DMARC1; p=reject; adkim=s; pct=50; rua=mailto:x@other.example!10m ;"}, heard{}, "v=DMARC1; p=reject; adkim=s; pct=50; rua=mailto:x@other.example!10m," + ours},
		{"reports come here at all", []string{"v=DMARC1; p=none; fo=1"}, heard{}, "v=DMARC1; p=none; fo=1; rua=" + ours},
		{"a policy is missing", []string{"v=DMARC1; sp=none"}, heard{}, "v=DMARC1; p=none; sp=none; rua=" + ours},
		{"two of them", []string{"v=DMARC1; p=none", "v=DMARC1; p=reject"}, heard{}, "v=DMARC1; p=none; rua=" + ours},
		{"the next step", []string{"v=DMARC1; P=none; rua=" + ours}, safe, "v=DMARC1; p=quarantine; rua=" + ours},
		{"the last step", []string{"v=DMARC1; p=quarantine; rua=" + ours}, safe, "v=DMARC1; p=reject; rua=" + ours},
		{"no further step", []string{"v=DMARC1; p=reject; rua=" + ours}, safe, "v=DMARC1; p=reject; rua=" + ours},
		{"too much would be lost", []string{"v=DMARC1; p=none; rua=" + ours}, heard{days: 20, mails: 5000, passed: 4000}, "v=DMARC1; p=none; rua=" + ours},
		{"too little is known", []string{"v=DMARC1; p=none; rua=" + ours}, heard{days: 3, mails: 5000, passed: 5000}, "v=DMARC1; p=none; rua=" + ours},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, r := resolver(t, "")
			seen, err := NewAuthority(AuthorityConfig{Resolver: r}).Visit().lookDMARC(t.Context(), "example.com", c.have)
			if err != nil {
				t.Fatal(err)
			}
			seen.heard = c.heard
			got := seen.judge()
			if got.wanted != c.want {
				t.Errorf("%q, want %q", got.wanted, c.want)
			}
			if record, ok := dmarc.Parse(got.wanted); !ok || record.Void || !reachesUs(record.RUA, "example.com") {
				t.Errorf("%q is read as %+v", got.wanted, record)
			}
			if step := strings.Contains(got.warning, "would stop the others"); step != (seen.next() != "") {
				t.Errorf("warning %q", got.warning)
			}
		})
	}
}

// Whatever strangers publish, the record that we advise can be read, and holds what was meant.
func FuzzAdvice(f *testing.F) {
	for _, seed := range []string{"v=spf1 include:_spf.example.com ~all", "v=spf1 redirect=a.b", "v=spf1 ip4:1.2.3 +all all", "v=spf1", "v=DMARC1; p=none; rua=mailto:a@b.example", "v=DMARC1;;rua=,;p", "v=DMARC1;rua=\x00,=;=;p=reject"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if spf.Is(text) {
			for _, where := range []place{beforeAll, inFront} {
				merged := insertSPF(mergeSPF([]string{text}), []string{"a:mail.example.com"}, where)
				if _, err := spf.Parse(merged); err != nil {
					t.Errorf("%q becomes %q: %v", text, merged, err)
				}
				if !strings.Contains(merged, " a:mail.example.com") {
					t.Errorf("%q becomes %q, without our host", text, merged)
				}
			}
		}
		if record, ok := dmarc.Parse(text); ok && len(text) < 2000 {
			advised := text
			if record.Void {
				advised = setTag(advised, "p", dmarc.PolicyNone)
			}
			if !reachesUs(record.RUA, "example.com") && len(record.RUA) < 9 && strings.Count(text, ";") < 40 {
				advised = addURI(advised, reportsTo("example.com"))
				read, ok := dmarc.Parse(advised)
				if !ok || !reachesUs(read.RUA, "example.com") && !strings.ContainsAny(text, "!%") {
					t.Errorf("%q becomes %q, which is read as %+v", text, advised, read)
				}
			}
		}
	})
}

// T-31, T-32: managers are told of what strangers can make use of.
func TestDangerIsTold(t *testing.T) {
	t.Parallel()
	records := []desk.Record{{Purpose: PurposeSPF, Name: "example.com", Problem: "include:gone.test depends on gone.test, which nobody holds", Danger: true}, {Purpose: PurposeMX, Problem: "elsewhere"}}
	alerts := alertsOf(desk.Domain{Name: "example.com", State: desk.DomainActive}, records, nil)
	if text := alerts[alertDanger]; len(alerts) != 1 || !strings.Contains(text, "spf of example.com: include:gone.test depends on gone.test") {
		t.Errorf("%q", alerts)
	}
}

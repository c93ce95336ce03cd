package domains

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"postern/desk"
	"postern/internal/testkit"
	"postern/internal/testkit/peers"
)

// testWish is what a domain wants that publishes its keys itself and serves a policy.
func testWish(t testing.TB) Wish {
	t.Helper()
	wish := Wish{Domain: "example.com", Hostname: "mail.example.com", Challenge: "c0ffee", STS: desk.STSEnforce}
	for _, key := range testKeys(t) {
		wish.Keys = append(wish.Keys, WishedKey{Key: key, Role: desk.KeySigning, Required: key.Algorithm == RSA})
	}
	return wish
}

const ourHost = "mail.example.com. 60 IN A 192.0.2.7\nmail.example.com. 60 IN AAAA 2001:db8::7\n"

// zoneOf is what an admin publishes who pastes all lines.
func zoneOf(records []desk.Record) string {
	var zone strings.Builder
	for _, record := range records {
		zone.WriteString(ZoneLine(record) + "\n")
	}
	return zone.String() + ourHost
}

// preflight looks at a zone through one server.
func preflight(t *testing.T, zone string) *Preflight {
	t.Helper()
	_, r := resolver(t, zone)
	return &Preflight{Authority: NewAuthority(AuthorityConfig{Resolver: r}), Hostname: "mail.example.com"}
}

func txt(name, value string) string {
	return ZoneLine(desk.Record{Type: "TXT", Name: name, Wanted: value}) + "\n"
}

// T-PREFLIGHT: pasted lines verify; each thing that can be wrong with them is named.
func TestT_PREFLIGHT(t *testing.T) {
	t.Parallel()
	wish := testWish(t)
	records := Wanted(wish)
	full := zoneOf(records)
	by := map[string]desk.Record{}
	for _, record := range records {
		by[record.Purpose] = record
	}
	rsaName, rsaValue := by[PurposeRSA].Name, by[PurposeRSA].Wanted
	without := func(purposes ...string) string {
		return zoneOf(slices.DeleteFunc(slices.Clone(records), func(r desk.Record) bool { return slices.Contains(purposes, r.Purpose) }))
	}
	instead := func(purpose string, texts ...string) string {
		zone := without(purpose)
		for _, text := range texts {
			zone += txt(by[purpose].Name, text)
		}
		return zone
	}
	pkcs1 := "v=DKIM1; p=" + pkcs1Of(t, wish.Keys[0].Key)
	for _, c := range []struct {
		name, zone, purpose, problem, warning string // without a problem the record is good
	}{
		{"challenge as printed", full, PurposeChallenge, "", ""},
		{"challenge missing", without(PurposeChallenge), PurposeChallenge, "not in the DNS", ""},
		{"challenge of somebody else", instead(PurposeChallenge, "decaf"), PurposeChallenge, "not what proves", ""},
		{"challenge among others", full + txt(by[PurposeChallenge].Name, "decaf"), PurposeChallenge, "", ""},

		{"rsa as printed", full, PurposeRSA, "", ""},
		{"ed25519 as printed", full, PurposeEd25519, "", ""},
		{"key missing", without(PurposeRSA), PurposeRSA, "not in the DNS", ""},
		{"key twice", full + txt(rsaName, "v=DKIM1; p="), PurposeRSA, "several", ""},
		{"key revoked", instead(PurposeRSA, "v=DKIM1; p="), PurposeRSA, "revoked", ""},
		{"another key", instead(PurposeRSA, "v=DKIM1; p=AAAA"), PurposeRSA, "another key", ""},
		{"key of the wrong kind", instead(PurposeEd25519, strings.Replace(by[PurposeEd25519].Wanted, "k=ed25519; ", "", 1)), PurposeEd25519, "k= is rsa", ""},
		{"tags in another order, spaces in p=", instead(PurposeRSA, strings.Replace(rsaValue, "p=MII", "p= M I I", 1)+" ; t=s; h=sha1:sha256;"), PurposeRSA, "", ""},
		{"k= left out for rsa", instead(PurposeRSA, strings.Replace(rsaValue, "k=rsa; ", "", 1)), PurposeRSA, "", ""},
		{"the same key in its other form", instead(PurposeRSA, pkcs1), PurposeRSA, "", ""},
		{"v= not first", instead(PurposeRSA, "k=rsa; p="+wish.Keys[0].Public+"; v=DKIM1"), PurposeRSA, "version", ""},
		{"testing flag", instead(PurposeRSA, rsaValue+"; t=y:s"), PurposeRSA, "", "testing"},
		{"sha1 only", instead(PurposeRSA, rsaValue+"; h=sha1"), PurposeRSA, "sha256", ""},
		{"not for mail", instead(PurposeRSA, rsaValue+"; s=tlsrpt"), PurposeRSA, "email", ""},
		{"key behind an alias", without(PurposeRSA) + rsaName + ". 60 IN CNAME k.other.example.\n" + txt("k.other.example", rsaValue), PurposeRSA, "", ""},
		{"domain added twice", without(PurposeRSA) + txt(rsaName+".example.com", rsaValue), PurposeRSA, "leave that out", ""},

		{"spf as printed", full, PurposeSPF, "", ""},
		{"spf missing", without(PurposeSPF), PurposeSPF, "not in the DNS", ""},
		{"spf twice", full + txt("example.com", "v=spf1 -all"), PurposeSPF, "several", ""},
		{"other text beside it", full + txt("example.com", "v=spf10 is not spf"), PurposeSPF, "", ""},
		{"spf by mx", instead(PurposeSPF, "v=spf1 mx -all"), PurposeSPF, "", ""},
		{"spf by networks", instead(PurposeSPF, "v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 -all"), PurposeSPF, "", ""},
		{"spf for one family only", instead(PurposeSPF, "v=spf1 ip4:192.0.2.7 -all"), PurposeSPF, "does not permit", ""},
		{"spf by include", instead(PurposeSPF, "v=spf1 ip4:192.0.2.7 include:_spf.other.example -all") + txt("_spf.other.example", "v=spf1 ip6:2001:db8::7 -all"), PurposeSPF, "", ""},
		{"spf by redirect", instead(PurposeSPF, "v=spf1 redirect=_spf.other.example") + txt("_spf.other.example", "v=spf1 +a:mail.example.com -all"), PurposeSPF, "", ""},
		{"spf by macro", instead(PurposeSPF, "v=spf1 exists:%{i}.%{d} -all") + "192.0.2.7.example.com. A 127.0.0.2\n", PurposeSPF, "does not permit", ""},
		{"spf denies us", instead(PurposeSPF, "v=spf1 -a:mail.example.com ~all"), PurposeSPF, "does not permit", ""},
		{"spf that includes itself", instead(PurposeSPF, "v=spf1 include:example.com -all"), PurposeSPF, "more than ten", ""},
		{"spf of words that are none", instead(PurposeSPF, "v=spf1 a:mail.example.com ip4:192.0.2 -all"), PurposeSPF, "broken", ""},
		{"spf for everybody", instead(PurposeSPF, "v=spf1 a:mail.example.com +all"), PurposeSPF, "every server in the world", ""},
		{"spf for everybody behind an include", instead(PurposeSPF, "v=spf1 a:mail.example.com include:loose.example -all") + txt("loose.example", "v=spf1 all"), PurposeSPF, "+all of loose.example", ""},
		{"spf without an end", instead(PurposeSPF, "v=spf1 a:mail.example.com"), PurposeSPF, "", "does not end in"},
		{"spf that says nothing", instead(PurposeSPF, "v=spf1 a:mail.example.com ?all"), PurposeSPF, "", "as welcome as before"},
		{"spf with ptr", instead(PurposeSPF, "v=spf1 a:mail.example.com ptr -all"), PurposeSPF, "", "should not be used"},
		{"spf for half the internet", instead(PurposeSPF, "v=spf1 a:mail.example.com ip4:0.0.0.0/1 -all"), PurposeSPF, "", "more of the internet"},
		{"spf with a stale host", instead(PurposeSPF, "v=spf1 a:mail.example.com a:old.example.com -all"), PurposeSPF, "", "a:old.example.com of example.com names what is not in the DNS"},
		{"spf include without a record", instead(PurposeSPF, "v=spf1 a:mail.example.com include:plain.example -all") + txt("plain.example", "hello"), PurposeSPF, "without an SPF record", ""},
		{"spf include of a domain that nobody holds (T-32)", instead(PurposeSPF, "v=spf1 a:mail.example.com include:_spf.expired-vendor.test -all"), PurposeSPF, "expired-vendor.test, which nobody holds", ""},
		{"spf include of that, further down", instead(PurposeSPF, "v=spf1 a:mail.example.com include:v.example -all") + txt("v.example", "v=spf1 include:a.expired-vendor.test ~all"), PurposeSPF, "include:a.expired-vendor.test of v.example depends on expired-vendor.test", ""},
		{"spf host of that", instead(PurposeSPF, "v=spf1 a:mail.example.com mx:expired-vendor.test -all"), PurposeSPF, "which nobody holds", ""},
		{"spf with too many lookups behind us", instead(PurposeSPF, "v=spf1 a:mail.example.com "+includes(11)+"-all") + included(11), PurposeSPF, "", "12 DNS lookups"},
		{"spf with too many in front of us", instead(PurposeSPF, "v=spf1 "+includes(11)+"a:mail.example.com -all") + included(11), PurposeSPF, "more than ten", ""},
		{"spf with too much in vain", instead(PurposeSPF, "v=spf1 a:mail.example.com a:a.example.com a:b.example.com a:c.example.com -all"), PurposeSPF, "", "3 things that are not in the DNS"},

		{"dmarc as printed", full, PurposeDMARC, "", ""},
		{"dmarc missing", without(PurposeDMARC), PurposeDMARC, "not in the DNS", ""},
		{"dmarc twice", full + txt("_dmarc.example.com", "v=DMARC1; p=reject"), PurposeDMARC, "several", ""},
		{"dmarc stricter than ours", instead(PurposeDMARC, "v=DMARC1;p=reject;adkim=s;rua=mailto:dmarc@example.com"), PurposeDMARC, "", ""},
		{"dmarc in small letters", instead(PurposeDMARC, "v=dmarc1; p=none"), PurposeDMARC, "no DMARC record that receivers can read", ""},
		{"dmarc without a policy", instead(PurposeDMARC, "v=DMARC1"), PurposeDMARC, "receivers ignore it", ""},
		{"dmarc without reports", instead(PurposeDMARC, "v=DMARC1; p=none"), PurposeDMARC, "", "do not come here"},
		{"dmarc reports to who does not take them", instead(PurposeDMARC, "v=DMARC1; p=none; rua=mailto:a@example.com,mailto:b@other.example") + txt("x.other.example", "x"), PurposeDMARC, "", "mailto:b@other.example gets no reports"},
		{"dmarc reports to who takes them", instead(PurposeDMARC, "v=DMARC1; p=none; rua=mailto:a@example.com,mailto:b@other.example") + txt("example.com._report._dmarc.other.example", "v=DMARC1"), PurposeDMARC, "", ""},

		{"mx as printed", full, PurposeMX, "", ""},
		{"mx elsewhere", without(PurposeMX) + "example.com. 60 IN MX 10 mx.other.example.\nmx.other.example. A 192.0.2.1\n", PurposeMX, "elsewhere", ""},
		{"mx missing", without(PurposeMX), PurposeMX, "not in the DNS", ""},
		{"mx that takes no mail", without(PurposeMX) + "example.com. MX 0 .\n", PurposeMX, "takes no mail", ""},
		{"mx beside one that is not there", full + "example.com. MX 20 old.example.com.\n", PurposeMX, "", "old.example.com is not in the DNS"},
		{"mx beside one that nobody holds", full + "example.com. MX 20 mx.expired-vendor.test.\n", PurposeMX, "gets the domain's mail", ""},
		{"mx beside a wildcard to a domain that nobody holds (T-32)", full + "*.example.com. CNAME x.expired-vendor.test.\npostern-no-such-name.example.com. CNAME x.expired-vendor.test.\n", PurposeMX, "nobody holds: whoever registers it has all these names", ""},
		{"mx that is an alias", full + "example.com. MX 20 alias.example.com.\nalias.example.com. CNAME mail.example.com.\n", PurposeMX, "", "an alias"},

		{"mta-sts as printed", full, PurposeSTS, "", ""},
		{"mta-sts of another policy", instead(PurposeSTS, "v=STSv1; id=20160831085700Z;"), PurposeSTS, "another policy", ""},
		{"mta-sts missing", without(PurposeSTS), PurposeSTS, "not in the DNS", ""},
		{"mta-sts twice", full + txt("_mta-sts.example.com", "v=STSv1; id=1"), PurposeSTS, "several", ""},
		{"mta-sts while mail goes elsewhere", without(PurposeMX) + "example.com. MX 10 mx.other.example.\n", PurposeSTS, "goes elsewhere", ""},
		{"mta-sts not yet", without(PurposeMX, PurposeSTS), PurposeSTS, "publish the MX record first", ""},
		{"mta-sts that leaves a host out", full + "example.com. MX 20 mx.other.example.\n", PurposeSTS, "names our hosts alone", ""},
		{"policy host as printed", full, PurposeSTSHost, "", ""},
		{"policy host by address", without(PurposeSTSHost) + "mta-sts.example.com. A 192.0.2.7\n", PurposeSTSHost, "", ""},
		{"policy host elsewhere", without(PurposeSTSHost) + "mta-sts.example.com. A 192.0.2.8\n", PurposeSTSHost, "192.0.2.8, which is not our host", ""},
		{"policy host that nobody holds (T-32)", without(PurposeSTSHost) + "mta-sts.example.com. CNAME sts.expired-vendor.test.\n", PurposeSTSHost, "nobody holds", ""},
		{"policy host missing", without(PurposeSTSHost), PurposeSTSHost, "not in the DNS", ""},

		{"tls-rpt as printed", full, PurposeTLSReport, "", ""},
		{"tls-rpt missing", without(PurposeTLSReport), PurposeTLSReport, "not in the DNS", ""},
		{"tls-rpt to others", instead(PurposeTLSReport, "v=TLSRPTv1;rua=https://reports.example/tls"), PurposeTLSReport, "", "do not come here"},
		{"tls-rpt to nobody", instead(PurposeTLSReport, "v=TLSRPTv1;"), PurposeTLSReport, "nobody", ""},
		{"tls-rpt twice", full + txt("_smtp._tls.example.com", "v=TLSRPTv1; rua=mailto:a@example.com"), PurposeTLSReport, "several", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, record := range preflight(t, c.zone).Look(t.Context(), wish, records, may2026) {
				if record.Purpose != c.purpose {
					continue
				}
				if record.OK != (c.problem == "") || !strings.Contains(record.Problem, c.problem) || (c.problem == "" && record.Problem != "") {
					t.Errorf("ok %v, problem %q, found %q; want problem %q", record.OK, record.Problem, record.Found, c.problem)
				}
				if !strings.Contains(record.Warning, c.warning) || (c.warning == "" && c.problem == "" && record.Warning != "") {
					t.Errorf("warning %q, want %q", record.Warning, c.warning)
				}
				if open := strings.Contains(record.Problem, "nobody holds") || strings.Contains(record.Problem, "every server in the world"); record.Danger != open {
					t.Errorf("danger %t", record.Danger)
				}
				if !record.CheckedAt.Equal(may2026) || !record.Since.Equal(may2026) {
					t.Errorf("checked at %v, so since %v", record.CheckedAt, record.Since)
				}
			}
		})
	}
}

func includes(n int) (terms string) {
	for i := range n {
		terms += "include:i" + strconv.Itoa(i) + ".example "
	}
	return terms
}

func included(n int) (zone string) {
	for i := range n {
		zone += txt("i"+strconv.Itoa(i)+".example", "v=spf1 ip4:198.51.100.1 -all")
	}
	return zone
}

// Keys behind aliases: the owner's part and ours are told apart.
func TestT_PREFLIGHT_Aliases(t *testing.T) {
	t.Parallel()
	wish := testWish(t)
	key := &wish.Keys[0]
	key.Selector, key.Target = "postern1", "label.dkim.desk.example"
	records := Wanted(wish)
	at := slices.IndexFunc(records, func(r desk.Record) bool { return r.Purpose == PurposeRSA })
	name := records[at].Name
	alias := func(target string) string { return name + ". 60 IN CNAME " + target + ".\n" }
	good := txt("label.dkim.desk.example", key.Text())
	for _, c := range []struct {
		name, zone, found, problem string
	}{
		{"as printed", alias(key.Target) + good, key.Target, ""},
		{"missing", good, "", "not in the DNS"},
		{"leads elsewhere", alias("label.dkim.other.example") + txt("label.dkim.other.example", key.Text()), "label.dkim.other.example", "leads elsewhere"},
		{"the key in place of the alias", txt(name, key.Text()), key.Text(), "put the CNAME in its place"},
		{"nothing in the operator's zone", alias(key.Target), key.Target, "does not serve our key: the record is not in the DNS"},
		{"another key there", alias(key.Target) + txt(key.Target, "v=DKIM1; p=AAAA"), key.Target, "another key"},
		{"domain added twice", name + ".example.com. CNAME " + key.Target + ".\n" + good, "", "leave that out of the name"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			record := preflight(t, ourHost+c.zone).Look(t.Context(), wish, records, may2026)[at]
			if record.OK != (c.problem == "") || !strings.Contains(record.Problem, c.problem) || record.Wanted != key.Target || strings.Join(record.Found, "") != c.found {
				t.Errorf("%+v", record)
			}
		})
	}
	revoked := wish
	revoked.Keys = []WishedKey{*key}
	revoked.Keys[0].Role = desk.KeyRevoked
	record := preflight(t, alias(key.Target)+txt(key.Target, "v=DKIM1; k=rsa; p=")).Look(t.Context(), revoked, Wanted(revoked), may2026)[1]
	if !record.OK {
		t.Errorf("a revoked key whose record says so: %+v", record)
	}
}

// T-31: what a removed domain leaves behind is found until it has gone.
func TestT_PREFLIGHT_Leftovers(t *testing.T) {
	t.Parallel()
	wish := testWish(t)
	wish.State = desk.DomainRemoved
	wish.Keys[0].Selector, wish.Keys[0].Target = "postern1", "label.dkim.desk.example"
	zone := "postern1._domainkey.example.com. CNAME label.dkim.desk.example.\n" + txt(wish.Keys[1].Name(), "v=DKIM1; p=AAAA")
	for _, record := range preflight(t, zone).Look(t.Context(), wish, Wanted(wish), may2026) {
		gone := strings.HasPrefix(record.Name, challengeName)
		if record.Purpose != PurposeObsolete || record.OK != gone || strings.Contains(record.Problem, "delete it") == gone {
			t.Errorf("%+v", record)
		}
	}
}

// A subdomain is covered by its parent's DMARC record.
func TestDMARCOfTheParent(t *testing.T) {
	t.Parallel()
	wish := Wish{Domain: "help.example.com", Hostname: "mail.example.com"}
	records := []desk.Record{{Purpose: PurposeDMARC, Type: "TXT", Name: "_dmarc.help.example.com"}}
	checked := preflight(t, `_dmarc.example.com. 60 IN TXT "v=DMARC1; p=reject; sp=quarantine"`).Look(t.Context(), wish, records, may2026)
	if !checked[0].OK || checked[0].Wanted != "v=DMARC1; p=quarantine; rua=mailto:postmaster@help.example.com" || checked[0].Found[0] != "v=DMARC1; p=reject; sp=quarantine" {
		t.Errorf("%+v", checked[0])
	}
}

// A resolver's bad minute changes nothing of what was known.
func TestFailedLookupsKeepTheLastFinding(t *testing.T) {
	t.Parallel()
	wish := testWish(t)
	records := Wanted(wish)
	server := testkit.DNS(t, zoneOf(records))
	look := func(before []desk.Record, now time.Time) []desk.Record {
		fresh := Preflight{Authority: NewAuthority(AuthorityConfig{Resolver: NewResolver([]string{server.Addr}, 5*time.Second)}), Hostname: wish.Hostname}
		return fresh.Look(t.Context(), wish, before, now)
	}
	known := look(records, may2026)
	for _, record := range known {
		server.Fail(record.Name)
	}
	later := may2026.AddDate(0, 0, 1)
	failed := look(known, later)
	for _, record := range failed {
		if !record.OK || len(record.Found) != 1 || !record.CheckedAt.Equal(may2026) || !strings.Contains(record.Problem, "could not be looked up") {
			t.Errorf("%s: %+v", record.Purpose, record)
		}
	}
	for _, record := range records {
		server.Heal(record.Name)
	}
	for _, record := range look(failed, later) {
		if !record.OK || record.Problem != "" || !record.CheckedAt.Equal(later) || !record.Since.Equal(may2026) {
			t.Errorf("healed, and found as before: %+v", record)
		}
	}
	server.Set(t, ourHost)
	for _, record := range look(known, later) {
		if record.OK || !record.Since.Equal(later) {
			t.Errorf("gone: %+v", record)
		}
	}
}

// A look that was broken off says nothing about the DNS.
func TestLookBrokenOff(t *testing.T) {
	t.Parallel()
	wish := testWish(t)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for _, record := range preflight(t, zoneOf(Wanted(wish))).Look(gone, wish, Wanted(wish), may2026) {
		if record.OK || !record.CheckedAt.IsZero() {
			t.Errorf("%+v", record)
		}
	}
}

// A record is right only if every name server has it; who does not is named.
func TestServersOfARecord(t *testing.T) {
	t.Parallel()
	wish := testWish(t)
	wish.Domain, wish.Hostname = "shop.example", "mail.example"
	for i := range wish.Keys {
		wish.Keys[i].Domain = "shop.example"
	}
	host := "mail.example. A 192.0.2.7\n"
	lines := map[string]string{}
	full := host
	for _, record := range Wanted(wish) {
		lines[record.Purpose] = ZoneLine(record) + "\n"
		full += lines[record.Purpose]
	}
	s := newZoneServers(t, twoServers, full, strings.Replace(full, lines[PurposeRSA], "", 1))
	p := &Preflight{Authority: s.Authority, Hostname: wish.Hostname}
	for _, record := range p.Look(t.Context(), wish, Wanted(wish), may2026) {
		broken := record.Purpose == PurposeRSA
		if record.OK == broken || !slices.Equal(record.Servers, []string{"ns1.example", "ns2.example"}) {
			t.Errorf("%+v", record)
		}
		if broken && (!strings.Contains(record.Problem, "do not agree; at ns2.example: the record is not in the DNS") || len(record.Found) != 1) {
			t.Errorf("%+v", record)
		}
	}
	silent := &Preflight{Authority: NewAuthority(AuthorityConfig{Resolver: s.cfg.Resolver, Port: 1, Timeout: 100 * time.Millisecond}), Hostname: wish.Hostname}
	for _, record := range silent.Look(t.Context(), wish, Wanted(wish), may2026) {
		if !record.OK || len(record.Servers) > 0 || !strings.Contains(record.Warning, "this is what the resolver says") {
			t.Errorf("nobody answers: %+v", record)
		}
	}
}

// Our own host as receivers see it.
func TestHost(t *testing.T) {
	t.Parallel()
	const four, six = "7.2.0.192.in-addr.arpa. PTR mail.example.com.\n", "7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa. PTR mail.example.com.\n"
	helo := txt("mail.example.com", "v=spf1 a -all")
	good := ourHost + four + six + helo
	for _, c := range []struct {
		name, zone, leaving string
		want                string // grade and check of what is not well
		words               string
	}{
		{"all well", good, "192.0.2.7", "", ""},
		{"behind a translator", good, "10.0.0.7", "", ""},
		{"no address", "", "", "failed host address", "no address in the DNS"},
		{"an address that nobody reaches", "mail.example.com. A 10.0.0.7\n" + helo, "", "warning host address", "cannot reach"},
		{"mail leaves from elsewhere", good, "192.0.2.9", "failed host address", "mail can leave from 192.0.2.9"},
		{"no reverse name", ourHost + six + helo, "", "failed reverse name", "192.0.2.7 has no name"},
		{"a reverse name of others", ourHost + six + helo + "7.2.0.192.in-addr.arpa. PTR host7.isp.example.\n", "", "failed reverse name", "leads elsewhere"},
		{"a reverse name that is not our greeting", ourHost + six + helo + "7.2.0.192.in-addr.arpa. PTR host7.isp.example.\nhost7.isp.example. A 192.0.2.7\n", "", "warning reverse name", "while we greet as mail.example.com"},
		{"no SPF of its name", ourHost + four + six, "", "warning SPF of the host name", "publishes no SPF"},
		{"SPF of its name that denies it", ourHost + four + six + txt("mail.example.com", "v=spf1 -all"), "", "failed SPF of the host name", "fail"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var leaving []netip.Addr
			if c.leaving != "" {
				leaving = append(leaving, netip.MustParseAddr(c.leaving))
			}
			var bad, words []string
			for _, check := range preflight(t, c.zone).Host(t.Context(), leaving) {
				if check.Grade != Good {
					bad, words = append(bad, string(check.Grade)+" "+check.Name), append(words, check.Found)
				}
				if (check.Grade == Good) != (check.Advice == "") {
					t.Errorf("%+v", check)
				}
			}
			if strings.Join(bad, ", ") != c.want || !strings.Contains(strings.Join(words, " "), c.words) {
				t.Errorf("%q: %q; want %q, %q", bad, words, c.want, c.words)
			}
		})
	}
}

// T-PREFLIGHT, T-32: what an admin pastes into a signed zone of Knot is right to us through Unbound and at the name server itself, and an include of nobody's domain is found there.
func TestT_PREFLIGHT_Knot(t *testing.T) {
	t.Parallel()
	wish := testWish(t)
	wish.Domain, wish.Hostname = "desk.example", "mail.desk.example"
	for i := range wish.Keys {
		wish.Keys[i].Domain = wish.Domain
	}
	wish.Keys[0].Selector, wish.Keys[0].Target = "postern1", "label.dkim.example"
	records := Wanted(wish)
	zone := "mail A 192.0.2.7\n"
	for _, record := range records {
		zone += ZoneLine(record) + "\n"
	}
	operator := peers.Zone{Name: "dkim.example.", Records: ZoneLine(desk.Record{Type: "TXT", Name: "label.dkim.example", Wanted: wish.Keys[0].Text()}) + "\n"}
	world := peers.NewDNS(t, peers.Zone{Name: "desk.example.", Records: zone}, operator)
	look := func(wish Wish) []desk.Record {
		resolver := NewResolver([]string{world.Resolver}, 5*time.Second)
		p := Preflight{Authority: NewAuthority(AuthorityConfig{Resolver: resolver, Port: portOf(t, world.Authority)}), Hostname: wish.Hostname}
		return p.Look(t.Context(), wish, Wanted(wish), may2026)
	}
	for _, record := range look(wish) {
		if !record.OK || record.Warning != "" || !slices.Equal(record.Servers, []string{"ns.example"}) {
			t.Errorf("%+v", record)
		}
	}
	world.Set(t, peers.Zone{Name: "desk.example.", Records: strings.Replace(zone, "v=spf1 ", "v=spf1 include:_spf.expired.example ", 1)})
	for _, record := range look(wish) {
		if record.Danger != (record.Purpose == PurposeSPF) || record.Danger && !strings.Contains(record.Problem, "depends on expired.example, which nobody holds") {
			t.Errorf("an include of nobody's domain: %+v", record)
		}
	}
}

func portOf(t testing.TB, addr string) int {
	t.Helper()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return number
}

// Whatever stands in the DNS, looking at it ends in a sentence.
func FuzzJudgements(f *testing.F) {
	for _, seed := range []string{"v=DKIM1; k=rsa; p=MIIB", "v=DKIM1;p=", "k=ed25519; p=AAAA; t=y:s; h=sha1:sha256; s=*", "v=STSv1; id=1;", "v=TLSRPTv1; rua=mailto:a@b.example,https://c.example", "=;=;v", "\x00\xff"} {
		f.Add(seed, seed, false)
	}
	f.Fuzz(func(t *testing.T, one, two string, both bool) {
		texts := []string{one}
		if both {
			texts = append(texts, two)
		}
		key := "v=DKIM1; k=rsa; p=MIIBIjANBg"
		for _, result := range []judgement{
			judgeKey(key, texts), judgeChallenge("c0ffee", texts), judgeSTS("v=STSv1; id=abc;", texts), judgeTLSReport("example.com", texts),
			judgeAlias("label.example", key, View{Chain: []string{one}, found: answer{texts: texts}}), judgeObsolete(View{found: answer{texts: texts}}),
		} {
			for _, kept := range bounded(result.found) {
				if len(kept) > maxFoundLen || strings.Contains(kept, "\x00") {
					t.Errorf("kept %q", kept)
				}
			}
		}
	})
}

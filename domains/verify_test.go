package domains

import (
	"strings"
	"testing"
	"time"

	"postern/desk"
	"postern/internal/testkit"
)

// zoneOf is what an admin publishes who pastes all lines.
func zoneOf(records []desk.Record) string {
	var zone strings.Builder
	for _, record := range records {
		zone.WriteString(ZoneLine(record) + "\n")
	}
	zone.WriteString("mail.example.com. 60 IN A 192.0.2.7\nmail.example.com. 60 IN AAAA 2001:db8::7\n")
	return zone.String()
}

// T-PREFLIGHT: pasted lines verify; each thing that can be wrong with them is named.
func TestT_PREFLIGHT(t *testing.T) {
	t.Parallel()
	records := Records("example.com", "mail.example.com", testKeys(t))
	full := zoneOf(records)
	rsaName, rsaValue := records[0].Name, records[0].Wanted
	without := func(purpose string) string {
		var rest []desk.Record
		for _, record := range records {
			if record.Purpose != purpose {
				rest = append(rest, record)
			}
		}
		return zoneOf(rest)
	}
	txt := func(name, value string) string {
		return ZoneLine(desk.Record{Type: "TXT", Name: name, Wanted: value}) + "\n"
	}
	spaced := strings.Replace(rsaValue, "p=MII", "p= M I I", 1)
	for _, c := range []struct {
		name, zone, purpose, problem string // an empty problem: the record is good
	}{
		{"rsa as printed", full, PurposeRSA, ""},
		{"ed25519 as printed", full, PurposeEd25519, ""},
		{"spf as printed", full, PurposeSPF, ""},
		{"dmarc as printed", full, PurposeDMARC, ""},
		{"mx as printed", full, PurposeMX, ""},
		{"key missing", without(PurposeRSA), PurposeRSA, "not in the DNS"},
		{"key twice", full + txt(rsaName, "v=DKIM1; p="), PurposeRSA, "several"},
		{"key revoked", without(PurposeRSA) + txt(rsaName, "v=DKIM1; p="), PurposeRSA, "revoked"},
		{"another key", without(PurposeRSA) + txt(rsaName, "v=DKIM1; p=AAAA"), PurposeRSA, "another key"},
		{"key of the wrong kind", without(PurposeEd25519) + txt(records[1].Name, strings.Replace(records[1].Wanted, "k=ed25519; ", "", 1)), PurposeEd25519, "k= is rsa"},
		{"tags in another order, spaces in p=", without(PurposeRSA) + txt(rsaName, spaced+" ; t=s; h=sha1:sha256;"), PurposeRSA, ""},
		{"k= left out for rsa", without(PurposeRSA) + txt(rsaName, strings.Replace(rsaValue, "k=rsa; ", "", 1)), PurposeRSA, ""},
		{"testing flag", without(PurposeRSA) + txt(rsaName, rsaValue+"; t=y:s"), PurposeRSA, "testing"},
		{"sha1 only", without(PurposeRSA) + txt(rsaName, rsaValue+"; h=sha1"), PurposeRSA, "sha256"},
		{"not for mail", without(PurposeRSA) + txt(rsaName, rsaValue+"; s=tlsrpt"), PurposeRSA, "email"},
		{"key behind an alias", without(PurposeRSA) + rsaName + ". 60 IN CNAME k.other.example.\n" + txt("k.other.example", rsaValue), PurposeRSA, ""},

		{"spf missing", without(PurposeSPF), PurposeSPF, "not in the DNS"},
		{"spf twice", full + txt("example.com", "v=spf1 -all"), PurposeSPF, "several"},
		{"other text beside it", full + txt("example.com", "v=spf10 is not spf"), PurposeSPF, ""},
		{"spf by mx", without(PurposeSPF) + txt("example.com", "v=spf1 mx -all"), PurposeSPF, ""},
		{"spf by networks", without(PurposeSPF) + txt("example.com", "v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 -all"), PurposeSPF, ""},
		{"spf for one family only", without(PurposeSPF) + txt("example.com", "v=spf1 ip4:192.0.2.7 -all"), PurposeSPF, "does not permit"},
		{"spf by include", without(PurposeSPF) + txt("example.com", "v=spf1 ip4:192.0.2.7 include:_spf.other.example -all") + txt("_spf.other.example", "v=spf1 ip6:2001:db8::7 -all"), PurposeSPF, ""},
		{"spf by redirect", without(PurposeSPF) + txt("example.com", "v=spf1 redirect=_spf.other.example") + txt("_spf.other.example", "v=spf1 +a:mail.example.com -all"), PurposeSPF, ""},
		{"spf denies us", without(PurposeSPF) + txt("example.com", "v=spf1 -a:mail.example.com ~all"), PurposeSPF, "does not permit"},
		{"spf that includes itself", without(PurposeSPF) + txt("example.com", "v=spf1 include:example.com -all"), PurposeSPF, "more than ten"},

		{"dmarc missing", without(PurposeDMARC), PurposeDMARC, "not in the DNS"},
		{"dmarc twice", full + txt("_dmarc.example.com", "v=DMARC1; p=reject"), PurposeDMARC, "several"},
		{"dmarc stricter than ours", without(PurposeDMARC) + txt("_dmarc.example.com", "v=DMARC1;p=reject;adkim=s"), PurposeDMARC, ""},
		{"mx elsewhere", without(PurposeMX) + "example.com. 60 IN MX 10 mx.other.example.\n", PurposeMX, "elsewhere"},
		{"mx missing", without(PurposeMX), PurposeMX, "not in the DNS"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, r := resolver(t, c.zone)
			for _, record := range Verify(t.Context(), r, records, may2026) {
				if record.Purpose != c.purpose {
					continue
				}
				if record.OK != (c.problem == "") || !strings.Contains(record.Problem, c.problem) || (c.problem == "" && record.Problem != "") {
					t.Errorf("ok %v, problem %q, found %q; want problem %q", record.OK, record.Problem, record.Found, c.problem)
				}
				if !record.CheckedAt.Equal(may2026) {
					t.Errorf("checked at %v", record.CheckedAt)
				}
			}
		})
	}
}

// A subdomain is covered by its parent's DMARC record.
func TestDMARCOfTheParent(t *testing.T) {
	t.Parallel()
	_, r := resolver(t, `_dmarc.example.com. 60 IN TXT "v=DMARC1; p=none"`)
	checked := Verify(t.Context(), r, []desk.Record{{Purpose: PurposeDMARC, Name: "_dmarc.help.example.com"}}, may2026)
	if !checked[0].OK {
		t.Error(checked[0].Problem)
	}
}

// A resolver's bad minute changes nothing of what was known.
func TestFailedLookupsKeepTheLastFinding(t *testing.T) {
	t.Parallel()
	records := Records("example.com", "mail.example.com", testKeys(t))
	server := testkit.DNS(t, zoneOf(records))
	known := Verify(t.Context(), NewResolver([]string{server.Addr}, 5*time.Second), records, may2026)
	for _, record := range known {
		server.Fail(record.Name)
	}
	later := may2026.AddDate(0, 0, 1)
	for _, record := range Verify(t.Context(), NewResolver([]string{server.Addr}, 5*time.Second), known, later) {
		if !record.OK || len(record.Found) != 1 || !record.CheckedAt.Equal(may2026) || !strings.Contains(record.Problem, "could not be looked up") {
			t.Errorf("%s: %+v", record.Purpose, record)
		}
	}
	if State(desk.DomainActive, evidence(desk.Domain{}, known)) != desk.DomainActive {
		t.Error("the domain looks broken")
	}
}

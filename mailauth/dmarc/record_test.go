package dmarc_test

import (
	"fmt"
	"strings"
	"testing"

	"postern/mailauth/dmarc"
)

func TestParse(t *testing.T) {
	t.Parallel()
	long := "v=DMARC1; p=none; rua=" + strings.Repeat("mailto:a@example.com,", 50)
	for name, tc := range map[string]struct {
		text string
		want string // p sp np psd; flags; void
		not  bool
	}{
		"least":                         {text: "v=DMARC1; p=none", want: "none none none u"},
		"reject":                        {text: "v=DMARC1; p=reject", want: "reject reject reject u"},
		"no space":                      {text: "v=DMARC1;p=quarantine", want: "quarantine quarantine quarantine u"},
		"spaces everywhere":             {text: "v = DMARC1 ; p = reject ;", want: "reject reject reject u"},
		"tabs":                          {text: "v=DMARC1\t;\tp=reject", want: "reject reject reject u"},
		"values in capitals":            {text: "v=DMARC1; p=REJECT; sp=None; np=Quarantine; psd=Y; t=Y; adkim=S; aspf=S", want: "reject none quarantine y testing strict-dkim strict-spf"},
		"names in capitals":             {text: "v=DMARC1; P=reject; SP=none", want: "reject none none u"},
		"sp":                            {text: "v=DMARC1; p=reject; sp=none", want: "reject none none u"},
		"np":                            {text: "v=DMARC1; p=none; np=reject", want: "none none reject u"},
		"sp and np":                     {text: "v=DMARC1; p=none; sp=quarantine; np=reject", want: "none quarantine reject u"},
		"sp before p":                   {text: "v=DMARC1; sp=none; p=reject", want: "reject none none u"},
		"psd=n":                         {text: "v=DMARC1; p=none; psd=n", want: "none none none n"},
		"psd=u":                         {text: "v=DMARC1; p=none; psd=u", want: "none none none u"},
		"psd wrong":                     {text: "v=DMARC1; p=none; psd=maybe", want: "none none none u"},
		"relaxed":                       {text: "v=DMARC1; p=none; adkim=r; aspf=r", want: "none none none u"},
		"alignment wrong":               {text: "v=DMARC1; p=reject; adkim=strict; aspf=x", want: "reject reject reject u"},
		"t=n":                           {text: "v=DMARC1; p=reject; t=n", want: "reject reject reject u"},
		"t wrong":                       {text: "v=DMARC1; p=reject; t=yes", want: "reject reject reject u"},
		"RFC 7489: pct":                 {text: "v=DMARC1; p=reject; pct=0", want: "reject reject reject u"},
		"RFC 7489: pct wrong":           {text: "v=DMARC1; p=reject; pct=many", want: "reject reject reject u"},
		"RFC 7489: ri, rf":              {text: "v=DMARC1; p=reject; ri=0; rf=iodef", want: "reject reject reject u"},
		"unknown tag":                   {text: "v=DMARC1; colour=blue; p=reject", want: "reject reject reject u"},
		"rubbish between":               {text: "v=DMARC1; ; rubbish; =; p=reject; ==", want: "reject reject reject u"},
		"twice: the first":              {text: "v=DMARC1; p=none; p=reject", want: "none none none u"},
		"no p, no rua":                  {text: "v=DMARC1", want: "none none none u void"},
		"no p, final semicolon":         {text: "v=DMARC1;", want: "none none none u void"},
		"no p, rua":                     {text: "v=DMARC1; rua=mailto:d@example.com", want: "none none none u rua"},
		"wrong p, rua":                  {text: "v=DMARC1; p=block; rua=mailto:d@example.com", want: "none none none u rua"},
		"wrong p, no rua":               {text: "v=DMARC1; p=block", want: "none none none u void"},
		"wrong p, wrong rua":            {text: "v=DMARC1; p=block; rua=d@example.com", want: "none none none u void"},
		"empty p":                       {text: "v=DMARC1; p=", want: "none none none u void"},
		"wrong sp, rua":                 {text: "v=DMARC1; p=reject; sp=block; rua=mailto:d@example.com", want: "none none none u rua"},
		"wrong sp, no rua":              {text: "v=DMARC1; p=reject; sp=block", want: "none none none u void"},
		"wrong np, rua":                 {text: "v=DMARC1; p=reject; np=block; rua=https://example.com/r", want: "none none none u rua"},
		"void keeps psd":                {text: "v=DMARC1; psd=n", want: "none none none n void"},
		"rua with a size limit":         {text: "v=DMARC1; p=none; rua=mailto:d@example.com!50m", want: "none none none u rua"},
		"rua: one of them wrong":        {text: "v=DMARC1; p=none; rua=nobody, mailto:d@example.com", want: "none none none u rua"},
		"many URIs":                     {text: long, want: "none none none u rua×10"},
		"no record: another version":    {text: "v=DMARC2; p=none", not: true},
		"no record: longer version":     {text: "v=DMARC1.1; p=none", not: true},
		"no record: version in small":   {text: "v=dmarc1; p=none", not: true},
		"no record: version not first":  {text: "p=none; v=DMARC1", not: true},
		"no record: SPF":                {text: "v=spf1 -all", not: true},
		"no record: empty":              {text: "", not: true},
		"no record: no value":           {text: "v; p=none", not: true},
		"no record: comma for a stroke": {text: "v=DMARC1, p=none", not: true},
	} {
		t.Run(name, func(t *testing.T) {
			record, ok := dmarc.Parse(tc.text)
			if ok == tc.not {
				t.Fatalf("Parse(%q) = %+v, %v", tc.text, record, ok)
			}
			if got := words(record); ok && got != tc.want {
				t.Errorf("Parse(%q) = %s, want %s", tc.text, got, tc.want)
			}
		})
	}
}

func words(record dmarc.Record) string {
	said := []string{record.P, record.SP, record.NP, string(record.PSD)}
	for _, flag := range []struct {
		word string
		on   bool
	}{
		{"testing", record.Testing},
		{"strict-dkim", record.StrictDKIM},
		{"strict-spf", record.StrictSPF},
		{"void", record.Void},
		{"rua", len(record.RUA) == 1},
		{fmt.Sprintf("rua×%d", len(record.RUA)), len(record.RUA) > 1},
	} {
		if flag.on {
			said = append(said, flag.word)
		}
	}
	return strings.Join(said, " ")
}

func TestNames(t *testing.T) {
	t.Parallel()
	for domain, want := range map[string]string{
		"com":                "com",
		"example.com":        "example.com com",
		"a.mail.example.com": "a.mail.example.com mail.example.com example.com com",
		"1.2.3.4.5.6.7.8":    "1.2.3.4.5.6.7.8 2.3.4.5.6.7.8 3.4.5.6.7.8 4.5.6.7.8 5.6.7.8 6.7.8 7.8 8",
		"0.1.2.3.4.5.6.7.8":  "0.1.2.3.4.5.6.7.8 2.3.4.5.6.7.8 3.4.5.6.7.8 4.5.6.7.8 5.6.7.8 6.7.8 7.8 8",
		// RFC 9989 §4.10
		"a.b.c.d.e.f.g.h.i.j.mail.example.com": "a.b.c.d.e.f.g.h.i.j.mail.example.com g.h.i.j.mail.example.com h.i.j.mail.example.com i.j.mail.example.com j.mail.example.com mail.example.com example.com com",
	} {
		if got := strings.Join(dmarc.Names(domain), " "); got != want {
			t.Errorf("Names(%s) = %s, want %s", domain, got, want)
		}
	}
	if names := dmarc.Names(strings.Repeat("a.", 126) + "com"); len(names) != 8 {
		t.Errorf("%d names for the longest domain, want 8", len(names))
	}
}

func TestOrganizationAndPolicy(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		start  string
		found  string // domain=psd, longest first
		org    string
		policy string // the domain whose record applies
	}{
		"its own record":                       {"example.com", "example.com=u", "example.com", "example.com"},
		"RFC 9989 §4.10.2, fewest labels":      {"a.mail.example.com", "mail.example.com=u example.com=u", "example.com", "example.com"},
		"RFC 9989 §4.10.2, psd=n":              {"a.mail.example.com", "mail.example.com=n", "mail.example.com", "mail.example.com"},
		"RFC 9989 §4.10.2, psd=y":              {"a.mail.example.com", "com=y", "example.com", "com"},
		"own record, organization above":       {"news.example.com", "news.example.com=u example.com=u", "example.com", "news.example.com"},
		"B.4.1 signing domain":                 {"signing.example.com", "signing.example.com=u example.com=u", "example.com", "signing.example.com"},
		"B.4.3 author":                         {"giant.bank.example", "giant.bank.example=u bank.example=y", "giant.bank.example", "giant.bank.example"},
		"B.4.3 MAIL FROM":                      {"mail.giant.bank.example", "giant.bank.example=u bank.example=y", "giant.bank.example", "giant.bank.example"},
		"B.4.3 DKIM":                           {"mail.mega.bank.example", "bank.example=y", "mega.bank.example", "bank.example"},
		"mail from the public suffix itself":   {"bank.example", "bank.example=y", "bank.example", "bank.example"},
		"psd=n at the start":                   {"mail.example.com", "mail.example.com=n", "mail.example.com", "mail.example.com"},
		"psd=y between":                        {"a.b.hosting.example", "b.hosting.example=u hosting.example=y", "b.hosting.example", "b.hosting.example"},
		"record of the top, without psd":       {"www.example.com", "com=u", "com", "com"},
		"nothing: the public suffix list":      {"a.b.example.co.uk", "", "example.co.uk", ""},
		"nothing, itself a public suffix":      {"co.uk", "", "co.uk", ""},
		"nothing, an unknown top-level domain": {"mail.customer.example", "", "customer.example", ""},
	} {
		t.Run(name, func(t *testing.T) {
			walk := dmarc.Walk{Start: tc.start}
			for _, entry := range strings.Fields(tc.found) {
				domain, psd, _ := strings.Cut(entry, "=")
				walk.Found = append(walk.Found, dmarc.Found{Domain: domain, Record: dmarc.Record{PSD: dmarc.PSD(psd)}})
			}
			if got := walk.Organization(); got != tc.org {
				t.Errorf("organization %s, want %s", got, tc.org)
			}
			if found, _ := walk.Policy(); found.Domain != tc.policy {
				t.Errorf("record of %q, want %q", found.Domain, tc.policy)
			}
		})
	}
}

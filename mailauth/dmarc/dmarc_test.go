package dmarc_test

import (
	"strings"
	"testing"
	"time"

	"postern/desk"
	"postern/domains"
	"postern/internal/testkit"
	"postern/mailauth/dmarc"
)

// zone holds one organization a line of thought; they do not touch each other.
const zone = `
_dmarc.example.com. TXT "v=DMARC1; p=reject; sp=quarantine; np=none; rua=mailto:d@example.com"
example.com. MX 10 mx.example.com.
news.example.com. A 192.0.2.1
txtonly.example.com. TXT "v=spf1 -all"
six.example.com. AAAA 2001:db8::1
_dmarc.own.example.com. TXT "v=DMARC1; p=none; sp=reject"
_dmarc.signing.example.com. TXT "v=DMARC1; p=none"

_dmarc.strict.example. TXT "v=DMARC1; p=reject; adkim=s; aspf=s"
_dmarc.strictspf.example. TXT "v=DMARC1; p=reject; aspf=s"
_dmarc.testing.example. TXT "v=DMARC1; p=reject; sp=quarantine; t=y"
sub.testing.example. A 192.0.2.1
_dmarc.two.example. TXT "v=DMARC1; p=reject"
_dmarc.two.example. TXT "v=DMARC1; p=none"
_dmarc.beside.example. TXT "v=DMARC1; p=reject"
_dmarc.beside.example. TXT "some other text"
_dmarc.twobelow.parent.example. TXT "v=DMARC1; p=none"
_dmarc.twobelow.parent.example. TXT "v=DMARC1; p=none"
_dmarc.parent.example. TXT "v=DMARC1; p=reject"
_dmarc.void.example. TXT "v=DMARC1; p=block"
_dmarc.watched.example. TXT "v=DMARC1; p=block; rua=mailto:d@watched.example"
_dmarc.spf1.example. TXT "v=spf1 -all"
_dmarc.alias.example. CNAME _dmarc.example.com.

_dmarc.bank.test. TXT "v=DMARC1; p=reject; sp=quarantine; np=reject; psd=y"
_dmarc.giant.bank.test. TXT "v=DMARC1; p=quarantine"
mega.bank.test. A 192.0.2.1

_dmarc.org.test. TXT "v=DMARC1; p=reject"
_dmarc.dept.org.test. TXT "v=DMARC1; p=quarantine; psd=n"

_dmarc.xn--bcher-kva.example. TXT "v=DMARC1; p=reject"
_dmarc.old.example. TXT "v=DMARC1; p=quarantine; pct=0; ri=86400; rf=afrf"
`

// method writes a method as 'pass example.com'.
func method(words string) desk.Method {
	result, domain, _ := strings.Cut(words, " ")
	if result == "" {
		result = "none"
	}
	return desk.Method{Result: desk.Result(result), Domain: domain}
}

type judged struct {
	from   string
	spf    string
	dkim   string // signatures, with commas between
	want   string // result and policy
	org    string // where it matters
	spfOK  bool   // aligned
	dkimOK string // of each signature, 'yn'
}

func TestJudge(t *testing.T) {
	t.Parallel()
	server := testkit.DNS(t, zone)
	server.Fail("_dmarc.broken.example")
	server.Fail("_dmarc.half.broken.example")
	resolver := domains.NewResolver([]string{server.Addr}, time.Second)
	deep := "a.b.c.d.e.f.g.h.i.j.k.example.com"
	for name, tc := range map[string]judged{
		// RFC 9989 appendix B.1.1 and B.1.2
		"B.1.1 SPF strict":   {from: "example.com", spf: "pass example.com", want: "pass reject", spfOK: true},
		"B.1.1 SPF relaxed":  {from: "example.com", spf: "pass child.example.com", want: "pass reject", spfOK: true},
		"B.1.1 SPF none":     {from: "news.example.com", spf: "pass example.net", want: "fail quarantine"},
		"B.1.2 DKIM strict":  {from: "example.com", dkim: "pass example.com", want: "pass reject", dkimOK: "y"},
		"B.1.2 DKIM relaxed": {from: "news.example.com", dkim: "pass example.com", want: "pass quarantine", dkimOK: "y"},
		"B.1.2 DKIM none":    {from: "news.example.com", dkim: "pass example.net", want: "fail quarantine", dkimOK: "n"},
		"§4.4 table":         {from: "news.example.com", spf: "pass foo.example.com", want: "pass quarantine", spfOK: true, org: "example.com"},
		// B.4
		"B.4.1 SPF":                                 {from: "example.com", spf: "pass example.com", dkim: "fail signing.example.com", want: "pass reject", spfOK: true, dkimOK: "n"},
		"B.4.1 DKIM":                                {from: "example.com", spf: "fail example.com", dkim: "pass signing.example.com", want: "pass reject", dkimOK: "y", org: "example.com"},
		"B.4.2 SPF":                                 {from: deep, spf: "pass example.com", want: "pass none", spfOK: true, org: "example.com"},
		"B.4.2 DKIM":                                {from: deep, dkim: "pass signing.example.com", want: "pass none", dkimOK: "y"},
		"B.4.2 fail":                                {from: deep, want: "fail none"},
		"B.4.3 SPF":                                 {from: "giant.bank.test", spf: "pass mail.giant.bank.test", dkim: "pass mail.mega.bank.test", want: "pass quarantine", spfOK: true, dkimOK: "n", org: "giant.bank.test"},
		"B.4.3 DKIM":                                {from: "giant.bank.test", dkim: "pass mail.mega.bank.test", want: "fail quarantine", dkimOK: "n"},
		"PSD, domain exists":                        {from: "mega.bank.test", want: "fail quarantine", org: "mega.bank.test"},
		"PSD, domain does not":                      {from: "tiny.bank.test", want: "fail reject", org: "tiny.bank.test"},
		"PSD itself":                                {from: "bank.test", want: "fail reject", org: "bank.test"},
		"PSD signs for those below: not aligned":    {from: "mega.bank.test", dkim: "pass bank.test", want: "fail quarantine", dkimOK: "n"},
		"PSD: one below another of the same":        {from: "mega.bank.test", dkim: "pass a.mega.bank.test", want: "pass quarantine", dkimOK: "y"},
		"psd=n: the department is on its own":       {from: "org.test", dkim: "pass dept.org.test", want: "fail reject", dkimOK: "n", org: "org.test"},
		"psd=n: the organization is not aligned":    {from: "a.dept.org.test", dkim: "pass org.test", want: "fail quarantine", dkimOK: "n", org: "dept.org.test"},
		"psd=n: within the department":              {from: "a.dept.org.test", dkim: "pass b.dept.org.test", want: "pass quarantine", dkimOK: "y"},
		"psd=n: the department and below":           {from: "dept.org.test", spf: "pass b.dept.org.test", want: "pass quarantine", spfOK: true},
		"policy: the domain itself":                 {from: "example.com", want: "fail reject"},
		"policy: sp, by A":                          {from: "news.example.com", want: "fail quarantine"},
		"policy: sp, by TXT":                        {from: "txtonly.example.com", want: "fail quarantine"},
		"policy: sp, by AAAA":                       {from: "six.example.com", want: "fail quarantine"},
		"policy: np":                                {from: "nowhere.example.com", want: "fail none"},
		"policy: np, deep":                          {from: "a.b.nowhere.example.com", want: "fail none"},
		"policy: own record wins":                   {from: "own.example.com", want: "fail none", org: "example.com"},
		"policy: below a record in the middle":      {from: "news.own.example.com", want: "fail none", org: "example.com"},
		"policy: own record, relaxed to the org":    {from: "own.example.com", spf: "pass example.com", want: "pass none", spfOK: true},
		"policy: testing":                           {from: "testing.example", want: "fail quarantine"},
		"policy: testing below":                     {from: "sub.testing.example", want: "fail none"},
		"strict: exact":                             {from: "strict.example", spf: "pass strict.example", dkim: "pass strict.example", want: "pass reject", spfOK: true, dkimOK: "y"},
		"strict: below is not":                      {from: "strict.example", spf: "pass a.strict.example", dkim: "pass a.strict.example", want: "fail reject", dkimOK: "n"},
		"strict: from below, above is not":          {from: "a.strict.example", dkim: "pass strict.example", want: "fail reject", dkimOK: "n"},
		"strict for SPF only":                       {from: "strictspf.example", spf: "pass a.strictspf.example", dkim: "pass a.strictspf.example", want: "pass reject", dkimOK: "y"},
		"several records are none":                  {from: "two.example", spf: "pass two.example", want: "none ", spfOK: true},
		"several records: the walk goes on":         {from: "twobelow.parent.example", want: "fail reject"},
		"a record beside other text":                {from: "beside.example", want: "fail reject"},
		"no valid policy":                           {from: "void.example", dkim: "pass void.example", want: "none ", dkimOK: "y"},
		"no valid policy, but reports are read":     {from: "watched.example", want: "fail none"},
		"SPF at _dmarc":                             {from: "spf1.example", want: "none "},
		"an alias":                                  {from: "alias.example", want: "fail reject"},
		"RFC 7489 record":                           {from: "old.example", want: "fail quarantine"},
		"IDN":                                       {from: "xn--bcher-kva.example", dkim: "pass mail.xn--bcher-kva.example", want: "pass reject", dkimOK: "y"},
		"several signatures, the last counts":       {from: "example.com", dkim: "pass list.test,fail example.com,pass example.com", want: "pass reject", dkimOK: "nny"},
		"results other than pass":                   {from: "example.com", spf: "softfail example.com", dkim: "neutral example.com,policy example.com,permerror example.com", want: "fail reject", dkimOK: "nnn"},
		"look-alikes":                               {from: "example.com", spf: "pass badexample.com", dkim: "pass example.com.evil.test,pass com", want: "fail reject", dkimOK: "nn"},
		"the null sender's HELO is aligned":         {from: "example.com", spf: "pass mx.example.com", want: "pass reject", spfOK: true},
		"nothing to judge by":                       {from: "example.com", want: "fail reject"},
		"no record: relaxed by the public suffixes": {from: "news.plain.co.uk", spf: "pass plain.co.uk", dkim: "pass other.co.uk", want: "none ", spfOK: true, dkimOK: "n", org: "plain.co.uk"},
		"no record: neighbours":                     {from: "a.github.io", dkim: "pass b.github.io", want: "none ", dkimOK: "n", org: "a.github.io"},
		"DNS failed for the From domain":            {from: "broken.example", spf: "pass broken.example", want: "temperror ", spfOK: true},
		"DNS failed above":                          {from: "half.broken.example", want: "temperror "},
		"SPF could not be checked":                  {from: "example.com", spf: "temperror example.com", want: "temperror reject"},
		"DKIM could not be checked":                 {from: "example.com", dkim: "temperror mail.example.com", want: "temperror reject", dkimOK: "n"},
		"another's DKIM could not be checked":       {from: "example.com", dkim: "temperror example.net", want: "fail reject", dkimOK: "n"},
		"one could not be checked, one passed":      {from: "example.com", spf: "temperror example.com", dkim: "pass example.com", want: "pass reject", dkimOK: "y"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			walker := dmarc.NewWalker(resolver)
			var signatures []desk.Method
			for words := range strings.SplitSeq(tc.dkim, ",") {
				if words != "" {
					signatures = append(signatures, method(words))
				}
			}
			got := walker.Judge(t.Context(), walker.Author(t.Context(), tc.from), method(tc.spf), signatures)
			if words := string(got.DMARC.Result) + " " + got.DMARC.Policy; words != tc.want {
				t.Errorf("got %q (%s), want %q", words, got.DMARC.Reason, tc.want)
			}
			aligned := ""
			for _, signature := range got.DKIM {
				aligned += map[bool]string{true: "y", false: "n"}[signature.Aligned]
			}
			if got.SPF.Aligned != tc.spfOK || aligned != tc.dkimOK {
				t.Errorf("aligned: SPF %v, DKIM %q, want %v, %q", got.SPF.Aligned, aligned, tc.spfOK, tc.dkimOK)
			}
			if tc.org != "" && got.Organization != tc.org {
				t.Errorf("organization %s, want %s", got.Organization, tc.org)
			}
			if got.DMARC.Domain != tc.from || got.DMARC.Reason == "" {
				t.Errorf("no domain or reason: %+v", got.DMARC)
			}
		})
	}
}

// A name above that gives no answer must not undo what the domain's own record and an exact pass settle.
func TestOwnRecordSettles(t *testing.T) {
	t.Parallel()
	server := testkit.DNS(t, `_dmarc.mail.shop.example. TXT "v=DMARC1; p=reject"`)
	server.Fail("_dmarc.shop.example")
	resolver := domains.NewResolver([]string{server.Addr}, time.Second)
	for name, tc := range map[string]struct {
		spf  string
		want desk.Result
	}{
		"exact pass":                {"pass mail.shop.example", desk.ResultPass},
		"nothing passed":            {"fail mail.shop.example", desk.ResultFail},
		"pass of a relative":        {"pass shop.example", desk.ResultTempError},
		"its SPF not to be checked": {"temperror mail.shop.example", desk.ResultTempError},
	} {
		walker := dmarc.NewWalker(resolver)
		got := walker.Judge(t.Context(), walker.Author(t.Context(), "mail.shop.example"), method(tc.spf), nil)
		if got.DMARC.Result != tc.want {
			t.Errorf("%s: %+v, want %s", name, got.DMARC, tc.want)
		}
	}
}

// However many signatures a mail carries, it makes us ask for 8 names more than its From domain needs.
func TestLookupsAreBounded(t *testing.T) {
	t.Parallel()
	server := testkit.DNS(t, `_dmarc.example.com. TXT "v=DMARC1; p=reject"`)
	resolver := domains.NewResolver([]string{server.Addr}, time.Second)
	walker := dmarc.NewWalker(resolver)
	var signatures []desk.Method
	names := []string{"_dmarc.example.com", "_dmarc.com"}
	for _, label := range strings.Fields("a b c d e f g h i j") {
		domain := label + ".1.2.3.4." + label + ".example.com"
		signatures = append(signatures, desk.Method{Result: desk.ResultPass, Domain: domain})
		for _, name := range dmarc.Names(domain) {
			names = append(names, "_dmarc."+name)
		}
	}
	got := walker.Judge(t.Context(), walker.Author(t.Context(), "example.com"), desk.Method{}, signatures)
	if got.DMARC.Result != desk.ResultPass || !got.DKIM[0].Aligned || got.DKIM[9].Aligned {
		t.Errorf("%+v", got)
	}
	asked, seen := 0, map[string]bool{}
	for _, name := range names {
		if !seen[name] {
			asked += server.Asked(name)
		}
		seen[name] = true
	}
	if asked > 2+8 {
		t.Errorf("%d questions, want at most 10", asked)
	}
}

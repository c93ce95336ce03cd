package compare

import (
	"bytes"
	"crypto"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	msgauth "github.com/emersion/go-msgauth/dkim"

	"postern/desk"
	"postern/domains"
	"postern/internal/testkit"
	"postern/mailauth"
)

// policyCase is a mail whose From domain has a policy, and what else there is in the DNS about it.
type policyCase struct {
	from, sender, signer string
	records              [][2]string // name and text of TXT records
	broken               bool        // the signature
	about                []string
}

// tags says whether a kind of record tag is in use.
var policyTags = []struct{ tag, about string }{
	{"np=reject", "np="}, {"np=none", "np="}, {"t=y", "t=y"}, {"psd=n", "psd=n"}, {"psd=u", ""}, {"adkim=s", ""}, {"aspf=s", ""}, {"adkim=s; aspf=s", ""}, {"pct=0", "pct="}, {"pct=100", ""},
	{"adkim=x", "bad mode"}, {"sp=reject", ""}, {"sp=none", ""}, {"sp=quarantine", ""}, {"sp=block", "bad policy"}, {"rua=mailto:dmarc@reports.example", "rua"}, {"x-other=1", ""}, {"fo=1; ri=3600; rf=afrf", ""},
}

// policyRecord makes up a DMARC record.
func (c *policyCase) policyRecord(r *mathrand.Rand) string {
	record := "v=DMARC1; "
	switch r.IntN(24) {
	case 0:
		record += "p=block"
		c.about = append(c.about, "bad policy")
	case 1:
		record += "p=Reject"
	case 2:
		c.about = append(c.about, "no p=")
		record += "fo=0"
	default:
		record += "p=" + some(r, "none", "quarantine", "reject", "reject")
	}
	for range r.IntN(3) {
		extra := some(r, policyTags...)
		if name, _, _ := strings.Cut(extra.tag, "="); !strings.Contains(record, "; "+name+"=") {
			record, c.about = record+"; "+extra.tag, append(c.about, extra.about)
		}
	}
	return record
}

// policyOfMail makes up the i-th case.
func policyOfMail(r *mathrand.Rand, i int) policyCase {
	org := fmt.Sprintf("org%d.example", i)
	other := fmt.Sprintf("foreign%d.example", i)
	c := policyCase{from: some(r, org, org, "sub."+org, "sub."+org, "deep.sub."+org), broken: r.IntN(3) == 0}
	if r.IntN(5) > 0 {
		c.records = append(c.records, [2]string{"_dmarc." + org, c.policyRecord(r)})
	}
	if r.IntN(4) == 0 {
		c.records = append(c.records, [2]string{"_dmarc.sub." + org, c.policyRecord(r)})
		c.about = append(c.about, "record below")
	}
	switch r.IntN(24) {
	case 0:
		c.records = append(c.records, [2]string{"_dmarc." + org, "v=DMARC1; p=none"})
		c.about = append(c.about, "two records")
	case 1:
		c.records = append(c.records, [2]string{"_dmarc." + org, "something else"})
	}
	near := []string{org, "sub." + org, "deep.sub." + org, "news." + org, c.from, other, other}
	c.sender, c.signer = some(r, near...), some(r, near...)
	c.records = append(c.records, [2]string{c.sender, some(r, "v=spf1 ip4:192.0.2.1 -all", "v=spf1 -all", "v=spf1 -all", "v=spf1 a:failing.example -all")})
	for _, name := range []string{org, "sub." + org} {
		if r.IntN(3) > 0 && name != c.sender {
			c.records = append(c.records, [2]string{name, "this domain exists"})
		}
	}
	return c
}

func (c policyCase) mail(t *testing.T, keys *keyring) []byte {
	t.Helper()
	text := fmt.Sprintf("From: Anna <anna@%s>\r\nTo: help@desk.example\r\nSubject: policy\r\nDate: %s\r\nMessage-ID: <1@%s>\r\n\r\nHello\r\n", c.from, time.Now().Format(time.RFC1123Z), c.from)
	var out bytes.Buffer
	err := msgauth.Sign(&out, strings.NewReader(text), &msgauth.SignOptions{Domain: c.signer, Selector: "r1024", Signer: crypto.Signer(keys.rsa)})
	if err != nil {
		t.Fatal(err)
	}
	if c.broken {
		out.WriteString("PS\r\n")
	}
	return out.Bytes()
}

// policyWords is what came of a mail, in our words and in those of rspamd.
func policyWords(m desk.Method) string {
	if m.Result == desk.ResultFail {
		return "fail, " + m.Policy
	}
	return string(m.Result)
}

func (s symbols) policy() (words, symbol string) {
	for _, one := range [][2]string{
		{"DMARC_POLICY_ALLOW", "pass"}, {"DMARC_POLICY_REJECT", "fail, reject"}, {"DMARC_POLICY_QUARANTINE", "fail, quarantine"}, {"DMARC_POLICY_SOFTFAIL", "fail, none"},
		{"DMARC_NA", "none"}, {"DMARC_BAD_POLICY", "none"}, {"DMARC_DNSFAIL", "temperror"},
	} {
		if s.has(one[0]) {
			return one[1], one[0] + fmt.Sprint(s[one[0]])
		}
	}
	return "nothing", fmt.Sprint(s)
}

// T-AUTH: of mails from domains with made-up policies, rspamd says what we say, where RFC 9989 left what RFC 7489 said.
func TestCompareDMARC(t *testing.T) {
	s := compareScale()
	sum := newTally(t, s, policyDifferences)
	keys := newKeyring(t)
	r := mathrand.New(mathrand.NewPCG(9989, 7489))
	cases := make([]policyCase, s.policies)
	var zone strings.Builder
	for i := range cases {
		cases[i] = policyOfMail(r, i)
		for _, record := range cases[i].records {
			fmt.Fprintf(&zone, "%s. TXT %s\n", record[0], quoted(record[1]))
		}
		fmt.Fprintf(&zone, "r1024._domainkey.%s. TXT %s\n", cases[i].signer, quoted("v=DKIM1; p="+keys.public["rsa1024"]))
	}
	server := testkit.DNS(t, zone.String())
	server.Fail("failing.example")
	checker := mailauth.Checker{Resolver: domains.NewResolver([]string{server.Addr}, 5*time.Second), Hostname: "mx.desk.example"}
	program := startScanner(t, server.Addr)
	each(len(cases), func(i int) {
		c := cases[i]
		mail := c.mail(t, keys)
		e := envelope{IP: "192.0.2.1", Sender: "bounce@" + c.sender, Helo: "mail." + c.sender}
		found, err := program.scan(t.Context(), mail, e)
		if err != nil {
			t.Error(err)
			return
		}
		raw := io.NewSectionReader(bytes.NewReader(mail), 0, int64(len(mail)))
		ours := checker.Check(t.Context(), desk.Envelope{RemoteIP: netip.MustParseAddr(e.IP), Helo: e.Helo, MailFrom: e.Sender}, raw)
		theirs, symbol := found.policy()
		question := fmt.Sprintf("From %s, sent by %s, signed by %s, broken %v; organization %s\n%q\nours: %s %s, %+v", c.from, c.sender, c.signer, c.broken, ours.Org, c.records, ours.SPF.Result, ours.SPF.Reason, ours.DKIM)
		sum.add(comparison{who: rspamd, ours: policyWords(ours.DMARC), theirs: theirs, reason: ours.DMARC.Reason, said: symbol, about: c.about, question: question})
	})
	t.Logf("%d mails with policies", len(cases))
	sum.close()
}

// any says whether one of these is special about the question.
func (c comparison) any(words ...string) bool {
	return slices.ContainsFunc(words, func(word string) bool { return slices.Contains(c.about, word) })
}

// policyDifferences are all between us and rspamd about DMARC.
var policyDifferences = []difference{
	{"policies that are none", []string{rspamd}, "Without a valid `p=`, or with an invalid `sp=` or `np=`, a record counts as `p=none` if somebody reads reports, and DMARC does not apply otherwise (RFC 9989 §4.10.1). rspamd takes a missing `p=` for none, reads `sp=` only where it needs it, and gives up otherwise.", func(c comparison) bool { return c.any("no p=", "bad policy") }},
	{"invalid values of other tags", []string{rspamd}, "What a record says wrongly counts as not said (RFC 9989 §4.8). rspamd gives up on `adkim=x`.", func(c comparison) bool { return c.has("bad mode") && strings.Contains(c.said, "adkim") }},
	{"two records", []string{rspamd}, "Several at one name are none, and the walk goes on above it (RFC 9989 §4.10). rspamd gives up.", func(c comparison) bool { return c.has("two records") && strings.Contains(c.said, "Multiple") }},
	{"t=y of a policy", []string{rspamd}, "The policy is applied one step weaker (RFC 9989 §4.7). rspamd does not know the tag.", bothFail("t=y")},
	{"pct=", []string{rspamd}, "RFC 9989 took it away. rspamd applies `pct=0` as RFC 7489 §6.6.4 wants it.", bothFail("pct=")},
	{"np=", []string{rspamd}, "It is the policy for names that do not exist (RFC 9989 §4.7). rspamd does not know the tag.", bothFail("np=")},
	{"records between", []string{rspamd}, "The walk finds records between the From domain and the registered one (RFC 9989 §4.10), and they may make an organizational domain of their own, with `psd=n` or where nothing is published above. rspamd asks the From domain and the one below the public suffix.", func(c comparison) bool { return c.any("record below", "psd=n") }},
}

// bothFail is a difference about what to do with a mail that fails.
func bothFail(word string) func(comparison) bool {
	return func(c comparison) bool {
		return c.has(word) && strings.HasPrefix(c.ours, "fail") && strings.HasPrefix(c.theirs, "fail")
	}
}

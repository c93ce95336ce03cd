package mailauth_test

import (
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"postern/desk"
	"postern/domains"
	"postern/internal/testkit"
	"postern/mailauth"
	"postern/mailauth/authres"
)

func zone() string {
	s := newSigner()
	return s.record("s1", "customer.example") + s.record("s1", "list.example") + s.record("s1", "forwarder.example") + s.record("s1", "plain.example") + `
customer.example. TXT "v=spf1 ip4:192.0.2.1 -all"
mx.customer.example. TXT "v=spf1 a -all"
mx.customer.example. A 192.0.2.1
1.2.0.192.in-addr.arpa. PTR mx.customer.example.
_dmarc.customer.example. TXT "v=DMARC1; p=reject"
plain.example. TXT "v=spf1 ip4:192.0.2.1 -all"
list.example. TXT "v=spf1 ip4:192.0.2.7 -all"
bücher.example. TXT "unused"
xn--bcher-kva.example. TXT "v=spf1 ip4:192.0.2.1 -all"
_dmarc.xn--bcher-kva.example. TXT "v=DMARC1; p=quarantine"
`
}

const letter = "From: Anna <anna@customer.example>\r\nTo: help@desk.example\r\nSubject: Hello\r\nDate: Sun, 22 Nov 2026 21:00:00 +0000\r\n\r\nThe printer burns.\r\n"

func direct() desk.Envelope {
	return desk.Envelope{Source: desk.FromSMTP, RemoteIP: netip.MustParseAddr("192.0.2.1"), Helo: "mx.customer.example", MailFrom: "anna@customer.example"}
}

func forwarded() desk.Envelope {
	return desk.Envelope{Source: desk.FromSMTP, RemoteIP: netip.MustParseAddr("192.0.2.7"), Helo: "mx.list.example", MailFrom: "bounce@list.example"}
}

func newChecker(t testing.TB, server *testkit.DNSServer, sealers ...string) *mailauth.Checker {
	t.Helper()
	return &mailauth.Checker{
		Resolver: domains.NewResolver([]string{server.Addr}, time.Second), Hostname: "mail.desk.example",
		Sealers: func() []string { return sealers },
	}
}

// summary is a verdict in words: 'iprev helo spf dkim[,dkim] dmarc arc', and whether it proves the sender.
func summary(v desk.Verdict) string {
	signatures := []string{}
	for _, signature := range v.DKIM {
		signatures = append(signatures, string(signature.Result))
	}
	words := []string{string(v.IPRev.Result), string(v.Helo.Result), string(v.SPF.Result), strings.Join(signatures, ","), string(v.DMARC.Result), string(v.ARC.Result)}
	if v.Verified(v.From != "") {
		words = append(words, "verified")
	}
	return strings.Join(words, " ")
}

func TestT_AUTH(t *testing.T) {
	t.Parallel()
	server := testkit.DNS(t, zone())
	checker := newChecker(t, server)
	s := newSigner()
	signed := s.sign(t, "customer.example", letter)
	changed := strings.Replace(signed, "burns", "explodes", 1)
	plain := strings.ReplaceAll(letter, "customer.example", "plain.example")
	idn := strings.ReplaceAll(letter, "customer.example", "bücher.example")
	null, nobody, loopback, literal, idnSender := direct(), desk.Envelope{Source: desk.FromFile}, direct(), direct(), direct()
	null.MailFrom = ""
	loopback.RemoteIP = netip.MustParseAddr("127.0.0.1")
	literal.Helo = "[192.0.2.1]"
	idnSender.MailFrom = "jürgen@bücher.example"
	for name, tc := range map[string]struct {
		env  desk.Envelope
		mail string
		want string
	}{
		"everything passes":                     {direct(), signed, "pass pass pass pass pass none verified"},
		"SPF alone":                             {direct(), letter, "pass pass pass  pass none verified"},
		"DKIM alone, forwarded":                 {forwarded(), signed, "permerror none pass pass pass none verified"},
		"forwarded and changed":                 {forwarded(), changed, "permerror none pass fail fail none"},
		"a stranger":                            {forwarded(), letter, "permerror none pass  fail none"},
		"signed by another":                     {forwarded(), s.sign(t, "list.example", letter), "permerror none pass pass fail none"},
		"null sender, HELO of the organization": {null, letter, "pass pass pass  pass none verified"},
		"no DMARC: SPF aligned":                 {env(direct(), "anna@plain.example"), plain, "pass pass pass  none none verified"},
		"no DMARC: DKIM aligned":                {forwarded(), s.sign(t, "plain.example", plain), "permerror none pass pass none none verified"},
		"no DMARC: nothing aligned":             {forwarded(), plain, "permerror none pass  none none"},
		"from a file, signed":                   {nobody, signed, "none none none pass pass none verified"},
		"from a file":                           {nobody, letter, "none none none  fail none"},
		"from this machine":                     {loopback, letter, "none none none  fail none"},
		"HELO is an address":                    {literal, letter, "pass none pass  pass none verified"},
		"U-labels everywhere":                   {idnSender, idn, "pass pass pass  pass none verified"},
		// mail.md, pitfall 12: a signature holds for a mail with a From more
		"From put in front":        {direct(), "From: ceo@customer.example\r\n" + signed, "pass pass pass pass none none"},
		"From put behind":          {direct(), strings.Replace(signed, "\r\n\r\n", "\r\nFrom: ceo@customer.example\r\n\r\n", 1), "pass pass pass fail none none"},
		"two addresses":            {direct(), strings.Replace(letter, "Anna <", "Ceo <ceo@bank.example>, Anna <", 1), "pass pass pass  none none"},
		"no From":                  {direct(), "Subject: x\r\n\r\ny\r\n", "pass pass pass  none none"},
		"its own results":          {forwarded(), "Authentication-Results: mail.desk.example; dmarc=pass header.from=customer.example\r\n" + letter, "permerror none pass  fail none"},
		"an empty mail":            {direct(), "", "pass pass pass  none none"},
		"a header that never ends": {direct(), letter[:60] + strings.Repeat("x", 300<<10), "pass pass pass permerror none fail"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			verdict := checker.Check(t.Context(), tc.env, section(tc.mail))
			if got := summary(verdict); got != tc.want {
				t.Errorf("got  %q\nwant %q\n%+v", got, tc.want, verdict)
			}
			for _, method := range append([]desk.Method{verdict.IPRev, verdict.Helo, verdict.SPF, verdict.DMARC, verdict.ARC}, verdict.DKIM...) {
				if method.Reason == "" {
					t.Errorf("no reason: %+v", method)
				}
			}
			if _, err := authres.Parse(strings.TrimPrefix(authres.Format("mail.desk.example", verdict), authres.Name+":")); err != nil {
				t.Error(err)
			}
		})
	}
}

func env(e desk.Envelope, mailFrom string) desk.Envelope {
	e.MailFrom = mailFrom
	return e
}

// T-AUTH, T-DMARC: what forwarding broke is made up for by a forwarder who is trusted, and by nobody else.
func TestT_AUTH_Rescue(t *testing.T) {
	t.Parallel()
	server := testkit.DNS(t, zone())
	s := newSigner()
	changed := strings.Replace(s.sign(t, "customer.example", letter), "burns", "burns\r\n-- \r\nThe list", 1)
	found := "mx.list.example; spf=pass smtp.mailfrom=anna@customer.example; dmarc=pass (p=REJECT) header.from=customer.example"
	one := s.seal(t, 1, seal{sealer: "list.example", results: found}, changed)
	two := s.seal(t, 2, seal{sealer: "forwarder.example", results: "mx.forwarder.example; dmarc=fail header.from=customer.example; arc=pass"}, one)
	says := func(results string) string {
		return s.seal(t, 1, seal{sealer: "list.example", results: "mx.list.example; " + results}, changed)
	}
	for name, tc := range map[string]struct {
		mail    string
		sealers string
		want    string
	}{
		"trusted":                          {one, "list.example", "list.example"},
		"trusted, written otherwise":       {one, " LIST.example.", "list.example"},
		"not trusted":                      {one, "", ""},
		"another is trusted":               {one, "forwarder.example", ""},
		"the parent is trusted":            {one, "example", ""},
		"both trusted":                     {two, "forwarder.example list.example", "list.example"},
		"only the newest trusted":          {two, "forwarder.example", ""},
		"only the oldest trusted":          {two, "list.example", ""},
		"changed after the seal":           {strings.Replace(one, "The list", "The thief", 1), "list.example", ""},
		"another From since":               {strings.Replace(one, "anna@customer", "ceo@customer", 1), "list.example", ""},
		"From not sealed":                  {s.seal(t, 1, seal{sealer: "list.example", results: found, signs: "To:Subject"}, changed), "list.example", ""},
		"two From":                         {s.seal(t, 1, seal{sealer: "list.example", results: found, signs: "From:From:To"}, "From: ceo@customer.example\r\n"+changed), "list.example", ""},
		"it failed there too":              {says("dmarc=fail header.from=customer.example; spf=pass smtp.mailfrom=customer.example"), "list.example", ""},
		"passed and failed":                {says("dmarc=pass header.from=customer.example; dmarc=fail header.from=customer.example"), "list.example", ""},
		"passed for another":               {says("dmarc=pass header.from=list.example; spf=pass smtp.mailfrom=customer.example"), "list.example", ""},
		"passed for nobody":                {says("dmarc=pass"), "list.example", ""},
		"passed for two":                   {says("dmarc=pass header.from=customer.example header.from=list.example"), "list.example", ""},
		"a stranger's words":               {says(`dmarc=fail reason="x; dmarc=pass header.from=customer.example" header.from=customer.example`), "list.example", ""},
		"unreadable":                       {says(`dmarc=pass header.from=customer.example; "`), "list.example", ""},
		"no DMARC: SPF aligned":            {says("spf=pass smtp.mailfrom=anna@mail.customer.example"), "list.example", "list.example"},
		"no DMARC: DKIM aligned":           {says("dkim=fail header.d=x.example; dkim=pass header.d=customer.example"), "list.example", "list.example"},
		"no DMARC: DKIM aligned, by i=":    {says("dmarc=none; dkim=pass header.i=@customer.example header.s=s1 header.b=x/y="), "list.example", "list.example"},
		"no DMARC: nothing aligned":        {says("spf=pass smtp.mailfrom=customer.example.evil.test; dkim=pass header.d=list.example"), "list.example", ""},
		"no DMARC: HELO is not the sender": {says("spf=pass smtp.helo=customer.example"), "list.example", ""},
		"says nothing":                     {says("none"), "list.example", ""},
		"DMARC passes anyway: not needed":  {s.seal(t, 1, seal{sealer: "list.example", results: found}, s.sign(t, "customer.example", letter)), "list.example", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			verdict := newChecker(t, server, strings.Fields(tc.sealers)...).Check(t.Context(), forwarded(), section(tc.mail))
			if verdict.Rescued != tc.want {
				t.Errorf("rescued by %q, want %q\n%+v", verdict.Rescued, tc.want, verdict)
			}
			if passes := verdict.DMARC.Result == desk.ResultPass; verdict.Verified(verdict.From != "") != (tc.want != "" || passes) {
				t.Errorf("verified: %+v", verdict)
			}
		})
	}
	checker := newChecker(t, server)
	checker.Sealers = nil
	if verdict := checker.Check(t.Context(), forwarded(), section(one)); verdict.Rescued != "" || verdict.ARC.Result != desk.ResultPass {
		t.Errorf("nobody is trusted: %+v", verdict)
	}
}

// A DNS that does not answer makes nothing true, nothing false, nobody wait, and leaves nothing behind. Not parallel: it counts goroutines.
func TestT_AUTH_WithoutDNS(t *testing.T) {
	server := testkit.DNS(t, zone())
	for _, name := range []string{
		"customer.example", "mx.customer.example", "_dmarc.customer.example", "_dmarc.example", "s1._domainkey.customer.example", "s1._domainkey.list.example",
		"1.2.0.192.in-addr.arpa",
	} {
		server.Mute(name)
	}
	s := newSigner()
	mail := s.seal(t, 1, seal{sealer: "list.example", results: "mx.list.example; dmarc=pass header.from=customer.example"}, s.sign(t, "customer.example", letter))
	checker := newChecker(t, server, "list.example")
	checker.Timeout = 100 * time.Millisecond
	checker.Resolver = domains.NewResolver([]string{server.Addr}, 200*time.Millisecond)
	before := runtime.NumGoroutine()
	for range 5 {
		checker.Check(t.Context(), direct(), section(mail))
	}
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before+2; time.Sleep(20 * time.Millisecond) { // two, for those of the name server
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
	checker.Resolver = domains.NewResolver([]string{server.Addr}, 10*time.Second)
	began := time.Now()
	verdict := checker.Check(t.Context(), direct(), section(mail))
	if took := time.Since(began); took > 8*time.Second { // far above Timeout, for a machine under load; below the 10 s of one question
		t.Errorf("it took %v", took)
	}
	if got, want := summary(verdict), "temperror temperror temperror temperror temperror temperror"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Nothing that a mail says about itself makes it verified, least of all where nobody can be asked.
func TestNobodyToAsk(t *testing.T) {
	t.Parallel()
	var checker mailauth.Checker
	verdict := checker.Check(t.Context(), direct(), section("Authentication-Results: mail.desk.example; dmarc=pass header.from=customer.example\r\n"+letter))
	if got := summary(verdict); got != "none none none  none none" || verdict.From != "" {
		t.Errorf("%q: %+v", got, verdict)
	}
}

func BenchmarkCheck(b *testing.B) {
	server := testkit.DNS(b, zone())
	checker := newChecker(b, server)
	mail := newSigner().sign(b, "customer.example", letter+strings.Repeat("The printer burns, and we have poured water over it.\r\n", 70))
	if got := summary(checker.Check(b.Context(), direct(), section(mail))); got != "pass pass pass pass pass none verified" {
		b.Fatal(got)
	}
	b.SetBytes(int64(len(mail)))
	b.ReportAllocs()
	for b.Loop() {
		checker.Check(b.Context(), direct(), section(mail))
	}
}

package authres_test

import (
	"strings"
	"testing"

	"postern/desk"
	"postern/mailauth/authres"
)

func TestFormat(t *testing.T) {
	t.Parallel()
	verdict := desk.Verdict{
		From: "example.com", Org: "example.com",
		IPRev: desk.Method{Result: desk.ResultPass, Identity: "2001:db8::1", Domain: "mx.example.com", Reason: "2001:db8::1 is mx.example.com, and the other way round"},
		Helo:  desk.Method{Result: desk.ResultNone, Identity: "mx.example.com", Reason: "no SPF record"},
		SPF:   desk.Method{Result: desk.ResultPass, Domain: "example.com", Identity: "anna@example.com", Reason: "matched mx of example.com"},
		DKIM: []desk.Method{
			{Result: desk.ResultPass, Domain: "example.com", Identity: "@example.com", Selector: "s1", Algorithm: "rsa-sha256", Bits: 2048},
			{Result: desk.ResultFail, Domain: "list.example", Identity: "jürgen (x)@list.example", Selector: "s2", Algorithm: "ed25519-sha256", Reason: "the body was changed"},
		},
		DMARC: desk.Method{Result: desk.ResultPass, Domain: "example.com", Policy: "reject", Reason: "SPF passed"},
		ARC:   desk.Method{Result: desk.ResultPass, Domain: "list.example", Selector: "a1"},
	}
	want := strings.ReplaceAll(`Authentication-Results: mail.desk.example;
	iprev=pass (2001:db8::1 is mx.example.com, and the other way round)
	policy.iprev="2001:db8::1";
	spf=none (no SPF record) smtp.helo=mx.example.com;
	spf=pass (matched mx of example.com) smtp.mailfrom=anna@example.com;
	dkim=pass (2048-bit key) header.d=example.com header.i=@example.com
	header.s=s1 header.a=rsa-sha256;
	dkim=fail (the body was changed) header.d=list.example
	header.i="jürgen (x)@list.example" header.s=s2
	header.a=ed25519-sha256;
	dmarc=pass (SPF passed) header.from=example.com policy.dmarc=reject;
	arc=pass header.d=list.example header.s=a1
`, "\n", "\r\n")
	if got := authres.Format("mail.desk.example", verdict); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	unchecked := authres.Format("mail.desk.example", desk.Unchecked("not (asked)"))
	if !strings.Contains(unchecked, `dmarc=none (not \(asked\))`) || strings.Contains(unchecked, "header.") {
		t.Errorf("unchecked:\n%s", unchecked)
	}
	rescued := authres.Format("mail.desk.example", desk.Verdict{ARC: desk.Method{Result: desk.ResultPass}, Rescued: "list.example"})
	if !strings.Contains(rescued, "arc=pass (trusted sealer list.example)") {
		t.Errorf("rescued:\n%s", rescued)
	}
}

// hostile is what a stranger can put into names, addresses and tags (mail.md, pitfall 9).
func hostile() []string {
	return []string{
		"a\r\nX-Injected: yes", "a\rb", "a\nb", "a\x00b", "a\x7fb", "a\u0085b", "a\u2028b", "a\xffb",
		`a\`, `a"`, `a"; dmarc=pass header.from="bank.example`, `a\"; dmarc=pass`, "a; dmarc=pass header.from=bank.example", "(", ")", `\)`, "a) ; dmarc=pass (",
		"", " ", "=", "@", "\t", strings.Repeat("x", 5000), strings.Repeat("é", 3000), strings.Repeat(`"`, 3000), strings.Repeat("( ", 3000),
	}
}

func TestFormatLetsNothingOut(t *testing.T) {
	t.Parallel()
	for _, text := range hostile() {
		checkFormat(t, "mail.desk.example", text, text)
	}
}

// checkFormat puts text in every place and expects a sound field that reads back to what was meant.
func checkFormat(t *testing.T, authserv, text, reason string) {
	t.Helper()
	method := desk.Method{Result: desk.ResultFail, Domain: text, Identity: text, Selector: text, Algorithm: text, Policy: text, Reason: reason, Bits: 1024}
	verdict := desk.Verdict{From: text, IPRev: method, Helo: method, SPF: method, DKIM: []desk.Method{method, method}, DMARC: method, ARC: method}
	field := authres.Format(authserv, verdict)
	body, whole := strings.CutSuffix(field, "\r\n")
	if !whole || !strings.HasPrefix(body, authres.Name+": ") {
		t.Fatalf("no whole field: %q", field)
	}
	for i, line := range strings.Split(body, "\r\n") {
		if i > 0 && !strings.HasPrefix(line, "\t") || len(line) > 998 || strings.TrimSpace(line) == "" {
			t.Fatalf("line %d of %q: %q", i, text, line)
		}
		if strings.ContainsFunc(line[min(i, 1):], func(r rune) bool { return r < ' ' || r == 0x7F || r == '\uFFFD' && !strings.Contains(text, "\uFFFD") }) {
			t.Fatalf("line %d of %q has control characters: %q", i, text, line)
		}
	}
	read, err := authres.Parse(strings.TrimPrefix(body, authres.Name+":"))
	if err != nil {
		t.Fatalf("%q: %v\n%s", text, err, field)
	}
	if read.AuthServ != authserv || len(read.Results) != 7 {
		t.Fatalf("%q became %s", text, dump(read))
	}
	for i, want := range []string{"iprev", "spf", "spf", "dkim", "dkim", "dmarc", "arc"} {
		if got := read.Results[i]; got.Method != want || got.Value != desk.ResultFail || got.Reason != "" || len(got.Props) > 4 {
			t.Fatalf("%q became %s", text, dump(read))
		}
	}
	from, _ := read.Results[5].Prop("header", "from")
	policy, _ := read.Results[5].Prop("policy", "dmarc")
	if from != policy || len(from) > 320 || plainText(text) && from != text {
		t.Errorf("%q was written as %q", text, from)
	}
}

// plainText says whether nothing in text has to be changed.
func plainText(text string) bool {
	return len(text) <= 320 && !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' })
}

func TestFormatIsBounded(t *testing.T) {
	t.Parallel()
	method := desk.Method{Result: desk.ResultFail, Domain: strings.Repeat("x", 9000), Identity: strings.Repeat("(", 9000), Selector: strings.Repeat("s", 9000), Algorithm: strings.Repeat("a", 9000), Reason: strings.Repeat("( ", 9000)}
	verdict := desk.Verdict{DKIM: make([]desk.Method, 1000)}
	for i := range verdict.DKIM {
		verdict.DKIM[i] = method
	}
	if field := authres.Format("mail.desk.example", verdict); len(field) > 64<<10 {
		t.Errorf("%d octets", len(field))
	}
}

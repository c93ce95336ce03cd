package mailauth

import (
	"io"
	"strings"
	"testing"

	"postern/mailauth/canon"
)

func authorOf(mail string) author {
	return readAuthor(canon.Read(io.NewSectionReader(strings.NewReader(mail), 0, int64(len(mail)))))
}

func TestAuthor(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ header, want string }{
		"bare":                         {"From: anna@example.com", "example.com"},
		"with a name":                  {"From: Anna Example <anna@example.com>", "example.com"},
		"quoted name":                  {`From: "Example, Anna; (x): <y>" <anna@example.com>`, "example.com"},
		"encoded name":                 {"From: =?iso-8859-1?q?J=FCrgen?= <j@example.com>", "example.com"},
		"name in an unknown charset":   {"From: =?x-nobody?b?Zm9v?= <j@example.com>", "example.com"},
		"name in raw Latin-1":          {"From: \"J\xfcrgen\" <j@example.com>", "example.com"},
		"encoded name like an address": {"From: =?utf-8?q?a=40bank=2Eexample?= <b@evil.example>", "evil.example"},
		"name like an address":         {`From: "a@bank.example" <b@evil.example>`, "evil.example"},
		"comment like an address":      {"From: b@evil.example (a@bank.example)", "evil.example"},
		"folded":                       {"From:\r\n\tAnna\r\n <anna@example.com>", "example.com"},
		"capitals":                     {"FROM: Anna@Example.COM", "example.com"},
		"space before the colon":       {"From : anna@example.com", "example.com"},
		"quoted local part":            {`From: "a@b"@example.com`, "example.com"},
		"IDN":                          {"From: j@bücher.example", "xn--bcher-kva.example"},
		"A-labels":                     {"From: j@XN--Bcher-kva.example", "xn--bcher-kva.example"},
		"bare line feeds":              {"To: x\nFrom: anna@example.com\nSubject: y", "example.com"},
		"mbox line":                    {"From anna@other.example Mon Nov 22 21:00:00 2026\r\nFrom: anna@example.com", "example.com"},
		// mail.md, pitfall 12
		"two fields":                    {"From: a@bank.example\r\nFrom: b@evil.example", ""},
		"two, one hidden":               {"From: a@bank.example\r\nSubject: x\r\nfrom : b@evil.example", ""},
		"two, with line feeds":          {"From: a@bank.example\nFrom: b@evil.example", ""},
		"the same twice":                {"From: a@example.com\r\nFrom: a@example.com", ""},
		"none":                          {"To: a@example.com", ""},
		"empty":                         {"From:", ""},
		"empty angle brackets":          {"From: MAILER-DAEMON <>", ""},
		"two addresses":                 {"From: a@example.com, b@example.com", ""},
		"same address twice":            {"From: a@example.com, a@example.com", ""},
		"a group":                       {"From: Team: a@example.com;", ""},
		"an empty group":                {"From: undisclosed:;", ""},
		"a group of none and one after": {"From: x:;, a@example.com", ""},
		"two angles":                    {"From: <a@bank.example> <b@evil.example>", ""},
		"address then angle":            {"From: a@bank.example <b@evil.example>", ""},
		"a source route":                {"From: <@bank.example:b@evil.example>", ""},
		"address literal":               {"From: a@[192.0.2.1]", ""},
		"no domain":                     {"From: postmaster", ""},
		"empty label":                   {"From: a@example..com", ""},
		"NUL":                           {"From: a@bank.example\x00@evil.example", ""},
		"bare CR":                       {"From: a@bank.example\r, b@evil.example", ""},
		"open quote":                    {`From: "a <a@example.com>`, ""},
		"open comment":                  {"From: a@example.com (x", ""},
		"wrong IDN":                     {"From: a@b\xfccher.example", ""},
		"underlined full stop":          {"From: a@bank。example", "bank.example"},
		"too long a domain":             {"From: a@" + strings.Repeat("a.", 130) + "example", ""},
		"too long":                      {"From: " + strings.Repeat("x ", 5000) + "<a@example.com>", ""},
		"too long a header":             {"From: a@example.com\r\nX: " + strings.Repeat("x", 300<<10), ""},
		"too many fields":               {"From: a@example.com" + strings.Repeat("\r\nX: y", 1100), ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := authorOf(tc.header + "\r\n\r\nFrom: c@body.example\r\n")
			if got.domain != tc.want || (got.why == "") != (tc.want != "") {
				t.Errorf("got %+v, want %q", got, tc.want)
			}
		})
	}
	if got := authorOf("From: a@example.com"); got.domain != "example.com" {
		t.Errorf("a mail that is all header: %+v", got)
	}
	if got := authorOf(""); got.domain != "" || got.why == "" {
		t.Errorf("an empty mail: %+v", got)
	}
}

func TestSealsFrom(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]bool{
		"":                                      false,
		"ARC-Message-Signature: i=1; h=To:from": true,
		"ARC-Message-Signature: i=1; h=To\r\nARC-Message-Signature: i=2; h=From":  true,
		"ARC-Message-Signature: i=2; h=To\r\nARC-Message-Signature: i=1; h=From":  false,
		"ARC-Message-Signature: i=x; h=From\r\nARC-Message-Signature: garbage; ;": false,
	} {
		if got := authorOf("From: a@example.com\r\n" + header + "\r\n\r\n").sealed; got != want {
			t.Errorf("%q: %v", header, got)
		}
	}
}

// A mistake of ours costs the result of one method, and the mail is not lost.
func TestGuard(t *testing.T) {
	t.Parallel()
	method := broken()
	done := false
	run([]check{
		{&method.Reason, func() { var none []int; _ = none[3] }},
		{new(string), func() { done = true }},
	})
	if !done || !strings.HasPrefix(method.Reason, brokeOff+": runtime error") {
		t.Errorf("%+v, the other one done: %v", method, done)
	}
}

func FuzzFrom(f *testing.F) {
	for _, seed := range []string{
		"Anna <anna@example.com>", `"a@b" (c(d)) <e@f.example>`, "=?utf-8?q?=FC?= <j@bücher.example>", "Team: a@x.example, b@y.example;", "\r\n\ta@b.example\r\n (x)",
		"a@x.example\r\nFrom: b@y.example",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		got := authorOf("Subject: x\r\nFrom: " + value + "\r\n\r\n")
		if (got.domain == "") == (got.why == "") || got.domain != aLabels(got.domain) {
			t.Errorf("%q: %+v", value, got)
		}
		if twice := authorOf("From: " + value + "\r\nFrom: z@z.example\r\n\r\n"); twice.domain != "" && !strings.Contains(value, "\n") { // a line end may end the header
			t.Errorf("%q and another: %+v", value, twice)
		}
	})
}

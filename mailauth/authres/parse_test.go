package authres_test

import (
	"fmt"
	"strings"
	"testing"

	"postern/mailauth/authres"
)

// dump writes a field as 'id: method=result reason [type.name=value ...]'.
func dump(field authres.Field) string {
	var out strings.Builder
	out.WriteString(field.AuthServ + ":")
	for _, result := range field.Results {
		fmt.Fprintf(&out, " %s=%s", result.Method, result.Value)
		if result.Reason != "" {
			fmt.Fprintf(&out, " %q", result.Reason)
		}
		var props []string
		for _, p := range result.Props {
			props = append(props, strings.TrimPrefix(p.Type+"."+p.Name, ".")+"="+p.Value)
		}
		fmt.Fprint(&out, props)
	}
	return out.String()
}

func TestParse(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ value, want string }{
		// RFC 8601 appendix B
		"B.2 none":     {"example.org 1; none", "example.org:"},
		"B.3":          {"example.com;\r\n spf=pass smtp.mailfrom=example.net", "example.com: spf=pass[smtp.mailfrom=example.net]"},
		"B.4":          {"example.com;\r\n auth=pass (cleartext) smtp.auth=sender@example.net;\r\n spf=pass smtp.mailfrom=example.net", "example.com: auth=pass[smtp.auth=sender@example.net] spf=pass[smtp.mailfrom=example.net]"},
		"B.6":          {"example.com;\r\n dkim=pass reason=\"good signature\"\r\n header.i=@mail-router.example.net;\r\n dkim=fail reason=\"bad signature\"\r\n header.i=@newyork.example.com", `example.com: dkim=pass "good signature"[header.i=@mail-router.example.net] dkim=fail "bad signature"[header.i=@newyork.example.com]`},
		"B.7 comments": {"foo.example.net (foobar) 1 (baz);\r\n dkim (Because I like it) / 1 (One yay) = (wait for it) fail\r\n policy (A dot can go here) . (like that) expired\r\n (this surprised me) = (as I wasn't expecting it) 1362471462", "foo.example.net: dkim=fail[policy.expired=1362471462]"},
		// as others write it
		"Gmail":     {"mx.google.com;\r\n       dkim=pass header.i=@example.com header.s=s1 header.b=Ab/cD+e=;\r\n       spf=pass (google.com: domain of a@example.com designates 192.0.2.1 as permitted sender) smtp.mailfrom=a@example.com;\r\n       dmarc=pass (p=REJECT sp=REJECT dis=NONE) header.from=example.com", "mx.google.com: dkim=pass[header.i=@example.com header.s=s1 header.b=Ab/cD+e=] spf=pass[smtp.mailfrom=a@example.com] dmarc=pass[header.from=example.com]"},
		"Microsoft": {"mx.microsoft.com 1; spf=pass smtp.mailfrom=example.com; dmarc=pass action=none header.from=example.com; dkim=pass header.d=example.com; arc=none", "mx.microsoft.com: spf=pass[smtp.mailfrom=example.com] dmarc=pass[action=none header.from=example.com] dkim=pass[header.d=example.com] arc=none[]"},
		"bare IPv6": {"example.com; iprev=pass policy.iprev=2001:db8::1", "example.com: iprev=pass[policy.iprev=2001:db8::1]"},
		"the end":   {"example.com; spf=pass smtp.helo=a.example ;; ; \r\n", "example.com: spf=pass[smtp.helo=a.example]"},
		"capitals":  {"Example.COM; SPF=Pass SMTP.MailFrom=A@b.example", "Example.COM: spf=pass[smtp.mailfrom=A@b.example]"},
		"only us":   {"example.com", "example.com:"},
		"quoted id": {`"example.com" 1; none`, "example.com:"},
		"IDN":       {"bücher.example; spf=pass smtp.mailfrom=\"jürgen@bücher.example\"", "bücher.example: spf=pass[smtp.mailfrom=jürgen@bücher.example]"},
		// pitfall 9: what a stranger can put into a value
		"reason with a result":  {`example.com; spf=fail reason="x; dmarc=pass header.from=bank.example" smtp.mailfrom=evil.example`, `example.com: spf=fail "x; dmarc=pass header.from=bank.example"[smtp.mailfrom=evil.example]`},
		"comment with a result": {"example.com; spf=fail (x; dmarc=pass header.from=bank.example) smtp.mailfrom=evil.example", "example.com: spf=fail[smtp.mailfrom=evil.example]"},
		"nested comments":       {`example.com; spf=fail (a (b; dmarc=pass) \) ; arc=pass " ) smtp.helo=x`, "example.com: spf=fail[smtp.helo=x]"},
		"escaped quote":         {`example.com; spf=fail smtp.mailfrom="a\"; dmarc=pass header.from=\"b@evil.example"`, `example.com: spf=fail[smtp.mailfrom=a"; dmarc=pass header.from="b@evil.example]`},
		"quoted local part":     {`example.com; spf=fail smtp.mailfrom="a; dmarc=pass"@evil.example`, "example.com: spf=fail[smtp.mailfrom=a; dmarc=pass@evil.example]"},
		"folded in a quote":     {"example.com; spf=fail smtp.mailfrom=\"a\r\n b\"", "example.com: spf=fail[smtp.mailfrom=a b]"},
		"quote in a comment":    {`example.com; spf=fail (") dmarc=pass header.from=b.example`, "example.com: spf=fail[dmarc=pass header.from=b.example]"}, // a property, no method
	} {
		t.Run(name, func(t *testing.T) {
			field, err := authres.Parse(tc.value)
			if err != nil {
				t.Fatal(err)
			}
			if got := dump(field); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]string{
		"nothing":                   "",
		"only a comment":            "(example.com)",
		"no name":                   "; spf=pass",
		"another version":           "example.com 2; spf=pass",
		"comment without end":       "example.com; spf=pass (x",
		"quote without end":         `example.com; spf=pass smtp.mailfrom="x; dmarc=pass`,
		"escape at the end":         `example.com; spf=pass smtp.mailfrom="x\`,
		"no result":                 "example.com; spf=; dmarc=pass",
		"no method":                 "example.com; =pass",
		"ARC as go-msgauth had it":  "example.com; =pass",
		"a word alone":              "example.com; spf",
		"none and more":             "example.com; none dmarc=pass",
		"a property without a name": "example.com; spf=pass smtp.=x",
		"stray parenthesis":         "example.com; spf=pass ) dmarc=pass",
		"quoted method":             `example.com; "spf"=pass`,
		"comments too deep":         "example.com; spf=pass " + strings.Repeat("(", 30) + strings.Repeat(")", 30),
		"too many results":          "example.com" + strings.Repeat("; spf=pass", 200),
		"too many properties":       "example.com; spf=pass" + strings.Repeat(" smtp.helo=x", 60),
		"too long":                  "example.com; spf=pass (" + strings.Repeat("x", 70_000) + ")",
	} {
		if field, err := authres.Parse(value); err == nil {
			t.Errorf("%s: read as %s", name, dump(field))
		}
	}
}

func TestProp(t *testing.T) {
	t.Parallel()
	field, err := authres.Parse("a.example; dmarc=pass header.from=x.example header.from=y.example policy.dmarc=none")
	if err != nil {
		t.Fatal(err)
	}
	if value, ok := field.Results[0].Prop("header", "from"); ok {
		t.Errorf("two values, and %q was chosen", value)
	}
	if value, ok := field.Results[0].Prop("policy", "dmarc"); !ok || value != "none" {
		t.Errorf("got %q, %v", value, ok)
	}
}

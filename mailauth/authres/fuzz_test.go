package authres_test

import (
	"io"
	"strings"
	"testing"

	"postern/mailauth/authres"
)

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"example.com 1; none",
		"foo.example.net (foobar) 1 (baz); dkim (x) / 1 (y) = (z) fail policy (a) . (b) expired (c) = (d) 1362471462",
		`mx.google.com; dkim=pass header.i=@a.example header.b="Ab/cD=="; spf=pass reason="x; dmarc=pass" smtp.mailfrom="a b"@c.example;`,
		`"mail.desk.example"; dmarc=pass`, "(mail.desk.example", "mail. desk .example; x=y",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		field, err := authres.Parse(value)
		if err == nil && strings.EqualFold(field.AuthServ, ours) && !authres.Forged(value, ours) {
			t.Error("read as ours, and not taken for a forgery")
		}
		mail := authres.Name + ":" + strings.NewReplacer("\r", "", "\n", "").Replace(value) + "\r\nTo: x\r\n\r\n"
		cut, err := authres.Strip(section(mail), ours)
		if err != nil {
			t.Fatal(err)
		}
		rest, err := io.ReadAll(authres.Stamp(section(mail), "", cut))
		if err != nil || !strings.HasSuffix(string(rest), "To: x\r\n\r\n") {
			t.Errorf("cut %v of %q: %q, %v", cut, mail, rest, err)
		}
	})
}

// FuzzFormatParse: whatever a stranger put where, the field says what the verdict says.
func FuzzFormatParse(f *testing.F) {
	for _, text := range hostile() {
		f.Add(text, "no reason")
		f.Add("example.com", text)
	}
	f.Fuzz(func(t *testing.T, text, reason string) { checkFormat(t, ours, text, reason) })
}

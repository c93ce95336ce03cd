package mailtext

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

const shownMail = "Received: from mx.customer.example (mx.customer.example [192.0.2.7])\r\n\tby mail.example.com (Postfix) with ESMTPS id 4X1\r\n\tfor <support@example.com>; Sun, 29 Nov 2026 10:00:05 +0100 (CET)\r\n" +
	"Received: from [10.0.0.3] by mx.customer.example with ESMTPSA; Sun, 29 Nov 2026 09:00:01 +0000\r\n" +
	"Authentication-Results: mx.google.com;\r\n dkim=pass (good) header.d=customer.example header.i=@customer.example;\r\n spf=softfail (x (y) z) smtp.mailfrom=anna@customer.example; dmarc=none\r\n" +
	"ARC-Authentication-Results: i=1; lists.example; spf=pass smtp.mailfrom=a@b.example\r\n" +
	"no field at all\r\n" +
	"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n =?utf-8?q?_again?=\r\nX-Bytes: \xff\xfe\x00y\r\n\r\nHello\r\n"

func TestFields(t *testing.T) {
	fields, rest, cut := Fields([]byte(shownMail))
	var names []string
	for _, field := range fields {
		names = append(names, field.Name)
	}
	if want := "Received Received Authentication-Results ARC-Authentication-Results Subject X-Bytes"; strings.Join(names, " ") != want || cut {
		t.Errorf("names %v, cut %v", names, cut)
	}
	if got := shownMail[rest:]; got != "Hello\r\n" {
		t.Errorf("the body is %q", got)
	}
	subject := fields[4]
	if subject.Decoded != "Grüße again" || subject.Raw != "=?utf-8?q?Gr=C3=BC=C3=9Fe?=\n =?utf-8?q?_again?=" {
		t.Errorf("subject %+v", subject)
	}
	if strings.ContainsRune(fields[5].Raw, 0) {
		t.Errorf("a NUL is shown: %q", fields[5].Raw)
	}
	many := strings.Repeat("A: "+strings.Repeat("x", 5000)+"\n", 400)
	if fields, _, cut := Fields([]byte(many)); !cut || len(fields) > shownFields || len(fields[0].Raw) > shownValue {
		t.Errorf("%d fields of %d bytes, cut %v", len(fields), len(fields[0].Raw), cut)
	}
}

func TestHops(t *testing.T) {
	fields, _, _ := Fields([]byte(shownMail))
	hops := Hops(fields)
	if len(hops) != 2 {
		t.Fatalf("%d hops", len(hops))
	}
	first, last := hops[0], hops[1]
	if first.From != "[10.0.0.3]" || first.By != "mx.customer.example" || first.With != "ESMTPSA" {
		t.Errorf("first: %+v", first)
	}
	if last.From != "mx.customer.example (mx.customer.example [192.0.2.7])" || last.By != "mail.example.com (Postfix)" || last.For != "support@example.com" || last.Took != 4*time.Second {
		t.Errorf("last: %+v", last)
	}
	for _, odd := range []string{"", ";", "from", "((((", "from a by b; no date", strings.Repeat("(", 1000)} {
		hopOf(odd) // nothing that a stranger writes stops the page
	}
}

func TestFindings(t *testing.T) {
	fields, _, _ := Fields([]byte(shownMail))
	got := FindingsOf(fields)
	want := []Findings{
		{"mx.google.com", []Finding{{"dkim", "pass", "customer.example"}, {"spf", "softfail", "anna@customer.example"}, {"dmarc", "none", ""}}},
		{"lists.example", []Finding{{"spf", "pass", "a@b.example"}}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
}

func FuzzFields(f *testing.F) {
	f.Add([]byte(shownMail))
	f.Fuzz(func(t *testing.T, raw []byte) {
		fields, rest, _ := Fields(raw)
		if rest < 0 || rest > len(raw) {
			t.Fatalf("the body begins at %d of %d", rest, len(raw))
		}
		Hops(fields)
		FindingsOf(fields)
	})
}

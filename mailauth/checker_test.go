package mailauth_test

import (
	"io"
	"strings"
	"testing"

	"postern/desk"
	"postern/mailauth"
)

// Until methods are built, nothing that a mail says about itself may make it verified.
func TestNothingIsVerified(t *testing.T) {
	raw := "Authentication-Results: mail.example.com; dmarc=pass header.from=customer.example\r\nFrom: anna@customer.example\r\n\r\nHello\r\n"
	var checker mailauth.Checker
	verdict := checker.Check(t.Context(), desk.Envelope{MailFrom: "anna@customer.example"}, io.NewSectionReader(strings.NewReader(raw), 0, int64(len(raw))))
	if verdict.Verified(true) {
		t.Errorf("verified: %+v", verdict)
	}
	for name, method := range map[string]desk.Method{"spf": verdict.SPF, "dmarc": verdict.DMARC, "arc": verdict.ARC, "iprev": verdict.IPRev} {
		if method.Result != desk.ResultNone || method.Reason == "" {
			t.Errorf("%s: %+v, want none with a reason", name, method)
		}
	}
}

package dmarc_test

import (
	"testing"

	"postern/mailauth/dmarc"
)

func FuzzRecord(f *testing.F) {
	for _, seed := range []string{
		"v=DMARC1; p=reject; sp=none; np=quarantine; psd=n; t=y; adkim=s; aspf=r; fo=1:d:s; rua=mailto:dmarc@example.com!10m,https://example.com/r; ruf=mailto:a@b",
		"v=DMARC1;", "v = DMARC1 ; p = REJECT ; pct=50;; =;", "v=DMARC1; p=; rua=mailto:%00",
	} {
		f.Add(seed)
	}
	policies := map[string]bool{dmarc.PolicyNone: true, dmarc.PolicyQuarantine: true, dmarc.PolicyReject: true}
	f.Fuzz(func(t *testing.T, text string) {
		record, ok := dmarc.Parse(text)
		if !ok {
			return
		}
		if !policies[record.P] || !policies[record.SP] || !policies[record.NP] {
			t.Errorf("a policy that is none: %+v", record)
		}
		if record.Void && (record.P != dmarc.PolicyNone || len(record.RUA) > 0) {
			t.Errorf("void, and yet it asks for something: %+v", record)
		}
		if len(record.RUA) > 10 || len(record.RUF) > 10 {
			t.Error("more URIs than are kept")
		}
	})
}

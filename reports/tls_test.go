package reports

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postern/desk"
)

func TestTLSAsMailAuthReadsIt(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"rpt01", "rpt02"} {
		raw, err := os.ReadFile("testdata/mail-auth/tlsrpt/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		want, err := ReadTLS(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		mail, err := os.ReadFile("testdata/mail-auth/tlsrpt/" + name + ".eml")
		if err != nil {
			t.Fatal(err)
		}
		report := mustRead(t, mail)
		if report.Kind != TLS || report.TLS == nil {
			t.Fatalf("%s: %q %v", name, report.Kind, report.Err)
		}
		one, _ := json.Marshal(report.TLS)
		two, _ := json.Marshal(want)
		if !bytes.Equal(one, two) {
			t.Errorf("%s: %s, want %s", name, one, two)
		}
	}
}

func TestTLSRFC8460Example(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/parsedmarc/smtp_tls/rfc8460.json")
	if err != nil {
		t.Fatal(err)
	}
	for name, packed := range map[string][]byte{"plain": raw, "gzip": gzipOf(t, raw)} {
		r, err := ReadTLS(bytes.NewReader(packed))
		if err != nil {
			t.Fatal(err)
		}
		if r.Org != "Company-X" || r.Begin.Format("2006-01-02") != "2016-04-01" || len(r.Policies) != 1 {
			t.Fatalf("%s: %+v", name, r)
		}
		p := r.Policies[0]
		if p.Type != "sts" || p.Domain != "company-y.example" || p.Successes != 5326 || p.Failures != 303 || len(p.MXHosts) != 1 || len(p.Details) != 3 || len(p.Lines) != 4 {
			t.Errorf("%s: %+v", name, p)
		}
		if d := p.Details[2]; d.Type != "validation-failure" || d.SendingIP.String() != "198.51.100.62" || d.Count != 3 || d.Reason != "X509_V_ERR_PROXY_PATH_LENGTH_EXCEEDED" {
			t.Errorf("%s: %+v", name, d)
		}
	}
}

func TestTLSParsedmarc(t *testing.T) {
	t.Parallel()
	files, _ := filepath.Glob("testdata/parsedmarc/smtp_tls/*")
	if len(files) < 4 {
		t.Fatalf("%d files", len(files))
	}
	for _, file := range append(files, "testdata/mail-auth/tlsrpt/rpt03.json") {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var report *desk.TLSReport
		if filepath.Ext(file) == ".eml" {
			report = mustRead(t, raw).TLS
		} else if one, err := ReadTLS(bytes.NewReader(raw)); err != nil {
			t.Errorf("%s: %v", file, err)
		} else {
			report = &one
		}
		if report == nil || len(report.Policies) == 0 || report.ReportID == "" {
			t.Errorf("%s: %+v", file, report)
		}
	}
}

func TestTLSBounds(t *testing.T) {
	t.Parallel()
	good := `{"organization-name":"o","date-range":{"start-datetime":"2024-01-01T00:00:00Z","end-datetime":"2024-01-02T00:00:00Z"},"report-id":"1","policies":[{"policy":{"policy-type":"sts"},"summary":{}}]}`
	for _, c := range []struct {
		name, raw string
		tooMuch   bool
	}{
		{"depth", strings.Replace(good, `"o"`, strings.Repeat("[", 100), 1), true},
		{"policies", strings.Replace(good, `"policies":[`, `"policies":[`+strings.Repeat(`{},`, maxPolicies), 1), true},
		{"values", strings.Replace(good, `"o"`, "["+strings.Repeat("1,", maxDetails*20+1), 1), true},
		{"bomb", string(gzipOf(t, bytes.Repeat([]byte(" "), 30<<20))), true},
		{"no JSON", "<feedback>", false},
		{"no time", strings.ReplaceAll(good, "2024", "soon"), false},
		{"backwards", strings.Replace(good, "2024-01-01", "2024-02-01", 1), false},
		{"no identifier", strings.Replace(good, `"report-id":"1",`, "", 1), false},
		{"no policy", `{"report-id":"1","date-range":{"start-datetime":"2024-01-01T00:00:00Z","end-datetime":"2024-01-02T00:00:00Z"}}`, false},
		{"negative", strings.Replace(good, `"summary":{}`, `"summary":{"total-failure-session-count":-1}`, 1), false},
		{"overflow", strings.Replace(good, `"summary":{}`, `"summary":{"total-failure-session-count":99999999999999999999}`, 1), false},
		{"nothing", "", false},
	} {
		_, err := ReadTLS(strings.NewReader(c.raw))
		var tooLarge *TooLarge
		var bad *Unreadable
		if c.tooMuch && !errors.As(err, &tooLarge) || !c.tooMuch && !errors.As(err, &bad) {
			t.Errorf("%s: %T %v", c.name, err, err)
		}
	}
	if _, err := ReadTLS(strings.NewReader(good)); err != nil {
		t.Errorf("good: %v", err)
	}
}

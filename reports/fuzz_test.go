package reports

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"postern/mailtext"
)

func benchRead(b *testing.B, name string) {
	found, _ := filepath.Glob("testdata/bounces/*/" + name + ".eml")
	if len(found) != 1 {
		b.Fatal(name)
	}
	raw, err := os.ReadFile(found[0])
	if err != nil {
		b.Fatal(err)
	}
	mail, err := mailtext.Read(context.Background(), section(raw), mailtext.Limits{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Read(context.Background(), section(raw), mail, ""); err != nil {
			b.Fatal(err)
		}
	}
}

// seed adds the files of a pattern to a fuzz target.
func seed(f *testing.F, pattern string) {
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		f.Fatalf("%s: no seeds, %v", pattern, err)
	}
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		if len(raw) < 16<<10 {
			f.Add(raw)
		}
	}
}

// FuzzReport reads whole mails: status notifications, notices, feedback, answers.
func FuzzReport(f *testing.F) {
	for _, pattern := range []string{"testdata/bounces/mail/*-0[1-3].eml", "testdata/mail-auth/arf/*.eml", "testdata/mail-auth/tlsrpt/*.eml"} {
		seed(f, pattern)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if len(raw) == 0 || len(raw) > 1<<20 {
			return
		}
		mail, err := mailtext.Read(context.Background(), section(raw), mailtext.Limits{Time: time.Minute})
		if err != nil {
			return
		}
		for _, mailFrom := range []string{"", "a@b.example"} {
			report, err := Read(context.Background(), section(raw), mail, mailFrom)
			if err != nil {
				t.Fatal(err)
			}
			checkReport(t, report)
		}
	})
}

// told fails when an error is none that the reader promises.
func told(t *testing.T, err error) {
	t.Helper()
	var tooLarge *TooLarge
	var bad *Unreadable
	if err != nil && !errors.As(err, &tooLarge) && !errors.As(err, &bad) {
		t.Errorf("%T: %v", err, err)
	}
}

func FuzzAggregate(f *testing.F) {
	for _, pattern := range []string{"testdata/mail-auth/dmarc-feedback/*.xml", "testdata/parsedmarc/aggregate/*.xml", "testdata/parsedmarc/aggregate/*.gz", "testdata/parsedmarc/aggregate/*.zip"} {
		seed(f, pattern)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		report, err := ReadAggregate(bytes.NewReader(raw))
		told(t, err)
		if err == nil {
			checkReport(t, Report{Kind: Aggregate, DMARC: &report})
			for _, row := range report.Rows {
				if !row.SourceIP.IsValid() || row.Count < 0 || len(row.DKIMResults) > maxResults {
					t.Errorf("row %+v", row)
				}
			}
		}
	})
}

func FuzzTLS(f *testing.F) {
	seed(f, "testdata/mail-auth/tlsrpt/*.json")
	seed(f, "testdata/parsedmarc/smtp_tls/*.json")
	f.Fuzz(func(t *testing.T, raw []byte) {
		report, err := ReadTLS(bytes.NewReader(raw))
		told(t, err)
		if err == nil {
			checkReport(t, Report{Kind: TLS, TLS: &report})
		}
	})
}

// FuzzRefusal reads the words of servers that we asked.
func FuzzRefusal(f *testing.F) {
	for _, words := range []string{"550 5.1.1 <carol@customer.test>: User unknown", "550-5.1.1 no\n550 5.1.1 such", "550 5.4.7 gave up; the last answer was: 450 4.1.1 user unknown", "556 5.1.10 null MX", "5", ""} {
		f.Add(words, "RCPT")
	}
	f.Fuzz(func(t *testing.T, words, step string) {
		got := Refusal(words, step)
		if got.Hard && (words[0] != '5' || got.Status == "" || got.Status[0] != '5') {
			t.Errorf("%q is hard: %+v", words, got)
		}
		if len(got.Diagnostic) > maxShort || got.Status == "" {
			t.Errorf("%q: %+v", words, got)
		}
	})
}

package mailtext

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/txtar"

	"postern/desk"
)

const (
	maxFuzz = 64 << 10 // what is longer is not looked at: the bounds of Read have tests of their own
	maxSeed = 8 << 10  // Go makes a found input smaller byte by byte, for up to a minute each, and does nothing else meanwhile: small seeds, and -fuzzminimizetime 5s
)

// seed adds the files of a pattern to a fuzz target.
func seed(f *testing.F, pattern string, add func(raw []byte)) {
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		f.Fatalf("%s: no seeds, %v", pattern, err)
	}
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		if len(raw) <= maxSeed {
			add(raw)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, pattern := range []string{"testdata/mail-parser/*/*.eml", "testdata/ruby-mail/*.eml", "testdata/bounces/mail/rfc3464-1*.eml"} {
		seed(f, pattern, func(raw []byte) { f.Add(raw) })
	}
	f.Add(ordinary(1 << 10))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if len(raw) == 0 || len(raw) > maxFuzz {
			return
		}
		m, err := Read(context.Background(), section(raw), Limits{Time: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		checkMail(t, raw, m)
		if m.HTML != "" {
			checkClean(t, "mail", m.HTML)
		}
	})
}

func FuzzClean(f *testing.F) {
	raw, err := os.ReadFile("testdata/xss.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, line := range strings.Split(string(raw), "\n") {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, source string) {
		if len(source) > maxFuzz {
			return
		}
		if clean, _, err := Clean(source); err == nil {
			checkClean(t, source, clean)
		}
	})
}

func FuzzTNEF(f *testing.F) {
	seed(f, "testdata/tnef/*.tnef", func(raw []byte) { f.Add(raw) })
	f.Fuzz(func(t *testing.T, raw []byte) {
		if len(raw) <= maxFuzz {
			mustRead(t, tnefMail(raw))
		}
	})
}

func FuzzCalendar(f *testing.F) {
	f.Add("BEGIN:VCALENDAR\nMETHOD:REQUEST\nBEGIN:VEVENT\nSUMMARY:x\\, y\nDTSTART;TZID=\"Europe/Berlin\":20261122T100000\nDURATION:P1DT1H\nORGANIZER;CN=a:mailto:b@c\nEND:VEVENT\nEND:VCALENDAR")
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > maxFuzz {
			return
		}
		for _, event := range parseCalendar(text) {
			if event.Start.IsZero() {
				t.Errorf("an event without a beginning: %+v", event)
			}
		}
	})
}

func FuzzQuote(f *testing.F) {
	seed(f, "testdata/reply-*/*.txt", func(raw []byte) { f.Add(string(raw)) })
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > maxFuzz {
			return
		}
		quoteAt, signatureAt := quoteAndSignature(text)
		for _, at := range []int{quoteAt, signatureAt} {
			if at < 0 || at > len(text) || at > 0 && at < len(text) && text[at-1] != '\n' {
				t.Errorf("%d of %d is no beginning of a line", at, len(text))
			}
		}
		Snippet(text, 100)
		Lexemes(text)
	})
}

func FuzzForwarded(f *testing.F) {
	seed(f, "testdata/forward/*.txtar", func(raw []byte) {
		f.Add(txtar.Parse(raw).Files[0].Data)
	})
	f.Fuzz(func(t *testing.T, raw []byte) {
		if len(raw) == 0 || len(raw) > maxFuzz {
			return
		}
		m, err := Read(context.Background(), section(raw), Limits{Time: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		fw, found, err := ReadForwarded(context.Background(), section(raw), m)
		if err != nil {
			t.Fatal(err)
		}
		if !found {
			return
		}
		if !desk.ValidAddress(fw.From.Addr) {
			t.Errorf("nobody could answer %q", fw.From.Addr)
		}
		for what, text := range map[string]string{"name": fw.From.Name, "subject": fw.Subject, "text": fw.Text, "note": fw.Note, "message-id": fw.MessageID} {
			if !utf8.ValidString(text) || strings.ContainsRune(text, 0) || strings.ContainsAny(text, "\n") && what != "text" && what != "note" {
				t.Errorf("%s holds what cannot be stored: %q", what, text)
			}
		}
		if fw.Form == FormAttached {
			checkMail(t, fuzzBytes(t, fw.Source), fw.Nested)
		}
	})
}

func fuzzBytes(t *testing.T, src *io.SectionReader) []byte {
	raw, err := io.ReadAll(io.NewSectionReader(src, 0, src.Size()))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func FuzzForwardDate(f *testing.F) {
	for _, date := range []string{"Sun, Nov 22, 2026 at 10:00 AM", "2026年11月22日 下午3:05 GMT+8", "22.11.26 10:00 (GMT+01:00)", "mar. 24 nov. 2026 à 09 h 07"} {
		f.Add(date, true)
	}
	f.Fuzz(func(t *testing.T, value string, english bool) {
		if len(value) > maxFuzz {
			return
		}
		if date := forwardDate(value, english); !date.IsZero() && (date.Year() < 1969 || date.Year() > 2200) {
			t.Errorf("%q: %v", value, date)
		}
	})
}

func FuzzDeceptive(f *testing.F) {
	f.Add("support@bank.example", "x@evil.example", "y@example.org")
	f.Add("Аda Lоvelace", "r@xn--ypal-43d9g.example", "")
	f.Add("PayPal.com", "r@rnailcloud.io", "r@desk.example")
	f.Add("می\u200Cخواهم", "r@日本語.jp", "")
	ours := NewOurs(deskNames())
	f.Fuzz(func(t *testing.T, name, addr, replyTo string) {
		if len(name)+len(addr)+len(replyTo) > maxFuzz || !utf8.ValidString(name+addr+replyTo) {
			return
		}
		for _, w := range ours.Deceptive(desk.Address{Name: name, Addr: addr}, []desk.Address{{Addr: replyTo}}) {
			if w.Kind == "" || !utf8.ValidString(w.Text) {
				t.Errorf("%+v", w)
			}
		}
		ShownAddress(addr)
		skeleton(name)
	})
}

func FuzzVerificationCode(f *testing.F) {
	f.Add("Your code", "Your verification code is:\n\n482 917", "")
	f.Add("Reset your password", "", `<a href="https://example.com/reset?token=9f8e7d6c5b4a39281706">here</a>`)
	f.Fuzz(func(t *testing.T, subject, text, html string) {
		if len(subject)+len(text)+len(html) > maxFuzz || !utf8.ValidString(subject+text+html) {
			return
		}
		m := &Mail{From: []desk.Address{{Addr: "noreply@example.com"}}, Subject: subject, Text: text, HTML: html, QuoteAt: len(text)}
		if evidence, ok := VerificationCode(m); ok == (evidence == "") || !utf8.ValidString(evidence) {
			t.Errorf("%v, %q", ok, evidence)
		}
	})
}

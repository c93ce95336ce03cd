package mailtext

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
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
		if len(raw) < 32<<10 {
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
		if len(raw) == 0 || len(raw) > 1<<20 {
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
		if clean, _, err := Clean(source); err == nil {
			checkClean(t, source, clean)
		}
	})
}

func FuzzTNEF(f *testing.F) {
	seed(f, "testdata/tnef/*.tnef", func(raw []byte) { f.Add(raw) })
	f.Fuzz(func(t *testing.T, raw []byte) { mustRead(t, tnefMail(raw)) })
}

func FuzzCalendar(f *testing.F) {
	f.Add("BEGIN:VCALENDAR\nMETHOD:REQUEST\nBEGIN:VEVENT\nSUMMARY:x\\, y\nDTSTART;TZID=\"Europe/Berlin\":20261122T100000\nDURATION:P1DT1H\nORGANIZER;CN=a:mailto:b@c\nEND:VEVENT\nEND:VCALENDAR")
	f.Fuzz(func(t *testing.T, text string) {
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

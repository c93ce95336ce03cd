package mailtext

import (
	"bytes"
	"context"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"postern/desk"
)

// shown is an address as the cases write it.
func shown(list ...desk.Address) string {
	words := make([]string, 0, len(list))
	for _, a := range list {
		if a.Name == "" {
			words = append(words, a.Addr)
			continue
		}
		words = append(words, a.Name+" <"+a.Addr+">")
	}
	return strings.Join(words, ", ")
}

// forwardFacts are what a case expects, as found in a mail.
func forwardFacts(t *testing.T, fw Forward) map[string]string {
	t.Helper()
	got := map[string]string{"form": fw.Form, "from": shown(fw.From), "to": shown(fw.To...), "cc": shown(fw.Cc...), "subject": fw.Subject, "messageid": fw.MessageID}
	if !fw.Date.IsZero() {
		got["date"] = fw.Date.UTC().Format(time.RFC3339)
	}
	if fw.Nested == nil {
		return got
	}
	var files []string
	if err := EachFile(context.Background(), fw.Source, fw.Nested, func(f File, r io.Reader) error {
		content, err := io.ReadAll(r)
		files = append(files, f.Name+"="+strings.TrimSpace(string(content)))
		return err
	}); err != nil {
		t.Error(err)
	}
	got["files"] = strings.Join(files, ", ")
	return got
}

func TestT_FWD(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("testdata/forward/*.txtar")
	if err != nil || len(paths) < 60 {
		t.Fatalf("%d cases, %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			parts := map[string]string{}
			for _, f := range archive.Files {
				parts[f.Name] = string(f.Data)
			}
			want := map[string]string{}
			for line := range strings.Lines(parts["want"]) {
				key, value, _ := strings.Cut(strings.TrimRight(line, "\n"), ": ")
				want[key] = value
			}
			for _, raw := range []string{parts["mail.eml"], strings.ReplaceAll(parts["mail.eml"], "\n", "\r\n")} {
				m := mustRead(t, []byte(raw))
				fw, found, err := ReadForwarded(context.Background(), section([]byte(raw)), m)
				if err != nil {
					t.Fatal(err)
				}
				if none := want["found"] == "no"; none || !found {
					if none == found {
						t.Fatalf("found: %v\n%+v\n%s\n%s", found, fw, m.Text, linesOfHTML(m.HTML))
					}
					continue
				}
				got := forwardFacts(t, fw)
				for _, key := range []string{"form", "from", "to", "cc", "subject", "date", "messageid", "files"} {
					if got[key] != want[key] {
						t.Errorf("%s:\n got %q\nwant %q", key, got[key], want[key])
					}
				}
				if text := strings.TrimSpace(parts["text"]); fw.Text != text {
					t.Errorf("text:\n got %q\nwant %q", fw.Text, text)
				}
				if note := strings.TrimSpace(parts["note"]); fw.Note != note {
					t.Errorf("note:\n got %q\nwant %q", fw.Note, note)
				}
			}
		})
	}
}

// What is folded as history in a mail begins where the forwarded mail does: the same words decide both.
func TestT_FWD_FoldsWhereItBegins(t *testing.T) {
	t.Parallel()
	paths, _ := filepath.Glob("testdata/forward/*.txtar")
	checked := 0
	for _, path := range paths {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		m := mustRead(t, archive.Files[0].Data)
		fw, found := inlineForward(m, m.Text)
		if !found || fw.Note == "" || !strings.HasPrefix(m.Text, fw.Note) {
			continue
		}
		checked++
		if above := strings.TrimSpace(m.Text[:m.QuoteAt]); above != fw.Note {
			t.Errorf("%s: folded from %q on, forwarded below %q", filepath.Base(path), above, fw.Note)
		}
	}
	if checked < 50 {
		t.Errorf("only %d cases compared", checked)
	}
}

// No ordinary mail of the corpora is taken for a forwarded one. Those that are were forwarded, or are a list's 'En:'.
func TestT_FWD_Corpora(t *testing.T) {
	t.Parallel()
	forwarded := map[string]bool{
		"testdata/ruby-mail/raw_email2.eml": true, "testdata/ruby-mail/raw_email8.eml": true, "testdata/ruby-mail/attachment_with_encoded_name.eml": true, "testdata/ruby-mail/attachment_with_base64_encoded_name.eml": true,
		"testdata/mime4j/infinite.msg": true,
	}
	seen := 0
	for name, raw := range corpus(t) {
		if len(raw) == 0 || strings.HasPrefix(name, "testdata/bounces/") { // bounces in words of their own show the mail that came back just so
			continue
		}
		m := mustRead(t, raw)
		fw, found := Forwarded(m)
		if found != forwarded[name] {
			t.Errorf("%s: found %v: %s, %q", name, found, shown(fw.From), fw.Subject)
		}
		seen++
	}
	t.Logf("%d mails", seen)
}

func TestForwardedReportIsNone(t *testing.T) {
	t.Parallel()
	raw := []byte("From: mailer-daemon@example.com\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\nContent-Type: text/plain\n\nReturned.\n--b\nContent-Type: message/rfc822\n\nFrom: rita@example.com\nSubject: x\n\nHello.\n--b--\n")
	m := mustRead(t, raw)
	if fw, found, err := ReadForwarded(context.Background(), section(raw), m); found || err != nil {
		t.Errorf("a bounce was taken for a forward: %+v, %v", fw, err)
	}
}

func TestReadForwardedCalledOff(t *testing.T) {
	t.Parallel()
	raw := []byte("From: ada@desk.example\nContent-Type: message/rfc822\n\nFrom: rita@example.com\nSubject: x\n\nHello.\n")
	m := mustRead(t, raw)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := ReadForwarded(ctx, section(raw), m); err == nil {
		t.Error("no error although it was called off")
	}
}

func TestForwardDates(t *testing.T) {
	t.Parallel()
	cases := []struct {
		in      string
		english bool
		want    string
	}{
		{"Sun, 22 Nov 2026 10:00:00 +0100", true, "2026-11-22T09:00:00Z"},
		{"Sunday, November 22, 2026 at 3:05:09 PM GMT+5:30", true, "2026-11-22T09:35:09Z"},
		{"11/22/2026 12:30 AM", true, "2026-11-22T00:30:00Z"},
		{"3/4/2026 1:00 PM", true, "2026-03-04T13:00:00Z"},
		{"03/04/2026 13:00", true, ""},
		{"03/04/2026 13:00", false, "2026-04-03T13:00:00Z"},
		{"mar. 24 mars 2026 à 09:07", false, "2026-03-24T09:07:00Z"},
		{"mar. 24 nov. 2026 à 09:07", false, "2026-11-24T09:07:00Z"},
		{"mié, 1 jul 2026 a las 9:07", false, "2026-07-01T09:07:00Z"},
		{"2026/11/22, Sun 10:00", true, "2026-11-22T10:00:00Z"},
		{"2026年11月22日 下午3:05", false, "2026-11-22T15:05:00Z"},
		{"22. 11. 2026 v 10:00", false, "2026-11-22T10:00:00Z"},
		{"czw., 6 sie 2026 o 10:00", false, "2026-08-06T10:00:00Z"},
		{"31. Februar 2026 10:00", false, ""},
		{"Sunday", true, ""},
		{"", true, ""},
	}
	for _, c := range cases {
		got := ""
		if date := forwardDate(c.in, c.english); !date.IsZero() {
			got = date.Format(time.RFC3339)
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.in, got, c.want)
		}
	}
}

// Text that is made to keep a finder of forwards busy takes no longer than other text of its size.
func TestForwardedIsLinear(t *testing.T) {
	t.Parallel()
	for _, piece := range []string{"From: a@b\n", "From: a@b\n\n", "-----Original Message-----\n", "-- Forwarded message --\n", "-- Forwarded message --\n\n\n", "> From: a\n", "To: a,\n", "Date: 1\n", "On 1.1.2026 x@y wrote:\n", "mailto:", "<mailto:a@b", "From:To:Subject:", "======", "[", "8<8<"} {
		text := strings.Repeat(piece, (1<<20)/len(piece))
		begin := time.Now()
		inlineForward(&Mail{}, text)
		inlineForward(&Mail{}, "---- Forwarded message ----\nFrom: "+text[:64<<10])
		forwardAuthor(text[:64<<10])
		forwardDate(text, true)
		if took := time.Since(begin); took > 2*time.Second {
			t.Errorf("%q repeated: %v", piece, took)
		}
	}
	begin := time.Now()
	linesOfHTML(string(bytes.Repeat([]byte("<p><td>&nbsp;<br> x"), 100000)))
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("HTML: %v", took)
	}
}

package mailtext

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// section wraps bytes as the source of a mail.
func section(raw []byte) *io.SectionReader {
	return io.NewSectionReader(bytes.NewReader(raw), 0, int64(len(raw)))
}

// mustRead reads a mail and checks what holds for all of them.
func mustRead(t testing.TB, raw []byte) *Mail {
	t.Helper()
	m, err := Read(context.Background(), section(raw), Limits{})
	if err != nil {
		t.Fatalf("Read: %v", err)
	}
	checkMail(t, raw, m)
	return m
}

// checkMail checks the promises of Mail and of EachFile.
func checkMail(t testing.TB, raw []byte, m *Mail) {
	t.Helper()
	for what, text := range map[string]string{"text": m.Text, "html": m.HTML, "subject": m.Subject, "message-id": m.MessageID} {
		if strings.ToValidUTF8(text, "?") != text || strings.ContainsAny(text, "\x00\r") {
			t.Errorf("%s holds what is no text: %.100q", what, text)
		}
	}
	if all := fmt.Sprintf("%+v", *m); !utf8.ValidString(all) || strings.Contains(all, "\x00") {
		t.Errorf("a field holds what cannot be stored: %q", all)
	}
	if m.QuoteAt < 0 || m.QuoteAt > len(m.Text) || m.SignatureAt < 0 || m.SignatureAt > len(m.Text) {
		t.Errorf("QuoteAt %d, SignatureAt %d of %d", m.QuoteAt, m.SignatureAt, len(m.Text))
	}
	seen := 0
	err := EachFile(context.Background(), section(raw), m, func(f File, r io.Reader) error {
		if f.Index != seen {
			t.Errorf("file %d comes at place %d", f.Index, seen)
		}
		seen++
		n, err := io.Copy(io.Discard, r)
		if n != f.Size {
			t.Errorf("file %q: %d bytes, Size %d", f.Name, n, f.Size)
		}
		if f.Name == "" || f.MediaType == "" || f.Origin == "" {
			t.Errorf("file without name, type or origin: %+v", f)
		}
		return err
	})
	if err != nil || seen != len(m.Files) {
		t.Errorf("EachFile: %d of %d, %v", seen, len(m.Files), err)
	}
}

// corpus are all mails below testdata.
func corpus(t testing.TB) map[string][]byte {
	t.Helper()
	mails := map[string][]byte{}
	err := filepath.WalkDir("testdata", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".eml") && !strings.HasSuffix(path, ".msg") {
			return err
		}
		mails[filepath.ToSlash(path)], err = os.ReadFile(path)
		return err
	})
	if err != nil || len(mails) < 500 {
		t.Fatalf("reading the corpus: %d mails, %v", len(mails), err)
	}
	return mails
}

// Every mail of the corpora, as it lies there and with CR LF, is read within a second.
func TestCorpusIsRead(t *testing.T) {
	t.Parallel()
	readers := map[reader]int{}
	for name, raw := range corpus(t) {
		for _, form := range [][]byte{raw, bytes.ReplaceAll(bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n"))} {
			if len(form) == 0 {
				continue
			}
			begin := time.Now()
			m, err := Read(context.Background(), section(form), Limits{})
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if took := time.Since(begin); took > 5*time.Second {
				t.Errorf("%s: took %v", name, took)
			}
			readers[m.by]++
			checkMail(t, form, m)
			if t.Failed() {
				t.Fatalf("in %s", name)
			}
		}
	}
	t.Logf("read by stream %d, in pieces %d, by rescue %d, as original %d", readers[byStream], readers[byPiece], readers[byRescue], readers[byOriginal])
}

// expected is what mail-parser (Rust) reads in a mail.
type expected struct {
	Subject *string     `json:"subject"`
	From    [][2]string `json:"from"`
	Text    []string    `json:"text"`
	Files   []*string   `json:"files"`
}

// mail-parser and we agree on every mail that real programs wrote (legacy). On those that were broken by hand we show more than it does, or read a name that is no address as none.
func TestMailParserAgrees(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/mail-parser/want.json")
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]expected
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	floors := map[string]float64{"subject": 1, "from": 0.96, "text": 0.83, "files": 0.87, "legacy subject": 1, "legacy from": 1, "legacy text": 1, "legacy files": 1}
	good, all := map[string]int{}, map[string]int{}
	note := func(name, what string, same bool, got, want any) {
		// What mail-parser could not decode is no measure: it is enough that we could.
		if strings.Contains(fmt.Sprint(want), "�") && !strings.Contains(fmt.Sprint(got), "�") {
			same = true
		}
		folder, _, _ := strings.Cut(name, "/")
		for _, group := range []string{what, folder + " " + what} {
			all[group]++
			if same {
				good[group]++
			}
		}
		if same {
			return
		}
		t.Logf("%s: %s\n got %.300q\nwant %.300q", name, what, got, want)
	}
	for name, w := range want {
		mail, err := os.ReadFile(filepath.Join("testdata/mail-parser", name))
		if err != nil {
			t.Fatal(err)
		}
		m := mustRead(t, mail)
		if w.Subject != nil {
			note(name, "subject", squash(m.Subject) == squash(*w.Subject), m.Subject, *w.Subject)
		}
		if w.From != nil {
			var got, wanted []string
			for _, a := range m.From {
				got = append(got, a.Name+"<"+a.Addr+">")
			}
			for _, a := range w.From {
				wanted = append(wanted, a[0]+"<"+a[1]+">")
			}
			note(name, "from", strings.EqualFold(squash(strings.Join(got, ",")), squash(strings.Join(wanted, ","))), got, wanted)
		}
		if w.Text != nil {
			joined := strings.Join(w.Text, "\n")
			note(name, "text", squash(m.Text) == squash(joined), m.Text, joined)
		}
		var got, wanted []string
		for _, f := range m.Files {
			got = append(got, f.Name)
		}
		same := len(m.Files) == len(w.Files)
		for i, f := range w.Files {
			if f != nil {
				wanted = append(wanted, *f)
				same = same && squash(m.Files[i].Name) == squash(*f)
			} else {
				wanted = append(wanted, "-")
			}
		}
		note(name, "files", same, got, wanted)
	}
	for what, floor := range floors {
		rate := float64(good[what]) / float64(all[what])
		t.Logf("%s: %d of %d", what, good[what], all[what])
		if rate < floor {
			t.Errorf("%s: %.3f agree, fewer than %.3f", what, rate, floor)
		}
	}
}

// squash takes white space out, which programs treat differently.
func squash(s string) string { return strings.Join(strings.Fields(s), "") }

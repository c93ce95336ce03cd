package intake

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"postern/desk"
	"postern/mailtext"
)

// A letter is a mail that reads as what was written, whatever was written: names and subjects of any script and length, files of any kind and name.
func TestLettersReadAsTheyWereWritten(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 29, 10, 0, 0, 0, time.UTC)
	long := strings.Repeat("Größe ", 200)
	for name, letter := range map[string]Letter{
		"plain":   {From: desk.Address{Name: "Anna", Addr: "Anna@customer.example"}, Subject: "Lamps", Text: "Hello\nthere"},
		"scripts": {From: desk.Address{Name: "Zoë \"Z\" Müller, 山田", Addr: "zoe@customer.example"}, Subject: "Rückfrage 質問 \U0001f4a1", Text: "Ünï 漢字\n\n> quoted"},
		"forged":  {From: desk.Address{Name: "Eve\r\nBcc: all@example.com", Addr: "eve@evil.example"}, Subject: "Hi\r\nFrom: ceo@example.com\r\n\r\nbody", Text: "x", Answers: "a@b>\r\nX-Evil: 1"},
		"long":    {From: desk.Address{Addr: "l@customer.example"}, Subject: long, Text: strings.Repeat("word ", 20000)},
		"files": {From: desk.Address{Addr: "f@customer.example"}, Subject: "Files", Text: "see", Files: []LetterFile{
			file("Rechnung \"März\".pdf", "application/pdf", "%PDF"), file("../../etc/passwd", "multipart/mixed; boundary=x", "--x"), file("mail.eml", "message/rfc822", "From: x\r\n\r\ny"), file("", "nonsense", "")}},
	} {
		letter.To, letter.Once, letter.At = "support@example.com", "once", at
		var first, second bytes.Buffer
		if err := letter.write(&first, "mx.example.com"); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := letter.write(&second, "mx.example.com"); err != nil || !bytes.Equal(first.Bytes(), second.Bytes()) {
			t.Errorf("%s: not the same twice (%v)", name, err)
		}
		for _, line := range strings.Split(first.String(), "\r\n") {
			if len(line) > 998 || strings.ContainsAny(line, "\r\n") {
				t.Errorf("%s: a line of %d octets", name, len(line))
			}
		}
		parsed, err := mailtext.Read(t.Context(), io.NewSectionReader(bytes.NewReader(first.Bytes()), 0, int64(first.Len())), mailtext.Limits{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !parsed.OneFrom || parsed.From[0].Addr != desk.Canonical(letter.From.Addr) || parsed.From[0].Name != plainLine(letter.From.Name) {
			t.Errorf("%s: from %+v", name, parsed.From)
		}
		if got, want := strings.Join(strings.Fields(parsed.Subject), " "), plainLine(letter.Subject); got != want {
			t.Errorf("%s: the subject is %q, want %q", name, got, want)
		}
		if got := strings.TrimSpace(parsed.Text); got != strings.TrimSpace(letter.Text) {
			t.Errorf("%s: the text is %.80q", name, got)
		}
		if len(parsed.Files) != len(letter.Files) || len(parsed.To) != 1 || len(parsed.Cc) != 0 {
			t.Errorf("%s: %d files, to %v, cc %v", name, len(parsed.Files), parsed.To, parsed.Cc)
		}
		if name == "files" && (parsed.Files[0].Name != "Rechnung \"März\".pdf" || strings.Contains(parsed.Files[1].Name, "/")) {
			t.Errorf("the files are called %q and %q", parsed.Files[0].Name, parsed.Files[1].Name)
		}
	}
}

func file(name, kind, content string) LetterFile {
	return LetterFile{Name: name, MediaType: kind, Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(content)), nil }}
}

// Nobody's letter can bear the id of another's, and only pages bring letters.
func TestLettersAreTheirWritersOwn(t *testing.T) {
	t.Parallel()
	anna, eve := Letter{From: desk.Address{Addr: "Anna@customer.example"}, Once: "x"}, Letter{From: desk.Address{Addr: "eve@evil.example"}, Once: "x"}
	if anna.id("h") == eve.id("h") || anna.id("h") != (Letter{From: desk.Address{Addr: "anna@customer.example"}, Once: "x"}).id("h") {
		t.Error("ids do not follow from the writer")
	}
	in := &Intake{}
	for _, source := range []desk.Source{desk.FromSMTP, desk.FromFile, desk.FromRelease, ""} {
		if _, err := in.TakeComposed(context.Background(), anna, io.NewSectionReader(strings.NewReader(""), 0, 0), Page{Source: source}); !errors.Is(err, errPage) {
			t.Errorf("a letter from %q: %v", source, err)
		}
	}
}

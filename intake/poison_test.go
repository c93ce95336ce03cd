package intake

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"postern/desk"
	"postern/domains"
	"postern/internal/testkit"
	"postern/mailtext"
)

// T-POISON: what cannot be found out about a mail is a line on it; only our own lack of time sends it back.
func TestT_POISON_AttemptsNeverLoseAMail(t *testing.T) {
	t.Parallel()
	for name, try := range map[string]func() error{
		"an error": func() error { return errors.New("odd\x00 bytes") },
		"a panic":  func() error { panic("a mistake of ours") },
	} {
		m := &mail{parsed: &mailtext.Mail{}}
		if err := m.attempt(t.Context(), "looking", try); err != nil {
			t.Errorf("%s sends the mail back: %v", name, err)
		}
		if len(m.parsed.Problems) != 1 || strings.Contains(m.parsed.Problems[0], "\x00") {
			t.Errorf("%s leaves %q", name, m.parsed.Problems)
		}
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := (&mail{parsed: &mailtext.Mail{}}).attempt(over, "looking", func() error { return nil }); err == nil {
		t.Error("a mail whose time is over goes on")
	}
}

// T-POISON: a mail whose files cannot be taken out of it a second time is suspended with its original, and not asked for again for ever.
func TestT_POISON_FilesThatCannotBeTakenOut(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	file := "--x\r\nContent-Type: application/pdf; name=a.pdf\r\n\r\nwords\r\n"
	section := func(files int) *io.SectionReader {
		raw := "From: a@b.example\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n" + strings.Repeat(file, files) + "--x--\r\n"
		return io.NewSectionReader(strings.NewReader(raw), 0, int64(len(raw)))
	}
	parsed, err := mailtext.Read(t.Context(), section(1), mailtext.Limits{})
	check(t, err)
	m := &mail{parsed: parsed}
	check(t, h.in.keepFiles(t.Context(), m, section(3))) // not the bytes that were read
	if m.hold.cause != desk.CauseUnprocessable || m.hold.evidence == "" || len(m.files) != 0 {
		t.Errorf("%+v with %d files", m.hold, len(m.files))
	}
}

// T-POISON: a mistake of ours in asking who sent a mail proves nothing, and ends neither the mail nor the program.
func TestT_POISON_ACheckThatBreaksOff(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.in.cfg.Checker.Resolver, h.in.cfg.Checker.Sealers = domains.NewResolver([]string{testkit.DNS(t, zone).Addr}, time.Second), func() []string { panic("a mistake of ours") }
	h.in.cfg.Checker.Now = func() time.Time { panic("another one") }
	got := h.send(letter{from: "anna@bare.example"})
	h.want(got, desk.Ticketed, 0)
	if trust := value[string](h, `select facts ->> 'trust' from message where id = $1`, got.Message); trust != "unverified" {
		t.Errorf("trust %s", trust)
	}
}

package jobs

import (
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"postern/desk"
	"postern/identity"
	"postern/internal/testkit"
	"postern/language"
)

// Every letter to a person has words in every language, which hold what they are about and no hole.
func TestLettersHaveWords(t *testing.T) {
	at := time.Date(2026, 11, 30, 9, 30, 0, 0, time.UTC)
	for kind, words := range personLetters {
		for _, l := range language.All {
			letter := identity.PersonLetter{
				TellPerson: desk.TellPerson{User: 1, About: kind, At: at, Until: at.Add(time.Hour), IP: "192.0.2.7", Device: "Firefox, Linux", Who: "Ada"},
				Email:      "ann@example.com", Name: "Ann", Secret: "https://desk.example.com/x/secret", Public: "https://desk.example.com", Language: l, Zone: time.UTC,
			}
			draft := personDraft(letter, words, desk.Address{Addr: "support@example.com"}, mark{"a@b", "b"})
			if draft.Subject == "" || len(draft.Text) < 100 || strings.Contains(draft.Text+draft.Subject, "%!") || draft.AutoSubmitted == "" || draft.Loop == "" {
				t.Errorf("%s in %s: %+v", kind, l.Code, draft)
			}
			if strings.Contains(draft.Subject, "Ann") || strings.Contains(draft.Subject, "Ada") {
				t.Errorf("%s in %s: the subject holds words that a person chose: %s", kind, l.Code, draft.Subject)
			}
		}
	}
}

// A letter leaves in the person's language and zone, as automatic mail, with its secret, which stands nowhere in the queue.
func TestLettersReachPeople(t *testing.T) {
	t.Parallel()
	c := newCounter(t, testkit.Behaviour{})
	c.exec(t, `insert into "user" (email, name, role, language, time_zone) values ('eve@customer.test', 'Eve', 'agent', 'it', 'Europe/Rome'), ('support+eve@example.com', 'Mallory', 'agent', '', ''), ('old@customer.test', 'Old', 'agent', '', '')`)
	c.exec(t, `insert into suppression (address, reason) values ('old@customer.test', 'bounced')`)
	user := func(email string) int64 { return int64(c.number(t, `select id from "user" where email = '`+email+`'`)) }
	at := time.Now().UTC().Truncate(time.Second)
	secret := "https://desk.example.com/sign-in/reset/canary-4711"
	tell := func(letter desk.TellPerson) {
		letter.At, letter.Until = at, at.Add(time.Hour)
		if err := c.config.Identity.Tell(t.Context(), letter, secret); err != nil {
			t.Fatal(err)
		}
	}
	tell(desk.TellPerson{User: user("eve@customer.test"), About: desk.LetterPasswordReset, IP: "192.0.2.7"})
	tell(desk.TellPerson{User: user("support+eve@example.com"), About: desk.LetterPasswordReset})
	tell(desk.TellPerson{User: user("old@customer.test"), About: desk.LetterPasswordReset})
	tell(desk.TellPerson{User: user("eve@customer.test"), About: "nonsense"})
	if n := c.number(t, `select count(*) from river_job where args::text like '%canary%'`); n != 0 {
		t.Errorf("the secret stands in the queue")
	}
	c.start(t)
	mail := c.sink.Next(t)
	header, body, _ := strings.Cut(string(mail.Bytes), "\r\n\r\n")
	for _, line := range []string{"Auto-Submitted: auto-generated", "X-Postern-Loop: mx.example.com", "To: eve@customer.test", "Subject: Scegli una nuova password"} {
		if !strings.Contains(header, line) {
			t.Errorf("%s is missing:\n%s", line, header)
		}
	}
	rome, _ := time.LoadLocation("Europe/Rome")
	body = strings.ReplaceAll(body, "=\r\n", "")
	for _, words := range []string{secret, at.In(rome).Format("15:04"), "192.0.2.7"} {
		if !strings.Contains(body, words) {
			t.Errorf("%q is missing:\n%s", words, body)
		}
	}
	if mail.From != "" {
		t.Errorf("it left from %q", mail.From)
	}
	c.untilNumber(t, `select count(*) from audit where action = 'user.letter-failed'`, 3)
	if n := len(c.sink.Mails()); n != 1 {
		t.Errorf("%d mails left", n)
	}
}

// A letter that is refused for now comes back; one that is refused for good is in the audit log.
func TestLettersAreTriedAgain(t *testing.T) {
	t.Parallel()
	c := newCounter(t, testkit.Behaviour{Rcpt: func(to string) *smtp.SMTPError {
		if strings.HasPrefix(to, "never") {
			return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "nobody here"}
		}
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "not now"}
	}})
	c.exec(t, `insert into "user" (email, name, role) values ('never@customer.test', 'N', 'agent'), ('later@customer.test', 'L', 'agent')`)
	for _, email := range []string{"never@customer.test", "later@customer.test"} {
		letter := desk.TellPerson{User: int64(c.number(t, `select id from "user" where email = '`+email+`'`)), About: desk.LetterPasswordChanged}
		if err := c.config.Identity.Tell(t.Context(), letter, ""); err != nil {
			t.Fatal(err)
		}
	}
	c.start(t)
	c.untilNumber(t, `select count(*) from audit where action = 'user.letter-failed' and detail ->> 'reason' like '%nobody here%'`, 1)
	c.untilNumber(t, `select count(*) from river_job where kind = 'tell_person' and state = 'scheduled'`, 1)
}

// untilNumber waits for a number in the database.
func (c *counter) untilNumber(t *testing.T, sql string, want int) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for c.number(t, sql) != want {
		if time.Now().After(deadline) {
			t.Fatalf("%s: %d, not %d", sql, c.number(t, sql), want)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

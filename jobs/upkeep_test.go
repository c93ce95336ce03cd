package jobs

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/riverqueue/river"

	"postern/desk"
	"postern/internal/testkit"
)

// Managers hear by mail, once, that a domain is broken, and once that it is right again (T-PREFLIGHT).
func TestAlertsAboutDomains(t *testing.T) {
	t.Parallel()
	h := newCounter(t, testkit.Behaviour{})
	worker := &verifyDomains{tickets: h.config.Tickets, domains: h.config.Domains, sender: h.config.Sender, log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	tend := func() {
		t.Helper()
		if err := worker.Work(t.Context(), &river.Job[desk.VerifyDomains]{}); err != nil {
			t.Fatal(err)
		}
	}
	h.exec(t, `alter table "user" disable trigger user_last_owner`) // nobody else shall be told
	h.exec(t, `update "user" set role = 'agent'`)
	h.exec(t, `insert into "user" (email, name, role) values ('boss@customer.test', 'Bea Boss', 'admin')`)
	h.exec(t, `insert into domain_alert (domain, kind, text, at) values
		('example.com', 'broken', 'The DNS records of example.com are broken: TXT s._domainkey.example.com: it is gone.', now()),
		('example.net', 'publish', 'New keys of example.net wait for their records.', now())`)
	tend()
	tend() // told already
	mails := h.sink.Mails()
	if len(mails) != 1 {
		t.Fatalf("%d letters, want one", len(mails))
	}
	text := string(mails[0].Bytes)
	for _, want := range []string{"Subject: Postern: about 2 domains", "s._domainkey.example.com: it is gone", "example.net wait", "Auto-Submitted: auto-generated", "/domains"} {
		if !strings.Contains(strings.ReplaceAll(text, "=\r\n", ""), want) {
			t.Errorf("no %q in the letter:\n%s", want, text)
		}
	}
	if mails[0].From != "" || len(mails[0].To) != 1 || mails[0].To[0] != "boss@customer.test" {
		t.Errorf("from %q to %v", mails[0].From, mails[0].To)
	}
	if alerts, err := h.config.Domains.Alerts(t.Context(), desk.System("cli")); err != nil || len(alerts) != 2 {
		t.Errorf("told, they are still so: %v, %v", alerts, err)
	}
}

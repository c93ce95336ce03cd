package jobs

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/riverqueue/river"

	"postern/desk"
	"postern/internal/testkit"
)

// Managers hear what is held back as often as the policy says, once, and in none of the words of those mails.
func TestDigestOfSuspendedMail(t *testing.T) {
	t.Parallel()
	h := newCounter(t, testkit.Behaviour{})
	worker := &tellManagers{tickets: h.config.Tickets, domains: h.config.Domains, sender: h.config.Sender, log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	tell := func() {
		t.Helper()
		if err := worker.Work(t.Context(), &river.Job[desk.TellManagers]{}); err != nil {
			t.Fatal(err)
		}
	}
	h.exec(t, `alter table "user" disable trigger user_last_owner`) // nobody else shall be told
	h.exec(t, `update "user" set role = 'agent'`)
	h.exec(t, `insert into "user" (email, name, role) values ('boss@customer.test', 'Bea Boss', 'admin'), ('ann@customer.test', 'Ann', 'agent')`)
	h.exec(t, `insert into suspended (cause, evidence, from_address, subject, envelope, digest, received_at)
		values ('spam', $1, 'eve@evil.example', $2, '{}', 'a', now()), ('spam', '', 'x@evil.example', '', '{}', 'b', now()), ('malware', '', 'y@evil.example', '', '{}', 'c', now())`, evilBody, evilSubject)
	tell()
	if got := len(h.sink.Mails()); got != 0 {
		t.Fatalf("%d digests while the policy says off", got)
	}
	h.exec(t, `insert into setting (key, value) values ('mail-policy', '{"digest": "hourly", "suspended_days": 14, "spam_suspend": 6, "filter_down": "accept", "stranger_recipients": 48}')`)
	h.exec(t, `insert into setting (key, value) values ('digest-sent', to_jsonb(now() - interval '2 hours'))`)
	tell()
	tell() // told already
	mails := h.sink.Mails()
	if len(mails) != 1 {
		t.Fatalf("%d digests, want one", len(mails))
	}
	text := string(mails[0].Bytes)
	for _, want := range []string{"Subject: Postern: 3 mails were held back", "2  spam", "1  malware", "Auto-Submitted: auto-generated", "X-Postern-Loop:", "/suspended"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in the digest:\n%s", want, text)
		}
	}
	for _, evil := range []string{evilSubject, evilBody, "evil.example"} {
		if strings.Contains(text, evil) {
			t.Errorf("%q of a stranger left in our name", evil)
		}
	}
	if mails[0].From != "" || len(mails[0].To) != 1 || mails[0].To[0] != "boss@customer.test" {
		t.Errorf("from %q to %v", mails[0].From, mails[0].To)
	}
}

// Managers of several languages get a letter each in their own.
func TestDigestInLanguages(t *testing.T) {
	t.Parallel()
	h := newCounter(t, testkit.Behaviour{})
	worker := &tellManagers{tickets: h.config.Tickets, domains: h.config.Domains, sender: h.config.Sender, log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	h.exec(t, `alter table "user" disable trigger user_last_owner`) // nobody else shall be told
	h.exec(t, `update "user" set role = 'agent'`)
	h.exec(t, `insert into "user" (email, name, role, language) values ('boss@customer.test', 'Bea Boss', 'admin', ''), ('capo@customer.test', 'Carla Capo', 'admin', 'it')`)
	h.exec(t, `insert into suspended (cause, evidence, from_address, subject, envelope, digest, received_at) values ('spam', '', 'x@evil.example', '', '{}', 'b', now())`)
	h.exec(t, `insert into setting (key, value) values ('mail-policy', '{"digest": "hourly", "suspended_days": 14}')`)
	h.exec(t, `insert into setting (key, value) values ('digest-sent', to_jsonb(now() - interval '2 hours'))`)
	if err := worker.Work(t.Context(), &river.Job[desk.TellManagers]{}); err != nil {
		t.Fatal(err)
	}
	mails := h.sink.Mails()
	if len(mails) != 2 {
		t.Fatalf("%d letters, want one for each language", len(mails))
	}
	for _, one := range mails {
		want, lacks := "Subject: Postern: one mail was held back", "trattenuto"
		if one.To[0] == "capo@customer.test" {
			want, lacks = "un messaggio trattenuto", "held back"
		}
		if text := string(one.Bytes); len(one.To) != 1 || !strings.Contains(text, want) || strings.Contains(text, lacks) {
			t.Errorf("to %v:\n%s", one.To, text)
		}
	}
}

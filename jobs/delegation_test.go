package jobs

import (
	"slices"
	"strings"
	"testing"
	"time"

	"postern/desk"
	"postern/identity"
	"postern/internal/testkit"
	"postern/store"
)

// A running program ends a guest by itself when their time is over, and tells owners; it ends whoever looks in the place of a customer; and that customer gets a letter in their mailbox's name, which names neither
// who looked nor why.
func TestDelegationsEndByThemselves(t *testing.T) {
	t.Parallel()
	c := newCounter(t, testkit.Behaviour{})
	ctx, people := t.Context(), c.config.Identity
	c.mailOn(t, 0, "dave@customer.test")
	c.exec(t, `update acknowledgement set due_at = null`)
	c.exec(t, `insert into "user" (email, name, role, language, time_zone) values ('olga@customer.test', 'Olga', 'owner', 'it', 'Europe/Rome')`)
	c.exec(t, `insert into setting (key, value) values ($1, 'true')`, desk.SupportAccess.Key)
	guest, _, err := people.AddGuest(ctx, desk.System("cli"), identity.NewGuest{Email: "hans@customer.test", Role: desk.RoleLight, Reason: "canary-reason", For: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	c.exec(t, `insert into impersonation (user_id, address, reason, begun_at, ends_at) select id, 'dave@customer.test', 'canary-why', now(), now() + interval '30 minutes' from "user" where email = 'olga@customer.test'`)
	at := time.Now().UTC().Truncate(time.Second)
	enqueue := func(letter desk.TellImpersonated) {
		if err := c.store.Write(ctx, func(tx *store.Tx) error { return tx.Enqueue(ctx, time.Time{}, letter) }); err != nil {
			t.Fatal(err)
		}
	}
	enqueue(desk.TellImpersonated{Impersonation: 1, Address: "dave@customer.test", At: at, Until: at.Add(30 * time.Minute)})
	enqueue(desk.TellImpersonated{Impersonation: 2, Address: "olga@customer.test", At: at, Until: at.Add(30 * time.Minute)})                     // who works here by now
	enqueue(desk.TellImpersonated{Impersonation: 3, Address: "dave@customer.test", At: at.Add(-25 * time.Hour), Until: at.Add(-24 * time.Hour)}) // too late
	c.exec(t, `update guest set begun_at = begun_at - interval '1 hour' + interval '1 second', ends_at = ends_at - interval '1 hour' + interval '1 second'`)
	c.exec(t, `update "user" set ends_at = (select ends_at from guest) where id = $1`, guest.UserID)
	c.start(t)
	c.untilNumber(t, `select count(*) from audit where action = 'guest.end' and actor = 'system' and via = 'job'`, 1)
	c.untilNumber(t, `select count(*) from audit where action = 'impersonation.end' and actor = 'olga@customer.test' and on_behalf = 'dave@customer.test'`, 1)
	if n := c.number(t, `select count(*) from "user" where email = 'hans@customer.test' and disabled_at is not null`); n != 1 {
		t.Error("the guest is not disabled")
	}
	t.Logf("the guest was ended %d ms after their time", c.number(t, `select (extract(epoch from ended_at - ends_at) * 1000)::int from guest`))
	// Two letters to the owner about the guest, and one to the customer.
	var owner, customer []string
	for range 3 {
		mail := c.sink.Next(t)
		header, body, _ := strings.Cut(string(mail.Bytes), "\r\n\r\n")
		if text := header + strings.ReplaceAll(body, "=\r\n", ""); slices.Equal(mail.To, []string{"dave@customer.test"}) {
			customer = append(customer, text)
		} else {
			owner = append(owner, text)
		}
	}
	if len(owner) != 2 || len(customer) != 1 {
		t.Fatalf("the owner got %d letters, the customer %d", len(owner), len(customer))
	}
	for _, words := range []string{"To: olga@customer.test", "hans@customer.test", "canary-reason"} {
		if !strings.Contains(owner[0], words) || !strings.Contains(owner[1], words) {
			t.Errorf("the letters to the owner lack %q:\n%s", words, owner)
		}
	}
	for _, words := range []string{"From: Example Support <support@example.com>", "Auto-Submitted: auto-generated", "Subject: Somebody of Example Support looks at your conversations", "They can change nothing there"} {
		if !strings.Contains(customer[0], words) {
			t.Errorf("the letter to the customer lacks %q:\n%s", words, customer[0])
		}
	}
	for _, words := range []string{"olga", "Olga", "canary"} {
		if strings.Contains(customer[0], words) {
			t.Errorf("the letter to the customer holds %q:\n%s", words, customer[0])
		}
	}
	if n := len(c.sink.Mails()); n != 3 {
		t.Errorf("%d mails left", n)
	}
}

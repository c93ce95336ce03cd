package jobs

import (
	"bytes"
	"net/mail"
	"strings"
	"testing"
	"time"

	"postern/desk"
	"postern/internal/testkit"
	"postern/store"
)

// T-LOOP: an answer that a rule sends leaves within seconds of what happened, and says that no person wrote it.
func TestAutomaticAnswersSaySo(t *testing.T) {
	t.Parallel()
	h := newHouse(t, testkit.Behaviour{})
	box := h.mailbox(t, "support@example.com")
	canned, err := h.tickets.SaveCanned(t.Context(), h.ann, desk.Canned{Name: "Welcome", Text: "Hello {{customer.first_name|there}}, your number is {{ticket.number}}."})
	if err != nil {
		t.Fatal(err)
	}
	_, err = h.tickets.SaveAutomation(t.Context(), h.ann, desk.Automation{Name: "Greet", On: true, Match: desk.MatchAll, When: []desk.Trigger{desk.WhenOpened}, Then: []desk.Action{{Do: desk.ActReply, ID: canned}}})
	if err != nil {
		t.Fatal(err)
	}
	const sql = `
		with person as (insert into contact (address, name) values ('carol@customer.test', 'Carol Smith') returning id),
		     made as (insert into ticket (subject, status, mailbox_id, requester_id, created_at, updated_at) select 'Pump', 'new', $1, id, now(), now() from person returning id)
		insert into message (ticket_id, kind, from_name, from_address, subject, message_id, at, text, facts)
		select id, 'inbound', 'Carol Smith', 'carol@customer.test', 'Pump', 'q1@customer.test', now(), 'Broken.', '{"trust": "verified", "why": {"rule": "new", "saw": ""}}' from made
		returning id, ticket_id`
	var message, ticket int64
	if err := h.store.Pool().QueryRow(t.Context(), sql, box).Scan(&message, &ticket); err != nil {
		t.Fatal(err)
	}
	h.start(t)
	err = h.store.Write(t.Context(), func(tx *store.Tx) error {
		return tx.AddHappenings(t.Context(), store.HappeningRow{Ticket: ticket, Message: message, Kind: desk.HappenedCreated, At: time.Now()})
	})
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(patience); len(h.sink.Mails()) == 0; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("no answer left")
		}
	}
	got, err := mail.ReadMessage(bytes.NewReader(h.sink.Mails()[0].Bytes))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"Auto-Submitted": "auto-replied", "X-Auto-Response-Suppress": "All", "In-Reply-To": "<q1@customer.test>"} {
		if got.Header.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, got.Header.Get(name), want)
		}
	}
	if !bytes.Contains(h.sink.Mails()[0].Bytes, []byte("Hello Carol, your number is")) || strings.Contains(got.Header.Get("From"), "ann@") {
		t.Errorf("the answer is %s", h.sink.Mails()[0].Bytes)
	}
}

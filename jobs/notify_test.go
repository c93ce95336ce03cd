package jobs

import (
	"strings"
	"testing"
	"time"

	"postern/desk"
	"postern/internal/testkit"
)

// A colleague who wants mail gets one letter about a ticket: in our name, answered nowhere by machines, and by them at their own address for the ticket.
func TestNotificationsByMail(t *testing.T) {
	t.Parallel()
	h := newHouse(t, testkit.Behaviour{})
	box := h.mailbox(t, "support@example.com")
	exec := func(sql string, args ...any) {
		t.Helper()
		if _, err := h.store.Pool().Exec(t.Context(), sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	var bea desk.User
	if err := h.store.Pool().QueryRow(t.Context(), `insert into "user" (email, name, role, language) values ('bea@customer.test', 'Bea Baker', 'agent', 'it') returning id`).Scan(&bea.ID); err != nil {
		t.Fatal(err)
	}
	bea.Email, bea.Role = "bea@customer.test", desk.RoleAgent
	actor := desk.Actor{User: bea, Via: "portal"}
	if err := h.tickets.SetWishes(t.Context(), actor, desk.Wishes{By: map[desk.NotificationKind]desk.NotifyBy{desk.NotifyAssigned: desk.NotifyMail, desk.NotifyFollowed: desk.NotifyMail}}); err != nil {
		t.Fatal(err)
	}
	if err := h.tickets.SetAgentsByMail(t.Context(), h.ann, desk.AgentsByMailOn); err != nil {
		t.Fatal(err)
	}
	ticket, _ := h.write(t, desk.NewTicket{MailboxID: box, To: []desk.Address{{Addr: "carol@other.test"}}, Subject: "Broken pump", Text: "Hello"})
	if _, err := h.tickets.Update(t.Context(), h.ann, ticket.ID, desk.TicketChange{Assignee: &bea.ID}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.tickets.Note(t.Context(), h.ann, ticket.ID, "Ask the pump's maker,\nand tell me.", nil); err != nil {
		t.Fatal(err)
	}
	h.config.Now = time.Now
	reacts, tells := newReactor(h.config), newNotifier(h.config)
	for reacts.round(t.Context()) == more {
	}
	if tells.round(t.Context()) != enough || len(h.sink.Mails()) != 0 {
		t.Fatalf("%d letters before she had the time to read", len(h.sink.Mails()))
	}
	exec(`update notification set mail_at = now() - interval '1 second' where mail_at is not null`)
	tells.round(t.Context())
	tells.round(t.Context()) // mailed already
	mails := h.sink.Mails()
	if len(mails) != 1 {
		t.Fatalf("%d letters, want one", len(mails))
	}
	reply, _, err := h.tickets.AgentAddresses(t.Context(), actor, ticket.ID)
	if err != nil || reply == "" {
		t.Fatalf("her address is %q, %v", reply, err)
	}
	text := strings.ReplaceAll(string(mails[0].Bytes), "=\r\n", "")
	for _, want := range []string{
		"To: Bea Baker <bea@customer.test>", "Auto-Submitted: auto-generated", "X-Postern-Loop:", "Subject: [#1] Broken pump", "In-Reply-To: <notify.t1.u", reply,
		"Ann ti ha assegnato il n. 1", "Ann ha scritto una nota al n. 1", "> Ask the pump's maker,", "> and tell me.", "https://desk.example.com/tickets/1#m-", "/you/notifications",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in the letter:\n%s", want, text)
		}
	}
	if mails[0].From != "" {
		t.Errorf("it would bounce to %q", mails[0].From)
	}
}

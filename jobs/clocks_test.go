package jobs

import (
	"testing"
	"time"

	"postern/desk"
	"postern/internal/testkit"
)

// What only time brings about happens without anybody asking: a snoozed ticket comes back, its target gets a due time, and what was missed is told.
func TestClocksAreWatched(t *testing.T) {
	t.Parallel()
	h := newHouse(t, testkit.Behaviour{})
	ticket, _ := h.write(t, desk.NewTicket{MailboxID: h.mailbox(t, "support@example.com"), To: []desk.Address{{Addr: "carol@customer.test"}}, Status: desk.StatusPending})
	other, _ := h.write(t, desk.NewTicket{MailboxID: h.mailbox(t, "sales@example.com"), To: []desk.Address{{Addr: "dave@customer.test"}}, Status: desk.StatusOpen})
	exec := func(sql string, args ...any) {
		t.Helper()
		if _, err := h.store.Pool().Exec(t.Context(), sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	exec(`update ticket set snoozed_until = now() - interval '1 second' where id = $1`, ticket.ID)
	if err := h.tickets.SetTarget(t.Context(), h.ann, desk.Target{SolveMinutes: new(60)}); err != nil {
		t.Fatal(err)
	}
	h.start(t)
	wait := func(what string, met func() bool) {
		t.Helper()
		for end := time.Now().Add(patience); !met(); time.Sleep(50 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s: not within %s", what, patience)
			}
		}
	}
	get := func(number int64) desk.Ticket {
		t.Helper()
		got, err := h.tickets.Get(t.Context(), h.ann, number)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	wait("the ticket comes back, open, and its clock runs", func() bool {
		got := get(ticket.ID)
		return got.SnoozedUntil == nil && got.Status == desk.StatusOpen && got.SolveDueAt != nil
	})
	wait("the other gets its due time", func() bool { return get(other.ID).SolveDueAt != nil })
	exec(`update target_clock set due_at = now() - interval '1 minute' where ticket_id = $1`, other.ID)
	wait("what was missed is told", func() bool {
		page, err := h.tickets.Conversation(t.Context(), h.ann, other.ID, "", 50)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range page.Items {
			if facts, err := m.Decode(); err == nil && facts.Event != nil && facts.Event.Verb == "missed" {
				return true
			}
		}
		return false
	})
}

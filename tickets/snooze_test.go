package tickets

import (
	"testing"
	"time"

	"postern/desk"
)

func TestSnooze(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	number, _ := h.ask(t)
	change := func(c desk.TicketChange) (desk.Ticket, error) { return h.Update(t.Context(), h.ann, number, c) }
	until, pending := h.clock.now().Add(time.Hour), desk.StatusPending
	if _, err := change(desk.TicketChange{Snooze: &until, Status: &pending}); err != nil {
		t.Fatal(err)
	}
	h.clock.wait(59 * time.Minute)
	if err := h.Wake(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := h.get(t, number); got.SnoozedUntil == nil || !got.SnoozedUntil.Equal(until) || got.Status != desk.StatusPending {
		t.Fatalf("a minute before its time it is %s, snoozed until %v", got.Status, got.SnoozedUntil)
	}
	h.clock.wait(time.Minute)
	for range 2 {
		if err := h.Wake(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := h.get(t, number); got.SnoozedUntil != nil || got.Status != desk.StatusOpen || got.WaitingSince == nil {
		t.Errorf("back again it is %s, snoozed until %v, waiting since %v", got.Status, got.SnoozedUntil, got.WaitingSince)
	}
	if verbs := h.verbs(t, number); verbs["woken"] != 1 || verbs["snoozed"] != 1 {
		t.Errorf("the conversation tells %v", verbs)
	}

	h.happens(t)
	told, err := h.Notifications(t.Context(), h.ann, "", 10)
	if err != nil || len(told.Items) != 1 || told.Items[0].Kind != desk.NotifyWoken {
		t.Errorf("who snoozed it was told %v, %v", told.Items, err)
	}

	// A person's answer wakes it, automatic mail does not; ending it ends that, too.
	until = h.clock.now().Add(48 * time.Hour)
	snooze := func() {
		t.Helper()
		if _, err := change(desk.TicketChange{Snooze: &until}); err != nil {
			t.Fatal(err)
		}
	}
	snooze()
	h.mail(t, inbound{Ticket: number, From: carol, Text: "Any news?"})
	if got := h.get(t, number); got.SnoozedUntil != nil {
		t.Error("the customer's answer does not wake it")
	}
	snooze()
	solved, open := desk.StatusSolved, desk.StatusOpen
	if got, err := change(desk.TicketChange{Status: &solved}); err != nil || got.SnoozedUntil != nil {
		t.Errorf("solved, it is snoozed until %v: %v", got.SnoozedUntil, err)
	}
	if _, err := change(desk.TicketChange{Snooze: &until}); !isFault(err, desk.Invalid) {
		t.Errorf("what is over is snoozed: %v", err)
	}
	if _, err := change(desk.TicketChange{Status: &open}); err != nil {
		t.Fatal(err)
	}
	snooze()
	if got, err := change(desk.TicketChange{Snooze: &time.Time{}}); err != nil || got.SnoozedUntil != nil {
		t.Errorf("woken by hand, it is snoozed until %v: %v", got.SnoozedUntil, err)
	}
	past := h.clock.now().Add(-time.Minute)
	if _, err := change(desk.TicketChange{Snooze: &past}); !isFault(err, desk.Invalid) {
		t.Errorf("until a time that is over: %v", err)
	}
}

// verbs counts the events of a conversation.
func (h *house) verbs(t *testing.T, number int64) map[string]int {
	t.Helper()
	verbs := map[string]int{}
	for _, m := range h.conversation(t, number) {
		facts, err := m.Decode()
		if err != nil {
			t.Fatal(err)
		}
		if facts.Event != nil {
			verbs[facts.Event.Verb]++
		}
	}
	return verbs
}

package tickets

import (
	"strings"
	"testing"
	"time"

	"postern/desk"
	"postern/language"
)

// told lists what somebody was told, the newest first.
func (h *house) told(t *testing.T, who desk.Actor) (lines []string) {
	t.Helper()
	page, err := h.Notifications(t.Context(), who, "", 50)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range page.Items {
		lines = append(lines, NotificationLine(language.English, one))
	}
	return lines
}

func TestPeopleAreTold(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	n, _ := h.ask(t)
	if _, err := h.Update(t.Context(), h.ann, n, desk.TicketChange{Assignee: &h.bob.User.ID}); err != nil {
		t.Fatal(err)
	}
	if err := h.Watch(t.Context(), h.owner, n); err != nil {
		t.Fatal(err)
	}
	h.react(t)
	if _, err := h.Note(t.Context(), h.ann, n, "Ask the bank.", nil); err != nil {
		t.Fatal(err)
	}
	h.react(t)
	equal(t, "Bob", h.told(t, h.bob), []string{"Ann wrote a note on #1", "Ann assigned #1 to you"})
	equal(t, "Olga", h.told(t, h.owner), []string{"Ann wrote a note on #1"})
	equal(t, "Ann, who did it", h.told(t, h.ann), nil)

	bell, err := h.Bell(t.Context(), h.bob)
	if err != nil || bell.Unread != 2 {
		t.Errorf("Bob's bell shows %d, %v", bell.Unread, err)
	}
	if err := h.Saw(t.Context(), h.bob, n); err != nil {
		t.Fatal(err)
	}
	if bell, err = h.Bell(t.Context(), h.bob); err != nil || bell.Unread != 0 {
		t.Errorf("after he opened the ticket it shows %d, %v", bell.Unread, err)
	}
	if err := h.Unwatch(t.Context(), h.owner, n); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Note(t.Context(), h.ann, n, "And again.", nil); err != nil {
		t.Fatal(err)
	}
	h.react(t)
	equal(t, "Olga, who watches no more", h.told(t, h.owner), []string{"Ann wrote a note on #1"})
	if h.audited(t, "ticket.watch") != 1 || h.audited(t, "ticket.unwatch") != 1 {
		t.Error("watching is not in the audit log")
	}
}

func TestLettersAboutNotifications(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	wish := func(who desk.Actor, when desk.NotifyWhen) {
		t.Helper()
		by := map[desk.NotificationKind]desk.NotifyBy{}
		for _, kind := range desk.NotificationKinds {
			by[kind] = desk.NotifyMail
		}
		if err := h.SetWishes(t.Context(), who, desk.Wishes{By: by, When: when}); err != nil {
			t.Fatal(err)
		}
	}
	wish(h.bob, desk.NotifySoon)
	wish(h.owner, desk.NotifyHourly)
	first, _ := h.ask(t)
	second, _ := h.mail(t, inbound{From: dave, Subject: "Another\r\nBcc: eve@evil.example", Text: "Hello."})
	for _, n := range []int64{first, second} {
		if err := h.Watch(t.Context(), h.owner, n); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Update(t.Context(), h.ann, n, desk.TicketChange{Assignee: &h.bob.User.ID}); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Note(t.Context(), h.ann, n, "Look at it,\nplease.", nil); err != nil {
			t.Fatal(err)
		}
	}
	h.react(t)
	letters := func() []NotificationLetter {
		t.Helper()
		list, err := h.DueLetters(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	if got := letters(); len(got) != 0 {
		t.Errorf("%d letters at once", len(got))
	}
	if err := h.Saw(t.Context(), h.bob, second); err != nil {
		t.Fatal(err)
	}
	h.clock.wait(3 * time.Minute)
	got := letters()
	if len(got) != 1 || len(got[0].Lines) != 2 || got[0].To.Addr != "bob@example.com" {
		t.Fatalf("after three minutes: %+v", got)
	}
	letter := got[0]
	if letter.Lines[1].Words != "Look at it,\nplease." || letter.Lines[1].URL != "https://desk.example.com/tickets/1#m-"+strings.TrimPrefix(letter.Lines[1].URL, "https://desk.example.com/tickets/1#m-") {
		t.Errorf("it says %+v", letter.Lines[1])
	}
	if letter.Thread != "notify.t1.u2@mx.example.com" || letter.ReplyTo != "" {
		t.Errorf("it is threaded under %q, answered to %q", letter.Thread, letter.ReplyTo)
	}
	if got := letters(); len(got) != 0 {
		t.Errorf("and again: %d", len(got))
	}
	h.clock.wait(time.Hour)
	got = letters()
	if len(got) != 1 || got[0].To.Addr != "owner@example.com" || len(got[0].Lines) != 2 || got[0].Thread != "" || got[0].Lines[0].Words != "" {
		t.Fatalf("at the full hour: %+v", got)
	}
}

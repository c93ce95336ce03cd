package portal

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"postern/desk"
	"postern/identity"
	"postern/store"
)

func TestWhoIsOnATicket(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 29, 9, 0, 0, 0, time.UTC)
	say := func(user int64, tab, name string, ticket int64, writing bool) store.Here {
		return store.Here{Tab: tab, User: user, Name: name, Ticket: ticket, Writing: writing}
	}
	b := board{tabs: map[tabKey]spot{}}
	for _, step := range []struct {
		what    string
		said    []store.Here
		changed []int64
		on7     []present // as somebody else sees it
	}{
		{"one comes", []store.Here{say(1, "a", "Ada", 7, false)}, []int64{7}, []present{{"Ada", false}}},
		{"the same again changes nothing", []store.Here{say(1, "a", "Ada", 7, false)}, nil, []present{{"Ada", false}}},
		{"a second tab is no second person", []store.Here{say(1, "b", "Ada", 7, true)}, []int64{7}, []present{{"Ada", true}}},
		{"who writes comes first", []store.Here{say(2, "c", "Aaron", 7, false)}, []int64{7}, []present{{"Ada", true}, {"Aaron", false}}},
		{"nobody speaks for the tab of another", []store.Here{say(2, "b", "Aaron", 0, false)}, nil, []present{{"Ada", true}, {"Aaron", false}}},
		{"going elsewhere changes both", []store.Here{say(1, "b", "Ada", 8, true)}, []int64{7, 8}, []present{{"Aaron", false}, {"Ada", false}}},
		{"gone", []store.Here{say(1, "a", "Ada", 0, false), say(2, "c", "Aaron", 0, false)}, []int64{7}, nil},
	} {
		if got := b.note(step.said, at); !reflect.DeepEqual(got, step.changed) && len(got)+len(step.changed) > 0 {
			t.Errorf("%s: changed %v, want %v", step.what, got, step.changed)
		}
		if got := b.on(7, 99); !reflect.DeepEqual(got, step.on7) {
			t.Errorf("%s: on #7 are %v, want %v", step.what, got, step.on7)
		}
	}
	if got := b.on(8, 1); len(got) != 0 {
		t.Errorf("one sees oneself: %v", got)
	}
	if got := b.expire(at.Add(hereLife)); len(got) != 0 {
		t.Errorf("forgotten too soon: %v", got)
	}
	if got := b.expire(at.Add(hereLife + time.Second)); !reflect.DeepEqual(got, []int64{8}) || len(b.tabs) != 0 {
		t.Errorf("a process that died leaves %v, %d tabs", got, len(b.tabs))
	}
	for i := range mostOwn * 3 {
		b.note([]store.Here{say(3, fmt.Sprint("t", i), "Cy", int64(i+1), false)}, at.Add(time.Duration(i)*time.Second))
	}
	if len(b.tabs) != mostOwn {
		t.Errorf("one person has %d tabs on the board", len(b.tabs))
	}
}

// process is a second portal over the same database, as a second machine would run.
func (h *house) process() (*Portal, context.CancelFunc) {
	h.t.Helper()
	second := New(Config{Tickets: h.tickets, Identity: h.people, Domains: h.domains, Audit: h.audit, Bucket: h.portal.bucket, PublicURL: h.url, Log: slog.New(slog.DiscardHandler)})
	running, stop := context.WithCancel(h.t.Context())
	ended := make(chan struct{})
	go func() { second.Listen(running); close(ended) }()
	h.t.Cleanup(func() { stop(); <-ended })
	return second, func() { stop(); <-ended }
}

// soon waits until something is so.
func soon(t *testing.T, what string, within time.Duration, so func() bool) {
	t.Helper()
	begin := time.Now()
	for !so() {
		if time.Since(begin) > within {
			t.Fatalf("%s: not within %v", what, within)
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Logf("%s: after %v", what, time.Since(begin).Round(time.Millisecond))
}

func TestWhoIsHereAcrossProcesses(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	n := h.mail(question).Ticket
	soon(t, "the first process listens", 5*time.Second, h.portal.hub.heardItself.Load)
	tab, err := h.portal.hub.join(h.agent.User.ID)
	check(t, err)
	agent := h.reader("ada@example.com")
	if got := agent.post("/here", "tab", tab.tab, "ticket", fmt.Sprint(n), "writing", "1"); got.status != 204 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	soon(t, "seen in the same process", 2*time.Second, func() bool { return len(h.portal.writingToo(n, h.owner.User.ID)) == 1 })
	second, end := h.process()
	soon(t, "a process that begins asks and is told", 3*time.Second, func() bool { return len(second.board.on(n, h.owner.User.ID)) == 1 })
	if second.board.on(n, h.owner.User.ID)[0] != (present{"Ada Agent", true}) {
		t.Errorf("it knows %v", second.board.on(n, h.owner.User.ID))
	}
	theirs, err := second.hub.join(h.owner.User.ID)
	check(t, err)
	check(t, h.tickets.Here(t.Context(), h.owner, []store.Here{{Tab: theirs.tab, User: h.owner.User.ID, Name: "Olga Owner", Ticket: n}}))
	soon(t, "seen from the other process", 2*time.Second, func() bool { return len(h.portal.board.on(n, h.agent.User.ID)) == 1 })
	soon(t, "and known there", 2*time.Second, func() bool { return len(second.board.on(n, h.agent.User.ID)) == 1 })
	end()
	soon(t, "a process that stops takes its tabs along", 2*time.Second, func() bool { return len(h.portal.board.on(n, h.agent.User.ID)) == 0 })
	var kept int
	check(t, h.store.Pool().QueryRow(t.Context(), `select count(*) from audit where action like '%here%'`).Scan(&kept))
	if kept != 0 {
		t.Errorf("%d entries of it were kept", kept)
	}
	if got := agent.post("/here", "tab", strings.Repeat("x", 99), "ticket", "1"); got.status != 422 {
		t.Errorf("a tab with such a name: %d", got.status)
	}
}

func TestTwoAgentsOnOneTicket(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	_, err := h.people.AddUser(t.Context(), desk.System("cli"), identity.NewUser{Email: "bo@example.com", Name: "Bo <b>Baker", Role: desk.RoleAgent, Password: password})
	check(t, err)
	n := h.mail(question).Ticket
	ada, bo := h.browser("ada@example.com"), h.browser("bo@example.com")
	open := chromedp.Navigate(fmt.Sprintf("%s/tickets/%d", h.url, n))
	does(t, ada, "Ada opens it", open, chromedp.WaitVisible("#reply-text"))
	does(t, bo, "Bo stays on the list", chromedp.Navigate(h.url+"/tickets"), chromedp.WaitVisible(".row"), until("stream?.readyState === 1"))
	does(t, bo, "and sees who is on it", says(fmt.Sprintf("#here-%d", n), "Ada Agent is looking"))
	does(t, bo, "Bo opens it", chromedp.Click(".row"), says("#here", "Ada Agent"))
	does(t, ada, "Ada sees Bo, by name and as text", says("#here", "Bo <b>Baker"))
	does(t, bo, "Bo writes", chromedp.SendKeys("#reply-text", "Dear Anna"))
	begin := time.Now()
	does(t, ada, "Ada sees it over her own letter", says("#here-writing", "Bo <b>Baker is writing here too"))
	if took := time.Since(begin); took > promised {
		t.Errorf("it took %v", took)
	}
	does(t, bo, "Bo goes", chromedp.Navigate("about:blank"))
	begin = time.Now()
	does(t, ada, "and is gone", until(`document.querySelector("#here").textContent === ""`), until(`document.querySelector("#here-writing").textContent === ""`))
	if took := time.Since(begin); took > promised {
		t.Errorf("it took %v", took)
	}
}

// promised is how soon people see each other come, write and go.
const promised = 2 * time.Second

func TestSomebodyElseIsWriting(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	n := h.mail(question).Ticket
	ada := h.reader("ada@example.com")
	check(t, h.tickets.Here(t.Context(), h.owner, []store.Here{{Tab: "x", User: h.owner.User.ID, Name: "Olga Owner", Ticket: n, Writing: true}}))
	soon(t, "Olga writes", 5*time.Second, func() bool { return len(h.portal.writingToo(n, h.agent.User.ID)) == 1 })
	ticket := fmt.Sprintf("/tickets/%d", n)
	ada.get(ticket).has(t, "Olga Owner", "is writing here too")
	asked := ada.post(ticket+"/reply", "kind", "reply", "text", "We look into it.", "to", "anna@customer.example", "status", "pending")
	asked.has(t, "Olga Owner is writing on this ticket at this moment.", "We look into it.")
	ada.post(ticket+"/reply", "kind", "reply", "text", "We look into it.", "to", "anna@customer.example", "status", "pending", "sure", "busy Olga Owner")
	ada.get(ticket).has(t, "Leaves in")
}

package portal

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"postern/desk"
	"postern/store"
)

// react lets everybody react to what has happened, as the worker does.
func (h *house) react() {
	h.t.Helper()
	ctx, soon := h.t.Context(), time.Now().Add(time.Minute)
	for {
		var taken []desk.Happening
		check(h.t, h.store.Write(ctx, func(tx *store.Tx) (err error) {
			taken, err = tx.TakeHappenings(ctx, soon, soon, 100)
			return err
		}))
		if len(taken) == 0 {
			return
		}
		who, err := h.tickets.Reactor(ctx)
		check(h.t, err)
		for _, one := range taken {
			check(h.t, who.React(ctx, one))
			check(h.t, h.store.Write(ctx, func(tx *store.Tx) error { return tx.EndHappenings(ctx, []int64{one.ID}) }))
		}
	}
}

func TestNotificationsWithoutAScript(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	n := h.mail(strings.Replace(question, "Charged twice", "<i>Charged</i> twice", 1)).Ticket
	ada, olga := h.reader("ada@example.com"), h.reader("olga@example.com")
	ada.get("/notifications").has(t, "Nothing to tell you.")
	ticket := fmt.Sprintf("/tickets/%d", n)
	olga.post(ticket, "assignee", fmt.Sprint(h.agent.User.ID)).has(t, "Watch")
	olga.post(ticket+"/watch", "watch", "1").has(t, "Stop watching", "Watching:", "Olga Owner")
	h.react()
	page := ada.get("/notifications")
	page.has(t, "Olga Owner assigned #1 to you", "&lt;i&gt;Charged&lt;/i&gt; twice", "Mark all as read", `class="unread"`, `<b class="count">1`)
	if got := ada.post("/notifications/read", "id", hidden(t, page.body, "id")); got.path != "/notifications" || strings.Contains(got.body, `class="unread"`) {
		t.Errorf("read, and at %s still unread", got.path)
	}
	ada.post(ticket+"/note", "text", "The bank says no.")
	h.react()
	olga.get("/notifications").has(t, "Ada Agent wrote a note on #1", "/tickets/1#m-")
	olga.get(ticket)
	olga.get("/notifications").lacks(t, `class="unread"`)
	olga.post(ticket+"/watch", "watch", "0").lacks(t, "Stop watching")

	wishes := ada.get("/you/notifications")
	wishes.has(t, "Somebody assigns me a ticket", "Not at all", "Also by mail")
	if got := regexp.MustCompile(`value="portal" checked`).FindAllString(wishes.body, -1); len(got) != len(desk.NotificationKinds) {
		t.Errorf("%d kinds are told in the portal at first", len(got))
	}
	ada.post("/you/notifications", "assigned", "off", "mentioned", "mail", "when", "daily").has(t, "Saved.", `value="off" checked`, `value="daily" selected`)
	if got := ada.post("/you/notifications", "assigned", "by pigeon"); got.status != 422 {
		t.Errorf("by pigeon: %d", got.status)
	}
	olga.post(ticket, "assignee", "0")
	olga.post(ticket, "assignee", fmt.Sprint(h.agent.User.ID))
	h.react()
	if got := ada.get("/notifications"); strings.Count(got.body, "assigned #1 to you") != 1 {
		t.Error("told of what she does not want to be told of")
	}
}

func TestTheBellRings(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	n := h.mail(question).Ticket
	other := h.mail("From: bo@customer.example\nTo: support@example.com\nSubject: Another one\nMessage-ID: <o1@customer.example>\n\nHello?\n").Ticket
	ctx := h.browser("ada@example.com")
	does(t, ctx, "on a page that is no list", chromedp.Navigate(h.url+"/you"), until("stream?.readyState === 1 && Boolean(tab)"))
	assign := func(number int64) {
		_, err := h.tickets.Update(t.Context(), h.owner, number, desk.TicketChange{Assignee: new(h.agent.User.ID)})
		check(t, err)
		h.react()
	}
	assign(n)
	does(t, ctx, "a toast and the bell say it", says("#toasts", "Olga Owner assigned #1 to you"), says("#bell", "1"))
	does(t, ctx, "and lead there", chromedp.Click("#toasts .ring a"), says(".ticket h1", "Charged twice"), until(`!document.querySelector("#bell .count")`))
	assign(other)
	does(t, ctx, "beside an open ticket too", says("#toasts", "Olga Owner assigned #2 to you"), says("#bell", "1"))
	_, err := h.tickets.Note(t.Context(), h.owner, n, "Look.", nil)
	check(t, err)
	h.react()
	does(t, ctx, "what is before one's eyes needs no bell", says("#news", "1 new message"), says("#bell", "1"))
	time.Sleep(300 * time.Millisecond)
	does(t, ctx, "still", says("#bell", "1"), until(`![...document.querySelectorAll(".ring")].some((toast) => toast.textContent.includes("note on #1"))`))
}

package portal

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"postern/desk"
	"postern/language"
)

// One list has one address, which says no more than it must, and reads back as the same list.
func TestListingAddress(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]struct{ url, title string }{
		"":                 {"/tickets", "Inbox"},
		"view=inbox":       {"/tickets", "Inbox"},
		"view=nonsense":    {"/tickets", "Inbox"},
		"q=pump":           {"/tickets?q=pump&view=all", "Search"},
		"view=mine&q=pump": {"/tickets?q=pump&view=mine", "Search"},
		"status=new,open&sleep=awake&order=waiting": {"/tickets", "Inbox"},
		"status=open&status=new":                    {"/tickets", "Inbox"},
		"status=pending":                            {"/tickets?status=pending", "Filtered"},
		"status=any":                                {"/tickets?status=any", "Filtered"},
		"status=sideways":                           {"/tickets?status=any", "Filtered"},
		"mailbox=3&tag=Big+Bill":                    {"/tickets?mailbox=3&tag=big-bill", "Inbox"},
		"mailbox=any&assignee=any&team=any&tag=&priority=any&overdue=no&q=": {"/tickets", "Inbox"},
		"view=mine&assignee=me":          {"/tickets?view=mine", "Mine"},
		"view=mine&assignee=7":           {"/tickets?assignee=7&view=mine", "Filtered"},
		"view=all&priority=urgent,high":  {"/tickets?priority=high&priority=urgent&view=all", "Everything"},
		"view=all&assignee=bob&team=-1":  {"/tickets?view=all", "Everything"},
		"view=all&order=due&overdue=yes": {"/tickets?order=due&overdue=yes&view=all", "Everything"},
		"view=12&tag=x":                  {"/tickets?tag=x&view=12", "View"},
		"team=4&cursor=abc":              {"/tickets?team=4", "Inbox"},
	} {
		values, err := url.ParseQuery(address)
		check(t, err)
		l := listingOf(values)
		if l.URL() != want.url || l.Title() != want.title {
			t.Errorf("%q is %s, %q; want %s, %q", address, l.URL(), l.Title(), want.url, want.title)
		}
		again, err := url.Parse(l.URL())
		check(t, err)
		if back := listingOf(again.Query()); !back.Filter().Equal(l.Filter()) || back.View != l.View {
			t.Errorf("%q reads back as %+v", address, back)
		}
	}
	saved := listing{View: "12", Saved: desk.View{ID: 12, Name: "Bills", Filter: desk.ListFilter{Tag: "bill", Statuses: []desk.Status{desk.StatusOpen}}}, Over: url.Values{"tag": {"bill"}, "status": {"any"}}}.settled()
	if saved.URL() != "/tickets?status=any&view=12" || saved.Title() != "Bills" || saved.Edit() != "/views/12?status=any" || saved.Plain() != "/tickets?view=12" {
		t.Errorf("a saved view is %s, %s, %s", saved.URL(), saved.Edit(), saved.Plain())
	}
}

func TestDueIn(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	for after, want := range map[time.Duration]string{
		40 * time.Minute: "due in 40 min", 3 * time.Hour: "due in 3 h", 25 * time.Hour: "", -time.Minute: "overdue 1 min", -47 * time.Hour: "overdue 47 h", -72 * time.Hour: "overdue 3 d",
	} {
		if got, over := dueIn(language.English, now.Add(after), now); got != want || over != (after < 0) {
			t.Errorf("%s: %q, %v", after, got, over)
		}
	}
}

// A list is narrowed, kept as a view, shared, moved, changed and deleted, all by forms and links alone.
func TestViewsByForms(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	n := h.mail(question).Ticket
	h.mail("From: bo@customer.example\nTo: support@example.com\nSubject: Another one\n\nHello?\n")
	check(t, second(h.tickets.Update(t.Context(), h.agent, n, desk.TicketChange{AddTags: []string{"billing"}})))
	agent, owner := h.reader("ada@example.com"), h.reader("olga@example.com")

	page := agent.get("/tickets?view=inbox&status=new%2Copen&mailbox=any&assignee=any&team=any&priority=any&tag=billing&sleep=awake&overdue=no&order=waiting&q=&filters=open")
	page.has(t, "Charged twice", "Tag: billing", `href="/views/new?tag=billing"`, `<details class="filters" open>`)
	page.lacks(t, "Another one")
	agent.get("/tickets?status=pending").has(t, "No conversation is like this.", "Status: Pending")
	agent.get("/tickets?q=priority:huge").has(t, "There is no priority", `role="alert"`)

	form := agent.get("/views/new?tag=billing")
	form.has(t, `value="billing"`, "Only you")
	form.lacks(t, `value="all"`)
	agent.post("/views", "name", "", "audience", "me", "tag", "billing").has(t, "Give the view a name.", `value="billing"`)
	agent.post("/views", "name", "For all", "audience", "all").has(t, "A view for everybody is made by an admin")
	kept := agent.post("/views", "name", "My <bills>", "audience", "me", "status", "new,open", "tag", "billing", "order", "newest", "q", "twice")
	kept.has(t, "<h1>My &lt;bills&gt;</h1>", "Charged <mark>twice</mark>", "Edit view")
	kept.lacks(t, "Another one")
	views, err := h.tickets.Views(t.Context(), h.agent)
	check(t, err)
	if len(views) != 1 || views[0].Filter.Order != desk.OrderNewest {
		t.Fatalf("kept are %+v", views)
	}
	id := views[0].ID
	agent.get("/tickets").has(t, "My &lt;bills&gt;", fmt.Sprintf(`href="/tickets?view=%d"`, id), `<b class="count">1</b>`)
	agent.get(fmt.Sprintf("/tickets?view=%d&tag=", id)).has(t, "Save changes", fmt.Sprintf(`href="/views/%d?tag="`, id), "Any tag")
	if got := owner.get(fmt.Sprintf("/views/%d", id)); got.status != 404 {
		t.Errorf("another's view: %d", got.status)
	}
	owner.get(fmt.Sprintf("/tickets?view=%d", id)).has(t, "<h1>Everything</h1>")
	owner.post("/views", "name", "Urgent", "audience", "all", "priority", "urgent,high", "order", "due")
	agent.get("/views").has(t, "Urgent", "by Olga Owner", "All colleagues", "Priority: High, Urgent", "Search: twice")
	order := func() bool {
		body := agent.get("/views").body
		return strings.Index(body, "Urgent</a>") < strings.Index(body, "bills&gt;</a>")
	}
	if order() {
		t.Error("the new view does not come last")
	}
	agent.post(fmt.Sprintf("/views/%d/move", id), "do", "down")
	if !order() {
		t.Error("the view did not move")
	}
	agent.post(fmt.Sprintf("/views/%d", id), "name", "Bills", "audience", "me", "tag", "billing").has(t, "<h1>Bills</h1>", "Charged twice")
	if got := agent.post(fmt.Sprintf("/views/%d/delete", id)); got.path != "/views" || strings.Contains(got.body, "Bills") {
		t.Errorf("deleted, and at %s", got.path)
	}
	agent.get(fmt.Sprintf("/tickets?view=%d", id)).has(t, "<h1>Everything</h1>")
}

func second[T any](_ T, err error) error { return err }

// Several conversations change by one form; what could not be done is named, and the way back is on the page.
func TestBulkByForms(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	one, two, three := h.mail(question).Ticket, h.mail("From: bo@customer.example\nTo: support@example.com\nSubject: Second\n\nHello?\n").Ticket, h.mail("From: cy@customer.example\nTo: support@example.com\nSubject: Third\n\nHello?\n").Ticket
	check(t, h.tickets.Merge(t.Context(), h.agent, three, two))
	agent := h.reader("ada@example.com")
	numbers := []string{"n", fmt.Sprint(one), "n", fmt.Sprint(two), "n", fmt.Sprint(three)}
	agent.post("/tickets/bulk", "do", "solve").has(t, "Tick the conversations that shall change.")
	agent.post("/tickets/bulk", append(numbers, "do", "apply")...).has(t, "Choose what shall change.")
	agent.post("/tickets/bulk", append(numbers, "do", "merge", "into", "x")...).has(t, "Write the number of the other ticket")
	done := agent.post("/tickets/bulk?view=all", append(numbers, "do", "apply", "priority", "urgent", "assignee", fmt.Sprint(h.agent.User.ID), "add_tags", "batch, night", "snooze", "tomorrow")...)
	done.has(t, "<h1>Everything</h1>", "2 conversations were changed.", "Left as they were:", fmt.Sprintf("#%d: Ticket #%d was merged into #%d", three, three, two), "Undo", "Urgent", "Until")
	if done.path != "/tickets" {
		t.Errorf("the answer is %s", done.path)
	}
	ticket, err := h.tickets.Get(t.Context(), h.agent, one)
	check(t, err)
	if ticket.Priority != desk.PriorityUrgent || ticket.AssigneeName != "Ada Agent" || strings.Join(ticket.Tags, " ") != "batch night" || ticket.SnoozedUntil == nil {
		t.Errorf("the ticket is %+v", ticket)
	}
	agent.get("/tickets").has(t, "Nobody is waiting.")
	agent.get("/tickets?view=snoozed").has(t, "Charged twice", "Second")
	undo := strings.SplitN(strings.SplitN(done.body, `action="/tickets/bulk/`, 3)[1], `"`, 2)[0]
	undone := agent.post("/tickets/bulk/" + undo)
	undone.has(t, "Undone: 2 conversations are as they were before.")
	undone.lacks(t, "Urgent</span>", ">Undo<")
	if again := agent.post("/tickets/bulk/" + undo); again.status != 409 {
		t.Errorf("undone again: %d", again.status)
	}
	agent.post("/tickets/bulk", "n", fmt.Sprint(one), "do", "take").has(t, "One conversation was changed.")
	agent.post("/tickets/bulk", "n", fmt.Sprint(one), "do", "take").has(t, "It was so already")
	agent.post("/tickets/bulk", "n", fmt.Sprint(one), "n", fmt.Sprint(two), "do", "merge", "into", fmt.Sprint(two)).has(t, fmt.Sprintf("One conversation was merged into #%d.", two))
	agent.post("/tickets/bulk", "n", fmt.Sprint(two), "do", "spam").has(t, "One conversation is marked as spam.")
	if other := h.reader("olga@example.com").get("/tickets?bulk=1"); strings.Contains(other.body, "were changed") {
		t.Error("what one person did is told to another")
	}
}

// The rail folds away in one browser and comes back, without a script.
func TestRailFolds(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	agent := h.reader("ada@example.com")
	agent.get("/tickets").lacks(t, `class="folded"`)
	agent.post("/rail", "folded", "yes").has(t, `<body class="folded">`, "Keep the menu open")
	agent.get("/views").has(t, `<body class="folded">`)
	agent.post("/rail").lacks(t, `class="folded"`)
}

// A morning in the list: keys select, shift selects from the last one to here, one bar changes all of them, and filters keep their place in the address.
func TestListByKeysInTheBrowser(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for i := range 5 {
		h.mail(fmt.Sprintf("From: p%d@customer.example\nTo: support@example.com\nSubject: Question %d\n\nHello?\n", i, i))
	}
	ctx := h.browser("ada@example.com")
	ticked := func(n int) chromedp.Action[chromedp.Void] {
		return until(fmt.Sprintf(`document.querySelectorAll('#list input[name="n"]:checked').length === %d`, n))
	}
	does(t, ctx, "select with x", chromedp.WaitVisible(".row"), chromedp.Focus("#main"), chromedp.KeyEvent("j"), chromedp.KeyEvent("x"), ticked(1), says("[data-tally]", "1 selected"),
		chromedp.WaitVisible("#bulk"))
	does(t, ctx, "and from there to here", chromedp.KeyEvent("j"), chromedp.KeyEvent("j"), chromedp.KeyEvent("X"), ticked(3), says("[data-tally]", "3 selected"))
	does(t, ctx, "x again takes one out", chromedp.KeyEvent("x"), ticked(2), until(`document.querySelector("[data-all]").indeterminate`))
	does(t, ctx, "all on the page", chromedp.Click("[data-all]"), ticked(5), says("[data-tally]", "5 selected"), chromedp.Click("[data-all]"), ticked(0), until(`getComputedStyle(document.querySelector("#bulk")).display === "none"`))
	does(t, ctx, "take two of them", chromedp.Click(`.rows li:nth-child(1) input`), chromedp.Click(`.rows li:nth-child(2) input`), ticked(2), evaluate("window.stays = true"),
		chromedp.Click(`#bulk [value=take]`), says(".bulk-result", "2 conversations were changed."), until("window.stays === true"), until(`document.querySelectorAll(".row .face").length === 2`))
	does(t, ctx, "undo", chromedp.Click(".bulk-result .button"), says(".bulk-result", "as they were before"), until(`document.querySelectorAll(".row .face").length === 0`))
	does(t, ctx, "a filter stands in the address and stays open", chromedp.Click(".filters summary"), evaluate(`document.querySelector("#f-assignee").value = "me"; document.querySelector("#f-assignee").dispatchEvent(new Event("change", { bubbles: true }))`),
		says(".empty", "No conversation is like this."), until(`location.search === "?assignee=me"`), until(`document.querySelector(".filters").open`), says(".narrow-chip", "Assigned to: Me"), until("window.stays === true"))
	does(t, ctx, "the way back", chromedp.NavigateBack(), until(`location.search === ""`), until(`document.querySelectorAll(".row").length === 5`))
	does(t, ctx, "g m", chromedp.Focus("#main"), chromedp.KeyEvent("g"), chromedp.KeyEvent("m"), until(`location.search === "?view=mine"`), says(".list-head h1", "Mine"))
	does(t, ctx, "/ searches", chromedp.WaitVisible("#main"), chromedp.Focus("#main"), chromedp.KeyEvent("/"), until(`document.activeElement.name === "q"`), chromedp.SendKeys(".search input", "question\r"), says(".row-subject mark", "Question"))
	does(t, ctx, "open with Enter, back with u", chromedp.Focus("#main"), chromedp.KeyEvent("j"), chromedp.KeyEvent("o"), chromedp.WaitVisible(".ticket"), chromedp.Focus("#main"), chromedp.KeyEvent("u"), until(`location.pathname === "/tickets"`), chromedp.WaitVisible(".row"))
}

package portal

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"postern/desk"
)

// withFile is a mail that brings a file along.
const withFile = "From: Anna Rossi <anna@customer.example>\nTo: Example Support <support@example.com>\nSubject: Charged twice\nMessage-ID: <q1@customer.example>\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nWe were charged twice.\n--b\nContent-Type: application/pdf; name=\"invoice.pdf\"\nContent-Disposition: attachment\nContent-Transfer-Encoding: base64\n\nSGVsbG8gd29ybGQ=\n--b--\n"

// sentLast is the newest mail of ours on a ticket.
func (h *house) sentLast(number int64) (last desk.Message) {
	h.t.Helper()
	page, err := h.tickets.Conversation(h.t.Context(), h.agent, number, "", 100)
	check(h.t, err)
	for _, m := range page.Items {
		if m.Kind.Leaves() {
			last = m
		}
	}
	return last
}

// Everything about a forward works by forms alone: what goes along is chosen, the mail itself too, and undoing brings it back.
func TestForwardWithoutScript(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	n := h.mail(withFile).Ticket
	agent, path := h.reader("ada@example.com"), fmt.Sprintf("/tickets/%d", n)
	agent.get(path).has(t, `href="/tickets/1?tab=forward#composer"`)
	page := agent.get(path + "?tab=forward")
	page.has(t, `value="Fwd: Charged twice"`, "The whole mail as a file", "invoice.pdf", "The customer sees neither this nor the answers to it.")
	take, passed := hidden(t, page.body, "take"), hidden(t, page.body, "forwards")
	sent := agent.post(path+"/forward", "kind", "forward", "forwards", passed, "subject", "Fwd: Charged twice", "text", "Can you see this?", "to", "sam@supplier.example", "take", take, "original", "on", "status", "hold", "last_seen", hidden(t, page.body, "last_seen"))
	sent.has(t, "Can you see this?", "Hidden from the customer", "Leaves in", "Charged twice.eml")
	m := h.sentLast(n)
	if m.Kind != desk.KindForward || len(m.Files) != 2 || len(m.Deliveries) != 1 {
		t.Fatalf("sent is %+v", m)
	}
	back := agent.post(regexp.MustCompile(`/messages/\d+/undo`).FindString(sent.body))
	back.has(t, ">Can you see this?</textarea>", `value="sam@supplier.example"`, "Charged twice.eml")
	wrong := agent.post(path+"/forward", "kind", "forward", "forwards", passed, "subject", "", "text", "x", "to", "sam@supplier.example")
	if wrong.status != http.StatusUnprocessableEntity {
		t.Errorf("a forward without a subject gives %d", wrong.status)
	}
	wrong.has(t, ">x</textarea>")
}

// A writer is asked once about what looks wrong; what they have heard is not said again, and a mail that is not sent for another reason remembers it.
func TestWarningsBeforeAMailLeaves(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	n := h.mail(question).Ticket
	agent, path := h.reader("ada@example.com"), fmt.Sprintf("/tickets/%d", n)
	_, err := h.tickets.Note(t.Context(), h.agent, n, "he has never paid anything at all", nil)
	check(t, err)
	form := []string{"text", "In allegato: he has never paid anything at all", "to", "anna@customer.example", "cc", "boss@other.example", "answers", "0"}
	warned := agent.post(path+"/reply", form...)
	if warned.status != http.StatusConflict || h.sentLast(n).ID != 0 {
		t.Fatalf("a reply with warnings gives %d", warned.status)
	}
	warned.has(t, "text of a note", "none is attached", "boss@other.example has never had a mail from here", "Send anyway", "he has never paid anything at all</textarea>")
	for _, mark := range regexp.MustCompile(`name="sure" value="([^"]*)"`).FindAllStringSubmatch(warned.body, -1) {
		form = append(form, "sure", mark[1])
	}
	stale := agent.post(path+"/reply", append(form, "last_seen", "1")...) // the note is newer, but our own: it is no reason
	stale.has(t, "Leaves in")
	if m := h.sentLast(n); m.Kind != desk.KindReply || len(m.Deliveries) != 2 {
		t.Errorf("sent is %+v", m)
	}
}

// Where the reader goes after sending is their own choice, and the bar to undo goes along.
func TestAfterSending(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	first := h.mail(question).Ticket
	second := h.mail("From: bo@customer.example\nTo: support@example.com\nSubject: Another one\nMessage-ID: <o1@customer.example>\n\nHello?\n").Ticket
	agent := h.reader("ada@example.com")
	send := func() answer {
		return agent.post(fmt.Sprintf("/tickets/%d/reply", first), "text", "Sorry.", "to", "anna@customer.example", "answers", "0", "status", "keep")
	}
	got := send()
	if got.path != fmt.Sprintf("/tickets/%d", second) {
		t.Errorf("after sending the reader is at %s", got.path)
	}
	got.has(t, `class="undo sent"`, "anna@customer.example", "Undo")
	page := agent.get("/you/writing")
	page.has(t, "Once it was sent", `value="10"`)
	if got := agent.post("/you/writing", "signature", "x", "undo_seconds", "31", "after_send", "stay"); got.status != http.StatusUnprocessableEntity {
		t.Errorf("31 seconds give %d", got.status)
	}
	agent.post("/you/writing", "signature", "Ada\nSupport", "undo_seconds", "0", "after_send", "stay").has(t, "Ada\nSupport</textarea>")
	if got = send(); got.path != fmt.Sprintf("/tickets/%d", first) {
		t.Errorf("the reader is at %s", got.path)
	}
	if m := h.sentLast(first); m.Quoted != "-- \nAda\nSupport" || m.FromAddress != "support@example.com" {
		t.Errorf("sent is %+v", m)
	}
	owner := h.reader("olga@example.com")
	owner.post("/mailboxes/change", "address", "support@example.com", "name", "Example Support", "dmarc", "suspend", "signature", "Example Ltd")
	owner.get("/mailboxes").has(t, "Example Ltd</textarea>")
}

func TestSuggestions(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	n := h.mail(question).Ticket
	_, err := h.tickets.SaveCanned(t.Context(), h.owner, desk.Canned{Name: "Greeting", Shortcut: "hi", Text: "Dear {{customer.first_name}}"})
	check(t, err)
	agent := h.reader("ada@example.com")
	agent.get(fmt.Sprintf("/suggest/people?ticket=%d&q=ann", n)).has(t, "Anna Rossi &lt;anna@customer.example&gt;")
	agent.get("/suggest/people?q=zzz").lacks(t, "<li")
	agent.get("/suggest/colleagues?q=ol").has(t, `data-value="@Olga Owner "`)
	agent.get(fmt.Sprintf("/suggest/canned?ticket=%d&q=h", n)).has(t, `data-value="Dear Anna"`, "/hi")
	menu := agent.get(fmt.Sprintf("/tickets/%d/canned", n))
	menu.has(t, "Greeting", `<kbd>/hi</kbd>`)
	put := strings.ReplaceAll(regexp.MustCompile(`/tickets/\d+\?canned=\d+`).FindString(menu.body), "&amp;", "&")
	agent.get(put).has(t, ">Dear Anna</textarea>")
}

// By keys and mouse: chips, colleagues, canned replies, a dropped word is never lost, and a forward.
func TestComposerInTheBrowser(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	n := h.mail(question).Ticket
	_, err := h.tickets.SaveCanned(t.Context(), h.owner, desk.Canned{Name: "Greeting", Shortcut: "hi", Text: "Dear {{customer.first_name}},"})
	check(t, err)
	ctx := h.browser("ada@example.com")
	field := func(name string) string {
		return fmt.Sprintf(`document.querySelector(".write.reply [name=%s]").value`, name)
	}
	does(t, ctx, "open", chromedp.Navigate(fmt.Sprintf("%s/tickets/%d", h.url, n)), chromedp.WaitVisible("#reply-text"), until(`document.querySelectorAll(".chip").length === 2`))
	does(t, ctx, "r answers the sender only", evaluate(`document.activeElement.blur()`), press("r"), until(field("cc")+` === ""`))
	does(t, ctx, "a answers all", evaluate(`document.activeElement.blur()`), press("a"), until(field("cc")+` === "bert@customer.example"`))
	does(t, ctx, "an address becomes a chip", evaluate(`document.querySelector(".recipients").open = true`), chromedp.SendKeys("#bcc", "boss@other.example,"), until(field("bcc")+` === "boss@other.example"`))
	does(t, ctx, "people are suggested", chromedp.SendKeys("#bcc", "ann"), says("#offers", "Anna Rossi"), press("Enter"), until(field("bcc")+`.includes("Anna Rossi <anna@customer.example>")`))
	does(t, ctx, "a canned reply by its slash", chromedp.SendKeys("#reply-text", "/hi"), says("#offers", "Greeting"), press("Tab"), until(`document.querySelector("#reply-text").value === "Dear Anna,"`))
	does(t, ctx, "the draft is kept when the reader goes", chromedp.SendKeys("#reply-text", " wait"), chromedp.Navigate(h.url+"/tickets"), chromedp.WaitVisible(".row"),
		chromedp.Navigate(fmt.Sprintf("%s/tickets/%d", h.url, n)), until(`document.querySelector("#reply-text").value === "Dear Anna, wait"`))
	does(t, ctx, "a colleague is called", evaluate(`document.activeElement.blur()`), press("n"), chromedp.SendKeys("#note-text", "@ol"), says("#offers", "Olga Owner"), press("Enter"),
		until(`document.querySelector("#note-text").value === "@Olga Owner "`), chromedp.SendKeys("#note-text", "look"), chromedp.Click(".write.note .primary"), says(".card.note", "@Olga Owner look"), until(`!document.querySelector(".htmx-settling, .htmx-swapping, .htmx-added")`))
	does(t, ctx, "a forward", evaluate(`document.activeElement.blur()`), press("f"), chromedp.WaitVisible("#forward-to"), chromedp.SendKeys("#forward-to", "sam@supplier.example,"), chromedp.SendKeys("#forward-text", "Please look"),
		chromedp.Click(".write.forward .primary"), says(".card.forward", "Please look"), says(".card.forward", "Hidden from the customer"))
	people, err := h.store.Mentioned(t.Context(), h.noteLast(n))
	check(t, err)
	if len(people) != 1 || people[0] != h.owner.User.ID {
		t.Errorf("the note names %v", people)
	}
}

// press is a key as a keyboard presses it: where a script takes it, nothing is typed. (The protocol sends the character apart from the key.)
func press(key string) chromedp.Action[chromedp.Void] {
	return evaluate(fmt.Sprintf(`document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: %q, bubbles: true, cancelable: true }))`, key))
}

// noteLast is the newest note on a ticket.
func (h *house) noteLast(number int64) (last int64) {
	h.t.Helper()
	page, err := h.tickets.Conversation(h.t.Context(), h.agent, number, "", 100)
	check(h.t, err)
	for _, m := range page.Items {
		if m.Kind == desk.KindNote {
			last = m.ID
		}
	}
	return last
}

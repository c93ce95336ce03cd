package portal

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"postern/desk"
	"postern/language"
	"postern/store"
	"postern/threading"
	"postern/tickets"
)

// unread is an agent's forward in a form that nobody reads. Nothing proves it either: it is held, and let in by a person.
const unread = "From: Ada Agent <ada@example.com>\nTo: support@example.com\nCc: Cora <cora@partner.example>\nSubject: look at this\nMessage-ID: <f1@example.com>\n\nPlease help him:\n\n* wrote: Carl <carl@customer.example>, (carl@customer.example.) support@example.com *\nMy pump is broken, see <b>mail@</b> x@y\"z\n"

// sentIn is the ticket of that mail.
func (h *house) sentIn() int64 {
	h.t.Helper()
	check(h.t, h.book.Reload(h.t.Context()))
	held := h.mail(unread)
	if held.Disposition != desk.Suspended {
		h.t.Fatalf("the mail became %+v", held)
	}
	list, err := h.tickets.Suspended(h.t.Context(), h.agent, desk.SuspendedQuery{})
	check(h.t, err)
	done, err := h.tickets.Release(h.t.Context(), h.agent, list.Items[0].ID, 0)
	check(h.t, err)
	return done.Ticket
}

// The chooser is in the way while the customer of what an agent sent in is not known, and out of it afterwards.
func TestT_FWD_WhoseTicketIsThis(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	n := h.sentIn()
	agent, path := h.reader("ada@example.com"), fmt.Sprintf("/tickets/%d", n)
	page := agent.get(path)
	page.has(t, "Whose ticket is this?", "The mail is from Ada Agent", `value="carl@customer.example"`, "Change requester")
	page.lacks(t, `name="address" value="support@example.com"`, `name="address" value="ada@example.com"`, `value="mail@"`, `value="x@y"`)
	if strings.Count(page.body, `value="carl@customer.example"`) != 2 { // over the conversation, and in the panel
		t.Error("carl is suggested twice")
	}
	after := agent.post(path+"/requester", "address", "carl@customer.example")
	after.has(t, "Ada Agent made carl@customer.example the customer instead of ada@example.com", "Change requester")
	after.lacks(t, "Whose ticket is this?")
	ticket, err := h.tickets.Get(t.Context(), h.agent, n)
	check(t, err)
	if ticket.RequesterAddress != "carl@customer.example" {
		t.Errorf("the requester is %s", ticket.RequesterAddress)
	}
	agent.post(path+"/requester", "address", "Dora D. <dora@customer.example>").has(t, "Dora D.", `value="carl@customer.example"`)
	for _, wrong := range []string{"", "nobody", "a@b.example, c@d.example", "support@example.com"} {
		if got := agent.post(path+"/requester", "address", wrong); got.status != http.StatusUnprocessableEntity {
			t.Errorf("%q gives %d", wrong, got.status)
		}
	}
	h.reader("olga@example.com").get("/audit").has(t, "Customer changed", "ticket.requester", "from ada@example.com, to carl@customer.example")

	ordinary := agent.get(fmt.Sprintf("/tickets/%d", h.mail(question).Ticket))
	ordinary.has(t, "Change requester")
	ordinary.lacks(t, "Whose ticket is this?")
}

func TestTicketAsSpam(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	agent := h.reader("ada@example.com")
	n := h.mail(question).Ticket
	agent.get(fmt.Sprintf("/tickets/%d", n)).has(t, "Mark as spam", "Also block the sender")
	agent.post(fmt.Sprintf("/tickets/%d/spam", n), "block", "on").has(t, `value="closed" selected`, `value="spam"`)
	agent.get("/senders").has(t, "anna@customer.example")
	h.reader("olga@example.com").get("/audit").has(t, "Marked as spam", "ticket.spam")
	ours, _, err := h.tickets.Start(t.Context(), h.agent, desk.NewTicket{MailboxID: 1, To: []desk.Address{{Addr: "bo@customer.example"}}, Subject: "Hello", Text: "x"})
	check(t, err)
	agent.get(fmt.Sprintf("/tickets/%d", ours.ID)).lacks(t, "Mark as spam")
	if got := agent.post(fmt.Sprintf("/tickets/%d/spam", ours.ID)); got.status != http.StatusConflict {
		t.Errorf("a ticket of ours gives %d", got.status)
	}
}

// What an agent may mail stands on the page of the one who is signed in, once an owner has switched it on.
func TestAnswerByMail(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	n := h.mail(question).Ticket
	agent, owner, path := h.reader("ada@example.com"), h.reader("olga@example.com"), fmt.Sprintf("/tickets/%d", n)
	agent.get(path).lacks(t, "Answer by mail")
	owner.get("/settings/mail").lacks(t, `name="agents_by_mail" checked`)
	form := []string{"spam_suspend", "6", "spam_reject", "0", "filter_down", "accept", "suspended_days", "14", "digest", "off", "per_sender", "200", "per_automatic", "20", "stranger_recipients", "48"}
	owner.post("/settings/mail", append(form, "agents_by_mail", "on")...).has(t, "Saved.", `name="agents_by_mail" checked`)
	owner.get("/audit").has(t, "Agents by mail", "from off, to on")

	reply, note, err := h.tickets.AgentAddresses(t.Context(), h.agent, n)
	check(t, err)
	plus := func(addr string) string { return strings.ReplaceAll(addr, "+", "&#43;") }
	page := agent.get(path)
	page.has(t, "Answer by mail", plus(reply), plus(note), "mailto:"+strings.ReplaceAll(reply, "+", "%2B")+"?subject=Re%3A%20Charged%20twice", "Write to them from ada@example.com")
	other := owner.get(path)
	other.has(t, "Answer by mail", "Write to them from olga@example.com")
	other.lacks(t, plus(reply), plus(note))

	named, err := h.tickets.Conversation(t.Context(), h.agent, n, "", 10)
	check(t, err)
	_, err = h.tickets.ByMail(t.Context(), tickets.AgentMail{
		Mark: threading.AgentMark{Message: named.Items[0].ID, User: h.agent.User.ID, Kind: desk.KindReply}, From: "ada@example.com", Text: "Refunded.", Key: threading.Key("m1@example.com"), Digest: []byte("1"),
		Original: func(id int64) (store.Original, error) {
			return store.Original{ID: id, Size: 1, DEK: []byte("k"), Sealed: []byte("s")}, nil
		},
	})
	check(t, err)
	agent.get(path).has(t, "Refunded.", "Ada Agent answered by mail, set the status to pending", "the mail as it came")
	owner.post("/settings/mail", form...).has(t, "Saved.")
	agent.get(path).lacks(t, "Write to them from")
}

// T-08: that an answer goes elsewhere than to the sender is said where it is written, and one click puts it right.
func TestT_08_TheComposerSaysWhereAnAnswerGoes(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	n := h.mail(strings.Replace(question, "Subject:", "Reply-To: Accounts <thief@evil.example>\nSubject:", 1)).Ticket
	agent, path := h.reader("ada@example.com"), fmt.Sprintf("/tickets/%d", n)
	composerOf := func(page answer) answer {
		_, page.body, _ = strings.Cut(page.body, `id="composer"`)
		page.body, _, _ = strings.Cut(page.body, "</section>")
		return page
	}
	page := agent.get(path)
	composerOf(page).has(t, `class="banner warning"`, "An answer goes to thief@evil.example, which belongs to somebody else", "Answer anna@customer.example instead")
	fixed := composerOf(agent.get(path + "?to=author&answer=" + hidden(t, page.body, "answers")))
	fixed.lacks(t, "banner warning", "thief@evil.example")
	if got := hidden(t, fixed.body, "to"); got != "Anna Rossi &lt;anna@customer.example&gt;" {
		t.Errorf("To is %q", got)
	}
	agent.post(path+"/draft", "kind", "reply", "text", "Dear", "to", "THIEF@evil.example", "answers", hidden(t, page.body, "answers"))
	composerOf(agent.get(path)).has(t, "banner warning")
	agent.post(path+"/draft", "kind", "reply", "text", "Dear", "to", "anna@customer.example", "answers", hidden(t, page.body, "answers"))
	composerOf(agent.get(path)).lacks(t, "banner warning")
}

func TestEventWords(t *testing.T) {
	for want, e := range map[string]desk.Event{
		"answered by mail":                                   {Verb: "mailed"},
		"made b@x the customer instead of a@x":               {Verb: "requester", From: "a@x", To: "b@x"},
		"told a@x that their mail has come":                  {Verb: "acknowledged", To: "a@x"},
		"could not deliver to a@x":                           {Verb: "bounced", To: "a@x"},
		"answered a@x and not b@y, to which Reply-To points": {Verb: "reply-to", From: "b@y", To: "a@x"},
		"began this ticket, which continues #7":              {Verb: "continues", To: "7"},
		"opened this again":                                  {Verb: "reopened", From: "solved", To: "open"},
		"moved a message from #1 to #2":                      {Verb: "moved", From: "#1", To: "#2"},
		"some verb from a to b":                              {Verb: "some-verb", From: "a", To: "b"},
	} {
		if got := eventWords(language.English, e); got != want {
			t.Errorf("%+v: %q, want %q", e, got, want)
		}
	}
}

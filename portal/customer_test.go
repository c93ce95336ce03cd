package portal

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"postern/desk"
	"postern/identity"
)

// canary stands in what one customer writes: nobody else may ever see it.
const canary = "canary-4711"

// letter is the newest mail with a code that was asked for an address, as its reader sees it.
func (h *house) letter(address string) identity.VisitorLetter {
	h.t.Helper()
	var id int64
	check(h.t, h.store.Pool().QueryRow(h.t.Context(), `select max(id) from visitor_code where address = $1`, address).Scan(&id))
	letter, wanted, err := h.people.VisitorLetter(h.t.Context(), id)
	check(h.t, err)
	if !wanted {
		h.t.Fatalf("no code is mailed to %s", address)
	}
	return letter
}

// visitor is a browser in which an address was proved by a code.
func (h *house) visitor(address string) *reader {
	h.t.Helper()
	r := h.reader("")
	r.post("/my/sign-in", "address", address)
	if got := r.post("/my/code", "code", h.letter(address).Code); got.path != "/my" {
		h.t.Fatalf("the code of %s leads to %d at %s:\n%s", address, got.status, got.path, got.body)
	}
	return r
}

// send posts a form with files, as a browser does.
func (r *reader) send(path string, fields map[string]string, files map[string]string) answer {
	r.h.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for name, content := range files {
		part, err := form.CreateFormFile("file", name)
		check(r.h.t, err)
		_, err = io.WriteString(part, content)
		check(r.h.t, err)
	}
	for name, value := range fields {
		check(r.h.t, form.WriteField(name, value))
	}
	check(r.h.t, form.Close())
	req, err := http.NewRequestWithContext(r.h.t.Context(), http.MethodPost, r.h.url+path, &body)
	check(r.h.t, err)
	req.Header.Set("Content-Type", form.FormDataContentType())
	return r.do(req)
}

// annas is a verified-looking conversation of Anna's; her mail proves nothing, as most mail in these tests.
func (h *house) annas() int64 {
	return h.mail("From: Anna Rossi <anna@customer.example>\nTo: Example Support <support@example.com>\nSubject: Charged twice\nMessage-ID: <a1@customer.example>\n\nWe were charged twice. " + canary + "\n").Ticket
}

// A customer comes by the link of a mail, proves their address by the code, reads, answers with a file, and says that it is solved. The answer is a mail of theirs in every respect.
func TestACustomerAnswersByLink(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	n := h.annas()
	reply, err := h.tickets.Reply(t.Context(), h.agent, desk.ReplyRequest{Ticket: n, Text: "Which card was it?"})
	check(t, err)
	_, err = h.tickets.Note(t.Context(), h.agent, n, "a secret note", nil)
	check(t, err)
	out, err := h.tickets.Outgoing(t.Context(), 0, desk.SendReply{Message: reply.ID, Destination: "customer.example"})
	check(t, err)
	link := strings.TrimPrefix(out[0].Link, h.url)
	if !strings.HasPrefix(link, "/t/") {
		t.Fatalf("the mail carries the link %q", out[0].Link)
	}

	anna := h.reader("")
	page := anna.get(link)
	page.has(t, "Send me a code", "Example Support")
	page.lacks(t, "Charged twice", canary, "anna@customer.example") // the link alone opens nothing
	asked := anna.post("/my/sign-in", "address", "Anna@Customer.example ", "link", hidden(t, page.body, "link"))
	asked.has(t, "Type the code", "anna@customer.example")
	if got := anna.post("/my/code", "code", "00000000"); got.status != http.StatusUnprocessableEntity {
		t.Errorf("a wrong code gives %d", got.status)
	}
	letter := h.letter("anna@customer.example")
	page = anna.post("/my/code", "code", letter.Code[:4]+" "+letter.Code[4:])
	if page.path != fmt.Sprintf("/my/tickets/%d", n) {
		t.Fatalf("the code leads to %s:\n%s", page.path, page.body)
	}
	page.has(t, "Charged twice", canary, "Which card was it?", "Example Support")
	page.lacks(t, "a secret note", "Ada Agent", "ada@example.com")
	if got := anna.post("/my/code", "code", letter.Code); got.path == "/my" {
		t.Error("a code works twice")
	}

	answered := anna.send(fmt.Sprintf("/my/tickets/%d/answer", n), map[string]string{"stamp": hidden(t, page.body, "stamp"), "answers": hidden(t, page.body, "answers"), "text": "The blue one."}, map[string]string{"card.txt": "blue"})
	answered.has(t, "The blue one.", "card.txt", "Sent.")
	messages, err := h.tickets.Conversation(t.Context(), h.agent, n, "", 50)
	check(t, err)
	var got desk.Message
	for _, m := range messages.Items {
		if m.Kind == desk.KindInbound {
			got = m
		}
	}
	facts, err := got.Decode()
	check(t, err)
	if got.Text != "The blue one." || got.FromAddress != "anna@customer.example" || len(got.Files) != 1 || facts.Trust != desk.TrustVerified || facts.Envelope.Source != desk.FromVisitor || facts.Why.Rule != "token" || !got.HasOriginal {
		t.Errorf("the answer is %+v, %+v", got, facts)
	}
	ticket, err := h.tickets.Get(t.Context(), h.agent, n)
	check(t, err)
	if ticket.Status != desk.StatusOpen || ticket.Unverified {
		t.Errorf("the ticket is %s, unverified %v", ticket.Status, ticket.Unverified)
	}
	again := anna.send(fmt.Sprintf("/my/tickets/%d/answer", n), map[string]string{"stamp": hidden(t, page.body, "stamp"), "answers": hidden(t, page.body, "answers"), "text": "The blue one."}, map[string]string{"card.txt": "blue"})
	if strings.Count(again.body, "The blue one.") != 1 {
		t.Error("the same form sent twice is two messages")
	}

	anna.post(fmt.Sprintf("/my/tickets/%d/solve", n)).has(t, "Solved.")
	anna.post(fmt.Sprintf("/my/tickets/%d/reopen", n)).has(t, "Open again.")
	h.reader("ada@example.com").get(fmt.Sprintf("/tickets/%d", n)).has(t, "anna@customer.example said that it is solved", "anna@customer.example opened this again", "Signed in", "that anna@customer.example is theirs")
	anna.post("/my/sign-out")
	if got := anna.get("/my"); got.path != "/my/sign-in" {
		t.Errorf("signed out, the list is at %s", got.path)
	}
}

// Nobody sees what is another's: page, text, file, list, search for the number, and every action on it.
func TestCustomersSeeOnlyTheirOwn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	out := h.mail("From: Anna Rossi <anna@customer.example>\nTo: support@example.com\nSubject: " + canary + "\nMessage-ID: <c1@customer.example>\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/html\n\n<table><tr><td>" + canary + "</td></tr></table>\n--b\nContent-Type: text/plain; name=f.txt\nContent-Disposition: attachment; filename=f.txt\n\n" + canary + "\n--b--\n")
	n := out.Ticket
	h.mail("From: eve@evil.example\nTo: support@example.com\nSubject: Mine\n\nHello\n")
	note, err := h.tickets.Note(t.Context(), h.agent, n, "note "+canary, nil)
	check(t, err)
	m, err := h.tickets.Message(t.Context(), h.agent, out.Message)
	check(t, err)
	file := m.Files[len(m.Files)-1].ID

	anna, eve := h.visitor("anna@customer.example"), h.visitor("eve@evil.example")
	for _, path := range []string{fmt.Sprintf("/my/tickets/%d", n), fmt.Sprintf("/my/messages/%d/body", out.Message), fmt.Sprintf("/my/files/%d", file)} {
		if got := anna.get(path); got.status != http.StatusOK || !strings.Contains(got.body, canary) {
			t.Errorf("her own %s gives %d", path, got.status)
		}
		if got := eve.get(path); got.status != http.StatusNotFound || strings.Contains(got.body, canary) {
			t.Errorf("another's %s gives %d", path, got.status)
		}
	}
	eve.get("/my").has(t, "Mine")
	eve.get("/my").lacks(t, canary, "Anna")
	for _, path := range []string{"/my/messages/%d/body", "/my/tickets/%d"} {
		for who, r := range map[string]*reader{"eve": eve, "anna": anna} {
			if got := r.get(fmt.Sprintf(path, note.ID)); got.status != http.StatusNotFound {
				t.Errorf("%s sees a note: %d", who, got.status)
			}
		}
	}
	anna.get(fmt.Sprintf("/my/tickets/%d", n)).lacks(t, "note "+canary)
	stamp := h.people.Stamp(answerStamp)
	for _, action := range []string{"answer", "solve", "reopen", "rate"} {
		if got := eve.post(fmt.Sprintf("/my/tickets/%d/%s", n, action), "text", "hi", "stamp", stamp, "rating", "good"); got.status != http.StatusNotFound {
			t.Errorf("eve's %s gives %d at %s", action, got.status, got.path)
		}
	}
	if got := eve.get(fmt.Sprintf("/tickets/%d", n)); got.path != "/sign-in" {
		t.Errorf("a visitor at the desk is at %s", got.path)
	}
	before, err := h.tickets.Conversation(t.Context(), h.agent, n, "", 50)
	check(t, err)
	if len(before.Items) != 2 {
		t.Errorf("%d messages stand on the ticket", len(before.Items))
	}
}

// A stranger whom no agent has accepted, a reply that can still be undone, and what was forwarded to others are not the customer's to see.
func TestWhatCustomersDoNotSeeOfTheirOwn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	n := h.annas()
	h.mail("From: eve@evil.example\nTo: support@example.com\nSubject: Re: Charged twice\nIn-Reply-To: <a1@customer.example>\nMessage-ID: <e1@evil.example>\n\nI am a stranger.\n")
	_, err := h.tickets.Reply(t.Context(), h.agent, desk.ReplyRequest{Ticket: n, Text: "To be undone.", Undo: 30 * time.Second})
	check(t, err)
	page := h.visitor("anna@customer.example").get(fmt.Sprintf("/my/tickets/%d", n))
	page.has(t, canary)
	page.lacks(t, "I am a stranger.", "To be undone.")
}

// Whether an address is known cannot be told from the answer, and what is asked for too often is refused alike.
func TestAskingForACodeTellsNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.annas()
	var pages []string
	for _, address := range []string{"anna@customer.example", "nobody@customer.example"} {
		r := h.reader("")
		got := r.post("/my/sign-in", "address", address)
		pages = append(pages, strings.ReplaceAll(got.body, address, "X"))
	}
	if pages[0] != pages[1] {
		t.Error("the answers differ")
	}
	var id int64
	check(t, h.store.Pool().QueryRow(t.Context(), `select max(id) from visitor_code where address = 'nobody@customer.example'`).Scan(&id))
	if _, wanted, err := h.people.VisitorLetter(t.Context(), id); wanted || err != nil {
		t.Errorf("a mail goes to an unknown address: %v %v", wanted, err)
	}
	for _, address := range []string{"anna@customer.example", "nobody@customer.example"} {
		last := answer{}
		for range 6 {
			last = h.reader("").post("/my/sign-in", "address", address)
		}
		if last.status != http.StatusServiceUnavailable {
			t.Errorf("the sixth code for %s gives %d", address, last.status)
		}
	}
	if got := h.reader("").post("/my/sign-in", "address", "nonsense"); got.status != http.StatusUnprocessableEntity {
		t.Errorf("nonsense gives %d", got.status)
	}
}

// Five wrong codes, and the right one is worth nothing; nor is it in another browser, after ten minutes, or by a link without the code.
func TestCodesCannotBeGuessed(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.annas()
	anna, other := h.reader(""), h.reader("")
	anna.post("/my/sign-in", "address", "anna@customer.example")
	letter := h.letter("anna@customer.example")
	if got := other.post("/my/code", "code", letter.Code); got.path == "/my" {
		t.Error("a code works in another browser")
	}
	path := strings.TrimPrefix(letter.URL, h.url)
	other.get(path).has(t, "type the code", "anna@customer.example")
	if got := other.post(path); got.path == "/my" {
		t.Error("a link works in another browser without the code")
	}
	for range 5 {
		anna.post("/my/code", "code", "12345678")
	}
	if got := anna.post("/my/code", "code", letter.Code); got.path == "/my" {
		t.Error("a code works after five wrong ones")
	}
	anna.post("/my/sign-in", "address", "anna@customer.example")
	letter = h.letter("anna@customer.example")
	path = strings.TrimPrefix(letter.URL, h.url)
	anna.get(path).has(t, "anna@customer.example")
	anna.get(path) // a program that looks into mail
	if got := other.post(path, "code", letter.Code); got.path != "/my" {
		t.Errorf("with the code the link leads to %d at %s", got.status, got.path)
	}
	if got := anna.post(path); got.status != http.StatusNotFound {
		t.Errorf("a used link gives %d", got.status)
	}
	anna.post("/my/sign-in", "address", "anna@customer.example")
	letter = h.letter("anna@customer.example")
	h.sql(`update visitor_code set code_until = now() - interval '1 second', link_until = now() - interval '1 second'`)
	if got := anna.post("/my/code", "code", letter.Code); got.path == "/my" {
		t.Error("a code works after its time")
	}
}

// The session ends when it was not used, and in any case after two weeks; its token stands nowhere in the database.
func TestVisitorSessionsEnd(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.annas()
	for _, change := range []string{`update visitor_session set last_seen_at = now() - interval '25 hours'`, `update visitor_session set expires_at = now() - interval '1 second'`} {
		anna := h.visitor("anna@customer.example")
		anna.get("/my").has(t, "Charged twice")
		h.sql(change)
		if got := anna.get("/my"); got.path != "/my/sign-in" {
			t.Errorf("after %s: %s", change, got.path)
		}
		check(t, h.people.Sweep(t.Context()))
	}
	var left int
	check(t, h.store.Pool().QueryRow(t.Context(), `select count(*) from visitor_session`).Scan(&left))
	if left != 0 {
		t.Errorf("%d sessions are left", left)
	}
}

// An answer to a ticket that was closed long ago begins another one, as a mail would.
func TestACustomersLateAnswerContinues(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	n := h.annas()
	h.sql(`update ticket set status = 'closed', closed_at = now() - interval '30 days', solved_at = now() - interval '30 days', waiting_since = null where id = $1`, n)
	anna := h.visitor("anna@customer.example")
	page := anna.get(fmt.Sprintf("/my/tickets/%d", n))
	got := anna.post(fmt.Sprintf("/my/tickets/%d/answer", n), "stamp", hidden(t, page.body, "stamp"), "text", "It happened again.")
	if got.path == fmt.Sprintf("/my/tickets/%d", n) || !strings.Contains(got.body, "It happened again.") {
		t.Errorf("the answer leads to %s", got.path)
	}
	if got := anna.post(fmt.Sprintf("/my/tickets/%d/reopen", n)); got.status != http.StatusConflict {
		t.Errorf("opening it again gives %d", got.status)
	}
}

// What the desk holds back is held back here too: a sender on the block list, and a form in one of our people's names.
func TestPagesKnowTheRulesOfMail(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	n := h.annas()
	h.rule("anna@customer.example", desk.RuleSuspend)
	anna := h.visitor("anna@customer.example")
	page := anna.get(fmt.Sprintf("/my/tickets/%d", n))
	anna.post(fmt.Sprintf("/my/tickets/%d/answer", n), "stamp", hidden(t, page.body, "stamp"), "text", "Blocked words.").has(t, "Somebody looks at it")
	h.form(desk.FormProofNone)
	h.fill("ada@example.com", "Agent words.")
	var held int
	check(t, h.store.Pool().QueryRow(t.Context(), `select count(*) from suspended where cause in ('blocked-sender', 'agent-impersonation')`).Scan(&held))
	if held != 2 {
		t.Errorf("%d are held back", held)
	}
}

// form opens the support mailbox's form.
func (h *house) form(proof desk.FormProof) {
	h.t.Helper()
	boxes, err := h.tickets.CustomerMailboxes(h.t.Context(), h.owner)
	check(h.t, err)
	for _, box := range boxes {
		if box.Address == "support@example.com" {
			setting := box.CustomerSetting
			setting.Form, setting.Slug, setting.Proof = true, "support", proof
			check(h.t, h.tickets.SetCustomerSetting(h.t.Context(), h.owner, setting))
		}
	}
}

// fill sends the form, in a browser without a session.
func (h *house) fill(address, text string) (answer, *reader) {
	h.t.Helper()
	r := h.reader("")
	page := r.get("/form/support")
	return r.send("/form/support", map[string]string{"stamp": h.older(hidden(h.t, page.body, "stamp")), "name": "Zoë Müller", "address": address, "subject": "Rückfrage über Lampen", "text": text}, map[string]string{"a.txt": "file"}), r
}

// older is a stamp as it is when somebody has taken their time.
func (h *house) older(stamp string) string {
	now := h.portal.now
	h.portal.now = func() time.Time { return now().Add(5 * time.Second) }
	return stamp
}

func TestAFormNeedsAProvedAddress(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	if got := h.reader("").get("/form/support"); got.status != http.StatusNotFound {
		t.Errorf("a form that is off gives %d", got.status)
	}
	h.form(desk.FormProofMail)
	asked, zoe := h.fill("zoe@customer.example", "Do you have "+canary+"?")
	asked.has(t, "One more step", "zoe@customer.example")
	if page := h.reader("ada@example.com").get("/tickets"); strings.Contains(page.body, "Rückfrage") {
		t.Error("it is a ticket before its address is proved")
	}
	letter := h.letter("zoe@customer.example") // the address was unknown until now
	if !letter.Form {
		t.Error("the mail does not say what it is for")
	}
	page := zoe.post("/my/code", "code", letter.Code)
	page.has(t, "Rückfrage über Lampen", canary, "a.txt", "Sent.")
	list, err := h.tickets.List(t.Context(), h.agent, desk.TicketQuery{})
	check(t, err)
	if len(list.Items) != 1 || list.Items[0].Unverified || list.Items[0].RequesterName != "Zoë Müller" || list.Items[0].RequesterAddress != "zoe@customer.example" {
		t.Errorf("the ticket is %+v", list.Items)
	}
	var left int
	check(t, h.store.Pool().QueryRow(t.Context(), `select count(*) from form_entry`).Scan(&left))
	if left != 0 {
		t.Errorf("%d entries are left", left)
	}
}

func TestAFormWithoutProofIsMarked(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.form(desk.FormProofNone)
	sent, r := h.fill("zoe@customer.example", "Hello")
	sent.has(t, "Thank you")
	sent.lacks(t, "/my/tickets/")
	list, err := h.tickets.List(t.Context(), h.agent, desk.TicketQuery{})
	check(t, err)
	if len(list.Items) != 1 || !list.Items[0].Unverified {
		t.Errorf("the ticket is %+v", list.Items)
	}
	h.reader("ada@example.com").get(fmt.Sprintf("/tickets/%d", list.Items[0].ID)).has(t, "By form, unverified")
	if got := r.get("/my"); got.path != "/my/sign-in" {
		t.Errorf("a form opens %s", got.path)
	}
	var wished int
	check(t, h.store.Pool().QueryRow(t.Context(), `select (select count(*) from acknowledgement) + (select count(*) from visitor_code)`).Scan(&wished))
	if wished != 0 {
		t.Errorf("%d mails go to an address that nobody proved", wished)
	}
}

// The form's own protection: programs that fill in everything or too fast, forged and borrowed stamps, too much, and what is too large.
func TestTheFormsProtection(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.form(desk.FormProofNone)
	r := h.reader("")
	stamp := hidden(t, r.get("/form/support").body, "stamp")
	typed := func(change ...string) []string {
		return append([]string{"name", "Zoë", "address", "zoe@customer.example", "subject", "Lamps", "text", "My text."}, change...)
	}
	if got := r.post("/form/support", typed("stamp", stamp)...); got.status != http.StatusConflict {
		t.Errorf("filled in at once: %d", got.status)
	} else {
		got.has(t, "My text.", `value="zoe@customer.example"`)
	}
	h.older("")
	r.post("/form/support", typed("stamp", stamp, "website", "https://spam.example")...).has(t, "Thank you")
	for what, bad := range map[string]string{"none": "", "forged": stamp[:len(stamp)-2] + "AA", "of another form": h.people.Stamp(answerStamp)} {
		if got := r.post("/form/support", typed("stamp", bad)...); got.status != http.StatusConflict {
			t.Errorf("a stamp that is %s: %d", what, got.status)
		}
	}
	for field, value := range map[string]string{"address": "nonsense", "subject": "", "text": ""} {
		form := url.Values{"name": {"Z"}, "address": {"zoe@customer.example"}, "subject": {"Lamps"}, "text": {"My text."}, "stamp": {stamp}}
		form.Set(field, value)
		var pairs []string
		for name := range form {
			pairs = append(pairs, name, form.Get(name))
		}
		if got := r.post("/form/support", pairs...); got.status != http.StatusUnprocessableEntity {
			t.Errorf("%s %q: %d", field, value, got.status)
		}
	}
	if got := r.send("/form/support", map[string]string{"stamp": stamp, "address": "zoe@customer.example", "subject": "Large", "text": "x"}, map[string]string{"large.bin": strings.Repeat("x", 13<<20)}); got.status != http.StatusRequestEntityTooLarge {
		t.Errorf("13 MB: %d", got.status)
	}
	list, err := h.tickets.List(t.Context(), h.agent, desk.TicketQuery{})
	check(t, err)
	if len(list.Items) != 0 {
		t.Errorf("%d tickets came of it", len(list.Items))
	}
	last := answer{}
	for i := range 7 {
		last = r.post("/form/support", typed("stamp", h.people.Stamp(formStampOf("support")), "text", fmt.Sprint("Text ", i))...)
		h.older("")
	}
	if last.status != http.StatusServiceUnavailable {
		t.Errorf("the seventh within an hour gives %d", last.status)
	}
}

// The question whether a customer was helped: by the link of its mail, with one more click, once and changeable; and on the customer's own page.
func TestRating(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	n := h.annas()
	path := "/rate/" + h.codec.RatingToken(n)
	r := h.reader("")
	r.get(path+"?r=good").has(t, "cannot be rated") // it is not solved
	solved := desk.StatusSolved
	_, err := h.tickets.Update(t.Context(), h.agent, n, desk.TicketChange{Status: &solved})
	check(t, err)
	page := r.get(path + "?r=good")
	page.has(t, `value="good" checked`)
	page.lacks(t, "Charged twice", "anna@")
	ticket, err := h.tickets.Get(t.Context(), h.agent, n)
	check(t, err)
	if ticket.Rating != nil {
		t.Error("looking at the link has rated")
	}
	r.post(path, "rating", "good", "note", "Quick!").has(t, "Thank you. Your answer was kept.", `value="good" checked`, "Quick!")
	r.post(path, "rating", "bad", "note", "").has(t, "Thank you")
	if got := r.post(path); got.status != http.StatusUnprocessableEntity {
		t.Errorf("nothing chosen gives %d", got.status)
	}
	for _, broken := range []string{"/rate/x-y-z", "/rate/" + h.codec.VisitToken(n)} {
		if got := r.get(broken); got.status != http.StatusNotFound {
			t.Errorf("%s gives %d", broken, got.status)
		}
	}
	ticket, err = h.tickets.Get(t.Context(), h.agent, n)
	check(t, err)
	if ticket.Rating == nil || *ticket.Rating != desk.RatedBad {
		t.Errorf("the rating is %v", ticket.Rating)
	}
	h.reader("ada@example.com").get(fmt.Sprintf("/tickets/%d", n)).has(t, "anna@customer.example was helped: good", "Quick!", "was not helped")
	own := h.visitor("anna@customer.example")
	own.post(fmt.Sprintf("/my/tickets/%d/rate", n), "rating", "good").has(t, "Thank you. Your answer was kept.")
	h.sql(`update ticket set solved_at = now() - interval '15 days' where id = $1`, n)
	if got := r.post(path, "rating", "bad"); got.status != http.StatusConflict {
		t.Errorf("after two weeks it gives %d", got.status)
	}
}

func TestCustomerSettings(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	owner := h.reader("olga@example.com")
	page := owner.get("/customers")
	page.has(t, "Example Support", "Mails carry a link", "There is no form.")
	box := hidden(t, page.body, "mailbox")
	set := func(pairs ...string) answer {
		return owner.post("/customers", append([]string{"mailbox", box, "ask_after", "24", "proof", "mail", "language", "en"}, pairs...)...)
	}
	if got := set("form", "on", "slug", "not a slug"); got.status != http.StatusUnprocessableEntity {
		t.Errorf("a bad address gives %d", got.status)
	} else {
		got.has(t, `value="not a slug"`)
	}
	for _, wrong := range [][]string{{"form", "on", "slug", ""}, {"ask_after", "x"}, {"proof", "maybe"}, {"language", "xx"}} {
		pairs := map[string]string{"mailbox": box, "ask_after": "24", "proof": "mail", "language": "en"}
		for i := 0; i < len(wrong); i += 2 {
			pairs[wrong[i]] = wrong[i+1]
		}
		var list []string
		for name, value := range pairs {
			list = append(list, name, value)
		}
		if got := owner.post("/customers", list...); got.status != http.StatusUnprocessableEntity {
			t.Errorf("%v gives %d", wrong, got.status)
		}
	}
	set("form", "on", "slug", "help", "ask", "on").has(t, "/form/help", "24 hours after solving", "Mails carry no link.")
	h.reader("").get("/form/help").has(t, "Your message")
	italian := h.reader("")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.url+"/form/help", nil)
	check(t, err)
	req.Header.Set("Accept-Language", "it-IT,it;q=0.9")
	italian.do(req).has(t, `lang="it"`, "Messaggio", "Invia")
}

// A long conversation comes in pages, the newest first, each within what a page may weigh.
func TestALongConversationOfACustomer(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	n := h.annas()
	h.sql(`insert into message (ticket_id, kind, contact_id, from_address, at, text, quoted)
		select $1, 'inbound', t.requester_id, 'anna@customer.example', now() + i * interval '1 second', 'Day ' || i || '. ' || repeat('word ', 100), repeat('quoted ', 1000)
		from ticket t, generate_series(1, 430) as i where t.id = $1`, n)
	anna := h.visitor("anna@customer.example")
	page := anna.get(fmt.Sprintf("/my/tickets/%d", n))
	page.has(t, "Day 430.", "Day 381.", "Show earlier messages")
	page.lacks(t, "Day 380.")
	if len(page.body) > 60_000 {
		t.Errorf("the page weighs %d bytes", len(page.body))
	}
	pages := 1
	for strings.Contains(page.body, "Show earlier messages") {
		_, rest, _ := strings.Cut(page.body, `href="/my/tickets/`)
		link, _, _ := strings.Cut(rest, `"`)
		page = anna.get("/my/tickets/" + link)
		pages++
	}
	page.has(t, canary, "Day 1.")
	if pages != 9 {
		t.Errorf("431 messages are %d pages", pages)
	}
}

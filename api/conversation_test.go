package api_test

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/desk"
)

// question is a mail with a file, an own line and a quote.
const question = `From: Ada Lovelace <ada@customer.test>
To: Support <support@example.com>
Cc: Charles <charles@customer.test>
Subject: The engine does not turn
Message-ID: <one@customer.test>
Date: Sun, 22 Nov 2026 10:00:00 +0100
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain; charset=utf-8

It does not turn at all.

On Saturday Support wrote:
> Does it turn?
--b
Content-Type: text/plain; name="log.txt"
Content-Disposition: attachment; filename="log.txt"

0123456789
--b--
`

func TestTicketFromMail(t *testing.T) {
	t.Parallel()
	o := open(t)
	in := o.mail(t, customerEmail, question)
	if in.Disposition != desk.Ticketed {
		t.Fatalf("the mail became %+v", in)
	}
	shown := o.get(t, "agent", at("/tickets/%d", in.Ticket)).want(http.StatusOK)
	for path, want := range map[string]any{
		"number": float64(in.Ticket), "subject": "The engine does not turn", "status": "new", "priority": "normal",
		"assignee": nil, "team": nil, "tags": []any{}, "requester.address": customerEmail, "requester.name": "Ada Lovelace",
		"mailbox.address": supportAddress, "has_attachment": true, "merged_into": nil,
	} {
		var steps []any
		for step := range strings.SplitSeq(path, ".") {
			steps = append(steps, step)
		}
		if got := shown.value(steps...); !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %v, want %v", path, got, want)
		}
	}
	for _, field := range []string{"created_at", "updated_at", "waiting_since"} {
		if text, _ := shown.value(field).(string); !strings.HasSuffix(text, "Z") {
			t.Errorf("%s is %q, not a time in UTC", field, text)
		}
	}
	list := o.get(t, "agent", at("/tickets/%d/messages", in.Ticket)).want(http.StatusOK)
	if got, want := list.value("items", 0, "from"), (map[string]any{"name": "Ada Lovelace", "address": customerEmail}); !reflect.DeepEqual(got, want) {
		t.Errorf("from is %v", got)
	}
	for field, want := range map[string]any{
		"kind": "inbound", "id": float64(in.Message), "subject": "The engine does not turn", "message_id": "one@customer.test",
		"sent_at": "2026-11-22T09:00:00Z", "has_original": true, "delivery": []any{}, "author": nil,
	} {
		if got := list.value("items", 0, field); !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %v, want %v", field, got, want)
		}
	}
	text, _ := list.value("items", 0, "text").(string)
	quoted, _ := list.value("items", 0, "quoted").(string)
	if !strings.Contains(text, "does not turn at all") || strings.Contains(text, "Does it turn?") || !strings.Contains(quoted, "Does it turn?") {
		t.Errorf("text %q, quoted %q", text, quoted)
	}
	for _, method := range []string{"spf", "dkim", "dmarc", "arc"} {
		if got := list.value("items", 0, "auth", method); got == nil || got == "" {
			t.Errorf("auth.%s is missing in %s", method, list.body)
		}
	}
	if list.value("items", 0, "why", "rule") != "new" || list.value("next_cursor") != nil {
		t.Errorf("why or next_cursor is wrong in %s", list.body)
	}
	checkFiles(t, o, in, list.id("items", 0, "attachments", 0, "id"))
}

// checkFiles fetches the original and the attachment, whole and in part.
func checkFiles(t *testing.T, o *office, in desk.Outcome, file int64) {
	t.Helper()
	original := o.get(t, "agent", at("/messages/%d/original", in.Message)).want(http.StatusOK)
	if original.header.Get("Content-Type") != "message/rfc822" || !strings.HasSuffix(string(original.body), strings.ReplaceAll(question, "\n", "\r\n")) {
		t.Errorf("the original is %q, of type %s", original.body, original.header.Get("Content-Type"))
	}
	whole := o.get(t, "agent", at("/attachments/%d", file)).want(http.StatusOK)
	if strings.TrimSpace(string(whole.body)) != "0123456789" || !strings.HasPrefix(whole.header.Get("Content-Disposition"), "attachment") || whole.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("the attachment is %q with %v", whole.body, whole.header)
	}
	part := o.do(t, ask{as: "agent", method: "GET", path: at("/attachments/%d", file), header: map[string]string{"Range": "bytes=2-4"}}).want(http.StatusPartialContent)
	if string(part.body) != "234" {
		t.Errorf("bytes 2-4 are %q", part.body)
	}
	o.get(t, "agent", "/attachments/987654").want(http.StatusNotFound)
	o.get(t, "agent", "/messages/987654/original").want(http.StatusNotFound)
}

func TestListAndSearch(t *testing.T) {
	t.Parallel()
	o := open(t)
	var numbers []int64
	for i := range 5 {
		numbers = append(numbers, o.started(t, fmt.Sprintf("person%d@customer.test", i), fmt.Sprintf("Topic number%d", i)))
	}
	o.do(t, ask{as: "agent", method: "PATCH", path: at("/tickets/%d", numbers[0]), json: map[string]any{"status": "open", "tags": []string{"engine"}, "assignee": "me"}}).want(http.StatusOK)
	o.do(t, ask{as: "agent", method: "PATCH", path: at("/tickets/%d", numbers[1]), json: map[string]any{"status": "hold"}}).want(http.StatusOK)
	for _, number := range numbers[1:] { // who starts a conversation has it
		o.do(t, ask{as: "agent", method: "PATCH", path: at("/tickets/%d", number), json: map[string]any{"assignee": nil}}).want(http.StatusOK)
	}
	all := slices.Clone(numbers)
	slices.Reverse(all)
	for query, want := range map[string][]int64{
		"order=newest":                           all,
		"status=open":                            numbers[:1],
		"status=open,hold&order=newest":          {numbers[1], numbers[0]},
		"status=open&status=hold&order=newest":   {numbers[1], numbers[0]},
		"tag=engine":                             numbers[:1],
		"assignee=me":                            numbers[:1],
		"assignee=agnes@example.com":             numbers[:1],
		at("assignee=%d", o.users["agent"].ID):   numbers[:1],
		"assignee=none&order=newest":             {numbers[4], numbers[3], numbers[2], numbers[1]},
		"requester=person3@customer.test":        numbers[3:4],
		"q=number2":                              numbers[2:3],
		"q=status:hold":                          numbers[1:2],
		"mailbox=support@example.com&q=number4":  numbers[4:5],
		at("mailbox=%d&q=number4", o.mailbox.ID): numbers[4:5],
		"q=nothingofthesort":                     {},
	} {
		if got := o.get(t, "agent", "/tickets?"+query).want(http.StatusOK).ids("number"); !slices.Equal(got, want) {
			t.Errorf("%s gives %v, want %v", query, got, want)
		}
	}
	var paged []int64
	for next, pages := "", 0; pages == 0 || next != ""; pages++ {
		page := o.get(t, "agent", "/tickets?order=newest&limit=2&cursor="+next).want(http.StatusOK)
		paged = append(paged, page.ids("number")...)
		next, _ = page.value("next_cursor").(string)
		if pages > 3 {
			t.Fatal("the pages do not end")
		}
	}
	if !slices.Equal(paged, all) {
		t.Errorf("in pages of two: %v, want %v", paged, all)
	}
}

func TestPatchTicket(t *testing.T) {
	t.Parallel()
	o := open(t)
	number := o.started(t, customerEmail, "To be changed")
	patch := func(body any) answer {
		return o.do(t, ask{as: "agent", method: "PATCH", path: at("/tickets/%d", number), json: body})
	}
	changed := patch(map[string]any{"status": "solved", "priority": "high", "subject": "Changed", "tags": []string{"a", "b"}, "assignee": "agnes@example.com"}).want(http.StatusOK)
	if changed.value("status") != "solved" || changed.value("priority") != "high" || changed.value("subject") != "Changed" || changed.value("solved_at") == nil {
		t.Errorf("the ticket is %s", changed.body)
	}
	if changed.id("assignee", "id") != o.users["agent"].ID || changed.value("assignee", "email") != "agnes@example.com" {
		t.Errorf("the assignee is %v", changed.value("assignee"))
	}
	if again := patch(map[string]any{"priority": "low"}).want(http.StatusOK); again.value("assignee") == nil {
		t.Error("a patch without assignee took it away")
	}
	if nobody := patch(map[string]any{"assignee": nil, "add_tags": []string{"c"}, "remove_tags": []string{"a"}}).want(http.StatusOK); nobody.value("assignee") != nil ||
		!reflect.DeepEqual(nobody.value("tags"), []any{"b", "c"}) {
		t.Errorf("assignee %v, tags %v", nobody.value("assignee"), nobody.value("tags"))
	}
	later := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	if got := patch(map[string]any{"status": "open", "snoozed_until": later}).want(http.StatusOK); got.value("snoozed_until") != later.Format(time.RFC3339) {
		t.Errorf("snoozed until %v", got.value("snoozed_until"))
	}
	if got := patch(map[string]any{"snoozed_until": time.Time{}}).want(http.StatusOK); got.value("snoozed_until") != nil {
		t.Errorf("woken, it is snoozed until %v", got.value("snoozed_until"))
	}
	patch(map[string]any{"team": 999}).want(http.StatusUnprocessableEntity)
	patch(map[string]any{"fields": map[string]string{"unknown": "x"}}).want(http.StatusUnprocessableEntity)
	if byID := patch(map[string]any{"assignee": o.users["admin"].ID}).want(http.StatusOK); byID.id("assignee", "id") != o.users["admin"].ID {
		t.Errorf("the assignee is %v", byID.value("assignee"))
	}
}

func TestRepliesAndNotes(t *testing.T) {
	t.Parallel()
	o := open(t)
	in := o.mail(t, customerEmail, question)
	replies, notes := at("/tickets/%d/replies", in.Ticket), at("/tickets/%d/notes", in.Ticket)
	file := o.do(t, ask{as: "agent", method: "POST", path: "/uploads?name=plan.txt", body: strings.NewReader("the plan"), header: map[string]string{"Content-Type": "text/plain"}}).
		want(http.StatusCreated).id("id")
	said := o.post(t, "agent", replies, map[string]any{"text": "Try again.", "attachments": []int64{file}, "status": "solved", "undo_seconds": 30}).want(http.StatusCreated)
	if said.value("kind") != "reply" || said.value("to", 0, "address") != customerEmail || said.id("attachments", 0, "id") != file || said.id("author", "id") != o.users["agent"].ID {
		t.Errorf("the reply is %s", said.body)
	}
	if said.value("cc", 0, "address") != "charles@customer.test" || said.value("cc", 1) != nil {
		t.Errorf("reply all, but for our own address, has cc %v", said.value("cc"))
	}
	if said.value("delivery", 0, "state") != "queued" || said.value("message_id") == "" {
		t.Errorf("the reply is %s", said.body)
	}
	if status := o.get(t, "agent", at("/tickets/%d", in.Ticket)).value("status"); status != "solved" {
		t.Errorf("the ticket is %v", status)
	}
	back := o.post(t, "agent", at("/messages/%d/undo", said.id("id")), nil).want(http.StatusOK)
	if back.value("text") != "Try again." || back.id("attachments", 0) != file {
		t.Errorf("T-UNDO: the draft is %s", back.body)
	}
	given := o.post(t, "agent", replies, map[string]any{"text": "Only to you.", "to": []any{"Bob <bob@customer.test>", map[string]any{"address": "eve@customer.test"}}}).want(http.StatusCreated)
	if given.value("to", 0, "name") != "Bob" || given.value("to", 1, "address") != "eve@customer.test" || given.value("cc", 0) != nil {
		t.Errorf("with recipients given, the reply is %s", given.body)
	}
	o.post(t, "agent", replies, map[string]any{"text": "x", "cc": []string{"eve@customer.test"}}).want(http.StatusUnprocessableEntity)
	o.post(t, "agent", replies, map[string]any{"text": ""}).want(http.StatusUnprocessableEntity)
	o.mail(t, customerEmail, "From: ada@customer.test\nTo: support@example.com\nSubject: Re: engine\nMessage-ID: <two@customer.test>\nIn-Reply-To: <one@customer.test>\n\nIt turns now.\n")
	o.post(t, "agent", replies, map[string]any{"text": "Too late.", "last_seen": in.Message}).want(http.StatusConflict) // T-STALE
	note := o.post(t, "agent", notes, map[string]any{"text": "Call her."}).want(http.StatusCreated)
	if note.value("kind") != "note" || note.value("text") != "Call her." {
		t.Errorf("the note is %s", note.body)
	}
	o.post(t, "agent", "/tickets/987654/notes", map[string]any{"text": "x"}).want(http.StatusNotFound)
	var kinds []string
	items, _ := o.get(t, "agent", at("/tickets/%d/messages", in.Ticket)).value("items").([]any)
	for _, item := range items {
		if kind := item.(map[string]any)["kind"].(string); kind != "event" {
			kinds = append(kinds, kind)
		}
	}
	if want := []string{"inbound", "reply", "inbound", "note"}; !slices.Equal(kinds, want) {
		t.Errorf("the conversation is %v, want %v", kinds, want)
	}
}

func TestMergeMoveAndSplit(t *testing.T) {
	t.Parallel()
	o := open(t)
	in := o.mail(t, customerEmail, question)
	other := o.started(t, customerEmail, "Another")
	merged := o.post(t, "agent", at("/tickets/%d/merge", in.Ticket), map[string]any{"into": other}).want(http.StatusOK)
	if merged.id("number") != other {
		t.Errorf("the answer to a merge is #%d", merged.id("number"))
	}
	if source := o.get(t, "agent", at("/tickets/%d", in.Ticket)); source.id("merged_into") != other || source.value("status") != "closed" {
		t.Errorf("the source is %s", source.body)
	}
	if on := o.get(t, "agent", at("/messages/%d", in.Message)).id("ticket"); on != other {
		t.Errorf("the message is on #%d", on)
	}
	if back := o.post(t, "agent", at("/tickets/%d/unmerge", in.Ticket), nil).want(http.StatusOK); back.value("merged_into") != nil {
		t.Errorf("after unmerge: %s", back.body)
	}
	moved := o.post(t, "agent", at("/messages/%d/move", in.Message), map[string]any{"ticket": other}).want(http.StatusOK)
	if moved.id("ticket") != other {
		t.Errorf("T-MOVE: the message is on #%d", moved.id("ticket"))
	}
	split := o.post(t, "agent", at("/messages/%d/split", in.Message), nil).want(http.StatusCreated)
	if number := split.id("number"); number == other || number == in.Ticket || number == 0 {
		t.Errorf("split off to #%d", number)
	}
	o.post(t, "agent", at("/tickets/%d/merge", other), map[string]any{"into": 987654}).want(http.StatusNotFound)
	o.post(t, "agent", "/messages/987654/split", nil).want(http.StatusNotFound)
}

// A canary: what belongs to somebody else is not there for a customer, by whatever path they ask.
func TestCustomersSeeTheirOwnTicketsOnly(t *testing.T) {
	t.Parallel()
	o := open(t)
	own := o.mail(t, customerEmail, question)
	o.post(t, "agent", at("/tickets/%d/notes", own.Ticket), map[string]any{"text": "She is a countess."}).want(http.StatusCreated)
	foreign := o.mail(t, strangerEmail, strings.NewReplacer("ada@customer.test", strangerEmail, "<one@", "<other@", "charles@", "howard@").Replace(question))
	file := o.get(t, "agent", at("/tickets/%d/messages", foreign.Ticket)).id("items", 0, "attachments", 0, "id")
	ownFile := o.get(t, "agent", at("/tickets/%d/messages", own.Ticket)).id("items", 0, "attachments", 0, "id")
	for _, query := range []string{"", "?q=engine", "?requester=" + strangerEmail, "?q=" + strangerEmail} {
		for _, number := range o.get(t, "customer", "/tickets"+query).want(http.StatusOK).ids("number") {
			if number != own.Ticket {
				t.Errorf("/tickets%s shows #%d to a customer", query, number)
			}
		}
	}
	for _, path := range []string{at("/tickets/%d", foreign.Ticket), at("/tickets/%d/messages", foreign.Ticket), at("/messages/%d", foreign.Message), at("/attachments/%d", file)} {
		o.get(t, "customer", path).want(http.StatusNotFound)
	}
	o.get(t, "customer", at("/messages/%d/original", own.Message)).want(http.StatusForbidden)
	o.get(t, "customer", at("/attachments/%d", ownFile)).want(http.StatusOK)
	list := o.get(t, "customer", at("/tickets/%d/messages", own.Ticket)).want(http.StatusOK)
	if strings.Contains(string(list.body), "countess") || list.value("items", 0, "why") != nil || list.value("items", 0, "auth") != nil {
		t.Errorf("a customer is shown %s", list.body)
	}
	if own := o.get(t, "customer", at("/tickets/%d", own.Ticket)).want(http.StatusOK); own.value("assignee") != nil {
		t.Errorf("a customer is shown %s", own.body)
	}
}

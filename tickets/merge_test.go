package tickets

import (
	"slices"
	"testing"
	"time"

	"postern/desk"
	"postern/store"
	"postern/threading"
)

// where says on which ticket a Message-ID is known.
func (h *house) where(t *testing.T, message int64) (ticket int64) {
	t.Helper()
	h.row(t, &ticket, `select k.ticket_id from message_key k where k.message = $1`, message)
	return ticket
}

func TestT_MERGE(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	target, _ := h.ask(t)
	h.clock.wait(time.Minute)
	source, second := h.mail(t, inbound{From: dave, To: []desk.Address{support}, Subject: "The same pump", Text: "Mine, too.", People: []string{"eve@other.test"}})
	sent := h.reply(t, desk.ReplyRequest{Ticket: source, Text: "Which one?", Status: desk.StatusHold})
	h.clock.wait(time.Minute)
	if err := h.Merge(t.Context(), h.ann, source, target); err != nil {
		t.Fatal(err)
	}
	merged := h.get(t, source)
	if merged.MergedInto == nil || *merged.MergedInto != target || merged.Status != desk.StatusClosed {
		t.Errorf("source is %+v", merged)
	}
	equal(t, "events of the source", h.events(t, source), []string{"merged"})
	texts := []string{}
	for _, m := range h.conversation(t, target) {
		if m.Kind != desk.KindEvent {
			texts = append(texts, m.Text)
		}
	}
	equal(t, "messages of the target", texts, []string{"My pump is broken.", "Mine, too.", "Which one?"})
	people, _ := h.Participants(t.Context(), h.ann, target)
	var names []string
	for _, person := range people {
		names = append(names, person.Address)
	}
	slices.Sort(names)
	equal(t, "people of the target", names, []string{"dave@customer.test", "eve@other.test"})
	if h.where(t, second) != target || h.where(t, sent.ID) != target {
		t.Error("the Message-IDs of the source do not lead to the target")
	}
	_, err := h.Reply(t.Context(), h.ann, desk.ReplyRequest{Ticket: source, Text: "x"})
	wantFault(t, err, desk.Conflict)
	wantFault(t, h.Merge(t.Context(), h.ann, source, target), desk.Conflict)
	wantFault(t, h.Merge(t.Context(), h.ann, target, source), desk.Conflict)
	wantFault(t, h.Merge(t.Context(), h.ann, target, target), desk.Invalid)
	list, _ := h.List(t.Context(), h.ann, desk.TicketQuery{})
	if len(list.Items) != 1 || list.Items[0].ID != target {
		t.Errorf("the list shows %d tickets", len(list.Items))
	}
	if page, _ := h.List(t.Context(), h.ann, desk.TicketQuery{Text: "#" + hash(source)[1:]}); len(page.Items) != 1 || page.Items[0].ID != source {
		t.Error("the source is not found by its number")
	}

	_, later := h.mail(t, inbound{Ticket: target, From: dave, To: []desk.Address{support}, Subject: "Pump", Text: "After the merge"})
	if err := h.Unmerge(t.Context(), h.bob, source); err != nil {
		t.Fatal(err)
	}
	back := h.get(t, source)
	if back.MergedInto != nil || back.Status != desk.StatusHold || back.ClosedAt != nil {
		t.Errorf("source is %+v", back)
	}
	if h.where(t, second) != source || h.where(t, sent.ID) != source || h.where(t, later) != target {
		t.Error("the Message-IDs are not back where they were")
	}
	if people, _ := h.Participants(t.Context(), h.ann, target); len(people) != 0 {
		t.Errorf("people stay on the target: %+v", people)
	}
	if people, _ := h.Participants(t.Context(), h.ann, source); len(people) != 1 {
		t.Errorf("people of the source are %+v", people)
	}
	if h.audited(t, "ticket.merged") != 1 || h.audited(t, "ticket.unmerged") != 1 {
		t.Error("the audit log does not say so")
	}
	wantFault(t, h.Unmerge(t.Context(), h.bob, source), desk.Conflict)
}

// A ticket that others were merged into is merged on: every number leads to the last target, and each merge can still be undone by itself.
func TestT_MERGE_chain(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	a, inA := h.ask(t)
	b, inB := h.ask(t)
	c, _ := h.ask(t)
	for _, pair := range [][2]int64{{a, b}, {b, c}} {
		if err := h.Merge(t.Context(), h.ann, pair[0], pair[1]); err != nil {
			t.Fatal(err)
		}
	}
	if into := h.get(t, a).MergedInto; into == nil || *into != c {
		t.Errorf("#%d leads to %v, want #%d", a, into, c)
	}
	if h.where(t, inA) != c || h.where(t, inB) != c {
		t.Error("messages did not follow")
	}
	if err := h.Unmerge(t.Context(), h.ann, b); err != nil {
		t.Fatal(err)
	}
	if h.where(t, inB) != b || h.where(t, inA) != c {
		t.Error("undoing the second merge moved the wrong messages")
	}
	if err := h.Unmerge(t.Context(), h.ann, a); err != nil {
		t.Fatal(err)
	}
	if h.where(t, inA) != a {
		t.Error("undoing the first merge did nothing")
	}
}

// Whoever waited on the source waits on the target.
func TestT_MERGE_waiting(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	source, _ := h.ask(t)
	since := h.clock.now()
	h.clock.wait(time.Hour)
	target, _ := h.ask(t)
	h.reply(t, desk.ReplyRequest{Ticket: target, Text: "x", Status: desk.StatusSolved})
	if err := h.Merge(t.Context(), h.ann, source, target); err != nil {
		t.Fatal(err)
	}
	ticket := h.get(t, target)
	if ticket.Status != desk.StatusOpen || ticket.WaitingSince == nil || !ticket.WaitingSince.Equal(since) || ticket.SolvedAt != nil {
		t.Errorf("target is %+v", ticket)
	}
}

func TestT_MOVE(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	from, _ := h.ask(t)
	to, _ := h.mail(t, inbound{From: carol, To: []desk.Address{support}, Subject: "Other", Text: "Other"})
	h.clock.wait(time.Minute)
	_, wrong := h.mail(t, inbound{Ticket: from, From: dave, To: []desk.Address{support}, Subject: "Invoice", Text: "Where is my invoice?", People: []string{dave.Addr},
		Facts: desk.MessageFacts{Why: desk.Why{Rule: threading.RuleForeignID, Saw: "x@y"}}})
	if err := h.Move(t.Context(), h.ann, wrong, to); err != nil {
		t.Fatal(err)
	}
	m, err := h.Message(t.Context(), h.ann, wrong)
	if err != nil || m.TicketID != to || h.where(t, wrong) != to {
		t.Fatalf("the message stands on #%d and is known on #%d: %v", m.TicketID, h.where(t, wrong), err)
	}
	facts, _ := m.Decode()
	if facts.Why.Rule != "moved" || facts.Why.Saw != hash(from) || facts.Why.Note == "" {
		t.Errorf("why is %+v", facts.Why)
	}
	if h.get(t, from).Preview != "My pump is broken." || h.get(t, to).Preview != "Where is my invoice?" {
		t.Error("the previews do not follow")
	}
	if people, _ := h.Participants(t.Context(), h.ann, to); len(people) != 1 || people[0].Address != dave.Addr {
		t.Errorf("people are %+v", people)
	}
	equal(t, "events", slices.Concat(h.events(t, from), h.events(t, to)), []string{"moved", "moved"})
	wantFault(t, h.Move(t.Context(), h.ann, wrong, to), desk.Invalid)
	wantFault(t, h.Move(t.Context(), h.ann, wrong, 999), desk.NotFound)
}

// Later answers to a message that was split off follow it.
func TestT_MOVE_split(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	from, _ := h.ask(t)
	h.clock.wait(time.Hour)
	_, other := h.mail(t, inbound{Ticket: from, From: dave, To: []desk.Address{support}, Subject: "Invoice", Text: "Where is my invoice?"})
	ticket, err := h.Split(t.Context(), h.ann, other)
	if err != nil {
		t.Fatal(err)
	}
	if ticket.Subject != "Invoice" || ticket.RequesterAddress != dave.Addr || ticket.Status != desk.StatusOpen || !ticket.WaitingSince.Equal(h.clock.now()) || ticket.Preview != "Where is my invoice?" {
		t.Errorf("ticket is %+v", ticket)
	}
	if h.where(t, other) != ticket.ID {
		t.Error("answers would not follow")
	}
	if h.audited(t, "ticket.split") != 1 {
		t.Error("no audit entry")
	}
}

func TestT_STRANGER(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	number, asked := h.ask(t)
	_, strange := h.mail(t, inbound{Ticket: number, From: desk.Address{Name: "Eve", Addr: "eve@other.test"}, To: []desk.Address{support}, Subject: "Pump", Text: "I know", Pending: true, Facts: desk.MessageFacts{Stranger: true}})
	if !h.get(t, number).NewParticipant {
		t.Fatal("no badge")
	}
	to, cc, _, _ := h.Recipients(t.Context(), h.ann, number, strange)
	equal(t, "answer to the stranger, before", addresses(append(to, cc...)), []string{carol.Addr})
	people, _ := h.Participants(t.Context(), h.ann, number)
	if len(people) != 1 || !people[0].Pending {
		t.Fatalf("people are %+v", people)
	}
	if err := h.AcceptParticipant(t.Context(), h.ann, number, people[0].ContactID); err != nil {
		t.Fatal(err)
	}
	if h.get(t, number).NewParticipant {
		t.Error("the badge stays")
	}
	to, _, _, _ = h.Recipients(t.Context(), h.ann, number, strange)
	equal(t, "answer to the stranger, after", addresses(to), []string{"eve@other.test"})
	to, cc, _, _ = h.Recipients(t.Context(), h.ann, number, asked)
	equal(t, "answer to the requester, after", addresses(append(to, cc...)), []string{carol.Addr, "eve@other.test"})
	if err := h.RemoveParticipant(t.Context(), h.ann, number, people[0].ContactID); err != nil {
		t.Fatal(err)
	}
	wantFault(t, h.RemoveParticipant(t.Context(), h.ann, number, people[0].ContactID), desk.NotFound)
	equal(t, "events", h.events(t, number), []string{"accepted", "removed"})
}

func TestT_ALT_ADDR(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	number, _ := h.ask(t)
	h.mail(t, inbound{Ticket: number, From: desk.Address{Addr: "carol@home.test"}, To: []desk.Address{support}, Subject: "Pump", Text: "It is me", Pending: true})
	ticket := h.get(t, number)
	if err := h.AddAddress(t.Context(), h.ann, ticket.RequesterID, " Carol@Home.test"); err != nil {
		t.Fatal(err)
	}
	if people, _ := h.Participants(t.Context(), h.ann, number); len(people) != 0 || h.get(t, number).NewParticipant {
		t.Errorf("the address still stands as somebody else: %+v", people)
	}
	if again, _ := h.mail(t, inbound{From: desk.Address{Addr: "carol@home.test"}, To: []desk.Address{support}, Subject: "New", Text: "New"}); h.get(t, again).RequesterID != ticket.RequesterID {
		t.Error("a new mail from the address is not hers")
	}
	other, _ := h.mail(t, inbound{From: dave, To: []desk.Address{support}, Subject: "x", Text: "x"})
	wantFault(t, h.AddAddress(t.Context(), h.ann, h.get(t, other).RequesterID, "carol@home.test"), desk.Conflict)
	wantFault(t, h.AddAddress(t.Context(), h.ann, ticket.RequesterID, "not an address"), desk.Invalid)
}

func TestUpdate(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	number, _ := h.ask(t)
	high, subject, bob := desk.PriorityHigh, "  Pump \n burst ", h.bob.User.ID
	heard := make(chan store.News, 10)
	h.listening(t, heard)
	ticket, err := h.Update(t.Context(), h.ann, number, desk.TicketChange{Priority: &high, Subject: &subject, Assignee: &bob, AddTags: []string{"Two Words", "urgent", "urgent"}})
	if err != nil {
		t.Fatal(err)
	}
	if ticket.Status != desk.StatusOpen || ticket.AssigneeName != "Bob" || ticket.Subject != "Pump burst" || ticket.Priority != high || !slices.Equal(ticket.Tags, []string{"two-words", "urgent"}) || ticket.WaitingSince == nil {
		t.Errorf("ticket is %+v", ticket)
	}
	equal(t, "events", h.events(t, number), []string{"assigned", "status", "priority", "subject", "tagged"})
	if news := <-heard; !slices.Contains(news.Tickets, number) {
		t.Errorf("news are %+v", news)
	}
	before := len(h.events(t, number))
	if _, err := h.Update(t.Context(), h.ann, number, desk.TicketChange{Priority: &high, Assignee: &bob, AddTags: []string{"urgent"}}); err != nil || len(h.events(t, number)) != before {
		t.Errorf("what changes nothing leaves events: %v", err)
	}
	if page, _ := h.List(t.Context(), h.ann, desk.TicketQuery{Text: "subject:burst"}); len(page.Items) != 1 {
		t.Error("the ticket is not found by its new subject")
	}
	customer := h.person(t, "carol@customer.test", "Carol", desk.RoleCustomer)
	none, gone := int64(0), desk.Status("gone")
	for name, change := range map[string]desk.TicketChange{"a customer": {Assignee: &customer.User.ID}, "a status": {Status: &gone}, "no subject": {Subject: new(string)}} {
		if _, err := h.Update(t.Context(), h.ann, number, change); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	for _, status := range desk.Statuses {
		ticket, err := h.Update(t.Context(), h.ann, number, desk.TicketChange{Status: &status, Assignee: &none})
		if err != nil || ticket.Status != status || (ticket.WaitingSince != nil) != status.Waiting() || (ticket.SolvedAt != nil) != status.Ended() || (ticket.ClosedAt != nil) != (status == desk.StatusClosed) {
			t.Errorf("%s: %+v, %v", status, ticket, err)
		}
	}
}

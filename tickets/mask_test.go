package tickets

import (
	"encoding/json"
	"strings"
	"testing"

	"postern/desk"
)

// What a role hides is nowhere in what its people are handed, and cannot be searched for.
func TestMasks(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx := t.Context()
	number, message := h.mail(t, inbound{From: desk.Address{Name: "Wilhelmina Secret", Addr: "wilhelmina@customer.test"}, To: []desk.Address{{Addr: "support@example.com"}},
		Cc: []desk.Address{{Name: "Copied Secret", Addr: "copied@customer.test"}}, Subject: "Call +39 02 1234 5678", Text: "I am at wilhelmina@customer.test or +39 (02) 1234-5678, order 4711.", People: []string{"copied@customer.test"}})
	h.sql(t, `insert into role (name, skeleton, sight, masks, reads, works) values ('Masked', 'masked', 'all', '{email,phone,name}', true, true)`)
	masked := h.person(t, "masked@example.com", "Max", "Masked")
	masked.User.Grant = &desk.Grant{Rights: []desk.Right{desk.MayRead, desk.MayNote, desk.MayReply, desk.MayWrite, desk.MayReadCustomers}, Sight: desk.SightAll, Masks: desk.Masks}
	handed := map[string]any{}
	var err error
	keep := func(what string, value any, failed error) {
		t.Helper()
		if failed != nil {
			t.Errorf("%s: %v", what, failed)
		}
		handed[what] = value
	}
	list, err := h.List(ctx, masked, desk.TicketQuery{Text: "order"})
	keep("list", list, err)
	if len(list.Items) != 1 || list.Items[0].RequesterName == "" {
		t.Errorf("the list holds %+v", list.Items)
	}
	ticket, err := h.Get(ctx, masked, number)
	keep("ticket", ticket, err)
	conversation, err := h.Conversation(ctx, masked, number, "", 10)
	keep("conversation", conversation, err)
	one, err := h.Message(ctx, masked, message)
	keep("message", one, err)
	people, err := h.Participants(ctx, masked, number)
	keep("participants", people, err)
	customer, err := h.Customer(ctx, masked, ticket.RequesterID)
	keep("customer", customer, err)
	suggested, err := h.SuggestPeople(ctx, masked, number, "w")
	keep("suggestions", suggested, err)
	hits, err := h.Hits(ctx, masked, list.Items, "order")
	keep("hits", hits, err)
	composing, err := h.Composing(ctx, masked, ticket, 0)
	keep("composer", composing, err)
	high := desk.PriorityHigh
	changed, err := h.Update(ctx, masked, number, desk.TicketChange{Priority: &high})
	keep("a change", changed, err)
	answer, err := h.Reply(ctx, masked, desk.ReplyRequest{Ticket: number, Text: "We call you.", Recipients: desk.AsGiven})
	keep("an answer", answer, err)
	for what, value := range handed {
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range []string{"wilhelmina", "Wilhelmina", "copied@", "Copied Secret", "1234"} {
			if strings.Contains(string(text), word) {
				t.Errorf("%s holds %q: %s", what, word, text)
			}
		}
	}
	if sent, err := h.Message(ctx, h.owner, answer.ID); err != nil || len(sent.To) != 1 || sent.To[0].Addr != "wilhelmina@customer.test" {
		t.Errorf("the answer went to %v, %v", sent.To, err)
	}
	for _, text := range []string{"from:wilhelmina", "to:copied", "wilhelmina@customer.test", "-from:wilhelmina", "subject:\"1234 5678\"", "-subject:wilhelmina@customer.test"} {
		if page, err := h.List(ctx, masked, desk.TicketQuery{Text: text}); err == nil && len(page.Items) > 0 && text != "subject:\"1234 5678\"" {
			t.Errorf("%q finds %d", text, len(page.Items))
		}
	}
	if page, err := h.List(ctx, masked, desk.TicketQuery{Text: "Secret"}); err != nil || len(page.Items) != 0 {
		t.Errorf("a name of the header finds %d, %v", len(page.Items), err)
	}
	if page, err := h.List(ctx, h.owner, desk.TicketQuery{Text: "Secret"}); err != nil || len(page.Items) != 1 {
		t.Errorf("who sees names finds %d, %v", len(page.Items), err)
	}
	if _, err := h.List(ctx, masked, desk.TicketQuery{Requester: "wilhelmina@customer.test"}); err == nil {
		t.Error("an address can be asked for")
	}
}

package tickets

import (
	"testing"

	"postern/desk"
)

func TestFieldsOfTickets(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	make := func(f desk.Field) int64 {
		t.Helper()
		id, err := h.SetField(t.Context(), h.owner, f)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	make(desk.Field{Name: "Order number", Kind: desk.FieldText})
	plan := make(desk.Field{Name: "Plan", Key: "plan", Kind: desk.FieldChoice, Choices: []string{"Gold", "Silver"}, Required: true})
	make(desk.Field{Name: "Region", Key: "region", Kind: desk.FieldText, MailboxID: &h.sales, Required: true})
	if _, err := h.SetField(t.Context(), h.owner, desk.Field{Name: "Again", Key: "plan", Kind: desk.FieldText}); !isFault(err, desk.Conflict) {
		t.Errorf("a key that is taken: %v", err)
	}
	if _, err := h.SetField(t.Context(), h.ann, desk.Field{Name: "Mine", Kind: desk.FieldText}); !isFault(err, desk.Forbidden) {
		t.Errorf("an agent makes a field: %v", err)
	}

	number, _ := h.ask(t)
	set := func(values map[string]string) (desk.Ticket, error) {
		return h.Update(t.Context(), h.ann, number, desk.TicketChange{Fields: values})
	}
	for key, value := range map[string]string{"plan": "Bronze", "region": "North", "unknown": "x"} {
		if _, err := set(map[string]string{key: value}); !isFault(err, desk.Invalid) {
			t.Errorf("%s=%s: %v", key, value, err)
		}
	}
	solved, closed := desk.StatusSolved, desk.StatusClosed
	for _, status := range []*desk.Status{&solved, &closed} {
		if _, err := h.Update(t.Context(), h.ann, number, desk.TicketChange{Status: status}); !isFault(err, desk.Invalid) {
			t.Errorf("%s without its plan: %v", *status, err)
		}
	}
	if _, err := h.Reply(t.Context(), h.ann, desk.ReplyRequest{Ticket: number, Text: "Done.", Status: desk.StatusSolved}); !isFault(err, desk.Invalid) {
		t.Errorf("sent and solved without its plan: %v", err)
	}
	if got := h.get(t, number); got.Status != desk.StatusNew {
		t.Fatalf("it is %s", got.Status)
	}
	got, err := h.Update(t.Context(), h.ann, number, desk.TicketChange{Fields: map[string]string{"plan": " gold ", "order-number": "A 17"}, Status: &solved})
	if err != nil || got.Fields["plan"] != "Gold" || got.Fields["order-number"] != "A 17" || got.Status != desk.StatusSolved {
		t.Errorf("%v, %s: %v", got.Fields, got.Status, err)
	}
	if got, err := set(map[string]string{"order-number": ""}); err != nil || len(got.Fields) != 1 {
		t.Errorf("cleared: %v, %v", got.Fields, err)
	}
	if verbs := h.verbs(t, number); verbs["field"] != 3 {
		t.Errorf("the conversation tells %v", verbs)
	}
	if err := h.DropField(t.Context(), h.owner, plan); err != nil {
		t.Fatal(err)
	}
	if got := h.get(t, number); got.Fields["plan"] != "Gold" {
		t.Errorf("the value has gone with its field: %v", got.Fields)
	}
	if fields, err := h.Fields(t.Context(), h.ann); err != nil || len(fields) != 2 {
		t.Errorf("%d fields are left: %v", len(fields), err)
	}
	make(desk.Field{Name: "Plan", Key: "plan", Kind: desk.FieldChoice, Choices: []string{"Gold"}})
	if err := h.markSpamAtOnce(t); err != nil {
		t.Error(err)
	}
}

// markSpamAtOnce marks a fresh ticket as spam: nothing that is required keeps it from being closed.
func (h *house) markSpamAtOnce(t *testing.T) error {
	t.Helper()
	if _, err := h.SetField(t.Context(), h.owner, desk.Field{Name: "Cause", Kind: desk.FieldText, Required: true}); err != nil {
		return err
	}
	number, _ := h.ask(t)
	return h.MarkSpam(t.Context(), h.ann, number, SenderStays)
}

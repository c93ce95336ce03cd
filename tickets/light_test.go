package tickets

import (
	"testing"

	"postern/desk"
)

// A light agent sends no public mail by any path (security row 36), and neither does a macro or a rule that somebody wrote who may not (T-27).
func TestLightAgentsSendNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx := t.Context()
	light := h.person(t, "light@example.com", "Lee", desk.RoleLight)
	number, message := h.ask(t)
	to := []desk.Address{{Addr: "anna@customer.example"}}
	sent, err := h.Reply(ctx, h.ann, desk.ReplyRequest{Ticket: number, Text: "On its way."})
	if err != nil {
		t.Fatal(err)
	}
	solved := desk.StatusSolved
	drop := func(_ any, err error) error { return err }
	for path, err := range map[string]error{
		"an answer": drop(h.Reply(ctx, light, desk.ReplyRequest{Ticket: number, Text: "x"})),
		"a new conversation": func() error {
			_, _, err := h.Start(ctx, light, desk.NewTicket{To: to, Subject: "x", Text: "x"})
			return err
		}(),
		"a forward":                   drop(h.Forward(ctx, light, desk.ForwardRequest{Ticket: number, Forwards: message, To: to, Text: "x"})),
		"an answer's undoing":         drop(h.UndoSend(ctx, light, sent.ID)),
		"a draft of an answer":        h.SaveDraft(ctx, light, desk.Draft{TicketID: number, Kind: desk.KindReply, Text: "x"}),
		"actions that answer":         h.Apply(ctx, light, number, []desk.Action{{Do: desk.ActReply, ID: 1}}),
		"solving, of which mail goes": drop(h.Update(ctx, light, number, desk.TicketChange{Status: &solved})),
		"a merge":                     h.Merge(ctx, light, number, number+1),
		"spam":                        h.MarkSpam(ctx, light, number, SenderStays),
		"a link to a file":            drop(h.Link(ctx, light, 1, "")),
		"a text that rules send":      drop(h.SaveCanned(ctx, light, desk.Canned{Name: "c", Text: "x"})),
		"a rule":                      drop(h.SaveAutomation(ctx, light, desk.Automation{Name: "r", When: []desk.Trigger{desk.WhenOpened}, Match: desk.MatchAll, Then: []desk.Action{{Do: desk.ActReply, ID: 1}}})),
	} {
		if !isFault(err, desk.Forbidden) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := h.Note(ctx, light, number, "I know this one.", nil); err != nil {
		t.Errorf("a note: %v", err)
	}
}

// A macro does no more than its author may at that moment, whoever runs it.
func TestMacrosDoNoMoreThanTheirAuthorMay(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx := t.Context()
	number, _ := h.ask(t)
	id, err := h.SaveMacro(ctx, h.owner, desk.Macro{Name: "Urgent", Actions: []desk.Action{{Do: desk.ActPriority, Value: "urgent"}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.RunMacro(ctx, h.ann, number, id); err != nil {
		t.Fatal(err)
	}
	second := h.person(t, "second@example.com", "Sam", desk.RoleAdmin)
	if _, err = h.SaveMacro(ctx, second, desk.Macro{ID: id, Name: "Urgent", Actions: []desk.Action{{Do: desk.ActPriority, Value: "low"}}}); err != nil {
		t.Fatal(err)
	}
	h.exec(t, `update "user" set role = 'auditor' where id = $1`, second.User.ID)
	if _, err := h.RunMacro(ctx, h.ann, number, id); !isFault(err, desk.Forbidden) {
		t.Errorf("a macro of somebody who lost the right: %v", err)
	}
}

package tickets

import (
	"fmt"
	"strings"
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

// A rule loses what its author loses, at once: the rights for what it does, and the conversations that it does it to. What it may not is refused and stands in its runs (T-27).
func TestRulesLoseRightsWithTheirAuthor(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx := t.Context()
	second := h.person(t, "second@example.com", "Sam", desk.RoleAdmin)
	canned := h.cannedText(t, "c", "We are on it.")
	rule := desk.Automation{Name: "r", On: true, When: []desk.Trigger{desk.WhenOpened}, Match: desk.MatchAll, Then: []desk.Action{{Do: desk.ActReply, ID: canned}, {Do: desk.ActPriority, Value: "urgent"}, {Do: desk.ActNote, Value: "seen"}}}
	id, err := h.SaveAutomation(ctx, second, rule)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := h.SetTeam(ctx, h.owner, desk.Team{Name: "Theirs", Members: []int64{second.User.ID}})
	if err != nil {
		t.Fatal(err)
	}
	others, err := h.SetTeam(ctx, h.owner, desk.Team{Name: "Others", Members: []int64{h.ann.User.ID}})
	if err != nil {
		t.Fatal(err)
	}
	const all, none = "reply priority note", ""
	for i, test := range []struct {
		name, change string
		team         int64
		does         string
	}{
		{"an admin", `select $1::bigint`, others, all},
		{"an agent, on a conversation of their team", `update "user" set role = 'agent' where id = $1`, theirs, all},
		{"an agent, on a conversation of another team", `select $1::bigint`, others, none},
		{"a light agent, on a conversation of their team", `update "user" set role = 'light_agent' where id = $1`, theirs, "note"},
		{"an auditor", `update "user" set role = 'auditor' where id = $1`, theirs, none},
		{"a customer", `update "user" set role = 'customer' where id = $1`, theirs, none},
		{"an admin who is disabled", `update "user" set role = 'admin', disabled_at = now() where id = $1`, theirs, none},
		{"an admin again", `update "user" set disabled_at = null where id = $1`, others, all},
	} {
		h.exec(t, test.change, second.User.ID)
		h.exec(t, `update mailbox set team_id = $1`, test.team)
		ticket, _ := h.arrives(t, proved(inbound{From: desk.Address{Addr: fmt.Sprintf("anna%d@customer%d.example", i, i)}}))
		h.exec(t, `update ticket set team_id = $2 where id = $1`, ticket, test.team)
		h.react(t)
		did := ""
		for _, one := range h.runs(t, id)[0].Did {
			if one.Problem == "" {
				did += " " + string(one.Do)
			} else {
				t.Logf("%s: %s: %s", test.name, one.Do, one.Problem)
			}
		}
		if want := strings.TrimSpace(test.does); strings.TrimSpace(did) != want {
			t.Errorf("by %s the rule did %q, want %q", test.name, did, want)
		}
	}
}

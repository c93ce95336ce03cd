package tickets

import (
	"slices"
	"testing"

	"postern/desk"
)

// crew makes a team with members.
func (h *house) crew(t *testing.T, name string, members ...desk.Actor) (id int64) {
	t.Helper()
	h.row(t, &id, `insert into team (name) values ($1) returning id`, name)
	for _, member := range members {
		var none int64
		h.row(t, &none, `insert into team_member (team_id, user_id) values ($1, $2) returning user_id`, id, member.User.ID)
	}
	return id
}

func TestCannedRepliesAreTheirOwnersTheirTeamsOrEverybodys(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	team := h.crew(t, "Billing", h.ann)
	save := func(actor desk.Actor, c desk.Canned) (int64, error) { return h.SaveCanned(t.Context(), actor, c) }
	must := func(actor desk.Actor, c desk.Canned) int64 {
		t.Helper()
		id, err := save(actor, c)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	own := must(h.ann, desk.Canned{Name: "Own", Shortcut: "/Own", Text: "Mine.", Shelf: desk.Shelf{OwnerID: &h.ann.User.ID}})
	must(h.ann, desk.Canned{Name: "Team", Text: "Ours.", Shelf: desk.Shelf{TeamID: &team}})
	all := must(h.owner, desk.Canned{Name: "All", Shortcut: "all", Text: "Everybody's."})
	must(h.owner, desk.Canned{Name: "Sales", Text: "For sales.", Shelf: desk.Shelf{MailboxID: &h.sales}})
	names := func(actor desk.Actor, text string) (list []string) {
		t.Helper()
		found, err := h.CannedReplies(t.Context(), actor, text)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range found {
			list = append(list, one.Name)
		}
		return list
	}
	equal(t, "Ann's", names(h.ann, ""), []string{"All", "Own", "Sales", "Team"})
	equal(t, "Bob's", names(h.bob, ""), []string{"All", "Sales"})
	equal(t, "the owner's", names(h.owner, ""), []string{"All", "Sales", "Team"})
	equal(t, "those of that name", names(h.ann, "_"), nil)
	equal(t, "those of that text", names(h.ann, "everybody"), []string{"All"})

	for name, c := range map[string]struct {
		actor desk.Actor
		reply desk.Canned
		kind  desk.FaultKind
	}{
		"everybody's, by an agent":   {h.ann, desk.Canned{Name: "x", Text: "x"}, desk.Forbidden},
		"another's":                  {h.bob, desk.Canned{Name: "x", Text: "x", Shelf: desk.Shelf{OwnerID: &h.ann.User.ID}}, desk.Forbidden},
		"another team's":             {h.bob, desk.Canned{Name: "x", Text: "x", Shelf: desk.Shelf{TeamID: &team}}, desk.Forbidden},
		"taking over another's":      {h.bob, desk.Canned{ID: own, Name: "x", Text: "x", Shelf: desk.Shelf{OwnerID: &h.bob.User.ID}}, desk.NotFound},
		"changing everybody's":       {h.ann, desk.Canned{ID: all, Name: "x", Text: "x", Shelf: desk.Shelf{OwnerID: &h.ann.User.ID}}, desk.Forbidden},
		"none":                       {h.owner, desk.Canned{ID: 999, Name: "x", Text: "x"}, desk.NotFound},
		"an unknown placeholder":     {h.owner, desk.Canned{Name: "x", Text: "{{customer.shoe}}"}, desk.Invalid},
		"no text":                    {h.owner, desk.Canned{Name: "x", Text: " "}, desk.Invalid},
		"no name":                    {h.owner, desk.Canned{Text: "x"}, desk.Invalid},
		"two words":                  {h.owner, desk.Canned{Name: "x", Shortcut: "a b", Text: "x"}, desk.Invalid},
		"a shortcut that is taken":   {h.owner, desk.Canned{Name: "x", Shortcut: "ALL", Text: "x"}, desk.Conflict},
		"a team that is not there":   {h.owner, desk.Canned{Name: "x", Text: "x", Shelf: desk.Shelf{TeamID: new(int64(9999))}}, desk.Invalid},
		"a mailbox that is not ours": {h.owner, desk.Canned{Name: "x", Text: "x", Shelf: desk.Shelf{MailboxID: new(int64(9999))}}, desk.Invalid},
		"a customer":                 {desk.Actor{User: desk.User{ID: 5, Role: desk.RoleCustomer}}, desk.Canned{Name: "x", Text: "x"}, desk.Forbidden},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := save(c.actor, c.reply)
			wantFault(t, err, c.kind)
		})
	}
	_, err := h.CannedReply(t.Context(), h.bob, own)
	wantFault(t, err, desk.NotFound)

	rule := h.rules(t, desk.Automation{Name: "Greet", When: []desk.Trigger{desk.WhenOpened}, Then: []desk.Action{{Do: desk.ActReply, ID: all}}})[0]
	wantFault(t, h.DropCanned(t.Context(), h.owner, all), desk.Conflict)
	_, err = save(h.owner, desk.Canned{ID: all, Name: "All", Text: "x", Shelf: desk.Shelf{OwnerID: &h.owner.User.ID}})
	wantFault(t, err, desk.Conflict)
	if err := h.DropAutomation(t.Context(), h.owner, rule); err != nil {
		t.Fatal(err)
	}
	if err := h.DropCanned(t.Context(), h.owner, all); err != nil {
		t.Fatal(err)
	}
}

func TestCannedRepliesAreFilledForATicket(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	id := h.cannedText(t, "Hello", "Dear {{customer.first_name}} ({{customer.name}}), about “{{ticket.subject}}”, #{{ticket.number}}: {{field.order|no order}}.\n{{agent.name}}, {{mailbox.name}}")
	h.cannedText(t, "Sales only", "x")
	sales, err := h.CannedReplies(t.Context(), h.owner, "Sales only")
	if err != nil {
		t.Fatal(err)
	}
	sales[0].MailboxID = &h.sales
	if _, err := h.SaveCanned(t.Context(), h.owner, sales[0]); err != nil {
		t.Fatal(err)
	}
	ticket, _ := h.mail(t, inbound{From: desk.Address{Name: "{{agent.name}}", Addr: "eve@customer.test"}, Subject: "{{ticket.number}} $1", Text: "x"})
	text, err := h.FillCanned(t.Context(), h.ann, ticket, id)
	if err != nil {
		t.Fatal(err)
	}
	// What strangers call themselves and write as a subject is text, whatever it looks like.
	if want := "Dear {{agent.name}} ({{agent.name}}), about “{{ticket.number}} $1”, " + hash(ticket) + ": no order.\nAnn, Example Support"; text != want {
		t.Errorf("it reads %q, want %q", text, want)
	}
	list, err := h.CannedFor(t.Context(), h.ann, ticket)
	if err != nil || len(list) != 1 || list[0].Text != text {
		t.Errorf("for the ticket there are %+v, %v", list, err)
	}
}

func TestMacrosDoAllOrNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ticket, _ := h.ask(t)
	id, err := h.SaveMacro(t.Context(), h.ann, desk.Macro{Name: "Refund", Text: "Dear {{customer.first_name}}, #{{ticket.number}} is refunded.\n{{agent.name}}", Shelf: desk.Shelf{OwnerID: &h.ann.User.ID},
		Actions: []desk.Action{{Do: desk.ActTake}, {Do: desk.ActAddTags, Value: "Refund"}, {Do: desk.ActStatus, Value: "pending"}, {Do: desk.ActNote, Value: "By {{agent.name}}"}}})
	if err != nil {
		t.Fatal(err)
	}
	text, err := h.RunMacro(t.Context(), h.ann, ticket, id)
	if err != nil {
		t.Fatal(err)
	}
	if want := "Dear Carol, " + hash(ticket) + " is refunded.\nAnn"; text != want {
		t.Errorf("the answer begins %q, want %q", text, want)
	}
	got := h.get(t, ticket)
	if got.AssigneeName != "Ann" || !slices.Equal(got.Tags, []string{"refund"}) || got.Status != desk.StatusPending {
		t.Errorf("the ticket is %s, of %q, tagged %q", got.Status, got.AssigneeName, got.Tags)
	}
	if len(h.replies(t, ticket)) != 0 {
		t.Error("a macro sent something")
	}
	if events := h.events(t, ticket); events[0] != "macro" {
		t.Errorf("the events are %q", events)
	}
	_, err = h.RunMacro(t.Context(), h.bob, ticket, id)
	wantFault(t, err, desk.NotFound)
	_, err = h.SaveMacro(t.Context(), h.ann, desk.Macro{Name: "Send", Shelf: desk.Shelf{OwnerID: &h.ann.User.ID}, Actions: []desk.Action{{Do: desk.ActReply, ID: 1}}})
	wantFault(t, err, desk.Invalid)

	// Bob is disabled after the macro was made: then it does nothing at all.
	second, err := h.SaveMacro(t.Context(), h.owner, desk.Macro{Name: "To Bob", Actions: []desk.Action{{Do: desk.ActAddTags, Value: "bob"}, {Do: desk.ActAssign, ID: h.bob.User.ID}}})
	if err != nil {
		t.Fatal(err)
	}
	var none any
	h.row(t, &none, `update "user" set disabled_at = now() where id = $1 returning null::text`, h.bob.User.ID)
	_, err = h.RunMacro(t.Context(), h.ann, ticket, second)
	wantFault(t, err, desk.Invalid)
	if got := h.get(t, ticket); !slices.Equal(got.Tags, []string{"refund"}) {
		t.Errorf("half a macro was done: %q", got.Tags)
	}
	if err := h.DropMacro(t.Context(), h.ann, id); err != nil {
		t.Fatal(err)
	}
	wantFault(t, h.DropMacro(t.Context(), h.ann, second), desk.Forbidden)
}

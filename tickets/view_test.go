package tickets

import (
	"slices"
	"testing"
	"time"

	"postern/desk"
	"postern/store"
)

// A view is seen by whom it is for, changed by who made it or an admin, and stands where each reader put it.
func TestViews(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx := t.Context()
	var repairs, sales int64
	h.row(t, &repairs, `insert into team (name) values ('Repairs') returning id`)
	h.row(t, &sales, `insert into team (name) values ('Sales') returning id`)
	h.sql(t, `insert into team_member values ($1, $2), ($1, $3)`, repairs, h.ann.User.ID, h.bob.User.ID)
	names := func(actor desk.Actor) (list []string) {
		t.Helper()
		views, err := h.Views(ctx, actor)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range views {
			list = append(list, v.Name)
		}
		return list
	}
	add := func(actor desk.Actor, v desk.View) desk.View {
		t.Helper()
		made, err := h.AddView(ctx, actor, v)
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	own := add(h.ann, desk.View{Name: " My  bills ", Audience: desk.AudienceMe, Filter: desk.ListFilter{Tag: "billing", Assignee: desk.AssigneeMe, Text: "invoice"}})
	if own.Name != "My bills" || own.Filter.Tag != "billing" || own.Filter.Text != "invoice" || own.OwnerName != "Ann" {
		t.Errorf("kept as %+v", own)
	}
	team := add(h.ann, desk.View{Name: "Repairs, urgent", Audience: desk.AudienceTeam, TeamID: &repairs, Filter: desk.ListFilter{Team: desk.TeamMine, Priorities: []desk.Priority{desk.PriorityUrgent}}})
	all := add(h.owner, desk.View{Name: "Overdue", Audience: desk.AudienceAll, Filter: desk.ListFilter{Overdue: true, Order: desk.OrderDue}})
	equal(t, "Ann sees", names(h.ann), []string{"My bills", "Repairs, urgent", "Overdue"})
	equal(t, "Bob sees", names(h.bob), []string{"Repairs, urgent", "Overdue"})
	equal(t, "Olga sees", names(h.owner), []string{"Overdue"})

	if err := h.MoveView(ctx, h.ann, all.ID, StepUp); err != nil {
		t.Fatal(err)
	}
	if err := h.MoveView(ctx, h.ann, own.ID, StepUp); err != nil { // it is the first
		t.Fatal(err)
	}
	equal(t, "Ann's order", names(h.ann), []string{"My bills", "Overdue", "Repairs, urgent"})
	equal(t, "Bob's order", names(h.bob), []string{"Repairs, urgent", "Overdue"})

	_, err := h.View(ctx, h.bob, own.ID)
	wantFault(t, err, desk.NotFound)
	team.Name = "Bob's"
	wantFault(t, second(h.ChangeView(ctx, h.bob, team)), desk.Forbidden)
	wantFault(t, h.DropView(ctx, h.bob, team.ID), desk.Forbidden)
	team.Name, team.Filter.Text = "Urgent", "pump"
	if changed, err := h.ChangeView(ctx, h.ann, team); err != nil || changed.Name != "Urgent" || changed.Filter.Text != "pump" {
		t.Errorf("changed to %+v, %v", changed, err)
	}
	for what, v := range map[string]desk.View{
		"no name":           {Audience: desk.AudienceMe},
		"for everybody":     {Name: "x", Audience: desk.AudienceAll},
		"another's team":    {Name: "x", Audience: desk.AudienceTeam, TeamID: &sales},
		"no team":           {Name: "x", Audience: desk.AudienceTeam},
		"a team too many":   {Name: "x", Audience: desk.AudienceMe, TeamID: &sales},
		"nobody's audience": {Name: "x", Audience: "world"},
		"a wrong status":    {Name: "x", Audience: desk.AudienceMe, Filter: desk.ListFilter{Statuses: []desk.Status{"gone"}}},
		"a wrong search":    {Name: "x", Audience: desk.AudienceMe, Filter: desk.ListFilter{Text: "status:gone"}},
		"a wrong person":    {Name: "x", Audience: desk.AudienceMe, Filter: desk.ListFilter{Assignee: "bob"}},
		"a wrong order":     {Name: "x", Audience: desk.AudienceMe, Filter: desk.ListFilter{Order: "sideways"}},
	} {
		t.Log(what)
		wantFault(t, second(h.AddView(ctx, h.ann, v)), desk.Invalid)
	}
	if err := h.DropView(ctx, h.owner, all.ID); err != nil {
		t.Fatal(err)
	}
	equal(t, "after deleting", names(h.ann), []string{"My bills", "Urgent"})
	if n := h.audited(t, "view.save"); n != 4 {
		t.Errorf("%d audit entries about views, want 4", n)
	}
}

// Counting stops where nobody reads on, and a count that takes too long is given up without spoiling the others.
func TestCountOfViews(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for range 3 {
		h.ask(t)
	}
	staff := store.AllSeeing()
	counts, err := h.store.Count(t.Context(), staff, []store.TicketFilter{{}, {Statuses: []desk.Status{desk.StatusPending}}, {Subject: "pump"}}, time.Second)
	if err != nil || !slices.Equal(counts, []int64{3, 0, 3}) {
		t.Errorf("counts are %v, %v", counts, err)
	}
	h.sql(t, `insert into ticket (subject, status, mailbox_id, requester_id, created_at, updated_at)
		select repeat('long ', 2000), 'open', $1, (select min(id) from contact), now(), now() from generate_series(1, 3000)`, h.support)
	counts, err = h.store.Count(t.Context(), staff, []store.TicketFilter{{Subject: "no such words anywhere"}, {Statuses: []desk.Status{desk.StatusNew}}, {}}, time.Millisecond)
	if err != nil || counts[0] != store.Uncounted {
		t.Errorf("with a millisecond each: %v, %v", counts, err)
	}
	counts, err = h.store.Count(t.Context(), staff, []store.TicketFilter{{}}, time.Second)
	if err != nil || counts[0] != 1000 {
		t.Errorf("of thousands: %v, %v", counts, err)
	}
}

package desk_test

import (
	"testing"

	"postern/desk"
)

func TestSightShows(t *testing.T) {
	const me, other = 7, 8
	number := func(n int64) *int64 { return &n }
	mine, theirs, nobodys := desk.SeenTicket{TeamID: number(1)}, desk.SeenTicket{TeamID: number(2)}, desk.SeenTicket{}
	given := desk.SeenTicket{TeamID: number(2), AssigneeID: number(me)}
	taken := desk.SeenTicket{TeamID: number(2), AssigneeID: number(other)}
	asked := desk.SeenTicket{TeamID: number(2), Own: true}
	for _, c := range []struct {
		sight desk.Sight
		shows map[string]bool // what is not named is not shown
	}{
		{desk.SightAll, map[string]bool{"mine": true, "theirs": true, "nobodys": true, "given": true, "taken": true, "asked": true}},
		{desk.SightTeams, map[string]bool{"mine": true, "nobodys": true, "given": true}},
		{desk.SightMembers, map[string]bool{"mine": true, "given": true}},
		{desk.SightAssigned, map[string]bool{"given": true}},
		{desk.SightOwn, map[string]bool{"asked": true}},
		{desk.SightNone, nil},
		{"", nil},
		{"everything", nil},
	} {
		for name, ticket := range map[string]desk.SeenTicket{"mine": mine, "theirs": theirs, "nobodys": nobodys, "given": given, "taken": taken, "asked": asked} {
			if got := c.sight.Shows(ticket, me, []int64{1}); got != c.shows[name] {
				t.Errorf("%q shows %s: %v", c.sight, name, got)
			}
		}
	}
	if desk.SightAssigned.Shows(desk.SeenTicket{AssigneeID: number(0)}, 0, nil) {
		t.Error("who is nobody is given nothing")
	}
}

// Who covers a sight sees every ticket that it shows, whoever they are and whatever the ticket.
func TestSightCovers(t *testing.T) {
	number := func(n int64) *int64 { return &n }
	var all []desk.SeenTicket
	for _, team := range []*int64{nil, number(1), number(2)} {
		for _, assignee := range []*int64{nil, number(7), number(8)} {
			for _, own := range []bool{false, true} {
				all = append(all, desk.SeenTicket{TeamID: team, AssigneeID: assignee, Own: own})
			}
		}
	}
	for _, wide := range desk.Sights {
		for _, narrow := range desk.Sights {
			covers := true
			for _, ticket := range all {
				covers = covers && (wide.Shows(ticket, 7, []int64{1}) || !narrow.Shows(ticket, 7, []int64{1}))
			}
			if wide.Covers(narrow) != covers {
				t.Errorf("%q covers %q: %v, and by their tickets %v", wide, narrow, wide.Covers(narrow), covers)
			}
		}
	}
	if desk.Sight("").Covers(desk.SightNone) || desk.SightAll.Covers("everything") {
		t.Error("what is no sight covers nothing, and nothing covers it")
	}
}

package tickets

import (
	"slices"
	"testing"

	"postern/desk"
	"postern/store"
)

// happens lets everybody react to what has happened, as the worker does.
func (h *house) happens(t *testing.T) {
	t.Helper()
	for range 20 {
		var taken []desk.Happening
		err := h.store.Write(t.Context(), func(tx *store.Tx) (err error) {
			taken, err = tx.TakeHappenings(t.Context(), h.clock.now().AddDate(10, 0, 0), h.clock.now().AddDate(20, 0, 0), 100)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(taken) == 0 {
			return
		}
		who, err := h.Reactor(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ids := []int64{}
		for _, one := range taken {
			for range 2 { // a process may die in between
				if err := who.React(t.Context(), one); err != nil {
					t.Fatal(err)
				}
			}
			ids = append(ids, one.ID)
		}
		if err := h.store.Write(t.Context(), func(tx *store.Tx) error { return tx.EndHappenings(t.Context(), ids) }); err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("what happens never ends")
}

// created is the happening that a mail which opens a ticket leaves behind.
func (h *house) created(t *testing.T, number int64) {
	t.Helper()
	err := h.store.Write(t.Context(), func(tx *store.Tx) error {
		return tx.AddHappenings(t.Context(), store.HappeningRow{Ticket: number, Kind: desk.HappenedCreated, At: h.clock.now()})
	})
	if err != nil {
		t.Fatal(err)
	}
	h.happens(t)
}

func (h *house) team(t *testing.T, team desk.Team) int64 {
	t.Helper()
	id, err := h.SetTeam(t.Context(), h.owner, team)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestTeamsTakeTurns(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	most := 2
	team := h.team(t, desk.Team{Name: "First line", Turns: true, MostOpen: &most, Members: []int64{h.ann.User.ID, h.bob.User.ID}, Mailboxes: []int64{h.support}})
	ask := func() desk.Ticket {
		number, _ := h.ask(t)
		h.created(t, number)
		return h.get(t, number)
	}
	var got []string
	for range 5 {
		ticket := ask()
		if idOf(ticket.TeamID) != team || ticket.Status != desk.StatusNew {
			t.Fatalf("the ticket is of team %d and %s", idOf(ticket.TeamID), ticket.Status)
		}
		got = append(got, ticket.AssigneeName)
	}
	if want := []string{"Ann", "Bob", "Ann", "Bob", ""}; !slices.Equal(got, want) {
		t.Errorf("the turns are %q, want %q: the fifth finds nobody below the limit", got, want)
	}

	// Whoever solves one gets the one that waits.
	page, err := h.List(t.Context(), h.ann, desk.TicketQuery{AssigneeID: h.bob.User.ID})
	if err != nil {
		t.Fatal(err)
	}
	solved := desk.StatusSolved
	if _, err := h.Update(t.Context(), h.bob, page.Items[0].ID, desk.TicketChange{Status: &solved}); err != nil {
		t.Fatal(err)
	}
	if err := h.TakeTurns(t.Context()); err != nil {
		t.Fatal(err)
	}
	page, err = h.List(t.Context(), h.ann, desk.TicketQuery{Unassigned: true})
	if err != nil || len(page.Items) != 0 {
		t.Errorf("%d tickets wait for their turn still: %v", len(page.Items), err)
	}
}

func TestWhoIsAwayTakesNoTurn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.team(t, desk.Team{Name: "First line", Turns: true, Members: []int64{h.ann.User.ID, h.bob.User.ID}, Mailboxes: []int64{h.support}})
	if err := h.SetPresence(t.Context(), h.ann, h.bob.User.ID, IsAway); !isFault(err, desk.Forbidden) {
		t.Errorf("an agent sends another away: %v", err)
	}
	for _, who := range []desk.Actor{h.ann, h.bob} {
		if err := h.SetPresence(t.Context(), who, who.User.ID, IsAway); err != nil {
			t.Fatal(err)
		}
	}
	number, _ := h.ask(t)
	h.created(t, number)
	if ticket := h.get(t, number); ticket.AssigneeID != nil {
		t.Fatalf("%s is away and got it", ticket.AssigneeName)
	}
	before := h.get(t, number).UpdatedAt
	if err := h.TakeTurns(t.Context()); err != nil || !h.get(t, number).UpdatedAt.Equal(before) {
		t.Errorf("waiting changed the ticket: %v", err)
	}
	if err := h.SetPresence(t.Context(), h.owner, h.bob.User.ID, IsThere); err != nil {
		t.Fatal(err)
	}
	if err := h.TakeTurns(t.Context()); err != nil {
		t.Fatal(err)
	}
	if ticket := h.get(t, number); ticket.AssigneeName != "Bob" {
		t.Errorf("it went to %q, not to who came back", ticket.AssigneeName)
	}
}

func TestTicketsAreGivenToTeams(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	team := h.team(t, desk.Team{Name: "Second line", Members: []int64{h.bob.User.ID}}) // of which ann is none: the owner gives, who sees all
	number, _ := h.ask(t)
	if ticket := h.get(t, number); ticket.TeamID != nil {
		t.Fatalf("it is of team %d without anybody's doing", *ticket.TeamID)
	}
	give := func(change desk.TicketChange) desk.Ticket {
		t.Helper()
		ticket, err := h.Update(t.Context(), h.owner, number, change)
		if err != nil {
			t.Fatal(err)
		}
		return ticket
	}
	give(desk.TicketChange{Assignee: &h.ann.User.ID})
	if got := give(desk.TicketChange{Team: &team}); got.TeamName != "Second line" || got.AssigneeID != nil {
		t.Errorf("it is of %q and %q: who is no member has it no more", got.TeamName, got.AssigneeName)
	}
	give(desk.TicketChange{Assignee: &h.bob.User.ID})
	if got := give(desk.TicketChange{Team: new(int64(0))}); got.TeamID != nil || got.AssigneeName != "Bob" {
		t.Errorf("of no team it is of %q", got.AssigneeName)
	}
	if _, err := h.Update(t.Context(), h.owner, number, desk.TicketChange{Team: new(int64(999))}); !isFault(err, desk.Invalid) {
		t.Errorf("a team that is not there: %v", err)
	}
	give(desk.TicketChange{Team: &team})
	if err := h.DropTeam(t.Context(), h.owner, team); err != nil {
		t.Fatal(err)
	}
	if got := h.get(t, number); got.TeamName != "Second line" {
		t.Errorf("the ticket of a removed team is of %q", got.TeamName)
	}
	if _, err := h.SetTeam(t.Context(), h.owner, desk.Team{Name: "second LINE"}); err != nil {
		t.Errorf("the name of a removed team is taken: %v", err)
	}
	if _, err := h.SetTeam(t.Context(), h.owner, desk.Team{Name: "Second line"}); !isFault(err, desk.Conflict) {
		t.Errorf("a name that is taken: %v", err)
	}
	if _, err := h.SetTeam(t.Context(), h.ann, desk.Team{Name: "Mine"}); !isFault(err, desk.Forbidden) {
		t.Errorf("an agent makes a team: %v", err)
	}
}

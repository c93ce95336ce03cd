package tickets

import (
	"testing"

	"postern/desk"
)

func TestRelatedTickets(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	first, _ := h.ask(t)
	second, _ := h.mail(t, inbound{From: dave, Subject: "Another pump", Text: "Mine too."})
	related := func(of int64) (numbers []int64) {
		t.Helper()
		list, err := h.Related(t.Context(), h.ann, of)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range list {
			numbers = append(numbers, one.ID)
		}
		return numbers
	}
	for range 2 { // saying it twice changes nothing
		if err := h.Relate(t.Context(), h.ann, second, first); err != nil {
			t.Fatal(err)
		}
	}
	if got := related(first); len(got) != 1 || got[0] != second {
		t.Errorf("the first belongs with %v", got)
	}
	equal(t, "events of the first", h.events(t, first), []string{"related"})
	equal(t, "events of the second", h.events(t, second), []string{"related"})
	wantFault(t, h.Relate(t.Context(), h.ann, first, first), desk.Invalid)
	wantFault(t, h.Relate(t.Context(), h.ann, first, 99), desk.NotFound)
	if err := h.Unrelate(t.Context(), h.ann, first, second); err != nil {
		t.Fatal(err)
	}
	if got := related(second); len(got) != 0 {
		t.Errorf("the second belongs with %v", got)
	}
}

func TestFollowUpByAnAgent(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	n, _ := h.ask(t)
	_, err := h.FollowUp(t.Context(), h.ann, n)
	wantFault(t, err, desk.Conflict)
	tags, solved := []string{"pump"}, desk.StatusSolved
	if _, err := h.Update(t.Context(), h.ann, n, desk.TicketChange{Tags: &tags, Status: &solved}); err != nil {
		t.Fatal(err)
	}
	made, err := h.FollowUp(t.Context(), h.bob, n)
	if err != nil {
		t.Fatal(err)
	}
	if made.Subject != "Broken pump" || made.RequesterAddress != carol.Addr || made.AssigneeName != "Bob" || made.Follows == nil || *made.Follows != n || made.Status != desk.StatusOpen || len(made.Tags) != 1 {
		t.Errorf("made %+v", made)
	}
	equal(t, "events of the new one", h.events(t, made.ID), []string{"continues"})
	to, _, _, err := h.Recipients(t.Context(), h.bob, made.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "its first answer goes to", addresses(to), []string{carol.Addr})
	related, err := h.Related(t.Context(), h.ann, n)
	if err != nil || len(related) != 1 || related[0].ID != made.ID {
		t.Errorf("the old one names %v, %v", related, err)
	}
}

package tickets

import (
	"fmt"
	"testing"
	"time"

	"postern/desk"
)

// Three days of a desk: what is counted now is the same when it was summed up.
func TestFiguresOfThreeDays(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	sunday := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	first, _ := h.ask(t) // Sunday at 9
	h.clock.wait(4 * time.Hour)
	h.reply(t, desk.ReplyRequest{Ticket: first, Text: "Turn it.", Status: desk.StatusSolved})
	_, err := h.Update(t.Context(), h.ann, first, desk.TicketChange{AddTags: []string{"pump"}})
	must(err)
	h.clock.wait(24 * time.Hour) // Monday
	h.mail(t, inbound{Ticket: first, From: carol, Text: "It broke again."})
	second, _ := h.mail(t, inbound{From: dave, Subject: "Pipe", Text: "A pipe leaks."})
	_, err = h.Update(t.Context(), h.bob, second, desk.TicketChange{Assignee: &h.bob.User.ID})
	must(err)
	h.clock.wait(24 * time.Hour) // Tuesday
	solved := desk.StatusSolved
	_, err = h.Update(t.Context(), h.bob, second, desk.TicketChange{Status: &solved})
	must(err)
	open := desk.StatusOpen
	_, err = h.Update(t.Context(), h.bob, second, desk.TicketChange{Status: &open})
	must(err)

	ask := func(actor desk.Actor, part desk.TallyPart, key string, by desk.TallyPart) desk.Figures {
		t.Helper()
		got, err := h.Figures(t.Context(), actor, desk.TallyQuery{Part: part, Key: key, First: sunday, Last: sunday.AddDate(0, 0, 2)}, by)
		must(err)
		return got
	}
	words := func(f desk.Figures) (text string) {
		for _, day := range f.Days {
			one := day.Tally
			text += fmt.Sprintf("%s: %d new, %d solved, %d reopened, %d in, %d out, %d left\n", day.Day.Format("Mon"), one.Created, one.Solved, one.Reopened, one.In, one.Out, one.Backlog)
		}
		return text
	}
	live := ask(h.owner, desk.PartAll, "", desk.PartAgent)
	if got := words(live); got != "Sun: 1 new, 1 solved, 0 reopened, 1 in, 1 out, 1 left\nMon: 1 new, 0 solved, 0 reopened, 2 in, 0 out, 2 left\nTue: 0 new, 1 solved, 1 reopened, 0 in, 0 out, 2 left\n" {
		t.Errorf("counted now:\n%s", got)
	}
	if median, ok := live.Total.Answer.Share(.5); !ok || median < 230*time.Minute || median > 250*time.Minute {
		t.Errorf("the first answer took %v", median)
	}
	h.clock.wait(48 * time.Hour)
	must(h.SumUp(t.Context()))
	must(h.SumUp(t.Context())) // twice is as good as once
	summed := ask(h.owner, desk.PartAll, "", desk.PartAgent)
	if words(summed) != words(live) {
		t.Errorf("summed up:\n%s", words(summed))
	}
	lines := map[string]desk.Tally{}
	for _, line := range summed.Lines {
		lines[line.Name] = line.Tally
	}
	if len(lines) != 3 || lines["Ann"].Solved != 1 || lines["Ann"].Out != 1 || lines["Bob"].Solved != 1 || lines["Bob"].Backlog != 1 || lines[""].In == 0 {
		t.Errorf("by agent: %+v", summed.Lines)
	}
	if byTag := ask(h.owner, desk.PartTag, "pump", desk.PartAll); byTag.Total.In != 2 || byTag.Total.Created != 1 {
		t.Errorf("by tag: %+v", byTag.Total)
	}
	if mine := ask(h.bob, desk.PartAgent, keyOf(&h.bob.User.ID), desk.PartAgent); mine.Total.Solved != 1 || len(mine.Lines) != 0 {
		t.Errorf("Bob sees of himself %+v, and of others %+v", mine.Total, mine.Lines)
	}
	if _, err := h.Figures(t.Context(), h.bob, desk.TallyQuery{Part: desk.PartAgent, Key: keyOf(&h.ann.User.ID), First: sunday, Last: sunday}, desk.PartAll); err == nil {
		t.Error("an agent sees figures about a colleague")
	}
}

// A day is that of the zone of the reports, and changing it makes all figures anew.
func TestTheZoneOfTheFigures(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.clock.wait(14*time.Hour + 30*time.Minute) // Sunday, 23:30 in London, Monday in Rome
	h.ask(t)
	h.clock.wait(72 * time.Hour)
	monday := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	for zone, want := range map[string]int64{"Europe/Rome": 1, "Europe/London": 0} {
		if err := h.SetFiguresZone(t.Context(), h.owner, zone); err != nil {
			t.Fatal(err)
		}
		if err := h.SumUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		got, err := h.Figures(t.Context(), h.ann, desk.TallyQuery{Part: desk.PartAll, First: monday, Last: monday}, desk.PartAll)
		if err != nil || got.Total.Created != want || got.Zone != zone {
			t.Errorf("in %s Monday has %d new tickets, %v", zone, got.Total.Created, err)
		}
	}
	if err := h.SetFiguresZone(t.Context(), h.owner, "Atlantis/Centre"); err == nil {
		t.Error("there is no such zone")
	}
	if err := h.SetFiguresZone(t.Context(), h.ann, "UTC"); err == nil {
		t.Error("an agent chooses the zone of all")
	}
}

package tickets

import (
	"testing"
	"time"

	"postern/desk"
)

// office is open from 9 to 17 UTC, Monday to Friday. The clock of the house begins on Sunday, 22 November 2026, at 9.
var office = desk.Hours{Name: "Office", Zone: "UTC", Week: desk.Week{1: {{From: 540, To: 1020}}, 2: {{From: 540, To: 1020}}, 3: {{From: 540, To: 1020}}, 4: {{From: 540, To: 1020}}, 5: {{From: 540, To: 1020}}}}

func TestTargetsOfATicket(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	hours, err := h.SetHours(t.Context(), h.owner, office)
	must(err)
	if !hours.Default {
		t.Error("the first business hours are not the default")
	}
	urgent := desk.PriorityUrgent
	must(h.SetTarget(t.Context(), h.owner, desk.Target{AnswerMinutes: new(120), SolveMinutes: new(8 * 60)}))
	must(h.SetTarget(t.Context(), h.owner, desk.Target{Priority: &urgent, AnswerMinutes: new(30)}))

	number, _ := h.ask(t)
	h.created(t, number)
	due := func(what string, at *time.Time, want string) {
		t.Helper()
		switch {
		case want == "" && at != nil:
			t.Errorf("%s is due at %s", what, at)
		case want != "" && (at == nil || at.Format("02 15:04") != want):
			t.Errorf("%s is due at %v, want %s", what, at, want)
		}
	}
	check := func(answer, solve string) {
		t.Helper()
		got := h.get(t, number)
		due("the answer", got.AnswerDueAt, answer)
		due("the solution", got.SolveDueAt, solve)
	}
	check("23 11:00", "23 17:00")
	updated := h.get(t, number).UpdatedAt

	h.clock.wait(25*time.Hour + 45*time.Minute) // Monday, 10:45
	must(h.TellTargets(t.Context()))
	must(h.TellTargets(t.Context()))
	if verbs := h.verbs(t, number); verbs["missed"] != 0 {
		t.Errorf("before its time: %v", verbs)
	}
	if got := h.happened(t, number, "due"); got != 1 {
		t.Errorf("it was said %d times that it is due soon", got)
	}
	if got := h.get(t, number).UpdatedAt; !got.Equal(updated) {
		t.Error("saying so changed the ticket")
	}
	h.clock.wait(30 * time.Minute) // 11:15
	must(h.TellTargets(t.Context()))
	must(h.TellTargets(t.Context()))
	if verbs := h.verbs(t, number); verbs["missed"] != 1 {
		t.Errorf("after its time: %v", verbs)
	}

	m := h.reply(t, desk.ReplyRequest{Ticket: number, Text: "Which pump?", Undo: 10 * time.Second})
	check("", "")
	if _, err := h.UndoSend(t.Context(), h.ann, m.ID); err != nil {
		t.Fatal(err)
	}
	check("23 11:00", "23 17:00")
	if got := h.get(t, number); got.FirstAnsweredAt != nil {
		t.Error("an answer that never left was the first")
	}
	h.reply(t, desk.ReplyRequest{Ticket: number, Text: "Which pump?"})
	check("", "")
	h.clock.wait(2 * time.Hour)
	h.mail(t, inbound{Ticket: number, From: carol, Text: "The red one."})
	h.joined(t, number)
	check("", "24 11:00") // two hours stood still

	h.clock.wait(time.Hour)
	if _, err := h.Update(t.Context(), h.ann, number, desk.TicketChange{Snooze: new(h.clock.now().Add(2 * time.Hour))}); err != nil {
		t.Fatal(err)
	}
	check("", "")
	h.clock.wait(2 * time.Hour)
	must(h.Wake(t.Context()))
	check("", "24 13:00")
	solved := desk.StatusSolved
	if _, err := h.Update(t.Context(), h.ann, number, desk.TicketChange{Status: &solved}); err != nil {
		t.Fatal(err)
	}
	var missed, reached int
	h.row(t, &missed, `select count(*) from target_clock where missed_at is not null and kind = 'answer'`)
	h.row(t, &reached, `select count(*) from target_clock where reached_at is not null`)
	if missed != 1 || reached != 2 {
		t.Errorf("%d answers were missed and %d targets reached, as the reports count", missed, reached)
	}
}

func TestTargetsThatChange(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	number, _ := h.ask(t)
	h.created(t, number)
	if got := h.get(t, number); got.AnswerDueAt != nil {
		t.Errorf("due at %s without a target", got.AnswerDueAt)
	}
	urgent := desk.PriorityUrgent
	for _, target := range []desk.Target{{AnswerMinutes: new(600)}, {Priority: &urgent, AnswerMinutes: new(60)}} {
		if err := h.SetTarget(t.Context(), h.owner, target); err != nil {
			t.Fatal(err)
		}
	}
	minutes := func() int {
		if err := h.Reckon(t.Context()); err != nil { // as the job does
			t.Fatal(err)
		}
		at := h.get(t, number).AnswerDueAt
		if at == nil {
			return 0
		}
		return int(at.Sub(h.clock.now()).Minutes())
	}
	if got := minutes(); got != 600 {
		t.Errorf("a new target: due in %d minutes", got)
	}
	if _, err := h.Update(t.Context(), h.owner, number, desk.TicketChange{Priority: &urgent}); err != nil {
		t.Fatal(err)
	}
	if got := minutes(); got != 60 {
		t.Errorf("urgent: due in %d minutes", got)
	}
	team := h.team(t, desk.Team{Name: "Office", Members: []int64{h.ann.User.ID}})
	hours, err := h.SetHours(t.Context(), h.owner, office)
	if err != nil {
		t.Fatal(err)
	}
	if got := minutes(); got != 25*60 { // Monday at ten
		t.Errorf("with hours: due in %d minutes", got)
	}
	weekend := desk.Hours{Name: "Weekend", Zone: "UTC", Week: desk.Week{{{From: 0, To: 1440}}}}
	if weekend, err = h.SetHours(t.Context(), h.owner, weekend); err != nil || weekend.Default {
		t.Fatal(weekend, err)
	}
	if _, err := h.SetTeam(t.Context(), h.owner, desk.Team{ID: team, Name: "Weekend", HoursID: &weekend.ID, Members: []int64{h.ann.User.ID}}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Update(t.Context(), h.owner, number, desk.TicketChange{Team: &team}); err != nil {
		t.Fatal(err)
	}
	if got := minutes(); got != 60 {
		t.Errorf("by the hours of its team: due in %d minutes", got)
	}
	other := h.another(t)
	if err := h.Merge(t.Context(), h.ann, number, other); err != nil {
		t.Fatal(err)
	}
	h.happens(t)
	if got := h.get(t, number); got.AnswerDueAt != nil {
		t.Errorf("merged away, it is due at %s", got.AnswerDueAt)
	}
	if err := h.DropHours(t.Context(), h.owner, hours.ID); err != nil {
		t.Fatal(err)
	}
	targets, err := h.Targets(t.Context(), h.owner)
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range targets {
		if err := h.DropTarget(t.Context(), h.owner, target.ID); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.Reckon(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := h.get(t, other); got.AnswerDueAt != nil {
		t.Errorf("without a target it is due at %s", got.AnswerDueAt)
	}
}

// another is another ticket.
func (h *house) another(t *testing.T) int64 {
	number, _ := h.ask(t)
	h.created(t, number)
	return number
}

// joined is the happening that a mail which joins a ticket leaves behind.
func (h *house) joined(t *testing.T, number int64) {
	t.Helper()
	if err := h.mindTargets(t.Context(), desk.Happening{Ticket: number, Kind: desk.HappenedJoined, At: h.clock.now()}); err != nil {
		t.Fatal(err)
	}
}

// happened counts the happenings of a ticket that hold an event, which nobody has reacted to yet.
func (h *house) happened(t *testing.T, number int64, verb string) (count int) {
	t.Helper()
	h.row(t, &count, `select count(*) from happening where ticket_id = $1 and detail -> 'events' @> jsonb_build_array(jsonb_build_object('verb', $2::text))`, number, verb)
	return count
}

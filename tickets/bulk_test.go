package tickets

import (
	"slices"
	"strings"
	"testing"
	"time"

	"postern/desk"
)

// What can be done to several tickets is done, what cannot be is told of by name, and undoing puts back what nobody has changed since.
func TestBulk(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx := t.Context()
	one, _ := h.ask(t)
	two, _ := h.ask(t)
	three, _ := h.ask(t)
	gone, _ := h.ask(t)
	if err := h.Merge(ctx, h.ann, gone, three); err != nil {
		t.Fatal(err)
	}
	waiting := h.get(t, one).WaitingSince
	h.clock.wait(time.Hour)
	solved, urgent := desk.StatusSolved, desk.PriorityUrgent
	done, err := h.Bulk(ctx, h.ann, desk.Bulk{Tickets: []int64{two, one, one, gone, 999}, Change: desk.TicketChange{Status: &solved, Priority: &urgent, Assignee: &h.bob.User.ID, AddTags: []string{"Batch"}}})
	if err != nil || len(done.Done) != 2 || len(done.Left) != 2 || done.Left[0].Ticket != gone || !strings.Contains(done.Left[0].Reason, "was merged into #3") || done.Left[1].Ticket != 999 {
		t.Fatalf("%+v, %v", done, err)
	}
	if got := h.get(t, two); got.Status != solved || got.Priority != urgent || got.AssigneeName != "Bob" || !slices.Equal(got.Tags, []string{"batch"}) {
		t.Errorf("#2 is %+v", got)
	}
	h.clock.wait(time.Hour)
	if _, err := h.Update(ctx, h.bob, two, desk.TicketChange{AddTags: []string{"bobs"}, Assignee: &h.ann.User.ID}); err != nil {
		t.Fatal(err)
	}
	wantFault(t, second(h.UndoBulk(ctx, h.bob, done.ID)), desk.NotFound) // it was Ann's
	undone, err := h.UndoBulk(ctx, h.ann, done.ID)
	if err != nil || len(undone.Done) != 2 || len(undone.Left) != 0 {
		t.Fatalf("undone: %+v, %v", undone, err)
	}
	if got := h.get(t, one); got.Status != desk.StatusNew || got.Priority != desk.PriorityNormal || got.AssigneeID != nil || len(got.Tags) != 0 || !got.WaitingSince.Equal(*waiting) || got.SolvedAt != nil {
		t.Errorf("#1 is %+v", got)
	}
	if got := h.get(t, two); got.Status != desk.StatusNew || got.AssigneeName != "Ann" || !slices.Equal(got.Tags, []string{"bobs"}) {
		t.Errorf("#2 is %+v", got)
	}
	wantFault(t, second(h.UndoBulk(ctx, h.ann, done.ID)), desk.Conflict)
	wantFault(t, second(h.UndoBulk(ctx, h.ann, undone.ID)), desk.Conflict)
	for what, b := range map[string]desk.Bulk{"nothing ticked": {Change: desk.TicketChange{Status: &solved}}, "nothing to do": {Tickets: []int64{one}}, "into itself": {Tickets: []int64{one}, Into: one},
		"too many": {Tickets: seq(1, 101), Spam: true}} {
		t.Log(what)
		wantFault(t, second(h.Bulk(ctx, h.ann, b)), desk.Invalid)
	}
	if same, err := h.Bulk(ctx, h.ann, desk.Bulk{Tickets: []int64{one}, Change: desk.TicketChange{Priority: new(desk.PriorityNormal)}}); err != nil || len(same.Done)+len(same.Left) != 0 {
		t.Errorf("what is so already: %+v, %v", same, err)
	}
}

func seq(from, to int64) (list []int64) {
	for n := from; n <= to; n++ {
		list = append(list, n)
	}
	return list
}

func TestBulkMergeAndSpam(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx := t.Context()
	one, _ := h.ask(t)
	two, _ := h.ask(t)
	three, _ := h.ask(t)
	merged, err := h.Bulk(ctx, h.ann, desk.Bulk{Tickets: []int64{one, two, three}, Into: one})
	if err != nil || merged.Kind != desk.BulkMerged || len(merged.Done) != 2 || merged.Into != one {
		t.Fatalf("%+v, %v", merged, err)
	}
	if into := h.get(t, three).MergedInto; into == nil || *into != one {
		t.Errorf("#3 is in %v", into)
	}
	if undone, err := h.UndoBulk(ctx, h.ann, merged.ID); err != nil || len(undone.Done) != 2 {
		t.Errorf("undone: %+v, %v", undone, err)
	}
	if got := h.get(t, three); got.MergedInto != nil || got.Status != desk.StatusNew {
		t.Errorf("#3 is %+v", got)
	}
	spam, err := h.Bulk(ctx, h.ann, desk.Bulk{Tickets: []int64{two, three}, Spam: true})
	if err != nil || spam.Kind != desk.BulkSpam || len(spam.Done) != 2 {
		t.Fatalf("%+v, %v", spam, err)
	}
	if got := h.get(t, two); got.Status != desk.StatusClosed || !slices.Equal(got.Tags, []string{"spam"}) {
		t.Errorf("#2 is %+v", got)
	}
	if undone, err := h.UndoBulk(ctx, h.ann, spam.ID); err != nil || len(undone.Done) != 2 {
		t.Errorf("undone: %+v, %v", undone, err)
	}
	if got := h.get(t, two); got.Status != desk.StatusNew || len(got.Tags) != 0 || got.WaitingSince == nil {
		t.Errorf("#2 is %+v", got)
	}
	h.clock.wait(25 * time.Hour)
	if err := h.Sweep(ctx); err != nil {
		t.Fatal(err)
	}
	wantFault(t, second(h.BulkDone(ctx, h.ann, spam.ID)), desk.NotFound)
}

// Hits are shown where they stand: the subject, a note, the quoted part; words that are only in a name are nowhere.
func TestHits(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	long := strings.Repeat("Some words before it all begins. ", 20)
	pump, _ := h.mail(t, inbound{From: carol, To: []desk.Address{support}, Subject: "Broken pump", Text: long + "The <b>valve</b> of my Pümp leaks. " + long})
	page, err := h.List(t.Context(), h.ann, desk.TicketQuery{Text: "pump"})
	if err != nil || len(page.Items) != 1 {
		t.Fatal(page, err)
	}
	show := func(query string) (subject, snippet string) {
		t.Helper()
		hits, err := h.Hits(t.Context(), h.ann, page.Items, query)
		if err != nil {
			t.Fatal(err)
		}
		write := func(list []Piece) (out string) {
			for _, piece := range list {
				if piece.Hit {
					piece.Text = "[" + piece.Text + "]"
				}
				out += piece.Text
			}
			return out
		}
		return write(hits[pump].Subject), write(hits[pump].Snippet)
	}
	for query, want := range map[string][2]string{
		"pump":           {"Broken [pump]", "of my [Pümp] leaks."},
		"val":            {"Broken pump", "The <b>[valve]</b> of my"},
		`"broken pump"`:  {"[Broken pump]", "my [Pümp] leaks"},
		"subject:bro":    {"[Broken] pump", ""},
		"pump -invoice":  {"Broken [pump]", "my [Pümp] leaks"},
		"carol":          {"Broken pump", ""},
		"is:unassigned":  {"", ""},
		"#1":             {"", ""},
		"tag:pump valve": {"Broken pump", "<b>[valve]</b>"},
	} {
		subject, snippet := show(query)
		if subject != want[0] || !strings.Contains(snippet, want[1]) || want[1] == "" && snippet != "" {
			t.Errorf("%s: %q and %q, want %q and %q", query, subject, snippet, want[0], want[1])
		}
		if len([]rune(snippet)) > snippetRunes+10 {
			t.Errorf("%s: the snippet has %d runes", query, len([]rune(snippet)))
		}
	}
}

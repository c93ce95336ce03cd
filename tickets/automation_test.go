package tickets

import (
	"slices"
	"strings"
	"testing"
	"time"

	"postern/desk"
	"postern/store"
)

// react works off what has happened, as the jobs do, and says how much it was.
func (h *house) react(t *testing.T) (n int) {
	t.Helper()
	for {
		var taken []desk.Happening
		err := h.store.Write(t.Context(), func(tx *store.Tx) (err error) {
			taken, err = tx.TakeHappenings(t.Context(), time.Now().Add(time.Hour), time.Now().Add(2*time.Hour), 100)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(taken) == 0 {
			return n
		}
		who, err := h.Reactor(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ids := []int64{}
		for _, one := range taken {
			for range 2 { // whoever reacts may be asked twice
				if err := who.React(t.Context(), one); err != nil {
					t.Fatal(err)
				}
			}
			ids = append(ids, one.ID)
			n++
		}
		if err := h.store.Write(t.Context(), func(tx *store.Tx) error { return tx.EndHappenings(t.Context(), ids) }); err != nil {
			t.Fatal(err)
		}
	}
}

// arrives is a mail of which those hear who react.
func (h *house) arrives(t *testing.T, in inbound) (ticket, message int64) {
	t.Helper()
	kind := desk.HappenedCreated
	if in.Ticket != 0 {
		kind = desk.HappenedJoined
	}
	ticket, message = h.mail(t, in)
	row := store.HappeningRow{Ticket: ticket, Message: message, Kind: kind, At: h.clock.now(), Detail: desk.HappeningDetail{Automatic: in.Facts.Automatic != ""}}
	if err := h.store.Write(t.Context(), func(tx *store.Tx) error { return tx.AddHappenings(t.Context(), row) }); err != nil {
		t.Fatal(err)
	}
	return ticket, message
}

// proved is a mail whose sender is proved.
func proved(in inbound) inbound {
	in.Facts.Trust = desk.TrustVerified
	in.To = []desk.Address{support}
	return in
}

// automate adds a rule that is on.
func (h *house) rules(t *testing.T, rules ...desk.Automation) (ids []int64) {
	t.Helper()
	for _, rule := range rules {
		rule.On = true
		if rule.Match == "" {
			rule.Match = desk.MatchAll
		}
		id, err := h.SaveAutomation(t.Context(), h.owner, rule)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	return ids
}

// runs lists what a rule did.
func (h *house) runs(t *testing.T, rule int64) []desk.Run {
	t.Helper()
	page, err := h.AutomationRuns(t.Context(), h.owner, rule, "", 100)
	if err != nil {
		t.Fatal(err)
	}
	return page.Items
}

func (h *house) cannedText(t *testing.T, name, text string) int64 {
	t.Helper()
	id, err := h.SaveCanned(t.Context(), h.owner, desk.Canned{Name: name, Text: text})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// replies lists the texts of a ticket's answers.
func (h *house) replies(t *testing.T, ticket int64) (texts []string) {
	t.Helper()
	for _, m := range h.conversation(t, ticket) {
		if m.Kind == desk.KindReply {
			texts = append(texts, m.Text)
		}
	}
	return texts
}

func TestRulesLookAtNewMailInOrder(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.rules(t,
		desk.Automation{Name: "Invoices", When: []desk.Trigger{desk.WhenOpened}, If: []desk.Condition{{Of: desk.OfSubject, Is: desk.Contains, Value: "INVOICE"}},
			Then: []desk.Action{{Do: desk.ActAddTags, Value: "Billing, urgent"}, {Do: desk.ActAssign, ID: h.bob.User.ID}, {Do: desk.ActNote, Value: "For {{customer.first_name|the customer}}: see #{{ticket.number}}"}}},
		desk.Automation{Name: "Urgent", When: []desk.Trigger{desk.WhenOpened, desk.WhenAnswered}, If: []desk.Condition{{Of: desk.OfTag, Is: desk.Is, Value: "urgent"}},
			Then: []desk.Action{{Do: desk.ActPriority, Value: "high"}}, Stop: true},
		desk.Automation{Name: "Never reached", When: []desk.Trigger{desk.WhenOpened}, Then: []desk.Action{{Do: desk.ActPriority, Value: "low"}}},
	)
	ticket, _ := h.arrives(t, proved(inbound{From: carol, Subject: "Your invoice 12", Text: "Too much."}))
	other, _ := h.arrives(t, proved(inbound{From: dave, Subject: "Pump", Text: "Broken."}))
	h.react(t)
	got := h.get(t, ticket)
	if got.Priority != desk.PriorityHigh || got.AssigneeName != "Bob" || !slices.Equal(got.Tags, []string{"billing", "urgent"}) {
		t.Errorf("the invoice is %s, of %q, tagged %q", got.Priority, got.AssigneeName, got.Tags)
	}
	if got := h.get(t, other); got.Priority != desk.PriorityLow || len(got.Tags) != 0 {
		t.Errorf("the pump is %s, tagged %q", got.Priority, got.Tags)
	}
	equal(t, "events", h.events(t, ticket), []string{"automation", "tagged", "assigned", "status", "automation", "priority"})
	var note string
	for _, m := range h.conversation(t, ticket) {
		if m.Kind == desk.KindNote {
			note = m.Text
			if m.AuthorID != nil {
				t.Error("a rule's note has an author")
			}
		}
	}
	if want := "For Carol: see " + hash(ticket); note != want {
		t.Errorf("the note says %q, want %q", note, want)
	}
	if n := h.react(t); n != 0 {
		t.Errorf("what rules did was reacted to %d times more", n)
	}
}

func TestRulesHearOfAnswersNotesAndChanges(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	tag := func(name string, when desk.Trigger) desk.Automation {
		return desk.Automation{Name: name, When: []desk.Trigger{when}, Then: []desk.Action{{Do: desk.ActAddTags, Value: name}}}
	}
	h.rules(t, tag("answered", desk.WhenAnswered), tag("replied", desk.WhenReplied), tag("noted", desk.WhenNoted), tag("changed", desk.WhenChanged))
	ticket, _ := h.arrives(t, proved(inbound{From: carol, Subject: "Pump", Text: "Broken."}))
	step := func(want ...string) {
		t.Helper()
		h.clock.wait(time.Minute)
		h.react(t)
		if got := h.get(t, ticket).Tags; !slices.Equal(got, want) {
			t.Errorf("the tags are %q, want %q", got, want)
		}
	}
	step()
	h.reply(t, desk.ReplyRequest{Ticket: ticket, Text: "Which one?"})
	step("replied")
	if _, err := h.Note(t.Context(), h.ann, ticket, "Ask Bob", nil); err != nil {
		t.Fatal(err)
	}
	step("noted", "replied")
	h.arrives(t, proved(inbound{Ticket: ticket, From: carol, Subject: "Re: Pump", Text: "The red one."}))
	step("answered", "noted", "replied")
	high := desk.PriorityHigh
	if _, err := h.Update(t.Context(), h.ann, ticket, desk.TicketChange{Priority: &high}); err != nil {
		t.Fatal(err)
	}
	step("answered", "changed", "noted", "replied")
}

// Two rules that undo each other's work do not go round: what rules do starts no rule.
func TestRulesNeverStartThemselvesOrEachOther(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ids := h.rules(t,
		desk.Automation{Name: "Up", When: []desk.Trigger{desk.WhenChanged}, If: []desk.Condition{{Of: desk.OfPriority, Is: desk.Is, Value: "low"}}, Then: []desk.Action{{Do: desk.ActPriority, Value: "high"}}},
		desk.Automation{Name: "Down", When: []desk.Trigger{desk.WhenChanged}, If: []desk.Condition{{Of: desk.OfPriority, Is: desk.Is, Value: "high"}}, Then: []desk.Action{{Do: desk.ActPriority, Value: "low"}}},
	)
	ticket, _ := h.arrives(t, proved(inbound{From: carol, Subject: "Pump", Text: "Broken."}))
	h.react(t)
	low := desk.PriorityLow
	if _, err := h.Update(t.Context(), h.ann, ticket, desk.TicketChange{Priority: &low}); err != nil {
		t.Fatal(err)
	}
	h.react(t)
	if len(h.runs(t, ids[0])) != 1 || len(h.runs(t, ids[1])) != 1 {
		t.Errorf("the rules ran %d and %d times", len(h.runs(t, ids[0])), len(h.runs(t, ids[1])))
	}
	// Something outside that goes round: each note is answered by a rule, at most mostRuns times within an hour.
	note := h.rules(t, desk.Automation{Name: "Echo", When: []desk.Trigger{desk.WhenNoted}, Then: []desk.Action{{Do: desk.ActAddTags, Value: "echo"}}})[0]
	for range mostRuns + 5 {
		if _, err := h.Note(t.Context(), h.ann, ticket, "Hello", nil); err != nil {
			t.Fatal(err)
		}
	}
	h.react(t)
	acted := 0
	runs := h.runs(t, note)
	for _, run := range runs {
		if run.Did[0].Problem == "" {
			acted++
		}
	}
	if acted != mostRuns-2 || !strings.Contains(runs[0].Did[0].Problem, "goes round") {
		t.Errorf("the rule acted %d times, and then says %q", acted, runs[0].Did[0].Problem)
	}
}

func TestT_LOOP_RulesAnswerPeopleOnly(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	reply := h.cannedText(t, "Welcome", "Hello {{customer.first_name|there}}, your number is #{{ticket.number}}.\n{{agent.name}}")
	rule := h.rules(t, desk.Automation{Name: "Greet", When: []desk.Trigger{desk.WhenOpened, desk.WhenAnswered}, Then: []desk.Action{{Do: desk.ActReply, ID: reply}}})[0]
	for name, c := range map[string]struct {
		mail inbound
		why  string // empty: it is answered
	}{
		"a person":          {proved(inbound{From: carol, Subject: "Pump", Text: "Broken."}), ""},
		"the same again":    {proved(inbound{From: desk.Address{Addr: "carol@customer.test"}, Subject: "Pump 2", Text: "Broken."}), "the address got one within a day"},
		"nobody proved":     {inbound{From: desk.Address{Addr: "eve@customer.test"}, Subject: "x", Text: "y", Facts: desk.MessageFacts{Trust: desk.TrustUnverified}}, "not proved"},
		"a machine":         {proved(inbound{From: desk.Address{Addr: "fay@customer.test"}, Subject: "x", Text: "y", Facts: desk.MessageFacts{Automatic: "Auto-Submitted"}}), "by a machine"},
		"nobody reads that": {proved(inbound{From: desk.Address{Addr: "no-reply@customer.test"}, Subject: "x", Text: "y"}), "wants no answers"},
		"ours":              {proved(inbound{From: desk.Address{Addr: "sales@example.com"}, Subject: "x", Text: "y"}), "nobody who could be answered"},
		"our own people":    {proved(inbound{From: desk.Address{Addr: "bob@example.com"}, Subject: "x", Text: "y"}), "is ours"},
	} {
		if name == "the same again" {
			continue // below: it depends on the first
		}
		ticket, _ := h.arrives(t, c.mail)
		h.react(t)
		h.answered(t, name, rule, ticket, c.why)
		if name == "a person" {
			again, _ := h.arrives(t, proved(inbound{From: carol, Subject: "Pump 2", Text: "Broken."}))
			h.react(t)
			h.answered(t, "the same again", rule, again, "the address got one within a day")
		}
	}
}

// answered looks whether a rule answered on a ticket, or why not.
func (h *house) answered(t *testing.T, name string, rule, ticket int64, why string) {
	t.Helper()
	replies := h.replies(t, ticket)
	i := slices.IndexFunc(h.runs(t, rule), func(run desk.Run) bool { return run.Ticket == ticket })
	if i < 0 {
		t.Fatalf("%s: the rule did not run", name)
	}
	problem := h.runs(t, rule)[i].Did[0].Problem
	if (why == "") != (problem == "") || !strings.Contains(problem, why) || (len(replies) == 1) != (why == "") {
		t.Errorf("%s: %d answers, and the run says %q", name, len(replies), problem)
		return
	}
	if why != "" {
		return
	}
	if want := "Hello Carol, your number is " + hash(ticket) + ".\nExample Support"; replies[0] != want {
		t.Errorf("%s: the answer says %q, want %q", name, replies[0], want)
	}
	if got := h.get(t, ticket); got.Status != desk.StatusNew || got.FirstAnsweredAt != nil {
		t.Errorf("%s: an automatic answer makes the ticket %s, answered at %v", name, got.Status, got.FirstAnsweredAt)
	}
	for _, m := range h.conversation(t, ticket) {
		if m.Kind != desk.KindReply {
			continue
		}
		if facts, err := m.Decode(); err != nil || facts.Automatic == "" || m.AuthorID != nil {
			t.Errorf("%s: the answer's facts are %+v, its author is %v, %v", name, facts, m.AuthorID, err)
		}
		if h.jobs(t, m.ID) != 1 {
			t.Errorf("%s: %d jobs", name, h.jobs(t, m.ID))
		}
	}
}

func TestRulesForTimeThatHasPassed(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ids := h.rules(t,
		desk.Automation{Name: "Nobody answers", When: []desk.Trigger{desk.WhenTime}, If: []desk.Condition{{Of: desk.OfWaiting, Is: desk.MoreThan, Value: "4h"}}, Then: []desk.Action{{Do: desk.ActPriority, Value: "urgent"}}},
		desk.Automation{Name: "The customer is silent", When: []desk.Trigger{desk.WhenTime},
			If:   []desk.Condition{{Of: desk.OfStatus, Is: desk.Is, Value: "pending"}, {Of: desk.OfSinceReply, Is: desk.MoreThan, Value: "3d"}},
			Then: []desk.Action{{Do: desk.ActStatus, Value: "solved"}}},
		desk.Automation{Name: "Over", When: []desk.Trigger{desk.WhenTime}, If: []desk.Condition{{Of: desk.OfSinceSolved, Is: desk.MoreThan, Value: "7d"}}, Then: []desk.Action{{Do: desk.ActStatus, Value: "closed"}}},
	)
	elapse := func(d time.Duration) {
		t.Helper()
		h.clock.wait(d)
		for range 2 {
			if err := h.Elapse(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	ticket, _ := h.arrives(t, proved(inbound{From: carol, Subject: "Pump", Text: "Broken."}))
	h.react(t)
	elapse(4 * time.Hour)
	if got := h.get(t, ticket).Priority; got != desk.PriorityNormal {
		t.Errorf("after four hours the ticket is %s", got)
	}
	elapse(time.Minute)
	if got := h.get(t, ticket).Priority; got != desk.PriorityUrgent {
		t.Errorf("after more than four hours the ticket is %s", got)
	}
	normal := desk.PriorityNormal
	if _, err := h.Update(t.Context(), h.ann, ticket, desk.TicketChange{Priority: &normal}); err != nil {
		t.Fatal(err)
	}
	elapse(time.Hour)
	if got := h.get(t, ticket).Priority; got != desk.PriorityNormal || len(h.runs(t, ids[0])) != 1 {
		t.Errorf("a rule acts again on the same waiting: %s, %d runs", got, len(h.runs(t, ids[0])))
	}
	h.reply(t, desk.ReplyRequest{Ticket: ticket, Text: "Which one?"})
	elapse(72*time.Hour + time.Minute)
	if got := h.get(t, ticket).Status; got != desk.StatusSolved {
		t.Errorf("after three days of silence the ticket is %s", got)
	}
	elapse(6 * 24 * time.Hour)
	if got := h.get(t, ticket).Status; got != desk.StatusSolved {
		t.Errorf("six days later it is %s", got)
	}
	elapse(24*time.Hour + time.Minute)
	if got := h.get(t, ticket).Status; got != desk.StatusClosed {
		t.Errorf("a week later it is %s", got)
	}
}

func TestRulesCanBeOrderedSwitchedAndRemoved(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	rule := func(name string) desk.Automation {
		return desk.Automation{Name: name, When: []desk.Trigger{desk.WhenOpened}, Match: desk.MatchAll, Then: []desk.Action{{Do: desk.ActAddTags, Value: name}}}
	}
	ids := h.rules(t, rule("a"), rule("b"), rule("c"))
	names := func() (list []string) {
		all, err := h.Automations(t.Context(), h.owner)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range all {
			list = append(list, one.Name)
		}
		return list
	}
	for _, step := range []struct {
		id   int64
		by   Step
		want []string
	}{{ids[2], StepUp, []string{"a", "c", "b"}}, {ids[0], StepUp, []string{"a", "c", "b"}}, {ids[0], StepDown, []string{"c", "a", "b"}}, {ids[1], StepDown, []string{"c", "a", "b"}}} {
		if err := h.MoveAutomation(t.Context(), h.owner, step.id, step.by); err != nil {
			t.Fatal(err)
		}
		equal(t, "order", names(), step.want)
	}
	if err := h.SwitchAutomation(t.Context(), h.owner, ids[0], desk.Off); err != nil {
		t.Fatal(err)
	}
	ticket, _ := h.arrives(t, proved(inbound{From: carol, Subject: "Pump", Text: "Broken."}))
	h.react(t)
	equal(t, "tags", h.get(t, ticket).Tags, []string{"b", "c"})
	wantFault(t, h.DropAutomation(t.Context(), h.ann, ids[0]), desk.Forbidden)
	if err := h.DropAutomation(t.Context(), h.owner, ids[0]); err != nil {
		t.Fatal(err)
	}
	equal(t, "order", names(), []string{"c", "b"})
	wantFault(t, h.DropAutomation(t.Context(), h.owner, ids[0]), desk.NotFound)
	_, err := h.SaveAutomation(t.Context(), h.owner, desk.Automation{Name: "x", When: []desk.Trigger{desk.WhenOpened}, Match: desk.MatchAll, Then: []desk.Action{{Do: desk.ActAssign, ID: 9999}}})
	wantFault(t, err, desk.Invalid)
	for action, want := range map[string]int{"automation.add": 3, "automation.move": 4, "automation.switch": 1, "automation.remove": 1} {
		if got := h.audited(t, action); got != want {
			t.Errorf("%s: %d entries, want %d", action, got, want)
		}
	}
}

// A rule whose action cannot be done does the others, and says so.
func TestARuleGoesOnWhereAnActionFails(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	id := h.rules(t, desk.Automation{Name: "To Bob", When: []desk.Trigger{desk.WhenOpened}, Then: []desk.Action{{Do: desk.ActAssign, ID: h.bob.User.ID}, {Do: desk.ActAddTags, Value: "late"}}})[0]
	var none any
	h.row(t, &none, `update "user" set disabled_at = now() where id = $1 returning null::text`, h.bob.User.ID)
	ticket, _ := h.arrives(t, proved(inbound{From: carol, Subject: "Pump", Text: "Broken."}))
	h.react(t)
	if got := h.get(t, ticket); got.AssigneeID != nil || !slices.Equal(got.Tags, []string{"late"}) {
		t.Errorf("the ticket is of %q, tagged %q", got.AssigneeName, got.Tags)
	}
	if did := h.runs(t, id)[0].Did; !strings.Contains(did[0].Problem, "not disabled") || did[1].Problem != "" {
		t.Errorf("the run says %+v", did)
	}
}

func TestARehearsalTellsAndChangesNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	reply := h.cannedText(t, "Hello", "Hello.")
	var numbers []int64
	for i := range 2*rehearsedAtOnce + 10 {
		h.clock.wait(time.Minute)
		subject := "Pump"
		if i%100 == 7 {
			subject = "Refund please"
		}
		ticket, _ := h.arrives(t, proved(inbound{From: carol, Subject: subject, Text: "Text."}))
		if subject != "Pump" {
			numbers = append([]int64{ticket}, numbers...)
		}
	}
	closed := desk.StatusClosed
	if _, err := h.Update(t.Context(), h.ann, numbers[0], desk.TicketChange{Status: &closed}); err != nil {
		t.Fatal(err)
	}
	rule := desk.Automation{Name: "Refunds", When: []desk.Trigger{desk.WhenOpened}, Match: desk.MatchAll,
		If:   []desk.Condition{{Of: desk.OfSubject, Is: desk.Contains, Value: "refund"}, {Of: desk.OfStatus, Is: desk.Is, Value: "new"}},
		Then: []desk.Action{{Do: desk.ActAddTags, Value: "refund"}, {Do: desk.ActPriority, Value: "normal"}, {Do: desk.ActReply, ID: reply}}}
	ask := Rehearsal{Rule: rule, Since: h.clock.now().AddDate(0, 0, -7), Until: h.clock.now()}
	var found []int64
	looked, steps, share := 0, 0, -1
	for {
		step, err := h.Rehearse(t.Context(), h.owner, ask)
		if err != nil {
			t.Fatal(err)
		}
		steps++
		looked += step.Looked
		if step.Share < share {
			t.Errorf("the progress goes back from %d to %d", share, step.Share)
		}
		share = step.Share
		for _, hit := range step.Hits {
			found = append(found, hit.Ticket)
			if hit.Would[0].Problem != "" || hit.Would[1].Problem == "" || hit.Would[2].Problem != "" || hit.From != "carol@customer.test" {
				t.Errorf("it would %+v", hit)
			}
		}
		if ask.From = step.Next; step.Next == "" {
			break
		}
	}
	if !slices.Equal(found, numbers) || looked != 2*rehearsedAtOnce+10 || steps != 3 || share != 100 {
		t.Errorf("found %d of %d in %d steps over %d mails, to %d %%", found, numbers, steps, looked, share)
	}
	if got := h.get(t, numbers[1]); len(got.Tags) != 0 || len(h.replies(t, numbers[1])) != 0 {
		t.Error("a rehearsal changed something")
	}
	met, findings, err := h.Explain(t.Context(), h.owner, rule, numbers[0])
	if err != nil || met || !findings[0].Met || findings[1].Met || findings[1].Saw != "closed" {
		t.Errorf("of a closed one it says %v, %+v, %v", met, findings, err)
	}
}

func TestRulesTellPeople(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	team := h.crew(t, "Night", h.ann, h.bob)
	id := h.rules(t, desk.Automation{Name: "Look here", When: []desk.Trigger{desk.WhenOpened},
		Then: []desk.Action{{Do: desk.ActNotify, ID: 0}, {Do: desk.ActNotify, ID: h.owner.User.ID}, {Do: desk.ActNotifyTeam, ID: team}}})[0]
	ticket, _ := h.arrives(t, proved(inbound{From: carol, Subject: "Pump", Text: "Broken."}))
	h.react(t)
	for _, who := range []desk.Actor{h.ann, h.bob, h.owner} {
		page, err := h.Notifications(t.Context(), who, "", 10)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, one := range page.Items {
			if one.Kind == desk.NotifyRule && one.Ticket == ticket && one.Detail == "Look here" {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%s was told %d times: %+v", who.User.Name, n, page.Items)
		}
	}
	if did := h.runs(t, id)[0].Did; !strings.Contains(did[0].Problem, "nobody here") || did[1].Problem != "" || did[2].Problem != "" {
		t.Errorf("the run says %+v", did)
	}
}

package tickets

import (
	"slices"
	"strings"
	"testing"
	"time"

	"postern/desk"
	"postern/store"
)

// A story ends in what became of its recipient, and its last line alone is what the figures count.
func TestWhole(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	deferred := desk.Attempt{At: at, Kind: desk.AttemptTried, State: desk.DeliveryDeferred, Host: "mx1.customer.test", Reply: "450 later"}
	taken := desk.Attempt{At: at, Kind: desk.AttemptTried, State: desk.DeliverySent, Host: "mx2.customer.test", Reply: "250 ok"}
	for name, c := range map[string]struct {
		in   desk.Delivery
		want []desk.DeliveryState // what each line made of the state
		last string
	}{
		"taken by the second":  {desk.Delivery{State: desk.DeliverySent, Reply: "250 ok", Story: []desk.Attempt{deferred, taken}}, []desk.DeliveryState{"", "sent"}, "250 ok"},
		"without a story":      {desk.Delivery{State: desk.DeliveryBounced, Reply: "554 5.6.0 no mail", UpdatedAt: at}, []desk.DeliveryState{"bounced"}, "554 5.6.0 no mail"},
		"given up":             {desk.Delivery{State: desk.DeliveryBounced, Reply: "550 5.4.7 gave up", UpdatedAt: at, Story: []desk.Attempt{deferred}}, []desk.DeliveryState{"", "bounced"}, "550 5.4.7 gave up"},
		"held, and told once":  {desk.Delivery{State: desk.DeliveryQueued, HeldSince: at, Story: []desk.Attempt{{Kind: desk.AttemptHeld, State: desk.DeliveryQueued}}}, []desk.DeliveryState{""}, ""},
		"held, and told again": {desk.Delivery{State: desk.DeliveryQueued, HeldSince: at}, nil, ""},
	} {
		before := len(c.in.Story)
		got := whole([]desk.Delivery{c.in})[0]
		var became []desk.DeliveryState
		for _, line := range got.Story {
			became = append(became, line.Became)
		}
		if len(became) != len(c.want) {
			t.Errorf("%s: %+v", name, got.Story)
			continue
		}
		for i := range became {
			if became[i] != c.want[i] {
				t.Errorf("%s: line %d made it %q", name, i, became[i])
			}
		}
		if n := len(got.Story); n > 0 && got.Story[n-1].Reply != c.last || len(c.in.Story) != before || before > 0 && c.in.Story[before-1].Became != "" {
			t.Errorf("%s: %+v, and what was handed in is %+v", name, got.Story, c.in.Story)
		}
	}
}

// story tells a recipient's timeline in short: kind, state and actor of each line.
func (h *house) story(t *testing.T, message int64, recipient string) (one desk.Recipient, lines []string) {
	t.Helper()
	recipients, err := h.DeliveryStories(t.Context(), h.ann, message)
	if err != nil {
		t.Fatal(err)
	}
	for _, each := range recipients {
		if each.Recipient == recipient {
			for _, line := range each.Timeline {
				lines = append(lines, strings.TrimSpace(string(line.Kind)+" "+string(line.State)+" "+line.Actor))
			}
			return each, lines
		}
	}
	t.Fatalf("%s is no recipient of message %d", recipient, message)
	return one, nil
}

func (h *house) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	if _, err := h.store.Pool().Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

func TestRetryDelivery(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	number, _ := h.ask(t)
	m := h.sendTo(t, number, desk.Delivery{Recipient: "Carol@customer.test", State: desk.DeliveryBounced, Host: "mx.customer.test", Reply: "554 5.7.1 looks like spam"},
		desk.Delivery{Recipient: "dave@customer.test", State: desk.DeliveryDeferred, Reply: "450 later", NextAt: h.clock.now().Add(time.Hour)},
		desk.Delivery{Recipient: "eve@customer.test", State: desk.DeliverySent, Reply: "250 ok"},
		desk.Delivery{Recipient: "fay@customer.test", State: desk.DeliveryQueued})
	h.clock.wait(time.Minute)
	if !h.get(t, number).DeliveryProblem {
		t.Fatal("no problem")
	}
	if err := h.RetryDelivery(t.Context(), h.ann, m.ID, "carol@CUSTOMER.test"); err != nil {
		t.Fatal(err)
	}
	one, lines := h.story(t, m.ID, "Carol@customer.test")
	equal(t, "carol", lines, []string{"tried bounced", "retry queued ann@example.com"})
	if one.State != desk.DeliveryQueued || one.Attempts != 0 || !one.QueuedAt.Equal(h.clock.now()) || h.get(t, number).DeliveryProblem {
		t.Errorf("carol: %+v", one)
	}
	if one.Timeline[1].Words() != "ann@example.com had it tried again." {
		t.Errorf("in words: %s", one.Timeline[1].Words())
	}
	if err := h.RetryDelivery(t.Context(), h.ann, m.ID, "dave@customer.test"); err != nil {
		t.Fatal(err)
	}
	if one, _ := h.story(t, m.ID, "dave@customer.test"); one.State != desk.DeliveryQueued || !one.NextAt.IsZero() {
		t.Errorf("dave: %+v", one)
	}
	wantFault(t, h.RetryDelivery(t.Context(), h.ann, m.ID, "eve@customer.test"), desk.Conflict)
	wantFault(t, h.RetryDelivery(t.Context(), h.ann, m.ID, "fay@customer.test"), desk.Conflict) // waits for its first attempt
	wantFault(t, h.RetryDelivery(t.Context(), h.ann, m.ID, "gil@customer.test"), desk.NotFound)
	wantFault(t, h.RetryDelivery(t.Context(), h.ann, 999, "eve@customer.test"), desk.NotFound)
	customer := desk.Actor{User: desk.User{ID: 9, Email: "carol@customer.test", Role: desk.RoleCustomer}}
	wantFault(t, h.RetryDelivery(t.Context(), customer, m.ID, "Carol@customer.test"), desk.Forbidden)

	h.exec(t, `update delivery set held_since = now(), held_why = 'example.com lost its key' where recipient like 'fay@%'`)
	if one, _ := h.story(t, m.ID, "fay@customer.test"); !strings.HasSuffix(one.Words(), ": example.com lost its key") || !one.CanRetry() {
		t.Errorf("held: %s", one.Words())
	}
	if err := h.RetryDelivery(t.Context(), h.ann, m.ID, "fay@customer.test"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Suppress(t.Context(), h.ann, "Fay@customer.test", "gone"); err != nil {
		t.Fatal(err)
	}
	wantFault(t, h.RetryDelivery(t.Context(), h.ann, m.ID, "fay@customer.test"), desk.Conflict)
	h.exec(t, `update delivery set worker = 'w', held_since = null, state = 'deferred' where recipient like 'dave@%'`)
	wantFault(t, h.RetryDelivery(t.Context(), h.ann, m.ID, "dave@customer.test"), desk.Conflict) // in hand
}

// What waits at one destination is tried now, and nothing else.
func TestRetryDeliveries(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	number, _ := h.ask(t)
	for range 3 {
		h.sendTo(t, number, desk.Delivery{Recipient: "carol@customer.test", State: desk.DeliveryDeferred, Reply: "450 later", NextAt: h.clock.now().Add(time.Hour)},
			desk.Delivery{Recipient: "dave@customer.test", State: desk.DeliveryBounced, Reply: "550 no"},
			desk.Delivery{Recipient: "eve@other.test", State: desk.DeliveryDeferred, Reply: "450 later", NextAt: h.clock.now().Add(time.Hour)})
	}
	if count, err := h.RetryDeliveries(t.Context(), h.owner, desk.DeliveryQuery{Destination: "customer.test"}); err != nil || count != 3 {
		t.Fatalf("%d, %v", count, err)
	}
	var queued, left int
	h.row(t, &queued, `select count(*) from delivery where state = 'queued' and destination = 'customer.test'`)
	if h.row(t, &left, `select count(*) from delivery where state = 'deferred' and destination = 'other.test'`); queued != 3 || left != 3 {
		t.Errorf("%d are tried now, %d of others wait", queued, left)
	}
	_, err := h.RetryDeliveries(t.Context(), h.ann, desk.DeliveryQuery{})
	wantFault(t, err, desk.Forbidden)
}

func TestCancelDelivery(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	number, _ := h.ask(t)
	m := h.sendTo(t, number, desk.Delivery{Recipient: "carol@customer.test", State: desk.DeliveryDeferred, Reply: "450 later", NextAt: h.clock.now().Add(time.Hour)},
		desk.Delivery{Recipient: "dave@customer.test", State: desk.DeliveryQueued}, desk.Delivery{Recipient: "eve@customer.test", State: desk.DeliverySent, Reply: "250 ok"})
	h.clock.wait(time.Minute)
	stopped, err := h.CancelDelivery(t.Context(), h.bob, m.ID, "carol@customer.test")
	if err != nil || stopped.State != desk.DeliveryCancelled || stopped.Words() != "Stopped before it was sent." {
		t.Fatalf("%+v, %v", stopped, err)
	}
	_, lines := h.story(t, m.ID, "carol@customer.test")
	equal(t, "carol", lines, []string{"tried deferred", "cancelled cancelled bob@example.com"})
	_, err = h.CancelDelivery(t.Context(), h.bob, m.ID, "carol@customer.test")
	wantFault(t, err, desk.Conflict)
	_, err = h.CancelDelivery(t.Context(), h.bob, m.ID, "eve@customer.test")
	wantFault(t, err, desk.Conflict)

	h.exec(t, `update delivery set worker = 'w' where recipient like 'dave@%'`)
	stopped, err = h.CancelDelivery(t.Context(), h.bob, m.ID, "dave@customer.test")
	if err != nil || stopped.State != desk.DeliveryQueued || !stopped.Stopping || stopped.CanCancel() {
		t.Fatalf("in hand: %+v, %v", stopped, err)
	}
	one, _ := h.story(t, m.ID, "dave@customer.test")
	if !strings.HasPrefix(one.Words(), "To be stopped.") || one.Timeline[0].Words() != "bob@example.com wanted it stopped: it is being sent at this moment, and stops if it still can" {
		t.Errorf("in hand: %s; %s", one.Words(), one.Timeline[0].Words())
	}
	equal(t, "events", slices.DeleteFunc(h.events(t, number), func(verb string) bool { return verb == "status" }), []string{"cancelled"})
	taken := desk.Delivery{Recipient: "dave@customer.test", State: desk.DeliverySent, Reply: "250 ok", Attempts: 1, UpdatedAt: h.clock.now()}
	if err := h.Record(t.Context(), "w", Outcome{Message: m.ID, Deliveries: []desk.Delivery{taken}}); err != nil { // the server had it already
		t.Fatal(err)
	}
	if one, _ := h.story(t, m.ID, "dave@customer.test"); one.State != desk.DeliverySent || one.Stopping || one.CanCancel() {
		t.Errorf("the server had it already: %+v", one)
	}
	if h.audited(t, "delivery.cancel") != 2 {
		t.Error("it is not in the audit log")
	}
	if awaited, err := h.Awaited(t.Context(), m.ID); err != nil || slices.ContainsFunc(awaited, func(a store.Awaited) bool { return a.Recipient == "carol@customer.test" }) {
		t.Errorf("awaited: %+v, %v", awaited, err)
	}
}

func TestRedirectDelivery(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	number, _ := h.ask(t)
	m := h.sendTo(t, number, desk.Delivery{Recipient: "carol@customer.test", State: desk.DeliveryBounced, Host: "mx.customer.test", Reply: "550 5.1.1 no such user"},
		desk.Delivery{Recipient: "dave@customer.test", State: desk.DeliveryDeferred, Reply: "450 later", NextAt: h.clock.now().Add(time.Hour)},
		desk.Delivery{Recipient: "eve@customer.test", State: desk.DeliverySent, Reply: "250 ok"})
	h.clock.wait(time.Minute)
	redirect := func(from, to string) error { return h.RedirectDelivery(t.Context(), h.bob, m.ID, from, to) }
	if err := redirect("carol@customer.test", "Carol@new.test"); err != nil {
		t.Fatal(err)
	}
	old, lines := h.story(t, m.ID, "carol@customer.test")
	equal(t, "the old address", lines, []string{"tried bounced", "redirected bounced bob@example.com"})
	if old.State != desk.DeliveryBounced || old.RedirectedTo != "Carol@new.test" || old.CanRetry() || old.CanRedirect() || old.Words() != "Refused, and sent to Carol@new.test instead: 550 5.1.1 no such user" {
		t.Errorf("the old address: %+v: %s", old, old.Words())
	}
	fresh, lines := h.story(t, m.ID, "Carol@new.test")
	equal(t, "the new address", lines, []string{"redirected queued bob@example.com"})
	if fresh.State != desk.DeliveryQueued || fresh.Destination != "new.test" || fresh.Sender != "example.com" || fresh.Timeline[0].Words() != "bob@example.com sent it here instead of to carol@customer.test." {
		t.Errorf("the new address: %+v", fresh)
	}
	if h.get(t, number).DeliveryProblem {
		t.Error("the ticket still has a problem")
	}
	people, err := h.Participants(t.Context(), h.ann, number)
	if err != nil || !slices.ContainsFunc(people, func(p desk.Participant) bool { return p.Address == "carol@new.test" }) {
		t.Errorf("an answer from there would be a stranger's: %+v, %v", people, err)
	}
	if err := redirect("dave@customer.test", "dave@new.test"); err != nil {
		t.Fatal(err)
	}
	if one, _ := h.story(t, m.ID, "dave@customer.test"); one.State != desk.DeliveryCancelled || one.Words() != "Sent to dave@new.test instead." {
		t.Errorf("dave: %+v", one)
	}
	wantFault(t, redirect("dave@customer.test", "dave@third.test"), desk.Conflict)
	wantFault(t, redirect("eve@customer.test", "eve@new.test"), desk.Conflict)
	wantFault(t, redirect("dave@new.test", "eve@customer.test"), desk.Conflict) // gets it already
	wantFault(t, redirect("dave@new.test", "DAVE@new.test"), desk.Invalid)
	wantFault(t, redirect("dave@new.test", "no address"), desk.Invalid)
	wantFault(t, redirect("dave@new.test", "support+x@example.com"), desk.Invalid)
	wantFault(t, redirect("nobody@new.test", "x@new.test"), desk.NotFound)
	if _, err := h.Suppress(t.Context(), h.ann, "gone@new.test", ""); err != nil {
		t.Fatal(err)
	}
	wantFault(t, redirect("dave@new.test", "Gone@new.test"), desk.Conflict)
	h.exec(t, `update delivery set worker = 'w' where recipient = 'dave@new.test'`)
	wantFault(t, redirect("dave@new.test", "dave@third.test"), desk.Conflict)
	if h.audited(t, "delivery.redirect") != 2 || h.jobs(t, m.ID) == 0 {
		t.Error("it is not in the audit log, or has no job")
	}
	equal(t, "events", slices.DeleteFunc(h.events(t, number), func(verb string) bool { return verb == "status" }), []string{"bounced", "redirected", "redirected"})
}

// After four hours the ticket says that a reply waits, once, and nothing when it has arrived before.
func TestTellDelays(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	number, _ := h.ask(t)
	m := h.sendTo(t, number, desk.Delivery{Recipient: "carol@customer.test", State: desk.DeliveryDeferred, Reply: "450 later", NextAt: h.clock.now().Add(time.Hour)},
		desk.Delivery{Recipient: "dave@customer.test", State: desk.DeliverySent, Reply: "250 ok"})
	told := func() (n int) {
		t.Helper()
		if err := h.TellDelays(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, verb := range h.events(t, number) {
			if verb == "delayed" {
				n++
			}
		}
		return n
	}
	h.clock.wait(3 * time.Hour)
	if told() != 0 || h.get(t, number).DeliveryProblem {
		t.Error("told too early")
	}
	h.clock.wait(2 * time.Hour)
	for range 2 {
		if n := told(); n != 1 || !h.get(t, number).DeliveryProblem || h.audited(t, "delivery.delayed") != 1 {
			t.Errorf("told %d times", n)
		}
	}
	sent := desk.Delivery{Recipient: "carol@customer.test", State: desk.DeliverySent, Reply: "250 ok", Attempts: 3, UpdatedAt: h.clock.now()}
	if err := h.Delivered(t.Context(), m.ID, []desk.Delivery{sent}); err != nil {
		t.Fatal(err)
	}
	if n := told(); n != 1 || h.get(t, number).DeliveryProblem {
		t.Error("the badge stays when the mail has arrived")
	}
}

package tickets

import (
	"strings"
	"testing"
	"time"

	"postern/desk"
)

const unknownUser = "550 5.1.1 <carol@customer.test>: Recipient address rejected: User unknown"

// refused is what becomes of a reply to Carol: a mail of its own each time.
func (h *house) refused(t *testing.T, number int64, to string, outcome desk.Delivery) desk.Message {
	t.Helper()
	m := h.reply(t, desk.ReplyRequest{Ticket: number, Text: "Hello", To: []desk.Address{{Addr: to}}, Recipients: desk.AsGiven})
	outcome.Recipient, outcome.Attempts, outcome.UpdatedAt = to, 1, h.clock.now()
	for range 2 { // a job runs at least once
		if err := h.Delivered(t.Context(), m.ID, []desk.Delivery{outcome}); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func (h *house) suppressed(t *testing.T, address string) bool {
	t.Helper()
	found, err := h.SuppressedAmong(t.Context(), h.ann, []desk.Address{{Addr: address}})
	if err != nil {
		t.Fatal(err)
	}
	return len(found) == 1
}

// Which refusals, after one another, suppress an address.
func TestSuppression_evidence(t *testing.T) {
	t.Parallel()
	hard := desk.Delivery{State: desk.DeliveryBounced, Reply: unknownUser}
	soft := desk.Delivery{State: desk.DeliveryBounced, Reply: "550 5.7.1 blocked using zen.spamhaus.org"}
	late := desk.Delivery{State: desk.DeliveryDeferred, Reply: "450 4.1.1 unknown user", NextAt: time.Now()}
	sent := desk.Delivery{State: desk.DeliverySent, Reply: "250 2.0.0 ok"}
	bare := desk.Delivery{State: desk.DeliveryBounced, Reply: "550 No such user here"}
	asked := bare
	asked.Story = []desk.Attempt{{Kind: desk.AttemptTried, State: desk.DeliveryBounced, Reply: bare.Reply, Step: "RCPT"}}
	untried := hard
	untried.Story = []desk.Attempt{{Kind: desk.AttemptSuppressed, State: desk.DeliveryBounced, Reply: hard.Reply}}
	for name, c := range map[string]struct {
		outcomes []desk.Delivery
		every    time.Duration
		want     bool
	}{
		"one":                        {[]desk.Delivery{hard}, time.Hour, false},
		"two":                        {[]desk.Delivery{hard, hard}, time.Hour, true},
		"two in a month":             {[]desk.Delivery{hard, hard}, 29 * 24 * time.Hour, true},
		"two in more than a month":   {[]desk.Delivery{hard, hard, hard}, 31 * 24 * time.Hour, false},
		"what is about us":           {[]desk.Delivery{soft, soft, hard, soft}, time.Hour, false},
		"deferred":                   {[]desk.Delivery{late, late, hard}, time.Hour, false},
		"it was mistaken":            {[]desk.Delivery{hard, sent, hard}, time.Hour, false},
		"and then it was not":        {[]desk.Delivery{hard, sent, hard, hard}, time.Hour, true},
		"a bare 550, by whom":        {[]desk.Delivery{bare, bare}, time.Hour, false},
		"a bare 550 to RCPT":         {[]desk.Delivery{asked, asked}, time.Hour, true},
		"what we did not try at all": {[]desk.Delivery{hard, untried}, time.Hour, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			number, _ := h.ask(t)
			for _, outcome := range c.outcomes {
				h.clock.wait(c.every)
				h.refused(t, number, "Carol@Customer.Test", outcome)
			}
			if got := h.suppressed(t, "carol@CUSTOMER.test "); got != c.want {
				t.Errorf("suppressed: %v", got)
			}
			if added := h.audited(t, "suppression.add"); (added == 1) != c.want {
				t.Errorf("%d audit entries", added)
			}
		})
	}
}

func TestSuppression_list(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	number, _ := h.ask(t)
	var last desk.Message
	for range 2 {
		h.clock.wait(time.Hour)
		last = h.refused(t, number, carol.Addr, desk.Delivery{State: desk.DeliveryBounced, Reply: unknownUser})
	}
	h.clock.wait(time.Hour)
	made, err := h.Suppress(t.Context(), h.ann, " Dave@customer.test", " asked for it ")
	if err != nil || made.Address != "dave@customer.test" || made.Why() != "ann@example.com put it on the list: asked for it" {
		t.Fatalf("%+v, %v", made, err)
	}
	_, err = h.Suppress(t.Context(), h.ann, "dave@customer.test", "")
	wantFault(t, err, desk.Conflict)
	_, err = h.Suppress(t.Context(), h.ann, "no address", "")
	wantFault(t, err, desk.Invalid)
	_, err = h.Suppress(t.Context(), h.ann, "eve@customer.test", "two\nlines")
	wantFault(t, err, desk.Invalid)
	_, err = h.Suppress(t.Context(), desk.Actor{}, "eve@customer.test", "")
	wantFault(t, err, desk.Unsigned)

	first, err := h.Suppressions(t.Context(), h.bob, desk.SuppressionQuery{Limit: 1})
	if err != nil || first.Total != 2 || len(first.Items) != 1 || first.Items[0].Address != "dave@customer.test" || first.Next == "" {
		t.Fatalf("%+v, %v", first, err)
	}
	second, err := h.Suppressions(t.Context(), h.bob, desk.SuppressionQuery{Limit: 1, Cursor: first.Next})
	if err != nil || len(second.Items) != 1 || second.Next != "" {
		t.Fatalf("%+v, %v", second, err)
	}
	one := second.Items[0]
	if one.Address != carol.Addr || one.Bounces != 2 || one.Message != last.ID || one.Ticket != number || one.Reason != desk.ReasonUserUnknown || one.CreatedBy != "" {
		t.Errorf("%+v", one)
	}
	if want := "2 mails to it were refused; the last time: " + unknownUser; one.Why() != want || !strings.HasPrefix(one.Reply(), "550 5.7.1 not tried: carol@customer.test is suppressed since 22 November 2026: ") {
		t.Errorf("%s\n%s", one.Why(), one.Reply())
	}
	found, err := h.Suppressions(t.Context(), h.ann, desk.SuppressionQuery{Text: "CAROL@"})
	if err != nil || len(found.Items) != 1 {
		t.Errorf("searched: %+v, %v", found, err)
	}
	_, evidence, err := h.Suppression(t.Context(), h.ann, carol.Addr)
	if err != nil || len(evidence) != 2 || evidence[0].Message != last.ID || evidence[0].Proof != desk.BySMTP || evidence[0].Ticket != number {
		t.Errorf("evidence: %+v, %v", evidence, err)
	}

	if err := h.LiftSuppression(t.Context(), h.bob, "CAROL@customer.test"); err != nil {
		t.Fatal(err)
	}
	wantFault(t, h.LiftSuppression(t.Context(), h.bob, carol.Addr), desk.NotFound)
	_, _, err = h.Suppression(t.Context(), h.ann, carol.Addr)
	wantFault(t, err, desk.NotFound)
	if h.audited(t, "suppression.lift") != 1 {
		t.Error("lifting is not in the audit log")
	}
	h.refused(t, number, carol.Addr, desk.Delivery{State: desk.DeliveryBounced, Reply: unknownUser})
	if h.suppressed(t, carol.Addr) {
		t.Error("after lifting, one bounce is enough to come back")
	}
	customer := desk.Actor{User: desk.User{ID: 99, Email: carol.Addr, Role: desk.RoleCustomer}, Via: "portal"}
	_, err = h.Suppressions(t.Context(), customer, desk.SuppressionQuery{})
	wantFault(t, err, desk.Forbidden)
	wantFault(t, h.LiftSuppression(t.Context(), customer, "dave@customer.test"), desk.Forbidden)

	h.clock.wait(desk.SuppressWithin + 2*time.Hour)
	if err := h.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	var left int
	if h.row(t, &left, `select count(*) from hard_bounce`); left != 0 {
		t.Errorf("%d pieces of evidence outlive their time", left)
	}
}

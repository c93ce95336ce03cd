package tickets

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"postern/desk"
)

// sendTo writes a reply to several people and records what became of each.
func (h *house) sendTo(t *testing.T, number int64, outcomes ...desk.Delivery) desk.Message {
	t.Helper()
	var to []desk.Address
	for i := range outcomes {
		to = append(to, desk.Address{Addr: outcomes[i].Recipient})
		outcomes[i].UpdatedAt, outcomes[i].Attempts = h.clock.now(), 1
	}
	m := h.reply(t, desk.ReplyRequest{Ticket: number, Text: "Hello", To: to, Recipients: desk.AsGiven})
	for _, outcome := range outcomes {
		if outcome.State == desk.DeliveryQueued {
			continue
		}
		outcome.Story = []desk.Attempt{{At: h.clock.now(), Kind: desk.AttemptTried, State: outcome.State, Host: outcome.Host, Reply: outcome.Reply}}
		if err := h.Delivered(t.Context(), m.ID, []desk.Delivery{outcome}); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func TestDeliveryLog_filters(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	number, _ := h.ask(t)
	began := h.clock.now()
	first := h.sendTo(t, number,
		desk.Delivery{Recipient: "Carol@customer.test", State: desk.DeliverySent, Host: "mx.customer.test", Reply: "250 2.0.0 queued as 4711"},
		desk.Delivery{Recipient: "dave@mail.customer.test", State: desk.DeliveryBounced, Host: "mx.customer.test", Reply: "550 5.1.1 no such user"})
	h.clock.wait(time.Hour)
	other, _, err := h.Start(t.Context(), h.ann, desk.NewTicket{MailboxID: h.sales, To: []desk.Address{{Addr: "eve@other.test"}}, Subject: "Offer", Text: "Hello"})
	if err != nil {
		t.Fatal(err)
	}
	h.clock.wait(time.Hour)
	h.sendTo(t, number, desk.Delivery{Recipient: "carol@customer.test", State: desk.DeliveryDeferred, Host: "mx.customer.test", Reply: "450 4.2.0 100% greylisted", NextAt: h.clock.now().Add(time.Minute)})

	for name, c := range map[string]struct {
		q    desk.DeliveryQuery
		want []string // recipients, the last changed first
	}{
		"all":                   {desk.DeliveryQuery{}, []string{"carol@customer.test", "eve@other.test", "dave@mail.customer.test", "Carol@customer.test"}},
		"by state":              {desk.DeliveryQuery{States: []desk.DeliveryState{desk.DeliveryQueued, desk.DeliveryBounced}}, []string{"eve@other.test", "dave@mail.customer.test"}},
		"held":                  {desk.DeliveryQuery{Held: true}, nil},
		"by destination":        {desk.DeliveryQuery{Destination: "Customer.test"}, []string{"carol@customer.test", "Carol@customer.test"}},
		"below a destination":   {desk.DeliveryQuery{Destination: "*.customer.test"}, []string{"dave@mail.customer.test"}},
		"by sender":             {desk.DeliveryQuery{Sender: "example.com", States: []desk.DeliveryState{desk.DeliveryQueued}}, []string{"eve@other.test"}},
		"by another sender":     {desk.DeliveryQuery{Sender: "example.org"}, nil},
		"by recipient":          {desk.DeliveryQuery{Recipient: "CAROL@customer.test"}, []string{"carol@customer.test", "Carol@customer.test"}},
		"by a part of one":      {desk.DeliveryQuery{Recipient: "mail.customer"}, []string{"dave@mail.customer.test"}},
		"by ticket":             {desk.DeliveryQuery{Ticket: other.ID}, []string{"eve@other.test"}},
		"by message":            {desk.DeliveryQuery{Message: first.ID}, []string{"dave@mail.customer.test", "Carol@customer.test"}},
		"since":                 {desk.DeliveryQuery{Since: began.Add(2 * time.Hour)}, []string{"carol@customer.test"}},
		"until":                 {desk.DeliveryQuery{Until: began.Add(time.Hour)}, []string{"dave@mail.customer.test", "Carol@customer.test"}},
		"in the reply":          {desk.DeliveryQuery{Text: " NO SUCH "}, []string{"dave@mail.customer.test"}},
		"what like would match": {desk.DeliveryQuery{Text: "100% grey"}, []string{"carol@customer.test"}},
		"and not like does":     {desk.DeliveryQuery{Text: "1%d"}, nil},
	} {
		for _, limit := range []int{0, 1} { // in one page, or in as many as there are
			var got []string
			q := c.q
			q.Limit = limit
			for {
				page, err := h.DeliveryLog(t.Context(), h.owner, q)
				if err != nil {
					t.Fatal(err)
				}
				for _, one := range page.Items {
					got = append(got, one.Recipient)
				}
				if q.Cursor = page.Next; q.Cursor == "" {
					break
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%s, %d a page: %q, want %q", name, limit, got, c.want)
			}
		}
	}
	_, err = h.DeliveryLog(t.Context(), h.owner, desk.DeliveryQuery{States: []desk.DeliveryState{"lost"}})
	wantFault(t, err, desk.Invalid)
	_, err = h.DeliveryLog(t.Context(), h.owner, desk.DeliveryQuery{Since: began, Until: began})
	wantFault(t, err, desk.Invalid)
	_, err = h.DeliveryLog(t.Context(), h.ann, desk.DeliveryQuery{})
	wantFault(t, err, desk.Forbidden)

	counts, err := h.DeliveryCounts(t.Context(), h.owner)
	if err != nil || counts.Queued != 1 || counts.Deferred != 1 || counts.Sent != 1 || counts.Bounced != 1 || !counts.Oldest.Equal(began.Add(time.Hour)) || counts.Held+counts.InHand+counts.Suppressed != 0 {
		t.Errorf("counts are %+v, %v", counts, err)
	}
}

func TestDeliveryStories(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	number, question := h.ask(t)
	m := h.sendTo(t, number, desk.Delivery{Recipient: "carol@customer.test", State: desk.DeliveryDeferred, Host: "mx.customer.test", Reply: "450 later", NextAt: h.clock.now().Add(time.Minute)},
		desk.Delivery{Recipient: "dave@customer.test", State: desk.DeliveryQueued})
	sent := desk.Delivery{Recipient: "carol@customer.test", State: desk.DeliverySent, Host: "mx.customer.test", Reply: "250 ok", TLS: "TLS 1.3", Proof: desk.ProofDANE, Attempts: 2, UpdatedAt: h.clock.now(),
		Story: []desk.Attempt{{At: h.clock.now(), Kind: desk.AttemptTried, State: desk.DeliverySent, Host: "mx.customer.test", Addr: "192.0.2.1:25", Reply: "250 ok", TookMS: 12,
			TLS: &desk.TLSFacts{Version: "TLS 1.3", Policy: desk.PolicyDANE, Proof: desk.ProofDANE}}}}
	if err := h.Delivered(t.Context(), m.ID, []desk.Delivery{sent}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Suppress(t.Context(), h.ann, "Dave@customer.test", "gone"); err != nil {
		t.Fatal(err)
	}
	got, err := h.DeliveryStories(t.Context(), h.ann, m.ID)
	if err != nil || len(got) != 2 || len(got[0].Timeline) != 2 || len(got[1].Timeline) != 0 {
		t.Fatalf("%+v, %v", got, err)
	}
	if got[0].Words() != "Taken by mx.customer.test over TLS 1.3, proved by DANE: 250 ok" || got[0].Timeline[1].Words() != "mx.customer.test took it over TLS 1.3, proved by DANE: 250 ok" || got[0].Suppressed != nil {
		t.Errorf("carol: %+v: %s", got[0], got[0].Words())
	}
	if got[0].Timeline[0].Words() != "mx.customer.test did not take it for now: 450 later" || got[1].Suppressed == nil || got[1].Words() != "Waits for its first attempt." {
		t.Errorf("dave: %+v", got[1])
	}
	_, err = h.DeliveryStories(t.Context(), h.ann, question)
	wantFault(t, err, desk.NotFound)
	_, err = h.DeliveryStories(t.Context(), desk.Actor{User: desk.User{ID: 5, Role: desk.RoleCustomer}}, m.ID)
	wantFault(t, err, desk.Forbidden)
}

// Days that are over are summed up by the sweep, and say the same after it as before.
func TestDeliveryFigures(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	number, _ := h.ask(t)
	ok := desk.Delivery{Recipient: "carol@customer.test", State: desk.DeliverySent, Reply: "250 ok"}
	late := desk.Delivery{Recipient: "dave@customer.test", State: desk.DeliveryDeferred, Reply: "450 later"}
	lost := desk.Delivery{Recipient: "eve@customer.test", State: desk.DeliveryBounced, Reply: "550 no"}
	first := dayOf(h.clock.now())
	var waiting desk.Message
	for day := range 5 {
		for range day {
			waiting = h.sendTo(t, number, ok, late, lost)
		}
		if day == 4 { // deferred a second time on the same day, and then taken
			again := late
			again.UpdatedAt = h.clock.now()
			for _, state := range []desk.DeliveryState{desk.DeliveryDeferred, desk.DeliverySent} {
				again.State = state
				if err := h.Delivered(t.Context(), waiting.ID, []desk.Delivery{again}); err != nil {
					t.Fatal(err)
				}
			}
		}
		h.clock.wait(24 * time.Hour)
	}
	untried := desk.Delivery{Recipient: "eve@customer.test", State: desk.DeliveryBounced, Reply: "550 5.7.1 not tried", Attempts: 1, UpdatedAt: h.clock.now(),
		Story: []desk.Attempt{{At: h.clock.now(), Kind: desk.AttemptSuppressed, State: desk.DeliveryBounced, Reply: "550 5.7.1 not tried"}}}
	today := h.sendTo(t, number, desk.Delivery{Recipient: "eve@customer.test", State: desk.DeliveryQueued})
	if err := h.Delivered(t.Context(), today.ID, []desk.Delivery{untried}); err != nil {
		t.Fatal(err)
	}

	check := func(when string) {
		t.Helper()
		figures, err := h.DeliveryFigures(t.Context(), h.owner, "", 7)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, day := range figures.Days {
			got = append(got, fmt.Sprintf("%d: %d %d %d %d", int(day.Day.Sub(first).Hours()/24), day.Sent, day.Deferred, day.Bounced, day.Suppressed))
		}
		want := []string{"-1: 0 0 0 0", "0: 0 0 0 0", "1: 1 1 1 0", "2: 2 2 2 0", "3: 3 3 3 0", "4: 5 4 4 0", "5: 0 0 0 1"}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q\nwant %q", when, got, want)
		}
		if total := figures.Total; total.Sent != 11 || total.Deferred != 10 || total.Bounced != 10 || total.Suppressed != 1 || len(figures.Senders) != 1 || figures.Senders[0].Sender != "example.com" || figures.Senders[0].Sent != 11 {
			t.Errorf("%s: %+v", when, figures)
		}
		none, err := h.DeliveryFigures(t.Context(), h.owner, "example.org", 7)
		if err != nil || none.Total.Sent != 0 || len(none.Days) != 7 {
			t.Errorf("%s, of another domain: %+v, %v", when, none, err)
		}
	}
	check("live")
	for range 2 {
		if err := h.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		var rows int
		if h.row(t, &rows, `select count(*) from delivery_day`); rows != 4 {
			t.Errorf("%d rows are rolled up", rows)
		}
		check("rolled up")
	}
	last, err := h.DeliveryFigures(t.Context(), h.owner, "Example.com", 1)
	if err != nil || len(last.Days) != 1 || last.Total.Suppressed != 1 || last.Total.Sent != 0 {
		t.Errorf("today: %+v, %v", last, err)
	}
	_, err = h.DeliveryFigures(t.Context(), h.owner, "", 400)
	wantFault(t, err, desk.Invalid)
	_, err = h.DeliveryFigures(t.Context(), h.ann, "", 7)
	wantFault(t, err, desk.Forbidden)
}

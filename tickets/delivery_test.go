package tickets

import (
	"testing"
	"time"

	"postern/desk"
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

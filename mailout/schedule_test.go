package mailout

import (
	"strings"
	"testing"
	"time"

	"postern/desk"
)

func TestSchedule(t *testing.T) {
	t.Parallel()
	middle := func() float64 { return 0.5 }
	var waits []string
	for attempt := range 11 {
		waits = append(waits, NextAttempt(attempt, middle).String())
	}
	if got := strings.Join(waits, " "); got != "1m0s 1m0s 5m0s 15m0s 30m0s 1h0m0s 2h0m0s 4h0m0s 8h0m0s 8h0m0s 8h0m0s" {
		t.Error(got)
	}
	if low, high := NextAttempt(5, func() float64 { return 0 }), NextAttempt(5, func() float64 { return 0.999999 }); low != 48*time.Minute || high < 71*time.Minute || high > 72*time.Minute {
		t.Errorf("%v to %v", low, high)
	}
	deferred := desk.Delivery{State: desk.DeliveryDeferred, Reply: "450 4.2.0 later", UpdatedAt: noon}
	first := After(desk.Delivery{}, deferred, noon, middle)
	if first.Attempts != 1 || !first.NextAt.Equal(noon.Add(time.Minute)) || first.State != desk.DeliveryDeferred {
		t.Errorf("%+v", first)
	}
	deferred.UpdatedAt = noon.Add(5*24*time.Hour - 7*time.Hour)
	last := After(desk.Delivery{Attempts: 20}, deferred, noon, middle)
	if last.State != desk.DeliveryBounced || !last.NextAt.IsZero() || last.Reply != "550 5.4.7 gave up after 21 attempts in five days; the last answer was: 450 4.2.0 later" {
		t.Errorf("%+v", last)
	}
	if sent := After(desk.Delivery{Attempts: 1}, desk.Delivery{State: desk.DeliverySent}, noon, middle); sent.Attempts != 2 || !sent.NextAt.IsZero() {
		t.Errorf("%+v", sent)
	}
}

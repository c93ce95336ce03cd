package mailout

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"postern/desk"
)

// What a destination gets at a time: halved when it is too much, one more again after each round that went well, never none.
func TestWindow(t *testing.T) {
	t.Parallel()
	var g gate
	now := noon
	learn := func(s bearing, times int) int {
		for range times {
			now = now.Add(2 * cutPause)
			g.learn(s, 10, time.Second, now)
		}
		return g.most(10)
	}
	for i, c := range []struct {
		met   bearing
		times int
		want  int
	}{
		{good, 5, 10}, {silence, 5, 10}, {crowded, 1, 5}, {silence, 3, 5}, {crowded, 1, 2}, {crowded, 1, 1}, {crowded, 10, 1}, {good, 1, 2}, {good, 3, 3}, {good, 60, 10}, {good, 100, 10},
	} {
		if got := learn(c.met, c.times); got != c.want {
			t.Errorf("step %d: %d at a time, want %d", i, got, c.want)
		}
	}
	if g.window != 0 {
		t.Errorf("a gate that has recovered is as new, not %v", g.window)
	}
	g.learn(crowded, 10, time.Second, now)
	g.learn(crowded, 10, time.Second, now.Add(cutPause/2))
	if g.most(10) != 5 {
		t.Errorf("connections that fail together are one sign: %d", g.most(10))
	}
}

// Who comes in vain is told to come back after those who came in vain before, and never too late.
func TestTurns(t *testing.T) {
	t.Parallel()
	var g gate
	first, second := g.later(noon, time.Second), g.later(noon, time.Second)
	if first.Sub(noon) != soonest+time.Second || second.Sub(first) != time.Second {
		t.Errorf("%v, then %v", first.Sub(noon), second.Sub(noon))
	}
	for range 2000 {
		if wait := g.later(noon, time.Second).Sub(noon); wait > latest || wait < soonest {
			t.Fatalf("%v", wait)
		}
	}
	if again := g.later(noon.Add(time.Hour), time.Second).Sub(noon.Add(time.Hour)); again != soonest+time.Second {
		t.Errorf("an hour later: %v", again)
	}
}

// A limit per minute: a burst first, then evenly, and never more in any minute.
func TestMailsPerMinute(t *testing.T) {
	t.Parallel()
	for _, perMinute := range []int{1, 2, 5, 6, 60, 600} {
		var gs gates
		var left []time.Time
		for tick := range 3 * 60 * 20 { // three minutes, each second twenty times
			now := noon.Add(time.Duration(tick) * time.Second / 20)
			count, come := gs.afford("to.example", perMinute, 7, now)
			if count < 7 && come.Before(now) {
				t.Fatalf("come back at %v", come)
			}
			for range count {
				left = append(left, now)
			}
		}
		for i := range left {
			within := 0
			for _, later := range left[i:] {
				if later.Sub(left[i]) < time.Minute {
					within++
				}
			}
			if within > perMinute {
				t.Fatalf("%d in a minute, and %d may", within, perMinute)
			}
		}
		if len(left) < 2*perMinute {
			t.Errorf("%d a minute: only %d in three", perMinute, len(left))
		}
	}
	var gs gates
	if count, _ := gs.afford("to.example", 0, 1000, noon); count != 1000 {
		t.Errorf("without a limit %d leave", count)
	}
}

func TestGateQueue(t *testing.T) {
	t.Parallel()
	var gs gates
	one, _ := gs.enter(t.Context(), "to.example", 1, 0)
	if one == nil {
		t.Fatal("the first waits")
	}
	if turn, come := gs.enter(t.Context(), "to.example", 1, time.Millisecond); turn != nil || time.Until(come) < time.Second {
		t.Errorf("the second: %v, come at %v", turn, come)
	}
	if turn, _ := gs.enter(t.Context(), "other.example", 1, 0); turn == nil {
		t.Error("another destination waits")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if turn, come := gs.enter(ctx, "to.example", 1, time.Minute); turn != nil || come.IsZero() {
		t.Error("somebody who has gone had a turn")
	}
	time.AfterFunc(10*time.Millisecond, func() { one.leave(good) })
	two, _ := gs.enter(t.Context(), "to.example", 1, time.Minute)
	if two == nil {
		t.Fatal("no turn came")
	}
	two.leave(silence)
	gs.mu.Lock()
	defer gs.mu.Unlock()
	if g := gs.of["to.example"]; g != nil && g.busy != 0 {
		t.Errorf("%+v", g)
	}
}

// An address that does not answer is asked last: for longer each time, and never for ever.
func TestSilentAddresses(t *testing.T) {
	t.Parallel()
	var s silent
	addr := netip.MustParseAddrPort("192.0.2.1:25")
	for i, want := range []time.Duration{0, avoidTime, 2 * avoidTime, 4 * avoidTime, 8 * avoidTime, avoidMost, avoidMost} {
		s.failed(addr, noon)
		if s.at(addr, noon.Add(want)) || want > 0 && !s.at(addr, noon.Add(want-1)) {
			t.Errorf("after %d failures it is not %v", i+1, want)
		}
	}
	for range 100 {
		s.failed(addr, noon)
	}
	if s.at(addr, noon.Add(avoidMost)) {
		t.Error("for ever")
	}
	s.answered(addr)
	if s.failed(addr, noon); s.at(addr, noon) {
		t.Error("it is there again, and one failure is no sign")
	}
}

// Rules hold as long as they can be read; where nobody knows them, mail waits.
func TestDestinations(t *testing.T) {
	t.Parallel()
	now := noon
	var failure error
	rule := desk.Destination{Pattern: "*.bücher.example", TLS: desk.TLSVerify, Connections: 2}
	reads := 0
	d := NewDestinations(func(context.Context) ([]desk.Destination, error) {
		reads++
		return []desk.Destination{rule}, failure
	})
	d.now = func() time.Time { return now }
	match := func() int {
		found, err := d.Match(t.Context(), "shop.xn--bcher-kva.example")
		if err != nil {
			return -1
		}
		return found.AtOnce()
	}
	if got := match(); got != 2 {
		t.Errorf("a name of our alphabet and more: %d", got)
	}
	rule.Connections = 4
	if got := match(); got != 2 || reads != 1 {
		t.Errorf("read at every mail: %d, %d", got, reads)
	}
	now = now.Add(freshRules)
	if got := match(); got != 4 {
		t.Errorf("a change comes within seconds: %d", got)
	}
	failure = errors.New("the database is away")
	now = now.Add(freshRules)
	if got := match(); got != 4 {
		t.Errorf("old rules hold for a while: %d", got)
	}
	now = now.Add(2 * staleRules)
	if got := match(); got != -1 {
		t.Errorf("and not for ever: %d", got)
	}
	if found, err := (*Destinations)(nil).Match(t.Context(), "a.example"); err != nil || found.AtOnce() != desk.DefaultConnections {
		t.Errorf("%v, %v", found, err)
	}
	w := newWorld(t, twoMX, nil)
	s := w.sender()
	s.Destinations = d
	if got := s.Deliver(t.Context(), mailTo(simpleMail, "ann@to.example"))[0]; !Waiting(got) || !got.NextAt.Equal(noon.Add(rulesAgain)) {
		t.Errorf("%+v", got)
	}
}

// Who was not tried has not used up an attempt.
func TestWaitingIsNoAttempt(t *testing.T) {
	t.Parallel()
	random := func() float64 { return 0.5 }
	waits := desk.Delivery{Recipient: "a", State: desk.DeliveryQueued, NextAt: noon.Add(time.Minute)}
	if got := After(desk.Delivery{}, waits, noon, random); got.State != desk.DeliveryQueued || got.Attempts != 0 || !got.NextAt.Equal(waits.NextAt) {
		t.Errorf("%+v", got)
	}
	before := desk.Delivery{Attempts: 3, Reply: "450 later", Host: "mx.example"}
	if got := After(before, waits, noon, random); got.State != desk.DeliveryDeferred || got.Attempts != 3 || got.Reply != before.Reply || got.Host != before.Host {
		t.Errorf("%+v", got)
	}
	if got := After(before, waits, noon.Add(-giveUp), random); got.State != desk.DeliveryBounced || got.Attempts != 3 {
		t.Errorf("%+v", got)
	}
}

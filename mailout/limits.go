package mailout

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"time"

	"postern/desk"
)

const (
	// placeWait is how long a delivery waits for its turn, while it holds a worker, unless its caller has more patience.
	placeWait = time.Second
	// soonest and latest bound what somebody is told who comes in vain.
	soonest = 2 * time.Second
	latest  = 5 * time.Minute
	// cutPause: several connections that fail together are one sign, not several.
	cutPause = time.Second
	// burstPart: so much of a minute's mails may leave at once.
	burstPart = 6
	// avoidAfter failures in a row to connect, an address is asked last, for avoidTime and twice as long after each further one, up to avoidMost: else everybody waits for it in vain.
	avoidAfter = 2
	avoidTime  = 30 * time.Second
	avoidMost  = 8 * time.Minute
	// maxKnown bounds how many destinations and addresses are remembered.
	maxKnown = 10_000
)

// errBusy says that there was no turn to be had in the time.
var errBusy = errors.New("as many connections as may be are in use")

// gate lets so many deliveries to one destination go on at a time. What it lets through shrinks when servers say that it is too much, or do not answer, and grows again with every mail that arrives:
// one more after each round (additive increase, multiplicative decrease, as in RFC 5681 §3.1).
type gate struct {
	busy   int
	window float64         // how many may be busy; 0: as many as the rule allows
	queue  []chan struct{} // whose turn comes next; closed when it has come
	hold   time.Duration   // how long one is busy, on the whole
	cut    time.Time       // when window was last made smaller
	turn   time.Time       // the last that was given to somebody who came in vain
	due    time.Time       // when the next mail would leave if they left evenly: the theoretical arrival time of the generic cell rate algorithm
}

// most is how many may be busy by rule and experience.
func (g *gate) most(limit int) int {
	if g.window == 0 {
		return limit
	}
	return max(1, min(limit, int(g.window)))
}

// gates are those of all destinations. The zero value is ready.
type gates struct {
	mu sync.Mutex
	of map[string]*gate
}

// at returns a destination's gate, which is made where there is none. The caller holds the lock.
func (gs *gates) at(name string, now time.Time) *gate {
	if g, ok := gs.of[name]; ok {
		return g
	}
	if gs.of == nil {
		gs.of = map[string]*gate{}
	}
	if len(gs.of) >= maxKnown {
		for other, g := range gs.of {
			if g.busy == 0 && len(g.queue) == 0 && g.due.Before(now) {
				delete(gs.of, other)
			}
		}
	}
	g := &gate{}
	gs.of[name] = g
	return g
}

// pass is a turn at a gate.
type pass struct {
	gates *gates
	name  string
	limit int
	since time.Time
}

// enter waits for a turn for as long as patience. In vain, it returns the time at which to come back, so that those who wait come one after the other.
func (gs *gates) enter(ctx context.Context, name string, limit int, patience time.Duration) (*pass, time.Time) {
	now := time.Now()
	gs.mu.Lock()
	g := gs.at(name, now)
	most := g.most(limit)
	if g.busy < most && len(g.queue) == 0 {
		g.busy++
		gs.mu.Unlock()
		return &pass{gs, name, limit, now}, time.Time{}
	}
	if wait := g.hold * time.Duration(len(g.queue)+1) / time.Duration(most); wait > patience { // it would be in vain
		defer gs.mu.Unlock()
		return nil, g.later(now, g.hold/time.Duration(most))
	}
	turn := make(chan struct{})
	g.queue = append(g.queue, turn)
	gs.mu.Unlock()

	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-turn:
		return &pass{gs, name, limit, time.Now()}, time.Time{}
	case <-timer.C:
	case <-ctx.Done():
	}
	gs.mu.Lock()
	defer gs.mu.Unlock()
	i := slices.Index(g.queue, turn)
	if i < 0 { // it came in this moment
		return &pass{gs, name, limit, time.Now()}, time.Time{}
	}
	g.queue = slices.Delete(g.queue, i, i+1)
	return nil, g.later(time.Now(), max(g.hold, patience)/time.Duration(g.most(limit)))
}

// later gives a time to come back at, one interval after that of whoever came before.
func (g *gate) later(now time.Time, interval time.Duration) time.Time {
	if first := now.Add(soonest); g.turn.Before(first) {
		g.turn = first
	}
	g.turn = g.turn.Add(max(interval, time.Millisecond))
	if last := now.Add(latest); g.turn.After(last) {
		g.turn = last
		return last.Add(-rand.N(latest / 2)) // not all at once
	}
	return g.turn
}

// bearing is what a delivery says about how much its destination can bear.
type bearing int

const (
	silence bearing = iota // nothing
	good                   // it took mails, or answered
	crowded                // it said 421, or did not answer
)

// leave gives the turn to the next.
func (p *pass) leave(s bearing) {
	p.gates.mu.Lock()
	defer p.gates.mu.Unlock()
	g := p.gates.of[p.name]
	now := time.Now()
	g.busy--
	g.learn(s, p.limit, now.Sub(p.since), now)
	for len(g.queue) > 0 && g.busy < g.most(p.limit) {
		g.busy++
		close(g.queue[0])
		g.queue = g.queue[1:]
	}
	if g.busy == 0 && len(g.queue) == 0 && g.window == 0 && g.due.Before(now) && g.turn.Before(now) {
		delete(p.gates.of, p.name)
	}
}

// learn adapts a gate to what a delivery met.
func (g *gate) learn(s bearing, limit int, took time.Duration, now time.Time) {
	const memory = 8 // deliveries, about
	switch {
	case s == silence:
	case g.hold == 0:
		g.hold = took
	default:
		g.hold += (took - g.hold) / memory
	}
	switch s {
	case crowded:
		if now.Sub(g.cut) < cutPause {
			return
		}
		g.cut, g.window = now, max(1, float64(g.most(limit))/2)
	case good:
		if g.window == 0 {
			return
		}
		g.window += 1 / math.Max(1, g.window)
		if g.window >= float64(limit) {
			g.window = 0
		}
	}
}

// afford says how many of so many mails may leave now by a limit per minute, and counts them as left. The others come back at the time given.
func (gs *gates) afford(name string, perMinute, mails int, now time.Time) (int, time.Time) {
	if perMinute == 0 {
		return mails, time.Time{}
	}
	gs.mu.Lock()
	defer gs.mu.Unlock()
	g := gs.at(name, now)
	burst := max(1, perMinute/burstPart)
	interval := time.Minute / time.Duration(perMinute-burst+1) // so that in no minute more leave, the burst among them
	if g.due.Before(now) {
		g.due = now
	}
	free := burst - int((g.due.Sub(now)+interval-1)/interval)
	affordable := max(0, min(mails, free))
	g.due = g.due.Add(time.Duration(affordable) * interval)
	if affordable == mails {
		return mails, time.Time{}
	}
	return affordable, g.later(now, time.Duration(mails-affordable)*interval)
}

// silent are addresses that did not answer. The zero value is ready.
type silent struct {
	mu sync.Mutex
	of map[netip.AddrPort]outage
}

type outage struct {
	failures int
	until    time.Time // when it is asked in its turn again
}

// at says whether an address shall be asked last.
func (s *silent) at(addr netip.AddrPort, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return now.Before(s.of[addr].until)
}

// failed notes that an address did not answer.
func (s *silent) failed(addr netip.AddrPort, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of == nil || len(s.of) >= maxKnown {
		s.of = map[netip.AddrPort]outage{}
	}
	one := s.of[addr]
	if one.failures++; one.failures >= avoidAfter {
		one.until = now.Add(min(avoidMost, avoidTime<<min(one.failures-avoidAfter, 10)))
	}
	s.of[addr] = one
}

// answered notes that an address is there.
func (s *silent) answered(addr netip.AddrPort) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.of, addr)
}

// Waiting says whether a recipient was not tried at all, since their destination gets no more at a time: whoever asked shall come back at NextAt. That is no attempt.
func Waiting(d desk.Delivery) bool { return d.State == desk.DeliveryQueued }

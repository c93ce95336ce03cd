package api

import (
	"net/netip"
	"sync"
	"time"
)

// throttled is how many addresses are remembered at a time: more than that in one window is an attack from many places, which counting by address does not stop anyway.
const throttled = 10_000

// throttle counts failures by address in windows of fixed length. It lives in memory: several machines count each for itself, and a restart forgets.
type throttle struct {
	most   int
	window time.Duration

	mu   sync.Mutex
	seen map[netip.Prefix]failures
}

type failures struct {
	since time.Time
	count int
}

func newThrottle(most int, window time.Duration) *throttle {
	return &throttle{most: most, window: window, seen: map[netip.Prefix]failures{}}
}

// wait is how long the address has to wait; zero: it may try.
func (t *throttle) wait(address string, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	failed := t.seen[network(address)]
	if failed.count < t.most {
		return 0
	}
	return max(0, failed.since.Add(t.window).Sub(now))
}

// failed counts one failure.
func (t *throttle) failed(address string, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	from := network(address)
	failed, known := t.seen[from]
	if now.Sub(failed.since) >= t.window {
		failed = failures{since: now}
	}
	if !known && len(t.seen) >= throttled {
		t.forget(now)
	}
	failed.count++
	t.seen[from] = failed
}

// forget drops the windows that are over, or all of them when none is: the map stays bounded.
func (t *throttle) forget(now time.Time) {
	for from, failed := range t.seen {
		if now.Sub(failed.since) >= t.window {
			delete(t.seen, from)
		}
	}
	if len(t.seen) >= throttled {
		clear(t.seen)
	}
}

// network is whom an address is counted as: an IPv6 customer has a /64 to themselves (RFC 6177). What is no address is counted together.
func network(address string) netip.Prefix {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return netip.Prefix{}
	}
	bits := 32
	if ip.Is6() {
		bits = 64
	}
	prefix, err := ip.WithZone("").Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return prefix
}

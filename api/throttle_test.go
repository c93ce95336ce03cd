package api

import (
	"fmt"
	"testing"
	"time"
)

func TestThrottle(t *testing.T) {
	start := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	limit := newThrottle(3, time.Minute)
	for i := range 3 {
		if wait := limit.wait("192.0.2.1", start); wait != 0 {
			t.Errorf("after %d failures the wait is %v", i, wait)
		}
		limit.failed("192.0.2.1", start.Add(time.Duration(i)*time.Second))
	}
	for _, c := range []struct {
		address string
		after   time.Duration
		want    time.Duration
	}{
		{"192.0.2.1", 10 * time.Second, 50 * time.Second},
		{"192.0.2.1", time.Minute, 0},
		{"192.0.2.2", 10 * time.Second, 0},
		{"no address", 10 * time.Second, 0},
	} {
		if got := limit.wait(c.address, start.Add(c.after)); got != c.want {
			t.Errorf("%s after %v waits %v, want %v", c.address, c.after, got, c.want)
		}
	}
	for range 3 {
		limit.failed("2001:db8::1", start)
	}
	if limit.wait("2001:db8::ffff", start) == 0 || limit.wait("2001:db8:0:1::1", start) != 0 {
		t.Error("IPv6 addresses are not counted by /64")
	}
}

// However many addresses fail, the memory for them is bounded.
func TestThrottleIsBounded(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	limit := newThrottle(1, time.Minute)
	for i := range 3 * throttled {
		limit.failed(fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255), now)
	}
	if len(limit.seen) > throttled {
		t.Errorf("%d addresses are remembered", len(limit.seen))
	}
	limit.failed("192.0.2.1", now.Add(2*time.Minute))
	if limit.wait("192.0.2.1", now.Add(2*time.Minute)) == 0 {
		t.Error("the newest failure was forgotten")
	}
}

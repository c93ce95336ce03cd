package filters

import (
	"sync"
	"time"
)

const (
	strikes = 3               // failures in a row after which a filter counts as down
	pause   = 5 * time.Second // between two mails that ask a filter which is down
)

// breaker keeps a filter that is down from slowing every mail by its timeout. Its zero value is closed: questions pass.
type breaker struct {
	mu       sync.Mutex
	failures int       // in a row
	last     string    // what went wrong
	next     time.Time // when the next question may be put; only while it is open
}

// admit says whether a question may be put now; if not, what went wrong the last time. While the filter is down one question in each pause passes, to find out.
func (b *breaker) admit(now time.Time) (last string, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failures < strikes {
		return "", true
	}
	if now.Before(b.next) {
		return b.last, false
	}
	b.next = now.Add(pause)
	return "", true
}

// answered closes the breaker and says whether it was open.
func (b *breaker) answered() (wasOpen bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	wasOpen = b.failures >= strikes
	b.failures = 0
	return wasOpen
}

// failed counts one failure and says whether it opened the breaker.
func (b *breaker) failed(reason string, now time.Time) (opened bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failures++
	b.last, b.next = reason, now.Add(pause)
	return b.failures == strikes
}

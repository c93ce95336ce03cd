package intake

import (
	"sync"
	"time"
)

// mostSenders bounds how many senders are counted at once; beyond it the count begins anew, which only ever lets more through.
const mostSenders = 100_000

// rates counts the mails of each sender in an hour (security T-03). The count is this process's: several of them let a loop turn a few times more, never for ever.
type rates struct {
	mu      sync.Mutex
	senders map[string]*tally
}

// tally is two half windows: what it counts is never more than an hour and a half old, and never less than an hour.
type tally struct {
	begun         time.Time
	before, since int
}

const halfWindow = 30 * time.Minute

// count takes one more mail into account and returns how many that makes in the last hour.
func (r *rates) count(sender string, now time.Time) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.senders == nil || len(r.senders) >= mostSenders {
		r.senders = map[string]*tally{}
	}
	one := r.senders[sender]
	switch {
	case one == nil:
		one = &tally{begun: now}
		r.senders[sender] = one
	case now.Sub(one.begun) >= 2*halfWindow:
		*one = tally{begun: now}
	case now.Sub(one.begun) >= halfWindow:
		one.before, one.since, one.begun = one.since, 0, one.begun.Add(halfWindow)
	}
	one.since++
	return one.before + one.since
}

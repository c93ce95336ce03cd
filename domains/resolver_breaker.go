package domains

import (
	"slices"
	"sync"
	"time"
)

const (
	silences   = 4               // different questions without any answer, one after the other, after which the servers are asked about themselves
	breakTime  = 5 * time.Second // how long nobody is asked after that
	probeTime  = 2 * time.Second // how long a server may think about the root zone, which every resolver knows
	patience   = time.Second     // a question given up sooner than that says nothing of the servers
	probedName = "."
)

// admission is what a breaker says to a question.
type admission int

const (
	ask    admission = iota // go on
	refuse                  // nobody is there to be asked
	probe                   // find out first whether anybody is there now
)

// breaker notices that no server answers anything, so that not every mail waits for all timeouts of a machine without DNS. Silence about one name means nothing: servers wait too long
// for servers that strangers run. Hence silence must be about several names, and must be confirmed by a question whose answer no stranger can hold back.
// Whoever is told to probe must say open or heard in the end.
type breaker struct {
	mu      sync.Mutex
	silent  []string  // names about which nobody said anything since the last answer
	until   time.Time // open: nobody is asked before; zero: closed
	probing bool
}

// admit says what to do with a question.
func (b *breaker) admit(now time.Time) admission {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.until.IsZero():
		return ask
	case b.probing || now.Before(b.until):
		return refuse
	}
	b.probing = true
	return probe
}

// heard notes that a server answered, whatever it said.
func (b *breaker) heard() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.silent, b.until, b.probing = b.silent[:0], time.Time{}, false
}

// unheard notes that no server said anything about a name. It returns true to the one who shall probe.
func (b *breaker) unheard(name string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.probing || !b.until.IsZero() {
		return false
	}
	if !slices.Contains(b.silent, name) {
		b.silent = append(b.silent, name)
	}
	b.probing = len(b.silent) >= silences
	return b.probing
}

// open notes that a probe found nobody. An answer that came to somebody else meanwhile counts for more.
func (b *breaker) open(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.probing {
		b.silent, b.until, b.probing = b.silent[:0], now.Add(breakTime), false
	}
}

package main

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

// progress is a bar on a terminal. On anything else it is a line for each tenth.
type progress struct {
	mu          sync.Mutex
	what        string
	total, done int
	start, last time.Time
	terminal    bool
}

const barWidth = 30

func begin(what string, total int) *progress {
	info, err := os.Stderr.Stat()
	now := time.Now()
	return &progress{what: what, total: max(total, 1), start: now, last: now, terminal: err == nil && info.Mode()&os.ModeCharDevice != 0}
}

// add says that n more are done.
func (p *progress) add(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := p.done * 10 / p.total
	p.done += n
	now := time.Now()
	part := min(1, float64(p.done)/float64(p.total))
	rate := float64(p.done) / max(now.Sub(p.start).Seconds(), .001)
	left := time.Duration(float64(now.Sub(p.start)) * (1 - part) / max(part, .001)).Round(time.Second)
	switch {
	case p.terminal && (now.Sub(p.last) > 100*time.Millisecond || part == 1):
		filled := int(part * barWidth)
		fmt.Fprintf(os.Stderr, "\r\033[K%s %s%s %3.0f%%  %d, %.0f/s, %s left", p.what, strings.Repeat("█", filled), strings.Repeat("░", barWidth-filled), part*100, p.done, rate, left)
		p.last = now
	case !p.terminal && p.done*10/p.total > before:
		fmt.Fprintf(os.Stderr, "%s %3.0f%%  %d, %.0f/s, %s left\n", p.what, part*100, p.done, rate, left)
	}
}

// end closes the line.
func (p *progress) end() {
	if p.terminal {
		fmt.Fprintf(os.Stderr, "\r\033[K%s: %d in %s\n", p.what, p.done, time.Since(p.start).Round(time.Second))
	}
}

package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// progress is a bar on a terminal for work that takes longer than a moment. On anything else it is silent.
type progress struct {
	out         io.Writer
	total, done int64
	unit        string // what is counted, in the plural
	count       int
	start, last time.Time
	shown       bool
}

const (
	barWidth = 30
	barAfter = 500 * time.Millisecond // shorter work needs no bar
	barEvery = 100 * time.Millisecond
)

// newProgress makes a bar for work on total bytes (0: nobody knows), which are counted in units as well.
func newProgress(out io.Writer, unit string, total int64) *progress {
	file, ok := out.(*os.File)
	if !ok {
		return &progress{}
	}
	if info, err := file.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return &progress{}
	}
	now := time.Now()
	return &progress{out: out, unit: unit, total: total, start: now, last: now}
}

// add says that one more unit of that many bytes is done.
func (p *progress) add(size int64) {
	p.done += size
	p.count++
	now := time.Now()
	if p.out == nil || now.Sub(p.start) < barAfter || now.Sub(p.last) < barEvery {
		return
	}
	p.last, p.shown = now, true
	rate := float64(p.count) / now.Sub(p.start).Seconds()
	if p.total == 0 {
		fmt.Fprintf(p.out, "\r%d %s, %.0f/s ", p.count, p.unit, rate)
		return
	}
	part := min(1, float64(p.done)/float64(p.total))
	filled := int(part * barWidth)
	bar := strings.Repeat("█", filled) + strings.Repeat("░", barWidth-filled)
	left := time.Duration(float64(now.Sub(p.start)) * (1 - part) / max(part, 0.001)).Round(time.Second)
	fmt.Fprintf(p.out, "\r%s %3.0f%%  %d %s, %.0f/s, %s left ", bar, part*100, p.count, p.unit, rate, left)
}

// clear takes the bar away, so that a line can be printed where it was.
func (p *progress) clear() {
	if p.shown {
		fmt.Fprint(p.out, "\r\033[K")
		p.shown, p.last = false, time.Time{} // the next step brings it back
	}
}

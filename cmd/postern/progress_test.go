package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestProgressShowsWorkThatTakesLong(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	start := time.Now().Add(-2 * time.Second)
	bar := &progress{out: &out, unit: "messages", total: 400, start: start, last: start}
	bar.add(100)
	if got := out.String(); !strings.Contains(got, " 25%  1 messages, ") || !strings.Contains(got, "6s left") || strings.Count(got, "█") != barWidth/4 || strings.Count(got, "░") != barWidth-barWidth/4 {
		t.Errorf("a quarter is done: %q", got)
	}
	out.Reset()
	bar.add(1)
	if out.Len() > 0 {
		t.Errorf("drawn again at once: %q", out.String())
	}
	bar.clear()
	out.Reset()
	bar.add(1)
	if !strings.Contains(out.String(), "3 messages") {
		t.Errorf("not drawn again after a line was printed: %q", out.String())
	}
	bar.add(1000) // more than was said: a file that grows
	bar.clear()
	out.Reset()
	bar.add(1)
	if got := out.String(); !strings.Contains(got, "100%") || strings.Count(got, "█") != barWidth {
		t.Errorf("beyond the end: %q", got)
	}
}

func TestProgressIsSilentForWhatIsShortOrNobodySees(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	now := time.Now()
	short := &progress{out: &out, unit: "messages", total: 10, start: now, last: now}
	short.add(5)
	short.clear()
	unseen := newProgress(&out, "messages", 10)
	unseen.start = now.Add(-time.Hour)
	unseen.add(5)
	unseen.clear()
	if out.Len() > 0 {
		t.Errorf("said %q", out.String())
	}
}

package desk

import (
	"encoding/json"
	"testing"
	"time"
)

func TestSharesOfASpread(t *testing.T) {
	t.Parallel()
	var s Spread
	if _, ok := s.Share(.5); ok || s.Count() != 0 {
		t.Error("nothing has a median")
	}
	for i := range 99 {
		s.Note(time.Duration(i+1) * time.Hour)
	}
	s.Note(10 * 24 * 365 * time.Hour)
	for _, c := range []struct {
		part float64
		want time.Duration
	}{{0, time.Hour}, {.5, 50 * time.Hour}, {.9, 90 * time.Hour}, {1, 10 * 24 * 365 * time.Hour}} {
		got, ok := s.Share(c.part)
		if off := float64(got-c.want) / float64(c.want); !ok || off < -.026 || off > .026 {
			t.Errorf("Share(%v) = %v, want %v to 2.5 %%", c.part, got, c.want)
		}
	}
}

func TestSpreadsOfShortTimes(t *testing.T) {
	t.Parallel()
	var s Spread
	for _, took := range []time.Duration{-time.Hour, 0, time.Second, time.Minute} {
		s.Note(took)
	}
	if got, ok := s.Share(1); !ok || got != time.Minute || s.Count() != 4 {
		t.Errorf("four at once take %v, count %d", got, s.Count())
	}
}

func TestTalliesAddUpAndKeepTheLastBacklog(t *testing.T) {
	t.Parallel()
	monday, tuesday := Tally{Created: 2, In: 5, Backlog: 9, Good: 1}, Tally{Created: 1, Solved: 3, Backlog: 7, Bad: 2}
	monday.Answer.Note(time.Hour)
	tuesday.Answer.Note(time.Hour)
	tuesday.Solve.Note(48 * time.Hour)
	sum := monday
	sum.Answer = nil
	sum.Answer.Join(monday.Answer)
	sum.Add(tuesday)
	if sum.Created != 3 || sum.Solved != 3 || sum.In != 5 || sum.Backlog != 7 || sum.Good != 1 || sum.Bad != 2 || sum.Answer.Count() != 2 || sum.Solve.Count() != 1 {
		t.Errorf("the sum is %+v", sum)
	}
	if monday.Answer.Count() != 1 {
		t.Error("adding changed what was added to")
	}
	text, err := json.Marshal(sum)
	var back Tally
	if err == nil {
		err = json.Unmarshal(text, &back)
	}
	if err != nil || back.Answer.Count() != 2 || back.Backlog != 7 {
		t.Errorf("%s: %v", text, err)
	}
	if !(Tally{}).Empty() || sum.Empty() {
		t.Error("what is empty is not told apart")
	}
}

func TestDaysAreThoseOfTheZone(t *testing.T) {
	t.Parallel()
	rome, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		t.Fatal(err)
	}
	day := time.Date(2026, 3, 29, 0, 0, 0, 0, time.UTC) // clocks are put on
	begin, end := Midnight(day, rome), Midnight(day.AddDate(0, 0, 1), rome)
	if end.Sub(begin) != 23*time.Hour || DayOf(begin, rome) != day || DayOf(begin.Add(-time.Second), rome) != day.AddDate(0, 0, -1) || DayOf(end.Add(-time.Second), rome) != day {
		t.Errorf("the day is from %v to %v", begin, end)
	}
}

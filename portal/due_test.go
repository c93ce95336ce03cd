package portal

import (
	"testing"
	"time"

	"postern/desk"
	"postern/language"
)

func TestDueBadges(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	at := func(d time.Duration) *time.Time { return new(now.Add(d)) }
	for _, c := range []struct {
		answer, solve *time.Time
		words, class  string
	}{
		{nil, nil, "", ""},
		{at(2*time.Hour + 59*time.Minute), nil, "due in 2 h", ""},
		{at(30 * time.Minute), at(20 * time.Minute), "due in 20 min", "warn"},
		{nil, at(-90 * time.Minute), "overdue 1 h", "bad"},
		{at(72 * time.Hour), at(-time.Minute), "overdue 1 min", "bad"},
		{at(72 * time.Hour), nil, "due in 3 d", ""},
	} {
		got := dueNext(language.English, desk.Ticket{AnswerDueAt: c.answer, SolveDueAt: c.solve}, now)
		if got.Words != c.words || got.Class != c.class {
			t.Errorf("%v, %v: %q %q, want %q %q", c.answer, c.solve, got.Words, got.Class, c.words, c.class)
		}
	}
}

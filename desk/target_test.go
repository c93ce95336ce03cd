package desk

import (
	"testing"
	"time"
)

func TestTheMostSpecialTargetHolds(t *testing.T) {
	box, other, urgent := int64(7), int64(8), PriorityUrgent
	targets := []Target{
		{AnswerMinutes: new(480), SolveMinutes: new(2400)},
		{Priority: &urgent, AnswerMinutes: new(60)},
		{MailboxID: &box, AnswerMinutes: new(240)},
		{MailboxID: &box, Priority: &urgent, AnswerMinutes: new(15)},
	}
	for _, c := range []struct {
		name     string
		kind     TargetKind
		mailbox  int64
		priority Priority
		want     time.Duration
	}{
		{"of all", TargetAnswer, other, PriorityNormal, 8 * time.Hour},
		{"of the priority", TargetAnswer, other, PriorityUrgent, time.Hour},
		{"of the mailbox", TargetAnswer, box, PriorityHigh, 4 * time.Hour},
		{"of both", TargetAnswer, box, PriorityUrgent, 15 * time.Minute},
		{"a special one that says nothing leaves it to the general one", TargetSolve, box, PriorityUrgent, 40 * time.Hour},
	} {
		if got := Allowed(targets, c.kind, c.mailbox, c.priority); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	if got := Allowed(targets[1:], TargetSolve, box, PriorityUrgent); got != 0 {
		t.Errorf("a solution that no target asks for may take %s", got)
	}
}

func TestClocksOfTargets(t *testing.T) {
	// Every step is taken twice: the second must change nothing. Times are of Monday, 30 November, in the office, but where a day is given.
	type step struct {
		at      string
		runs    bool
		reached bool
		allowed time.Duration
		due     string // empty: it stands still
		missed  string
	}
	const eight = 8 * time.Hour
	for name, steps := range map[string][]step{
		"runs until it is reached": {
			{"30 09:00", true, false, eight, "30 18:00", ""},
			{"30 12:00", true, true, eight, "", ""},
		},
		"stands still while somebody else has to act": {
			{"30 09:00", true, false, eight, "30 18:00", ""},
			{"30 11:00", false, false, eight, "", ""},
			{"01 11:00", true, false, eight, "01 18:00", ""}, // six hours are left
		},
		"opened again, it goes on with what was left": {
			{"30 09:00", true, false, eight, "30 18:00", ""},
			{"30 16:00", false, true, eight, "", ""}, // six hours
			{"01 09:00", true, false, eight, "01 11:00", ""},
		},
		"missed, and reached too late": {
			{"30 09:00", true, false, eight, "30 18:00", ""},
			{"30 20:00", true, false, eight, "30 18:00", "30 18:00"},
			{"01 10:00", true, true, eight, "", "30 18:00"},
		},
		"missed, before anybody looked": {
			{"30 09:00", true, false, eight, "30 18:00", ""},
			{"01 10:00", false, true, eight, "", "30 18:00"},
		},
		"missed, it stood still, and goes on": {
			{"30 09:00", true, false, time.Hour, "30 10:00", ""},
			{"30 11:00", false, false, time.Hour, "", "30 10:00"},
			{"30 12:00", true, false, time.Hour, "30 10:00", "30 10:00"},
		},
		"more urgent now: what was spent counts": {
			{"30 09:00", true, false, eight, "30 18:00", ""},
			{"30 11:00", true, false, time.Hour, "30 10:00", "30 10:00"},
			{"30 11:30", true, false, eight, "30 18:00", ""},
		},
		"no target any more": {
			{"30 09:00", true, false, time.Hour, "30 10:00", ""},
			{"30 12:00", true, false, time.Hour, "30 10:00", "30 10:00"},
			{"30 12:30", true, false, 0, "", ""},
		},
		"outside of the hours": {
			{"29 09:00", true, false, time.Hour, "30 10:00", ""},
			{"30 08:00", true, false, time.Hour, "30 10:00", ""},
		},
		"late news change nothing": {
			{"30 12:00", true, false, time.Hour, "30 13:00", ""},
			{"30 11:00", true, false, time.Hour, "30 13:00", ""},
		},
	} {
		t.Run(name, func(t *testing.T) {
			day := func(text string) time.Time {
				month := "2026-11-"
				if text[:2] == "01" {
					month = "2026-12-"
				}
				return at(t, month+text, office.Zone)
			}
			same := func(got *time.Time, want string) bool {
				return got == nil && want == "" || got != nil && want != "" && got.Equal(day(want))
			}
			var clock Clock
			for _, s := range steps {
				moment := Moment{At: day(s.at), Hours: office, Allowed: s.allowed, Runs: s.runs, Reached: s.reached}
				for range 2 {
					clock = clock.Step(moment)
					if !same(clock.DueAt, s.due) || !same(clock.MissedAt, s.missed) || (clock.ReachedAt != nil) != s.reached {
						t.Fatalf("at %s: due %v, missed %v, reached %v; want due %q, missed %q", s.at, clock.DueAt, clock.MissedAt, clock.ReachedAt, s.due, s.missed)
					}
				}
			}
		})
	}
}

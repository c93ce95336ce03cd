package desk

import "time"

// Snooze is how long a ticket shall rest, as a button says it.
type Snooze string

const (
	SnoozeLater    Snooze = "later"    // three hours
	SnoozeTomorrow Snooze = "tomorrow" // at nine
	SnoozeWeek     Snooze = "week"     // next Monday at nine
	SnoozeMonth    Snooze = "month"    // the first of next month at nine
)

// Snoozes lists every button, the shortest first.
var Snoozes = []Snooze{SnoozeLater, SnoozeTomorrow, SnoozeWeek, SnoozeMonth}

const (
	laterToday   = 3 * time.Hour
	wakeHour     = 9                        // o'clock, in the zone of whoever snoozes
	snoozeAtMost = 2 * 366 * 24 * time.Hour // beyond, it is a way to lose a ticket
)

// Until is when a ticket that is snoozed now comes back. The zone of now is that of the person who snoozes it.
func (s Snooze) Until(now time.Time) (time.Time, error) {
	day := func(days int) time.Time {
		return time.Date(now.Year(), now.Month(), now.Day()+days, wakeHour, 0, 0, 0, now.Location())
	}
	switch s {
	case SnoozeLater:
		return now.Add(laterToday).Truncate(time.Minute), nil
	case SnoozeTomorrow:
		return day(1), nil
	case SnoozeWeek:
		return day(7 - (int(now.Weekday())+6)%7), nil
	case SnoozeMonth:
		return time.Date(now.Year(), now.Month()+1, 1, wakeHour, 0, 0, 0, now.Location()), nil
	}
	return time.Time{}, Wrong("snooze", "there is no snoozing %q", s)
}

// CheckSnooze says what is wrong with a time at which a ticket shall come back.
func CheckSnooze(until, now time.Time) error {
	switch {
	case !until.After(now):
		return Wrong("snooze", "a ticket can be snoozed until a time that is still to come")
	case until.Sub(now) > snoozeAtMost:
		return Wrong("snooze", "a ticket can be snoozed for two years at most")
	}
	return nil
}

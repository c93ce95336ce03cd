package desk

import "testing"

func TestSnoozedTicketsComeBack(t *testing.T) {
	for _, c := range []struct {
		snooze    Snooze
		now, want string
	}{
		{SnoozeLater, "2026-11-30 10:30", "2026-11-30 13:30"},
		{SnoozeTomorrow, "2026-11-30 23:59", "2026-12-01 09:00"},
		{SnoozeTomorrow, "2026-03-28 20:00", "2026-03-29 09:00"}, // clocks are put on that night
		{SnoozeWeek, "2026-11-30 08:00", "2026-12-07 09:00"},     // a Monday
		{SnoozeWeek, "2026-11-29 08:00", "2026-11-30 09:00"},     // a Sunday
		{SnoozeWeek, "2026-12-05 08:00", "2026-12-07 09:00"},     // a Saturday
		{SnoozeMonth, "2026-12-31 08:00", "2027-01-01 09:00"},
	} {
		got, err := c.snooze.Until(at(t, c.now, "Europe/Rome"))
		if want := at(t, c.want, "Europe/Rome"); err != nil || !got.Equal(want) {
			t.Errorf("%s at %s: %s, %v; want %s", c.snooze, c.now, got, err, want)
		}
	}
	if _, err := Snooze("never").Until(at(t, "2026-11-30 10:30", "UTC")); err == nil {
		t.Error("never is taken for a time")
	}
	now := at(t, "2026-11-30 10:30", "UTC")
	for until, right := range map[string]bool{"2026-11-30 10:31": true, "2026-11-30 10:30": false, "2026-01-01 00:00": false, "2028-11-01 00:00": true, "2029-01-01 00:00": false} {
		if err := CheckSnooze(at(t, until, "UTC"), now); (err == nil) != right {
			t.Errorf("until %s: %v", until, err)
		}
	}
}

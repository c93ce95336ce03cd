package language

import (
	"fmt"
	"time"
)

// calendar is how a language writes dates.
type calendar struct {
	months   [12]string // short
	long     [12]string
	weekdays [7]string // Sunday first, as time.Weekday counts
}

var englishCalendar = calendar{
	months:   [12]string{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"},
	long:     [12]string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"},
	weekdays: [7]string{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"},
}

var italianCalendar = calendar{
	months:   [12]string{"gen", "feb", "mar", "apr", "mag", "giu", "lug", "ago", "set", "ott", "nov", "dic"},
	long:     [12]string{"gennaio", "febbraio", "marzo", "aprile", "maggio", "giugno", "luglio", "agosto", "settembre", "ottobre", "novembre", "dicembre"},
	weekdays: [7]string{"domenica", "lunedì", "martedì", "mercoledì", "giovedì", "venerdì", "sabato"},
}

// Clock is a moment in the zone of t, as short as it can be and still be clear to somebody who reads it at now: only the time of today, no year within this year.
// A zone that the reader did not choose (UTC) is named.
func (l *Language) Clock(t, now time.Time) string {
	hour := t.Format("15:04")
	if t.Location() == time.UTC {
		hour += " UTC"
	}
	now = now.In(t.Location())
	switch {
	case t.Year() == now.Year() && t.YearDay() == now.YearDay():
		return hour
	case t.Year() == now.Year():
		return fmt.Sprintf("%d %s, %s", t.Day(), l.calendar.months[t.Month()-1], hour)
	}
	return fmt.Sprintf("%d %s %d, %s", t.Day(), l.calendar.months[t.Month()-1], t.Year(), hour)
}

// Moment is a moment whole, in the zone of t: weekday, date, time to the second, zone.
func (l *Language) Moment(t time.Time) string {
	return fmt.Sprintf("%s %d %s %d, %s", l.calendar.weekdays[t.Weekday()], t.Day(), l.calendar.long[t.Month()-1], t.Year(), t.Format("15:04:05 MST"))
}

// Minute is a moment to the minute with its date and zone, for texts that nobody reads at a known time: mails, files.
func (l *Language) Minute(t time.Time) string { return l.Date(t) + ", " + t.Format("15:04 MST") }

// Date is a day.
func (l *Language) Date(t time.Time) string {
	return fmt.Sprintf("%d %s %d", t.Day(), l.calendar.months[t.Month()-1], t.Year())
}

// Weekday is the name of a day of the week.
func (l *Language) Weekday(day time.Weekday) string { return l.calendar.weekdays[day] }

// Month is the name of a month.
func (l *Language) Month(month time.Month) string { return l.calendar.long[month-1] }

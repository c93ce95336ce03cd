package desk

import (
	"slices"
	"strings"
	"time"
)

// Hours says when somebody is at work: a week as the clock on the wall of one zone shows it, without the holidays. Targets run within it.
type Hours struct {
	ID        int64     `json:"id" db:"id"`
	Name      string    `json:"name" db:"name"`
	Zone      string    `json:"zone" db:"zone"` // of the IANA database: Europe/Rome
	Week      Week      `json:"week" db:"week"`
	Holidays  []Holiday `json:"holidays" db:"holidays"`
	Default   bool      `json:"default" db:"is_default"` // for teams without hours of their own, and for tickets without a team
	CreatedAt time.Time `json:"created_at" db:"created_at"`
}

// Week holds the open spans of each day, in order and without overlap; Sunday is 0, as in time.Weekday.
type Week [7][]Span

// Span is a part of a day, in minutes since midnight by the clock on the wall. To is not part of it; 1440 is the end of the day.
type Span struct {
	From int `json:"from"`
	To   int `json:"to"`
}

// Holiday is a day on which nobody works: 2026-12-25, or 12-25 for every year.
type Holiday struct {
	Day  string `json:"day"`
	Name string `json:"name,omitempty"`
}

const (
	dayMinutes = 24 * 60
	// MostHolidays is enough for the public holidays of ten years.
	MostHolidays = 200
	// MostSpans is how often a day may begin and end: before and after a siesta, and once more.
	MostSpans = 3
	// farthest is how many days ahead a due time is looked for. What lies beyond never comes.
	farthest = 10 * 366
)

// Always is open day and night: what targets run by where nobody has set hours.
var Always = Hours{Name: "Always", Zone: "UTC", Week: Week{allDay, allDay, allDay, allDay, allDay, allDay, allDay}}

var allDay = []Span{{0, dayMinutes}}

// Check says what is wrong with hours that somebody typed.
func (h Hours) Check() error {
	if h.Name == "" || len(h.Name) > 100 {
		return Wrong("name", "business hours need a name of at most 100 bytes")
	}
	if _, err := time.LoadLocation(h.Zone); err != nil || h.Zone == "" || h.Zone == "Local" {
		return Wrong("zone", "there is no time zone %q: write one like Europe/Rome", h.Zone)
	}
	open := false
	for _, spans := range h.Week {
		if len(spans) > MostSpans {
			return Wrong("week", "a day has %d open spans at most", MostSpans)
		}
		for i, span := range spans {
			if span.From < 0 || span.To > dayMinutes || span.From >= span.To || i > 0 && spans[i-1].To > span.From {
				return Wrong("week", "the spans of a day begin before they end, one after the other, between 00:00 and 24:00")
			}
			open = true
		}
	}
	if !open {
		return Wrong("week", "business hours are open at some time of the week")
	}
	return h.checkHolidays()
}

func (h Hours) checkHolidays() error {
	if len(h.Holidays) > MostHolidays {
		return Wrong("holidays", "there is room for %d holidays", MostHolidays)
	}
	for _, holiday := range h.Holidays {
		if len(holiday.Name) > 100 {
			return Wrong("holidays", "the name of a holiday has at most 100 bytes")
		}
		day := holiday.Day
		if len(day) == len("01-02") {
			day = "2024-" + day // a leap year: 29 February is a day of every fourth year
		}
		if _, err := time.Parse(time.DateOnly, day); err != nil {
			return Wrong("holidays", "%q is no day: write 2026-12-25, or 12-25 for every year", holiday.Day)
		}
	}
	return nil
}

// location is the zone; what cannot be loaded, on a machine without the database, is UTC.
func (h Hours) location() *time.Location {
	zone, err := time.LoadLocation(h.Zone)
	if err != nil {
		return time.UTC
	}
	return zone
}

// closed says whether a day is a holiday.
func (h Hours) closed(day time.Time) bool {
	full := day.Format(time.DateOnly)
	return slices.ContainsFunc(h.Holidays, func(holiday Holiday) bool { return holiday.Day == full || holiday.Day == full[len("2006-"):] })
}

// interval is a stretch of real time.
type interval struct{ from, to time.Time }

// opens lists the open stretches of a day as real time: where clocks are put on or back within a span, it is an hour shorter or longer.
func (h Hours) opens(day time.Time) []interval {
	if h.closed(day) {
		return nil
	}
	var open []interval
	for _, span := range h.Week[day.Weekday()] {
		at := func(minute int) time.Time {
			return time.Date(day.Year(), day.Month(), day.Day(), 0, minute, 0, 0, day.Location())
		}
		if one := (interval{at(span.From), at(span.To)}); one.from.Before(one.to) {
			open = append(open, one)
		}
	}
	return open
}

// days calls look for the open stretches of each day from that of the given time on, until it returns false or farthest is reached.
func (h Hours) days(from time.Time, look func(day time.Time, open []interval) bool) {
	from = from.In(h.location())
	for i := range farthest {
		// Noon is there on every day, whatever happens to the clocks at midnight.
		if day := time.Date(from.Year(), from.Month(), from.Day()+i, 12, 0, 0, 0, from.Location()); !look(day, h.opens(day)) {
			return
		}
	}
}

// Add is when the given time at work, begun at from, is over: the due time of what may take so long. It is zero when that never comes, within ten years. Nothing and less is over at once.
func (h Hours) Add(from time.Time, work time.Duration) (due time.Time) {
	if work <= 0 {
		return from
	}
	h.days(from, func(_ time.Time, open []interval) bool {
		for _, one := range open {
			if one.from.Before(from) {
				one.from = from
			}
			length := one.to.Sub(one.from)
			if length >= work {
				due = one.from.Add(work).UTC()
				return false
			}
			work -= max(length, 0)
		}
		return true
	})
	return due
}

// Between is how much of the time from one moment to another lies within the hours.
func (h Hours) Between(from, to time.Time) (work time.Duration) {
	if !from.Before(to) {
		return 0
	}
	last := to.In(h.location()).Format(time.DateOnly)
	h.days(from, func(day time.Time, open []interval) bool {
		for _, one := range open {
			begin, end := one.from, one.to
			if begin.Before(from) {
				begin = from
			}
			if end.After(to) {
				end = to
			}
			work += max(end.Sub(begin), 0)
		}
		return day.Format(time.DateOnly) < last
	})
	return work
}

// Open says whether a moment lies within the hours.
func (h Hours) Open(at time.Time) bool {
	for _, one := range h.opens(at.In(h.location())) {
		if !at.Before(one.from) && at.Before(one.to) {
			return true
		}
	}
	return false
}

// ParseSpans reads a day as people write it: 9:00-12:30, 14-18. An empty text is a day off.
func ParseSpans(text string) ([]Span, error) {
	var spans []Span
	for _, part := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ';' }) {
		part = strings.NewReplacer("–", "-", "—", "-", " ", "").Replace(part)
		if part == "" {
			continue
		}
		from, to, ok := strings.Cut(part, "-")
		begin, okFrom := parseClock(from)
		end, okTo := parseClock(to)
		if !ok || !okFrom || !okTo {
			return nil, Wrong("week", "%q is no span of a day: write 9:00-12:30, 14:00-18:00", strings.TrimSpace(text))
		}
		spans = append(spans, Span{begin, end})
	}
	return spans, nil
}

// parseClock reads 9, 09:30 or 24:00 as minutes since midnight.
func parseClock(text string) (minutes int, ok bool) {
	hour, minute, split := strings.Cut(strings.ReplaceAll(text, ".", ":"), ":")
	if !split {
		minute = "00"
	}
	h, okHour := twoDigits(hour)
	m, okMinute := twoDigits(minute)
	return h*60 + m, okHour && okMinute && len(minute) == 2 && m < 60 && h*60+m <= dayMinutes
}

func twoDigits(text string) (n int, ok bool) {
	for _, r := range text {
		if r < '0' || r > '9' {
			return 0, false
		}
		n = n*10 + int(r-'0')
	}
	return n, len(text) == 1 || len(text) == 2
}

package desk

import (
	"testing"
	"time"
)

// office is Monday to Friday, 9 to 13 and 14 to 18, in Rome, without Christmas and one day off.
var office = Hours{Name: "Office", Zone: "Europe/Rome", Week: Week{nil, workday, workday, workday, workday, workday, nil}, Holidays: []Holiday{{"12-25", "Christmas"}, {"2026-12-08", "Immacolata"}}}

var workday = []Span{{9 * 60, 13 * 60}, {14 * 60, 18 * 60}}

// night is open around the hour at which clocks change, on Sundays only.
var night = Hours{Name: "Night", Zone: "Europe/Rome", Week: Week{{{0, 6 * 60}}}}

func at(t *testing.T, text, zone string) time.Time {
	t.Helper()
	where, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := time.ParseInLocation("2006-01-02 15:04", text, where)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func TestDueTimesFollowBusinessHours(t *testing.T) {
	for _, c := range []struct {
		name  string
		hours Hours
		from  string
		work  time.Duration
		due   string // empty: never
	}{
		{"within a span", office, "2026-11-30 09:00", time.Hour, "2026-11-30 10:00"},
		{"to the very end of a span", office, "2026-11-30 09:00", 4 * time.Hour, "2026-11-30 13:00"},
		{"over lunch", office, "2026-11-30 12:30", time.Hour, "2026-11-30 14:30"},
		{"over night", office, "2026-11-30 17:00", 2 * time.Hour, "2026-12-01 10:00"},
		{"before work begins", office, "2026-11-30 03:00", time.Hour, "2026-11-30 10:00"},
		{"over the weekend", office, "2026-11-27 17:30", time.Hour, "2026-11-30 09:30"},
		{"begun on a Sunday", office, "2026-11-29 12:00", 8 * time.Hour, "2026-11-30 18:00"},
		{"over a holiday of that year", office, "2026-12-07 17:00", 2 * time.Hour, "2026-12-09 10:00"},
		{"over a holiday of every year", office, "2026-12-24 17:00", 2 * time.Hour, "2026-12-28 10:00"}, // the 25th is a Friday
		{"a week of work", office, "2026-11-30 09:00", 40 * time.Hour, "2026-12-04 18:00"},
		{"nothing at all is due at once", office, "2026-11-28 12:00", 0, "2026-11-28 12:00"},
		{"day and night", Always, "2026-11-28 12:00", 48 * time.Hour, "2026-11-30 12:00"},
		{"clocks put on: the span has five hours", night, "2026-03-29 00:00", 5 * time.Hour, "2026-03-29 06:00"},
		{"clocks put on: the sixth hour is a week away", night, "2026-03-29 00:00", 6 * time.Hour, "2026-04-05 01:00"},
		{"clocks put back: the span has seven hours", night, "2026-10-25 00:00", 7 * time.Hour, "2026-10-25 06:00"},
		{"the clock on the wall stays nine to five when clocks change", office, "2026-10-23 17:00", 2 * time.Hour, "2026-10-26 10:00"},
		{"nobody ever works", Hours{Zone: "UTC"}, "2026-11-28 12:00", time.Minute, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			from := at(t, c.from, c.hours.Zone)
			due := c.hours.Add(from, c.work)
			if c.due == "" {
				if !due.IsZero() {
					t.Errorf("due %s", due)
				}
				return
			}
			if want := at(t, c.due, c.hours.Zone); !due.Equal(want) {
				t.Errorf("due %s, want %s", due.In(want.Location()), want)
			}
			if spent := c.hours.Between(from, due); spent != c.work {
				t.Errorf("from %s to %s are %s at work, want %s", from, due, spent, c.work)
			}
		})
	}
}

func TestTimeAtWork(t *testing.T) {
	for _, c := range []struct {
		name, from, to string
		hours          Hours
		want           time.Duration
	}{
		{"a day", "2026-11-30 00:00", "2026-12-01 00:00", office, 8 * time.Hour},
		{"a week with a holiday", "2026-12-07 00:00", "2026-12-14 00:00", office, 32 * time.Hour},
		{"a weekend", "2026-11-28 00:00", "2026-11-30 09:00", office, 0},
		{"from lunch to lunch", "2026-11-30 13:30", "2026-12-01 13:30", office, 8 * time.Hour},
		{"backwards is nothing", "2026-12-01 12:00", "2026-11-30 12:00", office, 0},
		{"a day on which clocks are put back", "2026-10-25 00:00", "2026-10-26 00:00", Hours{Zone: "Europe/Rome", Week: Always.Week}, 25 * time.Hour},
		{"a year, day and night", "2026-01-01 00:00", "2027-01-01 00:00", Always, 365 * 24 * time.Hour},
	} {
		if got := c.hours.Between(at(t, c.from, c.hours.Zone), at(t, c.to, c.hours.Zone)); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestOpenHours(t *testing.T) {
	for text, want := range map[string]bool{"2026-11-30 08:59": false, "2026-11-30 09:00": true, "2026-11-30 13:00": false, "2026-11-30 17:59": true, "2026-11-29 12:00": false, "2026-12-25 12:00": false} {
		if office.Open(at(t, text, office.Zone)) != want {
			t.Errorf("%s: open is %v", text, !want)
		}
	}
}

func TestSpansAsPeopleWriteThem(t *testing.T) {
	for text, want := range map[string][]Span{
		"": nil, " ": nil, "9-17": {{540, 1020}}, "09:00–12:30, 14:00–18:00": {{540, 750}, {840, 1080}}, "0:00-24:00": {{0, 1440}}, "9.30 - 17.45;": {{570, 1065}},
	} {
		got, err := ParseSpans(text)
		if err != nil || len(got) != len(want) {
			t.Errorf("%q: %v, %v", text, got, err)
			continue
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("%q: %v, want %v", text, got, want)
			}
		}
	}
	for _, text := range []string{"nine to five", "9", "9-25", "9:5-10", "9:60-10", "9-10-11", "-1-5"} {
		if got, err := ParseSpans(text); err == nil {
			t.Errorf("%q is taken for %v", text, got)
		}
	}
}

func TestHoursAreChecked(t *testing.T) {
	if err := office.Check(); err != nil {
		t.Errorf("the office: %v", err)
	}
	if err := Always.Check(); err != nil {
		t.Errorf("always: %v", err)
	}
	for name, spoil := range map[string]func(*Hours){
		"no name":               func(h *Hours) { h.Name = "" },
		"no such zone":          func(h *Hours) { h.Zone = "Europe/Atlantis" },
		"the machine's zone":    func(h *Hours) { h.Zone = "Local" },
		"never open":            func(h *Hours) { h.Week = Week{} },
		"ends before it begins": func(h *Hours) { h.Week[1] = []Span{{600, 500}} },
		"overlaps":              func(h *Hours) { h.Week[1] = []Span{{500, 600}, {550, 700}} },
		"after midnight":        func(h *Hours) { h.Week[1] = []Span{{500, 1441}} },
		"no day":                func(h *Hours) { h.Holidays = []Holiday{{"2026-02-30", ""}} },
		"no day of any year":    func(h *Hours) { h.Holidays = []Holiday{{"02-30", ""}} },
	} {
		h := office
		spoil(&h)
		if h.Check() == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

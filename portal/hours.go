package portal

import (
	"net/url"
	"strconv"
	"strings"

	"postern/desk"
)

// hoursPage is the form of business hours.
type hoursPage struct {
	page
	Hours    desk.Hours
	Days     []dayLine
	Holidays string // one a line
	Problem  string
}

// dayLine is a day of the week, from Monday on.
type dayLine struct {
	Day   int // as time.Weekday counts
	Spans string
}

// week is the order in which people write the days of a week.
var week = [7]int{1, 2, 3, 4, 5, 6, 0}

// hoursNew shows the form of business hours that are to be made, with what is usual.
func (p *Portal) hoursNew(c *call) error {
	usual := []desk.Span{{From: 9 * 60, To: 17 * 60}}
	h := desk.Hours{Zone: c.zone.String(), Week: desk.Week{nil, usual, usual, usual, usual, usual, nil}}
	return p.hoursForm(c, hoursPage{Hours: h, Days: daysOf(h)}, nil)
}

// hoursShow shows the form of business hours.
func (p *Portal) hoursShow(c *call) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	h, err := p.tickets.Hours(c.r.Context(), c.actor, id)
	if err != nil {
		return err
	}
	lines := make([]string, len(h.Holidays))
	for i, holiday := range h.Holidays {
		lines[i] = strings.TrimSpace(holiday.Day + " " + holiday.Name)
	}
	return p.hoursForm(c, hoursPage{Hours: h, Days: daysOf(h), Holidays: strings.Join(lines, "\n")}, nil)
}

// daysOf writes a week as people type it.
func daysOf(h desk.Hours) []dayLine {
	lines := make([]dayLine, 0, len(week))
	for _, day := range week {
		spans := make([]string, len(h.Week[day]))
		for i, span := range h.Week[day] {
			spans[i] = clockOf(span.From) + "-" + clockOf(span.To)
		}
		lines = append(lines, dayLine{day, strings.Join(spans, ", ")})
	}
	return lines
}

// clockOf writes minutes since midnight.
func clockOf(minutes int) string {
	text := strconv.Itoa(minutes%60 + 100)[1:]
	return strconv.Itoa(minutes/60) + ":" + text
}

// hoursForm renders the form, with what was wrong with it.
func (p *Portal) hoursForm(c *call, answer hoursPage, fault *desk.Fault) (err error) {
	if fault != nil {
		answer.Problem = c.sentence(fault.Reason)
	}
	title := answer.Hours.Name
	if answer.Hours.ID == 0 {
		title = c.lang.Say("New business hours")
	}
	if answer.page, err = p.framed(c, title, "/targets"); err != nil {
		return err
	}
	return p.render(c, view{statusOf(fault), "hours", "layout"}, answer)
}

// hoursSet adds business hours or changes them.
func (p *Portal) hoursSet(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	typed := hoursPage{Hours: desk.Hours{ID: number64(form, "id"), Name: strings.TrimSpace(form.Get("name")), Zone: strings.TrimSpace(form.Get("zone")), Default: form.Has("default")}, Holidays: form.Get("holidays")}
	err = typed.read(form)
	if err == nil {
		_, err = p.tickets.SetHours(c.r.Context(), c.actor, typed.Hours)
	}
	if fault := asFault(err); fault != nil && fault.Kind != desk.Forbidden {
		return p.hoursForm(c, typed, fault)
	}
	if err != nil {
		return err
	}
	return c.seeOther("/targets?done=saved")
}

// read takes the days and holidays out of the form; what is wrong with the first that is, is the fault.
func (typed *hoursPage) read(form url.Values) (first error) {
	for _, day := range week {
		text := form.Get("day-" + strconv.Itoa(day))
		spans, err := desk.ParseSpans(text)
		if err != nil && first == nil {
			first = err
		}
		typed.Hours.Week[day] = spans
		typed.Days = append(typed.Days, dayLine{day, text})
	}
	for _, line := range strings.Split(typed.Holidays, "\n") {
		if day, name, _ := strings.Cut(strings.TrimSpace(line), " "); day != "" {
			typed.Hours.Holidays = append(typed.Hours.Holidays, desk.Holiday{Day: day, Name: strings.TrimSpace(name)})
		}
	}
	return first
}

// hoursRemove removes business hours.
func (p *Portal) hoursRemove(c *call) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	if err := p.tickets.DropHours(c.r.Context(), c.actor, id); err != nil {
		return err
	}
	return c.seeOther("/targets?done=removed")
}

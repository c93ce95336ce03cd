package portal

import (
	"fmt"
	"strings"
	"time"

	"postern/desk"
	"postern/language"
)

// chartHeight is that of a chart in its own units; it is plotWidth wide.
const chartHeight = 120

// chart is one drawing: bars beside each other, or lines, over time.
type chart struct {
	Name, Title, Summary string
	Series               []series
	Slots                []chartSlot
	Most                 string // what the top of the chart stands for
	First, Last          string // its ends
	Height               int
	Empty                bool
}

// series is one kind of number in a chart.
type series struct {
	Look  string // of its bars or line
	Title string
	Sum   string
	Path  string // of a line
}

// chartSlot is one day, week or month.
type chartSlot struct {
	Words    string // all its numbers in one line
	X, Width string
	Bars     []chartBar
}

type chartBar struct{ Look, X, Y, W, H string }

// stretchOf is a day, a week or a month of the report.
type stretchOf struct {
	first, last desk.Day
	tally       desk.Tally
}

// stretches puts days together, so that a report has some thirty points and a page stays light: weeks from a month on, months from half a year on. What lies ahead is left out.
func stretches(f desk.Figures) (list []stretchOf, name string) {
	name = "Day"
	switch n := len(f.Days); {
	case n > 200:
		name = "Month"
	case n > 31:
		name = "Week"
	}
	begins := func(day desk.Day) bool {
		return name == "Day" || name == "Week" && day.Weekday() == time.Monday || name == "Month" && day.Day() == 1
	}
	for _, day := range f.Days {
		if day.Day.After(f.Today) {
			break
		}
		if len(list) == 0 || begins(day.Day) {
			list = append(list, stretchOf{first: day.Day})
		}
		one := &list[len(list)-1]
		one.last = day.Day
		one.tally.Add(day.Tally)
	}
	return list, name
}

// title is what a stretch is called.
func (s stretchOf) title(lang *language.Language, name string) string {
	switch name {
	case "Week":
		return lang.Say("week of %s", lang.Date(s.first))
	case "Month":
		return lang.Month(s.first.Month()) + " " + fmt.Sprint(s.first.Year())
	}
	return lang.Date(s.first)
}

// measure is one number of a stretch, for a chart.
type measure struct {
	look, title string
	value       func(desk.Tally) float64 // below 0: there is none
	words       func(float64) string
}

// draw fills in everything that the page shows of the figures.
func (r *reportsPage) draw(lang *language.Language) {
	list, name := stretches(r.Figures)
	r.RowsName, r.Behind = lang.Say(name), r.Figures.Reached.Before(r.Figures.Today) && !r.Figures.Today.IsZero()
	r.Tallies = tilesOf(lang, r.Figures)
	whole := func(n float64) string { return fmt.Sprintf("%.0f", n) }
	span := func(minutes float64) string { return took(lang, time.Duration(minutes*float64(time.Minute))) }
	share := func(of func(desk.Tally) desk.Spread, part float64) func(desk.Tally) float64 {
		return func(t desk.Tally) float64 {
			within, ok := of(t).Share(part)
			if !ok {
				return -1
			}
			return within.Minutes()
		}
	}
	answer, solve := func(t desk.Tally) desk.Spread { return t.Answer }, func(t desk.Tally) desk.Spread { return t.Solve }
	r.Charts = []chart{
		r.bars(lang, "volume", "Opened and resolved tickets", list, name,
			measure{"one", lang.Say("Opened"), func(t desk.Tally) float64 { return float64(t.Created) }, whole},
			measure{"two", lang.Say("Resolved"), func(t desk.Tally) float64 { return float64(t.Solved) }, whole},
			measure{"three", lang.Say("Reopened"), func(t desk.Tally) float64 { return float64(t.Reopened) }, whole}),
		r.lines(lang, "backlog", "Tickets not solved, at the end of the day", list, name,
			measure{"one", lang.Say("Not solved"), func(t desk.Tally) float64 { return float64(t.Backlog) }, whole}),
		r.lines(lang, "answer", "Time to the first answer", list, name,
			measure{"one", lang.Say("Half within"), share(answer, .5), span}, measure{"two", lang.Say("Nine of ten within"), share(answer, .9), span}),
		r.lines(lang, "solution", "Time to the solution", list, name,
			measure{"one", lang.Say("Half within"), share(solve, .5), span}, measure{"two", lang.Say("Nine of ten within"), share(solve, .9), span}),
		r.bars(lang, "mails", "Mails", list, name,
			measure{"one", lang.Say("In"), func(t desk.Tally) float64 { return float64(t.In) }, whole},
			measure{"two", lang.Say("Out"), func(t desk.Tally) float64 { return float64(t.Out) }, whole}),
	}
	for i := len(list) - 1; i >= 0; i-- {
		r.Rows = append(r.Rows, rowOf(lang, list[i].title(lang, name), list[i].tally))
	}
	for _, line := range r.Figures.Lines {
		title := line.Name
		if title == "" {
			title = lang.Say("Nobody's")
		}
		r.Lines = append(r.Lines, rowOf(lang, title, line.Tally))
	}
	for _, one := range r.By {
		if one.Here {
			r.LineName = one.Title
		}
	}
	v := r.Asked.values()
	r.CSV = "/reports.csv?" + v.Encode()
	v.Set("table", "lines")
	r.LinesCSV = "/reports.csv?" + v.Encode()
}

// tilesOf are the sums over the whole time.
func tilesOf(lang *language.Language, f desk.Figures) []tallyTile {
	t := f.Total
	number := func(n int64) string { return fmt.Sprint(n) }
	tiles := []tallyTile{{lang.Say("Opened"), number(t.Created), ""}, {lang.Say("Resolved"), number(t.Solved), ""}, {lang.Say("Reopened"), number(t.Reopened), ""},
		{lang.Say("Not solved at the end"), number(t.Backlog), ""}, {lang.Say("Mails in"), number(t.In), ""}, {lang.Say("Answers out"), number(t.Out), ""}}
	add := func(title string, of, work desk.Spread) {
		median := shareOf(lang, of, .5)
		if median == "" {
			return
		}
		hint := lang.Say("nine of ten within %s", shareOf(lang, of, .9))
		if f.Hours {
			hint = lang.Say("at work %s; nine of ten within %s", shareOf(lang, work, .5), shareOf(lang, of, .9))
		}
		tiles = append(tiles, tallyTile{lang.Say(title), median, hint})
	}
	add("First answer, median", t.Answer, t.AnswerWork)
	add("Solution, median", t.Solve, t.SolveWork)
	if due := t.AnswerMet + t.AnswerMissed + t.SolveMet + t.SolveMissed; due > 0 {
		tiles = append(tiles, tallyTile{lang.Say("Targets met"), percent(lang, t.AnswerMet+t.SolveMet, due), lang.Say("%d of %d", t.AnswerMet+t.SolveMet, due)})
	}
	if said := t.Good + t.Bad; said > 0 {
		tiles = append(tiles, tallyTile{lang.Say("Satisfied"), percent(lang, t.Good, said), lang.Say("%d of %d", t.Good, said)})
	}
	return tiles
}

// begin is a chart without its drawing.
func (r *reportsPage) begin(lang *language.Language, name, title string, list []stretchOf, kind string, measures []measure) (chart, float64) {
	ch := chart{Name: name, Title: lang.Say(title), Height: chartHeight, Empty: true}
	most := 0.0
	words := []string{}
	for _, m := range measures {
		top, at := -1.0, 0
		for i, one := range list {
			if v := m.value(one.tally); v > top {
				top, at = v, i
			}
		}
		if most = max(most, top); top > 0 {
			ch.Empty = false
			words = append(words, lang.Say("%s: at most %s, %s", m.title, m.words(top), list[at].title(lang, kind)))
		}
	}
	if len(list) > 0 {
		ch.First, ch.Last = list[0].title(lang, kind), list[len(list)-1].title(lang, kind)
		ch.Summary = lang.Say("From %s to %s.", lang.Date(list[0].first), lang.Date(list[len(list)-1].last)) + " " + strings.Join(words, "; ")
	}
	if !ch.Empty {
		ch.Most = measures[0].words(most)
	}
	slot := float64(plotWidth) / float64(max(len(list), 1))
	for i, one := range list {
		line := one.title(lang, kind)
		for _, m := range measures {
			if v := m.value(one.tally); v >= 0 {
				line += " · " + m.title + " " + m.words(v)
			}
		}
		ch.Slots = append(ch.Slots, chartSlot{Words: line, X: coordinate(float64(i) * slot), Width: coordinate(slot)})
	}
	return ch, most
}

// bars draws numbers as bars beside each other.
func (r *reportsPage) bars(lang *language.Language, name, title string, list []stretchOf, kind string, measures ...measure) chart {
	ch, most := r.begin(lang, name, title, list, kind, measures)
	slot := float64(plotWidth) / float64(max(len(list), 1))
	width := slot * .8 / float64(len(measures))
	for n, m := range measures {
		sum := 0.0
		for i, one := range list {
			v := m.value(one.tally)
			if sum += v; v <= 0 {
				continue
			}
			height := max(v*chartHeight/most, 1)
			ch.Slots[i].Bars = append(ch.Slots[i].Bars, chartBar{m.look, coordinate((float64(i)+.1)*slot + float64(n)*width), coordinate(chartHeight - height), coordinate(width), coordinate(height)})
		}
		ch.Series = append(ch.Series, series{Look: m.look, Title: m.title, Sum: m.words(sum)})
	}
	return ch
}

// lines draws numbers as lines. Where there is no number a line is interrupted; one that stands alone is a dot.
func (r *reportsPage) lines(lang *language.Language, name, title string, list []stretchOf, kind string, measures ...measure) chart {
	ch, most := r.begin(lang, name, title, list, kind, measures)
	slot := float64(plotWidth) / float64(max(len(list), 1))
	for _, m := range measures {
		var path strings.Builder
		broken := true
		for i, one := range list {
			v := m.value(one.tally)
			if v < 0 {
				broken = true
				continue
			}
			command := "L"
			if broken {
				command = "M"
			}
			x, y := coordinate((float64(i)+.5)*slot), coordinate(chartHeight-v*chartHeight/max(most, 1))
			path.WriteString(command + x + " " + y)
			if broken {
				path.WriteString("h0")
			}
			broken = false
		}
		ch.Series = append(ch.Series, series{Look: m.look, Title: m.title, Path: path.String()})
	}
	return ch
}

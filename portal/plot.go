package portal

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"postern/desk"
	"postern/language"
)

// The plot's own units: it is stretched to whatever room there is, so nothing in it but lines and bars.
const (
	plotWidth  = 1000
	plotRate   = 100 // height of the part that shows the share, from 100 % at the top
	plotGap    = 8
	plotVolume = 42 // height of the part that shows how many
	plotHeight = plotRate + plotGap + plotVolume
)

// plot is the share that passed, day by day, over the number of mails or sessions: drawn by the server, as shapes without any text.
type plot struct {
	lang     *language.Language
	Name     string // for its title; unique on the page
	Title    string
	Summary  string // what a person who does not see it should know
	What     string // what is counted, as the head of a column: mails, sessions
	Of       string // of how many the share is
	UpTo     string // how many the busiest day had
	Days     []plotDay
	Line     string // path of the share; a day without reports interrupts it
	Total    int64
	Passed   int64
	Most     int64 // of one day
	From, To time.Time
	Height   int
}

// plotDay is one day: its numbers, and its bar.
type plotDay struct {
	lang          *language.Language
	Day           time.Time
	Total, Passed int64
	X, Width      string // of the whole day
	BarX, BarW    string
	PassY, PassH  string // what passed, at the bottom
	FailY, FailH  string // what did not, on top of it
	PointX        string
	PointY        string
}

// Rate is the share that passed, in words; empty when there was nothing.
func (d plotDay) Rate() string { return percent(d.lang, d.Passed, d.Total) }

// Words is the day in one line.
func (d plotDay) Words() string {
	return d.lang.Say("%s: %d of %d passed (%s)", d.lang.Date(d.Day), d.Passed, d.Total, d.Rate())
}

// Rate is the share of all that passed, in words.
func (p plot) Rate() string { return percent(p.lang, p.Passed, p.Total) }

// percent never says 100 when something failed, nor 0 when something passed.
func percent(lang *language.Language, part, of int64) string {
	if of <= 0 {
		return ""
	}
	share := 100 * float64(part) / float64(of)
	switch {
	case part > 0 && part < of && (share < 0.1 || share > 99.9):
		if share > 50 {
			return lang.Say("over %s %%", lang.Decimal(99.9, 1))
		}
		return lang.Say("under %s %%", lang.Decimal(0.1, 1))
	case part == of || part <= 0:
		return fmt.Sprintf("%.0f %%", share)
	}
	if whole := math.Round(share); math.Abs(share-whole) < 0.05 {
		return fmt.Sprintf("%.0f %%", whole)
	}
	return lang.Decimal(share, 1) + " %"
}

// plotOf draws the days from since on, so many of them. Days out of that range, and numbers that cannot be, are left out.
func plotOf(lang *language.Language, days []desk.ReportDay, since time.Time, count int) plot {
	p := plot{lang: lang, From: since, To: since.AddDate(0, 0, count-1), Height: plotHeight}
	for _, day := range days {
		if day.Total > 0 && day.Passed >= 0 && day.Passed <= day.Total {
			p.Most = max(p.Most, day.Total)
		}
	}
	slot := float64(plotWidth) / float64(count)
	var line strings.Builder
	last := -2
	for _, day := range days {
		at := int(day.Day.UTC().Sub(since).Hours() / 24)
		if at < 0 || at >= count || at <= last || day.Total <= 0 || day.Passed < 0 || day.Passed > day.Total {
			continue
		}
		one := barOf(day, float64(at)*slot, slot, p.Most)
		one.lang = lang
		p.Days, p.Total, p.Passed = append(p.Days, one), p.Total+day.Total, p.Passed+day.Passed
		command := "L"
		if at != last+1 {
			command = "M"
		}
		line.WriteString(command + one.PointX + " " + one.PointY)
		last = at
	}
	p.Line = line.String()
	return p
}

// barOf draws one day into its slot.
func barOf(day desk.ReportDay, x, slot float64, most int64) plotDay {
	one := plotDay{Day: day.Day, Total: day.Total, Passed: day.Passed, X: coordinate(x), Width: coordinate(slot)}
	width := slot * 0.7
	one.BarX, one.BarW = coordinate(x+(slot-width)/2), coordinate(width)
	scale := float64(plotVolume) / float64(most)
	pass, fail := float64(day.Passed)*scale, float64(day.Total-day.Passed)*scale
	if day.Passed < day.Total {
		fail = max(fail, 1.5) // one forgery among many mails is what the reader looks for
	}
	pass = min(pass, plotVolume-fail)
	one.PassY, one.PassH = coordinate(plotHeight-pass), coordinate(pass)
	one.FailY, one.FailH = coordinate(plotHeight-pass-fail), coordinate(fail)
	one.PointX = coordinate(x + slot/2)
	one.PointY = coordinate(plotRate * (1 - float64(day.Passed)/float64(day.Total)))
	return one
}

// coordinate is short: a page holds hundreds.
func coordinate(f float64) string {
	return strings.TrimSuffix(strings.TrimRight(strconv.FormatFloat(f, 'f', 1, 64), "0"), ".")
}

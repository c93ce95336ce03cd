package portal

import (
	"fmt"
	"html/template"
	"time"

	"postern/desk"
	"postern/language"
)

// dueBadge says by when something is due, or since when it is overdue.
type dueBadge struct {
	Words string
	Class string    // bad, warn or nothing
	At    time.Time // zero: nothing is due
}

// nearlyDue is from when on a badge warns.
const nearlyDue = time.Hour

// dueAt is the badge of a due time; without words for none.
func dueAt(lang *language.Language, at *time.Time, now time.Time) dueBadge {
	if at == nil {
		return dueBadge{}
	}
	left := at.Sub(now)
	switch {
	case left < 0:
		return dueBadge{lang.Say("overdue %s", lengthOf(lang, -left)), "bad", *at}
	case left < nearlyDue:
		return dueBadge{lang.Say("due in %s", lengthOf(lang, left)), "warn", *at}
	}
	return dueBadge{lang.Say("due in %s", lengthOf(lang, left)), "", *at}
}

// dueNext is the badge of what is due first on a ticket.
func dueNext(lang *language.Language, t desk.Ticket, now time.Time) dueBadge {
	next := t.AnswerDueAt
	if next == nil || t.SolveDueAt != nil && t.SolveDueAt.Before(*next) {
		next = t.SolveDueAt
	}
	return dueAt(lang, next, now)
}

// lengthOf is a length of time in the few letters that a badge has room for.
func lengthOf(lang *language.Language, d time.Duration) string {
	switch {
	case d < time.Hour:
		return lang.Say("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return lang.Say("%d h", int(d.Hours()))
	}
	return lang.Say("%d d", int(d.Hours()/24))
}

// both is two values for one template.
type both struct{ First, Second any }

// workFunctions are the words of templates about the work on tickets.
func workFunctions(lang *language.Language, now func() time.Time) template.FuncMap {
	return template.FuncMap{
		"due":     func(t desk.Ticket) dueBadge { return dueNext(lang, t, now()) },
		"dueAt":   func(at *time.Time) dueBadge { return dueAt(lang, at, now()) },
		"span":    func(minutes *int) string { return spanOf(lang, minutes) },
		"weekday": func(day int) string { return capital(lang.Weekday(time.Weekday(day))) },
		"pair":    func(first, second any) both { return both{first, second} },
		"ticket": func(number int64) template.HTML {
			return template.HTML(fmt.Sprintf(`<a href="/tickets/%d">#%d</a>`, number, number))
		},
	}
}

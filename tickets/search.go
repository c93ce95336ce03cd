package tickets

import (
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"postern/desk"
	"postern/mailtext"
	"postern/store"
)

// term is one word of a search as it was typed: `-from:"bob miller"` is {Name: from, Value: bob miller, Quoted, Absent}.
type term struct {
	Name   string // of an operator; empty: a free word
	Value  string
	Quoted bool
	Absent bool // it must not be there
}

// operators are the words before a colon that mean something; any other word with a colon is text.
var operators = map[string]bool{
	"from": true, "to": true, "subject": true, "status": true, "assignee": true, "team": true, "tag": true, "mailbox": true, "priority": true,
	"field": true, "has": true, "is": true, "before": true, "after": true,
}

const (
	// mostTerms bounds a search: each term is a condition.
	mostTerms = 20
	// shortestBeginning is from how many letters on the last word may be the beginning of another: of fewer, half the dictionary is one.
	shortestBeginning = 3
)

// parseTerms takes a search apart. It never fails: a quote that is not closed goes on to the end, and white space after an operator's colon is overlooked.
func parseTerms(text string) []term {
	var terms []term
	rest := strings.TrimSpace(storable(text))
	for rest != "" && len(terms) < mostTerms {
		var t term
		if after, ok := strings.CutPrefix(rest, "-"); ok {
			t.Absent, rest = true, after
		}
		if name, after, ok := strings.Cut(rest, ":"); ok && operators[strings.ToLower(name)] {
			t.Name, rest = strings.ToLower(name), strings.TrimLeftFunc(after, unicode.IsSpace)
		}
		t.Value, t.Quoted, rest = valueOf(t.Name, rest)
		rest = strings.TrimLeftFunc(rest, unicode.IsSpace)
		if t.Value != "" || t.Name != "" {
			terms = append(terms, t)
		}
	}
	return terms
}

// valueOf cuts the next value off: up to white space, or between quotes. A field's value may have quotes of its own, as in field:plan="very large".
func valueOf(name, text string) (value string, quoted bool, rest string) {
	if after, ok := strings.CutPrefix(text, `"`); ok {
		value, rest, _ = strings.Cut(after, `"`)
		return strings.TrimSpace(value), true, rest
	}
	end := strings.IndexFunc(text, unicode.IsSpace)
	if end < 0 {
		end = len(text)
	}
	if at := strings.Index(text[:end], `="`); at > 0 && name == "field" {
		inner, after, _ := strings.Cut(text[at+2:], `"`)
		return text[:at+1] + strings.TrimSpace(inner), false, after
	}
	return text[:end], false, text[end:]
}

// asker is who searches, and when: what "me" and "overdue" mean.
type asker struct {
	me  int64
	now time.Time
}

// filterOf turns a query into the conditions that the store asks for.
func filterOf(q desk.TicketQuery, by asker) (store.TicketFilter, error) {
	f := store.TicketFilter{
		Statuses: q.Statuses, AssigneeID: q.AssigneeID, Unassigned: q.Unassigned, MailboxID: q.MailboxID,
		Requester: desk.Canonical(storable(q.Requester)), Order: q.Order, Cursor: q.Cursor, Limit: q.Limit,
		Narrow: store.Narrow{TeamID: q.TeamID, NoTeam: q.NoTeam, TeamsOf: q.TeamsOf, Priorities: q.Priorities, Sleep: q.Sleep},
	}
	if q.Overdue {
		f.Overdue = by.now
	}
	for _, priority := range q.Priorities {
		if !priority.Valid() {
			return f, desk.Wrong("priority", "there is no priority %q", priority)
		}
	}
	for _, status := range q.Statuses {
		if !status.Valid() {
			return f, desk.Wrong("status", "there is no status %q", status)
		}
	}
	if q.Tag != "" {
		f.Tags = []string{tagOf(q.Tag)}
	}
	terms := parseTerms(q.Text)
	if number, ok := bareNumber(terms); ok {
		return numbered(f, terms[0], number), nil
	}
	last := lastWord(terms)
	for i, t := range terms {
		var err error
		if t.Name == "" {
			f.Find = append(f.Find, freeWord(t, i == last)...)
		} else {
			err = operator(&f, t, by)
		}
		if err != nil {
			return f, err
		}
	}
	return f, nil
}

// lastWord is the place of the free word that is perhaps still being typed, or -1.
func lastWord(terms []term) int {
	last := -1
	for i, t := range terms {
		if t.Name == "" && !t.Quoted && !t.Absent {
			last = i
		}
	}
	return last
}

// bareNumber says whether the search is nothing but #123 or 123.
func bareNumber(terms []term) (int64, bool) {
	if len(terms) != 1 || terms[0].Name != "" || terms[0].Absent || terms[0].Quoted {
		return 0, false
	}
	number, err := strconv.ParseInt(strings.TrimPrefix(terms[0].Value, "#"), 10, 64)
	return number, err == nil && number > 0
}

// numbered asks for the ticket of that number; without the # it may as well be a word of a mail, such as an order's number.
func numbered(f store.TicketFilter, t term, number int64) store.TicketFilter {
	if strings.HasPrefix(t.Value, "#") {
		f.Numbers = []int64{number}
		return f
	}
	f.Find = []store.Find{{Lexemes: mailtext.Lexemes(t.Value), Number: number}}
	return f
}

// freeWord is a word or a phrase anywhere in a message. A phrase is looked for as it stands, after its words have led to the messages that may hold it.
func freeWord(t term, unfinished bool) []store.Find {
	find := store.Find{Lexemes: mailtext.Lexemes(t.Value), Absent: t.Absent}
	if t.Quoted && strings.ContainsFunc(t.Value, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		find.Exact = t.Value
	}
	if unfinished && utf8.RuneCountInString(t.Value) >= shortestBeginning {
		find.Prefix = store.Beginning
	}
	if len(find.Lexemes) == 0 && find.Exact == "" {
		return nil // nothing but punctuation
	}
	return []store.Find{find}
}

// operator adds the condition of one operator, or with a - before it that it does not hold.
func operator(f *store.TicketFilter, t term, by asker) error {
	if t.Value == "" {
		return desk.Wrong("q", "%s: needs a word after it, such as %s", t.Name, examples[t.Name])
	}
	if t.Absent && t.Name != "from" && t.Name != "to" {
		var without store.TicketFilter
		t.Absent = false
		if err := operator(&without, t, by); err != nil {
			return err
		}
		f.Without = append(f.Without, without)
		return nil
	}
	switch t.Name {
	case "from":
		f.Find = append(f.Find, store.Find{Lexemes: mailtext.Lexemes(t.Value), Prefix: store.Beginning, In: store.Sender, Exact: t.Value, Absent: t.Absent})
	case "to":
		f.Find = append(f.Find, store.Find{Lexemes: mailtext.Lexemes(t.Value), Prefix: store.Beginning, In: store.People, Exact: t.Value, Absent: t.Absent})
	case "subject":
		f.Subject = t.Value
		f.Find = append(f.Find, freeWord(term{Value: t.Value}, true)...) // the words first: they have an index
	case "status":
		return addStatus(f, desk.Status(strings.ToLower(t.Value)))
	case "priority":
		priority := desk.Priority(strings.ToLower(t.Value))
		if !priority.Valid() {
			return desk.Wrong("q", "there is no priority %q: they are low, normal, high and urgent", t.Value)
		}
		f.Priorities = append(f.Priorities, priority)
	case "assignee", "team":
		whose(f, t, by)
	case "tag":
		f.Tags = append(f.Tags, tagOf(t.Value))
	case "mailbox":
		f.Mailbox = t.Value
	case "field":
		return addField(f, t.Value)
	case "has":
		if strings.ToLower(t.Value) != "attachment" {
			return desk.Wrong("q", "has: knows only has:attachment")
		}
		f.Attachment = true
	case "is":
		return is(f, strings.ToLower(t.Value), by)
	case "before", "after":
		return addDay(f, t)
	}
	return nil
}

// examples are what a person reads who has left out what an operator asks for.
var examples = map[string]string{
	"from": "from:anna", "to": "to:sales", "subject": "subject:invoice", "status": "status:open", "assignee": "assignee:me", "team": "team:mine", "tag": "tag:billing",
	"mailbox": "mailbox:support", "priority": "priority:high", "field": "field:plan=gold", "has": "has:attachment", "is": "is:unassigned",
	"before": "before:2026-11-22", "after": "after:2026-11-22",
}

// whose adds a condition on who works on the ticket.
func whose(f *store.TicketFilter, t term, by asker) {
	word := strings.ToLower(t.Value)
	switch {
	case t.Name == "assignee" && word == desk.AssigneeMe:
		f.AssigneeID = by.me
	case t.Name == "assignee" && word == desk.AssigneeNone:
		f.Unassigned = true
	case t.Name == "assignee":
		f.Assignee = t.Value
	case word == desk.TeamMine:
		f.TeamsOf = by.me
	case word == desk.TeamNone:
		f.NoTeam = true
	default:
		f.Team = t.Value
	}
}

// addField adds a condition on a field: name=value, or a name alone for any value.
func addField(f *store.TicketFilter, text string) error {
	name, value, _ := strings.Cut(text, "=")
	name = strings.ToLower(strings.TrimSpace(name))
	if name == "" {
		return desk.Wrong("q", "field: takes the name of a field and its value, such as field:plan=gold")
	}
	f.Fields = append(f.Fields, store.Field{Name: name, Value: strings.TrimSpace(value)})
	return nil
}

func addDay(f *store.TicketFilter, t term) error {
	day, err := time.Parse(time.DateOnly, t.Value)
	if err != nil {
		return desk.Wrong("q", "%s: takes a day such as 2026-11-22", t.Name)
	}
	if t.Name == "before" {
		f.Before = day
	} else {
		f.After = day
	}
	return nil
}

func is(f *store.TicketFilter, word string, by asker) error {
	switch word {
	case "unassigned":
		f.Unassigned = true
	case "snoozed":
		f.Sleep = desk.SleepAsleep
	case "overdue":
		f.Overdue = by.now
	default:
		if !desk.Status(word).Valid() {
			return desk.Wrong("q", "is: knows unassigned, snoozed, overdue and the statuses, such as is:open")
		}
		return addStatus(f, desk.Status(word))
	}
	return nil
}

func addStatus(f *store.TicketFilter, status desk.Status) error {
	if !status.Valid() {
		return desk.Wrong("q", "there is no status %q: they are new, open, pending, hold, solved and closed", status)
	}
	f.Statuses = append(f.Statuses, status)
	return nil
}

// tagOf is the one form in which a tag is kept: lower case, one word.
func tagOf(text string) string {
	return strings.Join(strings.Fields(strings.ToLower(storable(text))), "-")
}

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
	"from": true, "to": true, "subject": true, "status": true, "assignee": true, "tag": true, "mailbox": true,
	"has": true, "is": true, "before": true, "after": true,
}

const (
	// mostTerms bounds a search: each term is a condition.
	mostTerms = 20
	// shortestBeginning is from how many letters on the last word may be the beginning of another: of fewer, half the dictionary is one.
	shortestBeginning = 3
)

// parseTerms takes a search apart. It never fails: a quote that is not closed goes on to the end.
func parseTerms(text string) []term {
	var terms []term
	rest := strings.TrimSpace(storable(text))
	for rest != "" && len(terms) < mostTerms {
		var t term
		if after, ok := strings.CutPrefix(rest, "-"); ok {
			t.Absent, rest = true, after
		}
		if name, after, ok := strings.Cut(rest, ":"); ok && operators[strings.ToLower(name)] {
			t.Name, rest = strings.ToLower(name), after
		}
		if after, ok := strings.CutPrefix(rest, `"`); ok {
			t.Quoted = true
			t.Value, rest, _ = strings.Cut(after, `"`)
		} else {
			end := strings.IndexFunc(rest, unicode.IsSpace)
			if end < 0 {
				end = len(rest)
			}
			t.Value, rest = rest[:end], rest[end:]
		}
		t.Value = strings.TrimSpace(t.Value)
		rest = strings.TrimLeftFunc(rest, unicode.IsSpace)
		if t.Value != "" {
			terms = append(terms, t)
		}
	}
	return terms
}

// filterOf turns a query into the conditions that the store asks for. me is who asks.
func filterOf(q desk.TicketQuery, me int64) (store.TicketFilter, error) {
	f := store.TicketFilter{
		Statuses: q.Statuses, AssigneeID: q.AssigneeID, Unassigned: q.Unassigned, MailboxID: q.MailboxID,
		Requester: desk.Canonical(storable(q.Requester)), Order: q.Order, Cursor: q.Cursor, Limit: q.Limit,
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
	last := -1 // the free word that is perhaps still being typed
	for i, t := range terms {
		if t.Name == "" && !t.Quoted && !t.Absent {
			last = i
		}
	}
	for i, t := range terms {
		var err error
		if t.Name == "" {
			f.Find = append(f.Find, freeWord(t, i == last)...)
		} else {
			err = operator(&f, t, me)
		}
		if err != nil {
			return f, err
		}
	}
	return f, nil
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

// operator adds the condition of one operator.
func operator(f *store.TicketFilter, t term, me int64) error {
	if t.Absent && t.Name != "from" && t.Name != "to" {
		return desk.Wrong("q", "- can stand before words, from: and to:, and not before %s:", t.Name)
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
	case "assignee":
		switch strings.ToLower(t.Value) {
		case "me":
			f.AssigneeID = me
		case "none":
			f.Unassigned = true
		default:
			f.Assignee = t.Value
		}
	case "tag":
		f.Tags = append(f.Tags, tagOf(t.Value))
	case "mailbox":
		f.Mailbox = t.Value
	case "has":
		if t.Value != "attachment" {
			return desk.Wrong("q", "has: knows only has:attachment")
		}
		f.Attachment = true
	case "is":
		return is(f, strings.ToLower(t.Value))
	case "before", "after":
		day, err := time.Parse(time.DateOnly, t.Value)
		if err != nil {
			return desk.Wrong("q", "%s: takes a day such as 2026-11-22", t.Name)
		}
		if t.Name == "before" {
			f.Before = day
		} else {
			f.After = day
		}
	}
	return nil
}

func is(f *store.TicketFilter, word string) error {
	if word == "unassigned" {
		f.Unassigned = true
		return nil
	}
	if desk.Status(word).Valid() {
		return addStatus(f, desk.Status(word))
	}
	return desk.Wrong("q", "is: knows unassigned and the statuses, such as is:open")
}

func addStatus(f *store.TicketFilter, status desk.Status) error {
	if !status.Valid() {
		return desk.Wrong("q", "there is no status %q", status)
	}
	f.Statuses = append(f.Statuses, status)
	return nil
}

// tagOf is the one form in which a tag is kept: lower case, one word.
func tagOf(text string) string {
	return strings.Join(strings.Fields(strings.ToLower(storable(text))), "-")
}

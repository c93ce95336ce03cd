package portal

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"postern/desk"
)

// listing is a list of tickets as the address bar holds it: everything that a link back to the same list needs.
type listing struct {
	View   string     // name of one of views, or the number of a saved one
	Saved  desk.View  // the saved view, once it is read; its ID is 0 before, and for the others
	Over   url.Values // what the address asks for beyond its view, by the keys of filterKeys
	Cursor string
}

// viewName is one of the views that everybody has.
type viewName struct {
	Name, Title string
	Key         string // the key after g that opens it
	count       func(desk.ViewCounts) int64
	filter      desk.ListFilter
}

// waitingForUs are the statuses of what waits for somebody here.
var waitingForUs = []desk.Status{desk.StatusNew, desk.StatusOpen}

// views lists the views in the order of the rail. The first is where people land.
var views = []viewName{
	{"inbox", "Inbox", "i", func(n desk.ViewCounts) int64 { return n.Open }, desk.ListFilter{Statuses: waitingForUs, Sleep: desk.SleepAwake}},
	{"mine", "Mine", "m", func(n desk.ViewCounts) int64 { return n.Mine },
		desk.ListFilter{Statuses: []desk.Status{desk.StatusNew, desk.StatusOpen, desk.StatusPending}, Assignee: desk.AssigneeMe, Sleep: desk.SleepAwake}},
	{"unassigned", "Unassigned", "u", func(n desk.ViewCounts) int64 { return n.Unassigned },
		desk.ListFilter{Statuses: waitingForUs, Assignee: desk.AssigneeNone, Sleep: desk.SleepAwake}},
	{"pending", "Pending", "", func(n desk.ViewCounts) int64 { return n.Pending }, desk.ListFilter{Statuses: []desk.Status{desk.StatusPending}, Sleep: desk.SleepAwake}},
	{"hold", "On hold", "", func(n desk.ViewCounts) int64 { return n.Hold }, desk.ListFilter{Statuses: []desk.Status{desk.StatusHold}, Sleep: desk.SleepAwake}},
	{"snoozed", "Snoozed", "", func(n desk.ViewCounts) int64 { return n.Snoozed }, desk.ListFilter{Sleep: desk.SleepAsleep}},
	{"solved", "Solved", "", func(n desk.ViewCounts) int64 { return n.Solved }, desk.ListFilter{Statuses: []desk.Status{desk.StatusSolved}, Order: desk.OrderUpdated}},
	{"all", "Everything", "", func(desk.ViewCounts) int64 { return 0 }, desk.ListFilter{Order: desk.OrderUpdated}},
}

// listingOf reads the list out of an address. Search looks everywhere unless a view is named.
func listingOf(values url.Values) listing {
	l := listing{View: values.Get("view"), Over: url.Values{}, Cursor: values.Get("cursor")}
	for _, key := range filterKeys {
		if given, ok := values[key]; ok {
			l.Over[key] = given
		}
	}
	if _, standard := l.standard(); !standard && l.savedID() == 0 {
		l.View = views[0].Name
		if l.Query() != "" {
			l.View = "all"
		}
	}
	return l.settled()
}

// standard is the view that the listing names, if it is one that everybody has.
func (l listing) standard() (viewName, bool) {
	for _, one := range views {
		if one.Name == l.View {
			return one, true
		}
	}
	return viewName{}, false
}

// savedID is the number of the saved view that the listing names, or 0.
func (l listing) savedID() int64 {
	id, err := strconv.ParseInt(l.View, 10, 64)
	if err != nil || id < 0 {
		return 0
	}
	return id
}

// base is the filter of the listing's view; known is false while a saved one is not read.
func (l listing) base() (base desk.ListFilter, known bool) {
	if one, standard := l.standard(); standard {
		return one.filter, true
	}
	return l.Saved.Filter, l.Saved.ID != 0
}

// Filter is what the list is narrowed to: its view's filter, with what the address says otherwise.
func (l listing) Filter() desk.ListFilter {
	f, _ := l.base()
	for key, given := range l.Over {
		readFilter(&f, key, given)
	}
	return f
}

// settled leaves out of the listing what its view asks for anyway, so that one list has one address.
func (l listing) settled() listing {
	base, known := l.base()
	if !known {
		return l
	}
	want, over := l.Filter(), url.Values{}
	for _, key := range filterKeys {
		if words := filterWords(want, key); !slices.Equal(words, filterWords(base, key)) {
			over[key] = words
		}
	}
	l.Over = over
	return l
}

// with is the listing with one condition replaced, from its first page on.
func (l listing) with(key string, words ...string) listing {
	over := url.Values{}
	for known, given := range l.Over {
		over[known] = given
	}
	over[key] = words
	l.Over, l.Cursor = over, ""
	return l.settled()
}

// ask is the listing as a question to the service.
func (l listing) ask(user desk.User) (desk.TicketQuery, error) {
	q, err := l.Filter().Query(user.ID)
	q.Cursor, q.Limit = l.Cursor, 30
	return q, err
}

// Query is what is searched for.
func (l listing) Query() string { return l.Filter().Text }

// Changed says whether the list asks for something beyond its view.
func (l listing) Changed() bool { return len(l.Over) > 0 }

// values is the listing as the query part of an address, without the place in it.
func (l listing) values() url.Values {
	v := url.Values{}
	if l.View != "" && l.View != views[0].Name {
		v.Set("view", l.View)
	}
	for key, given := range l.Over {
		v[key] = given
	}
	return v
}

// suffix is the listing after a path: ?view=… or nothing.
func (l listing) suffix() string {
	if text := l.values().Encode(); text != "" {
		return "?" + text
	}
	return ""
}

// URL is the address of the list itself.
func (l listing) URL() string { return "/tickets" + l.suffix() }

// Ticket is the address of a ticket seen from this list.
func (l listing) Ticket(number int64) string { return fmt.Sprintf("/tickets/%d%s", number, l.suffix()) }

// More is the address of the next page of the list.
func (l listing) More(cursor string) string {
	v := l.values()
	v.Set("cursor", cursor)
	return "/tickets?" + v.Encode()
}

// Here is the address of this very page of the list.
func (l listing) Here() string {
	if l.Cursor == "" {
		return l.URL()
	}
	return l.More(l.Cursor)
}

// Plain is the address of the view without what is asked for beyond it.
func (l listing) Plain() string { return listing{View: l.View}.URL() }

// Keep is the address of the form that keeps this list as a view, Edit that of its saved view with what is asked for now.
func (l listing) Keep() string { return "/views/new" + l.suffix() }

// Edit is the address of the form of the list's saved view, filled with what is asked for now.
func (l listing) Edit() string {
	v := l.values()
	v.Del("view")
	if len(v) == 0 {
		return fmt.Sprintf("/views/%d", l.Saved.ID)
	}
	return fmt.Sprintf("/views/%d?%s", l.Saved.ID, v.Encode())
}

// Bulk is where the form goes that changes what is ticked.
func (l listing) Bulk() string { return "/tickets/bulk" + l.suffix() }

// Title is what the list is called: the English word, or the name that a person gave it.
func (l listing) Title() string {
	if l.Saved.ID != 0 {
		return l.Saved.Name
	}
	one, standard := l.standard()
	if !standard {
		return "View"
	}
	if l.Over.Get("q") != "" {
		return "Search"
	}
	for _, key := range []string{"status", "assignee", "sleep"} {
		if l.Over.Has(key) && one.Name != "all" && !slices.Equal(filterWords(one.filter, key), []string{anyWord}) {
			return "Filtered"
		}
	}
	return one.Title
}

// resolved reads the saved view that a listing names. One that is gone, or not for this reader, is everything.
func (p *Portal) resolved(c *call, l listing) (listing, error) {
	id := l.savedID()
	if id == 0 || l.Saved.ID != 0 {
		return l, nil
	}
	view, err := p.tickets.View(c.r.Context(), c.actor, id)
	if fault := asFault(err); fault != nil && fault.Kind == desk.NotFound {
		return listing{View: "all"}, nil
	}
	l.Saved = view
	return l.settled(), err
}

// anyWord stands in an address for no condition, where the view has one.
const anyWord = "any"

// filterKeys are the conditions of a list, as the parts of its address are called.
var filterKeys = []string{"status", "mailbox", "assignee", "team", "tag", "priority", "sleep", "overdue", "order", "q"}

// readFilter takes one condition out of an address. What cannot be read asks for nothing.
func readFilter(f *desk.ListFilter, key string, given []string) {
	word := ""
	if len(given) > 0 {
		word = strings.TrimSpace(given[0])
	}
	one := word
	if word == anyWord {
		one = ""
	}
	switch key {
	case "status":
		f.Statuses = knownOf(given, desk.Statuses)
	case "mailbox":
		f.Mailbox = number64(url.Values{"id": {one}}, "id")
	case "assignee":
		f.Assignee = whoOf(one, desk.AssigneeMe, desk.AssigneeNone)
	case "team":
		f.Team = whoOf(one, desk.TeamMine, desk.TeamNone)
	case "tag":
		f.Tag = strings.ToLower(strings.Join(strings.Fields(word), "-"))
	case "priority":
		f.Priorities = knownOf(given, desk.Priorities)
	case "sleep":
		f.Sleep = desk.SleepEither
		if sleep := desk.Sleep(one); sleep == desk.SleepAwake || sleep == desk.SleepAsleep {
			f.Sleep = sleep
		}
	case "overdue":
		f.Overdue = word == "yes"
	case "order":
		f.Order = ""
		if order := desk.Order(one); order.Valid() && order != desk.OrderWaiting {
			f.Order = order
		}
	case "q":
		f.Text = word
	}
}

// knownOf reads those of the known words that are given, one in each value or several with commas, in the order in which people meet them.
func knownOf[T ~string](given []string, known []T) []T {
	words := strings.Split(strings.Join(given, ","), ",")
	var found []T
	for _, one := range known {
		if slices.Contains(words, string(one)) {
			found = append(found, one)
		}
	}
	return found
}

// whoOf reads one of the words, or a number.
func whoOf(word string, words ...string) string {
	if id, err := strconv.ParseInt(word, 10, 64); slices.Contains(words, word) || err == nil && id > 0 {
		return word
	}
	return ""
}

// filterWords is the way back: one condition as it stands in an address.
func filterWords(f desk.ListFilter, key string) []string {
	one := ""
	switch key {
	case "status":
		return orAny(f.Statuses)
	case "priority":
		return orAny(f.Priorities)
	case "mailbox":
		if f.Mailbox != 0 {
			one = strconv.FormatInt(f.Mailbox, 10)
		}
	case "assignee":
		one = f.Assignee
	case "team":
		one = f.Team
	case "sleep":
		one = string(f.Sleep)
	case "order":
		if one = string(f.Order); one == "" {
			one = string(desk.OrderWaiting)
		}
	case "tag":
		return []string{f.Tag}
	case "q":
		return []string{f.Text}
	case "overdue":
		one = "no"
		if f.Overdue {
			one = "yes"
		}
	}
	if one == "" {
		one = anyWord
	}
	return []string{one}
}

func orAny[T ~string](list []T) []string {
	if len(list) == 0 {
		return []string{anyWord}
	}
	words := make([]string, len(list))
	for i, one := range list {
		words[i] = string(one)
	}
	return words
}

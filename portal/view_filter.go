package portal

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"postern/desk"
)

// option is one line of a select.
type option struct {
	Value, Label string
	On           bool
}

// filterForm is what a list can be narrowed to, as controls.
type filterForm struct {
	Status, Mailbox, Assignee, Team, Priority, Sleep, Order []option
	Tag                                                     string
	Tags                                                    []string // known ones
	Overdue                                                 bool
	Text                                                    string
	Open                                                    bool // somebody is at it
}

// chip is one condition beyond the list's view, with the way to take it off.
type chip struct{ Text, URL string }

// mostOffered is how many tags a list offers while one is typed; others can be typed all the same, and a page stays small.
const mostOffered = 100

// nearby is what lists name besides tickets.
type nearby struct {
	mailboxes []desk.Mailbox
	staff     []desk.User
	teams     []desk.Team
	tags      []string
}

// nearby reads what the controls of a list offer.
func (p *Portal) nearby(c *call) (a nearby, err error) {
	ctx := c.r.Context()
	if a.mailboxes, err = p.domains.Mailboxes(ctx); err != nil {
		return a, err
	}
	if a.staff, err = p.identity.Staff(ctx); err != nil {
		return a, err
	}
	if a.teams, err = p.tickets.Teams(ctx, c.actor); err != nil {
		return a, err
	}
	a.tags, err = p.tickets.TagNames(ctx, c.actor)
	a.tags = a.tags[:min(len(a.tags), mostOffered)]
	return a, err
}

// formOf fills the controls of a filter.
func (a nearby) formOf(c *call, f desk.ListFilter) filterForm {
	say := c.lang.Say
	pick := func(key string, list ...option) []option {
		now, found := filterWords(f, key), false
		for i := range list {
			list[i].On = strings.Join(now, ",") == list[i].Value
			found = found || list[i].On
		}
		if !found { // several at once, or somebody who is gone: it stays until something else is chosen
			list = append(list, option{Value: strings.Join(now, ","), Label: words(c, now), On: true})
		}
		return list
	}
	form := filterForm{Tag: f.Tag, Tags: a.tags, Overdue: f.Overdue, Text: f.Text}
	statuses := []option{{Value: anyWord, Label: say("Any status")}, {Value: "new,open", Label: say("New or open")}}
	for _, status := range desk.Statuses {
		statuses = append(statuses, option{Value: string(status), Label: say(label(status))})
	}
	form.Status = pick("status", statuses...)
	boxes := []option{{Value: anyWord, Label: say("All mailboxes")}}
	for _, box := range a.mailboxes {
		boxes = append(boxes, option{Value: strconv.FormatInt(box.ID, 10), Label: boxName(box)})
	}
	form.Mailbox = pick("mailbox", boxes...)
	people := []option{{Value: anyWord, Label: say("Anybody")}, {Value: desk.AssigneeMe, Label: say("Me")}, {Value: desk.AssigneeNone, Label: say("Nobody")}}
	for _, person := range a.staff {
		people = append(people, option{Value: strconv.FormatInt(person.ID, 10), Label: person.Name})
	}
	form.Assignee = pick("assignee", people...)
	teams := []option{{Value: anyWord, Label: say("Any team")}, {Value: desk.TeamMine, Label: say("My teams")}, {Value: desk.TeamNone, Label: say("No team")}}
	for _, team := range a.teams {
		teams = append(teams, option{Value: strconv.FormatInt(team.ID, 10), Label: team.Name})
	}
	form.Team = pick("team", teams...)
	priorities := []option{{Value: anyWord, Label: say("Any priority")}}
	for _, priority := range slices.Backward(desk.Priorities) {
		priorities = append(priorities, option{Value: string(priority), Label: say(label(priority))})
	}
	form.Priority = pick("priority", priorities...)
	form.Sleep = pick("sleep", option{Value: anyWord, Label: say("Snoozed or not")}, option{Value: string(desk.SleepAwake), Label: say("Not snoozed")}, option{Value: string(desk.SleepAsleep), Label: say("Snoozed")})
	for _, order := range desk.Orders {
		form.Order = append(form.Order, option{Value: string(order), Label: say(orderNames[order])})
	}
	form.Order = pick("order", form.Order...)
	return form
}

// words are several stored words for people, with commas.
func words[T ~string](c *call, list []T) string {
	text := ""
	for i, one := range list {
		if i > 0 {
			text += ", "
		}
		text += c.lang.Say(label(one))
	}
	return text
}

// orderNames are the orders of a list for people.
var orderNames = map[desk.Order]string{
	desk.OrderWaiting: "Longest waiting first", desk.OrderDue: "Due first", desk.OrderUpdated: "Last changed first", desk.OrderNewest: "Newest first",
}

// chips lists what a list asks for beyond its view.
func (a nearby) chips(c *call, l listing) []chip {
	var list []chip
	f := l.Filter()
	for _, key := range filterKeys {
		if l.Over.Has(key) && key != "q" {
			list = append(list, chip{Text: a.chipText(c, key, f), URL: l.without(key).URL()})
		}
	}
	return list
}

// without is the listing without one condition, from its first page on.
func (l listing) without(key string) listing {
	l = l.with(key)
	delete(l.Over, key)
	return l
}

// chipText says one condition in words.
func (a nearby) chipText(c *call, key string, f desk.ListFilter) string {
	say := c.lang.Say
	switch key {
	case "status":
		if len(f.Statuses) == 0 {
			return say("Any status")
		}
		return say("Status: %s", words(c, f.Statuses))
	case "priority":
		if len(f.Priorities) == 0 {
			return say("Any priority")
		}
		return say("Priority: %s", words(c, f.Priorities))
	case "tag":
		if f.Tag == "" {
			return say("Any tag")
		}
		return say("Tag: %s", f.Tag)
	case "overdue":
		if f.Overdue {
			return say("Overdue")
		}
		return say("Overdue or not")
	}
	form, chosen := a.formOf(c, f), ""
	for _, one := range map[string][]option{"mailbox": form.Mailbox, "assignee": form.Assignee, "team": form.Team, "sleep": form.Sleep, "order": form.Order}[key] {
		if one.On {
			chosen = one.Label
		}
	}
	switch {
	case chosen == "":
		return fmt.Sprintf("%s: %s", say(label(key)), filterWords(f, key)[0]) // somebody or something that is gone
	case key == "assignee":
		return say("Assigned to: %s", chosen)
	}
	return chosen
}

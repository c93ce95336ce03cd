package portal

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"postern/desk"
)

// bulkForm is what can be done to the conversations that are ticked.
type bulkForm struct {
	Staff      []desk.User
	Teams      []desk.Team
	Statuses   []desk.Status
	Priorities []desk.Priority
	Snoozes    []desk.Snooze
}

func bulkFormOf(a nearby) bulkForm {
	return bulkForm{Staff: a.staff, Teams: a.teams, Statuses: desk.Statuses, Priorities: desk.Priorities, Snoozes: desk.Snoozes}
}

// bulkResult is one sentence about what was done, with what was left and the way back.
type bulkResult struct {
	Text string
	Left []string
	More int    // how many more were left than are named
	Undo string // where undoing is asked for; empty: it cannot be undone, or was
}

// mostLeft is how many conversations that were left are named, each with its reason.
const mostLeft = 5

// ticketBulk does to every ticked conversation what the form says, and shows the list again with what became of it.
func (p *Portal) ticketBulk(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	at := listingOf(c.r.URL.Query())
	bulk, err := p.bulkOf(c, form)
	var done desk.BulkDone
	if err == nil {
		done, err = p.tickets.Bulk(c.r.Context(), c.actor, bulk)
	}
	if fault := asFault(err); fault != nil && fault.Kind == desk.Invalid {
		return p.listPage(c, at, fault)
	}
	if err != nil {
		return err
	}
	return c.seeOther(bulkURL(at, done.ID))
}

// bulkUndo takes back what was done to several conversations.
func (p *Portal) bulkUndo(c *call) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	done, err := p.tickets.UndoBulk(c.r.Context(), c.actor, id)
	if err != nil {
		return err
	}
	return c.seeOther(bulkURL(listingOf(c.r.URL.Query()), done.ID))
}

// bulkURL is the list with the sentence about what was done.
func bulkURL(at listing, id int64) string {
	v := at.values()
	v.Set("bulk", strconv.FormatInt(id, 10))
	return "/tickets?" + v.Encode()
}

// bulkOf reads the form. A select that nobody touched is empty and changes nothing.
func (p *Portal) bulkOf(c *call, form url.Values) (desk.Bulk, error) {
	var bulk desk.Bulk
	for _, one := range form["n"] {
		if n, err := strconv.ParseInt(one, 10, 64); err == nil && n > 0 {
			bulk.Tickets = append(bulk.Tickets, n)
		}
	}
	switch form.Get("do") {
	case "solve":
		bulk.Change.Status = new(desk.StatusSolved)
	case "take":
		bulk.Change.Assignee = new(c.actor.User.ID)
	case "spam":
		bulk.Spam = true
	case "merge":
		into, err := otherTicket(url.Values{"target": {form.Get("into")}})
		if err != nil {
			return bulk, err
		}
		bulk.Into = into
	default:
		change, err := p.bulkChangeOf(c, form)
		if err != nil {
			return bulk, err
		}
		bulk.Change = change
	}
	return bulk, nil
}

// bulkChangeOf reads the fields that somebody chose a value for.
func (p *Portal) bulkChangeOf(c *call, form url.Values) (change desk.TicketChange, err error) {
	if word := form.Get("status"); word != "" {
		change.Status = new(desk.Status(word))
	}
	if word := form.Get("priority"); word != "" {
		change.Priority = new(desk.Priority(word))
	}
	if form.Get("assignee") != "" {
		change.Assignee = new(number64(form, "assignee"))
	}
	if form.Get("team") != "" {
		change.Team = new(number64(form, "team"))
	}
	change.AddTags, change.DropTags = tagWords(form.Get("add_tags")), tagWords(form.Get("drop_tags"))
	switch word := form.Get("snooze"); word {
	case "":
	case "wake":
		change.Snooze = &time.Time{}
	default:
		until, err := desk.Snooze(word).Until(p.now().In(c.zone))
		if err != nil {
			return change, err
		}
		change.Snooze = &until
	}
	return change, nil
}

// tagWords are the tags that somebody typed, between spaces or commas; none is nil.
func tagWords(text string) []string {
	words := strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\t' })
	if len(words) == 0 {
		return nil
	}
	return words
}

// bulkResult is the sentence that the address asks for, about what the reader did. One that is forgotten is no sentence.
func (p *Portal) bulkResult(c *call) (*bulkResult, error) {
	id := number64(c.r.URL.Query(), "bulk")
	if id == 0 {
		return nil, nil
	}
	done, err := p.tickets.BulkDone(c.r.Context(), c.actor, id)
	if fault := asFault(err); fault != nil && fault.Kind == desk.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	result := &bulkResult{Text: bulkText(c, done)}
	for i, one := range done.Left {
		if i == mostLeft {
			result.More = len(done.Left) - mostLeft
			break
		}
		result.Left = append(result.Left, fmt.Sprintf("#%d: %s", one.Ticket, sentence(c.lang.Sentence(one.Reason))))
	}
	if done.Kind != desk.BulkUndone && !done.Undone && len(done.Done) > 0 {
		result.Undo = fmt.Sprintf("/tickets/bulk/%d/undo%s", done.ID, listingOf(c.r.URL.Query()).suffix())
	}
	return result, nil
}

// bulkText says what was done.
func bulkText(c *call, done desk.BulkDone) string {
	n := int64(len(done.Done))
	switch {
	case n == 0 && len(done.Left) == 0:
		return c.lang.Say("It was so already: nothing had to change.")
	case n == 0:
		return c.lang.Say("Nothing was changed.")
	case done.Kind == desk.BulkMerged:
		return c.lang.Count(n, "One conversation was merged into #%[2]d.", "%d conversations were merged into #%d.", done.Into)
	case done.Kind == desk.BulkSpam:
		return c.lang.Count(n, "One conversation is marked as spam.", "%d conversations are marked as spam.")
	case done.Kind == desk.BulkUndone:
		return c.lang.Count(n, "Undone: one conversation is as it was before.", "Undone: %d conversations are as they were before.")
	}
	return c.lang.Count(n, "One conversation was changed.", "%d conversations were changed.")
}

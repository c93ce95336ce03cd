package portal

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"postern/desk"
	"postern/tickets"
)

// rehearsalPage tells what a rule would have done, step by step: a page shows one step, and its script fetches the next by itself.
type rehearsalPage struct {
	page
	Rule    desk.Automation
	Days    int64
	DayList []menuLine
	Asked   bool // a rehearsal runs
	Step    rehearsalStep
	Ticket  string // of the question about one ticket, as typed
	Problem string
	Found   []findingRow
	Met     bool
	Judged  bool
}

// rehearsalStep is one step.
type rehearsalStep struct {
	Hits   []hitRow
	Looked int64 // in all steps so far
	Many   int64 // hits in all steps so far
	Share  int
	Next   string // address of the next step; empty: it is over
	Pause  bool   // the script waits for a press: enough has been found to read
}

// hitRow is a ticket on which the rule would have acted.
type hitRow struct {
	tickets.RehearsedHit
	WhenWords string
	Words     []phrase
}

// findingRow is one condition, and what became of it.
type findingRow struct {
	phrase
	Met bool
	Saw string
}

// hitsAtOnce is how many hits follow each other before the script waits: a page stays readable, and small.
const hitsAtOnce = 60

// automationTest shows the page on which a rule is tried out. It changes nothing.
func (p *Portal) automationTest(c *call) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	asked := c.r.URL.Query()
	answer := rehearsalPage{Days: min(max(number64(asked, "days"), 0), tickets.MostRehearsed), Asked: asked.Has("days"), Ticket: strings.TrimPrefix(strings.TrimSpace(asked.Get("ticket")), "#")}
	if answer.Rule, err = p.tickets.Automation(c.r.Context(), c.actor, id); err != nil {
		return err
	}
	if answer.Days == 0 {
		answer.Days = 7
	}
	for _, days := range []int64{1, 7, 30, tickets.MostRehearsed} {
		answer.DayList = append(answer.DayList, menuLine{strconv.FormatInt(days, 10), c.lang.Count(days, "the last day", "the last %d days"), days == answer.Days})
	}
	lists, err := p.ruleLists(c)
	if err != nil {
		return err
	}
	if answer.Asked {
		err = p.rehearse(c, &answer, lists)
	} else if answer.Ticket != "" {
		err = p.explain(c, &answer, lists)
	}
	fault := asFault(err)
	if err != nil && fault == nil {
		return err
	}
	if fault != nil {
		answer.Problem = c.sentence(fault.Reason)
	}
	if c.partial() && fault == nil && asked.Has("from") {
		return p.part(c, "rehearsal", "rehearsal-step", answer)
	}
	if answer.page, err = p.framed(c, "Try a rule out", "/automations"); err != nil {
		return err
	}
	return p.render(c, view{statusOf(fault), "rehearsal", "layout"}, answer)
}

// rehearse makes one step. The address carries how far those before it came.
func (p *Portal) rehearse(c *call, answer *rehearsalPage, lists ruleLists) error {
	asked := c.r.URL.Query()
	until := time.UnixMilli(number64(asked, "until"))
	if now := p.now(); !asked.Has("until") || until.After(now) || now.Sub(until) > 24*time.Hour {
		until = now
	}
	step, err := p.tickets.Rehearse(c.r.Context(), c.actor, tickets.Rehearsal{Rule: answer.Rule, Since: until.AddDate(0, 0, -int(answer.Days)), Until: until, From: asked.Get("from")})
	if err != nil {
		return err
	}
	told := rehearsalStep{Looked: number64(asked, "looked") + int64(step.Looked), Many: number64(asked, "many") + int64(len(step.Hits)), Share: step.Share}
	for _, hit := range step.Hits {
		told.Hits = append(told.Hits, hitRow{hit, whenPhrase(c.lang, []desk.Trigger{hit.When}), lists.donePhrases(c.lang, hit.Would)})
	}
	if step.Next != "" {
		next := url.Values{"days": {strconv.FormatInt(answer.Days, 10)}, "from": {step.Next}, "until": {strconv.FormatInt(until.UnixMilli(), 10)},
			"looked": {strconv.FormatInt(told.Looked, 10)}, "many": {strconv.FormatInt(told.Many, 10)}}
		told.Next = fmt.Sprintf("/automations/%d/test?%s", answer.Rule.ID, next.Encode())
		told.Pause = told.Many/hitsAtOnce > number64(asked, "many")/hitsAtOnce
	}
	answer.Step = told
	return nil
}

// explain judges one ticket.
func (p *Portal) explain(c *call, answer *rehearsalPage, lists ruleLists) error {
	number, err := strconv.ParseInt(answer.Ticket, 10, 64)
	if err != nil || number <= 0 {
		return desk.Wrong("ticket", "%q is no number of a ticket", answer.Ticket)
	}
	met, findings, err := p.tickets.Explain(c.r.Context(), c.actor, answer.Rule, number)
	if err != nil {
		return err
	}
	answer.Met, answer.Judged = met, true
	for _, one := range findings {
		row := findingRow{phrase: lists.conditionPhrase(c.lang, one.Condition), Met: one.Met, Saw: clip(one.Saw, 200)}
		if one.Of.Sort() == desk.SortSpan && one.Saw != "" {
			row.Saw = passedWords(c.lang, one.Saw)
		}
		if lists.optionsOf(c.lang, one.Of) != nil && one.Saw != "" {
			saw := one.Condition
			saw.Value = one.Saw
			row.Saw = lists.conditionPhrase(c.lang, saw).Value
		}
		answer.Found = append(answer.Found, row)
	}
	return nil
}

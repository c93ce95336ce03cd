package portal

import (
	"fmt"
	"time"

	"postern/desk"
	"postern/tickets"
)

// automationsPage lists the rules in the order in which they look.
type automationsPage struct {
	page
	Rules []automationBlock
}

// automationBlock is a rule in words.
type automationBlock struct {
	desk.Automation
	First, Last bool
	WhenWords   string
	MatchWords  string
	Conditions  []phrase
	Actions     []phrase
	Ran         int64 // within seven days
	LastRan     *time.Time
}

// automationList shows the rules.
func (p *Portal) automationList(c *call) error {
	ctx := c.r.Context()
	rules, err := p.tickets.Automations(ctx, c.actor)
	if err != nil {
		return err
	}
	counts, err := p.tickets.AutomationCounts(ctx, c.actor)
	if err != nil {
		return err
	}
	lists, err := p.ruleLists(c)
	if err != nil {
		return err
	}
	var answer automationsPage
	for i, rule := range rules {
		block := automationBlock{Automation: rule, First: i == 0, Last: i == len(rules)-1, WhenWords: whenPhrase(c.lang, rule.When), MatchWords: c.lang.Say(matchWords[rule.Match]),
			Ran: counts[rule.ID].Count, LastRan: counts[rule.ID].Last}
		for _, one := range rule.If {
			block.Conditions = append(block.Conditions, lists.conditionPhrase(c.lang, one))
		}
		for _, one := range rule.Then {
			block.Actions = append(block.Actions, lists.actionPhrase(c.lang, one))
		}
		answer.Rules = append(answer.Rules, block)
	}
	if answer.page, err = p.framed(c, "Automations", "/automations"); err != nil {
		return err
	}
	return p.show(c, "automations", answer)
}

// automationSwitch turns a rule on or off.
func (p *Portal) automationSwitch(c *call) error {
	return p.onAutomation(c, func(id int64, on string) error {
		return p.tickets.SwitchAutomation(c.r.Context(), c.actor, id, desk.Switch(on == "on"))
	})
}

// automationMove lets a rule look earlier or later.
func (p *Portal) automationMove(c *call) error {
	return p.onAutomation(c, func(id int64, way string) error {
		step := tickets.StepDown
		if way == "up" {
			step = tickets.StepUp
		}
		return p.tickets.MoveAutomation(c.r.Context(), c.actor, id, step)
	})
}

// automationRemove removes a rule with its history.
func (p *Portal) automationRemove(c *call) error {
	return p.onAutomation(c, func(id int64, _ string) error { return p.tickets.DropAutomation(c.r.Context(), c.actor, id) })
}

// onAutomation does one thing to a rule and goes back to the list. do gets the field 'to' of the form.
func (p *Portal) onAutomation(c *call, do func(id int64, to string) error) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	form, err := c.form()
	if err != nil {
		return err
	}
	if err := do(id, form.Get("to")); err != nil {
		return err
	}
	return c.seeOther(fmt.Sprintf("/automations#rule-%d", id))
}

// automationRunsPage is what a rule did.
type automationRunsPage struct {
	page
	Rule desk.Automation
	Runs []runRow
	Next string
}

// runRow is one time that the rule acted.
type runRow struct {
	desk.Run
	WhenWords string
	Words     []phrase
}

// automationRuns shows what a rule did, the newest first.
func (p *Portal) automationRuns(c *call) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	answer := automationRunsPage{}
	if answer.Rule, err = p.tickets.Automation(c.r.Context(), c.actor, id); err != nil {
		return err
	}
	found, err := p.tickets.AutomationRuns(c.r.Context(), c.actor, id, c.r.URL.Query().Get("cursor"), pageLimit)
	if err != nil {
		return err
	}
	lists, err := p.ruleLists(c)
	if err != nil {
		return err
	}
	for _, run := range found.Items {
		answer.Runs = append(answer.Runs, runRow{run, whenPhrase(c.lang, []desk.Trigger{run.When}), lists.donePhrases(c.lang, run.Did)})
	}
	if found.Next != "" {
		answer.Next = fmt.Sprintf("/automations/%d/runs?cursor=%s", id, found.Next)
	}
	if answer.page, err = p.framed(c, "What the rule did", "/automations"); err != nil {
		return err
	}
	return p.show(c, "automation_runs", answer)
}

package portal

import (
	"fmt"
	"net/url"
	"slices"

	"postern/desk"
)

// automationPage is the form of a rule.
type automationPage struct {
	page
	Rule       desk.Automation
	Action     string // where the form goes
	When       []menuLine
	Matches    []menuLine
	Conditions []ruleRow
	Actions    []ruleRow
	Problem    string
	Full       struct{ Conditions, Actions bool }
}

// automationKinds are the actions that a rule can take.
var automationKinds = slices.DeleteFunc(slices.Clone(desk.ActionKinds), func(kind desk.ActionKind) bool { return kind == desk.ActTake })

// automationNew shows an empty form: a rule that looks at new mail, switched off.
func (p *Portal) automationNew(c *call) error {
	return p.automationPage(c, desk.Automation{Match: desk.MatchAll, When: []desk.Trigger{desk.WhenOpened}, If: []desk.Condition{{Of: desk.OfSubject, Is: desk.Contains}}, Then: []desk.Action{{Do: desk.ActAddTags}}}, nil)
}

// automationShow shows a rule in its form.
func (p *Portal) automationShow(c *call) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	rule, err := p.tickets.Automation(c.r.Context(), c.actor, id)
	if err != nil {
		return err
	}
	return p.automationPage(c, rule, nil)
}

// automationAdd takes the form of a new rule.
func (p *Portal) automationAdd(c *call) error { return p.automationTake(c, 0) }

// automationSave takes the form of a rule.
func (p *Portal) automationSave(c *call) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	return p.automationTake(c, id)
}

// automationTake saves a rule, or gives its form back with a row more or less.
func (p *Portal) automationTake(c *call, id int64) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	rule := automationOf(form)
	rule.ID = id
	if stepped(form, &rule.If, &rule.Then) {
		return p.automationPage(c, rule, nil)
	}
	saved, err := p.tickets.SaveAutomation(c.r.Context(), c.actor, rule)
	if fault := asFault(err); fault != nil && fault.Kind != desk.Forbidden && fault.Kind != desk.NotFound {
		return p.automationPage(c, rule, fault)
	}
	if err != nil {
		return err
	}
	if form.Get("then") == "test" {
		return c.seeOther(fmt.Sprintf("/automations/%d/test", saved))
	}
	return c.seeOther(fmt.Sprintf("/automations?done=saved#rule-%d", saved))
}

// automationOf reads a rule out of its form.
func automationOf(form url.Values) desk.Automation {
	rule := desk.Automation{Name: form.Get("name"), On: form.Has("on"), Stop: form.Has("stop"), Match: desk.Match(form.Get("match")), If: conditionsOf(form), Then: actionsOf(form)}
	for _, when := range desk.Triggers {
		if slices.Contains(form["when"], string(when)) {
			rule.When = append(rule.When, when)
		}
	}
	return rule
}

// automationPage renders the form.
func (p *Portal) automationPage(c *call, rule desk.Automation, fault *desk.Fault) error {
	lists, err := p.ruleLists(c)
	if err != nil {
		return err
	}
	answer := automationPage{Rule: rule, Action: "/automations/new", Conditions: lists.conditionRows(c.lang, rule.If), Actions: lists.actionRows(c.lang, rule.Then, automationKinds)}
	answer.Full.Conditions, answer.Full.Actions = len(rule.If) >= mostRows, len(rule.Then) >= mostRows
	title := c.lang.Say("New rule")
	if rule.ID != 0 {
		answer.Action, title = fmt.Sprintf("/automations/%d", rule.ID), c.lang.Say("Rule")
	}
	for _, when := range desk.Triggers {
		answer.When = append(answer.When, menuLine{string(when), c.lang.Say(triggerWords[when]), slices.Contains(rule.When, when)})
	}
	answer.Matches = chosen(wordChoices(c.lang, []desk.Match{desk.MatchAll, desk.MatchAny}, matchWords), string(rule.Match))
	if fault != nil {
		answer.Problem = c.sentence(fault.Reason)
	}
	if answer.page, err = p.framed(c, "Automations", "/automations"); err != nil {
		return err
	}
	answer.Title = title
	return p.render(c, view{statusOf(fault), "automation", "layout"}, answer)
}

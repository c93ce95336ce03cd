package portal

import (
	"strconv"
	"strings"

	"postern/desk"
	"postern/language"
)

// targetsPage lists the targets, and the business hours that they run by.
type targetsPage struct {
	page
	Targets []targetLine
	Hours   []desk.Hours
	Boxes   []desk.Mailbox
	Prios   []desk.Priority
	Typed   targetTyped
	Problem string
}

// targetLine is a target with its priority as a word; empty: every one.
type targetLine struct {
	desk.Target
	Prio desk.Priority
}

// targetTyped is the form of a target as it was typed.
type targetTyped struct {
	Mailbox       int64
	Priority      desk.Priority
	Answer, Solve string // 30 min, 4 h, 1 h 30 min
}

// targetList shows the targets.
func (p *Portal) targetList(c *call) error { return p.targetsPage(c, targetsPage{}, nil) }

// targetsPage renders the list, with what was wrong.
func (p *Portal) targetsPage(c *call, answer targetsPage, fault *desk.Fault) (err error) {
	ctx := c.r.Context()
	targets, err := p.tickets.Targets(ctx, c.actor)
	if err != nil {
		return err
	}
	for _, target := range targets {
		line := targetLine{Target: target}
		if target.Priority != nil {
			line.Prio = *target.Priority
		}
		answer.Targets = append(answer.Targets, line)
	}
	if answer.Hours, err = p.tickets.AllHours(ctx, c.actor); err != nil {
		return err
	}
	if answer.Boxes, err = p.domains.Mailboxes(ctx); err != nil {
		return err
	}
	answer.Prios = desk.Priorities
	if fault != nil {
		answer.Problem = c.sentence(fault.Reason)
	}
	if answer.page, err = p.framed(c, c.lang.Say("Targets"), "/targets"); err != nil {
		return err
	}
	return p.render(c, view{statusOf(fault), "targets", "layout"}, answer)
}

// targetSet adds a target or replaces the one for the same mailbox and priority.
func (p *Portal) targetSet(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	typed := targetTyped{number64(form, "mailbox"), desk.Priority(form.Get("priority")), form.Get("answer"), form.Get("solve")}
	target, err := typed.target()
	if err == nil {
		err = p.tickets.SetTarget(c.r.Context(), c.actor, target)
	}
	if fault := asFault(err); fault != nil && fault.Kind != desk.Forbidden {
		return p.targetsPage(c, targetsPage{Typed: typed}, fault)
	}
	if err != nil {
		return err
	}
	return c.seeOther("/targets?done=saved")
}

// target is what the form says.
func (typed targetTyped) target() (t desk.Target, err error) {
	if typed.Mailbox != 0 {
		t.MailboxID = &typed.Mailbox
	}
	if typed.Priority != "" {
		t.Priority = &typed.Priority
	}
	if t.AnswerMinutes, err = parseMinutes("answer", typed.Answer); err != nil {
		return t, err
	}
	t.SolveMinutes, err = parseMinutes("solve", typed.Solve)
	return t, err
}

// targetRemove removes a target.
func (p *Portal) targetRemove(c *call) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	if err := p.tickets.DropTarget(c.r.Context(), c.actor, id); err != nil {
		return err
	}
	return c.seeOther("/targets?done=removed")
}

// parseMinutes reads a length of time as people write it: 30 min, 4 h, 1.5 h, 1 h 30 min; a bare number is hours. Nothing is nil.
func parseMinutes(field, typed string) (*int, error) {
	text := strings.ToLower(strings.ReplaceAll(typed, ",", "."))
	wrong := desk.Wrong(field, "%q is no length of time: write 30 min, 4 h or 1 h 30 min", strings.TrimSpace(typed))
	minutes, any := 0.0, false
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		end := strings.IndexFunc(text, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
		number := text
		if end >= 0 {
			number, text = text[:end], strings.TrimSpace(text[end:])
		} else {
			text = ""
		}
		value, err := strconv.ParseFloat(number, 64)
		if err != nil || value > desk.LongestTarget {
			return nil, wrong
		}
		unit := text
		if end := strings.IndexFunc(text, func(r rune) bool { return r < 'a' || r > 'z' }); end >= 0 {
			unit = text[:end]
		}
		text = text[len(unit):]
		switch unit {
		case "", "h", "hour", "hours", "ora", "ore":
			minutes += value * 60
		case "m", "min", "minute", "minutes", "minuti", "minuto":
			minutes += value
		default:
			return nil, wrong
		}
		any = true
	}
	if !any {
		return nil, nil
	}
	whole := int(minutes + 0.5)
	return &whole, nil
}

// spanOf is the way back from parseMinutes.
func spanOf(lang *language.Language, minutes *int) string {
	switch {
	case minutes == nil:
		return ""
	case *minutes%60 == 0:
		return lang.Say("%d h", *minutes/60)
	case *minutes < 60:
		return lang.Say("%d min", *minutes)
	}
	return lang.Say("%d h", *minutes/60) + " " + lang.Say("%d min", *minutes%60)
}

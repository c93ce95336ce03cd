package store

import (
	"time"

	"postern/desk"
)

// Narrow is the part of a TicketFilter that asks how the desk works on a ticket: teams, priorities, targets, fields. Zero fields ask for nothing in particular.
type Narrow struct {
	TeamID     int64
	NoTeam     bool
	TeamsOf    int64  // any team of this person
	Team       string // a part of the team's name
	Priorities []desk.Priority
	Sleep      desk.Sleep
	Overdue    time.Time // a target ended before this time
	Fields     []Field
	Without    []TicketFilter // none of these may hold
}

// Field is a condition on one of a ticket's fields.
type Field struct {
	Name  string
	Value string // letter for letter; empty: the field has any value
}

// due is by when the next thing on a ticket has to be done; null where no target runs.
const due = "least(t.answer_due_at, t.solve_due_at)"

// narrow adds what the question asks for.
func (c *conditions) narrow(viewer Viewer, n Narrow) {
	switch {
	case n.NoTeam:
		c.and("t.team_id is null")
	case n.TeamID != 0:
		c.and("t.team_id = " + c.arg(n.TeamID))
	case n.TeamsOf != 0:
		c.and("t.team_id = any(array(select x.team_id from team_member x where x.user_id = " + c.arg(n.TeamsOf) + "))")
	case n.Team != "":
		c.and("t.team_id = any(array(select x.id from team x where " + c.contains("x.name", n.Team) + "))")
	}
	if len(n.Priorities) > 0 {
		c.and("t.priority = any(" + c.arg(n.Priorities) + ")")
	}
	switch n.Sleep {
	case desk.SleepAwake:
		c.and("t.snoozed_until is null")
	case desk.SleepAsleep:
		c.and("t.snoozed_until is not null")
	}
	if !n.Overdue.IsZero() {
		c.and(due + " < " + c.arg(n.Overdue))
	}
	for _, field := range n.Fields {
		if field.Value == "" {
			c.and("t.fields <> '{}' and t.fields ? " + c.arg(field.Name))
			continue
		}
		c.and("t.fields <> '{}' and t.fields @> jsonb_build_object(" + c.arg(field.Name) + "::text, " + c.arg(field.Value) + "::text)")
	}
	for _, without := range n.Without {
		c.without(viewer, without)
	}
}

// without adds that a filter does not hold. What is unknown, such as the name of nobody, does not hold either.
func (c *conditions) without(viewer Viewer, f TicketFilter) {
	inner := conditions{args: c.args}
	inner.particulars(viewer, f)
	c.args = inner.args
	if len(inner.sql) > 0 {
		c.and("(" + inner.where() + ") is not true")
	}
}

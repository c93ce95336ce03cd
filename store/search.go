package store

import (
	"strconv"
	"strings"
	"time"

	"postern/desk"
)

// TicketFilter says which tickets are asked for. Zero fields ask for nothing in particular.
type TicketFilter struct {
	Numbers    []int64 // any of them; other conditions still hold, but a merged ticket is found by its number
	Statuses   []desk.Status
	AssigneeID int64
	Assignee   string // a part of the name or address
	Unassigned bool
	MailboxID  int64
	Mailbox    string // a part of the name or address
	Requester  string // canonical address
	Tags       []string
	Attachment bool
	Before     time.Time // created before
	After      time.Time // changed at or after
	Subject    string    // a part of the ticket's subject
	Find       []Find
	Order      desk.Order
	Cursor     string
	Limit      int
	Narrow
}

// Find is a condition on one message of a ticket.
type Find struct {
	Lexemes []string // all of them in one message, as mailtext.Lexemes makes them
	Prefix  Ending   // how the last lexeme is compared
	In      Part     // where Exact has to stand
	Exact   string   // letter for letter but for case; empty: the lexemes are enough
	Absent  bool     // no message may fulfil it
	Number  int64    // or the ticket has this number; 0: no such way out
	Shown   bool     // the words have to stand in subject or text, not in the header alone
}

// Ending says how the last lexeme of a Find is compared.
type Ending int

const (
	WholeWord Ending = iota
	Beginning        // it may go on
)

// Part is a part of a message.
type Part int

const (
	Anywhere Part = iota // text, quoted text and subject
	Sender               // the From line
	People               // To and Cc
)

// conditions builds the where clause of a question: every value is an argument, never text.
type conditions struct {
	sql  []string
	args []any
}

// arg adds a value and returns its placeholder.
func (c *conditions) arg(value any) string {
	c.args = append(c.args, value)
	return "$" + strconv.Itoa(len(c.args))
}

// and adds a condition.
func (c *conditions) and(sql string) { c.sql = append(c.sql, sql) }

// where is the clause so far; without conditions it is true.
func (c *conditions) where() string {
	if len(c.sql) == 0 {
		return "true"
	}
	return strings.Join(c.sql, "\n\t\t  and ")
}

// contains compares a column with a part of it, letter for letter but for case.
func (c *conditions) contains(column, part string) string {
	return column + " ilike " + c.arg("%"+likeEscape.Replace(part)+"%")
}

var likeEscape = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// public is what a customer may see of a conversation: no notes, no events, nothing of what was forwarded to others and of their answers, nothing that can still be undone, and nothing of a stranger whom no agent has accepted (behaviour §4).
const public = `m.kind in ('inbound', 'reply') and m.side is null and (m.send_at is null or m.send_at <= now())
		      and not exists (select from participant p where p.ticket_id = m.ticket_id and p.contact_id = m.contact_id and p.pending)`

// filter adds what the question asks for.
func (c *conditions) filter(viewer Viewer, f TicketFilter) {
	c.ticketsOf(viewer)
	if len(f.Numbers) > 0 {
		c.and("t.id = any(" + c.arg(f.Numbers) + ")")
	} else {
		c.and("t.merged_into is null")
	}
	c.particulars(viewer, f)
}

// particulars adds what is asked of a ticket itself, whoever may see it.
func (c *conditions) particulars(viewer Viewer, f TicketFilter) {
	c.narrow(viewer, f.Narrow)
	if len(f.Statuses) > 0 {
		c.and("t.status = any(" + c.arg(f.Statuses) + ")")
	}
	c.assignee(f)
	if f.MailboxID != 0 {
		box := c.arg(f.MailboxID)
		c.and("(t.mailbox_id = " + box + " or exists (select from ticket_mailbox s where s.ticket_id = t.id and s.mailbox_id = " + box + "))")
	}
	if f.Mailbox != "" {
		c.and("t.mailbox_id in (select x.id from mailbox x where " + c.contains("x.address", f.Mailbox) + " or " + c.contains("x.name", f.Mailbox) + ")")
	}
	if f.Requester != "" {
		address := c.arg(f.Requester)
		c.and(`t.requester_id in (
		      select x.id from contact x where x.address = ` + address + `
		      union all
		      select x.contact_id from contact_address x where x.address = ` + address + `)`)
	}
	if len(f.Tags) > 0 {
		c.and("t.tags <> '{}' and t.tags @> " + c.arg(f.Tags)) // the first half is what the partial index asks for
	}
	if f.Attachment {
		c.and("t.has_attachment")
	}
	if !f.Before.IsZero() {
		c.and("t.created_at < " + c.arg(f.Before))
	}
	if !f.After.IsZero() {
		c.and("t.updated_at >= " + c.arg(f.After))
	}
	if f.Subject != "" {
		c.and(c.contains("t.subject", f.Subject))
	}
	for _, find := range f.Find {
		c.find(viewer, find)
	}
}

func (c *conditions) assignee(f TicketFilter) {
	switch {
	case f.Unassigned:
		c.and("t.assignee_id is null")
	case f.AssigneeID != 0:
		c.and("t.assignee_id = " + c.arg(f.AssigneeID))
	case f.Assignee != "":
		c.and(`t.assignee_id in (select x.id from "user" x where ` + c.contains("x.email", f.Assignee) + " or " + c.contains("x.name", f.Assignee) + ")")
	}
}

// find adds a condition on the messages of a ticket.
func (c *conditions) find(viewer Viewer, f Find) {
	var inner []string
	if len(f.Lexemes) > 0 {
		inner = append(inner, "m.search @@ "+c.arg(tsquery(f.Lexemes, f.Prefix))+"::tsquery")
	}
	if !viewer.Staff {
		inner = append(inner, public)
	}
	if f.Exact != "" {
		inner = append(inner, c.exact(f))
	}
	if f.Shown {
		inner = append(inner, c.shown(f))
	}
	where := strings.Join(inner, " and ")
	// The conversation first, and then the words: 'offset 0' keeps the planner from asking the index of words anew for each ticket.
	of := "exists (select from (select * from message m where m.ticket_id = t.id offset 0) m where " + where + ")"
	switch {
	case f.Absent:
		c.and("not " + of)
	case f.Number != 0: // as a union, since an 'or' would keep the index of words from being used
		c.and("t.id in (select " + c.arg(f.Number) + "::bigint union all select m.ticket_id from message m where " + where + ")")
	default:
		c.and(of)
	}
}

// shown says that all the words stand in what a message shows to who does not see its header.
func (c *conditions) shown(f Find) string {
	words := []string{"true"}
	for _, lexeme := range f.Lexemes {
		words = append(words, c.contains("concat_ws(' ', m.subject, m.text, m.quoted)", lexeme))
	}
	return "(" + strings.Join(words, " and ") + ")"
}

// exact compares the text itself, after the index of words has found the candidates.
func (c *conditions) exact(f Find) string {
	part := c.arg("%" + likeEscape.Replace(f.Exact) + "%")
	columns := map[Part][]string{
		Anywhere: {"m.text", "m.subject", "m.quoted"},
		Sender:   {"m.from_address", "m.from_name"},
		People:   {`m."to"::text`, "m.cc::text"},
	}[f.In]
	for i, column := range columns {
		columns[i] = column + " ilike " + part
	}
	return "(" + strings.Join(columns, " or ") + ")"
}

var quoteLexeme = strings.NewReplacer(`'`, `''`, `\`, `\\`)

// tsquery writes a query for all lexemes. They are quoted, so whatever stands in them is a word and no operator.
func tsquery(lexemes []string, last Ending) string {
	quoted := make([]string, len(lexemes))
	for i, lexeme := range lexemes {
		quoted[i] = "'" + quoteLexeme.Replace(lexeme) + "'"
	}
	if last == Beginning {
		quoted[len(quoted)-1] += ":*"
	}
	return strings.Join(quoted, " & ")
}

// orEmpty keeps a nil slice from becoming null.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

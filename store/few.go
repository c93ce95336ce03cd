package store

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// fewTo is up to how many tickets a condition is looked up for: sorting so many costs less than walking along a list of all to find that there are no more.
const fewTo = 2000

// fewer looks up those conditions of a filter that may leave few tickets, each through an index of its own, and returns which of the numbers (nil: of all) fulfil every one that does; nil: none leaves few.
// The database would guess, and where it guesses that there are many it walks the whole list to find none.
func (r Reader) fewer(ctx context.Context, viewer Viewer, f TicketFilter, only []int64) ([]int64, error) {
	for _, look := range lookups(viewer, f) {
		found, few, err := r.few(ctx, look)
		if err != nil {
			return nil, err
		}
		if few {
			only = both(only, found)
		}
	}
	return only, nil
}

// both are the numbers that stand in two sorted lists; where the first is nil, those of the second.
func both(first, second []int64) []int64 {
	if first == nil {
		return second
	}
	return slices.DeleteFunc(slices.Clone(first), func(id int64) bool { _, in := slices.BinarySearch(second, id); return !in })
}

// lookups are the conditions of a filter that may leave few tickets, and the sight of a viewer who may see few, as questions for their numbers.
func lookups(viewer Viewer, f TicketFilter) []conditions {
	var list []conditions
	add := func(ask func(*conditions) string) {
		var c conditions
		c.and(ask(&c))
		list = append(list, c)
	}
	if viewer.narrowed() {
		add(func(c *conditions) string {
			ways := c.ways("t", viewer)
			for i, way := range ways {
				ways[i] = "select t.id from ticket t where " + way
			}
			return strings.Join(ways, " union all ")
		})
	}
	if f.MailboxID != 0 {
		add(func(c *conditions) string {
			box := c.arg(f.MailboxID)
			return "select t.id from ticket t where t.mailbox_id = " + box + " union all select s.ticket_id from ticket_mailbox s where s.mailbox_id = " + box
		})
	}
	if f.Mailbox != "" {
		add(func(c *conditions) string {
			return named("mailbox x", "t.mailbox_id", c.contains("x.address", f.Mailbox)+" or "+c.contains("x.name", f.Mailbox))
		})
	}
	if f.Assignee != "" && f.AssigneeID == 0 && !f.Unassigned {
		add(func(c *conditions) string {
			return named(`"user" x`, "t.assignee_id", c.contains("x.email", f.Assignee)+" or "+c.contains("x.name", f.Assignee))
		})
	}
	if !f.Overdue.IsZero() {
		add(func(c *conditions) string {
			return "select t.id from ticket t where " + due + " is not null and " + due + " < " + c.arg(f.Overdue)
		})
	}
	if !f.Before.IsZero() {
		add(func(c *conditions) string { return "select t.id from ticket t where t.created_at < " + c.arg(f.Before) })
	}
	return list
}

// named asks for the tickets of those whose name is meant, one after the other: the index is used even where the database expects many.
func named(whom, column, where string) string {
	return "select own.id from " + whom + " cross join lateral (select t.id from ticket t where " + column + " = x.id limit " + strconv.Itoa(fewTo+1) + ") as own where " + where
}

// few are the numbers that a question gives, sorted, if they are few.
func (r Reader) few(ctx context.Context, c conditions) (found []int64, few bool, err error) {
	sql := c.where() + "\n\t\tlimit " + c.arg(fewTo+1)
	rows, err := r.q.Query(ctx, sql, append([]any{pgx.QueryExecModeCacheDescribe}, c.args...)...)
	if err != nil {
		return nil, false, fmt.Errorf("store: few tickets: %w", err)
	}
	if found, err = pgx.CollectRows(rows, pgx.RowTo[int64]); err != nil {
		return nil, false, fmt.Errorf("store: few tickets: %w", err)
	}
	if len(found) > fewTo {
		return nil, false, nil
	}
	slices.Sort(found)
	return slices.Compact(orEmpty(found)), true, nil
}

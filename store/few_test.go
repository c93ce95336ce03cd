package store

import (
	"context"
	"slices"
	"testing"
	"time"

	"postern/desk"
	"postern/internal/testkit"
)

// What leaves few tickets is looked up, what leaves many is not, and either way the list is the same.
func TestFewer(t *testing.T) {
	t.Parallel()
	st, err := Open(t.Context(), testkit.Postgres(t), 2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(st.Close)
	exec := func(sql string, args ...any) {
		t.Helper()
		if _, err := st.Pool().Exec(context.WithoutCancel(t.Context()), sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	exec(`insert into mailbox (address, name) values ('big@example.com', 'Big'), ('small@example.com', 'Small')`)
	exec(`insert into contact (address) values ('anna@customer.test')`)
	now := time.Now()
	exec(`insert into ticket (id, subject, status, mailbox_id, requester_id, created_at, updated_at, answer_due_at)
		select i, 'x', 'open', case when i % 1000 = 0 then 2 else 1 end, 1, $1::timestamptz, $1, case when i % 500 = 0 then $1::timestamptz - interval '1 hour' end from generate_series(1, 3000) as i`, now)
	exec(`insert into ticket_mailbox (ticket_id, mailbox_id) values (7, 2)`)
	for name, c := range map[string]struct {
		filter TicketFilter
		only   []int64
	}{
		"nothing asked":     {TicketFilter{}, nil},
		"a small mailbox":   {TicketFilter{MailboxID: 2}, []int64{7, 1000, 2000, 3000}},
		"a big mailbox":     {TicketFilter{MailboxID: 1}, nil},
		"no such mailbox":   {TicketFilter{MailboxID: 9}, []int64{}},
		"by its name":       {TicketFilter{Mailbox: "sma"}, []int64{1000, 2000, 3000}},
		"nobody":            {TicketFilter{Assignee: "nobody"}, []int64{}},
		"before all":        {TicketFilter{Before: now.AddDate(-1, 0, 0)}, []int64{}},
		"overdue":           {TicketFilter{Narrow: Narrow{Overdue: now}}, []int64{500, 1000, 1500, 2000, 2500, 3000}},
		"overdue and small": {TicketFilter{MailboxID: 2, Narrow: Narrow{Overdue: now}}, []int64{1000, 2000, 3000}},
	} {
		only, err := st.fewer(t.Context(), AllSeeing(), c.filter, nil)
		if err != nil || (only == nil) != (c.only == nil) || !slices.Equal(only, c.only) {
			t.Errorf("%s: %v, %v; want %v", name, only, err, c.only)
		}
		c.filter.Order, c.filter.Limit = desk.OrderNewest, 100
		page, err := st.Tickets(t.Context(), AllSeeing(), c.filter)
		if err != nil || c.only != nil && len(page.Items) != len(c.only) || c.only == nil && len(page.Items) != 100 {
			t.Errorf("%s: the list has %d, %v", name, len(page.Items), err)
		}
	}
}

package store

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"postern/desk"
	"postern/internal/testkit"
)

// A desk of 12,000 tickets: every second one holds 'even', the others 'odd'; ticket 11 holds both, ticket 7 'needle'.
func manyTickets(t *testing.T) *Store {
	t.Helper()
	url := testkit.Postgres(t)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	for _, sql := range []string{
		`insert into mailbox (address) values ('support@example.com')`,
		`insert into contact (address) values ('anna@customer.example')`,
		`insert into ticket (id, subject, status, mailbox_id, requester_id, created_at, updated_at)
		 select n, 'Number ' || n, 'pending', (select min(id) from mailbox), (select min(id) from contact), timestamptz '2026-01-01Z' + n * interval '1 minute', timestamptz '2026-01-01Z' + n * interval '1 minute'
		 from generate_series(1, 12000) as n`,
		`insert into message (ticket_id, kind, at, search)
		 select n, 'inbound', timestamptz '2026-01-01Z' + n * interval '1 minute',
		        array_to_tsvector(array[case when n % 2 = 0 then 'even' else 'odd' end] || case when n = 11 then array['even'] when n = 7 then array['needle'] else '{}' end)
		 from generate_series(1, 12000) as n`,
	} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	st, err := Open(t.Context(), url, 2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(st.Close)
	return st
}

func word(w string) Find { return Find{Lexemes: []string{w}} }

// Words that are common each and rare together are looked for in pieces, and found; no page looks at all tickets.
func TestSearchForCommonWordsIsBoundedAndComplete(t *testing.T) {
	t.Parallel()
	st := manyTickets(t)
	for name, c := range map[string]struct {
		filter TicketFilter
		want   string
		pages  int
	}{
		"a rare word":                     {TicketFilter{Find: []Find{word("needle")}}, "[7]", 1},
		"a rare and a common word":        {TicketFilter{Find: []Find{word("needle"), word("odd")}}, "[7]", 1},
		"a rare word without a common":    {TicketFilter{Find: []Find{word("needle"), {Lexemes: []string{"odd"}, Absent: true}}}, "[]", 1},
		"words that never meet":           {TicketFilter{Find: []Find{word("needle"), word("even")}}, "[]", 1},
		"common words that meet once":     {TicketFilter{Find: []Find{word("odd"), word("even")}}, "[11]", 4},
		"the same by number":              {TicketFilter{Find: []Find{word("odd"), word("even")}, Order: desk.OrderNewest}, "[11]", 4},
		"a common word without another":   {TicketFilter{Find: []Find{word("even"), {Lexemes: []string{"odd"}, Absent: true}}, Limit: 3}, "[12000 11998 11996]", 1},
		"a word or the number":            {TicketFilter{Find: []Find{{Lexemes: []string{"needle"}, Number: 30}}}, "[30 7]", 1},
		"nobody wrote it":                 {TicketFilter{Find: []Find{word("haystack")}}, "[]", 1},
		"a view without those of another": {TicketFilter{Limit: 2, Narrow: Narrow{Without: []TicketFilter{{Subject: "Number 12000"}}}}, "[11999 11998]", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			numbers, pages, cursor := []int64{}, 0, ""
			for {
				c.filter.Cursor = cursor
				page, err := st.Tickets(t.Context(), AllSeeing(), c.filter)
				if err != nil {
					t.Fatal(err)
				}
				for _, one := range page.Items {
					numbers = append(numbers, one.ID)
				}
				pages, cursor = pages+1, page.Next
				if cursor == "" || c.filter.Limit > 0 {
					break
				}
			}
			if fmt.Sprint(numbers) != c.want || pages != c.pages {
				t.Errorf("found %v on %d pages, want %s on %d", numbers, pages, c.want, c.pages)
			}
		})
	}
}

// Page after page of a common word gives every ticket once.
func TestWalkingThroughACommonWordMissesNothing(t *testing.T) {
	t.Parallel()
	st := manyTickets(t)
	seen, cursor := map[int64]bool{}, ""
	for {
		page, err := st.Tickets(t.Context(), AllSeeing(), TicketFilter{Find: []Find{word("odd")}, Limit: 100, Cursor: cursor})
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range page.Items {
			if seen[one.ID] || one.ID%2 == 0 {
				t.Fatalf("ticket #%d stands twice, or wrongly", one.ID)
			}
			seen[one.ID] = true
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	if len(seen) != 6000 {
		t.Errorf("%d tickets, want 6000", len(seen))
	}
}

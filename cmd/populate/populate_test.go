package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"postern/desk"
	"postern/internal/testkit"
	"postern/store"
)

// small is a desk of a few days.
func small() size {
	return size{tickets: 400, messages: 2000, years: .5, until: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC), seed: 7}
}

func TestPhrasesAreWholeInEveryLanguage(t *testing.T) {
	t.Parallel()
	all, err := languages(script)
	if err != nil {
		t.Fatal(err)
	}
	weights := 0
	for _, l := range all {
		weights += l.weight
		if len(l.first) < 5 || len(l.last) < 5 || len(l.city) < 5 || len(l.domains) < 3 || len(l.greet) < 3 || len(l.bye) < 3 || l.wrote == "" || len(l.any.ask) < 3 || len(l.any.answer) < 3 || len(l.any.note) < 2 {
			t.Errorf("%s lacks something: %+v", l.code, l)
		}
		if len(l.topics) != len(all[0].topics) {
			t.Errorf("%s has %d topics", l.code, len(l.topics))
		}
		for i, one := range l.topics {
			if one.name != all[0].topics[i].name || one.tag == "" || len(one.subject) < 2 || len(one.ask) < 2 || len(one.answer) < 2 {
				t.Errorf("%s, topic %d: %+v", l.code, i, one)
			}
		}
	}
	if weights != 100 {
		t.Errorf("the weights come to %d", weights)
	}
	for _, wrong := range []string{"greet: Hello", "[en]", "[en] 3\n== a b\nfirst: Anna", "[en] 3\nverse: x"} {
		if _, err := languages(wrong); err == nil {
			t.Errorf("%q is read without an error", wrong)
		}
	}
}

func TestPlansAreTheSameForTheSameSeedAndHoldTogether(t *testing.T) {
	t.Parallel()
	phrases, err := languages(script)
	if err != nil {
		t.Fatal(err)
	}
	one, two := newPlanner(small(), phrases, 4, 24), newPlanner(small(), phrases, 4, 24)
	mails := 0
	for n := range small().tickets {
		c := one.make(n)
		if other := two.make(n); other.created != c.created || len(other.steps) != len(c.steps) || other.status != c.status {
			t.Fatalf("conversation %d differs: %+v and %+v", n, c, other)
		}
		if !slices.IsSortedFunc(c.steps, func(a, b step) int { return a.at.Compare(b.at) }) {
			t.Errorf("conversation %d goes back in time: %+v", n, c.steps)
		}
		if c.status.Waiting() == c.waiting.IsZero() || c.status.Ended() == c.solved.IsZero() || (c.status == desk.StatusClosed) == c.closed.IsZero() {
			t.Errorf("conversation %d contradicts itself: %+v", n, c)
		}
		for _, s := range c.steps {
			if !s.at.Before(small().until) {
				t.Errorf("conversation %d goes on after the end", n)
			}
			if s.kind != desk.KindEvent {
				mails++
			}
		}
	}
	if mails < small().messages*8/10 || mails > small().messages*12/10 {
		t.Errorf("%d mails and notes; %d are wanted", mails, small().messages)
	}
}

func TestTheDatabaseIsOneThatPosternCouldHaveWritten(t *testing.T) {
	t.Parallel()
	url := testkit.Postgres(t)
	if err := run(t.Context(), arguments{Tickets: 400, Messages: 2000, Years: .5, Until: small().until, Seed: 7, Database: url}); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	for what, sql := range map[string]string{
		"tickets of which nobody has written a mail":      `select count(*) from ticket t where not exists (select from message m where m.ticket_id = t.id and m.kind = 'inbound')`,
		"mails that search does not find by their sender": `select count(*) from message where kind = 'inbound' and not search @@ (quote_literal(from_address))::tsquery`,
		"replies that went nowhere":                       `select count(*) from message m where m.kind = 'reply' and not exists (select from delivery d where d.message_id = m.id)`,
		"mails without a key":                             `select count(*) from message m where m.kind in ('inbound', 'reply') and not exists (select from message_key k where k.message = m.id)`,
		"tickets changed before they began":               `select count(*) from ticket where updated_at < created_at or solved_at < created_at`,
		"words in braces":                                 `select count(*) from message where text like '%{%'`,
		"indexes that are missing":                        `select 3 - count(*) from pg_indexes where indexname in ('message_search', 'ticket_waiting', 'message_key_key')`,
	} {
		var n int
		if err := conn.QueryRow(t.Context(), sql).Scan(&n); err != nil || n != 0 {
			t.Errorf("%s: %d, %v", what, n, err)
		}
	}
	st, err := store.Open(t.Context(), url, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	page, err := st.Tickets(t.Context(), store.AllSeeing(), store.TicketFilter{Find: []store.Find{{Lexemes: []string{"grazie"}}}})
	if err != nil || len(page.Items) == 0 {
		t.Fatalf("nobody says grazie: %v", err)
	}
	messages, err := st.Messages(t.Context(), store.AllSeeing(), page.Items[0].ID, "", 100)
	if err != nil || !slices.ContainsFunc(messages.Items, func(m desk.Message) bool { return strings.Contains(strings.ToLower(m.Text), "grazie") }) {
		t.Errorf("ticket #%d does not say it: %v", page.Items[0].ID, err)
	}
}

package store

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"postern/desk"
	"postern/internal/testkit"
)

// SQL and Go say the same of every kind of ticket, every sight and every person: by the list, one by one, by counting, by locking, and through messages.
func TestSightSaysTheSameInSQLAndInGo(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	st, err := Open(ctx, testkit.Postgres(t), 2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(st.Close)
	exec := func(sql string, args ...any) {
		t.Helper()
		if _, err := st.Pool().Exec(context.WithoutCancel(ctx), sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	exec(`insert into mailbox (address) values ('support@example.com')`)
	exec(`insert into contact (address) values ('anna@customer.test'), ('bert@customer.test'), ('carla@customer.test')`)
	exec(`insert into "user" (email, name, role) values ('one@example.com', 'One', 'agent'), ('two@example.com', 'Two', 'agent'), ('three@example.com', 'Three', 'agent')`)
	exec(`insert into team (name) values ('First'), ('Second'), ('Gone')`)
	exec(`update team set removed_at = now() where name = 'Gone'`)
	exec(`insert into team_member (team_id, user_id) values (1, 1), (2, 2), (1, 3), (2, 3)`)
	var all []desk.SeenTicket
	var numbers []int64
	for _, team := range []int64{0, 1, 2, 3} {
		for _, assignee := range []int64{0, 1, 2} {
			for requester := int64(1); requester <= 2; requester++ {
				for _, takes := range []bool{false, true} {
					n := int64(len(all) + 1)
					exec(`insert into ticket (id, subject, status, mailbox_id, requester_id, team_id, assignee_id, tags, created_at, updated_at)
						values ($1, 'x', 'open', 1, $2, nullif($3::bigint, 0), nullif($4::bigint, 0), array['tag' || ($1::bigint)::text], now(), now())`, n, requester, team, assignee)
					exec(`insert into tag (name) values ($1)`, fmt.Sprint("tag", n))
					exec(`insert into message (id, ticket_id, kind, from_address, at, text) values ($1, $1, 'inbound', 'x@customer.test', now(), 'x')`, n)
					if takes {
						exec(`insert into participant (ticket_id, contact_id) values ($1, 3)`, n)
					}
					seen := desk.SeenTicket{Own: requester == 1 || takes}
					if team != 0 {
						seen.TeamID = &team
					}
					if assignee != 0 {
						seen.AssigneeID = &assignee
					}
					all, numbers = append(all, seen), append(numbers, n)
				}
			}
		}
	}
	for _, sight := range append([]desk.Sight{""}, desk.Sights...) {
		for user := int64(1); user <= 4; user++ { // 4 is nobody's number
			viewer, err := st.Teamed(ctx, Viewer{Staff: true, Sight: sight, User: user, Contacts: []int64{1, 3}})
			if err != nil {
				t.Fatal(err)
			}
			what := fmt.Sprintf("%q of user %d", sight, user)
			var want []int64
			teams := map[int64][]int64{1: {1}, 2: {2}, 3: {1, 2}}[user]
			if sight == desk.SightTeams {
				teams = append(slices.Clone(teams), 3) // that is no more
			}
			for i, ticket := range all {
				if sight.Shows(ticket, user, teams) {
					want = append(want, numbers[i])
				}
			}
			checkSight(t, st, what, viewer, numbers, want)
		}
	}
	// Where being in copy shows a ticket: the first person is in copy of every third, and waits to be accepted on every fifth; the second watches every fourth.
	exec(`insert into setting (key, value) values ($1, 'true')`, desk.CopiedRead.Key)
	exec(`insert into contact (id, address) overriding system value values (90, 'one@example.com')`)
	exec(`insert into participant (ticket_id, contact_id, pending) select id, 90, id % 3 <> 0 from ticket where id % 3 = 0 or id % 5 = 0`)
	exec(`insert into watcher (ticket_id, user_id) select id, 2 from ticket where id % 4 = 0`)
	for _, sight := range desk.Sights {
		for user := int64(1); user <= 2; user++ {
			viewer, err := st.Teamed(ctx, Viewer{Staff: true, Sight: sight, User: user, Contacts: []int64{1, 3}})
			if err != nil {
				t.Fatal(err)
			}
			var want []int64
			teams := map[int64][]int64{1: {1}, 2: {2}}[user]
			if sight == desk.SightTeams {
				teams = append(slices.Clone(teams), 3)
			}
			for i, ticket := range all {
				ticket.Copied = user == 1 && numbers[i]%3 == 0 || user == 2 && numbers[i]%4 == 0
				if sight.Shows(ticket, user, teams) {
					want = append(want, numbers[i])
				}
			}
			checkSight(t, st, fmt.Sprintf("%q of user %d, who is in copy", sight, user), viewer, numbers, want)
		}
	}
	if viewer, err := st.Teamed(ctx, Viewer{Staff: true, Sight: desk.SightTeams, User: 3}); err != nil || viewer.Sight != desk.SightAll {
		t.Errorf("who is in every team is asked for nothing more: %+v, %v", viewer, err)
	}
}

func checkSight(t *testing.T, st *Store, what string, viewer Viewer, numbers, want []int64) {
	t.Helper()
	ctx := t.Context()
	page, err := st.Tickets(ctx, viewer, TicketFilter{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	listed := column(page.Items, func(t *desk.Ticket) int64 { return t.ID })
	slices.Sort(listed)
	if !slices.Equal(listed, want) {
		t.Errorf("%s: the list holds %v, want %v", what, listed, want)
	}
	if found, err := st.InSight(ctx, viewer, numbers); err != nil || !slices.Equal(found, want) {
		t.Errorf("%s: in sight are %v, %v, want %v", what, found, err, want)
	}
	counts, err := st.ViewCounts(ctx, viewer, viewer.User)
	if err != nil || counts.Open != int64(len(want)) {
		t.Errorf("%s: %d are counted, %v, want %d", what, counts.Open, err, len(want))
	}
	tags, err := st.TagNames(ctx, viewer, 1000)
	if err != nil || len(tags) != len(want) {
		t.Errorf("%s: %d tags, %v, want %d", what, len(tags), err, len(want))
	}
	if views, err := st.Count(ctx, viewer, []TicketFilter{{Statuses: []desk.Status{desk.StatusOpen}}}, 10_000_000_000); err != nil || views[0] != int64(len(want)) {
		t.Errorf("%s: a view counts %v, %v, want %d", what, views, err, len(want))
	}
	for _, number := range numbers {
		sees := slices.Contains(want, number)
		_, one := st.Ticket(ctx, viewer, number)
		_, message := st.Message(ctx, viewer, number)
		locked := st.Write(ctx, func(tx *Tx) error { _, err := tx.LockTickets(ctx, viewer, number); return err })
		own := viewer
		own.Copied = false // who is in copy changes nothing
		if (one == nil) != sees || (message == nil) != sees || (locked == nil) != (st.See(ctx, own, number) == nil) || (st.See(ctx, viewer, number) == nil) != sees {
			t.Errorf("%s: #%d is seen: %v; and its page says %v, its message %v, its lock %v", what, number, sees, one, message, locked)
		}
	}
}

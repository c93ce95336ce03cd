package store_test

import (
	"slices"
	"testing"
	"time"

	"postern/desk"
	"postern/internal/testkit"
	"postern/store"
)

// What happened to a ticket is handed out in order, one at a time; what happened to others does not wait for it.
func TestHappeningsInOrder(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	st, err := store.Open(ctx, testkit.Postgres(t), 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(st.Close)
	_, err = st.Pool().Exec(ctx, `
		with box as (insert into mailbox (address) values ('support@example.com') returning id),
		     who as (insert into contact (address) values ('anna@customer.example') returning id)
		insert into ticket (id, subject, status, mailbox_id, requester_id, created_at, updated_at)
		select n, 'x', 'new', box.id, who.id, now(), now() from box, who, generate_series(1, 2) n`)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	write := func(do func(*store.Tx) error) {
		t.Helper()
		if err := st.Write(ctx, do); err != nil {
			t.Fatal(err)
		}
	}
	take := func(at time.Time) (kinds []string, ids []int64) {
		t.Helper()
		write(func(tx *store.Tx) error {
			taken, err := tx.TakeHappenings(ctx, at, at.Add(time.Minute), 10)
			for _, one := range taken {
				kinds, ids = append(kinds, string(one.Kind)), append(ids, one.ID)
			}
			return err
		})
		slices.Sort(kinds)
		return kinds, ids
	}
	write(func(tx *store.Tx) error {
		return tx.AddHappenings(ctx,
			store.HappeningRow{Ticket: 1, Kind: desk.HappenedCreated, At: now}, store.HappeningRow{Ticket: 1, Kind: desk.HappenedReplied, At: now},
			store.HappeningRow{Ticket: 2, Kind: desk.HappenedNoted, At: now})
	})
	soon := now.Add(time.Second)
	kinds, first := take(soon)
	if !slices.Equal(kinds, []string{"created", "noted"}) {
		t.Fatalf("first come %v", kinds)
	}
	if kinds, _ := take(soon); len(kinds) != 0 {
		t.Errorf("while those are in hand, others get %v", kinds)
	}
	write(func(tx *store.Tx) error { return tx.EndHappenings(ctx, first) })
	kinds, ids := take(soon)
	if !slices.Equal(kinds, []string{"replied"}) {
		t.Errorf("then comes %v", kinds)
	}
	if kinds, _ := take(soon.Add(2 * time.Minute)); !slices.Equal(kinds, []string{"replied"}) {
		t.Errorf("what a process that died had in hand comes back as %v", kinds)
	}
	write(func(tx *store.Tx) error { return tx.PostponeHappening(ctx, ids[0], soon.Add(time.Hour)) })
	if kinds, _ := take(soon.Add(30 * time.Minute)); len(kinds) != 0 {
		t.Errorf("what was postponed comes early: %v", kinds)
	}
}

package store_test

import (
	"testing"
	"time"

	"postern/desk"
	"postern/internal/testkit"
	"postern/store"
)

// A reply that was leaving when its process died goes on at the next start, not after the time in which any other process would have had to finish it.
func TestResumeSending(t *testing.T) {
	t.Parallel()
	st, conn := openBoth(t, testkit.Postgres(t))
	exec := func(sql string, args ...any) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	exec(`insert into mailbox (address) values ('support@example.com')`)
	exec(`insert into contact (address) values ('anna@customer.example')`)
	exec(`insert into ticket (id, subject, status, mailbox_id, requester_id, created_at, updated_at) values (1, 'x', 'open', 1, 1, now(), now())`)
	exec(`insert into message (id, ticket_id, kind, at) values (1, 1, 'reply', now())`)
	exec(`insert into delivery (message_id, recipient, destination, state, next_at, worker, stop) values
		(1, 'claimed@customer.example', 'customer.example', 'queued', null, 'dead', false), (1, 'later@customer.example', 'customer.example', 'deferred', now() + interval '2 hours', null, false),
		(1, 'stopped@customer.example', 'customer.example', 'queued', null, 'dead', true)`)
	write := func(do func(*store.Tx) error) {
		t.Helper()
		if err := st.Write(t.Context(), do); err != nil {
			t.Fatal(err)
		}
	}
	write(func(tx *store.Tx) error {
		return tx.Enqueue(t.Context(), time.Time{}, desk.SendReply{Message: 1, Destination: "customer.example"})
	})
	exec(`update river_job set state = 'running', attempt = 1, attempted_at = now(), attempted_by = '{dead}'`)

	write(func(tx *store.Tx) error { return tx.ResumeSending(t.Context()) })
	var state, stopped string
	var free, deferred bool
	row := conn.QueryRow(t.Context(), `
		select (select state from river_job), (select worker is null and state = 'queued' from delivery where recipient like 'claimed@%'),
		       (select next_at > now() + interval '1 hour' from delivery where recipient like 'later@%'), (select state from delivery where recipient like 'stopped@%')`)
	if err := row.Scan(&state, &free, &deferred, &stopped); err != nil {
		t.Fatal(err)
	}
	if state != "available" || !free || !deferred || stopped != "cancelled" {
		t.Errorf("the job is %s, its recipient is free: %v, the deferred one stays deferred: %v, the stopped one is %s", state, free, deferred, stopped)
	}
}

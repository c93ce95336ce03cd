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
	exec(`insert into delivery (message_id, recipient, state, next_at) values
		(1, 'claimed@customer.example', 'queued', now() + interval '30 minutes'), (1, 'later@customer.example', 'deferred', now() + interval '2 hours')`)
	write := func(do func(*store.Tx) error) {
		t.Helper()
		if err := st.Write(t.Context(), do); err != nil {
			t.Fatal(err)
		}
	}
	write(func(tx *store.Tx) error { return tx.Enqueue(t.Context(), desk.SendReply{Message: 1}, time.Time{}) })
	exec(`update river_job set state = 'running', attempt = 1, attempted_at = now(), attempted_by = '{dead}'`)

	write(func(tx *store.Tx) error { return tx.ResumeSending(t.Context()) })
	var state string
	var due, deferred bool
	row := conn.QueryRow(t.Context(), `
		select (select state from river_job), (select next_at is null from delivery where recipient like 'claimed@%'),
		       (select next_at > now() + interval '1 hour' from delivery where recipient like 'later@%')`)
	if err := row.Scan(&state, &due, &deferred); err != nil {
		t.Fatal(err)
	}
	if state != "available" || !due || !deferred {
		t.Errorf("the job is %s, its recipient is due: %v, the deferred one stays deferred: %v", state, due, deferred)
	}
}

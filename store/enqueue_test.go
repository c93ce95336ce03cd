package store_test

import (
	"testing"
	"time"

	"postern/desk"
	"postern/internal/testkit"
	"postern/store"
)

// A job that is due is there to be taken at once; only one for later waits for the queue's scheduler, which looks every few seconds.
func TestEnqueue(t *testing.T) {
	t.Parallel()
	st, conn := openBoth(t, testkit.Postgres(t))
	now := time.Now()
	for message, test := range map[int64]struct {
		at   time.Time
		want string
	}{
		1: {time.Time{}, "available"},
		2: {now, "available"},
		3: {now.Add(-time.Hour), "available"},
		4: {now.Add(time.Hour), "scheduled"},
	} {
		err := st.Write(t.Context(), func(tx *store.Tx) error {
			return tx.Enqueue(t.Context(), test.at, desk.SendReply{Message: message})
		})
		if err != nil {
			t.Fatal(err)
		}
		var got string
		if err := conn.QueryRow(t.Context(), `select state from river_job where (args->>'message')::bigint = $1`, message).Scan(&got); err != nil || got != test.want {
			t.Errorf("due %v from now: %s (%v), want %s", test.at.Sub(now), got, err, test.want)
		}
	}
}

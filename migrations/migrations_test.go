package migrations_test

import (
	"context"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"postern/internal/testkit"
	"postern/migrations"
)

// Several processes start at the same time on an empty database: one works, the others wait, and all find the schema whole.
func TestUpIsSafeTogether(t *testing.T) {
	t.Parallel()
	url := testkit.EmptyPostgres(t)
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			if err := migrations.Up(t.Context(), url); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	states, err := migrations.Status(t.Context(), url)
	if err != nil || len(states) == 0 {
		t.Fatalf("status: %v, %v", states, err)
	}
	for _, state := range states {
		if !state.Applied {
			t.Errorf("%s is not applied", state.Name)
		}
	}
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	for _, table := range []string{"ticket", "message", "river_job"} {
		var there bool
		if err := conn.QueryRow(t.Context(), `select to_regclass($1) is not null`, table).Scan(&there); err != nil || !there {
			t.Errorf("table %s: there %v, %v", table, there, err)
		}
	}
}

func TestStatusOfAnEmptyDatabase(t *testing.T) {
	t.Parallel()
	states, err := migrations.Status(t.Context(), testkit.EmptyPostgres(t))
	if err != nil || len(states) == 0 {
		t.Fatalf("status: %v, %v", states, err)
	}
	for _, state := range states {
		if state.Applied {
			t.Errorf("%s counts as applied on an empty database", state.Name)
		}
	}
}

func TestUnreachableDatabaseIsAnError(t *testing.T) {
	t.Parallel()
	if err := migrations.Up(t.Context(), "postgres://nobody@127.0.0.1:1/none?connect_timeout=1"); err == nil {
		t.Error("no error without a database")
	}
}

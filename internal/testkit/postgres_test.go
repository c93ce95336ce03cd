package testkit_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"postern/internal/testkit"
)

func TestPostgresGivesEachTestItsOwnMigratedDatabase(t *testing.T) {
	t.Parallel()
	testkit.Postgres(t) // the first pays for the server
	for range 4 {
		t.Run("clone", func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			url := testkit.Postgres(t)
			t.Logf("clone took %v", time.Since(began))
			conn, err := pgx.Connect(t.Context(), url) // left open: the drop must not mind
			if err != nil {
				t.Fatal(err)
			}
			if _, err := conn.Exec(t.Context(), `create table mine ()`); err != nil {
				t.Errorf("not alone in the database: %v", err)
			}
			var tables int
			if err := conn.QueryRow(t.Context(), `select count(*) from pg_tables where schemaname = 'public'`).Scan(&tables); err != nil || tables < 3 {
				t.Errorf("%d tables (%v): the schema is not there", tables, err)
			}
		})
	}
}

func TestEmptyPostgresIsEmpty(t *testing.T) {
	t.Parallel()
	conn, err := pgx.Connect(t.Context(), testkit.EmptyPostgres(t))
	if err != nil {
		t.Fatal(err)
	}
	var tables int
	if err := conn.QueryRow(t.Context(), `select count(*) from pg_tables where schemaname = 'public'`).Scan(&tables); err != nil || tables != 0 {
		t.Errorf("%d tables, %v", tables, err)
	}
}

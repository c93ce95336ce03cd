package migrations_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"postern/internal/testkit"
	"postern/migrations"
)

// An installation that has domains keeps them as they are: what is in use stays in use, with its keys in their parts, and needs no proof any more; what was not yet has to be proved.
func TestDomainsOfBefore(t *testing.T) {
	t.Parallel()
	url := testkit.EmptyPostgres(t)
	if err := migrations.UpTo(t.Context(), url, migrations.Schema{Postern: 3}); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	const rows = `
		insert into domain (name, state, checked_at) values ('active.example', 'active', now()), ('broken.example', 'degraded', now()), ('new.example', 'added', null);
		insert into domain_key (domain_id, selector, algorithm, public_key, private, seen_at, retired_at)
		select id, s.selector, 'rsa-sha256', 'AAAA', '\x01', s.seen, s.retired
		from domain
		cross join (values ('old', now() - interval '9 days', now() + interval '1 day'), ('now', now() - interval '5 days', null), ('next', null, null)) as s (selector, seen, retired)
		where name = 'active.example';
		insert into domain_key (domain_id, selector, algorithm, public_key, private)
		select id, 'first', 'rsa-sha256', 'AAAA', '\x01' from domain where name = 'new.example'`
	if _, err := conn.Exec(t.Context(), rows); err != nil {
		t.Fatal(err)
	}
	if err := migrations.Up(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	for question, want := range map[string]string{
		`select string_agg(name || ' ' || state || ' ' || (proven_at is not null) || ' ' || (broken_since is not null), ', ' order by name) from domain`:                                         "active.example active true false, broken.example degraded true true, new.example added false false",
		`select string_agg(selector || ' ' || role || ' ' || (private is not null) || ' ' || (signs_since is not null) || ' ' || (ends_at is not null), ', ' order by selector) from domain_key`: "first signing true false false, next next true false false, now signing true true false, old retired false true true",
		`select count(distinct challenge) || ' ' || min(length(challenge)) from domain`:                                                                                                          "3 32",
	} {
		var got string
		if err := conn.QueryRow(t.Context(), question).Scan(&got); err != nil || got != want {
			t.Errorf("%s\n%s, want %s (%v)", question, got, want, err)
		}
	}
}

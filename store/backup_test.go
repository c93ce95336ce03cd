package store_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"postern/desk"
	"postern/internal/testkit"
	"postern/store"
)

// shelf keeps the tables of a dump.
type shelf map[string]*bytes.Buffer

type page struct{ *bytes.Buffer }

func (page) Close() error { return nil }

func (s shelf) write(table string) (io.WriteCloser, error) {
	s[table] = &bytes.Buffer{}
	return page{s[table]}, nil
}

func (s shelf) read(table string) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(s[table].Bytes())), nil
}

// openBoth opens a database twice: through the store, and for the test's own SQL.
func openBoth(t *testing.T, url string) (*store.Store, *pgx.Conn) {
	t.Helper()
	st, err := store.Open(t.Context(), url, 2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(st.Close)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	return st, conn
}

func run(t *testing.T, conn *pgx.Conn, sql string) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func ask(t *testing.T, conn *pgx.Conn, sql string) (answer string) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), sql).Scan(&answer); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return answer
}

// awkward is what copies go wrong on: rows that name each other in both directions, every character that COPY escapes, null beside empty, bytes, lists.
const awkward = `
	insert into mailbox (address) values ('support@example.com');
	insert into contact (address, name) values ('c@example.com', E'tab\t, line\nbreak, \\N, \\. and “é”');
	insert into ticket (id, subject, status, mailbox_id, requester_id, tags, created_at, updated_at)
		values (1, '', 'new', 1, 1, '{}', now(), now()), (2, E'\\N', 'open', 1, 1, '{a,"b c",NULL}', now(), now());
	update ticket set merged_into = 2 where id = 1;
	update ticket set follows = 1 where id = 2;
	insert into message (ticket_id, kind, at, text, search) values (1, 'note', now(), E'a\r\nb', 'word:1');
	insert into original (message, size, dek, sealed) values (1, 3, '\x00ff0a', '\x5c2e0a');
	insert into original (size, dek, object_key) values (400000, '\x01', '2026/11/22/large');
	insert into attachment (message, name, media_type, size, object_key, dek, sha256) values (1, 'a', 'b', 7, '2026/11/22/small', '', '');
	insert into audit (actor, via, action, subject) values ('a', 'cli', 'b', 'c');`

// protections lists foreign keys and triggers as they stand.
const protections = `
	select string_agg(line, E'\n' order by line)
	from (
		select conrelid::regclass || conname || pg_get_constraintdef(oid) || convalidated as line from pg_constraint where contype = 'f'
		union all
		select tgrelid::regclass || tgname || tgenabled::text from pg_trigger where not tgisinternal
	) lines`

func TestWhatIsDumpedComesBack(t *testing.T) {
	t.Parallel()
	from, source := openBoth(t, testkit.Postgres(t))
	run(t, source, awkward)
	kept := shelf{}
	dump, err := from.Dump(t.Context(), kept.write)
	if err != nil {
		t.Fatal(err)
	}
	if want := []store.DumpedObject{{Key: "2026/11/22/large", Size: 400000}, {Key: "2026/11/22/small", Size: 7}}; len(dump.Objects) != 2 || dump.Objects[0] != want[0] || dump.Objects[1] != want[1] {
		t.Errorf("objects %v", dump.Objects)
	}

	to, target := openBoth(t, testkit.Postgres(t))
	run(t, target, `insert into "user" (email, name, role) values ('owner@example.com', 'never signed in', 'owner')`)
	before := ask(t, target, protections)
	if err := to.Load(t.Context(), dump, kept.read); err != nil {
		t.Fatal(err)
	}
	again := shelf{}
	if _, err := to.Dump(t.Context(), again.write); err != nil {
		t.Fatal(err)
	}
	for table, rows := range kept {
		if table != "goose_db_version" && table != "river_migration" && !bytes.Equal(rows.Bytes(), again[table].Bytes()) {
			t.Errorf("%s\n%s\nbecame\n%s", table, rows, again[table])
		}
	}
	if after := ask(t, target, protections); after != before {
		t.Errorf("foreign keys and triggers were\n%s\nand are\n%s", before, after)
	}
	if next := ask(t, target, `insert into message (ticket_id, kind, at) values (2, 'note', now()) returning id::text`); next != "2" {
		t.Errorf("the next message is %s: the sequence did not come along", next)
	}
	if _, err := target.Exec(t.Context(), `delete from audit`); err == nil {
		t.Error("the audit log is not append-only any more")
	}
}

// What is committed while the tables are copied is in none of them: a ticket never comes without its contact.
func TestDumpIsOneMoment(t *testing.T) {
	t.Parallel()
	st, conn := openBoth(t, testkit.Postgres(t))
	kept := shelf{}
	_, err := st.Dump(t.Context(), func(table string) (io.WriteCloser, error) {
		if len(kept) == 0 {
			run(t, conn, awkward)
		}
		return kept.write(table)
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"contact", "ticket", "message", "audit"} {
		if rows := kept[table]; rows == nil || rows.Len() > 0 {
			t.Errorf("%s: %v", table, rows)
		}
	}
}

func TestLoadIsAllOrNothing(t *testing.T) {
	t.Parallel()
	from, source := openBoth(t, testkit.Postgres(t))
	run(t, source, awkward)
	kept := shelf{}
	dump, err := from.Dump(t.Context(), kept.write)
	if err != nil {
		t.Fatal(err)
	}
	to, target := openBoth(t, testkit.Postgres(t))
	whole := kept["contact"].String()
	for name, text := range map[string]string{"a row that others name is gone": "", "a row is cut": whole[:len(whole)/2], "a row too many": whole + strings.Replace(strings.Replace(whole, "1\tc@", "2\td@", 1), "c@", "d@", 1)} {
		kept["contact"] = bytes.NewBufferString(text)
		if err := to.Load(t.Context(), dump, kept.read); err == nil {
			t.Errorf("%s: loaded", name)
		}
		if vacant, err := to.Vacant(t.Context()); err != nil || !vacant {
			t.Errorf("%s: something stayed (%v)", name, err)
		}
	}
	kept["contact"] = bytes.NewBufferString(whole)
	older := dump
	older.Schema.Postern--
	if err := to.Load(t.Context(), older, kept.read); !isConflict(err) {
		t.Errorf("a dump of another schema: %v", err)
	}
	run(t, target, `insert into domain (name) values ('example.com')`)
	if err := to.Load(t.Context(), dump, kept.read); !isConflict(err) {
		t.Errorf("into an installation with a domain: %v", err)
	}
}

func isConflict(err error) bool {
	var fault *desk.Fault
	return errors.As(err, &fault) && fault.Kind == desk.Conflict
}

func TestVacant(t *testing.T) {
	t.Parallel()
	bare, _ := openBoth(t, testkit.EmptyPostgres(t))
	if vacant, err := bare.Vacant(t.Context()); err != nil || !vacant {
		t.Errorf("without a schema: %v, %v", vacant, err)
	}
	st, conn := openBoth(t, testkit.Postgres(t))
	for _, step := range []struct {
		sql  string
		want bool
	}{
		{`insert into "user" (email, name, role) values ('a@example.com', 'A', 'owner')`, true},
		{`insert into mailbox (address) values ('support@example.com')`, true},
		{`update "user" set last_seen_at = now()`, false},
	} {
		run(t, conn, step.sql)
		if vacant, err := st.Vacant(t.Context()); err != nil || vacant != step.want {
			t.Errorf("after %s: vacant %v, %v", step.sql, vacant, err)
		}
	}
	if others, err := st.Others(t.Context()); err != nil || others != 1 {
		t.Errorf("%d others, %v; want this test's own connection", others, err)
	}
}

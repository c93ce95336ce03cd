package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"postern/desk"
	"postern/migrations"
)

// Dump describes a copy of the whole database as it stood at one moment.
type Dump struct {
	Schema    migrations.Schema `json:"schema"`
	Tables    []DumpedTable     `json:"tables"`
	Sequences map[string]int64  `json:"sequences"` // the number that each gave out last
	Objects   []DumpedObject    `json:"-"`         // what its rows name in the bucket
}

// DumpedTable is one table, as COPY writes it in text form.
type DumpedTable struct {
	Name    string   `db:"name" json:"name"`
	Columns []string `db:"columns" json:"columns"`
	Rows    int64    `db:"rows" json:"rows"`
}

// DumpedObject is a file in the bucket.
type DumpedObject struct {
	Key  string `db:"object_key"`
	Size int64  `db:"size"` // of the file, in bytes; sealed it is a little larger
}

// ledgers say which migrations the schema has. They come with the schema and are not loaded again.
var ledgers = []string{"goose_db_version", "river_migration"}

// Dump writes every table to the writer that open gives for it, all as of one moment, while others go on reading and writing. Unlogged tables are left out:
// by their nature they may be empty at any start.
func (s *Store) Dump(ctx context.Context, open func(table string) (io.WriteCloser, error)) (Dump, error) {
	var dump Dump
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, s.pool, options, func(tx pgx.Tx) (err error) {
		if _, err := tx.Exec(ctx, `set local datestyle = 'ISO, YMD'`); err != nil { // the one style that every server reads alike
			return err
		}
		if dump.Schema, err = schemaOf(ctx, tx); err != nil {
			return err
		}
		if dump.Tables, err = tablesOf(ctx, tx); err != nil {
			return err
		}
		for i := range dump.Tables {
			if err := copyOut(ctx, tx, &dump.Tables[i], open); err != nil {
				return fmt.Errorf("table %s: %w", dump.Tables[i].Name, err)
			}
		}
		if dump.Objects, err = objectsOf(ctx, tx); err != nil {
			return err
		}
		dump.Sequences, err = sequencesOf(ctx, tx)
		return err
	})
	return dump, wrap(err, "copy the database out")
}

// schemaOf reads the ledgers.
func schemaOf(ctx context.Context, q querier) (migrations.Schema, error) {
	return rowOf[migrations.Schema](ctx, q, `
		select (select max(version_id) from goose_db_version where is_applied) as postern,
		       (select max(version) from river_migration where line = 'main') as jobs`)
}

// tablesOf finds the tables and their columns in the catalogue, so that a new table is in the next backup without anybody's doing. Generated columns are made again.
func tablesOf(ctx context.Context, q querier) ([]DumpedTable, error) {
	return rowsOf[DumpedTable](ctx, q, `
		select t.relname as name,
		       array_agg(c.attname::text order by c.attnum) as columns,
		       0::bigint as rows
		from pg_class t
		join pg_attribute c on c.attrelid = t.oid
		where t.relnamespace = 'public'::regnamespace
		  and t.relkind = 'r'
		  and t.relpersistence = 'p'
		  and c.attnum > 0
		  and not c.attisdropped
		  and c.attgenerated = ''
		group by t.relname
		order by t.relname`)
}

func objectsOf(ctx context.Context, q querier) ([]DumpedObject, error) {
	return rowsOf[DumpedObject](ctx, q, `
		select object_key, max(size) as size
		from (
			select object_key, size from attachment
			union all
			select object_key, size from original where object_key is not null
		) named
		group by object_key
		order by object_key`)
}

// sequencesOf reads sequences after the tables: they stand outside of snapshots, so that here they are never behind a row that was copied.
func sequencesOf(ctx context.Context, q querier) (map[string]int64, error) {
	type sequence struct {
		Name string `db:"name"`
		Last int64  `db:"last"`
	}
	rows, err := rowsOf[sequence](ctx, q, `
		select sequencename as name, last_value as last
		from pg_sequences
		where schemaname = 'public'
		  and last_value is not null
		order by sequencename`)
	last := make(map[string]int64, len(rows))
	for _, row := range rows {
		last[row.Name] = row.Last
	}
	return last, err
}

func copyOut(ctx context.Context, tx pgx.Tx, table *DumpedTable, open func(string) (io.WriteCloser, error)) error {
	to, err := open(table.Name)
	if err != nil {
		return err
	}
	tag, err := tx.Conn().PgConn().CopyTo(ctx, to, "copy "+table.sql()+" to stdout")
	table.Rows = tag.RowsAffected()
	return errors.Join(err, to.Close())
}

// sql names the table and its columns.
func (t DumpedTable) sql() string {
	columns := make([]string, len(t.Columns))
	for i, column := range t.Columns {
		columns[i] = pgx.Identifier{column}.Sanitize()
	}
	return fmt.Sprintf("%s (%s)", pgx.Identifier{"public", t.Name}.Sanitize(), strings.Join(columns, ", "))
}

// Vacant says whether the database holds nothing that a restore would destroy: no schema, or no mail, no domain and nobody who has ever signed in.
func (r Reader) Vacant(ctx context.Context) (vacant bool, err error) {
	var bare bool
	if err := r.q.QueryRow(ctx, `select to_regclass('public.ticket') is null`).Scan(&bare); err != nil || bare {
		return bare, wrap(err, "see whether the database is empty")
	}
	const sql = `
		select not exists (select from ticket)
		   and not exists (select from suspended)
		   and not exists (select from domain)
		   and not exists (select from "user" where password_hash is not null or last_seen_at is not null)`
	err = r.q.QueryRow(ctx, sql).Scan(&vacant)
	return vacant, wrap(err, "see whether the database is empty")
}

// Others counts the connections of others to this database. Its asker's own pool counts too, but for the connection that asks.
func (r Reader) Others(ctx context.Context) (others int, err error) {
	const sql = `
		select count(*)
		from pg_stat_activity
		where datname = current_database()
		  and pid <> pg_backend_pid()
		  and usename is not null` // PostgreSQL's own workers have no name
	err = r.q.QueryRow(ctx, sql).Scan(&others)
	return others, wrap(err, "see who else uses the database")
}

// Load puts a dump in the place of everything that is in its tables, in one transaction: all of it, or nothing. The schema must be the dump's. A database that is not vacant is a desk.Conflict.
func (s *Store) Load(ctx context.Context, dump Dump, open func(table string) (io.ReadCloser, error)) error {
	return s.Write(ctx, func(tx *Tx) error {
		vacant, err := tx.Vacant(ctx)
		if err != nil {
			return err
		}
		if !vacant {
			return desk.Faultf(desk.Conflict, "this installation is in use: it has mail, domains or people who signed in")
		}
		have, err := schemaOf(ctx, tx.tx)
		if err != nil {
			return wrap(err, "read the schema's version")
		}
		if have != dump.Schema {
			return desk.Faultf(desk.Conflict, "the database's schema is %s and the dump's is %s", have, dump.Schema)
		}
		dump.Tables = slices.DeleteFunc(slices.Clone(dump.Tables), func(t DumpedTable) bool { return slices.Contains(ledgers, t.Name) })
		return wrap(tx.load(ctx, dump, open), "copy the database in")
	})
}

// load copies with foreign keys taken off, so that the order of tables does not matter, and puts them on again, which checks every row.
func (tx *Tx) load(ctx context.Context, dump Dump, open func(string) (io.ReadCloser, error)) error {
	off, on, err := guards(ctx, tx.tx)
	if err != nil {
		return err
	}
	var names []string
	for _, table := range dump.Tables {
		names = append(names, pgx.Identifier{"public", table.Name}.Sanitize())
	}
	if err := tx.execAll(ctx, append(off, "truncate "+strings.Join(names, ", "))); err != nil {
		return err
	}
	for _, table := range dump.Tables {
		if err := tx.copyIn(ctx, table, open); err != nil {
			return fmt.Errorf("table %s: %w", table.Name, err)
		}
	}
	if err := tx.execAll(ctx, on); err != nil {
		return err
	}
	for name, last := range dump.Sequences {
		if _, err := tx.tx.Exec(ctx, `select setval($1::regclass, $2)`, pgx.Identifier{"public", name}.Sanitize(), last); err != nil {
			return fmt.Errorf("sequence %s: %w", name, err)
		}
	}
	return nil
}

func (tx *Tx) copyIn(ctx context.Context, table DumpedTable, open func(string) (io.ReadCloser, error)) error {
	from, err := open(table.Name)
	if err != nil {
		return err
	}
	tag, err := tx.tx.Conn().PgConn().CopyFrom(ctx, from, "copy "+table.sql()+" from stdin")
	if err := errors.Join(err, from.Close()); err != nil {
		return err
	}
	if tag.RowsAffected() != table.Rows {
		return fmt.Errorf("%d rows came in, not %d", tag.RowsAffected(), table.Rows)
	}
	return nil
}

func (tx *Tx) execAll(ctx context.Context, statements []string) error {
	for _, sql := range statements {
		if _, err := tx.tx.Exec(ctx, sql); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	return nil
}

// guards are the statements that take foreign keys and triggers (the audit log's, which forbids truncating) off all tables, and those that put them on again as they were.
func guards(ctx context.Context, q querier) (off, on []string, err error) {
	type guard struct {
		Off string `db:"off"`
		On  string `db:"on"`
	}
	found, err := rowsOf[guard](ctx, q, `
		select format('alter table %s drop constraint %I', conrelid::regclass, conname) as off,
		       format('alter table %s add constraint %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) as on
		from pg_constraint
		where connamespace = 'public'::regnamespace
		  and contype = 'f'
		union all
		select format('alter table %s disable trigger %I', tgrelid::regclass, tgname),
		       format('alter table %s enable trigger %I', tgrelid::regclass, tgname)
		from pg_trigger
		join pg_class on pg_class.oid = tgrelid
		where relnamespace = 'public'::regnamespace
		  and not tgisinternal
		  and tgenabled = 'O'`)
	for _, one := range found {
		off, on = append(off, one.Off), append(on, one.On)
	}
	return off, on, err
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// explain has PostgreSQL write down how it ran every statement (auto_explain) while each row is asked for once, and keeps that by row.
func (v *visit) explain(ctx context.Context) (err error) {
	super, err := v.superuser(ctx)
	if err != nil {
		return err
	}
	defer super.Close(ctx)
	var name string
	if err := super.QueryRow(ctx, `select current_database()`).Scan(&name); err != nil {
		return err
	}
	name = pgx.Identifier{name}.Sanitize()
	settings := map[string]string{"session_preload_libraries": "'auto_explain'", "auto_explain.log_min_duration": "0", "auto_explain.log_analyze": "on", "auto_explain.log_buffers": "on", "auto_explain.log_timing": "off"}
	for key, value := range settings {
		if _, err := super.Exec(ctx, "alter database "+name+" set "+key+" = "+value); err != nil {
			return err
		}
	}
	defer func() {
		for key := range settings {
			_, failed := super.Exec(ctx, "alter database "+name+" reset "+key)
			err = errors.Join(err, failed)
		}
	}()
	if _, err := super.Exec(ctx, `select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and pid <> pg_backend_pid()`, strings.Trim(name, `"`)); err != nil { // the new sessions explain
		return err
	}
	time.Sleep(2 * time.Second)
	out, err := os.Create(v.settings.plans)
	if err != nil {
		return err
	}
	for _, row := range v.rows() {
		if !strings.Contains(row.name, v.settings.only) {
			continue
		}
		if err = v.explainRow(ctx, out, row); err != nil {
			break
		}
	}
	return errors.Join(err, out.Close())
}

// explainRow keeps what the log gained by some requests.
func (v *visit) explainRow(ctx context.Context, out io.Writer, row portalRow) error {
	for i := range 12 {
		if _, err := v.get(ctx, row, i); err != nil && i > 2 { // a connection that was ended is noticed when it is used
			return err
		}
		before, err := v.logged()
		if err != nil {
			return err
		}
		if _, err := v.get(ctx, row, i); err != nil {
			return err
		}
		time.Sleep(200 * time.Millisecond)
		after, err := v.logged()
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "\n### %s: %s\n\n%s\n", row.name, row.path(i), after[len(before):])
	}
	return nil
}

// logged is the whole log of the embedded server.
func (v *visit) logged() (string, error) {
	text, err := os.ReadFile(filepath.Join(v.settings.data, "data", "pg", "log"))
	return string(text), err
}

// superuser is allowed to load a library.
func (v *visit) superuser(ctx context.Context) (*pgx.Conn, error) {
	conn, err := v.desk.process.database(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx)
	config := conn.Config().Copy()
	u, err := url.Parse(config.ConnString())
	if err != nil {
		return nil, err
	}
	password, _ := u.User.Password()
	u.User = url.UserPassword("postgres", password)
	return pgx.Connect(ctx, u.String())
}

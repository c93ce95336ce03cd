package testkit

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"postern/embedded"
	"postern/migrations"
)

// SharedPostgres names the environment variable that holds the URL of a server to use instead of starting one: `make test` sets it, so that all packages share one server.
// Its role must be allowed to create databases, and the server should be a fresh one: the template in it is made once.
const SharedPostgres = "POSTERN_TEST_PG"

const (
	// template is the migrated database of which every test's is a copy.
	template = "postern_template"
	// templateLock makes one of several test programs migrate it while the others wait: any constant that nothing else in that database uses.
	templateLock = 0x74706c
)

// server starts the server, or finds the shared one, the first time that a test wants it. It belongs to the whole process and ends with it.
var server = sync.OnceValues(func() (string, error) {
	if shared := os.Getenv(SharedPostgres); shared != "" {
		return shared, nil
	}
	return StartPostgres()
})

// migrated returns the server once the template is there.
var migrated = sync.OnceValues(func() (string, error) {
	base, err := server()
	if err != nil {
		return "", err
	}
	return base, makeTemplate(base)
})

// Postgres returns the URL of a fresh database with the whole schema. It is the test's alone and is dropped when the test ends, open connections or not.
func Postgres(t testing.TB) string {
	t.Helper()
	base, err := migrated()
	if err != nil {
		t.Fatalf("start the test database: %v", err)
	}
	// With syncing off, copying the files is several times faster than PostgreSQL's default, which writes every page to the log as well.
	return clone(t, base, "template "+template+" strategy file_copy")
}

// EmptyPostgres returns the URL of a database without any schema.
func EmptyPostgres(t testing.TB) string {
	t.Helper()
	base, err := server()
	if err != nil {
		t.Fatalf("start the test database: %v", err)
	}
	return clone(t, base, "")
}

// clone makes the test's database and drops it at the end.
func clone(t testing.TB, base, from string) string {
	t.Helper()
	name := "t_" + rand.Text()
	if err := admin(base, fmt.Sprintf(`create database %q %s`, name, from)); err != nil {
		t.Fatalf("make a test database: %v", err)
	}
	t.Cleanup(func() {
		if err := drop(base, name); err != nil {
			t.Errorf("drop the test database: %v", err)
		}
	})
	return withDatabase(base, name)
}

// drop drops a database, a little later if the server's own vacuum is in it: force may not end that.
func drop(base, name string) (err error) {
	for range 20 {
		if err = admin(base, fmt.Sprintf(`drop database if exists %q with (force)`, name)); err == nil || !strings.Contains(err.Error(), "pg_signal_backend") {
			return err
		}
		time.Sleep(250 * time.Millisecond)
	}
	return err
}

// StartPostgres starts a throw-away server and returns the URL of a role that may create databases. Server and files are gone soon after this process, however it ends.
func StartPostgres() (string, error) {
	// Not t.TempDir: its parent is 0700, and as root the server runs as another account.
	dir, err := os.MkdirTemp(memoryDir(), "postern-test-pg-")
	if err != nil {
		return "", err
	}
	if err := os.Chmod(dir, 0o711); err != nil {
		return "", err
	}
	if err := removeAfterUs(dir); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	pg, err := embedded.StartPostgres(ctx, embedded.PostgresOptions{Dir: dir, Fetch: embedded.FetchNever})
	if err != nil {
		return "", err
	}
	super, err := url.Parse(pg.URL())
	if err != nil {
		return "", err
	}
	password, _ := super.User.Password()
	role := super.User.Username()
	super.User, super.Path = url.UserPassword("postgres", password), "/postgres"
	return pg.URL(), admin(super.String(), `alter system set fsync = off`, `alter system set full_page_writes = off`, `alter system set synchronous_commit = off`,
		`select pg_reload_conf()`, fmt.Sprintf(`alter role %q createdb`, role))
}

// memoryDir is a folder in memory if the machine has a roomy one: copying a database there took 28 ms where a busy disk took 400. Empty means the usual place for temporary files.
func memoryDir() string {
	const dir, room = "/dev/shm", 2 << 30 // bytes; a container often has 64 MB
	var stat syscall.Statfs_t
	if err := syscall.Statfs(dir, &stat); err != nil || uint64(stat.Bavail)*uint64(stat.Bsize) < room {
		return ""
	}
	return dir
}

// removeAfterUs leaves a watcher behind that removes dir when this process has ended and the server in it has stopped. Go has no hook for the end of a test program,
// and none would run after a kill; but the watcher's standard input ends with us in every case.
func removeAfterUs(dir string) error {
	const script = `read -r _; while [ -e "$1/pg/data/postmaster.pid" ] && [ "$((n += 1))" -lt 100 ]; do sleep 0.1; done; rm -rf "$1"`
	watcher := exec.Command("/bin/sh", "-c", script, "sh", dir)
	watcher.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if _, err := watcher.StdinPipe(); err != nil {
		return err
	}
	if err := watcher.Start(); err != nil {
		return err
	}
	go func() { _ = watcher.Wait() }() // it never ends while we live; without somebody who holds it, the garbage collector would close the pipe and have the files removed under a running test
	return nil
}

// makeTemplate migrates the template if no other test program did. It appears under its name only when it is whole.
func makeTemplate(base string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, base)
	if err != nil {
		return fmt.Errorf("connect to the test server: %w", err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, `select pg_advisory_lock($1)`, templateLock); err != nil { // freed when the connection closes
		return fmt.Errorf("wait for the template: %w", err)
	}
	var there bool
	if err := conn.QueryRow(ctx, `select exists (select from pg_database where datname = $1)`, template).Scan(&there); err != nil || there {
		return err
	}
	const draft = template + "_draft"
	for _, sql := range []string{`drop database if exists ` + draft + ` with (force)`, `create database ` + draft} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("make the template: %w", err)
		}
	}
	if err := migrations.Up(ctx, withDatabase(base, draft)); err != nil {
		return err
	}
	// The migrations' last connections may take a moment to go; a database cannot be renamed or copied while somebody is in it.
	for _, sql := range []string{
		`select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = '` + draft + `'`,
		`alter database ` + draft + ` rename to ` + template,
	} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("finish the template: %w", err)
		}
	}
	return nil
}

// admin runs statements over a connection of their own, each by itself: create database cannot stand in a transaction.
func admin(base string, statements ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, base)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for _, sql := range statements {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	return nil
}

// withDatabase is the same server's URL for another database.
func withDatabase(base, name string) string {
	u, err := url.Parse(base)
	if err != nil {
		panic(err) // pgx has connected with it before
	}
	u.Path = "/" + name
	return u.String()
}

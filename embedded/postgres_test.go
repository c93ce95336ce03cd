package embedded

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// openDir is a folder that the server's account can reach. t.TempDir's parent is 0700, which is what placeHome's other branch is for.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "postern-embedded-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	return dir
}

func start(t *testing.T, o PostgresOptions) *Postgres {
	t.Helper()
	o.Fetch = FetchNever
	p, err := StartPostgres(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Stop(context.Background()) })
	return p
}

// query returns the first column of the first row as text.
func query(t *testing.T, p *Postgres, sql string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), p.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	var got string
	if err := conn.QueryRow(t.Context(), sql).Scan(&got); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return got
}

// TestClusterLife walks one cluster through everything that happens to it, since each cluster costs a second to make.
func TestClusterLife(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	began := time.Now()
	p := start(t, PostgresOptions{Dir: dir})
	t.Logf("first start: %v", time.Since(began))

	checkFreshCluster(t, p)

	// Two instances on one folder.
	if _, err := StartPostgres(t.Context(), PostgresOptions{Dir: dir}); err == nil || !strings.Contains(err.Error(), "another instance is using") {
		t.Errorf("second instance: %v", err)
	}

	// The server is killed: we hear of it, and the next start recovers.
	p.child.process.Signal(syscall.SIGKILL)
	select {
	case err := <-p.Exited():
		if err == nil || !strings.Contains(err.Error(), "ended by itself") {
			t.Errorf("Exited delivered %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the death of the server was not noticed")
	}
	began = time.Now()
	p = start(t, PostgresOptions{Dir: dir})
	t.Logf("start after kill -9 of the server: %v", time.Since(began))
	if got := query(t, p, "select n::text from kept"); got != "7" {
		t.Errorf("the row is %q after recovery", got)
	}

	began = time.Now()
	if err := p.Stop(t.Context()); err != nil {
		t.Errorf("Stop: %v", err)
	}
	t.Logf("stop: %v", time.Since(began))
	if err, open := <-p.Exited(); open || err != nil {
		t.Errorf("Exited after Stop: %v", err)
	}

	// A stale pid file whose number belongs to another process: ours, to be sure that it lives.
	pidFile := filepath.Join(dir, "pg", "data", "postmaster.pid")
	if err := os.WriteFile(pidFile, []byte("1\n"+filepath.Join(dir, "pg", "data")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	began = time.Now()
	p = start(t, PostgresOptions{Dir: dir})
	t.Logf("second start: %v", time.Since(began))

	// A server that outlived its Postern, as where there is no parent-death signal: the lock is free, the server runs.
	orphan := p.child.process.Pid
	p.lock.Close()
	heir := start(t, PostgresOptions{Dir: dir})
	if heir.child.process.Pid == orphan || query(t, heir, "select n::text from kept") != "7" {
		t.Error("the orphan was not replaced")
	}
	if err := heir.Stop(t.Context()); err != nil {
		t.Errorf("Stop: %v", err)
	}

	checkOtherVersionIsRefused(t, dir)
}

// checkFreshCluster checks what every cluster must be, and leaves a row in it.
func checkFreshCluster(t *testing.T, p *Postgres) {
	t.Helper()
	for sql, want := range map[string]string{
		"show fsync":              "on",
		"show synchronous_commit": "on",
		"show full_page_writes":   "on",
		"show listen_addresses":   "",
		"select lower('É')":       "é",
		"select current_user":     "postern",
		"select usesuper::text from pg_user where usename = current_user": "false",
	} {
		if got := query(t, p, sql); got != want {
			t.Errorf("%s: %q, want %q", sql, got, want)
		}
	}
	conn, err := pgx.Connect(t.Context(), p.URL())
	if err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{"create extension pg_trgm", "create extension unaccent", "create table kept (n int)", "insert into kept values (7)"} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	if got := query(t, p, "select (show_trgm('é') <> show_trgm('e'))::text"); got != "true" {
		t.Error("trigrams do not tell é from e: the locale is wrong")
	}
	conn.Close(t.Context())
	if bad, err := pgx.Connect(t.Context(), strings.Replace(p.URL(), ":", ":x", 2)); err == nil {
		bad.Close(t.Context())
		t.Error("a wrong password was let in")
	}
}

// checkOtherVersionIsRefused makes a cluster look like another version's: it is refused and left alone.
func checkOtherVersionIsRefused(t *testing.T, dir string) {
	t.Helper()
	version := filepath.Join(dir, "pg", "data", "PG_VERSION")
	if err := os.WriteFile(version, []byte("9\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := StartPostgres(t.Context(), PostgresOptions{Dir: dir, Fetch: FetchNever})
	if err == nil || !strings.Contains(err.Error(), "was made by PostgreSQL 9") || !strings.Contains(err.Error(), "Nothing was changed") {
		t.Errorf("foreign version: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "pg", "data", "base")); err != nil {
		t.Errorf("the refused cluster was touched: %v", err)
	}
}

// The folder is both too long for a unix socket and, where the test runs as root, closed to the server's account.
func TestLongAndUnreachableFolder(t *testing.T) {
	t.Parallel()
	elsewhere := openDir(t)
	dir := filepath.Join(t.TempDir(), strings.Repeat("d", 100), strings.Repeat("e", 100), "data")
	var said []string
	o := PostgresOptions{Dir: dir, Elsewhere: filepath.Join(elsewhere, strings.Repeat("f", 100)), Notice: func(s string) { said = append(said, s) }}
	p := start(t, o)
	if got := query(t, p, "select current_database()"); got != "postern" {
		t.Errorf("database %q", got)
	}
	link, err := os.Readlink(filepath.Join(dir, "pg"))
	if os.Geteuid() == 0 && (err != nil || !strings.HasPrefix(link, elsewhere) || !strings.Contains(strings.Join(said, "\n"), link)) {
		t.Errorf("pg links to %q (%v), and this was said: %q", link, err, said)
	}
	if err := p.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	// The second start follows the link and makes nothing new.
	start(t, o)
	if again, _ := os.Readlink(filepath.Join(dir, "pg")); again != link {
		t.Errorf("the second start went to %q, not %q", again, link)
	}
}

func TestUnreachableClusterIsNamed(t *testing.T) {
	t.Parallel()
	closed := filepath.Join(openDir(t), "closed")
	data := filepath.Join(closed, "data")
	if err := os.MkdirAll(filepath.Join(data, "pg"), 0o700); err != nil {
		t.Fatal(err)
	}
	a := account{name: "postgres", uid: 101, gid: 104, drop: true}
	_, err := placeHome(PostgresOptions{Dir: data, Notice: func(string) {}}, a)
	if err == nil || !strings.Contains(err.Error(), "postgres") || !strings.Contains(err.Error(), closed) {
		t.Errorf("%v: want the account and the folder named", err)
	}
	if err := os.Chmod(closed, 0o711); err != nil {
		t.Fatal(err)
	}
	// The data folder itself is ours to open for passing: key file and objects in it are closed by themselves.
	if h, err := placeHome(PostgresOptions{Dir: data, Notice: func(string) {}}, a); err == nil || h.root != "" {
		t.Errorf("pg itself is closed, and was taken: %v", h)
	}
	if info, err := os.Stat(data); err != nil || info.Mode().Perm() != 0o711 {
		t.Errorf("the data folder has mode %v, %v", info.Mode(), err)
	}
}

func TestSocketFolderOfSomebodyElseIsRefused(t *testing.T) {
	t.Parallel()
	h := home{root: openDir(t)}
	if err := os.Mkdir(filepath.Join(h.root, "run"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(h.root, "run"), 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := h.socketDir(account{name: "us", uid: os.Geteuid()}); err == nil {
		t.Error("a folder open to all was taken for the socket")
	}
}

func TestNewestProgramsAndTheClustersOwn(t *testing.T) {
	t.Parallel()
	found := []programs{{"/a", 14}, {"/b", 17}, {"/c", 15}}
	if best, ok := newest(found); !ok || best.major != 17 {
		t.Errorf("newest = %v", best)
	}
	if _, ok := newest(found[:1]); ok {
		t.Error("14 was taken, which is too old")
	}
	h := home{root: t.TempDir()}
	if err := os.Mkdir(h.data(), 0o700); err != nil {
		t.Fatal(err)
	}
	for version, want := range map[string]string{"15": "/c", "14": "/a"} { // an old cluster may go on with its own programs
		if err := os.WriteFile(filepath.Join(h.data(), "PG_VERSION"), []byte(version+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if p, err := matching(found, h); err != nil || p.dir != want {
			t.Errorf("cluster of %s: %v, %v", version, p, err)
		}
	}
}

func TestNoProgramsSaysWhatToDo(t *testing.T) {
	t.Parallel()
	err := noPrograms(errors.New("the network is down"))
	for _, want := range []string{"no PostgreSQL 15 or newer", "POSTERN_DATABASE_URL", "apt-get install postgresql", "the network is down"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in: %v", want, err)
		}
	}
}

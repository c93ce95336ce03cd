package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

const senders = 8

// rounds is how many times over the crash tests go on.
func rounds(t testing.TB) int {
	t.Helper()
	text := os.Getenv("E2E_ROUNDS")
	if text == "" {
		return 1
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("E2E_ROUNDS=%q is no number of rounds", text)
	}
	return n
}

// random is another one in every run; its seed is told, so that a run can be told from another.
func random(t testing.TB) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 4))
}

// supervise starts the program again whenever it ends, as systemd would, until the function that it returns is called.
func supervise(t testing.TB, p *program) (starts *atomic.Int32, release func()) {
	t.Helper()
	starts = new(atomic.Int32)
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			_, ended := p.process()
			select {
			case <-ended:
			case <-quit:
				return
			}
			if err := p.start(); err != nil {
				t.Errorf("start again: %v", err)
				return
			}
			starts.Add(1)
		}
	}()
	return starts, func() { close(quit); <-done }
}

// awaitMail waits until so many more mails have got their 250.
func (l *load) awaitMail(more int64, after string) {
	l.t.Helper()
	want := l.taken.Load() + more
	began := time.Now()
	eventually(l.t, fmt.Sprintf("%d more mails are taken after %s", more, after), func() bool { return l.taken.Load() >= want })
	l.t.Logf("%d mails %v after %s (%d answers 4xx, %d without an answer so far)", more, time.Since(began).Round(time.Millisecond), after, l.putOff.Load(), l.broken.Load())
}

// database connects to the program's own PostgreSQL, as an operator with the rights of its account would.
func (p *program) database(ctx context.Context) (*pgx.Conn, error) {
	text, err := os.ReadFile(filepath.Join(p.dir, "data", "run", "access.json"))
	if err != nil {
		return nil, err
	}
	var access struct {
		URL string `json:"database_url"`
	}
	if err := json.Unmarshal(text, &access); err != nil {
		return nil, err
	}
	return pgx.Connect(ctx, access.URL)
}

// postmaster is the process id of the program's PostgreSQL.
func (p *program) postmaster() (int, error) {
	text, err := os.ReadFile(filepath.Join(p.dir, "data", "pg", "data", "postmaster.pid"))
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(text), "\n")
	return strconv.Atoi(first)
}

// backend is the process id of a connection of the program to its PostgreSQL, a busy one if there is one.
func (p *program) backend(t testing.TB) (pid int) {
	t.Helper()
	conn, err := p.database(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	err = conn.QueryRow(t.Context(), `
		select pid from pg_stat_activity
		where backend_type = 'client backend' and pid <> pg_backend_pid()
		order by state = 'active' desc, random() limit 1`).Scan(&pid)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// T-250 under kill -9 of the program, of PostgreSQL, and of one connection of it, at any moment under load: every mail that got its 250 is there exactly once, whole.
func TestNothingIsLostWhenProcessesAreKilled(t *testing.T) {
	t.Parallel()
	p, chance := launch(t), random(t)
	starts, release := supervise(t, p)
	defer release()
	l := newLoad(t, p, senders)
	l.awaitMail(50, "the start")

	killProgram := func() {
		pid, ended := p.process()
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		<-ended
		l.awaitMail(1, "kill -9 of the program")
	}
	killPostmaster := func() {
		_, ended := p.process()
		pid, err := p.postmaster()
		if err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		select {
		case <-ended: // without its database it can do nothing; whoever supervises it starts both again
		case <-time.After(patience):
			t.Fatalf("the program goes on %v after its PostgreSQL was killed", patience)
		}
		t.Logf("without its PostgreSQL the program ended after %v", time.Since(began).Round(time.Millisecond))
		l.awaitMail(1, "kill -9 of PostgreSQL")
	}
	killBackend := func() {
		before := starts.Load()
		if err := syscall.Kill(p.backend(t), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		l.awaitMail(int64(senders)+1, "kill -9 of a database connection")
		if starts.Load() != before {
			t.Error("the program ended because one connection of its database was killed")
		}
	}
	killRepairing := func() { // PostgreSQL repairs itself after a connection was killed; told to shut down meanwhile, it may hang
		if err := syscall.Kill(p.backend(t), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(chance.Int64N(int64(400 * time.Millisecond)))) // a moment by chance: nothing tells how far the repair has come
		killProgram()
	}
	for range rounds(t) {
		for _, kill := range []func(){killProgram, killBackend, killProgram, killPostmaster, killRepairing, killBackend, killProgram, killPostmaster, killRepairing} {
			l.awaitMail(1+chance.Int64N(60), "a quiet moment")
			kill()
		}
	}
	l.awaitMail(50, "the last crash")
	l.finish()
	l.everyMailIsThereOnce()
}

// T-250 under kill -9 of the S3 store: mails with files wait for it, the others do not, and none is lost.
func TestNothingIsLostWhenTheStoreIsKilled(t *testing.T) {
	t.Parallel()
	dir, addr := folder(t), freePort(t)
	store := startStore(t, dir, addr)
	p, chance := launch(t, "POSTERN_S3_ENDPOINT="+addr, "POSTERN_S3_TLS=off", "POSTERN_S3_BUCKET="+storeBucket, "POSTERN_S3_ACCESS_KEY="+storeKey, "POSTERN_S3_SECRET_KEY="+storeSecret), random(t)
	l := newLoad(t, p, senders)
	for range 2 * rounds(t) {
		l.awaitMail(30+chance.Int64N(60), "a quiet moment")
		_ = store.Process.Kill()
		_ = store.Wait()
		l.awaitPlain(40, "kill -9 of the store")
		before := l.putOff.Load()
		eventually(t, "mails with files are put off while there is no store", func() bool { return l.putOff.Load() > before })
		store = startStore(t, dir, addr)
		files := l.taken.Load() - l.plain.Load()
		eventually(t, "mails with files are taken again", func() bool { return l.taken.Load()-l.plain.Load() > files+int64(senders) })
	}
	l.finish()
	l.everyMailIsThereOnce()
}

// awaitPlain is awaitMail for mails without files.
func (l *load) awaitPlain(more int64, after string) {
	l.t.Helper()
	want := l.plain.Load() + more
	eventually(l.t, fmt.Sprintf("%d more mails without files are taken after %s", more, after), func() bool { return l.plain.Load() >= want })
}

// startStore starts an S3 store as a process of its own.
func startStore(t testing.TB, dir, addr string) *exec.Cmd {
	t.Helper()
	store := exec.Command(os.Args[0])
	store.Env = append(os.Environ(), storeFolder+"="+dir, storeAddr+"="+addr)
	store.Stderr = os.Stderr
	store.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := store.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = store.Process.Kill()
		_ = store.Wait()
	})
	ready := make([]byte, len("ready"))
	if _, err := io.ReadFull(out, ready); err != nil || string(ready) != "ready" {
		t.Fatalf("the store does not start: %q, %v", ready, err)
	}
	return store
}

// everyMailIsThereOnce compares what got its 250 with what the database holds, and with the bytes that the API gives.
func (l *load) everyMailIsThereOnce() {
	t := l.t
	t.Helper()
	conn, err := l.p.database(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	there := map[string][]place{}
	rows, err := conn.Query(context.Background(), `
		select message_id, message.id, ticket_id, (select count(*) from attachment where attachment.message = message.id)
		from message where kind = 'inbound'`)
	if err != nil {
		t.Fatal(err)
	}
	var id string
	var at place
	if _, err := pgx.ForEachRow(rows, []any{&id, &at.message, &at.ticket, &at.files}, func() error {
		there[id] = append(there[id], at)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	var tickets, held int
	if err := conn.QueryRow(context.Background(), `select (select count(*) from ticket), (select count(*) from suspended)`).Scan(&tickets, &held); err != nil {
		t.Fatal(err)
	}
	if tickets != len(l.sent) || held != 0 || len(there) != len(l.sent) {
		t.Errorf("%d mails got their 250; there are %d ids on %d tickets, and %d suspended", len(l.sent), len(there), tickets, held)
	}
	looked := 0
	for id, sum := range l.sent {
		places := there[id]
		if len(places) != 1 {
			t.Errorf("%s got its 250 and is there %d times", id, len(places))
			continue
		}
		if wanted := min(len(sum), 1); places[0].files != wanted {
			t.Errorf("%s has %d files instead of %d", id, places[0].files, wanted)
		} else if sum != nil && looked < 100 {
			looked++
			l.look(places[0], id, sum)
		}
	}
	t.Logf("%d mails, each there once; %d attachments read back; %d answers 4xx and %d without an answer on the way", len(l.sent), looked, l.putOff.Load(), l.broken.Load())
}

// place is where a mail stands.
type place struct {
	message, ticket int64
	files           int
}

// look reads a mail's attachment and original by the API.
func (l *load) look(at place, id string, sum []byte) {
	l.t.Helper()
	all := conversation(l.t, l.p, at.ticket)
	if len(all) == 0 || all[0].MessageID != id || len(all[0].Attachments) != 1 {
		l.t.Errorf("ticket %d does not show %s with its file: %+v", at.ticket, id, all)
		return
	}
	for path, check := range map[string]func([]byte) bool{
		fmt.Sprintf("/attachments/%d", all[0].Attachments[0].ID): func(file []byte) bool { got := sha256.Sum256(file); return bytes.Equal(got[:], sum) },
		fmt.Sprintf("/messages/%d/original", at.message):         func(mail []byte) bool { return bytes.Contains(mail, []byte("Message-ID: <"+id+">\r\n")) },
	} {
		response, content, err := l.p.request(http.MethodGet, path, nil, nil)
		if err != nil || response.StatusCode != http.StatusOK || !check(content) {
			l.t.Errorf("%s of %s: %d bytes that are not its own (%v)", path, id, len(content), err)
		}
	}
}

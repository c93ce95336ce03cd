package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/jackc/pgx/v5"

	"postern/internal/testkit"
)

const (
	workers      = 3
	destinations = 5
	perMessage   = 10 // recipients, two at each destination
	perRound     = 50 // messages: 500 deliveries, so that ten rounds are 5,000
)

// slowServer is the mail server of all customers. It takes its time, so that there is always something in hand, and remembers when it took which copy.
type slowServer struct {
	mu    sync.Mutex
	taken map[string][]time.Time // by recipient, each of whom gets one mail
}

type slowSession struct {
	server *slowServer
	to     []string
}

func (s *slowSession) Reset()                                    { s.to = nil }
func (s *slowSession) Logout() error                             { return nil }
func (s *slowSession) Mail(string, *smtp.MailOptions) error      { return nil }
func (s *slowSession) Rcpt(to string, _ *smtp.RcptOptions) error { s.to = append(s.to, to); return nil }
func (s *slowSession) Data(r io.Reader) error {
	if _, err := io.Copy(io.Discard, r); err != nil {
		return err
	}
	time.Sleep(time.Duration(rand.Int64N(int64(600 * time.Millisecond))))
	s.server.mu.Lock()
	for _, to := range s.to {
		s.server.taken[to] = append(s.server.taken[to], time.Now())
	}
	s.server.mu.Unlock()
	time.Sleep(time.Duration(rand.Int64N(int64(200 * time.Millisecond)))) // it has the mail and has not said so yet
	return nil
}

func startSlowServer(t *testing.T) (*slowServer, string) {
	t.Helper()
	server := &slowServer{taken: map[string][]time.Time{}}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serving := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &slowSession{server: server}, nil }))
	serving.Domain, serving.ErrorLog = "mx.customer.example", log.New(io.Discard, "", 0)
	go func() { _ = serving.Serve(listener) }() // ends with Close
	t.Cleanup(func() { _ = serving.Close() })
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return server, port
}

// recipients is how many have their mail.
func (s *slowServer) recipients() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.taken)
}

// worker is a process that only delivers, beside the program whose database and store it uses.
func (p *program) worker(t *testing.T, settings ...string) *program {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(p.dir, "data", "run", "access.json"))
	if err != nil {
		t.Fatal(err)
	}
	var access struct {
		URL       string `json:"database_url"`
		Endpoint  string `json:"s3_endpoint"`
		Bucket    string `json:"s3_bucket"`
		AccessKey string `json:"s3_access_key"`
		SecretKey string `json:"s3_secret_key"`
	}
	if err := json.Unmarshal(text, &access); err != nil {
		t.Fatal(err)
	}
	dir := folder(t)
	output, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	w := &program{t: t, dir: dir, log: output, args: []string{"--role", "worker"}}
	w.env = append(append(append([]string{}, p.env...), "POSTERN_DATA="+filepath.Join(dir, "data"), "TMPDIR="+dir, "POSTERN_KEY_FILE="+filepath.Join(p.dir, "data", "keys", "master.keys"),
		"POSTERN_DATABASE_URL="+access.URL, "POSTERN_S3_ENDPOINT="+access.Endpoint, "POSTERN_S3_BUCKET="+access.Bucket, "POSTERN_S3_ACCESS_KEY="+access.AccessKey,
		"POSTERN_S3_SECRET_KEY="+access.SecretKey, "POSTERN_S3_TLS=off", "POSTERN_LOG_LEVEL=warn"), settings...)
	t.Cleanup(func() {
		w.stop()
		if t.Failed() {
			w.tellLog()
		}
		_ = output.Close()
	})
	if err := w.start(); err != nil {
		t.Fatalf("start a worker: %v", err)
	}
	return w
}

// T-DELIVERY under kill -9 of three worker processes: every mail arrives; a second copy is only of a mail whose being taken was not written down before the process died.
func TestNothingIsLostWhenWorkersAreKilled(t *testing.T) {
	t.Parallel()
	zone := ""
	for i := range destinations {
		zone += fmt.Sprintf("d%d.example. 60 IN MX 10 mx.customer.example.\n", i)
	}
	server, port := startSlowServer(t)
	dns := testkit.DNS(t, zone+"mx.customer.example. 60 IN A 127.0.0.1\n")
	settings := []string{"POSTERN_DNS=" + dns.Addr, "POSTERN_MX_PORT=" + port}
	p, chance := launchAs(t, []string{"--role", "smtp,web"}, settings...), random(t)
	messages := perRound * rounds(t)
	p.writeTo(messages)
	team := make([]*program, workers)
	for i := range team {
		team[i] = p.worker(t, settings...)
		_, release := supervise(t, team[i])
		defer release()
	}
	kills, want, began := 0, messages*perMessage, time.Now()
	for kills < 2*workers*rounds(t) {
		before := server.recipients()
		eventually(t, "more mails are taken after a kill", func() bool { return server.recipients() > before || before == want })
		time.Sleep(500*time.Millisecond + time.Duration(chance.Int64N(int64(time.Second))))
		pid, ended := team[kills%workers].process()
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		<-ended
		kills++
	}
	conn, err := p.database(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	killed := time.Now()
	eventuallyWithin(t, 2*patience, "all deliveries are over", func() (open int) {
		if err := conn.QueryRow(t.Context(), `select count(*) from delivery where state in ('queued', 'deferred')`).Scan(&open); err != nil {
			t.Fatal(err)
		}
		return open
	})
	t.Logf("%d kills in %v; all was over %v after the last", kills, killed.Sub(began).Round(time.Second), time.Since(killed).Round(time.Second))
	server.judge(t, conn, want)
}

// writeTo begins so many conversations, each with recipients at every destination.
func (p *program) writeTo(messages int) {
	p.t.Helper()
	var writing sync.WaitGroup
	for part := range senders {
		writing.Go(func() {
			for m := part; m < messages; m += senders {
				var to []map[string]string
				for r := range perMessage {
					to = append(to, map[string]string{"address": fmt.Sprintf("r%d-%d@d%d.example", m, r, r%destinations)})
				}
				response, text, err := p.request(http.MethodPost, "/tickets", map[string]any{"mailbox": support, "to": to, "subject": "Pump", "text": "It runs again."}, nil)
				if err != nil || response.StatusCode/100 != 2 {
					p.t.Errorf("write: %v %s", err, text)
				}
			}
		})
	}
	writing.Wait()
}

// eventuallyWithin waits until nothing is left.
func eventuallyWithin(t *testing.T, limit time.Duration, what string, left func() int) {
	t.Helper()
	for began := time.Now(); ; time.Sleep(200 * time.Millisecond) {
		n := left()
		if n == 0 {
			return
		}
		if time.Since(began) > limit {
			t.Fatalf("within %v it never happened: %s; %d are left", limit, what, n)
		}
	}
}

// judge compares what the server took with what the database says.
func (s *slowServer) judge(t *testing.T, conn *pgx.Conn, want int) {
	t.Helper()
	rows, err := conn.Query(t.Context(), `
		select d.recipient, d.state, d.updated_at, (select count(*) from delivery_event e where e.message_id = d.message_id and e.recipient = d.recipient and e.state = 'sent')
		from delivery d`)
	if err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var recipient, state string
	var recorded time.Time
	var told, seen, twice, more int
	_, err = pgx.ForEachRow(rows, []any{&recipient, &state, &recorded, &told}, func() error {
		seen++
		copies := s.taken[recipient]
		switch {
		case state != "sent" || len(copies) == 0:
			t.Errorf("%s is %s and got %d copies", recipient, state, len(copies))
		case told != 1:
			t.Errorf("that %s has the mail was written down %d times", recipient, told)
		}
		for i, at := range copies {
			if at.After(recorded) {
				t.Errorf("copy %d of %d for %s was taken at %v, after it was written down at %v that there is one", i+1, len(copies), recipient, at, recorded)
			}
		}
		if len(copies) > 1 {
			twice++
			more += len(copies) - 1
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen != want {
		t.Errorf("%d deliveries, want %d", seen, want)
	}
	t.Logf("%d deliveries, each there; %d recipients got it more than once (%d copies too many): each was taken when its process died before that was written down", seen, twice, more)
}

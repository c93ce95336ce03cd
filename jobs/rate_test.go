package jobs

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"postern/desk"
	"postern/internal/testkit"
)

// fastSink makes this program a receiver that forgets what it is told: another process, so that its work does not count as ours.
const fastSink = "POSTERN_FAST_SINK"

func TestMain(m *testing.M) {
	if os.Getenv(fastSink) != "" {
		serveFastSink()
	}
	os.Exit(m.Run())
}

func serveFastSink() {
	fail := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	fail(err)
	plate := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"mx.customer.test"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, plate, plate, key.Public(), key)
	fail(err)
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return forgetful{}, nil }))
	server.Domain, server.TLSConfig = "mx.customer.test", &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	fail(err)
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	fail(server.Serve(listener))
}

type forgetful struct{}

func (forgetful) Reset()                               {}
func (forgetful) Logout() error                        { return nil }
func (forgetful) Mail(string, *smtp.MailOptions) error { return nil }
func (forgetful) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (forgetful) Data(r io.Reader) error               { _, err := io.Copy(io.Discard, r); return err }

// startFastSink starts the receiver and returns its port.
func startFastSink(t testing.TB) int {
	t.Helper()
	sink := exec.Command(os.Args[0])
	sink.Env = append(os.Environ(), fastSink+"=1")
	sink.Stderr = os.Stderr
	sink.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := sink.StdoutPipe()
	if err == nil {
		err = sink.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sink.Process.Kill(); _ = sink.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// BenchmarkReplies measures what a reply costs from its place in the queue to its recorded delivery: composed, signed twice, kept, sent to one fast receiver in another process; and what it costs to write it.
//
//	go test ./jobs -run '^$' -bench Replies -benchtime 5000x
func BenchmarkReplies(b *testing.B) {
	h := newHouse(b, testkit.Behaviour{})
	h.config.Sender.MXPort = startFastSink(b)
	go func() { // nobody waits for news here
		for range h.heard {
		}
	}()
	h.activate(b, "example.com")
	box := h.mailbox(b, "support@example.com")
	text := strings.Repeat("The pump in hall 4 runs again; the seal was worn. See https://example.com/orders/4711 for the parts.\n", 20)
	const writers = 8
	write := func(n int, one func(i int) error) {
		var writing sync.WaitGroup
		for part := range writers {
			writing.Go(func() {
				for i := part; i < n; i += writers {
					if err := one(i); err != nil {
						b.Error(err)
					}
				}
			})
		}
		writing.Wait()
	}
	asked := make([]int64, min(b.N, 500)) // conversations that are answered again and again
	write(len(asked), func(i int) error {
		ticket, _, err := h.tickets.Start(b.Context(), h.ann, desk.NewTicket{MailboxID: box, Subject: "Pump 4", Text: text, To: []desk.Address{{Name: "Carol", Addr: fmt.Sprintf("c%d@customer.test", i)}}})
		asked[i] = ticket.ID
		return err
	})
	if _, err := h.store.Pool().Exec(b.Context(), `delete from river_job`); err != nil { // only replies leave
		b.Fatal(err)
	}
	if _, err := h.store.Pool().Exec(b.Context(), `update delivery set state = 'sent'`); err != nil {
		b.Fatal(err)
	}
	before, began := cpu(b), time.Now()
	write(b.N, func(i int) error {
		_, err := h.tickets.Reply(b.Context(), h.ann, desk.ReplyRequest{Ticket: asked[i%len(asked)], Text: text})
		return err
	})
	wrote, wroteCPU := time.Since(began), cpu(b).less(before)
	count := func(sql string) (n int64) {
		if err := h.store.Pool().QueryRow(b.Context(), sql).Scan(&n); err != nil {
			b.Fatal(err)
		}
		return n
	}
	const commits = `select xact_commit from pg_stat_database where datname = current_database()`
	transactions := count(commits)
	before = cpu(b)
	b.ResetTimer()
	h.start(b)
	for count(`select count(*) from delivery where state <> 'sent'`) > 0 {
		time.Sleep(50 * time.Millisecond)
	}
	b.StopTimer()
	used := cpu(b).less(before)
	mails := float64(b.N)
	b.ReportMetric(mails/b.Elapsed().Seconds(), "mails/s")
	b.ReportMetric(used.own/mails*1000, "own-CPU-s/1000")
	b.ReportMetric(used.database/mails*1000, "pg-CPU-s/1000")
	b.ReportMetric(float64(count(commits)-transactions)/mails, "commits/mail")
	b.ReportMetric(mails/wrote.Seconds(), "written/s")
	b.ReportMetric(wroteCPU.own/mails*1000, "write-own-CPU-s/1000")
	b.ReportMetric(wroteCPU.database/mails*1000, "write-pg-CPU-s/1000")
}

// cpuTime is CPU time in seconds: this process's, and that of the PostgreSQL servers below it.
type cpuTime struct{ own, database float64 }

func (c cpuTime) less(before cpuTime) cpuTime {
	return cpuTime{c.own - before.own, c.database - before.database}
}

func cpu(b *testing.B) cpuTime {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	seconds := func(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }
	c := cpuTime{own: seconds(usage.Utime) + seconds(usage.Stime)}
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		b.Fatal(err)
	}
	parents, ticks, postgres := map[int]int{}, map[int]int64{}, map[int]bool{}
	for _, file := range files {
		line, err := os.ReadFile(file)
		if err != nil {
			continue // it has just ended
		}
		pid, _ := strconv.Atoi(strings.Fields(string(line))[0])
		command, rest, _ := strings.Cut(string(line[strings.IndexByte(string(line), '(')+1:]), ")")
		fields := strings.Fields(rest)
		parents[pid], _ = strconv.Atoi(fields[1])
		postgres[pid] = command == "postgres"
		for _, field := range fields[11:15] { // utime, stime, cutime, cstime (proc(5))
			n, _ := strconv.ParseInt(field, 10, 64)
			ticks[pid] += n
		}
	}
	for pid := range postgres {
		if postgres[pid] && (parents[pid] == os.Getpid() || parents[parents[pid]] == os.Getpid()) {
			c.database += float64(ticks[pid]) / 100
		}
	}
	return c
}

package audit

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/desk"
)

// logServer is a real rsyslog that takes messages over TLS.
type logServer struct {
	t         *testing.T
	dir       string
	addr      string
	authority string
	process   *exec.Cmd
}

// rsyslogConf writes each message as it came, on a line, and before the next is read: what was read from a connection is in the file soon.
const rsyslogConf = `
global(workDirectory="%[1]s" DefaultNetstreamDriver="gtls" DefaultNetstreamDriverCAFile="%[1]s/cert.pem" DefaultNetstreamDriverCertFile="%[1]s/cert.pem" DefaultNetstreamDriverKeyFile="%[1]s/key.pem" maxMessageSize="64k")
module(load="imtcp" StreamDriver.Name="gtls" StreamDriver.Mode="1" StreamDriver.AuthMode="anon")
input(type="imtcp" address="127.0.0.1" port="%[2]s" ruleset="keep")
template(name="whole" type="string" string="%%msgid%% %%structured-data%% %%msg%%\n")
ruleset(name="keep" queue.type="direct") { action(type="omfile" file="%[1]s/audit.log" template="whole" asyncWriting="off" flushOnTXEnd="on" ioBufferSize="1k") }
`

func newLogServer(t *testing.T) *logServer {
	t.Helper()
	l := &logServer{t: t, dir: t.TempDir()}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.addr = taken.Addr().String()
	_, port, _ := net.SplitHostPort(l.addr)
	if err := taken.Close(); err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "logs"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	l.authority = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}))
	for name, text := range map[string]string{
		"cert.pem": l.authority, "key.pem": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})), "rsyslog.conf": fmt.Sprintf(rsyslogConf, l.dir, port),
	} {
		if err := os.WriteFile(filepath.Join(l.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l.start()
	t.Cleanup(l.kill)
	return l
}

func (l *logServer) start() {
	l.t.Helper()
	binary, err := exec.LookPath("rsyslogd")
	if err != nil {
		binary = "/usr/sbin/rsyslogd"
	}
	l.process = exec.Command(binary, "-n", "-C", "-f", filepath.Join(l.dir, "rsyslog.conf"), "-i", filepath.Join(l.dir, "pid"))
	out, err := os.OpenFile(filepath.Join(l.dir, "rsyslog.out"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		l.t.Fatal(err)
	}
	l.process.Stdout, l.process.Stderr = out, out
	if err := l.process.Start(); err != nil {
		l.t.Fatalf("rsyslog (scripts/need rsyslog): %v", err)
	}
	_ = out.Close() // the child has its own
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		conn, err := net.Dial("tcp", l.addr)
		if err == nil {
			_ = conn.Close() // it was only to see whether somebody listens
			return
		}
		if time.Now().After(end) {
			text, _ := os.ReadFile(filepath.Join(l.dir, "rsyslog.out"))
			l.t.Fatalf("rsyslog does not listen: %v\n%s", err, text)
		}
	}
}

// kill ends it as a crash does.
func (l *logServer) kill() {
	if l.process != nil {
		_ = l.process.Process.Kill() // it may have ended
		_ = l.process.Wait()
		l.process = nil
	}
}

// got is how often each record came. A line that the crash cut off is none.
func (l *logServer) got() map[int64]int {
	text, _ := os.ReadFile(filepath.Join(l.dir, "audit.log"))
	seen := map[int64]int{}
	for line := range strings.Lines(string(text)) {
		at := strings.LastIndex(line, `{"id":`)
		if at < 0 {
			continue
		}
		var one sent
		if json.Unmarshal([]byte(strings.TrimSpace(line[at:])), &one) == nil && one.ID > 0 {
			seen[one.ID]++
		}
	}
	return seen
}

// downTime is how long the server stays dead: SINK_DOWN=60s is the long form, a short one is part of make test.
func downTime(t *testing.T) time.Duration {
	text := os.Getenv("SINK_DOWN")
	if text == "" {
		return 4 * time.Second
	}
	down, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return down
}

// TestRsyslogMissesNothingWhenKilled kills a real rsyslog with SIGKILL while records are made, and starts it again: nothing is missing, and what came twice can be told by its number.
func TestRsyslogMissesNothingWhenKilled(t *testing.T) {
	down := downTime(t)
	d := newDesktop(t)
	d.now = time.Now()
	d.cfg.Now = time.Now
	server := newLogServer(t)
	sink, _, err := d.SetSink(t.Context(), ownerOfSinks, WantedSink{Name: "rsyslog", Kind: desk.SinkSyslog, Address: server.addr, Authority: server.authority, Whole: true})
	if err != nil {
		t.Fatal(err)
	}
	d.stream(t)
	var load sync.WaitGroup
	loading := true
	var mu sync.Mutex
	made := 1 // the sink itself is recorded
	load.Go(func() {
		for {
			mu.Lock()
			going := loading
			mu.Unlock()
			if !going {
				return
			}
			d.record(t, 20, "ticket.note")
			mu.Lock()
			made += 20
			mu.Unlock()
			time.Sleep(20 * time.Millisecond)
		}
	})
	within(t, 30*time.Second, "records arrive before the crash", func() bool { return len(server.got()) > 200 })
	server.kill()
	before := len(server.got())
	time.Sleep(down)
	within(t, 10*time.Second, "the sink is known to fail", func() bool {
		got, err := d.store.Sink(t.Context(), sink.ID)
		return err == nil && got.FailingSince != nil && got.Behind > 0
	})
	server.start()
	within(t, longestPause+30*time.Second, "records arrive after it", func() bool { return len(server.got()) > before })
	mu.Lock()
	loading = false
	mu.Unlock()
	load.Wait()
	within(t, 60*time.Second, "everything has arrived", func() bool { return len(server.got()) >= made })
	twice := 0
	for _, times := range server.got() {
		twice += times - 1
	}
	t.Logf("%d records, %d of them before the crash; dead for %v; 0 missing, %d came twice", made, before, down, twice)
	if n := len(server.got()); n != made {
		t.Errorf("%d records for %d", n, made)
	}
}

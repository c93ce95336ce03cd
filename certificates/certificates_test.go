package certificates

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"postern/desk"
	"postern/internal/testkit"
	"postern/secret"
	"postern/store"
)

const patience = 30 * time.Second

// estates are counted, for hosts of their own: the library remembers challenges under way by host, for the whole process.
var estates atomic.Int64

// machine is a Postern as this room sees it: two listeners, and a Keeper that shares a database with others.
type machine struct {
	t           testing.TB
	host        string
	keeper      *Keeper
	http, https net.Listener
	log         *safeBuffer
	stop        func()

	mu       sync.Mutex
	standing map[string]Standing
}

// estate is what machines share.
type estate struct {
	store *store.Store
	keys  *secret.Keyset
	dns   *testkit.DNSServer

	host, help, policy string
}

func newEstate(t testing.TB) *estate {
	t.Helper()
	return newEstateOn(t, testkit.Postgres(t))
}

func newEstateOn(t testing.TB, url string) *estate {
	t.Helper()
	db, err := store.Open(t.Context(), url, 8)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	domain := fmt.Sprintf("desk%d.example", estates.Add(1))
	e := &estate{store: db, keys: secret.NewKeyset(zeroes{}), host: "mail." + domain, help: "help." + domain, policy: "mta-sts." + domain}
	e.dns = testkit.DNS(t, fmt.Sprintf("%s. A 127.0.0.1\n%s. A 127.0.0.1\n%s. A 127.0.0.1\n", e.host, e.help, e.policy))
	return e
}

// zeroes make every machine of an estate the same keys.
type zeroes struct{}

func (zeroes) Read(b []byte) (int, error) { return len(b), nil }

// listen opens the listeners of a machine, whose ports the CA has to know.
func (e *estate) listen(t testing.TB) *machine {
	t.Helper()
	m := &machine{t: t, host: e.host, log: &safeBuffer{}}
	for _, to := range []*net.Listener{&m.http, &m.https} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		*to = listener
		t.Cleanup(func() { _ = listener.Close() })
	}
	return m
}

// open makes the Keeper and serves; nothing is obtained yet.
func (m *machine) open(e *estate, ca *testkit.Pebble, change func(*ACME)) {
	m.t.Helper()
	acme := &ACME{
		Store: e.store, Keys: e.keys, Directory: ca.Directory, Roots: ca.CAFile, HTTPAddr: m.http.Addr().String(), HTTPSAddr: m.https.Addr().String(), Look: 100 * time.Millisecond,
		Names: names(m.host),
	}
	if change != nil {
		change(acme)
	}
	var err error
	m.keeper, err = Open(Config{
		Hostname: m.host, Folder: m.t.TempDir(), ACME: acme, Log: slog.New(slog.NewTextHandler(m.log, nil)), Observe: func(list []Standing) {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.standing = map[string]Standing{}
			for _, one := range list {
				m.standing[one.Name] = one
			}
		},
	})
	if err != nil {
		m.t.Fatal(err)
	}
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "page") })
	plain, secure := &http.Server{Handler: m.keeper.Challenge(page)}, &http.Server{Handler: page, TLSConfig: m.keeper.HTTPS(), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	go func() { _ = plain.Serve(m.http) }()
	go func() { _ = secure.ServeTLS(m.https, "", "") }()
	m.t.Cleanup(func() { _, _ = plain.Close(), secure.Close() })
}

// run begins to obtain, until the test ends or stop is called.
func (m *machine) run() {
	ctx, cancel := context.WithCancel(m.t.Context())
	done := make(chan struct{})
	go func() { defer close(done); m.keeper.Run(ctx) }()
	m.stop = sync.OnceFunc(func() { cancel(); <-done; m.keeper.Close() })
	m.t.Cleanup(m.stop)
}

func names(hosts ...string) func(context.Context) ([]Name, error) {
	return func(context.Context) ([]Name, error) {
		var list []Name
		for _, host := range hosts {
			list = append(list, Name{Host: host})
		}
		return list, nil
	}
}

// shown is the certificate that a client of HTTPS sees who asks for a name.
func (m *machine) shown(name string) *x509.Certificate {
	m.t.Helper()
	conn, err := tls.Dial("tcp", m.https.Addr().String(), &tls.Config{ServerName: name, InsecureSkipVerify: true})
	if err != nil {
		m.t.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0]
}

// proves says whether a client who trusts the CA is content with what it sees.
func (m *machine) proves(ca *testkit.Pebble, name string) bool {
	conn, err := tls.Dial("tcp", m.https.Addr().String(), &tls.Config{ServerName: name, RootCAs: ca.Root()})
	if err == nil {
		_ = conn.Close()
	}
	return err == nil
}

func (m *machine) standings(name string) Standing {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.standing[name]
}

func eventually(t testing.TB, what string, ask func() bool) {
	t.Helper()
	for began := time.Now(); !ask(); time.Sleep(20 * time.Millisecond) {
		if time.Since(began) > patience {
			t.Fatalf("within %v it never happened: %s", patience, what)
		}
	}
}

// safeBuffer is a log that is read while it is written.
type safeBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *safeBuffer) Write(text []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(text)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func portOf(l net.Listener) int { return l.Addr().(*net.TCPAddr).Port }

// Each kind of proof alone is enough; before there is a certificate, our own is shown; what strangers ask for is not obtained; and a machine that starts again asks nobody.
func TestObtain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name        string
		http, https bool // listeners of ours
		blocked     bool // the CA does not reach the HTTP one
	}{{"HTTP-01", true, false, false}, {"TLS-ALPN-01", false, true, false}, {"both", true, true, false}, {"both, and one does not get through", true, true, true}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e := newEstate(t)
			m := e.listen(t)
			options := testkit.PebbleOptions{DNS: e.dns.Addr}
			if c.http && !c.blocked {
				options.HTTPPort = portOf(m.http)
			}
			if c.https {
				options.TLSPort = portOf(m.https)
			}
			ca := testkit.StartPebble(t, options)
			m.open(e, ca, func(a *ACME) {
				a.Names = names(e.host, e.help)
				if !c.http {
					a.HTTPAddr = ""
				}
				if !c.https {
					a.HTTPSAddr = ""
				}
			})
			if own := m.shown(e.host); own.Issuer.CommonName != e.host {
				t.Errorf("at first the certificate is of %v", own.Issuer)
			}
			m.run()
			eventually(t, "certificates for both names", func() bool { return m.proves(ca, e.host) && m.proves(ca, e.help) })
			if got := m.shown("stranger.example").DNSNames; len(got) != 1 || got[0] != e.host {
				t.Errorf("an unknown name sees %v", got)
			}
			if strings.Contains(m.log.String(), "level=ERROR") {
				t.Errorf("the log complains:\n%s", m.log)
			}
			eventually(t, "a figure", func() bool { return !m.standings(e.host).Expires.IsZero() })

			before := m.shown(e.host)
			m.stop()
			ca.Stop() // nobody needs it
			again := e.listen(t)
			again.open(e, ca, nil)
			again.run()
			eventually(t, "the kept certificate after a restart", func() bool { return again.shown(e.host).Equal(before) })
		})
	}
}

// A certificate that comes to the end of its life is replaced under the open listener.
func TestRenew(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	m := e.listen(t)
	ca := testkit.StartPebble(t, testkit.PebbleOptions{DNS: e.dns.Addr, HTTPPort: portOf(m.http), TLSPort: portOf(m.https), Validity: 12 * time.Second})
	m.open(e, ca, nil)
	m.run()
	eventually(t, "a certificate", func() bool { return m.proves(ca, e.host) })
	first := m.shown(e.host)
	eventually(t, "another certificate", func() bool { return !m.shown(e.host).Equal(first) })
	if left := time.Until(first.NotAfter); left < 0 {
		t.Errorf("the first had ended %v before", -left)
	}
	if !m.proves(ca, e.host) {
		t.Error("the second is not good")
	}
}

// While the CA is away, what there is stays in use and the log, the figures and the database say so; once it is back, the certificate comes. A CA that has forgotten our account gets a new one.
func TestCADown(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	m := e.listen(t)
	ca := testkit.StartPebble(t, testkit.PebbleOptions{DNS: e.dns.Addr, HTTPPort: portOf(m.http), TLSPort: portOf(m.https)})
	ca.Stop()
	clock := &clock{}
	m.open(e, ca, func(a *ACME) { a.Now = clock.now })
	m.run()
	eventually(t, "a failure that is counted", func() bool { return m.standings(e.host).Failures == 1 })
	row, err := e.store.Certificate(t.Context(), e.host)
	if err != nil || row.Problem == "" || row.NextTry == nil || Problem(row, clock.now()) == "" {
		t.Errorf("the database says %+v, %v", row, err)
	}
	if got := m.shown(e.host); got.Issuer.CommonName != e.host || !strings.Contains(m.log.String(), "no certificate was obtained; what is in use stays") {
		t.Errorf("shown: %v, log:\n%s", got.Issuer, m.log)
	}
	ca.Start()
	time.Sleep(5 * m.keeper.cfg.ACME.Look)
	if m.proves(ca, e.host) {
		t.Error("the pause after a failure was not kept")
	}
	clock.forward(2 * time.Minute)
	eventually(t, "a certificate", func() bool { return m.proves(ca, e.host) })
	eventually(t, "a row without a problem", func() bool {
		row, err := e.store.Certificate(t.Context(), e.host)
		return err == nil && row.Problem == "" && row.Failures == 0 && row.NotAfter != nil
	})
	ca.Stop()
	ca.Start() // it remembers nothing
	if err := e.store.Write(t.Context(), func(tx *store.Tx) error { return tx.DropCertificateFiles(t.Context(), "certificates") }); err != nil {
		t.Fatal(err)
	}
	clock.forward(2 * time.Hour)
	eventually(t, "another failure", func() bool { return m.standings(e.host).Failures == 1 || m.proves(ca, e.host) }) // certmagic v0.25.6 makes the new account, and uses it only the next time
	clock.forward(2 * time.Minute)
	eventually(t, "a certificate of the CA that forgot us", func() bool { return m.proves(ca, e.host) })
}

// A CA that cannot find us is asked with growing pauses, which a restart does not cut short; a name that is not ready is not asked for at all.
func TestRefused(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	m := e.listen(t)
	ca := testkit.StartPebble(t, testkit.PebbleOptions{DNS: e.dns.Addr}) // it looks where nobody is
	clock := &clock{}
	change := func(a *ACME) {
		a.Now = clock.now
		a.Names = func(context.Context) ([]Name, error) {
			return []Name{{Host: e.host}, {Host: e.policy, Ready: func(context.Context) error { return errors.New("it points elsewhere") }}}, nil
		}
	}
	m.open(e, ca, change)
	m.run()
	eventually(t, "a failure", func() bool { return m.standings(e.host).Failures == 1 })
	row, err := e.store.Certificate(t.Context(), e.host)
	if err != nil || row.NextTry == nil || row.NextTry.Sub(clock.now()) < 4*time.Minute {
		t.Errorf("refused: %+v, %v", row, err)
	}
	eventually(t, "the name that is not ready", func() bool {
		row, err := e.store.Certificate(t.Context(), e.policy)
		return err == nil && strings.Contains(row.Problem, "it points elsewhere") && row.Failures == 0
	})
	m.stop()
	again := e.listen(t)
	again.open(e, ca, change)
	again.run()
	eventually(t, "a look", func() bool { return again.standings(e.host).Failures > 0 })
	time.Sleep(5 * again.keeper.cfg.ACME.Look)
	if got := again.standings(e.host).Failures; got != 1 {
		t.Errorf("after the restart the CA was asked again: %d failures", got)
	}
	if err := Retry(t.Context(), e.store, desk.System("cli")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "another try that an admin asked for", func() bool { return again.standings(e.host).Failures == 2 })
}

// The CA may look at another machine than the one that asked it: there the answer comes out of the database. Both then show the same certificate.
func TestAnotherMachineAnswers(t *testing.T) {
	t.Parallel()
	url := testkit.Postgres(t)
	e := newEstateOn(t, url)
	m := e.listen(t)
	ca := testkit.StartPebble(t, testkit.PebbleOptions{DNS: e.dns.Addr, HTTPPort: portOf(m.http), TLSPort: portOf(m.https)})
	m.open(e, ca, func(a *ACME) {
		a.Names = func(context.Context) ([]Name, error) { return []Name{{Host: e.host, Keep: true}}, nil } // it only waits for what the other obtains
	})
	m.run()
	eventually(t, "a look", func() bool { return m.standings(e.host).Name == e.host })
	other := exec.CommandContext(t.Context(), os.Args[0])
	other.Env = append(os.Environ(), otherMachine+"="+url, "CA="+ca.Directory, "CA_ROOT="+ca.CAFile, "FOLDER="+t.TempDir(), "HOST="+e.host)
	out, err := other.CombinedOutput()
	if err != nil {
		t.Fatalf("the other machine: %v\n%s", err, out)
	}
	eventually(t, "the other's certificate here", func() bool { return m.proves(ca, e.host) })
}

// otherMachine is set in a process that is another machine of the estate: it obtains a certificate without a listener that the CA can find.
const otherMachine = "POSTERN_TEST_MACHINE"

func TestMain(m *testing.M) {
	if url := os.Getenv(otherMachine); url != "" {
		if err := beOtherMachine(url); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func beOtherMachine(url string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	db, err := store.Open(ctx, url, 4)
	if err != nil {
		return err
	}
	defer db.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	addr := listener.Addr().String()
	keeper, err := Open(Config{Hostname: os.Getenv("HOST"), Folder: os.Getenv("FOLDER"), Log: slog.New(slog.NewTextHandler(os.Stdout, nil)), ACME: &ACME{
		Store: db, Keys: secret.NewKeyset(zeroes{}), Directory: os.Getenv("CA"), Roots: os.Getenv("CA_ROOT"), HTTPAddr: addr, HTTPSAddr: addr, Names: names(os.Getenv("HOST")),
	}})
	if err != nil {
		return err
	}
	defer keeper.Close()
	if err := keeper.look(ctx); err != nil {
		return err
	}
	if row, err := db.Certificate(ctx, os.Getenv("HOST")); err != nil || row.NotAfter == nil {
		return fmt.Errorf("it obtained nothing: %+v, %w", row, err)
	}
	return nil
}

// Two machines that start together ask the CA once.
func TestTogether(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	machines := []*machine{e.listen(t), e.listen(t)}
	ca := testkit.StartPebble(t, testkit.PebbleOptions{DNS: e.dns.Addr, HTTPPort: portOf(machines[0].http)})
	for _, m := range machines {
		m.open(e, ca, nil)
		m.run()
	}
	eventually(t, "certificates on both", func() bool { return machines[0].proves(ca, e.host) && machines[1].proves(ca, e.host) })
	if !machines[0].shown(e.host).Equal(machines[1].shown(e.host)) || ca.Issued() != 1 {
		t.Errorf("the CA issued %d certificates", ca.Issued())
	}
}

// clock is a time that a test moves on.
type clock struct {
	mu    sync.Mutex
	ahead time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *clock) forward(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += by
}

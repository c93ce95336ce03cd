package smtpd

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/desk"
)

// shelf is an Intake that keeps what it is given. The local part of the first recipient may ask for another answer than a ticket.
type shelf struct {
	mu    sync.Mutex
	mails []delivered
	hold  chan struct{} // if not nil, Accept waits for it
	begun chan struct{} // told when Accept waits
}

type delivered struct {
	env desk.Envelope
	raw string
}

func (s *shelf) Accept(_ context.Context, env desk.Envelope, raw *io.SectionReader) (desk.Outcome, error) {
	b, err := io.ReadAll(raw)
	if err != nil {
		return desk.Outcome{}, err
	}
	if s.hold != nil {
		s.begun <- struct{}{}
		<-s.hold
	}
	if answer, ok := answers[strings.Split(env.Recipients[0], "@")[0]]; ok {
		return answer()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mails = append(s.mails, delivered{env, string(b)})
	return desk.Outcome{Disposition: desk.Ticketed, Ticket: 1000 + int64(len(s.mails))}, nil
}

// got is what has been delivered so far.
func (s *shelf) got() []delivered {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]delivered(nil), s.mails...)
}

// book is a Directory: everything at example.com is ours but what begins with no-, and a lookup of broken@ fails.
type book struct{}

func (book) Recipient(_ context.Context, addr string) (bool, error) {
	if strings.HasPrefix(addr, "broken@") {
		return false, errors.New("dial tcp 10.1.2.3:5432: connection refused")
	}
	return (strings.HasSuffix(addr, "@example.com") || strings.HasSuffix(addr, "@xn--bcher-kva.example")) && !strings.HasPrefix(addr, "no-"), nil
}

// testServer is a running server with a fast pace.
type testServer struct {
	*Server
	t     testing.TB
	addr  string
	shelf *shelf
}

func start(t testing.TB, change func(*Config), quicken func(*Server)) *testServer {
	t.Helper()
	cfg := Config{Hostname: "mx.example.com", SpoolDir: t.TempDir()}
	if change != nil {
		change(&cfg)
	}
	ts := &testServer{t: t, shelf: &shelf{}}
	ts.Server = New(cfg, book{}, ts.shelf)
	ts.pace.tarpit, ts.pace.farewell = time.Millisecond, 50*time.Millisecond
	if quicken != nil {
		quicken(ts.Server)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ts.addr = l.Addr().String()
	served := make(chan error, 1)
	go func() { served <- ts.Serve(context.Background(), l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := ts.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return ts
}

// local is the network of these tests' clients.
func local() []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} }

// talk is the client's side of a dialogue.
type talk struct {
	t    testing.TB
	conn net.Conn
	r    *bufio.Reader
}

func (ts *testServer) dial() *talk {
	ts.t.Helper()
	conn, err := net.Dial("tcp", ts.addr)
	if err != nil {
		ts.t.Fatal(err)
	}
	ts.t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		ts.t.Fatal(err)
	}
	return &talk{t: ts.t, conn: conn, r: bufio.NewReader(conn)}
}

// hello dials, reads the greeting and says EHLO.
func (ts *testServer) hello() *talk {
	ts.t.Helper()
	c := ts.dial()
	c.want("220 ")
	c.send("EHLO client.example.net\r\n")
	c.want("250 ")
	return c
}

func (c *talk) send(s string) {
	c.t.Helper()
	if _, err := io.WriteString(c.conn, s); err != nil {
		c.t.Fatalf("send %.60q: %v", s, err)
	}
}

// reply reads one reply with all its lines.
func (c *talk) reply() (string, error) {
	var all strings.Builder
	for {
		line, err := c.r.ReadString('\n')
		all.WriteString(line)
		if err != nil {
			return all.String(), err
		}
		if !strings.HasSuffix(line, "\r\n") || len(line) < 6 {
			return all.String(), errors.New("malformed reply line " + strconv.Quote(line))
		}
		if line[3] == ' ' {
			return all.String(), nil
		}
	}
}

// want reads one reply, whose last line must begin with prefix.
func (c *talk) want(prefix string) string {
	c.t.Helper()
	r, err := c.reply()
	if err != nil {
		c.t.Fatalf("reply %q, %v; want %q", r, err, prefix)
	}
	lines := strings.Split(strings.TrimSuffix(r, "\r\n"), "\r\n")
	if !strings.HasPrefix(lines[len(lines)-1], prefix) {
		c.t.Fatalf("reply %q, want %q", r, prefix)
	}
	return r
}

// over demands that the server has closed the connection.
func (c *talk) over() {
	c.t.Helper()
	if r, err := c.reply(); err == nil || r != "" {
		c.t.Fatalf("reply %q (%v), want the end of the connection", r, err)
	} else if errors.Is(err, context.DeadlineExceeded) || isTimeout(err) {
		c.t.Fatalf("the connection is still open")
	}
}

func isTimeout(err error) bool {
	var netErr net.Error
	return errors.As(err, &netErr) && netErr.Timeout()
}

// envelope says MAIL and RCPT.
func (c *talk) envelope() {
	c.t.Helper()
	c.send("MAIL FROM:<a@example.net>\r\nRCPT TO:<support@example.com>\r\n")
	c.want("250 ")
	c.want("250 ")
}

// startTLS goes over to TLS and says EHLO again.
func (c *talk) startTLS(roots *x509.CertPool) *talk {
	c.t.Helper()
	c.send("STARTTLS\r\n")
	c.want("220 ")
	secure := tls.Client(c.conn, &tls.Config{RootCAs: roots, ServerName: "mx.example.com"})
	if err := secure.Handshake(); err != nil {
		c.t.Fatal(err)
	}
	return &talk{t: c.t, conn: secure, r: bufio.NewReader(secure)}
}

// certificate makes a TLS configuration for mx.example.com, and the roots that trust it.
var certificate = sync.OnceValues(func() (*tls.Config, *x509.CertPool) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mx.example.com"}, DNSNames: []string{"mx.example.com"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, roots
})

// withTLS is a change of the configuration that offers STARTTLS.
func withTLS(c *Config) {
	c.TLS = func() *tls.Config { conf, _ := certificate(); return conf }
}

// answers are the ways in which shelf can be made to answer otherwise.
var answers = map[string]func() (desk.Outcome, error){
	"appended":  func() (desk.Outcome, error) { return desk.Outcome{Disposition: desk.Appended, Ticket: 7}, nil },
	"duplicate": func() (desk.Outcome, error) { return desk.Outcome{Disposition: desk.Duplicate, Ticket: 8}, nil },
	"suspended": func() (desk.Outcome, error) { return desk.Outcome{Disposition: desk.Suspended, Suspended: 9}, nil },
	"refused": func() (desk.Outcome, error) {
		return desk.Outcome{Disposition: desk.Refused, Reason: "we do not\r\n250 want this"}, nil
	},
	"database": func() (desk.Outcome, error) {
		return desk.Outcome{}, errors.New("dial tcp db.internal:5432: connection refused")
	},
	"policy": func() (desk.Outcome, error) {
		return desk.Outcome{}, errors.Join(errors.New("decide"), Refusal(550, [3]int{5, 7, 1}, "your domain says this is not its mail"))
	},
	"strange": func() (desk.Outcome, error) { return desk.Outcome{}, Refusal(250, [3]int{2, 0, 0}, "not a refusal") },
	"nothing": func() (desk.Outcome, error) { return desk.Outcome{}, nil },
	"panic":   func() (desk.Outcome, error) { panic("a parser went wrong") },
}

// waitForNobody waits until no connection is left.
func (ts *testServer) waitForNobody() error {
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		ts.mu.Lock()
		n := len(ts.clients)
		ts.mu.Unlock()
		if n == 0 {
			return nil
		}
	}
	return errors.New("connections are left")
}

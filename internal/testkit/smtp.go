package testkit

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log"
	"math/big"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// Behaviour scripts an SMTP sink. The zero value takes every mail, in clear text and after STARTTLS.
type Behaviour struct {
	Addr        string                          // where to listen; empty: 127.0.0.1 and a free port
	Host        string                          // the name in its certificate and greeting; empty: sink.example
	NoTLS       bool                            // does not offer STARTTLS
	BrokenTLS   bool                            // offers STARTTLS and then cannot agree on a version
	ImplicitTLS bool                            // TLS from the first octet (RFC 8314 §3)
	NoUTF8      bool                            // does not offer SMTPUTF8
	RequireTLS  bool                            // offers REQUIRETLS under TLS (RFC 8689)
	Certificate *tls.Certificate                // its own; nil: one in the name of Host, by an authority of its own
	MaxSize     int64                           // announced with SIZE
	Password    string                          // asks for AUTH PLAIN with this password; refuses MAIL without it
	Greet       *smtp.SMTPError                 // refuses EHLO
	Mail        *smtp.SMTPError                 // refuses MAIL
	Rcpt        func(to string) *smtp.SMTPError // refuses recipients
	Data        *smtp.SMTPError                 // refuses the mail after the final dot
	DropInData  bool                            // hangs up while the mail is coming
	DropAfter   bool                            // takes the mail, then hangs up without a word
}

// Mail is a mail that a sink took, or heard to the end and refused.
type Mail struct {
	Helo, From string
	To         []string
	TLS        uint16 // version; 0 in clear text
	UTF8       bool
	RequireTLS bool   // asked for with MAIL
	User       string // who signed in
	Bytes      []byte
	Taken      bool
}

// Sink is a real SMTP server on loopback that remembers what it was told.
type Sink struct {
	Addr  string // host:port
	Roots *x509.CertPool

	behaviour Behaviour
	mu        sync.Mutex
	mails     []Mail
	sessions  int
	arrived   chan Mail
}

// SMTPSink starts a sink and stops it with the test.
func SMTPSink(t testing.TB, b Behaviour) *Sink {
	t.Helper()
	if b.Addr == "" {
		b.Addr = "127.0.0.1:0"
	}
	if b.Host == "" {
		b.Host = "sink.example"
	}
	listener, err := net.Listen("tcp", b.Addr)
	if err != nil {
		t.Fatalf("listening for SMTP: %v", err)
	}
	certificate, roots := Certificate(t, b.Host)
	if b.Certificate != nil {
		certificate = *b.Certificate
	}
	sink := &Sink{Addr: listener.Addr().String(), Roots: roots, behaviour: b, arrived: make(chan Mail, 1024)}
	server := smtp.NewServer(smtp.BackendFunc(sink.session))
	server.Domain, server.AllowInsecureAuth, server.EnableSMTPUTF8, server.MaxMessageBytes = b.Host, true, !b.NoUTF8, b.MaxSize
	server.EnableREQUIRETLS = b.RequireTLS
	server.ErrorLog = log.New(io.Discard, "", 0)
	settings := &tls.Config{Certificates: []tls.Certificate{certificate}}
	if b.BrokenTLS {
		settings.MaxVersion, settings.MinVersion = tls.VersionTLS10, tls.VersionTLS10
	}
	switch {
	case b.ImplicitTLS:
		listener = tls.NewListener(listener, settings)
	case !b.NoTLS:
		server.TLSConfig = settings
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		_ = listener.Close()
		<-done
	})
	return sink
}

// Port is the port that the sink listens on.
func (s *Sink) Port() string {
	_, port, _ := net.SplitHostPort(s.Addr)
	return port
}

// Mails returns what has come so far, refused mails among it.
func (s *Sink) Mails() []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.mails)
}

// Sessions returns how many clients said EHLO or HELO; one that does so again after STARTTLS counts twice.
func (s *Sink) Sessions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions
}

// Next waits for the next mail.
func (s *Sink) Next(t testing.TB) Mail {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	select {
	case mail := <-s.arrived:
		return mail
	case <-ctx.Done():
		t.Fatalf("no mail came to %s within %v", s.Addr, patience)
		return Mail{}
	}
}

func (s *Sink) session(c *smtp.Conn) (smtp.Session, error) {
	s.mu.Lock()
	s.sessions++
	s.mu.Unlock()
	if s.behaviour.Greet != nil {
		return nil, s.behaviour.Greet
	}
	return &sinkSession{sink: s, conn: c}, nil
}

// sinkSession implements smtp.AuthSession.
type sinkSession struct {
	sink *Sink
	conn *smtp.Conn
	user string
	mail Mail
}

func (s *sinkSession) AuthMechanisms() []string {
	if s.sink.behaviour.Password == "" {
		return nil
	}
	return []string{sasl.Plain}
}

func (s *sinkSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if password != s.sink.behaviour.Password {
			return smtp.ErrAuthFailed
		}
		s.user = user
		return nil
	}), nil
}

func (s *sinkSession) Mail(from string, opts *smtp.MailOptions) error {
	if s.sink.behaviour.Password != "" && s.user == "" {
		return smtp.ErrAuthRequired
	}
	s.mail = Mail{Helo: s.conn.Hostname(), From: from, UTF8: opts.UTF8, RequireTLS: opts.RequireTLS, User: s.user}
	if state, ok := s.conn.TLSConnectionState(); ok {
		s.mail.TLS = state.Version
	}
	return failure(s.sink.behaviour.Mail)
}

func (s *sinkSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	if s.sink.behaviour.Rcpt != nil {
		if err := s.sink.behaviour.Rcpt(to); err != nil {
			return err
		}
	}
	s.mail.To = append(s.mail.To, to)
	return nil
}

func (s *sinkSession) Data(r io.Reader) error {
	if s.sink.behaviour.DropInData {
		_, _ = io.CopyN(io.Discard, r, 100)
		return s.conn.Conn().Close()
	}
	body, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.mail.Bytes, s.mail.Taken = body, s.sink.behaviour.Data == nil
	s.sink.mu.Lock()
	s.sink.mails = append(s.sink.mails, s.mail)
	s.sink.mu.Unlock()
	s.sink.arrived <- s.mail
	if s.sink.behaviour.DropAfter {
		return s.conn.Conn().Close()
	}
	return failure(s.sink.behaviour.Data)
}

func (s *sinkSession) Reset()        {}
func (s *sinkSession) Logout() error { return nil }

// failure keeps a nil *smtp.SMTPError from becoming an error that is not nil.
func failure(err *smtp.SMTPError) error {
	if err == nil {
		return nil
	}
	return err
}

// Certificate makes a self-signed certificate for a host name and for loopback, and the pool that trusts it.
func Certificate(t testing.TB, host string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatalf("making a key: %v", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		NotBefore:   time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatalf("making a certificate: %v", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatalf("reading the certificate back: %v", err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, roots
}

// SMTPScript listens on loopback and says one reply when a client connects and one for every line that it sends, whatever the line; after the last it listens in silence until QUIT.
// It is for servers that go-smtp would never be: refusing banners, broken answers. It returns its address and the lines that were answered, as they come.
func SMTPScript(t testing.TB, addr string, replies ...string) (address string, heard <-chan string) {
	t.Helper()
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatalf("listening for SMTP: %v", err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	lines := make(chan string, 1024)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go play(conn, replies, lines)
		}
	}()
	return listener.Addr().String(), lines
}

// play is one conversation of SMTPScript.
func play(conn net.Conn, replies []string, heard chan<- string) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	input := bufio.NewScanner(conn)
	for _, reply := range replies {
		if _, err := io.WriteString(conn, reply+"\r\n"); err != nil || !input.Scan() {
			return
		}
		heard <- input.Text()
	}
	for input.Scan() && input.Text() != "QUIT" {
		continue
	}
}

package mailout

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// quitPatience: the mail is safe by then, so a server that is slow to say goodbye need not be heard.
const quitPatience = 5 * time.Second

// session is a greeted connection, with TLS where it could be had.
type session struct {
	client *smtp.Client
	conn   *boundConn
	at     place
	begun  bool // a transaction was refused and not cleared yet
}

// tlsError is a handshake that failed: the host may still be reached in clear text, on a new connection.
type tlsError struct{ error }

func (e tlsError) Unwrap() error { return e.error }

// connect opens a session with one address of a host. Where TLS was offered and did not come about, a mail that may go in clear text does, over a second connection.
func (s *Sender) connect(ctx context.Context, to exchange, at place, book *ledger) (*session, error) {
	if to.login != nil && at.addr.Addr().IsLoopback() && !to.implicit {
		to.need = requirement{} // a relay on this machine: nobody else can listen, and no public name leads to it
	}
	result, err := s.greet(ctx, to, at, startTLS)
	var failed tlsError
	if errors.As(err, &failed) && to.need.level == opportunistic && ctx.Err() == nil {
		book.suggest(at, answer{code: 451, text: "4.7.5 " + err.Error() + "; going on in clear text"})
		at.since = time.Now()
		result, err = s.greet(ctx, to, at, clearText)
	}
	return result, err
}

// upgrade says whether STARTTLS is asked for.
type upgrade int

const (
	startTLS upgrade = iota
	clearText
)

func (s *Sender) greet(ctx context.Context, to exchange, at place, up upgrade) (*session, error) {
	limits := s.Timeouts.withDefaults()
	dialer := net.Dialer{Timeout: limits.Connect}
	raw, err := dialer.DialContext(ctx, "tcp", at.addr.String())
	if err != nil {
		return nil, answerError{answer{code: 451, text: fmt.Sprintf("4.4.1 connecting to %s: %v", to.name, err)}}
	}
	conn := newBoundConn(ctx, raw, limits.Block)
	result := &session{conn: conn, at: at}
	if err := s.introduce(ctx, result, to, up); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return result, nil
}

// introduce goes from the greeting to the point where a mail may be sent.
func (s *Sender) introduce(ctx context.Context, result *session, to exchange, up upgrade) error {
	limits := s.Timeouts.withDefaults()
	var stream net.Conn = result.conn
	if to.implicit {
		secured, err := s.handshake(ctx, result, to)
		if err != nil {
			return err
		}
		stream = secured
	}
	if err := result.hello(stream, s.Hostname, limits); err != nil {
		return err
	}
	switch {
	case to.implicit, up == clearText:
	case result.offers("STARTTLS"):
		if err := s.secure(ctx, result, to); err != nil {
			return err
		}
	case to.need.level > opportunistic:
		return answerError{answer{code: 451, text: "4.7.4 " + to.name + " does not offer STARTTLS, without which " + to.withheld() + " does not leave"}}
	}
	return result.login(to.login)
}

// withheld is what stays here where the requirement is not met.
func (to exchange) withheld() string {
	if to.login != nil {
		return "our password"
	}
	return "this mail"
}

// offers says whether the server announced an extension (RFC 5321 §4.1.1.1).
func (c *session) offers(extension string) bool {
	offered, _ := c.client.Extension(extension)
	return offered
}

// hello reads the greeting and says EHLO under our own name, which go-smtp would not do by itself.
func (c *session) hello(stream net.Conn, hostname string, limits Timeouts) error {
	c.client = smtp.NewClient(stream)
	c.client.CommandTimeout, c.client.SubmissionTimeout = limits.Command, limits.Final
	return c.client.Hello(hostname)
}

// secure does STARTTLS (RFC 3207). It speaks the command itself: go-smtp offers it only together with a first EHLO as localhost.
func (s *Sender) secure(ctx context.Context, c *session, to exchange) error {
	limits := s.Timeouts.withDefaults()
	_ = c.conn.SetDeadline(time.Now().Add(limits.Command))
	if _, err := io.WriteString(c.conn, "STARTTLS\r\n"); err != nil {
		return err
	}
	reply, err := readReply(c.conn)
	if err != nil {
		return err
	}
	if !strings.HasPrefix(reply, "220") {
		if to.need.level > opportunistic {
			return answerError{answer{code: 451, text: "4.7.4 " + to.name + " refused STARTTLS: " + reply}}
		}
		return nil // offered and refused: RFC 3207 §4.1 leaves it to us to go on without
	}
	secured, err := s.handshake(ctx, c, to)
	if err != nil {
		return err
	}
	// RFC 3207 §4.2: everything said before is forgotten, and EHLO comes again. go-smtp starts with a greeting, which under TLS nobody sends: it gets the 220 that was just read.
	return c.hello(&greetedConn{Conn: secured, greeting: "220 " + to.name + "\r\n"}, s.Hostname, limits)
}

// handshake agrees on TLS 1.2 or newer (RFC 9325 §3.1.1), and has judged what it showed.
func (s *Sender) handshake(ctx context.Context, c *session, to exchange) (*tls.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, s.Timeouts.withDefaults().Command)
	defer cancel()
	secured := tls.Client(c.conn, &tls.Config{
		ServerName: strings.Trim(to.name, "[]"), MinVersion: tls.VersionTLS12,
		InsecureSkipVerify: true, // judge looks at the certificate, by what is required of this host
	})
	if err := secured.HandshakeContext(ctx); err != nil {
		return nil, tlsError{fmt.Errorf("tls with %s: %w", to.name, err)}
	}
	facts, err := s.judge(to.name, to.need, secured.ConnectionState())
	c.at.facts = facts
	return secured, err
}

// login signs in at a smarthost. A refusal is our setting gone wrong, not a word about the recipients: they wait until an admin has mended it.
func (c *session) login(as *Smarthost) error {
	if as == nil {
		return nil
	}
	mechanism := sasl.NewPlainClient("", as.User, as.password)
	if !c.client.SupportsAuth(sasl.Plain) && c.client.SupportsAuth(sasl.Login) {
		mechanism = sasl.NewLoginClient(as.User, as.password)
	}
	if err := c.client.Auth(mechanism); err != nil {
		return answerError{answer{code: 451, text: "4.7.8 " + c.at.host + " refused our sign-in: " + answerOf(err, "signing in").String()}}
	}
	return nil
}

// quit says goodbye and hangs up.
func (c *session) quit() {
	c.client.CommandTimeout = min(c.client.CommandTimeout, quitPatience)
	_ = c.client.Quit()
	_ = c.conn.Close()
}

func (t Timeouts) withDefaults() Timeouts {
	for _, field := range []struct {
		value    *time.Duration
		standard time.Duration
	}{{&t.Connect, 30 * time.Second}, {&t.Command, 5 * time.Minute}, {&t.Block, 3 * time.Minute}, {&t.Final, 10 * time.Minute}} {
		if *field.value <= 0 {
			*field.value = field.standard
		}
	}
	return t
}

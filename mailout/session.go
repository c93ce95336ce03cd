package mailout

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"postern/desk"
)

// quitPatience: the mail is safe by then, so a server that is slow to say goodbye need not be heard.
const quitPatience = 5 * time.Second

// session is a greeted connection, with TLS where it could be had.
type session struct {
	*dialogue
	conn *boundConn
	to   exchange
	at   place

	finalPatience time.Duration // for the answer to the final dot

	showed shown // of its TLS

	begun   bool // a transaction was refused and not cleared yet
	spent   bool // nothing more can be said over it
	carried int  // transactions
	used    bool // it was opened for another delivery

	hungUp bool // in the middle of a mail that somebody stopped
}

// tlsError is a handshake that failed: the host may still be reached in clear text, on a new connection.
type tlsError struct{ error }

func (e tlsError) Unwrap() error { return e.error }

// connect opens a session with one address of a host. Where TLS was offered and did not come about, a mail that may go in clear text does, over a second connection.
func (s *Sender) connect(ctx context.Context, to exchange, at place, book *ledger) (*session, error) {
	if to.login != nil && at.addr.Addr().IsLoopback() && !to.implicit && !to.need.passedOn {
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

// introductions is how many times the patience for one reply all of them together may take until a mail may be sent: who uses it up each time means to hold us.
const introductions = 2

func (s *Sender) greet(ctx context.Context, to exchange, at place, up upgrade) (*session, error) {
	limits := s.Timeouts.withDefaults()
	dialer := net.Dialer{Timeout: limits.Connect}
	raw, err := dialer.DialContext(ctx, "tcp", at.addr.String())
	if err != nil {
		return nil, answerError{answer: answer{code: 451, text: fmt.Sprintf("4.4.1 connecting to %s: %v", to.name, err)}, cause: err}
	}
	conn := newBoundConn(ctx, raw, limits.Block)
	slow := time.AfterFunc(introductions*limits.Command, func() { _ = raw.Close() })
	defer slow.Stop()
	result := &session{dialogue: newDialogue(conn, limits.Command), conn: conn, to: to, at: at, finalPatience: limits.Final}
	if err := s.introduce(ctx, result, up); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return result, nil
}

// introduce goes from the greeting to the point where a mail may be sent.
func (s *Sender) introduce(ctx context.Context, c *session, up upgrade) error {
	if c.to.implicit {
		if err := s.handshake(ctx, c); err != nil {
			return err
		}
	}
	if _, err := c.expect(2, c.patience); err != nil { // the greeting
		return err
	}
	if err := c.hello(s.Hostname); err != nil {
		return err
	}
	switch {
	case c.to.implicit:
	case up == clearText: // the outcome was settled when TLS broke
		c.showed = shown{security: broken, words: "the TLS handshake failed"}
		if err := s.judge(c); err != nil {
			return err
		}
	case c.offers("STARTTLS"):
		if err := s.secure(ctx, c); err != nil {
			return err
		}
	default:
		if err := s.settle(c, shown{security: notOffered}); err != nil {
			return err
		}
	}
	if c.to.need.passedOn && !c.offers("REQUIRETLS") {
		c.showed.passesOn = missing
		if err := s.judge(c); err != nil {
			return err
		}
	}
	return c.login()
}

// settle is judge for what decides about the TLS of a connection, once in each: the outcome is reported.
func (s *Sender) settle(c *session, showed shown) error {
	c.showed = showed
	s.report(c.to.need.results(c.to.name, showed), c.at)
	return s.judge(c)
}

// broke settles a connection whose TLS did not come about. A mail that may go in clear text does, over another one.
func (s *Sender) broke(c *session, err error) error {
	var network *net.OpError
	if errors.As(err, &network) {
		err = network.Err // without addresses: ours changes with each connection, and the words shall be the same for the same trouble
	}
	err = fmt.Errorf("tls with %s: %w", c.to.name, err)
	if unmet := s.settle(c, shown{security: broken, words: err.Error()}); unmet != nil {
		return unmet
	}
	return tlsError{err}
}

// secure does STARTTLS (RFC 3207).
func (s *Sender) secure(ctx context.Context, c *session) error {
	_, err := c.command(2, "STARTTLS")
	var refused replyError
	switch {
	case errors.As(err, &refused) && refused.code != 421:
		return s.settle(c, shown{security: declined, words: refused.Error()}) // RFC 3207 §4.1 leaves it to us to go on without
	case err != nil:
		return s.broke(c, fmt.Errorf("STARTTLS: %w", err))
	case c.in.Buffered() > 0:
		// What somebody on the path slips in behind the 220 would be read as said under TLS (the response injection of CVE-2021-38371).
		return s.broke(c, errors.New("something was said between STARTTLS and the handshake"))
	}
	if err := s.handshake(ctx, c); err != nil {
		return err
	}
	return c.hello(s.Hostname) // RFC 3207 §4.2: everything said before is forgotten
}

// handshake agrees on TLS 1.2 or newer (RFC 9325 §3.1.1), has judged what it showed, and goes on within it.
func (s *Sender) handshake(ctx context.Context, c *session) error {
	ctx, cancel := context.WithTimeout(ctx, c.patience)
	defer cancel()
	secured := tls.Client(c.conn, &tls.Config{
		ServerName: c.to.need.serverName(c.to.name), MinVersion: tls.VersionTLS12,
		InsecureSkipVerify: true, // judge looks at the certificate, by what is required of this host
	})
	if err := secured.HandshakeContext(ctx); err != nil {
		return s.broke(c, err)
	}
	c.at.facts, c.dialogue = factsOf(secured.ConnectionState()), newDialogue(secured, c.patience)
	return s.settle(c, s.look(c.to, secured.ConnectionState()))
}

// login signs in at a smarthost. A refusal is our setting gone wrong, not a word about the recipients: they wait until an admin has mended it.
func (c *session) login() error {
	as := c.to.login
	if as == nil {
		return nil
	}
	if err := c.auth(as.User, as.password); err != nil {
		return answerError{answer: answer{code: 451, text: "4.7.8 " + c.to.name + " refused our sign-in: " + answerOf(err, "signing in").String()}}
	}
	return nil
}

// quit says goodbye and hangs up.
func (c *session) quit() {
	if !c.spent {
		c.patience = min(c.patience, quitPatience)
		_, _ = c.command(2, "QUIT")
	}
	_ = c.conn.Close()
}

// version of TLS; empty in clear text.
func version(facts *desk.TLSFacts) string {
	if facts == nil {
		return ""
	}
	return facts.Version
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

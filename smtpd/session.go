package smtpd

import (
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/emersion/go-smtp"

	"postern/desk"
)

// transaction is one mail before its octets: what MAIL and RCPT said (RFC 5321 §3.3).
type transaction struct {
	from       string
	recipients []string
	utf8       bool
	turnedDown bool // a recipient was refused
}

// session is the state of a dialogue and go-smtp's smtp.Session. Each command is decided in command before go-smtp sees it, and takes effect here, when go-smtp calls.
type session struct {
	server *Server
	client *client
	wire   *wire

	extended   bool         // EHLO, not HELO
	next       *transaction // of a MAIL that go-smtp has still to call
	rcpt       path         // of such an RCPT
	postmaster bool         // that RCPT had no domain
	chunked    bool         // the mail comes in BDAT chunks, and the first was there

	txn *transaction // the present mail, or nil

	// go-smtp runs Data of a chunked mail beside the dialogue, which may go on to anything meanwhile. So Data sees nothing of the above, only what was true when the mail began to arrive.
	arriving atomic.Pointer[arrival]
}

// arrival is a mail whose octets begin to come. It does not change.
type arrival struct {
	env desk.Envelope
	id  string // of the mail, for the trace
}

// arrive fixes what Data is to know.
func (s *session) arrive() {
	s.arriving.Store(&arrival{env: s.envelope(s.txn), id: fmt.Sprintf("%s.%d", s.client.id, s.client.mails+1)})
}

// Mail begins a mail. The address is the one that command read, for go-smtp's has lost its quotes.
func (s *session) Mail(string, *smtp.MailOptions) error {
	s.wire.cutoff = time.Now().Add(s.server.cfg.TransactionTimeout)
	s.txn = s.next
	return nil
}

// Rcpt asks whether the recipient is ours (T-NORCPT).
func (s *session) Rcpt(string, *smtp.RcptOptions) error {
	txn, addr := s.txn, s.rcpt.String()
	if slices.ContainsFunc(txn.recipients, func(r string) bool { return desk.Canonical(r) == desk.Canonical(addr) }) {
		return nil
	}
	if !s.postmaster {
		known, err := s.server.dir.Recipient(s.server.base, addr)
		if err != nil {
			txn.turnedDown = true
			return s.failed("look up a recipient", err)
		}
		if !known {
			txn.turnedDown = true
			s.tarpit()
			return reply(550, [3]int{5, 1, 1}, "there is no mailbox <"+addr+"> here: please check the address")
		}
	}
	txn.recipients = append(txn.recipients, addr)
	return nil
}

// tarpit lets a client wait that goes through addresses in search of ours: each unknown one takes twice as long as the one before.
func (s *session) tarpit() {
	s.client.unknown++
	if s.client.unknown < 2 {
		return
	}
	doublings := min(s.client.unknown-2, 16)
	timer := time.NewTimer(min(s.server.pace.tarpit<<doublings, s.server.pace.tarpitMax))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.server.stopping:
	}
}

// Data takes the mail. go-smtp looks at the type of the error and nothing else: what is not an *smtp.SMTPError becomes a permanent 554 with its text told to the client. Therefore every way out of receive is one, success too.
func (s *session) Data(r io.Reader) error { return s.receive(r) }

func (s *session) receive(r io.Reader) *smtp.SMTPError {
	mail := s.arriving.Load()
	if mail == nil {
		// The mail was given up before go-smtp came to run Data. Nobody reads this answer.
		return reply(503, [3]int{5, 5, 1}, "MAIL and RCPT come first")
	}
	t := &transfer{spool: s.server.spools.open(), limit: s.server.cfg.MaxMessage}
	defer t.spool.close()
	_, t.spoolErr = t.spool.Write(trace(mail.env, mail.id, s.server.cfg.Hostname))

	// go-smtp's reader of a DATA mail is never asked: it takes the end of some mails for a part of them. Chunks come through a pipe, and their end is counted.
	var err error
	if chunks, ok := r.(*io.PipeReader); ok {
		t.framing = counted
		err = readChunks(chunks, t)
	} else if err = s.wire.readMail(t); err != nil {
		s.wire.fail(err)
	}
	switch {
	case err != nil:
		// Nobody reads this answer: the connection is over, or RSET has been answered.
		return reply(451, [3]int{4, 3, 0}, "the mail did not arrive as a whole")
	case t.refusal() != nil:
		return t.refusal()
	case t.spoolErr != nil:
		return s.failed("spool a mail", t.spoolErr)
	}
	return s.handOver(mail.env, t)
}

// readChunks reads a mail whose end is that of r.
func readChunks(r io.Reader, t *transfer) error {
	buffer := wideBuffers.Get().(*[]byte)
	defer wideBuffers.Put(buffer)
	b, n := *buffer, 0
	for {
		more, err := r.Read(b[n:])
		n += more
		taken, _ := t.feed(b[:n])
		if n-taken == len(b) {
			taken += t.part(b[taken:n])
		}
		n = copy(b, b[taken:n])
		if err == io.EOF {
			t.finish(b[:n])
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// envelope is what the dialogue said of the mail.
func (s *session) envelope(txn *transaction) desk.Envelope {
	return desk.Envelope{
		Source: desk.FromSMTP, Session: s.client.id, RemoteIP: s.client.ip, Helo: s.client.helo,
		MailFrom: txn.from, Recipients: txn.recipients, Protocol: s.protocol(txn), TLS: s.wire.tls, UTF8: txn.utf8, ReceivedAt: s.server.now(),
	}
}

// handOver gives the mail to the Intake. A panic there is that mail's alone: the client hears 451 and tries again.
func (s *session) handOver(env desk.Envelope, t *transfer) (answer *smtp.SMTPError) {
	defer func() {
		if p := recover(); p != nil {
			answer = s.failed("take a mail over", fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
		}
	}()
	began := time.Now()
	outcome, err := s.server.in.Accept(s.server.base, env, t.spool.section())
	if err == nil {
		answer, err = outcomeReply(outcome)
	}
	if err != nil {
		return s.failed("take a mail over", err)
	}
	s.client.mails++
	s.client.commands = 0
	s.server.cfg.Metrics.Received(outcome.Disposition, t.size, time.Since(began))
	return answer
}

// failed answers an error, and logs it if it is one of ours.
func (s *session) failed(doing string, err error) *smtp.SMTPError {
	answer := errorReply(err, s.client.id)
	if answer.Code == 451 || answer.Code == 452 {
		s.server.cfg.Log.Warn("smtp: could not "+doing, slog.String("session", s.client.id), slog.Any("error", err))
	}
	return answer
}

// Reset gives the present mail up: after RSET, EHLO, and at the end of each mail.
func (s *session) Reset() {
	s.txn, s.chunked = nil, false
	s.arriving.Store(nil)
	s.wire.cutoff, s.wire.moving = time.Time{}, time.Time{}
}

// Logout is the end of the dialogue, not of the connection, which may go on under TLS.
func (s *session) Logout() error { return nil }

// quiet is go-smtp's logger: what it has to say stands in the session's line already, but for panics.
type quiet struct{ log *slog.Logger }

func (q quiet) Printf(format string, v ...any) {
	if text := fmt.Sprintf(format, v...); strings.HasPrefix(text, "panic") {
		q.log.Error("smtp: " + text)
	}
}

func (quiet) Println(...any) {}

var _ smtp.Session = (*session)(nil)

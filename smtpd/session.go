package smtpd

import (
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-smtp"

	"postern/desk"
)

// transaction is one mail, from MAIL to its end (RFC 5321 §3.3).
type transaction struct {
	from       string
	recipients []string
	named      int // recipients that were taken, with those that were named twice
	utf8       bool
	turnedDown bool          // a recipient was refused
	env        desk.Envelope // of a mail whose octets have begun to come
	chunks     *transfer     // of a mail that comes in BDAT chunks; nil before the first
}

// session is the state of a dialogue and go-smtp's smtp.Session. Each command is decided in command before go-smtp sees it, and takes effect here, when go-smtp calls.
type session struct {
	server *Server
	client *client
	wire   *wire

	extended   bool         // EHLO, not HELO
	txn        *transaction // the present mail, or nil
	next       *transaction // of a MAIL that go-smtp has still to call
	rcpt       path         // of such an RCPT
	postmaster bool         // that RCPT had no domain
}

// Mail begins a mail. The address is the one that command read, for go-smtp's has lost its quotes.
func (s *session) Mail(string, *smtp.MailOptions) error {
	s.wire.cutoff, s.wire.moving = time.Now().Add(s.server.cfg.Limits.MailTime), time.Time{}
	s.txn = s.next
	s.server.ask(s.client)
	return nil
}

// Rcpt asks whether the recipient is ours (T-NORCPT).
func (s *session) Rcpt(string, *smtp.RcptOptions) error {
	txn, addr := s.txn, s.rcpt.String()
	if slices.ContainsFunc(txn.recipients, func(r string) bool { return strings.EqualFold(r, addr) }) {
		txn.named++
		return nil
	}
	if !s.postmaster {
		if refusal := s.refuseRecipient(addr); refusal != nil {
			txn.turnedDown = true
			return refusal
		}
	}
	txn.recipients = append(txn.recipients, addr)
	txn.named++
	return nil
}

// refuseRecipient is why an address is not taken as a recipient, or nil.
func (s *session) refuseRecipient(addr string) *smtp.SMTPError {
	known, err := s.server.dir.Recipient(s.server.base, addr)
	switch {
	case err != nil:
		return s.failed("look up a recipient", err)
	case !known:
		return s.unknown(addr)
	case !s.server.cfg.Blocklists.Reject, strings.EqualFold(s.rcpt.local, "postmaster"):
		// RFC 5321 §4.5.1: postmaster hears those who are refused in error.
		return nil
	}
	if lists := s.client.listing.wait(); len(lists) > 0 {
		return reply(550, [3]int{5, 7, 1}, "your address "+literal(s.client.ip)+" is listed by "+strings.Join(lists, ", ")+": please ask there")
	}
	return nil
}

// unknown answers a recipient that is not ours. A client that names many of them is in search of addresses: it is made to wait, and then sent away.
func (s *session) unknown(addr string) *smtp.SMTPError {
	if !s.client.trusted && reached(s.client.unknown, s.server.cfg.Limits.Unknown) {
		s.client.unknown++
		s.client.limited(limitUnknown)
		s.client.guessed("recipients")
		farewell := reply(421, [3]int{4, 7, 0}, "too many recipients that are not here, goodbye")
		s.wire.hangUp(farewell)
		return farewell
	}
	s.tarpit()
	return reply(550, [3]int{5, 1, 1}, "there is no mailbox <"+addr+"> here: please check the address")
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

// Data takes a mail that comes with DATA. go-smtp looks at the type of the error and nothing else: what is not an *smtp.SMTPError becomes a permanent 554 with its text told to the client.
// Therefore every way out is one, success too. The reader that go-smtp offers is never asked: it takes the end of some mails for a part of them.
func (s *session) Data(io.Reader) error {
	t := s.begin(dotted)
	defer t.close()
	if err := s.wire.readMail(t); err != nil {
		s.wire.fail(err)
		// Nobody hears this any more.
		return reply(451, [3]int{4, 3, 0}, "the mail did not arrive as a whole")
	}
	return s.finish(t)
}

// usefulChunk is a chunk that is worth its command: some senders cut a mail of 50 MiB into thousands of them, and are not to be counted as idlers.
const usefulChunk = 1 << 10

// chunk takes a chunk of a mail that comes with BDAT (RFC 3030 §2) and returns the answer, or nil if the connection is over. go-smtp does not see BDAT: it would run Data beside the dialogue,
// and the result of a mail that was given up could become that of the next.
func (s *session) chunk(d decision) *smtp.SMTPError {
	if s.txn.chunks == nil {
		s.txn.chunks = s.begin(counted)
	}
	t := s.txn.chunks
	if err := s.wire.readChunk(t, d.chunk); err != nil {
		s.wire.fail(err)
		return nil
	}
	if d.chunk >= usefulChunk {
		s.client.commands, s.client.progress = 0, time.Now()
	}
	if !d.last && t.refusal() == nil {
		return reply(250, [3]int{2, 0, 0}, fmt.Sprintf("%d octets taken", d.chunk))
	}
	t.end()
	answer := s.finish(t)
	s.wire.reset()
	return answer
}

// begin makes room for a mail, and puts the trace in front.
func (s *session) begin(f framing) *transfer {
	s.txn.env = s.envelope(s.txn)
	t := newTransfer(f, s.server.spools.open(), s.server.cfg.MaxMessage)
	_, t.spoolErr = t.spool.Write(trace(s.txn.env, fmt.Sprintf("%s.%d", s.client.id, s.client.mails+1), s.server.cfg.Hostname))
	return t
}

// finish decides about a mail that is here as a whole.
func (s *session) finish(t *transfer) *smtp.SMTPError {
	defer func() { s.client.progress = time.Now() }()
	if refusal := t.refusal(); refusal != nil {
		return refusal
	}
	if t.spoolErr != nil {
		return s.failed("spool a mail", t.spoolErr)
	}
	return s.handOver(s.txn.env, t)
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
	env.Listed = s.client.listing.wait()
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

// full says whether the client has sent as many mails as one session may.
func (s *session) full() bool {
	return !s.client.trusted && reached(s.client.mails, s.server.cfg.Limits.MailsPerSession)
}

// Reset gives the present mail up: after RSET, EHLO, and at the end of each mail.
func (s *session) Reset() {
	if s.txn != nil && s.txn.chunks != nil {
		s.txn.chunks.close()
	}
	s.txn = nil
	s.wire.cutoff, s.wire.moving = time.Time{}, time.Time{}
}

// Logout is the end of the dialogue, not of the connection, which may go on under TLS.
func (s *session) Logout() error {
	s.Reset()
	return nil
}

// quiet is go-smtp's logger: what it has to say stands in the session's line already, but for panics.
type quiet struct{ log *slog.Logger }

func (q quiet) Printf(format string, v ...any) {
	if text := fmt.Sprintf(format, v...); strings.HasPrefix(text, "panic") {
		q.log.Error("smtp: " + text)
	}
}

func (quiet) Println(...any) {}

var _ smtp.Session = (*session)(nil)

package smtpd

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
)

const (
	// maxCommand is the longest command line with its CR LF. RFC 5321 §4.5.3.1.4 asks for 512, and every extension for some more.
	maxCommand = 2048
	// maxOverrun is how far an overlong line is read to its end before the connection is given up.
	maxOverrun = 64 << 10
	// narrow and wide are the buffers of a connection that waits and of one that transfers a mail: thousands may wait. A TLS record is as long as wide.
	narrow = 4 << 10
	wide   = 16 << 10
)

// endOfData is how a mail that the wire has read itself ends for go-smtp, which is waiting to see the end of the data.
const endOfData = ".\r\n"

// Why a connection is given up.
var (
	errClosing  = errors.New("the server is stopping")
	errTooSlow  = errors.New("the transfer is too slow")
	errOverrun  = errors.New("a line without end")
	errFlooding = errors.New("the mail is far too large")
)

// errLongLine is a command line over maxCommand that has been read to its end.
var errLongLine = errors.New("the line is too long")

// wide buffers are shared by all connections: only those in a transfer hold one.
var wideBuffers = sync.Pool{New: func() any { b := make([]byte, wide); return &b }}

// wire is the connection as go-smtp sees it: a net.Conn whose Read yields nothing but whole command lines, one at a time, each checked and in one canonical form.
// So go-smtp never has an octet in its buffers that was not meant for it, and there is one place that knows where a mail ends: readMail, or readChunk.
// Replies are gathered and leave when more input is needed (RFC 2920 §3.2), or at the end.
//
// Once a wire has ended it yields EOF for ever, and what is written to it is lost: after a timeout, no octet that arrives late becomes a command.
type wire struct {
	net.Conn
	client  *client
	session *session
	tls     string      // version and cipher; empty in clear text
	offer   *tls.Config // for STARTTLS; nil if there is none, and above TLS

	buf      []byte // what has come in and is not used up stands in buf[from:to]
	from, to int
	small    []byte  // the narrow buffer, while a wide one is in use
	large    *[]byte // that wide one
	out      []byte  // replies that have not left
	line     []byte  // what go-smtp is to read next
	spare    []byte  // memory of line

	deadline time.Time // as the socket has it
	bound    string    // the limit that it comes from
	cutoff   time.Time // when the transaction must be over; zero outside one
	moving   time.Time // when the transfer of a mail began; zero outside one
	moved    int64     // octets since
	inMail   bool      // octets of a mail are awaited, not a command
	ended    bool
	passedOn bool // the socket has gone to a new wire
	muted    bool // the next line of go-smtp is not for the client
}

// newWire makes the wire of a connection that will greet its client.
func newWire(conn net.Conn, c *client) *wire {
	w := &wire{Conn: conn, client: c, buf: make([]byte, narrow)}
	w.session = &session{server: c.server, client: c, wire: w}
	return w
}

// Read yields the next octets that are meant for go-smtp.
func (w *wire) Read(p []byte) (int, error) {
	for {
		switch {
		case w.ended:
			return 0, io.EOF
		case len(w.line) > 0:
			n := copy(p, w.line)
			w.line = w.line[n:]
			return n, nil
		case w.session.full():
			// Now, and not as the answer to the next MAIL: a client that finds its connection ended before it needs it again opens another at once, and does not take that mail for deferred.
			w.client.limited(limitMailsPerSession)
			w.hangUp(reply(421, [3]int{4, 7, 0}, "enough mails for one session, please connect again"))
			continue
		}
		if end, limit := w.horizon(); !time.Now().Before(end) {
			// A client that sent many commands ahead, each of which takes its time, meets no deadline of the socket.
			w.bound = limit
			w.fail(os.ErrDeadlineExceeded)
			continue
		}
		line, err := w.readLine()
		switch {
		case errors.Is(err, errLongLine):
			w.say(reply(500, [3]int{5, 5, 2}, "a command has at most 2048 octets"))
		case err != nil:
			w.fail(err)
		default:
			w.obey(w.session.command(line))
		}
	}
}

// obey carries out what was decided about a command line.
func (w *wire) obey(d decision) {
	switch d.do {
	case handOn:
		w.spare = append(append(w.spare[:0], d.line...), '\r', '\n')
		w.line = w.spare
	case answer:
		if err := w.discard(d.chunk); err != nil {
			w.fail(err)
			return
		}
		w.say(d.reply)
	case accept:
		if r := w.session.chunk(d); r != nil {
			w.say(r)
		}
	case upgrade:
		w.upgrade()
	case hangUp:
		w.hangUp(d.reply)
	}
}

// readLine returns the next line with its LF. It is valid until the next read.
func (w *wire) readLine() ([]byte, error) {
	dropped := 0
	for {
		window := w.buf[w.from:w.to]
		i := bytes.IndexByte(window, '\n')
		if i >= 0 {
			w.from += i + 1
			if dropped > 0 || i >= maxCommand {
				return nil, errLongLine
			}
			return window[:i+1], nil
		}
		if len(window) >= maxCommand {
			dropped += len(window)
			w.from = w.to
		}
		if dropped > maxOverrun {
			return nil, errOverrun
		}
		if err := w.fill(); err != nil {
			return nil, err
		}
	}
}

// readChunk reads n octets of a mail.
func (w *wire) readChunk(t *transfer, n int64) error {
	return w.readOctets(n, t.add)
}

// discard reads over n octets.
func (w *wire) discard(n int64) error {
	return w.readOctets(n, func([]byte) {})
}

func (w *wire) readOctets(n int64, use func([]byte)) error {
	w.startMail()
	defer func() { w.inMail = false }()
	for n > 0 {
		if w.from == w.to {
			if err := w.fill(); err != nil {
				return err
			}
		}
		piece := w.buf[w.from:min(w.to, w.from+int(min(n, wide)))]
		use(piece)
		w.from += len(piece)
		n -= int64(len(piece))
	}
	return nil
}

// reset lets go-smtp forget the mail that has ended without it.
func (w *wire) reset() {
	w.line, w.muted = []byte("RSET\r\n"), true
}

// readMail reads a mail up to and with the line that ends it, and leaves everything after that line in the buffer.
func (w *wire) readMail(t *transfer) error {
	w.startMail()
	defer func() { w.inMail = false }()
	for {
		taken, end := t.feed(w.buf[w.from:w.to])
		w.from += taken
		if end {
			// Now go-smtp may see its end of the data; its own reader never saw anything else.
			w.line = []byte(endOfData)
			return nil
		}
		if w.to-w.from == len(w.buf) {
			w.from += t.part(w.buf[w.from:w.to])
		}
		if t.flooding() {
			return errFlooding
		}
		if err := w.fill(); err != nil {
			return err
		}
	}
}

// startMail takes a wide buffer and starts the clock of the transfer.
func (w *wire) startMail() {
	w.inMail = true
	if w.moving.IsZero() {
		w.moving, w.moved = time.Now(), 0
	}
	if w.large == nil {
		w.small, w.large = w.buf, wideBuffers.Get().(*[]byte)
		w.to = copy(*w.large, w.buf[w.from:w.to])
		w.buf, w.from = *w.large, 0
	}
}

// narrowDown gives the wide buffer back when what is left in it fits into the narrow one.
func (w *wire) narrowDown() {
	if w.large == nil || w.inMail || w.to-w.from > narrow/2 {
		return
	}
	w.to = copy(w.small, w.buf[w.from:w.to])
	w.from = 0
	wideBuffers.Put(w.large)
	w.buf, w.small, w.large = w.small, nil, nil
}

// fill waits for at least one octet, after the replies have left.
func (w *wire) fill() error {
	if err := w.flush(); err != nil {
		return err
	}
	w.narrowDown()
	if w.from > 0 {
		w.to = copy(w.buf, w.buf[w.from:w.to])
		w.from = 0
	}
	for {
		w.arm()
		// Asked after the deadline is set: Shutdown first says that it is closing, then wakes us with a deadline of its own.
		if w.client.server.closing.Load() && !w.inMail {
			return errClosing
		}
		n, err := w.Conn.Read(w.buf[w.to:])
		if n > 0 {
			w.to += n
			w.client.octets += int64(n)
			return w.keepingUp(n)
		}
		if errors.Is(err, os.ErrDeadlineExceeded) && time.Now().Before(w.deadline) {
			w.deadline = time.Time{} // it was Shutdown
			continue
		}
		if err == nil {
			err = io.ErrNoProgress
		}
		return err
	}
}

// keepingUp enforces the least average rate of a transfer, once it has lasted for longer than the grace.
func (w *wire) keepingUp(n int) error {
	if !w.inMail {
		return nil
	}
	w.moved += int64(n)
	elapsed := time.Since(w.moving)
	if elapsed > w.client.server.pace.grace && w.moved < int64(elapsed.Seconds()*float64(w.client.server.cfg.Limits.Rate)) {
		return errTooSlow
	}
	return nil
}

// horizon is the time beyond which no client is waited for, whatever it sends, and the name of the limit that sets it: the mail on its way must be here, or the next one.
func (w *wire) horizon() (end time.Time, limit string) {
	session := w.client.progress.Add(w.client.server.cfg.Limits.SessionTime)
	switch {
	case w.cutoff.IsZero(), !w.inMail && session.Before(w.cutoff):
		return session, limitSessionTime
	}
	return w.cutoff, limitMailTime
}

// arm sets the deadline of the next read or write: the idle time from now, and never beyond the horizon. Setting it costs something, so a deadline that is nearly right is left alone.
func (w *wire) arm() {
	idle := w.client.server.cfg.Limits.Idle
	want := time.Now().Add(idle)
	w.bound = limitIdle
	if end, limit := w.horizon(); want.After(end) {
		want, w.bound = end, limit
	}
	if late := want.Sub(w.deadline); late >= 0 && late < min(time.Second, idle/8, w.client.server.cfg.Limits.SessionTime/8) {
		return
	}
	w.deadline = want
	// An error means a closed socket, which the read or write that follows will say better.
	_ = w.Conn.SetDeadline(want)
}

// Write takes a line of a reply from go-smtp. It keeps errors to itself: they show at the next read.
func (w *wire) Write(p []byte) (int, error) {
	if w.muted {
		w.muted = false
		return len(p), nil
	}
	w.put(p)
	return len(p), nil
}

// say answers a command that go-smtp does not get to see.
func (w *wire) say(r *smtp.SMTPError) { w.put([]byte(render(r))) }

// put adds a line to the replies that will leave together, and counts it.
func (w *wire) put(line []byte) {
	if w.ended {
		return
	}
	w.out = append(w.out, line...)
	w.client.answered(line)
	if w.client.errors >= w.client.server.cfg.Limits.Errors {
		w.client.limited(limitErrors)
		w.hangUp(reply(421, [3]int{4, 7, 0}, "too many errors, goodbye"))
		return
	}
	if len(w.out) >= narrow && w.flush() != nil {
		w.ended = true
	}
}

// flush sends the replies that have gathered.
func (w *wire) flush() error {
	if len(w.out) == 0 {
		return nil
	}
	w.arm()
	return w.send()
}

// send writes the replies under the deadline that is set.
func (w *wire) send() error {
	_, err := w.Conn.Write(w.out)
	w.out = w.out[:0]
	return err
}

// fail ends the connection because of an error, with a word of farewell where the client may still listen.
func (w *wire) fail(err error) {
	switch {
	case w.ended:
	case errors.Is(err, os.ErrDeadlineExceeded):
		w.client.limited(w.bound)
		w.hangUp(reply(421, [3]int{4, 4, 2}, "nothing was heard in time, goodbye"))
	case errors.Is(err, errTooSlow):
		w.client.limited(limitRate)
		w.hangUp(reply(421, [3]int{4, 4, 2}, "the transfer is too slow, goodbye"))
	case errors.Is(err, errClosing):
		w.hangUp(reply(421, [3]int{4, 3, 2}, "the server is stopping, please try again soon"))
	case errors.Is(err, errOverrun):
		w.hangUp(reply(500, [3]int{5, 5, 2}, "a line without end, goodbye"))
	case errors.Is(err, errFlooding):
		w.hangUp(tooLarge(w.client.server.cfg.MaxMessage))
	default:
		w.ended = true
	}
}

// hangUp says why, and ends the connection. It reads on for a moment: a socket that is closed with octets unread sends a reset, and the reset would destroy the reply on its way.
func (w *wire) hangUp(why *smtp.SMTPError) {
	if w.ended {
		return
	}
	line := []byte(render(why))
	w.client.answered(line)
	w.out = append(w.out, line...)
	w.ended = true
	if w.Conn.SetDeadline(time.Now().Add(w.client.server.pace.farewell)) != nil || w.send() != nil {
		return
	}
	if tcp := tcpOf(w.client.socket); tcp != nil && tcp.CloseWrite() == nil {
		// The client's octets are of no interest, nor is how they end.
		_, _ = io.CopyN(io.Discard, tcp, maxOverrun)
	}
}

// Close ends the connection after the last replies have left. go-smtp calls it, also for a wire whose socket lives on under TLS.
func (w *wire) Close() error {
	if w.large != nil {
		wideBuffers.Put(w.large)
		w.large = nil
	}
	if w.passedOn {
		return nil
	}
	if !w.ended {
		w.ended = true
		// The client may be gone; its connection is over in any case.
		_ = w.flush()
		if secure, ok := w.Conn.(*tls.Conn); ok {
			_ = secure.CloseWrite() // close_notify, RFC 8446 §6.1
		}
	}
	w.client.end()
	return nil
}

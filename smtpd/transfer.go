package smtpd

import (
	"bytes"
	"fmt"

	"github.com/emersion/go-smtp"
)

// maxHops is how many Received fields a mail may carry; more, and it runs in a circle (RFC 5321 §6.3: at least 100).
const maxHops = 100

// framing says how the octets of a mail arrive.
type framing int

const (
	dotted  framing = iota // after DATA: dot-stuffed, ended by CRLF.CRLF (RFC 5321 §4.5.2)
	counted                // after BDAT: as they are, ended by their number (RFC 3030 §2)
)

// transfer takes in the octets of one mail, judges them, and puts those of the mail into its spool. It works on whole lines wherever it can: what looks at every octet is a vectorised search.
// It never stops before the end of the data. What is wrong is remembered, and the rest is read and thrown away, so that the dialogue stays in step.
type transfer struct {
	framing framing
	spool   *spool
	limit   int64   // octets the mail may have
	tail    *[]byte // of a counted mail: the line whose end has not come yet

	size     int64 // octets of the mail so far, stored or not
	hops     int
	midLine  bool // the next octet does not begin a line
	inBody   bool // the empty line after the header has been seen
	bare     bool // a CR or LF stood alone
	nul      bool
	spoolErr error
}

// newTransfer makes the transfer of a mail into sp. It must be closed.
func newTransfer(f framing, sp *spool, limit int64) *transfer {
	t := &transfer{framing: f, spool: sp, limit: limit}
	if f == counted {
		t.tail = wideBuffers.Get().(*[]byte)
		*t.tail = (*t.tail)[:0]
	}
	return t
}

// close gives back what the mail held. Further calls do nothing.
func (t *transfer) close() {
	t.spool.close()
	if t.tail != nil {
		*t.tail = (*t.tail)[:wide]
		wideBuffers.Put(t.tail)
		t.tail = nil
	}
}

// feed takes all complete lines at the beginning of b. It returns how many octets it took, and whether the end of the data was among them.
func (t *transfer) feed(b []byte) (taken int, end bool) {
	kept, lines := 0, 0 // octets before kept are done with; lines that ended as they must
	for taken < len(b) {
		i := bytes.IndexByte(b[taken:], '\n')
		if i < 0 {
			break
		}
		line := b[taken : taken+i+1]
		whole := len(line) > 1 && line[len(line)-2] == '\r'
		if !t.midLine {
			if t.framing == dotted && line[0] == '.' {
				t.keep(b[kept:taken])
				kept = taken + 1
				if whole && len(line) == 3 {
					end = true
				}
			}
			t.header(line)
		}
		taken += len(line)
		if whole {
			lines++
		}
		// RFC 5321 §2.3.8: only CR LF ends a line. After a bare LF the line goes on, and a dot there means nothing.
		t.midLine = !whole
		t.bare = t.bare || !whole
		if end {
			t.judge(b[:taken], lines)
			return taken, true
		}
	}
	t.keep(b[kept:taken])
	t.judge(b[:taken], lines)
	return taken, false
}

// part takes the beginning of a line that is longer than the buffer, or at the very end of a counted mail what has no line end. A CR at the end is left for the LF that may follow.
func (t *transfer) part(b []byte) (taken int) {
	taken = len(b)
	if taken > 0 && b[taken-1] == '\r' {
		taken--
	}
	if taken == 0 {
		return 0
	}
	from := 0
	if !t.midLine {
		if t.framing == dotted && b[0] == '.' {
			from = 1
		}
		t.header(b[:taken])
	}
	t.midLine = true
	t.keep(b[from:taken])
	t.judge(b[:taken], 0)
	return taken
}

// add takes all of p, which is a piece of a counted mail.
func (t *transfer) add(p []byte) {
	tail := *t.tail
	for len(p) > 0 {
		n := copy(tail[len(tail):wide], p)
		tail, p = tail[:len(tail)+n], p[n:]
		taken, _ := t.feed(tail)
		if taken == 0 && len(tail) == wide {
			taken = t.part(tail)
		}
		tail = tail[:copy(tail, tail[taken:])]
	}
	*t.tail = tail
}

// end takes what is left when the counted octets are over: a line without an end. A CR in it stands alone.
func (t *transfer) end() {
	if tail := *t.tail; t.part(tail) < len(tail) {
		t.bare = true
	}
}

// judge looks for what must not be in a mail. Every line end has exactly one CR, so that any other CR shows in their number.
func (t *transfer) judge(b []byte, lines int) {
	t.nul = t.nul || bytes.IndexByte(b, 0) >= 0
	t.bare = t.bare || bytes.Count(b, []byte{'\r'}) != lines
}

// header counts the hops while the header lasts.
func (t *transfer) header(line []byte) {
	const received = "Received:"
	switch {
	case t.inBody:
	case len(line) == 2 && line[0] == '\r':
		t.inBody = true
	case len(line) >= len(received) && bytes.EqualFold(line[:len(received)], []byte(received)):
		t.hops++
	}
}

// keep puts octets of the mail into the spool, unless the mail is already lost.
func (t *transfer) keep(b []byte) {
	t.size += int64(len(b))
	if t.size > t.limit {
		t.spool.close()
		return
	}
	if t.spoolErr != nil || t.bare || t.nul || len(b) == 0 {
		return
	}
	if t.size == int64(len(b)) && (b[0] == ' ' || b[0] == '\t') {
		// A mail without a header, whose text would be folded into our own Received (RFC 5322 §2.2.3): an empty line ends the header before it.
		if _, t.spoolErr = t.spool.Write([]byte("\r\n")); t.spoolErr != nil {
			return
		}
	}
	_, t.spoolErr = t.spool.Write(b)
}

// flooding says whether a client goes on sending although its mail was too large long ago. Then it is not read to the end.
func (t *transfer) flooding() bool { return t.size > 2*t.limit+1<<20 }

// tooLarge is the answer to a mail beyond the limit (RFC 1870 §6.1).
func tooLarge(limit int64) *smtp.SMTPError {
	return reply(552, [3]int{5, 3, 4}, fmt.Sprintf("the mail is larger than the %d octets that are taken here", limit))
}

// refusal is why the mail cannot be taken, or nil.
func (t *transfer) refusal() *smtp.SMTPError {
	switch {
	case t.size > t.limit:
		return tooLarge(t.limit)
	case t.bare:
		// Mail that a system behind us could read differently is not taken (RFC 5321 §4.1.1.4; end-of-data smuggling).
		return reply(550, [3]int{5, 6, 11}, "the mail has a CR or LF that stands alone: lines must end with CR LF (RFC 5321 section 2.3.8)")
	case t.nul:
		return reply(550, [3]int{5, 6, 11}, "the mail has a NUL octet (RFC 5321 section 4.5.2)")
	case t.hops >= maxHops:
		return reply(554, [3]int{5, 4, 6}, fmt.Sprintf("the mail has passed through %d servers already: it is going in a circle", t.hops))
	}
	return nil
}

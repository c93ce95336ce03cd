package mailout

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// script is how a receiver fails: at a step, in a way. The zero value fails nowhere.
type script struct {
	step       string // banner, EHLO, STARTTLS, handshake, EHLO again, MAIL, RCPT, DATA, body, dot, after
	way        string
	nth        int  // at which mail of a connection, from 0
	pipelining bool // offered
	tls        *tls.Config
}

// ways are all in which a receiver can fail.
var ways = []string{"says 4", "says 5", "says 421", "says another 2", "says a 3", "says nonsense", "says two things", "talks without end", "breaks off", "trickles", "closes", "resets", "closes half", "is silent"}

// held is a mail of which a receiver has heard the final dot and which it keeps.
type held struct {
	to   string
	told bool // the client has heard so
	sum  [sha256.Size]byte
}

// receiver is an SMTP server that fails as it is told to. What it hears it checks: nothing but lines that end in CR LF, of 7-bit text, 998 octets at most.
type receiver struct {
	conn  net.Conn
	tcp   *net.TCPConn // below it
	in    *bufio.Reader
	mails int
	mute  bool // it can say nothing more
	over  bool // it has done what ends a conversation

	mu    *sync.Mutex
	holds *[]held
	wrong func(format string, args ...any)
}

// listen starts a receiver for every connection to an address.
func listen(t testing.TB, addr string, s script) (holds func() []held) {
	t.Helper()
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		t.Error(err)
		return func() []held { return nil }
	}
	var mu sync.Mutex
	var kept []held
	ctx := t.Context()
	context.AfterFunc(ctx, func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
				r := receiver{conn: conn, tcp: conn.(*net.TCPConn), mu: &mu, holds: &kept, wrong: t.Errorf}
				r.serve(ctx, s)
			}()
		}
	}()
	return func() []held {
		mu.Lock()
		defer mu.Unlock()
		return append([]held(nil), kept...)
	}
}

// say answers at a step: as is proper, or as the script has it. It returns whether that lets the client go on.
func (r *receiver) say(s script, step, proper string) bool {
	if s.step != step || r.mails != s.nth {
		return r.write(proper + "\r\n")
	}
	r.misbehave(s.way, proper)
	return !r.over && (s.way == "trickles" || s.way == "says another 2" && step != "DATA" || s.way == "says a 3" && step == "DATA")
}

func (r *receiver) misbehave(way, proper string) {
	switch way {
	case "says 4":
		r.write("451 4.3.0 not now\r\n")
	case "says 5":
		r.write("554 5.7.1 never\r\n")
	case "says another 2":
		r.write("299 2.0.0 as you like\r\n")
	case "says a 3":
		r.write("334 and then\r\n")
	case "says nonsense":
		r.write("Lorem ipsum dolor\r\n")
	case "says two things":
		r.write("250-one\r\n451 two\r\n")
	case "trickles":
		for _, octet := range []byte(proper + "\r\n") {
			r.write(string(octet))
			time.Sleep(time.Millisecond)
		}
	case "says 421":
		r.write("421 4.3.2 closing\r\n")
		r.over = true
	case "talks without end":
		for range 10_000 {
			if !r.write("250-" + strings.Repeat("x", 100) + "\r\n") {
				break
			}
		}
		r.over = true
	case "breaks off":
		r.write("250")
		r.over = true
	case "closes":
		r.over = true
	case "resets":
		_ = r.tcp.SetLinger(0)
		_ = r.tcp.Close()
		r.over = true
	case "closes half":
		_ = r.tcp.CloseWrite()
		_, _ = io.Copy(io.Discard, r.conn)
		r.over = true
	case "is silent":
		_, _ = io.Copy(io.Discard, r.conn)
		r.over = true
	}
}

func (r *receiver) write(text string) bool {
	_, err := io.WriteString(r.conn, text)
	r.over = r.over || err != nil
	return err == nil
}

// serve is one conversation.
func (r *receiver) serve(ctx context.Context, s script) {
	r.in = bufio.NewReader(r.conn)
	r.say(s, "banner", "220 mx.example ESMTP")
	var to string
	greetings, sender, recipient := 0, false, false
	for !r.over && ctx.Err() == nil {
		line, err := r.in.ReadString('\n')
		if err != nil {
			return
		}
		r.check(line)
		word, rest, _ := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
		switch word {
		case "EHLO":
			greetings++
			r.say(s, []string{"EHLO", "EHLO again"}[greetings-1], r.extensions(s, greetings))
		case "STARTTLS":
			if r.say(s, "STARTTLS", "220 2.0.0 go") {
				r.secure(s)
			}
		case "MAIL":
			sender, recipient = r.say(s, "MAIL", "250 2.1.0 ok"), false
		case "RCPT":
			if !sender {
				r.write("503 5.5.1 no sender\r\n")
				continue
			}
			to = strings.Trim(strings.TrimPrefix(rest, "TO:"), "<>")
			recipient = r.say(s, "RCPT", "250 2.1.5 ok")
		case "DATA":
			if !recipient {
				r.write("503 5.5.1 no recipient\r\n")
				continue
			}
			if r.say(s, "DATA", "354 go on") {
				r.take(s, to)
			}
			sender, recipient = false, false
		case "RSET":
			sender, recipient = false, false
			r.write("250 2.0.0 ok\r\n")
		case "QUIT":
			r.write("221 2.0.0 bye\r\n")
			return
		default:
			r.wrong("the client said %q", line)
			return
		}
	}
}

func (r *receiver) extensions(s script, greeting int) string {
	list := []string{"mx.example", "8BITMIME", "SIZE 99999999"}
	if s.pipelining {
		list = append(list, "PIPELINING")
	}
	if s.tls != nil && greeting == 1 {
		list = append(list, "STARTTLS")
	}
	return "250-" + strings.Join(list[:len(list)-1], "\r\n250-") + "\r\n250 " + list[len(list)-1]
}

// secure is the handshake.
func (r *receiver) secure(s script) {
	if s.step == "handshake" && r.mails == s.nth {
		_, _ = io.ReadFull(r.in, make([]byte, 64)) // so that it breaks off inside
		r.misbehave(s.way, "")
		r.over = true
		return
	}
	secured := tls.Server(&prefixed{r.conn, r.in}, s.tls)
	if err := secured.Handshake(); err != nil {
		r.over = true
		return
	}
	r.conn, r.in = secured, bufio.NewReader(secured)
}

// prefixed is a connection with what was read ahead of it.
type prefixed struct {
	net.Conn
	in *bufio.Reader
}

func (p *prefixed) Read(b []byte) (int, error) { return p.in.Read(b) }

// take hears a mail to its end.
func (r *receiver) take(s script, to string) {
	mail, length := sha256.New(), 0
	inBody, atDot := s.step == "body" && r.mails == s.nth, s.step == "dot" && r.mails == s.nth
	for {
		line, err := r.in.ReadString('\n')
		if err != nil {
			r.over = true
			return
		}
		r.check(line)
		if line == ".\r\n" {
			break
		}
		line = strings.TrimPrefix(line, ".")
		length += len(line)
		_, _ = io.WriteString(mail, line)
		if inBody && length > 1000 {
			inBody = false
			if r.interrupt(s.way); r.over {
				return
			}
		}
	}
	if !atDot || s.way != "says 4" && s.way != "says 5" && s.way != "says 421" {
		r.mu.Lock()
		*r.holds = append(*r.holds, held{to: to, told: !r.mute && !atDot || s.way == "says another 2" || s.way == "trickles", sum: [sha256.Size]byte(mail.Sum(nil))})
		r.mu.Unlock()
	}
	r.say(s, "dot", "250 2.0.0 taken")
	if s.step == "after" && r.mails == s.nth {
		r.misbehave(s.way, "")
		r.over = true
	}
	r.mails++
}

// interrupt fails in the middle of a mail. Having said something in place of listening, it goes; another 2 it says and listens on.
func (r *receiver) interrupt(way string) {
	switch way {
	case "is silent": // it neither reads nor speaks
		time.Sleep(2 * failPatience)
		r.over = true
	case "says another 2":
		r.write("299 2.0.0 so far\r\n")
	case "closes half":
		_ = r.tcp.CloseWrite() // and listens on
		r.mute = true
	default:
		r.misbehave(way, "")
		time.Sleep(50 * time.Millisecond)
		r.over = true
	}
}

// check is what every line that leaves must be.
func (r *receiver) check(line string) {
	if why := unfitLine([]byte(line), false); why != "" {
		r.wrong("on the wire: %s in %.80q", why, line)
	}
}

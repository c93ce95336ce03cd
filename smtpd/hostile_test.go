package smtpd

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// openFiles is how many file descriptors this process holds.
func openFiles(t *testing.T) int {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}

// settles waits until a figure has come down to a bound.
func settles(t *testing.T, what string, bound int, figure func() int) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); figure() > bound; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: %d, want at most %d", what, figure(), bound)
		}
	}
}

// drip sends text again and again, an octet at a time, until the connection is over.
func drip(c net.Conn, text string) {
	for i := 0; ; i = (i + 1) % len(text) {
		if _, err := io.WriteString(c, text[i:i+1]); err != nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// pour sends text again and again, as fast as it is taken, and reads nothing.
func pour(c net.Conn, text string) {
	for many := strings.Repeat(text, 1000); ; {
		if _, err := io.WriteString(c, many); err != nil {
			return
		}
	}
}

// say sends a text and no more.
func say(text string) func(net.Conn) {
	return func(c net.Conn) { _, _ = io.WriteString(c, text) }
}

// slowClients are ways of holding a connection without use. None of them reads an answer.
func slowClients() map[string]func(net.Conn) {
	const envelope = "EHLO x\r\nMAIL FROM:<a@example.net>\r\nRCPT TO:<support@example.com>\r\n"
	after := func(first string, then func(net.Conn, string), text string) func(net.Conn) {
		return func(c net.Conn) {
			say(first)(c)
			then(c, text)
		}
	}
	return map[string]func(net.Conn){
		"says nothing":                  func(net.Conn) {},
		"an octet now and then":         func(c net.Conn) { drip(c, "NOOP\r\n") },
		"a line without end":            func(c net.Conn) { drip(c, "X") },
		"silent inside a mail":          say(envelope + "DATA\r\nSubject: x\r\n"),
		"a mail in drops":               after(envelope+"DATA\r\n", drip, "x\r\n"),
		"a chunk that does not come":    say(envelope + "BDAT 100000\r\nx"),
		"a chunk in drops":              after(envelope+"BDAT 100000\r\n", drip, "x"),
		"a chunk of no mail":            after("EHLO x\r\nBDAT 90000000\r\n", drip, "x"),
		"TLS that does not begin":       say("EHLO x\r\nSTARTTLS\r\n"),
		"half a handshake":              say("STARTTLS\r\n\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
		"a handshake in drops":          after("STARTTLS\r\n\x16\x03\x01\x40\x00\x01\x00\x3f\xfc\x03\x03", drip, "\x00"),
		"commands, and reads no answer": func(c net.Conn) { pour(c, "NOOP\r\n") },
		"mails, and reads no answer":    func(c net.Conn) { pour(c, envelope+"DATA\r\n\r\n.\r\n") },
		"guesses, and reads no answer":  after("EHLO x\r\nMAIL FROM:<>\r\n", pour, "RCPT TO:<no-one@example.com>\r\n"),
		"half closed":                   func(c net.Conn) { say(envelope + "DATA\r\n")(c); _ = c.(*net.TCPConn).CloseWrite() },
	}
}

// T-SLOW (issue: a connection that misbehaves never holds a worker or a file descriptor beyond its deadline): three hundred at once, and an honest mail is taken as if they were not there.
// Not parallel: it counts what the process holds.
func TestSlowClientsHoldNothing(t *testing.T) {
	ts := start(t, func(c *Config) {
		withTLS(c)
		c.Limits = Limits{
			PerIP: -1, NewPerMinute: -1, MailsPerMinute: -1,
			Idle: 1500 * time.Millisecond, SessionTime: 2 * time.Second, MailTime: 2 * time.Second,
		}
	}, func(s *Server) { s.pace.handshake = time.Second })
	ts.hello().mail()
	before, goroutines := openFiles(t), runtime.NumGoroutine()

	var conns []net.Conn
	var clients sync.WaitGroup
	began := time.Now()
	for _, behave := range slowClients() {
		for range 20 {
			conn, err := net.Dial("tcp", ts.addr)
			if err != nil {
				t.Fatal(err)
			}
			if err := conn.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
				t.Fatal(err)
			}
			conns = append(conns, conn)
			clients.Go(func() { behave(conn) })
		}
	}
	for range 10 {
		asked := time.Now()
		c := ts.hello()
		c.mail()
		c.send("QUIT\r\n")
		c.want("221 ")
		c.conn.Close()
		if took := time.Since(asked); took > 2*time.Second {
			t.Errorf("an honest mail took %s", took)
		}
		time.Sleep(50 * time.Millisecond)
	}
	open := func() int {
		ts.mu.Lock()
		defer ts.mu.Unlock()
		return len(ts.clients)
	}
	// A client that is slow in a mail began it at the end of its session's time at the latest.
	settles(t, "sessions", 0, open)
	t.Logf("all were over after %s", time.Since(began))
	settles(t, "file descriptors while the clients hold theirs", before+len(conns), func() int { return openFiles(t) })
	for _, conn := range conns {
		conn.Close()
	}
	clients.Wait()
	settles(t, "file descriptors", before, func() int { return openFiles(t) })
	settles(t, "goroutines", goroutines, runtime.NumGoroutine)
	if held := ts.spools.held.Load(); held != 0 {
		t.Errorf("%d octets of mails are held", held)
	}
}

// A client that never reads its answers is not written to for longer than the idle time, in clear text and under TLS.
func TestWritesHaveAnEnd(t *testing.T) {
	limits := Limits{Errors: 1 << 30, Commands: 1 << 30, Idle: 300 * time.Millisecond, SessionTime: time.Minute}
	both(t, func(c *Config) { c.Limits = limits }, nil, func(t *testing.T, ts *testServer, c *talk) {
		done := make(chan struct{})
		began := time.Now()
		go func() {
			defer close(done)
			pour(c.conn, "HELP\r\nNOOP\r\nWHAT\r\n")
		}()
		if err := ts.waitForNobody(); err != nil {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		c.conn.Close()
		<-done
	})
}

// Commands that came ahead, each of which takes its time, do not carry a session beyond its end.
func TestCommandsAheadHaveAnEnd(t *testing.T) {
	t.Parallel()
	ts, metrics := measured(t, func(c *Config) { c.Limits = Limits{Unknown: -1, Errors: 1000, SessionTime: 300 * time.Millisecond} })
	ts.pace.tarpit, ts.pace.tarpitMax = 50*time.Millisecond, 50*time.Millisecond
	c := ts.hello()
	c.send("MAIL FROM:<>\r\n" + strings.Repeat("RCPT TO:<no-one@example.com>\r\n", 100))
	c.want("250 ")
	answers := 0
	for answer := ""; !strings.HasPrefix(answer, "421 4.4.2"); answers++ {
		var err error
		if answer, err = c.reply(); err != nil {
			t.Fatalf("answer %q (%v)", answer, err)
		}
	}
	c.over()
	if answers > 20 || metrics.reached(limitSessionTime) != 1 {
		t.Errorf("%d answers, counted %d times", answers, metrics.reached(limitSessionTime))
	}
}

// Many more connections than there are places: each gets its answer at once, and when the flood is over everything is as before.
func TestConnectionFlood(t *testing.T) {
	t.Parallel()
	ts, metrics := measured(t, func(c *Config) { c.Limits.Sessions, c.Limits.PerIP, c.Limits.NewPerMinute = 20, -1, -1 })
	began := time.Now()
	greeted := 0
	var conns []net.Conn
	for range 400 {
		c := ts.dial()
		answer, err := c.reply()
		switch {
		case err == nil && strings.HasPrefix(answer, "220 "):
			greeted++
			conns = append(conns, c.conn)
		case err == nil && strings.HasPrefix(answer, "421 4.7.0 too many connections"):
			c.over()
			c.conn.Close()
		default:
			t.Fatalf("answer %q (%v)", answer, err)
		}
	}
	if took := time.Since(began); took > 5*time.Second || greeted != 20 || metrics.reached(limitSessions) != 380 {
		t.Errorf("it took %s, %d were greeted, %d counted", took, greeted, metrics.reached(limitSessions))
	}
	for _, conn := range conns {
		conn.Close()
	}
	if err := ts.waitForNobody(); err != nil {
		t.Fatal(err)
	}
	ts.hello().mail()
}

// Floods of anything in one connection end it with a word, and no mail comes of them.
func TestFloodsEnd(t *testing.T) {
	t.Parallel()
	noise := make([]byte, 1<<20)
	random := rand.NewChaCha8([32]byte{1})
	_, _ = random.Read(noise) // it never fails
	for name, flood := range map[string]struct{ sent, want string }{
		"commands":             {strings.Repeat("NOOP\r\n", 10_000), "421 4.7.0 too many commands"},
		"greetings":            {strings.Repeat("EHLO x\r\n", 10_000), "421 4.7.0 too many commands"},
		"empty mails":          {strings.Repeat("MAIL FROM:<>\r\nRSET\r\n", 2_000), "421 4.7.0 too many errors"}, // of 450, after 300 within a minute
		"recipients":           {"MAIL FROM:<>\r\n" + strings.Repeat("RCPT TO:<support@example.com>\r\n", 2_100), "421 4.7.0 too many commands"},
		"unknown commands":     {strings.Repeat("XYZZY\r\n", 1_000), "421 4.7.0 too many errors"},
		"empty lines":          {strings.Repeat("\r\n", 100_000), "421 4.7.0 too many errors"},
		"bare line feeds":      {strings.Repeat("\n", 100_000), "421 4.7.0 too many errors"},
		"NUL":                  {strings.Repeat("\x00", 1<<20), "500 5.5.2 a line without end"},
		"noise":                {string(noise), "421 4.7.0 too many errors"},
		"noise in a mail":      {"MAIL FROM:<>\r\nRCPT TO:<support@example.com>\r\nDATA\r\n" + string(noise) + "\r\n.\r\n", "550 5.6.11"},
		"a browser":            {"POST / HTTP/1.1\r\nHost: x\r\n\r\nMAIL FROM:<>\r\n", "421 4.7.0 this is a mail server"},
		"long lines":           {strings.Repeat("NOOP "+strings.Repeat("x", 4000)+"\r\n", 100), "421 4.7.0 too many errors"},
		"parameters":           {strings.Repeat("MAIL FROM:<a@example.net>"+strings.Repeat(" A=B", 450)+"\r\n", 100), "421 4.7.0 too many errors"},
		"a source route":       {strings.Repeat("MAIL FROM:<"+strings.Repeat("@a,", 600)+"@b:c@d>\r\n", 100), "421 4.7.0 too many errors"},
		"sizes of chunks":      {"MAIL FROM:<>\r\nRCPT TO:<support@example.com>\r\nBDAT 99999999999999999999999\r\n", "552 5.3.4"},
		"a negative size":      {"MAIL FROM:<>\r\nRCPT TO:<support@example.com>\r\nBDAT -1 LAST\r\n", "501 5.5.4"},
		"a size in hex":        {"MAIL FROM:<>\r\nRCPT TO:<support@example.com>\r\nBDAT 0x10 LAST\r\n", "501 5.5.4"},
		"no size":              {"MAIL FROM:<>\r\nRCPT TO:<support@example.com>\r\nBDAT\r\n", "501 5.5.4"},
		"a chunk after last":   {"MAIL FROM:<>\r\nRCPT TO:<support@example.com>\r\nBDAT 2 LAST LAST\r\n\r\n", "501 5.5.4"},
		"chunks of nothing":    {"MAIL FROM:<>\r\nRCPT TO:<support@example.com>\r\n" + strings.Repeat("BDAT 0\r\n", 5_000), "421 4.7.0 too many commands"},
		"chunks without mails": {strings.Repeat("BDAT 5\r\nQUIT\r\n", 100), "421 4.7.0 too many errors"},
		"DATA among chunks":    {"MAIL FROM:<>\r\nRCPT TO:<support@example.com>\r\nBDAT 3\r\nx\r\n" + strings.Repeat("DATA\r\n", 30), "421 4.7.0 too many errors"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ts := start(t, func(c *Config) { c.Limits.Idle = time.Second }, nil)
			c := ts.hello()
			sent := make(chan struct{})
			go func() {
				defer close(sent)
				_, _ = io.WriteString(c.conn, flood.sent) // the server may hang up before the end
			}()
			found := false
			for {
				answer, err := c.reply()
				if err != nil {
					if answer != "" || isTimeout(err) {
						t.Errorf("after the flood: %q (%v)", answer, err)
					}
					break
				}
				found = found || strings.HasPrefix(answer, flood.want)
			}
			if !found {
				t.Errorf("nothing was answered %q", flood.want)
			}
			c.conn.Close()
			<-sent
			if n := len(ts.shelf.got()); n != 0 {
				t.Errorf("%d mails delivered", n)
			}
		})
	}
}

// watched is a socket that notes when it is read or written without a deadline, or with one that is too far away.
type watched struct {
	net.Conn
	most time.Duration

	mu          sync.Mutex
	read, write time.Time
	reads       int
	writes      int
	problems    []string
}

func (w *watched) set(t time.Time, fields ...*time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, field := range fields {
		*field = t
	}
}

func (w *watched) SetDeadline(t time.Time) error {
	w.set(t, &w.read, &w.write)
	return w.Conn.SetDeadline(t)
}

func (w *watched) SetReadDeadline(t time.Time) error {
	w.set(t, &w.read)
	return w.Conn.SetReadDeadline(t)
}

func (w *watched) SetWriteDeadline(t time.Time) error {
	w.set(t, &w.write)
	return w.Conn.SetWriteDeadline(t)
}

func (w *watched) check(what string, deadline *time.Time, count *int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	*count++
	switch left := time.Until(*deadline); {
	case deadline.IsZero():
		w.problems = append(w.problems, what+" without a deadline")
	case left > w.most:
		w.problems = append(w.problems, fmt.Sprintf("%s with %s left", what, left))
	}
}

func (w *watched) Read(p []byte) (int, error) {
	w.check("read", &w.read, &w.reads)
	return w.Conn.Read(p)
}

func (w *watched) Write(p []byte) (int, error) {
	w.check("write", &w.write, &w.writes)
	return w.Conn.Write(p)
}

// watchful is a listener of watched sockets.
type watchful struct {
	net.Listener
	most  time.Duration
	mu    sync.Mutex
	conns []*watched
}

func (l *watchful) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	w := &watched{Conn: conn, most: l.most}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns = append(l.conns, w)
	return w, nil
}

// Every read and every write of a socket has a deadline, whatever the dialogue: greeting, commands, mails, chunks, TLS, PROXY, farewells.
func TestEveryReadAndWriteHasADeadline(t *testing.T) {
	t.Parallel()
	for _, proxied := range []bool{false, true} {
		ts := start(t, func(c *Config) {
			withTLS(c)
			c.Limits.Idle, c.Limits.MailsPerSession = 20*time.Second, 4
			if proxied {
				c.ProxyFrom = local()
			}
		}, nil)
		inner, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		l := &watchful{Listener: inner, most: 31 * time.Second} // the handshake has 30
		go func() { _ = ts.Serve(context.Background(), l) }()
		ts.addr = inner.Addr().String()
		dial := func() *talk {
			var c *talk
			if proxied {
				c = ts.proxied("198.51.100.7")
			} else {
				c = ts.dial()
			}
			c.want("220 ")
			c.send("EHLO x\r\n")
			c.want("250 ")
			return c
		}
		_, roots := certificate()
		c := dial()
		c.mail()
		c = c.startTLS(roots)
		c.send("EHLO x\r\n")
		c.want("250 ")
		c.mail()
		c.envelope()
		c.send("BDAT 100000\r\n" + strings.Repeat("x", 100_000))
		c.want("250 ")
		c.send("BDAT 0 LAST\r\n")
		c.want("250 2.0.0 #")
		c.mail()
		c.want("421 ")
		for _, last := range []string{"QUIT\r\n", strings.Repeat("WHAT\r\n", 30), "GET / HTTP/1.1\r\n", "BDAT x\r\n", "STARTTLS\r\n"} {
			d := dial()
			d.send(last)
			if last == "STARTTLS\r\n" {
				d.want("220 ")
				d.send("no TLS\r\n")
			}
			_, _ = io.ReadAll(d.r) // how it ends is another test's business
		}
		if err := ts.waitForNobody(); err != nil {
			t.Fatal(err)
		}
		l.mu.Lock()
		for i, conn := range l.conns {
			conn.mu.Lock()
			if len(conn.problems) > 0 || conn.reads == 0 || conn.writes == 0 {
				t.Errorf("proxied %t, connection %d: %d reads, %d writes: %q", proxied, i, conn.reads, conn.writes, conn.problems)
			}
			conn.mu.Unlock()
		}
		l.mu.Unlock()
	}
}

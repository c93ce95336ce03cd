package smtpd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"

	"postern/desk"
)

func TestConnectionLimits(t *testing.T) {
	t.Parallel()
	ts := start(t, func(c *Config) { c.Limits.Sessions, c.Limits.PerIP = 3, 2 }, nil)
	first, second := ts.hello(), ts.hello()
	third := ts.dial()
	third.want("421 4.7.0 too many connections from your address")
	third.over()
	first.send("QUIT\r\n")
	first.want("221 ")
	first.over() // the server has closed, and counted, before the client sees the end
	fourth := ts.hello()
	fourth.send("NOOP\r\n")
	fourth.want("250 ")
	second.send("NOOP\r\n")
	second.want("250 ")
}

func TestGlobalConnectionLimit(t *testing.T) {
	t.Parallel()
	ts := start(t, func(c *Config) { c.Limits.Sessions = 1 }, nil)
	ts.hello()
	c := ts.dial()
	c.want("421 4.7.0 too many connections, please")
	c.over()
}

// A PROXY header counts where it comes from a listed network, and there it must be; from elsewhere it is one more unknown command.
func TestProxyProtocol(t *testing.T) {
	t.Parallel()
	real := &net.TCPAddr{IP: net.ParseIP("198.51.100.7"), Port: 1234}
	here := &net.TCPAddr{IP: net.ParseIP("192.0.2.25"), Port: 25}
	for version := byte(1); version <= 2; version++ {
		t.Run(fmt.Sprintf("v%d", version), func(t *testing.T) {
			t.Parallel()
			ts := start(t, func(c *Config) {
				withTLS(c)
				c.ProxyFrom = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
				c.Limits.PerIP = 1
			}, nil)
			header := proxyproto.HeaderProxyFromAddrs(version, real, here)
			c := ts.dial()
			if _, err := header.WriteTo(c.conn); err != nil {
				t.Fatal(err)
			}
			c.want("220 ")
			_, roots := certificate()
			c.send("EHLO client.example.net\r\n")
			c.want("250 ")
			c = c.startTLS(roots)
			c.send("EHLO client.example.net\r\n")
			c.want("250 ")
			c.envelope()
			c.send("DATA\r\n")
			c.want("354 ")
			c.send("\r\n.\r\n")
			c.want("250 2.0.0 #")
			if got := ts.shelf.got()[0].env.RemoteIP; got != netip.MustParseAddr("198.51.100.7") {
				t.Errorf("the client's address is %s", got)
			}
			again := ts.dial()
			if _, err := header.WriteTo(again.conn); err != nil {
				t.Fatal(err)
			}
			again.want("421 4.7.0 too many connections from your address")
		})
	}
	t.Run("listed but silent about it", func(t *testing.T) {
		t.Parallel()
		ts := start(t, func(c *Config) { c.ProxyFrom = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} }, nil)
		c := ts.dial()
		c.send("EHLO client.example.net\r\n")
		c.over()
	})
	t.Run("not listed", func(t *testing.T) {
		t.Parallel()
		ts := start(t, func(c *Config) { c.ProxyFrom = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} }, nil)
		c := ts.dial()
		c.send("PROXY TCP4 198.51.100.7 192.0.2.25 1234 25\r\n")
		c.want("220 ")
		c.want("500 5.5.2")
	})
}

// Shutdown sends idle clients away, and lets a mail that is on its way arrive and be taken.
func TestShutdownFinishesMails(t *testing.T) {
	both(t, func(*Config) {}, nil, func(t *testing.T, ts *testServer, c *talk) {
		ts.shelf.hold, ts.shelf.begun = make(chan struct{}), make(chan struct{}, 1)
		idle := ts.hello()
		c.envelope()
		c.send("DATA\r\n")
		c.want("354 ")
		c.send("Subject: in the middle\r\n")
		done := make(chan error, 1)
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			done <- ts.Shutdown(ctx)
		}()
		idle.want("421 4.3.2")
		idle.over()
		if conn, err := net.Dial("tcp", ts.addr); err == nil {
			t.Error("a new connection was taken")
			conn.Close()
		}
		c.send("\r\nthe rest\r\n.\r\n")
		<-ts.shelf.begun
		close(ts.shelf.hold)
		c.want("250 2.0.0 #1001")
		c.want("421 4.3.2")
		c.over()
		if err := <-done; err != nil {
			t.Errorf("shutdown: %v", err)
		}
	})
}

// When Shutdown has waited long enough, it ends what is left.
func TestShutdownLosesPatience(t *testing.T) {
	t.Parallel()
	ts := start(t, nil, nil)
	c := ts.hello()
	c.envelope()
	c.send("DATA\r\n")
	c.want("354 ")
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := ts.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("shutdown: %v", err)
	}
	c.over()
}

// T-SIZE: over the limit is 552, at MAIL if it was said there, and never a part of a mail.
func TestT_SIZE(t *testing.T) {
	both(t, func(c *Config) { c.MaxMessage = 100_000 }, nil, func(t *testing.T, ts *testServer, c *talk) {
		c.send("MAIL FROM:<a@example.net> SIZE=100001\r\n")
		c.want("552 5.3.4")
		for _, size := range []int{100_000, 100_001, 1_000_000} {
			c.envelope()
			c.send("DATA\r\n")
			c.want("354 ")
			c.send(strings.Repeat(strings.Repeat("x", 98)+"\r\n", size/100) + strings.Repeat("y", size%100) + strings.Repeat("\r\n", min(1, size%100)) + ".\r\n")
			if size == 100_000 {
				c.want("250 2.0.0 #")
			} else {
				c.want("552 5.3.4")
			}
			c.envelope()
			c.send(fmt.Sprintf("BDAT %d LAST\r\n", size) + strings.Repeat("x", size))
			if size == 100_000 {
				c.want("250 2.0.0 #")
			} else {
				c.want("552 5.3.4")
			}
		}
		if n := len(ts.shelf.got()); n != 2 {
			t.Errorf("%d mails delivered, want 2", n)
		}
	})
}

// A client that sends on and on is not read to its end.
func TestFloodIsCutOff(t *testing.T) {
	t.Parallel()
	ts := start(t, func(c *Config) { c.MaxMessage = 1000 }, nil)
	c := ts.hello()
	c.envelope()
	c.send("DATA\r\n")
	c.want("354 ")
	go func() {
		line := bytes.Repeat([]byte("x"), 64<<10)
		for range 100 {
			if _, err := c.conn.Write(line); err != nil {
				return
			}
		}
	}()
	c.want("552 5.3.4")
}

// A mail that has been through a hundred servers goes in a circle (RFC 5321 §6.3); ninety-nine are no reason to refuse it.
func TestHopsAreCounted(t *testing.T) {
	t.Parallel()
	ts := start(t, nil, nil)
	c := ts.hello()
	const hop = "received: from a\r\n\tby b; Sun, 22 Nov 2026 19:00:00 +0000\r\n"
	for _, try := range []struct {
		mail, want string
	}{
		{strings.Repeat(hop, 99) + "\r\n" + strings.Repeat(hop, 10), "250 2.0.0 #"},
		{strings.Repeat(hop, 100) + "\r\n", "554 5.4.6"},
	} {
		c.envelope()
		c.send("DATA\r\n")
		c.want("354 ")
		c.send(try.mail + ".\r\n")
		c.want(try.want)
	}
}

// What the Intake gets: the envelope, and the mail behind its trace fields (RFC 5321 §4.4).
// A mail without a header, whose first line begins with a blank, must not be folded into our own Received.
func TestTextIsNotFoldedIntoTheTrace(t *testing.T) {
	t.Parallel()
	for _, text := range []string{" indented from the first line\r\n", "\tand so is this\r\nand more\r\n"} {
		ts := start(t, nil, nil)
		c := ts.hello()
		c.send("MAIL FROM:<a@example.net>\r\nRCPT TO:<support@example.com>\r\nDATA\r\n")
		c.want("250 ")
		c.want("250 ")
		c.want("354 ")
		c.send(text + ".\r\n")
		c.want("250 2.0.0 #1001")
		if raw := ts.shelf.got()[0].raw; !strings.HasSuffix(raw, "+0000\r\n\r\n"+text) {
			t.Errorf("got %q, want an empty line between the trace and the text", raw)
		}
	}
}

func TestEnvelopeAndTrace(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 19, 0, 0, 0, time.UTC)
	ts := start(t, withTLS, func(s *Server) { s.now = func() time.Time { return at } })
	_, roots := certificate()
	c := ts.hello().startTLS(roots)
	c.send("EHLO böse.example;\x20x\r\nMAIL FROM:<\"a b\\\"@c\"@EXAMPLE.net> SMTPUTF8\r\nRCPT TO:<jose\u0301@B\u00fccher.example>\r\nDATA\r\n")
	c.want("250 ")
	c.want("250 ")
	c.want("250 ")
	c.want("354 ")
	c.send("Subject: x\r\n\r\nhello\r\n.\r\n")
	c.want("250 2.0.0 #1001")
	mail := ts.shelf.got()[0]
	env := mail.env
	id := env.Session + ".1"
	want := "Return-Path: <\"a b\\\"@c\"@example.net>\r\n" +
		"Received: from b?se.example? ([127.0.0.1])\r\n" +
		"\tby mx.example.com with UTF8SMTPS (TLS1.3 " + strings.TrimPrefix(env.TLS, "TLS1.3 ") + ")\r\n" +
		"\tid " + id + "\r\n" +
		"\tfor <jos\u00e9@xn--bcher-kva.example>;\r\n" +
		"\tSun, 22 Nov 2026 19:00:00 +0000\r\n" +
		"Subject: x\r\n\r\nhello\r\n"
	if mail.raw != want {
		t.Errorf("got\n%q\nwant\n%q", mail.raw, want)
	}
	env.Session, env.TLS = "", ""
	wantEnv := desk.Envelope{
		Source: desk.FromSMTP, RemoteIP: netip.MustParseAddr("127.0.0.1"), Helo: "böse.example;", MailFrom: `"a b\"@c"@example.net`,
		Recipients: []string{"jos\u00e9@xn--bcher-kva.example"}, Protocol: "UTF8SMTPS", UTF8: true, ReceivedAt: at,
	}
	if fmt.Sprint(env) != fmt.Sprint(wantEnv) {
		t.Errorf("envelope %+v, want %+v", env, wantEnv)
	}
}

func TestTraceNamesNobodyOfSeveral(t *testing.T) {
	t.Parallel()
	env := desk.Envelope{RemoteIP: netip.MustParseAddr("2001:db8::1"), Helo: "[192.0.2.1]", Recipients: []string{"a@example.com", "b@example.com"}, Protocol: "ESMTP"}
	got := string(trace(env, "id1", "mx.example.com"))
	if strings.Contains(got, "for <") || !strings.HasPrefix(got, "Return-Path: <>\r\nReceived: from [192.0.2.1] ([IPv6:2001:db8::1])\r\n") {
		t.Errorf("trace %q", got)
	}
}

// RFC 5321 §4.5.1: postmaster needs no domain, and no mailbox.
func TestPostmaster(t *testing.T) {
	t.Parallel()
	ts := start(t, nil, nil)
	c := ts.hello()
	c.send("MAIL FROM:<a@example.net>\r\nRCPT TO:<PostMaster>\r\nDATA\r\n\r\n.\r\n")
	for _, want := range []string{"250 ", "250 ", "354 ", "250 2.0.0 #"} {
		c.want(want)
	}
	if got := ts.shelf.got()[0].env.Recipients; len(got) != 1 || got[0] != "postmaster@mx.example.com" {
		t.Errorf("recipients %q", got)
	}
}

// recorder is a Metrics that can be read.
type recorder struct {
	mu       sync.Mutex
	open     int
	replied  map[int]int
	received map[desk.Disposition]int
	limited  map[string]int
	listed   map[string]int // by list and result
}

func newRecorder() *recorder {
	return &recorder{replied: map[int]int{}, received: map[desk.Disposition]int{}, limited: map[string]int{}, listed: map[string]int{}}
}

func (r *recorder) Limited(limit string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.limited[limit]++
}

func (r *recorder) Listed(list, result string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.listed[list+" "+result]++
}

// reached says how often a limit was reached.
func (r *recorder) reached(limit string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.limited[limit]
}

func (r *recorder) Connections(delta int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open += delta
}

func (r *recorder) Replied(code int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.replied[code]++
}

func (r *recorder) Received(d desk.Disposition, octets int64, _ time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.received[d] += int(octets)
}

// A session leaves one line in the log, and its counts in the metrics.
func TestLogAndMetrics(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	metrics := newRecorder()
	ts := start(t, func(c *Config) {
		c.Log, c.Metrics = slog.New(slog.NewTextHandler(&log, nil)), metrics
	}, nil)
	c := ts.hello()
	c.envelope()
	c.send("RCPT TO:<no-one@example.com>\r\nDATA\r\n\r\nsecret words\r\n.\r\nQUIT\r\n")
	for _, want := range []string{"550 ", "354 ", "250 ", "221 "} {
		c.want(want)
	}
	c.over()
	if err := ts.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	line := log.String()
	for _, want := range []string{"helo=client.example.net", "ip=127.0.0.1", "mails=1", "unknown=1", "errors=1", "last=221"} {
		if !strings.Contains(line, want) {
			t.Errorf("the log has no %s: %s", want, line)
		}
	}
	if strings.Count(line, "\n") != 1 || strings.Contains(line, "secret") || strings.Contains(line, "support@") {
		t.Errorf("the log says %q", line)
	}
	metrics.mu.Lock()
	defer metrics.mu.Unlock()
	if metrics.open != 0 || metrics.replied[550] != 1 || metrics.received[desk.Ticketed] != 16 {
		t.Errorf("metrics %+v", metrics)
	}
}

// A mail in chunks that is given up gives its memory back, whether by RSET, STARTTLS or the end of the connection.
func TestAbandonedChunksAreReleased(t *testing.T) {
	t.Parallel()
	ts := start(t, withTLS, nil)
	for _, end := range []string{"RSET\r\nNOOP\r\n", "EHLO again\r\nNOOP\r\n", "STARTTLS\r\n", "QUIT\r\n"} {
		c := ts.hello()
		c.envelope()
		c.send("BDAT 100000\r\n" + strings.Repeat("x", 100_000))
		c.want("250 2.0.0 100000 octets taken")
		if ts.spools.held.Load() == 0 {
			t.Fatal("the mail is nowhere")
		}
		c.send(end)
		c.want("2")
		if strings.Contains(end, "NOOP") {
			c.want("250 ")
		} else {
			c.conn.Close()
			if err := ts.waitForNobody(); err != nil {
				t.Fatal(err)
			}
		}
		if held := ts.spools.held.Load(); held != 0 {
			t.Errorf("after %q %d octets are held", end, held)
		}
		c.conn.Close()
	}
}

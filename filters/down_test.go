package filters_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"postern/filters"
	"postern/internal/testkit"
)

// closedPort is an address at which nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// serve runs talk for each connection until the test ends, and counts them.
func serve(t *testing.T, talk func(net.Conn)) (address string, connections *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() { cancel(); _ = l.Close() })
	connections = new(atomic.Int64)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			context.AfterFunc(ctx, func() { _ = conn.Close() })
			go talk(conn)
		}
	}()
	return l.Addr().String(), connections
}

// hanging is a milter that takes connections and says nothing.
func hanging(t *testing.T) string {
	address, _ := serve(t, func(net.Conn) {})
	return "inet:" + address
}

// reading is a talk that waits for a first word, reads whatever comes, and says what say says.
func reading(say func(net.Conn)) func(net.Conn) {
	return func(conn net.Conn) {
		if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
			return
		}
		go func() { _, _ = io.Copy(io.Discard, conn) }()
		say(conn)
	}
}

// TestDown: filters that are not there, that hang, that talk nonsense, that never stop talking. Each is silent with a reason, within the deadline.
func TestDown(t *testing.T) {
	t.Parallel()
	dribble := func(piece string) func(net.Conn) {
		return reading(func(conn net.Conn) {
			for {
				if _, err := io.WriteString(conn, piece); err != nil {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
		})
	}
	flood := func(first, piece string) func(net.Conn) {
		return reading(func(conn net.Conn) {
			_, err := io.WriteString(conn, first)
			for err == nil {
				_, err = io.WriteString(conn, piece)
			}
		})
	}
	once := func(text string) func(net.Conn) {
		return func(conn net.Conn) {
			defer conn.Close()
			var err error
			for buffer := make([]byte, 1<<16); err == nil; { // hear it out: an answer before its time is another case
				_, err = conn.Read(buffer)
				_ = conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
			}
			_, _ = io.WriteString(conn, text)
		}
	}
	stay := func(text string) func(net.Conn) {
		return reading(func(conn net.Conn) { _, _ = io.WriteString(conn, text) })
	}
	hang := func(net.Conn) {}
	negotiated := "\x00\x00\x00\x0dO\x00\x00\x00\x06\x00\x00\x00\x00\x00\x00\x00\x00"
	ok := func(body string) string {
		return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	}
	for name, test := range map[string]struct {
		kind, reason string
		talk         func(net.Conn)
	}{
		"rspamd hangs":             {"rspamd", inTime, hang},
		"rspamd dribbles":          {"rspamd", inTime, dribble("H")},
		"rspamd floods":            {"rspamd", "", flood("HTTP/1.1 200 OK\r\n\r\n", strings.Repeat("[", 1<<16))},
		"rspamd floods its header": {"rspamd", "", flood("HTTP/1.1 200 OK\r\n", strings.Repeat("X: y\r\n", 1<<12))},
		"rspamd is no HTTP":        {"rspamd", "malformed", once("220 mail.example ESMTP\r\n")},
		"rspamd is a web site":     {"rspamd", "cannot be read", once(ok("<html>"))},
		"rspamd says nothing":      {"rspamd", "no rspamd", once(ok("{}"))},
		"rspamd sends elsewhere":   {"rspamd", "302", once("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")},
		"rspamd fails":             {"rspamd", `503 Service Unavailable: {"error":"busy"}`, once("HTTP/1.1 503 X\r\nContent-Length: 16\r\n\r\n{\"error\":\"busy\"}")},
		"clamd hangs":              {"clamd", inTime, hang},
		"clamd dribbles":           {"clamd", inTime, dribble("x")},
		"clamd floods":             {"clamd", "more than can be meant", flood("", strings.Repeat("y", 1<<16))},
		"clamd hangs up":           {"clamd", "hung up", once("")},
		"clamd is another":         {"clamd", "answered", once("HTTP/1.1 400 Bad Request\r\n\x00")},
		"clamd is empty":           {"clamd", "empty", once("\x00")},
		"milter hangs":             {"milter", inTime, hang},
		"milter hangs later":       {"milter", inTime, flood(negotiated, "")},
		"milter is always at it": {"milter", inTime, reading(func(conn net.Conn) {
			_, _ = io.WriteString(conn, negotiated)
			dribble("\x00\x00\x00\x01p")(conn)
		})},
		"milter is at it in a hurry": {"milter", "", flood(negotiated, strings.Repeat("\x00\x00\x00\x01p", 1<<12))},
		"milter is another":          {"milter", "", once("220 mail.example ESMTP\r\n")},
		"milter's packet is huge":    {"milter", "", once("\xff\xff\xff\xffO")},
		"milter's code is unknown":   {"milter", "unexpected code", stay(negotiated + "\x00\x00\x00\x01?")},
		"milter's reply is odd":      {"milter", "reply code 250", stay(negotiated + "\x00\x00\x00\x09y250 ok!\x00")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address, _ := serve(t, test.talk)
			down(t, test.kind, address, test.reason)
		})
	}
	for _, kind := range []string{"rspamd", "clamd", "milter"} {
		down(t, kind, closedPort(t), "refused")
	}
}

// inTime is what is said of a filter that does not answer.
const inTime = "no answer within"

func down(t *testing.T, kind, address, reason string) {
	t.Helper()
	cfg, text := filters.Config{Timeout: 300 * time.Millisecond}, strings.Repeat("All work and no play makes Jack a dull boy.\r\n", 200_000) // more than the sockets hold
	if reason != "" && reason != inTime {
		cfg.Timeout, text = 10*time.Second, "All work" // an answer comes, and this machine may be busy
	}
	switch kind {
	case "rspamd":
		cfg.RspamdURL = "http://:hunter2@" + address
	case "clamd":
		cfg.Clamd = address
	case "milter":
		cfg.Milters = []string{"inet:" + address}
	}
	c := chain(t, cfg)
	began := time.Now()
	o := c.Check(t.Context(), letter("x", text))
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("took %v", took)
	}
	if len(o.Silent) != 1 || !strings.HasPrefix(o.Silent[0].Filter, kind) || !strings.Contains(o.Silent[0].Reason, reason) || strings.Contains(o.Silent[0].Reason, "hunter2") {
		t.Errorf("opinion %+v, want silence about %q", o, reason)
	}
	if o.Action != "" || o.Malware != nil || o.Refused+o.Deferred+o.Quarantined != "" {
		t.Errorf("and yet it has an opinion: %+v", o)
	}
}

// TestImpatience: when the asker gives up, so does Check, and no filter is blamed.
func TestImpatience(t *testing.T) {
	t.Parallel()
	address, connections := serve(t, func(net.Conn) {})
	c := chain(t, filters.Config{Clamd: address, Milters: []string{"inet:" + address}, RspamdURL: "http://" + address})
	for range 5 {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		if o := c.Check(ctx, letter("x", "y")); len(o.Silent) != 3 {
			t.Errorf("%+v", o)
		}
		cancel()
	}
	if got := connections.Load(); got != 15 {
		t.Errorf("%d connections, want 15: our own impatience opened a breaker", got)
	}
}

// TestBreaker: a filter that is down is asked by one mail in five seconds only, and by all again as soon as it answers.
func TestBreaker(t *testing.T) {
	t.Parallel()
	var up atomic.Bool
	address, connections := serve(t, func(conn net.Conn) {
		if !up.Load() {
			_ = conn.Close()
			return
		}
		reading(func(conn net.Conn) { time.Sleep(20 * time.Millisecond); _, _ = io.WriteString(conn, "stream: OK\x00") })(conn)
	})
	var now atomic.Int64
	unasked := 0
	c := chain(t, filters.Config{
		Clamd: address, Now: func() time.Time { return time.Unix(now.Load(), 0) },
		Observe: func(_, result string, _ time.Duration) {
			if result == "unasked" {
				unasked++
			}
		},
	})
	check := func(silent bool) {
		t.Helper()
		if o := c.Check(t.Context(), letter("x", "y")); (len(o.Silent) == 1) != silent {
			t.Errorf("at %d s: %+v", now.Load(), o)
		}
	}
	for range 10 {
		check(true)
	}
	if got := connections.Load(); got != 4 || unasked != 7 { // three mails, and one question whether it is there at all
		t.Errorf("%d connections, %d unasked", got, unasked)
	}
	now.Add(6)
	check(true)
	check(true)
	if got := connections.Load(); got != 5 {
		t.Errorf("%d connections after the first pause", got)
	}
	up.Store(true)
	check(true) // nobody knows yet
	now.Add(6)
	for range 5 {
		check(false)
	}
}

// TestSlowMailsDoNotSwitchOffTheScanner: three mails made to take too long must not let the fourth pass unseen.
func TestSlowMailsDoNotSwitchOffTheScanner(t *testing.T) {
	t.Parallel()
	real := testkit.Clamd(t).TCP
	var slow atomic.Bool
	slow.Store(true)
	address, _ := serve(t, func(conn net.Conn) { // the real one, behind a wire that loses mails while slow, but not small questions
		first := make([]byte, 4)
		if _, err := io.ReadFull(conn, first); err != nil || (slow.Load() && string(first) == "zINS") {
			return
		}
		behind, err := net.Dial("tcp", real)
		if err != nil {
			t.Error(err)
			return
		}
		defer behind.Close()
		go func() { _, _ = io.Copy(behind, io.MultiReader(strings.NewReader(string(first)), conn)) }()
		_, _ = io.Copy(conn, behind)
		_ = conn.Close()
	})
	c := chain(t, filters.Config{Clamd: address, Timeout: 150 * time.Millisecond})
	for range 4 {
		if o := c.Check(t.Context(), letter("x", "y")); len(o.Silent) != 1 {
			t.Errorf("%+v", o)
		}
	}
	slow.Store(false)
	patient := 0
	for range 20 { // the machine may be busy: one of them comes through in time, none goes unasked
		o := c.Check(t.Context(), letter("x", testkit.MalwareText))
		if len(o.Malware) == 1 {
			patient++
			break
		}
		if strings.Contains(o.Silent[0].Reason, "not asked") {
			t.Fatalf("switched off: %+v", o)
		}
	}
	if patient == 0 {
		t.Error("never answered")
	}
}

// TestTheMailIsNotReadAfterwards: the spool of a mail may be reused as soon as Check has returned, even if rspamd answers before it has read everything.
func TestTheMailIsNotReadAfterwards(t *testing.T) {
	t.Parallel()
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"score":1,"action":"no action"}`)
	})}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	c := chain(t, filters.Config{RspamdURL: "http://" + l.Addr().String()})
	buffer := spool(make([]byte, 8<<20))
	mail := letter("x", "y")
	mail.Raw = io.NewSectionReader(buffer, 0, int64(len(buffer)))
	for range 5 {
		c.Check(t.Context(), mail)
		clear(buffer) // the race detector cries if anybody still reads
	}
}

type spool []byte

func (s spool) ReadAt(p []byte, at int64) (int, error) { return copy(p, s[at:]), nil }

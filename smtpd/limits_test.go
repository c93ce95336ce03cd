package smtpd

import (
	"fmt"
	"net"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"

	"postern/config"
	"postern/observe"
)

func TestWindow(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 11, 22, 19, 0, 0, 0, time.UTC)
	w := newWindow(10)
	one, other := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	for _, step := range []struct {
		after time.Duration
		key   netip.Addr
		tries int
		taken int
	}{
		{0, one, 15, 10},
		{0, other, 3, 3},
		{59 * time.Second, one, 5, 0},
		{60 * time.Second, one, 5, 0},    // the whole span before is still within a minute
		{66 * time.Second, one, 5, 1},    // a tenth of it is not
		{90 * time.Second, one, 9, 4},    // nor is a half
		{91 * time.Second, other, 20, 9}, // 3 events half a minute ago count for 1.5
		{5 * time.Minute, one, 15, 10},
		{5*time.Minute - time.Second, one, 1, 0}, // a clock that was read before another's
	} {
		taken := 0
		for range step.tries {
			if w.take(step.key, began.Add(step.after)) {
				taken++
			}
		}
		if taken != step.taken {
			t.Errorf("after %s %d of %d were taken, want %d", step.after, taken, step.tries, step.taken)
		}
	}
	if off := newWindow(-1); !off.take(one, began) || len(off.now) != 0 {
		t.Error("a window that is off counts")
	}
}

// However many addresses come, a window holds two spans of windowRoom, and those that come on and on are still counted.
func TestWindowIsBounded(t *testing.T) {
	t.Parallel()
	began := time.Now()
	w := newWindow(5)
	for i := range 3 * windowRoom {
		w.take(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), began)
	}
	w.take(netip.MustParseAddr("192.0.2.1"), began.Add(span))
	if len(w.now) != 1 || len(w.before) != windowRoom {
		t.Errorf("%d and %d addresses are held", len(w.now), len(w.before))
	}
}

// The settings, the metrics and this package speak of the same limits, and the documentation gives them the defaults that they have.
func TestLimitsHaveOneName(t *testing.T) {
	t.Parallel()
	d := Limits{}.withDefaults()
	defaults := map[string]string{
		limitSessions: fmt.Sprint(d.Sessions), limitPerIP: fmt.Sprint(d.PerIP), limitNewPerMinute: fmt.Sprint(d.NewPerMinute), limitMailsPerMinute: fmt.Sprint(d.MailsPerMinute),
		limitMailsPerSession: fmt.Sprint(d.MailsPerSession), limitRecipients: fmt.Sprint(d.Recipients), limitUnknown: fmt.Sprint(d.Unknown), limitErrors: fmt.Sprint(d.Errors),
		limitCommands: fmt.Sprint(d.Commands), limitRate: config.Size(d.Rate).String(), limitIdle: strings.TrimSuffix(d.Idle.String(), "0s"),
		limitSessionTime: strings.TrimSuffix(d.SessionTime.String(), "0s"), limitMailTime: strings.TrimSuffix(d.MailTime.String(), "0s"),
	}
	manual, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	page := httptest.NewRecorder()
	observe.Admin(observe.NewMetrics("test"), observe.NewHealth(time.Now)).ServeHTTP(page, httptest.NewRequest("GET", "/metrics", nil))
	var all []string
	for name, standard := range defaults {
		if !strings.Contains(string(manual), "\n| `"+name+"` | "+standard) {
			t.Errorf("docs/operations.md does not say that %s is %s", name, standard)
		}
		if !strings.Contains(page.Body.String(), `postern_smtp_limited_total{limit="`+name+`"} 0`) {
			t.Errorf("%s is no metric", name)
		}
		all = append(all, name+"="+standard)
	}
	var read config.SMTPLimits
	if err := read.UnmarshalText([]byte(strings.Join(all, ","))); err != nil || Limits(read) != d {
		t.Errorf("the settings read the defaults as %+v (%v), want %+v", read, err, d)
	}
}

func TestPerIPKey(t *testing.T) {
	t.Parallel()
	for ip, want := range map[string]string{"192.0.2.1": "192.0.2.1", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::", "::1": "::"} {
		if got := perIPKey(netip.MustParseAddr(ip)); got.String() != want {
			t.Errorf("%s is counted as %s, want %s", ip, got, want)
		}
	}
}

// mail sends a mail and wants it taken.
func (c *talk) mail() {
	c.t.Helper()
	c.envelope()
	c.send("DATA\r\nSubject: x\r\n\r\n.\r\n")
	c.want("354 ")
	c.want("250 2.0.0 #")
}

// measured starts a server whose metrics can be read.
func measured(t *testing.T, change func(*Config)) (*testServer, *recorder) {
	metrics := newRecorder()
	return start(t, func(c *Config) {
		c.Metrics = metrics
		change(c)
	}, nil), metrics
}

// proxied dials as if from another address, with the PROXY protocol.
func (ts *testServer) proxied(ip string) *talk {
	ts.t.Helper()
	c := ts.dial()
	from := &net.TCPAddr{IP: net.ParseIP(ip), Port: 1234}
	here := &net.TCPAddr{IP: net.ParseIP("192.0.2.25"), Port: 25}
	if from.IP.To4() == nil {
		here.IP = net.ParseIP("2001:db8::25")
	}
	if _, err := proxyproto.HeaderProxyFromAddrs(2, from, here).WriteTo(c.conn); err != nil {
		ts.t.Fatal(err)
	}
	return c
}

func TestNewSessionsPerMinute(t *testing.T) {
	t.Parallel()
	ts, metrics := measured(t, func(c *Config) { c.Limits.NewPerMinute, c.ProxyFrom = 3, local() })
	for i := range 5 {
		c := ts.proxied(fmt.Sprintf("2001:db8:1:2::%d", i))
		if i >= 3 {
			c.want("421 4.7.0 too many new connections")
			c.over()
			continue
		}
		c.want("220 ")
		c.send("QUIT\r\n")
		c.want("221 ")
	}
	ts.proxied("2001:db8:1:3::1").want("220 ")
	if n := metrics.reached(limitNewPerMinute); n != 2 {
		t.Errorf("counted %d times", n)
	}
}

func TestMailsPerMinute(t *testing.T) {
	t.Parallel()
	ts, metrics := measured(t, func(c *Config) { c.Limits.MailsPerMinute = 2 })
	c := ts.hello()
	c.mail()
	c.mail()
	c.send("MAIL FROM:<a@example.net>\r\nRCPT TO:<support@example.com>\r\n")
	c.want("450 4.7.1 too many mails from your address")
	c.want("503 ")
	again := ts.hello()
	again.send("MAIL FROM:<a@example.net>\r\n")
	again.want("450 4.7.1")
	if n := metrics.reached(limitMailsPerMinute); n != 2 {
		t.Errorf("counted %d times", n)
	}
}

// After the last mail that a session may send, its 250 comes first, and then the end; by BDAT too.
func TestMailsPerSession(t *testing.T) {
	both(t, func(c *Config) { c.Limits.MailsPerSession = 2 }, nil, func(t *testing.T, ts *testServer, c *talk) {
		c.mail()
		c.send("MAIL FROM:<a@example.net>\r\nRCPT TO:<support@example.com>\r\nBDAT 2 LAST\r\n\r\nMAIL FROM:<a@example.net>\r\n")
		c.want("250 ")
		c.want("250 ")
		c.want("250 2.0.0 #1002")
		c.want("421 4.7.0 enough mails")
		c.over()
		ts.hello().mail()
	})
}

// RFC 5321 §4.5.3.1.10: who names too many recipients hears it of each of them, and sends the mail to those that were taken.
func TestTooManyRecipients(t *testing.T) {
	t.Parallel()
	ts, metrics := measured(t, func(*Config) {})
	c := ts.hello()
	c.send("MAIL FROM:<a@example.net>\r\n")
	c.want("250 ")
	for i := range 300 {
		c.send(fmt.Sprintf("RCPT TO:<r%d@example.com>\r\n", i))
		if i < 100 {
			c.want("250 ")
		} else {
			c.want("452 4.5.3 ")
		}
	}
	c.send("DATA\r\n\r\n.\r\n")
	c.want("354 ")
	c.want("250 2.0.0 #")
	if n := len(ts.shelf.got()[0].env.Recipients); n != 100 || metrics.reached(limitRecipients) != 200 {
		t.Errorf("%d recipients, %d counted", n, metrics.reached(limitRecipients))
	}
}

// T-04, T-NORCPT: who goes through addresses is sent away before it has learned much.
func TestRecipientDictionary(t *testing.T) {
	t.Parallel()
	ts, metrics := measured(t, func(c *Config) { c.Limits.Unknown = 5 })
	ts.pace.tarpit = 0
	c := ts.hello()
	var guesses strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&guesses, "RCPT TO:<no-%d@example.com>\r\n", i)
	}
	c.send("MAIL FROM:<a@example.net>\r\n" + guesses.String())
	c.want("250 ")
	for range 5 {
		c.want("550 5.1.1")
	}
	c.want("421 4.7.0 too many recipients that are not here")
	c.over()
	if n := metrics.reached(limitUnknown); n != 1 {
		t.Errorf("counted %d times", n)
	}
}

// What one address may do does not bind our own relays; what one session may do wrong does.
func TestTrustedNetworks(t *testing.T) {
	t.Parallel()
	ts := start(t, func(c *Config) {
		c.Limits = Limits{PerIP: 1, NewPerMinute: 1, MailsPerMinute: 1, MailsPerSession: 1, Unknown: 1}
		c.Trusted = local()
	}, nil)
	ts.hello()
	c := ts.hello()
	c.mail()
	c.mail()
	c.send("MAIL FROM:<a@example.net>\r\n")
	c.want("250 ")
	for range 3 {
		c.send("RCPT TO:<no-one@example.com>\r\n")
		c.want("550 5.1.1")
	}
	for range 17 {
		c.send("WHAT\r\n")
		c.want("500 ")
	}
	c.want("421 4.7.0 too many errors")
	c.over()
}

// A session without a mail has an end, however busy it is; one that goes on sending mails has none.
func TestSessionHasAnEnd(t *testing.T) {
	t.Parallel()
	busy := map[string]string{"commands": "NOOP\r\n", "mails that are given up": "MAIL FROM:<a@example.net>\r\nRSET\r\n", "a command in pieces": "N", "octets of no mail": ""}
	for name, say := range busy {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ts, metrics := measured(t, func(c *Config) { c.Limits.SessionTime = 400 * time.Millisecond })
			c := ts.hello()
			began := time.Now()
			if name == "octets of no mail" {
				c.send("BDAT 1000000\r\n")
				say = "x"
			}
			done := make(chan struct{})
			go func() {
				defer close(done)
				for time.Since(began) < 5*time.Second {
					if _, err := c.conn.Write([]byte(say)); err != nil {
						return
					}
					time.Sleep(20 * time.Millisecond)
				}
			}()
			for {
				answer, err := c.reply()
				if err != nil {
					t.Fatalf("the last answer is %q (%v)", answer, err)
				}
				if strings.HasPrefix(answer, "421 4.4.2") {
					break
				}
			}
			if took := time.Since(began); took > 3*time.Second {
				t.Errorf("it took %s", took)
			}
			c.conn.Close()
			<-done
			if n := metrics.reached(limitSessionTime); n != 1 {
				t.Errorf("counted %d times", n)
			}
		})
	}
	t.Run("mails", func(t *testing.T) {
		t.Parallel()
		ts, _ := measured(t, func(c *Config) { c.Limits.SessionTime = 400 * time.Millisecond })
		c := ts.hello()
		for range 8 {
			c.mail()
			time.Sleep(100 * time.Millisecond)
		}
		c.envelope()
		c.send("DATA\r\n")
		c.want("354 ")
		for range 8 { // a mail on its way is not cut off either
			time.Sleep(100 * time.Millisecond)
			c.send("a line\r\n")
		}
		c.send(".\r\n")
		c.want("250 2.0.0 #")
	})
}

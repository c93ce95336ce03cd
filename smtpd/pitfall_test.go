package smtpd

import (
	"crypto/tls"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

// The ten sequences that some server somewhere takes for the end of the data. Here none is one: the mail ends at CRLF.CRLF and is refused as a whole, with the second envelope inside it.
func TestEndOfDataIsNeverSmuggled(t *testing.T) {
	t.Parallel()
	sequences := []string{"\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r.\r\n", "\r\n.\r", "\n\n.\r\n", "\r\n\x00.\r\n", "\r.\n", "\n.\r"}
	const second = "MAIL FROM:<evil@example.net>\r\nRCPT TO:<support@example.com>\r\nDATA\r\nSubject: smuggled\r\n\r\nx"
	for _, sequence := range sequences {
		t.Run(fmt.Sprintf("%q", sequence), func(t *testing.T) {
			t.Parallel()
			ts := start(t, withTLS, nil)
			_, roots := certificate()
			for _, c := range []*talk{ts.hello(), ts.hello().startTLS(roots)} {
				c.send("EHLO client.example.net\r\n")
				c.want("250 ")
				c.envelope()
				c.send("DATA\r\n")
				c.want("354 ")
				c.send("Subject: first\r\n\r\nhello" + sequence + second + "\r\n.\r\n")
				c.want("550 5.6.11")
				// The dialogue is in step: the next mail is the only one.
				c.envelope()
				c.send("DATA\r\n")
				c.want("354 ")
				c.send("Subject: honest\r\n\r\nhello\r\n.\r\n")
				c.want("250 2.0.0 #")
			}
			mails := ts.shelf.got()
			if len(mails) != 2 {
				t.Fatalf("%d mails delivered, want the honest ones", len(mails))
			}
			for _, m := range mails {
				if !strings.Contains(m.raw, "Subject: honest") || m.env.MailFrom != "a@example.net" {
					t.Errorf("delivered %q", m.raw)
				}
			}
		})
	}
}

// The same sequences at every place where the reads of a socket may cut them.
func TestEndOfDataInAnyPieces(t *testing.T) {
	t.Parallel()
	ts := start(t, nil, nil)
	c := ts.hello()
	const mail = "Subject: x\r\n\r\n..dot\r\n.\r\nNOOP\r\n"
	for cut := 1; cut < len(mail); cut++ {
		c.envelope()
		c.send("DATA\r\n")
		c.want("354 ")
		c.send(mail[:cut])
		// Something that the server must answer shows that the first piece was read alone; inside a mail nothing is, so a pause has to do.
		time.Sleep(2 * time.Millisecond)
		c.send(mail[cut:])
		c.want("250 2.0.0 #")
		c.want("250 2.0.0")
	}
	for _, m := range ts.shelf.got() {
		if !strings.HasSuffix(m.raw, "\r\nSubject: x\r\n\r\n.dot\r\n") {
			t.Fatalf("delivered %q", m.raw)
		}
	}
}

// both runs a test in clear text and under TLS.
func both(t *testing.T, change func(*Config), quicken func(*Server), test func(*testing.T, *testServer, *talk)) {
	t.Parallel()
	for _, name := range []string{"clear", "tls"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ts := start(t, func(c *Config) {
				withTLS(c)
				change(c)
			}, quicken)
			c := ts.hello()
			if name == "tls" {
				_, roots := certificate()
				c = c.startTLS(roots)
				c.send("EHLO client.example.net\r\n")
				c.want("250 ")
			}
			test(t, ts, c)
		})
	}
}

// Pitfall 1: what comes after a timeout inside a mail is not executed as commands.
func TestTimeoutInsideAMailIsTheEnd(t *testing.T) {
	both(t, func(c *Config) { c.Limits.Idle = 150 * time.Millisecond }, nil, func(t *testing.T, ts *testServer, c *talk) {
		c.envelope()
		c.send("DATA\r\n")
		c.want("354 ")
		c.send("Subject: stalled\r\n\r\nhello\r\n")
		c.want("421 4.4.2")
		// The socket may be closed already: that is as good.
		_, _ = io.WriteString(c.conn, "MAIL FROM:<evil@example.net>\r\nRCPT TO:<support@example.com>\r\nDATA\r\n\r\nx\r\n.\r\n")
		c.over()
		if n := len(ts.shelf.got()); n != 0 {
			t.Fatalf("%d mails delivered", n)
		}
	})
}

// Pitfall 1 again, where the client waits between two chunks and between two commands.
func TestTimeoutBetweenCommandsIsTheEnd(t *testing.T) {
	both(t, func(c *Config) { c.Limits.Idle = 150 * time.Millisecond }, nil, func(t *testing.T, ts *testServer, c *talk) {
		c.envelope()
		c.send("BDAT 100\r\nhello\r\n")
		c.want("421 4.4.2")
		c.over()
		if n := len(ts.shelf.got()); n != 0 {
			t.Fatalf("%d mails delivered", n)
		}
	})
}

// Pitfall 2: the idle time is for each read, not for the mail; the mail has a time of its own.
func TestSteadyMailMayTakeLongerThanTheIdleTime(t *testing.T) {
	both(t, func(c *Config) { c.Limits.Idle = 250 * time.Millisecond }, nil, func(t *testing.T, ts *testServer, c *talk) {
		c.envelope()
		c.send("DATA\r\n")
		c.want("354 ")
		for range 8 {
			c.send("a line now and then\r\n")
			time.Sleep(50 * time.Millisecond)
		}
		c.send(".\r\n")
		c.want("250 2.0.0 #")
	})
}

func TestTransactionHasAnEnd(t *testing.T) {
	both(t, func(c *Config) { c.Limits.Idle, c.Limits.MailTime = time.Minute, 200*time.Millisecond }, nil, func(t *testing.T, ts *testServer, c *talk) {
		c.envelope()
		c.send("DATA\r\nSubject: endless\r\n")
		c.want("354 ")
		c.want("421 4.4.2")
		c.over()
	})
}

func TestTransferHasALeastRate(t *testing.T) {
	slow := func(s *Server) { s.pace.grace, s.cfg.Limits.Rate = 50*time.Millisecond, 10_000 }
	both(t, func(*Config) {}, slow, func(t *testing.T, ts *testServer, c *talk) {
		c.envelope()
		c.send("DATA\r\n")
		c.want("354 ")
		began := time.Now()
		for err := error(nil); err == nil && time.Since(began) < 5*time.Second; {
			_, err = io.WriteString(c.conn, "a line now and then\r\n")
			if time.Since(began) > 300*time.Millisecond {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		c.want("421 4.4.2 the transfer is too slow")
		c.over()
	})
}

// Pitfall 4: with CR CR LF before the dot, go-smtp's reader waits for ever.
func TestCRCRLFBeforeTheDot(t *testing.T) {
	both(t, func(*Config) {}, nil, func(t *testing.T, ts *testServer, c *talk) {
		c.envelope()
		c.send("DATA\r\n")
		c.want("354 ")
		c.send("Subject: x\r\n\r\nhello\r\r\n.\r\n")
		c.want("550 5.6.11")
		c.send("NOOP\r\n")
		c.want("250 ")
	})
}

// Pitfall 5: long lines in mails are taken as they are, long commands are not.
func TestLongLines(t *testing.T) {
	both(t, func(*Config) {}, nil, func(t *testing.T, ts *testServer, c *talk) {
		for _, length := range []int{998, 2001, wide - 2, wide - 1, wide, wide + 1, 128<<10 - 1, 1 << 20} {
			body := "Subject: x\r\n\r\n" + strings.Repeat("x", length) + "\r\n." + strings.Repeat("y", length) + "\r\n"
			c.envelope()
			c.send("DATA\r\n")
			c.want("354 ")
			c.send(strings.Replace(body, "\r\n.", "\r\n..", 1) + ".\r\n")
			c.want("250 2.0.0 #")
			mails := ts.shelf.got()
			if got := mails[len(mails)-1].raw; !strings.HasSuffix(got, body) {
				t.Fatalf("a line of %d octets arrived otherwise", length)
			}
		}
		c.send("NOOP " + strings.Repeat("x", maxCommand-7) + "\r\n")
		c.want("250 ")
		c.send("NOOP " + strings.Repeat("x", maxCommand-6) + "\r\n")
		c.want("500 5.5.2")
		c.send("NOOP " + strings.Repeat("x", 3*narrow) + "\r\n")
		c.want("500 5.5.2")
		c.send("NOOP " + strings.Repeat("x", 2*maxOverrun))
		c.want("500 5.5.2 a line without end")
		c.over()
	})
}

// Pitfall 6: commands are counted, and a mail sets the count back.
func TestCommandsAreCounted(t *testing.T) {
	both(t, func(c *Config) { c.Limits.Commands = 10 }, nil, func(t *testing.T, ts *testServer, c *talk) {
		for range 5 {
			c.envelope()
			c.send("DATA\r\n")
			c.want("354 ")
			c.send("\r\n.\r\n")
			c.want("250 2.0.0 #")
		}
		c.envelope()
		for range 20 {
			c.send("BDAT 1024\r\n" + strings.Repeat("x", 1024))
			c.want("250 ")
		}
		for range 10 {
			c.send("BDAT 1\r\nx")
			c.want("250 ")
		}
		c.send("NOOP\r\n")
		c.want("421 4.7.0")
		c.over()
	})
}

// Pitfall 6: who goes through addresses in search of ours waits longer for each answer.
func TestUnknownRecipientsAreSlow(t *testing.T) {
	both(t, func(*Config) {}, func(s *Server) { s.pace.tarpit, s.pace.tarpitMax = 20*time.Millisecond, 50*time.Millisecond }, func(t *testing.T, ts *testServer, c *talk) {
		c.send("MAIL FROM:<a@example.net>\r\n")
		c.want("250 ")
		began := time.Now()
		for range 5 {
			c.send("RCPT TO:<no-one@example.com>\r\n")
			c.want("550 5.1.1")
		}
		if took, least := time.Since(began), (20+40+50+50)*time.Millisecond; took < least {
			t.Errorf("five unknown recipients took %s, want at least %s", took, least)
		}
	})
}

// Pitfall 8: what was sent in clear text behind STARTTLS is no part of the dialogue under TLS.
func TestNothingIsInjectedBeforeTLS(t *testing.T) {
	t.Parallel()
	ts := start(t, withTLS, nil)
	c := ts.hello()
	c.send("STARTTLS\r\nEHLO evil.example.net\r\nMAIL FROM:<evil@example.net>\r\nRCPT TO:<support@example.com>\r\n")
	c.want("220 ")
	_, roots := certificate()
	secure := tls.Client(c.conn, &tls.Config{RootCAs: roots, ServerName: "mx.example.com"})
	if err := secure.Handshake(); err != nil {
		t.Fatal(err)
	}
	c.conn = secure
	c.r.Reset(secure)
	c.send("DATA\r\n")
	c.want("503 5.5.1")
	c.send("MAIL FROM:<a@example.net>\r\n")
	c.want("503 5.5.1 EHLO comes first")
}

// Pitfall 8: no handshake that fails leads back to clear text.
func TestFailedHandshakeIsTheEnd(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]string{"commands": "EHLO x\r\nMAIL FROM:<a@example.net>\r\nRCPT TO:<support@example.com>\r\nDATA\r\n\r\nx\r\n.\r\n", "broken record": "\x16\x03\x01\x00\x05hello"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ts := start(t, withTLS, nil)
			c := ts.hello()
			c.send("STARTTLS\r\n")
			c.want("220 ")
			c.send(first)
			rest, _ := io.ReadAll(c.r) // a reset is as good an end as any
			if strings.Contains(string(rest), "250") || strings.Contains(string(rest), "550") {
				t.Errorf("the dialogue went on: %q", rest)
			}
			if n := len(ts.shelf.got()); n != 0 {
				t.Errorf("%d mails delivered", n)
			}
		})
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	t.Parallel()
	ts := start(t, func(c *Config) {
		conf, _ := certificate()
		old := conf.Clone()
		old.MinVersion = tls.VersionTLS10
		c.TLS = func() *tls.Config { return old }
	}, nil)
	_, roots := certificate()
	for version, works := range map[uint16]bool{tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		c := ts.hello()
		c.send("STARTTLS\r\n")
		c.want("220 ")
		secure := tls.Client(c.conn, &tls.Config{RootCAs: roots, ServerName: "mx.example.com", MinVersion: version, MaxVersion: version})
		if err := secure.Handshake(); (err == nil) != works {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
	}
}

func TestWithoutTLSNothingIsOffered(t *testing.T) {
	t.Parallel()
	ts := start(t, nil, nil)
	c := ts.dial()
	c.want("220 ")
	c.send("EHLO client.example.net\r\n")
	if offer := c.want("250 "); strings.Contains(offer, "STARTTLS") || strings.Contains(offer, "AUTH") {
		t.Errorf("offered %q", offer)
	}
	c.send("STARTTLS\r\n")
	c.want("502 5.5.1")
}

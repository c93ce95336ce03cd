package mailout

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"postern/desk"
)

func TestReadReply(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]string{
		"250 ok\r\n":                 "250 0.0.0 ok",
		"250\r\n":                    "250 0.0.0 ",
		"250 \n":                     "250 0.0.0 ",
		"250 2.1.0 ok\r\n":           "250 2.1.0 ok",
		"550 5.1.1 no such user\r\n": "550 5.1.1 no such user",
		"550-5.1.1 no such\r\n550 5.1.1 user here\r\n": "550 5.1.1 no such\nuser here",
		"250-mx\r\n250-SIZE 10\r\n250 PIPELINING\r\n":  "250 0.0.0 mx\nSIZE 10\nPIPELINING",
		"550 2.1.1 no such user\r\n":                   "550 0.0.0 2.1.1 no such user", // a code of another class is none (RFC 2034 §4)
		"550 5.1 no\r\n":                               "550 0.0.0 5.1 no",
		"550 5.1.1234 no\r\n":                          "550 0.0.0 5.1.1234 no",
		"":                                             "EOF",
		"250 ok":                                       "unexpected EOF",
		"250-ok\r\n":                                   "unexpected EOF",
		"25\r\n":                                       "no SMTP reply",
		"hello there\r\n":                              "no SMTP reply",
		"\r\n":                                         "no SMTP reply",
		"250_ok\r\n":                                   "no SMTP reply",
		"150 ok\r\n":                                   "no SMTP reply",
		"650 ok\r\n":                                   "no SMTP reply",
		"-50 ok\r\n":                                   "no SMTP reply",
		"250-one\r\n251 two\r\n":                       "no SMTP reply",
		"250 " + strings.Repeat("x", 3000) + "\r\n":    "too long",
		strings.Repeat("250-x\r\n", 200) + "250 x\r\n": "too long",
	} {
		got, err := readReply(bufio.NewReaderSize(strings.NewReader(said), maxReplyLine))
		words := ""
		if err != nil {
			words = err.Error()
		} else {
			words = replyWords(got)
		}
		if err == nil && words != want || err != nil && !strings.Contains(words, want) {
			t.Errorf("%.60q: %q, want %q", said, words, want)
		}
	}
}

func TestMailsInAConnection(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]int{"": 100, "RCPTMAX=5": 100, "MAILMAX=5": 5, "rcptmax=1 mailmax=20": 20, "MAILMAX=1000": 100, "MAILMAX=0": 100, "MAILMAX=x": 100, "MAILMAX": 100, "MAILMAX=-1": 100} {
		d := dialogue{extensions: map[string]string{"LIMITS": said}}
		if got := d.mails(100); got != want {
			t.Errorf("%s: %d, want %d", said, got, want)
		}
	}
}

func replyWords(r reply) string {
	return fmt.Sprintf("%d %d.%d.%d %s", r.code, r.enhanced[0], r.enhanced[1], r.enhanced[2], r.text)
}

// T-12: the last gate. What is not made of lines of 7-bit text that end in CR LF does not leave; dots are stuffed; nothing else is changed.
func TestT_BYTES_Gate(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		mail    string
		foreign bool
		sent    string
		why     string
	}{
		"as it should be":       {"A: b\r\n\r\nx\r\n", false, "A: b\r\n\r\nx\r\n", ""},
		"dots":                  {"A: b\r\n\r\n.\r\n..\r\n.x\r\n", false, "A: b\r\n\r\n..\r\n...\r\n..x\r\n", ""},
		"no end of line":        {"A: b\r\n\r\nx", false, "A: b\r\n\r\nx\r\n", ""},
		"nothing":               {"", false, "", ""},
		"998 octets":            {strings.Repeat("x", 998) + "\r\n", false, strings.Repeat("x", 998) + "\r\n", ""},
		"999 octets":            {strings.Repeat("x", 999) + "\r\n", false, "", "more than 998 octets in line 1"},
		"endless":               {"A: b\r\n" + strings.Repeat("x", 100_000), false, "", "more than 998 octets in line 2"},
		"a bare LF":             {"A: b\r\n\r\nx\ny\r\n", false, "", "a bare LF in line 3"},
		"a smuggled end":        {"A: b\r\n\r\nx\n.\r\nMAIL FROM:<a@b.example>\r\n", false, "", "a bare LF in line 3"},
		"another smuggled end":  {"A: b\r\n\r\nx\r\n.\rMAIL FROM:<a@b.example>\r\n", false, "", "a bare CR in line 4"},
		"a bare CR":             {"A: b\r\n\r\nx\ry\r\n", false, "", "a bare CR in line 3"},
		"two CR":                {"A: b\r\n\r\nx\r\r\n", false, "", "a bare CR in line 3"},
		"CR at the end":         {"A: b\r\n\r\nx\r", false, "", "a bare CR in line 3"},
		"a NUL":                 {"A: b\r\n\r\nx\x00\r\n", false, "", "a NUL in line 3"},
		"foreign in the header": {"A: é\r\n\r\nx\r\n", false, "", "not ASCII in line 1"},
		"with SMTPUTF8":         {"A: é\r\n\r\nx\r\n", true, "A: é\r\n\r\nx\r\n", ""},
		"in the body":           {"A: é\r\n\r\né\r\n", true, "", "not ASCII in line 3"},
		"no UTF-8":              {"A: b\r\n\r\n\xff\r\n", false, "", "not ASCII in line 3"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wire, sent, err := throughGate(c.mail, c.foreign)
			var unfit *unfitError
			switch {
			case c.why == "" && (err != nil || sent != c.sent):
				t.Errorf("%q, %v", sent, err)
			case c.why != "" && (!errors.As(err, &unfit) || !strings.Contains(err.Error(), c.why)):
				t.Errorf("%v, want %s", err, c.why)
			}
			if strings.Contains(strings.ReplaceAll(wire, "\r\n", ""), "\n") {
				t.Errorf("a bare LF is on the wire: %q", wire)
			}
		})
	}
}

// throughGate is what comes of a mail on the wire, and of what was let through.
func throughGate(mail string, foreign bool) (wire, sent string, err error) {
	ours, theirs := net.Pipe()
	heard := make(chan string)
	go func() {
		all, _ := io.ReadAll(theirs)
		heard <- string(all)
	}()
	d := newDialogue(ours, time.Second)
	err = d.body(strings.NewReader(mail), foreign)
	if err == nil {
		err = d.out.Flush()
	}
	_ = ours.Close()
	wire = <-heard
	return wire, wire, err
}

// FuzzBody: whatever a mail is made of, what leaves is lines of 7-bit text in CR LF, and none of them is the dot that ends it; without its dots it is the mail.
func FuzzBody(f *testing.F) {
	for _, mail := range []string{"", ".", "A: b\r\n\r\n.\r\n", "a\nb", "a\rb", "\r\n.\n", ".\r", "é", "a\x00", strings.Repeat("y", 1000)} {
		f.Add(mail, false)
		f.Add(mail, true)
	}
	f.Fuzz(func(t *testing.T, mail string, foreign bool) {
		_, sent, err := throughGate(mail, foreign)
		if err != nil {
			return
		}
		whole := mail
		if whole != "" && !strings.HasSuffix(whole, "\r\n") {
			whole += "\r\n"
		}
		var plain strings.Builder
		inHeader := true
		for line := range strings.Lines(sent) {
			if why := unfitLine([]byte(strings.TrimPrefix(line, ".")), foreign && inHeader); why != "" {
				t.Fatalf("%s in %q", why, line)
			}
			inHeader = inHeader && line != "\r\n"
			if line == ".\r\n" {
				t.Fatalf("the end stands in %q", sent)
			}
			plain.WriteString(strings.TrimPrefix(line, "."))
		}
		if plain.String() != whole {
			t.Fatalf("%q became %q", whole, sent)
		}
	})
}

// FuzzServer: whatever a server says, in whatever order, a delivery ends; and it counts as sent only if the server took the whole mail and then said a 2xx.
func FuzzServer(f *testing.F) {
	for _, said := range []string{
		"220 hi\r\n250-mx\r\n250 PIPELINING\r\n250 ok\r\n250 ok\r\n354 go\r\n250 taken\r\n221 bye\r\n",
		"220 hi\r\n250 mx\r\n250 ok\r\n250 ok\r\n354 go\r\n451 no\r\n",
		"220 hi\r\n250 mx\r\n550 5.1.8 no\r\n", "421 busy\r\n", "220 hi\r\n500 what\r\n250 mx\r\n250 ok\r\n250 ok\r\n250 ok\r\n", "", "\x00\xff", "220-", "220 hi\r\n250 mx\r\n250 ok\r\n250 ok\r\n354 go\r\n",
		"220 hi\r\n250-mx\r\n250 STARTTLS\r\n220 go\r\nnonsense", "220 hi\r\n250-mx\r\n250 SIZE 1\r\n",
	} {
		f.Add(said)
	}
	f.Fuzz(func(t *testing.T, said string) {
		ours, theirs := net.Pipe()
		heard := make(chan string)
		go func() { // it says all at its own pace, whatever it hears
			all, _ := io.ReadAll(theirs)
			heard <- string(all)
		}()
		go func() {
			_, _ = io.WriteString(theirs, said)
			time.Sleep(time.Millisecond)
			_ = theirs.Close()
		}()
		s := &Sender{Hostname: "desk.example.com", Timeouts: Timeouts{Command: time.Second, Block: time.Second, Final: time.Second}}
		limits := s.Timeouts.withDefaults()
		conn := newBoundConn(t.Context(), ours, limits.Block)
		c := &session{dialogue: newDialogue(conn, limits.Command), conn: conn, to: exchange{name: "mx.example"}, finalPatience: limits.Final}
		book := newLedger([]string{"ann@to.example"}, func() time.Time { return noon })
		if err := s.introduce(t.Context(), c, clearText); err == nil {
			m, _ := prepare(mailTo(simpleMail, "ann@to.example"), book)
			c.transact(m, book)
		} else if a := answerOf(err, "talking"); a.state() == desk.DeliverySent {
			t.Fatalf("an error became %v", a)
		}
		_ = conn.Close()
		wire := <-heard
		got := book.close()[0]
		if got.State == desk.DeliverySent && !strings.HasSuffix(strings.Split(wire, "QUIT")[0], "end\r\n.\r\n") {
			t.Fatalf("it counts as sent, and what was heard is %q", wire)
		}
		for _, line := range got.Story {
			if len([]rune(line.Reply)) > maxWords || strings.ContainsAny(line.Reply, "\r\n\x00") {
				t.Fatalf("%q", line.Reply)
			}
		}
	})
}

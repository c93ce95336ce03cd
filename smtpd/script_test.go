package smtpd

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestScripts runs the dialogues of testdata over real sockets. A line 'C: text' is sent with CR LF; 'C+ "text"' is sent as the Go string says, without anything added;
// 'S: text' is the beginning of one reply line; 'S!' is the end of the connection; 'M: n' is the number of mails delivered so far. TLS stands for STARTTLS with its handshake.
func TestScripts(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.script")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".script"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			ts := start(t, func(c *Config) {
				withTLS(c)
				c.MaxMessage, c.Limits.Recipients = 100_000, 3
			}, nil)
			c := ts.dial()
			for number, line := range strings.Split(string(text), "\n") {
				if line = strings.TrimRight(line, "\r"); line == "" || strings.HasPrefix(line, "#") {
					continue
				}
				c = ts.step(c, file+":"+strconv.Itoa(number+1), line)
			}
		})
	}
}

// step runs one line of a script and returns the client to go on with.
func (ts *testServer) step(c *talk, at, line string) *talk {
	ts.t.Helper()
	switch kind, rest, _ := strings.Cut(line, " "); kind {
	case "C:":
		c.send(rest + "\r\n")
	case "C+":
		text, err := strconv.Unquote(rest)
		if err != nil {
			ts.t.Fatalf("%s: %v", at, err)
		}
		c.send(text)
	case "S:":
		got, err := c.r.ReadString('\n')
		if err != nil || !strings.HasPrefix(got, rest) {
			ts.t.Fatalf("%s: got %q (%v), want %q", at, got, err, rest)
		}
	case "S!":
		c.over()
	case "TLS":
		_, roots := certificate()
		return c.startTLS(roots)
	case "M:":
		if got := len(ts.shelf.got()); strconv.Itoa(got) != rest {
			ts.t.Fatalf("%s: %d mails delivered, want %s", at, got, rest)
		}
	default:
		ts.t.Fatalf("%s: what is %q?", at, line)
	}
	return c
}

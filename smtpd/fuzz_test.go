package smtpd

import (
	"bytes"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// replyLine is a line that a client may read (RFC 5321 §4.2).
var replyLine = regexp.MustCompile(`^[2345][0-9][0-9][ -][\x20-\x7e]*$`)

// FuzzSession sends whatever comes as a client. The server must answer in lines and end in time, and what it delivers must be a mail that the client asked for, without an octet that could be read in two ways.
func FuzzSession(f *testing.F) {
	scripts, err := filepath.Glob("testdata/*.script")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range scripts {
		f.Add(clientSide(f, file))
	}
	f.Add([]byte("EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<a@example.com>\r\nDATA\r\nx\r\n.\r\nBDAT 3 LAST\r\nxyzRSET\r\n"))
	ts := start(f, func(c *Config) {
		c.MaxMessage, c.Limits = 10_000, Limits{PerIP: -1, NewPerMinute: -1, MailsPerMinute: -1, Idle: 2 * time.Second}
	}, func(s *Server) { s.pace.tarpit = 0 })
	f.Fuzz(func(t *testing.T, input []byte) {
		conn, err := net.Dial("tcp", ts.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
			t.Fatal(err)
		}
		go func() {
			// The server may have hung up already.
			_, _ = conn.Write(input)
			_ = conn.(*net.TCPConn).CloseWrite()
		}()
		output, err := io.ReadAll(conn)
		if isTimeout(err) {
			t.Fatalf("the session did not end; it said %q", output)
		}
		for line := range strings.SplitSeq(strings.TrimSuffix(string(output), "\r\n"), "\r\n") {
			if err == nil && !replyLine.MatchString(line) {
				t.Fatalf("malformed reply line %q", line)
			}
		}
		upper := bytes.ToUpper(input)
		ts.shelf.mu.Lock()
		defer ts.shelf.mu.Unlock()
		if asked := bytes.Count(upper, []byte("DATA")) + bytes.Count(upper, []byte("BDAT")); len(ts.shelf.mails) > asked {
			t.Fatalf("%d mails delivered, and at most %d asked for", len(ts.shelf.mails), asked)
		}
		for _, m := range ts.shelf.mails {
			if strings.Contains(m.raw, "\x00") || strings.ContainsAny(strings.ReplaceAll(m.raw, "\r\n", ""), "\r\n") {
				t.Fatalf("delivered %q", m.raw)
			}
			if head, _, ok := strings.Cut(m.raw, "\r\nReceived: from "); !ok || !strings.HasPrefix(head, "Return-Path: <") || strings.Contains(head, "\n") {
				t.Fatalf("a trace was forged: %q", m.raw)
			}
		}
		ts.shelf.mails = nil
	})
}

// clientSide is what a script sends, without what it waits for.
func clientSide(f *testing.F, file string) []byte {
	text, err := os.ReadFile(file)
	if err != nil {
		f.Fatal(err)
	}
	var sent []byte
	for line := range strings.SplitSeq(string(text), "\n") {
		if plain, ok := strings.CutPrefix(line, "C: "); ok {
			sent = append(sent, plain+"\r\n"...)
		} else if quoted, ok := strings.CutPrefix(line, "C+ "); ok {
			part, err := strconv.Unquote(quoted)
			if err != nil {
				f.Fatal(err)
			}
			sent = append(sent, part...)
		}
	}
	return sent
}

// FuzzAddress: an address that is taken can be written and read again as the same, and nothing in it breaks out of a header.
func FuzzAddress(f *testing.F) {
	for _, seed := range []string{"<>", "<a@b.example>", `<"a\"@b"@c.example> X=1`, "<@r:a@[192.0.2.1]>", "<jose\u0301@b\u00fccher.example>", "a@b", "<a@[IPv6:::1]>"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, arg string) {
		if !utf8.ValidString(arg) || strings.ContainsFunc(arg, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return // command refuses it before
		}
		p, _, err := cutPath(arg)
		if err != nil {
			return
		}
		written := p.String()
		again, rest, err := cutPath("<" + written + ">")
		if err != nil || rest != "" || again != p {
			t.Fatalf("%q was read as %q, and that as %q (%v)", arg, written, again, err)
		}
		if !isASCII(p.domain) || len(p.local) > maxPath || strings.ContainsAny(p.domain, " <>,;()\"") {
			t.Fatalf("%q was read as %q", arg, written)
		}
	})
}

// FuzzTransfer compares the reader of mails, fed in pieces, with the definition: a mail ends at the first CRLF.CRLF, a line's first dot goes, CR and LF stand only together,
// and what begins with a blank gets an empty line before it.
func FuzzTransfer(f *testing.F) {
	f.Add([]byte("a\r\n..b\r\n.\r\n"), 3)
	f.Add([]byte("a\r\r\n.\r\n"), 1)
	f.Add([]byte("a\n.\r\n\r\n.\r\n"), 2)
	room := newSpools("", 0)
	f.Fuzz(func(t *testing.T, input []byte, size int) {
		size = min(max(size, 1), 64)
		whole := append([]byte("\r\n"), input...)
		i := bytes.Index(whole, []byte("\r\n.\r\n"))
		if i < 0 {
			return
		}
		stuffed := whole[:i+2]
		bad := bytes.Contains(stuffed, []byte{0}) || bytes.ContainsAny(bytes.ReplaceAll(stuffed, []byte("\r\n"), nil), "\r\n")
		want := bytes.ReplaceAll(stuffed, []byte("\r\n."), []byte("\r\n"))[2:]
		if len(want) > 0 && (want[0] == ' ' || want[0] == '\t') {
			want = append([]byte("\r\n"), want...) // it must not be folded into our trace
		}

		tr := &transfer{spool: room.open(), limit: 1 << 20}
		defer tr.spool.close()
		window, used := make([]byte, 0, 64), 0
		for left := input; ; {
			n := min(size, len(left), cap(window)-len(window))
			window, left = append(window, left[:n]...), left[n:]
			taken, end := tr.feed(window)
			if used += taken; end {
				break
			}
			window = append(window[:0], window[taken:]...)
			if len(window) == cap(window) {
				taken = tr.part(window)
				used += taken
				window = append(window[:0], window[taken:]...)
			}
			if len(left) == 0 && n == 0 {
				t.Fatalf("%q in pieces of %d has no end", input, size)
			}
		}
		got, err := io.ReadAll(tr.spool.section())
		if err != nil {
			t.Fatal(err)
		}
		if used != i+3 || (tr.bare || tr.nul) != bad || !bad && !bytes.Equal(got, want) {
			t.Fatalf("%q in pieces of %d: ended at %d, not %d; bad %v, not %v; mail %q, not %q", input, size, used, i+3, tr.bare || tr.nul, bad, got, want)
		}
	})
}

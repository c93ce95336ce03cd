package smtpd

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestPath(t *testing.T) {
	t.Parallel()
	for _, try := range []struct {
		arg  string
		path string // as it is written again; "!" if it is refused
		rest string
	}{
		{"<>", "", ""},
		{"<a@example.net>", "a@example.net", ""},
		{"<a@EXAMPLE.net> SIZE=3", "a@example.net", " SIZE=3"},
		{"a@example.net SIZE=3", "a@example.net", "SIZE=3"},
		{"<A.b+c=d@example.net>", "A.b+c=d@example.net", ""},
		{"<a..b.@docomo.example>", "a..b.@docomo.example", ""},
		{`<"a@b"@x.example>`, `"a@b"@x.example`, ""},
		{`<"a>b"@x.example> X`, `"a>b"@x.example`, " X"},
		{`<"a\"b\\"@x.example>`, `"a\"b\\"@x.example`, ""},
		{`<"plain"@x.example>`, "plain@x.example", ""},
		{`<""@x.example>`, "!", ""},
		{`<"open@x.example>`, "!", ""},
		{`<"a"b@x.example>`, "!", ""},
		{"<@one,@two:a@example.net>", "a@example.net", ""},
		{"<@one>", "!", ""},
		{"<@one:>", "!", ""},
		{"<a@[192.0.2.1]>", "a@[192.0.2.1]", ""},
		{"<a@[IPv6:2001:db8::1]>", "a@[ipv6:2001:db8::1]", ""},
		{"<a@[300.0.2.1]>", "!", ""},
		{"<a@[IPv6:192.0.2.1]>", "!", ""},
		{"<a@[x]>", "!", ""},
		{"<a>", "!", ""},
		{"<a@>", "!", ""},
		{"<@example.net>", "!", ""},
		{"<a@.example.net>", "!", ""},
		{"<a@example..net>", "!", ""},
		{"<a@example.net.>", "!", ""},
		{"<a@exa mple.net>", "!", ""},
		{"<a b@example.net>", "!", ""},
		{"<a@b@example.net>", "!", ""},
		{"<a@example.net", "!", ""},
		{"<a@example.net>x", "!", ""},
		{"<a,b@example.net>", "!", ""},
		{"<a@under_score.example>", "a@under_score.example", ""},
		{"<jose\u0301@B\u00dcCHER.example>", "jos\u00e9@xn--bcher-kva.example", ""},
		{"<a@xn--bcher-kva.example>", "a@xn--bcher-kva.example", ""},
		{"<a@xn--\u00fc.example>", "!", ""},
		{"<a@b\u200b\u3002example>", "a@b.example", ""}, // UTS #46 drops the zero width space and maps the ideographic stop
		{"<" + strings.Repeat("x", 128) + "@example.net>", strings.Repeat("x", 128) + "@example.net", ""},
		{"<" + strings.Repeat("x", 129) + "@example.net>", "!", ""},
		{"<a@" + strings.Repeat("x", 64) + ".example>", "!", ""},
		{"<a@" + strings.Repeat("xxxxxxx.", 32) + "net>", "!", ""},
	} {
		p, rest, err := cutPath(try.arg)
		switch {
		case try.path == "!":
			if err == nil {
				t.Errorf("%s: read as %q", try.arg, p)
			}
		case err != nil || p.String() != try.path || rest != try.rest:
			t.Errorf("%s: read as %q and %q (%v), want %q and %q", try.arg, p, rest, err, try.path, try.rest)
		}
	}
}

// Pitfall 3: only what is on the list has an answer of its own, however it is wrapped; the rest is temporary and says nothing.
func TestErrorReply(t *testing.T) {
	t.Parallel()
	for _, try := range []struct {
		err  error
		want string
	}{
		{Refusal(550, [3]int{5, 7, 26}, "not authenticated"), "550 5.7.26 not authenticated\r\n"},
		{fmt.Errorf("decide: %w", Refusal(451, [3]int{4, 7, 1}, "come back")), "451 4.7.1 come back\r\n"},
		{Refusal(550, [3]int{5, 7, 1}, "two\r\n250 lines \x00\u00fc"), "550 5.7.1 two 250 lines ?\r\n"},
		{Refusal(250, [3]int{2, 0, 0}, "well"), "451 4.3.0 a temporary failure on our side, please try again later (id1)\r\n"},
		{errors.New("pq: connection to 10.0.0.5 refused"), "451 4.3.0 a temporary failure on our side, please try again later (id1)\r\n"},
		{&os.PathError{Op: "write", Path: "/spool", Err: syscall.ENOSPC}, "452 4.3.1 no room to store the mail at the moment, please try again later (id1)\r\n"},
	} {
		if got := render(errorReply(try.err, "id1")); got != try.want {
			t.Errorf("%v: %q, want %q", try.err, got, try.want)
		}
	}
	if got := render(reply(550, [3]int{5, 0, 0}, strings.Repeat("x", 1000))); len(got) > 512 {
		t.Errorf("a reply line of %d octets", len(got))
	}
}

// A mail stays in memory, moves to the large buffer, or to a file without a name; it reads the same everywhere, and all is given back.
func TestSpool(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	room := newSpools(dir, 64<<10)
	for _, size := range []int{0, 1, smallSpool, smallSpool + 1, 64 << 10, 64<<10 + 1, 1 << 20} {
		s := room.open()
		want := strings.Repeat("0123456789abcdef", size/16+1)[:size]
		for left := want; left != ""; {
			n := min(len(left), 1000)
			if _, err := io.WriteString(s, left[:n]); err != nil {
				t.Fatal(err)
			}
			left = left[n:]
		}
		if inFile := s.file != nil; inFile != (size > 64<<10) {
			t.Errorf("%d octets: in a file: %v", size, inFile)
		}
		for range 2 {
			got, err := io.ReadAll(s.section())
			if err != nil || string(got) != want {
				t.Errorf("%d octets: read %d (%v)", size, len(got), err)
			}
		}
		if left, _ := os.ReadDir(dir); len(left) != 0 {
			t.Errorf("%d octets: the spool file has a name: %v", size, left)
		}
		s.close()
		s.close()
	}
	if held := room.held.Load(); held != 0 {
		t.Errorf("%d octets are still counted", held)
	}
}

// Beyond the budget, large mails wait in files and small ones where they are.
func TestSpoolBudget(t *testing.T) {
	t.Parallel()
	room := newSpools(t.TempDir(), spoolBudget/2)
	var open []*spool
	for range 3 {
		s := room.open()
		if _, err := s.Write(make([]byte, smallSpool+1)); err != nil {
			t.Fatal(err)
		}
		open = append(open, s)
	}
	for i, inFile := range []bool{false, false, true} {
		if (open[i].file != nil) != inFile {
			t.Errorf("mail %d in a file: %v", i, !inFile)
		}
		open[i].close()
	}
}

// A full disk is temporary (452 4.3.1), and the rest of the mail is still read.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	tr := &transfer{spool: &spool{room: newSpools("", 0), file: full}, limit: 1000}
	if _, end := tr.feed([]byte("Subject: x\r\n\r\nhello\r\n.\r\n")); !end {
		t.Error("the end of the data was not seen")
	}
	if answer := errorReply(tr.spoolErr, "id1"); tr.refusal() != nil || answer.Code != 452 {
		t.Errorf("answer %v", answer)
	}
}

// Every way of cutting a mail into pieces gives the same octets and the same judgement.
func TestTransferInPieces(t *testing.T) {
	t.Parallel()
	for _, try := range []struct {
		in, out   string
		bare, nul bool
	}{
		{".\r\n", "", false, false},
		{"\r\n.\r\n", "\r\n", false, false},
		{"a\r\n..\r\n.\r\n", "a\r\n.\r\n", false, false},
		{"a\r\n.b\r\n...\r\n.\r\n", "a\r\nb\r\n..\r\n", false, false},
		{"Received: x\r\nreceived: y\r\n\r\nReceived: z\r\n.\r\n", "Received: x\r\nreceived: y\r\n\r\nReceived: z\r\n", false, false},
		{"a\r\r\n.\r\n", "", true, false},
		{"a\rb\r\n.\r\n", "", true, false},
		{"a\nb\r\n.\r\n", "", true, false},
		{"a\r\n.\nb\r\n.\r\n", "", true, false},
		{"a\n.\r\nb\r\n.\r\n", "", true, false},
		{"a\r\n.\rb\r\n.\r\n", "", true, false},
		{"a\r\n.\r.\r\n.\r\n", "", true, false},
		{"a\x00\r\n.\r\n", "", false, true},
	} {
		for size := 1; size <= len(try.in); size++ {
			room := newSpools(t.TempDir(), 0)
			tr := &transfer{spool: room.open(), limit: 1000}
			var window []byte
			end := false
			for left := try.in; left != "" && !end; {
				n := min(size, len(left))
				window, left = append(window, left[:n]...), left[n:]
				var taken int
				taken, end = tr.feed(window)
				window = window[taken:]
				if end && (left != "" || len(window) != 0) {
					t.Fatalf("%q in pieces of %d: ended before %q", try.in, size, string(window)+left)
				}
			}
			got, _ := io.ReadAll(tr.spool.section())
			if !end || tr.bare != try.bare || tr.nul != try.nul || !try.bare && !try.nul && string(got) != try.out {
				t.Errorf("%q in pieces of %d: end %v, bare %v, nul %v, mail %q", try.in, size, end, tr.bare, tr.nul, got)
			}
			if strings.Contains(try.in, "Received") && tr.hops != 2 {
				t.Errorf("%d hops", tr.hops)
			}
		}
	}
}

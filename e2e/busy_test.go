package e2e

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"strings"
	"testing"

	"postern/internal/testkit/peers"
)

// awkward has everything that a path of mail could spoil: lines of dots, a long line, letters of the world, and a line that looks like an envelope.
var awkward = ".\n..\n.hidden\nFrom the start\nQUIT\n" + strings.Repeat("long ", 600) + "\nGrüße, 漢字, 🙂"

// busy sends many mails to one server, some of which it refuses: they share connections, commands go ahead of answers as far as the server allows it (Exim hangs up on whoever goes
// further), nobody's refusal is somebody else's, and what arrives is what was written.
func (w *overseas) busy(t *testing.T) {
	const mails = 40
	for program, server := range w.servers {
		domain := "busy-" + program + "." + plainZone
		before := server.Connections()
		w.sent = map[int64]string{}
		for i := range mails {
			switch i {
			case 10:
				w.send("gone@"+domain, awkward)
			case 20:
				w.send("later@"+domain, awkward)
			}
			w.send(fmt.Sprintf("p%d@%s", i, domain), awkward)
		}
		became := w.settle()
		for to, got := range became {
			want := outcome{state: "sent", tls: true, proof: "pkix", why: "RFC 5321 §3.3"}
			switch {
			case strings.HasPrefix(to, "gone@"):
				want = outcome{state: "bounced", says: "550 5.1.1", why: "RFC 5321 §4.2.1: 5yz is for good"}
			case strings.HasPrefix(to, "later@"):
				want = outcome{state: "deferred", says: "451 4.7.1", why: "RFC 5321 §4.2.1: 4yz is for now"}
			}
			w.judge(t, to, got, want)
			if words := map[string]string{"bounced": "gone moved out", "deferred": "come back later"}[want.state]; !strings.Contains(got.Reply, words) {
				t.Errorf("%s: the last words %q are not the server's %q", to, got.Reply, words)
			}
		}
		if used := server.Connections() - before; used > mails/2 {
			t.Errorf("%s: %d connections for %d mails", program, used, mails+2)
		} else {
			t.Logf("%s: %d connections for %d mails", program, used, mails+2)
		}
		arrived := map[string]int{}
		for _, kept := range server.Kept(t) {
			if strings.HasSuffix(kept.To, "@"+domain) {
				arrived[kept.To]++
				wholesome(t, kept)
			}
		}
		if len(arrived) != mails {
			t.Errorf("%s: %d recipients have their mail, of %d", program, len(arrived), mails)
		}
		for to, copies := range arrived {
			if copies != 1 {
				t.Errorf("%s has %d copies", to, copies)
			}
		}
	}
}

// wholesome reads the text of a mail as any program would, and compares.
func wholesome(t *testing.T, kept peers.Kept) {
	t.Helper()
	for line := range bytes.Lines(kept.Bytes) {
		if len(line) > 1000 || bytes.ContainsFunc(line, func(r rune) bool { return r > 126 }) {
			t.Errorf("%s: a line of %d octets, or foreign ones: %.80q", kept.To, len(line), line)
		}
	}
	read, err := mail.ReadMessage(bytes.NewReader(kept.Bytes))
	if err != nil {
		t.Fatal(err)
	}
	kind, parameters, err := mime.ParseMediaType(read.Header.Get("Content-Type"))
	if err != nil || !strings.HasPrefix(kind, "multipart/") {
		t.Fatalf("%s: Content-Type %s: %v", kept.To, kind, err)
	}
	part, err := multipart.NewReader(read.Body, parameters["boundary"]).NextPart() // reads quoted-printable by itself
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(part)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.ReplaceAll(string(text), "\r\n", "\n"); !strings.HasPrefix(got, awkward) {
		t.Errorf("%s: the text arrived as %.200q", kept.To, got)
	}
}

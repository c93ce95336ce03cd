package mailtext

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"postern/desk"
)

// crlf makes a mail of lines as they stand in a test.
func crlf(s string) []byte { return []byte(strings.ReplaceAll(s, "\n", "\r\n")) }

// T-NASTY: mails beyond every bound are read within a second, say what was too much, and offer the original.
func TestT_NASTY_Bombs(t *testing.T) {
	const head = "From: Rita <rita@example.com>\nSubject: bomb\nMessage-ID: <b@example.com>\n"
	var nested, segments strings.Builder
	for i := range 10000 {
		fmt.Fprintf(&nested, "Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n", i, i)
		fmt.Fprintf(&segments, "; name*%d=a", i)
	}
	bombs := map[string]string{
		"200,000 parts":            head + "Content-Type: multipart/mixed; boundary=x\n\n" + strings.Repeat("--x\n\na\n", 200000) + "--x--\n",
		"200,000 broken parts":     head + "Content-Type: multipart/mixed; boundary=x\nbroken\n\n" + strings.Repeat("--x\nbroken\n\na\n", 200000) + "--x--\n",
		"10,000 deep":              head + nested.String(),
		"10,000 deep, broken":      "broken\n" + head + nested.String(),
		"a header of 1 MB":         head + "X-Long: " + strings.Repeat("x", 1<<20) + "\n\nbody",
		"a header of 1 MB, folded": head + "X-Long:" + strings.Repeat(" x\n", 1<<18) + "\n\nbody",
		"30,000 fields":            head + strings.Repeat("X: y\n", 30000) + "\nbody",
		"a part's header of 9 MB":  head + "Content-Type: multipart/mixed; boundary=x\n\n--x\nX: " + strings.Repeat("x", 9<<20) + "\n\na\n--x--\n",
		"5,000 parameters":         head + "Content-Type: text/plain" + strings.Repeat("; a=b", 5000) + "\n\nbody",
		"10,000 segments":          head + "Content-Type: text/plain" + segments.String() + "\n\nbody",
		"no end of headers":        head + strings.Repeat("X: y\n", 1<<20),
	}
	for name, bomb := range bombs {
		t.Run(name, func(t *testing.T) {
			begin := time.Now()
			m := mustRead(t, crlf(bomb))
			if took := time.Since(begin); took > 3*time.Second { // two walks on a busy machine; one takes a tenth of it
				t.Errorf("took %v", took)
			}
			if len(m.Problems) == 0 || len(m.Files) != 1 || m.Files[0].Origin != OriginOriginal || m.Files[0].Name != "message.eml" {
				t.Errorf("problems %q, files %+v", m.Problems, m.Files)
			}
			if m.Subject != "bomb" || len(m.From) != 1 || m.MessageID != "b@example.com" {
				t.Errorf("fields are lost: %q %v %q", m.Subject, m.From, m.MessageID)
			}
		})
	}
}

// endless is the source of a mail with an attachment of any size, without the memory for it.
type endless struct {
	head, line, tail string
	lines            int64
}

func (e endless) size() int64 {
	return int64(len(e.head)) + e.lines*int64(len(e.line)) + int64(len(e.tail))
}

func (e endless) ReadAt(p []byte, at int64) (n int, err error) {
	for n < len(p) && at < e.size() {
		piece, offset := e.tail, at-int64(len(e.head))-e.lines*int64(len(e.line))
		switch {
		case at < int64(len(e.head)):
			piece, offset = e.head, at
		case offset < 0:
			piece, offset = e.line, (at-int64(len(e.head)))%int64(len(e.line))
		}
		copied := copy(p[n:], piece[offset:])
		n, at = n+copied, at+int64(copied)
	}
	if n < len(p) {
		err = io.EOF
	}
	return n, err
}

// The size of a mail does not decide memory: 100 MiB of attachment, and 20 MiB of each other kind, cost no more than a few times the bounds.
func TestMemoryIsBounded(t *testing.T) {
	const head = "From: a@example.com\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\nhello\r\n--x\r\n"
	line := strings.Repeat("QUJD", 19) + "\r\n"
	for name, c := range map[string]struct {
		part  string
		size  int64
		limit uint64
	}{
		"attachment":    {"Content-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n", 100 << 20, 2 << 20},
		"quoted":        {"Content-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n", 20 << 20, 2 << 20},
		"attached mail": {"Content-Type: message/rfc822\r\n\r\n", 20 << 20, 2 << 20},
		"text":          {"Content-Type: text/plain\r\n\r\n", 20 << 20, 24 << 20},
		"html":          {"Content-Type: text/html\r\n\r\n", 20 << 20, 24 << 20},
		"calendar":      {"Content-Type: text/calendar\r\n\r\n", 20 << 20, 16 << 20},
		"winmail.dat":   {"Content-Type: application/ms-tnef\r\n\r\n", 20 << 20, 2 << 20},
		"signed mail":   {"Content-Type: application/pkcs7-mime\r\nContent-Transfer-Encoding: base64\r\n\r\n", 20 << 20, 2 << 20},
	} {
		source := endless{head: head + c.part, line: line, lines: c.size / int64(len(line)), tail: "\r\n--x--\r\n"}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		m, err := Read(context.Background(), io.NewSectionReader(source, 0, source.size()), Limits{Time: time.Minute})
		runtime.ReadMemStats(&after)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		// All that was ever allocated, so more than was ever held.
		if used := after.TotalAlloc - before.TotalAlloc; used > c.limit {
			t.Errorf("%s: %d KiB allocated", name, used>>10)
		}
		if !strings.HasPrefix(m.Text, "hello") || (name == "attachment" && (len(m.Files) != 1 || m.Files[0].Size < 70<<20)) {
			t.Errorf("%s: text %.20q, files %+v", name, m.Text, m.Files)
		}
	}
}

// A mail that is cut off anywhere is read.
func TestCutAnywhere(t *testing.T) {
	t.Parallel()
	raw := append(ordinary(1<<10), ordinary(1<<10)...)
	for end := 1; end < len(raw); end += 7 {
		mustRead(t, raw[:end])
	}
}

func TestTimeAndContextBoundARead(t *testing.T) {
	t.Parallel()
	raw := ordinary(64 << 10)
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := Read(cancelled, section(raw), Limits{})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a walk that was called off: %v", err)
	}
	m, err := Read(context.Background(), section(raw), Limits{Time: time.Nanosecond})
	if err != nil || len(m.Files) != 1 || m.Files[0].Origin != OriginOriginal || len(m.From) != 1 {
		t.Errorf("a walk without time: %v, %+v", err, m)
	}
}

func TestNothingToShow(t *testing.T) {
	t.Parallel()
	var unreadable *Unreadable
	if _, err := Read(context.Background(), section(nil), Limits{}); !errors.As(err, &unreadable) || unreadable.Reason == "" {
		t.Errorf("an empty mail: %v", err)
	}
	broken := io.NewSectionReader(failing{}, 0, 100)
	if _, err := Read(context.Background(), broken, Limits{}); !errors.Is(err, errDisk) {
		t.Errorf("a disk that fails: %v", err)
	}
}

var errDisk = errors.New("disk on fire")

type failing struct{}

func (failing) ReadAt([]byte, int64) (int, error) { return 0, errDisk }

// T-NASTY, one line each.
func TestT_NASTY(t *testing.T) {
	t.Parallel()
	const plain = "From: a@example.com\n"
	cases := []struct {
		name, mail string
		check      func(m *Mail) bool
	}{
		{"empty subject", plain + "Subject:\n\nx", func(m *Mail) bool { return m.Subject == "" && m.Text == "x" }},
		{"empty body", plain + "Subject: s\n\n", func(m *Mail) bool { return m.Text == "" && m.Subject == "s" && len(m.Files) == 0 }},
		{"no empty line", plain + "Subject: s\n", func(m *Mail) bool { return m.Subject == "s" && m.Text == "" }},
		{"attachment only", plain + "Content-Type: application/pdf; name=x.pdf\nContent-Transfer-Encoding: base64\n\nJVBERi0=\n", func(m *Mail) bool {
			return m.Text == "" && len(m.Files) == 1 && m.Files[0].Name == "x.pdf" && m.Files[0].Size == 5
		}},
		{"no From", "Subject: s\n\nx", func(m *Mail) bool { return len(m.From) == 0 && !m.OneFrom }},
		{"one From", plain + "\nx", func(m *Mail) bool { return m.OneFrom }},
		{"two From", plain + "From: b@example.com\n\nx", func(m *Mail) bool { return len(m.From) == 2 && !m.OneFrom }},
		{"two in From", "From: a@example.com, b@example.com\n\nx", func(m *Mail) bool { return len(m.From) == 2 && !m.OneFrom }},
		{"one in From, and something else", "From: a@example.com, nobody\n\nx", func(m *Mail) bool { return len(m.From) == 1 && !m.OneFrom && len(m.Problems) == 1 }},
		{"group", "From: a@example.com\nTo: Team: b@example.com, \"C, D\" <c@example.com>;, d@example.com\n\nx", func(m *Mail) bool {
			return len(m.To) == 3 && m.To[1] == desk.Address{Name: "C, D", Addr: "c@example.com"} && m.To[2].Addr == "d@example.com"
		}},
		{"undisclosed", "From: a@example.com\nTo: undisclosed-recipients:;\n\nx", func(m *Mail) bool { return len(m.To) == 0 && len(m.Problems) == 0 }},
		{"IDN", "From: info@XN--MNCHEN-3YA.example\n\nx", func(m *Mail) bool {
			return m.From[0] == desk.Address{Name: "info@münchen.example", Addr: "info@xn--mnchen-3ya.example"}
		}},
		{"SMTPUTF8", "From: José <josé@éxample.com>\n\nx", func(m *Mail) bool { return m.From[0] == desk.Address{Name: "José", Addr: "josé@éxample.com"} }},
		{"2,000 recipients", plain + "To: " + strings.Repeat("x@example.com, ", 2000) + "\n\nx", func(m *Mail) bool { return len(m.To) == maxAddresses }},
		{"raw 8 bit in the subject", plain + "Subject: Gr\xfc\xdfe\n\nx", func(m *Mail) bool { return m.Subject == "Grüße" }},
		{"raw UTF-8 in the subject", plain + "Subject: Grüße\n\nx", func(m *Mail) bool { return m.Subject == "Grüße" }},
		{"unknown charset", plain + "Content-Type: text/plain; charset=x-klingon\n\nGr\xfc\xdfe", func(m *Mail) bool { return m.Text == "Grüße" }},
		{"lying charset", plain + "Content-Type: text/plain; charset=us-ascii\n\nGrüße", func(m *Mail) bool { return m.Text == "Grüße" }},
		{"lying charset, other way", plain + "Content-Type: text/plain; charset=utf-8\n\nGr\xfc\xdfe an alle, die \xfcber M\xfcnchen fahren", func(m *Mail) bool {
			return m.Text == "Grüße an alle, die über München fahren"
		}},
		{"words split in a character", plain + "Subject: =?utf-8?q?Gr=C3?= =?utf-8?q?=BC=C3=9Fe?=\n\nx", func(m *Mail) bool { return m.Subject == "Grüße" }},
		{"words split in a character, base64", plain + "Subject: =?utf-8?b?R3LD?=\n =?utf-8?b?vMOfZQ==?=\n\nx", func(m *Mail) bool { return m.Subject == "Grüße" }},
		{"word with a language", plain + "Subject: =?utf-8*de?q?Gr=C3=BC=C3=9Fe?=\n\nx", func(m *Mail) bool { return m.Subject == "Grüße" }},
		{"shift_jis", plain + "Subject: =?shift_jis?b?k/qWe4zq?=\n\nx", func(m *Mail) bool { return m.Subject == "日本語" }},
		{"raw iso-2022-jp", plain + "Subject: \x1b$BF|K\\8l\x1b(B\n\nx", func(m *Mail) bool { return m.Subject == "日本語" }},
		{"gb2312 with later characters", plain + "Content-Type: text/plain; charset=gb2312\nContent-Transfer-Encoding: base64\n\nxOO6w4xE", func(m *Mail) bool { return strings.HasPrefix(m.Text, "你好") && !strings.Contains(m.Text, "�") }},
		{"control characters", plain + "Subject: a\tb\x00c\n\nx\x00y\x1b[31m", func(m *Mail) bool { return m.Text == "xy[31m" && !strings.ContainsAny(m.Subject, "\x00\t") }},
		{"missing boundary", plain + "Content-Type: multipart/mixed\n\n--x\nContent-Type: text/plain\n\nhello\n--x--", func(m *Mail) bool { return strings.Contains(m.Text, "hello") }},
		{"empty boundary", plain + "Content-Type: multipart/mixed; boundary=\"\"\n\n--\n\nhello\n----", func(m *Mail) bool { return strings.Contains(m.Text, "hello") }},
		{"boundary that never comes", plain + "Content-Type: multipart/mixed; boundary=x\n\nhello", func(m *Mail) bool { return len(m.Files)+len(m.Text) > 0 }},
		{"mbox line", "From a@example.com Sun Nov 22 10:00:00 2026\n" + plain + "Subject: s\n\nx", func(m *Mail) bool { return m.Subject == "s" && m.Text == "x" && m.by == byStream }},
		{"malformed line", plain + "this is no field\nSubject: s\n\nx", func(m *Mail) bool { return m.Subject == "s" && strings.Contains(m.Text, "x") }},
		{"unknown encoding", plain + "Content-Transfer-Encoding: x-rot13\n\nuryyb", func(m *Mail) bool { return m.Text == "uryyb" && len(m.Problems) == 1 }},
		{"60 deep", plain + nest(60), func(m *Mail) bool {
			return len(m.Files) == 1 && m.Files[0].Origin == OriginOriginal && m.by == byOriginal
		}},
		{"40 deep", plain + nest(40), func(m *Mail) bool { return len(m.Files) == 0 && m.Text == "innermost" }},
		{"attached mail", plain + "Content-Type: multipart/mixed; boundary=x\n\n--x\n\nhello\n--x\nContent-Type: message/rfc822\n\nSubject: inner\n\nsecret\n--x--", func(m *Mail) bool {
			return m.Text == "hello" && len(m.Files) == 1 && m.Files[0].Origin == OriginMessage && m.Files[0].Name == "message.eml" && !strings.Contains(m.Text, "secret")
		}},
		{"S/MIME encrypted", plain + "Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m\n\nx", func(m *Mail) bool { return m.Encrypted == "S/MIME" && len(m.Files) == 1 }},
		{"S/MIME signed", plain + "Content-Type: multipart/signed; boundary=x\n\n--x\n\nhello\n--x\nContent-Type: application/pkcs7-signature; name=smime.p7s\n\nx\n--x--", func(m *Mail) bool { return m.Signed == "S/MIME" && m.Text == "hello" }},
		{"OpenPGP encrypted", plain + "Content-Type: multipart/encrypted; boundary=x\n\n--x\nContent-Type: application/pgp-encrypted\n\nVersion: 1\n--x\nContent-Type: application/octet-stream\n\nx\n--x--", func(m *Mail) bool { return m.Encrypted == "OpenPGP" && len(m.Files) == 2 }},
		{"OpenPGP inline", plain + "\n-----BEGIN PGP SIGNED MESSAGE-----\n\nx", func(m *Mail) bool { return m.Signed == "OpenPGP" }},
		{"flowed", plain + "Content-Type: text/plain; format=flowed\n\nHello \nyou\n> a \n> b\n from\n-- \nme", func(m *Mail) bool { return m.Text == "Hello you\n> a b\nfrom\n-- \nme" }},
		{"flowed, delsp", plain + "Content-Type: text/plain; format=flowed; delsp=yes\n\n日 \n本", func(m *Mail) bool { return m.Text == "日本" }},
		{"right to left", plain + "Subject: שלום עולם\n\nمرحبا بالعالم", func(m *Mail) bool { return m.Subject == "שלום עולם" && m.Text == "مرحبا بالعالم" }},
		{"name that turns round", plain + "Content-Type: application/pdf; name=\"invoice\u202Efdp.exe\"\n\nx", func(m *Mail) bool { return m.Files[0].Name == "invoicefdp.exe" }},
		{"blank text beside HTML", plain + "Content-Type: multipart/alternative; boundary=x\n\n--x\n\n \n--x\nContent-Type: text/html\n\n<p>Hello</p>\n--x--", func(m *Mail) bool { return m.Text == "Hello" && m.HTML == "<p>Hello</p>" }},
		{"inline image", plain + "Content-Type: multipart/related; boundary=x\n\n--x\nContent-Type: text/html\n\n<img src=\"cid:i@x\">\n--x\nContent-Type: image/png\nContent-ID: <i@x>\n\nx\n--x--", func(m *Mail) bool {
			return m.HTML == `<img src="cid:i@x">` && len(m.Files) == 1 && m.Files[0].Inline && m.Files[0].ContentID == "i@x"
		}},
		{"report", plain + "Content-Type: multipart/report; report-type=delivery-status; boundary=x\n\n--x\n\nFailed.\n--x\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; x\n--x--", func(m *Mail) bool {
			return m.Report == "delivery-status" && m.Automatic != "" && m.Files[0].MediaType == "message/delivery-status"
		}},
		{"automatic", plain + "Auto-Submitted: auto-replied (vacation)\n\nx", func(m *Mail) bool { return m.Automatic == "Auto-Submitted: auto-replied" }},
		{"not automatic", plain + "Auto-Submitted: No\nX-Auto-Response-Suppress: None\nPrecedence: normal\n\nx", func(m *Mail) bool { return m.Automatic == "" }},
		{"list", plain + "List-Id: Talk <talk.example.com>\n\nx", func(m *Mail) bool { return m.ListID == "Talk <talk.example.com>" && m.Automatic != "" }},
		{"ids", plain + "Message-ID: <a@b>\nIn-Reply-To: Your message of \"Mon\" <x@y> (really)\nReferences: <1@x><2@x>\n <1@x>, 3@x\n\nx", func(m *Mail) bool {
			return m.MessageID == "a@b" && fmt.Sprint(m.InReplyTo, m.References) == "[x@y] [1@x 2@x 3@x]"
		}},
		{"id without @", plain + "Message-ID: <abc>\n\nx", func(m *Mail) bool { return m.MessageID == "abc" }},
		{"delivered to", plain + "Delivered-To: s+tok@example.com\nX-Original-To: <t@example.com>\nX-Postern-Loop: abc\n\nx", func(m *Mail) bool {
			return fmt.Sprint(m.DeliveredTo, m.Loop) == "[s+tok@example.com t@example.com] [abc]"
		}},
		{"date", plain + "Date: Sun, 22 Nov 2026 11:00:00 +0100 (CET)\n\nx", func(m *Mail) bool { return m.Date.Equal(time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)) }},
		{"date of nobody", plain + "Date: Mon, 1 Jan 0001 00:00:00 +0000\n\nx", func(m *Mail) bool { return m.Date.IsZero() }},
	}
	for _, c := range cases {
		for _, form := range [][]byte{[]byte(c.mail), crlf(c.mail)} {
			m := mustRead(t, form)
			if !c.check(m) {
				t.Errorf("%s: %+v", c.name, *m)
			}
		}
	}
}

// nest is the rest of a mail of so many multiparts inside each other.
func nest(depth int) string {
	var mail strings.Builder
	for i := range depth {
		fmt.Fprintf(&mail, "Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n", i, i)
	}
	mail.WriteString("\ninnermost\n")
	for i := depth - 1; i >= 0; i-- {
		fmt.Fprintf(&mail, "--b%d--\n", i)
	}
	return mail.String()
}

// The bytes of each file come out as they went in.
func TestEachFileHandsOutTheBytes(t *testing.T) {
	t.Parallel()
	raw := crlf("From: a@example.com\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\nhello\n--x\nContent-Type: image/png; name=a.png\nContent-Transfer-Encoding: base64\n\naGVsbG8g\nd29ybGQ=\n--x\nContent-Disposition: attachment; filename=b.txt\nContent-Transfer-Encoding: quoted-printable\n\nGr=C3=BC=C3=9Fe=\n!\n--x\nContent-Type: message/rfc822\n\nSubject: s\n\ninner\n--x--\n")
	m := mustRead(t, raw)
	var got []string
	err := EachFile(context.Background(), section(raw), m, func(f File, r io.Reader) error {
		content, err := io.ReadAll(r)
		got = append(got, f.Name+"="+string(content))
		return err
	})
	if want := []string{"a.png=hello world", "b.txt=Grüße!", "message.eml=Subject: s\r\n\r\ninner"}; err != nil || fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		t.Errorf("%v\n got %q\nwant %q", err, got, want)
	}
	// fn may leave the rest, and stop.
	seen := 0
	stop := errors.New("enough")
	err = EachFile(context.Background(), section(raw), m, func(File, io.Reader) error {
		if seen++; seen == 2 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) || seen != 2 {
		t.Errorf("stopped with %v after %d", err, seen)
	}
	// Other bytes than those that were read are found out.
	if err := EachFile(context.Background(), section(bytes.ReplaceAll(raw, []byte("--x"), []byte("--y"))), m, func(File, io.Reader) error { return nil }); err == nil {
		t.Error("the files of another mail were handed out")
	}
}

package e2e

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/smtp"
	"strings"
	"testing"
	"time"
)

const (
	bigMail    = 100 << 20 // bytes on the wire
	bigMost    = 100 << 10 // KiB that it may cost
	crowd      = 100       // slow clients
	inACrowd   = 2 * time.Second
	crowdPlace = "127.0.0.2" // another machine than ours, as far as the limit of connections from one address goes
)

// A mail of 100 MiB passes without costing its size in memory, and its attachment comes back byte for byte, in ranges too.
func TestBigMailTakesLittleMemory(t *testing.T) {
	p := launch(t, "POSTERN_MAX_MESSAGE=150MiB")
	p.mail(letter{from: customer, to: support, subject: "small", id: "small@customer.example", text: "so that everything has run once"})
	idle := p.memory("VmRSS")
	began := time.Now()
	file := p.sendBig()
	took := time.Since(began)

	found := every[ticket](t, p, "/tickets")
	var big attachment
	for _, each := range found {
		if each.Subject == "big" {
			big = conversation(t, p, each.Number)[0].Attachments[0]
		}
	}
	if big.Name != "big.bin" || big.Size != int64(file.size) {
		t.Fatalf("the attachment is %q with %d bytes, sent were %d", big.Name, big.Size, file.size)
	}
	response, part, err := p.request(http.MethodGet, fmt.Sprintf("/attachments/%d", big.ID), nil, http.Header{"Range": {fmt.Sprintf("bytes=%d-%d", file.partAt, file.partAt+len(file.part)-1)}})
	if err != nil || response.StatusCode != http.StatusPartialContent || !bytes.Equal(part, file.part) {
		t.Errorf("a range: status %v, %d bytes (%v)", response, len(part), err)
	}
	response, whole, err := p.request(http.MethodGet, fmt.Sprintf("/attachments/%d", big.ID), nil, nil)
	if err != nil || response.StatusCode != http.StatusOK || sha256.Sum256(whole) != file.sum {
		t.Errorf("the whole: %d bytes (%v)", len(whole), err)
	}
	if cost := p.memory("VmHWM") - idle; cost >= bigMost {
		t.Errorf("it cost %d MiB", cost>>10)
	}
	t.Logf("%d MiB in %v; idle %d MiB, at most %d MiB", bigMail>>20, took.Round(10*time.Millisecond), idle>>10, p.memory("VmHWM")>>10)
}

// bigFile is what was attached: its size and print, and a part in its midst.
type bigFile struct {
	size, partAt int
	part         []byte
	sum          [32]byte
}

// sendBig writes the mail while it is sent: neither here is it ever in memory as a whole.
func (p *program) sendBig() (file bigFile) {
	p.t.Helper()
	const block = 57 << 10 // whole lines of base64
	line, err := smtp.Dial(p.where().smtp)
	if err != nil {
		p.t.Fatal(err)
	}
	defer line.Close()
	fail := func(err error) {
		if err != nil {
			p.t.Helper()
			p.t.Fatalf("the big mail: %v", err)
		}
	}
	fail(line.Mail(customer))
	fail(line.Rcpt(support))
	data, err := line.Data()
	fail(err)
	out := bufio.NewWriterSize(data, 1<<16)
	_, err = io.WriteString(out, "From: "+customer+"\r\nTo: "+support+"\r\nSubject: big\r\nMessage-ID: <big@customer.example>\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\nMIME-Version: 1.0\r\n"+
		"Content-Type: multipart/mixed; boundary=cut\r\n\r\n--cut\r\nContent-Type: text/plain\r\n\r\nHere it is.\r\n--cut\r\nContent-Type: application/octet-stream\r\n"+
		"Content-Disposition: attachment; filename=big.bin\r\nContent-Transfer-Encoding: base64\r\n\r\n")
	fail(err)
	random, sum, raw := rand.NewChaCha8([32]byte{100}), sha256.New(), make([]byte, block)
	for sent := 0; sent < bigMail; {
		_, _ = random.Read(raw) // never fails
		sum.Write(raw)
		if file.part == nil && sent > bigMail/2 {
			file.partAt, file.part = file.size, bytes.Clone(raw)
		}
		var text bytes.Buffer
		wrapBase64(&text, raw)
		_, err := out.Write(text.Bytes())
		fail(err)
		sent, file.size = sent+text.Len(), file.size+len(raw)
	}
	_, err = io.WriteString(out, "--cut--\r\n")
	fail(err)
	fail(out.Flush())
	fail(data.Close())
	sum.Sum(file.sum[:0])
	return file
}

// T-POISON: a hundred clients that send a byte a second, some of them in the midst of a mail, do not hold up anybody else.
func TestSlowClientsHoldUpNobody(t *testing.T) {
	p := launch(t, "POSTERN_SMTP_TRUSTED=192.0.2.0/24", fmt.Sprintf("POSTERN_SMTP_LIMITS=per-ip=%d,new-per-minute=%d", crowd, 10*crowd)) // else those on this machine are trusted
	slow := make([]net.Conn, crowd)
	for i := range slow {
		slow[i] = p.dawdle(i)
	}
	if _, err := p.greeting(crowdPlace); err == nil || !strings.HasPrefix(err.Error(), "421 4.7.0 ") {
		t.Errorf("one address may hold more than %d connections: %v", crowd, err)
	}
	trickle(t, slow)
	for i := range 5 {
		began := time.Now()
		p.mail(letter{from: customer, to: support, subject: "in a hurry", id: fmt.Sprintf("hurry-%d@customer.example", i), text: "quick"})
		if took := time.Since(began); took > inACrowd {
			t.Errorf("a normal mail took %v beside %d slow clients", took, crowd)
		}
	}
	t.Logf("memory at most %d MiB beside %d slow clients", p.memory("VmHWM")>>10, crowd)
}

// dawdle opens a connection of a slow client; every other one is brought into the midst of a mail.
func (p *program) dawdle(i int) net.Conn {
	p.t.Helper()
	conn, err := p.greeting(crowdPlace)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = conn.Close() })
	if i%2 == 0 {
		return conn
	}
	answers := bufio.NewReader(conn)
	for _, command := range []string{"HELO slow.example", "MAIL FROM:<slow@slow.example>", "RCPT TO:<" + support + ">", "DATA"} {
		if _, err := io.WriteString(conn, command+"\r\n"); err != nil {
			p.t.Fatal(err)
		}
		if answer, err := answers.ReadString('\n'); err != nil || answer[0] > '3' {
			p.t.Fatalf("%s: %s (%v)", command, answer, err)
		}
	}
	return conn
}

// greeting connects from an address of loopback and reads the first line; one that is no 220 is the error.
func (p *program) greeting(from string) (net.Conn, error) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: patience}
	conn, err := dialer.Dial("tcp", p.where().smtp)
	if err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(conn).ReadString('\n') // the server says no more until it is spoken to
	if err == nil && !strings.HasPrefix(line, "220 ") {
		err = fmt.Errorf("%s", strings.TrimSpace(line))
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// trickle sends a byte a second over every connection until the test ends.
func trickle(t testing.TB, slow []net.Conn) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		beat := time.NewTicker(time.Second)
		defer beat.Stop()
		for {
			for _, conn := range slow {
				_, _ = conn.Write([]byte("x")) // one that the server gave up is slow no more
			}
			select {
			case <-beat.C:
			case <-quit:
				return
			}
		}
	}()
	t.Cleanup(func() { close(quit); <-done })
}

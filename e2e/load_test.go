package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/smtp"
	"net/textproto"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	answerTime = 30 * time.Second       // a mail server of the world waits longer (RFC 5321 §4.5.3.2); with less the test ends sooner
	backOff    = 100 * time.Millisecond // between attempts; mail servers wait minutes
)

// load is a world that keeps sending: some mail servers, each with one connection and one mail at a time, each mail tried again until it gets its 250.
type load struct {
	t    testing.TB
	p    *program
	stop chan struct{}
	all  sync.WaitGroup

	taken  atomic.Int64 // mails with their 250
	plain  atomic.Int64 // those of them without an attachment
	putOff atomic.Int64 // answers 4xx
	broken atomic.Int64 // attempts that ended without an answer

	mu   sync.Mutex
	sent map[string][]byte // Message-ID of every mail with its 250 → SHA-256 of its attachment; nil without
}

// newLoad starts the senders; every other one sends attachments among its mails.
func newLoad(t testing.TB, p *program, senders int) *load {
	l := &load{t: t, p: p, stop: make(chan struct{}), sent: map[string][]byte{}}
	for i := range senders {
		l.all.Go(func() { l.send(i) })
	}
	t.Cleanup(l.finish)
	return l
}

// finish lets every sender bring its last mail home.
func (l *load) finish() {
	select {
	case <-l.stop:
	default:
		close(l.stop)
	}
	l.all.Wait()
}

// send is one mail server.
func (l *load) send(sender int) {
	random := rand.New(rand.NewPCG(uint64(sender), 250))
	var line *smtp.Client
	for n := 0; ; n++ {
		select {
		case <-l.stop:
			if line != nil {
				_ = line.Quit()
			}
			return
		default:
		}
		parcel := pack(sender, n, random)
		for began := time.Now(); ; {
			err := l.attempt(&line, parcel)
			if err == nil {
				break
			}
			if l.count(err); time.Since(began) > patience {
				l.t.Errorf("mail %s found nobody who takes it for %v; the last answer: %v", parcel.id, patience, err)
				return
			}
			time.Sleep(backOff)
		}
		l.taken.Add(1)
		if parcel.sum == nil {
			l.plain.Add(1)
		}
		l.mu.Lock()
		l.sent[parcel.id] = parcel.sum
		l.mu.Unlock()
	}
}

// count sorts a failure: what the server said, or that it said nothing. A refusal for good is a fault, for nothing is wrong with the mails.
func (l *load) count(err error) {
	var said *textproto.Error
	switch {
	case !errors.As(err, &said):
		l.broken.Add(1)
	case said.Code/100 == 4:
		l.putOff.Add(1)
	default:
		l.t.Errorf("a good mail was refused for good: %v", said)
	}
}

// attempt sends one mail over the line, opening a new one where there is none.
func (l *load) attempt(line **smtp.Client, parcel parcel) (err error) {
	if *line == nil {
		conn, err := net.DialTimeout("tcp", l.p.where().smtp, answerTime)
		if err != nil {
			return err
		}
		_ = conn.SetDeadline(time.Now().Add(answerTime))
		if *line, err = smtp.NewClient(&patientConn{conn}, hostname); err != nil {
			_ = conn.Close()
			return err
		}
	}
	client := *line
	defer func() {
		if err != nil { // as mail servers do, a new attempt starts with a new connection
			_ = client.Close()
			*line = nil
		}
	}()
	if err := client.Mail(parcel.from); err != nil {
		return err
	}
	if err := client.Rcpt(support); err != nil {
		return err
	}
	data, err := client.Data()
	if err != nil {
		return err
	}
	if _, err := data.Write(parcel.bytes); err != nil {
		return err
	}
	return data.Close()
}

// patientConn waits for each answer so long and no longer.
type patientConn struct{ net.Conn }

// Write gives the answer to what is written its time.
func (c *patientConn) Write(b []byte) (int, error) {
	_ = c.SetDeadline(time.Now().Add(answerTime))
	return c.Conn.Write(b)
}

// parcel is a mail on its way.
type parcel struct {
	id, from string
	bytes    []byte
	sum      []byte // of its attachment
}

// pack writes the next mail of a sender: small ones, and from every other sender some with a file of up to 300 KiB, which goes to the store.
func pack(sender, n int, random *rand.Rand) parcel {
	p := parcel{id: fmt.Sprintf("%d.%d@load.example", sender, n), from: fmt.Sprintf("sender%d.%d@load.example", sender, n/100)} // nobody sends more than the limit of an hour
	l := letter{from: p.from, to: support, subject: fmt.Sprintf("mail %d of sender %d", n, sender), id: p.id, text: "Hello, this is mail " + p.id + "."}
	if sender%2 == 0 || random.IntN(3) > 0 {
		p.bytes = []byte(l.String())
		return p
	}
	file := make([]byte, 1+random.IntN(300<<10))
	for i := range file {
		file[i] = byte(random.Uint32())
	}
	sum := sha256.Sum256(file)
	p.sum = sum[:]
	var mail bytes.Buffer
	fmt.Fprintf(&mail, "From: %s\r\nTo: %s\r\nSubject: %s\r\nMessage-ID: <%s>\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\nMIME-Version: 1.0\r\n", l.from, l.to, l.subject, l.id)
	mail.WriteString("Content-Type: multipart/mixed; boundary=cut\r\n\r\n--cut\r\nContent-Type: text/plain\r\n\r\n" + l.text + "\r\n--cut\r\n")
	mail.WriteString("Content-Type: application/octet-stream; name=file.bin\r\nContent-Transfer-Encoding: base64\r\n\r\n")
	wrapBase64(&mail, file)
	mail.WriteString("--cut--\r\n")
	p.bytes = mail.Bytes()
	return p
}

// wrapBase64 writes bytes as base64 in lines of 76 (RFC 2045 §6.8).
func wrapBase64(to *bytes.Buffer, file []byte) {
	const line = 57
	for len(file) > 0 {
		n := min(line, len(file))
		to.WriteString(base64.StdEncoding.EncodeToString(file[:n]))
		to.WriteString("\r\n")
		file = file[n:]
	}
}

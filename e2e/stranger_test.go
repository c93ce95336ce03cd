package e2e

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/smtp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"postern/internal/testkit"
)

const (
	// abroad is where connections of strangers come from. Whoever comes from there tells by the PROXY protocol who the real client is, as a load balancer does: so a mail of a test
	// comes from any address of the world, and is judged by it.
	abroad = "127.0.0.2"
	home   = "192.0.2.1"   // where mail of honest senders comes from
	far    = "203.0.113.9" // where forged mail comes from
)

// stranger is a client that says whatever it wants, octet by octet.
type stranger struct {
	conn    net.Conn
	answers *bufio.Reader
}

// stranger connects as if from an address, and says EHLO. The program must have been launched with strangers.
func (p *program) stranger(ip string) (*stranger, error) {
	s, err := p.connect(ip)
	if err != nil {
		return nil, err
	}
	if answer, err := s.say("EHLO mx.stranger.example"); err != nil || !strings.HasPrefix(answer, "250 ") {
		s.close()
		return nil, fmt.Errorf("EHLO is answered %q: %w", answer, err)
	}
	return s, nil
}

// strangers is the setting that lets them come.
const strangers = "POSTERN_SMTP_PROXY=" + abroad + "/32"

// connect is a connection whose greeting was read.
func (p *program) connect(ip string) (*stranger, error) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(abroad)}, Timeout: patience}
	conn, err := dialer.Dial("tcp", p.where().smtp)
	if err != nil {
		return nil, err
	}
	_ = conn.SetDeadline(time.Now().Add(patience))
	s := &stranger{conn: conn, answers: bufio.NewReader(conn)}
	answer, err := s.say("PROXY TCP4 " + ip + " 192.0.2.25 40000 25")
	if err != nil || !strings.HasPrefix(answer, "220 ") {
		s.close()
		return nil, fmt.Errorf("the greeting is %q: %w", answer, err)
	}
	return s, nil
}

func (s *stranger) close() { _ = s.conn.Close() }

// say sends a line and reads the answer.
func (s *stranger) say(line string) (answer string, err error) {
	if _, err := s.conn.Write([]byte(line + "\r\n")); err != nil {
		return "", err
	}
	return s.answer()
}

// answer reads the last line of an answer.
func (s *stranger) answer() (string, error) {
	for {
		line, err := s.answers.ReadString('\n')
		if err != nil || len(line) < 4 || line[3] != '-' {
			return strings.TrimSpace(line), err
		}
	}
}

// send sends a mail and returns the answer to it, or the first one that refused something.
func (s *stranger) send(from string, to []string, mail []byte) (receipt, error) {
	commands := []string{"MAIL FROM:<" + from + ">"}
	for _, recipient := range to {
		commands = append(commands, "RCPT TO:<"+recipient+">")
	}
	for _, command := range append(commands, "DATA") {
		if answer, err := s.say(command); err != nil || answer[0] > '3' {
			_, _ = s.say("RSET")
			return received(answer), err
		}
	}
	return s.finish(append(dotted(mail), "\r\n.\r\n"...))
}

// finish sends the octets after DATA and reads the answer.
func (s *stranger) finish(octets []byte) (receipt, error) {
	began := time.Now()
	if _, err := s.conn.Write(octets); err != nil {
		return receipt{}, err
	}
	answer, err := s.answer()
	got := received(answer)
	got.Seconds = time.Since(began).Seconds()
	return got, err
}

// dotted is a mail with its dots doubled, without its last line end.
func dotted(mail []byte) []byte {
	mail = bytes.ReplaceAll(append([]byte("\r\n"), mail...), []byte("\r\n."), []byte("\r\n.."))[2:]
	return bytes.TrimSuffix(mail, []byte("\r\n"))
}

// received takes an answer apart.
func received(answer string) receipt {
	if len(answer) < 4 {
		return receipt{Text: answer}
	}
	code, _ := strconv.Atoi(answer[:3]) // 0 for what is no answer
	return receipt{Code: code, Text: answer[4:]}
}

// post sends a letter from an address of the world over a connection of its own, to its To and to no others unless some are named.
func (p *program) post(ip string, l letter, to ...string) receipt {
	p.t.Helper()
	if to == nil {
		to = []string{l.to}
	}
	s, err := p.stranger(ip)
	if err != nil {
		p.t.Fatal(err)
	}
	defer s.close()
	_, from, found := strings.Cut(strings.TrimSuffix(l.from, ">"), "<")
	if !found {
		from = l.from
	}
	answer, err := s.send(from, to, []byte(l.String()))
	if err != nil {
		p.t.Fatalf("%s: %v", l.id, err)
	}
	return answer
}

var news atomic.Int64

// settle changes what the program keeps about its desk, and returns when the running process knows of it: then it takes mail for a mailbox that came with the change.
func (p *program) settle(changes ...string) {
	p.t.Helper()
	conn, err := p.database(context.Background())
	if err != nil {
		p.t.Fatal(err)
	}
	defer conn.Close(context.Background())
	sign := fmt.Sprintf("sign%d@%s", news.Add(1), hostname)
	changes = append(changes, `insert into mailbox (address, name) values ('`+sign+`', '')`, `select pg_notify('postern_news', '{"c": true}')`)
	for _, change := range changes {
		if _, err := conn.Exec(context.Background(), change); err != nil {
			p.t.Fatalf("%s: %v", change, err)
		}
	}
	p.awaitMailbox(sign)
}

// awaitMailbox waits until mail to an address is taken.
func (p *program) awaitMailbox(addr string) {
	p.t.Helper()
	eventually(p.t, "the running program takes mail for "+addr, func() bool {
		line, err := smtp.Dial(p.where().smtp)
		if err != nil {
			return false
		}
		defer line.Close()
		return line.Mail("probe@elsewhere.example") == nil && line.Rcpt(addr) == nil
	})
}

// as is the same program, to be asked with another token.
func (p *program) as(token string) *program {
	return &program{t: p.t, dir: p.dir, env: p.env, token: token, now: p.where()}
}

// value asks the program's database for one value.
func value[T any](p *program, sql string, args ...any) (v T) {
	p.t.Helper()
	conn, err := p.database(context.Background())
	if err != nil {
		p.t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if err := conn.QueryRow(context.Background(), sql, args...).Scan(&v); err != nil {
		p.t.Fatalf("%s: %v", sql, err)
	}
	return v
}

// own adds a mail domain by the command line, publishes the lines that it prints beside the zone, and has them verified. It returns the whole zone, and the TXT records by name.
func (p *program) own(dns *testkit.DNSServer, zone, domain string) (whole string, texts map[string]string) {
	p.t.Helper()
	added, texts := p.cli("domain", "add", domain), map[string]string{}
	if out, err := p.try("domain", "verify", domain); err == nil {
		p.t.Errorf("a domain without records is verified:\n%s", out)
	}
	for line := range strings.Lines(added) {
		if name, rest, ok := strings.Cut(line, " "); ok && strings.Contains(rest, " IN ") {
			zone += line
			if _, text, ok := strings.Cut(rest, " TXT "); ok {
				texts[strings.TrimSuffix(name, ".")] = strings.ReplaceAll(strings.Trim(strings.TrimSpace(text), `"`), `" "`, "")
			}
		}
	}
	dns.Set(p.t, zone)
	if verified := p.cli("domain", "verify", domain); !strings.Contains(verified, domain+" is active") {
		p.t.Fatalf("with all its lines published the domain is not active:\n%s\nthe lines:\n%s", verified, added)
	}
	return zone, texts
}

// silence waits for a while in which nothing may happen.
func silence(t testing.TB, length time.Duration) {
	select {
	case <-time.After(length):
	case <-t.Context().Done():
	}
}

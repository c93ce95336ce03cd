package smtpd

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"postern/desk"
)

// sink is an Intake, and a go-smtp session, that takes everything and keeps nothing.
type sink struct{ octets atomic.Int64 }

func (s *sink) Accept(_ context.Context, _ desk.Envelope, raw *io.SectionReader) (desk.Outcome, error) {
	s.octets.Add(raw.Size())
	return desk.Outcome{Disposition: desk.Ticketed, Ticket: 1}, nil
}

func (s *sink) Mail(string, *smtp.MailOptions) error { return nil }
func (s *sink) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (s *sink) Reset()                               {}
func (s *sink) Logout() error                        { return nil }
func (s *sink) Data(r io.Reader) error {
	n, err := io.Copy(io.Discard, r)
	s.octets.Add(n)
	return err
}

// benchmarkMails pushes b.N mails through 10 connections, 20 mails each, one command at a time. The CPU time is that of the whole process, the client's share included, which is the same for both servers.
func benchmarkMails(b *testing.B, addr string, size int) {
	line := strings.Repeat("x", 70) + "\r\n"
	mail := []byte("Subject: x\r\n\r\n" + strings.Repeat(line, size/len(line)) + ".\r\n")
	var left atomic.Int64
	left.Store(int64(b.N))
	var clients sync.WaitGroup
	b.SetBytes(int64(len(mail)))
	before := cpuTime(b)
	b.ResetTimer()
	for range 10 {
		clients.Go(func() {
			for left.Load() > 0 {
				if err := deliverSome(addr, mail, &left); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	clients.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "mails/s")
	b.ReportMetric((cpuTime(b)-before).Seconds()*1000/float64(b.N), "cpu-s/1000")
}

func deliverSome(addr string, mail []byte, left *atomic.Int64) error {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	r := bufio.NewReader(conn)
	ask := func(command []byte, want string) error {
		if len(command) > 0 {
			if _, err := conn.Write(command); err != nil {
				return err
			}
		}
		for {
			line, err := r.ReadSlice('\n')
			if err != nil {
				return err
			}
			if line[3] == '-' {
				continue
			}
			if !strings.HasPrefix(string(line), want) {
				return fmt.Errorf("%s: %s", command[:min(len(command), 40)], line)
			}
			return nil
		}
	}
	if err := ask(nil, "220"); err != nil {
		return err
	}
	if err := ask([]byte("EHLO client.example.net\r\n"), "250"); err != nil {
		return err
	}
	steps := []struct {
		command []byte
		want    string
	}{{[]byte("MAIL FROM:<a@example.net>\r\n"), "250"}, {[]byte("RCPT TO:<support@example.com>\r\n"), "250"}, {[]byte("DATA\r\n"), "354"}, {mail, "250"}}
	for range 20 {
		if left.Add(-1) < 0 {
			break
		}
		for _, step := range steps {
			if err := ask(step.command, step.want); err != nil {
				return err
			}
		}
	}
	return ask([]byte("QUIT\r\n"), "221")
}

func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkPostern(b *testing.B) {
	for _, size := range []int{4 << 10, 64 << 10} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			s := New(Config{Hostname: "mx.example.com", SpoolDir: b.TempDir(), Trusted: local()}, book{}, &sink{})
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			go s.Serve(context.Background(), l)
			defer s.Shutdown(context.Background())
			benchmarkMails(b, l.Addr().String(), size)
		})
	}
}

// BenchmarkPlain is go-smtp by itself, keeping nothing: what the protocol costs.
func BenchmarkPlain(b *testing.B) {
	for _, size := range []int{4 << 10, 64 << 10} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			s := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &sink{}, nil }))
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			go s.Serve(l)
			defer s.Close()
			benchmarkMails(b, l.Addr().String(), size)
		})
	}
}

// A thousand connections that wait hold little (performance.md: 60 MiB at most, the whole process), and slow ones inside a mail not much more.
func BenchmarkWaitingConnections(b *testing.B) {
	for name, steps := range map[string][]string{
		"idle":   {"", "EHLO client.example.net\r\n"},
		"inMail": {"", "EHLO client.example.net\r\n", "MAIL FROM:<a@example.net>\r\n", "RCPT TO:<support@example.com>\r\n", "DATA\r\n"},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				s := New(Config{Hostname: "mx.example.com", Limits: Limits{Sessions: 2000}, Trusted: local()}, book{}, &sink{})
				l, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					b.Fatal(err)
				}
				go s.Serve(context.Background(), l)
				before := residentMiB(b)
				var conns []net.Conn
				for range 1000 {
					conns = append(conns, waiting(b, l.Addr().String(), steps))
				}
				b.ReportMetric(residentMiB(b)-before, "MiB/1000")
				for _, conn := range conns {
					conn.Close()
				}
				if err := s.Shutdown(context.Background()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// waiting is a connection that has said some commands and had their answers.
func waiting(b *testing.B, addr string, steps []string) net.Conn {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	var answer [512]byte
	for _, step := range steps {
		if _, err := io.WriteString(conn, step); err != nil {
			b.Fatal(err)
		}
		if _, err := conn.Read(answer[:]); err != nil {
			b.Fatal(err)
		}
	}
	return conn
}

// residentMiB is what the process holds in memory.
func residentMiB(b *testing.B) float64 {
	runtime.GC()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		b.Fatal(err)
	}
	var total, resident int64
	if _, err := fmt.Sscan(string(text), &total, &resident); err != nil {
		b.Fatal(err)
	}
	return float64(resident*int64(os.Getpagesize())) / (1 << 20)
}

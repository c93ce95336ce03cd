package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"postern/internal/testkit"
)

const (
	honestBeat   = 100 * time.Millisecond // between normal mails
	honestTime   = 2 * time.Second        // from the connection to the ticket in the API
	hostileRoom  = 500 << 10              // KiB of the whole process
	slowHostiles = 200                    // clients that send an octet a second
	waveLeast    = 12 * time.Second       // however soon the attackers are done
	hostileDNS   = 40 * time.Second       // that a mail may take whose own DNS stalls: its check has a limit, and so has the mail
)

// siege is a program under attack, and what was told to those who attack it and to those who do not.
type siege struct {
	*program
	t     *testing.T
	quit  chan struct{} // closed when the attackers are done
	taken atomic.Int64  // mails with their 250

	mu      sync.Mutex
	codes   map[string]int // answers to mails, by their first words
	longest map[string]time.Duration
}

// told notes the answer to a mail.
func (s *siege) told(kind string, answer receipt, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	words := strings.SplitN(answer.Text, " ", 2)[0]
	s.codes[fmt.Sprintf("%d %s", answer.Code, words)]++
	s.longest[kind] = max(s.longest[kind], took)
	if answer.Code == 250 {
		s.taken.Add(1)
	}
}

// attack is one kind of trouble: so many at the same time, each from an address of its own.
type attack struct {
	name    string
	crowd   int
	trouble func(s *siege, n int)
}

// Hostile sets from outside, all at once, and normal mail meanwhile: each is a ticket within two seconds, with its sender proved although others' DNS stalls;
// the process stays within 500 MiB; nobody is told a lie about whose fault something was, and every 250 is accounted for.
func TestHostileSets(t *testing.T) {
	dns := testkit.DNS(t, hostileZone())
	for _, name := range silentNames() {
		dns.Mute(name)
	}
	p := launch(t, strangers, "POSTERN_DNS="+dns.Addr, "POSTERN_SMTP_LIMITS=sessions=1000")
	s := &siege{program: p, t: t, quit: make(chan struct{}), codes: map[string]int{}, longest: map[string]time.Duration{}}
	p.mail(letter{from: customer, to: support, subject: "small", id: "small@customer.example", text: "so that everything has run once"})
	s.taken.Add(1)

	attacks := []attack{
		{"smuggling", 1, (*siege).smuggle},
		{"bombs", 2, thrower(hostileBombs())},
		{"stalling DNS", 24, (*siege).stall},
		{"looping DNS", 4, (*siege).loopDNS},
		{"forged bounces", 1, (*siege).bounceForged},
		{"forged agents", 1, (*siege).writeAsAgents},
		{"guessing", 2, (*siege).guessRecipients},
		{"noise", 2, (*siege).makeNoise},
	}
	slow := s.dawdlers()
	began := time.Now()
	var all sync.WaitGroup
	for _, one := range attacks {
		for n := range one.crowd {
			all.Go(func() { one.trouble(s, n) })
		}
	}
	go func() {
		all.Wait()
		time.Sleep(time.Until(began.Add(waveLeast)))
		close(s.quit)
	}()
	times := s.writeHonestly()
	slow()

	slices.Sort(times)
	if worst := times[len(times)-1]; worst >= honestTime {
		t.Errorf("the slowest normal mail was a ticket after %v", worst)
	}
	if peak := p.memory("VmHWM"); peak > hostileRoom {
		t.Errorf("the process needed %d MiB", peak>>10)
	}
	t.Logf("%d normal mails: median %v, slowest %v; memory at most %d MiB; answers %v; slowest of each kind %v", len(times), times[len(times)/2].Round(time.Millisecond),
		times[len(times)-1].Round(time.Millisecond), p.memory("VmHWM")>>10, s.codes, s.longest)
	s.accounts()
}

// writeHonestly sends a normal mail every now and then until the attackers are done, each over a connection of its own, and looks for its ticket.
func (s *siege) writeHonestly() (times []time.Duration) {
	var all sync.WaitGroup
	var mu sync.Mutex
	beat := time.NewTicker(honestBeat)
	defer beat.Stop()
	for n := 0; ; n++ {
		all.Go(func() {
			took := s.honest(n)
			mu.Lock()
			defer mu.Unlock()
			times = append(times, took)
		})
		select {
		case <-beat.C:
		case <-s.quit:
			all.Wait()
			return times
		}
	}
}

// honest is one normal mail.
func (s *siege) honest(n int) time.Duration {
	began := time.Now()
	l := letter{from: fmt.Sprintf("anna%d@honest.example", n%50), to: support, subject: fmt.Sprintf("Honest question %d", n), id: fmt.Sprintf("honest-%d@honest.example", n), text: "How are you?"}
	client, err := s.stranger(fmt.Sprintf("198.51.100.%d", 1+n%200))
	if err != nil {
		s.t.Errorf("normal mail %d: %v", n, err)
		return time.Since(began)
	}
	defer client.close()
	answer, err := client.send(l.from, []string{support}, []byte(l.String()))
	s.told("normal", answer, time.Since(began))
	if err != nil || answer.number() == 0 {
		s.t.Errorf("normal mail %d: %+v, %v", n, answer, err)
		return time.Since(began)
	}
	response, shown, err := s.request(http.MethodGet, fmt.Sprintf("/tickets/%d/messages", answer.number()), nil, nil)
	took := time.Since(began)
	if err != nil || response.StatusCode != http.StatusOK || !bytes.Contains(shown, []byte(l.id)) || !bytes.Contains(shown, []byte(`"trust":"verified"`)) {
		s.t.Errorf("normal mail %d on ticket %d: %v\n%.1000s", n, answer.number(), err, shown)
	}
	return took
}

// dawdlers are slow clients by the hundred, half of them in the midst of a mail. The function that is returned sends them away.
func (s *siege) dawdlers() (stop func()) {
	clients := make([]*stranger, slowHostiles)
	for i := range clients {
		client, err := s.stranger(fmt.Sprintf("203.0.113.%d", 100+i%20))
		if err != nil {
			s.t.Fatal(err)
		}
		clients[i] = client
		if i%2 == 0 {
			for _, command := range []string{"MAIL FROM:<slow@slow.example>", "RCPT TO:<" + support + ">", "DATA"} {
				if answer, err := client.say(command); err != nil || answer[0] > '3' {
					s.t.Fatalf("%s: %s (%v)", command, answer, err)
				}
			}
		}
	}
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		beat := time.NewTicker(time.Second)
		defer beat.Stop()
		for {
			for _, client := range clients {
				_, _ = client.conn.Write([]byte("x")) // one that was given up is slow no more
			}
			select {
			case <-beat.C:
			case <-quit:
				for _, client := range clients {
					client.close()
				}
				return
			}
		}
	}()
	return func() { close(quit); <-done }
}

// accounts compares what was answered with what was counted, and looks for what must not be.
func (s *siege) accounts() {
	t := s.t
	t.Helper()
	smtp := s.metrics("postern_smtp_accepted_total")
	sum := 0
	for _, count := range smtp {
		sum += count
	}
	if taken := int(s.taken.Load()); sum != taken {
		t.Errorf("%d mails got their 250, counted are %d: %v", taken, sum, smtp)
	}
	for code := range s.codes {
		switch strings.SplitN(code, " ", 2)[0] {
		case "250", "550", "552":
		default: // 451 and 554 would say that we are at fault, or that nobody is
			t.Errorf("%d mails were answered %s", s.codes[code], code)
		}
	}
	for _, subject := range []string{"smuggled", "boss wants money"} {
		if found := value[int](s.program, `select count(*) from ticket where subject like '%' || $1 || '%'`, subject); found > 0 {
			t.Errorf("%d tickets: %s", found, subject)
		}
	}
	if left := value[int](s.program, `select count(*) from delivery`); left > 0 {
		t.Errorf("%d deliveries were made for strangers", left)
	}
	log, err := os.ReadFile(s.log.Name())
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(log) {
		if bytes.Contains(line, []byte("panic")) || bytes.Contains(line, []byte(`"level":"ERROR"`)) || bytes.Contains(line, []byte("could not")) {
			t.Errorf("the log has: %.1000s", line)
		}
	}
}

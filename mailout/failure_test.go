package mailout

import (
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/desk"
	"postern/domains"
	"postern/internal/testkit"
)

// failPatience is how long the sender of these tests listens to somebody who is silent.
const failPatience = time.Second

// fate is what must come of a mail that meets a failure at the first host.
type fate int

const (
	arrives fate = iota // there, for the failure is none
	inClear             // there, in clear text
	next2               // at the next host; where there is none it is deferred
	refused             // at the next host; where there is none it bounces
	defers              // it is for that host to say: deferred
	bounces             // it is for that host to say: bounced
	unknown             // nobody can know: deferred, and perhaps taken
)

// fateOf is RFC 5321 in a table: §4.2.1 for replies, §3.8 for 421, §4.5.4.2 and RFC 1047 for what nobody can know, RFC 3207 §4.1 for STARTTLS.
func fateOf(step, way string) fate {
	switch {
	case way == "trickles", step == "after":
		return arrives
	case way == "says another 2" && step == "DATA":
		return defers
	case way == "says another 2" && step == "handshake":
		return inClear
	case way == "says another 2", way == "says a 3" && step == "DATA":
		return arrives
	case step == "STARTTLS", step == "handshake":
		return inClear
	}
	switch step {
	case "banner", "EHLO", "EHLO again":
		if way == "says 5" {
			return refused
		}
		return next2
	case "MAIL":
		switch way {
		case "says 5":
			return bounces
		case "says a 3":
			return defers
		}
		return next2
	case "RCPT", "DATA":
		switch way {
		case "says 5":
			return bounces
		case "says 4", "says a 3":
			return defers
		}
		return next2
	case "body":
		switch way {
		case "says 5":
			return refused
		case "closes half":
			return unknown
		}
		return next2
	}
	switch way { // the final dot
	case "says 4", "says 421":
		return defers
	case "says 5":
		return bounces
	}
	return unknown
}

// trial is one mail that meets one failure.
type trial struct {
	script
	hosts int
	lone  bool // one recipient, whose fate is known; else three, of whom the second meets it
}

func (c trial) String() string {
	return fmt.Sprintf("%s %s, %d hosts, pipelining %t, lone %t", c.step, c.way, c.hosts, c.pipelining, c.lone)
}

// T-DELIVERY: a receiver that fails in every way at every step. Nothing is lost, nothing is sent twice unless the protocol itself cannot know, and every outcome stands in the story in words.
func TestT_DELIVERY_EveryFailure(t *testing.T) {
	t.Parallel()
	certificate, _ := testkit.Certificate(t, "mx.example")
	secured := &tls.Config{Certificates: []tls.Certificate{certificate}}
	var trials []trial
	for _, step := range []string{"banner", "EHLO", "STARTTLS", "handshake", "EHLO again", "MAIL", "RCPT", "DATA", "body", "dot", "after"} {
		for _, way := range ways {
			if way == "trickles" && (step == "body" || step == "after" || step == "handshake") || step == "body" && (way == "says a 3" || way == "breaks off") {
				continue // there is nothing to say slowly; a reply that is no refusal is heard as the one to the dot
			}
			s := script{step: step, way: way}
			if step == "STARTTLS" || step == "handshake" || step == "EHLO again" {
				s.tls = secured
			}
			for _, hosts := range []int{1, 2} {
				for _, pipelining := range []bool{false, true} {
					s.pipelining = pipelining
					trials = append(trials, trial{s, hosts, true})
					if s.tls == nil && step != "banner" && step != "EHLO" && pipelining == (hosts == 2) {
						second := s
						second.nth = 1
						trials = append(trials, trial{second, hosts, false})
					}
				}
			}
		}
	}
	zone := &strings.Builder{}
	for i := range trials {
		fmt.Fprintf(zone, "t%d.example. 60 IN MX 10 a%d.example.\na%d.example. 60 IN A 127.1.%d.%d\n", i, i, i, i/100, 2*(i%100)+1)
		if trials[i].hosts == 2 {
			fmt.Fprintf(zone, "t%d.example. 60 IN MX 20 b%d.example.\nb%d.example. 60 IN A 127.1.%d.%d\n", i, i, i, i/100, 2*(i%100)+2)
		}
	}
	dns := testkit.DNS(t, zone.String())
	port, _ := strconv.Atoi(freePort(t, 1))
	resolver := domains.NewResolver([]string{dns.Addr}, 5*time.Second)
	var wait sync.WaitGroup
	slots := make(chan struct{}, 32) // most of them only wait
	for i, c := range trials {
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			s := &Sender{
				Hostname: "desk.example.com", Resolver: resolver, MXPort: port, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return noon }, Timeouts: c.timeouts(),
			}
			defer s.Close()
			c.run(t, s, i, port)
		})
	}
	wait.Wait()
	t.Logf("%d failures", len(trials))
}

// timeouts are short only where somebody is silent, so that a slow machine is no failure.
func (c trial) timeouts() Timeouts {
	limits := Timeouts{Connect: 30 * time.Second, Command: 30 * time.Second, Block: 30 * time.Second, Final: 30 * time.Second}
	patience := failPatience
	if c.hosts == 2 {
		patience *= 3 // it is for the second host as well, which answers
	}
	switch {
	case c.way != "is silent":
	case c.step == "body" && c.hosts == 1: // with two the first one goes in the end
		limits.Block = patience
	case c.step == "body":
	case c.step == "dot":
		limits.Final = patience
	default:
		limits.Command = patience
	}
	return limits
}

// large does not fit into the buffers between two ends, so that a receiver that stops in its middle is felt there.
var large = sync.OnceValue(func() string { return simpleMail + strings.Repeat(strings.Repeat("x", 998)+"\r\n", 8_000) })

func (c trial) run(t *testing.T, s *Sender, i, port int) {
	address := func(host int) string {
		return net.JoinHostPort(fmt.Sprintf("127.1.%d.%d", i/100, 2*(i%100)+host), strconv.Itoa(port))
	}
	first, second := listen(t, address(1), c.script), func() []held { return nil }
	if c.hosts == 2 {
		second = listen(t, address(2), script{pipelining: c.pipelining, nth: -1})
	}
	mail := simpleMail
	if c.step == "body" {
		mail = large()
	}
	recipients := []string{fmt.Sprintf("one@t%d.example", i)}
	if !c.lone {
		recipients = append(recipients, fmt.Sprintf("two@t%d.example", i), fmt.Sprintf("three@t%d.example", i))
	}
	got := s.Deliver(t.Context(), mailTo(mail, recipients...))
	for _, one := range got {
		wrong := c.account(one, mail, first(), second())
		for range 100 {
			if wrong == "" {
				break
			}
			time.Sleep(50 * time.Millisecond) // the receiver may not have heard all yet
			wrong = c.account(one, mail, first(), second())
		}
		if wrong != "" {
			t.Errorf("%v: %s", c, wrong)
		}
		c.read(t, one)
	}
	if c.lone {
		c.judge(t, got[0])
	}
}

// account says for any failure what is wrong with what became of a mail: who is told that it is sent has it, once, whole; who is told that it is not does not have it, unless nobody can know.
func (c trial) account(d desk.Delivery, mail string, first, second []held) string {
	copies, told := 0, 0
	for _, one := range append(first, second...) {
		if one.to != d.Recipient {
			continue
		}
		copies++
		if one.told {
			told++
		}
		if one.sum != sha256.Sum256([]byte(mail)) {
			return fmt.Sprintf("%s got another mail", d.Recipient)
		}
	}
	switch {
	case d.State == desk.DeliverySent && copies == 1 && told == 1:
	case d.State != desk.DeliverySent && copies == 0:
	case PerhapsTaken(d) && copies == 1 && told == 0:
	default:
		return fmt.Sprintf("%s has %d copies, and is %s: %s", d.Recipient, copies, d.State, d.Reply)
	}
	return ""
}

// read looks for words in a story.
func (c trial) read(t *testing.T, d desk.Delivery) {
	for _, line := range d.Story {
		if line.Host == "" || line.Addr == "" || len(line.Reply) < len("451 4.4.2 x") || line.State == desk.DeliveryQueued {
			t.Errorf("%v: %+v", c, line)
		}
	}
	if len(d.Story) == 0 || d.Story[len(d.Story)-1].State != d.State {
		t.Errorf("%v: %s is %s, and the story is\n%s", c, d.Recipient, d.State, tell(d.Story))
	}
}

// judge compares with the table.
func (c trial) judge(t *testing.T, d desk.Delivery) {
	state, host := desk.DeliverySent, "a"
	switch want := fateOf(c.step, c.way); {
	case (want == next2 || want == refused) && c.hosts == 2:
		host = "b"
	case want == next2, want == defers, want == unknown:
		state = desk.DeliveryDeferred
	case want == refused, want == bounces:
		state = desk.DeliveryBounced
	}
	if d.State != state || !strings.HasPrefix(d.Host, host) || PerhapsTaken(d) != (fateOf(c.step, c.way) == unknown) {
		t.Errorf("%v: %s by %s, want %s by %s: %s\n%s", c, d.State, d.Host, state, host, d.Reply, tell(d.Story))
	}
	if plain := d.TLS == ""; d.State == desk.DeliverySent && host == "a" && c.tls != nil && plain != (fateOf(c.step, c.way) == inClear) {
		t.Errorf("%v: %q\n%s", c, d.TLS, tell(d.Story))
	}
}

package e2e

import (
	"fmt"
	"net"
	"net/http"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/internal/testkit"
)

const (
	// lookAround is how often the program looks for acknowledgements that are to be sent.
	lookAround = 2 * time.Second
	// quiet is how long nothing may happen after the last mail: several rounds of those who would answer each other.
	quiet = 4 * lookAround

	deskAAt, deskBAt, awayAt = "127.0.0.11", "127.0.0.12", "127.0.0.13" // mail servers at one port
	away                     = "192.0.2.50"                             // where mail of those who are away comes from
)

const loopWorld = `
a.example. IN MX 10 mx.a.example.
mx.a.example. IN A 127.0.0.11
b.example. IN MX 10 mx.b.example.
mx.b.example. IN A 127.0.0.12
away.example. IN MX 10 mx.away.example.
mx.away.example. IN A 127.0.0.13
away.example. IN TXT "v=spf1 ip4:192.0.2.50 -all"
_dmarc.away.example. IN TXT "v=DMARC1; p=reject"
`

// openAcknowledging is a desk of a domain whose one mailbox, help@, acknowledges every new ticket.
func openAcknowledging(t *testing.T, domain, addr string, dns *testkit.DNSServer) *program {
	t.Helper()
	_, port, _ := net.SplitHostPort(addr)
	p := launch(t, strangers, "POSTERN_HOSTNAME=mail."+domain, "POSTERN_SMTP_ADDR="+addr, "POSTERN_DNS="+dns.Addr, "POSTERN_MX_PORT="+port)
	p.cli("mailbox", "add", "help@"+domain, "--name", "Help")
	p.settle(`update mailbox set acknowledge = true`)
	return p
}

// came counts the mails that the program has taken.
func (p *program) came() (sum int) {
	for _, count := range p.metrics("postern_smtp_accepted_total") {
		sum += count
	}
	return sum
}

// acknowledged counts the automatic answers that left for an address, and all of them.
func (p *program) acknowledged(addr string) (to, all int) {
	p.t.Helper()
	return value[int](p, `select count(*) from acknowledgement where address = $1 and sent_at is not null`, addr),
		value[int](p, `select count(*) from acknowledgement where sent_at is not null`)
}

// T-LOOP between two systems: each writes to the other once, each acknowledges that, and then there is silence.
func TestLoopOfTwoDesks(t *testing.T) {
	t.Parallel()
	_, port, _ := net.SplitHostPort(freePort(t))
	dns := testkit.DNS(t, loopWorld)
	a, b := openAcknowledging(t, "a.example", deskAAt+":"+port, dns), openAcknowledging(t, "b.example", deskBAt+":"+port, dns)
	zone, _ := a.own(dns, loopWorld, "a.example")
	b.own(dns, zone, "b.example")

	// Somebody at each desk has written to the other without proof; nobody acknowledges that. An agent's answer is signed, and starts a ticket at the other desk.
	for _, way := range []struct {
		to         *program
		mine, them string
	}{{a, "help@a.example", "help@b.example"}, {b, "help@b.example", "help@a.example"}} {
		number := way.to.post(far, letter{from: way.them, to: way.mine, subject: "Hello", id: "start." + way.them, text: "Shall we?"}).number()
		if number == 0 {
			t.Fatalf("the first mail to %s is no ticket", way.mine)
		}
		call[message](t, way.to, http.MethodPost, fmt.Sprintf("/tickets/%d/replies", number), map[string]any{"text": "Gladly."})
	}
	eventually(t, "both answers and both acknowledgements arrive", func() bool { return a.came() >= 3 && b.came() >= 3 })
	silence(t, quiet)
	for name, p := range map[string]*program{"a": a, "b": b} {
		if came := p.came(); came != 3 { // the first mail, the other's answer, the other's acknowledgement
			t.Errorf("%d mails came to %s, want 3", came, name)
		}
		if _, sent := p.acknowledged(""); sent != 1 {
			t.Errorf("%s sent %d automatic mails, want 1", name, sent)
		}
	}
}

// careless is a machine that answers every mail as its programmer thought right.
type careless struct {
	name   string
	answer func(to mail.Header, answer *letter)
	null   bool // with the null return path
	back   bool // sends back what came, as a forwarder does that is set up in a circle
}

var carelessOnes = []careless{
	{name: "replies as people do", answer: func(to mail.Header, answer *letter) {
		answer.to, answer.header = back(to, "Reply-To"), []string{"In-Reply-To: " + to.Get("Message-Id"), "References: " + to.Get("Message-Id")}
	}},
	{name: "writes a new mail to From", answer: func(to mail.Header, answer *letter) { answer.to, answer.subject = back(to, "From"), "I am away" }},
	{name: "keeps the subject alone", answer: func(to mail.Header, answer *letter) { answer.to = back(to, "From") }},
	{name: "answers with the null sender", null: true, answer: func(to mail.Header, answer *letter) { answer.to = back(to, "Reply-To") }},
	{name: "writes a new mail with the null sender", null: true, answer: func(to mail.Header, answer *letter) { answer.to, answer.subject = back(to, "From"), "I am away" }},
	{name: "sends it back", back: true, answer: func(to mail.Header, answer *letter) { answer.to = back(to, "From") }},
}

// back is the address in a field.
func back(header mail.Header, field string) string {
	if found, err := mail.ParseAddress(header.Get(field)); err == nil {
		return found.Address
	}
	return "nobody@nowhere.example" // the test then misses a mail
}

// T-LOOP against machines that know no rule: neither Auto-Submitted nor Precedence, answers to answers, to every address that a mail names. Each gets one acknowledgement, answers it, and that is all.
func TestLoopWithCarelessResponders(t *testing.T) {
	t.Parallel()
	_, port, _ := net.SplitHostPort(freePort(t))
	dns := testkit.DNS(t, loopWorld)
	sink := testkit.SMTPSink(t, testkit.Behaviour{Addr: awayAt + ":" + port, Host: "mx.away.example"})
	a := openAcknowledging(t, "a.example", deskAAt+":"+port, dns)
	a.own(dns, loopWorld, "a.example")

	for i, one := range carelessOnes {
		if number := a.post(away, letter{from: fmt.Sprintf("vacation%d@away.example", i), to: "help@a.example", subject: one.name, id: fmt.Sprintf("start-%d@away.example", i), text: "?"}).number(); number == 0 {
			t.Fatalf("%s: its mail is no ticket", one.name)
		}
	}
	var answering sync.WaitGroup
	stop, answers := make(chan struct{}), 0
	answering.Go(func() {
		for seen := 0; ; time.Sleep(20 * time.Millisecond) {
			for _, came := range ofConversations(sink)[seen:] {
				seen++
				a.answerCarelessly(came, seen)
				answers++
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	})
	eventually(t, "each acknowledgement arrives, and is answered", func() bool { return a.came() >= 2*len(carelessOnes) })
	silence(t, quiet)
	close(stop)
	answering.Wait()
	if got := len(ofConversations(sink)); got != len(carelessOnes) || answers != got {
		t.Errorf("%d mails went out and %d were answered, want %d", got, answers, len(carelessOnes))
	}
	for i, one := range carelessOnes {
		if to, _ := a.acknowledged(fmt.Sprintf("vacation%d@away.example", i)); to != 1 {
			t.Errorf("%s: %d acknowledgements", one.name, to)
		}
	}
	if came := a.came(); came != 2*len(carelessOnes) {
		t.Errorf("%d mails came, want %d", came, 2*len(carelessOnes))
	}
}

// answerCarelessly answers one mail in the manner of the one to whom it went.
func (p *program) answerCarelessly(came testkit.Mail, n int) {
	var i int
	if _, err := fmt.Sscanf(came.To[0], "vacation%d@", &i); err != nil {
		p.t.Errorf("a mail went to %v", came.To)
		return
	}
	one, from := carelessOnes[i], came.To[0]
	read, err := mail.ReadMessage(strings.NewReader(string(came.Bytes)))
	if err != nil {
		p.t.Error(err)
		return
	}
	l := letter{from: from, subject: "Re: " + read.Header.Get("Subject"), id: fmt.Sprintf("away-%d@away.example", n), text: "I am not here. I am not here."}
	one.answer(read.Header, &l)
	sender, octets := from, []byte(l.String())
	if one.null {
		sender = ""
	}
	if one.back {
		octets = came.Bytes
	}
	client, err := p.stranger(away)
	if err != nil {
		p.t.Error(err)
		return
	}
	defer client.close()
	if answer, err := client.send(sender, []string{l.to}, octets); err != nil || answer.Code != 250 {
		p.t.Errorf("%s: %+v, %v", one.name, answer, err)
	}
}

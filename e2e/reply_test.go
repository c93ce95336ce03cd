package e2e

import (
	"fmt"
	"net/http"
	"net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/emersion/go-smtp"

	"postern/internal/testkit"
)

const (
	mailbox  = "help@desk.example"
	customer = "ada@customer.example"
)

// world is the DNS around the desk: the customers' mail server, and the desk's own host.
const world = `
customer.example. IN MX 10 mx.customer.example.
elsewhere.example. IN MX 10 mx.customer.example.
mx.customer.example. IN A 127.0.0.1
mail.desk.example. IN A 127.0.0.1
`

// desk is a program whose domain is set up as an operator would do it, and the mail server of its customers.
type desk struct {
	*program
	sink *testkit.Sink
	keys map[string]string // TXT records of the zone, by name
}

// openDesk adds the domain by the command line, publishes the lines that it prints, and has them verified.
func openDesk(t *testing.T, sink testkit.Behaviour) *desk {
	t.Helper()
	dns := testkit.DNS(t, world)
	sink.Host = "mx.customer.example"
	d := &desk{sink: testkit.SMTPSink(t, sink)}
	d.program = launch(t, "POSTERN_DNS="+dns.Addr, "POSTERN_MX_PORT="+d.sink.Port())
	if out, err := d.try("domain", "verify", "desk.example"); err == nil {
		t.Errorf("a domain that nobody added is verified:\n%s", out)
	}
	_, d.keys = d.own(dns, world, "desk.example")
	d.cli("mailbox", "add", mailbox, "--name", "Desk Help")
	return d
}

// answer replies by the API, without time to undo, and returns the message when every recipient is as wanted.
func (d *desk) answer(number int64, text string, settled func(message) bool) message {
	d.t.Helper()
	said := call[message](d.t, d.program, http.MethodPost, fmt.Sprintf("/tickets/%d/replies", number), map[string]any{"text": text})
	eventually(d.t, "the delivery of the reply comes to its state", func() bool {
		said = call[message](d.t, d.program, http.MethodGet, fmt.Sprintf("/messages/%d", said.ID), nil)
		return settled(said)
	})
	return said
}

// in says whether all recipients are in a state.
func in(state string) func(message) bool {
	return func(m message) bool {
		for _, each := range m.Delivery {
			if each.State != state {
				return false
			}
		}
		return len(m.Delivery) > 0
	}
}

// verify has dkimpy judge a mail as it came to the customer's server, with the keys of the zone.
func (d *desk) verify(mail []byte) string {
	d.t.Helper()
	var keys strings.Builder
	for name, record := range d.keys {
		fmt.Fprintf(&keys, "%s %s\n", name, record)
	}
	keyFile, mailFile := filepath.Join(d.dir, "keys"), filepath.Join(d.dir, "reply.eml")
	for path, text := range map[string][]byte{keyFile: []byte(keys.String()), mailFile: mail} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			d.t.Fatal(err)
		}
	}
	out, err := exec.CommandContext(d.t.Context(), python, filepath.Join("..", "mailout", "testdata", "verify.py"), keyFile, mailFile).CombinedOutput()
	if err != nil {
		d.t.Fatalf("dkimpy: %v\n%s", err, out)
	}
	return string(out)
}

// The walk of a conversation: a mail comes in, an agent answers, a foreign verifier finds both signatures good, and the customer's answers join the ticket however they come.
// Then what became of each answer shows through the API.
func TestRepliesLeaveSignedAndTheirAnswersJoin(t *testing.T) {
	t.Parallel()
	var greylisted atomic.Int32
	d := openDesk(t, testkit.Behaviour{Rcpt: func(to string) *smtp.SMTPError {
		switch {
		case strings.HasPrefix(to, "slow@") && greylisted.Add(1) == 1:
			return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "greylisted, come back"}
		case strings.HasPrefix(to, "gone@"):
			return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "gone moved out"}
		}
		return nil
	}})
	eventually(t, "the running program takes mail for the new mailbox", func() bool {
		path := filepath.Join(d.dir, "probe.eml")
		_ = os.WriteFile(path, []byte(letter{from: "probe@elsewhere.example", to: mailbox, subject: "probe", id: "probe@elsewhere.example", text: "."}.String()), 0o600)
		client := newForeign(t, d.where().smtp)
		defer client.close()
		answer, err := client.send(dispatch{Path: path, From: "probe@elsewhere.example", To: []string{mailbox}})
		return err == nil && answer.Code == 250
	})
	d.replyIsSigned()
	d.firstRefusalIsTriedAgain()
	d.lastRefusalBounces()
}

// replyIsSigned walks through one conversation (T-SIGN, T-BYTES, and §2 of the behaviour).
func (d *desk) replyIsSigned() {
	t := d.t
	t.Helper()
	number := d.mail(letter{from: customer, to: mailbox, subject: "Kühlschrank: tropft", id: "first@customer.example", text: "It drips. Was tun?"})

	said := d.answer(number, "Please turn it off.\n.\n.. and call us — today.", in("sent"))
	if got := said.Delivery[0]; got.Recipient != customer || got.Host != "mx.customer.example" || !strings.HasPrefix(got.TLS, "TLS 1.3") || !strings.HasPrefix(got.Reply, "250 ") || got.Attempts != 1 {
		t.Errorf("T-DELIVERY: %+v", got)
	}
	arrived := nextAnswer(t, d.sink)
	verdicts := d.verify(arrived.Bytes)
	if strings.Count(verdicts, "pass") != 2 || strings.Contains(verdicts, "fail") {
		t.Errorf("T-SIGN: dkimpy says\n%s", verdicts)
	}
	if forged := d.verify([]byte(strings.Replace(string(arrived.Bytes), "turn it off", "throw it out", 1))); strings.Contains(forged, "pass") {
		t.Errorf("the judge lets a changed mail pass:\n%s", forged)
	}
	read, err := mail.ReadMessage(strings.NewReader(string(arrived.Bytes)))
	if err != nil {
		t.Fatal(err)
	}
	d.checkHeader(read.Header, said, arrived.From)
	d.answersJoin(number, read.Header)
}

// checkHeader looks at what makes an answer find its way back (T-BYTES).
func (d *desk) checkHeader(header mail.Header, said message, envelope string) {
	d.t.Helper()
	if from, err := mail.ParseAddress(header.Get("From")); err != nil || from.Address != mailbox || from.Name != "Desk Help" {
		d.t.Errorf("From is %q (%v)", header.Get("From"), err)
	}
	if header.Get("Message-Id") != "<"+said.MessageID+">" || header.Get("In-Reply-To") != "<first@customer.example>" || header.Get("References") != "<first@customer.example>" {
		d.t.Errorf("Message-ID %q, In-Reply-To %q, References %q", header.Get("Message-Id"), header.Get("In-Reply-To"), header.Get("References"))
	}
	if back, err := mail.ParseAddress(header.Get("Reply-To")); err != nil || !strings.HasPrefix(back.Address, "help+") || !strings.HasSuffix(back.Address, "@desk.example") {
		d.t.Errorf("Reply-To is %q (%v)", header.Get("Reply-To"), err)
	}
	if !strings.HasSuffix(envelope, "@desk.example") || envelope == mailbox {
		d.t.Errorf("the return path is %q: a bounce could not be matched", envelope)
	}
	if header.Get("Bcc") != "" {
		d.t.Errorf("Bcc leaves: %q", header.Get("Bcc"))
	}
}

// answersJoin sends the customer's answers in the ways in which programs and people send them.
func (d *desk) answersJoin(number int64, reply mail.Header) {
	d.t.Helper()
	replyTo, err := mail.ParseAddress(reply.Get("Reply-To"))
	if err != nil {
		d.t.Fatal(err)
	}
	threaded := []string{"In-Reply-To: " + reply.Get("Message-Id"), "References: <first@customer.example> " + reply.Get("Message-Id")}
	for i, test := range []struct {
		name string
		rule string
		letter
	}{
		{"as every program answers", "token", letter{from: customer, to: replyTo.Address, subject: "Re: Kühlschrank: tropft", header: threaded}},
		{"without References", "token", letter{from: customer, to: replyTo.Address, subject: "Re: Kühlschrank: tropft"}},
		{"T-SUBJ-CHANGE: another subject", "token", letter{from: customer, to: replyTo.Address, subject: "and another thing"}},
		{"T-ALT-ADDR: from another address", "token", letter{from: "ada@elsewhere.example", to: replyTo.Address, subject: "Re: Kühlschrank: tropft", header: threaded}},
		{"to the mailbox, by our Message-ID alone", "message-id", letter{from: customer, to: mailbox, subject: "something else", header: threaded[:1]}},
		{"to the mailbox, by References alone", "message-id", letter{from: customer, to: mailbox, subject: "", header: threaded[1:]}},
		{"T-TOKEN-CC: by their own Message-ID", "foreign-message-id", letter{from: customer, to: mailbox, subject: "PS", header: []string{"In-Reply-To: <first@customer.example>"}}},
	} {
		test.letter.id, test.letter.text = fmt.Sprintf("answer-%d@customer.example", i), test.name
		if joined := d.mail(test.letter); joined != number {
			d.t.Errorf("%s: on ticket %d instead of %d", test.name, joined, number)
			continue
		}
		all := conversation(d.t, d.program, number)
		last := all[len(all)-1]
		for at := len(all) - 1; at > 0 && last.Kind != "inbound"; at-- { // below it may stand the line that says what it changed
			last = all[at]
		}
		if last.MessageID != test.letter.id || last.Why == nil || last.Why.Rule != test.rule {
			d.t.Errorf("%s: the newest mail is %s, because of %+v, want %s", test.name, last.MessageID, last.Why, test.rule)
		}
		if stranger := strings.HasPrefix(test.letter.from, "ada@elsewhere"); last.Stranger != stranger {
			d.t.Errorf("%s: stranger is %t", test.name, last.Stranger)
		}
	}
	if got := show(d.t, d.program, number); got.Requester.Address != customer || got.Status != "open" {
		d.t.Errorf("requester %s, status %s: the requester never changes by itself, and a person's answer opens the ticket", got.Requester.Address, got.Status)
	}
	if stray := d.mail(letter{from: "mallory@elsewhere.example", to: mailbox, subject: fmt.Sprintf("[#%d] me too", number), id: "stray@elsewhere.example", text: "T-SUBJ-SPOOF"}); stray == number {
		d.t.Error("T-SUBJ-SPOOF: a stranger joined the ticket by its number")
	}
}

// T-DELIVERY: a 4xx is tried again; it never counts as a 5xx.
func (d *desk) firstRefusalIsTriedAgain() {
	t := d.t
	t.Helper()
	slow := d.mail(letter{from: "slow@customer.example", to: support, subject: "slow", id: "slow@customer.example", text: "?"})
	said := d.answer(slow, "Coming.", in("deferred"))
	if got := said.Delivery[0]; got.NextAt == nil || !strings.Contains(got.Reply, "451") || !strings.Contains(got.Reply, "greylisted, come back") || got.Attempts != 1 {
		t.Errorf("after a 4xx: %+v", got)
	}
	call[message](t, d.program, http.MethodPost, fmt.Sprintf("/messages/%d/retry", said.ID), map[string]any{"recipient": "slow@customer.example"}) // the schedule's own first pause is a minute
	eventually(t, "the second attempt arrives", func() bool {
		said = call[message](t, d.program, http.MethodGet, fmt.Sprintf("/messages/%d", said.ID), nil)
		return in("sent")(said)
	})
	if arrived := nextAnswer(t, d.sink); len(arrived.To) != 1 || arrived.To[0] != "slow@customer.example" {
		t.Errorf("sent to %v", arrived.To)
	}
	if got := show(t, d.program, slow); got.Status != "pending" || got.DeliveryProblem {
		t.Errorf("a reply that arrived leaves the ticket %s, problem %t", got.Status, got.DeliveryProblem)
	}
}

// T-DELIVERY: a 5xx bounces, shows on the ticket and opens it.
func (d *desk) lastRefusalBounces() {
	t := d.t
	t.Helper()
	gone := d.mail(letter{from: "gone@customer.example", to: support, subject: "gone", id: "gone@customer.example", text: "?"})
	said := d.answer(gone, "Are you there?", in("bounced"))
	if got := said.Delivery[0]; !strings.Contains(got.Reply, "550") || !strings.Contains(got.Reply, "gone moved out") || got.NextAt != nil {
		t.Errorf("after a 5xx: %+v", got)
	}
	if got := show(t, d.program, gone); got.Status != "open" || !got.DeliveryProblem {
		t.Errorf("a bounce leaves the ticket %s, problem %t", got.Status, got.DeliveryProblem)
	}
}

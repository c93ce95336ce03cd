package jobs

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"postern/desk"
	"postern/internal/testkit"
	"postern/store"
)

// clock is a time that tests move.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time           { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) forward(by time.Duration) { c.ahead.Add(int64(by)) }

// counter is a house with customers who write, and somebody who acknowledges.
type counter struct {
	*house
	box   int64
	clock *clock
	hand  *acknowledger
}

func newCounter(t *testing.T, behaviour testkit.Behaviour) *counter {
	t.Helper()
	c := &counter{house: newHouse(t, behaviour), clock: &clock{}}
	c.box = c.mailbox(t, "support@example.com")
	c.exec(t, `update mailbox set acknowledge = true`)
	c.hand = c.acknowledger()
	return c
}

// acknowledger is one more process.
func (c *counter) acknowledger() *acknowledger {
	cfg := c.config
	cfg.Now, cfg.Random = c.clock.now, func() float64 { return 0.5 }
	return newAcknowledger(cfg)
}

func (c *counter) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	if _, err := c.store.Pool().Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

// The words that a stranger chose: none of them may leave in our name.
const (
	evilSubject = "Crypto-Jackpot waits"
	evilName    = "Your-Bank-Security"
	evilBody    = "https://evil.example/login"
)

// mails puts mails of these people on tickets of their own, each with the wish to be acknowledged, as intake does. It returns the tickets.
func (c *counter) mails(t *testing.T, addresses ...string) (tickets []int64) {
	t.Helper()
	for _, address := range addresses {
		tickets = append(tickets, c.mailOn(t, 0, address))
	}
	return tickets
}

// mailOn puts one on the given ticket; 0 is a new one.
func (c *counter) mailOn(t *testing.T, ticket int64, address string) int64 {
	t.Helper()
	const sql = `
		with person as (
		    insert into contact (address) values (lower($2)) on conflict (address) do update set name = contact.name returning id
		), made as (
		    insert into ticket (subject, status, mailbox_id, requester_id, created_at, updated_at)
		    select $4, 'new', $3, person.id, now(), now() from person where $1::bigint = 0
		    returning id
		)
		insert into message (ticket_id, kind, from_name, from_address, subject, message_id, at, text)
		select coalesce((select id from made), $1), 'inbound', $5, lower($2), $4, gen_random_uuid() || '@customer.test', now(), $6
		returning id, ticket_id`
	var message int64
	if err := c.store.Pool().QueryRow(t.Context(), sql, ticket, address, c.box, evilSubject, evilName, evilBody).Scan(&message, &ticket); err != nil {
		t.Fatal(err)
	}
	c.want(t, store.AcknowledgementRow{Mailbox: c.box, Ticket: ticket, Message: message, Address: address, At: c.clock.now()})
	return ticket
}

func (c *counter) want(t *testing.T, rows ...store.AcknowledgementRow) {
	t.Helper()
	if err := c.store.Write(t.Context(), func(tx *store.Tx) error { return tx.WantAcknowledgements(t.Context(), rows...) }); err != nil {
		t.Fatal(err)
	}
}

// work lets somebody acknowledge until nothing is due.
func (c *counter) work(t *testing.T, hand *acknowledger) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for c.number(t, `select count(*) from acknowledgement where due_at <= $1`, c.clock.now()) > 0 {
		hand.round(t.Context())
		hand.running.Wait()
		if time.Now().After(deadline) {
			t.Fatal("acknowledgements do not come to an end")
		}
	}
	hand.running.Wait()
}

func (c *counter) number(t *testing.T, sql string, args ...any) (n int) {
	t.Helper()
	if err := c.store.Pool().QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// refused lists why wishes were refused.
func (c *counter) refused(t *testing.T) (reasons []string) {
	t.Helper()
	if err := c.store.Pool().QueryRow(t.Context(), `select array(select refused from acknowledgement where refused is not null order by id)`).Scan(&reasons); err != nil {
		t.Fatal(err)
	}
	return reasons
}

// T-LOOP: a customer hears that their mail has come: signed, from the null sender, marked as automatic, with the marks by which an answer finds the ticket, and with nothing of what they wrote.
func TestT_LOOP_Acknowledgement(t *testing.T) {
	t.Parallel()
	c := newCounter(t, testkit.Behaviour{Host: "mx.customer.test"})
	c.activate(t, "example.com")
	c.start(t)
	ticket := c.mails(t, "Carol@customer.test")[0]
	got := c.sink.Next(t)
	fields := header(t, got.Bytes)
	if got.From != "" || !slices.Equal(got.To, []string{"carol@customer.test"}) || fields.Get("To") != "carol@customer.test" {
		t.Errorf("from %q to %v, %s", got.From, got.To, fields.Get("To"))
	}
	for name, want := range map[string]string{
		"Auto-Submitted": "auto-replied", "X-Auto-Response-Suppress": "All", "Precedence": "auto_reply", "X-Postern-Loop": "mx.example.com", "Subject": fmt.Sprintf("We have received your message [#%d]", ticket),
	} {
		if fields.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, fields.Get(name), want)
		}
	}
	var message int64
	var id string
	if err := c.store.Pool().QueryRow(t.Context(), `select id, message_id from message where ticket_id = $1 and kind = 'inbound'`, ticket).Scan(&message, &id); err != nil {
		t.Fatal(err)
	}
	if own, ok := c.codec.ParseMessageID(fields.Get("Message-Id")); !ok || own != message || fields.Get("In-Reply-To") != "<"+id+">" || fields.Get("References") != "<"+id+">" || len(fields["Dkim-Signature"]) != 2 {
		t.Errorf("header is %v", fields)
	}
	reply := fields.Get("Reply-To")
	if _, named, ok := c.codec.ParseAddress(strings.Trim(reply[strings.Index(reply, "<"):], "<>")); !ok || named != message {
		t.Errorf("answers go to %s", reply)
	}
	for _, evil := range []string{evilSubject, evilName, evilBody} {
		if bytes.Contains(got.Bytes, []byte(evil)) {
			t.Errorf("%q left in our name:\n%s", evil, got.Bytes)
		}
	}
	c.told(t, ticket)
}

// told waits until the ticket's conversation says that its mail was acknowledged, and nothing else changed.
func (c *counter) told(t *testing.T, ticket int64) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for c.number(t, `select count(*) from message where ticket_id = $1 and facts -> 'event' ->> 'verb' = 'acknowledged' and facts -> 'event' ->> 'to' = 'carol@customer.test'`, ticket) != 1 {
		if time.Now().After(deadline) {
			t.Fatal("the conversation does not say so")
		}
		time.Sleep(10 * time.Millisecond)
	}
	after, err := c.tickets.Get(t.Context(), c.ann, ticket)
	if err != nil || after.Status != desk.StatusNew || after.DeliveryProblem {
		t.Errorf("%+v, %v", after, err)
	}
}

// T-LOOP: one within a day for an address and mailbox, three on a ticket; the same mail wished for twice is one wish.
func TestT_LOOP_LimitsOfAddressAndTicket(t *testing.T) {
	t.Parallel()
	c := newCounter(t, testkit.Behaviour{})
	ticket := c.mails(t, "carol@customer.test", "carol@customer.test", "CAROL@customer.test")[0]
	c.work(t, c.hand)
	if sent := len(c.sink.Mails()); sent != 1 || len(c.refused(t)) != 2 {
		t.Fatalf("%d were sent, refused: %q", sent, c.refused(t))
	}
	for range 4 { // day by day the same person on the same ticket
		c.clock.forward(25 * time.Hour)
		c.mailOn(t, ticket, "carol@customer.test")
		c.work(t, c.hand)
	}
	if sent := len(c.sink.Mails()); sent != 3 || !strings.Contains(strings.Join(c.refused(t), "\n"), "the ticket has had 3") {
		t.Errorf("%d were sent, refused: %q", sent, c.refused(t))
	}
	c.exec(t, `update acknowledgement set due_at = null`)
	again := c.number(t, `select count(*) from acknowledgement`)
	c.want(t, store.AcknowledgementRow{Mailbox: c.box, Ticket: ticket, Message: int64(c.number(t, `select min(message_id) from acknowledgement`)), Address: "dave@other.test", At: c.clock.now()})
	if c.number(t, `select count(*) from acknowledgement`) != again {
		t.Error("a mail has two wishes")
	}
}

// T-02: a thousand forged senders of one domain get twenty within an hour, however many processes work; the admin hears of it once; another domain is not affected.
func TestT_02_ForgedSenders(t *testing.T) {
	t.Parallel()
	c := newCounter(t, testkit.Behaviour{NoTLS: true})
	var forged []string
	for i := range 1000 {
		forged = append(forged, fmt.Sprintf("victim%d@customer.test", i))
	}
	c.mails(t, forged...)
	var processes sync.WaitGroup
	for range 3 {
		processes.Go(func() {
			hand := c.acknowledger()
			c.work(t, hand)
		})
	}
	processes.Wait()
	if mails := c.sink.Mails(); len(mails) != desk.MostAutomaticToDomain || len(c.refused(t)) != 980 {
		t.Errorf("%d left, %d were refused", len(mails), len(c.refused(t)))
	}
	for _, one := range c.sink.Mails() {
		for _, evil := range []string{evilSubject, evilName, evilBody} {
			if bytes.Contains(one.Bytes, []byte(evil)) {
				t.Fatalf("%q left in our name", evil)
			}
		}
	}
	paused := func() int {
		return c.number(t, `select count(*) from audit where action = 'acknowledgement.pause' and subject = 'domain/customer.test'`)
	}
	if paused() != 1 {
		t.Errorf("the audit log says so %d times", paused())
	}
	c.clock.forward(59 * time.Minute)
	c.mails(t, "late@customer.test", "dave@other.test")
	c.work(t, c.hand)
	if mails := c.sink.Mails(); len(mails) != desk.MostAutomaticToDomain+1 || mails[desk.MostAutomaticToDomain].To[0] != "dave@other.test" {
		t.Errorf("%d left", len(mails))
	}
	c.clock.forward(2 * time.Minute)
	c.mails(t, "latest@customer.test")
	c.work(t, c.hand)
	if mails := c.sink.Mails(); len(mails) != desk.MostAutomaticToDomain+2 || paused() != 1 {
		t.Errorf("after the hour: %d left, %d entries", len(mails), paused())
	}
}

// T-LOOP: roles, programs, our own addresses, and mailboxes that acknowledge nothing.
func TestT_LOOP_WhoIsNeverAnswered(t *testing.T) {
	t.Parallel()
	c := newCounter(t, testkit.Behaviour{})
	other := c.mailbox(t, "sales@example.com")
	c.mails(t, "noreply@customer.test", "MAILER-DAEMON@customer.test", "support@example.com", "sales+token@example.com", "anybody@mx.example.com", "carol@customer.test\r\nBcc: x")
	c.box = other
	c.mails(t, "carol@customer.test")
	c.work(t, c.hand)
	reasons := strings.Join(c.refused(t), "\n")
	if len(c.sink.Mails()) != 0 || len(c.refused(t)) != 7 || strings.Count(reasons, "the address is ours") != 3 || !strings.Contains(reasons, "acknowledges no mail any more") {
		t.Errorf("%d left, refused:\n%s", len(c.sink.Mails()), reasons)
	}
	c.exec(t, `update mailbox set acknowledge = true`)
	c.mails(t, "eve@customer.test")
	c.clock.forward(2 * time.Hour)
	c.work(t, c.hand)
	if reasons := c.refused(t); len(c.sink.Mails()) != 0 || reasons[7] != "it would come too late" {
		t.Errorf("refused: %q", reasons)
	}
}

// A server that wants to be asked again is, a few times; one that refuses is not; the same bytes come each time.
func TestAcknowledgementIsTriedAgain(t *testing.T) {
	t.Parallel()
	var grey atomic.Bool
	grey.Store(true)
	c := newCounter(t, testkit.Behaviour{Data: nil, Rcpt: func(to string) *smtp.SMTPError {
		switch {
		case strings.HasPrefix(to, "gone@"):
			return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such person"}
		case strings.HasPrefix(to, "never@"), grey.Load():
			return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "come back later"}
		}
		return nil
	}})
	c.mails(t, "carol@customer.test", "gone@customer.test", "never@customer.test")
	c.work(t, c.hand)
	if waiting := c.number(t, `select count(*) from acknowledgement where due_at is not null`); waiting != 2 || len(c.sink.Mails()) != 0 {
		t.Errorf("%d wait", waiting)
	}
	grey.Store(false)
	for range 5 {
		c.clock.forward(time.Hour)
		c.work(t, c.hand)
	}
	if got := c.sink.Mails(); len(got) != 1 || got[0].To[0] != "carol@customer.test" {
		t.Errorf("%d came", len(got))
	}
	if attempts := c.number(t, `select attempts from acknowledgement where address = 'never@customer.test' and due_at is null`); attempts != lastAttempt {
		t.Errorf("given up after %d attempts", attempts)
	}
}

// What a process had in hand when it died is not sent again: an automatic answer is rather lost than doubled.
func TestClaimedAcknowledgementIsNotSentAgain(t *testing.T) {
	t.Parallel()
	c := newCounter(t, testkit.Behaviour{})
	c.mails(t, "carol@customer.test")
	granted, _, err := c.hand.decide(t.Context(), hands)
	if err != nil || len(granted) != 1 {
		t.Fatalf("granted %v, %v", granted, err)
	}
	// … and here it died.
	c.clock.forward(time.Minute)
	c.work(t, c.acknowledger())
	c.mails(t, "carol@customer.test")
	c.work(t, c.acknowledger())
	if len(c.sink.Mails()) != 0 {
		t.Error("it was sent by the next one")
	}
	// A server that falls silent after the whole mail may have it.
	dropped := newCounter(t, testkit.Behaviour{DropAfter: true})
	dropped.mails(t, "carol@customer.test")
	dropped.work(t, dropped.hand)
	dropped.clock.forward(30 * time.Minute)
	dropped.work(t, dropped.hand)
	if mails := dropped.sink.Mails(); len(mails) != 1 {
		t.Errorf("it was sent %d times", len(mails))
	}
}

// Stopping waits for what is on its way, and lets go of it when its time is over; then it is written down and left to the next process.
func TestAcknowledgerStops(t *testing.T) {
	t.Parallel()
	c := newCounter(t, testkit.Behaviour{})
	silent, heard := testkit.SMTPScript(t, "", "220 hello")
	c.hand.sender.MXPort = portOf(t, silent)
	c.mails(t, "carol@customer.test")
	c.hand.start(context.WithoutCancel(t.Context()))
	<-heard // its EHLO, which stays unanswered
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	c.hand.stop(ctx)
	if waiting := c.number(t, `select count(*) from acknowledgement where due_at is not null and attempts = 1`); waiting != 1 {
		t.Error("it is not left to anybody")
	}
}

func portOf(t *testing.T, addr string) (port int) {
	t.Helper()
	if _, err := fmt.Sscanf(addr[strings.LastIndexByte(addr, ':'):], ":%d", &port); err != nil {
		t.Fatal(err)
	}
	return port
}

// What is old goes, what a limit may still count stays.
func TestSweepOfAcknowledgements(t *testing.T) {
	t.Parallel()
	c := newCounter(t, testkit.Behaviour{})
	c.mails(t, "carol@customer.test", "dave@other.test")
	c.exec(t, `update acknowledgement set wanted_at = now() - interval '31 days' where address like 'carol@%'`)
	c.exec(t, `insert into acknowledgement_pause values ('old.test', now() - interval '31 days'), ('new.test', now())`)
	worker := &sweep{store: c.store, tickets: c.tickets, identity: c.config.Identity, now: time.Now}
	if err := worker.Work(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if left := c.number(t, `select count(*) from acknowledgement`) + 10*c.number(t, `select count(*) from acknowledgement_pause`); left != 11 {
		t.Errorf("%d are left", left)
	}
}

package jobs

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/mail"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"postern/desk"
	"postern/domains"
	"postern/identity"
	"postern/internal/testkit"
	"postern/mailout"
	"postern/secret"
	"postern/store"
	"postern/threading"
	"postern/tickets"
)

// house is a whole outgoing side: database, objects, names, keys, and the customers' servers.
type house struct {
	store   *store.Store
	tickets *tickets.Service
	domains *domains.Service
	codec   *threading.Codec
	keys    *secret.Keyset
	config  Config
	dns     *testkit.DNSServer
	sink    *testkit.Sink
	ann     desk.Actor
	heard   chan store.News
}

const zone = `
customer.test. 60 IN MX 10 mx.customer.test.
other.test.    60 IN MX 10 mx.other.test.
mx.customer.test. 60 IN A 127.0.0.1
mx.other.test. 60 IN A 127.0.0.1
`

// patience is far beyond what a loaded machine needs: reaching it means a bug.
const patience = 30 * time.Second

func newHouse(t testing.TB, behaviour testkit.Behaviour) *house {
	t.Helper()
	db, err := store.Open(t.Context(), testkit.Postgres(t), 10)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	keys := testkit.Keys(t)
	h := &house{store: db, keys: keys, codec: threading.NewCodec(keys, "mx.example.com"), dns: testkit.DNS(t, zone), sink: testkit.SMTPSink(t, behaviour), heard: make(chan store.News, 1000)}
	resolver := domains.NewResolver([]string{h.dns.Addr}, 5*time.Second)
	port, _ := strconv.Atoi(h.sink.Port())
	quiet := slog.New(slog.DiscardHandler)
	h.tickets = tickets.New(tickets.Config{Store: db, Keys: keys, Bucket: testkit.S3(t, keys), Hostname: "mx.example.com", PublicURL: "https://desk.example.com"})
	h.domains = domains.NewService(domains.ServiceConfig{Store: db, Keys: keys, Resolver: resolver, Hostname: "mx.example.com"})
	h.config = Config{
		Store: db, Tickets: h.tickets, Domains: h.domains, Log: quiet,
		Identity: identity.New(identity.Config{Store: db, Keys: keys, PublicURL: "https://desk.example.com"}),
		Sender:   &mailout.Sender{Hostname: "mx.example.com", Resolver: resolver, MXPort: port, Log: quiet},
	}
	user := desk.User{Email: "ann@example.com", Name: "Ann", Role: desk.RoleOwner}
	if err := db.Pool().QueryRow(t.Context(), `insert into "user" (email, name, role) values ($1, $2, $3) returning id`, user.Email, user.Name, user.Role).Scan(&user.ID); err != nil {
		t.Fatal(err)
	}
	h.ann = desk.Actor{User: user, Via: "api"}
	h.listen(t)
	return h
}

// listen hears of every change.
func (h *house) listen(t testing.TB) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		h.tickets.Listen(ctx, func(news store.News) { h.heard <- news }, func(error) {})
	}()
	t.Cleanup(func() { cancel(); <-done })
}

// start runs the jobs until the test ends.
func (h *house) start(t testing.TB) {
	t.Helper()
	runner, err := New(h.config)
	if err != nil {
		t.Fatal(err)
	}
	runner.heart.every, runner.heart.dead = 200*time.Millisecond, time.Second // the dead are noticed soon
	if err := runner.Start(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := runner.Stop(ctx); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
}

// activate adds a domain, publishes what it asks for, and has it verified.
func (h *house) activate(t testing.TB, name string) {
	t.Helper()
	if _, _, err := h.domains.Add(t.Context(), h.ann, name); err != nil {
		t.Fatal(err)
	}
	h.publishAll(t, name)
}

// publishAll puts what the domains want into the DNS, and has one of them verified.
func (h *house) publishAll(t testing.TB, name string) {
	t.Helper()
	all, err := h.domains.List(t.Context(), h.ann)
	if err != nil {
		t.Fatal(err)
	}
	published := zone
	for _, one := range all {
		_, records, err := h.domains.Show(t.Context(), h.ann, one.Name)
		if err != nil {
			t.Fatal(err)
		}
		for _, record := range records {
			published += domains.ZoneLine(record) + "\n"
		}
	}
	h.dns.Set(t, published)
	if domain, _, err := h.domains.Verify(t.Context(), h.ann, name); err != nil || domain.State != desk.DomainActive {
		t.Fatalf("%s is %s: %v", name, domain.State, err)
	}
}

func (h *house) mailbox(t testing.TB, address string) int64 {
	t.Helper()
	mailbox, err := h.domains.AddMailbox(t.Context(), h.ann, address, "Example Support")
	if err != nil {
		t.Fatal(err)
	}
	return mailbox.ID
}

// write starts a conversation.
func (h *house) write(t *testing.T, n desk.NewTicket) (desk.Ticket, desk.Message) {
	t.Helper()
	if n.Subject == "" {
		n.Subject, n.Text = "Grüße vom Pumpendienst", "Hello\n\n> a quote\n\nSee https://example.com/a?b=1&c=2 and javascript:alert(1)"
	}
	ticket, message, err := h.tickets.Start(t.Context(), h.ann, n)
	if err != nil {
		t.Fatal(err)
	}
	return ticket, message
}

// until waits until the message is as wanted. It looks whenever there are news, and now and then in case the news came before the ear.
func (h *house) until(t *testing.T, message int64, wanted func(desk.Message) bool) desk.Message {
	t.Helper()
	deadline := time.After(patience)
	for {
		m, err := h.tickets.Message(t.Context(), h.ann, message)
		if err != nil {
			t.Fatal(err)
		}
		if wanted(m) {
			return m
		}
		select {
		case <-h.heard:
		case <-time.After(200 * time.Millisecond):
		case <-deadline:
			t.Fatalf("the message is still %+v", m.Deliveries)
		}
	}
}

// all says that every delivery is in the state.
func all(state desk.DeliveryState) func(desk.Message) bool {
	return func(m desk.Message) bool {
		return !slices.ContainsFunc(m.Deliveries, func(d desk.Delivery) bool { return d.State != state })
	}
}

// original is the bytes that were kept.
func (h *house) original(t *testing.T, message int64) []byte {
	t.Helper()
	r, size, err := h.tickets.Original(t.Context(), h.ann, message)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	kept, err := io.ReadAll(r)
	if err != nil || int64(len(kept)) != size {
		t.Fatalf("%d bytes of %d: %v", len(kept), size, err)
	}
	return kept
}

func header(t *testing.T, raw []byte) mail.Header {
	t.Helper()
	parsed, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	return parsed.Header
}

// From the agent's words to the customers' servers: two domains, a blind copy, two signatures, and the same bytes everywhere (T-BYTES, T-SIGN, T-DELIVERY).
func TestSend(t *testing.T) {
	t.Parallel()
	h := newHouse(t, testkit.Behaviour{Host: "mx.customer.test"})
	h.activate(t, "example.com")
	box := h.mailbox(t, "support@example.com")
	h.start(t)
	upload, err := h.tickets.Upload(t.Context(), h.ann, tickets.NewFile{Name: "Größe.txt", MediaType: "text/plain", Size: -1, R: strings.NewReader("forty-two")})
	if err != nil {
		t.Fatal(err)
	}
	ticket, _ := h.write(t, desk.NewTicket{MailboxID: box, To: []desk.Address{{Name: "Carol", Addr: "carol@customer.test"}}})
	m, err := h.tickets.Reply(t.Context(), h.ann, desk.ReplyRequest{Ticket: ticket.ID, Text: "Hello & <goodbye>", Recipients: desk.AsGiven, Uploads: []int64{upload.ID},
		To: []desk.Address{{Name: "Carol", Addr: "carol@customer.test"}}, Cc: []desk.Address{{Addr: "dave@other.test"}}, Bcc: []desk.Address{{Addr: "boss@other.test"}}})
	if err != nil {
		t.Fatal(err)
	}
	done := h.until(t, m.ID, all(desk.DeliverySent))
	for _, d := range done.Deliveries {
		if !strings.HasPrefix(d.Host, "mx.") || !strings.Contains(d.TLS, "1.3") || !strings.HasPrefix(d.Reply, "250") || d.Attempts != 1 {
			t.Errorf("delivery is %+v", d)
		}
	}
	kept := h.original(t, m.ID)
	var got int
	for _, one := range h.sink.Mails() {
		if header(t, one.Bytes).Get("Message-Id") != "<"+m.MessageID+">" {
			continue // the first message of the conversation
		}
		got++
		if !bytes.Equal(one.Bytes, kept) {
			t.Error("what arrived is not what was kept")
		}
		box, message, recipient, ok := h.codec.ParseReturnPath(one.From)
		if !ok || box != "support@example.com" || message != m.ID || len(one.To) != 1 || recipient != threading.RecipientTag(one.To[0]) {
			t.Errorf("bounces of the copy to %v go to %s", one.To, one.From)
		}
	}
	if got != 3 {
		t.Errorf("%d mails came, want one for each recipient", got)
	}
	fields := header(t, kept)
	if _, message, ok := h.codec.ParseAddress(strings.Trim(fields.Get("Reply-To")[strings.Index(fields.Get("Reply-To"), "<"):], "<>")); !ok || message != m.ID {
		t.Errorf("answers go to %s", fields.Get("Reply-To"))
	}
	if from := fields.Get("From"); from != `"Example Support" <support@example.com>` && from != `Example Support <support@example.com>` {
		t.Errorf("from is %s", from)
	}
	if len(fields["Dkim-Signature"]) != 2 || bytes.Contains(kept, []byte("boss@other.test")) || fields.Get("In-Reply-To") == "" {
		t.Errorf("header is %v", fields)
	}
	if facts, _ := done.Decode(); len(facts.Problems) != 0 {
		t.Errorf("problems: %q", facts.Problems)
	}
}

// A domain that is not verified is not used as From; before there is any, mail leaves unsigned; the message says so (T-SIGN).
func TestT_SIGN_unverified(t *testing.T) {
	t.Parallel()
	h := newHouse(t, testkit.Behaviour{})
	unverified := h.mailbox(t, "help@unverified.test")
	h.start(t)
	send := func() (desk.Message, mail.Header) {
		_, m := h.write(t, desk.NewTicket{MailboxID: unverified, To: []desk.Address{{Addr: "carol@customer.test"}}})
		done := h.until(t, m.ID, all(desk.DeliverySent))
		return done, header(t, h.original(t, m.ID))
	}
	m, fields := send()
	facts, _ := m.Decode()
	if !strings.Contains(fields.Get("From"), "<help@unverified.test>") || len(fields["Dkim-Signature"]) != 0 || len(facts.Problems) != 1 || !strings.Contains(facts.Problems[0], "unsigned") {
		t.Errorf("before any domain: %v, %q", fields, facts.Problems)
	}
	h.activate(t, "example.com")
	h.mailbox(t, "support@example.com")
	m, fields = send()
	facts, _ = m.Decode()
	if !strings.Contains(fields.Get("From"), "Example Support via example.com") || !strings.Contains(fields.Get("From"), "<support@example.com>") || len(fields["Dkim-Signature"]) != 2 {
		t.Errorf("via: %v", fields)
	}
	if !strings.Contains(fields.Get("Reply-To"), "@unverified.test>") || len(facts.Problems) != 1 || !strings.Contains(facts.Problems[0], "unverified.test is not here") {
		t.Errorf("via: %v, %q", fields, facts.Problems)
	}
}

// 4xx is tried again, 5xx is not, and each recipient has a fate of their own.
func TestT_DELIVERY(t *testing.T) {
	t.Parallel()
	var later atomic.Bool
	h := newHouse(t, testkit.Behaviour{Rcpt: func(to string) *smtp.SMTPError {
		switch {
		case strings.HasPrefix(to, "gone@"):
			return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such person"}
		case strings.HasPrefix(to, "grey@") && !later.Load():
			return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "come back later"}
		default:
			return nil
		}
	}})
	box := h.mailbox(t, "support@example.com")
	h.start(t)
	ticket, m := h.write(t, desk.NewTicket{MailboxID: box, To: []desk.Address{{Addr: "carol@customer.test"}, {Addr: "gone@customer.test"}, {Addr: "grey@customer.test"}}})
	settled := h.until(t, m.ID, func(m desk.Message) bool {
		return len(m.Deliveries) == 3 && m.Deliveries[0].State == desk.DeliverySent && m.Deliveries[1].State == desk.DeliveryBounced && m.Deliveries[2].State == desk.DeliveryDeferred
	})
	grey := settled.Deliveries[2]
	if wait := grey.NextAt.Sub(grey.UpdatedAt); wait < 30*time.Second || wait > 2*time.Minute || !strings.Contains(grey.Reply, "come back later") {
		t.Errorf("deferred: %+v", grey)
	}
	after, err := h.tickets.Get(t.Context(), h.ann, ticket.ID)
	if err != nil || after.Status != desk.StatusOpen || !after.DeliveryProblem {
		t.Errorf("the bounce did not open the ticket: %+v, %v", after, err)
	}
	later.Store(true)
	// The job that waits for its time gives way to one that runs now; it may still be on its way to sleep, when it comes back by itself.
	if err := h.tickets.RetryDelivery(t.Context(), h.ann, m.ID, "grey@customer.test"); err != nil {
		t.Fatal(err)
	}
	h.until(t, m.ID, func(m desk.Message) bool { return m.Deliveries[2].State == desk.DeliverySent })
	var carol int
	for _, one := range h.sink.Mails() {
		if slices.Contains(one.To, "carol@customer.test") {
			carol++
		}
	}
	if carol != 1 {
		t.Errorf("the recipient who had it got it %d times", carol)
	}
}

// A process that dies between sending and recording makes the next one send the same bytes again: twice perhaps, never not at all.
func TestT_DELIVERY_crash(t *testing.T) {
	t.Parallel()
	h := newHouse(t, testkit.Behaviour{})
	box := h.mailbox(t, "support@example.com")
	_, m := h.write(t, desk.NewTicket{MailboxID: box, To: []desk.Address{{Addr: "carol@customer.test"}}})
	worker := h.worker(t)
	out := h.outgoing(t, m.ID)
	parcel, err := worker.ready(t.Context(), out)
	if err != nil {
		t.Fatal(err)
	}
	taken, err := worker.take.ask(t.Context(), parcel.letter)
	if err != nil || len(taken.Recipients) != 1 {
		t.Fatalf("%+v, %v", taken, err)
	}
	h.config.Sender.Deliver(t.Context(), mailout.Outgoing{ReturnPath: parcel.returnPath, Recipients: []string{"carol@customer.test"}, Size: parcel.size, Open: parcel.open}) // … and here it died
	first := h.sink.Next(t)
	h.start(t)
	h.until(t, m.ID, all(desk.DeliverySent))
	if second := h.sink.Next(t); !bytes.Equal(first.Bytes, second.Bytes) {
		t.Error("the second mail is not the same to the byte")
	}
}

// worker is the sender of a process that is alive until the test is over, and does not watch others.
func (h *house) worker(t *testing.T) *sendReply {
	t.Helper()
	cfg := h.config
	cfg.Random, cfg.Now = func() float64 { return 0.5 }, time.Now
	heart := newHeart(cfg)
	if err := heart.beat(t.Context()); err != nil {
		t.Fatal(err)
	}
	return newSendReply(cfg, heart)
}

func (h *house) outgoing(t *testing.T, message int64) *tickets.Outgoing {
	t.Helper()
	out, err := h.tickets.Outgoing(t.Context(), store.WordsIfNeeded, desk.SendReply{Message: message, Destination: "customer.test"})
	if err != nil || out[0] == nil {
		t.Fatalf("%v, %v", out, err)
	}
	return out[0]
}

// T-UNDO: what was taken back never leaves, although its job was there.
func TestT_UNDO(t *testing.T) {
	t.Parallel()
	h := newHouse(t, testkit.Behaviour{})
	box := h.mailbox(t, "support@example.com")
	ticket, first := h.write(t, desk.NewTicket{MailboxID: box, To: []desk.Address{{Addr: "carol@customer.test"}}})
	undone, err := h.tickets.Reply(t.Context(), h.ann, desk.ReplyRequest{Ticket: ticket.ID, Text: "never"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.tickets.UndoSend(t.Context(), h.ann, undone.ID); err != nil {
		t.Fatal(err)
	}
	if err := h.store.Write(t.Context(), func(tx *store.Tx) error { // as if the job had begun just before
		return tx.Enqueue(t.Context(), time.Time{}, desk.SendReply{Message: undone.ID, Destination: "customer.test"})
	}); err != nil {
		t.Fatal(err)
	}
	h.start(t)
	h.until(t, first.ID, all(desk.DeliverySent))
	last, err := h.tickets.Reply(t.Context(), h.ann, desk.ReplyRequest{Ticket: ticket.ID, Text: "after"})
	if err != nil {
		t.Fatal(err)
	}
	h.until(t, last.ID, all(desk.DeliverySent))
	if mails := h.sink.Mails(); len(mails) != 2 {
		t.Errorf("%d mails left, want 2", len(mails))
	}
}

// Large mails pass through files and the bucket, not through memory.
func TestSendLarge(t *testing.T) {
	t.Parallel()
	h := newHouse(t, testkit.Behaviour{})
	h.activate(t, "example.com")
	box := h.mailbox(t, "support@example.com")
	h.start(t)
	upload, err := h.tickets.Upload(t.Context(), h.ann, tickets.NewFile{Name: "big.bin", Size: 3 << 20, R: io.LimitReader(zeros{}, 3<<20)})
	if err != nil {
		t.Fatal(err)
	}
	_, m := h.write(t, desk.NewTicket{MailboxID: box, To: []desk.Address{{Addr: "carol@customer.test"}}, Subject: "Big", Text: "Big", Uploads: []int64{upload.ID}})
	h.until(t, m.ID, all(desk.DeliverySent))
	kept := h.original(t, m.ID)
	if got := h.sink.Next(t); !bytes.Equal(got.Bytes, kept) || len(kept) < 4<<20 {
		t.Errorf("%d bytes came, %d were kept", len(got.Bytes), len(kept))
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// A message that can never be a mail is given up where its writer sees it.
func TestGiveUp(t *testing.T) {
	t.Parallel()
	h := newHouse(t, testkit.Behaviour{})
	box := h.mailbox(t, "support@example.com")
	ticket, m := h.write(t, desk.NewTicket{MailboxID: box, To: []desk.Address{{Addr: "carol@customer.test"}}})
	worker, job := h.worker(t), &river.Job[desk.SendReply]{JobRow: &rivertype.JobRow{Errors: make([]rivertype.AttemptError, hopeless)}}
	if err := worker.unready(t.Context(), job, h.outgoing(t, m.ID), fmt.Errorf("no")); err == nil {
		t.Error("the job goes on")
	}
	after, err := h.tickets.Get(t.Context(), h.ann, ticket.ID)
	if err != nil || !after.DeliveryProblem || after.Status != desk.StatusOpen {
		t.Errorf("%+v, %v", after, err)
	}
}

package tickets

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/desk"
	"postern/internal/testkit"
	"postern/mailtext"
	"postern/store"
	"postern/threading"
)

// house is a service over a database of its own, with two agents and two mailboxes.
type house struct {
	*Service
	ann, bob, owner desk.Actor
	support, sales  int64 // mailboxes
	clock           *clock
}

// clock stands still until it is told to go on.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) wait(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func newHouse(t *testing.T) *house {
	t.Helper()
	db, err := store.Open(t.Context(), testkit.Postgres(t), 4)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	keys := testkit.Keys(t)
	h := &house{clock: &clock{at: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)}}
	h.Service = New(Config{Store: db, Keys: keys, Bucket: testkit.S3(t, keys), Hostname: "mx.example.com", PublicURL: "https://desk.example.com/", Undo: 10 * time.Second, Now: h.clock.now})
	h.ann = h.person(t, "ann@example.com", "Ann", desk.RoleAgent)
	h.bob = h.person(t, "bob@example.com", "Bob", desk.RoleAgent)
	h.owner = h.person(t, "owner@example.com", "Olga", desk.RoleOwner)
	h.support, h.sales = h.mailbox(t, "support@example.com", "Example Support"), h.mailbox(t, "sales@example.com", "Example Sales")
	return h
}

func (h *house) person(t *testing.T, email, name string, role desk.Role) desk.Actor {
	t.Helper()
	user := desk.User{Email: email, Name: name, Role: role}
	h.row(t, &user.ID, `insert into "user" (email, name, role) values ($1, $2, $3) returning id`, email, name, role)
	return desk.Actor{User: user, Via: "portal", IP: "192.0.2.9"}
}

func (h *house) mailbox(t *testing.T, address, name string) (id int64) {
	t.Helper()
	h.row(t, &id, `insert into mailbox (address, name) values ($1, $2) returning id`, address, name)
	return id
}

// row scans one value.
func (h *house) row(t *testing.T, into any, sql string, args ...any) {
	t.Helper()
	if err := h.store.Pool().QueryRow(t.Context(), sql, args...).Scan(into); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// sql is for what other services bring about.
func (h *house) sql(t *testing.T, text string, args ...any) {
	t.Helper()
	if _, err := h.store.Pool().Exec(t.Context(), text, args...); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

// inbound is a mail as intake would file it.
type inbound struct {
	Ticket  int64 // 0: a new one
	From    desk.Address
	To, Cc  []desk.Address
	Subject string
	Text    string
	Status  desk.Status // of the ticket afterwards; empty: open, or new
	Facts   desk.MessageFacts
	Pending bool     // its author is a stranger
	People  []string // who become participants
	Side    int64    // the conversation beside the ticket's own that it answers
}

// mail files a mail by the statements that intake uses.
func (h *house) mail(t *testing.T, in inbound) (ticket, message int64) {
	t.Helper()
	now := h.clock.now()
	ask := store.Lookup{Need: store.Numbers{Tickets: 1, Messages: 1}}
	err := h.store.FileMails(t.Context(), ask, func(found store.Found) (*store.Filing, error) {
		message = found.MessageIDs[0]
		filing := &store.Filing{Contacts: []desk.Address{{Name: in.From.Name, Addr: desk.Canonical(in.From.Addr)}}}
		if ticket = in.Ticket; ticket == 0 {
			ticket = found.TicketIDs[0]
			filing.Tickets = []store.NewTicketRow{{ID: ticket, Subject: in.Subject, MailboxID: h.support, Requester: desk.Canonical(in.From.Addr), Preview: in.Text, WaitingSince: &now, At: now}}
		} else {
			status := in.Status
			if status == "" {
				status = desk.StatusOpen
			}
			filing.Touches = []store.TicketTouch{{ID: ticket, Status: status, Waiting: &now, Preview: in.Text, At: now, NewParticipant: in.Pending}}
		}
		id := fmt.Sprintf("%d@customer.test", message)
		filing.Messages = []store.NewMessageRow{{ID: message, TicketID: ticket, Kind: desk.KindInbound, FromName: in.From.Name, FromAddress: desk.Canonical(in.From.Addr),
			To: in.To, Cc: in.Cc, Subject: in.Subject, MessageID: id, At: now, Text: in.Text, Facts: in.Facts,
			Words: mailtext.Lexemes(in.Subject + " " + in.Text + " " + in.From.Name + " " + in.From.Addr)}}
		if in.Side != 0 {
			filing.Messages[0].Side, filing.Touches[0].Preview = &in.Side, ""
		}
		filing.Keys = []store.KeyRow{{Key: threading.Key(id), Message: message, TicketID: ticket, MailboxID: h.support}}
		if in.Pending {
			filing.Participants = append(filing.Participants, store.ParticipantRow{TicketID: ticket, Address: desk.Canonical(in.From.Addr), Pending: true})
		}
		for _, person := range in.People {
			filing.Contacts = append(filing.Contacts, desk.Address{Addr: person})
			filing.Participants = append(filing.Participants, store.ParticipantRow{TicketID: ticket, Address: person})
		}
		return filing, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return ticket, message
}

// file puts a file onto a mail, as intake would.
func (h *house) file(t *testing.T, message int64, name string) {
	t.Helper()
	file, err := h.Upload(t.Context(), h.ann, NewFile{Name: name, MediaType: "text/plain", Size: 5, R: strings.NewReader("hello")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.store.Pool().Exec(t.Context(), `update attachment set message = $1, uploaded_by = null, origin = 'part' where id = $2`, message, file.ID); err != nil {
		t.Fatal(err)
	}
}

var (
	carol   = desk.Address{Name: "Carol", Addr: "carol@customer.test"}
	dave    = desk.Address{Name: "Dave", Addr: "dave@customer.test"}
	support = desk.Address{Name: "Example Support", Addr: "support@example.com"}
)

// ask is Carol's first mail.
func (h *house) ask(t *testing.T) (ticket, message int64) {
	return h.mail(t, inbound{From: carol, To: []desk.Address{support}, Subject: "Broken pump", Text: "My pump is broken."})
}

func (h *house) get(t *testing.T, number int64) desk.Ticket {
	t.Helper()
	ticket, err := h.Get(t.Context(), h.ann, number)
	if err != nil {
		t.Fatal(err)
	}
	return ticket
}

func (h *house) conversation(t *testing.T, number int64) []desk.Message {
	t.Helper()
	page, err := h.Conversation(t.Context(), h.ann, number, "", 200)
	if err != nil {
		t.Fatal(err)
	}
	return page.Items
}

// reply answers as Ann and expects it to work.
func (h *house) reply(t *testing.T, r desk.ReplyRequest) desk.Message {
	t.Helper()
	m, err := h.Reply(t.Context(), h.ann, r)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// events lists the verbs of a ticket's events.
func (h *house) events(t *testing.T, number int64) (verbs []string) {
	t.Helper()
	for _, m := range h.conversation(t, number) {
		if m.Kind == desk.KindEvent {
			facts, err := m.Decode()
			if err != nil {
				t.Fatal(err)
			}
			verbs = append(verbs, facts.Event.Verb)
		}
	}
	return verbs
}

// audited says how many entries of an action there are.
func (h *house) audited(t *testing.T, action string) (n int) {
	t.Helper()
	h.row(t, &n, `select count(*) from audit where action = $1`, action)
	return n
}

// jobs counts the jobs that wait to send a message.
func (h *house) jobs(t *testing.T, message int64) (n int) {
	t.Helper()
	h.row(t, &n, `select count(*) from river_job where kind = 'send_reply' and (args ->> 'message')::bigint = $1 and state in ('available', 'scheduled')`, message)
	return n
}

func wantFault(t *testing.T, err error, kind desk.FaultKind) {
	t.Helper()
	var fault *desk.Fault
	if !errors.As(err, &fault) || fault.Kind != kind {
		t.Fatalf("error is %v, want a fault of kind %d", err, kind)
	}
}

func addresses(list []desk.Address) []string {
	out := []string{}
	for _, one := range list {
		out = append(out, one.Addr)
	}
	return out
}

func equal(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

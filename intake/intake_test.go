package intake

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"postern/attachments"
	"postern/desk"
	"postern/embedded"
	"postern/internal/testkit"
	"postern/mailauth"
	"postern/secret"
	"postern/store"
	"postern/threading"
)

// house is an Intake over a real database and a real bucket, with two mailboxes and one agent.
type house struct {
	t      *testing.T
	in     *Intake
	store  *store.Store
	pool   *pgxpool.Pool
	codec  *threading.Codec
	keys   *secret.Keyset
	bucket *attachments.Bucket
	now    time.Time
}

func newHouse(t *testing.T) *house {
	t.Helper()
	ctx := t.Context()
	url := testkit.Postgres(t)
	st, err := store.Open(ctx, url, 0)
	check(t, err)
	t.Cleanup(st.Close)
	s3, err := embedded.StartS3(ctx, embedded.S3Options{Dir: t.TempDir(), Bucket: "test"})
	check(t, err)
	t.Cleanup(func() { check(t, s3.Stop(context.Background())) })
	keys := secret.NewKeyset(rand.Reader)
	bucket, err := attachments.Open(ctx, attachments.Config{
		Endpoint: s3.Endpoint(), Bucket: s3.Bucket(), AccessKey: s3.AccessKey(), SecretKey: s3.SecretKey(), TLS: attachments.TLSOff,
	}, keys)
	check(t, err)
	h := &house{t: t, store: st, pool: st.Pool(), keys: keys, bucket: bucket, codec: threading.NewCodec(keys, "mail.example.com"), now: time.Now().UTC().Truncate(time.Microsecond)}
	h.sql(`insert into mailbox (address, name) values ('support@example.com', 'Support'), ('sales@example.com', 'Sales')`)
	h.sql(`insert into "user" (email, name, role) values ('agent@example.com', 'Agent', 'agent')`)
	directory, err := NewDirectory(ctx, st, h.codec)
	check(t, err)
	h.in = New(Config{
		Store: st, Keys: keys, Bucket: bucket, Checker: &mailauth.Checker{}, Hostname: "mail.example.com", Log: slog.New(slog.DiscardHandler),
	}, directory)
	running, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() { h.in.Run(running); close(ended) }()
	t.Cleanup(func() { stop(); <-ended })
	return h
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (h *house) sql(sql string, args ...any) {
	h.t.Helper()
	_, err := h.pool.Exec(h.t.Context(), sql, args...)
	check(h.t, err)
}

// value reads one value from the database.
func value[T any](h *house, sql string, args ...any) (v T) {
	h.t.Helper()
	check(h.t, h.pool.QueryRow(h.t.Context(), sql, args...).Scan(&v))
	return v
}

// mailTo sends a mail, given with \n line ends, to the recipients.
func (h *house) mailTo(recipients []string, text string) desk.Outcome {
	h.t.Helper()
	outcome, err := h.deliver(desk.Envelope{MailFrom: "someone@customer.example", Recipients: recipients}, text)
	check(h.t, err)
	return outcome
}

func (h *house) deliver(env desk.Envelope, text string) (desk.Outcome, error) {
	env.Source, env.ReceivedAt = desk.FromSMTP, h.now
	h.now = h.now.Add(time.Second)
	raw := "Return-Path: <" + env.MailFrom + ">\r\nReceived: from x by mail.example.com; " + h.now.Format(time.RFC1123Z) + "\r\n" + strings.ReplaceAll(text, "\n", "\r\n")
	return h.in.Accept(h.t.Context(), env, io.NewSectionReader(strings.NewReader(raw), 0, int64(len(raw))))
}

// support sends a mail to the support mailbox.
func (h *house) support(text string) desk.Outcome {
	h.t.Helper()
	return h.mailTo([]string{"support@example.com"}, text)
}

func (h *house) want(got desk.Outcome, disposition desk.Disposition, ticket int64) {
	h.t.Helper()
	if got.Disposition != disposition || ticket != 0 && got.Ticket != ticket {
		h.t.Fatalf("got %+v, want %s on #%d", got, disposition, ticket)
	}
}

const hello = `From: Anna <anna@customer.example>
To: Support <support@example.com>
Subject: The printer is on fire
Message-ID: <first@customer.example>
Date: Sun, 22 Nov 2026 10:00:00 +0000

Please help.
`

func TestT_250_MailIsATicketWhenAcceptReturns(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	got := h.support(hello)
	h.want(got, desk.Ticketed, 0)
	subject := value[string](h, `select subject from ticket where id = $1`, got.Ticket)
	text := value[string](h, `select text from message where id = $1 and ticket_id = $2`, got.Message, got.Ticket)
	requester := value[string](h, `select c.address from ticket t join contact c on c.id = t.requester_id where t.id = $1`, got.Ticket)
	if subject != "The printer is on fire" || text != "Please help." || requester != "anna@customer.example" {
		t.Errorf("ticket %q from %s: %q", subject, requester, text)
	}
	if rule := value[string](h, `select facts -> 'why' ->> 'rule' from message where id = $1`, got.Message); rule != threading.RuleNew {
		t.Errorf("why here: %q", rule)
	}
	if found := value[int](h, `select count(*) from message where search @@ to_tsquery('simple', 'printer & fire & help')`); found != 1 {
		t.Errorf("search finds %d messages", found)
	}
}

func TestT_ORIGINAL_BytesComeBackAsReceived(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	got := h.support(hello)
	var id int64
	var dek, sealed []byte
	check(t, h.pool.QueryRow(t.Context(), `select id, dek, sealed from original where message = $1`, got.Message).Scan(&id, &dek, &sealed))
	plain, err := attachments.OpenSmall(h.keys, fmt.Sprintf("original/%d", id), dek, sealed)
	check(t, err)
	if !bytes.HasSuffix(plain, []byte(strings.ReplaceAll(hello, "\n", "\r\n"))) || !bytes.HasPrefix(plain, []byte("Authentication-Results: mail.example.com;")) || !bytes.Contains(plain, []byte("\r\nReturn-Path:")) {
		t.Errorf("the original came back as %q", plain)
	}
	if bytes.Contains(sealed, []byte("printer")) {
		t.Error("the original lies readable in the database")
	}
	big := h.support("From: anna@customer.example\nMessage-ID: <big@x>\nDate: Sun, 22 Nov 2026 10:00:00 +0000\n\n" + strings.Repeat("all work and no play\n", 20_000))
	key := value[string](h, `select object_key from original where message = $1`, big.Message)
	if key == "" {
		t.Error("a large original is not in the bucket")
	}
}

func TestT_DUP_SAME_and_T_DUP_DIFF(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	first := h.support(hello)
	h.want(h.support(hello), desk.Duplicate, first.Ticket)
	h.want(h.support("Received: from other by relay; Sun, 22 Nov 2026 11:00:00 +0000\n"+hello), desk.Duplicate, first.Ticket) // by another way, the same mail
	other := h.support(strings.Replace(hello, "Please help.", "Please send money.", 1))
	if other.Disposition == desk.Duplicate || other.Disposition == desk.Suspended {
		t.Fatalf("other bytes under the same id: %+v", other)
	}
	if same := value[int64](h, `select (facts ->> 'same_id')::bigint from message where id = $1`, other.Message); same != first.Message {
		t.Errorf("the second is marked with %d, want %d", same, first.Message)
	}
}

func TestMailWithoutMessageID(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	one := "From: alarm@device.example\nTo: support@example.com\nSubject: Alarm\nDate: Sun, 22 Nov 2026 10:00:00 +0000\n\nOne\n"
	first := h.support(one)
	h.want(h.support(strings.Replace(one, "One", "Two", 1)), desk.Ticketed, 0) // libredesk#122: an empty id must not swallow other mail
	h.want(h.support(one), desk.Duplicate, first.Ticket)                       // the same bytes with a date: tried twice
	undated := "From: alarm@device.example\nSubject: Alarm\n\nAgain\n"
	h.want(h.support(undated), desk.Ticketed, 0)
	h.want(h.support(undated), desk.Ticketed, 0) // nothing says that this is not a second alarm
	h.want(h.support("From: a@b.example\nMessage-ID: <>\nSubject: x\n\ny\n"), desk.Ticketed, 0)
}

func TestT_TWO_INBOX(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	both := strings.Replace(hello, "To: Support <support@example.com>", "To: sales@example.com\nCc: support@example.com, friend@customer.example", 1)
	got := h.mailTo([]string{"support@example.com", "sales@example.com"}, both)
	h.want(got, desk.Ticketed, 0)
	if primary := value[string](h, `select m.address from ticket t join mailbox m on m.id = t.mailbox_id where t.id = $1`, got.Ticket); primary != "sales@example.com" {
		t.Errorf("primary mailbox is %s", primary)
	}
	if also := value[int](h, `select count(*) from ticket_mailbox where ticket_id = $1`, got.Ticket); also != 1 {
		t.Errorf("seen in %d further mailboxes", also)
	}
	second := strings.Replace(hello, "first@", "second@", 1)
	one := h.mailTo([]string{"support@example.com"}, second)
	h.want(h.mailTo([]string{"sales@example.com"}, second), desk.Duplicate, one.Ticket) // two deliveries
	if also := value[int](h, `select count(*) from ticket_mailbox where ticket_id = $1`, one.Ticket); also != 1 {
		t.Errorf("after the second delivery it is seen in %d further mailboxes", also)
	}
}

func TestT_BCC(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	got := h.support(strings.Replace(hello, "To: Support <support@example.com>", "To: boss@customer.example", 1))
	h.want(got, desk.Ticketed, 0)
	if !value[bool](h, `select (facts ->> 'received_bcc')::boolean from message where id = $1`, got.Message) {
		t.Error("a mail that names us nowhere is not marked")
	}
}

// reply is what the customer's program sends back to a reply of ours.
func (h *house) ours(ticket int64) (message int64) {
	h.t.Helper()
	message = value[int64](h, `insert into message (ticket_id, kind, at) values ($1, 'reply', now()) returning id`, ticket)
	h.sql(`update ticket set status = 'pending', waiting_since = null where id = $1`, ticket)
	return message
}

func TestAnswersJoinTheirTicket(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ticket := h.support(hello).Ticket
	message := h.ours(ticket)
	token, id := h.codec.ReplyAddress("support@example.com", message), h.codec.MessageID(message)
	answer := func(n int, fields string) string {
		return fmt.Sprintf("Message-ID: <answer%d@customer.example>\nDate: Sun, 22 Nov 2026 12:00:00 +0000\nSubject: Re: something else\n%s\n\nYes.\n", n, fields)
	}
	h.want(h.mailTo([]string{token}, answer(1, "From: anna@customer.example")), desk.Appended, ticket)
	if status := value[string](h, `select status from ticket where id = $1`, ticket); status != "open" {
		t.Errorf("after the answer the ticket is %s (T-REOPEN)", status)
	}
	h.want(h.support(answer(2, "From: anna@customer.example\nCc: "+token)), desk.Appended, ticket) // T-TOKEN-CC
	h.want(h.support(answer(3, "From: anna@customer.example\nIn-Reply-To: <"+id+">")), desk.Appended, ticket)
	h.want(h.support(answer(4, "From: anna@customer.example\nReferences: <x@y>\n <"+id+">")), desk.Appended, ticket)
	h.want(h.support(answer(5, "From: anna@customer.example\nIn-Reply-To: <first@customer.example>")), desk.Appended, ticket) // T-SUBJ-CHANGE
	private := h.mailTo([]string{token}, answer(6, "From: anna@private.example"))                                             // T-ALT-ADDR, T-STRANGER
	h.want(private, desk.Appended, ticket)
	if !value[bool](h, `select p.pending from participant p join contact c on c.id = p.contact_id where p.ticket_id = $1 and c.address = 'anna@private.example'`, ticket) {
		t.Error("a new participant does not wait to be accepted")
	}
	if !value[bool](h, `select new_participant from ticket where id = $1`, ticket) {
		t.Error("the ticket does not show that somebody waits")
	}
	stranger := h.support(answer(7, "From: eve@stranger.example\nIn-Reply-To: <first@customer.example>"))
	h.want(stranger, desk.Ticketed, 0)
	if suggested := value[int64](h, `select suggested from ticket where id = $1`, stranger.Ticket); suggested != ticket {
		t.Errorf("perhaps #%d, want #%d", suggested, ticket)
	}
	spoof := h.support(answer(8, "From: anna@customer.example\nX-Nothing: here\nSubject: ["+fmt.Sprintf("#%d", ticket)+"]")) // T-SUBJ-SPOOF
	h.want(spoof, desk.Ticketed, 0)
}

func TestT_LATE(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	answer := h.support("From: bob@customer.example\nTo: anna@customer.example, support@example.com\nMessage-ID: <b@customer.example>\nIn-Reply-To: <a@customer.example>\nDate: Sun, 22 Nov 2026 11:00:00 +0000\n\nI agree.\n")
	h.now = time.Date(2026, 11, 22, 11, 5, 0, 0, time.UTC)
	question := h.support("From: anna@customer.example\nTo: support@example.com, bob@customer.example\nMessage-ID: <a@customer.example>\nDate: Sun, 22 Nov 2026 10:00:00 +0000\n\nIs it so?\n")
	h.want(question, desk.Appended, answer.Ticket)
	first := value[int64](h, `select id from message where ticket_id = $1 order by at, id limit 1`, answer.Ticket)
	if first != question.Message {
		t.Error("the question does not stand before its answer")
	}
}

func TestT_FOLLOWUP(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ticket := h.support(hello).Ticket
	message := h.ours(ticket)
	h.sql(`update ticket set status = 'closed', closed_at = now() - interval '15 days' where id = $1`, ticket)
	got := h.mailTo([]string{h.codec.ReplyAddress("support@example.com", message)}, "From: anna@customer.example\nMessage-ID: <later@x>\nDate: Sun, 22 Nov 2026 12:00:00 +0000\nSubject: Re: fire\n\nIt burns again.\n")
	h.want(got, desk.Ticketed, 0)
	if got.Ticket == ticket || value[int64](h, `select follows from ticket where id = $1`, got.Ticket) != ticket {
		t.Errorf("no follow-up of #%d: %+v", ticket, got)
	}
	h.sql(`update ticket set closed_at = now() - interval '2 days' where id = $1`, ticket)
	got = h.mailTo([]string{h.codec.ReplyAddress("support@example.com", message)}, "From: anna@customer.example\nMessage-ID: <soon@x>\nDate: Sun, 22 Nov 2026 12:00:00 +0000\n\nStill.\n")
	h.want(got, desk.Appended, ticket)
	if status := value[string](h, `select status from ticket where id = $1`, ticket); status != "open" {
		t.Errorf("closed two days ago: now %s", status)
	}
}

func TestT_AGENT_SPOOF_and_loops_are_suspended(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for _, c := range []struct {
		name, mail string
		cause      desk.Cause
	}{
		{"an agent's address", "From: Agent <AGENT@example.com>\nMessage-ID: <s1@x>\n\nGive me the keys.\n", desk.CauseAgentSpoof},
		{"our own mark", "From: other@helpdesk.example\nX-Postern-Loop: mail.example.com\nMessage-ID: <s2@x>\n\nThank you for your mail.\n", desk.CauseLoop},
		{"our own mailbox", "From: sales@example.com\nMessage-ID: <s3@x>\n\nHello.\n", desk.CauseLoop},
		{"an automatic answer to nothing of ours", "From: bob@customer.example\nAuto-Submitted: auto-replied\nMessage-ID: <s4@x>\n\nI am away.\n", desk.CauseBackscatter},
	} {
		got := h.support(c.mail)
		if got.Disposition != desk.Suspended || got.Cause != c.cause {
			t.Errorf("%s: %+v, want suspended for %s", c.name, got, c.cause)
		}
		if again := h.support(c.mail); again.Disposition != desk.Duplicate || again.Suspended != got.Suspended {
			t.Errorf("%s again: %+v", c.name, again)
		}
		if kept := value[int](h, `select count(*) from original where suspended = $1`, got.Suspended); kept != 1 {
			t.Errorf("%s: its original is not kept", c.name)
		}
	}
}

func TestT_OOO_JoinsCollapsedAndChangesNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ticket := h.support(hello).Ticket
	message := h.ours(ticket)
	h.sql(`update ticket set status = 'solved', solved_at = now() where id = $1`, ticket)
	before := value[time.Time](h, `select updated_at from ticket where id = $1`, ticket)
	got := h.mailTo([]string{h.codec.ReplyAddress("support@example.com", message)}, "From: anna@customer.example\nAuto-Submitted: auto-replied\nMessage-ID: <ooo@x>\n\nI am on holiday.\n")
	h.want(got, desk.Appended, ticket)
	if status := value[string](h, `select status from ticket where id = $1`, ticket); status != "solved" {
		t.Errorf("an automatic answer makes it %s", status)
	}
	if after := value[time.Time](h, `select updated_at from ticket where id = $1`, ticket); !after.Equal(before) {
		t.Error("an automatic answer touches the ticket's times")
	}
	if why := value[string](h, `select facts ->> 'automatic' from message where id = $1`, got.Message); why == "" {
		t.Error("it is not marked as automatic")
	}
}

func TestFilesAreSealedInTheBucket(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	got := h.support(`From: anna@customer.example
Message-ID: <file@x>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain

See attached.
--b
Content-Type: text/csv; name="data.csv"
Content-Disposition: attachment; filename="data.csv"
Content-Transfer-Encoding: base64

YSxiLGMK
--b--
`)
	h.want(got, desk.Ticketed, 0)
	var object attachments.Object
	var name string
	check(t, h.pool.QueryRow(t.Context(), `select name, object_key, dek, size from attachment where message = $1`, got.Message).Scan(&name, &object.Key, &object.DEK, &object.Size))
	content, err := h.bucket.Get(t.Context(), object, 0, object.Size)
	check(t, err)
	defer content.Close()
	text, err := io.ReadAll(content)
	check(t, err)
	if name != "data.csv" || string(text) != "a,b,c\n" {
		t.Errorf("%s holds %q", name, text)
	}
	if !value[bool](h, `select has_attachment from ticket where id = $1`, got.Ticket) {
		t.Error("the ticket does not show its attachment")
	}
}

// T-POISON: what the database refuses becomes a suspended entry, and those who came with it are filed.
func TestT_POISON_OneMailNeverHoldsUpAnother(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.sql(`alter table message add constraint poison check (subject <> 'poison')`)
	var wait sync.WaitGroup
	outcomes := make([]desk.Outcome, 20)
	base := h.now
	for i := range outcomes {
		wait.Go(func() {
			subject := "fine"
			if i%5 == 0 {
				subject = "poison"
			}
			raw := fmt.Sprintf("From: c%d@customer.example\r\nSubject: %s\r\nMessage-ID: <p%d@x>\r\n\r\nHello\r\n", i, subject, i)
			env := desk.Envelope{Source: desk.FromSMTP, MailFrom: "c@customer.example", Recipients: []string{"support@example.com"}, ReceivedAt: base}
			outcome, err := h.in.Accept(t.Context(), env, io.NewSectionReader(strings.NewReader(raw), 0, int64(len(raw))))
			if err != nil {
				t.Error(err)
			}
			outcomes[i] = outcome
		})
	}
	wait.Wait()
	for i, got := range outcomes {
		want := desk.Ticketed
		if i%5 == 0 {
			want = desk.Suspended
		}
		if got.Disposition != want {
			t.Errorf("mail %d: %+v, want %s", i, got, want)
		}
	}
}

// The same mail over many connections at once, and answers next to what they answer: one group sees itself.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	var wait sync.WaitGroup
	var mu sync.Mutex
	counts := map[desk.Disposition]int{}
	base := h.now
	for i := range 40 {
		wait.Go(func() {
			raw := strings.ReplaceAll(strings.Replace(hello, "first@", fmt.Sprintf("m%d@", i%10), 1), "\n", "\r\n")
			env := desk.Envelope{Source: desk.FromSMTP, MailFrom: "c@customer.example", Recipients: []string{"support@example.com"}, ReceivedAt: base}
			outcome, err := h.in.Accept(t.Context(), env, io.NewSectionReader(strings.NewReader(raw), 0, int64(len(raw))))
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			counts[outcome.Disposition]++
			mu.Unlock()
		})
	}
	wait.Wait()
	if counts[desk.Ticketed] != 10 || counts[desk.Duplicate] != 30 {
		t.Errorf("10 mails, each four times: %v", counts)
	}
	if tickets := value[int](h, `select count(*) from ticket`); tickets != 10 {
		t.Errorf("%d tickets", tickets)
	}
}

// Two processes over one database: neither files past the other.
func TestTwoProcessesFileOneMailOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	directory, err := NewDirectory(t.Context(), h.store, h.codec)
	check(t, err)
	second := New(h.in.cfg, directory)
	running, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { second.Run(running); close(ended) }()
	defer func() { stop(); <-ended }()
	base := h.now
	for round := range 20 {
		var wait sync.WaitGroup
		outcomes := make([]desk.Outcome, 2)
		for i, in := range []*Intake{h.in, second} {
			wait.Go(func() {
				raw := strings.ReplaceAll(strings.Replace(hello, "first@", fmt.Sprintf("r%d@", round), 1), "\n", "\r\n")
				env := desk.Envelope{Source: desk.FromSMTP, MailFrom: "c@customer.example", Recipients: []string{"support@example.com"}, ReceivedAt: base}
				outcome, err := in.Accept(t.Context(), env, io.NewSectionReader(strings.NewReader(raw), 0, int64(len(raw))))
				if err != nil {
					t.Error(err)
				}
				outcomes[i] = outcome
			})
		}
		wait.Wait()
		if outcomes[0].Disposition == outcomes[1].Disposition || outcomes[0].Ticket != outcomes[1].Ticket {
			t.Fatalf("round %d: %+v", round, outcomes)
		}
	}
}

func TestReleaseLetsASuspendedMailInAsIfItHadJustArrived(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	mail := "From: Agent <agent@example.com>\nSubject: From my phone\nMessage-ID: <held@x>\n\nHello.\n"
	at := h.now
	held := h.support(mail)
	actor := desk.Actor{User: desk.User{Email: "boss@example.com", Role: desk.RoleAdmin}, Via: "test"}
	got, err := h.in.Release(t.Context(), actor, held.Suspended, 0)
	check(t, err)
	h.want(got, desk.Ticketed, 0)
	if received := value[time.Time](h, `select at from message where id = $1`, got.Message); !received.Equal(at) {
		t.Errorf("received at %v, want %v", received, at)
	}
	if left := value[int](h, `select count(*) from suspended`) + value[int](h, `select count(*) from original where suspended is not null`); left != 0 {
		t.Errorf("%d rows of the entry are left", left)
	}
	if audited := value[int](h, `select count(*) from audit where action = 'suspended.release'`); audited != 1 {
		t.Errorf("%d audit entries", audited)
	}
	h.want(h.support(mail), desk.Suspended, 0) // the next one is held again: one release is not a rule
}

func TestTicketsAreNumberedWithoutGaps(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for i := range 6 {
		h.support(strings.Replace(hello, "first@", fmt.Sprintf("n%d@", i), 1))
		h.support("From: bob@customer.example\nAuto-Submitted: auto-replied\nMessage-ID: <away" + fmt.Sprint(i) + "@x>\n\nI am away.\n")
		h.support(hello) // once new, then a duplicate
	}
	if last, count := value[int](h, `select max(id) from ticket`), value[int](h, `select count(*) from ticket`); last != count || count != 7 {
		t.Errorf("%d tickets, the last is #%d", count, last)
	}
}

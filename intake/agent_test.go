package intake

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"

	"postern/desk"
	"postern/filters"
	"postern/internal/testkit"
	"postern/tickets"
)

// office is a house whose people answer by mail: ada and ben are agents, anna's ticket waits for an answer.
type office struct {
	*house
	tickets      *tickets.Service
	ada          desk.Actor
	ticket       int64
	reply, note  string // ada's addresses
	colleagueFor string // ben's address for an answer
}

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{house: trusting(t)}
	o.tickets = tickets.New(tickets.Config{Store: o.store, Keys: o.keys, Bucket: o.bucket, Releaser: o.in, Hostname: "mail.example.com", PublicURL: "https://desk.example.com"})
	o.in.cfg.Replier = func() Replier { return o.tickets }
	o.sql(`insert into "user" (email, name, role) values ('ada@example.com', 'Ada', 'agent'), ('ben@example.com', 'Ben', 'agent'), ('olga@example.com', 'Olga', 'owner')`)
	o.ada = o.person("ada@example.com")
	o.turn(desk.AgentsByMailOn)
	got := o.send(letter{from: "anna@good.example", cc: "friend@good.example"})
	o.want(got, desk.Ticketed, 0)
	o.ticket = got.Ticket
	var err error
	o.reply, o.note, err = o.tickets.AgentAddresses(t.Context(), o.ada, o.ticket)
	check(t, err)
	o.colleagueFor, _, err = o.tickets.AgentAddresses(t.Context(), o.person("ben@example.com"), o.ticket)
	check(t, err)
	if o.reply == "" || o.note == "" || o.colleagueFor == "" || o.reply == o.note || o.reply == o.colleagueFor {
		t.Fatalf("addresses %q, %q, %q", o.reply, o.note, o.colleagueFor)
	}
	return o
}

func (o *office) person(email string) desk.Actor {
	o.t.Helper()
	return desk.Actor{Via: "portal", User: desk.User{
		ID: value[int64](o.house, `select id from "user" where email = $1`, email), Email: email, Role: desk.Role(value[string](o.house, `select role from "user" where email = $1`, email)),
	}}
}

// turn switches answering by mail, and waits until intake knows.
func (o *office) turn(set desk.AgentsByMail) {
	o.t.Helper()
	check(o.t, o.tickets.SetAgentsByMail(o.t.Context(), o.person("olga@example.com"), set))
	check(o.t, o.in.directory.Reload(o.t.Context()))
}

// section reads a text as a mail.
func section(text string) *io.SectionReader {
	return io.NewSectionReader(strings.NewReader(text), 0, int64(len(text)))
}

// answers is ada's mail to an address.
func (o *office) answers(to string) letter {
	return letter{from: "Ada <ada@example.com>", mailFrom: "ada@example.com", to: to, recipients: []string{to}, subject: "Re: Help", body: "Try again.\n\nOn Sun, 22 Nov 2026 Anna wrote:\n> Words.\n\n-- \nAda"}
}

// written counts the answers, notes and jobs to send that there are.
func (o *office) written() (replies, notes, jobs int) {
	o.t.Helper()
	replies = value[int](o.house, `select count(*) from message where kind = 'reply'`)
	notes = value[int](o.house, `select count(*) from message where kind = 'note'`)
	return replies, notes, value[int](o.house, `select count(*) from river_job where kind = 'send_reply'`)
}

func (o *office) wantWritten(replies, notes int) {
	o.t.Helper()
	if r, n, jobs := o.written(); r != replies || n != notes || jobs != replies {
		o.t.Errorf("%d answers, %d notes, %d jobs; want %d answers and %d notes", r, n, jobs, replies, notes)
	}
}

// The row "verified agent, personal token, feature on" of behaviour §4.
func TestAgentAnswersByMail(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	l := o.answers(o.reply)
	l.cc = "expert@good.example, ben@example.com, support@example.com"
	l.extra = "MIME-Version: 1.0\nReply-To: ADA@example.com\nContent-Type: multipart/mixed; boundary=x\n"
	l.body = "--x\nContent-Type: text/plain\n\n" + l.body + "\n--x\nContent-Type: application/pdf; name=plan.pdf\nContent-Disposition: attachment; filename=plan.pdf\nContent-Transfer-Encoding: base64\n\nJVBERg==\n--x--"
	env, raw := o.sealed(l)
	got, err := o.deliver(env, raw)
	check(t, err)
	o.want(got, desk.Appended, o.ticket)
	o.wantWritten(1, 0)
	m := o.message(got.Message)
	if m.Kind != desk.KindReply || m.Text != "Try again." || m.AuthorID == nil || *m.AuthorID != o.ada.User.ID || m.FromAddress != "support@example.com" || m.HTML != "" {
		t.Errorf("%+v", m)
	}
	if len(m.To) != 1 || m.To[0].Addr != "anna@good.example" || len(m.Cc) != 1 || m.Cc[0].Addr != "friend@good.example" {
		t.Errorf("to %v, cc %v: not 'reply all' to anna's mail", m.To, m.Cc)
	}
	if len(m.Files) != 1 || m.Files[0].Name != "plan.pdf" || m.Files[0].Size != 4 {
		t.Errorf("files %+v", m.Files)
	}
	if status := value[string](o.house, `select status from ticket where id = $1`, o.ticket); status != "pending" {
		t.Errorf("the ticket is %s", status)
	}
	if n := value[int](o.house, `select count(*) from audit where action = 'ticket.reply' and actor = 'ada@example.com' and via = 'mail' and ip = '192.0.2.1'`); n != 1 {
		t.Errorf("%d entries in the audit log", n)
	}
	people := value[[]string](o.house, `select array(select c.address from participant p join contact c on c.id = p.contact_id where p.ticket_id = $1 order by 1)`, o.ticket)
	if fmt.Sprint(people) != "[expert@good.example friend@good.example]" {
		t.Errorf("people %v", people)
	}
	line := value[int64](o.house, `select id from message where ticket_id = $1 and kind = 'event' and facts -> 'event' ->> 'verb' = 'mailed' and author_id = $2`, o.ticket, o.ada.User.ID)
	if original := o.original(line); !strings.HasPrefix(original, "Authentication-Results: mail.example.com;") || !strings.HasSuffix(original, strings.ReplaceAll(raw, "\n", "\r\n")) {
		t.Errorf("the original came back as %q", original)
	}
	if trust := value[string](o.house, `select facts ->> 'trust' from message where id = $1`, line); trust != "verified" {
		t.Errorf("trust %s", trust)
	}

	again, err := o.deliver(env, raw) // its sender never heard our 250
	check(t, err)
	o.want(again, desk.Duplicate, o.ticket)
	_, err = o.pool.Exec(t.Context(), `delete from message where id = $1`, got.Message) // it was undone: the mail is still known
	check(t, err)
	again, err = o.deliver(env, raw)
	check(t, err)
	o.want(again, desk.Duplicate, o.ticket)
	if objects := value[int](o.house, `select count(*) from attachment`); objects != 0 {
		t.Errorf("%d files of the second", objects)
	}
}

func (o *office) message(id int64) desk.Message {
	o.t.Helper()
	page, err := o.tickets.Conversation(o.t.Context(), o.ada, o.ticket, "", 200)
	check(o.t, err)
	for _, m := range page.Items {
		if m.ID == id {
			return m
		}
	}
	o.t.Fatalf("message %d is not on #%d", id, o.ticket)
	return desk.Message{}
}

func TestAgentNotesByMail(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	l := o.answers(o.note)
	l.id = "note@example.com"
	got := o.send(l)
	o.want(got, desk.Appended, o.ticket)
	o.wantWritten(0, 1)
	m := o.message(got.Message)
	if m.Kind != desk.KindNote || m.Text != "Try again." || m.AuthorID == nil || *m.AuthorID != o.ada.User.ID || !m.HasOriginal {
		t.Errorf("%+v", m)
	}
	if !strings.Contains(o.original(got.Message), "> Words.") {
		t.Error("the original of a note is not whole")
	}
	if waiting := value[string](o.house, `select status from ticket where id = $1`, o.ticket); waiting != "new" {
		t.Errorf("a note made the ticket %s", waiting)
	}
	again := o.send(l)
	o.want(again, desk.Duplicate, o.ticket)
	o.wantWritten(0, 1)
}

// A mail that comes many times at once, and by several connections, is one answer.
func TestAgentMailComesOnce(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	env, raw := o.sealed(o.answers(o.reply))
	env.Source, env.ReceivedAt = desk.FromSMTP, o.now
	var all sync.WaitGroup
	outcomes := make([]desk.Outcome, 8)
	for i := range outcomes {
		all.Go(func() {
			outcome, err := o.in.Accept(t.Context(), env, section(fmt.Sprintf("Received: by relay%d; Sun, 22 Nov 2026 10:00:00 +0000\r\n", i)+strings.ReplaceAll(raw, "\n", "\r\n")))
			if err != nil {
				t.Error(err)
			}
			outcomes[i] = outcome
		})
	}
	all.Wait()
	count := map[desk.Disposition]int{}
	for _, outcome := range outcomes {
		count[outcome.Disposition]++
	}
	if count[desk.Appended] != 1 || count[desk.Duplicate] != 7 {
		t.Errorf("%v", count)
	}
	o.wantWritten(1, 0)
}

// T-07, T-08: whatever is missing, nothing is sent and nothing noted.
func TestT_07_PartialAgentMailIsSuspended(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	automatic := func(field string) func(*letter) { return func(l *letter) { l.extra = field + "\n" } }
	from := func(who string) func(*letter) { return func(l *letter) { l.from, l.mailFrom = who, who } }
	for _, c := range []struct {
		name   string
		change func(*letter)
	}{
		{"nothing proves From (T-AGENT-SPOOF)", func(l *letter) { l.ip = elsewhere }},
		{"From is a customer on the ticket, proved", from("anna@good.example")},
		{"From is a stranger, proved", from("eve@good.example")},
		{"From is a stranger, unproved", func(l *letter) { from("eve@bare.example")(l); l.ip = elsewhere }},
		{"From is another agent, proved", from("ben@example.com")},
		{"From is an owner, proved", from("olga@example.com")},
		{"From looks like the agent, at another domain", from("ada@good.example")},
		{"the display name alone is the agent's", func(l *letter) { l.from, l.mailFrom = `"ada@example.com" <eve@good.example>`, "eve@good.example" }},
		{"two From fields", func(l *letter) { l.extra = "From: eve@good.example\n" }},
		{"two addresses in From", func(l *letter) { l.from = "ada@example.com, eve@good.example" }},
		{"another's address", func(l *letter) { l.to, l.recipients = o.colleagueFor, []string{o.colleagueFor} }},
		{"answer and note at once", func(l *letter) { l.cc, l.recipients = o.note, []string{o.reply, o.note} }},
		{"a second one in the header only", func(l *letter) { l.cc = o.note }},
		{"a second one in the envelope only", func(l *letter) { l.recipients = []string{o.reply, o.colleagueFor} }},
		{"in the header only", func(l *letter) { l.recipients = []string{"support@example.com"} }},
		{"Reply-To somebody else (T-08)", automatic("Reply-To: eve@good.example")},
		{"Reply-To somebody else as well (T-08)", automatic("Reply-To: ada@example.com, eve@good.example")},
		{"an automatic answer (T-OOO)", automatic("Auto-Submitted: auto-replied")},
		{"a list", automatic("List-Id: <team.example.com>")},
		{"Precedence", automatic("Precedence: bulk")},
		{"the null return path", func(l *letter) { l.mailFrom = "<>" }},
		{"a customer's token beside it, from the customer", func(l *letter) {
			from("anna@good.example")(l)
			l.recipients = append(l.recipients, o.codec.ReplyAddress("support@example.com", 1))
		}},
		{"the customer's Message-ID answered, unproved", func(l *letter) { l.ip, l.answers = elsewhere, "letter1@customers" }},
	} {
		l := o.answers(o.reply)
		c.change(&l)
		got := o.send(l)
		if got.Disposition != desk.Suspended || got.Cause != desk.CauseAgentSpoof {
			t.Errorf("%s: %+v", c.name, got)
			continue
		}
		if evidence := value[string](o.house, `select evidence from suspended where id = $1`, got.Suspended); !strings.Contains(evidence, "personal address") {
			t.Errorf("%s: evidence %q", c.name, evidence)
		}
	}
	o.wantWritten(0, 0)
	if n := value[int](o.house, `select count(*) from message where ticket_id = $1 and kind <> 'event'`, o.ticket); n != 1 {
		t.Errorf("the ticket has %d messages", n)
	}
	o.want(o.send(o.answers(o.reply)), desk.Appended, o.ticket) // and with everything it goes
	o.wantWritten(1, 0)
}

// T-07: the state of the house counts at the moment at which the mail comes, even where intake's memory is old.
func TestT_07_AgentMailOfAnotherTime(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	suspended := func(name string, cause desk.Cause) {
		t.Helper()
		if got := o.send(o.answers(o.reply)); got.Disposition != desk.Suspended || got.Cause != cause {
			t.Errorf("%s: %+v", name, got)
		}
	}
	reload := func() { check(t, o.in.directory.Reload(t.Context())) }
	olga := o.person("olga@example.com")

	check(t, o.tickets.SetAgentsByMail(t.Context(), olga, desk.AgentsByMailOff))
	suspended("switched off a moment ago", desk.CauseAgentSpoof)
	reload()
	suspended("switched off", desk.CauseAgentSpoof)
	if reply, note, err := o.tickets.AgentAddresses(t.Context(), o.ada, o.ticket); reply != "" || note != "" || err != nil {
		t.Errorf("switched off, and addresses are given out: %q, %q, %v", reply, note, err)
	}
	o.turn(desk.AgentsByMailOn)

	o.sql(`update "user" set disabled_at = now() where email = 'ada@example.com'`)
	suspended("disabled a moment ago", desk.CauseAgentSpoof)
	reload()
	suspended("disabled", desk.CauseAgentSpoof)
	o.sql(`update "user" set disabled_at = null, role = 'customer' where email = 'ada@example.com'`)
	suspended("a customer now", desk.CauseAgentSpoof)
	o.sql(`update "user" set role = 'agent', email = 'adele@example.com' where email = 'ada@example.com'`)
	suspended("a new address a moment ago", desk.CauseAgentSpoof)
	o.sql(`update "user" set email = 'ada@example.com' where email = 'adele@example.com'`)
	reload()

	replier := o.in.cfg.Replier
	o.in.cfg.Replier = nil
	suspended("a process that writes no answers", desk.CauseAgentSpoof)
	o.in.cfg.Replier = replier

	env, raw := o.sealed(o.answers(o.reply))
	env.Source, env.ReceivedAt = desk.FromFile, o.now
	got, err := o.in.Accept(t.Context(), env, section(strings.ReplaceAll(raw, "\n", "\r\n")))
	check(t, err)
	o.want(got, desk.Suspended, 0)

	empty := o.answers(o.reply)
	empty.body = "\n"
	if got := o.send(empty); got.Cause != desk.CauseUnprocessable {
		t.Errorf("nothing in it: %+v", got)
	}
	o.wantWritten(0, 0)

	first := o.answers(o.reply)
	first.id = "once@example.com"
	o.want(o.send(first), desk.Appended, o.ticket)
	first.extra = "X-Added: something that no signature covers\n"
	if got := o.send(first); got.Cause != desk.CauseAgentSpoof {
		t.Errorf("replayed with other bytes: %+v", got)
	}
	o.wantWritten(1, 0)
}

// A personal address is no customer's token, whatever way a mail comes in by it.
func TestT_07_PersonalAddressIsNoToken(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	l := o.answers(o.reply)
	l.from, l.mailFrom = "eve@good.example", "eve@good.example"
	held := o.send(l)
	o.want(held, desk.Suspended, 0)
	released, err := o.in.Release(t.Context(), o.ada, held.Suspended, 0)
	check(t, err)
	if released.Disposition != desk.Ticketed || released.Ticket == o.ticket {
		t.Errorf("a stranger's released mail: %+v", released)
	}
	spoof := o.answers(o.reply)
	spoof.ip = elsewhere
	held = o.send(spoof)
	o.want(held, desk.Suspended, 0)
	released, err = o.in.Release(t.Context(), o.ada, held.Suspended, o.ticket)
	check(t, err)
	o.want(released, desk.Appended, o.ticket)
	if m := o.message(released.Message); m.Kind != desk.KindInbound {
		t.Errorf("a released mail became a %s", m.Kind)
	}
	o.wantWritten(0, 0)

	o.sql(`insert into sender_rule (pattern, action) values ('ada@example.com', 'suspend')`)
	check(t, o.in.directory.Reload(t.Context()))
	held = o.send(o.answers(o.reply))
	if held.Cause != desk.CauseBlocked {
		t.Fatalf("%+v", held)
	}
	released, err = o.in.Release(t.Context(), o.ada, held.Suspended, 0) // it goes the way that it would have gone
	check(t, err)
	o.want(released, desk.Appended, o.ticket)
	o.wantWritten(1, 0)
}

// T-MERGE, T-MOVE: the address names a message, and follows it.
func TestPersonalAddressFollowsItsMessage(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	other := o.send(letter{from: "anna@good.example"})
	check(t, o.tickets.Merge(t.Context(), o.ada, o.ticket, other.Ticket))
	o.want(o.send(o.answers(o.reply)), desk.Appended, other.Ticket)
	check(t, o.tickets.Unmerge(t.Context(), o.ada, o.ticket))
	o.want(o.send(o.answers(o.note)), desk.Appended, o.ticket)
	o.wantWritten(1, 1)
	if reply, _, err := o.tickets.AgentAddresses(t.Context(), desk.System("cli"), o.ticket); reply != "" || err != nil {
		t.Errorf("nobody's address: %q, %v", reply, err)
	}
	o.sql(`update message set ticket_id = $1 where ticket_id = $2`, other.Ticket, o.ticket)
	if reply, note, err := o.tickets.AgentAddresses(t.Context(), o.ada, o.ticket); reply+note != "" || err != nil {
		t.Errorf("nothing to answer: %q, %q, %v", reply, note, err)
	}
}

// What a claim lacks, in every combination: only one of all is complete.
func TestEveryPartialClaimLacksSomething(t *testing.T) {
	t.Parallel()
	complete := 0
	for bits := range 1 << 8 {
		set := func(n int) bool { return bits>>n&1 == 1 }
		for addresses := range 4 {
			c := claim{
				Enabled: set(0), Served: set(1), Addresses: addresses, Sent: set(2), Owner: set(3), Verified: set(4), Automatic: set(5), ReplyElsewhere: set(6), Keyed: set(7),
			}
			if c.lacks() != "" {
				continue
			}
			complete++
			if c != (claim{Enabled: true, Served: true, Addresses: 1, Sent: true, Owner: true, Verified: true, Keyed: true}) {
				t.Errorf("%+v lacks nothing", c)
			}
		}
	}
	if complete != 1 {
		t.Errorf("%d combinations lack nothing", complete)
	}
}

// A ticket marked as spam teaches the filter its first mail.
func TestMarkSpamTeachesTheFilter(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	chain, err := filters.New(filters.Config{RspamdURL: "http://:" + url.PathEscape(testkit.RspamdPassword) + "@" + net.JoinHostPort(testkit.Rspamd(t), "11333"), Hostname: "mail.example.com", Log: slog.New(slog.DiscardHandler)})
	check(t, err)
	o.in.cfg.Filters = chain
	junk := letter{from: "shop@good.example", subject: "Watches", body: "Buy cheap golden watches, counterfeit handbags, unbelievable discount prices, offshore warehouse clearance"}
	ham := section("Subject: Printer\r\n\r\nThird floor printer jams, prints blank pages since firmware update, fuser unit smells burnt\r\n")
	check(t, chain.Learn(t.Context(), ham, filters.LearnHam))
	first := o.send(junk)
	o.want(first, desk.Ticketed, 0)
	check(t, o.tickets.MarkSpam(t.Context(), o.ada, first.Ticket, tickets.SenderStays))
	second := o.send(junk)
	if symbols := value[string](o.house, `select coalesce((select facts -> 'opinion' ->> 'symbols' from message where id = $1), (select opinion ->> 'symbols' from suspended where id = $2))`, second.Message, second.Suspended); !strings.Contains(symbols, "BAYES_SPAM") {
		t.Errorf("after it was marked as spam, the next such mail has %s", symbols)
	}
	if err := o.in.Learn(t.Context(), 999_999); err == nil {
		t.Error("a message that does not exist was learned")
	}
}

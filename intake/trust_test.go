package intake

import (
	"fmt"
	"io"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"postern/desk"
	"postern/domains"
	"postern/internal/testkit"
	"postern/mailauth"
	"postern/store"
	"postern/threading"
)

// zone is a world of senders: good.example and strict.example vouch for 192.0.2.1, bare.example publishes nothing at all.
const zone = `
good.example.          TXT "v=spf1 ip4:192.0.2.1 -all"
_dmarc.good.example.   TXT "v=DMARC1; p=none"
strict.example.        TXT "v=spf1 ip4:192.0.2.1 -all"
_dmarc.strict.example. TXT "v=DMARC1; p=reject"
caring.example.        TXT "v=spf1 ip4:192.0.2.1 -all"
_dmarc.caring.example. TXT "v=DMARC1; p=quarantine"
old.example.           TXT "v=spf1 ip4:192.0.2.1 -all"
example.com.           TXT "v=spf1 ip4:192.0.2.1 -all"
_dmarc.example.com.    TXT "v=DMARC1; p=none"
bare.example.          A   192.0.2.80
`

// home is where mail of good senders comes from, elsewhere where forged mail does.
var (
	home      = netip.MustParseAddr("192.0.2.1")
	elsewhere = netip.MustParseAddr("203.0.113.9")
)

// trusting is a house that checks senders against a zone.
func trusting(t *testing.T) *house {
	t.Helper()
	h := newHouse(t)
	*h.in.cfg.Checker = mailauth.Checker{Resolver: domains.NewResolver([]string{testkit.DNS(t, zone).Addr}, 2*time.Second), Hostname: "mail.example.com"}
	h.sql(`insert into domain (name, state) values ('example.com', 'active')`)
	check(t, h.in.directory.Reload(t.Context()))
	return h
}

// letter is a mail of a test. Empty fields have usual values.
type letter struct {
	from, to, cc, subject, id, answers, extra, body string
	mailFrom                                        string
	ip                                              netip.Addr
	recipients                                      []string
}

// send delivers a letter, from home unless it says otherwise.
func (h *house) send(l letter) desk.Outcome {
	h.t.Helper()
	outcome, err := h.deliver(h.sealed(l))
	check(h.t, err)
	return outcome
}

// letters numbers the letters of all tests.
var letters atomic.Int64

func (h *house) sealed(l letter) (desk.Envelope, string) {
	or := func(value, usual string) string {
		if value == "" {
			return usual
		}
		return value
	}
	env := desk.Envelope{MailFrom: or(l.mailFrom, l.from), Recipients: l.recipients, RemoteIP: l.ip, Helo: "mx.example"}
	if l.mailFrom == "<>" {
		env.MailFrom = ""
	}
	if !env.RemoteIP.IsValid() {
		env.RemoteIP = home
	}
	if env.Recipients == nil {
		env.Recipients = []string{"support@example.com"}
	}
	text := fmt.Sprintf("From: %s\nTo: %s\nSubject: %s\nMessage-ID: <%s>\nDate: Sun, 22 Nov 2026 10:00:00 +0000\n", l.from, or(l.to, "support@example.com"),
		or(l.subject, "Help"), or(l.id, fmt.Sprintf("letter%d@customers", letters.Add(1))))
	if l.cc != "" {
		text += "Cc: " + l.cc + "\n"
	}
	if l.answers != "" {
		text += "In-Reply-To: <" + l.answers + ">\n"
	}
	return env, text + l.extra + "\n" + or(l.body, "Words.") + "\n"
}

func TestT_AUTH_TheVerdictIsKeptAndStamped(t *testing.T) {
	t.Parallel()
	h := trusting(t)
	got := h.send(letter{from: "anna@good.example", extra: "Authentication-Results: mail.example.com; dmarc=pass header.from=bank.example\n"})
	h.want(got, desk.Ticketed, 0)
	trust := value[string](h, `select facts ->> 'trust' from message where id = $1`, got.Message)
	dmarc := value[string](h, `select facts -> 'verdict' -> 'dmarc' ->> 'result' from message where id = $1`, got.Message)
	spf := value[string](h, `select facts -> 'verdict' -> 'spf' ->> 'result' from message where id = $1`, got.Message)
	if trust != "verified" || dmarc != "pass" || spf != "pass" {
		t.Errorf("trust %s, dmarc %s, spf %s", trust, dmarc, spf)
	}
	original := h.original(got.Message)
	if n := strings.Count(original, "Authentication-Results:"); n != 1 || !strings.Contains(original, "header.from=good.example") || strings.Contains(original, "bank.example") {
		t.Errorf("the kept copy has %d fields, wanted ours alone:\n%s", n, original)
	}
	if value[bool](h, `select unverified from ticket where id = $1`, got.Ticket) {
		t.Error("a verified sender's ticket is marked unverified")
	}
}

// T-DMARC: what the level of the mailbox makes of a failure.
func TestT_DMARC_Levels(t *testing.T) {
	t.Parallel()
	h := trusting(t)
	for _, test := range []struct {
		level, from string
		want        desk.Disposition
	}{
		{"off", "anna@strict.example", desk.Ticketed}, {"monitor", "anna@strict.example", desk.Ticketed},
		{"suspend", "anna@strict.example", desk.Suspended}, {"suspend", "anna@caring.example", desk.Suspended}, {"suspend", "anna@good.example", desk.Ticketed},
		{"reject", "anna@strict.example", desk.Refused}, {"reject", "anna@caring.example", desk.Suspended}, {"reject", "anna@good.example", desk.Ticketed},
		{"reject", "anna@bare.example", desk.Ticketed},
	} {
		h.sql(`update mailbox set dmarc = $1 where address = 'support@example.com'`, test.level)
		check(t, h.in.directory.Reload(t.Context()))
		got := h.send(letter{from: test.from, ip: elsewhere})
		if got.Disposition != test.want {
			t.Errorf("level %s, %s from elsewhere: %+v, want %s", test.level, test.from, got, test.want)
		}
		if test.want == desk.Suspended && got.Cause != desk.CauseAuth {
			t.Errorf("level %s: cause %s", test.level, got.Cause)
		}
		if got.Disposition == desk.Ticketed && !value[bool](h, `select unverified from ticket where id = $1`, got.Ticket) {
			t.Errorf("level %s, %s: a failure is not shown as unverified", test.level, test.from)
		}
	}
}

// TestTrustTable goes through behaviour §4 row by row: what a mail may do on the ticket of anna@good.example, by who wrote it.
func TestTrustTable(t *testing.T) {
	t.Parallel()
	h := trusting(t)
	type row struct {
		name         string
		letter       letter
		token        bool // to the reply address of our answer
		disposition  desk.Disposition
		onTicket     bool // it joins
		unverified   bool
		pending      bool
		reopens      bool
		addsPeople   bool
		suggested    bool
		suspendedFor desk.Cause
	}
	cc := "carl@other.example"
	for _, r := range []row{
		{name: "verified requester", letter: letter{from: "anna@good.example", answers: "our", cc: cc}, disposition: desk.Appended, onTicket: true, reopens: true, addsPeople: true},
		{name: "verified participant", letter: letter{from: "ben@good.example", answers: "our", cc: cc}, disposition: desk.Appended, onTicket: true, reopens: true, addsPeople: true},
		{name: "verified by aligned SPF where no DMARC is published", letter: letter{from: "olaf@old.example", cc: cc}, token: true, disposition: desk.Appended, onTicket: true, pending: true},
		{name: "verified stranger with a token", letter: letter{from: "eve@good.example", cc: cc}, token: true, disposition: desk.Appended, onTicket: true, pending: true},
		{name: "token, address of a participant", letter: letter{from: "anna@good.example", ip: elsewhere, cc: cc}, token: true, disposition: desk.Appended, onTicket: true, unverified: true, reopens: true},
		{name: "unverified participant with a known Message-ID", letter: letter{from: "anna@good.example", ip: elsewhere, answers: "first", cc: cc}, disposition: desk.Appended, onTicket: true, unverified: true, reopens: true},
		{name: "unverified stranger with a known Message-ID", letter: letter{from: "eve@bare.example", ip: elsewhere, answers: "first", cc: cc}, disposition: desk.Ticketed, unverified: true, suggested: true},
		{name: "verified stranger with a known foreign Message-ID", letter: letter{from: "eve@good.example", answers: "first", cc: cc}, disposition: desk.Ticketed, suggested: true, addsPeople: true},
		{name: "a number in the subject from a verified requester", letter: letter{from: "anna@good.example", subject: "number"}, disposition: desk.Appended, onTicket: true, reopens: true},
		{name: "a number in the subject from a forger (T-SUBJ-SPOOF)", letter: letter{from: "anna@good.example", ip: elsewhere, subject: "number"}, disposition: desk.Ticketed, unverified: true, suggested: true},
		{name: "automatic mail of the requester", letter: letter{from: "anna@good.example", answers: "our", extra: "Auto-Submitted: auto-replied\n", cc: cc}, disposition: desk.Appended, onTicket: true},
		{name: "an agent's address without proof (T-AGENT-SPOOF)", letter: letter{from: "agent@example.com", ip: elsewhere}, token: true, disposition: desk.Suspended, suspendedFor: desk.CauseAgentSpoof},
		{name: "an address of our own domain without proof (T-33)", letter: letter{from: "boss@example.com", ip: elsewhere}, disposition: desk.Suspended, suspendedFor: desk.CauseAuth},
	} {
		t.Run(r.name, func(t *testing.T) {
			first := h.send(letter{from: "anna@good.example", cc: "ben@good.example"})
			h.want(first, desk.Ticketed, 0)
			ours := h.reply(first.Ticket)
			firstID := value[string](h, `select message_id from message where id = $1`, first.Message)
			h.sql(`update ticket set status = 'solved', solved_at = now() where id = $1`, first.Ticket)
			l := r.letter
			switch l.answers {
			case "our":
				l.answers = h.codec.MessageID(ours)
			case "first":
				l.answers = firstID
			}
			if l.subject == "number" {
				l.subject = fmt.Sprintf("Re: Help [#%d]", first.Ticket)
			}
			if r.token {
				l.recipients = []string{h.codec.ReplyAddress("support@example.com", ours)}
			}
			before := value[int](h, `select count(*) from participant where ticket_id = $1`, first.Ticket)
			got := h.send(l)
			if got.Disposition != r.disposition || got.Cause != r.suspendedFor {
				t.Fatalf("%+v, want %s %s", got, r.disposition, r.suspendedFor)
			}
			if r.suspendedFor != "" {
				return
			}
			if joined := got.Ticket == first.Ticket; joined != r.onTicket {
				t.Fatalf("on ticket #%d, the first is #%d", got.Ticket, first.Ticket)
			}
			status := value[string](h, `select status from ticket where id = $1`, first.Ticket)
			if reopened := status == "open"; reopened != r.reopens {
				t.Errorf("status %s, reopens should be %v", status, r.reopens)
			}
			unverified := value[string](h, `select facts ->> 'trust' from message where id = $1`, got.Message) != "verified"
			if unverified != r.unverified && r.letter.extra == "" {
				t.Errorf("unverified %v, want %v", unverified, r.unverified)
			}
			pending := value[int](h, `select count(*) from participant where ticket_id = $1 and pending`, got.Ticket)
			if (pending > 0) != r.pending {
				t.Errorf("%d wait to be accepted, want %v", pending, r.pending)
			}
			added := value[int](h, `select count(*) from participant p join contact c on c.id = p.contact_id where p.ticket_id = $1 and c.address = $2`, got.Ticket, cc)
			if (added > 0) != r.addsPeople {
				t.Errorf("Cc became participants: %d, want %v (before %d)", added, r.addsPeople, before)
			}
			suggested := value[*int64](h, `select suggested from ticket where id = $1`, got.Ticket)
			if (suggested != nil) != r.suggested {
				t.Errorf("suggestion %v, want %v", suggested, r.suggested)
			}
		})
	}
}

// reply puts an answer of ours onto a ticket, sent to anna and ben, and returns its id.
func (h *house) reply(ticket int64) int64 {
	h.t.Helper()
	id := value[int64](h, `insert into message (ticket_id, kind, at, "to", message_id) values ($1, 'reply', now(), '[{"name": "", "address": "anna@good.example"}]', '') returning id`, ticket)
	h.sql(`update message set message_id = $2 where id = $1`, id, h.codec.MessageID(id))
	for _, recipient := range []string{"anna@good.example", "ben@good.example"} {
		h.sql(`insert into delivery (message_id, recipient, state) values ($1, $2, 'sent')`, id, recipient)
	}
	return id
}

// T-FROM: Reply-To is only where an answer goes.
func TestT_FROM_TheRequesterIsFrom(t *testing.T) {
	t.Parallel()
	h := trusting(t)
	got := h.send(letter{from: "anna@good.example", extra: "Reply-To: eve@evil.example\nSender: mallory@evil.example\n"})
	requester := value[string](h, `select c.address from ticket t join contact c on c.id = t.requester_id where t.id = $1`, got.Ticket)
	warnings := value[string](h, `select coalesce(facts ->> 'warnings', '') from message where id = $1`, got.Message)
	if requester != "anna@good.example" || !strings.Contains(warnings, "evil.example") {
		t.Errorf("requester %s, warnings %s", requester, warnings)
	}
}

// Pitfall 12 of the libraries: a second From above a signed one.
func TestTwoFromsProveNothing(t *testing.T) {
	t.Parallel()
	h := trusting(t)
	got := h.send(letter{from: "anna@good.example", extra: "From: boss@strict.example\n"})
	h.want(got, desk.Ticketed, 0)
	if trust := value[string](h, `select facts ->> 'trust' from message where id = $1`, got.Message); trust != "unverified" {
		t.Errorf("two From fields are %s", trust)
	}
}

func TestT_FWD_AgentForwardsACustomersMail(t *testing.T) {
	t.Parallel()
	h := trusting(t)
	body := "Please take care of her.\n\n---------- Forwarded message ---------\nFrom: Clara Customer <clara@customer.example>\nDate: Sat, 21 Nov 2026 at 09:00\nSubject: Broken lamp\nTo: agent@example.com\n\nThe lamp is broken.\n"
	got := h.send(letter{from: "agent@example.com", subject: "Fwd: Broken lamp", body: body})
	h.want(got, desk.Ticketed, 0)
	requester := value[string](h, `select c.address from ticket t join contact c on c.id = t.requester_id where t.id = $1`, got.Ticket)
	text := value[string](h, `select text from message where id = $1`, got.Message)
	note := value[string](h, `select text from message where ticket_id = $1 and kind = 'note'`, got.Ticket)
	author := value[string](h, `select u.email from message m join "user" u on u.id = m.author_id where m.ticket_id = $1 and kind = 'note'`, got.Ticket)
	if requester != "clara@customer.example" || text != "The lamp is broken." || note != "Please take care of her." || author != "agent@example.com" {
		t.Errorf("requester %s, text %q, note %q by %s", requester, text, note, author)
	}
	forged := h.send(letter{from: "agent@example.com", ip: elsewhere, subject: "Fwd: Broken lamp", body: body})
	if forged.Cause != desk.CauseAgentSpoof {
		t.Errorf("a forged forward: %+v", forged)
	}

	nested := "From: Dora <dora@customer.example>\nTo: agent@example.com\nSubject: Attached lamp\nMessage-ID: <dora1@customer.example>\n\nIt is dark.\n"
	got = h.send(letter{from: "agent@example.com", subject: "Fwd: Attached lamp",
		extra: "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n",
		body:  "--x\nContent-Type: text/plain\n\nSee this.\n--x\nContent-Type: message/rfc822\n\n" + nested + "\n--x--\n"})
	h.want(got, desk.Ticketed, 0)
	if requester := value[string](h, `select c.address from ticket t join contact c on c.id = t.requester_id where t.id = $1`, got.Ticket); requester != "dora@customer.example" {
		t.Errorf("requester of the attached one: %s", requester)
	}
	answer := h.send(letter{from: "dora@customer.example", answers: "dora1@customer.example", ip: elsewhere})
	h.want(answer, desk.Appended, got.Ticket) // later replies to the original thread here
}

func TestT_DSN_BouncesMarkOneRecipient(t *testing.T) {
	t.Parallel()
	h := trusting(t)
	dsn := func(recipient, action, status string) string {
		return "--b\nContent-Type: text/plain\n\nYour mail could not be delivered.\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.good.example\n\nFinal-Recipient: rfc822; " + recipient +
			"\nAction: " + action + "\nStatus: " + status + "\nDiagnostic-Code: smtp; 550 " + status + " no such person\n"
	}
	mime := "MIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n"
	from := letter{from: "mailer-daemon@good.example", mailFrom: "<>", subject: "Undelivered", extra: mime}
	state := func(message int64, recipient string) string {
		return value[string](h, `select state || ' ' || reply from delivery where message_id = $1 and recipient = $2`, message, recipient)
	}
	ask := h.send(letter{from: "anna@good.example", cc: "ben@good.example"})

	t.Run("by the return path, whatever address it names", func(t *testing.T) {
		ours := h.reply(ask.Ticket)
		h.sql(`update ticket set status = 'pending', waiting_since = null where id = $1`, ask.Ticket)
		l := from
		l.recipients, l.body = []string{h.codec.ReturnPath("support@example.com", ours, "ben@good.example")}, dsn("forwarded@elsewhere.example", "failed", "5.1.1")+"\n--b--\n"
		got := h.send(l)
		h.want(got, desk.Appended, ask.Ticket)
		if s := state(ours, "ben@good.example"); !strings.Contains(s, "bounced 550 5.1.1 no such person") && !strings.Contains(s, "bounced") {
			t.Errorf("ben: %s", s)
		}
		if s := state(ours, "anna@good.example"); !strings.Contains(s, "sent") {
			t.Errorf("anna: %s", s)
		}
		if status := value[string](h, `select status from ticket where id = $1 and delivery_problem`, ask.Ticket); status != "open" {
			t.Errorf("status %s", status)
		}
	})
	t.Run("by our Message-ID in what it returns", func(t *testing.T) {
		ours := h.reply(ask.Ticket)
		l := from
		l.body = dsn("anna@good.example", "failed", "5.2.2") + "\n--b\nContent-Type: text/rfc822-headers\n\nMessage-ID: <" + h.codec.MessageID(ours) + ">\nSubject: Re: Help\n\n--b--\n"
		h.want(h.send(l), desk.Appended, ask.Ticket)
		if s := state(ours, "anna@good.example"); !strings.Contains(s, "bounced") {
			t.Errorf("anna: %s", s)
		}
		if s := state(ours, "ben@good.example"); strings.Contains(s, "bounced") {
			t.Errorf("ben: %s", s)
		}
	})
	t.Run("a delay changes no state", func(t *testing.T) {
		ours := h.reply(ask.Ticket)
		h.sql(`update ticket set status = 'pending', waiting_since = null where id = $1`, ask.Ticket)
		l := from
		l.recipients, l.body = []string{h.codec.ReturnPath("support@example.com", ours, "anna@good.example")}, dsn("anna@good.example", "delayed", "4.4.1")+"\n--b--\n"
		h.want(h.send(l), desk.Appended, ask.Ticket)
		if s := state(ours, "anna@good.example"); !strings.Contains(s, "sent delayed:") {
			t.Errorf("anna: %s", s)
		}
		if status := value[string](h, `select status from ticket where id = $1`, ask.Ticket); status != "pending" {
			t.Errorf("a delay opened the ticket: %s", status)
		}
	})
	t.Run("forged ones do nothing (T-18, T-50)", func(t *testing.T) {
		ours := h.reply(ask.Ticket)
		before := value[int](h, `select count(*) from message where ticket_id = $1 and facts ->> 'returned' is not null`, ask.Ticket)
		for i := range 20 {
			l := from
			l.body = dsn("anna@good.example", "failed", "5.1.1") + fmt.Sprintf("\n--b\nContent-Type: text/rfc822-headers\n\nMessage-ID: <%d.%s>\n\n--b--\n", i, h.codec.MessageID(ours))
			if i%2 == 0 { // a reply token is no return path
				l.recipients = []string{h.codec.ReplyAddress("support@example.com", ours)}
			}
			got := h.send(l)
			if got.Disposition == desk.Suspended && got.Cause != desk.CauseBackscatter && got.Cause != desk.CauseLoop {
				t.Fatalf("%+v", got)
			}
		}
		if s := state(ours, "anna@good.example"); !strings.Contains(s, "sent") {
			t.Errorf("a forged bounce: %s", s)
		}
		if after := value[int](h, `select count(*) from message where ticket_id = $1 and facts ->> 'returned' is not null`, ask.Ticket); after != before {
			t.Errorf("%d forged reports stand on the ticket", after-before)
		}
	})
	t.Run("one that matches nothing is backscatter", func(t *testing.T) {
		l := from
		l.body = dsn("nobody@good.example", "failed", "5.1.1") + "\n--b--\n"
		l.from = "mailer-daemon@old.example"
		if got := h.send(l); got.Cause != desk.CauseBackscatter {
			t.Errorf("%+v", got)
		}
	})
}

// Two hard bounces of different mails suppress an address, and only those that came to the return path count (T-50).
func TestT_50_SuppressedByReports(t *testing.T) {
	t.Parallel()
	h := trusting(t)
	from := letter{mailFrom: "<>", subject: "Undelivered", extra: "MIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n"}
	state := func(message int64, recipient string) string {
		return value[string](h, `select state || ' ' || reply from delivery where message_id = $1 and recipient = $2`, message, recipient)
	}
	ask := h.send(letter{from: "anna@good.example", cc: "ben@good.example"})
	evidence := func(address string) string {
		return value[string](h, `select (select count(*) from hard_bounce where address = $1) || ' ' || (select count(*) from suppression where address = $1) || ' ' ||
			(select count(*) from audit where action = 'suppression.add' and subject = 'address/' || $1)`, address)
	}
	bounce := func(recipient, status string, byPath bool) (ours int64) {
		ours = h.reply(ask.Ticket)
		l := from
		l.body = "--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.good.example\n\nFinal-Recipient: rfc822; " + recipient + "\nAction: failed\nStatus: " + status +
			"\nDiagnostic-Code: smtp; 550 " + status + " no such person\n\n\n--b\nContent-Type: text/rfc822-headers\n\nMessage-ID: <" + h.codec.MessageID(ours) + ">\nSubject: Re: Help\n\n--b--\n"
		if byPath {
			l.recipients = []string{h.codec.ReturnPath("support@example.com", ours, recipient)}
		}
		for i := range 2 { // one mail is one piece of evidence
			l.from = fmt.Sprintf("mailer-daemon@mx%d-%d.good.example", ours, i)
			h.want(h.send(l), desk.Appended, ask.Ticket)
		}
		if s := state(ours, recipient); !strings.HasPrefix(s, "bounced ") {
			t.Errorf("%s: %s", recipient, s)
		}
		return ours
	}
	bounce("anna@good.example", "5.1.1", false)
	bounce("anna@good.example", "5.1.1", false)
	bounce("anna@good.example", "5.2.2", true)
	if got := evidence("anna@good.example"); got != "0 0 0" {
		t.Errorf("what proves nothing, or is not about the address, counts: %s", got)
	}
	ours := bounce("anna@good.example", "5.1.1", true)
	if got := evidence("anna@good.example"); got != "1 0 0" {
		t.Errorf("after the first: %s", got)
	}
	if got := value[string](h, `select kind || ' ' || state || ' ' || host || ' ' || reply from delivery_event where message_id = $1 and recipient = 'anna@good.example'`, ours); !strings.HasPrefix(got, "reported bounced mx.good.example 550 5.1.1") {
		t.Errorf("its story: %s", got)
	}
	bounce("anna@good.example", "5.1.1", true)
	if got := evidence("anna@good.example"); got != "2 1 1" {
		t.Errorf("after the second: %s", got)
	}
	if got := evidence("ben@good.example"); got != "0 0 0" {
		t.Errorf("others: %s", got)
	}
}

func TestSenderRules(t *testing.T) {
	t.Parallel()
	h := trusting(t)
	h.sql(`insert into sender_rule (pattern, action) values ('*.spam.example', 'suspend'), ('bad@good.example', 'reject'), ('198.51.100.0/24', 'suspend'), ('friend@good.example', 'allow'), ('friend@bare.example', 'allow')`)
	check(t, h.in.directory.Reload(t.Context()))
	for _, test := range []struct {
		l    letter
		want desk.Disposition
	}{
		{letter{from: "x@a.spam.example"}, desk.Suspended}, {letter{from: "bad@good.example"}, desk.Refused}, {letter{from: "anna@good.example"}, desk.Ticketed},
		{letter{from: "anna@bare.example", ip: netip.MustParseAddr("198.51.100.7")}, desk.Suspended},
		{letter{from: "friend@bare.example", ip: netip.MustParseAddr("198.51.100.7")}, desk.Suspended}, // anybody can write that name
	} {
		if got := h.send(test.l); got.Disposition != test.want {
			t.Errorf("%s: %+v, want %s", test.l.from, got, test.want)
		}
	}
	h.sql(`insert into sender_rule (pattern, action) values ('192.0.2.1', 'suspend')`)
	check(t, h.in.directory.Reload(t.Context()))
	if got := h.send(letter{from: "friend@good.example"}); got.Disposition != desk.Ticketed {
		t.Errorf("a proved friend: %+v", got)
	}
	ruling, err := h.in.Would(t.Context(), desk.Supposed{From: "x@a.spam.example"})
	if err != nil || ruling.Cause != desk.CauseBlocked || ruling.Rule == nil {
		t.Errorf("would: %+v, %v", ruling, err)
	}
	ruling, err = h.in.Would(t.Context(), desk.Supposed{From: "anna@strict.example", Proof: desk.ResultFail, Asked: "reject"})
	if err != nil || ruling.Cause != desk.CauseAuth {
		t.Errorf("would: %+v, %v", ruling, err)
	}
}

// T-03: too much of one sender is held, sooner when machines write it.
func TestRates(t *testing.T) {
	t.Parallel()
	h := trusting(t)
	h.sql(`insert into setting (key, value) values ('mail-policy', '{"arc_sealers": [], "spam_suspend": 6, "filter_down": "accept", "suspended_days": 14, "digest": "off", "per_sender": 5, "per_automatic": 2, "stranger_recipients": 3, "verification_codes": true}')`)
	check(t, h.in.directory.Reload(t.Context()))
	for i := range 7 {
		got := h.send(letter{from: "anna@good.example"})
		if held := got.Cause == desk.CauseRateLimit; held != (i >= 5) {
			t.Errorf("mail %d: %+v", i+1, got)
		}
	}
	for i := range 4 {
		got := h.send(letter{from: "robot@good.example", extra: "Auto-Submitted: auto-generated\n"})
		if held := got.Cause == desk.CauseLoop; held != (i >= 2) {
			t.Errorf("automatic mail %d: %+v", i+1, got)
		}
	}
	crowd := "a@x.example, b@x.example, c@x.example, d@x.example"
	if got := h.send(letter{from: "eve@bare.example", ip: elsewhere, cc: crowd}); got.Cause != desk.CauseRecipients {
		t.Errorf("a stranger to a crowd: %+v", got)
	}
	if got := h.send(letter{from: "ben@good.example", cc: crowd}); got.Disposition != desk.Ticketed {
		t.Errorf("a proved sender to a crowd: %+v", got)
	}
}

func TestReleaseIntoATicketGoesByTheVerdictOfItsTime(t *testing.T) {
	t.Parallel()
	h := trusting(t)
	first := h.send(letter{from: "anna@good.example"})
	held := h.send(letter{from: "anna@strict.example", ip: elsewhere})
	h.want(held, desk.Suspended, 0)
	outcome, err := h.in.Release(t.Context(), desk.Actor{User: desk.User{ID: 1, Role: desk.RoleAgent}, Via: "api"}, held.Suspended, first.Ticket)
	check(t, err)
	h.want(outcome, desk.Appended, first.Ticket)
	rule := value[string](h, `select facts -> 'why' ->> 'rule' from message where id = $1`, outcome.Message)
	released := value[string](h, `select facts ->> 'released' from message where id = $1`, outcome.Message)
	dmarc := value[string](h, `select facts -> 'verdict' -> 'dmarc' ->> 'result' from message where id = $1`, outcome.Message)
	if rule != threading.RuleReleased || released != string(desk.CauseAuth) || dmarc != "fail" {
		t.Errorf("rule %s, released %s, dmarc %s", rule, released, dmarc)
	}
	if n := strings.Count(h.original(outcome.Message), "Authentication-Results:"); n != 1 {
		t.Errorf("%d stamps on the released mail", n)
	}
}

// original is the kept copy of a message.
func (h *house) original(message int64) string {
	h.t.Helper()
	kept, err := h.store.OriginalOf(h.t.Context(), store.AllSeeing(), message)
	check(h.t, err)
	raw, done, err := h.in.openKept(h.t.Context(), kept)
	check(h.t, err)
	defer done()
	text, err := io.ReadAll(raw)
	check(h.t, err)
	return string(text)
}

// T-01, T-11: another service's sign-in code is held back, for whoever reads it could take over an account.
func TestVerificationCodesAreHeld(t *testing.T) {
	t.Parallel()
	h := trusting(t)
	got := h.send(letter{from: "no-reply@good.example", subject: "Your verification code", body: "Your verification code is:\n\n482913\n\nIt expires in 10 minutes."})
	if got.Cause != desk.CauseCode {
		t.Errorf("%+v", got)
	}
	if evidence := value[string](h, `select evidence from suspended where id = $1`, got.Suspended); evidence == "" || strings.Contains(evidence, "482913") {
		t.Errorf("evidence %q", evidence)
	}
	if shown := value[string](h, `select subject || preview from suspended where id = $1`, got.Suspended); strings.Contains(shown, "482913") || strings.Contains(shown, "Your") {
		t.Errorf("shown: %q", shown)
	}
	if got := h.send(letter{from: "anna@good.example", subject: "Code", body: "I never got my verification code, please help."}); got.Disposition != desk.Ticketed {
		t.Errorf("a customer who asks about a code: %+v", got)
	}
}

// An answer to what an agent forwarded stands beside the ticket's own conversation, whoever wrote it: it opens the ticket again, and brings nobody onto it.
func TestAnswersToAForwardStandBeside(t *testing.T) {
	t.Parallel()
	h := trusting(t)
	n := h.send(letter{from: "Anna <anna@good.example>", mailFrom: "anna@good.example", subject: "Broken", id: "a1@good.example"}).Ticket
	var forward int64
	check(t, h.pool.QueryRow(t.Context(), `
		insert into message (ticket_id, kind, from_address, "to", at, side) values ($1, 'forward', 'support@example.com', '[{"name":"","address":"sam@strict.example"}]', now(), currval('message_id_seq') + 1)
		returning id`, n).Scan(&forward))
	h.sql(`update message set side = id where id = $1`, forward)
	h.sql(`insert into delivery (message_id, recipient, destination, state) values ($1, 'sam@strict.example', 'strict.example', 'sent')`, forward)
	h.sql(`update ticket set status = 'hold', waiting_since = null, preview = 'as it was' where id = $1`, n)
	token := h.codec.ReplyAddress("support@example.com", forward)

	got := h.send(letter{from: "Sam <sam@strict.example>", mailFrom: "sam@strict.example", to: token, cc: "chef@strict.example", subject: "Re: Fwd: Broken", id: "s1@strict.example", body: "The valve.", recipients: []string{token}})
	h.want(got, desk.Appended, n)
	if side := value[int64](h, `select coalesce(side, 0) from message where id = $1`, got.Message); side != forward {
		t.Errorf("it stands beside %d, want %d", side, forward)
	}
	if people := value[int64](h, `select count(*) from participant where ticket_id = $1`, n); people != 0 {
		t.Errorf("%d people came onto the ticket", people)
	}
	if status := value[string](h, `select status || ' ' || preview || ' ' || new_participant from ticket where id = $1`, n); status != "open as it was false" {
		t.Errorf("the ticket is %q", status)
	}
	// Whoever they hand it on to is marked as new, and the customer's own answer to the ticket stays in the conversation.
	got = h.send(letter{from: "Chef <chef@strict.example>", mailFrom: "chef@strict.example", to: token, subject: "Re: Fwd: Broken", id: "s2@strict.example", body: "Me too.", recipients: []string{token}})
	h.want(got, desk.Appended, n)
	if stranger := value[string](h, `select side::text || ' ' || (facts ->> 'stranger') from message where id = $1`, got.Message); stranger != value[string](h, `select $1::bigint::text || ' true'`, forward) {
		t.Errorf("side and stranger are %q", stranger)
	}
	got = h.send(letter{from: "Anna <anna@good.example>", mailFrom: "anna@good.example", subject: "Re: Broken", id: "a2@good.example", answers: "a1@good.example"})
	h.want(got, desk.Appended, n)
	if side := value[int64](h, `select coalesce(side, 0) from message where id = $1`, got.Message); side != 0 {
		t.Errorf("the customer's answer stands beside %d", side)
	}
}

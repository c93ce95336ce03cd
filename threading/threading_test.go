package threading

import (
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"postern/desk"
	"postern/secret"
)

func testCodec(t *testing.T) *Codec {
	t.Helper()
	return NewCodec(secret.NewKeyset(rand.Reader), "Mail.Example.com")
}

func TestOurMarksComeBackAndOthersDoNot(t *testing.T) {
	codec, foreign := testCodec(t), testCodec(t)
	for _, message := range []int64{1, 31, 255, 256, 70000, 1 << 40, 1<<63 - 1} {
		id := codec.MessageID(message)
		if got, ok := codec.ParseMessageID("<" + id + ">"); !ok || got != message {
			t.Errorf("message %d: id %s gives %d, %v", message, id, got, ok)
		}
		if _, ok := foreign.ParseMessageID(id); ok {
			t.Errorf("message %d: an id of another installation is taken for ours", message)
		}
		addr := codec.ReplyAddress("support@example.com", message)
		mailbox, got, ok := codec.ParseAddress(strings.ToUpper(addr))
		if !ok || got != message || mailbox != "support@example.com" {
			t.Errorf("message %d: address %s gives %s %d %v", message, addr, mailbox, got, ok)
		}
	}
	if len(codec.ReplyAddress("support@example.com", 1<<62)) > 64+1+len("example.com") {
		t.Error("the local part is longer than 64 octets")
	}
	long := strings.Repeat("a", 40) + "@example.com"
	if got := codec.ReplyAddress(long, 5); got != long {
		t.Errorf("a mailbox without room for a token gives %s", got)
	}
	mailbox, _, ok := codec.ParseAddress(codec.ReplyAddress("support+sales@example.com", 9))
	if !ok || mailbox != "support+sales@example.com" {
		t.Errorf("a mailbox with a detail: %s, %v", mailbox, ok)
	}
}

func TestEveryChangedTokenIsRefused(t *testing.T) {
	codec := testCodec(t)
	id := codec.MessageID(1234)
	token, host, _ := strings.Cut(id, "@")
	for i := range token {
		for _, other := range "a7-" {
			if rune(token[i]) == other {
				continue
			}
			forged := token[:i] + string(other) + token[i+1:]
			if _, ok := codec.ParseMessageID(forged + "@" + host); ok {
				t.Fatalf("%s passes, made from %s", forged, token)
			}
		}
	}
	for _, junk := range []string{"", "-", "--", "a-b-c", "support", token[:len(token)-1], token + "a"} {
		if _, ok := codec.ParseMessageID(junk + "@" + host); ok {
			t.Errorf("%q passes", junk)
		}
	}
}

// The order of evidence of behaviour §2, case by case.
func TestDecide(t *testing.T) {
	codec := testCodec(t)
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	const anna, bob, eve = "anna@customer.example", "bob@customer.example", "eve@stranger.example"
	known := func(status desk.Status, closed time.Time) Candidates {
		ticket := Ticket{ID: 7, Status: status, ClosedAt: closed, Mailboxes: []int64{1}, Requester: anna, People: []string{bob}}
		other := Ticket{ID: 8, Status: desk.StatusOpen, Mailboxes: []int64{1}, Requester: eve}
		return Candidates{
			Messages: map[int64]int64{70: 7, 80: 8},
			Bearers:  map[[16]byte][]int64{Key("first@customer.example"): {7}, Key("x@stranger.example"): {8}},
			Namers:   map[[16]byte][]int64{Key("late@customer.example"): {7}},
			Tickets:  map[int64]Ticket{7: ticket, 8: other, 6: ticket},
		}
	}
	open := known(desk.StatusOpen, time.Time{})
	reply := func(change func(*Mail)) Mail {
		mail := Mail{MessageID: "new@customer.example", Subject: "Hello", From: anna, Mailboxes: []int64{1}, ReceivedAt: now}
		change(&mail)
		return mail
	}
	token := codec.ReplyAddress("support@example.com", 70)
	for _, c := range []struct {
		name  string
		mail  Mail
		known Candidates
		want  Match
	}{
		{"nothing: a new ticket", reply(func(*Mail) {}), open, Match{Why: desk.Why{Rule: RuleNew}}},
		{"T-TOKEN-CC: the token stands only in Cc", reply(func(m *Mail) { m.Addresses = []string{"other@example.com", token} }), open,
			Match{Ticket: 7, Why: desk.Why{Rule: RuleToken}}},
		{"the token wins over a Message-ID of another ticket", reply(func(m *Mail) {
			m.Addresses, m.InReplyTo = []string{token}, []string{codec.MessageID(80)}
		}), open, Match{Ticket: 7, Why: desk.Why{Rule: RuleToken}}},
		{"our Message-ID in References only", reply(func(m *Mail) { m.References = []string{codec.MessageID(70), "other@x"} }), open,
			Match{Ticket: 7, Why: desk.Why{Rule: RuleOurID}}},
		{"References count from the newest", reply(func(m *Mail) { m.References = []string{codec.MessageID(80), codec.MessageID(70)} }), open,
			Match{Ticket: 7, Why: desk.Why{Rule: RuleOurID}}},
		{"T-SUBJ-CHANGE: a foreign id, whatever the subject", reply(func(m *Mail) {
			m.InReplyTo, m.Subject = []string{"first@customer.example"}, "Something else"
		}), open, Match{Ticket: 7, Why: desk.Why{Rule: RuleForeignID}}},
		{"a foreign id known in another mailbox only", reply(func(m *Mail) { m.InReplyTo, m.Mailboxes = []string{"first@customer.example"}, []int64{2} }), open,
			Match{Why: desk.Why{Rule: RuleNew}}},
		{"a stranger with a foreign id: a new ticket with the suggestion", reply(func(m *Mail) { m.From, m.InReplyTo = eve, []string{"first@customer.example"} }), open,
			Match{Why: desk.Why{Rule: RuleNew, Suggested: 7}}},
		{"T-STRANGER: a stranger with the token waits to be accepted", reply(func(m *Mail) { m.From, m.Addresses = eve, []string{token} }), open,
			Match{Ticket: 7, Why: desk.Why{Rule: RuleToken}, Powers: Powers{Pending: true}}},
		{"a participant is no stranger", reply(func(m *Mail) { m.From, m.Addresses = bob, []string{token} }), open,
			Match{Ticket: 7, Why: desk.Why{Rule: RuleToken}}},
		{"T-SUBJ-OK: the number, from somebody proved to be on the ticket", reply(func(m *Mail) { m.Subject, m.Verified = "Re: Hello [#7]", true }), open,
			Match{Ticket: 7, Why: desk.Why{Rule: RuleSubject}}},
		{"T-SUBJ-SPOOF: the number, and nothing proves the sender", reply(func(m *Mail) { m.Subject = "Re: Hello [#7]" }), open,
			Match{Why: desk.Why{Rule: RuleNew, Suggested: 7}}},
		{"T-SUBJ-SPOOF: proved, but not on the ticket", reply(func(m *Mail) { m.Subject, m.Verified, m.From = "Re: Hello [#7]", true, eve }), open,
			Match{Why: desk.Why{Rule: RuleNew, Suggested: 7}}},
		{"a number that is no ticket", reply(func(m *Mail) { m.Subject, m.Verified = "[#999]", true }), open, Match{Why: desk.Why{Rule: RuleNew}}},
		{"T-MERGE: the number of a merged ticket leads to its target", reply(func(m *Mail) { m.Subject, m.Verified = "[#6]", true }), open,
			Match{Ticket: 7, Why: desk.Why{Rule: RuleSubject}}},
		{"T-LATE: an answer to this mail came first", reply(func(m *Mail) { m.MessageID, m.People = "late@customer.example", []string{bob} }), open,
			Match{Ticket: 7, Before: true, Why: desk.Why{Rule: RuleLate}}},
		{"T-LATE: an id that a stranger guessed joins nothing", reply(func(m *Mail) { m.MessageID, m.From = "late@customer.example", eve }), open,
			Match{Why: desk.Why{Rule: RuleNew, Suggested: 7}}},
		{"T-FOLLOWUP: closed too long ago", reply(func(m *Mail) { m.Addresses = []string{token} }), known(desk.StatusClosed, now.AddDate(0, 0, -15)),
			Match{Why: desk.Why{Rule: RuleFollowUp, Suggested: 7}}},
		{"closed yesterday", reply(func(m *Mail) { m.Addresses = []string{token} }), known(desk.StatusClosed, now.AddDate(0, 0, -1)),
			Match{Ticket: 7, Why: desk.Why{Rule: RuleToken}}},
		{"T-OOO: an automatic answer joins by its id", reply(func(m *Mail) { m.From, m.Automatic, m.InReplyTo = eve, true, []string{codec.MessageID(70)} }), open,
			Match{Ticket: 7, Why: desk.Why{Rule: RuleOurID}}},
		{"an empty id is never evidence", reply(func(m *Mail) { m.InReplyTo, m.References, m.MessageID = []string{""}, []string{"<>"}, "" }),
			Candidates{Bearers: map[[16]byte][]int64{Key(""): {7}}, Namers: map[[16]byte][]int64{Key(""): {7}}, Tickets: open.Tickets}, Match{Why: desk.Why{Rule: RuleNew}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Decide(c.mail, codec.Read(c.mail), c.known)
			if got.Ticket != c.want.Ticket || got.Before != c.want.Before || got.Why.Rule != c.want.Why.Rule || got.Why.Suggested != c.want.Why.Suggested ||
				got.Powers.Pending != c.want.Powers.Pending {
				t.Errorf("got %+v\nwant %+v", got, c.want)
			}
		})
	}
}

// Every row of the trust table of behaviour §4, in its order.
func TestPowersFollowTheTrustTable(t *testing.T) {
	for _, c := range []struct {
		name   string
		sender Sender
		want   Powers
	}{
		{"verified, on the ticket", Sender{Trust: desk.TrustVerified, OnTicket: true}, Powers{Joins: true, Reopens: true, AddsPeople: true, Answered: true}},
		{"verified, new ticket", Sender{Trust: desk.TrustVerified, New: true}, Powers{AddsPeople: true, Answered: true}},
		{"verified, not on the ticket, with a token", Sender{Trust: desk.TrustVerified, Token: true}, Powers{Joins: true, Pending: true}},
		{"verified, not on the ticket, without", Sender{Trust: desk.TrustVerified}, Powers{}},
		{"token, address of a participant", Sender{Trust: desk.TrustToken, Token: true, OnTicket: true}, Powers{Joins: true, Unverified: true, Reopens: true}},
		{"token, another address", Sender{Trust: desk.TrustToken, Token: true}, Powers{Joins: true, Pending: true, Unverified: true}},
		{"unverified, participant, known Message-ID", Sender{Trust: desk.TrustUnverified, OnTicket: true}, Powers{Joins: true, Unverified: true, Reopens: true}},
		{"unverified, anybody else", Sender{Trust: desk.TrustUnverified}, Powers{Unverified: true}},
		{"unverified, new ticket", Sender{Trust: desk.TrustUnverified, New: true}, Powers{Unverified: true}},
		{"automatic, with a token", Sender{Trust: desk.TrustToken, Token: true, Automatic: true}, Powers{Joins: true, Unverified: true}},
		{"automatic, on the ticket, verified", Sender{Trust: desk.TrustVerified, OnTicket: true, Automatic: true}, Powers{Joins: true}},
		{"automatic, a stranger's", Sender{Trust: desk.TrustUnverified, Automatic: true}, Powers{Unverified: true}},
	} {
		if got := PowersOf(c.sender); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

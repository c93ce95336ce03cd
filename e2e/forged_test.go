package e2e

import (
	"crypto/rand"
	"encoding/base32"
	"fmt"
	"net/http"
	"net/mail"
	"slices"
	"strings"
	"sync"
	"testing"

	"postern/internal/testkit"
	"postern/secret"
	"postern/threading"
)

const (
	eve       = "eve@elsewhere.example"     // whom nobody asked
	mallory   = "mallory@elsewhere.example" // who makes himself out to be somebody else
	guesses   = 100_000
	guessed   = 1_000 // by SMTP
	perMail   = 100   // recipients, and guesses, of one mail
	forgeries = 1_000
	forgers   = 8
)

// forgedWorld is the world of the forgers: ada's domain tells who may send as it and asks for nothing to be done about others, so that forged mail comes in.
const forgedWorld = world + `
customer.example. IN TXT "v=spf1 ip4:192.0.2.1 -all"
_dmarc.customer.example. IN TXT "v=DMARC1; p=none"
elsewhere.example. IN TXT "v=spf1 ip4:203.0.113.9 -all"
_dmarc.elsewhere.example. IN TXT "v=DMARC1; p=none"
slack.example. IN TXT "v=spf1 ip4:198.51.100.7 -all"
_dmarc.slack.example. IN TXT "v=DMARC1; p=reject"
slack.example. IN MX 10 mx.customer.example.
desk.example. IN MX 10 mail.desk.example.
`

// conversed is a desk in the middle of a conversation with ada, and what a stranger may have seen of it: everything that left.
type conversed struct {
	*desk
	number   int64
	reply    testkit.Mail
	token    string // the reply address
	ourID    string
	question string // ada's own Message-ID
}

func converse(t *testing.T) *conversed {
	t.Helper()
	dns := testkit.DNS(t, forgedWorld)
	d := &desk{sink: testkit.SMTPSink(t, testkit.Behaviour{Host: "mx.customer.example"})}
	d.program = launch(t, strangers, "POSTERN_DNS="+dns.Addr, "POSTERN_MX_PORT="+d.sink.Port(), "POSTERN_SMTP_LIMITS=mails-per-minute=off,new-per-minute=off")
	_, d.keys = d.own(dns, forgedWorld, "desk.example")
	d.cli("mailbox", "add", mailbox, "--name", "Desk Help")
	d.settle()
	c := &conversed{desk: d, question: "first@customer.example"}
	c.number = d.post(home, letter{from: customer, to: mailbox, subject: "My order", id: c.question, text: "Where is it?"}).number()
	if c.number == 0 {
		t.Fatal("ada's mail is no ticket")
	}
	c.answered("It is on its way.")
	return c
}

// answered answers the ticket as its agents would, and reads what left.
func (c *conversed) answered(text string) {
	c.t.Helper()
	call[message](c.t, c.program, http.MethodPost, fmt.Sprintf("/tickets/%d/replies", c.number), map[string]any{"text": text})
	c.reply = nextAnswer(c.t, c.sink)
	read, err := mail.ReadMessage(strings.NewReader(string(c.reply.Bytes)))
	if err != nil {
		c.t.Fatal(err)
	}
	back, err := mail.ParseAddress(read.Header.Get("Reply-To"))
	if err != nil {
		c.t.Fatal(err)
	}
	c.token, c.ourID = back.Address, strings.Trim(read.Header.Get("Message-Id"), "<>")
}

// newest is the newest received mail of the ticket.
func (c *conversed) newest() proved {
	c.t.Helper()
	all := every[proved](c.t, c.program, fmt.Sprintf("/tickets/%d/messages", c.number))
	all = slices.DeleteFunc(all, func(m proved) bool { return m.Kind != "inbound" })
	return all[len(all)-1]
}

// What a stranger may try with a conversation that they have seen, or have heard of.
func TestTrustAgainstForgers(t *testing.T) {
	t.Parallel()
	c := converse(t)
	t.Run("T-04", c.tokensAreNotGuessed)
	t.Run("T-10", c.foreignIDsLeadNowhere)
	t.Run("T-18 T-50", c.forgedBouncesDoNothing)
	t.Run("T-33 T-07", c.nobodyWritesAsUs)
	t.Run("T-01", c.thirdPartiesAreNotRead)
	t.Run("T-05", c.aLeakedTokenShowsNothing)
	t.Run("T-06", c.aSpoofedFromIsMarked)
	t.Run("T-08 T-09", c.attackersGetNoReply)
	t.Run("T-02", c.nobodyIsBombed)
}

// randomLetters is base32 of random octets, in small letters, as tokens are.
func randomLetters(octets int) string {
	random := make([]byte, octets)
	_, _ = rand.Read(random) // never fails
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(random))
}

// guess is a token: made up as a whole, or with everything right but the tag, as somebody makes it who has seen one.
func guess(seen string, i int) string {
	parts := strings.Split(seen, "-")
	if i%2 == 0 || len(parts) != 3 {
		return randomLetters(5) + "-" + randomLetters(1+i%4) + "-" + randomLetters(10)
	}
	return parts[0] + "-" + parts[1] + "-" + randomLetters(10)
}

// T-04 in process: none of a hundred thousand.
func TestTrustTokensAreNotGuessed(t *testing.T) {
	t.Parallel()
	codec := threading.NewCodec(secret.NewKeyset(rand.Reader), hostname)
	seen, _, _ := strings.Cut(codec.MessageID(7), "@")
	for i := range guesses {
		token := guess(seen, i)
		if _, _, ok := codec.ParseAddress("help+" + token + "@desk.example"); ok {
			t.Fatalf("%s is taken for a reply address", token)
		}
		if _, ok := codec.ParseMessageID(token + "@" + hostname); ok {
			t.Fatalf("%s is taken for a Message-ID of ours", token)
		}
		if _, _, _, ok := codec.ParseReturnPath("help+" + token + "@desk.example"); ok {
			t.Fatalf("%s is taken for a return path", token)
		}
	}
}

// T-04: a thousand guesses by SMTP, in every place where a token is looked for.
func (c *conversed) tokensAreNotGuessed(t *testing.T) {
	local, _, _ := strings.Cut(c.token, "@")
	_, seen, _ := strings.Cut(local, "+")
	before := c.stand("message", "ticket")
	for i := 0; i < guessed; i += perMail {
		var to, references []string
		for n := range perMail {
			token := guess(seen, i+n)
			to, references = append(to, "help+"+token+"@desk.example"), append(references, "<"+guess(seen, i+n)+"@"+hostname+">")
		}
		l := letter{from: "guess@elsewhere.example", to: to[0], subject: "Re: My order", id: fmt.Sprintf("guess-%d@elsewhere.example", i), text: "?",
			header: []string{"Cc: " + strings.Join(to[1:20], ",\r\n "), "References: " + strings.Join(references, "\r\n ")}}
		if answer := c.post(far, l, to...); answer.Code != 250 || answer.number() == c.number {
			t.Fatalf("a mail with %d guesses: %+v", perMail, answer)
		}
	}
	if got := value[int](c.program, `select count(*) from message where ticket_id = $1 and kind = 'inbound'`, c.number); got != 1 {
		t.Errorf("%d mails stand on the ticket", got)
	}
	if c.stand("message", "ticket") == before {
		t.Error("the guessing mails are nowhere")
	}
}

// T-10: a Message-ID that strangers have read somewhere leads them to no ticket, whoever they are, and however many they name.
func (c *conversed) foreignIDsLeadNowhere(t *testing.T) {
	many := strings.Repeat("<x@elsewhere.example>\r\n ", 999) + "<" + c.question + ">"
	for i, l := range []letter{
		{from: eve, to: mailbox, header: []string{"In-Reply-To: <" + c.question + ">"}},
		{from: eve, to: mailbox, header: []string{"References: " + many}},
		{from: customer, to: support, header: []string{"References: <" + c.question + ">"}}, // another mailbox's conversation
		{from: eve, to: mailbox, subject: fmt.Sprintf("[#%d]", c.number)},
	} {
		l.id, l.text = fmt.Sprintf("poison-%d@elsewhere.example", i), "me too"
		if answer := c.post(far, l); answer.Code != 250 || answer.number() == c.number {
			t.Errorf("mail %d: %+v", i, answer)
		}
	}
	same := letter{from: eve, to: mailbox, subject: "first", id: c.question, text: "I was first."} // a Message-ID that is there already
	if answer := c.post(far, same); answer.Code != 250 || answer.number() == c.number || strings.Contains(answer.Text, "already here") {
		t.Errorf("a mail with another's Message-ID: %+v", answer)
	}
}

// bounce is a forged report on a mail to ada. The more even i is, the more its forger knows.
func (c *conversed) bounce(i int) (to string, mail []byte) {
	to, about := mailbox, fmt.Sprintf("%s@%s", randomLetters(20), hostname)
	local, _, _ := strings.Cut(c.token, "@")
	_, seen, _ := strings.Cut(local, "+")
	switch i % 4 {
	case 1:
		to = "help+" + guess(seen, i) + "@desk.example"
	case 2:
		to, about = c.token, "x"+c.ourID // the reply address is no return path
	case 3:
		about = guess(seen, i) + "@" + hostname
	}
	report := "--b\r\nContent-Type: text/plain\r\n\r\nIt could not be delivered.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.customer.example\r\n\r\n" +
		"Final-Recipient: rfc822; " + customer + "\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <" + about + ">\r\n\r\n--b--"
	kind := "multipart/report; report-type=delivery-status; boundary=b"
	if i%10 == 0 {
		report = strings.Replace(report, "message/delivery-status", "message/feedback-report", 1)
		report = strings.Replace(report, "Reporting-MTA: dns; mx.customer.example\r\n\r\n", "Feedback-Type: abuse\r\nVersion: 1\r\nUser-Agent: x\r\n", 1)
		kind = "multipart/report; report-type=feedback-report; boundary=b"
	}
	head := fmt.Sprintf("From: MAILER-DAEMON%d@customer.example\r\nTo: %s\r\nSubject: Undelivered Mail\r\nMessage-ID: <bounce-%d@customer.example>\r\nMIME-Version: 1.0\r\nContent-Type: %s\r\n\r\n", i, to, i, kind)
	return to, []byte(head + report + "\r\n")
}

// T-18, T-50: a thousand forged bounces and complaints, many at once: no ticket and no delivery changes, nobody is suppressed, and nothing leaves.
func (c *conversed) forgedBouncesDoNothing(t *testing.T) {
	before, sent := c.stand("ticket", "participant", "delivery", "hard_bounce", "suppression"), len(ofConversations(c.sink))
	var all sync.WaitGroup
	for n := range forgers {
		all.Go(func() {
			for i := n; i < forgeries; {
				s, err := c.stranger(fmt.Sprintf("203.0.113.%d", 20+n))
				if err != nil {
					t.Error(err)
					return
				}
				for range perMail / 2 {
					to, mail := c.bounce(i)
					if answer, err := s.send("", []string{to}, mail); err != nil || answer.Code != 250 {
						t.Errorf("forged bounce %d: %+v, %v", i, answer, err)
					}
					if i += forgers; i >= forgeries {
						break
					}
				}
				s.close()
			}
		})
	}
	all.Wait()
	if after := c.stand("ticket", "participant", "delivery", "hard_bounce", "suppression"); after != before {
		t.Errorf("forged bounces changed something:\n%swas\n%s", after, before)
	}
	if now := len(ofConversations(c.sink)); now != sent {
		t.Errorf("%d mails left because of forged bounces", now-sent)
	}
	if returned := value[int](c.program, `select count(*) from message where ticket_id = $1 and facts ->> 'returned' is not null`, c.number); returned != 0 {
		t.Errorf("%d forged reports stand on the ticket", returned)
	}
}

// T-33, T-07: what claims to be from our own domain, or from one of our agents, comes into no ticket without proof, whatever else it has.
func (c *conversed) nobodyWritesAsUs(t *testing.T) {
	before := c.stand("ticket", "message")
	for i, l := range []letter{
		{from: "boss@desk.example", to: mailbox},
		{from: "boss@sub.desk.example", to: mailbox},
		{from: owner, to: c.token}, // with a token
		{from: owner, to: mailbox, header: []string{"In-Reply-To: <" + c.ourID + ">"}},
		{from: owner, to: mailbox, header: []string{"Authentication-Results: " + hostname + "; dmarc=pass header.from=desk.example; dkim=pass header.d=desk.example"}},
		{from: owner, to: mailbox, header: []string{"Sender: " + eve, "DKIM-Signature: v=1; a=rsa-sha256; d=elsewhere.example; s=x; h=from; bh=aGk=; b=aGk="}},
		{from: mailbox, to: c.token},
	} {
		l.subject, l.id, l.text = "urgent", fmt.Sprintf("boss-%d@desk.example", i), "Pay this bill."
		if answer := c.post(far, l); answer.Code != 250 || answer.number() != 0 {
			t.Errorf("mail %d: %+v", i, answer)
		}
	}
	if c.stand("ticket", "message") != before {
		t.Error("a mail that claims to be ours changed something")
	}
	causes := map[string]bool{}
	for _, each := range every[suspended](t, c.program, "/suspended") {
		causes[each.Cause] = true
	}
	if !causes["authentication"] || !causes["agent-impersonation"] || !causes["loop"] {
		t.Errorf("held back as %v", causes)
	}
}

// T-01: who registers at a third party with the reply address of their own ticket reads nothing of what that one writes, neither by mail nor in the portal.
func (c *conversed) thirdPartiesAreNotRead(t *testing.T) {
	c.cli("user", "add", "--email", customer, "--name", "Ada", "--role", "customer")
	token := strings.TrimSpace(c.cli("token", "create", "--user", customer, "--name", "ada"))
	const canary = "confirm-7c1f"
	for i, to := range []string{c.token, mailbox} {
		for k, text := range []string{"Please confirm: https://slack.example/" + canary, "Welcome, " + canary + "! Your workspace is waiting."} {
			l := letter{from: "noreply@slack.example", to: to, subject: canary, id: fmt.Sprintf("confirm-%d-%d@slack.example", i, k), text: text}
			if answer := c.post("198.51.100.7", l); answer.Code != 250 {
				t.Errorf("to %s: %+v", to, answer)
			}
		}
	}
	c.answered("It will come tomorrow.")
	if slices.ContainsFunc(c.sink.Mails(), func(m testkit.Mail) bool { return strings.Contains(string(m.Bytes), canary) }) {
		t.Error("the third party's words left by mail")
	}
	mine := c.as(token)
	for _, path := range []string{"/tickets", fmt.Sprintf("/tickets/%d", c.number), fmt.Sprintf("/tickets/%d/messages", c.number), "/tickets?q=" + canary} {
		response, shown, err := mine.request(http.MethodGet, path, nil, nil)
		if err != nil || response.StatusCode != http.StatusOK || strings.Contains(string(shown), canary) || strings.Contains(string(shown), "slack.example") {
			t.Errorf("ada's %s: %v, %v\n%.2000s", path, response.Status, err, shown)
		}
	}
	if _, seen, _ := c.request(http.MethodGet, fmt.Sprintf("/tickets/%d/messages", c.number), nil, nil); !strings.Contains(string(seen), canary) && len(every[suspended](t, c.program, "/suspended")) == 0 {
		t.Error("the third party's mails are nowhere")
	}
}

// T-05: a token that leaked lets its bearer write to the agents. They hear nothing back, nor is the ticket theirs.
func (c *conversed) aLeakedTokenShowsNothing(t *testing.T) {
	if answer := c.post(far, letter{from: eve, to: c.token, subject: "Re: My order", id: "leak@elsewhere.example", text: "And where is mine?"}); answer.number() != c.number {
		t.Fatalf("%+v", answer)
	}
	if got := c.newest(); got.MessageID != "leak@elsewhere.example" || !got.Stranger {
		t.Errorf("%+v", got.message)
	}
	c.answered("To ada alone.")
	if !slices.Equal(c.reply.To, []string{customer}) || strings.Contains(string(c.reply.Bytes), eve) {
		t.Errorf("the reply went to %v", c.reply.To)
	}
	c.cli("user", "add", "--email", eve, "--name", "Eve", "--role", "customer")
	hers := c.as(strings.TrimSpace(c.cli("token", "create", "--user", eve, "--name", "eve")))
	for _, path := range []string{fmt.Sprintf("/tickets/%d", c.number), fmt.Sprintf("/tickets/%d/messages", c.number)} {
		if response, shown, err := hers.request(http.MethodGet, path, nil, nil); err != nil || response.StatusCode != http.StatusNotFound {
			t.Errorf("eve's %s: %v\n%.500s", path, err, shown)
		}
	}
}

// T-06: a forged From with the right References stands on the ticket, as behaviour §4 has it, marked as unverified; it moves nothing and nothing leaves.
func (c *conversed) aSpoofedFromIsMarked(t *testing.T) {
	sent := len(ofConversations(c.sink))
	answer := c.post(far, letter{from: customer, to: mailbox, subject: "Re: My order", id: "spoof@customer.example", text: "Send it elsewhere.", header: []string{"References: <" + c.question + ">"}})
	if answer.number() != c.number {
		t.Fatalf("%+v", answer)
	}
	if got := c.newest(); got.Trust != "unverified" || got.Auth == nil || got.Auth.DMARC != "fail" {
		t.Errorf("trust %s, %+v", got.Trust, got.Auth)
	}
	if len(ofConversations(c.sink)) != sent {
		t.Error("something left because of a forged mail")
	}
}

// T-08, T-09: a forger who writes as ada and puts himself into Cc or Reply-To gets nothing of any later reply.
func (c *conversed) attackersGetNoReply(t *testing.T) {
	for i, header := range [][]string{{"Cc: " + mallory}, {"Reply-To: " + mallory}, {"Reply-To: " + mallory, "Cc: " + mallory, "Sender: " + mallory}} {
		l := letter{from: customer, to: mailbox, subject: "Re: My order", id: fmt.Sprintf("join-%d@customer.example", i), text: "Add my friend.", header: append(header, "References: <"+c.question+">")}
		if answer := c.post(far, l); answer.number() != c.number {
			t.Fatalf("%+v", answer)
		}
		got := c.newest()
		if got.From.Address != customer || got.Trust != "unverified" {
			t.Errorf("%v: from %v, trust %s", header, got.From, got.Trust)
		}
		c.answered("As you wish.")
		if strings.Contains(string(c.reply.Bytes), mallory) {
			t.Errorf("%v: the reply names %s:\n%s", header, mallory, c.reply.Bytes)
		}
	}
	// Having stood in such a Cc makes nobody known on the ticket.
	if answer := c.post(far, letter{from: mallory, to: mailbox, subject: "Re: My order", id: "second@elsewhere.example", text: "Thanks. And the invoice?", header: []string{"In-Reply-To: <" + c.question + ">"}}); answer.number() == c.number {
		t.Errorf("a forger's Cc is on the ticket: %+v", answer)
	}
	c.answered("Anything else?")
	if got := value[int](c.program, `select count(*) from delivery where recipient = $1`, mallory); got != 0 {
		t.Errorf("%d deliveries to %s", got, mallory)
	}
	if shown := show(t, c.program, c.number); shown.Requester.Address != customer || slices.ContainsFunc(shown.Participants, func(p participant) bool { return p.Address == mallory }) {
		t.Errorf("on the ticket: %s, %+v", shown.Requester.Address, shown.Participants)
	}
}

// T-02: with acknowledgements on, forged senders make us write to nobody.
func (c *conversed) nobodyIsBombed(t *testing.T) {
	c.settle(`update mailbox set acknowledge = true`)
	sent := len(ofConversations(c.sink))
	for i := range 50 {
		l := letter{from: fmt.Sprintf("victim%d@customer.example", i), to: mailbox, subject: "Win a jackpot", id: fmt.Sprintf("bomb-%d@customer.example", i), text: "http://jackpot.example"}
		if answer := c.post(far, l); answer.Code != 250 {
			t.Errorf("%+v", answer)
		}
	}
	silence(t, 3*lookAround)
	if now := len(ofConversations(c.sink)); now != sent {
		t.Errorf("%d mails went to people who never wrote", now-sent)
	}
}

package jobs

import (
	"strings"
	"testing"
	"time"

	"postern/desk"
	"postern/identity"
	"postern/internal/testkit"
)

// A code goes to whoever is on a ticket, as an automatic mail that no program answers, and to nobody else.
func TestCodesAreMailedToThoseWeKnow(t *testing.T) {
	t.Parallel()
	c := newCounter(t, testkit.Behaviour{})
	c.mailOn(t, 0, "dave@customer.test")
	c.exec(t, `insert into suppression (address, reason) values ('gone@customer.test', 'bounced')`)
	c.mailOn(t, 0, "gone@customer.test")
	c.mailOn(t, 0, "noreply@customer.test")
	c.exec(t, `update acknowledgement set due_at = null`)
	c.start(t)
	from := identity.Client{IP: "192.0.2.7"}
	ask := func(address, language string) {
		if _, err := c.config.Identity.AskVisitor(t.Context(), identity.VisitorAsk{Address: address, Language: language}, from); err != nil {
			t.Fatal(err)
		}
	}
	for _, address := range []string{"nobody@customer.test", "gone@customer.test", "noreply@customer.test", "support@example.com", "support+x@example.com"} {
		ask(address, "")
	}
	ask("Dave@customer.test", "it")
	mail := c.sink.Next(t)
	header, body, _ := strings.Cut(string(mail.Bytes), "\r\n\r\n")
	for _, line := range []string{"Auto-Submitted: auto-generated", "X-Auto-Response-Suppress: All", "X-Postern-Loop: mx.example.com", "To: dave@customer.test", "From: Example Support <support@example.com>"} {
		if !strings.Contains(header, line) {
			t.Errorf("%s is missing:\n%s", line, header)
		}
	}
	if mail.From != "" || !strings.Contains(body, "Codice:") || !strings.Contains(strings.ReplaceAll(body, "=\r\n", ""), "https://desk.example.com/my/link/") {
		t.Errorf("from %q it says:\n%s", mail.From, body)
	}
	deadline := time.Now().Add(patience)
	for c.number(t, `select count(*) from visitor_code where outcome <> ''`) < 6 {
		if time.Now().After(deadline) {
			t.Fatalf("%d of 6 are decided", c.number(t, `select count(*) from visitor_code where outcome <> ''`))
		}
		time.Sleep(20 * time.Millisecond)
	}
	if others := len(c.sink.Mails()) - 1; others != 0 {
		t.Errorf("%d other mails left", others)
	}
}

// The question whether a customer was helped is asked once, some time after solving, of whom one of our people has answered.
func TestCustomersAreAskedOnce(t *testing.T) {
	t.Parallel()
	c := newCounter(t, testkit.Behaviour{})
	setting := desk.DefaultCustomerSetting(c.box)
	setting.Ask, setting.AskAfter = true, 2
	if err := c.tickets.SetCustomerSetting(t.Context(), c.ann, setting); err != nil {
		t.Fatal(err)
	}
	answered, unanswered, spam, again := c.mailOn(t, 0, "dave@customer.test"), c.mailOn(t, 0, "eve@customer.test"), c.mailOn(t, 0, "mallory@customer.test"), c.mailOn(t, 0, "dave@customer.test")
	c.exec(t, `update acknowledgement set due_at = null`)
	solved := desk.StatusSolved
	for _, ticket := range []int64{answered, spam, again} {
		if _, err := c.tickets.Reply(t.Context(), c.ann, desk.ReplyRequest{Ticket: ticket, Text: "Done."}); err != nil {
			t.Fatal(err)
		}
	}
	for _, ticket := range []int64{answered, unanswered, spam, again} {
		change := desk.TicketChange{Status: &solved}
		if ticket == spam {
			change.AddTags = []string{"spam"}
		}
		if _, err := c.tickets.Update(t.Context(), c.ann, ticket, change); err != nil {
			t.Fatal(err)
		}
	}
	worker := &askRatings{tickets: c.tickets, domains: c.domains, sender: c.config.Sender, log: c.config.Log}
	react := newReactor(c.config)
	if react.now == nil {
		react.now = time.Now
	}
	for react.round(t.Context()) == more {
		continue
	}
	run := func() {
		if err := worker.Work(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
	}
	run()
	if n := len(c.sink.Mails()); n != 0 {
		t.Fatalf("%d were asked at once", n)
	}
	c.exec(t, `update rating_question set due_at = due_at - interval '2 hours'`)
	run()
	run()
	mails := c.sink.Mails()
	if len(mails) != 1 {
		t.Fatalf("%d were asked", len(mails))
	}
	text := strings.ReplaceAll(string(mails[0].Bytes), "=\r\n", "")
	for _, words := range []string{"Auto-Submitted: auto-generated", "To: dave@customer.test", "https://desk.example.com/rate/", "?r=3Dgood", "Were you helped?"} {
		if !strings.Contains(text, words) && !strings.Contains(text, strings.ReplaceAll(words, "=3D", "=")) {
			t.Errorf("%q is missing:\n%s", words, text)
		}
	}
	if strings.Contains(text, evilSubject) {
		t.Error("it carries the customer's words")
	}
	if n := c.number(t, `select count(*) from rating_question where due_at is null and outcome <> ''`); n != 4 {
		t.Errorf("%d of 4 are decided", n)
	}
	if n := c.number(t, `select count(*) from message where kind = 'event' and facts -> 'event' ->> 'verb' = 'asked'`); n != 1 {
		t.Errorf("%d lines say that somebody was asked", n)
	}
}

// Answers carry the link to their conversation, in the language that the mailbox speaks, unless it wants none.
func TestMailsCarryTheLink(t *testing.T) {
	t.Parallel()
	c := newCounter(t, testkit.Behaviour{})
	c.start(t)
	for _, test := range []struct {
		link  bool
		lang  string
		words string
	}{{true, "", "See this conversation on the web"}, {true, "it", "questa conversazione sul web"}, {false, "", ""}} {
		setting := desk.DefaultCustomerSetting(c.box)
		setting.Link, setting.Language = test.link, test.lang
		if err := c.tickets.SetCustomerSetting(t.Context(), c.ann, setting); err != nil {
			t.Fatal(err)
		}
		ticket := c.mailOn(t, 0, "dave@customer.test")
		c.exec(t, `update acknowledgement set due_at = null`)
		if _, err := c.tickets.Reply(t.Context(), c.ann, desk.ReplyRequest{Ticket: ticket, Text: "Done."}); err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(string(c.sink.Next(t).Bytes), "=\r\n", "")
		if has := strings.Contains(text, "https://desk.example.com/t/"); has != test.link || !strings.Contains(text, test.words) {
			t.Errorf("link %v, language %q:\n%s", test.link, test.lang, text)
		}
	}
}

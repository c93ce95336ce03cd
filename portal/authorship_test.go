package portal

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"postern/desk"
	"postern/language"
)

// proved is the verdict of a mail with everything to show.
var proved = desk.Verdict{
	From: "customer.example", Org: "customer.example",
	IPRev: desk.Method{Result: desk.ResultPass, Domain: "mx.customer.example", Identity: "192.0.2.25"},
	SPF:   desk.Method{Result: desk.ResultPass, Domain: "customer.example", Identity: "anna@customer.example", Aligned: true},
	DKIM: []desk.Method{
		{Result: desk.ResultPass, Domain: "customer.example", Selector: "s1", Algorithm: "rsa-sha256", Bits: 2048, Aligned: true},
		{Result: desk.ResultFail, Domain: "list.example", Selector: "k", Algorithm: "ed25519-sha256", Bits: 256, Reason: "the body was changed"},
	},
	DMARC: desk.Method{Result: desk.ResultPass, Domain: "customer.example", Policy: "reject"},
	ARC:   desk.Method{Result: desk.ResultNone},
}

func TestT_AUTH_InWords(t *testing.T) {
	rescued := proved
	rescued.Rescued, rescued.DMARC.Result = "forwarder.example", desk.ResultFail
	rescued.ARC = desk.Method{Result: desk.ResultPass, Domain: "forwarder.example", Selector: "arc", Algorithm: "rsa-sha256", Bits: 2048}
	for name, test := range map[string]struct {
		facts desk.MessageFacts
		short string
		says  []string
	}{
		"verified":   {desk.MessageFacts{Trust: desk.TrustVerified, Verdict: &proved}, "Verified", []string{"vouches for this mail", "DMARC passed For customer.example, which asks to reject what fails.", "SPF passed For customer.example, as in From.", "DKIM passed For customer.example, as in From. Selector s1, rsa-sha256, 2048 bits.", "DKIM failed For list.example, which is not the domain of From. Selector k, ed25519-sha256, 256 bits. The body was changed.", "Server passed It came from mx.customer.example."}},
		"rescued":    {desk.MessageFacts{Trust: desk.TrustVerified, Verdict: &rescued}, "Verified", []string{"verified by forwarder.example", "ARC passed Sealed last by forwarder.example. Selector arc, rsa-sha256, 2048 bits. You trust forwarder.example"}},
		"token":      {desk.MessageFacts{Trust: desk.TrustToken}, "By reply token", []string{"only people on this ticket were given"}},
		"unverified": {desk.MessageFacts{Trust: desk.TrustUnverified, Verdict: new(desk.Unchecked(""))}, "Unverified", []string{"Nothing proves", "DMARC nothing to check"}},
		"forwarded":  {desk.MessageFacts{Trust: desk.TrustVerified, Forwarded: &desk.Forwarded{By: "ada@example.com"}}, "Forwarded", []string{"ada@example.com forwarded this mail", "nothing of it proves who wrote the original"}},
		"filtered": {desk.MessageFacts{Trust: desk.TrustVerified, Opinion: &desk.Opinion{Score: 7.25, Required: 15, Action: "add header", Symbols: []desk.Symbol{{Name: "BAYES_SPAM", Score: 5}, {Name: "R_DKIM_ALLOW", Score: -0.2}}, Malware: []string{"Eicar"}, Quarantined: "odd",
			Silent: []desk.Silence{{Filter: "clamd", Reason: "it did not answer in 5 s"}}}}, "Verified", []string{"Scanner malware Eicar", "Spam filter score 7.2 BAYES_SPAM +5.0, R_DKIM_ALLOW -0.2", "Mail filter wants it held “odd”", "Clamd no answer It did not answer in 5 s."}},
		"ours": {desk.MessageFacts{}, "", nil},
	} {
		got := trustOf(language.English, test.facts)
		said := got.Long
		for _, one := range got.Facts {
			said += "\n" + joined(one.Name, one.Result, one.Words)
			if one.Quote != "" {
				said += " “" + one.Quote + "”"
			}
		}
		if got.Short != test.short {
			t.Errorf("%s: the badge says %q", name, got.Short)
		}
		for _, words := range test.says {
			if !strings.Contains(said, words) {
				t.Errorf("%s: %q is missing in\n%s", name, words, said)
			}
		}
	}
}

func TestT_DSN_InWords(t *testing.T) {
	for want, returned := range map[string]desk.Returned{
		"Could not be delivered to ben@customer.example, and trying again is useless: 5.1.1 no such user here.": {Kind: "failed", Recipients: []string{"ben@customer.example"}, Hard: true, Words: "5.1.1 no such user here"},
		"Not yet delivered to ben@customer.example, it is still being tried: 4.2.2 mailbox full.":               {Kind: "delayed", Recipients: []string{"ben@customer.example"}, Words: "delayed: 4.2.2 mailbox full"},
		"Was delivered to a recipient.":                               {Kind: "delivered"},
		"The recipient called your reply spam.":                       {Kind: "complaint", Words: "abuse"},
		"The recipient complains about your reply: Fraud.":            {Kind: "complaint", Words: "fraud"},
		"The recipient's program says that your reply was displayed.": {Kind: "opened"},
	} {
		if got := returnedWords(language.English, returned); got != want {
			t.Errorf("%+v\n got %s\nwant %s", returned, got, want)
		}
	}
}

func TestPercent(t *testing.T) {
	for _, test := range []struct {
		part, of int64
		want     string
	}{{0, 0, ""}, {0, 5, "0 %"}, {5, 5, "100 %"}, {1, 3, "33.3 %"}, {1, 2, "50 %"}, {999_999, 1_000_000, "over 99.9 %"}, {1, 1_000_000, "under 0.1 %"}, {4, -1, ""}} {
		if got := percent(language.English, test.part, test.of); got != test.want {
			t.Errorf("%d of %d = %q, want %q", test.part, test.of, got, test.want)
		}
	}
}

func TestPlot(t *testing.T) {
	since := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	day := func(n int, total, passed int64) desk.ReportDay {
		return desk.ReportDay{Day: since.AddDate(0, 0, n), Total: total, Passed: passed}
	}
	p := plotOf(language.English, []desk.ReportDay{day(-1, 9, 9), day(0, 100, 100), day(1, 50, 25), day(3, 10, 0), day(3, 1, 1), day(4, 5, 9), day(10, 9, 9)}, since, 10)
	if p.Line != "M50 0L150 50M350 100" {
		t.Errorf("the line is %s", p.Line)
	}
	if len(p.Days) != 3 || p.Total != 160 || p.Passed != 125 || p.Most != 100 || p.Rate() != "78.1 %" {
		t.Errorf("%d days, %d of %d, most %d: %s", len(p.Days), p.Passed, p.Total, p.Most, p.Rate())
	}
	for i, one := range p.Days {
		var y, high, above, tall float64
		if _, err := fmt.Sscan(one.PassY+" "+one.PassH+" "+one.FailY+" "+one.FailH, &y, &high, &above, &tall); err != nil {
			t.Fatal(err)
		}
		if y+high > plotHeight+0.11 || above+tall > y+0.11 || above < plotRate+plotGap-0.11 {
			t.Errorf("bar %d is out of its place: %+v", i, one)
		}
	}
	if got := p.Days[1].Words(); got != "2 Nov 2026: 25 of 50 passed (50 %)" {
		t.Error(got)
	}
	if empty := plotOf(language.English, nil, since, 30); empty.Line != "" || empty.Total != 0 {
		t.Errorf("nothing gives %+v", empty)
	}
}

func TestPurged(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for left, want := range map[time.Duration]string{-time.Hour: "purged soon", time.Hour: "purged soon", 5 * time.Hour: "purged in 5 hours", 47 * time.Hour: "purged in 47 hours", 14 * 24 * time.Hour: "purged in 14 days"} {
		if got := purged(language.English, now.Add(left), now); got != want {
			t.Errorf("%v = %q, want %q", left, got, want)
		}
	}
}

// facts replaces what is known of a message beside its text.
func (h *house) facts(id int64, facts desk.MessageFacts) {
	h.t.Helper()
	text, err := json.Marshal(facts)
	check(h.t, err)
	h.sql(`update message set facts = $2::text::json where id = $1`, id, string(text))
}

func TestAMessageSaysWhoWroteIt(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	first := h.mail(question)
	agent, path := h.reader("ada@example.com"), fmt.Sprintf("/tickets/%d", first.Ticket)
	h.facts(first.Message, desk.MessageFacts{Trust: desk.TrustVerified, Verdict: &proved, Released: desk.CauseSpam, Warnings: []desk.Warning{{Kind: "reply-to", Text: "Answers go elsewhere."}},
		ReplyTo: []desk.Address{{Addr: "eve@evil.example"}}, Forwarded: &desk.Forwarded{By: "ada@example.com", Form: "attached"}})
	page := agent.get(path)
	page.has(t, "Forwarded by ada@example.com, as an attached mail.", "Released from suspension. The spam filter", "Answers go elsewhere.", "Who wrote this?", "rsa-sha256, 2048 bits")
	page.lacks(t, "which is not where it claims to come from") // the warning says it already
	h.facts(first.Message, desk.MessageFacts{Trust: desk.TrustVerified, Verdict: &proved})
	agent.get(path).has(t, `<span class="badge good">`, "Verified")
	h.facts(first.Message, desk.MessageFacts{Trust: desk.TrustToken})
	agent.get(path).has(t, "By reply token")
}

func TestT_DSN_AtTheReply(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	n := h.mail(question).Ticket
	agent, path := h.reader("ada@example.com"), fmt.Sprintf("/tickets/%d", n)
	agent.post(path+"/reply", "text", "Refunded.", "to", "ben@customer.example", "answers", "0", "sure", "stranger ben@customer.example")
	h.sql(`update message set send_at = null where kind = 'reply'`)
	h.sql(`update delivery set state = 'bounced', reply = '5.1.1 no such user here'`)
	messages, err := h.tickets.Conversation(t.Context(), h.agent, n, "", 50)
	check(t, err)
	var reply int64
	for _, m := range messages.Items {
		if m.Kind == desk.KindReply {
			reply = m.ID
		}
	}
	for i, returned := range []desk.Returned{{Kind: "failed", Message: reply, Recipients: []string{"ben@customer.example"}, Words: "5.1.1 no such user here"}, {Kind: "complaint", Message: reply, Words: "abuse"}} {
		outcome := h.mail(fmt.Sprintf("From: anna@customer.example\nTo: support@example.com\nSubject: Re: Charged twice\nIn-Reply-To: <q1@customer.example>\nMessage-ID: <r%d@customer.example>\n\nA report.\n", i))
		h.facts(outcome.Message, desk.MessageFacts{Automatic: "a report", Returned: &returned})
	}
	page := agent.get(path)
	page.has(t, "<span>could not be delivered", `<p class="hint told">`, "Could not be delivered to ben@customer.example: 5.1.1 no such user here.", "The recipient called your reply spam.")
	page.lacks(t, `dir="auto">A report.`) // automatic mail is a line
	agent.get(path+"?open=all").has(t, `dir="auto">A report.`, fmt.Sprintf(`href="#m-%d"`, reply))
}

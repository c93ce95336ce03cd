package portal

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"postern/desk"
)

// rule sets a rule of the lists, and makes intake know it.
func (h *house) rule(pattern string, action desk.RuleAction) {
	h.t.Helper()
	_, err := h.tickets.SetSenderRule(h.t.Context(), h.agent, desk.SenderRule{Pattern: pattern, Action: action})
	check(h.t, err)
	check(h.t, h.book.Reload(h.t.Context()))
}

// hold brings a mail that is held back, since its sender's domain is on the block list.
func (h *house) hold(from, subject string) int64 {
	h.t.Helper()
	outcome := h.mail(fmt.Sprintf("From: %s\nTo: support@example.com\nSubject: %s\nMessage-ID: <%x@spam.example>\n\nText of %s\n", from, subject, from+subject, subject))
	if outcome.Disposition != desk.Suspended {
		h.t.Fatalf("mail from %s is %s", from, outcome.Disposition)
	}
	return outcome.Suspended
}

// judged gives a held mail a cause and evidence of another kind than that of the lists.
func (h *house) judged(id int64, cause desk.Cause, evidence string, verdict desk.Verdict, opinion desk.Opinion) {
	h.t.Helper()
	documents := make([]string, 2)
	for i, one := range []any{verdict, opinion} {
		text, err := json.Marshal(one)
		check(h.t, err)
		documents[i] = string(text)
	}
	h.sql(`update suspended set cause = $2, evidence = $3, verdict = $4::text::json, opinion = $5::text::json where id = $1`, id, cause, evidence, documents[0], documents[1])
}

func TestHeldMailByCause(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.rule("spam.example", desk.RuleSuspend)
	first, second := h.hold("One <one@spam.example>", "Cheap lamps"), h.hold("two@spam.example", "Your account")
	h.judged(second, desk.CauseSpam, "The spam filter scored it 9.1", proved, desk.Opinion{Score: 9.1, Required: 15, Action: "add header", Symbols: []desk.Symbol{{Name: "BAYES_SPAM", Score: 5.1}}})
	agent := h.reader("ada@example.com")
	all := agent.get("/suspended")
	all.has(t, "Cheap lamps", "Your account", "on your block list", "purged in 14 days", "for support@example.com", "Text of Cheap lamps", `All <span class="count">2`, `Spam <span class="count">1`, `Blocked sender <span class="count">1`)
	spam := agent.get("/suspended?cause=spam")
	spam.has(t, "Your account", "scored this mail above your threshold", "The spam filter scored it 9.1", fmt.Sprintf("/suspended/%d?cause=spam", second))
	spam.lacks(t, "Cheap lamps")
	agent.get("/suspended?q=cheap").lacks(t, "Your account")
	agent.get("/suspended?q=nothing-like-it").has(t, "Nothing found.")
	if got := agent.get("/suspended?cause=whim"); got.status != http.StatusUnprocessableEntity {
		t.Errorf("an unknown cause gives %d", got.status)
	}
	entry := agent.get(fmt.Sprintf("/suspended/%d?cause=spam", second))
	entry.has(t, "Sender proved", "BAYES_SPAM", "rsa-sha256, 2048 bits", "which asks to reject what fails", "Return path", "two@spam.example", "Release into ticket", `href="/suspended?cause=spam"`)
	agent.get(fmt.Sprintf("/suspended/%d", first)).has(t, "Sender not proved")
}

func TestOneHeldMail(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.rule("spam.example", desk.RuleSuspend)
	n := h.mail(question).Ticket
	agent := h.reader("ada@example.com")
	path := fmt.Sprintf("/suspended/%d", h.hold("one@spam.example", "About the lamp"))
	for typed, words := range map[string]string{"soon": "Write the number", "99999": "99999"} {
		got := agent.post(path, "do", "release", "target", typed)
		if got.status < 400 || got.status > 499 {
			t.Errorf("a release into %s gives %d", typed, got.status)
		}
		got.has(t, words, "About the lamp", `value="`+typed+`"`)
	}
	into := agent.post(path, "do", "release", "target", fmt.Sprintf("#%d", n))
	if into.path != fmt.Sprintf("/tickets/%d", n) {
		t.Errorf("it leads to %s (%d)", into.path, into.status)
	}
	into.has(t, "Text of About the lamp", "Released from suspension. The sender is on your block list.", "an agent let it in onto this ticket")
	if got := agent.post(path, "do", "release"); got.status != http.StatusNotFound {
		t.Errorf("a second release gives %d", got.status)
	}
	spam := fmt.Sprintf("/suspended/%d", h.hold("two@spam.example", "Cheap"))
	agent.post(spam, "do", "spam").has(t, "the spam filter learns from it", "Nothing is held back.")
	h.sql(`delete from sender_rule`)
	check(t, h.book.Reload(t.Context()))
	h.rule("other.example", desk.RuleSuspend)
	let := agent.post(fmt.Sprintf("/suspended/%d", h.hold("good@other.example", "Honest")), "do", "allow")
	let.has(t, "Text of Honest")
	agent.get("/senders").has(t, "good@other.example", "Let in", "from suspended mail")
	if got := agent.post(spam, "do", "dance"); got.status < 400 {
		t.Errorf("an unknown action gives %d", got.status)
	}
}

func TestHeldMailInBulk(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.rule("spam.example", desk.RuleSuspend)
	ids := []string{}
	for i := range 4 {
		ids = append(ids, fmt.Sprint(h.hold(fmt.Sprintf("s%d@spam.example", i), fmt.Sprintf("Number %d", i))))
	}
	agent := h.reader("ada@example.com")
	if got := agent.post("/suspended", "do", "delete"); got.status != http.StatusUnprocessableEntity {
		t.Errorf("nothing ticked gives %d", got.status)
	}
	agent.post("/suspended?cause=blocked-sender", "do", "block", "id", ids[0], "id", ids[1]).has(t, "2 mails were deleted. Their senders are on the block list.", "Number 2", "Number 3")
	agent.get("/senders").has(t, "s0@spam.example", "s1@spam.example")
	half := agent.post("/suspended", "do", "release", "id", ids[0], "id", ids[2])
	half.has(t, "One mail was left as it was:", "Number 3")
	half.lacks(t, "Number 2")
	agent.post("/suspended", "do", "delete", "id", ids[3]).has(t, "Deleted.", "Nothing is held back.")
}

// hostile are words that strangers may bring to any of these pages.
const hostile = `"><script>window.pwned=1</script><img src=x onerror="window.pwned=2"><style>*{display:none}</style>{{.}}` + "\u202e"

func TestHostileWordsStayWords(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	owner := h.poisoned()
	for _, path := range []string{"/suspended", "/suspended/1", "/domains/example.com", "/tickets/1?open=all", "/senders?from=" + "%22%3E%3Cscript%3Ewindow.pwned%3D3%3C/script%3E%40x&score=%3Cscript%3E", "/audit"} {
		page := owner.get(path)
		if page.status != http.StatusOK {
			t.Errorf("%s: %d", path, page.status)
		}
		page.lacks(t, "<script>window", "<img src=x", "<style>*")
		if regexp.MustCompile(`<script>|<style| style="| on[a-z]+="`).MatchString(page.body) {
			t.Errorf("%s holds script or style", path)
		}
		if path != "/audit" && !strings.Contains(page.body, "&lt;script&gt;") {
			t.Errorf("%s does not show the words at all", path)
		}
	}
}

// poisoned puts hostile words wherever a stranger can, and returns the owner's browser.
func (h *house) poisoned() *reader {
	h.t.Helper()
	h.rule("spam.example", desk.RuleSuspend)
	held := h.hold("one@spam.example", "Held")
	bad := desk.Method{Result: desk.ResultFail, Domain: hostile, Selector: hostile, Algorithm: hostile, Identity: hostile, Policy: "reject", Reason: hostile, Told: hostile}
	verdict := desk.Verdict{From: hostile, IPRev: bad, SPF: bad, DKIM: []desk.Method{bad}, DMARC: bad, ARC: bad, Rescued: hostile}
	opinion := desk.Opinion{Score: 9, Required: 15, Action: hostile, Symbols: []desk.Symbol{{Name: hostile, Score: 9, Note: hostile}}, Malware: []string{hostile}, Refused: hostile, Notes: []string{hostile}, Silent: []desk.Silence{{Filter: hostile, Reason: hostile}}}
	h.judged(held, desk.CauseSpam, hostile, verdict, opinion)
	h.sql(`update suspended set id = 1, subject = $2, preview = $2, from_address = $2, envelope = jsonb_set(envelope::jsonb, '{helo}', to_jsonb($2::text))::json where id = $1`, held, hostile)
	h.mail(question)
	facts, err := json.Marshal(desk.MessageFacts{Trust: desk.TrustVerified, Verdict: &verdict, Opinion: &opinion, Automatic: hostile, Released: desk.CauseSpam,
		Warnings: []desk.Warning{{Kind: "look-alike", Text: hostile}}, Forwarded: &desk.Forwarded{By: hostile, Form: "inline"},
		Returned: &desk.Returned{Kind: "failed", Recipients: []string{hostile}, Words: hostile}})
	check(h.t, err)
	h.sql(`update message set facts = $1::text::json where kind = 'inbound'`, string(facts))
	owner := h.reader("olga@example.com")
	owner.post("/domains", "name", "example.com")
	h.reported(hostile)
	return owner
}

package portal

import (
	"net/http"
	"net/url"
	"testing"

	"postern/desk"
)

func TestListsOfSenders(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	agent := h.reader("ada@example.com")
	agent.get("/senders").has(t, "No rules.", "What would happen")
	agent.post("/senders", "pattern", " *.Spam.example ", "action", "reject", "note", "Never again", "days", "30").has(t, "*.spam.example", "Refuse", "Never again", "ada@example.com", "until", "holds from the next mail on")
	wrong := agent.post("/senders", "pattern", "everybody", "action", "allow", "note", "Kept")
	if wrong.status != http.StatusUnprocessableEntity {
		t.Errorf("a wrong pattern gives %d", wrong.status)
	}
	wrong.has(t, "is no sender", `value="everybody"`, `value="Kept"`, `<option value="allow" selected>`)
	agent.post("/senders/remove", "pattern", "*.spam.example").has(t, "The rule is gone.", "No rules.")
	if got := agent.post("/senders/remove", "pattern", "*.spam.example"); got.status != http.StatusNotFound {
		t.Errorf("a second removal gives %d", got.status)
	}
}

func TestWhatWouldHappen(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.rule("blocked.example", desk.RuleSuspend)
	h.rule("refused.example", desk.RuleReject)
	h.rule("192.0.2.0/24", desk.RuleSuspend)
	agent := h.reader("ada@example.com")
	for name, test := range map[string]struct {
		ask  []string
		says []string
	}{
		"let in":      {[]string{"from", "anna@customer.example", "proof", "pass"}, []string{"Let in", "It would become a message"}},
		"forged":      {[]string{"from", "anna@customer.example", "proof", "fail", "asked", "reject"}, []string{"Held back: Authentication failed", "asks to reject mail that fails DMARC"}},
		"blocked":     {[]string{"from", "eve@blocked.example", "proof", "pass"}, []string{"Held back: Blocked sender", "Your rule for blocked.example says: hold back."}},
		"refused":     {[]string{"from", "eve@refused.example", "proof", "pass"}, []string{"Refused", "Your rule for refused.example says: refuse."}},
		"spam":        {[]string{"from", "anna@customer.example", "proof", "pass", "score", "7,5"}, []string{"Held back: Spam"}},
		"by server":   {[]string{"from", "anna@customer.example", "proof", "pass", "ip", "192.0.2.9"}, []string{"Held back: Blocked sender", "192.0.2.0/24"}},
		"a colleague": {[]string{"from", "ada@example.com", "proof", "none"}, []string{"Held back: Agent impersonation"}},
		"no address":  {[]string{"from", "anna", "proof", "pass"}, []string{"is not an address", `class="problem"`}},
		"no score":    {[]string{"from", "a@b.example", "proof", "pass", "score", "NaN"}, []string{"is no number"}},
		"no server":   {[]string{"from", "a@b.example", "proof", "pass", "ip", "here"}, []string{"is no IP address"}},
		"no proof":    {[]string{"from", "a@b.example", "proof", "perhaps"}, []string{"pass, fail or none"}},
	} {
		ask := url.Values{}
		for i := 0; i < len(test.ask); i += 2 {
			ask.Set(test.ask[i], test.ask[i+1])
		}
		page := agent.get("/senders?" + ask.Encode())
		if page.status != http.StatusOK {
			t.Errorf("%s: %d", name, page.status)
		}
		page.has(t, test.says...)
	}
}

func TestPolicyForm(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	owner := h.reader("olga@example.com")
	owner.get("/settings/mail").has(t, `name="spam_suspend" value="6"`, `name="suspended_days" value="14"`, `name="verification_codes" checked`, `value="accept" checked`)
	form := []string{"arc_sealers", "lists.example.org\r\nForwarder.example", "spam_suspend", "7,5", "spam_reject", "20", "filter_down", "defer", "suspended_days", "30", "digest", "daily",
		"per_sender", "100", "per_automatic", "10", "stranger_recipients", "20"}
	owner.post("/settings/mail", form...).has(t, "Saved.", `name="spam_suspend" value="7.5"`, "lists.example.org\nforwarder.example", `value="defer" checked`, `value="daily" checked`)
	policy, err := h.tickets.Policy(t.Context(), h.owner)
	check(t, err)
	if policy.SpamSuspend != 7.5 || policy.SuspendedDays != 30 || policy.VerificationCodes || len(policy.ARCSealers) != 2 {
		t.Errorf("the policy is %+v", policy)
	}
	for field, value := range map[string]string{"suspended_days": "400", "spam_suspend": "NaN", "per_sender": "many", "arc_sealers": "not a domain!", "digest": "yearly"} {
		bad := append([]string{}, form...)
		for i := 0; i < len(bad); i += 2 {
			if bad[i] == field {
				bad[i+1] = value
			}
		}
		got := owner.post("/settings/mail", bad...)
		if got.status != http.StatusUnprocessableEntity {
			t.Errorf("%s %q gives %d", field, value, got.status)
		}
		got.has(t, `class="problem"`)
		if field != "digest" {
			got.has(t, `aria-invalid="true"`)
		}
	}
	owner.get("/audit").has(t, "policy.change", "spam suspend 6 → 7.5")
}

func TestMailboxSettings(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	owner := h.reader("olga@example.com")
	owner.get("/mailboxes").has(t, "held back", "not acknowledged", desk.DefaultAcknowledgement)
	owner.post("/mailboxes/change", "address", "support@example.com", "name", "Help", "dmarc", "reject", "acknowledge", "on", "acknowledge_text", "Got it.\r\n#{number}").has(t, "Saved.", "Help", "refused", "Got it.\n#{number}</textarea>")
	boxes, err := h.domains.Mailboxes(t.Context())
	check(t, err)
	for _, box := range boxes {
		if box.Address == "support@example.com" && (box.DMARC != desk.DMARCReject || !box.Acknowledge || box.AcknowledgeText != "Got it.\n#{number}") {
			t.Errorf("the mailbox is %+v", box)
		}
	}
	wrong := owner.post("/mailboxes/change", "address", "support@example.com", "name", "Helpers", "dmarc", "perhaps")
	if wrong.status != http.StatusUnprocessableEntity {
		t.Errorf("an unknown level gives %d", wrong.status)
	}
	wrong.has(t, `value="Helpers"`, "none of off, monitor, suspend, reject")
	if got := owner.post("/mailboxes/change", "address", "nobody@example.com", "name", "x", "dmarc", "off"); got.status != http.StatusNotFound {
		t.Errorf("no mailbox gives %d", got.status)
	}
}

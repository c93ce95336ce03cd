package api_test

import (
	"net/http"
	"strings"
	"testing"

	"postern/desk"
)

// Agents answer by mail once an owner or admin lets them; each sees their own addresses only.
func TestAgentAddresses(t *testing.T) {
	t.Parallel()
	o := open(t)
	path := at("/tickets/%d/agent-addresses", o.mail(t, customerEmail, question).Ticket)
	if got := o.get(t, "agent", path).want(http.StatusOK); got.value("reply") != nil || got.value("note") != nil {
		t.Errorf("unless switched on: %s", got.body)
	}
	o.send(t, "agent", "PATCH", "/policy", map[string]any{"agents_by_mail": "on"}).want(http.StatusForbidden)
	if got := o.send(t, "admin", "PATCH", "/policy", map[string]any{"agents_by_mail": "on"}).want(http.StatusOK); got.value("agents_by_mail") != "on" {
		t.Errorf("switched on: %s", got.body)
	}
	if log := string(o.get(t, "admin", "/audit").want(http.StatusOK).body); !strings.Contains(log, "policy.agents-by-mail") || strings.Contains(log, "policy.change") {
		t.Errorf("the audit log: %s", log)
	}
	seen := map[any]bool{}
	for _, who := range []string{"agent", "admin"} {
		got := o.get(t, who, path).want(http.StatusOK)
		for _, kind := range []string{"reply", "note"} {
			addr, _ := got.value(kind).(string)
			if !strings.HasPrefix(addr, "support+") || !strings.HasSuffix(addr, "@example.com") || seen[addr] {
				t.Errorf("%s of %s: %q", kind, who, addr)
			}
			seen[addr] = true
		}
	}
	o.get(t, "agent", "/tickets/999/agent-addresses").want(http.StatusNotFound)
	o.get(t, "customer", path).want(http.StatusForbidden)
	o.get(t, "reader", path).want(http.StatusForbidden)
	o.send(t, "admin", "PATCH", "/policy", map[string]any{"agents_by_mail": "off", "per_sender": 7}).want(http.StatusOK)
	if got := o.get(t, "agent", path).want(http.StatusOK); got.value("reply") != nil {
		t.Errorf("switched off: %s", got.body)
	}
}

func TestPatchRequester(t *testing.T) {
	t.Parallel()
	o := open(t)
	n := o.mail(t, customerEmail, question).Ticket
	path := at("/tickets/%d", n)
	set := func(value any) answer {
		return o.send(t, "agent", "PATCH", path, map[string]any{"requester": value})
	}
	if got := set(map[string]any{"address": strangerEmail, "name": "Grace"}).want(http.StatusOK); got.value("requester", "address") != strangerEmail || got.value("requester", "name") != "Grace" {
		t.Errorf("as an object: %s", got.body)
	} else if got.value("participants", 0, "address") != customerEmail {
		t.Errorf("who was it before is not on the ticket: %s", got.body)
	}
	if got := set("Ada Lovelace <" + customerEmail + ">").want(http.StatusOK); got.value("requester", "address") != customerEmail {
		t.Errorf("as a string: %s", got.body)
	}
	for _, wrong := range []any{"nobody", nil, 7, map[string]any{"name": "x"}, supportAddress, map[string]any{"address": "a@b.example\r\nBcc: c@d.example"}} {
		if got := set(wrong); got.status != http.StatusUnprocessableEntity && (wrong != nil || got.status != http.StatusOK) {
			t.Errorf("%v: status %d: %s", wrong, got.status, got.body)
		}
	}
	if got := o.get(t, "agent", path).want(http.StatusOK); got.value("requester", "address") != customerEmail {
		t.Errorf("after what was refused: %s", got.body)
	}
	o.send(t, "customer", "PATCH", path, map[string]any{"requester": strangerEmail}).want(http.StatusForbidden)
}

func TestTicketAsSpam(t *testing.T) {
	t.Parallel()
	o := open(t)
	n := o.mail(t, customerEmail, question).Ticket
	path := at("/tickets/%d/spam", n)
	o.post(t, "customer", path, map[string]any{}).want(http.StatusForbidden)
	o.post(t, "reader", path, map[string]any{}).want(http.StatusForbidden)
	got := o.post(t, "agent", path, map[string]any{"block": true}).want(http.StatusOK)
	if got.value("status") != string(desk.StatusClosed) || got.value("tags", 0) != "spam" {
		t.Errorf("the ticket is %s", got.body)
	}
	if rules := o.get(t, "agent", "/sender-rules").want(http.StatusOK); rules.value("items", 0, "pattern") != customerEmail || rules.value("items", 0, "action") != "suspend" {
		t.Errorf("the rules are %s", rules.body)
	}
	other := o.mail(t, strangerEmail, strings.ReplaceAll(strings.ReplaceAll(question, customerEmail, strangerEmail), "one@", "two@")).Ticket
	o.do(t, ask{as: "agent", method: "POST", path: at("/tickets/%d/spam", other)}).want(http.StatusOK) // without a body: the sender stays
	if rules := o.get(t, "agent", "/sender-rules").want(http.StatusOK).ids("id"); len(rules) != 1 {
		t.Errorf("%d rules", len(rules))
	}
	o.post(t, "agent", path, map[string]any{"block": true, "reject": true}).want(http.StatusUnprocessableEntity)
	o.post(t, "agent", at("/tickets/%d/spam", o.started(t, strangerEmail, "Ours")), map[string]any{}).want(http.StatusConflict)
	o.post(t, "agent", "/tickets/999/spam", map[string]any{}).want(http.StatusNotFound)
}

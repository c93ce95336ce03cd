package api_test

import (
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"testing"
	"time"
)

func TestSenderRules(t *testing.T) {
	t.Parallel()
	o := open(t)
	expires := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	made := o.post(t, "agent", "/sender-rules", map[string]any{"pattern": "Spam.Example", "action": "reject", "note": "enough", "expires_at": expires}).want(http.StatusCreated)
	if made.value("pattern") != "spam.example" || made.value("action") != "reject" || made.value("created_by") != "agnes@example.com" || made.value("expires_at") != expires.Format(time.RFC3339) {
		t.Errorf("the new rule is %s", made.body)
	}
	o.post(t, "agent", "/sender-rules", map[string]any{"pattern": "192.0.2.77/24", "action": "suspend"}).want(http.StatusCreated)
	o.post(t, "agent", "/sender-rules", map[string]any{"pattern": "spam.example", "action": "suspend"}).want(http.StatusCreated) // in its place
	list := o.get(t, "agent", "/sender-rules").want(http.StatusOK)
	if got := list.ids("id"); len(got) != 2 || list.value("items", 0, "pattern") != "192.0.2.0/24" || list.value("items", 1, "action") != "suspend" || list.value("items", 1, "expires_at") != nil {
		t.Errorf("the rules are %s", list.body)
	}
	for name, body := range map[string]map[string]any{
		"no pattern": {"pattern": "everybody", "action": "reject"}, "no action": {"pattern": "a@b.example", "action": "burn"},
		"ended": {"pattern": "a@b.example", "action": "allow", "expires_at": time.Now().Add(-time.Hour)}, "two lines": {"pattern": "a@b.example", "action": "allow", "note": "a\nb"},
		"unknown field": {"pattern": "a@b.example", "action": "allow", "id": 1},
	} {
		if got := o.post(t, "agent", "/sender-rules", body); got.status != http.StatusUnprocessableEntity {
			t.Errorf("%s: status %d", name, got.status)
		}
	}
	path := "/sender-rules?pattern=" + url.QueryEscape("192.0.2.0/24")
	o.send(t, "agent", "DELETE", path, nil).want(http.StatusNoContent)
	o.send(t, "agent", "DELETE", path, nil).want(http.StatusNotFound)
	o.send(t, "agent", "DELETE", "/sender-rules", nil).want(http.StatusUnprocessableEntity)
	o.post(t, "reader", "/sender-rules", map[string]any{"pattern": "a@b.example", "action": "allow"}).want(http.StatusForbidden)
}

// 'What would happen to …' goes by the rules and the policy as they are, and changes nothing.
func TestWhatWouldHappen(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.post(t, "agent", "/sender-rules", map[string]any{"pattern": "*.spam.example", "action": "reject"}).want(http.StatusCreated)
	o.post(t, "agent", "/sender-rules", map[string]any{"pattern": "203.0.113.0/24", "action": "suspend"}).want(http.StatusCreated)
	must(t, o.directory.Reload(t.Context())) // which news does in a running system
	for name, c := range map[string]struct {
		mail map[string]any
		want map[string]any
	}{
		"anybody":         {map[string]any{}, map[string]any{"disposition": "ticketed", "rule": nil}},
		"a rule":          {map[string]any{"from": "x@a.spam.example"}, map[string]any{"disposition": "refused"}},
		"a network":       {map[string]any{"ip": "203.0.113.5"}, map[string]any{"disposition": "suspended", "cause": "blocked-sender"}},
		"spam":            {map[string]any{"score": 7.5}, map[string]any{"disposition": "suspended", "cause": "spam"}},
		"a false name":    {map[string]any{"proof": "fail", "asked": "reject"}, map[string]any{"disposition": "suspended", "cause": "authentication"}},
		"an agent":        {map[string]any{"from": "agnes@example.com"}, map[string]any{"disposition": "suspended", "cause": "agent-impersonation"}},
		"a crowd":         {map[string]any{"recipients": 100}, map[string]any{"disposition": "suspended", "cause": "too-many-recipients"}},
		"no mailbox":      {map[string]any{"mailbox": "nobody@example.com"}, map[string]any{"disposition": "refused"}},
		"proved, a crowd": {map[string]any{"recipients": 100, "proof": "pass"}, map[string]any{"disposition": "ticketed"}},
	} {
		mail := map[string]any{"from": "ben@elsewhere.test"}
		maps.Copy(mail, c.mail)
		got := o.post(t, "reader", "/sender-rules/test", mail).want(http.StatusOK)
		for field, want := range c.want {
			if got.value(field) != want {
				t.Errorf("%s: %s", name, got.body)
			}
		}
	}
	for _, wrong := range []map[string]any{{"from": "nobody"}, {"from": "a@b.example", "ip": "somewhere"}, {"from": "a@b.example", "proof": "perhaps"}, {"mailbox": supportAddress}} {
		o.post(t, "agent", "/sender-rules/test", wrong).want(http.StatusUnprocessableEntity)
	}
	if left := o.get(t, "agent", "/suspended").want(http.StatusOK).ids("id"); len(left) != 0 {
		t.Errorf("it has suspended %v", left)
	}
}

func TestPolicy(t *testing.T) {
	t.Parallel()
	o := open(t)
	before := o.get(t, "agent", "/policy").want(http.StatusOK)
	want := map[string]any{
		"arc_sealers": []any{}, "spam_suspend": 6.0, "spam_reject": 0.0, "filter_down": "accept", "suspended_days": 14.0, "digest": "off",
		"per_sender": 200.0, "per_automatic": 20.0, "stranger_recipients": 48.0, "verification_codes": true, "agents_by_mail": "off", "language": "en",
	}
	if got := before.value(); !reflect.DeepEqual(got, want) {
		t.Errorf("a fresh policy is %v", got)
	}
	changes := map[string]any{"arc_sealers": []string{"Google.com"}, "spam_suspend": 4.5, "spam_reject": 15, "digest": "daily", "verification_codes": false, "per_sender": 0}
	changed := o.send(t, "admin", "PATCH", "/policy", changes).want(http.StatusOK)
	want["arc_sealers"], want["spam_suspend"], want["spam_reject"], want["digest"], want["verification_codes"], want["per_sender"] = []any{"google.com"}, 4.5, 15.0, "daily", false, 0.0
	if got := changed.value(); !reflect.DeepEqual(got, want) {
		t.Errorf("after the change: %v", got)
	}
	o.send(t, "admin", "PATCH", "/policy", map[string]any{"arc_sealers": []string{}, "filter_down": "defer"}).want(http.StatusOK)
	want["arc_sealers"], want["filter_down"] = []any{}, "defer"
	if got := o.get(t, "agent", "/policy").value(); !reflect.DeepEqual(got, want) {
		t.Errorf("after the second change: %v", got)
	}
	for name, change := range map[string]map[string]any{
		"unknown field": {"spam_limit": 3}, "too long": {"suspended_days": 91}, "no word": {"digest": "weekly"}, "refused before held": {"spam_suspend": 8, "spam_reject": 5},
		"no domain": {"arc_sealers": []string{"not a domain"}}, "negative": {"per_sender": -1}, "a string": {"per_sender": "10"}, "no switch": {"agents_by_mail": true}, "no language": {"language": "xx"},
	} {
		if got := o.send(t, "admin", "PATCH", "/policy", change); got.status != http.StatusUnprocessableEntity {
			t.Errorf("%s: status %d: %s", name, got.status, got.body)
		}
	}
	if got := o.get(t, "agent", "/policy").value(); !reflect.DeepEqual(got, want) {
		t.Errorf("after what was refused: %v", got)
	}
	o.send(t, "agent", "PATCH", "/policy", map[string]any{"spam_suspend": 100}).want(http.StatusForbidden)
	audit := o.get(t, "admin", "/audit").want(http.StatusOK)
	items, _ := audit.value("items").([]any)
	if !slices.ContainsFunc(items, func(item any) bool { return item.(map[string]any)["action"] == "policy.change" }) {
		t.Errorf("the audit log has no policy.change: %s", audit.body)
	}
}

func TestMailboxSettings(t *testing.T) {
	t.Parallel()
	o := open(t)
	path := "/mailboxes/" + supportAddress
	list := o.get(t, "agent", "/mailboxes").want(http.StatusOK)
	if list.value("items", 0, "dmarc") != "suspend" || list.value("items", 0, "acknowledge") != false || list.value("items", 0, "acknowledge_text") != "" {
		t.Errorf("a fresh mailbox is %s", list.body)
	}
	changed := o.send(t, "admin", "PATCH", path, map[string]any{"dmarc": "reject", "acknowledge": true, "acknowledge_text": "Thanks, #{number}.\nSupport", "name": " Help "}).want(http.StatusOK)
	if changed.value("dmarc") != "reject" || changed.value("acknowledge") != true || changed.value("acknowledge_text") != "Thanks, #{number}.\nSupport" || changed.value("name") != "Help" {
		t.Errorf("after the change: %s", changed.body)
	}
	if again := o.send(t, "admin", "PATCH", path, map[string]any{"acknowledge": false}).want(http.StatusOK); again.value("dmarc") != "reject" || again.value("acknowledge") != false || again.value("name") != "Help" {
		t.Errorf("what is absent does not stay: %s", again.body)
	}
	o.send(t, "admin", "PATCH", path, map[string]any{"dmarc": "strict"}).want(http.StatusUnprocessableEntity)
	o.send(t, "admin", "PATCH", path, map[string]any{"address": "x@example.com"}).want(http.StatusUnprocessableEntity)
	o.send(t, "admin", "PATCH", path, map[string]any{"name": "two\nlines"}).want(http.StatusUnprocessableEntity)
	o.send(t, "admin", "PATCH", "/mailboxes/nobody@example.com", map[string]any{"dmarc": "off"}).want(http.StatusNotFound)
	o.send(t, "agent", "PATCH", path, map[string]any{"dmarc": "off"}).want(http.StatusForbidden)
}

package api_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"postern/desk"
)

// What becomes of a message is told recipient by recipient, and agents act on it.
func TestDeliveries(t *testing.T) {
	t.Parallel()
	o := open(t)
	made := o.post(t, "agent", "/tickets", map[string]any{"mailbox": supportAddress, "to": []map[string]any{{"address": customerEmail}, {"address": "ben@elsewhere.test"}, {"address": "cid@elsewhere.test"}},
		"subject": "Your pump", "text": "It is on its way."}).want(http.StatusCreated)
	number := made.id("number")
	messages := o.get(t, "agent", at("/tickets/%d/messages", number)).want(http.StatusOK)
	id := messages.id("items", 0, "id")
	now := time.Now().UTC().Truncate(time.Second)
	facts := &desk.TLSFacts{Version: "TLS 1.3", Cipher: "TLS_AES_128_GCM_SHA256", Names: []string{"mx.elsewhere.test"}, Policy: desk.PolicyOpportunistic, Proof: desk.ProofPKIX}
	must(t, o.tickets.Delivered(t.Context(), id, []desk.Delivery{
		{Recipient: "ben@elsewhere.test", State: desk.DeliveryDeferred, Host: "mx.elsewhere.test", Reply: "450 4.2.0 greylisted", Attempts: 1, NextAt: now.Add(time.Hour), UpdatedAt: now, TLS: "TLS 1.3",
			Story: []desk.Attempt{{At: now, Kind: desk.AttemptTried, State: desk.DeliveryDeferred, Host: "mx.elsewhere.test", Addr: "192.0.2.1:25", TLS: facts, Reply: "450 4.2.0 greylisted", TookMS: 120}}},
		{Recipient: "cid@elsewhere.test", State: desk.DeliveryBounced, Host: "mx.elsewhere.test", Reply: "550 5.1.1 no such user", Attempts: 1, UpdatedAt: now},
	}))

	path := at("/messages/%d", id)
	stories := o.get(t, "reader", path+"/deliveries").want(http.StatusOK)
	if stories.value("items", 1, "recipient") != "ben@elsewhere.test" || stories.value("items", 1, "timeline", 0, "tls", "version") != "TLS 1.3" || stories.value("items", 1, "timeline", 0, "took_ms") != 120.0 ||
		stories.value("items", 1, "timeline", 0, "words") != "mx.elsewhere.test did not take it for now: 450 4.2.0 greylisted" || stories.value("items", 1, "can_retry") != true || stories.value("items", 1, "suppressed") != nil ||
		stories.value("items", 2, "words") != "Refused by mx.elsewhere.test: 550 5.1.1 no such user" || stories.value("items", 2, "timeline", 0, "tls") != nil || stories.value("items", 0, "timeline").([]any) == nil {
		t.Errorf("the stories are %s", stories.body)
	}
	o.get(t, "customer", path+"/deliveries").want(http.StatusForbidden)
	if shown := o.get(t, "customer", path).want(http.StatusOK); len(shown.value("delivery").([]any)) != 0 {
		t.Errorf("a customer sees %s", shown.body)
	}

	// Actions.
	o.post(t, "reader", path+"/retry", map[string]any{"recipient": "ben@elsewhere.test"}).want(http.StatusForbidden)
	retried := o.post(t, "agent", path+"/retry", map[string]any{"recipient": "ben@elsewhere.test"}).want(http.StatusOK)
	if retried.value("delivery", 1, "state") != "queued" {
		t.Errorf("after trying again: %s", retried.body)
	}
	stopped := o.post(t, "agent", path+"/cancel", map[string]any{"recipient": "ben@elsewhere.test"}).want(http.StatusOK)
	if stopped.value("state") != "cancelled" || stopped.value("words") != "Stopped before it was sent." || stopped.value("message") != float64(id) {
		t.Errorf("after stopping: %s", stopped.body)
	}
	o.post(t, "agent", path+"/cancel", map[string]any{"recipient": "ben@elsewhere.test"}).want(http.StatusConflict)
	o.post(t, "agent", path+"/redirect", map[string]any{"recipient": "cid@elsewhere.test", "to": supportAddress}).want(http.StatusUnprocessableEntity)
	moved := o.post(t, "agent", path+"/redirect", map[string]any{"recipient": "cid@elsewhere.test", "to": "cid@new.test"}).want(http.StatusOK)
	if moved.value("items", 2, "recipient") != "cid@elsewhere.test" || moved.value("items", 2, "redirected_to") != "cid@new.test" || moved.value("items", 3, "recipient") != "cid@new.test" ||
		moved.value("items", 3, "timeline", 0, "words") != "agnes@example.com sent it here instead of to cid@elsewhere.test." {
		t.Errorf("after sending it elsewhere: %s", moved.body)
	}
	o.post(t, "agent", path+"/redirect", map[string]any{"recipient": "nobody@elsewhere.test", "to": "x@new.test"}).want(http.StatusNotFound)

	// The log.
	for query, want := range map[string]string{
		"":                                  "cid@elsewhere.test cid@new.test ben@elsewhere.test " + customerEmail,
		"state=bounced,cancelled":           "cid@elsewhere.test ben@elsewhere.test",
		"state=queued&state=bounced":        "cid@elsewhere.test cid@new.test " + customerEmail,
		"destination=new.test":              "cid@new.test",
		"sender=example.com&recipient=BEN@": "",
		"recipient=ben":                     "ben@elsewhere.test",
		"q=no+such":                         "cid@elsewhere.test",
		"held=true":                         "",
		"until=2020-01-01T00:00:00Z":        "",
		"ticket=" + at("%d", number) + "&since=" + url.QueryEscape(now.Add(-time.Hour).Format(time.RFC3339)): "cid@elsewhere.test cid@new.test ben@elsewhere.test " + customerEmail,
	} {
		found := o.get(t, "admin", "/deliveries?"+query).want(http.StatusOK)
		var got []string
		for i := range found.value("items").([]any) {
			got = append(got, found.value("items", i, "recipient").(string))
		}
		if query == "" || strings.Contains(query, "ticket=") { // the last two changed in one transaction
			if len(got) != 4 {
				t.Errorf("%q finds %v", query, got)
			}
			continue
		}
		for _, name := range strings.Fields(want) {
			if !strings.Contains(strings.Join(got, " "), name) {
				t.Errorf("%q finds %v, not %s", query, got, name)
			}
		}
		if len(got) != len(strings.Fields(want)) {
			t.Errorf("%q finds %v", query, got)
		}
	}
	o.get(t, "admin", "/deliveries?state=lost").want(http.StatusUnprocessableEntity)
	o.get(t, "agent", "/deliveries").want(http.StatusForbidden)

	counts := o.get(t, "admin", "/deliveries/counts").want(http.StatusOK)
	if counts.value("queued") != 2.0 || counts.value("bounced") != 1.0 || counts.value("deferred") != 0.0 || counts.value("oldest") == nil {
		t.Errorf("the counts are %s", counts.body)
	}
	figures := o.get(t, "admin", "/deliveries/figures?days=7&sender=example.com").want(http.StatusOK)
	if days := figures.value("days").([]any); len(days) != 7 || figures.value("total", "bounced") != 1.0 || figures.value("total", "deferred") != 1.0 || figures.value("senders", 0, "sender") != "example.com" ||
		figures.value("days", 6, "day") != time.Now().UTC().Format(time.DateOnly) {
		t.Errorf("the figures are %s", figures.body)
	}
	o.get(t, "admin", "/deliveries/figures?days=0").want(http.StatusUnprocessableEntity)
	if again := o.post(t, "admin", "/deliveries/retry", map[string]any{"destination": "elsewhere.test"}).want(http.StatusOK); again.value("count") != 0.0 {
		t.Errorf("nothing waits for another attempt: %s", again.body)
	}
	o.post(t, "agent", "/deliveries/retry", map[string]any{}).want(http.StatusForbidden)
}

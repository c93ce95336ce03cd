package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/desk"
)

func (o *office) send(t *testing.T, as, method, path string, body any) answer {
	t.Helper()
	return o.do(t, ask{as: as, method: method, path: path, json: body})
}

// publish puts the wanted records into the DNS.
func (o *office) publish(t *testing.T, records []any) {
	t.Helper()
	var zone strings.Builder
	for _, each := range records {
		record := each.(map[string]any)
		value := record["wanted"].(string)
		if record["type"] == "TXT" {
			var parts []string // a character-string has at most 255 octets (RFC 1035 §3.3)
			for chunk := range slices.Chunk([]byte(value), 250) {
				parts = append(parts, fmt.Sprintf("%q", chunk))
			}
			value = strings.Join(parts, " ")
		}
		fmt.Fprintf(&zone, "%s. 300 IN %s %s\n", record["name"], record["type"], value)
	}
	zone.WriteString("desk.test. 300 IN A 192.0.2.1\n")
	o.names.Set(t, zone.String())
}

func TestDomains(t *testing.T) {
	t.Parallel()
	o := open(t)
	made := o.post(t, "admin", "/domains", map[string]any{"name": "Example.com"}).want(http.StatusCreated)
	if made.value("name") != "example.com" || made.value("state") != "added" {
		t.Errorf("the new domain is %s", made.body)
	}
	records, _ := made.value("records").([]any)
	purposes := map[string]bool{}
	for _, each := range records {
		record := each.(map[string]any)
		purposes[record["purpose"].(string)] = true
		if record["wanted"] == "" || record["name"] == "" || record["found"] == nil {
			t.Errorf("the record %v", record)
		}
	}
	for _, purpose := range []string{"dkim-rsa", "dkim-ed25519", "spf", "dmarc"} {
		if !purposes[purpose] {
			t.Errorf("no record for %s in %v", purpose, purposes)
		}
	}
	o.post(t, "admin", "/domains", map[string]any{"name": "example.com"}).want(http.StatusConflict)
	o.post(t, "admin", "/domains", map[string]any{"name": "not a domain"}).want(http.StatusUnprocessableEntity)
	if list := o.get(t, "admin", "/domains").want(http.StatusOK); list.value("items", 0, "name") != "example.com" || list.value("next_cursor") != nil {
		t.Errorf("the domains are %s", list.body)
	}
	verified := o.post(t, "admin", "/domains/example.com/verify", nil).want(http.StatusOK)
	if verified.value("state") != "added" || verified.value("checked_at") == nil || verified.value("records", 0, "ok") != false {
		t.Errorf("with nothing in the DNS: %s", verified.body)
	}
	o.post(t, "admin", "/domains/example.com/rotate", nil).want(http.StatusConflict) // the first keys are not in use yet
	o.publish(t, records)
	if active := o.post(t, "admin", "/domains/example.com/verify", nil).want(http.StatusOK); active.value("state") != "active" {
		t.Errorf("with everything in the DNS: %s", active.body)
	}
	if trial := o.post(t, "admin", "/domains/example.com/test", map[string]any{}).want(http.StatusOK); trial.value("good") != true || trial.value("checks", 0, "name") != "dkim" || trial.value("checks", 0, "text") == "" {
		t.Errorf("a test mail of a domain that is as it should be: %s", trial.body)
	}
	o.post(t, "admin", "/domains/example.com/test", map[string]any{"to": "nobody"}).want(http.StatusUnprocessableEntity)
	o.post(t, "admin", "/domains/other.example/test", map[string]any{}).want(http.StatusNotFound)
	rotated := o.post(t, "admin", "/domains/example.com/rotate", nil).want(http.StatusOK)
	if again, _ := rotated.value("records").([]any); len(again) <= len(records) && rotated.value("records", 0, "name") == made.value("records", 0, "name") {
		t.Errorf("after rotation the records are the same: %s", rotated.body)
	}
	o.get(t, "admin", "/domains/other.example").want(http.StatusNotFound)
	o.domainIsSet(t)
	o.send(t, "admin", "DELETE", "/domains/example.com", nil).want(http.StatusNoContent)
	if gone := o.get(t, "admin", "/domains/example.com").want(http.StatusOK); gone.value("state") != "removed" || gone.value("records", 0, "purpose") != "obsolete" {
		t.Errorf("a removed domain names the records that shall go: %s", gone.body)
	}
}

// domainIsSet changes how an active domain is used, and its keys in a hurry.
func (o *office) domainIsSet(t *testing.T) {
	t.Helper()
	set := o.send(t, "admin", "PATCH", "/domains/example.com", map[string]any{"on_broken": "fallback", "rotate_days": 30}).want(http.StatusOK)
	if set.value("on_broken") != "fallback" || set.value("rotate_days") != 30.0 || set.value("sts") != "off" || set.value("publication") != "txt" {
		t.Errorf("set: %s", set.body)
	}
	o.send(t, "admin", "PATCH", "/domains/example.com", map[string]any{"rotate_days": 7}).want(http.StatusUnprocessableEntity)
	o.send(t, "admin", "PATCH", "/domains/example.com", map[string]any{"publication": "delegated"}).want(http.StatusUnprocessableEntity)
	o.send(t, "agent", "PATCH", "/domains/example.com", map[string]any{"rotate_days": 0}).want(http.StatusForbidden)
	if paused := o.post(t, "admin", "/domains/example.com/pause", nil).want(http.StatusOK); paused.value("state") != "paused" || paused.value("broken_since") == nil {
		t.Errorf("paused: %s", paused.body)
	}
	o.post(t, "admin", "/domains/example.com/pause", nil).want(http.StatusConflict)
	if resumed := o.post(t, "admin", "/domains/example.com/resume", nil).want(http.StatusOK); resumed.value("state") != "active" {
		t.Errorf("resumed: %s", resumed.body)
	}
	o.post(t, "admin", "/domains/example.com/keys", map[string]any{"selector": "mine", "key": "nonsense"}).want(http.StatusUnprocessableEntity)
	o.post(t, "admin", "/domains/example.com/emergency", map[string]any{"grace_seconds": -1}).want(http.StatusUnprocessableEntity)
	if hurried := o.post(t, "admin", "/domains/example.com/emergency", map[string]any{"grace_seconds": 0}).want(http.StatusOK); hurried.value("state") != "active" {
		t.Errorf("replaced: %s", hurried.body)
	}
	o.post(t, "agent", "/domains/example.com/emergency", map[string]any{}).want(http.StatusForbidden)
	if alerts := o.get(t, "admin", "/domain-alerts").want(http.StatusOK); alerts.value("items") == nil {
		t.Errorf("alerts: %s", alerts.body)
	}
	o.get(t, "agent", "/domain-alerts").want(http.StatusForbidden)
}

func TestMailboxes(t *testing.T) {
	t.Parallel()
	o := open(t)
	made := o.post(t, "admin", "/mailboxes", map[string]any{"address": "Sales@Example.com", "name": "Sales"}).want(http.StatusCreated)
	if made.value("address") != "sales@example.com" || made.value("name") != "Sales" || made.id("id") == 0 {
		t.Errorf("the new mailbox is %s", made.body)
	}
	o.post(t, "admin", "/mailboxes", map[string]any{"address": "sales@example.com"}).want(http.StatusConflict)
	o.post(t, "admin", "/mailboxes", map[string]any{"address": "nobody"}).want(http.StatusUnprocessableEntity)
	if got := o.get(t, "agent", "/mailboxes").want(http.StatusOK).ids("id"); len(got) != 2 {
		t.Errorf("the mailboxes are %v", got)
	}
	o.send(t, "admin", "DELETE", "/mailboxes/sales@example.com", nil).want(http.StatusNoContent)
	if got := o.get(t, "agent", "/mailboxes").want(http.StatusOK).ids("id"); len(got) != 1 || got[0] != o.mailbox.ID {
		t.Errorf("after removal the mailboxes are %v", got)
	}
	o.send(t, "admin", "DELETE", "/mailboxes/nobody@example.com", nil).want(http.StatusNotFound)
}

func TestUsers(t *testing.T) {
	t.Parallel()
	o := open(t)
	made := o.post(t, "admin", "/users", map[string]any{"email": "New@example.com", "name": "Nina", "role": "agent"}).want(http.StatusCreated)
	if made.value("email") != "new@example.com" || made.value("role") != "agent" || made.value("disabled_at") != nil || made.value("created_at") == nil {
		t.Errorf("the new person is %s", made.body)
	}
	o.post(t, "admin", "/users", map[string]any{"email": "new@example.com", "name": "Nina", "role": "agent"}).want(http.StatusConflict)
	o.post(t, "admin", "/users", map[string]any{"email": "weak@example.com", "name": "W", "role": "agent", "password": "short"}).want(http.StatusForbidden) // nobody chooses a password for somebody else
	path := at("/users/%d", made.id("id"))
	token := o.token(t, "new@example.com")
	o.get(t, token, "/tickets").want(http.StatusOK)
	if changed := o.send(t, "admin", "PATCH", path, map[string]any{"name": "Nora", "role": "customer"}).want(http.StatusOK); changed.value("name") != "Nora" || changed.value("role") != "customer" {
		t.Errorf("after the change: %s", changed.body)
	}
	o.get(t, token, "/suspended").want(http.StatusForbidden) // a token never outgrows its person's role
	if gone := o.send(t, "admin", "PATCH", path, map[string]any{"disabled": true}).want(http.StatusOK); gone.value("disabled_at") == nil {
		t.Errorf("disabled: %s", gone.body)
	}
	o.get(t, token, "/tickets").want(http.StatusUnauthorized)
	if back := o.send(t, "admin", "PATCH", path, map[string]any{"disabled": false}).want(http.StatusOK); back.value("disabled_at") != nil {
		t.Errorf("enabled: %s", back.body)
	}
	o.send(t, "owner", "PATCH", at("/users/%d", o.users["owner"].ID), map[string]any{"disabled": true}).want(http.StatusConflict) // the last owner
	o.send(t, "admin", "PATCH", "/users/987654", map[string]any{"name": "X"}).want(http.StatusNotFound)
	if got := o.get(t, "admin", "/users").want(http.StatusOK).ids("id"); len(got) != 5 {
		t.Errorf("the people are %v", got)
	}
}

func TestMakeAndRevokeTokens(t *testing.T) {
	t.Parallel()
	o := open(t)
	expires := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	made := o.post(t, "admin", "/tokens", map[string]any{"user": "agnes@example.com", "name": "report", "scopes": []string{"read"}, "expires_at": expires}).want(http.StatusCreated)
	secret, _ := made.value("token").(string)
	if !strings.HasPrefix(secret, "pst_") || made.value("user") != "agnes@example.com" || made.value("expires_at") != expires.Format(time.RFC3339) {
		t.Errorf("the token is %s", made.body)
	}
	o.get(t, secret, "/tickets").want(http.StatusOK)
	o.post(t, secret, "/tickets/1/notes", map[string]any{"text": "x"}).want(http.StatusForbidden)
	list := o.get(t, "admin", "/tokens?limit=100").want(http.StatusOK)
	if strings.Contains(string(list.body), secret) {
		t.Error("the list of tokens holds a secret")
	}
	o.send(t, "admin", "DELETE", at("/tokens/%d", made.id("id")), nil).want(http.StatusNoContent)
	o.get(t, secret, "/tickets").want(http.StatusUnauthorized)
	o.send(t, "admin", "DELETE", "/tokens/987654", nil).want(http.StatusNotFound)
	o.post(t, "admin", "/tokens", map[string]any{"name": "odd", "scopes": []string{"everything"}}).want(http.StatusUnprocessableEntity)
}

func TestAuditAndDeliveries(t *testing.T) {
	t.Parallel()
	o := open(t)
	number := o.started(t, customerEmail, "To be heard of")
	o.send(t, "agent", "PATCH", at("/tickets/%d", number), map[string]any{"status": "solved"}).want(http.StatusOK)
	var audit struct {
		Items []struct {
			Actor, Via, IP, Action, Subject string
			Detail                          json.RawMessage
		}
	}
	o.get(t, "admin", "/audit?limit=100").want(http.StatusOK).into(&audit)
	found := false
	for _, entry := range audit.Items {
		if entry.Action == "ticket.status" && entry.Subject == at("ticket/%d", number) {
			found = entry.Actor == "agnes@example.com" && entry.Via == "api" && entry.IP == "127.0.0.1"
		}
	}
	if !found {
		t.Errorf("no entry about the change by the API in %+v", audit.Items)
	}
	page := o.get(t, "admin", "/audit?limit=1").want(http.StatusOK)
	next, _ := page.value("next_cursor").(string)
	if next == "" || o.get(t, "admin", "/audit?limit=1&cursor="+next).want(http.StatusOK).id("items", 0, "id") == page.id("items", 0, "id") {
		t.Error("the second page of the audit log is the first")
	}
	queued := o.get(t, "admin", "/deliveries?state=queued").want(http.StatusOK)
	if queued.value("items", 0, "recipient") != customerEmail || queued.id("items", 0, "ticket") != number || queued.value("items", 0, "next_attempt_at") == "0001-01-01T00:00:00Z" {
		t.Errorf("the queued deliveries are %s", queued.body)
	}
	if bounced := o.get(t, "admin", "/deliveries?state=bounced").want(http.StatusOK).ids("message"); len(bounced) != 0 {
		t.Errorf("the bounced deliveries are %v", bounced)
	}
}

func TestSuspendedMail(t *testing.T) {
	t.Parallel()
	o := open(t)
	const spoof = "From: agnes@example.com\nTo: support@example.com\nSubject: I am Agnes\nMessage-ID: <spoof%d@elsewhere.test>\n\nBelieve me.\n"
	first := o.mail(t, strangerEmail, at(spoof, 1))
	second := o.mail(t, strangerEmail, at(spoof, 2))
	if first.Disposition != desk.Suspended || second.Disposition != desk.Suspended {
		t.Fatalf("the mails became %+v and %+v", first, second)
	}
	list := o.get(t, "agent", "/suspended").want(http.StatusOK)
	if list.value("items", 0, "cause") != "agent-impersonation" || list.value("items", 0, "subject") != "I am Agnes" || list.value("items", 0, "from") != "agnes@example.com" ||
		list.value("items", 0, "evidence") == "" || list.value("items", 0, "received_at") == nil {
		t.Errorf("the suspended mails are %s", list.body)
	}
	original := o.get(t, "agent", at("/suspended/%d/original", first.Suspended)).want(http.StatusOK)
	if original.header.Get("Content-Type") != "message/rfc822" || !strings.HasSuffix(string(original.body), "Believe me.\r\n") {
		t.Errorf("the original is %q", original.body)
	}
	if let := o.post(t, "agent", at("/suspended/%d/release", first.Suspended), nil).want(http.StatusOK); let.value("disposition") != "ticketed" || let.id("ticket") == 0 {
		t.Errorf("released: %s", let.body)
	}
	o.send(t, "agent", "DELETE", at("/suspended/%d", second.Suspended), nil).want(http.StatusNoContent)
	for _, entry := range []int64{first.Suspended, second.Suspended} {
		o.post(t, "agent", at("/suspended/%d/release", entry), nil).want(http.StatusNotFound)
		o.send(t, "agent", "DELETE", at("/suspended/%d", entry), nil).want(http.StatusNotFound)
		o.get(t, "agent", at("/suspended/%d/original", entry)).want(http.StatusNotFound)
	}
	if left := o.get(t, "agent", "/suspended").want(http.StatusOK).ids("id"); len(left) != 0 {
		t.Errorf("left are %v", left)
	}
}

// Somebody who was not on the ticket waits to be accepted, and can be taken off again (T-STRANGER).
func TestParticipants(t *testing.T) {
	t.Parallel()
	o := open(t)
	in := o.mail(t, customerEmail, question)
	people := o.get(t, "agent", at("/tickets/%d", in.Ticket)).want(http.StatusOK)
	listed, _ := people.value("participants").([]any)
	for _, each := range listed {
		id := int64(each.(map[string]any)["id"].(float64))
		o.post(t, "agent", at("/tickets/%d/participants/%d/accept", in.Ticket, id), nil).want(http.StatusOK)
		o.send(t, "agent", "DELETE", at("/tickets/%d/participants/%d", in.Ticket, id), nil).want(http.StatusNoContent)
	}
	if left, _ := o.get(t, "agent", at("/tickets/%d", in.Ticket)).value("participants").([]any); len(left) != 0 {
		t.Errorf("left are %v", left)
	}
	o.post(t, "agent", at("/tickets/%d/participants/987654/accept", in.Ticket), nil).want(http.StatusNotFound)
}

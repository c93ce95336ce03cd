package api_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"postern/desk"
)

const hiddenMail = "From: Canaryname Rossi <canaryaddress@customer.test>\nTo: support@example.com\nSubject: Canarysubject zwetschge\nMessage-ID: <hidden@customer.test>\n" +
	"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nThe canarybody beside a quitte.\n" +
	"--b\nContent-Type: text/plain; name=canaryfile.txt\nContent-Disposition: attachment; filename=canaryfile.txt\n\ncanarybytes\n--b--\n"

// Every route of the API is asked for a conversation of another team, by an agent and by a customer: no word of it comes back, what names it does not exist, and nothing of it changes.
func TestCanariesOfTheAPI(t *testing.T) {
	t.Parallel()
	o := open(t)
	ctx := t.Context()
	owner := desk.Actor{User: o.users["owner"], Via: "test"}
	for _, team := range []desk.Team{{Name: "Hush", Members: []int64{owner.User.ID}}, {Name: "Front", Members: []int64{o.users["agent"].ID}}} {
		_, err := o.tickets.SetTeam(ctx, owner, team)
		must(t, err)
	}
	number := o.mail(t, "canaryaddress@customer.test", hiddenMail).Ticket
	conversation, err := o.tickets.Conversation(ctx, owner, number, "", 10)
	must(t, err)
	message, file := conversation.Items[0].ID, conversation.Items[0].Files[0].ID
	hush := int64(1)
	before, err := o.tickets.Update(ctx, owner, number, desk.TicketChange{Team: &hush, AddTags: []string{"canarytag"}})
	must(t, err)
	golden, err := os.ReadFile("testdata/routes.golden")
	must(t, err)
	met := false
	for _, route := range regexp.MustCompile(`(?m)^(GET|POST|PATCH|DELETE) +(/\S+)`).FindAllStringSubmatch(string(golden), -1) {
		method, pattern := route[1], strings.TrimPrefix(route[2], "/api/v1")
		id := message
		if strings.Contains(pattern, "/attachments/") {
			id = file
		}
		path := regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(strings.NewReplacer("{number}", fmt.Sprint(number), "{id}", fmt.Sprint(id)).Replace(pattern), "1")
		paths := []string{path}
		if pattern == "/tickets" {
			paths = append(paths, "/tickets?q=quitte", "/tickets?q=zwetschge", "/tickets?tag=canarytag", "/tickets?team=1", fmt.Sprintf("/tickets?q=%%23%d", number))
		}
		names := strings.Contains(pattern, "{number}") || strings.HasPrefix(pattern, "/messages/{id}") || strings.HasPrefix(pattern, "/attachments/{id}")
		for _, path := range paths {
			var body any
			if method != "GET" {
				body = map[string]any{"status": "closed", "text": "x", "target": 1, "into": 1, "ticket": 1, "recipient": "x@customer.test", "to": "x@customer.test"}
			} else {
				met = met || strings.Contains(strings.ToLower(string(o.get(t, "owner", path).body)), "canarybody")
			}
			for _, who := range []string{"agent", "customer"} {
				got := o.do(t, ask{as: who, method: method, path: path, json: body})
				if text := strings.ToLower(string(got.body)); strings.Contains(text, "canary") {
					t.Errorf("%s sees a canary: %s", got.asked, text)
				}
				if names && got.status < 400 {
					t.Errorf("%s: %d", got.asked, got.status)
				}
			}
		}
	}
	after, err := o.tickets.Get(ctx, owner, number)
	must(t, err)
	if !after.UpdatedAt.Equal(before.UpdatedAt) || !met {
		t.Errorf("somebody changed the conversation, or the owner has not seen it: %v", met)
	}
}

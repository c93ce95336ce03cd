package api_test

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"postern/desk"
	"postern/identity"
)

var rightsUpdate = flag.Bool("update-rights", false, "write testdata/rights.golden anew")

// relations are how a ticket can stand to somebody: given to them, of their team, of no team, of another team, and of another team with them as its requester, in copy of it, or watching it. They are the portal's.
var relations = []string{"assigned", "team", "nobody", "other", "requester", "copied", "watched"}

// rightsNowhere is the number of nothing.
const rightsNowhere = 987654321

// matrixRoles are roles that somebody made: one for each sight that no built-in role of staff has, and one that hides who customers are.
var matrixRoles = []desk.CustomRole{
	{Name: "Given only", Rights: []desk.Right{desk.MayRead, desk.MayReadOriginals, desk.MayNote, desk.MayReply, desk.MayWrite, desk.MayMerge, desk.MayManageCopied, desk.MayReadCustomers, desk.MayReadConfig, desk.MayReadAudit}, Sight: desk.SightAssigned},
	{Name: "Members", Rights: []desk.Right{desk.MayRead, desk.MayReadOriginals, desk.MayNote, desk.MayReply, desk.MayReadConfig}, Sight: desk.SightMembers},
	{Name: "Blind", Rights: []desk.Right{desk.MayRead, desk.MayReadOriginals, desk.MayNote, desk.MayReadConfig, desk.MayReadPeople}, Sight: desk.SightNone},
	{Name: "Masked", Rights: []desk.Right{desk.MayRead, desk.MayNote, desk.MayReply, desk.MayWrite, desk.MayMerge, desk.MayManageCopied, desk.MayReadCustomers, desk.MayReadConfig}, Sight: desk.SightAll, Masks: desk.Masks},
}

// rightsIDs are what a call can name of a ticket.
type rightsIDs struct{ ticket, message, second, sent, file, contact, stranger int64 }

// rightsWorld is a token of a person of a role, and a ticket in each relation to them.
type rightsWorld struct {
	user    desk.User
	token   string
	tickets map[string]rightsIDs
}

// rightsOf makes the person, the token and the tickets.
func (o *office) rightsOf(t *testing.T, role desk.Role, grant *desk.Grant) rightsWorld {
	ctx := t.Context()
	name := strings.NewReplacer("_", "-", " ", "-").Replace(strings.ToLower(string(role)))
	made, err := o.identity.AddUser(ctx, cli, identity.NewUser{Email: name + ".matrix@example.com", Name: "Matrix " + name, Role: role})
	must(t, err)
	made.Grant = grant
	owner := desk.Actor{User: o.users["owner"], Via: "api"}
	teams := map[string]int64{}
	for _, which := range []string{"team", "other"} {
		team := desk.Team{Name: which + " of " + name}
		if which == "team" && role.Staff() {
			team.Members = []int64{made.ID}
		}
		teams[which], err = o.tickets.SetTeam(ctx, owner, team)
		must(t, err)
	}
	w := rightsWorld{user: made, token: o.token(t, made.Email, desk.AllScopes()...), tickets: map[string]rightsIDs{}}
	must(t, o.directory.Reload(ctx))
	for _, relation := range relations {
		w.tickets[relation] = o.standing(t, made, relation, teams)
	}
	return w
}

// standing makes a ticket that stands so to the person. Its mail carries a file, somebody has answered it, and a stranger waits on it.
func (o *office) standing(t *testing.T, person desk.User, relation string, teams map[string]int64) (ids rightsIDs) {
	ctx, owner := t.Context(), desk.Actor{User: o.users["owner"], Via: "api"}
	id := fmt.Sprintf("rights-%d-%s", person.ID, relation)
	head := "From: anna@customer.test\nTo: " + supportAddress + "\nSubject: About " + relation + "\nDate: Mon, 30 Nov 2026 10:00:00 +0000\n"
	came := o.mail(t, "anna@customer.test", head+"Message-ID: <"+id+"@customer.test>\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nHello.\n--b\nContent-Type: text/plain; name=a.txt\nContent-Disposition: attachment; filename=a.txt\n\nA file.\n--b--\n")
	ids.ticket, ids.message = came.Ticket, came.Message
	ids.second = o.mail(t, "anna@customer.test", head+"Message-ID: <"+id+"-2@customer.test>\nIn-Reply-To: <"+id+"@customer.test>\n\nAnd this.\n").Message
	sent, err := o.tickets.Reply(ctx, owner, desk.ReplyRequest{Ticket: came.Ticket, Text: "It is on its way.", To: []desk.Address{{Addr: "anna@customer.test"}}, Recipients: desk.AsGiven, Status: desk.KeepStatus})
	must(t, err)
	ids.sent = sent.ID
	conversation, err := o.tickets.Conversation(ctx, owner, came.Ticket, "", 10)
	must(t, err)
	ids.file = conversation.Items[0].Files[0].ID
	run := func(sql string, args ...any) {
		_, err := o.store.Pool().Exec(ctx, sql, args...)
		must(t, err)
	}
	for _, address := range []string{person.Email, "carl@customer.test", "dora@customer.test"} {
		run(`insert into contact (address) select $1::text where not exists (select from contact where address = $1)`, address)
	}
	for address, id := range map[string]*int64{"carl@customer.test": &ids.contact, "dora@customer.test": &ids.stranger} {
		must(t, o.store.Pool().QueryRow(ctx, `insert into participant (ticket_id, contact_id, pending) select $1, id, true from contact where address = $2 returning contact_id`, came.Ticket, address).Scan(id))
	}
	other := teams["other"]
	change := desk.TicketChange{Team: &other}
	switch relation {
	case "assigned":
		if person.Can(desk.MayWrite) { // tickets are not given to others
			change.Assignee = &person.ID
		}
	case "team":
		team := teams["team"]
		change.Team = &team
	case "nobody":
		return ids
	case "requester":
		run(`update ticket set requester_id = (select id from contact where address = $1) where id = $2`, person.Email, came.Ticket)
	case "copied":
		run(`insert into participant (ticket_id, contact_id, accepted_at) select $2, id, now() from contact where address = $1`, person.Email, came.Ticket)
	case "watched":
		if person.Can(desk.MayRead) {
			run(`insert into watcher (ticket_id, user_id) values ($1, $2)`, came.Ticket, person.ID)
		}
	}
	_, err = o.tickets.Update(ctx, owner, came.Ticket, change)
	must(t, err)
	return ids
}

// rightsVerdict is what an answer says about whether somebody was let in.
func rightsVerdict(got answer) string {
	switch {
	case got.status == http.StatusUnauthorized:
		return "sign in"
	case got.status == http.StatusForbidden:
		return "no"
	case got.status >= http.StatusInternalServerError:
		return fmt.Sprint(got.status)
	}
	return "yes"
}

// rightsBody is what a call has to say for it to look for what it names. Moving and merging name the ticket itself, so that nothing comes of them.
func (ids rightsIDs) body(operation string) map[string]any {
	bodies := map[string]map[string]any{
		"postNote": {"text": "A note."}, "postReply": {"text": "An answer."}, "moveMessage": {"ticket": ids.ticket}, "mergeTicket": {"into": ids.ticket},
		"retryDelivery": {"recipient": "anna@customer.test"}, "cancelDelivery": {"recipient": "anna@customer.test"}, "redirectDelivery": {"recipient": "anna@customer.test", "to": "anna@customer.test"},
	}
	if body, known := bodies[operation]; known {
		return body
	}
	return map[string]any{}
}

// path is the address of a call with these in it.
func (ids rightsIDs) path(op operation) string {
	id := ids.message
	switch op.ID {
	case "splitMessage":
		id = ids.second
	case "listStories", "retryDelivery", "cancelDelivery", "redirectDelivery":
		id = ids.sent
	}
	if strings.Contains(op.path, "/attachments/") {
		id = ids.file
	}
	contact := ids.contact
	if op.ID == "acceptParticipant" {
		contact = ids.stranger
	}
	path := op.path
	if onTicket(path) {
		path = strings.NewReplacer("{number}", fmt.Sprint(ids.ticket), "{id}", fmt.Sprint(id), "{contact}", fmt.Sprint(contact)).Replace(path)
	}
	return regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(path, fmt.Sprint(rightsNowhere))
}

// onTicket says whether a call names a ticket, or something of one.
func onTicket(path string) bool {
	return strings.Contains(path, "{number}") || strings.Contains(path, "/messages/{id}") || strings.Contains(path, "/attachments/{id}")
}

// rightsCells are what the tickets of a person are answered: yes, or hidden, which is the same word for word as for a number that nothing has.
func (o *office) rightsCells(t *testing.T, w rightsWorld, op operation) map[string]string {
	call := func(ids rightsIDs) answer {
		return o.do(t, ask{as: w.token, method: op.method, path: ids.path(op), json: ids.body(op.ID)})
	}
	nothing := call(rightsIDs{rightsNowhere, rightsNowhere, rightsNowhere, rightsNowhere, rightsNowhere, rightsNowhere, rightsNowhere})
	verdict, cells := rightsVerdict(nothing), map[string]string{}
	for _, relation := range relations {
		if cells[relation] = verdict; verdict != "yes" && relation != "assigned" && relation != "requester" {
			continue // who is not let in is told so before anything is looked for: two tickets prove it
		}
		ids := w.tickets[relation]
		got := call(ids)
		if cells[relation] = rightsVerdict(got); verdict != "yes" || cells[relation] != "yes" {
			continue
		}
		names := regexp.MustCompile(fmt.Sprintf(`\b(%d|%d|%d|%d|%d|%d|%d)\b|"request_id": ?"[^"]*"`, ids.ticket, ids.message, ids.second, ids.sent, ids.file, ids.contact, rightsNowhere))
		told := func(a answer) string { return fmt.Sprint(a.status, names.ReplaceAllString(string(a.body), "N")) }
		if one, other := told(got), told(nothing); one == other {
			cells[relation] = "hidden"
		} else if got.status == http.StatusNotFound && op.ID != "splitMessage" { // of which the new ticket may be out of their sight, though they made it
			t.Errorf("%s: %s (%s) learns that there is something: %s, and for nothing %s", op.ID, w.user.Role, relation, one, other)
		}
	}
	return cells
}

// rightsSaid says what a role was answered, in as few words as that takes.
func rightsSaid(cells map[string]string) string {
	by := map[string][]string{}
	for _, relation := range relations {
		by[cells[relation]] = append(by[cells[relation]], relation)
	}
	if len(by) == 1 {
		return cells[relations[0]]
	}
	var parts []string
	for _, verdict := range slices.Sorted(maps.Keys(by)) {
		parts = append(parts, verdict+" "+strings.Join(by[verdict], " "))
	}
	return strings.Join(parts, ", ")
}

// TestRightsMatrix asks every call by every role, and those on a ticket by every relation to it, over HTTP, and keeps what came of it. A call without a line, or one that lets in or keeps out whom it did
// not before, fails here; so does one that tells a ticket out of sight from one that there is not.
func TestRightsMatrix(t *testing.T) {
	t.Parallel()
	o := open(t)
	all, _ := operations(t, o)
	roles, worlds := slices.Clone(desk.BuiltIn), map[desk.Role]rightsWorld{}
	for _, role := range desk.BuiltIn {
		worlds[role] = o.rightsOf(t, role, nil)
	}
	for _, role := range matrixRoles {
		_, err := o.identity.AddRole(t.Context(), desk.Actor{User: o.users["owner"], Via: "api"}, role)
		must(t, err)
		grant := role.Grant()
		roles, worlds[role.Name] = append(roles, role.Name), o.rightsOf(t, role.Name, &grant)
	}
	var golden bytes.Buffer
	for _, op := range all {
		fmt.Fprintf(&golden, "%s %s  %s\n", op.method, op.path, op.Right)
		if got := rightsVerdict(o.do(t, ask{method: op.method, path: rightsIDs{}.path(op), json: map[string]any{}})); got != "sign in" {
			t.Errorf("%s: nobody is told %q", op.ID, got)
		}
		var order []string
		by := map[string][]string{}
		for _, role := range roles {
			w := worlds[role]
			said := ""
			if onTicket(op.path) {
				cells := o.rightsCells(t, w, op)
				if said = rightsSaid(cells); role == desk.RoleOwner && said != "yes" {
					t.Errorf("%s: the owner gets %v, so what others get says nothing", op.ID, cells)
				}
			} else {
				said = rightsVerdict(o.do(t, ask{as: w.token, method: op.method, path: rightsIDs{}.path(op), json: map[string]any{}}))
			}
			if w.user.Can(op.Right) == (said == "no" || said == "sign in") {
				t.Errorf("%s: %s is told %q, and their role says otherwise", op.ID, role, said)
			}
			if by[said] = append(by[said], strings.ReplaceAll(string(role), " ", "-")); len(by[said]) == 1 {
				order = append(order, said)
			}
		}
		for _, said := range order {
			fmt.Fprintf(&golden, "  %s: %s\n", strings.Join(by[said], " "), said)
		}
	}
	const file = "testdata/rights.golden"
	if *rightsUpdate {
		must(t, os.WriteFile(file, golden.Bytes(), 0o644))
	}
	want, err := os.ReadFile(file)
	must(t, err)
	kept, found := strings.Split(string(want), "\n"), strings.Split(golden.String(), "\n")
	for i, line := range found {
		if i >= len(kept) || kept[i] != line {
			t.Fatalf("line %d is now %q. If that was meant: go test ./api -run TestRightsMatrix -update-rights", i+1, line)
		}
	}
	if len(kept) != len(found) {
		t.Error("what was kept goes on, and what was found does not")
	}
}

package api_test

import (
	"bytes"
	"flag"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"postern/desk"
	"postern/identity"
)

var rightsUpdate = flag.Bool("update-rights", false, "write testdata/rights.golden anew")

// relations are how a ticket can stand to somebody: given to them, of their team, of no team, of another team, one in which they are the customer. They are the portal's.
var relations = []string{"assigned", "team", "nobody", "other", "own"}

// rightsWorld is a token of a person of a role, and a ticket in each relation to them.
type rightsWorld struct {
	token   string
	tickets map[string]desk.Outcome
}

// rightsOf makes the person, the token and the tickets.
func (o *office) rightsOf(t *testing.T, role desk.Role) rightsWorld {
	ctx := t.Context()
	email := strings.ReplaceAll(string(role), "_", "-") + ".matrix@example.com"
	made, err := o.identity.AddUser(ctx, cli, identity.NewUser{Email: email, Name: "Matrix " + string(role), Role: role})
	must(t, err)
	owner := desk.Actor{User: o.users["owner"], Via: "api"}
	teams := map[string]int64{}
	for _, name := range []string{"team", "other"} {
		team := desk.Team{Name: name + " of " + string(role)}
		if name == "team" && role.Staff() {
			team.Members = []int64{made.ID}
		}
		teams[name], err = o.tickets.SetTeam(ctx, owner, team)
		must(t, err)
	}
	w := rightsWorld{token: o.token(t, email), tickets: map[string]desk.Outcome{}}
	must(t, o.directory.Reload(ctx))
	for _, relation := range relations {
		from := "anna@customer.test"
		if relation == "own" && role == desk.RoleCustomer {
			from = email
		}
		id := strings.ReplaceAll(string(role), "_", "-") + "-" + relation
		came := o.mail(t, from, "From: "+from+"\nTo: "+supportAddress+"\nSubject: About "+id+"\nMessage-ID: <"+id+"@customer.test>\nDate: Mon, 30 Nov 2026 10:00:00 +0000\n\nHello.\n")
		change := desk.TicketChange{}
		switch team, other := teams["team"], teams["other"]; {
		case relation == "assigned" && made.Can(desk.MayWrite):
			change.Assignee = &made.ID
		case relation == "team":
			change.Team = &team
		case relation != "nobody":
			change.Team = &other // tickets are not given to people who may not work on them
		}
		if change.Team != nil || change.Assignee != nil {
			_, err := o.tickets.Update(ctx, owner, came.Ticket, change)
			must(t, err)
		}
		w.tickets[relation] = came
	}
	return w
}

// rightsVerdict is what an answer says about whether somebody was let in.
func rightsVerdict(got answer) string {
	switch {
	case got.status == http.StatusUnauthorized:
		return "sign in"
	case got.status == http.StatusForbidden:
		return "no"
	case got.status == http.StatusNotFound:
		return "hidden"
	case got.status >= http.StatusInternalServerError:
		return fmt.Sprint(got.status)
	}
	return "yes"
}

// rightsBodies are what has to be said before a call looks for its ticket. Moving and merging name the ticket itself, so that nothing comes of them.
var rightsBodies = map[string]map[string]any{
	"postNote": {"text": "A note."}, "postReply": {"text": "An answer."},
}

// TestRightsMatrix asks every call by every role, and those on a ticket by every relation to it, over HTTP, and keeps what came of it. A call without a line, or one that lets in or keeps out whom it did
// not before, fails here.
func TestRightsMatrix(t *testing.T) {
	t.Parallel()
	o := open(t)
	all, _ := operations(t, o)
	worlds := map[desk.Role]rightsWorld{}
	for _, role := range desk.BuiltIn {
		worlds[role] = o.rightsOf(t, role)
	}
	braces := regexp.MustCompile(`\{[^}]*\}`)
	call := func(token string, op operation, path string, ticket int64) string {
		body, known := rightsBodies[op.ID]
		switch {
		case op.ID == "moveMessage":
			body = map[string]any{"ticket": ticket}
		case op.ID == "mergeTicket":
			body = map[string]any{"into": ticket}
		case !known:
			body = map[string]any{}
		}
		return rightsVerdict(o.do(t, ask{as: token, method: op.method, path: path, json: body}))
	}
	var golden bytes.Buffer
	for _, op := range all {
		nowhere := braces.ReplaceAllString(op.path, "987654321")
		fmt.Fprintf(&golden, "%s %s  %s\n  nobody: %s\n", op.method, op.path, op.Right, call("", op, nowhere, 987654321))
		onTicket := strings.Contains(op.path, "{number}") || strings.Contains(op.path, "/messages/{id}")
		for _, role := range desk.BuiltIn {
			w := worlds[role]
			fmt.Fprintf(&golden, "  %s:", role)
			if !onTicket { // let in, to what does not exist
				fmt.Fprintf(&golden, " %s\n", strings.Replace(call(w.token, op, nowhere, 987654321), "hidden", "yes", 1))
				continue
			}
			for _, relation := range relations {
				came := w.tickets[relation]
				path := strings.NewReplacer("{number}", fmt.Sprint(came.Ticket), "{id}", fmt.Sprint(came.Message)).Replace(op.path)
				fmt.Fprintf(&golden, " %s=%s", relation, call(w.token, op, braces.ReplaceAllString(path, "1"), came.Ticket))
			}
			fmt.Fprintln(&golden)
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

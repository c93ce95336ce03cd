package portal

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

// relations are how a ticket can stand to somebody: given to them, of their team, nobody's, of another team, one in which they are the customer.
var relations = []string{"assigned", "team", "nobody", "other", "own"}

// rightsWorld is a person of a role, with a ticket in each relation to them.
type rightsWorld struct {
	r       *reader
	tickets map[string][2]int64 // number and first message, by relation
}

// rightsOf makes the person and the tickets.
func (h *house) rightsOf(role desk.Role) rightsWorld {
	t, ctx := h.t, h.t.Context()
	email := strings.ReplaceAll(string(role), "_", "-") + ".matrix@example.com"
	made, err := h.people.AddUser(ctx, desk.System("cli"), identity.NewUser{Email: email, Name: "Matrix " + string(role), Role: role, Password: password})
	check(t, err)
	teams := map[string]int64{}
	for _, name := range []string{"team", "other"} {
		team := desk.Team{Name: name + " of " + string(role)}
		if name == "team" && role.Staff() {
			team.Members = []int64{made.ID}
		}
		teams[name], err = h.tickets.SetTeam(ctx, h.owner, team)
		check(t, err)
	}
	w := rightsWorld{r: h.reader(email), tickets: map[string][2]int64{}}
	for i, relation := range relations {
		from := "anna@customer.example"
		if relation == "own" && role == desk.RoleCustomer {
			from = email
		}
		outcome := h.mail(letterOf(from, "About "+relation, fmt.Sprintf("rights-%s-%d", role, i), "\nHello.\n"))
		change := desk.TicketChange{}
		switch other := teams["other"]; relation {
		case "assigned":
			if made.Can(desk.MayWrite) {
				change.Assignee = &made.ID
			} else {
				change.Team = &other // tickets are not given to such people
			}
		case "team":
			team := teams["team"]
			change.Team = &team
		case "other", "own":
			change.Team = &other
		}
		if change.Team != nil || change.Assignee != nil {
			_, err := h.tickets.Update(ctx, h.owner, outcome.Ticket, change)
			check(t, err)
		}
		w.tickets[relation] = [2]int64{outcome.Ticket, outcome.Message}
	}
	return w
}

// rightsVerdict is what an answer says about whether somebody was let in.
func rightsVerdict(got answer) string {
	switch {
	case got.path == "/sign-in" || got.path == "/my/sign-in":
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

// TestRightsMatrix asks every route by every role, and those on a ticket by every relation to it, over HTTP, and keeps what came of it. A route without a line, or one that lets in or keeps out whom it
// did not before, fails here.
func TestRightsMatrix(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	worlds := map[desk.Role]rightsWorld{}
	for _, role := range desk.BuiltIn {
		worlds[role] = h.rightsOf(role)
	}
	nobody := h.reader("")
	ask := func(r *reader, method, path string) string {
		if method == http.MethodPost {
			return rightsVerdict(r.post(path))
		}
		return rightsVerdict(r.get(path))
	}
	braces := regexp.MustCompile(`\{[^}]*\}`)
	var golden bytes.Buffer
	for _, route := range routes {
		method, pattern, _ := strings.Cut(route.pattern, " ")
		if route.right == desk.Public || route.right == desk.Arriving || pattern == "/events" || pattern == "/you/security/sign-out" {
			fmt.Fprintf(&golden, "%s  %s\n", route.pattern, route.right)
			continue
		}
		fmt.Fprintf(&golden, "%s  %s\n  nobody: %s\n", route.pattern, route.right, ask(nobody, method, braces.ReplaceAllString(pattern, "987654321")))
		onTicket := strings.Contains(pattern, "{number}") || strings.HasPrefix(pattern, "/messages/{id}")
		for _, role := range desk.BuiltIn {
			w := worlds[role]
			if !onTicket {
				path := braces.ReplaceAllString(pattern, "987654321")
				if verdict := ask(w.r, method, path); verdict != "yes" {
					fmt.Fprintf(&golden, "  %s: %s\n", role, strings.Replace(verdict, "hidden", "yes", 1)) // let in, to what does not exist
				} else {
					fmt.Fprintf(&golden, "  %s: yes\n", role)
				}
				continue
			}
			fmt.Fprintf(&golden, "  %s:", role)
			for _, relation := range relations {
				ids := w.tickets[relation]
				path := strings.NewReplacer("{number}", fmt.Sprint(ids[0]), "{id}", fmt.Sprint(ids[1]), "{cid...}", "x").Replace(pattern)
				fmt.Fprintf(&golden, " %s=%s", relation, ask(w.r, method, braces.ReplaceAllString(path, "1")))
			}
			fmt.Fprintln(&golden)
		}
	}
	const file = "testdata/rights.golden"
	if *rightsUpdate {
		check(t, os.WriteFile(file, golden.Bytes(), 0o644))
	}
	want, err := os.ReadFile(file)
	check(t, err)
	kept := strings.Split(string(want), "\n")
	for i, line := range strings.Split(golden.String(), "\n") {
		if i >= len(kept) || kept[i] != line {
			t.Fatalf("line %d: %q; it was %q. If that was meant: go test ./portal -run TestRightsMatrix -update-rights", i+1, line, append(kept, make([]string, i+1)...)[i])
		}
	}
}

// The page of a ticket offers nobody what they may not do.
func TestTicketPageOffersWhatItsReaderMay(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	light, agent := h.rightsOf(desk.RoleLight), h.rightsOf(desk.RoleAgent)
	at := func(w rightsWorld) answer { return w.r.get(fmt.Sprintf("/tickets/%d", w.tickets["team"][0])) }
	offers := []string{`id="tab-reply"`, `id="tab-forward"`, `class="write reply"`, `class="pill state`, `name="owner"`, `id="priority"`, `id="tags"`, `id="rename"`, `id="target"`, `/spam"`, `/customer"`, `/requester"`, `/move"`, `/split"`, `?answer=`, `?forward=`, `/related"`, `class="tick"`, `id="bulk"`}
	at(agent).has(t, append(offers, `id="tab-note"`)...)
	page := at(light)
	page.has(t, `id="tab-note" value="note" checked`, `class="write note"`)
	page.lacks(t, offers...)
}

package portal

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

// relations are how a ticket can stand to somebody: given to them, of their team, nobody's, of another team, and of another team with them as its requester, in copy of it, or watching it.
var relations = []string{"assigned", "team", "nobody", "other", "requester", "copied", "watched"}

// nowhere is the number of nothing.
const rightsNowhere = "987654321"

// matrixRoles are roles that somebody made: one for each sight that no built-in role of staff has, with all that a role can give at desks, and one that hides who customers are.
var matrixRoles = []desk.CustomRole{
	{Name: "Given only", Rights: []desk.Right{desk.MayRead, desk.MayReadOriginals, desk.MayNote, desk.MayReply, desk.MayWrite, desk.MayMerge, desk.MayManageCopied, desk.MayReadReports, desk.MayReadCustomers, desk.MayEditCustomers, desk.MayShelve, desk.MayReadConfig, desk.MayManageTags, desk.MayReadAudit}, Sight: desk.SightAssigned},
	{Name: "Members", Rights: []desk.Right{desk.MayRead, desk.MayReadOriginals, desk.MayNote, desk.MayReply, desk.MayReadReports, desk.MayReadCustomers, desk.MayReadConfig}, Sight: desk.SightMembers},
	{Name: "Blind", Rights: []desk.Right{desk.MayRead, desk.MayReadOriginals, desk.MayNote, desk.MayReadReports, desk.MayReadConfig, desk.MayReadPeople}, Sight: desk.SightNone},
	{Name: "Masked", Rights: []desk.Right{desk.MayRead, desk.MayNote, desk.MayReply, desk.MayWrite, desk.MayMerge, desk.MayManageCopied, desk.MayReadCustomers, desk.MayEditCustomers, desk.MayReadReports, desk.MayShelve, desk.MayReadConfig, desk.MayReadAudit}, Sight: desk.SightAll, Masks: desk.Masks},
}

// rightsIDs are what a route can name of a ticket.
type rightsIDs struct {
	ticket, message, second, sent, file, contact int64
}

// rightsWorld is a person of a role, with a ticket in each relation to them.
type rightsWorld struct {
	user    desk.User
	r       *reader
	tickets map[string]rightsIDs // by relation
}

// signedIn makes a person of the role, whose reader follows no redirect: a matrix asks what was answered, not where that leads. No password is looked at for it.
func (h *house) signedIn(email, name string, role desk.Role) (desk.User, *reader) {
	h.t.Helper()
	made, err := h.people.AddUser(h.t.Context(), desk.System("cli"), identity.NewUser{Email: email, Name: name, Role: role})
	check(h.t, err)
	return made, h.byLink(email)
}

// byLink is somebody who has come in by a link.
func (h *house) byLink(email string) *reader {
	h.t.Helper()
	link, err := h.people.LoginLink(h.t.Context(), h.owner, email)
	check(h.t, err)
	r := h.reader("")
	r.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if got := r.post(strings.TrimPrefix(link, h.url)); got.status != http.StatusSeeOther || strings.HasPrefix(got.header.Get("Location"), "/sign-in") {
		h.t.Fatalf("the link of %s: %d to %s", email, got.status, got.header.Get("Location"))
	}
	return r
}

// rightsOf makes the person and the tickets.
func (h *house) rightsOf(role desk.Role) rightsWorld {
	t, ctx := h.t, h.t.Context()
	name := strings.NewReplacer("_", "-", " ", "-").Replace(strings.ToLower(string(role)))
	email := name + ".matrix@example.com"
	w := rightsWorld{tickets: map[string]rightsIDs{}}
	w.user, w.r = h.signedIn(email, "Matrix "+string(role), role)
	if grant, known := role.Grant(); known {
		w.user.Grant = &grant
	} else {
		for _, one := range matrixRoles {
			if one.Name == role {
				grant := one.Grant()
				w.user.Grant = &grant
			}
		}
	}
	teams := map[string]int64{}
	for _, which := range []string{"team", "other"} {
		team := desk.Team{Name: which + " of " + name}
		if which == "team" && role.Staff() {
			team.Members = []int64{w.user.ID}
		}
		id, err := h.tickets.SetTeam(ctx, h.owner, team)
		check(t, err)
		teams[which] = id
	}
	for _, relation := range relations {
		w.tickets[relation] = h.standing(w.user, relation, teams)
	}
	return w
}

// standing makes a ticket that stands so to the person. Its mail carries a file and a picture, and somebody has answered it.
func (h *house) standing(person desk.User, relation string, teams map[string]int64) (ids rightsIDs) {
	t, ctx := h.t, h.t.Context()
	id := fmt.Sprintf("rights-%d-%s", person.ID, relation)
	came := h.mail(letterOf("anna@customer.example", "About "+relation, id, "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nHello.\n"+
		"--b\nContent-Type: image/png\nContent-ID: <x>\nContent-Disposition: attachment; filename=x.png\nContent-Transfer-Encoding: base64\n\niVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII=\n--b--\n"))
	ids.ticket, ids.message = came.Ticket, came.Message
	ids.second = h.mail(letterOf("anna@customer.example", "Re: About "+relation, id+"-2", "In-Reply-To: <"+id+"@customer.example>\n\nAnd this.\n")).Message
	sent, err := h.tickets.Reply(ctx, h.owner, desk.ReplyRequest{Ticket: came.Ticket, Text: "It is on its way.", To: []desk.Address{{Addr: "anna@customer.example"}}, Recipients: desk.AsGiven, Status: desk.KeepStatus})
	check(t, err)
	ids.sent = sent.ID
	conversation, err := h.tickets.Conversation(ctx, h.owner, came.Ticket, "", 10)
	check(t, err)
	ids.file = conversation.Items[0].Files[0].ID
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
		change.Team = nil
	case "requester":
		h.contact(person.Email)
		h.sql(`update ticket set requester_id = (select id from contact where address = $1) where id = $2`, person.Email, came.Ticket)
	case "copied":
		h.contact(person.Email)
		h.sql(`insert into participant (ticket_id, contact_id, accepted_at) select $2, id, now() from contact where address = $1`, person.Email, came.Ticket)
	case "watched":
		if person.Can(desk.MayRead) {
			h.sql(`insert into watcher (ticket_id, user_id) values ($1, $2)`, came.Ticket, person.ID)
		}
	}
	if change.Team != nil {
		_, err := h.tickets.Update(ctx, h.owner, came.Ticket, change)
		check(t, err)
	}
	h.contact("carl@customer.example")
	check(t, h.store.Pool().QueryRow(ctx, `insert into participant (ticket_id, contact_id, pending) select $1, id, true from contact where address = 'carl@customer.example' returning contact_id`, came.Ticket).Scan(&ids.contact))
	return ids
}

// contact is a customer of that address.
func (h *house) contact(address string) {
	h.sql(`insert into contact (address) select $1::text where not exists (select from contact where address = $1)`, address)
}

// path is the address of a route with these in it.
func (ids rightsIDs) path(pattern string) string {
	id := ids.message
	switch {
	case strings.Contains(pattern, "/attachments/"), strings.Contains(pattern, "/files/"):
		id = ids.file
	case strings.HasSuffix(pattern, "/split"):
		id = ids.second // which goes to a ticket of its own
	case regexp.MustCompile(`/(sent|retry|deliveries|cancel|redirect)$`).MatchString(pattern):
		id = ids.sent
	}
	return strings.NewReplacer("{number}", fmt.Sprint(ids.ticket), "{id}", fmt.Sprint(id), "{cid...}", "x").Replace(pattern)
}

// rightsForms are what a form has to say for its route to look for what it names. None of them brings anything about on a ticket that is there, so that the next role finds it as it was.
func (ids rightsIDs) form(pattern string, macro int64) []string {
	contact, itself := fmt.Sprint(ids.contact), fmt.Sprint(ids.ticket)
	return map[string][]string{
		"/tickets/{number}/reply": {"text", ""}, "/tickets/{number}/note": {"text", ""}, "/tickets/{number}/draft": {"kind", "note", "text", "Half a word"},
		"/tickets/{number}/merge": {"target", itself}, "/messages/{id}/move": {"target", itself}, "/tickets/{number}/related": {"target", itself},
		"/tickets/{number}/requester": {"address", "anna@customer.example"}, "/tickets/{number}/people": {"do", "accept", "contact", contact}, "/tickets/{number}/macro": {"macro", fmt.Sprint(macro)},
		"/messages/{id}/retry": {"recipient", "anna@customer.example"}, "/messages/{id}/cancel": {"recipient", "anna@customer.example"}, "/messages/{id}/redirect": {"recipient", "anna@customer.example", "to", "anna@customer.example"},
		"/my/tickets/{number}/answer": {"text", ""}, "/my/tickets/{number}/rate": {"rating", "good"},
	}[pattern]
}

// onTicket says whether a route names a ticket, or something of one.
func onTicket(pattern string) bool {
	return regexp.MustCompile(`\{number\}|/messages/\{id\}|/attachments/\{id\}|/my/files/`).MatchString(pattern)
}

// rightsVerdict is what an answer says about whether somebody was let in.
func rightsVerdict(got answer) string {
	switch to := got.header.Get("Location"); {
	case strings.HasPrefix(to, "/sign-in"), strings.HasPrefix(to, "/my/sign-in"):
		return "sign in"
	case got.status == http.StatusForbidden:
		return "no"
	case got.status >= http.StatusInternalServerError:
		return fmt.Sprint(got.status)
	}
	return "yes"
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

// rightsMatrix asks the routes of the portal.
type rightsMatrix struct {
	*house
	roles  []desk.Role
	worlds map[desk.Role]rightsWorld
	macro  int64
}

func (h *house) newRightsMatrix() *rightsMatrix {
	m := &rightsMatrix{house: h, roles: slices.Clone(desk.BuiltIn), worlds: map[desk.Role]rightsWorld{}}
	for _, role := range matrixRoles {
		_, err := h.people.AddRole(h.t.Context(), h.owner, role)
		check(h.t, err)
		m.roles = append(m.roles, role.Name)
	}
	for _, role := range m.roles {
		m.worlds[role] = h.rightsOf(role)
	}
	macro, err := h.tickets.SaveMacro(h.t.Context(), h.owner, desk.Macro{Name: "For all", Text: "Hello."})
	check(h.t, err)
	m.macro = macro
	return m
}

func (m *rightsMatrix) ask(r *reader, route route, ids rightsIDs) answer {
	method, pattern, _ := strings.Cut(route.pattern, " ")
	path := rightsBraces.ReplaceAllString(ids.path(pattern), rightsNowhere)
	if method == http.MethodPost {
		return r.post(path, ids.form(pattern, m.macro)...)
	}
	return r.get(path)
}

var rightsBraces = regexp.MustCompile(`\{[^}]*\}`)

// cells are what the tickets of a role are answered: yes, or hidden, which is the same word for word as for a number that nothing has.
func (m *rightsMatrix) cells(w rightsWorld, route route) map[string]string {
	none := rightsIDs{987654321, 987654321, 987654321, 987654321, 987654321, 987654321}
	nothing := m.ask(w.r, route, none)
	cells := map[string]string{}
	verdict := rightsVerdict(nothing)
	for _, relation := range relations {
		if cells[relation] = verdict; verdict != "yes" && relation != "assigned" && relation != "requester" {
			continue // who is not let in is told so before anything is looked for: two tickets prove it
		}
		ids := w.tickets[relation]
		got := m.ask(w.r, route, ids)
		if cells[relation] = rightsVerdict(got); verdict != "yes" || cells[relation] != "yes" {
			continue
		}
		numbers := regexp.MustCompile(fmt.Sprintf(`\b(%d|%d|%d|%d|%d|%s)\b`, ids.ticket, ids.message, ids.second, ids.sent, ids.file, rightsNowhere))
		told := func(a answer) string {
			return fmt.Sprint(a.status, numbers.ReplaceAllString(a.header.Get("Location")+"\n"+a.body, "N"))
		}
		if one, other := told(got), told(nothing); one == other {
			cells[relation] = "hidden"
		} else if got.status == http.StatusNotFound {
			m.t.Errorf("%s: %s (%s) learns that there is something: %s", route.pattern, w.user.Role, relation, differ(one, other))
		}
	}
	return cells
}

// silent are routes that answer the owner of everything as if there were nothing.
var silent = map[string]string{"GET /messages/{id}/sent": "speaks to whoever wrote the mail, and for ten seconds"}

// stricter are routes that ask for more than a right.
var stricter = map[string]string{
	"GET /reports": "for a role that shows no conversation there are no figures", "GET /reports.csv": "for a role that shows no conversation there are no figures",
	"GET /oauth/authorize": "programs act for people who may hold tokens", "POST /oauth/authorize": "programs act for people who may hold tokens",
}

// line is what a role is answered.
func (m *rightsMatrix) line(role desk.Role, route route) string {
	w := m.worlds[role]
	_, pattern, _ := strings.Cut(route.pattern, " ")
	if !onTicket(pattern) {
		return rightsVerdict(m.ask(w.r, route, rightsIDs{}))
	}
	cells := m.cells(w, route)
	if role == desk.RoleOwner && w.user.Can(route.right) && !customersOnly(route.right) && silent[route.pattern] == "" && rightsSaid(cells) != "yes" {
		m.t.Errorf("%s: the owner gets %v, so what others get says nothing", route.pattern, cells)
	}
	if role == desk.RoleCustomer && customersOnly(route.right) && cells["requester"] != "yes" {
		m.t.Errorf("%s: a customer gets %v, so what others get says nothing", route.pattern, cells)
	}
	return rightsSaid(cells)
}

// customersOnly says whether a right opens pages for customers, on which staff are nobody.
func customersOnly(right desk.Right) bool {
	return right == desk.MayOwnRead || right == desk.MayOwnWrite
}

// rule checks a verdict against the table of rights, whatever the golden file says: who holds a right is let in, and nobody else.
func (m *rightsMatrix) rule(role desk.Role, route route, said string) {
	user := m.worlds[role].user
	want := "no"
	switch {
	case customersOnly(route.right) && role != desk.RoleCustomer:
		want = "sign in"
	case user.Can(route.right):
		want = ""
	}
	if said == "no" && stricter[route.pattern] != "" {
		return
	}
	if want != "" && said != want || want == "" && (said == "no" || said == "sign in") {
		m.t.Errorf("%s: %s is told %q, and their role says otherwise", route.pattern, role, said)
	}
}

// TestRightsMatrix asks every route by every role, and those on a ticket by every relation to it, over HTTP, and keeps what came of it. A route without a line, or one that lets in or keeps out whom it
// did not before, fails here; so does one that tells a ticket out of sight from one that there is not, and one whose right stands in no table.
func TestRightsMatrix(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	m := h.newRightsMatrix()
	nobody := h.reader("")
	nobody.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	var golden bytes.Buffer
	seen := map[string]bool{}
	for _, route := range routes {
		if seen[route.pattern] || !route.right.Valid() {
			t.Errorf("%s stands twice, or asks for the right %q", route.pattern, route.right)
		}
		seen[route.pattern] = true
		fmt.Fprintf(&golden, "%s  %s\n", route.pattern, route.right)
		if route.right == desk.Public || route.right == desk.Arriving || route.pattern == "GET /events" || route.pattern == "POST /you/security/sign-out" {
			continue
		}
		if got := rightsVerdict(m.ask(nobody, route, rightsIDs{})); got != "sign in" {
			t.Errorf("%s: nobody is told %q", route.pattern, got)
		}
		var order []string
		by := map[string][]string{}
		for _, role := range m.roles {
			said := m.line(role, route)
			m.rule(role, route, said)
			if by[said] = append(by[said], strings.ReplaceAll(string(role), " ", "-")); len(by[said]) == 1 {
				order = append(order, said)
			}
		}
		for _, said := range order {
			fmt.Fprintf(&golden, "  %s: %s\n", strings.Join(by[said], " "), said)
		}
	}
	rightsKept(t, golden.String())
}

// rightsKept compares what was found with what was kept.
func rightsKept(t *testing.T, found string) {
	t.Helper()
	const file = "testdata/rights.golden"
	if *rightsUpdate {
		check(t, os.WriteFile(file, []byte(found), 0o644))
	}
	want, err := os.ReadFile(file)
	check(t, err)
	kept := strings.Split(string(want), "\n")
	for i, line := range strings.Split(found, "\n") {
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
	at := func(w rightsWorld) answer {
		return w.r.get(fmt.Sprintf("/tickets/%d?view=all", w.tickets["team"].ticket))
	}
	offers := []string{`id="tab-reply"`, `id="tab-forward"`, `class="write reply"`, `class="pill state`, `name="owner"`, `id="priority"`, `id="tags"`, `id="rename"`, `id="target"`, `/spam"`, `/customer"`, `/requester"`, `/move"`, `/split"`, `?answer=`, `?forward=`, `/related"`, `class="tick"`, `id="bulk"`}
	at(agent).has(t, append(offers, `id="tab-note"`)...)
	page := at(light)
	page.has(t, `id="tab-note" value="note" checked`, `class="write note"`)
	page.lacks(t, offers...)
}

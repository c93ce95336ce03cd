package portal

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"postern/desk"
	"postern/identity"
)

// canaries are words that stand on the hidden conversation alone, each in another part of it. Beside each stands a word that is searched for, since a page says what it was asked.
var canaries = []string{"canarysubject", "canarybody", "canaryquoted", "canarynote", "canaryname", "canaryaddress", "canarycopied", "canaryfile", "canarybytes", "canarytag", "canaryanswer", "canarystatus", "canaryfield", "canarydraft"}

const hiddenMail = "From: Canaryname Rossi <canaryaddress@customer.example>\nTo: Example Support <support@example.com>\nCc: canarycopied@customer.example\nSubject: Canarysubject zwetschge\nMessage-ID: <hidden@customer.example>\n" +
	"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nThe canarybody beside a quitte.\n\nOn Monday Example Support wrote:\n> canaryquoted mirabelle\n" +
	"--b\nContent-Type: text/plain; name=canaryfile.txt\nContent-Disposition: attachment; filename=canaryfile.txt\n\ncanarybytes\n--b--\n"

// hiddenTicket is a conversation of a team of which Ada is none, with something of every kind on it.
type hiddenTicket struct {
	*house
	ticket, message, answer, note, file, contact, view int64
}

func newHidden(t *testing.T) *hiddenTicket {
	t.Helper()
	h := &hiddenTicket{house: newHouse(t)}
	ctx := t.Context()
	sue, err := h.people.AddUser(ctx, desk.System("cli"), identity.NewUser{Email: "sue@example.com", Name: "Sue", Role: desk.RoleAgent, Password: password})
	check(t, err)
	for _, team := range []desk.Team{{Name: "Hush", Members: []int64{sue.ID}}, {Name: "Front", Members: []int64{h.agent.User.ID}}} {
		_, err = h.tickets.SetTeam(ctx, h.owner, team)
		check(t, err)
	}
	h.mail(question) // that everybody at the desk sees
	h.ticket = h.mail(hiddenMail).Ticket
	sees := desk.Actor{User: sue, Via: "test"}
	conversation, err := h.tickets.Conversation(ctx, h.owner, h.ticket, "", 10)
	check(t, err)
	h.message, h.file = conversation.Items[0].ID, conversation.Items[0].Files[0].ID
	check(t, h.tickets.Watch(ctx, h.agent, h.ticket)) // Ada hears of it while it is nobody's
	note, err := h.tickets.Note(ctx, h.owner, h.ticket, "canarynote mispel @Ada", nil)
	check(t, err)
	h.note = note.ID
	h.react()
	hush := int64(1)
	subject := "Canarysubject zwetschge again"
	ticket, err := h.tickets.Update(ctx, h.owner, h.ticket, desk.TicketChange{Team: &hush, AddTags: []string{"canarytag"}, Subject: &subject})
	check(t, err)
	h.contact = ticket.RequesterID
	answer, err := h.tickets.Reply(ctx, sees, desk.ReplyRequest{Ticket: h.ticket, Text: "canaryanswer schlehe"})
	check(t, err)
	h.answer = answer.ID
	check(t, h.tickets.SaveDraft(ctx, sees, desk.Draft{TicketID: h.ticket, Kind: desk.KindNote, Text: "canarydraft"}))
	v, err := h.tickets.AddView(ctx, h.owner, desk.View{Name: "All of it", Audience: desk.AudienceAll, Filter: desk.ListFilter{}})
	check(t, err)
	h.view = v.ID
	return h
}

// paths are the addresses of a route with the hidden conversation in them.
func (h *hiddenTicket) paths(pattern string) []string {
	id := h.message
	for part, other := range map[string]int64{"/attachments/": h.file, "/files/": h.file, "/views/": h.view} {
		if strings.Contains(pattern, part) {
			id = other
		}
	}
	path := strings.NewReplacer("{number}", fmt.Sprint(h.ticket), "{id}", fmt.Sprint(id), "{$}", "", "{name}", "example.com", "{cid...}", "x").Replace(pattern)
	path = regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(path, "1")
	paths := []string{path}
	for _, query := range map[string][]string{
		"/tickets": {"q=quitte", "q=zwetschge", "q=mispel", "q=mirabelle", "q=subject:zwetschge", fmt.Sprintf("q=%%23%d", h.ticket), fmt.Sprintf("q=%d", h.ticket), "view=all", "view=mine",
			fmt.Sprintf("view=%d", h.view), "view=all&filters=open&team=1", "q=team:Hush"},
		"/suggest/people": {"q=cana", fmt.Sprintf("q=cana&ticket=%d", h.ticket)}, "/here": {fmt.Sprintf("open=%d&t=%d", h.ticket, h.ticket)},
		"/notifications/new": {"after=0"}, "/reports": {"about=team:1", "about=tag:nothing", "by=tag"}, "/reports.csv": {"about=team:1", "by=tag"}, "/audit": {"q=zwetschge", "action=ticket."},
		"/suggest/canned": {fmt.Sprintf("ticket=%d", h.ticket)}, "/canned": {fmt.Sprintf("ticket=%d", h.ticket)}, "/deliveries": {fmt.Sprintf("ticket=%d", h.ticket)},
	}[path] {
		paths = append(paths, path+"?"+query)
	}
	if strings.HasPrefix(path, "/messages/") {
		for _, other := range []int64{h.answer, h.note} {
			paths = append(paths, strings.Replace(path, fmt.Sprint(h.message), fmt.Sprint(other), 1))
		}
	}
	return paths
}

// TestCanaries opens every address of the portal with the eyes of everybody who does not see the conversation, and finds no word of it; what names it does not exist.
func TestCanaries(t *testing.T) {
	t.Parallel()
	h := newHidden(t)
	ctx := t.Context()
	for _, role := range []desk.CustomRole{
		{Name: "Given only", Rights: []desk.Right{desk.MayRead, desk.MayReadOriginals, desk.MayNote, desk.MayReply, desk.MayWrite, desk.MayMerge, desk.MayReadReports, desk.MayReadCustomers, desk.MayEditCustomers, desk.MayReadConfig, desk.MayManageTags, desk.MayReadAudit}, Sight: desk.SightAssigned},
		{Name: "Members", Rights: []desk.Right{desk.MayRead, desk.MayReadOriginals, desk.MayNote, desk.MayReadReports, desk.MayReadCustomers, desk.MayReadConfig}, Sight: desk.SightMembers},
		{Name: "Blind", Rights: []desk.Right{desk.MayRead, desk.MayReadOriginals, desk.MayNote, desk.MayReadReports, desk.MayReadConfig, desk.MayReadPeople}, Sight: desk.SightNone},
	} {
		_, err := h.people.AddRole(ctx, h.owner, role)
		check(t, err)
	}
	readers := map[string]*reader{"an agent of another team": h.reader("ada@example.com")}
	for who, role := range map[string]desk.Role{"a light agent": desk.RoleLight, "an auditor": desk.RoleAuditor, "a customer": desk.RoleCustomer, "given only": "Given only", "members": "Members", "blind": "Blind"} {
		email := strings.ReplaceAll(who, " ", "-") + "@example.com"
		_, err := h.people.AddUser(ctx, desk.System("cli"), identity.NewUser{Email: email, Name: who, Role: role, Password: password})
		check(t, err)
		r := h.reader("")
		r.post("/sign-in", "email", email, "password", password)
		readers[who] = r
	}
	owner := h.reader("olga@example.com")
	met := map[string]bool{}
	before, err := h.tickets.Get(ctx, h.owner, h.ticket)
	check(t, err)
	for _, route := range routes {
		method, pattern, _ := strings.Cut(route.pattern, " ")
		if pattern == "/events" || pattern == "/sign-out" || route.right == desk.Public && method == http.MethodPost {
			continue
		}
		for _, path := range h.paths(pattern) {
			if method == http.MethodGet {
				for _, word := range found(owner.get(path).body) {
					met[word] = true
				}
			}
			for who, r := range readers {
				var got answer
				if method == http.MethodGet {
					got = r.get(path)
				} else {
					got = r.post(path, "status", "closed", "text", "x", "do", "accept", "contact", fmt.Sprint(h.contact), "target", "1", "other", "1", "n", fmt.Sprint(h.ticket), "to", "x@customer.example", "recipient", "canaryaddress@customer.example", "name", "x", "ticket", fmt.Sprint(h.ticket), "tab", "a")
				}
				if words := found(got.body); len(words) > 0 {
					t.Errorf("%s sees %v at %s %s (%d)", who, words, method, path, got.status)
				}
				if names := pattern != "/messages/{id}/sent" && (strings.Contains(pattern, "{number}") || strings.HasPrefix(pattern, "/messages/") || strings.HasPrefix(pattern, "/attachments/")); names && got.status < 400 && !strings.HasPrefix(got.path, "/my/sign-in") && !strings.HasPrefix(got.path, "/sign-in") {
					t.Errorf("%s is told %d at %s %s", who, got.status, method, path)
				}
			}
		}
	}
	after, err := h.tickets.Get(ctx, h.owner, h.ticket)
	check(t, err)
	if !after.UpdatedAt.Equal(before.UpdatedAt) || after.Status != before.Status {
		t.Error("somebody changed a conversation that they do not see")
	}
	for _, word := range []string{"canarysubject", "canarybody", "canaryquoted", "canarynote", "canaryname", "canaryaddress", "canarycopied", "canaryfile", "canarybytes", "canarytag", "canaryanswer"} {
		if !met[word] {
			t.Errorf("the owner has not seen %q anywhere, so this test proves nothing of it", word)
		}
	}
}

// found are the canaries on a page.
func found(body string) (words []string) {
	body = strings.ToLower(body)
	for _, word := range canaries {
		if strings.Contains(body, word) {
			words = append(words, word)
		}
	}
	return words
}

// A conversation that one does not see and one that there is not are answered alike, word for word.
func TestUnseenIsLikeNothing(t *testing.T) {
	t.Parallel()
	h := newHidden(t)
	agent := h.reader("ada@example.com")
	const none = 987654
	alike := func(path string) {
		t.Helper()
		hidden, nothing := agent.get(fmt.Sprintf(path, h.ticket)), agent.get(fmt.Sprintf(path, none))
		number := regexp.MustCompile(fmt.Sprintf(`(?:\b|%%23)(%d|%d)\b`, h.ticket, int64(none)))
		one, other := number.ReplaceAllString(hidden.body, "N"), number.ReplaceAllString(nothing.body, "N")
		if hidden.status != nothing.status || one != other {
			t.Errorf("%s: %d and %d, or other words: %s", path, hidden.status, nothing.status, differ(one, other))
		}
	}
	for _, path := range []string{"/tickets/%d/news", "/tickets/%d/canned", "/tickets?q=%%23%d&view=all", "/here?open=%d"} {
		alike(path)
	}
	if got := agent.get(fmt.Sprintf("/tickets/%d", h.ticket)); got.status != http.StatusNotFound {
		t.Errorf("the page of an unseen conversation: %d", got.status)
	}
	if got := agent.post("/tickets/1/merge", "target", fmt.Sprint(h.ticket)); got.status < 400 {
		t.Errorf("merged into what is not seen: %d", got.status)
	}
}

// differ is where two texts part.
func differ(a, b string) string {
	at := 0
	for at < min(len(a), len(b)) && a[at] == b[at] {
		at++
	}
	part := func(s string) string { return s[max(0, min(at-40, len(s))):min(at+80, len(s))] }
	return fmt.Sprintf("%q and %q", part(a), part(b))
}

// stream is an open stream of somebody, whose data lines come one by one; closed when it ends.
func (h *house) stream(r *reader) <-chan string {
	h.t.Helper()
	req, err := http.NewRequestWithContext(h.t.Context(), http.MethodGet, h.url+"/events", nil)
	check(h.t, err)
	resp, err := (&http.Client{Jar: r.client.Jar}).Do(req)
	check(h.t, err)
	h.t.Cleanup(func() { resp.Body.Close() })
	lines := make(chan string, 100)
	go func() {
		defer close(lines)
		for scan := bufio.NewScanner(resp.Body); scan.Scan(); {
			if data, is := strings.CutPrefix(scan.Text(), "data: "); is && strings.HasPrefix(data, "{") {
				lines <- data
			}
		}
	}()
	return lines
}

// hears waits for the next line of a stream that says anything of tickets.
func hears(lines <-chan string, within time.Duration) (line string, open bool) {
	late := time.After(within)
	for {
		select {
		case line, open = <-lines:
			if !open || strings.Contains(line, `"t"`) {
				return line, open
			}
		case <-late:
			return "", true
		}
	}
}

func TestStreamsTellOfWhatIsSeen(t *testing.T) {
	t.Parallel()
	h := newHidden(t)
	ctx := t.Context()
	soon(t, "the portal listens", 5*time.Second, h.portal.hub.heardItself.Load)
	lines := h.stream(h.reader("ada@example.com"))
	soon(t, "the stream is open", 5*time.Second, func() bool { return len(h.portal.hub.tokens()) == 1 })
	_, err := h.tickets.Note(ctx, h.owner, h.ticket, "hush", nil)
	check(t, err)
	if line, _ := hears(lines, 700*time.Millisecond); line != "" {
		t.Errorf("told of what is not seen: %s", line)
	}
	_, err = h.tickets.Note(ctx, h.owner, 1, "for all", nil)
	check(t, err)
	if line, _ := hears(lines, 5*time.Second); line != `{"t":[1]}` {
		t.Errorf("told %q of what is seen", line)
	}
	hush := int64(1)
	_, err = h.tickets.Update(ctx, h.owner, 1, desk.TicketChange{Team: &hush})
	check(t, err)
	if line, _ := hears(lines, 5*time.Second); line != `{"t":[1]}` {
		t.Errorf("told %q of what has just gone to others", line)
	}
	_, err = h.tickets.Note(ctx, h.owner, 1, "for us now", nil)
	check(t, err)
	if line, _ := hears(lines, 700*time.Millisecond); line != "" {
		t.Errorf("told of what has gone to others: %s", line)
	}
}

// What was taken away ends within a second, while a stream is open: the session, the account, the role, and what a role gives.
func TestStreamsEndWithWhatOpenedThem(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx := t.Context()
	role := desk.CustomRole{Name: "Reader", Rights: []desk.Right{desk.MayRead, desk.MayNote}, Sight: desk.SightAll}
	_, err := h.people.AddRole(ctx, h.owner, role)
	check(t, err)
	for i, end := range map[string]func(user int64, r *reader) error{
		"sign-out": func(_ int64, r *reader) error { r.post("/sign-out"); return nil },
		"disabled": func(user int64, _ *reader) error {
			return h.people.Disable(ctx, h.owner, user)
		},
		"another role": func(user int64, _ *reader) error {
			_, err := h.people.UpdateUser(ctx, h.owner, user, identity.UserChange{Role: new(desk.RoleAuditor)})
			return err
		},
		"what the role gives": func(int64, *reader) error {
			narrower := role
			narrower.Sight = desk.SightAssigned
			_, err := h.people.ChangeRole(ctx, h.owner, role.Name, narrower)
			return err
		},
	} {
		given := desk.Role("Reader")
		if i == "another role" {
			given = desk.RoleAgent
		}
		user, err := h.people.AddUser(ctx, desk.System("cli"), identity.NewUser{Email: strings.ReplaceAll(i, " ", "-") + "@example.com", Name: i, Role: given, Password: password})
		check(t, err)
		r := h.reader(user.Email)
		lines := h.stream(r)
		soon(t, "the stream is open", 5*time.Second, func() bool { return len(h.portal.hub.tokens()) == 1 })
		begin := time.Now()
		check(t, end(user.ID, r))
		late, cancel := context.WithTimeout(ctx, 10*time.Second)
		for open := true; open; {
			select {
			case _, open = <-lines:
			case <-late.Done():
				t.Errorf("%s: the stream is still open", i)
				open = false
			}
		}
		cancel()
		took := time.Since(begin)
		t.Logf("%s: the stream ended after %s", i, took.Round(time.Millisecond))
		if took > 3*time.Second { // a second is promised; the machine that tests may be busy
			t.Errorf("%s: the stream ended after %s", i, took)
		}
		soon(t, "the hub has let go", 5*time.Second, func() bool { return len(h.portal.hub.tabs()) == 0 })
	}
}

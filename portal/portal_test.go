package portal

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"image"
	"image/png"
	"mime/multipart"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"postern/desk"
	"postern/store"
)

// question is the mail that most tests begin with.
const question = "From: Anna Rossi <anna@customer.example>\nTo: Example Support <support@example.com>\nCc: bert@customer.example\nSubject: Charged twice\nMessage-ID: <q1@customer.example>\n\nWe were charged twice.\n\nOn Monday Example Support wrote:\n> How much?\n> Tell us.\n"

// hidden reads the value of a hidden or visible field of a form.
func hidden(t *testing.T, page, name string) string {
	t.Helper()
	found := regexp.MustCompile(`name="` + name + `"[^>]* value="([^"]*)"`).FindStringSubmatch(page)
	if found == nil {
		t.Fatalf("the page has no field %q", name)
	}
	return found[1]
}

func TestEveryAnswerCarriesTheHeaders(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	agent := h.reader("ada@example.com")
	for _, path := range []string{"/tickets", "/nowhere", "/tickets/99", "/domains", "/sign-in/wrong", assetURL("portal.js")} {
		got := agent.get(path)
		for name, want := range map[string]string{"Content-Security-Policy": "default-src 'none'", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "", "X-Frame-Options": "DENY"} {
			if value := got.header.Get(name); value == "" || !strings.Contains(value, want) {
				t.Errorf("%s: %s is %q", path, name, value)
			}
		}
		if strings.Contains(got.header.Get("Content-Security-Policy"), "unsafe") {
			t.Errorf("%s: %s", path, got.header.Get("Content-Security-Policy"))
		}
		if regexp.MustCompile(`<script>|<style| style="| on[a-z]+="`).MatchString(got.body) && !strings.HasPrefix(path, "/static") {
			t.Errorf("%s holds script or style that the policy refuses", path)
		}
	}
	if got := agent.get(assetURL("base.css")).header.Get("Cache-Control"); !strings.Contains(got, "immutable") {
		t.Errorf("a tagged file is cached %q", got)
	}
	if got := agent.get("/static/base.css?v=old").header.Get("Cache-Control"); got != "no-cache" {
		t.Errorf("a file of another version is cached %q", got)
	}
}

func TestFormsOfOtherSitesChangeNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	n := h.mail(question).Ticket
	agent := h.reader("ada@example.com")
	for name, value := range map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, fmt.Sprintf("%s/tickets/%d", h.url, n), strings.NewReader("status=closed"))
		check(t, err)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set(name, value)
		if got := agent.do(req); got.status != http.StatusForbidden {
			t.Errorf("%s: %d", name, got.status)
		}
	}
	ticket, err := h.tickets.Get(t.Context(), h.agent, n)
	check(t, err)
	if ticket.Status != desk.StatusNew {
		t.Errorf("the status is %s", ticket.Status)
	}
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	nobody := h.reader("")
	if got := nobody.post("/sign-in", "email", "ada@example.com", "password", "wrong"); got.status != http.StatusUnauthorized {
		t.Errorf("a wrong password gives %d", got.status)
	} else {
		got.has(t, "do not belong together", `value="ada@example.com"`)
	}
	got := nobody.get("/tickets?view=mine")
	if got.path != "/sign-in" {
		t.Fatalf("nobody gets %s", got.path)
	}
	got = nobody.post("/sign-in", "email", "ada@example.com", "password", password, "next", "/tickets?view=mine")
	if got.path != "/tickets" || !strings.Contains(got.body, "<h1>Mine</h1>") {
		t.Errorf("after signing in: %s", got.path)
	}
	if nobody.post("/sign-out").path != "/sign-in" || nobody.get("/tickets").path != "/sign-in" {
		t.Error("signed out and still there")
	}
	link, err := h.people.LoginLink(t.Context(), h.owner, "ada@example.com")
	check(t, err)
	path := strings.TrimPrefix(link, h.url)
	nobody.get(path).has(t, "ada@example.com")
	if got := nobody.post(path); got.path != "/tickets" {
		t.Errorf("the link leads to %s (%d)", got.path, got.status)
	}
	if got := h.reader("").post(path); got.status != http.StatusNotFound {
		t.Errorf("a used link gives %d", got.status)
	}
}

func TestListAndSearch(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	agent := h.reader("ada@example.com")
	agent.get("/tickets").has(t, "Nobody is waiting.")
	n := h.mail(question).Ticket
	h.mail("From: <script>alert(1)</script> <x@customer.example>\nTo: support@example.com\nSubject: <img src=x onerror=alert(2)>\n\n<b>bold</b>\n")
	page := agent.get("/tickets")
	page.has(t, "Charged twice", "Anna Rossi", "&lt;img src=x onerror=alert(2)&gt;", fmt.Sprintf(`href="/tickets/%d"`, n))
	page.lacks(t, "<img src=x", "<script>alert")
	agent.get("/tickets?q=twice").has(t, "Charged <mark>twice</mark>", "We were charged <mark>twice</mark>.", fmt.Sprintf("/tickets/%d?q=twice", n))
	agent.get("/tickets?q=unheard-of").has(t, "Nothing found.")
	agent.get("/tickets?q=status:sideways").has(t, `class="problem"`)
	agent.get("/tickets?view=mine").has(t, "Nothing is assigned to you.")
}

func TestT_QUOTE(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	page := h.reader("ada@example.com").get(fmt.Sprintf("/tickets/%d", h.mail(question).Ticket))
	page.has(t, "We were charged twice.", `<details class="quoted">`, "&gt; How much?", "Why here?", "answers nothing that Postern knows")
	if folded := strings.Index(page.body, `<details class="quoted">`); folded > strings.Index(page.body, "&gt; How much?") {
		t.Error("the quoted part is not inside the fold")
	}
}

func TestT_RECIPIENTS_ShownIsSent(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	n := h.mail(question).Ticket
	agent, path := h.reader("ada@example.com"), fmt.Sprintf("/tickets/%d", n)
	page := agent.get(path)
	if got := hidden(t, page.body, "to"); got != "Anna Rossi &lt;anna@customer.example&gt;" {
		t.Errorf("To is %q", got)
	}
	if got := hidden(t, page.body, "cc"); got != "bert@customer.example" {
		t.Errorf("Cc is %q", got)
	}
	done := agent.post(path+"/reply", "text", "Sorry, refunded.", "to", "Anna Rossi <anna@customer.example>, Carla <carla@customer.example>", "bcc", "boss@example.net",
		"answers", hidden(t, page.body, "answers"), "last_seen", hidden(t, page.body, "last_seen"), "status", "solved", "sure", "stranger carla@customer.example", "sure", "stranger boss@example.net")
	done.has(t, "Sorry, refunded.", "Leaves in", "Undo", "Solved")
	messages, err := h.tickets.Conversation(t.Context(), h.agent, n, "", 50)
	check(t, err)
	var sent desk.Message
	for _, m := range messages.Items {
		if m.Kind == desk.KindReply {
			sent = m
		}
	}
	if formatAddresses(sent.To) != "Anna Rossi <anna@customer.example>, Carla <carla@customer.example>" || len(sent.Cc) != 0 || len(sent.Deliveries) != 3 {
		t.Errorf("sent to %v, cc %v, %d deliveries", sent.To, sent.Cc, len(sent.Deliveries))
	}
	again := agent.post(path+"/reply", "text", "more", "to", "not an address", "answers", "0")
	if again.status != http.StatusUnprocessableEntity {
		t.Errorf("a wrong address gives %d", again.status)
	}
	again.has(t, "To cannot be read", ">more</textarea>")
}

func TestT_STALE(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	n := h.mail(question).Ticket
	agent, path := h.reader("ada@example.com"), fmt.Sprintf("/tickets/%d", n)
	page := agent.get(path)
	h.mail("From: anna@customer.example\nTo: support@example.com\nSubject: Re: Charged twice\nIn-Reply-To: <q1@customer.example>\nMessage-ID: <q2@customer.example>\n\nPlease stop, it is solved.\n")
	form := []string{"text", "We look into it.", "to", "anna@customer.example", "answers", hidden(t, page.body, "answers"), "last_seen", hidden(t, page.body, "last_seen")}
	stale := agent.post(path+"/reply", form...)
	if stale.status != http.StatusConflict {
		t.Fatalf("a stale reply gives %d", stale.status)
	}
	stale.has(t, "this came while you were writing", "Please stop, it is solved.", "Send anyway", ">We look into it.</textarea>")
	agent.get(path).has(t, ">We look into it.</textarea>") // the draft is on the server
	form[7] = hidden(t, stale.body, "last_seen")
	if got := agent.post(path+"/reply", form...); got.status != http.StatusOK {
		t.Errorf("sending anyway gives %d", got.status)
	} else {
		got.has(t, "Leaves in")
		got.lacks(t, ">We look into it.</textarea>")
	}
}

func TestT_UNDO(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	n := h.mail(question).Ticket
	agent, path := h.reader("ada@example.com"), fmt.Sprintf("/tickets/%d", n)
	sent := agent.post(path+"/reply", "text", "Too early", "to", "anna@customer.example", "bcc", "boss@example.net", "answers", "0", "sure", "stranger boss@example.net")
	undo := regexp.MustCompile(`/messages/\d+/undo`).FindString(sent.body)
	if undo == "" {
		t.Fatal("no undo on the page")
	}
	back := agent.post(undo)
	back.has(t, ">Too early</textarea>", `value="boss@example.net"`)
	back.lacks(t, "Leaves in")
	if got := agent.post(undo); got.status == http.StatusOK {
		t.Error("undone twice")
	}
}

func TestDraftsAreKeptApart(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	n := h.mail(question).Ticket
	agent, path := h.reader("ada@example.com"), fmt.Sprintf("/tickets/%d", n)
	agent.post(path+"/draft", "kind", "reply", "text", "Dear Anna", "to", "anna@customer.example, half@")
	agent.post(path+"/draft", "kind", "note", "text", "Ask the bank")
	agent.get(path).has(t, ">Dear Anna</textarea>", ">Ask the bank</textarea>")
	h.reader("olga@example.com").get(path).lacks(t, "Dear Anna", "Ask the bank")
	agent.post(path+"/note", "text", "Ask the bank").has(t, "only the team sees it")
	agent.get(path).lacks(t, ">Ask the bank</textarea>")
	agent.post(path+"/draft", "kind", "reply", "text", "")
	agent.get(path).lacks(t, ">Dear Anna</textarea>")
}

func TestFilesWithoutScript(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	n := h.mail(question).Ticket
	agent := h.reader("ada@example.com")
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for name, value := range map[string]string{"text": "The contract", "to": "anna@customer.example", "answers": "0"} {
		check(t, form.WriteField(name, value))
	}
	part, err := form.CreateFormFile("file", "Vertrag Übersicht.txt")
	check(t, err)
	_, err = part.Write([]byte("all of it"))
	check(t, err)
	check(t, form.Close())
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, fmt.Sprintf("%s/tickets/%d/reply", h.url, n), &body)
	check(t, err)
	req.Header.Set("Content-Type", form.FormDataContentType())
	page := agent.do(req)
	page.has(t, "Vertrag Übersicht.txt", "9 B")
	file := agent.get(regexp.MustCompile(`/attachments/\d+`).FindString(page.body))
	if file.body != "all of it" || !strings.HasPrefix(file.header.Get("Content-Disposition"), "attachment") {
		t.Errorf("the file is %q as %q", file.body, file.header.Get("Content-Disposition"))
	}
}

func TestPicturesOfTheMailStandInIt(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	var dot bytes.Buffer
	check(t, png.Encode(&dot, image.NewGray(image.Rect(0, 0, 3, 3))))
	n := h.mail("From: anna@customer.example\nTo: support@example.com\nSubject: Logo\nMessage-ID: <pic@customer.example>\nMIME-Version: 1.0\nContent-Type: multipart/related; boundary=b\n\n--b\nContent-Type: text/html\n\n<p>Our logo <img src=\"cid:logo@x\"></p>\n--b\nContent-Type: image/png\nContent-ID: <logo@x>\nContent-Disposition: inline\nContent-Transfer-Encoding: base64\n\n" + base64.StdEncoding.EncodeToString(dot.Bytes()) + "\n--b--\n").Ticket
	agent := h.reader("ada@example.com")
	page := agent.get(fmt.Sprintf("/tickets/%d", n))
	body := agent.get(regexp.MustCompile(`/messages/\d+/body`).FindString(page.body))
	body.has(t, `src="data:image/png;base64,`)
	if got := body.header.Get("Content-Security-Policy"); !strings.Contains(got, "img-src data:;") || !strings.Contains(got, "sandbox") {
		t.Errorf("the policy is %s", got)
	}
	message := regexp.MustCompile(`/messages/\d+`).FindString(page.body)
	agent.get(message+"?as=text").has(t, message+"/cid/logo@x")
	if got := agent.get(message + "/cid/logo@x"); got.status != http.StatusOK || got.header.Get("Content-Type") != "image/png" {
		t.Errorf("the picture is %d %s", got.status, got.header.Get("Content-Type"))
	}
	if got := agent.get(message + "/cid/other"); got.status != http.StatusNotFound {
		t.Errorf("another picture is %d", got.status)
	}
	if got := agent.get(message + "/original"); !strings.Contains(got.body, "Content-ID: <logo@x>") || got.header.Get("Content-Type") != "message/rfc822" {
		t.Errorf("the original is %s", got.header.Get("Content-Type"))
	}
}

func TestChangesOfATicket(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	n, other := h.mail(question).Ticket, h.mail("From: anna@customer.example\nTo: support@example.com\nSubject: Another\n\nAnother.\n").Ticket
	agent, path := h.reader("ada@example.com"), fmt.Sprintf("/tickets/%d", n)
	agent.post(path, "status", "hold").has(t, "set the status to on hold")
	agent.post(path, "assignee", fmt.Sprint(h.agent.User.ID)).has(t, "took it")
	agent.post(path, "tags", "billing, refund").has(t, `name="drop_tag" value="billing"`, `name="drop_tag" value="refund"`)
	agent.post(path, "priority", "urgent").has(t, "Urgent")
	agent.post(path, "subject", "Charged thrice").has(t, "Charged thrice")
	if got := agent.post(path, "status", "sideways"); got.status != http.StatusUnprocessableEntity {
		t.Errorf("an unknown status gives %d", got.status)
	}
	merged := agent.post(path+"/merge", "target", fmt.Sprintf("#%d", other))
	if merged.path != fmt.Sprintf("/tickets/%d", other) {
		t.Errorf("merging leads to %s", merged.path)
	}
	agent.get(path).has(t, "was merged into", "Undo the merging")
	agent.post(path+"/unmerge").lacks(t, "was merged into")
	messages, err := h.tickets.Conversation(t.Context(), h.agent, other, "", 10)
	check(t, err)
	split := agent.post(fmt.Sprintf("/messages/%d/move", messages.Items[0].ID), "target", fmt.Sprint(n))
	if split.path != path {
		t.Errorf("moving leads to %s", split.path)
	}
	split.has(t, "Another.")
	if got := agent.post(path+"/merge", "target", "soon"); got.status != http.StatusUnprocessableEntity {
		t.Errorf("a merge into nothing gives %d", got.status)
	}
}

func TestNewConversation(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	agent := h.reader("ada@example.com")
	page := agent.get("/tickets/new")
	box := regexp.MustCompile(`<option value="(\d+)"`).FindStringSubmatch(page.body)[1]
	wrong := agent.post("/tickets", "mailbox", box, "to", "anna", "subject", "Hello", "text", "Kept")
	if wrong.status != http.StatusUnprocessableEntity {
		t.Errorf("a wrong address gives %d", wrong.status)
	}
	wrong.has(t, ">Kept</textarea>", `value="anna"`, `value="Hello"`)
	made := agent.post("/tickets", "mailbox", box, "to", "anna@customer.example", "subject", "Hello", "text", "How are you?", "status", "pending")
	made.has(t, "How are you?", "anna@customer.example", "Pending")
}

func TestSuspendedMail(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	outcome := h.mail("From: Ada Agent <ada@example.com>\nTo: support@example.com\nSubject: Pay this\nMessage-ID: <spoof@evil.example>\n\nAt once.\n")
	if outcome.Disposition != desk.Suspended {
		t.Fatalf("mail in an agent's name is %s", outcome.Disposition)
	}
	agent := h.reader("ada@example.com")
	agent.get("/suspended").has(t, "Pay this", "claims to be one of your agents", "Agent impersonation")
	original := agent.get(fmt.Sprintf("/suspended/%d/original", outcome.Suspended))
	if !strings.Contains(original.body, "At once.") || original.header.Get("Content-Type") != "message/rfc822" {
		t.Errorf("the original is %q", original.header.Get("Content-Type"))
	}
	if got := agent.post(fmt.Sprintf("/suspended/%d", outcome.Suspended), "do", "release"); !strings.HasPrefix(got.path, "/tickets/") {
		t.Errorf("the release leads to %s (%d)", got.path, got.status)
	}
	agent.get("/suspended").has(t, "Nothing is held back.")
}

func TestAdministration(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	owner := h.reader("olga@example.com")
	owner.post("/domains", "name", "Example.com").has(t, "example.com", "DKIM (RSA)", "Waiting for the DNS", "Not checked yet")
	owner.post("/domains/example.com/verify").has(t, "Not found", "looked up just now")
	if got := owner.post("/domains", "name", "not a domain"); got.status != http.StatusUnprocessableEntity {
		t.Errorf("a wrong domain gives %d", got.status)
	}
	owner.post("/mailboxes", "address", "sales@example.com", "name", "Sales").has(t, "sales@example.com")
	owner.post("/mailboxes/remove", "address", "sales@example.com").lacks(t, "sales@example.com")
	added := owner.post("/people", "email", "new@example.com", "name", "New Agent", "role", "agent")
	added.has(t, "New Agent", "signs in once", h.url+"/sign-in/")
	link := regexp.MustCompile(regexp.QuoteMeta(h.url) + `(/sign-in/[\w-]+)`).FindStringSubmatch(added.body)[1]
	fresh := h.reader("")
	if got := fresh.post(link); got.path != "/tickets" {
		t.Errorf("the link leads to %s", got.path)
	}
	fresh.post("/you", "name", "Nina New", "email", "new@example.com", "password", "four plain grey stones").has(t, "Saved.", "Nina New")
	made := fresh.post("/tokens", "name", "script", "scope", "read", "days", "5")
	made.has(t, "pst_", "shown only once")
	fresh.get("/tokens").lacks(t, "pst_")
	revoke := regexp.MustCompile(`/tokens/\d+/revoke`).FindString(made.body)
	fresh.post(revoke).has(t, "Revoked")
	id := regexp.MustCompile(`/people/(\d+)/link`).FindAllStringSubmatch(owner.get("/people").body, -1)
	for _, one := range id {
		if n, _ := strconv.ParseInt(one[1], 10, 64); n != h.owner.User.ID && n != h.agent.User.ID {
			owner.post("/people/"+one[1], "do", "disable").has(t, "Disabled")
		}
	}
	if got := fresh.get("/tickets"); got.path != "/sign-in" {
		t.Errorf("a disabled person is at %s", got.path)
	}
	owner.get("/audit").has(t, "user.add", "olga@example.com", "domain")
	owner.get("/deliveries").has(t, "No deliveries")
	owner.get("/setup").has(t, "A first mail")
}

func TestPagesAreLight(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	n := h.mail(question).Ticket
	for i := range 49 {
		h.mail(fmt.Sprintf("From: anna@customer.example\nTo: support@example.com\nSubject: Re: Charged twice\nIn-Reply-To: <q1@customer.example>\nMessage-ID: <m%d@customer.example>\n\n%s\n", i, strings.Repeat("More about it. ", 60)))
	}
	for i := range 40 {
		h.mail(fmt.Sprintf("From: Somebody Else %d <c%d@customer.example>\nTo: support@example.com\nSubject: A subject of the usual length %d\nMessage-ID: <o%d@customer.example>\n\nSome words for the preview of the list.\n", i, i, i, i))
	}
	page := h.reader("ada@example.com").get(fmt.Sprintf("/tickets/%d", n))
	page.has(t, "Show 40 messages between")
	whole := h.reader("ada@example.com").get(fmt.Sprintf("/tickets/%d?open=lines", n))
	if got := strings.Count(whole.body, `class="card `); got != 50 {
		t.Errorf("%d cards", got)
	}
	if len(page.body) > 60_000 {
		t.Errorf("a ticket of 50 messages beside a full list is %d bytes", len(page.body))
	}
	script, err := staticFS.ReadFile("static/portal.js")
	check(t, err)
	if len(script) > 15_000 {
		t.Errorf("the script is %d bytes", len(script))
	}
}

func TestNewsReachesOpenTabs(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	agent := h.reader("ada@example.com")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.url+"/events", nil)
	check(t, err)
	resp, err := agent.client.Do(req)
	check(t, err)
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "data: ") { // the name of the tab
	}
	n := h.mail(question).Ticket
	for lines.Scan() {
		data, found := strings.CutPrefix(lines.Text(), "data: ")
		if !found || data == "{}" {
			continue
		}
		if want := fmt.Sprintf(`{"t":[%d]}`, n); data != want {
			t.Errorf("the stream says %s, want %s", data, want)
		}
		return
	}
	t.Errorf("the stream ended: %v", lines.Err())
}

func TestSlowTabsAreToldToLookAgain(t *testing.T) {
	t.Parallel()
	h := newHub()
	slow, err := h.join(1)
	check(t, err)
	for range backlog + 5 {
		h.tell(newsOf(store.News{Tickets: []int64{1}}))
	}
	if len(slow.news) != backlog || len(slow.again) != 1 {
		t.Errorf("%d pieces waiting, %d reminders", len(slow.news), len(slow.again))
	}
	for range mostOwn - 1 {
		_, err := h.join(1)
		check(t, err)
	}
	if _, err := h.join(1); asFault(err) == nil {
		t.Error("one person holds every stream")
	}
	if _, err := h.join(2); err != nil {
		t.Errorf("another person: %v", err)
	}
	h.close()
	if _, err := h.join(3); err == nil {
		t.Error("joined after the end")
	}
}

func TestFirstRun(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	// Nobody is there yet, which the database lets nobody bring about.
	h.sql(`alter table "user" disable trigger user_last_owner`)
	h.sql(`update "user" set disabled_at = now()`)
	h.sql(`alter table "user" enable trigger user_last_owner`)
	h.sql(`update mailbox set removed_at = now()`)
	link, err := h.people.MakeFirstOwner(t.Context(), "owner@mail.example.com")
	check(t, err)
	owner := h.reader("")
	steps := owner.post(strings.TrimPrefix(link, h.url))
	if steps.path != "/setup" {
		t.Fatalf("the first owner lands at %s (%d)", steps.path, steps.status)
	}
	steps.has(t, "First steps", "Your name")
	owner.get("/tickets").has(t, "No mail can arrive yet.")
	steps = owner.post("/you", "name", "Olivia", "email", "olivia@example.com", "password", "four plain grey stones", "next", "/setup")
	steps.has(t, "You are <strong>Olivia</strong> and sign in as <strong>olivia@example.com</strong>")
	owner.post("/domains", "name", "example.com").has(t, "DKIM (RSA)")
	steps = owner.post("/mailboxes", "address", "hello@example.com", "name", "Hello", "next", "/setup")
	steps.has(t, "A first mail", "hello@example.com")
	if got := h.reader("").post("/sign-in", "email", "olivia@example.com", "password", "four plain grey stones"); got.path != "/tickets" {
		t.Errorf("the new password leads to %s", got.path)
	}
}

package portal

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"postern/desk"
	"postern/identity"
)

// moves are the tables in which something changes whenever anybody signed in opens a page; all others hold what customers and the desk are told.
var moves = []string{"session", "user", "device", "audit", "audit_pending", "audit_link", "access_entry", "impersonation", "rate_count", "login_failure", "attachment_access"}

// contents is a fingerprint of every table but those.
func (h *house) contents() map[string]string {
	h.t.Helper()
	ctx, pool := h.t.Context(), h.store.Pool()
	var tables []string
	check(h.t, pool.QueryRow(ctx, `select array(select tablename::text from pg_tables where schemaname = 'public' and not tablename = any($1) and tablename not like 'river%' order by 1)`, moves).Scan(&tables))
	prints := map[string]string{}
	for _, table := range tables {
		var print string
		check(h.t, pool.QueryRow(ctx, `select coalesce(md5(string_agg(x::text, '|' order by x::text)), '') from "`+table+`" x`).Scan(&print))
		prints[table] = print
	}
	return prints
}

// TestImpersonationByForms: an owner gives a reason and sees what the customer sees, byte for byte, with a banner on every page; nothing can be changed so by any form, nothing changes by looking, everything stands in
// the logs under both, and the button ends it.
func TestImpersonationByForms(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx := t.Context()
	outcome := h.mail(letterOf("Anna Rossi <anna@customer.example>", "A lamp arrived broken", "g1",
		"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/html; charset=utf-8\n\n"+galleryHTML+"\n--b\nContent-Type: application/pdf; name=\"invoice.pdf\"\nContent-Disposition: attachment; filename=\"invoice.pdf\"\nContent-Transfer-Encoding: base64\n\nJVBERi0xLjQKJSBubyByZWFsIGZpbGUK\n--b--\n"))
	number := outcome.Ticket
	_, err := h.tickets.Reply(ctx, h.agent, desk.ReplyRequest{Ticket: number, Text: "Which lamp was it?"})
	check(t, err)
	_, err = h.tickets.Note(ctx, h.agent, number, "a secret note", nil)
	check(t, err)
	h.sql(`update message set send_at = now() - interval '1 minute' where kind = 'reply'`)
	h.mail(letterOf("Bert <bert@customer.example>", "Berts own", "b1", "\nHello.\n"))
	h.form(desk.FormProofMail)
	_, err = h.people.AddUser(ctx, desk.System("cli"), identity.NewUser{Email: "berta@example.com", Name: "Berta Admin", Role: desk.RoleAdmin, Password: password})
	check(t, err)
	anna, olga, ada, berta := h.visitor("anna@customer.example"), h.reader("olga@example.com"), h.reader("ada@example.com"), h.reader("berta@example.com")

	// Who may not is not offered it, and does not get it.
	page := fmt.Sprintf("/tickets/%d", number)
	mine := fmt.Sprintf("/my/tickets/%d", number)
	for name, r := range map[string]*reader{"an agent": ada, "an admin": berta} {
		r.get(page).lacks(t, "/impersonate")
		if got := r.post("/impersonate", "customer", "anna@customer.example", "reason", "she asked for help"); got.status != http.StatusForbidden {
			t.Errorf("%s looks as a customer: %d", name, got.status)
		}
	}
	if got := olga.get("/my"); got.path != "/my/sign-in" {
		t.Errorf("before that, an owner is at %s", got.path)
	}
	olga.get(page).has(t, `/impersonate?customer=anna%40customer.example`)
	olga.get("/impersonate?customer=anna@customer.example").has(t, `value="anna@customer.example"`, "The customer is not told.")
	olga.post("/impersonate", "customer", "anna@customer.example", "reason", "").has(t, "Say why", `value="anna@customer.example"`)
	olga.post("/impersonate", "customer", "ada@example.com", "reason", "she asked for help").has(t, "customers only")
	h.sql(`update session set proved_at = now() - interval '1 hour' where user_id = $1`, h.owner.User.ID)
	olga.post("/impersonate", "customer", "anna@customer.example", "reason", "she asked for help").has(t, "Is it still you?")
	if got := olga.post("/impersonate", "customer", "Anna@customer.example", "reason", "she asked for help", "proof_password", password); got.path != "/my" {
		t.Fatalf("with a proof and a reason: %d at %s\n%s", got.status, got.path, got.body)
	}

	// Each of them is noted once, however often they asked.
	for range 3 {
		ada.get("/impersonate")
	}
	log, err := h.store.AuditLog(ctx, desk.AuditQuery{Action: "user.refused", Limit: 100})
	check(t, err)
	noted := map[string]int{}
	for _, entry := range log.Items {
		noted[entry.Actor+" "+string(entry.Outcome)+" "+string(entry.Detail)]++
	}
	for _, want := range []string{
		`ada@example.com refused {"right":"customers:act-for","role":"agent","way":"GET /impersonate"}`, `ada@example.com refused {"right":"customers:act-for","role":"agent","way":"POST /impersonate"}`,
		`berta@example.com refused {"right":"customers:act-for","role":"admin","way":"POST /impersonate"}`,
	} {
		if noted[want] != 1 {
			t.Errorf("%q is noted %d times: %v", want, noted[want], noted)
		}
	}

	// Every page says so; all that the customer sees is there, and nothing else.
	before := h.contents()
	banner := []string{"olga@example.com", "sees the pages for customers as", "anna@customer.example", `action="/impersonate/end"`}
	list := olga.get("/my")
	list.has(t, append(banner, "A lamp arrived broken")...)
	list.lacks(t, "Berts own", "/my/sign-out", `action="/sign-out"`)
	ticket := olga.get(mine)
	ticket.has(t, banner...)
	messages := regexp.MustCompile(`(?s)<div class="customer-messages">.*?</div>\s*<form`)
	if theirs, ours := messages.FindString(anna.get(mine).body), messages.FindString(ticket.body); theirs == "" || theirs != ours {
		t.Errorf("Anna sees\n%s\nand Olga in her place\n%s", theirs, ours)
	}
	ticket.has(t, `<button class="button primary" disabled>`)
	ticket.lacks(t, "a secret note", "Ada Agent")
	for _, path := range []string{"/tickets", page, "/people", "/security", "/you/security"} {
		olga.get(path).has(t, banner...)
	}
	olga.get(page).has(t, "a secret note") // at the desk she is who she is
	body, file := fmt.Sprintf("/my/messages/%d/body", outcome.Message), regexp.MustCompile(`/my/files/\d+`).FindString(ticket.body)
	for _, path := range []string{body, file} {
		if ours, theirs := olga.get(path), anna.get(path); ours.status != http.StatusOK || ours.body != theirs.body {
			t.Errorf("%s: %d, and the customer gets %d", path, ours.status, theirs.status)
		}
	}
	berts := fmt.Sprintf("/my/tickets/%d", number+1)
	if got := olga.get(berts); got.status != http.StatusNotFound {
		t.Errorf("in Anna's place Olga sees Bert's: %d", got.status)
	}

	// Nothing can be changed so, by no form that customers have.
	stamp := hidden(t, anna.get(mine).body, "stamp")
	for path, fields := range map[string]map[string]string{
		mine + "/answer": {"text": "I am Anna", "stamp": stamp}, mine + "/solve": {}, mine + "/reopen": {}, mine + "/rate": {"rating": "good"},
		"/form/support": {"name": "Anna", "address": "anna@customer.example", "subject": "I am Anna", "text": "I am Anna", "stamp": h.older(hidden(t, olga.get("/form/support").body, "stamp"))},
	} {
		pairs := []string{}
		for name, value := range fields {
			pairs = append(pairs, name, value)
		}
		if got := olga.send(path, fields, nil); got.status != http.StatusForbidden {
			t.Errorf("POST %s in a customer's place: %d\n%s", path, got.status, got.body)
		}
		if got := olga.post(path, pairs...); got.status != http.StatusForbidden && got.status != http.StatusBadRequest {
			t.Errorf("POST %s in a customer's place, as a plain form: %d", path, got.status)
		}
	}
	for table, print := range h.contents() {
		if before[table] != print {
			t.Errorf("looking changed the table %s", table)
		}
	}

	olga.post("/impersonate/end").has(t, "as yourself again")
	if got := olga.get("/my"); got.path != "/my/sign-in" {
		t.Errorf("ended, Olga is at %s", got.path)
	}
	olga.get("/tickets").lacks(t, "sees the pages for customers as")
	olga.get("/audit?action=impersonation.").has(t, "Began to look in a customer&#39;s place", "she asked for help", "as anna@customer.example")

	var opened int
	check(t, h.store.Pool().QueryRow(ctx, `select count(*) from attachment_access where user_id = $1`, h.owner.User.ID).Scan(&opened))
	if opened != 1 {
		t.Errorf("the owner opened %d files", opened)
	}

	// What was read stands in the log of readings under both, though it is off.
	h.readAs(t, "anna@customer.example", "customer", fmt.Sprintf("ticket/%d", number), fmt.Sprintf("message/%d", outcome.Message))
	olga.get("/audit/readings").has(t, "as anna@customer.example")
	if got := olga.post("/audit/readings/export"); !strings.Contains(got.body, "on_behalf_of") || !strings.Contains(got.body, "anna@customer.example") {
		t.Errorf("the table of readings: %d\n%s", got.status, got.body)
	}
	// An auditor, from whom customers are hidden, reads that it was done and by whom, in both logs, and not as whom or why.
	_, err = h.people.AddUser(ctx, desk.System("cli"), identity.NewUser{Email: "audrey@example.com", Name: "Audrey", Role: desk.RoleAuditor, Password: password})
	check(t, err)
	audrey := h.reader("audrey@example.com")
	for _, got := range []answer{audrey.get("/audit/readings"), audrey.get("/audit?action=impersonation."), audrey.post("/audit/readings/export"), audrey.post("/audit/export", "format", "csv", "action", "impersonation.")} {
		got.has(t, "olga@example.com")
		got.lacks(t, "anna@customer", "she asked for help")
	}
}

// readAs waits until the log of readings says that the owner read these in the place of a customer.
func (h *house) readAs(t *testing.T, address string, subjects ...string) {
	t.Helper()
	check(t, h.audit.FlushReadings(t.Context()))
	page, err := h.store.AccessLog(t.Context(), desk.AccessQuery{Limit: 100})
	check(t, err)
	for _, want := range subjects {
		found := false
		for _, one := range page.Items {
			found = found || one.Subject == want && one.OnBehalf == address && one.UserID == h.owner.User.ID
		}
		if !found {
			text, _ := json.Marshal(page.Items)
			t.Errorf("nobody read %s as %s: %s", want, address, text)
		}
	}
}

// What somebody looks at in a customer's place ends at once with what let them: their right, their role, their place, the session, and after half an hour.
func TestImpersonationEndsAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.annas()
	olga := h.reader("olga@example.com")
	begin := func() {
		t.Helper()
		if got := olga.post("/impersonate", "customer", "anna@customer.example", "reason", "she asked for help"); got.path != "/my" {
			t.Fatalf("%d at %s", got.status, got.path)
		}
		if got := olga.get("/my"); got.path != "/my" {
			t.Fatalf("Olga is at %s", got.path)
		}
	}
	out := func(why string) {
		t.Helper()
		if got := olga.get("/my"); got.path == "/my" && got.status == http.StatusOK {
			t.Errorf("%s: Olga still looks", why)
		}
	}
	_, err := h.people.AddUser(t.Context(), desk.System("cli"), identity.NewUser{Email: "otto@example.com", Name: "Otto", Role: desk.RoleOwner})
	check(t, err)
	begin()
	h.sql(`update "user" set role = 'admin' where email = 'olga@example.com'`)
	out("with a role that may not")
	h.sql(`update "user" set role = 'owner' where email = 'olga@example.com'`)
	h.settle(true, true, "all 192.0.2.0/24", "all 127.0.0.0/8")
	olga.from = "192.0.2.7"
	if got := olga.get("/my"); got.path != "/my" {
		t.Errorf("from where staff may come: %s", got.path)
	}
	olga.from = "203.0.113.5"
	out("from outside of the allowed addresses, where customers may come from")
	olga.from = ""
	h.settle(false, true)
	h.sql(`update impersonation set begun_at = now() - interval '31 minutes', ends_at = now() - interval '1 minute'`)
	out("after half an hour")
	begin()
	if got := olga.post("/sign-out"); got.status != http.StatusOK {
		t.Errorf("signing out: %d", got.status)
	}
	out("signed out")
	check(t, h.people.EndDelegations(t.Context()))
	var open int
	check(t, h.store.Pool().QueryRow(t.Context(), `select count(*) from impersonation where ended_at is null`).Scan(&open))
	if open != 0 {
		t.Errorf("%d are open", open)
	}
}

// Owners let a guest in by the form, who gets in by the link once a second factor is set up, and end them; everybody else is refused, also by hand-made requests.
func TestGuestsByForms(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	_, err := h.people.AddUser(t.Context(), desk.System("cli"), identity.NewUser{Email: "berta@example.com", Name: "Berta Admin", Role: desk.RoleAdmin, Password: password})
	check(t, err)
	olga, ada, berta := h.reader("olga@example.com"), h.reader("ada@example.com"), h.reader("berta@example.com")
	form := []string{"do", "add", "email", "hans@vendor.test", "name", "Hans Helper", "role", "agent", "hours", "2", "reason", "looks at slow reports"}
	for name, r := range map[string]*reader{"an agent": ada, "an admin": berta} {
		if show, add := r.get("/security/guests"), r.post("/security/guests", form...); show.status != http.StatusForbidden || add.status != http.StatusForbidden {
			t.Errorf("%s: %d, %d", name, show.status, add.status)
		}
	}
	olga.get("/security").has(t, "/security/guests", "/security/sight")
	olga.get("/security/guests").has(t, "Guests are switched off.")
	olga.post("/security/guests", form...).has(t, "switched off")
	berta.post("/security/sight", "support_access.on", "on").lacks(t, `name="support_access.on" checked`)
	olga.post("/security/sight", "support_access.on", "on").has(t, "Saved.")
	shown := olga.get("/security/guests")
	shown.has(t, `value="light_agent" selected`, `value="agent"`)
	shown.lacks(t, `value="admin"`, `value="owner"`, `value="customer"`)
	olga.post("/security/guests", "do", "add", "email", "hans@vendor.test", "role", "admin", "hours", "2", "reason", "looks at slow reports").has(t, "never has the right", `value="hans@vendor.test"`)
	olga.post("/security/guests", "do", "add", "email", "hans@vendor.test", "role", "agent", "hours", "two", "reason", "looks at slow reports").has(t, "whole hours", `value="two"`)
	made := olga.post("/security/guests", form...)
	made.has(t, "Hans Helper", "let in by olga@example.com", "has not come in yet")
	link := regexp.MustCompile(`/sign-in/[\w-]{20,}`).FindString(made.body)
	hans := h.reader("")
	if got := hans.post(link); got.path != "/sign-in/enrol" {
		t.Errorf("the link leads to %d at %s", got.status, got.path)
	}
	if got := hans.get("/tickets"); got.path != "/sign-in/enrol" {
		t.Errorf("without a second factor a guest is at %s", got.path)
	}
	olga.get("/security/guests").lacks(t, link, "has not come in yet")
	guest := regexp.MustCompile(`name="guest" value="(\d+)"`).FindStringSubmatch(made.body)[1]
	olga.post("/security/guests", "do", "end", "guest", guest).has(t, "was taken away", "Nobody.", "ended by olga@example.com")
	if got := olga.post("/security/guests", "do", "end", "guest", guest); got.status != http.StatusNotFound {
		t.Errorf("ended twice: %d", got.status)
	}
	if got := hans.get("/tickets"); got.path != "/sign-in" {
		t.Errorf("an ended guest is at %s", got.path)
	}
	if got := olga.post(fmt.Sprintf("/people/%s", h.idOf("hans@vendor.test")), "do", "enable"); !strings.Contains(got.body, "time of this guest is over") {
		t.Errorf("an ended guest is enabled: %d\n%s", got.status, got.body)
	}
	for about, n := range map[desk.LetterKind]int{desk.LetterGuestComes: 1, desk.LetterGuestGone: 1} {
		if letters := h.lettersAbout(about); len(letters) != n || letters[0].Email != "olga@example.com" || letters[0].Facts["email"] != "hans@vendor.test" {
			t.Errorf("%s: %+v", about, letters)
		}
	}
}

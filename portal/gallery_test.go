package portal

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"postern/desk"
	"postern/identity"
)

// gallery is a desk with something on every page: what the accessibility test and the screenshots look at.
type gallery struct {
	*house
	names map[string]string // what stands in braces in a place, by its name
}

// place is one page to look at.
type place struct {
	path string // with names of the gallery in braces
	who  string // owner, agent, customer, standing-in, stale, choosing, or empty for nobody
}

// places says for each page of the map where it is looked at. A new route needs a line here, or one in noPages.
var places = map[string][]place{
	"GET /":                         {{"/no/such/page", "agent"}, {"/no/such/page", ""}},
	"GET /sign-in":                  {{"/sign-in", ""}},
	"GET /sign-in/reset":            {{"/sign-in/reset", ""}},
	"GET /sign-in/reset/{token}":    {{"/sign-in/reset/{reset}", ""}, {"/sign-in/reset/worthless", ""}},
	"GET /sign-in/password":         {{"/sign-in/password", "choosing"}},
	"GET /security/passwords":       {{"/security/passwords", "owner"}},
	"GET /you/password":             {{"/you/password", "agent"}},
	"GET /people/{id}/password":     {{"/people/{person}/password", "owner"}},
	"GET /sign-in/{token}":          {{"{link}", ""}},
	"GET /tickets":                  {{"/tickets", "agent"}, {"/tickets?q=charged", "agent"}, {"/tickets?q=before:never", "agent"}, {"/tickets?view=hold", "agent"}, {"/tickets?view=all&filters=open&status=new,open&tag=nothing-has-this-tag&q=help", "agent"}, {"/tickets?bulk={bulk}", "agent"}, {"/tickets?view={view}", "agent"}},
	"GET /tickets/new":              {{"/tickets/new", "agent"}},
	"GET /tickets/{number}":         {{"/tickets/{ticket}", "agent"}, {"/tickets/{ticket}?tab=note", "agent"}, {"/tickets/{ticket}?tab=forward", "agent"}, {"/tickets/{ticket}?sent={reply}", "agent"}, {"/tickets/{html}", "agent"}, {"/tickets/{stranger}", "agent"}, {"/tickets/{long}?open=all", "agent"}, {"/tickets/999999", "agent"}},
	"GET /messages/{id}":            {{"/messages/{message}", "agent"}},
	"GET /messages/{id}/deliveries": {{"/messages/{reply}/deliveries", "agent"}},
	"GET /views":                    {{"/views", "agent"}},
	"GET /views/new":                {{"/views/new?view=all&tag=billing&q=charged", "owner"}},
	"GET /views/{id}":               {{"/views/{view}", "agent"}},
	"GET /suspended":                {{"/suspended", "agent"}, {"/suspended?q=nothing", "agent"}},
	"GET /suspended/{id}":           {{"/suspended/{suspended}", "agent"}},
	"GET /senders":                  {{"/senders", "owner"}},
	"GET /suppressions":             {{"/suppressions", "agent"}},
	"GET /deliveries":               {{"/deliveries", "owner"}},
	"GET /destinations":             {{"/destinations", "owner"}},
	"GET /audit":                    {{"/audit", "owner"}},
	"GET /domains":                  {{"/domains", "owner"}},
	"GET /domains/{name}":           {{"/domains/example.com", "owner"}},
	"GET /mailboxes":                {{"/mailboxes", "owner"}},
	"GET /people":                   {{"/people", "owner"}},
	"GET /roles":                    {{"/roles", "owner"}},
	"GET /roles/new":                {{"/roles/new?from=agent", "owner"}},
	"GET /role/{name}":              {{"/role/auditor", "owner"}, {"/role/Second%20line%20notes", "owner"}},
	"GET /settings/mail":            {{"/settings/mail", "owner"}},
	"GET /teams":                    {{"/teams", "owner"}},
	"GET /teams/new":                {{"/teams/new", "owner"}},
	"GET /teams/{id}":               {{"/teams/{team}", "owner"}},
	"GET /tags":                     {{"/tags", "owner"}, {"/tags?q=nothing", "owner"}},
	"GET /fields":                   {{"/fields", "owner"}},
	"GET /targets":                  {{"/targets", "owner"}},
	"GET /hours/new":                {{"/hours/new", "owner"}},
	"GET /hours/{id}":               {{"/hours/{hours}", "owner"}},
	"GET /automations":              {{"/automations", "owner"}},
	"GET /automations/new":          {{"/automations/new", "owner"}},
	"GET /automations/{id}":         {{"/automations/{rule}", "owner"}},
	"GET /automations/{id}/runs":    {{"/automations/{rule}/runs", "owner"}},
	"GET /automations/{id}/test":    {{"/automations/{rule}/test", "owner"}, {"/automations/{rule}/test?days=30", "owner"}, {"/automations/{rule}/test?ticket={html}", "owner"}, {"/automations/{rule}/test?ticket=999999", "owner"}},
	"GET /canned":                   {{"/canned", "owner"}, {"/canned?q=nothing", "agent"}},
	"GET /canned/new":               {{"/canned/new", "agent"}},
	"GET /canned/{id}":              {{"/canned/{canned}?ticket={html}", "owner"}},
	"GET /macros":                   {{"/macros", "owner"}},
	"GET /macros/new":               {{"/macros/new", "agent"}},
	"GET /macros/{id}":              {{"/macros/{macro}", "owner"}},
	"GET /setup":                    {{"/setup", "owner"}},
	"GET /reports":                  {{"/reports", "owner"}, {"/reports", "agent"}},
	"GET /system":                   {{"/system", "owner"}},
	"GET /certificates":             {{"/certificates", "owner"}},
	"GET /tickets/{number}/canned":  {{"/tickets/{ticket}/canned", "agent"}},
	"GET /you/writing":              {{"/you/writing", "agent"}},
	"GET /you":                      {{"/you", "agent"}},
	"GET /customers":                {{"/customers", "owner"}},
	"GET /t/{token}":                {{"/t/{visit}", ""}, {"/t/broken", ""}},
	"GET /my/sign-in":               {{"/my/sign-in", ""}},
	"GET /my/code":                  {{"/my/code", ""}, {"/my/code", "asking"}},
	"GET /my/link/{token}":          {{"{visit-link}", ""}},
	"GET /my":                       {{"/my", "customer"}},
	"GET /my/tickets/{number}":      {{"/my/tickets/{ticket}", "customer"}, {"/my/tickets/{html}", "customer"}, {"/my/tickets/{solved}", "customer"}, {"/my/tickets/{ticket}", "standing-in"}},
	"GET /rate/{token}":             {{"/rate/{rating}", ""}, {"/rate/{rating-open}", ""}},
	"GET /form/{slug}":              {{"/form/support", ""}, {"/form/nowhere", ""}},
	"GET /form/{slug}/sent":         {{"/form/support/sent", ""}},
	"GET /notifications":            {{"/notifications", "agent"}, {"/notifications", "owner"}},
	"GET /you/notifications":        {{"/you/notifications", "agent"}},
	"GET /messages/{id}/source":     {{"/messages/{message}/source", "agent"}},
	"GET /tokens":                   {{"/tokens", "agent"}},
	"GET /tokens/new":               {{"/tokens/new", "agent"}, {"/tokens/new?for=backup-script@service.invalid", "owner"}},
	"GET /apps":                     {{"/apps", "agent"}},
	"GET /oauth/authorize":          {{"/oauth/authorize?{authorize}", "agent"}, {"/oauth/authorize?client_id=nobody", "agent"}},
	"GET /security/clients":         {{"/security/clients", "owner"}},
	"GET /security/clients/new":     {{"/security/clients/new", "owner"}},
	"GET /security/clients/{id}":    {{"/security/clients/{client}", "owner"}},
	"GET /security/api":             {{"/security/api", "owner"}},
	"GET /security/services":        {{"/security/services", "owner"}},
	"GET /impersonate":              {{"/impersonate?customer=anna@customer.example", "owner"}},
	"GET /security/guests":          {{"/security/guests", "owner"}},
	"GET /security/sight":           {{"/security/sight", "owner"}, {"/security/sight", "standing-in"}},
	"GET /security":                 {{"/security", "owner"}},
	"GET /security/alerts":          {{"/security/alerts?all=yes", "owner"}},
	"GET /security/alerts/settings": {{"/security/alerts/settings", "owner"}},
	"GET /audit/readings":           {{"/audit/readings", "owner"}},
	"GET /audit/sinks":              {{"/audit/sinks", "owner"}},
	"GET /audit/settings":           {{"/audit/settings", "owner"}},
	"GET /security/sessions":        {{"/security/sessions", "owner"}},
	"GET /security/addresses":       {{"/security/addresses", "owner"}},
	"GET /security/saml/new":        {{"/security/saml/new", "owner"}},
	"GET /security/saml/{id}":       {{"/security/saml/{saml}", "owner"}},
	"GET /you/devices":              {{"/you/devices", "agent"}},
	"GET /people/{id}/devices":      {{"/people/{agent}/devices", "owner"}},
	"GET /was-it-you/{token}":       {{"{alarm}", ""}, {"/was-it-you/broken", ""}},
	"GET /you/security":             {{"/you/security", "agent"}},
	"GET /security/ownership":       {{"/security/ownership", "owner"}},
	"GET /you/ownership":            {{"/you/ownership", "agent"}},
	"GET /security/factors":         {{"/security/factors", "owner"}},
	"GET /security/factors/{id}":    {{"/security/factors/{ada}", "owner"}},
	"GET /you/security/factors":     {{"/you/security/factors", "agent"}, {"/you/security/factors", "customer-with-account"}, {"/you/security/factors", "moving"}},
	"GET /sign-in/factor":           {{"/sign-in/factor", "waiting"}, {"/sign-in/factor", "unknown"}},
	"GET /sign-in/enrol":            {{"/sign-in/enrol", "enrolling"}},
	"GET /confirm":                  {{"/confirm?next=/security/sessions", "stale"}},

	"GET /security/sign-in":                   {{"/security/sign-in", "owner"}},
	"GET /security/sign-in/new":               {{"/security/sign-in/new?kind=oidc", "owner"}, {"/security/sign-in/new?kind=jwt", "owner"}, {"/security/sign-in/new?kind=microsoft", "owner"}},
	"GET /security/sign-in/{id}":              {{"/security/sign-in/{provider}", "owner"}, {"/security/sign-in/{jwt-provider}", "owner"}},
	"GET /security/sign-in/{id}/provisioning": {{"/security/sign-in/{provider}/provisioning", "owner"}},
	"GET /you/accounts":                       {{"/you/accounts", "agent"}, {"/you/accounts", "owner"}},
	"GET /access/oidc/{id}/callback":          {{"/access/oidc/{provider}/callback?state=none&code=none", ""}},
	"GET /access/jwt":                         {{"/access/jwt?jwt=none", ""}},
	"GET /access/bypass":                      {{"/access/bypass", ""}},
	"GET /access/bypass/{token}":              {{"{bypass}", ""}},
	"GET /access/claim/{token}":               {{"/access/claim/none", ""}},

	"GET /access/saml/{id}/done/{handle}": {{"{saml-done}", ""}},
}

// noPages are the routes that answer with something else than a page, and what.
var noPages = map[string]string{
	"GET /{$}":                        "leads on",
	"GET /access/start/{id}":          "leads to a provider",
	"GET /access/jwt/{id}":            "the same as without a number",
	"GET /tickets/{number}/news":      "a bar on a ticket's page",
	"GET /messages/{id}/sent":         "a bar about a mail on its way",
	"GET /suggest/canned":             "a menu under a field",
	"GET /suggest/people":             "a menu under a field",
	"GET /suggest/colleagues":         "a menu under a field",
	"GET /messages/{id}/body":         "the frame of a mail, tested by hostile mail",
	"GET /messages/{id}/cid/{cid...}": "a picture",
	"GET /messages/{id}/original":     "a file",
	"GET /attachments/{id}":           "a file",
	"GET /my/messages/{id}/body":      "the frame of a mail, as at the desk",
	"GET /my/files/{id}":              "a file",
	"GET /reports.csv":                "a file",
	"GET /security/factors.csv":       "a file",
	"GET /events":                     "a stream",
	"GET /notifications/new":          "toasts and the bell, parts of a page",
	"GET /here":                       "who else is on a ticket, a part of its page",
	"GET /rail":                       "a part of every page",
	"GET /tags/names":                 "a part of the panel of a ticket",
	"GET /suspended/{id}/original":    "a file",
	"GET /access/saml/{id}/metadata":  "a file for SAML providers",

	"GET /access/saml/{id}/logout": "leads on",
}

// TestEveryPageIsLookedAt keeps the gallery whole.
func TestEveryPageIsLookedAt(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, one := range routes {
		known[one.pattern] = true
		if !strings.HasPrefix(one.pattern, "GET ") {
			continue
		}
		if _, other := noPages[one.pattern]; !other && len(places[one.pattern]) == 0 {
			t.Errorf("nobody looks at %s: give it a place in the gallery", one.pattern)
		}
	}
	for pattern := range places {
		if !known[pattern] {
			t.Errorf("the gallery knows %s, and the map does not", pattern)
		}
	}
}

// newGallery hangs the pictures: long names and subjects, HTML, files, strangers, automatic mail, answers on their way, mail held back, reports.
func newGallery(t *testing.T) *gallery {
	t.Helper()
	g := &gallery{house: newHouseAt(t, "localhost"), names: map[string]string{}}
	g.names["ada"] = g.idOf("ada@example.com")
	g.conversations()
	g.desk()
	g.customers() // solves a ticket, before a field is required for that
	g.service()
	g.lists()
	g.rules()
	g.signon()
	g.saml()
	g.access()
	g.guests()
	g.sql(`insert into ownership_offer (from_user, to_user, becomes, created_at, expires_at) values ($1, $2, 'admin', now() - interval '1 day', now() + interval '6 days')`, g.owner.User.ID, g.agent.User.ID)
	return g
}

// name keeps a number under a name.
func (g *gallery) name(name string, number int64) { g.names[name] = fmt.Sprint(number) }

// at is where a place is, with the names filled in.
func (g *gallery) at(p place) string {
	path := p.path
	for name, value := range g.names {
		path = strings.ReplaceAll(path, "{"+name+"}", value)
	}
	if strings.HasPrefix(path, "http") {
		return path
	}
	return g.url + path
}

// letter is a mail of the gallery.
func letterOf(from, subject, id, rest string) string {
	return fmt.Sprintf("From: %s\nTo: Example Support <support@example.com>\nSubject: %s\nDate: Mon, 02 Nov 2026 09:00:00 +0100\nMessage-ID: <%s@customer.example>\n%s", from, subject, id, rest)
}

const galleryHTML = `<table style="border-collapse:collapse"><tr><th>Item</th><th>Price</th></tr><tr><td>Lamp, brass</td><td>49,00 €</td></tr></table>
<p>Please look at <a href="https://shop.example/orders/1">my order</a>.</p><img src="https://tracker.example/p.gif" width="1" height="1" alt="">`

// conversations are the tickets.
func (g *gallery) conversations() {
	t := g.t
	ctx := t.Context()
	g.name("ticket", g.mail(question).Ticket)
	agent := g.agent
	number := g.number("ticket")
	answer, err := g.tickets.Reply(ctx, agent, desk.ReplyRequest{Ticket: number, Text: "Hello Anna,\n\nwe look into it: https://status.example.com/incidents/2026-11.\n\nAda"})
	check(t, err)
	g.name("reply", answer.ID)
	g.sql(`update delivery set state = 'deferred', attempts = 3, host = 'mx.customer.example', reply = '451 4.7.1 Greylisted, please try again later', next_at = now() + interval '12 minutes' where message_id = $1`, answer.ID)
	_, err = g.tickets.Note(ctx, agent, number, "The bank says that the second charge is only a reservation. Wait until Friday.", nil)
	check(t, err)
	high := desk.PriorityUrgent
	_, err = g.tickets.Update(ctx, agent, number, desk.TicketChange{Priority: &high, Assignee: &agent.User.ID, AddTags: []string{"billing", "double-charge"}})
	check(t, err)
	for _, owner := range []int64{0, agent.User.ID} { // Ada is told of something
		_, err = g.tickets.Update(ctx, g.owner, number, desk.TicketChange{Assignee: &owner})
		check(t, err)
	}
	g.react()
	html := g.mail(letterOf("Bartholomäus von Hohenzollern-Sigmaringen <bartholomaeus@customer.example>", "A lamp arrived broken, and the invoice names an address where I have not lived since the spring of last year", "g1",
		"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/html; charset=utf-8\n\n"+galleryHTML+"\n--b\nContent-Type: application/pdf; name=\"invoice-2026-11-02-with-a-very-long-name-that-does-not-break.pdf\"\nContent-Disposition: attachment; filename=\"invoice-2026-11-02-with-a-very-long-name-that-does-not-break.pdf\"\nContent-Transfer-Encoding: base64\n\nJVBERi0xLjQKJSBubyByZWFsIGZpbGUK\n--b--\n"))
	g.name("html", html.Ticket)
	g.name("message", html.Message)
	g.name("stranger", g.stranger())
	long := g.mail(letterOf("Mei Lin <mei@customer.example>", "Where is my parcel?", "l0", "\nIt should have come on Monday.\n"))
	for i := range 24 {
		g.mail(letterOf("Mei Lin <mei@customer.example>", "Re: Where is my parcel?", fmt.Sprintf("l%d", i+1), fmt.Sprintf("In-Reply-To: <l%d@customer.example>\n\nDay %d, still nothing.\n\n> It should have come on Monday.\n", i, i+1)))
	}
	g.name("long", long.Ticket)
	g.mail(letterOf("mailer@robots.example", "Out of office: back on Monday", "auto", "Auto-Submitted: auto-replied\n\nI am away.\n"))
	for i := range 9 {
		g.mail(letterOf(fmt.Sprintf("Person %d <p%d@customer.example>", i, i), fmt.Sprintf("Question number %d about my order", i), fmt.Sprintf("f%d", i), "\nCan you help me?\n"))
	}
}

// lists are views that people keep, a team, targets, and what was just done to several conversations at once.
func (g *gallery) lists() {
	t, ctx := g.t, g.t.Context()
	g.sql(`insert into team (name) values ('Refunds and complaints')`)
	g.sql(`insert into team_member select id, $1 from team where name = 'Refunds and complaints'`, g.agent.User.ID)
	g.sql(`update ticket set team_id = (select id from team where name = 'Refunds and complaints'), answer_due_at = now() + interval '40 minutes' where id = $1`, g.number("html"))
	g.sql(`update ticket set answer_due_at = now() - interval '3 hours' where id = $1`, g.number("stranger"))
	view, err := g.tickets.AddView(ctx, g.agent, desk.View{Name: "Invoices of the whole year that nobody wants", Audience: desk.AudienceMe, Filter: desk.ListFilter{Text: "invoice", Assignee: desk.AssigneeNone}})
	check(t, err)
	g.name("view", view.ID)
	_, err = g.tickets.AddView(ctx, g.owner, desk.View{Name: "Urgent", Audience: desk.AudienceAll, Filter: desk.ListFilter{Priorities: []desk.Priority{desk.PriorityHigh, desk.PriorityUrgent}}})
	check(t, err)
	first := g.mail(letterOf("Person 20 <p20@customer.example>", "Twice the same question", "m1", "\nCan you help me?\n")).Ticket
	again := g.mail(letterOf("Person 20 <p20@customer.example>", "Twice the same question", "m2", "\nCan you help me?\n")).Ticket
	check(t, g.tickets.Merge(ctx, g.agent, again, first))
	high := desk.PriorityHigh
	bulk, err := g.tickets.Bulk(ctx, g.agent, desk.Bulk{Tickets: []int64{first, again}, Change: desk.TicketChange{Priority: &high}})
	check(t, err)
	g.name("bulk", bulk.ID)
}

// number is the number under a name.
func (g *gallery) number(name string) int64 {
	var n int64
	_, err := fmt.Sscan(g.names[name], &n)
	check(g.t, err)
	return n
}

// stranger is a ticket that somebody joined who was not on it, with an unverified mail.
func (g *gallery) stranger() int64 {
	n := g.mail(letterOf("Olu Adeyemi <olu@customer.example>", "Password for the shop", "s1", "\nI cannot sign in.\n")).Ticket
	g.mail(letterOf("Somebody Else <else@elsewhere.example>", "Re: Password for the shop", "s2", "In-Reply-To: <s1@customer.example>\nReply-To: other@third.example\n\nMe too!\n"))
	return n
}

// desk is what stands around the tickets.
func (g *gallery) desk() {
	t := g.t
	ctx := t.Context()
	g.rule("spam.example", desk.RuleSuspend)
	g.hold("One <one@spam.example>", "Cheap lamps, today only, for you and everybody whom you know")
	held := g.hold("two@spam.example", "Your account will be closed")
	g.judged(held, desk.CauseSpam, "The spam filter scored it 9.1", proved, desk.Opinion{Score: 9.1, Required: 15, Action: "add header", Symbols: []desk.Symbol{{Name: "BAYES_SPAM", Score: 5.1}}})
	g.name("suspended", held)
	_, _, err := g.domains.Add(ctx, g.owner, "example.com")
	check(t, err)
	_, _, err = g.domains.Verify(ctx, g.owner, "example.com")
	check(t, err)
	_, err = g.people.AddRole(ctx, g.owner, desk.CustomRole{Name: "Second line notes", Says: "Reads along and helps by notes", Rights: []desk.Right{desk.MayRead, desk.MayNote}, Sight: desk.SightAssigned, Masks: []desk.Mask{desk.MaskEmail}})
	check(t, err)
	g.reported("Receiver Inc")
	_, err = g.tickets.Suppress(ctx, g.agent, "gone@customer.example", "asked us to stop")
	check(t, err)
	_, err = g.people.AddUser(ctx, g.owner, identity.NewUser{Email: "wolfgang.amadeus.theophilus.mozart@example.com", Name: "Wolfgang Amadeus Theophilus Mozart", Role: desk.RoleAgent})
	check(t, err)
	g.name("person", g.agent.User.ID)
	g.names["reset"] = "a-link-of-the-gallery"
	g.sql(`insert into password_reset (account, place, user_id, token_hash, created_at, expires_at) values ('ada@example.com', '192.0.2.1', $1, sha256('a-link-of-the-gallery'), now(), now() + interval '20 minutes')`, g.agent.User.ID)
	link, err := g.people.LoginLink(ctx, g.owner, "ada@example.com")
	check(t, err)
	g.names["link"] = link
	g.names["agent"] = fmt.Sprint(g.agent.User.ID)
	for range 2 { // two browsers, the second of which is told of
		g.reader("ada@example.com")
	}
	g.names["alarm"] = g.lettersAbout(desk.LetterNewDevice)[0].Secret
	_, _, err = g.people.AddToken(ctx, g.agent, identity.NewToken{UserEmail: "ada@example.com", Name: "Nightly export", Scopes: []desk.Scope{desk.ScopeRead}})
	check(t, err)
}

// customers are the pages for customers: conversations of one of them, links of mails, a form.
func (g *gallery) customers() {
	t := g.t
	g.form(desk.FormProofMail)
	g.sql(`update customer_setting set ask = true`)
	for name, solved := range map[string]string{"ticket": "", "html": "", "solved": "Where the invoice for the lamps of last spring is, which I paid by bank transfer"} {
		if solved == "" {
			g.sql(`update ticket set requester_id = (select id from contact where address = 'anna@customer.example') where id = $1`, g.number(name))
			continue
		}
		g.name(name, g.mail(letterOf("Anna Rossi <anna@customer.example>", solved, "solved", "\nThank you!\n")).Ticket)
		anna := desk.Actor{User: desk.User{Email: "anna@customer.example", Role: desk.RoleCustomer}, Via: "portal"}
		check(t, g.tickets.CustomerSolve(t.Context(), anna, g.number(name)))
	}
	g.names["visit"] = g.codec.VisitToken(g.number("message"))
	g.names["rating"], g.names["rating-open"] = g.codec.RatingToken(g.number("solved")), g.codec.RatingToken(g.number("ticket"))
	g.reader("").post("/my/sign-in", "address", "olu@customer.example")
	g.names["visit-link"] = g.letter("olu@customer.example").URL
}

// customerBrowser is a browser in which an address was proved by a code, as a person would.
func (h *house) customerBrowser(address string) context.Context {
	ctx := h.chromium()
	does(h.t, ctx, "ask for a code", chromedp.Navigate(h.url+"/my/sign-in"), chromedp.SendKeys("#address", address), chromedp.Click(".primary"), chromedp.WaitVisible("#code"))
	does(h.t, ctx, "type it", chromedp.SendKeys("#code", h.letter(address).Code), chromedp.Click(".primary"), chromedp.WaitVisible(".conversations"))
	return ctx
}

// readers are browsers without JavaScript of those who look at places, but customers.
func (g *gallery) readers() map[string]*reader {
	g.staleAdmin()
	all := map[string]*reader{"owner": g.reader("olga@example.com"), "agent": g.reader("ada@example.com"), "stale": g.reader("stella@example.com"), "choosing": g.choosing(), "": g.reader("")}
	all["standing-in"] = g.reader("olga@example.com") // before anybody has a second factor
	all["standing-in"].post("/impersonate", "customer", "anna@customer.example", "reason", "She asked for help")
	for who, email := range factorPeople {
		g.factorPerson(who)
		all[who] = g.reader("")
		all[who].post("/sign-in", "email", email, "password", password)
		if who == "moving" {
			all[who].post("/you/security/factors", "do", "app")
			g.passkeys(who)
		}
	}
	g.grownStale()
	return all
}

// staleAdmin makes an admin whose sign-in will be old.
func (g *gallery) staleAdmin() {
	_, err := g.people.AddUser(g.t.Context(), desk.System("cli"), identity.NewUser{Email: "stella@example.com", Name: "Stella", Role: desk.RoleAdmin, Password: password})
	check(g.t, err)
}

// grownStale lets the time pass in which her sign-in counts as a proof.
func (g *gallery) grownStale() {
	g.sql(`update session set proved_at = now() - interval '11 minutes' where user_id = (select id from "user" where email = 'stella@example.com')`)
}

// chooser makes somebody who has to choose another password when they sign in.
func (g *gallery) chooser() {
	_, err := g.people.AddUser(g.t.Context(), desk.System("cli"), identity.NewUser{Email: "carol@example.com", Name: "Carol", Role: desk.RoleAgent, Password: password})
	check(g.t, err)
	g.sql(`update "user" set password_must = 'set' where email = 'carol@example.com'`)
}

// choosing is a browser that has to.
func (g *gallery) choosing() *reader {
	g.chooser()
	reader := g.reader("")
	if at := reader.post("/sign-in", "email", "carol@example.com", "password", password); at.path != "/sign-in/password" {
		g.t.Fatalf("she is sent to %s", at.path)
	}
	return reader
}

// visitors are browsers of those who look at places, one each, started when the first place of theirs is looked at.
type visitors struct {
	g    *gallery
	open map[string]context.Context
}

func (v *visitors) of(who string) context.Context {
	if ctx, ok := v.open[who]; ok {
		return ctx
	}
	switch who {
	case "owner":
		v.open[who] = v.g.browser("olga@example.com")
	case "agent":
		v.open[who] = v.g.browser("ada@example.com")
	case "stale":
		v.g.staleAdmin()
		v.open[who] = v.g.browser("stella@example.com")
		v.g.grownStale()
	case "waiting", "unknown", "enrolling", "customer-with-account", "moving":
		v.g.factorPerson(who)
		v.open[who] = v.g.chromium()
		does(v.g.t, v.open[who], "sign in", chromedp.Navigate(v.g.url+"/sign-in"), chromedp.SendKeys("#email", factorPeople[who]), chromedp.SendKeys("#password", password), chromedp.Click(".plate .primary"), until("location.pathname !== '/sign-in'"))
		if who == "moving" {
			does(v.g.t, v.open[who], "begin to add an app", chromedp.Navigate(v.g.url+"/you/security/factors"), chromedp.Click(`button[value="app"]`), chromedp.WaitVisible(".qr"))
			v.g.passkeys(who)
		}
	case "choosing":
		v.g.chooser()
		v.open[who] = v.g.chromium()
		does(v.g.t, v.open[who], "sign in", chromedp.Navigate(v.g.url+"/sign-in"), chromedp.SendKeys("#email", "carol@example.com"), chromedp.SendKeys("#password", password), chromedp.Click(".primary"), chromedp.WaitVisible("#password-rule"))
	case "standing-in":
		v.open[who] = v.g.browser("olga@example.com")
		does(v.g.t, v.open[who], "look in a customer's place", chromedp.Navigate(v.g.url+"/impersonate?customer=anna@customer.example"), chromedp.SendKeys("#reason", "She asked for help"), chromedp.Click(".page .primary"), chromedp.WaitVisible(".stands"))
	case "customer":
		v.open[who] = v.g.customerBrowser("anna@customer.example")
	case "asking":
		v.open[who] = v.g.chromium()
		does(v.g.t, v.open[who], "ask for a code", chromedp.Navigate(v.g.url+"/my/sign-in"), chromedp.SendKeys("#address", "mei@customer.example"), chromedp.Click(".primary"), chromedp.WaitVisible("#code"))
	default:
		v.open[who] = v.g.chromium()
	}
	return v.open[who]
}

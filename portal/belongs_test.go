package portal

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"postern/desk"
	"postern/identity"
)

// ownedRoute is a route that names a thing of somebody by its number, in the path or in the form.
type ownedRoute struct {
	pattern      string
	mine, theirs int64
	form         []string // {id} stands for the number
}

// ownedThings are what one person has, of each kind that people have.
type ownedThings struct {
	view, canned, macro, token, asleep, app, account, bulk, device, session, passkey, notification int64
}

// owned gives a person something of each kind.
func (h *house) owned(who desk.User, number, client, provider int64) (b ownedThings) {
	t, ctx := h.t, h.t.Context()
	actor := desk.Actor{User: who, Via: "test"}
	view, err := h.tickets.AddView(ctx, actor, desk.View{Name: "Of " + who.Name, Audience: desk.AudienceMe})
	check(t, err)
	b.view = view.ID
	b.canned, err = h.tickets.SaveCanned(ctx, actor, desk.Canned{Name: "Of " + who.Name, Text: "Hello", Shelf: desk.Shelf{OwnerID: &who.ID}})
	check(t, err)
	b.macro, err = h.tickets.SaveMacro(ctx, actor, desk.Macro{Name: "Of " + who.Name, Text: "Hello", Shelf: desk.Shelf{OwnerID: &who.ID}})
	check(t, err)
	for name, id := range map[string]*int64{"awake": &b.token, "asleep": &b.asleep} {
		_, made, err := h.people.AddToken(ctx, actor, identity.NewToken{UserEmail: who.Email, Name: name})
		check(t, err)
		*id = made.ID
	}
	h.sql(`update api_token set disabled_at = now() where id = $1`, b.asleep)
	high := desk.PriorityHigh
	bulk, err := h.tickets.Bulk(ctx, actor, desk.Bulk{Tickets: []int64{number}, Change: desk.TicketChange{Priority: &high}})
	check(t, err)
	b.bulk = bulk.ID
	check(t, h.tickets.SaveDraft(ctx, actor, desk.Draft{TicketID: number, Kind: desk.KindNote, Text: "Of " + who.Name}))
	one := func(id *int64, sql string, args ...any) {
		t.Helper()
		check(t, h.store.Pool().QueryRow(ctx, sql, args...).Scan(id))
	}
	h.byLink(who.Email) // a second browser, before there is a passkey to ask for
	one(&b.app, `insert into oauth_grant (client_id, user_id, scopes, created_at, used_at) values ($1, $2, '{tickets:read}', now(), now()) returning id`, client, who.ID)
	one(&b.account, `insert into identity (provider_id, issuer, subject, user_id) values ($1, 'https://id.example', $2, $3) returning id`, provider, fmt.Sprint("subject-", who.ID), who.ID)
	one(&b.passkey, `insert into factor (user_id, kind, name, credential_id, record, ready, created_at) values ($1, 'passkey', 'Key', $2, '{}', true, now()) returning id`, who.ID, []byte(who.Email))
	one(&b.notification, `insert into notification (user_id, ticket_id, kind, at) values ($1, $2, 'assigned', now()) returning id`, who.ID, number)
	one(&b.session, `select id from session where user_id = $1 order by id desc limit 1`, who.ID)
	one(&b.device, `select id from device where user_id = $1 order by id desc limit 1`, who.ID)
	return b
}

// held is everything that a person has, as the database knows it.
func (h *house) held(user int64) (rows string) {
	h.t.Helper()
	var parts []string
	for table, whose := range map[string]string{
		"view": "owner_id", "canned": "owner_id", "macro": "owner_id", "api_token": "user_id", "oauth_grant": "user_id", "identity": "user_id", "factor": "user_id", "device": "user_id", "session": "user_id", "bulk": "user_id",
		"draft": "user_id", "notification": "user_id",
	} {
		parts = append(parts, fmt.Sprintf(`select '%s' as part, t::text as line from %s t where %s = $1`, table, table, whose))
	}
	check(h.t, h.store.Pool().QueryRow(h.t.Context(), `select string_agg(part || ': ' || line, e'\n' order by part, line) from (`+strings.Join(parts, " union all ")+`) x`, user).Scan(&rows))
	return rows
}

// sharedThings are routes of agents with a number of something that is nobody's own.
var sharedThings = regexp.MustCompile(`/suspended/|/you/accounts/\{id\}/connect|/teams/|/automations/|/hours/|/security/alerts/`)

// A number of what belongs to somebody else is, to everybody else, a number of nothing: the answers are the same word for word, and theirs stays as it was. Every route that an agent may take with such a
// number stands here.
func TestWhatBelongsToOthersIsNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx := t.Context()
	number := h.mail(question).Ticket
	_, client, err := h.people.AddClient(ctx, h.owner, identity.NewClient{Name: "Field notes", Confidential: true, Redirects: []string{galleryBack}, Scopes: []desk.Scope{"tickets:read"}})
	check(t, err)
	provider, err := h.people.AddProvider(ctx, h.owner, desk.Provider{Kind: desk.ProviderJWT, Name: "Shop", Population: desk.ForBoth, Settings: desk.ProviderSettings{Algorithm: "HS256", LoginURL: "https://shop.example.com/login"}})
	check(t, err)
	bea, err := h.people.AddUser(ctx, desk.System("cli"), identity.NewUser{Email: "bea@example.com", Name: "Bea", Role: desk.RoleAgent})
	check(t, err)
	r := h.byLink("ada@example.com")
	mine, theirs := h.owned(h.agent.User, number, client.ID, provider.ID), h.owned(bea, number, client.ID, provider.ID)
	before := h.held(bea.ID)
	list := []ownedRoute{
		{"GET /views/{id}", mine.view, theirs.view, nil}, {"POST /views/{id}", mine.view, theirs.view, []string{"name", "Mine now", "audience", "me"}},
		{"POST /views/{id}/move", mine.view, theirs.view, []string{"to", "up"}}, {"POST /views/{id}/delete", mine.view, theirs.view, nil},
		{"GET /canned/{id}", mine.canned, theirs.canned, nil}, {"POST /canned/{id}", mine.canned, theirs.canned, []string{"name", "Mine now", "text", "x", "for", "own"}}, {"POST /canned/{id}/remove", mine.canned, theirs.canned, nil},
		{"POST /tickets/{number}/macro", mine.macro, theirs.macro, []string{"macro", "{id}"}},
		{"GET /macros/{id}", mine.macro, theirs.macro, nil}, {"POST /macros/{id}", mine.macro, theirs.macro, []string{"name", "Mine now", "text", "x", "for", "own"}}, {"POST /macros/{id}/remove", mine.macro, theirs.macro, nil},
		{"POST /tokens/{id}/on", mine.asleep, theirs.asleep, nil}, {"POST /tokens/{id}/revoke", mine.token, theirs.token, nil},
		{"POST /apps/{id}/disconnect", mine.app, theirs.app, nil}, {"POST /you/accounts/{id}/disconnect", mine.account, theirs.account, nil}, {"POST /tickets/bulk/{id}/undo", mine.bulk, theirs.bulk, nil},
		{"POST /you/devices", mine.device, theirs.device, []string{"do", "rename", "id", "{id}", "name", "Mine now"}}, {"POST /you/devices", mine.session, theirs.session, []string{"do", "end", "id", "{id}"}},
		{"POST /you/devices", mine.device, theirs.device, []string{"do", "forget", "id", "{id}"}},
		{"POST /you/security/factors", mine.passkey, theirs.passkey, []string{"do", "rename", "factor", "{id}", "name", "Mine now"}}, {"POST /you/security/factors", mine.passkey, theirs.passkey, []string{"do", "remove", "factor", "{id}"}},
	}
	listed := map[string]bool{}
	for _, one := range list {
		listed[one.pattern] = true
		ask := func(id int64) answer {
			method, path, _ := strings.Cut(one.pattern, " ")
			path = strings.NewReplacer("{id}", fmt.Sprint(id), "{number}", fmt.Sprint(number)).Replace(path)
			if method == "GET" {
				return r.get(path)
			}
			var form []string
			for _, word := range one.form {
				form = append(form, strings.ReplaceAll(word, "{id}", fmt.Sprint(id)))
			}
			return r.post(path, form...)
		}
		const none = 987654321
		names := regexp.MustCompile(fmt.Sprintf(`\b(%d|%d)\b`, one.theirs, none))
		said := func(a answer) string {
			return fmt.Sprint(a.status, names.ReplaceAllString(a.header.Get("Location")+a.body, "N"))
		}
		other, nothing := said(ask(one.theirs)), said(ask(none))
		if other != nothing {
			t.Errorf("%s %v: another's is told from nothing: %s", one.pattern, one.form, differ(other, nothing))
		}
		if got := ask(one.mine); said(got) == nothing || got.status >= 500 {
			t.Errorf("%s %v: one's own is answered like nothing (%d), which proves nothing of others'", one.pattern, one.form, got.status)
		}
	}
	r.post("/notifications/read", "id", fmt.Sprint(theirs.notification))
	if after := h.held(bea.ID); after != before {
		t.Errorf("something of Bea's has changed: %s", differ(before, after))
	}
	r.get(fmt.Sprintf("/tickets/%d", number)).lacks(t, "Of Bea")
	for _, route := range routes {
		if strings.Contains(route.pattern, "{id}") && h.agent.User.Can(route.right) && route.right != desk.Public && !customersOnly(route.right) && !onTicket(route.pattern) && !listed[route.pattern] && !sharedThings.MatchString(route.pattern) {
			t.Errorf("%s takes a number from agents, and nobody has tried that of somebody else here", route.pattern)
		}
	}
}

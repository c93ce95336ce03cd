package api_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"postern/api"
	"postern/desk"
	"postern/identity"
)

// scimHouse is an office in which a provider keeps the people of acme.test.
type scimHouse struct {
	*office
	t        *testing.T
	provider desk.Provider
	token    string
}

func scimOpen(t *testing.T) *scimHouse {
	t.Helper()
	h := &scimHouse{office: open(t), t: t}
	h.provider, h.token = h.scimProvider("Acme", "acme.test")
	return h
}

// scimProvider is a provider for staff that is on and has a token.
func (h *scimHouse) scimProvider(name string, domains ...string) (desk.Provider, string) {
	h.t.Helper()
	ctx := h.t.Context()
	made, err := h.identity.AddProvider(ctx, cli, desk.Provider{Kind: desk.ProviderJWT, Name: name, Population: desk.ForStaff, Settings: desk.ProviderSettings{Algorithm: "HS256", LoginURL: "https://login.acme.test/", Domains: domains, AllowRole: true}})
	must(h.t, err)
	_, err = h.identity.NewProviderSecret(ctx, cli, made.ID)
	must(h.t, err)
	must(h.t, h.identity.SwitchProvider(ctx, cli, made.ID, identity.SwitchedOn))
	token, err := h.identity.NewProvisionToken(ctx, cli, made.ID, 90)
	must(h.t, err)
	return made, token
}

// scim asks, and returns the status and what was answered.
func (h *scimHouse) scim(method, path, body string) (int, map[string]any) {
	h.t.Helper()
	return h.scimAs(h.token, method, path, body)
}

func (h *scimHouse) scimAs(token, method, path, body string) (int, map[string]any) {
	h.t.Helper()
	r, err := http.NewRequest(method, h.url+api.SCIMBase+path, strings.NewReader(body))
	must(h.t, err)
	r.Header.Set("Authorization", "Bearer "+token)
	if body != "" {
		r.Header.Set("Content-Type", "application/scim+json; charset=utf-8")
	}
	response, err := http.DefaultClient.Do(r)
	must(h.t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	must(h.t, err)
	answer := map[string]any{}
	if len(text) > 0 {
		if kind := response.Header.Get("Content-Type"); kind != "application/scim+json" {
			h.t.Errorf("%s %s answers with %s", method, path, kind)
		}
		must(h.t, json.Unmarshal(text, &answer))
	}
	return response.StatusCode, answer
}

// scimMust asks for something that has to succeed so.
func (h *scimHouse) scimMust(status int, method, path, body string) map[string]any {
	h.t.Helper()
	got, answer := h.scim(method, path, body)
	if got != status {
		h.t.Fatalf("%s %s: %d, not %d: %v", method, path, got, status, answer)
	}
	return answer
}

// scimNow are the words that a person has here: from the database, not from the answer.
func (h *scimHouse) scimNow(email string) identity.Person {
	h.t.Helper()
	person, err := h.identity.Find(h.t.Context(), cli, email)
	must(h.t, err)
	return person
}

const scimPatchOf = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[%s]}`

// Entra ID asks as its documentation says (Develop and plan provisioning for a SCIM endpoint): capitals in op, booleans as words, filters in paths, names with dots in a value without a path.
func TestSCIMAsEntraAsks(t *testing.T) {
	t.Parallel()
	h := scimOpen(t)
	none := h.scimMust(200, "GET", `/Users?filter=userName+eq+%22non-existent%22`, "")
	if none["totalResults"] != 0.0 || fmt.Sprint(none["schemas"]) != "[urn:ietf:params:scim:api:messages:2.0:ListResponse]" || fmt.Sprint(none["Resources"]) != "[]" {
		t.Errorf("nobody is found as %v", none)
	}
	made := h.scimMust(201, "POST", "/Users", `{
	    "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
	    "externalId": "0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef", "userName": "Test_User@acme.test", "active": true,
	    "emails": [{"primary": true, "type": "work", "value": "Test_User_fd0ea19b@acme.test"}],
	    "meta": {"resourceType": "User"}, "name": {"formatted": "givenName familyName", "familyName": "familyName", "givenName": "givenName"}, "roles": []}`)
	id, _ := made["id"].(string)
	meta, _ := made["meta"].(map[string]any)
	if id == "" || meta["location"] != "http://desk.test"+api.SCIMBase+"/Users/"+id || made["active"] != true || made["userName"] != "Test_User@acme.test" {
		t.Fatalf("made as %v", made)
	}
	person := h.scimNow("test_user_fd0ea19b@acme.test")
	if person.Role != desk.RoleLight || person.Name != "givenName familyName" {
		t.Errorf("here it is %v", person.User)
	}
	found := h.scimMust(200, "GET", "/Users?filter=externalId+eq+%220a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef%22+and+userName+eq+%22test_USER@acme.test%22", "")
	if found["totalResults"] != 1.0 {
		t.Errorf("found as %v", found)
	}
	after := h.scimMust(200, "PATCH", "/Users/"+id, fmt.Sprintf(scimPatchOf, `
	    {"op":"Replace","path":"emails[type eq \"work\"].value","value":"updatedEmail@acme.test"},
	    {"op":"Replace","path":"name.familyName","value":"updatedFamilyName"},
	    {"op":"Add","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department","value":"Sales"},
	    {"op":"Add","path":"phoneNumbers[type eq \"work\"].value","value":"+1 425 555 0100"},
	    {"op":"Add","path":"phoneNumbers[type eq \"mobile\"].value","value":"+1 425 555 0199"},
	    {"op":"Add","value":{"displayName":"Ann O'Hara","name.givenName":"Ann","title":"Lead"}},
	    {"op":"Replace","path":"roles[primary eq \"True\"].value","value":"agent"},
	    {"op":"Add","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager","value":"x"}`))
	person = h.scimNow("updatedemail@acme.test")
	if person.Role != desk.RoleAgent || person.Name != "Ann O'Hara" || after["title"] != "Lead" || strings.Contains(fmt.Sprint(after), "0199") || !strings.Contains(fmt.Sprint(after), "0100") || !strings.Contains(fmt.Sprint(after), "Sales") {
		t.Errorf("changed to %v: %v", person.User, after)
	}
	profile, err := h.store.Profile(t.Context(), person.ID)
	if must(t, err); profile.Department != "Sales" || profile.Phone != "+1 425 555 0100" || profile.Title != "Lead" {
		t.Errorf("the profile is %+v", profile)
	}

	// Out at once: the session and the tokens of whoever leaves open nothing any more.
	link, err := h.identity.LoginLink(t.Context(), cli, person.Email)
	must(t, err)
	came, err := h.identity.UseLink(t.Context(), link[strings.LastIndex(link, "/")+1:], identity.Client{})
	must(t, err)
	token := h.office.token(t, person.Email)
	h.get(t, token, "/tickets").want(200)
	gone := h.scimMust(200, "PATCH", "/Users/"+id, fmt.Sprintf(scimPatchOf, `{"op":"Replace","path":"active","value":"False"}`))
	if gone["active"] != false {
		t.Errorf("gone as %v", gone)
	}
	if _, err := h.identity.SignedIn(t.Context(), came.Token); err == nil {
		t.Error("the session goes on")
	}
	h.get(t, token, "/tickets").want(401)
	h.scimMust(200, "PATCH", "/Users/"+id, fmt.Sprintf(scimPatchOf, `{"op":"Replace","path":"active","value":"True"}`))
	if _, err := h.identity.SignedIn(t.Context(), came.Token); err == nil || h.scimNow(person.Email).DisabledAt != nil {
		t.Error("coming back brings the session back, or not the person")
	}
	h.scimMust(204, "DELETE", "/Users/"+id, "")
	h.scimMust(404, "GET", "/Users/"+id, "")
	h.scimMust(404, "DELETE", "/Users/"+id, "")
	if h.scimNow(person.Email).DisabledAt == nil {
		t.Error("who was let go may come in")
	}
	back := h.scimMust(201, "POST", "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"updatedEmail@acme.test","active":true}`)
	if back["id"] != id || h.scimNow(person.Email).DisabledAt != nil {
		t.Errorf("brought back as %v", back)
	}
	h.scimAudited(person.ID, "user.add", "user.change", "user.profile", "user.disable", "user.enable", "user.disable", "user.release", "user.provision", "user.enable")
}

// scimAudited looks for what a provider has done to a person in the audit log, in this order among others.
func (h *scimHouse) scimAudited(person int64, wanted ...string) {
	h.t.Helper()
	log, err := h.store.AuditLog(h.t.Context(), desk.AuditQuery{Subject: fmt.Sprintf("user/%d", person), Oldest: true, Limit: 100})
	must(h.t, err)
	said := []string{}
	for _, entry := range log.Items {
		if entry.Via != "scim" {
			continue
		}
		said = append(said, entry.Action)
		if len(wanted) > 0 && entry.Action == wanted[0] {
			wanted = wanted[1:]
		}
		if entry.Actor != fmt.Sprintf("system (provider/%d)", h.provider.ID) || entry.IP != "127.0.0.1" || !strings.Contains(string(entry.Detail), `"provider":`) || !strings.Contains(string(entry.Detail), `"provisioning_token":`) {
			h.t.Errorf("%s stands as %+v %s", entry.Action, entry, entry.Detail)
		}
	}
	if len(wanted) > 0 {
		h.t.Errorf("%v is missing in %v", wanted, said)
	}
}

// Okta asks as its documentation says (Build a SCIM provisioning integration, and its test suite): pages of a hundred, PUT for profiles, PATCH with an object for who leaves.
func TestSCIMAsOktaAsks(t *testing.T) {
	t.Parallel()
	h := scimOpen(t)
	const user = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"%[1]s@acme.test","name":{"givenName":"Test","familyName":"User%[1]s"},
	    "emails":[{"primary":true,"value":"%[1]s@acme.test","type":"work"}],"displayName":"Test %[1]s","locale":"it-IT","externalId":"00ujl29u0le5T6Aj10h7-%[1]s","groups":[],"password":"1mz050nq","active":true}`
	ids := []string{}
	for _, name := range []string{"a", "b", "c"} {
		made := h.scimMust(201, "POST", "/Users", fmt.Sprintf(user, name))
		ids = append(ids, made["id"].(string))
		if strings.Contains(fmt.Sprint(made), "1mz050nq") {
			t.Error("a password is said again")
		}
	}
	reading, err := h.store.ReadingOf(t.Context(), "a@acme.test")
	if must(t, err); reading.Language != "it" {
		t.Errorf("reads in %q", reading.Language)
	}
	status, twice := h.scim("POST", "/Users", fmt.Sprintf(user, "A"))
	if status != 409 || twice["scimType"] != "uniqueness" || twice["status"] != "409" || fmt.Sprint(twice["schemas"]) != "[urn:ietf:params:scim:api:messages:2.0:Error]" {
		t.Errorf("the same once more: %d %v", status, twice)
	}
	for path, want := range map[string]string{
		"/Users?startIndex=1&count=100": "3 1 3", "/Users?startIndex=2&count=1": "3 2 1", "/Users?startIndex=3&count=100": "3 3 1", "/Users?startIndex=9": "3 9 0", "/Users?count=0": "3 1 0", "/Users?startIndex=-4&count=-1": "3 1 0",
		`/Users?filter=emails.value+eq+%22b@acme.test%22`: "1 1 1", `/Users?filter=emails%5Btype+eq+%22work%22%5D.value+eq+%22b@acme.test%22`: "1 1 1", "/Users?filter=id+eq+%22" + ids[2] + "%22": "1 1 1",
		`/Users?filter=userName+eq+%22%22`: "0 1 0", `/Users?filter=userName+eq+%22olga@example.com%22`: "0 1 0",
	} {
		got := h.scimMust(200, "GET", path, "")
		if is := fmt.Sprint(got["totalResults"], " ", got["startIndex"], " ", got["itemsPerPage"]); is != want || float64(len(got["Resources"].([]any))) != got["itemsPerPage"] {
			t.Errorf("%s: %s, not %s", path, is, want)
		}
	}
	narrow := h.scimMust(200, "GET", "/Users/"+ids[0]+"?attributes=userName,name.givenName", "")
	if len(narrow) != 4 || narrow["userName"] == nil || narrow["name"] == nil || narrow["id"] == nil {
		t.Errorf("of two attributes: %v", narrow)
	}
	if without := h.scimMust(200, "GET", "/Users/"+ids[0]+"?excludedAttributes=emails", ""); without["emails"] != nil || without["userName"] == nil {
		t.Errorf("without addresses: %v", without)
	}
	h.scimMust(200, "PUT", "/Users/"+ids[0], strings.ReplaceAll(fmt.Sprintf(user, "a"), `"displayName":"Test a"`, `"displayName":"Anna Bianchi"`))
	if person := h.scimNow("a@acme.test"); person.Name != "Anna Bianchi" {
		t.Errorf("renamed to %v", person.User)
	}
	h.scimMust(200, "PATCH", "/Users/"+ids[0], fmt.Sprintf(scimPatchOf, `{"op":"replace","value":{"active":false}}`))
	quiet := strings.ReplaceAll(fmt.Sprintf(user, "a"), `,"active":true`, "")
	if silent := h.scimMust(200, "PUT", "/Users/"+ids[0], quiet); silent["active"] != false || h.scimNow("a@acme.test").DisabledAt == nil {
		t.Errorf("silence lets somebody in: %v", silent)
	}
	h.scimMust(200, "PUT", "/Users/"+ids[0], fmt.Sprintf(user, "a"))
	if h.scimNow("a@acme.test").DisabledAt != nil {
		t.Error("who comes back is kept out")
	}
	for path, holds := range map[string]string{"/ServiceProviderConfig": "oauthbearertoken", "/ResourceTypes": "/Users", "/ResourceTypes/User": "/Users", "/Schemas": "userName", "/Schemas/urn:ietf:params:scim:schemas:core:2.0:User": "userName"} {
		if got := h.scimMust(200, "GET", path, ""); !strings.Contains(fmt.Sprint(got), holds) {
			t.Errorf("%s: %v", path, got)
		}
	}
}

// What a provider must not: each line of it is answered so, and changes nobody.
func TestSCIMIsRefused(t *testing.T) {
	t.Parallel()
	h := scimOpen(t)
	ctx := t.Context()
	other, otherToken := h.scimProvider("Other", "acme.test")
	for role, email := range map[desk.Role]string{desk.RoleOwner: "boss@acme.test", desk.RoleAdmin: "it@acme.test", desk.RoleCustomer: "buyer@acme.test"} {
		_, err := h.identity.AddUser(ctx, cli, identity.NewUser{Email: email, Role: role})
		must(t, err)
	}
	plain := func(email string) string {
		return fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":%q}`, email)
	}
	ann := h.scimMust(201, "POST", "/Users", plain("ann@acme.test"))["id"].(string)
	bea := h.scimMust(201, "POST", "/Users", plain("bea@acme.test"))["id"].(string)
	it := h.scimMust(201, "POST", "/Users", plain("it@acme.test"))["id"].(string) // an admin is taken over: they may leave as well
	if h.scimNow("it@acme.test").Role != desk.RoleAdmin {
		t.Error("who is taken over loses their role")
	}
	boss := fmt.Sprint(h.scimNow("boss@acme.test").ID)
	change := func(op string) string { return fmt.Sprintf(scimPatchOf, op) }
	before := h.scimEverybody()
	for name, test := range map[string]struct {
		token, method, path, body string
		status                    int
		kind                      string
	}{
		"an owner is brought":                {h.token, "POST", "/Users", plain("boss@acme.test"), 409, "uniqueness"},
		"somebody of another population":     {h.token, "POST", "/Users", plain("buyer@acme.test"), 409, "uniqueness"},
		"an address of another domain":       {h.token, "POST", "/Users", plain("eve@example.com"), 400, "invalidValue"},
		"a domain that only looks so":        {h.token, "POST", "/Users", plain("eve@acme.test.example.com"), 400, "invalidValue"},
		"the primary address is elsewhere":   {h.token, "POST", "/Users", `{"userName":"eve@acme.test","emails":[{"value":"olga@example.com","primary":true}]}`, 400, "invalidValue"},
		"no address":                         {h.token, "POST", "/Users", plain("eve"), 400, "invalidValue"},
		"no name":                            {h.token, "POST", "/Users", plain(""), 400, "invalidValue"},
		"line break in a name":               {h.token, "POST", "/Users", `{"userName":"eve@acme.test","displayName":"Eve\r\nBcc: x@y.test"}`, 400, "invalidValue"},
		"role owner":                         {h.token, "POST", "/Users", `{"userName":"eve@acme.test","roles":["owner"]}`, 400, "invalidValue"},
		"role of another population":         {h.token, "POST", "/Users", `{"userName":"eve@acme.test","roles":[{"value":"user"}]}`, 400, "invalidValue"},
		"no JSON":                            {h.token, "POST", "/Users", `userName=eve`, 400, "invalidSyntax"},
		"the same name twice":                {h.token, "POST", "/Users", `{"userName":"eve@acme.test","active":false,"active":true}`, 400, "invalidSyntax"},
		"too large":                          {h.token, "POST", "/Users", `{"userName":"` + strings.Repeat("x", 70_000) + `"}`, 413, ""},
		"an owner is changed":                {h.token, "PATCH", "/Users/" + boss, change(`{"op":"replace","path":"active","value":false}`), 404, ""},
		"an owner is removed":                {h.token, "DELETE", "/Users/" + boss, "", 404, ""},
		"an owner is read":                   {h.token, "GET", "/Users/" + boss, "", 404, ""},
		"an address that somebody has":       {h.token, "PATCH", "/Users/" + ann, change(`{"op":"replace","path":"emails[type eq \"work\"].value","value":"bea@acme.test"}`), 409, "uniqueness"},
		"an owner's address":                 {h.token, "PATCH", "/Users/" + ann, change(`{"op":"replace","path":"emails","value":[{"value":"boss@acme.test"}]}`), 409, "uniqueness"},
		"a user name that somebody has":      {h.token, "PATCH", "/Users/" + ann, change(`{"op":"replace","path":"userName","value":"BEA@acme.test"}`), 409, "uniqueness"},
		"an address elsewhere":               {h.token, "PATCH", "/Users/" + ann, change(`{"op":"replace","path":"userName","value":"ann@example.com"}`), 400, "invalidValue"},
		"role owner for somebody":            {h.token, "PATCH", "/Users/" + ann, change(`{"op":"add","path":"roles","value":[{"value":"owner"}]}`), 400, "invalidValue"},
		"half a patch":                       {h.token, "PATCH", "/Users/" + ann, change(`{"op":"replace","path":"active","value":false},{"op":"replace","path":"nonsense","value":1}`), 400, "invalidPath"},
		"a path that is none":                {h.token, "PATCH", "/Users/" + ann, change(`{"op":"replace","path":"emails[type eq","value":"x"}`), 400, "invalidPath"},
		"an operation that is none":          {h.token, "PATCH", "/Users/" + ann, change(`{"op":"move","path":"title","value":"x"}`), 400, "invalidSyntax"},
		"removal of everything":              {h.token, "PATCH", "/Users/" + ann, change(`{"op":"remove"}`), 400, "noTarget"},
		"removal of active":                  {h.token, "PATCH", "/Users/" + ann, change(`{"op":"remove","path":"active"}`), 400, "mutability"},
		"active is neither":                  {h.token, "PATCH", "/Users/" + ann, change(`{"op":"replace","path":"active","value":"perhaps"}`), 400, "invalidValue"},
		"no schema":                          {h.token, "PATCH", "/Users/" + ann, `{"Operations":[{"op":"replace","path":"active","value":false}]}`, 400, "invalidSyntax"},
		"no operations":                      {h.token, "PATCH", "/Users/" + ann, change(""), 400, "invalidSyntax"},
		"another provider reads":             {otherToken, "GET", "/Users/" + ann, "", 404, ""},
		"another provider changes":           {otherToken, "PATCH", "/Users/" + ann, change(`{"op":"replace","path":"active","value":false}`), 404, ""},
		"another provider removes":           {otherToken, "DELETE", "/Users/" + ann, "", 404, ""},
		"another provider takes over":        {otherToken, "POST", "/Users", plain("ann@acme.test"), 409, "uniqueness"},
		"a filter of more words":             {h.token, "GET", "/Users?filter=userName+sw+%22a%22", "", 400, "invalidFilter"},
		"a filter that injects":              {h.token, "GET", "/Users?filter=userName+eq+%22a%22+or+1%3D1", "", 400, "invalidFilter"},
		"a filter for what is not looked up": {h.token, "GET", "/Users?filter=title+eq+%22a%22", "", 400, "invalidFilter"},
		"nothing at the path":                {h.token, "GET", "/Groups", "", 404, ""},
		"an id that is none":                 {h.token, "GET", "/Users/..%2F..%2Fadmin", "", 404, ""},
		"no token":                           {"", "GET", "/Users", "", 401, ""},
		"a token of the API":                 {h.tokens["owner"], "GET", "/Users", "", 401, ""},
		"a token of the API, to change":      {h.tokens["owner"], "POST", "/Users", plain("eve@acme.test"), 401, ""},
		"a token that nobody has made":       {h.token[:len(h.token)-1] + "A", "GET", "/Users", "", 401, ""},
		"the schemas need one too":           {"", "GET", "/Schemas", "", 401, ""},
	} {
		status, got := h.scimAs(test.token, test.method, test.path, test.body)
		if kind, _ := got["scimType"].(string); status != test.status || kind != test.kind {
			t.Errorf("%s: %d %q (%v), not %d %q", name, status, kind, got["detail"], test.status, test.kind)
		}
	}
	if after := h.scimEverybody(); after != before {
		t.Errorf("somebody was changed:\n%s\n%s", before, after)
	}
	h.get(t, h.token, "/tickets").want(401) // and it opens nothing else
	h.get(t, h.token, "/users").want(401)

	// Whom somebody here has disabled stays out, whatever the provider says; and who has become an owner is out of its reach.
	must(t, h.identity.Disable(ctx, cli, h.scimNow("bea@acme.test").ID))
	if got := h.scimMust(200, "PATCH", "/Users/"+bea, change(`{"op":"replace","path":"active","value":true}`)); got["active"] != false || h.scimNow("bea@acme.test").DisabledAt == nil {
		t.Errorf("the provider lets in whom an admin has put out: %v", got)
	}
	owner := desk.RoleOwner
	_, err := h.identity.UpdateUser(ctx, cli, h.scimNow("it@acme.test").ID, identity.UserChange{Role: &owner})
	must(t, err)
	for method, body := range map[string]string{"PATCH": change(`{"op":"replace","path":"active","value":false}`), "DELETE": "", "PUT": plain("it@acme.test")} {
		if status, got := h.scim(method, "/Users/"+it, body); status != 403 {
			t.Errorf("%s of an owner: %d %v", method, status, got)
		}
	}

	// Switched off, revoked, expired, found by a scanner: none opens anything.
	must(t, h.identity.SwitchProvider(ctx, cli, h.provider.ID, identity.SwitchedOff))
	if status, _ := h.scim("GET", "/Users", ""); status != 403 {
		t.Errorf("a provider that is off: %d", status)
	}
	tokens, err := h.identity.ProvisionTokens(ctx, cli, other.ID)
	must(t, err)
	must(t, h.identity.RevokeProvisionToken(ctx, cli, other.ID, tokens[0].ID))
	if status, _ := h.scimAs(otherToken, "GET", "/Users", ""); status != 401 {
		t.Errorf("a revoked token: %d", status)
	}
	found, err := h.identity.NewProvisionToken(ctx, cli, other.ID, 30)
	must(t, err)
	if status, _ := h.scimAs(found, "GET", "/Users", ""); status != 200 {
		t.Errorf("a new token: %d", status)
	}
	if ended, err := h.identity.Exposed(ctx, found, identity.ExposedLeak, "git.example", identity.Client{}); err != nil || !ended {
		t.Errorf("found by a scanner: %v %v", ended, err)
	}
	if status, _ := h.scimAs(found, "GET", "/Users", ""); status != 401 {
		t.Errorf("a token that others have: %d", status)
	}
	later := identity.New(identity.Config{Store: h.store, PublicURL: "http://desk.test", Now: func() time.Time { return time.Now().AddDate(0, 0, 91) }})
	must(t, h.identity.SwitchProvider(ctx, cli, h.provider.ID, identity.SwitchedOn))
	if _, err := later.ProvisionBearer(ctx, h.token, identity.Client{}); err == nil {
		t.Error("a token lasts for ever")
	}
}

// scimEverybody is everybody here, in words.
func (h *scimHouse) scimEverybody() string {
	h.t.Helper()
	people, err := h.store.People(h.t.Context(), "", 100)
	must(h.t, err)
	words := []string{}
	for _, person := range people.Items {
		words = append(words, fmt.Sprint(person.ID, person.Email, person.Name, person.Role, person.DisabledAt != nil))
	}
	return strings.Join(words, "\n")
}

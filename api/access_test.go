package api_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"postern/api"
	"postern/desk"
	"postern/identity"
)

// limit sets how much may be asked.
func (o *office) limit(t *testing.T, setting *desk.Setting, to int) {
	t.Helper()
	must(t, o.identity.SetSettings(t.Context(), cli, map[string]any{setting.Key: to}))
}

// A program is told how far it may go, and when it may go on; what it is refused does not stop others.
func TestLimits(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.limit(t, desk.LimitToken, 5)
	o.limit(t, desk.LimitSearch, 2)
	for i := range 5 {
		got := o.get(t, "agent", "/mailboxes").want(http.StatusOK)
		if left, _ := strconv.Atoi(got.header.Get("RateLimit-Remaining")); left != 4-i || got.header.Get("RateLimit-Limit") != "5" || got.header.Get("RateLimit-Policy") != "5;w=60" || got.header.Get("RateLimit-Reset") == "" {
			t.Fatalf("request %d: %v", i, got.header)
		}
	}
	over := o.get(t, "agent", "/mailboxes").want(http.StatusTooManyRequests)
	if after, err := strconv.Atoi(over.header.Get("Retry-After")); err != nil || after < 1 || after > 120 || over.header.Get("RateLimit-Remaining") != "0" {
		t.Errorf("%v", over.header)
	}
	o.get(t, "admin", "/mailboxes").want(http.StatusOK)

	o.limit(t, desk.LimitToken, 1000)
	for range 2 {
		o.get(t, "owner", "/tickets?q=lamp").want(http.StatusOK)
	}
	over = o.get(t, "owner", "/suspended.csv").want(http.StatusTooManyRequests)
	if over.header.Get("RateLimit-Limit") != "2" {
		t.Errorf("the tighter limit is not told: %v", over.header)
	}
	o.get(t, "owner", "/tickets").want(http.StatusOK)

	o.limit(t, desk.LimitAnonymous, 3)
	for range 3 {
		o.get(t, "pst_nonsense", "/tickets").want(http.StatusUnauthorized)
	}
	o.get(t, "", "/tickets").want(http.StatusTooManyRequests)
	o.get(t, "", "/openapi.json").want(http.StatusTooManyRequests)
	o.get(t, "owner", "/tickets").want(http.StatusOK) // who is known is not stopped by who is not, from the same address
}

func basicOf(name, password string) map[string]string {
	return map[string]string{"Authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+password))}
}

// The same token by Basic, as the reference has it; no password.
func TestBasicToken(t *testing.T) {
	t.Parallel()
	o := open(t)
	ask := func(name, password string) answer {
		return o.do(t, ask{method: "GET", path: "/tickets", header: basicOf(name, password)})
	}
	ask("agnes@example.com/token", o.tokens["agent"]).want(http.StatusOK)
	for _, wrong := range [][2]string{{"adam@example.com/token", o.tokens["agent"]}, {"agnes@example.com", o.tokens["agent"]}, {"agnes@example.com/token", "x"}, {"agnes@example.com", "correct horse battery staple"}, {"", ""}} {
		ask(wrong[0], wrong[1]).want(http.StatusUnauthorized)
	}
}

// Scopes of one resource open that resource and nothing else; that is the table of routes × scopes.
func TestResourceScopes(t *testing.T) {
	t.Parallel()
	o := open(t)
	all, _ := operations(t, o)
	parts := map[desk.Scope]bool{}
	for _, op := range all {
		parts[op.Part] = true
	}
	for _, scope := range desk.AllScopes() { // what desk knows is what the routes have
		if strings.Contains(string(scope), ":") && !parts[scope] {
			t.Errorf("desk.Resources has %s, and no route has", scope)
		}
	}
	for part := range parts {
		if !part.Known() {
			t.Errorf("a route has %s, and desk.Resources does not", part)
		}
	}
	var golden bytes.Buffer
	scopes := []desk.Scope{"read", "write", "admin", "tickets:read", "tickets:write", "tickets:delete", "users:read", "users:write", "tokens:write", "messages:read", "settings:write", "roles:write", "me:read", "offline", "impersonate"}
	numbers := regexp.MustCompile(`\{[a-z]+\}`)
	tokens := map[desk.Scope]string{}
	for _, scope := range scopes {
		if scope != desk.ScopeOffline {
			tokens[scope] = o.token(t, "adam@example.com", scope)
		}
	}
	for _, op := range all {
		var opens []string
		for _, scope := range scopes {
			if tokens[scope] == "" {
				continue
			}
			got := o.do(t, ask{as: tokens[scope], method: op.method, path: numbers.ReplaceAllString(op.path, "987654321"), json: map[string]any{}})
			switch {
			case got.status == http.StatusUnauthorized || got.status >= 500 || got.status == http.StatusTooManyRequests:
				t.Errorf("%s: %d %s", got.asked, got.status, got.body)
			case got.status != http.StatusForbidden:
				opens = append(opens, string(scope))
			case desk.Allows([]desk.Scope{scope}, op.Right) && !op.Part.Apart():
				t.Errorf("%s, with the scope %s: %s", got.asked, scope, got.body)
			}
		}
		fmt.Fprintf(&golden, "%-6s %-62s %s\n", op.method, op.path, strings.Join(opens, " "))
	}
	const file = "testdata/scopes.golden"
	if *update {
		must(t, os.WriteFile(file, golden.Bytes(), 0o644))
	}
	want, err := os.ReadFile(file)
	must(t, err)
	if golden.String() != string(want) {
		t.Errorf("which scope opens which route has changed: if that was meant, run go test ./api -run TestResourceScopes -update\n%s", golden.String())
	}
	if _, _, err := o.identity.AddToken(t.Context(), cli, identity.NewToken{UserEmail: "adam@example.com", Name: "x", Scopes: []desk.Scope{"tickets:root"}}); err == nil {
		t.Error("a token has a scope that there is not")
	}
}

// A token with the scope of one resource makes none that may more.
func TestResourceScopeDoesNotGrow(t *testing.T) {
	t.Parallel()
	o := open(t)
	maker := o.token(t, "adam@example.com", "tokens:write", "tickets:read")
	for _, scopes := range [][]string{nil, {"read"}, {"admin"}, {"tickets:write"}, {"users:read"}} {
		o.post(t, maker, "/tokens", map[string]any{"name": "x", "scopes": scopes}).want(http.StatusForbidden)
	}
	made := o.post(t, maker, "/tokens", map[string]any{"name": "x", "scopes": []string{"tickets:read"}, "networks": []string{"127.0.0.0/8"}}).want(http.StatusCreated)
	token, _ := made.value("token").(string)
	o.get(t, token, "/tickets").want(http.StatusOK)
	o.get(t, token, "/users").want(http.StatusForbidden)
	elsewhere := o.post(t, maker, "/tokens", map[string]any{"name": "y", "scopes": []string{"tickets:read"}, "networks": []string{"192.0.2.0/24"}}).want(http.StatusCreated)
	token, _ = elsewhere.value("token").(string)
	o.get(t, token, "/tickets").want(http.StatusForbidden)
}

// A token acts for customers only with the scope and the right, and only for customers; then it sees what they see.
func TestOnBehalf(t *testing.T) {
	t.Parallel()
	o := open(t)
	theirs, other := o.started(t, customerEmail, "Theirs"), o.started(t, strangerEmail, "Another")
	actor := o.token(t, "olga@example.com", desk.ScopeRead, desk.ScopeImpersonate)
	as := func(token, customer, path string) answer {
		return o.do(t, ask{as: token, method: "GET", path: path, header: map[string]string{"X-On-Behalf-Of": customer}})
	}
	if numbers := as(actor, customerEmail, "/tickets").want(http.StatusOK).ids("number"); !slices.Equal(numbers, []int64{theirs}) {
		t.Errorf("the customer's tickets: %v", numbers)
	}
	as(actor, customerEmail, at("/tickets/%d", other)).want(http.StatusNotFound)
	as(actor, strangerEmail, at("/tickets/%d", other)).want(http.StatusOK)
	as(actor, customerEmail, "/mailboxes").want(http.StatusForbidden)
	for name, test := range map[string][2]string{
		"without the scope": {o.tokens["owner"], customerEmail}, "an admin, with the scope": {o.token(t, "adam@example.com", desk.ScopeRead, desk.ScopeImpersonate), customerEmail}, "an agent, with the scope": {o.token(t, "agnes@example.com", desk.ScopeRead, desk.ScopeImpersonate), customerEmail},
		"an owner": {actor, "olga@example.com"}, "a colleague": {actor, "agnes@example.com"},
	} {
		if got := as(test[0], test[1], "/tickets"); got.status != http.StatusForbidden {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	as(actor, "nonsense", "/tickets").want(http.StatusUnprocessableEntity)
	if log := string(o.get(t, "admin", "/audit?limit=100").want(http.StatusOK).body); strings.Count(log, `"token.act-for"`) != 2 {
		t.Errorf("acting for two customers is not noted twice:\n%s", log)
	}
}

// JSON and nothing else, each name once, no name that there is not.
func TestStrictBodies(t *testing.T) {
	t.Parallel()
	o := open(t)
	number := o.started(t, customerEmail, "A ticket")
	for name, test := range map[string]struct {
		media, body string
		status      int
	}{
		"JSON": {"application/json", `{"text":"x"}`, 201}, "with a charset": {"application/json; charset=utf-8", `{"text":"x"}`, 201}, "a form": {"application/x-www-form-urlencoded", `text=x`, 415},
		"plain text": {"text/plain", `{"text":"x"}`, 415}, "no type": {"", `{"text":"x"}`, 415}, "XML": {"application/xml", `<a/>`, 415}, "twice": {"application/json", `{"text":"x","text":"y"}`, 400},
		"twice, deep": {"application/json", `{"text":"x","more":[{"a":1,"a":2}]}`, 400}, "the same name in two objects": {"application/json", `{"text":"x","a":{"text":1}}`, 422},
		"an unknown name": {"application/json", `{"text":"x","colour":"red"}`, 422}, "twice, once escaped": {"application/json", `{"text":"x","\u0074ext":"y"}`, 400}, "no JSON": {"application/json", `{"text":`, 400},
		"too large": {"application/json", `{"text":"` + strings.Repeat("x", 2<<20) + `"}`, 413},
	} {
		header := map[string]string{"Content-Type": test.media}
		got := o.do(t, ask{as: "agent", method: "POST", path: at("/tickets/%d/notes", number), body: strings.NewReader(test.body), header: header})
		if got.status != test.status {
			t.Errorf("%s: %d, want %d\n%s", name, got.status, test.status, got.body[:min(len(got.body), 300)])
		}
	}
}

// Pages of other sites ask only where an admin has named them.
func TestCORS(t *testing.T) {
	t.Parallel()
	o := open(t)
	from := func(method, origin, path string, more map[string]string) answer {
		header := map[string]string{"Origin": origin}
		for name, value := range more {
			header[name] = value
		}
		return o.do(t, ask{as: "agent", method: method, path: path, header: header})
	}
	question := map[string]string{"Access-Control-Request-Method": "GET"}
	if got := from("GET", "https://app.example.com", "/tickets", nil).want(http.StatusOK); got.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("%v", got.header)
	}
	from("OPTIONS", "https://app.example.com", "/tickets", question).want(http.StatusMethodNotAllowed)
	must(t, o.identity.SetSettings(t.Context(), cli, map[string]any{desk.APIOrigins.Key: []string{"https://app.example.com"}}))
	got := from("OPTIONS", "https://app.example.com", "/tickets", question).want(http.StatusNoContent)
	if got.header.Get("Access-Control-Allow-Origin") != "https://app.example.com" || got.header.Get("Access-Control-Allow-Credentials") != "" || !strings.Contains(got.header.Get("Access-Control-Allow-Headers"), "Authorization") {
		t.Errorf("%v", got.header)
	}
	if got := from("GET", "https://app.example.com", "/tickets", nil).want(http.StatusOK); got.header.Get("Access-Control-Allow-Origin") != "https://app.example.com" || got.header.Get("Vary") != "Origin" {
		t.Errorf("%v", got.header)
	}
	for _, origin := range []string{"https://evil.example", "null", "https://app.example.com.evil.example", "http://app.example.com"} {
		if got := from("GET", origin, "/tickets", nil); got.header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s may ask", origin)
		}
	}
}

// What a scanner of source code finds is revoked, and what it found falsely tells it nothing.
func TestLeaks(t *testing.T) {
	t.Parallel()
	o := open(t)
	token := o.tokens["agent"]
	report := []map[string]any{
		{"token": token, "type": "postern", "url": "https://git.example/repo/blob/main/.env?x=" + token, "source": "content"},
		{"token": "pst_nonsense", "type": "postern"},
	}
	text, err := json.Marshal(report)
	must(t, err)
	response, err := http.Post(o.url+api.Base+"/leaks", "application/json", bytes.NewReader(text))
	must(t, err)
	defer response.Body.Close()
	var judged []struct{ Label string }
	must(t, json.NewDecoder(response.Body).Decode(&judged))
	if len(judged) != 2 || judged[0].Label != "true_positive" || judged[1].Label != "false_positive" {
		t.Errorf("%+v", judged)
	}
	o.get(t, "agent", "/tickets").want(http.StatusUnauthorized)
	log := string(o.get(t, "admin", "/audit?limit=100").want(http.StatusOK).body)
	if !strings.Contains(log, `"token.exposed"`) || !strings.Contains(log, "git.example") || strings.Contains(log, token) || strings.Contains(o.log.String(), token) {
		t.Errorf("the log:\n%s", log)
	}
}

// oauth asks the token endpoint and its like.
func (o *office) oauth(t *testing.T, path string, form url.Values, header map[string]string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, o.url+path, strings.NewReader(form.Encode()))
	must(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for name, value := range header {
		r.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(r)
	must(t, err)
	defer response.Body.Close()
	var body bytes.Buffer
	_, err = body.ReadFrom(response.Body)
	must(t, err)
	return answer{t: t, asked: path, status: response.StatusCode, header: response.Header, body: body.Bytes()}
}

// What a client of OAuth can get wrong (RFC 6749 §5.2), and where it finds out how it is done (RFC 8414).
func TestOAuthEndpoints(t *testing.T) {
	t.Parallel()
	o := open(t)
	robot, err := o.identity.AddServiceAccount(t.Context(), cli, "robot", desk.RoleAgent)
	must(t, err)
	secret, client, err := o.identity.AddClient(t.Context(), cli, identity.NewClient{Name: "Nightly", Confidential: true, Scopes: []desk.Scope{"tickets:read"}, Service: robot.Email})
	must(t, err)
	fine := url.Values{"grant_type": {"client_credentials"}, "scope": {"tickets:read"}}
	got := o.oauth(t, "/oauth/token", fine, basicOf(client.Key, secret))
	if got.status != 200 || got.header.Get("Cache-Control") != "no-store" || got.value("token_type") != "Bearer" || got.value("scope") != "tickets:read" || got.value("refresh_token") != nil || got.value("expires_in") != 3600.0 {
		t.Fatalf("%d %v %s", got.status, got.header, got.body)
	}
	access, _ := got.value("access_token").(string)
	o.get(t, access, "/tickets").want(http.StatusOK)
	o.get(t, access, "/messages/1").want(http.StatusForbidden)

	with := func(pairs ...string) url.Values {
		form := url.Values{"grant_type": {"client_credentials"}, "client_id": {client.Key}, "client_secret": {secret}}
		for i := 0; i < len(pairs); i += 2 {
			form.Set(pairs[i], pairs[i+1])
		}
		return form
	}
	if got := o.oauth(t, "/oauth/token", with(), nil); got.status != 200 {
		t.Errorf("the secret in the form: %d %s", got.status, got.body)
	}
	for name, test := range map[string]struct {
		path   string
		form   url.Values
		header map[string]string
		status int
		code   string
	}{
		"the wrong secret":             {"/oauth/token", fine, basicOf(client.Key, "x"), 401, "invalid_client"},
		"an unknown client":            {"/oauth/token", fine, basicOf("pca_nobody", "x"), 401, "invalid_client"},
		"nobody":                       {"/oauth/token", fine, nil, 401, "invalid_client"},
		"a bearer token as proof":      {"/oauth/token", fine, map[string]string{"Authorization": "Bearer " + o.tokens["admin"]}, 401, "invalid_client"},
		"two ways at once":             {"/oauth/token", with(), basicOf(client.Key, secret), 400, "invalid_request"},
		"two clients at once":          {"/oauth/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {"other"}}, basicOf(client.Key, secret), 400, "invalid_request"},
		"a parameter twice":            {"/oauth/token", url.Values{"grant_type": {"client_credentials", "password"}}, basicOf(client.Key, secret), 400, "invalid_request"},
		"the secret in the address":    {"/oauth/token?client_secret=" + secret, fine, nil, 400, ""},
		"anything in the address":      {"/oauth/token?x=1", fine, basicOf(client.Key, secret), 400, "invalid_request"},
		"a password":                   {"/oauth/token", with("grant_type", "password", "username", "adam@example.com", "password", "x"), nil, 400, "unsupported_grant_type"},
		"no grant":                     {"/oauth/token", with("grant_type", ""), nil, 400, "invalid_request"},
		"a code without a verifier":    {"/oauth/token", with("grant_type", "authorization_code", "code", "x"), nil, 400, "invalid_request"},
		"a code that is none":          {"/oauth/token", with("grant_type", "authorization_code", "code", "x", "code_verifier", strings.Repeat("a", 43)), nil, 400, "invalid_grant"},
		"a refresh token that is none": {"/oauth/token", with("grant_type", "refresh_token", "refresh_token", "x"), nil, 400, "invalid_grant"},
		"an unknown scope":             {"/oauth/token", with("scope", "root"), nil, 400, "invalid_scope"},
		"a scope that it may not":      {"/oauth/token", with("scope", "admin"), nil, 400, "invalid_scope"},
		"nothing to revoke":            {"/oauth/revoke", with(), nil, 400, "invalid_request"},
		"nothing to look at":           {"/oauth/introspect", with(), nil, 400, "invalid_request"},
		"looked at by nobody":          {"/oauth/introspect", url.Values{"token": {access}}, nil, 401, "invalid_client"},
		"JSON":                         {"/oauth/token", fine, map[string]string{"Content-Type": "application/json"}, 400, "invalid_request"},
	} {
		got := o.oauth(t, test.path, test.form, test.header)
		if got.status != test.status || test.code != "" && got.value("error") != test.code || strings.Contains(string(got.body), secret) {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
		if got.status == 401 && !strings.HasPrefix(got.header.Get("WWW-Authenticate"), "Basic") {
			t.Errorf("%s: %v", name, got.header)
		}
	}

	if got := o.oauth(t, "/oauth/introspect", with("token", access), nil); got.value("active") != true || got.value("client_id") != client.Key || got.value("username") != robot.Email || got.value("iss") != "http://desk.test" {
		t.Errorf("%s", got.body)
	}
	if got := o.oauth(t, "/oauth/introspect", with("token", o.tokens["admin"]), nil); string(bytes.TrimSpace(got.body)) != `{"active":false}` {
		t.Errorf("a token of somebody else: %s", got.body)
	}
	for range 2 {
		if got := o.oauth(t, "/oauth/revoke", with("token", access, "token_type_hint", "access_token"), nil); got.status != 200 {
			t.Errorf("%d %s", got.status, got.body)
		}
	}
	o.get(t, access, "/tickets").want(http.StatusUnauthorized)

	found, err := http.Get(o.url + "/.well-known/oauth-authorization-server")
	must(t, err)
	defer found.Body.Close()
	var metadata map[string]any
	must(t, json.NewDecoder(found.Body).Decode(&metadata))
	for name, want := range map[string]any{
		"issuer": "http://desk.test", "token_endpoint": "http://desk.test/oauth/token", "authorization_endpoint": "http://desk.test/oauth/authorize",
		"authorization_response_iss_parameter_supported": true, "code_challenge_methods_supported": []any{"S256"}, "response_types_supported": []any{"code"},
	} {
		if fmt.Sprint(metadata[name]) != fmt.Sprint(want) {
			t.Errorf("%s is %v", name, metadata[name])
		}
	}
	if strings.Contains(o.log.String(), secret) || strings.Contains(o.log.String(), access) {
		t.Error("the log holds a secret")
	}
}

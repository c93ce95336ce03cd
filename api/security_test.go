package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"postern/desk"
	"postern/identity"
)

// security walks through what decides who may come in: each thing is made, read, changed and ended by a program, every step stands in the audit log with the token that took it, and no secret does.
type security struct {
	*office
	t      *testing.T
	token  string // an admin's, which names every scope
	shown  []string
	wanted map[string]int // acts that were done by the token
}

func (s *security) call(method, path string, body any) answer {
	s.t.Helper()
	return s.do(s.t, ask{as: s.token, method: method, path: path, json: body})
}

// did is a call that succeeds and leaves an act.
func (s *security) did(act, method, path string, body any) answer {
	s.t.Helper()
	got := s.call(method, path, body)
	if got.status/100 != 2 {
		s.t.Fatalf("%s: %d %s", got.asked, got.status, got.body)
	}
	if act != "" {
		s.wanted[act]++
	}
	return got
}

func TestSecurityByAPI(t *testing.T) {
	t.Parallel()
	o := open(t)
	s := &security{office: o, t: t, wanted: map[string]int{}, token: o.token(t, "adam@example.com", desk.AllScopes()...)}
	for _, part := range []struct {
		name string
		walk func(*testing.T)
	}{
		{"settings", s.settings}, {"roles", s.roles}, {"providers", s.providers}, {"clients", s.clients}, {"services and tokens", s.services}, {"sinks", s.sinks}, {"people", s.people},
		{"addresses", s.addresses}, // last: it locks itself out
	} {
		t.Run(part.name, func(t *testing.T) {
			s.t = t
			part.walk(t)
		})
	}
	s.t = t
	s.audited()
}

func (s *security) settings(t *testing.T) {
	all := s.call("GET", "/settings", nil).want(http.StatusOK)
	if items, _ := all.value("items").([]any); len(items) != len(desk.Settings) {
		t.Errorf("%d settings, want %d", len(items), len(desk.Settings))
	}
	changed := s.did("settings.change", "PATCH", "/settings", map[string]any{"sessions.staff.idle": 25, "api.origins": []string{"https://app.example.com"}})
	if !strings.Contains(string(changed.body), `"https://app.example.com"`) || !strings.Contains(string(changed.body), `"value":25`) {
		t.Errorf("%s", changed.body)
	}
	for name, test := range map[string]struct {
		body   any
		status int
	}{
		"a key that there is not": {map[string]any{"no.such": 1}, 422}, "out of bounds": {map[string]any{"sessions.staff.idle": 1}, 422}, "of another kind": {map[string]any{"sessions.staff.idle": []string{"30"}}, 422},
		"one of two is wrong": {map[string]any{"sessions.staff.idle": 30, "devices.notify": "perhaps"}, 422}, "nothing": {map[string]any{}, 422}, "no object": {[]string{"x"}, 422},
		"an owner's": {map[string]any{"audit.retention_days": 400}, 403}, "a page of its own": {map[string]any{"addresses.on": true}, 422},
	} {
		if got := s.call("PATCH", "/settings", test.body); got.status != test.status {
			t.Errorf("%s: %d, want %d: %s", name, got.status, test.status, got.body)
		}
	}
	owner := s.office.token(t, "olga@example.com", "settings:write")
	s.do(t, ask{as: owner, method: "PATCH", path: "/settings", json: map[string]any{"audit.retention_days": 400}}).want(http.StatusForbidden) // what owners alone may, no token of theirs may
	if !strings.Contains(string(s.call("GET", "/settings", nil).body), `"key":"sessions.staff.idle","kind":"number","value":25`) {
		t.Error("a change that was refused has changed something")
	}
	// The broad scopes, and a token without scopes, do not reach what decides who comes in; and neither makes a token that does.
	for _, token := range []string{s.tokens["owner"], s.tokens["admin"], s.office.token(t, "adam@example.com", "admin"), s.office.token(t, "adam@example.com", "settings:read", "tokens:write")} {
		got := s.do(t, ask{as: token, method: "PATCH", path: "/settings", json: map[string]any{"sessions.staff.idle": 30}}).want(http.StatusForbidden)
		if challenge := got.header.Get("WWW-Authenticate"); !strings.Contains(challenge, `error="insufficient_scope", scope="settings:write"`) {
			t.Errorf("%v", got.header)
		}
		s.do(t, ask{as: token, method: "POST", path: "/tokens", json: map[string]any{"name": "wider", "scopes": []string{"settings:write"}}}).want(http.StatusForbidden)
	}
}

func (s *security) roles(t *testing.T) {
	rights := []string{"tickets:read", "tickets:note"}
	s.did("role.add", "POST", "/roles", map[string]any{"name": "Night shift", "rights": rights, "sight": "teams", "masks": []string{"phone"}})
	if got := s.call("GET", "/roles/Night%20shift", nil).want(http.StatusOK); got.value("sight") != "teams" || got.value("built_in") != false {
		t.Errorf("%s", got.body)
	}
	changed := s.did("role.change", "PATCH", "/roles/Night%20shift", map[string]any{"sight": "assigned"})
	if len(changed.value("rights").([]any)) != 2 || changed.value("sight") != "assigned" || len(changed.value("masks").([]any)) != 1 {
		t.Errorf("what was not named has changed: %s", changed.body)
	}
	s.call("PATCH", "/roles/admin", map[string]any{"sight": "all"}).want(http.StatusConflict)
	s.call("PATCH", "/roles/Nobody", map[string]any{"sight": "all"}).want(http.StatusNotFound)
	s.call("POST", "/roles", map[string]any{"name": "Half an owner", "rights": []string{"ownership"}, "sight": "all"}).want(http.StatusUnprocessableEntity)
	if items := s.call("GET", "/roles", nil).want(http.StatusOK).value("items").([]any); len(items) != len(desk.BuiltIn)+1 {
		t.Errorf("%d roles", len(items))
	}
	s.did("role.remove", "DELETE", "/roles/Night%20shift", nil)
	s.call("GET", "/roles/Night%20shift", nil).want(http.StatusNotFound)
}

func (s *security) providers(t *testing.T) {
	const secret = "planted-provider-secret-4711"
	made := s.did("provider.add", "POST", "/providers", map[string]any{
		"kind": "oidc", "name": "Company", "population": "staff", "secret": secret, "settings": map[string]any{"issuer": "https://login.example.com", "client_id": "postern", "domains": []string{"Example.com"}},
	})
	s.wanted["provider.secret"]++
	s.shown = append(s.shown, secret)
	path := at("/providers/%d", made.id("id"))
	if made.value("enabled") != false || made.value("has_secret") != true || made.value("settings", "domains", 0) != "example.com" || !strings.HasSuffix(fmt.Sprint(made.value("redirect_uri")), "/callback") {
		t.Errorf("%s", made.body)
	}
	s.did("provider.on", "PATCH", path, map[string]any{"enabled": true})
	changed := s.did("provider.change", "PATCH", path, map[string]any{"name": "The company"})
	if changed.value("settings", "client_id") != "postern" || changed.value("enabled") != true {
		t.Errorf("%s", changed.body)
	}
	for name, body := range map[string]any{
		"no issuer":  map[string]any{"settings": map[string]any{"client_id": "x"}},
		"an owner":   map[string]any{"settings": map[string]any{"issuer": "https://login.example.com", "client_id": "x", "create": true, "create_role": "owner"}},
		"says roles": map[string]any{"settings": map[string]any{"issuer": "https://login.example.com", "client_id": "x", "allow_role": true}}, "unknown": map[string]any{"settings": map[string]any{"colour": "red"}},
	} {
		if got := s.call("PATCH", path, body); got.status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	owner := s.office.token(t, "olga@example.com", "providers:write")
	s.do(t, ask{as: owner, method: "PATCH", path: path, json: map[string]any{"settings": map[string]any{"issuer": "https://login.example.com", "client_id": "x", "allow_role": true}}}).want(http.StatusUnprocessableEntity)
	jwt := s.did("provider.add", "POST", "/providers", map[string]any{"kind": "jwt", "name": "Our page", "population": "customers", "settings": map[string]any{"algorithm": "HS256", "login_url": "https://www.example.com/login"}})
	made = s.did("provider.secret", "POST", at("/providers/%d/secret", jwt.id("id")), nil)
	s.shown = append(s.shown, made.value("secret").(string))
	s.did("provider.remove", "DELETE", path, nil)
	s.call("GET", path, nil).want(http.StatusNotFound)
	s.did("", "GET", "/providers", nil)
}

func (s *security) clients(t *testing.T) {
	made := s.did("client.add", "POST", "/clients", map[string]any{"name": "Reports", "confidential": true, "redirect_uris": []string{"https://reports.example.com/back"}, "scopes": []string{"tickets:read", "offline"}})
	s.shown = append(s.shown, made.value("client_secret").(string))
	path := at("/clients/%d", made.id("id"))
	if shown := s.call("GET", path, nil).want(http.StatusOK); shown.value("client_secret") != nil || shown.value("client_id") != made.value("client_id") {
		t.Errorf("%s", shown.body)
	}
	changed := s.did("client.change", "PATCH", path, map[string]any{"about": "Monthly figures"})
	if changed.value("redirect_uris", 0) != "https://reports.example.com/back" || len(changed.value("scopes").([]any)) != 2 {
		t.Errorf("%s", changed.body)
	}
	for _, uri := range []string{"http://reports.example.com/back", "https://*.example.com/", "https://reports.example.com/back#x", "javascript:alert(1)", "https://u:p@reports.example.com/"} {
		s.call("PATCH", path, map[string]any{"redirect_uris": []string{uri}}).want(http.StatusUnprocessableEntity)
	}
	s.call("PATCH", path, map[string]any{"scopes": []string{"tickets:root"}}).want(http.StatusUnprocessableEntity)
	renewed := s.did("client.secret", "POST", path+"/secret", nil)
	s.shown = append(s.shown, renewed.value("client_secret").(string))
	if renewed.value("client_secret") == made.value("client_secret") || renewed.value("old_secret_until") == nil {
		t.Errorf("%s", renewed.body)
	}
	if off := s.did("client.disable", "PATCH", path, map[string]any{"disabled": true}); off.value("disabled_at") == nil {
		t.Errorf("%s", off.body)
	}
	s.did("client.enable", "PATCH", path, map[string]any{"disabled": false})
	s.did("", "GET", "/clients?limit=1", nil)
	s.did("", "GET", path+"/apps", nil)
	s.did("", "GET", "/apps", nil)
	s.call("DELETE", "/apps/987654", nil).want(http.StatusNotFound)
	s.did("client.remove", "DELETE", path, nil)
}

func (s *security) services(t *testing.T) {
	robot := s.did("user.service", "POST", "/services", map[string]any{"name": "Backup script", "role": "agent"})
	s.call("POST", "/services", map[string]any{"name": "Boss", "role": "owner"}).want(http.StatusUnprocessableEntity)
	s.call("POST", "/services", map[string]any{"name": "Peer", "role": "admin"}).want(http.StatusForbidden) // as much as whoever asks
	token := s.did("token.add", "POST", "/tokens", map[string]any{"user": robot.value("email"), "name": "nightly", "scopes": []string{"tickets:read"}, "networks": []string{"127.0.0.1"}})
	s.shown = append(s.shown, token.value("token").(string))
	path := at("/tokens/%d", token.id("id"))
	if shown := s.call("GET", path, nil).want(http.StatusOK); shown.value("kind") != "service" || shown.value("token") != nil {
		t.Errorf("%s", shown.body)
	}
	s.do(t, ask{as: token.value("token").(string), method: "GET", path: "/tickets"}).want(http.StatusOK)
	s.do(t, ask{as: token.value("token").(string), method: "GET", path: path}).want(http.StatusForbidden)
	s.call("PATCH", path, map[string]any{"disabled": false}).want(http.StatusConflict) // it is not switched off
	s.call("PATCH", path, map[string]any{"disabled": true}).want(http.StatusUnprocessableEntity)
	s.do(t, ask{as: "agent", method: "GET", path: path}).want(http.StatusNotFound) // somebody else's
	s.did("user.disable", "PATCH", at("/services/%d", robot.id("id")), map[string]any{"disabled": true})
	s.do(t, ask{as: token.value("token").(string), method: "GET", path: "/tickets"}).want(http.StatusUnauthorized)
	s.did("user.enable", "PATCH", at("/services/%d", robot.id("id")), map[string]any{"disabled": false})
	s.call("PATCH", at("/services/%d", s.users["agent"].ID), map[string]any{"disabled": true}).want(http.StatusNotFound) // a person is none
	s.did("token.revoke", "DELETE", path, nil)
	s.call("GET", path, nil).want(http.StatusNotFound)
	if items := s.call("GET", "/services", nil).want(http.StatusOK).value("items").([]any); len(items) != 1 {
		t.Errorf("%d services", len(items))
	}
}

func (s *security) sinks(t *testing.T) {
	made := s.did("audit.sink", "POST", "/sinks", map[string]any{"name": "siem", "kind": "webhook", "address": "https://logs.example.com/in?key=planted-address-key"})
	s.shown = append(s.shown, made.value("secret").(string), "planted-address-key")
	path := at("/sinks/%d", made.id("id"))
	s.did("audit.sink", "PATCH", path, map[string]any{"address": "https://logs.example.com/other"})
	s.call("PATCH", path, map[string]any{"address": "http://logs.example.com/other"}).want(http.StatusUnprocessableEntity)
	s.call("PATCH", path, map[string]any{"enabled": false}).want(http.StatusUnprocessableEntity)
	s.call("PATCH", "/sinks/987654", map[string]any{"address": "https://logs.example.com/other"}).want(http.StatusNotFound)
	if listed := s.call("GET", "/sinks", nil).want(http.StatusOK); listed.value("items", 0, "address") != "https://logs.example.com/other" || listed.value("items", 0, "secret") != nil {
		t.Errorf("%s", listed.body)
	}
	s.call("POST", "/audit/alerts/987654/seen", nil)
}

func (s *security) people(t *testing.T) {
	agnes, olga := s.users["agent"].ID, s.users["owner"].ID
	if shown := s.call("GET", at("/users/%d", agnes), nil).want(http.StatusOK); shown.value("email") != "agnes@example.com" {
		t.Errorf("%s", shown.body)
	}
	if own := s.call("GET", "/me", nil).want(http.StatusOK); own.value("email") != "adam@example.com" || own.id("token_id") == 0 || !slices.Contains(own.value("rights").([]any), any("security:manage")) {
		t.Errorf("%s", own.body)
	}
	if narrow := s.do(t, ask{as: "reader", method: "GET", path: "/me"}).want(http.StatusOK); slices.Contains(narrow.value("rights").([]any), any("security:manage")) {
		t.Errorf("a narrow token shows more than it may: %s", narrow.body)
	}
	link, err := s.identity.LoginLink(t.Context(), cli, "agnes@example.com")
	must(t, err)
	came, err := s.identity.UseLink(t.Context(), link[strings.LastIndex(link, "/")+1:], identity.Client{IP: "192.0.2.9", UserAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"})
	must(t, err)
	devices := s.call("GET", at("/users/%d/devices", agnes), nil).want(http.StatusOK)
	if devices.value("items", 0, "name") != "Firefox / Linux" || devices.value("items", 0, "sessions", 0, "ip") != "192.0.2.9" || strings.Contains(string(devices.body), came.Token) {
		t.Errorf("%s", devices.body)
	}
	session := devices.id("items", 0, "sessions", 0, "id")
	s.call("DELETE", at("/users/%d/sessions/%d", s.users["customer"].ID, session), nil).want(http.StatusNotFound) // somebody else's
	s.call("DELETE", at("/me/sessions/%d", session), nil).want(http.StatusNotFound)
	s.did("session.end", "DELETE", at("/users/%d/sessions/%d", agnes, session), nil)
	if _, err := s.identity.Session(t.Context(), came.Token); err == nil {
		t.Error("the session goes on")
	}
	s.did("session.end-others", "DELETE", at("/users/%d/sessions", agnes), nil)
	s.did("device.forget", "DELETE", at("/users/%d/devices/%d", agnes, devices.id("items", 0, "id")), nil)
	s.did("session.end-others", "DELETE", "/me/sessions", nil)
	for _, path := range []string{"devices", "identities"} {
		s.did("", "GET", at("/users/%d/"+path, agnes), nil)
	}
	s.call("GET", at("/users/%d/devices", olga), nil).want(http.StatusForbidden) // an admin does not look after owners
	s.call("DELETE", at("/users/%d/sessions", olga), nil).want(http.StatusForbidden)
	s.call("POST", at("/users/%d/password-reset", olga), nil).want(http.StatusForbidden)
	s.call("DELETE", at("/users/%d/identities/987654", agnes), nil).want(http.StatusNotFound)
	s.did("user.reset-start", "POST", at("/users/%d/password-reset", agnes), nil)
	if report := s.call("GET", "/factors?limit=2", nil).want(http.StatusOK); len(report.value("items").([]any)) != 2 || report.value("next_cursor") == nil {
		t.Errorf("%s", report.body)
	}
	if one := s.call("GET", at("/users/%d/factors", olga), nil).want(http.StatusOK); one.value("required") != true || one.value("protected") != false {
		t.Errorf("%s", one.body)
	}
	// No token makes an owner, not even an owner's.
	boss := s.office.token(t, "olga@example.com", desk.AllScopes()...)
	s.do(t, ask{as: boss, method: "PATCH", path: at("/users/%d", agnes), json: map[string]any{"role": "owner"}}).want(http.StatusForbidden)
	s.do(t, ask{as: boss, method: "POST", path: "/users", json: map[string]any{"email": "new@example.com", "name": "New", "role": "owner"}}).want(http.StatusForbidden)
	// Acting for a customer opens their questions, and nothing about their account.
	for _, path := range []string{"GET /me", "GET /me/devices", "DELETE /me/sessions"} {
		method, path, _ := strings.Cut(path, " ")
		s.do(t, ask{as: s.token, method: method, path: path, header: map[string]string{"X-On-Behalf-Of": customerEmail}}).want(http.StatusForbidden)
	}
}

func (s *security) addresses(t *testing.T) {
	s.did("addresses.change", "POST", "/addresses/ranges", map[string]any{"list": "all", "range": "127.*.*.*", "name": "Here"})
	s.call("POST", "/addresses/ranges", map[string]any{"list": "all", "range": "127.0.0.0/8", "name": "Here again"}).want(http.StatusConflict)
	s.call("POST", "/addresses/ranges", map[string]any{"list": "all", "range": "0.0.0.0/0", "name": "Everybody"}).want(http.StatusUnprocessableEntity)
	on := s.did("addresses.change", "PATCH", "/addresses", map[string]any{"on": true})
	if on.value("ranges", 0, "range") != "127.0.0.0/8" || on.value("on") != true || on.value("customers_anywhere") != true || on.value("unconfirmed_until") != nil || on.value("your_address") != "127.0.0.1" {
		t.Errorf("%s", on.body)
	}
	here := on.id("ranges", 0, "id")
	s.call("DELETE", "/addresses/ranges/987654", nil).want(http.StatusNotFound)
	s.call("DELETE", at("/addresses/ranges/%d", here), nil).want(http.StatusUnprocessableEntity)                    // it would lock out whoever asks
	s.call("DELETE", at("/addresses/ranges/%d?lock_out=192.0.2.1", here), nil).want(http.StatusUnprocessableEntity) // who has not looked where they come from
	s.did("addresses.change", "POST", "/addresses/ranges", map[string]any{"list": "admin", "range": "127.0.0.1", "name": "This machine"})
	s.call("POST", "/addresses/confirm", nil).want(http.StatusConflict) // nothing waits
	s.did("addresses.change", "DELETE", at("/addresses/ranges/%d?lock_out=127.0.0.1", here), nil)
	s.call("GET", "/addresses", nil).want(http.StatusForbidden) // until it goes back by itself, or whoever holds the machine opens it
	must(t, s.identity.TakeBackAddresses(t.Context(), cli))
	if back := s.call("GET", "/addresses", nil).want(http.StatusOK); len(back.value("ranges").([]any)) != 2 || back.value("unconfirmed_until") != nil {
		t.Errorf("%s", back.body)
	}
}

// audited says that the log has what was done, each with the token and the request that did it, and none of the secrets that were shown.
func (s *security) audited() {
	s.t.Helper()
	me := s.call("GET", "/me", nil)
	found, log := map[string]int{}, strings.Builder{}
	for cursor := ""; ; {
		page := s.call("GET", "/audit?limit=100&cursor="+cursor, nil).want(http.StatusOK)
		log.Write(page.body)
		var entries struct {
			Items []struct {
				Action, Actor, IP, Request string
				Token                      *int64 `json:"token_id"`
			}
			Next *string `json:"next_cursor"`
		}
		must(s.t, json.Unmarshal(page.body, &entries))
		for _, one := range entries.Items {
			if one.Token == nil || *one.Token != me.id("token_id") {
				continue
			}
			found[one.Action]++
			if one.Actor != "adam@example.com" || one.IP != "127.0.0.1" || one.Request == "" || !strings.Contains(s.log.String(), one.Request) {
				s.t.Errorf("%s stands there as %+v", one.Action, one)
			}
		}
		if entries.Next == nil {
			break
		}
		cursor = *entries.Next
	}
	for act, times := range s.wanted {
		if found[act] != times {
			s.t.Errorf("%s stands in the log %d times, was done %d times", act, found[act], times)
		}
	}
	for _, secret := range s.shown {
		if strings.Contains(log.String(), secret) || strings.Contains(s.log.String(), secret) {
			s.t.Errorf("a log holds %q", secret)
		}
	}
}

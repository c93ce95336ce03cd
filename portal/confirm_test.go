package portal

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"postern/desk"
)

// What decides who may come in asks again who is there, when the last proof is old: before a page, and before a form without losing what was typed.
func TestSensitivePagesAskForAFreshProof(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	r := h.reader("olga@example.com")
	if got := r.get("/security/sessions"); got.path != "/security/sessions" {
		t.Fatalf("just signed in, and asked at %s", got.path)
	}
	h.sql(`update session set proved_at = now() - interval '11 minutes'`)
	got := r.post("/security/sessions", "sessions.staff.idle", "25", "sessions.staff.life", "8", "sessions.customers.idle", "60", "sessions.customers.life", "24", "devices.notify", "all")
	got.has(t, "Is it still you?", `name="sessions.staff.idle" value="25"`, `action="/security/sessions"`)
	set := func() int {
		h.people.Sweep(t.Context()) // reads the settings as well
		values, err := h.store.SettingValues(t.Context(), []string{desk.StaffIdle.Key})
		check(t, err)
		return values.Number(desk.StaffIdle)
	}
	if set() != 60 {
		t.Error("the setting was changed without a proof")
	}
	typed := []string{"sessions.staff.idle", "25", "sessions.staff.life", "8", "sessions.customers.idle", "60", "sessions.customers.life", "24", "devices.notify", "all"}
	if got = r.post("/security/sessions", append(typed, "proof_password", "wrong")...); got.status != http.StatusUnprocessableEntity || set() != 60 {
		t.Errorf("a wrong proof: %d, %d", got.status, set())
	}
	got.has(t, "not your password", `name="sessions.staff.idle" value="25"`)
	if strings.Contains(got.body, "wrong") {
		t.Error("the page repeats the password that was typed")
	}
	if got = r.post("/security/sessions", append(typed, "proof_password", password)...); got.path != "/security/sessions" || set() != 25 {
		t.Errorf("the right proof: at %s, %d", got.path, set())
	}
	h.sql(`update session set proved_at = now() - interval '11 minutes'`)
	if got = r.post("/confirm", "next", "/security/sessions", "proof_password", password); got.path != "/security/sessions" || got.status != http.StatusOK {
		t.Errorf("a proof before the page: %d at %s", got.status, got.path)
	}
	if got = r.post("/confirm", "next", "https://evil.example/", "proof_password", password); got.path != "/" && got.path != "/tickets" {
		t.Errorf("sent on to %s", got.path)
	}
}

// A session that lacks a step opens the pages of that step and nothing else.
func TestPendingSessionsOpenNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	r := h.reader("olga@example.com")
	h.sql(`update session set pending = 'factor'`)
	r.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for _, one := range routes {
		method, path, _ := strings.Cut(one.pattern, " ")
		if one.right == desk.Public || one.right == desk.Arriving || one.right == desk.MayOwnRead || one.right == desk.MayOwnWrite {
			continue
		}
		path = regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(path, "1")
		got := r.get(path)
		if method == http.MethodPost {
			got = r.post(path)
		}
		if got.status != http.StatusSeeOther || !strings.HasPrefix(got.header.Get("Location"), "/sign-in/factor") {
			t.Errorf("%s: %d to %s", one.pattern, got.status, got.header.Get("Location"))
		}
	}
}

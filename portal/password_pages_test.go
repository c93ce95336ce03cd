package portal

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// A forgotten password is replaced by forms alone: the same answer for everybody, a link that is looked at without being used, and then the sign-in.
func TestForgottenPasswordByForms(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	nobody := h.reader("")
	nobody.get("/sign-in").has(t, `href="/sign-in/reset"`)
	nobody.get("/sign-in/reset").has(t, "Send me a link")
	known, unknown := nobody.post("/sign-in/reset", "email", "ada@example.com"), nobody.post("/sign-in/reset", "email", "eda@example.com")
	if known.status != http.StatusOK || strings.ReplaceAll(known.body, "ada@", "eda@") != unknown.body {
		t.Errorf("the answers differ: %d, %d", known.status, unknown.status)
	}
	if got := nobody.post("/sign-in/reset", "email", "nonsense"); got.status != http.StatusUnprocessableEntity {
		t.Errorf("no address: %d", got.status)
	}
	h.sql(`insert into password_reset (account, place, user_id, token_hash, created_at, expires_at) values ('ada@example.com', '192.0.2.1', $1, sha256('the-token'), now(), now() + interval '20 minutes')`, h.agent.User.ID)
	page := nobody.get("/sign-in/reset/the-token")
	page.has(t, "ada@example.com", "At least 15 characters")
	if policy := page.header.Get("Referrer-Policy"); policy != "no-referrer" {
		t.Errorf("Referrer-Policy: %s", policy)
	}
	weak := nobody.post("/sign-in/reset/the-token", "password", "short", "end", "1")
	weak.has(t, `role="alert"`, "has 5 characters, and needs 15")
	if weak.status != http.StatusUnprocessableEntity {
		t.Errorf("a short one: %d", weak.status)
	}
	ada := h.reader("ada@example.com")
	done := nobody.post("/sign-in/reset/the-token", "password", "seven silent otters steer", "end", "1")
	done.has(t, "Your password is changed")
	if done.path != "/sign-in" {
		t.Errorf("then at %s", done.path)
	}
	if at := ada.get("/tickets"); at.path != "/sign-in" {
		t.Errorf("her other session is at %s", at.path)
	}
	if got := nobody.get("/sign-in/reset/the-token"); got.status != http.StatusNotFound {
		t.Errorf("the used link: %d", got.status)
	}
	if at := nobody.post("/sign-in", "email", "ada@example.com", "password", "seven silent otters steer", "next", "/tickets"); at.path != "/tickets" {
		t.Errorf("with the new password at %s", at.path)
	}
}

// Whoever has to choose another password gets nowhere else, and then to where they wanted.
func TestAnotherPasswordByForms(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.sql(`update "user" set password_must = 'set' where id = $1`, h.agent.User.ID)
	ada := h.reader("")
	at := ada.post("/sign-in", "email", "ada@example.com", "password", password, "next", "/tickets?view=all")
	at.has(t, "Choose another password", "Somebody else knows")
	for _, path := range []string{"/tickets", "/you", "/you/password", "/tokens"} {
		if got := ada.get(path); got.path != "/sign-in/password" {
			t.Errorf("%s leads to %s", path, got.path)
		}
	}
	ada.post("/sign-in/password", "password", password, "next", "/tickets?view=all").has(t, `role="alert"`, "used this password before")
	done := ada.post("/sign-in/password", "password", "seven silent otters steer", "next", "/tickets?view=all")
	if done.path != "/tickets" {
		t.Errorf("then at %s: %d", done.path, done.status)
	}
	if got := ada.get("/sign-in/password"); got.path == "/sign-in/password" {
		t.Error("the page is still there")
	}
}

// People change their own password on a page of its own; admins start a reset and see no password; the rules stand on a page that they change.
func TestPagesOfPasswords(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ada, olga := h.reader("ada@example.com"), h.reader("olga@example.com")
	ada.get("/you/security").has(t, `href="/you/password"`)
	ada.get("/you/password").has(t, "Your present password", "New password")
	if got := ada.post("/you/password", "current", "wrong", "password", "seven silent otters steer"); got.status != http.StatusUnprocessableEntity {
		t.Errorf("with a wrong present one: %d", got.status)
	}
	if got := ada.post("/you/password", "current", password, "password", "seven silent otters steer", "end", "1"); got.path != "/you/security" {
		t.Errorf("then at %s: %d", got.path, got.status)
	}
	if got := ada.get("/tickets"); got.path != "/tickets" {
		t.Errorf("her session is at %s", got.path)
	}
	person := "/people/" + fmt.Sprint(h.agent.User.ID) + "/password"
	olga.get(person).has(t, "Send the link", "Nobody sets passwords of others here")
	olga.post(person, "do", "reset").has(t, "A link is on its way")
	if got := olga.post(person, "do", "set", "password", "gravel umbrella orbit kettle"); got.status != http.StatusForbidden {
		t.Errorf("setting it: %d", got.status)
	}
	olga.get("/security/passwords").has(t, "Recommended", "Customers with an account", "Admins may set passwords of others")
	olga.post("/security/passwords/everybody", "passwords.admins_can_set", "on", "passwords.reset_by_mail", "on", "security.notify_sensitive_changes", "on", "passwords.words", "").has(t, "Saved.")
	olga.get(person).has(t, "Set the password")
	if got := olga.post(person, "do", "set", "password", "gravel umbrella orbit kettle"); got.path != "/people" {
		t.Errorf("setting it: %d at %s", got.status, got.path)
	}
	if got := olga.post("/security/passwords/nobody"); got.status != http.StatusNotFound {
		t.Errorf("rules of nobody: %d", got.status)
	}
	if got := ada.post("/security/passwords/staff", "passwords.staff.level", "low"); got.status == http.StatusOK && got.path == "/security/passwords" {
		t.Error("an agent changes the rules")
	}
	nobody := h.reader("")
	nobody.post("/password-strength", "password", "password").has(t, "<meter", "Guessed at once.")
	nobody.post("/password-strength", "password", strings.Repeat("correct horse battery staple ", 4)).has(t, "Very hard to guess.")
	if got := nobody.post("/password-strength", "password", ""); got.status != http.StatusNoContent {
		t.Errorf("nothing typed: %d", got.status)
	}
}

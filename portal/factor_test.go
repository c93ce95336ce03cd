package portal

import (
	"encoding/csv"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"postern/desk"
	"postern/identity"
)

// codeOf is what an app with that seed shows.
func codeOf(t *testing.T, seed string, at time.Time) string {
	t.Helper()
	code, err := totp.GenerateCode(seed, at)
	check(t, err)
	return code
}

// TestSecondFactorByForms walks the whole way as a browser without JavaScript does.
func TestSecondFactorByForms(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ada := h.reader("ada@example.com")
	page := ada.post("/you/security/factors", "do", "app")
	page.has(t, "let it read this picture", `<svg class="qr"`, "otpauth://totp/")
	seed := strings.ReplaceAll(regexp.MustCompile(`<code class="secret-key">([A-Z2-7 ]+)</code>`).FindStringSubmatch(page.body)[1], " ", "")
	ada.post("/you/security/factors", "do", "app-code", "code", "000000").has(t, "This code is not the one that the app shows now.")
	codes := ada.post("/you/security/factors", "do", "app-code", "code", codeOf(t, seed, time.Now().Add(-30*time.Second)))
	codes.has(t, "Your recovery codes")
	recovery := regexp.MustCompile(`[A-Z2-7]{4}(-[A-Z2-7]{4}){5}`).FindAllString(codes.body, -1)
	if len(recovery) != 10 {
		t.Fatalf("%d recovery codes", len(recovery))
	}
	ada.get("/you/security/factors").has(t, "Authenticator app", "10 are left")

	other := h.reader("")
	asked := other.post("/sign-in", "email", "ada@example.com", "password", password, "next", "/tickets?view=all")
	if asked.path != "/sign-in/factor" {
		t.Fatalf("after the password: %s", asked.path)
	}
	asked.has(t, "Code from your app, or a recovery code")
	for _, path := range []string{"/tickets", "/you", "/you/security/factors", "/tokens", "/security", "/confirm"} {
		if got := other.get(path); got.path != "/sign-in/factor" {
			t.Errorf("somebody who waits for the second factor gets to %s: %d at %s", path, got.status, got.path)
		}
	}
	if got := other.get("/events"); got.status == http.StatusOK && got.path == "/events" {
		t.Error("somebody who waits for the second factor hears what happens")
	}
	other.post("/sign-in/factor", "proof_code", "123456", "next", "/tickets?view=all").has(t, "This code is not right")
	in := other.post("/sign-in/factor", "proof_code", codeOf(t, seed, time.Now()), "next", "/tickets?view=all", "remember", "yes")
	if !strings.HasPrefix(in.path, "/tickets") {
		t.Errorf("after the code: %d at %s", in.status, in.path)
	}
	other.post("/sign-out")
	if again := other.post("/sign-in", "email", "ada@example.com", "password", password); strings.HasPrefix(again.path, "/sign-in") {
		t.Errorf("a browser that is remembered is asked: %s", again.path)
	}
	// It was spared the factor: what is sensitive asks for one, and takes no password for it.
	confirm := other.get("/you/security/factors")
	confirm.has(t, "Is it still you?", "proof_code")
	confirm.lacks(t, `name="proof_password"`)
	if got := other.post("/confirm", "next", "/you/security/factors", "proof_password", password); !strings.Contains(got.body, "Is it still you?") {
		t.Errorf("the password is enough although there is a factor: %s", got.path)
	}
	other.post("/confirm", "next", "/you/security/factors", "proof_code", recovery[0]).has(t, "9 are left")
}

// TestFactorHelpByAnAdmin is the recovery of somebody who has lost everything, and the report.
func TestFactorHelpByAnAdmin(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	seed := h.addApp("ada@example.com")
	owner := h.reader("olga@example.com")
	id := h.idOf("ada@example.com")
	path := "/security/factors/" + id
	owner.get("/security/factors").has(t, "Who has what", path)
	owner.post(path, "check", "short").has(t, "Write how you made sure")
	page := owner.post(path, "check", "met her at the office")
	code := regexp.MustCompile(`[A-Z2-7]{4}(-[A-Z2-7]{4}){5}`).FindString(page.body)
	if code == "" {
		t.Fatalf("no code:\n%s", page.body)
	}
	ada := h.reader("")
	ada.post("/sign-in", "email", "ada@example.com", "password", password)
	if in := ada.post("/sign-in/factor", "proof_code", strings.ToLower(code)); strings.HasPrefix(in.path, "/sign-in") {
		t.Errorf("the code opens nothing: %s", in.path)
	}
	self := h.idOf("olga@example.com")
	owner.post("/security/factors/"+self, "check", "it is me, after all").has(t, "Nobody makes a recovery code for themselves")

	_, err := h.people.UpdateUser(t.Context(), h.owner, h.agent.User.ID, identity.UserChange{Name: new("=cmd|' /C calc'!A0")})
	check(t, err)
	rows, err := csv.NewReader(strings.NewReader(owner.get("/security/factors.csv").body)).ReadAll()
	check(t, err)
	found := false
	for _, row := range rows {
		if row[0] == "ada@example.com" {
			found = row[1] == "'=cmd|' /C calc'!A0" && row[5] == "yes"
		}
	}
	if !found {
		t.Errorf("the report: %q", rows)
	}
	agent := h.reader("")
	agent.post("/sign-in", "email", "ada@example.com", "password", password)
	agent.post("/sign-in/factor", "proof_code", codeOf(t, seed, time.Now()))
	for _, path := range []string{"/security/factors", "/security/factors.csv", path} {
		if got := agent.get(path); got.status != http.StatusForbidden {
			t.Errorf("an agent gets %s: %d", path, got.status)
		}
	}
}

// TestEnrolmentIsTheOnlyPage holds somebody whose grace is over to adding a factor.
func TestEnrolmentIsTheOnlyPage(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	_, err := h.people.AddUser(t.Context(), desk.System("cli"), identity.NewUser{Email: "adam@example.com", Name: "Adam", Role: desk.RoleAdmin, Password: password})
	check(t, err)
	h.sql(`update "user" set factor_asked_at = now() - interval '8 days' where email = 'adam@example.com'`)
	adam := h.reader("")
	page := adam.post("/sign-in", "email", "adam@example.com", "password", password, "next", "/system")
	page.has(t, "Your desk asks you for more than a password")
	for _, path := range []string{"/tickets", "/people", "/you", "/you/security/factors"} {
		if got := adam.get(path); got.path != "/sign-in/enrol" {
			t.Errorf("%s: %d at %s", path, got.status, got.path)
		}
	}
	page = adam.post("/sign-in/enrol", "do", "app", "next", "/system")
	seed := strings.ReplaceAll(regexp.MustCompile(`<code class="secret-key">([A-Z2-7 ]+)</code>`).FindStringSubmatch(page.body)[1], " ", "")
	adam.post("/sign-in/enrol", "do", "app-code", "code", codeOf(t, seed, time.Now()), "next", "/system").has(t, "Your recovery codes", `href="/system"`)
	if got := adam.get("/system"); got.status != http.StatusOK || got.path != "/system" {
		t.Errorf("afterwards: %d at %s", got.status, got.path)
	}
}

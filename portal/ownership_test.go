package portal

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"postern/desk"
	"postern/identity"
)

// byApp signs somebody in who has an authenticator app.
func (h *house) byApp(email, seed string) *reader {
	h.t.Helper()
	r := h.reader("")
	r.post("/sign-in", "email", email, "password", password)
	if in := r.post("/sign-in/factor", "proof_code", codeOf(h.t, seed, time.Now())); strings.HasPrefix(in.path, "/sign-in") {
		h.t.Fatalf("%s does not come in: %s", email, in.path)
	}
	return r
}

// TestOwnershipByForms hands the installation over as browsers without JavaScript do, with all that is refused on the way.
func TestOwnershipByForms(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	_, err := h.people.AddUser(t.Context(), desk.System("cli"), identity.NewUser{Email: "berta@example.com", Name: "Berta Admin", Role: desk.RoleAdmin, Password: password})
	check(t, err)
	olga, ada, berta := h.byApp("olga@example.com", h.addApp("olga@example.com")), h.reader("ada@example.com"), h.reader("berta@example.com")
	from := fmt.Sprint(h.owner.User.ID)

	for name, got := range map[string]answer{
		"an admin looks":  berta.get("/security/ownership"),
		"an admin offers": berta.post("/security/ownership", "do", "offer", "to", "berta@example.com", "becomes", "owner"),
		"an agent offers": ada.post("/security/ownership", "do", "offer", "to", "ada@example.com", "becomes", "owner"),
	} {
		if got.status != http.StatusForbidden {
			t.Errorf("%s: %d", name, got.status)
		}
	}
	ada.get("/you/ownership").has(t, "Nobody offers you the ownership.")
	ada.get("/you/security").lacks(t, "/you/ownership")
	if got := ada.post("/you/ownership", "do", "accept", "from", from); got.status != http.StatusConflict {
		t.Errorf("what nobody offers is accepted: %d", got.status)
	}
	olga.get("/security").has(t, "/security/ownership")
	olga.post("/security/ownership", "do", "offer", "to", "nobody@example.com", "becomes", "owner").has(t, "Nobody here has the address", `value="nobody@example.com"`)

	offer := func() {
		olga.post("/security/ownership", "do", "offer", "to", "ada@example.com", "becomes", "admin").has(t, "Waiting to be accepted", "Ada Agent")
	}
	offer()
	olga.post("/security/ownership", "do", "withdraw", "from", from).lacks(t, "Waiting to be accepted")
	if got := ada.post("/you/ownership", "do", "accept", "from", from); got.status != http.StatusConflict {
		t.Errorf("a withdrawn offer: %d", got.status)
	}
	offer()
	ada.post("/you/ownership", "do", "decline", "from", from).has(t, "Nobody offers you the ownership.")
	offer()
	h.sql(`update ownership_offer set expires_at = now()`)
	if got := ada.post("/you/ownership", "do", "accept", "from", from); got.status != http.StatusConflict {
		t.Errorf("an offer that has run out: %d", got.status)
	}
	offer()
	ada.get("/you/security").has(t, "/you/ownership")
	ada.get("/you/ownership").has(t, "Olga Owner offers you the ownership", "olga@example.com becomes an admin by it.")
	if got := berta.post("/you/ownership", "do", "accept", "from", from); got.status != http.StatusConflict {
		t.Errorf("somebody else's offer: %d", got.status)
	}
	ada.post("/you/ownership", "do", "accept", "from", from).has(t, "Both need a second factor")
	seed := h.addApp("ada@example.com")
	h.sql(`update session set proved_at = now() - interval '1 hour' where user_id = $1`, h.agent.User.ID)
	ada.get("/you/ownership").has(t, "Is it still you?", "proof_code")
	ada.post("/you/ownership", "do", "accept", "from", from).has(t, "Is it still you?")
	ada.post("/you/ownership", "do", "accept", "from", from, "proof_password", password).has(t, "Is it still you?")
	ada.post("/you/ownership", "do", "accept", "from", from, "proof_code", codeOf(t, seed, time.Now())).has(t, "You are an owner now.")

	ada.get("/security/ownership").has(t, "Hand over")
	if got := olga.get("/security/ownership"); got.status != http.StatusForbidden {
		t.Errorf("who is an admin now still hands over: %d", got.status)
	}
	if got := ada.post("/you/ownership", "do", "accept", "from", from); got.status != http.StatusConflict {
		t.Errorf("accepted twice: %d", got.status)
	}
	for about, to := range map[desk.LetterKind]string{
		desk.LetterOwnershipOffered: "ada@example.com", desk.LetterOwnersOffered: "olga@example.com", desk.LetterOwnershipWithdrawn: "ada@example.com", desk.LetterOwnershipDeclined: "olga@example.com", desk.LetterOwnershipAccepted: "olga@example.com",
	} {
		if letters := h.lettersAbout(about); len(letters) == 0 || letters[0].Email != to {
			t.Errorf("%s: %+v", about, letters)
		}
	}
	ada.get("/audit").has(t, "Installation handed over", "Hand-over of the installation withdrawn")
}

package portal

import (
	"strconv"
	"strings"
	"time"

	"github.com/pquerna/otp/totp"

	"postern/desk"
	"postern/identity"
)

// factorPeople are people whose sign-in takes more than a password, by what they show in the gallery.
var factorPeople = map[string]string{
	"waiting": "wanda@example.com", "unknown": "ugo@example.com", "enrolling": "enrico@example.com", "customer-with-account": "carla@customer.example", "moving": "moira@example.com",
}

// factorPerson makes one of them, once.
func (g *gallery) factorPerson(who string) {
	t, ctx := g.t, g.t.Context()
	t.Helper()
	if _, made := g.names[who+"-made"]; made {
		return
	}
	g.names[who+"-made"] = "yes"
	role := map[string]desk.Role{"enrolling": desk.RoleAdmin, "customer-with-account": desk.RoleCustomer}[who]
	if role == "" {
		role = desk.RoleAgent
	}
	person, err := g.people.AddUser(ctx, desk.System("cli"), identity.NewUser{Email: factorPeople[who], Name: map[string]string{"waiting": "Wanda", "unknown": "Ugo", "enrolling": "Enrico", "customer-with-account": "Carla", "moving": "Moira"}[who], Role: role, Password: password})
	check(t, err)
	g.names[who] = strconv.FormatInt(person.ID, 10)
	switch who {
	case "waiting":
		g.addApp(person.Email)
	case "unknown": // another browser of theirs is known
		check(t, g.people.SetSettings(ctx, desk.System("cli"), map[string]any{desk.MailCode.Key: true}))
		_, err = g.people.SignIn(ctx, person.Email, password, identity.Client{IP: "192.0.2.44", UserAgent: "Firefox"})
		check(t, err)
	case "enrolling":
		g.sql(`update "user" set factor_asked_at = now() - interval '8 days' where id = $1`, person.ID)
	}
}

// passkeys gives somebody who has begun to add an app passkeys with names of all kinds.
func (g *gallery) passkeys(who string) {
	for i, name := range []string{"YubiKey 5C", "مفتاح الأمان الخاص بي 🔐", strings.Repeat("longword", 12)} {
		g.sql(`insert into factor (user_id, kind, name, credential_id, record, verifies, ready, created_at) values ($1, 'passkey', $2, $3, '{}', true, true, now() - interval '40 days')`, g.number(who), name, []byte{byte(i)})
	}
}

// addApp gives somebody an authenticator app, and returns what makes its codes.
func (h *house) addApp(email string) (seed string) {
	t, ctx, from := h.t, h.t.Context(), identity.Client{IP: "192.0.2.45", UserAgent: "Firefox"}
	t.Helper()
	came, err := h.people.SignIn(ctx, email, password, from)
	check(t, err)
	check(t, h.people.StartTOTP(ctx, came.Token, from))
	app, _, err := h.people.UnfinishedTOTP(ctx, came.Token, from)
	check(t, err)
	seed = strings.ReplaceAll(app.Secret, " ", "")
	code, err := totp.GenerateCode(seed, time.Now().Add(-30*time.Second)) // of the step before, so that the one of now is not used
	check(t, err)
	_, err = h.people.ConfirmTOTP(ctx, came.Token, code, from)
	check(t, err)
	return seed
}

// idOf is the number of somebody, in text.
func (h *house) idOf(email string) string {
	var id int64
	check(h.t, h.store.Pool().QueryRow(h.t.Context(), `select id from "user" where email = $1`, email).Scan(&id))
	return strconv.FormatInt(id, 10)
}

package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/pquerna/otp/totp"
)

// people come in, leave, are made, changed, let out and let in.
func (w *walk) people() {
	olga := w.byLink(owner, "127.0.0.11")
	olga.post("/you/password", "current", "", "password", actsPassword).is(http.StatusSeeOther).wrote(act("user.change", `user/\d+`, `password`))
	w.olga = olga

	ada := w.browser("127.0.0.12")
	link := olga.post("/people", "email", "ada@desk.example", "name", "Ada", "role", "agent").wrote(act("user.add", `user/\d+`, `"email": *"ada@desk.example"`, `"role": *"agent"`), act("user.link", `user/\d+`)).part(`http://[^/]+(/sign-in/[\w-]+)`)
	came := ada.post(link)
	ada.email, ada.session = "ada@desk.example", true
	came.actor, came.session = ada.email, true
	came.wrote(act("device.new", `user/\d+`).as(ada.email), act("user.signin", `user/\d+`))
	ada.post("/you/password", "current", "", "password", actsPassword).is(http.StatusSeeOther).wrote(act("user.change", `user/\d+`, `password`))
	w.ada = ada
	w.nobody = w.browser("127.0.0.13")

	w.nobody.post("/sign-in", "email", "ada@desk.example", "password", "wrong").is(http.StatusUnauthorized).wrote(act("user.signin-failed", fmt.Sprintf("user/%d", w.idOf("ada@desk.example")), `"known": *true`))
	w.nobody.post("/sign-in", "email", "eve@desk.example", "password", "wrong").wrote(act("user.signin-failed", `user`, `"known": *false`))
	second := w.signsIn("ada@desk.example", "127.0.0.14")
	second.post("/confirm", "next", "/you", "proof_password", "wrong").wrote(act("user.proof-failed", `user/\d+`))
	second.post("/confirm", "next", "/you", "proof_password", actsPassword).wrote(act("user.proof", `user/\d+`))
	second.post("/sign-out").is(http.StatusSeeOther).wrote(act("user.signout", `user/\d+`))

	id := w.idOf("ada@desk.example")
	at := fmt.Sprintf("/people/%d", id)
	olga.post(at, "role", "light_agent").wrote(act("user.change", fmt.Sprintf("user/%d", id), `agent`, `light_agent`))
	ada = w.again(ada)
	olga.post(at, "role", "agent").wrote(act("user.change", fmt.Sprintf("user/%d", id), `light_agent`, `agent`))
	olga.post(at, "do", "disable").wrote(act("user.disable", fmt.Sprintf("user/%d", id)))
	olga.post(at, "do", "enable").wrote(act("user.enable", fmt.Sprintf("user/%d", id)))
	w.ada = w.again(ada)
	w.ada.post("/you/presence", "do", "away").wrote(act("user.away", `user/\d+`))
	w.ada.post("/you/presence", "do", "back").wrote(act("user.back", `user/\d+`))
	w.ada.post("/you/reading", "language", "it", "zone", "Europe/Rome").wrote(act("user.reading", `user/\d+`, `Europe/Rome`))
	w.ada.post("/you/writing", "signature", "Ada", "undo_seconds", "0", "after_send", "stay").wrote(act("user.habits", `user/.*`, `undo_seconds`))
	w.ada.post("/you/notifications", "assigned", "off", "mentioned", "mail", "when", "daily").wrote(act("user.notify", `user/\d+`, `mentioned`))
	w.cli("user", "add", "--email", "carl@customer.example", "--name", "Carl", "--role", "customer").wrote(act("user.add", `user/\d+`), act("user.link", `user/\d+`))

	// Passwords that are forgotten, and that an admin sets.
	mark := w.last()
	w.nobody.post("/sign-in/reset", "email", "ada@desk.example").wrote()
	w.now(mark, "job", "system", act("user.reset-link", fmt.Sprintf("user/%d", id)))
	reset := w.mailed("ada@desk.example", `/sign-in/reset/([\w-]{20,})`)
	w.nobody.post("/sign-in/reset/"+reset, "password", "eight silent otters steer", "end", "on").wrote(act("user.password-reset", `user/\d+`).as("ada@desk.example"))
	olga.post(at+"/password", "do", "reset").wrote(act("user.reset-start", fmt.Sprintf("user/%d", id)))
	olga.post("/security/passwords/everybody", "passwords.admins_can_set", "on", "passwords.reset_by_mail", "on", "security.notify_sensitive_changes", "on", "passwords.words", "").is(http.StatusSeeOther).
		wrote(act("settings.change", "settings", `passwords.admins_can_set`, `false`, `true`))
	olga.post(at+"/password", "do", "set", "password", actsPassword).is(http.StatusSeeOther).wrote(act("user.password-set", fmt.Sprintf("user/%d", id)))
	w.sql(`update "user" set password_must = '' where id = $1`, id) // what an admin has set is good once
	w.ada = w.signsIn("ada@desk.example", "127.0.0.12")

	// Roles.
	olga.post("/roles", "name", "Clerks", "says", "They file.", "sight", "teams", "right", "tickets:read").is(http.StatusSeeOther).wrote(act("role.add", `role/Clerks`, `tickets:read`))
	olga.post("/role/Clerks", "name", "Clerks", "says", "They read.", "sight", "assigned", "right", "tickets:read", "right", "tickets:note").wrote(act("role.change", `role/Clerks`, `teams`, `assigned`))
	olga.post("/role/Clerks/remove").wrote(act("role.remove", `role/Clerks`))
}

// idOf is the number of a person.
func (w *walk) idOf(email string) int64 {
	w.Helper()
	return w.number(`select id from "user" where email = $1`, email)
}

// again signs somebody in anew, where a change has ended their sessions; the browser is known.
func (w *walk) again(b *walker) *walker {
	w.Helper()
	b.session, b.email = false, ""
	step := b.post("/sign-in", "email", "ada@desk.example", "password", actsPassword)
	b.email, b.session = "ada@desk.example", true
	step.actor, step.session = b.email, true
	step.is(http.StatusSeeOther).wrote(act("user.signin", `user/\d+`))
	return b
}

// devices are known, renamed and forgotten; sessions end.
func (w *walk) devices() {
	ada := w.ada
	device := w.number(`select device_id from session where user_id = $1 order by id desc limit 1`, w.idOf(ada.email))
	ada.post("/you/devices", "do", "rename", "id", fmt.Sprint(device), "name", "The red one").wrote(act("device.rename", `.*`, `The red one`))
	w.signsIn(ada.email, "127.0.0.15")
	session := w.number(`select id from session where user_id = $1 order by id desc limit 1`, w.idOf(ada.email))
	ada.post("/you/devices", "do", "end", "id", fmt.Sprint(session)).wrote(act("session.end", `.*`))
	w.signsIn(ada.email, "127.0.0.15")
	ada.post("/you/devices", "do", "others").wrote(act("session.end-others", `.*`))
	w.signsIn(ada.email, "127.0.0.15")
	device = w.number(`select device_id from session where user_id = $1 order by id desc limit 1`, w.idOf(ada.email))
	ada.post("/you/devices", "do", "forget", "id", fmt.Sprint(device)).wrote(act("device.forget", `.*`))

	// A mail asks whether it was them, and they say yes, and no.
	token := w.mailed(ada.email, `/was-it-you/([\w-]+)`)
	w.nobody.post("/was-it-you/"+token, "do", "me").wrote(act("device.known", `user/\d+`).as(ada.email))
	other := w.signsIn(ada.email, "127.0.0.16")

	// A session that is used elsewhere by another kind of browser goes on; one without the cookie of its browser was copied.
	other.agent, other.ip = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1", "127.9.0.16"
	other.client.Transport = fromAddress(other.ip)
	other.get("/you").wrote(act("session.moved", `user/\d+`, `Firefox`, `127.0.0.16`))
	thief := w.browser("127.0.0.17")
	thief.email, thief.session = ada.email, true
	for _, cookie := range other.cookies() {
		if cookie.Name == "postern" {
			thief.keep(cookie)
		}
	}
	thief.get("/you").wrote(act("session.copied", `user/\d+`))

	before := len(w.letter.Mails())
	w.signsIn(ada.email, "127.0.0.18")
	token = ""
	eventually(w, "a mail about the new device", func() bool {
		for _, mail := range w.letter.Mails()[before:] {
			if found := wasItYou.FindStringSubmatch(decoded(mail.Bytes)); found != nil {
				token = found[1]
			}
		}
		return token != ""
	})
	w.nobody.post("/was-it-you/"+token, "do", "not-me").wrote(act("device.not-mine", `user/\d+`, `Firefox`, `127.0.0.18`).as(ada.email))
	w.ada = w.byLink(ada.email, "127.0.0.12")
	w.ada.post("/you/password", "current", "", "password", actsPassword).is(http.StatusSeeOther).wrote(act("user.change", `user/\d+`, `password`))
}

// byLink is somebody who comes in by a link that the command line makes.
func (w *walk) byLink(email, ip string) *walker {
	w.Helper()
	b := w.browser(ip)
	step := b.post(w.cli("user", "link", email).wrote(act("user.link", `user/\d+`)).part(`(/sign-in/\S+)`))
	b.email, b.session = email, true
	step.actor, step.session = email, true
	step.wrote(act("device.new", `user/\d+`).as(email), act("user.signin", `user/\d+`, `"method": *"link"`))
	return b
}

// factors are added, used, missed, taken off, and replaced by an admin's help.
func (w *walk) factors() {
	const at = "/you/security/factors"
	olga := w.olga
	olga.post(at, "do", "app").wrote()
	seed := strings.ReplaceAll(olga.get(at).part(`<code class="secret-key">([A-Z2-7 ]+)</code>`), " ", "")
	codes := olga.post(at, "do", "app-code", "code", w.code(seed)).wrote(act("user.factor-add", `user/\d+`, `totp|app`))
	first := codes.part(`([A-Z2-7]{4}(?:-[A-Z2-7]{4}){5})`)

	other := w.browser("127.0.0.21")
	step := other.post("/sign-in", "email", owner, "password", actsPassword)
	other.email, other.session = owner, true
	if step.actor, step.session = owner, true; step.to == "" {
		w.Fatal(alertOf(step.body))
	}
	step.wrote(act("device.new", `user/\d+`).as(owner), act("user.signin", `user/\d+`, `"pending": *"factor"`))
	other.post("/sign-in/factor", "proof_code", "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF").wrote(act("user.factor-failed", `user/\d+`))
	other.post("/sign-in/factor", "proof_code", first).wrote(act("user.recovery-used", `user/\d+`, `"left": *9`), act("user.factor", `user/\d+`))
	olga.post(at, "do", "codes").wrote(act("user.recovery-codes", `user/\d+`))

	// Ada has an app, loses it, and olga helps her.
	ada := w.ada
	ada.post(at, "do", "app")
	seed = strings.ReplaceAll(ada.get(at).part(`<code class="secret-key">([A-Z2-7 ]+)</code>`), " ", "")
	ada.post(at, "do", "app-code", "code", w.code(seed)).wrote(act("user.factor-add", `user/\d+`))
	olga.post(fmt.Sprintf("/security/factors/%d", w.idOf(ada.email)), "check", "I know her voice").wrote(act("user.recovery-issued", fmt.Sprintf("user/%d", w.idOf(ada.email)), `I know her voice`))
	factor := w.number(`select id from factor where user_id = $1`, w.idOf(ada.email))
	ada.post(at, "do", "remove", "factor", fmt.Sprint(factor)).wrote(act("user.factor-remove", `user/\d+`))
	olga.get("/security/factors.csv").is(http.StatusOK).wrote(act("user.factor-report", "settings"))
	olga.post("/security/factors/gateway", "url", "https://sms.example.com/send?key=canary").wrote(act("settings.sms-gateway", "settings"))

	// The installation changes hands, and back: both need a second factor.
	ada.post(at, "do", "app")
	seed = strings.ReplaceAll(ada.get(at).part(`<code class="secret-key">([A-Z2-7 ]+)</code>`), " ", "")
	ada.post(at, "do", "app-code", "code", w.code(seed)).wrote(act("user.factor-add", `user/\d+`))
	from := fmt.Sprint(w.idOf(owner))
	offer := func() {
		olga.post("/security/ownership", "do", "offer", "to", ada.email, "becomes", "owner").wrote(act("ownership.offer", `.*`, `owner`))
	}
	offer()
	olga.post("/security/ownership", "do", "withdraw", "from", from).wrote(act("ownership.withdraw", `.*`))
	offer()
	ada.post("/you/ownership", "do", "decline", "from", from).wrote(act("ownership.decline", `.*`))
	offer()
	ada.post("/you/ownership", "do", "accept", "from", from).wrote(act("ownership.accept", `.*`))
	w.sql(`update "user" set role = 'agent' where email = $1`, ada.email)
	w.sql(`delete from factor where user_id = $1`, w.idOf(ada.email))
	w.ada = w.signsIn(ada.email, "127.0.0.12")

	// When no other way works.
	w.nobody.post("/access/bypass", "email", owner).wrote(act("bypass.ask", `user/\d+`, `"sent": *true`))
	token := w.mailed(owner, `/access/bypass/([\w-]{20,})`)
	b := w.browser("127.0.0.22")
	b.get("/access/bypass/" + token)
	b.post("/access/bypass/"+token).wrote(act("bypass.use", `user/\d+`, `by_mail`).as(owner), act("device.new", `user/\d+`).as(owner), act("user.signin", `user/\d+`).as(owner))
	w.cli("admin", "recover", owner).wrote(act("bypass.recover", fmt.Sprintf("user/%d", w.idOf(owner))))
}

// code is what an app shows now.
func (w *walk) code(seed string) string {
	w.Helper()
	code, err := totp.GenerateCode(seed, time.Now())
	if err != nil {
		w.Fatal(err)
	}
	return code
}

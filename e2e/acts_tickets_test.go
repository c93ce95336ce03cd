package e2e

import (
	"fmt"
	"html"
	"net/http"
	"strings"

	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/smtp"
	"time"
)

const leaksPath = "/api/v1/leaks"

// sends brings a mail in by SMTP.
func (w *walk) sends(from, text string) {
	w.Helper()
	must := func(err error) {
		w.Helper()
		if err != nil {
			w.Fatal(err)
		}
	}
	client, err := smtp.Dial(w.p.where().smtp)
	must(err)
	must(client.Mail(from))
	must(client.Rcpt(support))
	body, err := client.Data()
	must(err)
	_, err = body.Write([]byte(strings.ReplaceAll(text, "\n", "\r\n")))
	must(err)
	must(body.Close())
	must(client.Quit())
}

// asks is a new conversation of anna's, begun by a mail.
func (w *walk) asks(subject string) int64 {
	w.Helper()
	w.mails = append(w.mails, subject)
	w.sends("anna@customer.example", fmt.Sprintf("From: Anna <anna@customer.example>\nTo: %s\nSubject: %s\nMessage-ID: <walk-%d@customer.example>\n\nPlease help.\n", support, subject, len(w.mails)))
	return w.number(`select max(id) from ticket`)
}

// mail comes, is held, and let go.
func (w *walk) mail() {
	olga := w.olga
	held := func() int64 {
		w.sends("ada@desk.example", fmt.Sprintf("From: Ada <ada@desk.example>\nTo: %s\nSubject: Pay this\nMessage-ID: <spoof-%d@evil.example>\n\nAt once.\n", support, w.last()))
		return w.number(`select max(id) from suspended`)
	}
	olga.post(fmt.Sprintf("/suspended/%d", held()), "do", "release").wrote(act("suspended.release", `suspended/\d+`, `impersonat`))
	olga.post(fmt.Sprintf("/suspended/%d", held()), "do", "delete").wrote(act("suspended.delete", `suspended/\d+`))
	olga.post(fmt.Sprintf("/suspended/%d", held()), "do", "spam").wrote(act("suspended.spam", `suspended/\d+`))

	ticket := w.asks("Open again")
	olga.post(fmt.Sprintf("/tickets/%d", ticket), "status", "solved").wrote(act("ticket.status", fmt.Sprintf("ticket/%d", ticket), `new`, `solved`))
	mark := w.last()
	w.sends("anna@customer.example", fmt.Sprintf("From: Anna <anna@customer.example>\nTo: %s\nSubject: Re: Open again\nIn-Reply-To: <walk-%d@customer.example>\nMessage-ID: <walk-again@customer.example>\n\nIt is back.\n", support, len(w.mails)))
	w.comes(mark, "mail", "mail", act("ticket.reopen", fmt.Sprintf("ticket/%d", ticket), `solved`, `anna@customer.example`))

	olga.post(fmt.Sprintf("/tickets/%d/customer", ticket), "name", "Anna Rossi", "note", "").wrote(act("contact.change", `anna@customer.example`, `Anna`, `Anna Rossi`))
}

// tickets are worked on.
func (w *walk) tickets() {
	ada := w.ada
	n := w.asks("Charged twice")
	name, at := fmt.Sprintf("ticket/%d", n), fmt.Sprintf("/tickets/%d", n)
	ada.post(at, "subject", "Charged thrice").wrote(act("ticket.subject", name, `twice`, `thrice`))
	ada.post(at, "priority", "urgent").wrote(act("ticket.priority", name, `normal`, `urgent`))
	ada.post(at, "add_tags", "refund").wrote(act("ticket.tagged", name, `refund`))
	ada.post(at, "field:order", "A-17").wrote(act("ticket.field", name, `A-17`))
	ada.post(at, "owner", fmt.Sprintf("team:%d", w.number(`select id from team where name = 'First line'`))).wrote(act("ticket.team", name, `First line`))
	ada.post(at, "assignee", fmt.Sprint(w.idOf(ada.email))).wrote(act("ticket.assigned", name, `Ada`), act("ticket.status", name, `new`, `open`))
	ada.post(at, "snooze", "tomorrow").wrote(act("ticket.snoozed", name))
	ada.post(at, "snooze", "wake").wrote(act("ticket.woken", name))
	ada.post(at+"/watch", "watch", "1").wrote(act("ticket.watch", name))
	ada.post(at+"/watch", "watch", "0").wrote(act("ticket.unwatch", name))
	ada.post(at+"/note", "text", "Ask the bank").wrote(act("ticket.note", name))
	ada.post(at+"/macro", "macro", fmt.Sprint(w.number(`select max(id) from macro`))).wrote(act("ticket.macro", name, `Pump`), act("ticket.tagged", name, `pump`))
	other := w.asks("Another")
	ada.post(at+"/related", "target", fmt.Sprint(other)).wrote(act("ticket.related", name, fmt.Sprintf("#%d", other)))
	ada.post(at+"/related", "do", "remove", "target", fmt.Sprint(other)).wrote(act("ticket.unrelated", name))
	ada.post(fmt.Sprintf("/tickets/%d/merge", other), "target", fmt.Sprint(n)).wrote(act("ticket.merged", fmt.Sprintf("ticket/%d", other), fmt.Sprintf("#%d", n)))
	ada.post(fmt.Sprintf("/tickets/%d/unmerge", other)).wrote(act("ticket.unmerged", fmt.Sprintf("ticket/%d", other), fmt.Sprintf("#%d", n)))
	message := w.number(`select min(id) from message where ticket_id = $1 and kind <> 'event'`, other)
	ada.post(fmt.Sprintf("/messages/%d/move", message), "target", fmt.Sprint(n)).wrote(act("ticket.moved", `ticket/\d+`))
	ada.post(fmt.Sprintf("/messages/%d/split", message)).wrote(act("ticket.split", `ticket/\d+`), act("ticket.moved", name))
	ada.post(at+"/requester", "address", "Carla <carla@customer.example>").wrote(act("ticket.requester", name, `anna@customer.example`, `carla@customer.example`))
	ada.post(at+"/spam").wrote(act("ticket.spam", name), act("ticket.tagged", name, `spam`), act("ticket.status", name))

	begun := w.asks("rule me")
	w.comes(0, "job", "system", act("ticket.automation", fmt.Sprintf("ticket/%d", begun), `Bills`))
	sent := ada.post(fmt.Sprintf("/tickets/%d/reply", begun), "text", "We look.", "to", "anna@customer.example", "answers", "0", "last_seen", "9223372036854775807")
	sent.wrote(act("ticket.reply", fmt.Sprintf("ticket/%d", begun)), act("ticket.status", fmt.Sprintf("ticket/%d", begun)))
}

// customers sign in, solve, open again.
func (w *walk) customers() {
	anna := w.browser("127.0.0.41")
	anna.post("/my/sign-in", "address", "anna@customer.example")
	code := strings.ReplaceAll(w.mailed("anna@customer.example", `(?m)\s(\d{4} ?\d{4})\s`), " ", "")
	step := anna.post("/my/code", "code", code)
	step.wrote(act("visitor.signin", "visitor", `anna@customer.example`))
	anna.email = "anna@customer.example"
	n := w.asks("Mine")
	for _, one := range []struct{ do, act string }{{"solve", "ticket.customer-solved"}, {"reopen", "ticket.customer-reopened"}} {
		step := anna.post(fmt.Sprintf("/my/tickets/%d/%s", n, one.do))
		step.via = "customer" // who has proved an address has no number
		step.is(http.StatusSeeOther).wrote(act(one.act, fmt.Sprintf("ticket/%d", n), `anna@customer.example`))
	}
	anna.email = ""
	anna.post("/my/sign-out").wrote(act("visitor.signout", "visitor", `anna@customer.example`))
}

// domains are added, changed, paused, given new keys, tested and removed.
func (w *walk) domains() {
	olga := w.olga
	const at, name = "/domains/example.com", "domain/example.com"
	olga.post("/domains", "name", "example.com").wrote(act("domain.add", name, `selectors`))
	olga.post(at+"/settings", "on_broken", "fallback", "sts", "testing", "rotate_days", "30", "publication", "txt").wrote(act("domain.set", name, `"before"`, `fallback`))
	olga.post(at+"/emergency", "minutes", "0").wrote(act("domain.emergency", name))
	olga.post(at + "/pause").wrote(act("domain.pause", name, `paused`))
	olga.post(at + "/resume").wrote(act("domain.resume", name, `paused`))
	olga.post(at + "/remove").wrote(act("domain.remove", name, `selectors`))
}

// operators work on the machine.
func (w *walk) operators() {
	key := strings.TrimSpace(w.cli("keys", "add").wrote(act("keys.add", `key/.+`)).body)
	_ = key
	w.cli("mailbox", "add", "ops@desk.example").wrote(act("mailbox.add", "mailbox/ops@desk.example"))
}

func unescaped(text string) string { return html.UnescapeString(text) }

// challenge is that of a verifier (RFC 7636 §4.2).
func challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// signedToken is a JWT as a company's program signs it.
func signedToken(key, id string) string {
	text := base64.RawURLEncoding.EncodeToString([]byte(`{"typ":"JWT","alg":"HS256"}`)) + "." +
		base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"iat":%d,"jti":%q,"name":"Ben","external_id":"b-1","email":"ben@client.example"}`, time.Now().Unix(), id))
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

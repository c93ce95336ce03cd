package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// providers of sign-in are added, tried, changed and taken away, and people come by them.
func (w *walk) providers() {
	const jwt = "/security/sign-in/new"
	olga := w.olga
	shop, _, _ := strings.Cut(olga.post(jwt, "kind", "jwt", "name", "Shop", "population", "customers", "algorithm", "HS256", "login_url", "https://shop.example.com/login", "create", "on", "create_role", "customer", "domains", "client.example").
		is(http.StatusSeeOther).wrote(act("provider.add", `provider/\d+`, `Shop`)).to, "?")
	key := olga.post(shop+"/do", "do", "secret").wrote(act("provider.secret", `provider/\d+`)).part(`data-copy-source>([^<]+)<`)
	olga.post(shop+"/do", "do", "on").wrote(act("provider.on", `provider/\d+`))
	olga.post(shop, "name", "The shop", "population", "customers", "algorithm", "HS256", "login_url", "https://shop.example.com/login", "create", "on", "create_role", "customer", "domains", "client.example").
		wrote(act("provider.change", `provider/\d+`, `The shop`))
	ben := w.browser("127.0.0.31")
	good := signedToken(key, "first")
	ben.post("/access/jwt", "jwt", good, "return_to", "/my").wrote(act("user.add", `user/\d+`, `ben@client.example`), act("identity.link", `user/\d+`, `b-1`).as("ben@client.example"), act("device.new", `user/\d+`).as("ben@client.example"),
		act("user.signin", `user/\d+`, `The shop`).as("ben@client.example"))
	w.nobody.post("/access/jwt", "jwt", good).wrote(act("signon.replay", `provider/\d+`))
	w.nobody.post("/access/jwt", "jwt", signedToken("another key of nobody's, which is long", "second")).wrote(act("signon.refuse", `provider/\d+`, `"reason"`))
	ben.email, ben.session = "ben@client.example", true
	account := w.number(`select id from identity where user_id = $1`, w.idOf(ben.email))
	w.sql(`update session set proved_at = now() where user_id = $1`, w.idOf(ben.email))
	w.sql(`update "user" set password_hash = (select password_hash from "user" where email = $2), password_key = (select password_key from "user" where email = $2) where email = $1`, ben.email, owner) // else it is their only way in
	ben.post(fmt.Sprintf("/you/accounts/%d/disconnect", account)).wrote(act("identity.unlink", `user/\d+`))
	olga.post(shop+"/do", "do", "off").wrote(act("provider.off", `provider/\d+`))
	olga.post(shop+"/do", "do", "remove").wrote(act("provider.remove", `provider/\d+`, `The shop`))

	saml, _, _ := strings.Cut(olga.post("/security/saml/new", "name", "Works", "population", "staff", "entity_id", "https://idp.example/saml", "sso_url", "https://idp.example/sso", "fingerprints", strings.Repeat("ab", 32), "domains", "desk.example").
		is(http.StatusSeeOther).wrote(act("provider.add", `provider/\d+`, `Works`)).to, "?")
	olga.post(saml+"/key", "do", "prepare").wrote(act("provider.key-add", `provider/\d+`, `current`).as("system"), act("provider.key-add", `provider/\d+`, `next`))
	olga.post(saml+"/key", "do", "use").wrote(act("provider.key-use", `provider/\d+`))
	old := regexp.MustCompile(`name="key" value="(\d+)"`).FindStringSubmatch(olga.get(saml).body)
	if old == nil {
		w.Fatal("no key can be removed")
	}
	olga.post(saml+"/key", "do", "remove", "key", old[1]).wrote(act("provider.key-remove", `provider/\d+`))
}

// programs have tokens, are registered, connected, refused and taken out of use.
func (w *walk) programs() {
	olga := w.olga
	made := olga.post("/tokens", "name", "script", "scope", "read", "scope", "impersonate", "days", "5").wrote(act("token.add", `token/\d+`, `script`))
	token := made.part(`(pst_[\w-]+)`)
	id := w.number(`select max(id) from api_token`)
	step := w.calls(token, "127.0.0.32", http.MethodGet, "/api/v1/tickets", nil)
	step.actor = owner
	step.wrote()
	step = w.calls(token, "127.7.0.32", http.MethodGet, "/api/v1/tickets", nil) // another network
	step.actor = owner
	step.wrote(act("token.new-network", fmt.Sprintf("token/%d", id), `127.7.0.0`))
	request, err := http.NewRequest(http.MethodGet, "http://"+w.p.where().web+"/api/v1/tickets", nil)
	if err != nil {
		w.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("X-On-Behalf-Of", "carl@customer.example")
	step = (&walker{w: w, ip: "127.0.0.32", via: "api", client: &http.Client{Timeout: patience, Transport: fromAddress("127.0.0.32")}}).do(request)
	step.actor, step.token = owner, true
	step.wrote(act("token.act-for", `token/\d+`))
	if found := w.entries(`request = $1`, step.request); len(found) == 1 && found[0].Behalf != "carl@customer.example" {
		w.Errorf("for whom it was: %s %q", found[0], found[0].Behalf)
	}
	for i := range 9 {
		step := w.calls(token, "127.0.0.32", http.MethodPost, "/api/v1/mailboxes", map[string]string{"address": "x@desk.example"})
		if step.actor = owner; i == 0 {
			step.wrote(act("user.refused", `user/\d+`, `mailboxes:manage`))
			continue
		}
		step.wrote()
	}
	step = w.calls(token, "127.0.0.32", http.MethodPost, "/api/v1/mailboxes", map[string]string{"address": "x@desk.example"})
	step.actor = owner
	step.wrote(act("token.denied", fmt.Sprintf("token/%d", id), `"times": *10`))
	w.sql(`update api_token set disabled_at = now() where id = $1`, id) // as after a month in which nobody used it
	olga.post(fmt.Sprintf("/tokens/%d/on", id)).wrote(act("token.on", fmt.Sprintf("token/%d", id)))
	olga.post(fmt.Sprintf("/tokens/%d/revoke", id)).wrote(act("token.revoke", fmt.Sprintf("token/%d", id)))
	lost := olga.post("/tokens", "name", "lost", "scope", "read", "days", "5").wrote(act("token.add", `token/\d+`)).part(`(pst_[\w-]+)`)
	step = w.calls("", "127.0.0.33", http.MethodPost, leaksPath, []map[string]string{{"token": lost, "type": "postern", "url": "https://paste.example/1", "source": "content"}})
	step.wrote(act("token.exposed", `token/\d+`, `paste.example`).as(owner))
	olga.post("/security/services", "name", "Robot", "role", "agent").wrote(act("user.service", `user/\d+`, `robot@`))

	const back, verifier = "http://127.0.0.1:9/back", "walk-verifier-Ada-Lovelace-1815-0123456789abcdef"
	client := olga.post("/security/clients", "name", "Planner", "confidential", "on", "redirects", back, "scope", "tickets:read", "scope", "offline").wrote(act("client.add", `client/\d+`, `Planner`))
	secret := client.part(`(?s)data-copy-source>([^<]+)<`)
	app := fmt.Sprintf("/security/clients/%d", w.number(`select max(id) from oauth_client`))
	var clientID string
	if err := w.db.QueryRow(w.Context(), `select key from oauth_client order by id desc limit 1`).Scan(&clientID); err != nil {
		w.Fatal(err)
	}
	olga.post(app, "name", "The planner", "confidential", "on", "redirects", back, "scope", "tickets:read", "scope", "offline").wrote(act("client.change", `client/\d+`, `The planner`))
	connect := func() []string {
		page := olga.get("/oauth/authorize?" + url.Values{"client_id": {clientID}, "redirect_uri": {back}, "response_type": {"code"}, "scope": {"tickets:read offline"}, "state": {"s"}, "code_challenge": {challenge(verifier)}, "code_challenge_method": {"S256"}}.Encode())
		fields := []string{"answer", "allow"}
		for _, found := range regexp.MustCompile(`type="hidden" name="([^"]*)" value="([^"]*)"`).FindAllStringSubmatch(page.body, -1) {
			if found[1] != "answer" {
				fields = append(fields, unescaped(found[1]), unescaped(found[2]))
			}
		}
		allowed := olga.post("/oauth/authorize", fields...).wrote(act("app.allow", `(app|grant)/\d+`, `The planner`))
		at, err := url.Parse(allowed.to)
		if err != nil {
			w.Fatal(err)
		}
		return []string{"grant_type", "authorization_code", "code", at.Query().Get("code"), "redirect_uri", back, "code_verifier", verifier, "client_id", clientID, "client_secret", secret}
	}
	program := w.browser("127.0.0.34")
	program.via = "api"
	ask := connect()
	program.post("/oauth/token", ask...).wrote(act("app.token", `token/\d+`, `The planner`).as(owner))
	program.post("/oauth/token", ask...).wrote(act("app.reuse", `(app|grant)/\d+`).as(owner))
	answer := program.post("/oauth/token", connect()...).wrote(act("app.token", `token/\d+`).as(owner))
	var tokens struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	if err := json.Unmarshal([]byte(answer.body), &tokens); err != nil {
		w.Fatal(err, answer.body)
	}
	program.post("/oauth/revoke", "token", tokens.Refresh, "client_id", clientID, "client_secret", secret).wrote(act("app.revoke", `(app|grant)/\d+`).as(owner))
	olga.post(app + "/secret").wrote(act("client.secret", `client/\d+`))
	olga.post(app+"/switch", "to", "off").wrote(act("client.disable", `client/\d+`))
	olga.post(app+"/switch", "to", "on").wrote(act("client.enable", `client/\d+`))
	olga.post(app + "/remove").wrote(act("client.remove", `client/\d+`))
}

// settings of the house: addresses, policy, the log itself.
func (w *walk) settings() {
	olga := w.olga
	olga.post("/security/sessions", "sessions.staff.idle", "25", "sessions.staff.life", "8", "sessions.customers.idle", "60", "sessions.customers.life", "24", "devices.notify", "all").
		wrote(act("settings.change", "settings", `sessions.staff.idle`, `25`))
	olga.post("/security/addresses", "do", "add", "list", "all", "range", "127.0.0.0/8", "name", "Here").wrote(act("addresses.change", "addresses", `127.0.0.0/8`))
	olga.post("/security/addresses", "do", "rules", "on", "on", "customers", "on").wrote(act("addresses.change", "addresses"))
	if w.number(`select count(*) from setting where key like '%address%'`) >= 0 {
		olga.post("/security/addresses", "do", "rules", "customers", "on").wrote(act("addresses.change", "addresses"))
	}
	olga.post("/audit/settings", "access_log.enabled", "on", "access_log.days", "91", "audit.retention_days", "0").wrote(act("settings.change", "settings", `access_log.days`, `90`, `91`))
	olga.post("/audit/export", "format", "jsonl", "action", "user.add").wrote(act("audit.export", "audit", `user.add`))
	olga.post("/audit/readings/export").wrote(act("access.export", "readings"))
	olga.post("/audit/sinks", "name", "copy", "kind", "file", "whole", "on").wrote(act("audit.sink", `sink/\d+`, `copy`))
	olga.post(fmt.Sprintf("/audit/sinks/%d/remove", w.number(`select max(id) from audit_sink`))).wrote(act("audit.sink-removed", `sink/\d+`, `copy`))
	olga.post("/reports/zone", "zone", "Europe/Rome").wrote(act("reports.zone", "reports", `Europe/Rome`))
	w.api(http.MethodPatch, "/policy", map[string]any{"suspended_days": 15}).wrote(act("policy.change", "policy", `"from"`, `"to"`, `15`))
	fields := []string{"agents_by_mail", "on"}
	for _, found := range regexp.MustCompile(`(?s)<(?:input|select)[^>]* name="([a-z_]+)"[^>]*>`).FindAllStringSubmatch(olga.get("/settings/mail").body, -1) {
		if value := regexp.MustCompile(` value="([^"]*)"`).FindStringSubmatch(found[0]); found[1] != "agents_by_mail" && strings.Contains(found[0], "<input") && !strings.Contains(found[0], "checkbox") && value != nil {
			fields = append(fields, found[1], unescaped(value[1]))
		}
	}
	page := olga.get("/settings/mail").body
	for _, one := range regexp.MustCompile(`(?s)<select[^>]* name="([a-z_]+)".*?</select>`).FindAllStringSubmatch(page, -1) {
		if chosen := regexp.MustCompile(`<option value="([^"]*)"[^>]* selected`).FindStringSubmatch(one[0]); chosen != nil {
			fields = append(fields, one[1], chosen[1])
		}
	}
	saved := olga.post("/settings/mail", fields...)
	found := w.entries(`request = $1 and action = 'policy.agents-by-mail'`, saved.request)
	if len(found) != 1 {
		w.Errorf("%d at %s: %v %s", saved.status, saved.to, found, alertOf(saved.body))
	} else {
		saved.looks(found[0], act("policy.agents-by-mail", "policy", `off`, `on`))
	}
}

// shelves hold what the desk works with.
func (w *walk) shelves() {
	olga, ada := w.olga, w.idOf("ada@desk.example")
	olga.post("/tags", "do", "add", "name", "billing").wrote(act("tag.add", "tag/billing"))
	olga.post("/tags", "do", "rename", "name", "billing", "to", "money").wrote(act("tag.rename", "tag/billing", `money`))
	olga.post("/tags", "do", "remove", "name", "money").wrote(act("tag.remove", "tag/money"))
	olga.post("/fields", "name", "Plan", "kind", "choice", "choices", "Gold\r\nSilver\r\n").wrote(act("field.set", "field/plan", `Gold`))
	olga.post("/fields", "name", "Order", "kind", "text").wrote(act("field.set", "field/order", `Order`))
	olga.post(fmt.Sprintf("/fields/%d/remove", w.number(`select id from field where key = 'plan'`))).wrote(act("field.remove", "field/plan"))
	olga.post("/targets", "answer", "4 h", "solve", "40 h").wrote(act("target.set", `target/\d+`, `240`))
	olga.post(fmt.Sprintf("/targets/%d/remove", w.number(`select max(id) from target`))).wrote(act("target.remove", `target/\d+`))
	olga.post("/hours", "name", "Office", "zone", "Europe/Rome", "day-1", "9-13, 14-18").wrote(act("hours.set", `hours/\d+`, `Office`))
	olga.post(fmt.Sprintf("/hours/%d/remove", w.number(`select max(id) from hours`))).wrote(act("hours.remove", `hours/\d+`, `Office`))
	olga.post("/teams", "name", "First line", "member", fmt.Sprint(ada)).wrote(act("team.set", `team/\d+`, `First line`))
	olga.post("/teams", "name", "Second line").wrote(act("team.set", `team/\d+`))
	olga.post(fmt.Sprintf("/teams/%d/remove", w.number(`select id from team where name = 'Second line'`))).wrote(act("team.remove", `team/\d+`, `Second line`))
	olga.post("/canned/new", "name", "Hello", "shortcut", "/hi", "text", "Dear {{customer.first_name}}", "for", "own", "mailbox", "0").wrote(act("canned.add", `canned/\d+`, `Hello`))
	canned := fmt.Sprintf("/canned/%d", w.number(`select max(id) from canned`))
	olga.post(canned, "name", "Hallo", "shortcut", "/hi", "text", "Dear {{customer.first_name}}", "for", "own", "mailbox", "0").wrote(act("canned.change", `canned/\d+`, `Hello`, `Hallo`))
	olga.post(canned + "/remove").wrote(act("canned.remove", `canned/\d+`, `Hallo`))
	olga.post("/macros/new", "name", "Urgent", "for", "all", "mailbox", "0", "actions", "1", "do0-of", "add-tags", "do0-value", "pump", "text", "").wrote(act("macro.add", `macro/\d+`, `Urgent`))
	macro := fmt.Sprintf("/macros/%d", w.number(`select max(id) from macro`))
	olga.post(macro, "name", "Pump", "for", "all", "mailbox", "0", "actions", "1", "do0-of", "add-tags", "do0-value", "pump", "text", "").wrote(act("macro.change", `macro/\d+`, `Urgent`, `Pump`))
	olga.post("/macros/new", "name", "Never", "for", "own", "mailbox", "0", "actions", "1", "do0-of", "add-tags", "do0-value", "never", "text", "").wrote(act("macro.add", `macro/\d+`))
	olga.post(fmt.Sprintf("/macros/%d/remove", w.number(`select max(id) from macro`))).wrote(act("macro.remove", `macro/\d+`, `Never`))
	rule := []string{"match", "all", "when", "opened", "conditions", "1", "if0-of", "subject", "if0-is", "contains", "if0-value", "rule me", "actions", "1", "do0-of", "add-tags", "do0-value", "ruled", "on", "on", "step", "save"}
	olga.post("/automations/new", append([]string{"name", "Invoices"}, rule...)...).wrote(act("automation.add", `automation/\d+`, `Invoices`))
	first := fmt.Sprintf("/automations/%d", w.number(`select max(id) from automation`))
	olga.post(first, append([]string{"name", "Bills"}, rule...)...).wrote(act("automation.change", `automation/\d+`, `Invoices`, `Bills`))
	olga.post("/automations/new", append([]string{"name", "Second"}, rule...)...).wrote(act("automation.add", `automation/\d+`))
	second := fmt.Sprintf("/automations/%d", w.number(`select max(id) from automation`))
	olga.post(second+"/move", "to", "up").wrote(act("automation.move", `automation/\d+`))
	olga.post(second+"/switch", "to", "off").wrote(act("automation.switch", `automation/\d+`))
	olga.post(second + "/remove").wrote(act("automation.remove", `automation/\d+`, `Second`))
	olga.post("/views", "name", "Urgent", "audience", "all", "priority", "urgent", "order", "due").wrote(act("view.save", `view/\d+`, `Urgent`))
	olga.post(fmt.Sprintf("/views/%d/delete", w.number(`select max(id) from view`))).wrote(act("view.remove", `view/\d+`))
	olga.post("/mailboxes", "address", "sales@desk.example", "name", "Sales").wrote(act("mailbox.add", "mailbox/sales@desk.example", `Sales`))
	olga.post("/mailboxes/change", "address", "sales@desk.example", "name", "Shop", "dmarc", "suspend", "signature", "Shop Ltd").
		wrote(act("mailbox.change", "mailbox/sales@desk.example", `Sales`, `Shop`), act("mailbox.signature", "mailbox/sales@desk.example"))
	olga.post("/customers", "mailbox", fmt.Sprint(w.number(`select id from mailbox where address = 'sales@desk.example'`)), "ask_after", "24", "proof", "mail", "language", "en", "link", "on").
		wrote(act("mailbox.customers", "mailbox/sales@desk.example"))
	olga.post("/mailboxes/remove", "address", "sales@desk.example").wrote(act("mailbox.remove", "mailbox/sales@desk.example"))
	olga.post("/senders", "pattern", "*.spam.example", "action", "reject", "note", "Never again", "days", "30").wrote(act("sender.rule", `sender/.*spam.example`, `reject`))
	olga.post("/senders/remove", "pattern", "*.spam.example").wrote(act("sender.unrule", `sender/.*spam.example`, `reject`))
	olga.post("/suppressions", "address", "dead@customer.example", "note", "asked for peace").wrote(act("suppression.add", "address/dead@customer.example", `peace`))
	olga.post("/suppressions/lift", "address", "dead@customer.example").wrote(act("suppression.lift", "address/dead@customer.example"))
	olga.post("/destinations", "pattern", "bank.example", "tls", "verify", "connections", "2", "per_minute", "60", "note", "by contract").wrote(act("destination.rule", "destination/bank.example", `verify`))
	olga.post("/destinations/remove", "pattern", "bank.example").wrote(act("destination.unrule", "destination/bank.example"))
}

package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"html"
	"io"
	"mime/quotedprintable"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
	"github.com/rogpeppe/go-internal/testscript"

	"postern/internal/testkit"
	"postern/secret"
)

// planted is a secret that a script made the program know, and where it must not stand.
type planted struct {
	what, text string
	logOnly    bool // it stands in the database rightly
}

// canaries are what a script has planted, with the servers outside that the program talks to.
type canaries struct {
	ts    *testscript.TestScript
	t     testing.TB
	mails *testkit.Sink
	web   *httptest.Server // gateway for text messages, webhook, and a provider of sign-in that is out of order
	texts chan string
	list  []planted
	proof string // a token of which the database has the hash
}

const theCanaries valueKey = "canaries"

// outside starts the servers that the program is to talk to, and makes serve know them: outside
func outside(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: outside")
	}
	c := ts.Value(theCanaries).(*canaries)
	c.ts, c.t, c.texts = ts, ts.Value(theTest).(testing.TB), make(chan string, 10)
	c.mails = testkit.SMTPSink(c.t, testkit.Behaviour{NoTLS: true})
	c.web = httptest.NewTLSServer(stumbling(c.texts))
	c.t.Cleanup(c.web.Close)
	ts.Check(os.WriteFile(ts.MkAbs("outside.pem"), c.authority(), 0o600))
	ts.Setenv("SSL_CERT_FILE", ts.MkAbs("outside.pem"))
	ts.Setenv("POSTERN_SMARTHOST", "smtp://"+c.mails.Addr)
	ts.Setenv("POSTERN_OUTBOUND_ALLOW", "127.0.0.0/8")
}

// stumbling answers the first request for each page with an error and all that was sent to it, as servers do that are out of order. Then text messages and the log arrive; nothing else ever does.
func stumbling(texts chan<- string) http.Handler {
	var seen sync.Map
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, again := seen.LoadOrStore(r.URL.Path, true)
		var message struct{ Text string }
		switch {
		case !again || r.URL.Path != "/sms" && r.URL.Path != "/hook":
			http.Error(w, fmt.Sprint(r.URL, r.Header, string(body)), http.StatusServiceUnavailable)
		case r.URL.Path == "/sms":
			_ = json.Unmarshal(body, &message)
			texts <- message.Text
		}
	})
}

func (c *canaries) authority() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.web.Certificate().Raw})
}

// plant uses every way in that knows a secret, over HTTP, and remembers the secrets: plant
func plant(ts *testscript.TestScript, neg bool, args []string) {
	c := ts.Value(theCanaries).(*canaries)
	if neg || len(args) != 0 || c.web == nil {
		ts.Fatalf("usage: plant, after outside and serve")
	}
	c.secret("client secret", ts.Getenv("CLIENT_SECRET"))
	olga := c.signsIn("olga@desk.example")
	c.factors(olga)
	c.telephone(olga)
	c.providers(olga)
	c.hook(olga)
	c.oauth(olga)
	c.mailedCode()
	c.reset()
	c.visitors()
	c.emergencies(olga)
	for _, words := range []string{"canary-body-1751", "canary-subject-1738", "canary-reply-body-1766", "canary-reply-subject-1767"} {
		c.list = append(c.list, planted{"words of a mail", words, true})
	}
}

func (c *canaries) secret(what, text string) string {
	if text == "" {
		c.ts.Fatalf("%s: there is none", what)
	}
	c.list = append(c.list, planted{what: what, text: text})
	return text
}

// canaryBrowser is a browser with cookies of its own, which goes nowhere by itself.
type canaryBrowser struct {
	*canaries
	client *http.Client
}

func (c *canaries) browser() canaryBrowser {
	jar, err := cookiejar.New(nil)
	c.ts.Check(err)
	return canaryBrowser{c, &http.Client{Jar: jar, Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

func (b canaryBrowser) do(request *http.Request) (page, location string) {
	request.Header.Set("User-Agent", "canary browser")
	answer, err := b.client.Do(request)
	b.ts.Check(err)
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	b.ts.Check(err)
	if answer.StatusCode >= http.StatusInternalServerError {
		b.ts.Fatalf("%s %s: %d\n%s", request.Method, request.URL.Path, answer.StatusCode, raw)
	}
	return string(raw), answer.Header.Get("Location")
}

func (b canaryBrowser) get(path string) (page, location string) {
	request, err := http.NewRequest(http.MethodGet, "http://"+b.ts.Getenv("WEB")+path, nil)
	b.ts.Check(err)
	return b.do(request)
}

func (b canaryBrowser) post(path string, pairs ...string) (page, location string) {
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	request, err := http.NewRequest(http.MethodPost, "http://"+b.ts.Getenv("WEB")+path, strings.NewReader(form.Encode()))
	b.ts.Check(err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.do(request)
}

// part is what the pattern's group matches in a page.
func (c *canaries) part(page, pattern string) string {
	found := regexp.MustCompile(pattern).FindStringSubmatch(page)
	if found == nil {
		c.ts.Fatalf("%s is not in\n%s", pattern, page)
	}
	return html.UnescapeString(found[1])
}

func (c *canaries) wants(place, want string) {
	if !strings.HasPrefix(place, want) {
		c.ts.Fatalf("at %q, not at %q", place, want)
	}
}

func (c *canaries) signsIn(email string) canaryBrowser {
	b := c.browser()
	_, to := b.post("/sign-in", "email", email, "password", strings.TrimSpace(c.ts.ReadFile("password")))
	if strings.HasPrefix(to, "/sign-in") || to == "" {
		c.ts.Fatalf("%s is led to %q", email, to)
	}
	at, err := url.Parse("http://" + c.ts.Getenv("WEB"))
	c.ts.Check(err)
	for _, cookie := range b.client.Jar.Cookies(at) {
		if c.secret("cookie "+cookie.Name, cookie.Value); cookie.Name == "postern" && c.proof == "" {
			c.proof = cookie.Value
		}
	}
	return b
}

// mailWith waits for the mail in which the pattern's group is.
func (c *canaries) mailWith(pattern string) string {
	for {
		mail := c.mails.Next(c.t)
		text, err := io.ReadAll(quotedprintable.NewReader(bytes.NewReader(mail.Bytes)))
		c.ts.Check(err)
		if found := regexp.MustCompile(pattern).FindSubmatch(text); found != nil {
			return string(found[1])
		}
	}
}

const factorsAt = "/you/security/factors"

func (c *canaries) factors(olga canaryBrowser) {
	olga.post(factorsAt, "do", "app")
	page, _ := olga.get(factorsAt)
	typed := c.secret("seed in groups", c.part(page, `<code class="secret-key">([A-Z2-7 ]+)</code>`))
	seed := c.secret("seed", strings.ReplaceAll(typed, " ", ""))
	raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(seed)
	c.ts.Check(err)
	c.secret("octets of the seed", string(raw))
	code, err := totp.GenerateCode(seed, time.Now())
	c.ts.Check(err)
	page, _ = olga.post(factorsAt, "do", "app-code", "code", c.secret("code of the app", code))
	codes := regexp.MustCompile(`[A-Z2-7]{4}(-[A-Z2-7]{4}){5}`).FindAllString(page, -1)
	if len(codes) != 10 {
		c.ts.Fatalf("%d recovery codes\n%s", len(codes), page)
	}
	for _, code := range codes {
		c.secret("recovery code", code)
		c.secret("recovery code", strings.ReplaceAll(code, "-", ""))
		c.secret("recovery code", strings.ToLower(code))
	}
	other := c.browser()
	_, to := other.post("/sign-in", "email", "olga@desk.example", "password", strings.TrimSpace(c.ts.ReadFile("password")))
	c.wants(to, "/sign-in/factor")
	other.post("/sign-in/factor", "proof_code", c.secret("wrong code", "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF"))
	_, to = other.post("/sign-in/factor", "proof_code", codes[0])
	if strings.HasPrefix(to, "/sign-in") || to == "" {
		c.ts.Fatalf("the recovery code leads to %q", to)
	}
}

func (c *canaries) telephone(olga canaryBrowser) {
	page, _ := olga.post("/security/factors/gateway", "url", c.web.URL+"/sms")
	c.secret("secret of the gateway", c.part(page, `data-copy-source>([^<]+)<`))
	olga.post(factorsAt, "do", "telephone", "number", "+39 055 123456")
	select {
	case text := <-c.texts:
		code := c.secret("code by text message", c.part(text, `#(\d{6})`))
		_, to := olga.post(factorsAt, "do", "telephone-code", "code", code)
		c.wants(to, factorsAt+"?done=added")
	case <-time.After(patience):
		c.ts.Fatalf("no text message")
	}
}

func (c *canaries) providers(olga canaryBrowser) {
	_, shop := olga.post("/security/sign-in/new", "kind", "jwt", "name", "Shop", "population", "customers", "algorithm", "HS256", "login_url", "https://shop.example.com/login", "create", "on", "create_role", "customer", "domains", "client.example")
	shop, _, _ = strings.Cut(shop, "?")
	c.wants(shop, "/security/sign-in/")
	page, _ := olga.post(shop+"/do", "do", "secret")
	key := c.secret("shared secret of the provider", c.part(page, `data-copy-source>([^<]+)<`))
	_, to := olga.post(shop+"/do", "do", "on")
	c.wants(to, shop)
	good := companyToken(key, "canary-good")
	c.browser().post("/access/jwt", "jwt", c.secret("JWT", good), "return_to", "/my")
	bad := companyToken("canary-shared-secret-of-nobody-1784", "canary-bad")
	c.browser().post("/access/jwt", "jwt", c.secret("JWT with a wrong signature", bad))
	c.browser().get("/access/jwt?jwt=" + c.secret("JWT in an address", companyToken(key, "canary-in-address")))
	for _, token := range []string{good, bad} {
		c.secret("signature of a JWT", token[strings.LastIndex(token, ".")+1:])
	}
	_, acme := olga.post("/security/sign-in/new", "kind", "oidc", "name", "Acme", "population", "staff", "issuer", c.web.URL, "client_id", "canary", "domains", "desk.example")
	acme, _, _ = strings.Cut(acme, "?")
	c.wants(acme, "/security/sign-in/")
	_, to = olga.post(acme, "name", "Acme", "population", "staff", "issuer", c.web.URL, "client_id", "canary", "domains", "desk.example", "secret", c.secret("secret of the OpenID provider", "canary-openid-secret-Hypatia-0415"))
	c.wants(to, acme)
	olga.post(acme+"/do", "do", "on")
	number := strings.TrimPrefix(acme, "/security/sign-in/")
	strays := c.browser()
	strays.client.Timeout = patience
	strays.getAny("/access/start/" + number)
	strays.getAny("/access/oidc/" + number + "/callback?code=" + c.secret("code of a provider", "canary-provider-code-1799") + "&state=" + c.secret("state", "canary-provider-state-1801"))
}

// getAny is get where the answer may be that a server outside is out of order.
func (b canaryBrowser) getAny(path string) {
	answer, err := b.client.Get("http://" + b.ts.Getenv("WEB") + path)
	b.ts.Check(err)
	answer.Body.Close()
}

func (c *canaries) hook(olga canaryBrowser) {
	page, _ := olga.post("/audit/sinks", "name", "hook", "kind", "webhook", "address", c.web.URL+"/hook?key=canary-hook-key-1805", "authority", string(c.authority()), "whole", "on")
	c.secret("secret of the webhook", c.part(page, `<p class="mono">([^<]+)<`))
	c.list = append(c.list, planted{"address of the webhook", "canary-hook-key-1805", true})
}

func (c *canaries) oauth(olga canaryBrowser) {
	const back, verifier = "http://127.0.0.1:9/back", "canary-verifier-Ada-Lovelace-1815-0123456789abcdef"
	c.secret("verifier", verifier)
	page, _ := olga.get("/oauth/authorize?" + url.Values{
		"client_id": {c.ts.Getenv("CLIENT_ID")}, "redirect_uri": {back}, "response_type": {"code"}, "scope": {"tickets:read offline"}, "state": {"s"},
		"code_challenge": {challengeOf(verifier)}, "code_challenge_method": {"S256"},
	}.Encode())
	fields := []string{"answer", "allow"}
	for _, found := range regexp.MustCompile(`type="hidden" name="([^"]*)" value="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if found[1] != "answer" {
			fields = append(fields, html.UnescapeString(found[1]), html.UnescapeString(found[2]))
		}
	}
	_, to := olga.post("/oauth/authorize", fields...)
	c.wants(to, back)
	at, err := url.Parse(to)
	c.ts.Check(err)
	code := c.secret("authorization code", at.Query().Get("code"))
	app := c.browser()
	client := []string{"client_id", c.ts.Getenv("CLIENT_ID"), "client_secret", c.ts.Getenv("CLIENT_SECRET")}
	refresh := ""
	for _, ask := range [][]string{{"grant_type", "authorization_code", "code", code, "redirect_uri", back, "code_verifier", verifier}, {"grant_type", "refresh_token"}} {
		if refresh != "" {
			ask = append(ask, "refresh_token", refresh)
		}
		answer, _ := app.post("/oauth/token", append(ask, client...)...)
		var tokens struct {
			Access  string `json:"access_token"`
			Refresh string `json:"refresh_token"`
		}
		if err := json.Unmarshal([]byte(answer), &tokens); err != nil {
			c.ts.Fatalf("%v: %s", err, answer)
		}
		c.secret("access token", tokens.Access)
		refresh = c.secret("refresh token", tokens.Refresh)
		request, err := http.NewRequest(http.MethodGet, "http://"+c.ts.Getenv("WEB")+"/api/v1/tickets", nil)
		c.ts.Check(err)
		request.Header.Set("Authorization", "Bearer "+tokens.Access)
		app.do(request)
	}
	app.post("/oauth/token", append([]string{"grant_type", "authorization_code", "code", code, "redirect_uri", back, "code_verifier", verifier}, client...)...) // a second time, which ends everything
	app.post("/oauth/token", "grant_type", "client_credentials", "client_id", c.ts.Getenv("CLIENT_ID"), "client_secret", c.secret("wrong client secret", "canary-wrong-client-secret-1825"))
}

// mailedCode signs anna in from a second browser, which has to type a code that is mailed.
func (c *canaries) mailedCode() {
	c.signsIn("anna@desk.example")
	second := c.browser()
	_, to := second.post("/sign-in", "email", "anna@desk.example", "password", strings.TrimSpace(c.ts.ReadFile("password")))
	c.wants(to, "/sign-in/factor")
	c.secret("link that ends all sessions", c.mailWith(`/was-it-you/([\w-]+)`))
	second.post("/sign-in/factor/code", "to", "mail")
	_, to = second.post("/sign-in/factor", "proof_kind", "mail", "proof_code", c.secret("code by mail", c.mailWith(`(?m)(?:^|[^\d\w.@/-])(\d{6})\b`)))
	if strings.HasPrefix(to, "/sign-in") || to == "" {
		c.ts.Fatalf("the mailed code leads to %q", to)
	}
}

func (c *canaries) reset() {
	b := c.browser()
	b.post("/sign-in/reset", "email", "anna@desk.example")
	token := c.secret("link for a new password", c.mailWith(`/sign-in/reset/([\w-]{20,})`))
	b.get("/sign-in/reset/" + token)
	_, to := b.post("/sign-in/reset/"+token, "password", c.secret("new password", "canary-chosen-Maria-Agnesi-1718"), "end", "on")
	c.wants(to, "/sign-in?done=password")
}

// emergencies are the ways in when no other works: a link for owners, and new recovery codes.
func (c *canaries) emergencies(olga canaryBrowser) {
	b := c.browser()
	b.post("/access/bypass", "email", "olga@desk.example")
	token := c.secret("link for emergencies", c.mailWith(`/access/bypass/([\w-]{20,})`))
	b.get("/access/bypass/" + token)
	_, to := b.post("/access/bypass/" + token)
	c.wants(to, "/sign-in/factor")
	page, _ := olga.post(factorsAt, "do", "codes")
	c.secret("new recovery code", c.part(page, `([A-Z2-7]{4}(?:-[A-Z2-7]{4}){5})`))
}

func (c *canaries) visitors() {
	const address = "canary-sender@client.example"
	for _, by := range []string{"code", "link"} {
		b := c.browser()
		_, to := b.post("/my/sign-in", "address", address)
		c.wants(to, "/my/code")
		mail := c.mailWith(`(?s)(.*/my/link/[\w-]{20,}.*)`)
		token := c.secret("visitor's link", c.part(mail, `/my/link/([\w-]{20,})`))
		code := c.secret("visitor's code", strings.ReplaceAll(c.part(mail, `(?m)\s(\d{4} ?\d{4})\s`), " ", ""))
		if by == "code" {
			_, to = b.post("/my/code", "code", code)
		} else {
			b.get("/my/link/" + token)
			_, to = b.post("/my/link/"+token, "code", code)
		}
		c.wants(to, "/my")
		at, err := url.Parse("http://" + c.ts.Getenv("WEB") + "/my")
		c.ts.Check(err)
		for _, cookie := range b.client.Jar.Cookies(at) {
			c.secret("cookie "+cookie.Name, cookie.Value)
		}
	}
}

// sweep fails for every planted secret that stands in a file, and when it would not have seen one: sweep DUMP LOG
func sweep(ts *testscript.TestScript, neg bool, args []string) {
	c := ts.Value(theCanaries).(*canaries)
	if neg || len(args) != 2 || len(c.list) < 60 {
		ts.Fatalf("usage: sweep DUMP LOG, after plant (%d secrets)", len(c.list))
	}
	dump, log := ts.ReadFile(args[0]), ts.ReadFile(args[1])
	for _, form := range formsOf("canary-control-1852") {
		if at := stands(dump+"\t"+form+"\n", "canary-control-1852"); at != form {
			ts.Fatalf("the sweep is blind to %q", form)
		}
	}
	if stands(dump, "canary-body-1751") == "" || stands(dump, string(secret.HashToken(c.proof))) == "" || stands(dump, "the gateway answers 503") == "" {
		ts.Fatalf("the sweep is blind: the dump lacks a body, the hash of a session, or what went wrong in the queue")
	}
	if !strings.Contains(log, `"level":"DEBUG"`) || stands(log, "/access/jwt") == "" {
		ts.Fatalf("the sweep is blind: the log lacks what was asked for")
	}
	found := 0
	for _, one := range c.list {
		for name, text := range map[string]string{args[0]: dump, args[1]: log} {
			if form := stands(text, one.text); form != "" && !(one.logOnly && name == args[0]) {
				line := text[strings.LastIndexByte(text[:strings.Index(text, form)], '\n')+1:]
				line, _, _ = strings.Cut(line, "\n")
				fmt.Fprintf(ts.Stdout(), "%s (%s) stands in %s as %q: %.600s\n", one.what, one.text, name, form, line)
				found++
			}
		}
	}
	if found > 0 {
		ts.Fatalf("%d secrets stand where they must not", found)
	}
	ts.Logf("%d secrets, %d bytes of dump, %d of log", len(c.list), len(dump), len(log))
}

// digitsOnly is what people type: short enough that other numbers hold it by chance.
var digitsOnly = regexp.MustCompile(`^\d{6,8}$`)

// stands is the form in which a secret stands in a text; empty: it does not.
func stands(text, secret string) string {
	for i, form := range formsOf(secret) {
		if i == 0 && digitsOnly.MatchString(secret) { // a number of its own, and no part of a time or a hash
			if regexp.MustCompile(`(?:^|[^\w.+-])` + form + `(?:[^\w]|$)`).MatchString(text) {
				return form
			}
			continue
		}
		if strings.Contains(text, form) {
			return form
		}
	}
	return ""
}

// formsOf are how a secret may be written: as it is, in an address, in hex, and in both alphabets of base64 wherever it begins among three octets.
func formsOf(secret string) []string {
	small := hex.EncodeToString([]byte(secret))
	forms := []string{secret, url.QueryEscape(secret), small, strings.ToUpper(small)}
	if digitsOnly.MatchString(secret) {
		forms = []string{secret, small, strings.ToUpper(small)}
	}
	for before := range 3 {
		whole := append(make([]byte, before), secret...)
		from, to := (before*8+5)/6, len(whole)*8/6
		for _, alphabet := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			forms = append(forms, alphabet.EncodeToString(whole)[from:to])
		}
	}
	return forms
}

// challengeOf is the challenge of a verifier (RFC 7636 §4.2).
func challengeOf(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// companyToken is a JWT as a company's program signs it.
func companyToken(key, id string) string {
	text := base64.RawURLEncoding.EncodeToString([]byte(`{"typ":"JWT","alg":"HS256"}`)) + "." +
		base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"iat":%d,"jti":%q,"name":"Ben","email":"ben@client.example"}`, time.Now().Unix(), id))
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

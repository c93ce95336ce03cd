package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	words "postern/desk"
	"postern/internal/testkit"
)

// actsPassword is everybody's.
const actsPassword = "seven quiet lanterns"

// provedElsewhere are acts that the walk does not do, since they need hours, a server that fails, or an attack; with the test that does them and looks at the entry.
var provedElsewhere = map[string]string{
	"acknowledgement.pause": "TestT_02_ForgedSenders", "alert.raised": "TestAlertsAreRaisedOnceByAllProcesses", "alert.seen": "TestAlertsAreRaisedOnceByAllProcesses", "delivery.cancel": "TestCancelDelivery",
	"delivery.delayed": "TestTellDelays", "delivery.redirect": "TestRedirectDelivery", "ticket.forward": "TestForward", "ticket.reply-to": "TestT_08_ByMailGoesToTheAuthor", "ticket.undo": "TestT_UNDO", "command.denied": "TestCommandsAskForACode",
	"alert.throttle": "TestWhatIsDoneIsAJobOfTheAlertsTransaction", "alert.undone": "TestWhatIsDoneIsAJobOfTheAlertsTransaction", "guest.add": "TestGuestComesAndIsGone", "guest.end": "TestGuestComesAndIsGone", "impersonation.begin": "TestImpersonationRefused", "impersonation.end": "TestImpersonationEnds", "mail.own-domain": "TestDetectorsFireOnceOnAttacks", "mail.token-guess": "TestDetectorsFireOnceOnAttacks", "user.profile": "TestSCIMAsEntraAsks", "user.provision": "TestSCIMAsEntraAsks", "user.release": "TestSCIMAsEntraAsks",
}

// unwalked are acts whose entry no test looks at. That each is written stands in the source, which another test reads; that it is written rightly is proved by nothing. The list may only become shorter.
var unwalked = []string{
	"addresses.confirm", "addresses.denied", "addresses.revert", "attachment.link", "attachment.revoke", "audit.purge", "certificate.retry", "contact.address",
	"delivery.bounced", "delivery.retry", "domain.forget", "domain.import_key", "domain.keys", "domain.rotate", "domain.state", "domain.test", "keys.use",
	"provider.metadata", "provider.test", "suspended.purge", "ticket.accepted", "ticket.continued", "ticket.follow-up", "ticket.missed", "ticket.removed",
	"ticket.start", "token.off", "user.factor-rename", "user.letter-failed", "user.passkey-copied", "user.signed-out",
	"provider.scim-token", "provider.scim-token-end",
}

// TestEveryActIsRecorded walks once through the product as its people, programs, operators and senders do, and holds each step against the audit log: exactly the entries that belong to it, each with who did it, from
// where, by which session or token, in which request, to what, what was before and after, and how it ended. At the end nothing of the vocabulary may be left that neither the walk nor another test has done, but for a list that is named as such.
func TestEveryActIsRecorded(t *testing.T) {
	t.Parallel()
	w := newWalk(t)
	for _, part := range []struct {
		name string
		walk func(*walk)
	}{
		{"people", (*walk).people}, {"devices", (*walk).devices}, {"factors", (*walk).factors}, {"providers", (*walk).providers}, {"programs", (*walk).programs}, {"settings", (*walk).settings}, {"shelves", (*walk).shelves},
		{"mail", (*walk).mail}, {"tickets", (*walk).tickets}, {"customers", (*walk).customers}, {"domains", (*walk).domains}, {"operators", (*walk).operators},
	} {
		if only := os.Getenv("ACTS_ONLY"); only != "" && !strings.Contains(only, part.name) { // while a part of the walk is being written
			continue
		}
		part.walk(w)
	}
	w.neither()
	w.waited()
	w.chained()
	if os.Getenv("ACTS_ONLY") == "" {
		w.whole()
	}
}

// walk is the program, those who walk through it, and what the log has shown.
type walk struct {
	*testing.T
	p      *program
	db     *pgx.Conn
	letter *testkit.Sink
	mails  []string
	seen   map[string]int
	later  []wish
	mark   int64 // no entry up to it is looked at by what looks for new ones

	olga, ada, nobody *walker
	token             string // of olga, for the API
}

func newWalk(t *testing.T) *walk {
	sink := testkit.SMTPSink(t, testkit.Behaviour{NoTLS: true})
	p := launch(t, "POSTERN_SMARTHOST=smtp://"+sink.Addr)
	db, err := p.database(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close(context.WithoutCancel(t.Context())) })
	w := &walk{T: t, p: p, db: db, letter: sink, seen: map[string]int{}, token: p.token}
	p.cli("settings", "set", "two_factor.mail_code", "off") // people of this walk come in from new browsers all the time
	p.cli("settings", "set", "access_log.enabled", "on")
	w.mark = w.last()
	return w
}

func (w *walk) sql(text string, args ...any) {
	w.Helper()
	if _, err := w.db.Exec(w.Context(), text, args...); err != nil {
		w.Fatalf("%s: %v", text, err)
	}
}

// number reads one from the database: what a person would read off a page.
func (w *walk) number(text string, args ...any) (n int64) {
	w.Helper()
	if err := w.db.QueryRow(w.Context(), text, args...).Scan(&n); err != nil {
		w.Fatalf("%s: %v", text, err)
	}
	return n
}

func (w *walk) last() int64 { return w.number(`select coalesce(max(id), 0) from audit`) }

// entry is a line of the log, as the database has it.
type entry struct {
	ID                            int64
	Actor, Via, IP, Action        string
	Subject, Detail, Outcome, Req string
	ActorID, Session, Token       *int64
	Device                        *int64
	Behalf                        string
}

func (e entry) String() string {
	return fmt.Sprintf("%s by %s (%s, %s, session %v, token %v, request %q) to %q %s: %s", e.Action, e.Actor, e.Via, e.IP, e.Session != nil, e.Token != nil, e.Req, e.Subject, e.Outcome, e.Detail)
}

func (w *walk) entries(where string, args ...any) (found []entry) {
	w.Helper()
	rows, err := w.db.Query(w.Context(), `select id, actor, actor_id, via, ip, action, subject, detail::text, outcome, request, session_id, token_id, device_id, on_behalf from audit where `+where+` order by id`, args...)
	if err != nil {
		w.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var e entry
		if err := rows.Scan(&e.ID, &e.Actor, &e.ActorID, &e.Via, &e.IP, &e.Action, &e.Subject, &e.Detail, &e.Outcome, &e.Req, &e.Session, &e.Token, &e.Device, &e.Behalf); err != nil {
			w.Fatal(err)
		}
		found = append(found, e)
	}
	if err := rows.Err(); err != nil {
		w.Fatal(err)
	}
	return found
}

// want is an entry that a step makes.
type want struct {
	action  string
	subject string   // a pattern, of the whole of it
	detail  []string // patterns of what stands in it: what was before and after
	by      string   // who, where it is not whoever takes the step
}

func act(action, subject string, detail ...string) want {
	return want{action: action, subject: subject, detail: detail}
}

// as is act by somebody else than who takes the step.
func (a want) as(who string) want { a.by = who; return a }

// taken is a step that was taken, by a request or a command.
type taken struct {
	w        *walk
	what     string
	status   int
	to, body string // where it leads, and what was answered

	actor, via, ip, request string
	session, token          bool
	after                   int64 // of a command, which has no request: entries after this one
}

// wrote holds the step against the log: these entries and no others.
func (s *taken) wrote(wants ...want) *taken {
	s.w.Helper()
	var found []entry
	if s.request != "" {
		found = s.w.entries(`request = $1`, s.request)
	} else {
		found = s.w.entries(`id > $1 and via = $2`, s.after, s.via)
		wants = append([]want{act("command.run", `command/[a-z -]+`, `"command":\s*"`, `"host":\s*"`)}, wants...) // every command stands there itself, before what it does
	}
	left := slices.Clone(found)
	for _, want := range wants {
		at := slices.IndexFunc(left, func(e entry) bool { return e.Action == want.action })
		if at < 0 {
			s.w.Errorf("%s (%d, %s) wrote no %s, but %v\n%s", s.what, s.status, s.to, want.action, found, alertOf(s.body))
			continue
		}
		s.looks(left[at], want)
		left = slices.Delete(left, at, at+1)
	}
	for _, e := range left {
		s.w.Errorf("%s wrote too much: %s", s.what, e)
	}
	return s
}

// looks holds one entry against what it should be.
func (s *taken) looks(e entry, want want) {
	s.w.Helper()
	who := s.actor
	if want.by != "" {
		who = want.by
	}
	person := strings.Contains(who, "@")
	s.w.like(s.what, e, want)
	switch {
	case e.Actor != who, person != (e.ActorID != nil) && s.via != "customer":
		s.w.Errorf("%s: want it by %s: %s", s.what, who, e)
	case e.Via != s.via && s.via != "customer" && want.by != "system", e.IP != s.ip, e.Req != s.request:
		s.w.Errorf("%s: want it by %s from %s in %s: %s", s.what, s.via, s.ip, s.request, e)
	case want.by == "" && s.session != (e.Session != nil):
		s.w.Errorf("%s: want a session %v: %s", s.what, s.session, e)
	case want.by == "" && s.token != (e.Token != nil):
		s.w.Errorf("%s: want a token %v: %s", s.what, s.token, e)
	}
}

// like holds what an entry says against what was done, and counts it as seen.
func (w *walk) like(what string, e entry, want want) {
	w.Helper()
	w.seen[e.Action]++
	if !regexp.MustCompile(`^(?:` + want.subject + `)$`).MatchString(e.Subject) {
		w.Errorf("%s: want it done to %s: %s", what, want.subject, e)
	}
	for _, part := range want.detail {
		if !regexp.MustCompile(part).MatchString(e.Detail) {
			w.Errorf("%s: want %s in its detail: %s", what, part, e)
		}
	}
	if e.Outcome != string(words.Acts[e.Action].Ended()) {
		w.Errorf("%s: it ended %q: %s", what, words.Acts[e.Action].Ended(), e)
	}
	if strings.Contains(e.Detail, actsPassword) || strings.Contains(e.Detail, w.token) {
		w.Errorf("%s: a secret stands in it: %s", what, e)
	}
}

// wish is an entry that comes a moment later, by a job or a mail.
type wish struct {
	want
	via, actor string
	after      int64
}

// comes says that a mail or a job will have made exactly one such entry, by the end of the walk. after is the last entry before it was caused.
func (w *walk) comes(after int64, via, actor string, wanted want) {
	w.later = append(w.later, wish{want: wanted, via: via, actor: actor, after: after})
}

// now waits for an entry that comes a moment later.
func (w *walk) now(after int64, via, actor string, wanted want) entry {
	w.Helper()
	var found []entry
	eventually(w, "there is an entry "+wanted.action+" by "+via, func() bool {
		found = w.entries(`id > $1 and action = $2 and via = $3 and subject ~ $4`, after, wanted.action, via, "^(?:"+wanted.subject+")$")
		return len(found) > 0
	})
	if w.like("a moment later", found[0], wanted); len(found) != 1 || found[0].Actor != actor {
		w.Errorf("want one entry %s by %s: %v", wanted.action, actor, found)
	}
	return found[0]
}

// waited looks at what should have come.
func (w *walk) waited() {
	for _, wish := range w.later {
		var found []entry
		eventually(w, fmt.Sprintf("an entry %s of %s", wish.action, wish.subject), func() bool {
			found = w.entries(`id > $1 and action = $2 and via = $3 and subject ~ $4`, wish.after, wish.action, wish.via, "^(?:"+wish.subject+")$")
			return len(found) > 0
		})
		if len(found) != 1 {
			w.Errorf("want one entry %s of %s, got %v", wish.action, wish.subject, found)
		}
		if w.like("later", found[0], wish.want); found[0].Actor != wish.actor {
			w.Errorf("want it by %s: %s", wish.actor, found[0])
		}
	}
}

// neither has a commit fail, and the program's own role try what the log refuses: no change is without its entry, and no entry without its change.
func (w *walk) neither() {
	before := w.last()
	w.sql(`create function fails_at_commit() returns trigger language plpgsql as $$ begin raise exception 'the disk is gone'; end $$`)
	w.sql(`create constraint trigger fails_at_commit after insert on audit deferrable initially deferred for each row execute function fails_at_commit()`)
	w.olga.post("/tags", "do", "add", "name", "nevermade").is(http.StatusInternalServerError)
	w.olga.post("/fields", "name", "Nevermade", "kind", "text").is(http.StatusInternalServerError)
	w.sql(`drop trigger fails_at_commit on audit`)
	if n := w.number(`select count(*) from field where key = 'nevermade'`) + w.number(`select count(*) from audit where id > $1 and subject ~ 'nevermade'`, before); n != 0 {
		w.Errorf("%d rows are left of changes whose commit failed", n)
	}
	for _, text := range []string{`update audit set actor = 'x'`, `delete from audit`, `truncate audit`, `delete from audit_link`, `update audit_checkpoint set seq = 1`} {
		if _, err := w.db.Exec(w.Context(), text); err == nil || !strings.Contains(err.Error(), "42501") {
			w.Errorf("%s: want 42501, got %v", text, err)
		}
	}
}

// chained has the whole log verified by the command.
func (w *walk) chained() {
	if out, err := w.p.try("audit", "verify"); err != nil {
		w.Errorf("the chain: %v %s", err, out)
	}
}

// whole holds what was seen against the vocabulary.
func (w *walk) whole() {
	var missing []string
	for name := range words.Acts {
		elsewhere, listed := provedElsewhere[name]
		open := slices.Contains(unwalked, name)
		switch {
		case w.seen[name] == 0 && !listed && !open:
			missing = append(missing, name)
		case w.seen[name] > 0 && (listed || open):
			w.Errorf("%s was done after all: take it off the lists", name)
		case listed && !testsOfTheHouse(w)[elsewhere]:
			w.Errorf("%s is to be proved by %s, which does not exist", name, elsewhere)
		}
	}
	for name := range provedElsewhere {
		if _, known := words.Acts[name]; !known {
			w.Errorf("provedElsewhere has %s, which is no act", name)
		}
	}
	if sort.Strings(missing); len(missing) > 0 {
		w.Errorf("%d acts of the vocabulary were never done: do them in the walk, or name the test that does and looks at the entry in provedElsewhere: %s", len(missing), strings.Join(missing, ", "))
	}
	w.Logf("%d acts were done and recorded as they should be, %d are proved by other tests, %d by none", len(w.seen), len(provedElsewhere), len(unwalked))
}

var houseTests map[string]bool

// testsOfTheHouse are the names of all tests.
func testsOfTheHouse(w *walk) map[string]bool {
	if houseTests != nil {
		return houseTests
	}
	houseTests = map[string]bool{}
	named := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, found := range named.FindAllSubmatch(text, -1) {
			houseTests[string(found[1])] = true
		}
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	return houseTests
}

// walker is a person with a browser, at an address of their own.
type walker struct {
	w         *walk
	email, ip string
	agent     string
	via       string
	session   bool
	client    *http.Client
}

// browser is somebody's who is not signed in. Each comes from an address of this machine's own network.
func (w *walk) browser(ip string) *walker {
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.Fatal(err)
	}
	b := &walker{w: w, ip: ip, agent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", via: "portal"}
	b.client = &http.Client{Jar: jar, Timeout: patience, Transport: fromAddress(ip), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return b
}

// fromAddress makes connections from one of the addresses of loopback.
func fromAddress(ip string) *http.Transport {
	return &http.Transport{DialContext: (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}}).DialContext}
}

// do sends a request and returns the step, with the number of the request by which its entries are found.
func (b *walker) do(request *http.Request) *taken {
	b.w.Helper()
	request.Header.Set("User-Agent", b.agent)
	response, err := b.client.Do(request)
	if err != nil {
		b.w.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		b.w.Fatal(err)
	}
	actor := b.email
	if actor == "" {
		actor = "nobody"
	}
	return &taken{
		w: b.w, what: request.Method + " " + request.URL.Path, status: response.StatusCode, to: response.Header.Get("Location"), body: string(body),
		actor: actor, via: b.via, ip: b.ip, request: response.Header.Get("X-Request-Id"), session: b.session,
	}
}

func (b *walker) get(path string) *taken {
	b.w.Helper()
	request, err := http.NewRequest(http.MethodGet, "http://"+b.w.p.where().web+path, nil)
	if err != nil {
		b.w.Fatal(err)
	}
	return b.do(request)
}

// post sends a form of names and values.
func (b *walker) post(path string, pairs ...string) *taken {
	b.w.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	request, err := http.NewRequest(http.MethodPost, "http://"+b.w.p.where().web+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.w.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.do(request)
}

// signsIn opens a session by password, in a new browser.
func (w *walk) signsIn(email, ip string) *walker {
	w.Helper()
	b := w.browser(ip)
	step := b.post("/sign-in", "email", email, "password", actsPassword)
	if b.email = email; step.status != http.StatusSeeOther {
		w.Fatalf("%s is not let in: %d\n%s", email, step.status, alertOf(step.body))
	}
	step.actor, step.session = email, true
	b.session = true
	step.wrote(act("device.new", `user/\d+`, `"device": *"Firefox`).as(email), act("user.signin", `user/\d+`, `"method": *"password"`))
	return b
}

// calls asks the API with a token.
func (w *walk) calls(token, ip, method, path string, body any) *taken {
	w.Helper()
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			w.Fatal(err)
		}
		content = bytes.NewReader(text)
	}
	request, err := http.NewRequest(method, "http://"+w.p.where().web+path, content)
	if err != nil {
		w.Fatal(err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	b := &walker{w: w, ip: ip, via: "api", client: &http.Client{Timeout: patience, Transport: fromAddress(ip)}}
	step := b.do(request)
	step.token = token != ""
	return step
}

// api is olga's program.
func (w *walk) api(method, path string, body any) *taken {
	w.Helper()
	step := w.calls(w.token, "127.0.0.9", method, "/api/v1"+path, body)
	step.actor = owner
	if step.status/100 != 2 {
		w.Errorf("%s: %d: %s", step.what, step.status, step.body)
	}
	return step
}

// cli gives a command on the command line.
func (w *walk) cli(args ...string) *taken {
	w.Helper()
	step := &taken{w: w, what: "postern " + strings.Join(args, " "), via: "cli", after: w.last()}
	who, err := user.Current()
	if err != nil {
		w.Fatal(err)
	}
	step.actor = "system (" + who.Uid + "/" + who.Username + ")"
	if step.body, err = w.p.try(args...); err != nil {
		w.Error(err)
	}
	return step
}

// is fails where a step did not end as it should.
func (s *taken) is(status int) *taken {
	s.w.Helper()
	if s.status != status {
		s.w.Errorf("%s: %d at %q\n%s", s.what, s.status, s.to, alertOf(s.body))
	}
	return s
}

// part is what the pattern's group matches in the answer.
func (s *taken) part(pattern string) string {
	s.w.Helper()
	found := regexp.MustCompile(pattern).FindStringSubmatch(s.body + "\n" + s.to)
	if found == nil {
		s.w.Fatalf("%s (%d): %s is not in\n%.3000s", s.what, s.status, pattern, s.body)
	}
	return found[1]
}

// alertOf is what a page says of what went wrong.
func alertOf(page string) string {
	if at := strings.Index(page, `role="alert"`); at >= 0 {
		return page[at:min(len(page), at+400)]
	}
	if at := strings.Index(page, "<h1"); at >= 0 {
		return page[at:min(len(page), at+300)]
	}
	return page[:min(len(page), 300)]
}

// mailed waits for a mail to somebody in which the pattern's group is.
func (w *walk) mailed(to, pattern string) string {
	w.Helper()
	what, got := regexp.MustCompile(pattern), ""
	eventually(w, "a mail to "+to+" with "+pattern, func() bool {
		for _, mail := range w.letter.Mails() {
			if text := decoded(mail.Bytes); slices.Contains(mail.To, to) && what.MatchString(text) {
				got = what.FindStringSubmatch(text)[1]
			}
		}
		return got != ""
	})
	return got
}

func (b *walker) cookies() []*http.Cookie {
	return b.client.Jar.Cookies(&url.URL{Scheme: "http", Host: b.w.p.where().web})
}

func (b *walker) keep(cookie *http.Cookie) {
	b.client.Jar.SetCookies(&url.URL{Scheme: "http", Host: b.w.p.where().web}, []*http.Cookie{cookie})
}

var wasItYou = regexp.MustCompile(`/was-it-you/([\w-]+)`)

// decoded is a mail with its quoted-printable read.
func decoded(raw []byte) string {
	text, _ := io.ReadAll(quotedprintable.NewReader(bytes.NewReader(raw))) // what is not encoded so comes through as it is, or ends there
	return string(text)
}

package identity

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/desk"
	"postern/internal/testkit"
	"postern/store"
)

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) wait(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// house is a service on a database of its own.
type house struct {
	*Service
	store *store.Store
	clock *clock
	url   string // of the database
}

func newHouse(t testing.TB) house {
	t.Helper()
	url := testkit.Postgres(t)
	st, err := store.Open(t.Context(), url, 12)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(st.Close)
	clock := &clock{at: time.Now().UTC().Truncate(time.Second)}
	return house{New(Config{Store: st, Keys: testkit.Keys(t), PublicURL: "https://help.example.com/", Now: clock.now}), st, clock, url}
}

const good = "correct horse battery staple"

var (
	cli  = desk.System("cli")
	home = Client{IP: "192.0.2.1", UserAgent: "Firefox"}
	away = Client{IP: "203.0.113.66", UserAgent: "hydra"}
)

// add makes a person with the good password.
func (h house) add(t testing.TB, email string, role desk.Role) desk.User {
	t.Helper()
	user, err := h.AddUser(t.Context(), cli, NewUser{Email: email, Name: "Somebody", Role: role, Password: good})
	if err != nil {
		t.Fatal(err)
	}
	return user
}

// plain makes a person without a password, which saves the time of hashing one.
func (h house) plain(t testing.TB, email string, role desk.Role) desk.User {
	t.Helper()
	user, err := h.AddUser(t.Context(), cli, NewUser{Email: email, Name: "Somebody", Role: role})
	if err != nil {
		t.Fatal(err)
	}
	return user
}

// as is the person as they act through the portal.
func as(user desk.User) desk.Actor { return desk.Actor{User: user, Via: "portal", IP: home.IP} }

// is says whether err is a fault of that kind.
func is(err error, kind desk.FaultKind) bool {
	var fault *desk.Fault
	return errors.As(err, &fault) && fault.Kind == kind
}

func wantFault(t testing.TB, err error, kind desk.FaultKind, words string) {
	t.Helper()
	if !is(err, kind) || !strings.Contains(err.Error(), words) {
		t.Errorf("error %v, want a fault of kind %d with %q", err, kind, words)
	}
}

// audit lists the actions in the audit log, oldest first.
func (h house) audit(t testing.TB) (actions []string) {
	t.Helper()
	page, err := h.store.AuditLog(t.Context(), desk.AuditQuery{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range page.Items {
		actions = append([]string{entry.Action}, actions...)
	}
	return actions
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	h, ctx := newHouse(t), t.Context()
	ada := h.add(t, "Ada@Example.com", desk.RoleAgent)
	if ada.Email != "ada@example.com" {
		t.Errorf("stored as %s", ada.Email)
	}
	came, err := h.SignIn(ctx, " ADA@example.com", good, home)
	if err != nil || came.User != ada {
		t.Fatalf("%+v, %v", came.User, err)
	}
	if got, err := h.Session(ctx, came.Token); err != nil || got != ada {
		t.Errorf("session of %+v, %v", got, err)
	}
	for name, test := range map[string]struct{ email, password string }{
		"wrong password": {"ada@example.com", good + "."}, "nobody": {"bob@example.com", good}, "no address": {"ada", good}, "empty": {"ada@example.com", ""},
		"too long": {"ada@example.com", strings.Repeat("x", 5000)}, "control characters": {"ada@example.com", good + "\x00"},
	} {
		if _, err := h.SignIn(ctx, test.email, test.password, home); err != errWrong {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := h.SignOut(ctx, came.Token); err != nil {
		t.Fatal(err)
	}
	_, err = h.Session(ctx, came.Token)
	wantFault(t, err, desk.Unsigned, "sign in")
	if err := h.SignOut(ctx, came.Token); err != nil {
		t.Errorf("signing out twice: %v", err)
	}
	log := strings.Join(h.audit(t), " ")
	if log != "user.add device.new user.signin user.signin-failed user.signin-failed user.signin-failed user.signin-failed user.signin-failed user.signout" {
		t.Errorf("audit log: %s", log)
	}
}

// TestNothingReadable: whoever reads the database signs in as nobody.
func TestNothingReadable(t *testing.T) {
	t.Parallel()
	h, ctx := newHouse(t), t.Context()
	h.add(t, "ada@example.com", desk.RoleOwner)
	session, err := h.SignIn(ctx, "ada@example.com", good, home)
	if err != nil {
		t.Fatal(err)
	}
	api, _, err := h.AddToken(ctx, cli, NewToken{UserEmail: "ada@example.com", Name: "script"})
	if err != nil {
		t.Fatal(err)
	}
	link, err := h.LoginLink(ctx, cli, "ada@example.com")
	if err != nil {
		t.Fatal(err)
	}
	var dump string
	const sql = `
		select string_agg(t::text, ' ') from (
			select u::text as t from "user" u
			union all select encode(token_hash, 'escape') || s::text from session s
			union all select encode(token_hash, 'escape') || l::text from login_link l
			union all select encode(token_hash, 'escape') || a::text from api_token a
			union all select x::text from audit x) rows`
	if err := h.store.Pool().QueryRow(ctx, sql).Scan(&dump); err != nil {
		t.Fatal(err)
	}
	for name, secret := range map[string]string{"password": good, "session": session.Token, "device": session.Device, "token": api, "link": link[strings.LastIndex(link, "/")+1:]} {
		if strings.Contains(dump, secret) {
			t.Errorf("the %s can be read in the database", name)
		}
	}
	if strings.Contains(dump, "argon2id") || !strings.Contains(dump, "user.signin") {
		t.Error("there is a hash to guess at, or the dump is empty")
	}
}

// The defaults of an installation that has set nothing.
var staffIdle, staffLife = limits(nil, desk.RoleAgent)

func TestSessionEnds(t *testing.T) {
	t.Parallel()
	h, ctx := newHouse(t), t.Context()
	ada := h.add(t, "ada@example.com", desk.RoleAgent)
	open := func() string {
		came, err := h.SignIn(ctx, ada.Email, good, home)
		if err != nil {
			t.Fatal(err)
		}
		return came.Token
	}
	check := func(token, when string, want bool) {
		t.Helper()
		if _, err := h.Session(ctx, token); (err == nil) != want {
			t.Errorf("%s: %v", when, err)
		}
	}
	token := open()
	h.clock.wait(staffIdle - time.Second)
	check(token, "a second before it is idle for too long", true)
	h.clock.wait(staffIdle - time.Second)
	check(token, "again: it was used in between", true)
	h.clock.wait(staffIdle)
	check(token, "idle for too long", false)

	token = open()
	for left := staffLife; left > staffIdle; left -= staffIdle / 2 {
		check(token, "in use", true)
		h.clock.wait(staffIdle / 2)
	}
	check(token, "before its last hour ends", true)
	h.clock.wait(staffIdle)
	check(token, "after twelve hours", false)

	oldest := open()
	for range 20 {
		h.clock.wait(time.Second)
		token = open()
	}
	check(oldest, "the oldest of 21", false)
	check(token, "the newest of 21", true)

	if err := h.Disable(ctx, cli, ada.ID); err != nil {
		t.Fatal(err)
	}
	check(token, "disabled", false)
	if _, err := h.SignIn(ctx, ada.Email, good, home); err != errWrong {
		t.Errorf("a disabled person signs in: %v", err)
	}
	if err := h.Enable(ctx, cli, ada.ID); err != nil {
		t.Fatal(err)
	}
	check(token, "enabled again: the old session", false)
	check(open(), "enabled again: a new session", true)

	if err := h.Sweep(ctx); err != nil {
		t.Fatal(err)
	}
	var left int
	if err := h.store.Pool().QueryRow(ctx, `select count(*) from session`).Scan(&left); err != nil || left != 1 {
		t.Errorf("%d sessions after sweeping, %v", left, err)
	}
}

// TestRole: what a person may do is asked anew with every request.
func TestRole(t *testing.T) {
	t.Parallel()
	h, ctx := newHouse(t), t.Context()
	h.add(t, "root@example.com", desk.RoleOwner)
	ada := h.add(t, "ada@example.com", desk.RoleAdmin)
	came, err := h.SignIn(ctx, ada.Email, good, home)
	if err != nil {
		t.Fatal(err)
	}
	agent := desk.RoleAgent
	if _, err := h.UpdateUser(ctx, cli, ada.ID, UserChange{Role: &agent}); err != nil {
		t.Fatal(err)
	}
	if now, err := h.Session(ctx, came.Token); err != nil || now.Role != agent {
		t.Errorf("%+v, %v", now, err)
	}
}

func TestPause(t *testing.T) {
	t.Parallel()
	for failures, want := range map[int]time.Duration{0: 0, 4: 0, 5: time.Second, 6: 2 * time.Second, 14: 512 * time.Second, 15: desk.PasswordWait, 1000000: desk.PasswordWait} {
		if got := (brake{free: desk.PasswordAttempts, longest: desk.PasswordWait}).pause(failures); got != want {
			t.Errorf("after %d failures %s, want %s", failures, got, want)
		}
	}
	for ip, want := range map[string]string{"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "::ffff:192.0.2.1", "2001:db8:1:2:3::4": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64", "": ""} {
		if got := place(ip); got != want {
			t.Errorf("%s is counted under %s, want %s", ip, got, want)
		}
	}
}

// TestThrottle: guesses get slow, for accounts that exist and for those that do not, and the owner is not locked out by a stranger's guesses.
func TestThrottle(t *testing.T) {
	t.Parallel()
	h, ctx := newHouse(t), t.Context()
	ada := h.add(t, "ada@example.com", desk.RoleAgent)
	came, err := h.SignIn(ctx, ada.Email, good, home)
	if err != nil {
		t.Fatal(err)
	}
	known := Client{IP: "198.51.100.77", Device: came.Device}
	h.clock.wait(time.Second)
	for _, account := range []string{ada.Email, "nobody@example.com"} {
		from := Client{IP: "203.0.113." + account[:1]}
		for range desk.PasswordAttempts {
			if _, err := h.SignIn(ctx, account, "wrong", from); err != errWrong {
				t.Fatal(err)
			}
		}
		_, err := h.SignIn(ctx, account, good, from)
		wantFault(t, err, desk.Unavailable, "Try again in")
		if account == ada.Email {
			if _, err := h.SignIn(ctx, account, good, Client{IP: "198.51.100.1"}); !is(err, desk.Unavailable) {
				t.Errorf("from another strange place: %v", err)
			}
			if _, err := h.SignIn(ctx, account, "wrong", known); err != errWrong {
				t.Errorf("in the browser in which she has signed in: %v", err)
			}
		}
		h.clock.wait(2 * time.Second)
		if _, err = h.SignIn(ctx, account, "wrong", from); err != errWrong {
			t.Errorf("after the pause: %v", err)
		}
	}
	h.clock.wait(desk.PasswordWait)
	if _, err := h.SignIn(ctx, ada.Email, good, away); err != nil {
		t.Errorf("after the longest pause: %v", err)
	}
	if _, err := h.SignIn(ctx, ada.Email, "wrong", Client{IP: "198.51.100.2"}); err != errWrong {
		t.Errorf("a right password forgives: %v", err)
	}
}

// TestThrottlePlace: whoever tries one password on many accounts is slow as well.
func TestThrottlePlace(t *testing.T) {
	t.Parallel()
	h, ctx := newHouse(t), t.Context()
	name := func(i int) string { return string(rune('a'+i)) + "@example.com" }
	for i := range freePlace {
		if _, err := h.SignIn(ctx, name(i), good, Client{IP: "2001:db8::1"}); err != errWrong {
			t.Fatal(err)
		}
	}
	_, err := h.SignIn(ctx, name(freePlace), good, Client{IP: "2001:db8::2"})
	wantFault(t, err, desk.Unavailable, "Try again in")
	if _, err := h.SignIn(ctx, name(freePlace), good, Client{IP: "2001:db8:0:1::2"}); err != errWrong {
		t.Errorf("from elsewhere: %v", err)
	}
}

// TestThrottleCrowd: many guesses at the same moment, each from another place, get no further than the same number one after the other.
func TestThrottleCrowd(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	var wg sync.WaitGroup
	results := make([]error, 25)
	start := make(chan struct{})
	for i := range results {
		wg.Go(func() {
			<-start
			_, results[i] = h.SignIn(context.WithoutCancel(t.Context()), "nobody@example.com", "wrong", Client{IP: fmt.Sprint("203.0.113.", i)})
		})
	}
	close(start)
	wg.Wait()
	tried := 0
	for _, err := range results {
		if err == errWrong {
			tried++
		} else if !is(err, desk.Unavailable) {
			t.Error(err)
		}
	}
	if tried != desk.PasswordAttempts {
		t.Errorf("%d of %d guesses were looked at, want %d", tried, len(results), desk.PasswordAttempts)
	}
}

// TestSignInSpeed: the time of an answer does not tell who has an account. The bound is wide, since other tests share the machine; what it guards against is a factor of ten.
func TestSignInSpeed(t *testing.T) {
	h, ctx := newHouse(t), t.Context()
	h.add(t, "ada@example.com", desk.RoleAgent)
	if _, err := h.AddUser(ctx, cli, NewUser{Email: "link@example.com", Role: desk.RoleAgent}); err != nil {
		t.Fatal(err)
	}
	fastest := map[string]time.Duration{"ada@example.com": time.Hour, "nobody@example.com": time.Hour, "link@example.com": time.Hour}
	for range 4 { // in turn, so that a moment when the machine is busy slows all of them
		for account, least := range fastest {
			start := time.Now()
			if _, err := h.SignIn(ctx, account, "wrong", home); err != errWrong {
				t.Fatal(err)
			}
			fastest[account] = min(least, time.Since(start))
		}
	}
	for account, took := range fastest {
		if known := fastest["ada@example.com"]; took*3 < known || known*3 < took {
			t.Errorf("%s took %s, somebody with a password %s", account, took, known)
		}
	}
}

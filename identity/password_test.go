package identity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/desk"
	"postern/secret"
	"postern/store"
)

const (
	better = "seven silent otters steer"
	best   = "gravel umbrella orbit kettle"
)

// makeResets does what the job does for every request that waits.
func (h house) makeResets(t testing.TB) {
	t.Helper()
	rows, err := h.store.Pool().Query(t.Context(), `delete from river_job where kind = 'reset_password' returning args`)
	if err != nil {
		t.Fatal(err)
	}
	var jobs []desk.ResetPassword
	for rows.Next() {
		var text []byte
		var job desk.ResetPassword
		if err := errors.Join(rows.Scan(&text), json.Unmarshal(text, &job)); err != nil {
			t.Fatal(err)
		}
		jobs = append(jobs, job)
	}
	for _, job := range jobs {
		if err := h.MakeReset(t.Context(), job); err != nil {
			t.Fatal(err)
		}
	}
}

// resetTokens are the tokens in the letters of that kind, the oldest first.
func (h house) resetTokens(t testing.TB, kind desk.LetterKind) (tokens []string) {
	t.Helper()
	for _, job := range h.lettersAbout(t, kind) {
		letter, reason, err := h.PersonLetter(t.Context(), job)
		if err != nil || reason != "" && letter.TellPerson.Late().After(h.clock.now()) {
			t.Fatalf("%q, %v", reason, err)
		}
		tokens = append(tokens, strings.TrimPrefix(letter.Secret, "https://help.example.com/sign-in/reset/"))
	}
	return tokens
}

// count is a number out of the database.
func (h house) count(t testing.TB, sql string, args ...any) (n int) {
	t.Helper()
	if err := h.store.Pool().QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// A forgotten password is replaced by a link that is mailed: once, within half an hour, and whoever asks learns nothing.
func TestForgottenPassword(t *testing.T) {
	t.Parallel()
	h, ctx := newHouse(t), t.Context()
	ada := h.add(t, "ada@example.com", desk.RoleAgent)
	gone := h.add(t, "gone@example.com", desk.RoleAgent)
	if err := h.Disable(ctx, cli, gone.ID); err != nil {
		t.Fatal(err)
	}
	session := h.arrives(t, ada.Email, home)
	for _, address := range []string{" ADA@example.com", "nobody@example.com", "gone@example.com"} {
		if err := h.AskReset(ctx, address, away); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
	wantFault(t, h.AskReset(ctx, "no address", away), desk.Invalid, "e-mail address")
	h.makeResets(t)
	tokens := h.resetTokens(t, desk.LetterPasswordReset)
	if len(tokens) != 1 || len(tokens[0]) != 43 {
		t.Fatalf("%d letters: %v", len(tokens), tokens)
	}
	if n := h.count(t, `select count(*) from river_job where args::text like '%' || $1 || '%'`, tokens[0]); n != 0 {
		t.Error("the token stands in the queue")
	}
	for range 2 { // looking does not use it
		if user, rule, err := h.PeekReset(ctx, tokens[0]); err != nil || user.ID != ada.ID || rule.Shortest != 15 {
			t.Errorf("%+v, %+v, %v", user, rule, err)
		}
	}
	wantFault(t, h.UseReset(ctx, tokens[0], "too short", EndOthers, away), desk.Invalid, "needs 15")
	wantFault(t, h.UseReset(ctx, tokens[0], good, EndOthers, away), desk.Invalid, "used this password before")
	if err := h.UseReset(ctx, tokens[0], better, EndOthers, away); err != nil {
		t.Fatal(err)
	}
	wantFault(t, h.UseReset(ctx, tokens[0], best, EndOthers, away), desk.NotFound, "does not work any more")
	if _, err := h.SignedIn(ctx, session.Token); !is(err, desk.Unsigned) {
		t.Errorf("the other session goes on: %v", err)
	}
	if _, err := h.SignIn(ctx, ada.Email, good, home); err != errWrong {
		t.Errorf("with the old password: %v", err)
	}
	if came, err := h.SignIn(ctx, ada.Email, better, home); err != nil || came.Pending != "" {
		t.Errorf("with the new one: %+v, %v", came, err)
	}
	if n := h.letters(t, desk.LetterPasswordChanged); n != 1 {
		t.Errorf("%d letters say that it was changed", n)
	}
	if actions := h.audit(t); !slices.Contains(actions, "user.reset-link") || !slices.Contains(actions, "user.password-reset") {
		t.Errorf("audited: %v", actions)
	}
}

// Links end: by time, by a newer one, by another change of the password; and requests have limits that tell nothing either.
func TestLinksForPasswordsEnd(t *testing.T) {
	t.Parallel()
	h, ctx := newHouse(t), t.Context()
	ada, bob := h.add(t, "ada@example.com", desk.RoleAgent), h.add(t, "bob@example.com", desk.RoleCustomer)
	ask := func(address string, from Client) {
		t.Helper()
		if err := h.AskReset(ctx, address, from); err != nil {
			t.Fatal(err)
		}
		h.makeResets(t)
	}
	ask(ada.Email, home)
	ask(ada.Email, home)
	tokens := h.resetTokens(t, desk.LetterPasswordReset)
	wantFault(t, h.UseReset(ctx, tokens[0], better, EndOthers, home), desk.NotFound, "replaced by a newer")
	h.clock.wait(resetLife)
	wantFault(t, h.UseReset(ctx, tokens[1], better, EndOthers, home), desk.NotFound, "expired")
	ask(bob.Email, home)
	token := h.resetTokens(t, desk.LetterPasswordReset)[2]
	if err := h.SetPasswordOf(ctx, cli, bob.ID, better); err != nil {
		t.Fatal(err)
	}
	wantFault(t, h.UseReset(ctx, token, best, EndOthers, home), desk.NotFound, "does not work")
	for range 5 {
		ask(ada.Email, home)
	}
	if n := h.letters(t, desk.LetterPasswordReset); n != 4 { // two, one of bob, and the third of the hour
		t.Errorf("%d letters", n)
	}
	var last error
	for i := range 30 {
		last = h.AskReset(ctx, fmt.Sprintf("nobody%d@example.com", i), away)
	}
	wantFault(t, last, desk.Unavailable, "Too many links")
	h.setting(t, desk.PasswordByMail, false)
	wantFault(t, h.AskReset(ctx, ada.Email, Client{IP: "198.51.100.9"}), desk.Forbidden, "Ask an admin")
}

// A new password does not replace the second factor, also not in a browser that was spared it.
func TestResetKeepsTheSecondFactor(t *testing.T) {
	t.Parallel()
	h, ctx := newHouse(t), t.Context()
	ada := h.add(t, "ada@example.com", desk.RoleAgent)
	came := h.arrives(t, ada.Email, home)
	h.enrolApp(t, came.Token)
	if _, err := h.store.Pool().Exec(ctx, `update device set trusted_until = now() + interval '30 days'`); err != nil {
		t.Fatal(err)
	}
	if err := h.StartReset(ctx, cli, ada.ID); err != nil {
		t.Fatal(err)
	}
	h.makeResets(t)
	if err := h.UseReset(ctx, h.resetTokens(t, desk.LetterResetByAdmin)[0], better, EndOthers, home); err != nil {
		t.Fatal(err)
	}
	from := home
	from.Device = came.Device
	if now, err := h.SignIn(ctx, ada.Email, better, from); err != nil || now.Pending != NeedsFactor {
		t.Errorf("%+v, %v", now, err)
	}
}

// Why somebody has to choose another password, as a table.
func TestMustChange(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	before := func(d time.Duration) *time.Time { at := now.Add(-d); return &at }
	const day = 24 * time.Hour
	for _, test := range []struct {
		name   string
		state  store.PasswordState
		rule   desk.PasswordRule
		raised time.Time
		unfit  string
		want   string
	}{
		{"nothing", store.PasswordState{At: before(400 * day)}, desk.PasswordRule{}, time.Time{}, "", ""},
		{"set by an admin", store.PasswordState{At: before(day), Must: mustSet}, desk.PasswordRule{}, time.Time{}, "", mustSet},
		{"breaks the rules", store.PasswordState{At: before(day)}, desk.PasswordRule{}, time.Time{}, "too short", mustRules},
		{"raised, and fits in time", store.PasswordState{At: before(400 * day), CheckedAt: before(10 * day)}, desk.PasswordRule{}, now.Add(-4 * day), "", ""},
		{"raised, and fits too late", store.PasswordState{At: before(400 * day), CheckedAt: before(10 * day)}, desk.PasswordRule{}, now.Add(-5 * day), "", mustRules},
		{"raised, and seen since", store.PasswordState{At: before(400 * day), CheckedAt: before(2 * day)}, desk.PasswordRule{}, now.Add(-5 * day), "", ""},
		{"raised, and never seen", store.PasswordState{At: before(400 * day)}, desk.PasswordRule{}, now.Add(-6 * day), "", mustRules},
		{"expired", store.PasswordState{At: before(90 * day), CheckedAt: before(day)}, desk.PasswordRule{Expiry: 90 * day}, time.Time{}, "", mustExpired},
		{"not yet expired", store.PasswordState{At: before(90*day - time.Second)}, desk.PasswordRule{Expiry: 90 * day}, time.Time{}, "", ""},
	} {
		if got := mustChange(test.state, test.rule, test.raised, test.unfit, now); got != test.want {
			t.Errorf("%s: %q, not %q", test.name, got, test.want)
		}
	}
}

// Stricter rules reach everybody: whose password breaks them chooses another at the next sign-in, and so does everybody who stays away for five days; all are told.
func TestStricterRulesReachEverybody(t *testing.T) {
	t.Parallel()
	h, ctx := newHouse(t), t.Context()
	h.setting(t, desk.StaffPasswords.Level, "low")
	owner := h.add(t, "owner@example.com", desk.RoleOwner)
	for _, email := range []string{"short@example.com", "late@example.com", "early@example.com"} {
		password := good
		if email == "short@example.com" {
			password = "gk7#tq2Vxx"
		}
		if _, err := h.AddUser(ctx, cli, NewUser{Email: email, Name: "Somebody", Role: desk.RoleAgent, Password: password}); err != nil {
			t.Fatal(err)
		}
	}
	customer := h.add(t, "customer@example.com", desk.RoleCustomer)
	h.clock.wait(time.Hour)
	if err := h.SetSettings(ctx, as(owner), map[string]any{desk.StaffPasswords.Level.Key: "high"}); err != nil {
		t.Fatal(err)
	}
	var job desk.TellStricter
	var text []byte
	if err := h.store.Pool().QueryRow(ctx, `select args from river_job where kind = 'tell_stricter'`).Scan(&text); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(json.Unmarshal(text, &job), h.TellStricter(ctx, job)); err != nil {
		t.Fatal(err)
	}
	told := h.lettersAbout(t, desk.LetterPasswordMust)
	if len(told) != 4 || slices.ContainsFunc(told, func(letter desk.TellPerson) bool { return letter.User == customer.ID }) {
		t.Errorf("%d are told", len(told))
	}
	if came, err := h.SignIn(ctx, "early@example.com", good, home); err != nil || came.Pending != "" {
		t.Errorf("whose password does: %+v, %v", came, err)
	}
	came, err := h.SignIn(ctx, "short@example.com", "gk7#tq2Vxx", home)
	if err != nil || came.Pending != NeedsPassword {
		t.Fatalf("whose password breaks the rules: %+v, %v", came, err)
	}
	if _, err := h.Session(ctx, came.Token); !is(err, desk.Unsigned) {
		t.Errorf("the session opens something: %v", err)
	}
	_, err = h.ChoosePassword(ctx, came.Token, "gk7#tq2Vxx", home)
	wantFault(t, err, desk.Invalid, "needs 12")
	next, err := h.ChoosePassword(ctx, came.Token, better, home)
	if err != nil || next.Pending != "" || next.Token == came.Token {
		t.Fatalf("%+v, %v", next, err)
	}
	if _, err := h.Session(ctx, next.Token); err != nil {
		t.Errorf("the sign-in does not go on: %v", err)
	}
	if _, err := h.SignedIn(ctx, came.Token); err == nil {
		t.Error("the token of before opens something")
	}
	_, err = h.ChoosePassword(ctx, next.Token, best, home)
	wantFault(t, err, desk.Unsigned, "waits no longer")
	h.clock.wait(raiseGrace)
	if came, err := h.SignIn(ctx, "late@example.com", good, home); err != nil || came.Pending != NeedsPassword {
		t.Errorf("who stayed away: %+v, %v", came, err)
	}
	if came, err := h.SignIn(ctx, "early@example.com", good, home); err != nil || came.Pending != "" {
		t.Errorf("who did not: %+v, %v", came, err)
	}
	if n := h.letters(t, desk.LetterPasswordLoosened); n != 0 {
		t.Errorf("%d letters say that the rules are weaker", n)
	}
	if err := h.SetSettings(ctx, as(owner), map[string]any{desk.StaffPasswords.Level.Key: "medium"}); err != nil {
		t.Fatal(err)
	}
	if n := h.letters(t, desk.LetterPasswordLoosened); n != 1 {
		t.Errorf("%d letters say that the rules are weaker", n)
	}
}

// Passwords of others are set where an owner allows it only, by whoever is above them, and are good for one sign-in.
func TestPasswordsOfOthers(t *testing.T) {
	t.Parallel()
	h, ctx := newHouse(t), t.Context()
	owner, admin, ada := h.plain(t, "owner@example.com", desk.RoleOwner), h.plain(t, "admin@example.com", desk.RoleAdmin), h.add(t, "ada@example.com", desk.RoleAgent)
	wantFault(t, h.SetPasswordOf(ctx, as(admin), ada.ID, better), desk.Forbidden, "have a link sent")
	wantFault(t, h.SetPasswordOf(ctx, as(owner), ada.ID, better), desk.Forbidden, "have a link sent")
	on := map[string]any{desk.AdminsSetPassword.Key: true}
	wantFault(t, h.SetSettings(ctx, as(admin), on), desk.Forbidden, "only an owner")
	if err := h.SetSettings(ctx, as(owner), on); err != nil {
		t.Fatal(err)
	}
	if n := h.letters(t, desk.LetterAdminsSetPassword); n != 1 {
		t.Errorf("%d owners were told", n)
	}
	wantFault(t, h.SetPasswordOf(ctx, as(admin), owner.ID, better), desk.Forbidden, "only an owner")
	wantFault(t, h.SetPasswordOf(ctx, as(ada), admin.ID, better), desk.Forbidden, "people:manage")
	wantFault(t, h.SetPasswordOf(ctx, as(admin), ada.ID, "too short"), desk.Invalid, "needs 15")
	before := h.arrives(t, ada.Email, home)
	if err := h.SetPasswordOf(ctx, as(admin), ada.ID, better); err != nil {
		t.Fatal(err)
	}
	if _, err := h.SignedIn(ctx, before.Token); err == nil {
		t.Error("her session goes on")
	}
	if n := h.letters(t, desk.LetterPasswordSet); n != 1 {
		t.Errorf("%d letters", n)
	}
	came, err := h.SignIn(ctx, ada.Email, better, home)
	if err != nil || came.Pending != NeedsPassword {
		t.Fatalf("%+v, %v", came, err)
	}
	if have, err := h.PasswordOf(ctx, as(ada)); err != nil || have.Must != mustSet {
		t.Errorf("%+v, %v", have, err)
	}
	_, err = h.ChoosePassword(ctx, came.Token, better, home)
	wantFault(t, err, desk.Invalid, "used this password before")
	if _, err := h.ChoosePassword(ctx, came.Token, best, home); err != nil {
		t.Error(err)
	}
	made, err := h.AddUser(ctx, as(admin), NewUser{Email: "new@example.com", Role: desk.RoleAgent, Password: better})
	if err != nil {
		t.Fatal(err)
	}
	if came, err := h.SignIn(ctx, made.Email, better, home); err != nil || came.Pending != NeedsPassword {
		t.Errorf("%+v, %v", came, err)
	}
}

// Earlier passwords are refused as far back as the rules say, and no further are kept.
func TestEarlierPasswords(t *testing.T) {
	t.Parallel()
	h, ctx := newHouse(t), t.Context()
	ada := h.add(t, "ada@example.com", desk.RoleAgent)
	h.setting(t, desk.StaffPasswords.Level, "high") // refuses five
	words := []string{"north", "south", "east", "west", "up", "down", "left"}
	for _, word := range words {
		if err := h.SetPasswordOf(ctx, cli, ada.ID, word+" of the quiet harbour"); err != nil {
			t.Fatal(err)
		}
	}
	for _, word := range words[1:] { // the present one and five before it
		wantFault(t, h.SetPasswordOf(ctx, cli, ada.ID, word+" of the quiet harbour"), desk.Invalid, "used this password before")
	}
	if err := h.SetPasswordOf(ctx, cli, ada.ID, words[0]+" of the quiet harbour"); err != nil {
		t.Error(err)
	}
	if n := h.count(t, `select count(*) from password_past where user_id = $1`, ada.ID); n != 5 {
		t.Errorf("%d are kept", n)
	}
}

// A password that has expired is replaced at the sign-in.
func TestExpiredPassword(t *testing.T) {
	t.Parallel()
	h, ctx := newHouse(t), t.Context()
	ada := h.add(t, "ada@example.com", desk.RoleAgent)
	h.setting(t, desk.StaffPasswords.Level, "custom")
	h.setting(t, desk.StaffPasswords.Expiry, 30)
	h.clock.wait(30*24*time.Hour - time.Second)
	if came, err := h.SignIn(ctx, ada.Email, good, home); err != nil || came.Pending != "" {
		t.Errorf("%+v, %v", came, err)
	}
	h.clock.wait(time.Second)
	if came, err := h.SignIn(ctx, ada.Email, good, home); err != nil || came.Pending != NeedsPassword {
		t.Errorf("%+v, %v", came, err)
	}
}

// A hash of another program lets its person in, is replaced by ours then, and is not told by the time of a refusal.
func TestImportedPasswords(t *testing.T) {
	t.Parallel()
	h, ctx := newHouse(t), t.Context()
	ada, err := h.AddUser(ctx, cli, NewUser{Email: "ada@example.com", Role: desk.RoleAgent, Hash: "$2y$05$utXwtHR8PrKVkulmCJl45.a5bZw3s.gPRR2ZklkV7SFhdVaNqkE/y"})
	if err != nil {
		t.Fatal(err)
	}
	if n := h.count(t, `select count(*) from "user" where password_hash like '%$2y$%'`); n != 0 {
		t.Error("the hash is not sealed")
	}
	for _, email := range []string{ada.Email, "nobody@example.com"} {
		began := time.Now()
		if _, err := h.SignIn(ctx, email, "wrong wrong wrong", home); err != errWrong {
			t.Errorf("%s: %v", email, err)
		}
		if took := time.Since(began); took < foreignPace {
			t.Errorf("%s: refused after %s", email, took)
		}
	}
	came, err := h.SignIn(ctx, ada.Email, "correct horse", home)
	if err != nil || came.Pending != NeedsPassword { // 13 characters, and 15 are needed
		t.Fatalf("%+v, %v", came, err)
	}
	known, err := h.store.Credentials(ctx, ada.Email)
	if err != nil {
		t.Fatal(err)
	}
	if phc, err := h.openHash(ada.ID, known.PasswordHash); err != nil || !strings.HasPrefix(phc, "$argon2id$") {
		t.Errorf("it is still another program's: %v", err)
	}
	if foreign, err := h.store.ForeignPasswords(ctx); err != nil || foreign {
		t.Errorf("foreign ones are left: %v, %v", foreign, err)
	}
	if _, err := h.SignIn(ctx, ada.Email, "correct horse", home); err != nil {
		t.Errorf("by the new hash: %v", err)
	}
}

// Hashes come under a new master key without anybody's password, present and earlier ones.
func TestPasswordsComeUnderTheActiveKey(t *testing.T) {
	t.Parallel()
	h, ctx := newHouse(t), t.Context()
	file := filepath.Join(t.TempDir(), "keys")
	with := func(mode secret.CreateMode) house {
		t.Helper()
		keys, err := secret.OpenKeyset(file, mode)
		if err != nil {
			t.Fatal(err)
		}
		return house{Service: New(Config{Store: h.store, Keys: keys, Now: h.clock.now}), store: h.store, clock: h.clock}
	}
	old := with(secret.CreateMissing)
	ada, bob := old.add(t, "ada@example.com", desk.RoleAgent), old.add(t, "bob@example.com", desk.RoleAgent)
	if err := old.SetPasswordOf(ctx, cli, ada.ID, better); err != nil {
		t.Fatal(err)
	}
	if n := h.count(t, `select count(distinct password_hash) from "user"`); n != 2 {
		t.Error("two people have the same hash")
	}
	id, err := secret.AddKey(file, time.Now())
	if err := errors.Join(err, secret.UseKey(file, id)); err != nil {
		t.Fatal(err)
	}
	now := with(secret.MustExist)
	if err := now.Sweep(ctx); err != nil {
		t.Fatal(err)
	}
	if n := h.count(t, `select (select count(*) from "user" where password_key = $1) + (select count(*) from password_past where key = $1)`, id); n != 3 {
		t.Errorf("%d of 3 are under the new key", n)
	}
	for email, password := range map[string]string{ada.Email: better, bob.Email: good} {
		if _, err := now.SignIn(ctx, email, password, home); err != nil {
			t.Errorf("%s: %v", email, err)
		}
	}
}

// Guesses of strangers, from a thousand places or from the owner's own, keep the owner waiting in no browser in which they have signed in before.
func TestOwnerIsNotLockedOut(t *testing.T) {
	t.Parallel()
	h, ctx := newHouse(t), t.Context()
	ada := h.add(t, "ada@example.com", desk.RoleAgent)
	came := h.arrives(t, ada.Email, home)
	if err := h.SignOut(ctx, came.Token); err != nil {
		t.Fatal(err)
	}
	known := Client{IP: "198.51.100.4", UserAgent: "Firefox", Device: came.Device} // she has moved meanwhile
	h.clock.wait(time.Minute)
	looked := 0
	for i := range 60 {
		from := Client{IP: fmt.Sprintf("203.0.113.%d", i)}
		if i%2 == 0 {
			from.IP = known.IP
		}
		if i%10 == 0 {
			if _, err := h.SignIn(ctx, ada.Email, good, known); err != nil {
				t.Fatalf("after %d guesses: %v", i, err)
			}
		}
		if _, err := h.SignIn(ctx, ada.Email, "a guess of a stranger", from); err == errWrong {
			looked++
		}
		h.clock.wait(time.Second)
	}
	if looked > 11 { // five, and then after 1, 2, 4, 8, 16 and perhaps 32 seconds
		t.Errorf("%d guesses were looked at within a minute", looked)
	}
	if _, err := h.SignIn(ctx, ada.Email, good, Client{IP: "192.0.2.200", Device: strings.Repeat("x", 43)}); !is(err, desk.Unavailable) {
		t.Errorf("a browser that nobody knows: %v", err)
	}
	for range desk.PasswordAttempts { // the browser has limits of its own
		if _, err := h.SignIn(ctx, ada.Email, "a guess in her browser", known); err != errWrong {
			t.Errorf("%v", err)
		}
	}
	if _, err := h.SignIn(ctx, ada.Email, good, known); !is(err, desk.Unavailable) {
		t.Errorf("after five mistakes: %v", err)
	}
}

// Whether an account exists cannot be told from the time of an answer: the samples come from one distribution (Kolmogorov and Smirnov). KS_SAMPLES asks for more of them than the hundred of an ordinary run.
func TestTimeTellsNothing(t *testing.T) {
	h, ctx := newHouse(t), t.Context()
	samples := 100
	if text := os.Getenv("KS_SAMPLES"); text != "" {
		samples, _ = strconv.Atoi(text)
	}
	const people = 20
	for i := range people {
		h.add(t, fmt.Sprintf("known%d@example.com", i), desk.RoleAgent)
	}
	took := func(who string, i int) float64 {
		if i%people == 0 {
			h.clock.wait(failuresFor + time.Second) // nobody waits for what was tried before
		}
		began := time.Now()
		_, err := h.SignIn(ctx, fmt.Sprintf("%s%d@example.com", who, i%people), "not the password", Client{IP: fmt.Sprintf("10.%d.%d.%d", len(who), i/250, i%250)})
		if err != errWrong {
			t.Fatal(err)
		}
		return time.Since(began).Seconds()
	}
	p := 0.0
	for try := 0; try < 3 && p <= 0.01; try++ { // one try in a hundred fails by chance
		var known, unknown []float64
		for i := range samples {
			if i%2 == 0 {
				known, unknown = append(known, took("known", i)), append(unknown, took("unknown", i))
			} else {
				unknown, known = append(unknown, took("unknown", i)), append(known, took("known", i))
			}
		}
		p = sameDistribution(known, unknown)
		t.Logf("%d samples each: p = %.3f", samples, p)
	}
	if p <= 0.01 {
		t.Errorf("answers for people and for nobody differ: p = %g", p)
	}
}

// sameDistribution is the probability that two samples of one distribution differ as much as these (two-sample Kolmogorov-Smirnov test, asymptotic).
func sameDistribution(a, b []float64) float64 {
	slices.Sort(a)
	slices.Sort(b)
	d, i, j := 0.0, 0, 0
	for i < len(a) && j < len(b) {
		if a[i] <= b[j] {
			i++
		} else {
			j++
		}
		d = math.Max(d, math.Abs(float64(i)/float64(len(a))-float64(j)/float64(len(b))))
	}
	n := float64(len(a)) * float64(len(b)) / float64(len(a)+len(b))
	lambda := (math.Sqrt(n) + 0.12 + 0.11/math.Sqrt(n)) * d
	p := 0.0
	for k := 1; k <= 100; k++ {
		p += 2 * math.Pow(-1, float64(k-1)) * math.Exp(-2*float64(k*k)*lambda*lambda)
	}
	return min(1, max(0, p))
}

// Five hundred who sign in at once get an answer, and take no more memory than there are processors.
func TestManySignInsAtOnce(t *testing.T) {
	h := newHouse(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var before runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var mu sync.Mutex
	answers, most := map[string]int{}, uint64(0)
	var wg sync.WaitGroup
	for i := range 500 {
		wg.Go(func() {
			_, err := h.SignIn(ctx, fmt.Sprintf("nobody%d@example.com", i), "not the password", Client{IP: fmt.Sprintf("10.9.%d.%d", i/250, i%250)})
			var now runtime.MemStats
			runtime.ReadMemStats(&now)
			mu.Lock()
			defer mu.Unlock()
			answers[fmt.Sprint(err)]++
			most = max(most, now.HeapAlloc)
		})
	}
	wg.Wait()
	if answers[errWrong.Error()]+answers[errBusy.Error()] != 500 {
		t.Errorf("answers: %v", answers)
	}
	if grown := int64(most) - int64(before.HeapAlloc); grown > int64(runtime.GOMAXPROCS(0)+2)*3*(19<<20)+(64<<20) { // garbage of two rounds may wait to be collected
		t.Errorf("the heap grew by %d MiB", grown>>20)
	}
	t.Logf("%v, heap at most %d MiB", answers, most>>20)
}

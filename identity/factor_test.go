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
	"postern/secret"
	"postern/store"
)

// factorFault makes sure that an error is a fault of that kind.
func factorFault(t testing.TB, err error, kind desk.FaultKind, what string) {
	t.Helper()
	var fault *desk.Fault
	if !errors.As(err, &fault) || fault.Kind != kind {
		t.Errorf("%s: %v", what, err)
	}
}

func factorMust(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// enrolApp adds an authenticator app to whoever the session belongs to, and returns its seed.
func (h house) enrolApp(t testing.TB, token string) (seed []byte, codes []string) {
	t.Helper()
	factorMust(t, h.StartTOTP(t.Context(), token, home))
	app, found, err := h.UnfinishedTOTP(t.Context(), token, home)
	if err != nil || !found {
		t.Fatal(found, err)
	}
	seed, err = base32Plain.DecodeString(strings.ReplaceAll(app.Secret, " ", ""))
	factorMust(t, err)
	added, err := h.ConfirmTOTP(t.Context(), token, h.appCode(t, seed), home)
	factorMust(t, err)
	h.clock.wait(totpStep * time.Second) // the code of this step is used
	return seed, added.Codes
}

// appCode is what an app with that seed shows now.
func (h house) appCode(t testing.TB, seed []byte) string {
	t.Helper()
	code, err := totpCode(seed, totpStepAt(h.clock.now()))
	factorMust(t, err)
	return code
}

// arrive signs somebody in by password, from a browser.
func (h house) arrives(t testing.TB, email string, from Client) Came {
	t.Helper()
	came, err := h.SignIn(t.Context(), email, good, from)
	factorMust(t, err)
	return came
}

func (h house) setting(t testing.TB, setting *desk.Setting, value any) {
	t.Helper()
	factorMust(t, h.SetSettings(t.Context(), cli, map[string]any{setting.Key: value}))
}

func (h house) letters(t testing.TB, kind desk.LetterKind) int {
	t.Helper()
	var n int
	factorMust(t, h.store.Pool().QueryRow(t.Context(), `select count(*) from river_job where kind = 'tell_person' and args->>'about' = $1`, kind).Scan(&n))
	return n
}

func TestSecondFactorAtSignIn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.add(t, "ann@example.com", desk.RoleAgent)
	first := h.arrives(t, "ann@example.com", home)
	if first.Pending != "" {
		t.Fatalf("somebody without a factor waits for %s", first.Pending)
	}
	seed, codes := h.enrolApp(t, first.Token)
	if len(codes) != recoveryCodes || len(recoveryPlain(codes[0])) != 24 {
		t.Errorf("recovery codes: %q", codes)
	}

	came := h.arrives(t, "ann@example.com", home)
	if came.Pending != NeedsFactor {
		t.Fatalf("pending: %q", came.Pending)
	}
	if _, err := h.Session(t.Context(), came.Token); err == nil {
		t.Error("a session that waits for a factor opens something")
	}
	code := h.appCode(t, seed)
	passed, err := h.PassFactor(t.Context(), FactorPass{Token: came.Token, Proof: FactorProof{Kind: desk.FactorTOTP, Code: code}, From: home})
	factorMust(t, err)
	if passed.Pending != "" || passed.Token == came.Token {
		t.Errorf("%+v", passed)
	}
	if _, err := h.Session(t.Context(), passed.Token); err != nil {
		t.Error(err)
	}
	if _, err := h.SignedIn(t.Context(), came.Token); err == nil {
		t.Error("the token of the first step still opens a session")
	}
	_, err = h.PassFactor(t.Context(), FactorPass{Token: passed.Token, Proof: FactorProof{Kind: desk.FactorTOTP, Code: code}, From: home})
	factorFault(t, err, desk.Unsigned, "a whole session waits for nothing")

	again := h.arrives(t, "ann@example.com", home)
	_, err = h.PassFactor(t.Context(), FactorPass{Token: again.Token, Proof: FactorProof{Kind: desk.FactorTOTP, Code: code}, From: home})
	factorFault(t, err, desk.Invalid, "the same code twice")
	h.clock.wait(waitingLife + time.Second)
	_, err = h.PassFactor(t.Context(), FactorPass{Token: again.Token, Proof: FactorProof{Kind: desk.FactorTOTP, Code: h.appCode(t, seed)}, From: home})
	factorFault(t, err, desk.Unsigned, "a sign-in that has waited too long")
}

// One code, tried by many at the same moment, lets one of them in.
func TestCodeCountsOnceAmongMany(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.add(t, "ann@example.com", desk.RoleAgent)
	seed, codes := h.enrolApp(t, h.arrives(t, "ann@example.com", home).Token)
	for _, proof := range []FactorProof{{Kind: desk.FactorTOTP, Code: h.appCode(t, seed)}, {Kind: desk.FactorRecovery, Code: codes[3]}} {
		var tokens []string
		for range 6 {
			tokens = append(tokens, h.arrives(t, "ann@example.com", home).Token)
		}
		var in sync.Map
		var all sync.WaitGroup
		for _, token := range tokens {
			all.Go(func() {
				if _, err := h.PassFactor(context.WithoutCancel(t.Context()), FactorPass{Token: token, Proof: proof, From: home}); err == nil {
					in.Store(token, true)
				}
			})
		}
		all.Wait()
		n := 0
		in.Range(func(any, any) bool { n++; return true })
		if n != 1 {
			t.Errorf("%s: %d came in", proof.Kind, n)
		}
		h.clock.wait(factorPause + time.Minute)
	}
}

// A million codes cannot be tried: five wrong ones a quarter of an hour, whoever asks and in however many sign-ins.
func TestGuessingAtCodesIsBounded(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.add(t, "ann@example.com", desk.RoleAgent)
	seed, codes := h.enrolApp(t, h.arrives(t, "ann@example.com", home).Token)
	judged := 0
	for minute := range 60 {
		came := h.arrives(t, "ann@example.com", Client{IP: fmt.Sprintf("203.0.113.%d", minute), UserAgent: "hydra"})
		for n := range 10 {
			_, err := h.PassFactor(t.Context(), FactorPass{Token: came.Token, Proof: FactorProof{Kind: desk.FactorTOTP, Code: wrongCode(h.appCode(t, seed), n)}, From: away})
			var fault *desk.Fault
			if !errors.As(err, &fault) {
				t.Fatal(err)
			}
			if fault.Kind == desk.Invalid {
				judged++
			}
		}
		h.clock.wait(time.Minute)
	}
	if judged > 20 {
		t.Errorf("%d guesses in an hour were compared with the code", judged)
	}
	if n := h.letters(t, desk.LetterFactorGuessed); n == 0 || n > 4 {
		t.Errorf("the person got %d letters about it", n)
	}
	// The owner is not locked out: another kind of proof works in the pause.
	came := h.arrives(t, "ann@example.com", home)
	pass := func(kind desk.FactorKind, code string) error {
		_, err := h.PassFactor(t.Context(), FactorPass{Token: came.Token, Proof: FactorProof{Kind: kind, Code: code}, From: home})
		return err
	}
	for n := range factorTries {
		_ = pass(desk.FactorTOTP, wrongCode(h.appCode(t, seed), n))
	}
	factorFault(t, pass(desk.FactorTOTP, h.appCode(t, seed)), desk.Unavailable, "the right code in the pause")
	factorMust(t, pass(desk.FactorRecovery, strings.ToLower(strings.ReplaceAll(codes[0], "-", " "))))
}

// wrongCode is a code that is not the one given.
func wrongCode(right string, n int) string {
	wrong := fmt.Sprintf("%06d", n)
	if wrong == right {
		return "999999"
	}
	return wrong
}

func TestRecoveryCodes(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	person := h.add(t, "ann@example.com", desk.RoleAgent)
	token := h.arrives(t, "ann@example.com", home).Token
	_, err := h.NewRecoveryCodes(t.Context(), token, home)
	factorFault(t, err, desk.Conflict, "codes that stand in for nothing")
	_, codes := h.enrolApp(t, token)

	pass := func(code string) error {
		_, err := h.PassFactor(t.Context(), FactorPass{Token: h.arrives(t, "ann@example.com", home).Token, Proof: FactorProof{Kind: desk.FactorRecovery, Code: code}, From: home})
		return err
	}
	factorMust(t, pass(codes[0]))
	factorFault(t, pass(codes[0]), desk.Invalid, "a recovery code twice")
	if all, err := h.Factors(t.Context(), person); err != nil || all.Codes != 9 {
		t.Errorf("%+v, %v", all, err)
	}
	fresh, err := h.NewRecoveryCodes(t.Context(), token, home)
	factorMust(t, err)
	factorFault(t, pass(codes[1]), desk.Invalid, "a code that was replaced")
	factorMust(t, pass(fresh[1]))
	other := h.add(t, "bob@example.com", desk.RoleAgent)
	h.enrolApp(t, h.arrives(t, "bob@example.com", home).Token)
	_, err = h.PassFactor(t.Context(), FactorPass{Token: h.arrives(t, other.Email, home).Token, Proof: FactorProof{Kind: desk.FactorRecovery, Code: fresh[2]}, From: home})
	factorFault(t, err, desk.Invalid, "somebody else's code")
	if h.letters(t, desk.LetterRecoveryUsed) != 2 || h.letters(t, desk.LetterRecoveryMade) != 1 {
		t.Error("the person was not told")
	}
}

func TestRecoveryByAnAdmin(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	owner := h.add(t, "olga@example.com", desk.RoleOwner)
	admin := h.add(t, "adam@example.com", desk.RoleAdmin)
	agent := h.add(t, "ann@example.com", desk.RoleAgent)
	for _, one := range []desk.User{owner, admin, agent} {
		h.enrolApp(t, h.arrives(t, one.Email, home).Token)
	}
	const check = "called her back at the number in the contract"
	as := func(user desk.User) desk.Actor { return desk.Actor{User: user, Via: "portal"} }
	for _, test := range []struct {
		actor desk.Actor
		whom  desk.User
		check string
		kind  desk.FaultKind
		why   string
	}{
		{as(agent), admin, check, desk.Forbidden, "an agent helps nobody in"},
		{as(admin), admin, check, desk.Forbidden, "nobody helps themselves"},
		{as(owner), owner, check, desk.Forbidden, "nobody helps themselves, an owner neither"},
		{as(admin), owner, check, desk.Forbidden, "an admin helps no owner"},
		{as(admin), agent, "  ok  ", desk.Invalid, "nobody said how they made sure"},
		{as(admin), h.plain(t, "new@example.com", desk.RoleAgent), check, desk.Conflict, "no factor to stand in for"},
	} {
		_, err := h.IssueRecovery(t.Context(), test.actor, test.whom.ID, test.check)
		factorFault(t, err, test.kind, test.why)
	}
	code, err := h.IssueRecovery(t.Context(), as(admin), agent.ID, check)
	factorMust(t, err)
	if h.letters(t, desk.LetterRecoveryIssued) != 1 || h.letters(t, desk.LetterOwnersRecovery) != 1 {
		t.Error("the person and the owners were not told")
	}
	pass := func(code string) error {
		_, err := h.PassFactor(t.Context(), FactorPass{Token: h.arrives(t, agent.Email, home).Token, Proof: FactorProof{Kind: desk.FactorRecovery, Code: code}, From: home})
		return err
	}
	factorMust(t, pass(code))
	factorFault(t, pass(code), desk.Invalid, "an admin's code twice")
	code, err = h.IssueRecovery(t.Context(), as(owner), agent.ID, check)
	factorMust(t, err)
	h.clock.wait(adminCodeLife + time.Second)
	factorFault(t, pass(code), desk.Invalid, "after a day")
	if _, err := h.IssueRecovery(t.Context(), cli, owner.ID, check); err != nil {
		t.Errorf("whoever holds the machine helps the only owner in: %v", err)
	}
}

func TestRemovingAFactor(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	person := h.add(t, "ann@example.com", desk.RoleAgent)
	token := h.arrives(t, "ann@example.com", home).Token
	_, codes := h.enrolApp(t, token)
	second := h.arrives(t, "ann@example.com", away)
	passed, err := h.PassFactor(t.Context(), FactorPass{Token: second.Token, Remember: true, Proof: FactorProof{Kind: desk.FactorRecovery, Code: codes[0]}, From: away})
	factorMust(t, err)
	all, err := h.Factors(t.Context(), person)
	factorMust(t, err)

	h.setting(t, desk.RequireFactor, "staff")
	factorFault(t, h.RemoveFactor(t.Context(), token, all.List[0].ID, home), desk.Conflict, "the last factor while the rules ask for one")
	h.setting(t, desk.RequireFactor, "off")
	factorFault(t, h.RemoveFactor(t.Context(), h.arrives(t, "ann@example.com", home).Token, all.List[0].ID, home), desk.Unsigned, "removing it instead of showing it")
	factorMust(t, h.RemoveFactor(t.Context(), token, all.List[0].ID, home))
	if _, err := h.Session(t.Context(), passed.Token); err == nil {
		t.Error("another session outlives the factor")
	}
	if _, err := h.Session(t.Context(), token); err != nil {
		t.Error("the session that removed it has ended")
	}
	if left, err := h.store.RecoveryCodesLeft(t.Context(), person.ID); err != nil || left != 0 {
		t.Errorf("%d recovery codes outlive the factor, %v", left, err)
	}
	factorFault(t, h.RemoveFactor(t.Context(), token, all.List[0].ID, home), desk.NotFound, "twice")
	if h.letters(t, desk.LetterFactorAdded) != 1 || h.letters(t, desk.LetterFactorRemoved) != 1 {
		t.Error("the person was not told")
	}
}

func TestRememberedBrowser(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.add(t, "ann@example.com", desk.RoleAgent)
	first := h.arrives(t, "ann@example.com", home)
	seed, _ := h.enrolApp(t, first.Token)
	here := home
	here.Device = first.Device
	came := h.arrives(t, "ann@example.com", here)
	_, err := h.PassFactor(t.Context(), FactorPass{Token: came.Token, Remember: true, Proof: FactorProof{Kind: desk.FactorTOTP, Code: h.appCode(t, seed)}, From: here})
	factorMust(t, err)
	spared := h.arrives(t, "ann@example.com", here)
	if spared.Pending != "" {
		t.Error("a browser that is remembered is asked")
	}
	// It was spared the factor, so what is sensitive asks for it.
	live, err := h.SignedIn(t.Context(), spared.Token)
	factorMust(t, err)
	if h.clock.now().Sub(live.ProvedAt) < ProofFor {
		t.Error("a sign-in without the factor counts as a fresh proof")
	}
	actor := desk.Actor{User: live.User, Session: live.SessionID, Via: "portal"}
	factorFault(t, h.Prove(t.Context(), actor, spared.Token, Proof{Password: good}), desk.Invalid, "the password proves enough although there is a factor")
	h.clock.wait(totpStep * time.Second)
	factorMust(t, h.Prove(t.Context(), actor, spared.Token, Proof{Factor: FactorProof{Kind: desk.FactorTOTP, Code: h.appCode(t, seed)}}))

	other := here
	other.Device = strings.Repeat("x", 43)
	if h.arrives(t, "ann@example.com", other).Pending != NeedsFactor {
		t.Error("another browser is spared")
	}
	h.clock.wait(31 * 24 * time.Hour)
	if h.arrives(t, "ann@example.com", here).Pending != NeedsFactor {
		t.Error("it is remembered for ever")
	}
	h.setting(t, desk.FactorRemember, 0)
	came = h.arrives(t, "ann@example.com", here)
	_, err = h.PassFactor(t.Context(), FactorPass{Token: came.Token, Remember: true, Proof: FactorProof{Kind: desk.FactorTOTP, Code: h.appCode(t, seed)}, From: here})
	factorMust(t, err)
	if h.arrives(t, "ann@example.com", here).Pending != NeedsFactor {
		t.Error("a browser is remembered although the rules say no")
	}
}

// The rules of row 33 as a table.
func TestFactorNeeds(t *testing.T) {
	t.Parallel()
	now := time.Now()
	long, late := now.Add(-8*24*time.Hour), now.Add(-time.Hour)
	for _, test := range []struct {
		why         string
		values      desk.Values
		arrival     Arrival
		hold        hold
		show, enrol bool
	}{
		{why: "has one", arrival: Arrival{Method: ByPassword}, hold: hold{has: true}, show: true},
		{why: "has one, and comes by a link", arrival: Arrival{Method: ByLink}, hold: hold{has: true}, show: true},
		{why: "single sign-on", arrival: Arrival{Method: "oidc", Provider: "corp"}, hold: hold{has: true, required: true, asked: &long}},
		{why: "single sign-on, and the rules ask anyway", values: desk.Values{desk.FactorProviders.Key: true}, arrival: Arrival{Method: "oidc", Provider: "corp"}, hold: hold{has: true}, show: true},
		{why: "single sign-on without one, and the rules ask anyway", values: desk.Values{desk.FactorProviders.Key: true}, arrival: Arrival{Method: "oidc", Provider: "corp"}, hold: hold{required: true, asked: &long}, enrol: true},
		{why: "has none and needs none", arrival: Arrival{Method: ByPassword}},
		{why: "in grace", arrival: Arrival{Method: ByPassword}, hold: hold{required: true, asked: &late}},
		{why: "after grace", arrival: Arrival{Method: ByPassword}, hold: hold{required: true, asked: &long}, enrol: true},
		{why: "no grace at all", values: desk.Values{desk.FactorGrace.Key: 0}, arrival: Arrival{Method: ByPassword}, hold: hold{required: true, asked: &now}, enrol: true},
		{why: "unknown browser", arrival: Arrival{Method: ByPassword}, hold: hold{mailable: true, others: true}, show: true},
		{why: "unknown browser, by a link that was mailed or handed over", arrival: Arrival{Method: ByLink}, hold: hold{mailable: true, others: true}},
		{why: "the first browser of all", arrival: Arrival{Method: ByPassword}, hold: hold{mailable: true}},
		{why: "known browser", arrival: Arrival{Method: ByPassword}, hold: hold{mailable: true, others: true, known: true}},
		{why: "nothing could be mailed", arrival: Arrival{Method: ByPassword}, hold: hold{others: true}},
	} {
		if show, enrol := factorNeeds(test.values, test.arrival, now, test.hold); show != test.show || enrol != test.enrol {
			t.Errorf("%s: show %t, enrol %t", test.why, show, enrol)
		}
	}
}

func TestFactorRequired(t *testing.T) {
	t.Parallel()
	for word, want := range map[string][]bool{ // of owner, admin, agent, customer
		"off": {false, false, false, false}, "owners_admins": {true, true, false, false}, "staff": {true, true, true, false}, "everyone": {true, true, true, true},
	} {
		for i, role := range []desk.Role{desk.RoleOwner, desk.RoleAdmin, desk.RoleAgent, desk.RoleCustomer} {
			if got := factorRequired(desk.Values{desk.RequireFactor.Key: word}, desk.User{ID: 1, Role: role}); got != want[i] {
				t.Errorf("%s of %s: %t", word, role, got)
			}
		}
	}
}

func TestEnrolmentIsForcedAfterGrace(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	owner := h.add(t, "olga@example.com", desk.RoleOwner)
	first := h.arrives(t, "olga@example.com", home)
	if first.Pending != "" {
		t.Fatalf("in grace: %q", first.Pending)
	}
	all, err := h.Factors(t.Context(), owner)
	if err != nil || all.Due == nil || !all.Required {
		t.Fatalf("%+v, %v", all, err)
	}
	h.clock.wait(7*24*time.Hour + time.Minute)
	came := h.arrives(t, "olga@example.com", home)
	if came.Pending != NeedsEnrol {
		t.Fatalf("after grace: %q", came.Pending)
	}
	factorMust(t, h.StartTOTP(t.Context(), came.Token, home))
	app, _, err := h.UnfinishedTOTP(t.Context(), came.Token, home)
	factorMust(t, err)
	seed, err := base32Plain.DecodeString(strings.ReplaceAll(app.Secret, " ", ""))
	factorMust(t, err)
	_, err = h.ConfirmTOTP(t.Context(), came.Token, "000000", home)
	factorFault(t, err, desk.Invalid, "a wrong first code")
	added, err := h.ConfirmTOTP(t.Context(), came.Token, h.appCode(t, seed), home)
	factorMust(t, err)
	if added.Came.Token == "" || added.Came.Pending != "" || len(added.Codes) != recoveryCodes {
		t.Errorf("%+v", added.Came)
	}
	if _, err := h.Session(t.Context(), added.Came.Token); err != nil {
		t.Error(err)
	}
}

func TestCodeByMailForAnUnknownBrowser(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	_, err := h.store.Pool().Exec(t.Context(), `insert into mailbox (address, name) values ('support@example.net', 'Support')`)
	factorMust(t, err)
	h.add(t, "ann@example.com", desk.RoleAgent)
	first := h.arrives(t, "ann@example.com", home)
	if first.Pending != "" {
		t.Fatal("the first browser is asked")
	}
	came := h.arrives(t, "ann@example.com", away)
	if came.Pending != NeedsFactor {
		t.Fatalf("an unknown browser: %q", came.Pending)
	}
	here := away
	here.Device = came.Device
	if again := h.arrives(t, "ann@example.com", here); again.Pending != NeedsFactor {
		t.Fatal("a browser is known by a password that was typed there")
	}
	live, err := h.SignedIn(t.Context(), came.Token)
	factorMust(t, err)
	factorMust(t, h.SendCode(t.Context(), came.Token, desk.FactorMail, here))
	if h.letters(t, desk.LetterSignInCode) != 1 {
		t.Error("nothing was mailed")
	}
	code := h.sentCode(t, live.SessionID, desk.FactorMail)
	pass := func(token, code string) (Came, error) {
		return h.PassFactor(t.Context(), FactorPass{Token: token, Proof: FactorProof{Kind: desk.FactorMail, Code: code}, From: here})
	}
	_, err = pass(h.arrives(t, "ann@example.com", here).Token, code)
	factorFault(t, err, desk.Invalid, "in another session")
	_, err = pass(came.Token, wrongCode(code, 1))
	factorFault(t, err, desk.Invalid, "a wrong code")
	passed, err := pass(came.Token, code[:3]+" "+code[3:])
	factorMust(t, err)
	if _, err := h.Session(t.Context(), passed.Token); err != nil {
		t.Error(err)
	}
	if h.arrives(t, "ann@example.com", here).Pending != "" {
		t.Error("a browser in which a code was typed is unknown")
	}
	other := h.arrives(t, "ann@example.com", away)
	for n := range mailMost {
		if err := h.SendCode(t.Context(), other.Token, desk.FactorMail, away); (err == nil) != (n < mailMost-1) { // one was sent above
			t.Errorf("code %d: %v", n, err)
		}
	}
	h.clock.wait(mailLife + time.Second)
	_, err = pass(other.Token, h.sentCode(t, h.sessionID(t, other.Token), desk.FactorMail))
	factorFault(t, err, desk.Invalid, "after ten minutes")
	h.setting(t, desk.MailCode, false)
	if h.arrives(t, "ann@example.com", away).Pending != "" {
		t.Error("asked although the rules say no")
	}
}

func (h house) sessionID(t testing.TB, token string) int64 {
	t.Helper()
	live, found, err := h.store.Session(t.Context(), secret.HashToken(token), h.clock.now().Add(-24*time.Hour))
	if err != nil || !found {
		t.Fatal(found, err)
	}
	return live.SessionID
}

// sentCode is the newest code that was sent for a session, as whoever reads the mail or the message knows it.
func (h house) sentCode(t testing.TB, session int64, kind desk.FactorKind) string {
	t.Helper()
	var code string
	factorMust(t, h.store.Write(t.Context(), func(tx *store.Tx) error {
		row, found, err := tx.SentFactorCode(t.Context(), session, kind, h.clock.now().Add(-time.Hour), 100)
		if err != nil || !found {
			return fmt.Errorf("no code: %w", err)
		}
		what, err := h.openSent(row)
		code = what.Code
		return err
	}))
	return code
}

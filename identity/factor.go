package identity

import (
	"context"
	"crypto/rand"
	"io"
	"strings"
	"time"

	"postern/desk"
	"postern/secret"
	"postern/store"
)

// Guessing a code: five wrong ones of a kind, and that kind waits a quarter of an hour: twenty guesses an hour at one of a million. Other kinds do not wait, so that a stranger who knows the password keeps nobody out
// who has a passkey, a recovery code or a browser that is remembered.
const (
	factorTries = 5
	factorPause = 15 * time.Minute
)

// waitingLife is how long a sign-in waits for its second step.
const waitingLife = 30 * time.Minute

// mostPasskeys is how many passkeys a person has.
const mostPasskeys = 10

// unfinishedFor is how long a factor that is being added waits for its first code.
const unfinishedFor = 24 * time.Hour

// FactorProof is what somebody shows besides a password.
type FactorProof struct {
	Kind      desk.FactorKind
	Code      string // as typed; none for a passkey
	Challenge string // that a passkey answers, as it was given out
	Answer    string // of a passkey: what the browser made of it, in JSON
}

// Empty says whether nothing was shown.
func (p FactorProof) Empty() bool { return p.Code == "" && p.Answer == "" }

// errFactor is the answer to every code that is wrong, used or too late.
var errFactor = &desk.Fault{Kind: desk.Invalid, Reason: "This code is not right, or not any more. Each code works once.", Field: "code"}

// owner is who shows a factor, and in which session.
type owner struct {
	user    desk.User
	session int64
	from    Client
	command desk.Actor // who gives a command for which it is shown; zero: it is shown in the portal
}

func (o owner) actor() desk.Actor {
	if o.command.Via != "" {
		return o.command
	}
	actor := o.from.actor(o.user)
	actor.Session = o.session
	return actor
}

// judge says whether what was shown is right; the fault says what is wrong. It is no error, since what is written down about a wrong code has to stay: whoever calls commits, and answers with the fault.
func (s *Service) judge(ctx context.Context, tx *store.Tx, who owner, proof FactorProof) (*desk.Fault, error) {
	if err := tx.LockFactors(ctx, who.user.ID); err != nil {
		return nil, err
	}
	now := s.now()
	failures, last, err := tx.FactorFailures(ctx, who.user.ID, proof.Kind, now.Add(-factorPause))
	if err != nil {
		return nil, err
	}
	if left := last.Add(factorPause).Sub(now); failures >= factorTries && left > 0 {
		return desk.Faultf(desk.Unavailable, "There were too many wrong codes. Try again in %s, or show something else.", left.Round(time.Second)), nil
	}
	fault, err := s.matches(ctx, tx, who, proof)
	switch {
	case err != nil:
		return nil, err
	case fault == nil:
		return nil, tx.ForgiveFactor(ctx, who.user.ID, proof.Kind)
	}
	return fault, s.missed(ctx, tx, who, proof.Kind, failures+1)
}

// missed writes down a wrong code, and tells the person when it was one too many: somebody knows their password.
func (s *Service) missed(ctx context.Context, tx *store.Tx, who owner, kind desk.FactorKind, failures int) error {
	detail := map[string]any{"factor": kind}
	if kind != desk.FactorPasskey { // nobody guesses at signatures
		if err := tx.AddFactorFailure(ctx, who.user.ID, kind, s.now()); err != nil {
			return err
		}
		if failures == factorTries {
			detail["blocked"] = true
			if err := s.tell(ctx, tx, desk.TellPerson{User: who.user.ID, About: desk.LetterFactorGuessed, IP: who.from.IP, Device: who.from.agent()}, ""); err != nil {
				return err
			}
		}
	}
	return tx.Audit(ctx, who.actor(), "user.factor-failed", subjectOf(who.user.ID), detail)
}

// matches compares what was shown with what is kept, and spends it. The fault says that it is not right.
func (s *Service) matches(ctx context.Context, tx *store.Tx, who owner, proof FactorProof) (*desk.Fault, error) {
	switch proof.Kind {
	case desk.FactorTOTP:
		return s.matchesTOTP(ctx, tx, who, proof.Code)
	case desk.FactorRecovery:
		return s.matchesRecovery(ctx, tx, who, proof.Code)
	case desk.FactorSMS, desk.FactorMail:
		return s.matchesSent(ctx, tx, who, proof)
	case desk.FactorPasskey:
		return s.matchesPasskey(ctx, tx, who, proof)
	}
	return errFactor, nil
}

func (s *Service) matchesTOTP(ctx context.Context, tx *store.Tx, who owner, typed string) (*desk.Fault, error) {
	factor, found, err := factorOf(ctx, tx, who.user.ID, desk.FactorTOTP, isReady)
	if err != nil || !found {
		return errFactor, err
	}
	seed, err := s.openFactor(factor)
	if err != nil {
		return nil, err
	}
	step := totpMatch(seed, typed, s.now(), factor.LastStep)
	if step == 0 {
		return errFactor, nil
	}
	won, err := tx.UseStep(ctx, factor.ID, step, s.now())
	if err != nil || !won {
		return errFactor, err
	}
	return nil, nil
}

// readiness says which of a person's factors of a kind is meant.
type readiness bool

const (
	isReady readiness = true
	unready readiness = false
)

// factorOf is a person's factor of a kind, of which there is one.
func factorOf(ctx context.Context, tx *store.Tx, user int64, kind desk.FactorKind, ready readiness) (store.Factor, bool, error) {
	all, err := tx.Factors(ctx, user)
	for _, one := range all {
		if one.Kind == kind && one.Ready == bool(ready) {
			return one, true, nil
		}
	}
	return store.Factor{}, false, err
}

func factorContext(f store.Factor) string {
	return "factor/" + subjectOf(f.UserID) + "/" + subjectOf(f.ID)
}

// openFactor is the seed of an app or the number of a telephone.
func (s *Service) openFactor(f store.Factor) ([]byte, error) {
	return s.keys.Open(factorContext(f), f.Sealed)
}

// Factors are those that a person has, how many recovery codes are left, and whether one is being added.
type Factors struct {
	List      []desk.Factor
	Codes     int
	AdminCode bool       // an admin has made a code for them that still works
	Required  bool       // the rules ask them for a factor
	Due       *time.Time // when they must have one, while they have none; nil: no such day
}

// Has says whether there is one of a kind.
func (f Factors) Has(kind desk.FactorKind) bool {
	for _, one := range f.List {
		if one.Kind == kind {
			return true
		}
	}
	return kind == desk.FactorRecovery && (f.Codes > 0 || f.AdminCode)
}

// Factors are those of whoever a session belongs to, whole or not.
func (s *Service) Factors(ctx context.Context, user desk.User) (Factors, error) {
	values, err := s.Settings(ctx)
	if err != nil {
		return Factors{}, err
	}
	rows, err := s.store.Factors(ctx, user.ID)
	if err != nil {
		return Factors{}, err
	}
	all := Factors{Required: factorRequired(values, user)}
	for _, row := range rows {
		if row.Ready {
			all.List = append(all.List, desk.Factor{ID: row.ID, Kind: row.Kind, Name: row.Name, Verifies: row.Verifies, CreatedAt: row.CreatedAt, LastUsedAt: row.LastUsedAt})
		}
	}
	if all.Codes, err = s.store.RecoveryCodesLeft(ctx, user.ID); err != nil {
		return Factors{}, err
	}
	if all.AdminCode, err = s.store.AdminCodeWaits(ctx, user.ID, s.now()); err != nil {
		return Factors{}, err
	}
	asked, err := s.store.FactorAskedAt(ctx, user.ID)
	if err == nil && asked != nil && all.Required && len(all.List) == 0 {
		due := asked.Add(grace(values))
		all.Due = &due
	}
	return all, err
}

// factorRequired says whether the rules ask this person for a second factor. Whoever may do what makes an admin powerful counts as one, whatever their role is called.
func factorRequired(values desk.Values, user desk.User) bool {
	switch values.Word(desk.RequireFactor) {
	case "owners_admins":
		return user.Can(desk.MayManagePeople) || user.Can(desk.MayManageRoles) || user.Can(desk.MayManageSecurity)
	case "staff":
		return user.Role.Staff()
	case "everyone":
		return true
	}
	return false
}

func grace(values desk.Values) time.Duration {
	return time.Duration(values.Number(desk.FactorGrace)) * 24 * time.Hour
}

// hold is what is known about a person's factors when they arrive.
type hold struct {
	has      bool       // a factor
	required bool       // by the rules
	asked    *time.Time // when they were first asked to add one
	known    bool       // this browser has completed a sign-in of theirs
	others   bool       // another browser has
	mailable bool       // a code could be mailed
}

// factorNeeds is what an arrival has to show or to set up, as far as factors go: the rules of row 33, as a table.
func factorNeeds(values desk.Values, a Arrival, now time.Time, h hold) (show, enrol bool) {
	if a.Provider != "" && !values.On(desk.FactorProviders) {
		return false, false // the provider's to ask for
	}
	switch {
	case h.has:
		show = true
	case a.Method == ByPassword && h.mailable && !h.known && h.others:
		show = true
	}
	enrol = h.required && !h.has && h.asked != nil && !now.Before(h.asked.Add(grace(values)))
	return show, enrol
}

// holds looks up what factorNeeds asks for, and begins the grace of whoever is asked for the first time.
func (s *Service) holds(ctx context.Context, tx *store.Tx, values desk.Values, user desk.User, device int64) (h hold, err error) {
	if h.has, err = tx.HasFactor(ctx, user.ID); err != nil {
		return h, err
	}
	h.required = factorRequired(values, user)
	guest, err := tx.IsGuest(ctx, user.ID)
	if err != nil {
		return h, err
	}
	if guest { // at once: there is no time for days of grace
		now := s.now().Add(-grace(values))
		h.required, h.asked = true, &now
	} else if h.required && !h.has {
		now := s.now()
		h.asked, err = tx.AskForFactor(ctx, user.ID, &now)
	} else if !h.required {
		_, err = tx.AskForFactor(ctx, user.ID, nil)
	}
	if err != nil || h.has {
		return h, err
	}
	if h.known, h.others, err = tx.BrowsersKnown(ctx, user.ID, device); err != nil || !values.On(desk.MailCode) {
		return h, err
	}
	h.mailable, err = tx.CanMail(ctx, user.ID)
	return h, err
}

// FactorPass is a sign-in that goes on with a factor.
type FactorPass struct {
	Token    string // of the session that waits
	Proof    FactorProof
	Remember bool // this browser need not show a factor for some days
	From     Client
}

// PassFactor completes a sign-in that waits for a second factor. The session gets a new token, since whoever watched the first step must not have it.
// The error is a desk.Fault: Invalid when the proof is wrong, Unavailable after too many, Unsigned when nothing waits any more.
func (s *Service) PassFactor(ctx context.Context, pass FactorPass) (came Came, err error) {
	live, err := s.SignedIn(ctx, pass.Token)
	if err != nil {
		return Came{}, err
	}
	if live.Pending != string(NeedsFactor) || s.now().Sub(live.CreatedAt) > waitingLife {
		return Came{}, unsigned("This sign-in waits no longer. Please begin again.")
	}
	values, err := s.Settings(ctx)
	if err != nil {
		return Came{}, err
	}
	if pass.Proof.Kind == desk.FactorMail {
		if has, err := s.store.HasFactor(ctx, live.User.ID); err != nil || has {
			return Came{}, orFault(err, errFactor) // mail is for those who have nothing better
		}
	}
	var fault *desk.Fault
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		who := owner{user: live.User, session: live.SessionID, from: pass.From}
		if fault, err = s.judge(ctx, tx, who, pass.Proof); err != nil || fault != nil {
			return err
		}
		came, err = s.passed(ctx, tx, values, live, pass)
		return err
	})
	return came, orFault(err, fault)
}

// orFault is the error, or else the fault if there is one.
func orFault(err error, fault *desk.Fault) error {
	if err == nil && fault != nil {
		return fault
	}
	return err
}

// passed makes the session go on after the factor: to what else is to do, or to everything.
func (s *Service) passed(ctx context.Context, tx *store.Tx, values desk.Values, live store.LiveSession, pass FactorPass) (Came, error) {
	now, device := s.now(), int64(0)
	if live.DeviceID != nil {
		device = *live.DeviceID
	}
	arrival := Arrival{User: live.User, Method: Method(live.Method), Provider: live.Provider, From: pass.From}
	standing, err := s.standing(ctx, tx, values, arrival, store.KnownDevice{ID: device})
	if err != nil {
		return Came{}, err
	}
	standing.factor = false
	came := Came{User: live.User, Device: pass.From.Device, Pending: pendingOf(arrival, standing)}
	token, hash := s.newToken()
	came.Token = token
	won, err := tx.PassSession(ctx, secret.HashToken(pass.Token), store.SessionPass{Was: string(NeedsFactor), Hash: hash, Factor: string(pass.Proof.Kind), Pending: string(came.Pending), At: now})
	if err != nil || !won {
		return Came{}, orFault(err, &desk.Fault{Kind: desk.Unsigned, Reason: "This sign-in waits no longer. Please begin again."})
	}
	days := values.Number(desk.FactorRemember)
	remembered := pass.Remember && days > 0 && device != 0 && pass.Proof.Kind != desk.FactorMail
	if remembered {
		if err := tx.TrustDevice(ctx, device, now.AddDate(0, 0, days)); err != nil {
			return Came{}, err
		}
	}
	if err := tx.CompleteDevice(ctx, device, now); err != nil {
		return Came{}, err
	}
	if err := s.seenAt(ctx, tx, live.User, pass.From); err != nil {
		return Came{}, err
	}
	actor := owner{user: live.User, session: live.SessionID, from: pass.From}.actor()
	return came, tx.Audit(ctx, actor, "user.factor", subjectOf(live.User.ID), map[string]any{"factor": pass.Proof.Kind, "remembered": remembered})
}

// fill fills b with random bytes.
func (s *Service) fill(b []byte) {
	source := s.random
	if source == nil {
		source = rand.Reader
	}
	if _, err := io.ReadFull(source, b); err != nil {
		panic(err) // without randomness nobody may be let in
	}
}

// factorName is a name for a factor on one line.
func factorName(name, fallback string) (string, error) {
	if name = strings.TrimSpace(name); name == "" {
		name = fallback
	}
	if len(name) > longestName || strings.ContainsFunc(name, unprintable) {
		return "", desk.Wrong("name", "a name stands on one line and has at most %d bytes", longestName)
	}
	return name, nil
}

package identity

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"postern/desk"
	"postern/secret"
	"postern/store"
)

// Ways in by a provider, as sessions and the audit log name them.
const (
	ByOpenID Method = "oidc"
	BySAML   Method = "saml"
	ByJWT    Method = "jwt"
	BySocial Method = "oauth2"
	ByBypass Method = "bypass" // an owner's way in past broken providers
)

// methodOf is how people come in by a provider of that kind.
func methodOf(kind desk.ProviderKind) Method {
	switch kind {
	case desk.ProviderSAML:
		return BySAML
	case desk.ProviderJWT:
		return ByJWT
	case desk.ProviderFacebook, desk.ProviderX:
		return BySocial
	default:
		return ByOpenID
	}
}

// Purpose is what a dance with a provider is for.
type Purpose string

const (
	ToEnter Purpose = "enter" // sign in
	ToLink  Purpose = "link"  // connect the account to the person who is signed in
	ToTest  Purpose = "test"  // see whether the provider works, without coming in
)

// Limits of dances: anybody on the internet can begin one.
const (
	danceLife      = 10 * time.Minute // a provider may ask for a password and a second factor meanwhile
	dancesFromHere = 120              // within danceLife, from one network: an office in the morning
	dancesOfAll    = 10_000
)

// Begin asks for a dance with a provider.
type Begin struct {
	Provider int64
	Purpose  Purpose
	Actor    desk.Actor // who links or tests
	Browser  string     // cookie of the browser; empty: it has none yet
	Next     string     // page to go on to
	Language string     // of a mail, if one is needed
	From     Client

	version time.Time // of the provider's settings
}

// Begun is a dance that has begun.
type Begun struct {
	URL     string // where the browser goes
	Browser string // the cookie that it has to keep: only this browser can end the dance
	State   string // names the dance; it stands in URL
}

// dance is what we remember of it, sealed.
type dance struct {
	Purpose  Purpose   `json:"-"`
	Provider int64     `json:"-"`
	UserID   int64     `json:"-"`
	Version  time.Time `json:"version"` // of the provider's settings: a trial is one of what was set when it began
	Next     string    `json:"next,omitempty"`
	Language string    `json:"language,omitempty"`
	Nonce    string    `json:"nonce,omitempty"`    // OpenID Connect Core §3.1.2.1
	Verifier string    `json:"verifier,omitempty"` // PKCE, RFC 7636 §4.1
	Request  string    `json:"request,omitempty"`  // SAML: id of the AuthnRequest
}

func danceContext(hash []byte) string { return fmt.Sprintf("sign-on/%x", hash) }

// leastBrowser is the shortest cookie that is believed to be one of ours.
const leastBrowser = 40

// begin remembers a dance and returns its state and the browser's cookie. What must not be known outside is sealed under the state, which itself is kept as a hash only.
func (s *Service) begin(ctx context.Context, b Begin, remember dance) (begun Begun, err error) {
	begun.Browser = b.Browser
	if len(begun.Browser) < leastBrowser {
		begun.Browser, _ = s.newToken()
	}
	state, hash := s.newToken()
	begun.State = state
	remember.Next, remember.Language, remember.Version = b.Next, b.Language, b.version
	text, err := json.Marshal(remember)
	if err != nil {
		return Begun{}, fmt.Errorf("identity: sign-on: %w", err)
	}
	sealed, _ := s.keys.Seal(danceContext(hash), text)
	now := s.now()
	row := store.SignOn{
		ProviderID: b.Provider, BrowserHash: secret.HashToken(begun.Browser), Purpose: string(b.Purpose), Sealed: sealed, Place: place(b.From.IP), CreatedAt: now, ExpiresAt: now.Add(danceLife),
	}
	if b.Purpose != ToEnter {
		row.UserID = &b.Actor.User.ID
	}
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		here, all, err := tx.CountSignOns(ctx, row.Place, now.Add(-danceLife))
		if err != nil {
			return err
		}
		if here >= dancesFromHere || all >= dancesOfAll {
			return desk.Faultf(desk.Unavailable, "Too many sign-ins were begun. Try again in some minutes.")
		}
		return tx.BeginSignOn(ctx, hash, row)
	})
	return begun, err
}

// BeginSignOn begins a dance with a provider. Connecting an account needs somebody who is signed in; a test needs MayManageSecurity, and may be of a provider that is off.
func (s *Service) BeginSignOn(ctx context.Context, b Begin) (Begun, error) {
	provider, err := s.store.Provider(ctx, b.Provider)
	if err != nil {
		return Begun{}, err
	}
	switch {
	case b.Purpose == ToTest:
		err = manageSecurity(b.Actor)
	case !provider.Enabled:
		err = desk.Faultf(desk.NotFound, "There is no such way to sign in.")
	case b.Purpose == ToLink && !provider.Population.Covers(b.Actor.User.Role):
		err = desk.Faultf(desk.Forbidden, "This provider is not for people of your role.")
	case !provider.Settings.From(b.From.IP):
		err = s.refuseSignOn(ctx, provider, refused(IPDenied, "the browser's address is in none of the provider's networks"), b.From)
	}
	if err != nil {
		return Begun{}, err
	}
	var begun Begun
	b.version = provider.UpdatedAt
	switch {
	case provider.Kind == desk.ProviderSAML:
		begun, err = s.beginSAML(ctx, provider, b)
	case provider.Kind == desk.ProviderJWT:
		begun, err = s.beginJWT(ctx, provider, b)
	case provider.Kind.Social():
		begun, err = s.beginSocial(ctx, provider, b)
	default:
		begun, err = s.beginOpenID(ctx, provider, b)
	}
	if err != nil {
		return Begun{}, s.refuseSignOn(ctx, provider, err, b.From)
	}
	return begun, nil
}

// errState is the answer to who comes back without having left, or comes twice.
var errState = &Refused{Code: BadState, Detail: "the answer belongs to no sign-in that this browser has begun"}

// take ends the dance of a state: once, with this provider, in the browser that began it. It is gone whatever comes of it.
func (s *Service) take(ctx context.Context, state, browser string, provider int64) (remembered dance, err error) {
	var row store.SignOn
	found, hash := false, secret.HashToken(state)
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		row, found, err = tx.TakeSignOn(ctx, hash, s.now())
		return err
	})
	switch {
	case err != nil:
		return dance{}, err
	case !found, row.ProviderID != provider, subtle.ConstantTimeCompare(row.BrowserHash, secret.HashToken(browser)) != 1:
		return dance{}, errState
	}
	text, err := s.keys.Open(danceContext(hash), row.Sealed)
	if err == nil {
		err = json.Unmarshal(text, &remembered)
	}
	if err != nil {
		return dance{}, fmt.Errorf("identity: sign-on: %w", err)
	}
	remembered.Purpose, remembered.Provider = Purpose(row.Purpose), row.ProviderID
	if row.UserID != nil {
		remembered.UserID = *row.UserID
	}
	return remembered, nil
}

// SignedOn is how a dance ended.
type SignedOn struct {
	Purpose Purpose
	Came    Came   // ToEnter: the session; its Token is empty when the address has to be proved first
	Proving bool   // a mail went to the address of the account: only its link, in this browser, goes on
	Next    string // page to go on to; empty: the usual
	Trial   Trial  // ToTest: what was found out
}

// Trial is what a trial sign-in has found out: what the provider says, and what would follow from it.
type Trial struct {
	Provider desk.Provider
	Issuer   string
	Subject  string
	Email    string
	Verified bool
	Name     string
	Role     string
	MFA      []string
	Would    string      // enter, link, create, prove or refuse
	Code     RefusalCode // of a refusal
	Detail   string
	Works    bool // it counts as tested
}

// conclude does what a dance was for with what the provider has said. Every protocol ends here.
func (s *Service) conclude(ctx context.Context, d dance, a Asserted, browser string, from Client) (SignedOn, error) {
	done := SignedOn{Purpose: d.Purpose, Next: d.Next}
	switch d.Purpose {
	case ToLink:
		return done, s.connectOwn(ctx, d, a, from)
	case ToTest:
		trial, err := s.tried(ctx, d, a, from)
		done.Trial = trial
		return done, err
	}
	return s.admitFederated(ctx, admission{asserted: a, browser: browser, next: d.Next, language: d.Language, from: from})
}

// refusalOf is a refusal on its way into the audit log.
type refusalOf struct {
	provider desk.Provider
	person   int64 // 0: nobody that we know
	why      *Refused
	from     Client
}

// auditRefusal writes down why somebody was not let in. What the provider said stands nowhere: a stranger may have written it.
func (s *Service) auditRefusal(ctx context.Context, tx *store.Tx, r refusalOf) error {
	subject := providerSubject(r.provider.ID)
	if r.person != 0 {
		subject = subjectOf(r.person)
	}
	action := "signon.refuse"
	if r.why.Code == Replayed {
		action = "signon.replay"
	}
	return tx.Audit(ctx, r.from.actor(desk.User{}), action, subject, map[string]any{"provider": r.provider.Name, "code": r.why.Code, "reason": r.why.Detail})
}

// refuseSignOn writes a refusal that was found before anybody was looked up into the audit log, and returns it. Errors that are no refusals pass through.
func (s *Service) refuseSignOn(ctx context.Context, provider desk.Provider, err error, from Client) error {
	var refusal *Refused
	if !errors.As(err, &refusal) {
		return err
	}
	audited := s.store.Write(ctx, func(tx *store.Tx) error {
		return s.auditRefusal(ctx, tx, refusalOf{provider: provider, why: refusal, from: from})
	})
	if audited != nil {
		return audited
	}
	return err
}

// connectOwn connects an account to the person who began the dance, who has shown of late that it is them.
func (s *Service) connectOwn(ctx context.Context, d dance, a Asserted, from Client) error {
	if a.Subject == "" {
		return s.refuseSignOn(ctx, a.Provider, refused(BadClaims, "the account has no lasting name"), from)
	}
	a.Email = desk.Canonical(a.Email)
	return s.store.Write(ctx, func(tx *store.Tx) error {
		person, err := tx.CredentialsOf(ctx, d.UserID)
		if err != nil {
			return err
		}
		if person.DisabledAt != nil {
			return errRefused
		}
		if !a.Provider.Population.Covers(person.Role) {
			return desk.Faultf(desk.Forbidden, "This provider is not for people of your role.")
		}
		owner, found, err := tx.ForeignIdentity(ctx, a.Provider.ID, a.Issuer, a.Subject)
		if err != nil {
			return err
		}
		if found && owner.UserID == person.ID {
			return tx.TouchForeignIdentity(ctx, owner.ID, a.Email, s.now())
		}
		return s.addIdentity(ctx, tx, person.User, a, from)
	})
}

// Disconnect takes an account elsewhere off a person: oneself, or with MayManagePeople somebody else.
func (s *Service) Disconnect(ctx context.Context, actor desk.Actor, user, id int64) error {
	person, err := s.store.CredentialsOf(ctx, user)
	if err != nil {
		return err
	}
	if !own(actor, user) {
		if !actor.Can(desk.MayManagePeople) {
			return desk.Faultf(desk.Forbidden, "only an owner or admin may do this")
		}
		if err := outranks(actor, person.User); err != nil {
			return err
		}
	}
	return s.audited(ctx, func(tx *store.Tx) (entry, error) {
		gone, err := tx.DropForeignIdentity(ctx, id, user)
		if err != nil {
			return entry{}, err
		}
		err = s.tell(ctx, tx, desk.TellPerson{User: user, About: desk.LetterAccountDisconnected, IP: actor.IP, Facts: map[string]string{"provider": gone.Provider}}, "")
		detail := map[string]any{"provider": gone.Provider, "issuer": gone.Issuer, "subject": gone.Subject}
		return entry{actor: actor, action: "identity.unlink", subject: subjectOf(user), detail: detail}, err
	})
}

// Connected lists the accounts elsewhere of a person: one's own, or with MayManagePeople those of somebody else.
func (s *Service) Connected(ctx context.Context, actor desk.Actor, user int64) ([]desk.ForeignIdentity, error) {
	if actor.User.ID != user && !actor.Can(desk.MayManagePeople) {
		return nil, desk.Faultf(desk.Forbidden, "only an owner or admin may do this")
	}
	return s.store.ForeignIdentities(ctx, user)
}

// tried says what an assertion would lead to, without doing it. The provider counts as tested when what it says would let somebody in; one for customers, when what it says could be checked,
// since whoever tests it is none.
func (s *Service) tried(ctx context.Context, d dance, a Asserted, from Client) (trial Trial, err error) {
	a.Email = desk.Canonical(a.Email)
	trial = Trial{Provider: a.Provider, Issuer: a.Issuer, Subject: a.Subject, Email: a.Email, Verified: a.EmailVerified, Name: oneLine(a.Name, longestName), Role: oneLine(a.Role, longestName), MFA: a.MFA}
	person, err := s.store.CredentialsOf(ctx, d.UserID)
	if err != nil {
		return trial, err
	}
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		known, _, err := s.look(ctx, tx, a)
		if err != nil {
			return err
		}
		known.From, known.MayProve = from.IP, true
		what := decide(a, known)
		trial.Would, trial.Code, trial.Detail = string(what.Step), what.Code, what.Detail
		trial.Works = what.Step == stepEnter || what.Step == stepLink || what.Step == stepCreate || a.Provider.Population == desk.ForCustomers && what.Code != MFARequired && what.Code != BadClaims
		if trial.Works {
			if trial.Works, err = tx.SetProviderTested(ctx, a.Provider.ID, d.Version, s.now()); err != nil {
				return err
			}
		}
		detail := map[string]any{"provider": a.Provider.Name, "would": trial.Would, "works": trial.Works}
		if trial.Code != "" {
			detail["code"] = trial.Code
		}
		return tx.Audit(ctx, from.actor(person.User), "provider.test", providerSubject(a.Provider.ID), detail)
	})
	return trial, err
}

// nameOf is the display name of a person to be made.
func nameOf(a Asserted) string {
	name := oneLine(a.Name, longestName)
	if local, _ := desk.SplitAddress(a.Email); name == "" {
		name = local
	}
	return name
}

// oneLine is one line of text of at most so many bytes, without what cannot be printed.
func oneLine(text string, most int) string {
	line := make([]rune, 0, len(text))
	size := 0
	for _, r := range text {
		if unprintable(r) {
			continue
		}
		if size += len(string(r)); size > most {
			break
		}
		line = append(line, r)
	}
	return string(line)
}

func providerSubject(id int64) string { return "provider/" + strconv.FormatInt(id, 10) }

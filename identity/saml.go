package identity

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"postern/desk"
	"postern/identity/saml"
	"postern/secret"
	"postern/store"
)

// Sign-in with a SAML 2.0 identity provider (security row 31). What a document says, and whether to believe it, is for package saml; here stands what was asked, by which browser, and that
// nothing is used twice.
//
// The provider's answer is a form that its page POSTs here, and browsers send no cookies along with the form of another site. So it is checked at once, its assertion used up, and what it says kept
// for two minutes under a handle; the browser is sent on to an address of ours with that handle, to which it brings its cookie: and only the browser that began the dance can end it there.

const (
	samlAnswerLife = 2 * time.Minute
	longestRelay   = 80 // octets of RelayState (SAML Bindings §3.4.3)
)

// samlPath is where everything about a provider stands; its own address takes the answers.
func samlPath(provider int64) string { return fmt.Sprintf("/access/saml/%d", provider) }

// SAMLDone is the address to which a browser is sent on with a handle.
func SAMLDone(provider int64, handle string) string { return samlPath(provider) + "/done/" + handle }

// samlAnswer is what is kept of an answer, sealed.
type samlAnswer struct {
	Said    saml.Asserted
	Relay   string // RelayState: the state of the dance; what a provider says there unasked is not read
	Digest  string // of the document
	Unasked bool   // the provider began
}

func samlAnswerContext(handle []byte) string { return fmt.Sprintf("saml-answer/%x", handle) }

// beginSAML begins a dance with a SAML identity provider.
func (s *Service) beginSAML(ctx context.Context, provider desk.Provider, b Begin) (Begun, error) {
	service, err := s.samlService(ctx, provider.ID)
	if err != nil {
		return Begun{}, err
	}
	request, err := saml.NewID(s.random)
	if err != nil {
		return Begun{}, fmt.Errorf("identity: SAML: %w", err)
	}
	begun, err := s.begin(ctx, b, dance{Request: request})
	if err != nil {
		return Begun{}, err
	}
	settings := provider.Settings.SAML
	ask := saml.Asking{ID: request, At: settings.SSOURL, Relay: begun.State, Format: settings.NameFormat, Now: s.now()}
	if settings.AskMFA {
		ask.Contexts = provider.Settings.MFAValues
	}
	if begun.URL, err = service.Request(ask); err != nil {
		return Begun{}, fmt.Errorf("identity: SAML: %w", err)
	}
	return begun, nil
}

// SAMLPosted is what the page of a provider POSTs here.
type SAMLPosted struct {
	Provider int64 // by the address to which it came
	Response string
	Relay    string
	From     Client
}

// TakeSAML checks an answer and uses it up. The handle leads to what it says, for two minutes and once: see EndSAML. A refusal is a *Refused, and in the audit log, with the hash of the
// document and never the document.
func (s *Service) TakeSAML(ctx context.Context, posted SAMLPosted) (handle string, err error) {
	provider, err := s.samlProvider(ctx, posted.Provider)
	if err != nil {
		return "", err
	}
	answer, err := s.readSAML(ctx, provider, posted)
	if err == nil {
		handle, err = s.keepSAML(ctx, provider, answer)
	}
	if err != nil {
		return "", s.refuseSignOn(ctx, provider, refusedSAML(err), posted.From)
	}
	return handle, nil
}

// samlProvider is a SAML provider. One that is off is found too: a trial may be under way.
func (s *Service) samlProvider(ctx context.Context, id int64) (desk.Provider, error) {
	provider, err := s.store.Provider(ctx, id)
	if fault := new(desk.Fault); errors.As(err, &fault) || err == nil && provider.Kind != desk.ProviderSAML {
		return provider, desk.Faultf(desk.NotFound, "There is no such way to sign in.")
	}
	return provider, err
}

// readSAML measures a document. Which request it answers is looked at first, and checked again with the dance: whoever cannot sign cannot have us remember anything.
func (s *Service) readSAML(ctx context.Context, provider desk.Provider, posted SAMLPosted) (samlAnswer, error) {
	document, err := saml.Decode(posted.Response)
	if err != nil {
		return samlAnswer{}, err
	}
	request, err := saml.Peek(document)
	if err != nil {
		return samlAnswer{}, err
	}
	answer := samlAnswer{Relay: posted.Relay, Digest: saml.Digest(document), Unasked: request == ""}
	settings := provider.Settings.SAML
	if answer.Unasked && !settings.Begins {
		return answer, &saml.Refusal{Reason: saml.NotAsked, Detail: "the provider may not begin", Digest: answer.Digest}
	}
	if len(posted.Relay) > longestRelay {
		answer.Relay = ""
	}
	service, err := s.samlService(ctx, provider.ID)
	if err != nil {
		return answer, err
	}
	trust, err := samlTrust(settings)
	if err != nil {
		return answer, err
	}
	expect := saml.Expect{
		Issuer: settings.EntityID, Audience: service.EntityID, Consumer: service.Consumer, Request: request, Trust: trust, Keys: service.Privates(), Encryption: saml.MayEncrypt, Now: s.now(),
	}
	if settings.MustEncrypt {
		expect.Encryption = saml.MustEncrypt
	}
	answer.Said, err = saml.Read(document, expect)
	return answer, err
}

// keepSAML uses the assertion up and keeps what it says until the browser comes for it.
func (s *Service) keepSAML(ctx context.Context, provider desk.Provider, answer samlAnswer) (handle string, err error) {
	text, err := json.Marshal(answer)
	if err != nil {
		return "", fmt.Errorf("identity: SAML: %w", err)
	}
	handle, hash := s.newToken()
	sealed, _ := s.keys.Seal(samlAnswerContext(hash), text)
	fresh := false
	id := sha256.Sum256([]byte(answer.Said.ID))
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		if fresh, err = tx.UseAssertion(ctx, provider.ID, id[:], answer.Said.UsableTill); err != nil || !fresh {
			return err
		}
		return tx.KeepSAMLAnswer(ctx, hash, store.SAMLAnswer{ProviderID: provider.ID, Sealed: sealed, ExpiresAt: s.now().Add(samlAnswerLife)})
	})
	if err == nil && !fresh {
		err = &saml.Refusal{Reason: saml.Replayed, Detail: "assertion", Digest: answer.Digest}
	}
	return handle, err
}

// SAMLWaiting is an answer that waits for its browser.
type SAMLWaiting struct {
	Provider string // its name
	Unasked  bool   // the provider began, so nobody here has asked to come in: the page has to ask
	Name     string // whom it is about, when the page has to ask
}

// PeekSAML looks at an answer without using it.
func (s *Service) PeekSAML(ctx context.Context, id int64, handle string) (SAMLWaiting, error) {
	provider, err := s.samlProvider(ctx, id)
	if err != nil {
		return SAMLWaiting{}, err
	}
	hash := secret.HashToken(handle)
	row, found, err := s.store.SAMLAnswer(ctx, hash, s.now())
	if err != nil {
		return SAMLWaiting{}, err
	}
	if !found || row.ProviderID != id {
		return SAMLWaiting{}, errSAMLGone
	}
	answer, err := s.openSAML(hash, row)
	if err != nil {
		return SAMLWaiting{}, err
	}
	asserted := assertedBySAML(provider, answer)
	name := asserted.Email
	if name == "" {
		name = asserted.Name
	}
	return SAMLWaiting{Provider: provider.Name, Unasked: answer.Unasked, Name: oneLine(name, longestName)}, nil
}

// errSAMLGone is the answer to a handle that leads nowhere.
var errSAMLGone = &desk.Fault{Kind: desk.NotFound, Reason: "This sign-in is over: it was ended already, or took too long. Sign in again."}

func (s *Service) openSAML(hash []byte, row store.SAMLAnswer) (answer samlAnswer, err error) {
	text, err := s.keys.Open(samlAnswerContext(hash), row.Sealed)
	if err == nil {
		err = json.Unmarshal(text, &answer)
	}
	if err != nil {
		return answer, fmt.Errorf("identity: SAML: %w", err)
	}
	return answer, nil
}

// SAMLEnd is a browser that comes for an answer.
type SAMLEnd struct {
	Provider int64
	Handle   string
	Browser  string // cookie
	Language string // of a mail, for those whom a provider sends unasked
	From     Client
}

// EndSAML ends a dance with a SAML identity provider. A refusal is a *Refused, and in the audit log.
func (s *Service) EndSAML(ctx context.Context, end SAMLEnd) (SignedOn, error) {
	provider, err := s.samlProvider(ctx, end.Provider)
	if err != nil {
		return SignedOn{}, err
	}
	var row store.SAMLAnswer
	found, hash := false, secret.HashToken(end.Handle)
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		row, found, err = tx.TakeSAMLAnswer(ctx, hash, s.now())
		return err
	})
	if err != nil {
		return SignedOn{}, err
	}
	if !found || row.ProviderID != provider.ID {
		return SignedOn{}, errSAMLGone
	}
	answer, err := s.openSAML(hash, row)
	if err != nil {
		return SignedOn{}, err
	}
	d := dance{Purpose: ToEnter, Provider: provider.ID, Language: end.Language}
	if !answer.Unasked {
		if d, err = s.danceOf(ctx, provider, answer, end); err != nil {
			return SignedOn{}, s.refuseSignOn(ctx, provider, err, end.From)
		}
	}
	if !provider.Enabled && d.Purpose != ToTest || answer.Unasked && !provider.Settings.SAML.Begins {
		return SignedOn{}, desk.Faultf(desk.NotFound, "There is no such way to sign in.")
	}
	asserted := assertedBySAML(provider, answer)
	if asserted.Subject == "" {
		err := refused(BadClaims, "SAML: bad_subject: the name is a passing one, and there is no attribute with a lasting one, document "+answer.Digest)
		return SignedOn{Purpose: d.Purpose}, s.refuseSignOn(ctx, provider, err, end.From)
	}
	done, err := s.conclude(ctx, d, asserted, end.Browser, end.From)
	if err == nil && done.Came.Token != "" {
		err = s.keepSAMLSession(ctx, provider.ID, done.Came.Token, answer.Said)
	}
	return done, err
}

// danceOf is the dance that an answer ends: begun by this browser, under the state that came back as RelayState, by the request that the signed answer names.
func (s *Service) danceOf(ctx context.Context, provider desk.Provider, answer samlAnswer, end SAMLEnd) (dance, error) {
	d, err := s.take(ctx, answer.Relay, end.Browser, provider.ID)
	if err != nil {
		return d, err
	}
	if subtle.ConstantTimeCompare([]byte(d.Request), []byte(answer.Said.Request)) != 1 {
		return d, refused(BadState, "SAML: not_asked: the answer belongs to another request, document "+answer.Digest)
	}
	return d, nil
}

// Usual names of attributes, as Entra, ADFS, Okta, Google, Shibboleth and SimpleSAMLphp have them.
var (
	samlEmails = []string{"email", "mail", "urn:oid:0.9.2342.19200300.100.1.3", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress", "EmailAddress", "emailAddress"}
	samlNames  = []string{"displayName", "name", "urn:oid:2.16.840.1.113730.3.1.241", "http://schemas.microsoft.com/identity/claims/displayname", "cn", "urn:oid:2.5.4.3"}
	samlRoles  = []string{"role"}
)

// assertedBySAML is what a provider says, in the words of every protocol. Its Subject is empty when the provider names nobody lastingly.
func assertedBySAML(provider desk.Provider, answer samlAnswer) Asserted {
	settings, said := provider.Settings.SAML, answer.Said
	asserted := Asserted{
		Provider: provider, Issuer: settings.EntityID, Subject: samlSubject(settings, said), Email: firstOf(said, settings.EmailAttribute, samlEmails), Name: firstOf(said, settings.NameAttribute, samlNames),
		Role: firstOf(said, settings.RoleAttribute, samlRoles), MFA: said.Asked(), Until: said.Until,
	}
	if asserted.Email == "" && said.Subject.Format != saml.FormatTransient && said.Subject.Format != saml.FormatPersistent && desk.ValidAddress(desk.Canonical(said.Subject.Name)) {
		asserted.Email = said.Subject.Name
	}
	asserted.EmailVerified = asserted.Email != "" // SAML has no word for it: whether the provider's word about an address is enough, its domains say
	return asserted
}

// samlSubject is what the provider calls the account for ever: an attribute where one is agreed, else the NameID, unless that is made anew for each sign-in (SAML Core §8.3.8).
func samlSubject(settings desk.SAMLSettings, said saml.Asserted) string {
	if settings.SubjectAttribute != "" {
		return said.First(settings.SubjectAttribute)
	}
	if said.Subject.Format == saml.FormatTransient {
		return ""
	}
	if said.Subject.Qualifier != "" { // the same name of another domain is somebody else (SAML Core §2.2.2)
		return said.Subject.Qualifier + "!" + said.Subject.Name
	}
	return said.Subject.Name
}

// firstOf is the first value of the attribute that is agreed, or of the first usual one that is there.
func firstOf(said saml.Asserted, agreed string, usual []string) string {
	if agreed != "" {
		return said.First(agreed)
	}
	for _, name := range usual {
		if value := said.First(name); value != "" {
			return value
		}
	}
	return ""
}

// samlCodes are the reasons of package saml as every protocol has them; every other is BadClaims.
var samlCodes = map[RefusalCode][]saml.Reason{
	BadSignature:  {saml.Unsigned, saml.WeakAlgorithm, saml.BadReference, saml.BadTransform, saml.BadSignature, saml.CertExpired, saml.UnknownCert, saml.DoubleID, saml.Misplaced, saml.TwoAssertions},
	Expired:       {saml.Expired, saml.TooEarly},
	Replayed:      {saml.Replayed},
	BadState:      {saml.NotAsked},
	ProviderError: {saml.ProviderRefuse},
}

// refusedSAML is a refusal of package saml as every protocol has it. Its reason and the hash of the document stay in the detail; errors that are no refusals pass through.
func refusedSAML(err error) error {
	var why *saml.Refusal
	if !errors.As(err, &why) {
		return err
	}
	detail := "SAML: " + string(why.Reason)
	if why.Detail != "" {
		detail += ": " + why.Detail
	}
	if why.Digest != "" {
		detail += ", document " + why.Digest
	}
	for code, reasons := range samlCodes {
		if slices.Contains(reasons, why.Reason) {
			return refused(code, detail)
		}
	}
	return refused(BadClaims, detail)
}

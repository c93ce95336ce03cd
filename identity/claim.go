package identity

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"postern/desk"
	"postern/secret"
	"postern/store"
)

// An account elsewhere whose address its provider cannot vouch for waits until somebody opens a link that was mailed to that address, in the browser in which they signed in there. The browser matters:
// without it, somebody could sign in elsewhere under a stranger's address and have the stranger confirm it.

const (
	claimLife    = 30 * time.Minute
	claimsFor    = time.Hour
	claimsAnHour = 3 // mails to one address
	claimPath    = "/access/claim/"
)

// waiting is what is kept of an assertion meanwhile, sealed.
type waiting struct {
	Issuer   string    `json:"issuer"`
	Subject  string    `json:"subject"`
	Name     string    `json:"name,omitempty"`
	Role     string    `json:"role,omitempty"`
	MFA      []string  `json:"mfa,omitempty"`
	Until    time.Time `json:"until,omitzero"`
	Profile  Profile   `json:"profile,omitzero"`
	Next     string    `json:"next,omitempty"`
	Language string    `json:"language,omitempty"` // of the mail
}

func claimContext(token []byte) string { return fmt.Sprintf("identity-claim/%x", token) }

// askProof keeps an assertion and mails a link to its address. After some mails within an hour nothing more is sent; the page says the same.
func (s *Service) askProof(ctx context.Context, tx *store.Tx, in admission, a Asserted) error {
	now := s.now()
	count, err := tx.CountIdentityClaims(ctx, a.Email, now.Add(-claimsFor))
	if err != nil || count >= claimsAnHour {
		return err
	}
	token, hash := s.newToken()
	text, err := json.Marshal(waiting{Issuer: a.Issuer, Subject: a.Subject, Name: a.Name, Role: a.Role, MFA: a.MFA, Until: a.Until, Profile: a.Profile, Next: in.next, Language: in.language})
	if err != nil {
		return fmt.Errorf("identity: claim: %w", err)
	}
	sealed, _ := s.keys.Seal(claimContext(hash), text)
	claim := store.IdentityClaim{BrowserHash: secret.HashToken(in.browser), ProviderID: a.Provider.ID, Asserted: sealed, Email: a.Email, CreatedAt: now, ExpiresAt: now.Add(claimLife)}
	if err := tx.AddIdentityClaim(ctx, hash, claim); err != nil {
		return err
	}
	mail, _ := s.keys.Seal(claimContext(hash)+"/mail", []byte(s.public+claimPath+token))
	return tx.Enqueue(ctx, time.Time{}, desk.ProveAddress{Claim: hash, Sealed: mail})
}

// ClaimLetter is the mail that brings the link.
type ClaimLetter struct {
	URL      string
	To       string
	From     string // the mailbox in whose name it leaves
	Provider string
	Language string
	At       time.Time
	Until    time.Time
}

// ClaimLetter reads what is to be mailed. wanted is false where nothing is: the link has expired or been used, or the address gets no mail or is ours.
func (s *Service) ClaimLetter(ctx context.Context, job desk.ProveAddress) (letter ClaimLetter, wanted bool, err error) {
	claim, found, err := s.store.IdentityClaim(ctx, job.Claim, s.now())
	if err != nil || !found {
		return letter, false, err
	}
	provider, err := s.store.Provider(ctx, claim.ProviderID)
	if err != nil {
		return letter, false, err
	}
	reader, err := s.store.AddressReader(ctx, claim.Email)
	if err != nil || reader.Ours || reader.Suppressed || reader.From == "" || desk.NoAnswer(claim.Email) != "" {
		return letter, false, err
	}
	what, err := s.openWaiting(job.Claim, claim.Asserted)
	if err != nil {
		return letter, false, err
	}
	link, err := s.keys.Open(claimContext(job.Claim)+"/mail", job.Sealed)
	if err != nil {
		return letter, false, fmt.Errorf("identity: claim: %w", err)
	}
	return ClaimLetter{
		URL: string(link), To: claim.Email, From: reader.From, Provider: provider.Name, Language: what.Language, At: claim.CreatedAt, Until: claim.ExpiresAt,
	}, true, nil
}

func (s *Service) openWaiting(token, sealed []byte) (what waiting, err error) {
	text, err := s.keys.Open(claimContext(token), sealed)
	if err == nil {
		err = json.Unmarshal(text, &what)
	}
	if err != nil {
		return what, fmt.Errorf("identity: claim: %w", err)
	}
	return what, nil
}

// Claim is what a link in such a mail would do.
type Claim struct {
	Email    string
	Provider string
}

// PeekClaim looks at a link without using it. In another browser than the one that asked, it opens nothing.
func (s *Service) PeekClaim(ctx context.Context, token, browser string) (Claim, error) {
	claim, found, err := s.store.IdentityClaim(ctx, secret.HashToken(token), s.now())
	if err != nil {
		return Claim{}, err
	}
	if !found || !sameHash(claim.BrowserHash, browser) {
		return Claim{}, errClaim
	}
	provider, err := s.store.Provider(ctx, claim.ProviderID)
	return Claim{Email: claim.Email, Provider: provider.Name}, err
}

// errClaim is the answer to a link that opens nothing here.
var errClaim = &desk.Fault{Kind: desk.NotFound, Reason: "This link works once, for half an hour, and only in the browser in which the sign-in was begun. Open it there, or sign in again."}

// UseClaim spends a link, and lets in whoever has proved the address by it.
func (s *Service) UseClaim(ctx context.Context, token, browser string, from Client) (SignedOn, error) {
	now, hash := s.now(), secret.HashToken(token)
	var claim store.IdentityClaim
	found := false
	err := s.store.Write(ctx, func(tx *store.Tx) (err error) {
		claim, found, err = tx.TakeIdentityClaim(ctx, hash, secret.HashToken(browser), now)
		return err
	})
	if err == nil && !found {
		err = errClaim
	}
	if err != nil {
		return SignedOn{}, err
	}
	provider, err := s.enabled(ctx, claim.ProviderID)
	if err != nil {
		return SignedOn{}, err
	}
	what, err := s.openWaiting(hash, claim.Asserted)
	if err != nil {
		return SignedOn{}, err
	}
	asserted := Asserted{
		Provider: provider, Issuer: what.Issuer, Subject: what.Subject, Email: claim.Email, Name: what.Name, Role: what.Role, MFA: what.MFA, Until: what.Until, Profile: what.Profile,
	}
	return s.admitFederated(ctx, admission{asserted: asserted, browser: browser, next: what.Next, proved: true, from: from})
}

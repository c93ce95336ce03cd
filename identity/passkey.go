package identity

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"postern/desk"
	"postern/secret"
	"postern/store"
)

// Passkeys (WebAuthn level 3): a key pair on a device, made for our host name. The browser signs for no other page, so nothing can be fished for.

// challengeLife is how long a challenge may be answered: somebody has to find the key and touch it.
const challengeLife = 5 * time.Minute

// errPasskey is the answer to every passkey that opens nothing; what was wrong is in the audit log.
var errPasskey = &desk.Fault{Kind: desk.Invalid, Reason: "This passkey did not work. Try again, or use another way."}

// relyingParty is who passkeys are made for: the host of our address (WebAuthn §4, RP ID). The error says why there can be none here.
func (s *Service) relyingParty() (*webauthn.WebAuthn, error) {
	at, err := url.Parse(s.public)
	if err != nil || at.Hostname() == "" || net.ParseIP(at.Hostname()) != nil || (at.Scheme != "https" && at.Hostname() != "localhost") {
		return nil, desk.Faultf(desk.Conflict, "Passkeys need an address with a name and https. An admin sets it where Postern is started.")
	}
	party, err := webauthn.New(&webauthn.Config{
		RPID: at.Hostname(), RPDisplayName: "Postern", RPOrigins: []string{at.Scheme + "://" + at.Host}, AttestationPreference: protocol.PreferNoAttestation,
	})
	if err != nil {
		return nil, fmt.Errorf("identity: passkeys: %w", err)
	}
	return party, nil
}

// PasskeysWork says whether passkeys are possible at our address.
func (s *Service) PasskeysWork() bool {
	_, err := s.relyingParty()
	return err == nil
}

// holder is a person as the library wants one.
type holder struct {
	user   desk.User
	handle []byte
	keys   []webauthn.Credential
	rows   []store.Factor // of the keys, in the same order
}

func (h holder) WebAuthnID() []byte                         { return h.handle }
func (h holder) WebAuthnName() string                       { return h.user.Email }
func (h holder) WebAuthnDisplayName() string                { return h.user.Name }
func (h holder) WebAuthnCredentials() []webauthn.Credential { return h.keys }

// holderOf reads a person's passkeys.
func holderOf(ctx context.Context, r store.Reader, user desk.User) (h holder, err error) {
	h.user = user
	if h.handle, err = r.PasskeyHandle(ctx, user.ID); err != nil {
		return h, err
	}
	rows, err := r.Factors(ctx, user.ID)
	if err != nil {
		return h, err
	}
	for _, row := range rows {
		if row.Kind != desk.FactorPasskey || !row.Ready {
			continue
		}
		var key webauthn.Credential
		if err := json.Unmarshal(row.Record, &key); err != nil {
			return h, fmt.Errorf("identity: passkey %d: %w", row.ID, err)
		}
		h.keys, h.rows = append(h.keys, key), append(h.rows, row)
	}
	return h, nil
}

// purpose is what a challenge may be answered for.
type purpose string

const (
	toAdd    purpose = "add"     // a new passkey
	toShow   purpose = "show"    // as a second factor, or a fresh proof
	toSignIn purpose = "sign-in" // alone, by whoever it belongs to
)

// challenge is what we remember of one that was given out. It travels sealed with the page, so that asking for one costs nobody a row; an answer spends it.
type challenge struct {
	For     purpose              `json:"for"`
	Session int64                `json:"session,omitempty"` // only there it is answered
	Data    webauthn.SessionData `json:"data"`
	Until   time.Time            `json:"until"`
}

const challengeContext = "passkey challenge"

// PasskeyAsk is what a page hands to the browser.
type PasskeyAsk struct {
	Challenge string          `json:"challenge"` // comes back with the answer
	Options   json.RawMessage `json:"options"`   // for navigator.credentials (WebAuthn §5.1.8, §5.1.9)
}

// ask seals a challenge for its page.
func (s *Service) ask(c challenge, options any) (PasskeyAsk, error) {
	c.Until = s.now().Add(challengeLife)
	plain, err := json.Marshal(c)
	if err != nil {
		return PasskeyAsk{}, fmt.Errorf("identity: challenge: %w", err)
	}
	text, err := json.Marshal(options)
	if err != nil {
		return PasskeyAsk{}, fmt.Errorf("identity: challenge: %w", err)
	}
	sealed, _ := s.keys.Seal(challengeContext, plain)
	return PasskeyAsk{Challenge: base64.RawURLEncoding.EncodeToString(sealed), Options: text}, nil
}

// spend opens a challenge that is answered and makes sure that it is not answered again. ok is false for one that is not ours, too old, for something else, or spent: WebAuthn §13.4.3 asks for this, and the library leaves it to us.
func (s *Service) spend(ctx context.Context, tx *store.Tx, text string, for_ purpose, session int64) (c challenge, ok bool, err error) {
	sealed, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(text) > longestChallenge {
		return c, false, nil
	}
	plain, err := s.keys.Open(challengeContext, sealed)
	if err != nil || json.Unmarshal(plain, &c) != nil {
		return c, false, nil
	}
	if c.For != for_ || c.Session != session || !s.now().Before(c.Until) {
		return c, false, nil
	}
	won, err := tx.SpendChallenge(ctx, secret.HashToken(c.Data.Challenge), c.Until)
	return c, won, err
}

// Bounds of what a browser sends: ours is under a kilobyte, an answer with ten extensions a few.
const (
	longestChallenge = 8 << 10
	longestAnswer    = 32 << 10
)

// AskPasskey makes a challenge for a passkey of whoever the session belongs to, whole or not: as second factor, or as a fresh proof.
func (s *Service) AskPasskey(ctx context.Context, token string) (PasskeyAsk, error) {
	live, err := s.SignedIn(ctx, token)
	if err != nil {
		return PasskeyAsk{}, err
	}
	party, err := s.relyingParty()
	if err != nil {
		return PasskeyAsk{}, err
	}
	who, err := holderOf(ctx, s.store.Reader, live.User)
	if err != nil {
		return PasskeyAsk{}, err
	}
	if len(who.keys) == 0 {
		return PasskeyAsk{}, desk.Faultf(desk.Conflict, "You have no passkey here.")
	}
	options, data, err := party.BeginLogin(who, webauthn.WithUserVerification(verification(live.User.Role)))
	if err != nil {
		return PasskeyAsk{}, fmt.Errorf("identity: ask for a passkey: %w", err)
	}
	return s.ask(challenge{For: toShow, Session: live.SessionID, Data: *data}, options.Response)
}

// verification is what a passkey has to ask of its owner: of staff, a PIN, finger or face each time, since whoever finds the key must not get in.
func verification(role desk.Role) protocol.UserVerificationRequirement {
	if role.Staff() {
		return protocol.VerificationRequired
	}
	return protocol.VerificationPreferred
}

// matchesPasskey checks an answer as a second factor.
func (s *Service) matchesPasskey(ctx context.Context, tx *store.Tx, who owner, proof FactorProof) (*desk.Fault, error) {
	asked, ok, err := s.spend(ctx, tx, proof.Challenge, toShow, who.session)
	if err != nil || !ok {
		return errPasskey, err
	}
	party, err := s.relyingParty()
	if err != nil {
		return nil, err
	}
	parsed, err := parseAnswer(proof.Answer)
	if err != nil {
		return errPasskey, nil
	}
	known, err := holderOf(ctx, tx.Reader, who.user)
	if err != nil {
		return nil, err
	}
	key, err := party.ValidateLogin(known, asked.Data, parsed)
	if err != nil {
		return errPasskey, nil
	}
	return s.keepUse(ctx, tx, who, known, key)
}

// parseAnswer reads what a browser made of a challenge.
func parseAnswer(answer string) (*protocol.ParsedCredentialAssertionData, error) {
	if len(answer) > longestAnswer {
		return nil, errors.New("too long")
	}
	return protocol.ParseCredentialRequestResponseBytes([]byte(answer))
}

// keepUse writes down the counter of a passkey that was right. One whose counter does not go up was copied, or its answer recorded (WebAuthn §6.1.1): the library says so and lets it pass, we do not.
func (s *Service) keepUse(ctx context.Context, tx *store.Tx, who owner, known holder, key *webauthn.Credential) (*desk.Fault, error) {
	for i, row := range known.rows {
		if string(known.keys[i].ID) != string(key.ID) {
			continue
		}
		if key.Authenticator.CloneWarning {
			if err := s.tell(ctx, tx, desk.TellPerson{User: who.user.ID, About: desk.LetterPasskeyCopied, IP: who.from.IP, Device: who.from.agent(), Facts: map[string]string{"name": row.Name}}, ""); err != nil {
				return nil, err
			}
			return errPasskey, tx.Audit(ctx, who.actor(), "user.passkey-copied", subjectOf(who.user.ID), map[string]any{"name": row.Name, "counter": key.Authenticator.SignCount})
		}
		record, err := recordOf(key)
		if err != nil {
			return nil, err
		}
		return nil, tx.UseFactor(ctx, row.ID, record, s.now())
	}
	return errPasskey, nil
}

// recordOf is a passkey as it is kept: without what was said about its maker, which nobody asks about again.
func recordOf(key *webauthn.Credential) ([]byte, error) {
	kept := *key
	kept.Attestation = webauthn.CredentialAttestation{}
	record, err := json.Marshal(kept)
	if err != nil {
		return nil, fmt.Errorf("identity: keep passkey: %w", err)
	}
	return record, nil
}

package identity

import (
	"context"
	"fmt"
	"net/url"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"postern/desk"
	"postern/secret"
	"postern/store"
)

// ownerOf is whose session it is, for what people do with their own factors: it is whole, or waits for nothing but that they add one.
func (s *Service) ownerOf(ctx context.Context, token string, from Client) (owner, error) {
	live, err := s.SignedIn(ctx, token)
	if err == nil && live.Pending != "" && live.Pending != string(NeedsEnrol) {
		err = unsigned("Please sign in.")
	}
	return owner{user: live.User, session: live.SessionID, from: from}, err
}

// NewTOTP is an authenticator app that is being added.
type NewTOTP struct {
	Secret  string // in groups, for typing
	URL     string // otpauth://
	Picture QR
}

// StartTOTP makes the seed of an authenticator app. It counts when its first code is shown (ConfirmTOTP); an app that the person has goes on until then.
func (s *Service) StartTOTP(ctx context.Context, token string, from Client) error {
	who, err := s.ownerOf(ctx, token, from)
	if err != nil {
		return err
	}
	seed := make([]byte, totpSeed)
	s.fill(seed)
	return s.store.Write(ctx, func(tx *store.Tx) error {
		if err := tx.LockFactors(ctx, who.user.ID); err != nil {
			return err
		}
		id, err := tx.NextFactor(ctx)
		if err != nil {
			return err
		}
		row := store.Factor{ID: id, UserID: who.user.ID, Kind: desk.FactorTOTP, Name: "Authenticator app", CreatedAt: s.now()}
		row.Sealed, _ = s.keys.Seal(factorContext(row), seed)
		return tx.AddFactor(ctx, row)
	})
}

// UnfinishedTOTP is the app that is being added, to be shown until its first code comes. found is false when there is none.
func (s *Service) UnfinishedTOTP(ctx context.Context, token string, from Client) (app NewTOTP, found bool, err error) {
	who, err := s.ownerOf(ctx, token, from)
	if err != nil {
		return app, false, err
	}
	var row store.Factor
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		row, found, err = factorOf(ctx, tx, who.user.ID, desk.FactorTOTP, unready)
		return err
	})
	if err != nil || !found {
		return app, false, err
	}
	seed, err := s.openFactor(row)
	if err != nil {
		return app, false, fmt.Errorf("identity: app of user %d: %w", who.user.ID, err)
	}
	app.URL = totpURL(seed, s.host(), who.user.Email)
	app.Secret = grouped(base32Plain.EncodeToString(seed))
	app.Picture, err = qrOf(app.URL)
	return app, true, err
}

// host is our name as people see it.
func (s *Service) host() string {
	if at, err := url.Parse(s.public); err == nil && at.Hostname() != "" {
		return at.Hostname()
	}
	return "Postern"
}

// Added is what came of adding a factor.
type Added struct {
	Codes []string // recovery codes, if they are the person's first; they are shown once
	Came  Came     // how the session goes on, if it waited for this; its token is empty otherwise
}

// ConfirmTOTP makes the app count whose code is shown. Replacing one ends all other sessions.
func (s *Service) ConfirmTOTP(ctx context.Context, token, code string, from Client) (added Added, err error) {
	who, err := s.ownerOf(ctx, token, from)
	if err != nil {
		return added, err
	}
	var fault *desk.Fault
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		added, fault = Added{}, nil
		if err := tx.LockFactors(ctx, who.user.ID); err != nil {
			return err
		}
		row, found, err := factorOf(ctx, tx, who.user.ID, desk.FactorTOTP, unready)
		if err != nil || !found {
			fault = desk.Faultf(desk.Conflict, "There is no app being added. Begin again.")
			return err
		}
		seed, err := s.openFactor(row)
		if err != nil {
			return err
		}
		now := s.now()
		if row.LastStep = totpMatch(seed, code, now, 0); row.LastStep == 0 {
			fault = desk.Wrong("code", "This code is not the one that the app shows now. Check that the clock of the telephone is right, and type the next one.")
			return nil
		}
		_, replaced, err := factorOf(ctx, tx, who.user.ID, desk.FactorTOTP, isReady)
		if err != nil {
			return err
		}
		row.LastUsedAt = &now
		if err := tx.ReadyFactor(ctx, row); err != nil {
			return err
		}
		added, err = s.added(ctx, tx, who, addition{kind: desk.FactorTOTP, name: row.Name, replaced: replaced, token: token})
		return err
	})
	return added, orFault(err, fault)
}

// addition is a factor that has just begun to count.
type addition struct {
	kind     desk.FactorKind
	name     string
	replaced bool // one that was there before
	token    string
}

// added does what every new factor brings with it: recovery codes if there are none, a letter, an entry in the audit log, and the sign-in that waited for it goes on.
func (s *Service) added(ctx context.Context, tx *store.Tx, who owner, a addition) (added Added, err error) {
	left, err := tx.RecoveryCodesLeft(ctx, who.user.ID)
	if err != nil {
		return added, err
	}
	if left == 0 {
		if added.Codes, err = s.setRecoveryCodes(ctx, tx, who.user.ID); err != nil {
			return added, err
		}
	}
	if _, err := tx.AskForFactor(ctx, who.user.ID, nil); err != nil {
		return added, err
	}
	if a.replaced {
		if err := s.endOthers(ctx, tx, who, a.token); err != nil {
			return added, err
		}
	}
	letter := desk.TellPerson{User: who.user.ID, About: desk.LetterFactorAdded, IP: who.from.IP, Device: who.from.agent(), Facts: map[string]string{"kind": string(a.kind), "name": a.name}}
	if err := s.tell(ctx, tx, letter, ""); err != nil {
		return added, err
	}
	if err := tx.Audit(ctx, who.actor(), "user.factor-add", subjectOf(who.user.ID), map[string]any{"factor": a.kind, "name": a.name, "replaced": a.replaced}); err != nil {
		return added, err
	}
	added.Came, err = s.enrolled(ctx, tx, who, a)
	return added, err
}

// enrolled lets a sign-in go on that waited for a factor to be added. The session gets a new token.
func (s *Service) enrolled(ctx context.Context, tx *store.Tx, who owner, a addition) (Came, error) {
	token, hash := s.newToken()
	won, err := tx.PassSession(ctx, secret.HashToken(a.token), store.SessionPass{Was: string(NeedsEnrol), Hash: hash, Factor: string(a.kind), At: s.now()})
	if err != nil || !won {
		return Came{}, err // an ordinary session goes on as it is
	}
	return Came{Token: token, Device: who.from.Device, User: who.user}, nil
}

// endOthers ends a person's other sessions, and the trust in their browsers, when a factor is gone or another one.
func (s *Service) endOthers(ctx context.Context, tx *store.Tx, who owner, token string) error {
	if err := tx.RemoveSessions(ctx, who.user.ID, secret.HashToken(token)); err != nil {
		return err
	}
	return tx.DistrustDevices(ctx, who.user.ID)
}

// AskAddPasskey makes the challenge for a new passkey.
func (s *Service) AskAddPasskey(ctx context.Context, token string, from Client) (PasskeyAsk, error) {
	who, err := s.ownerOf(ctx, token, from)
	if err != nil {
		return PasskeyAsk{}, err
	}
	party, err := s.relyingParty()
	if err != nil {
		return PasskeyAsk{}, err
	}
	known, err := holderOf(ctx, s.store.Reader, who.user)
	if err != nil {
		return PasskeyAsk{}, err
	}
	if len(known.keys) >= mostPasskeys {
		return PasskeyAsk{}, desk.Faultf(desk.Conflict, "You have %d passkeys, which is as many as there can be. Remove one first.", mostPasskeys)
	}
	options, data, err := party.BeginRegistration(known,
		webauthn.WithExclusions(webauthn.Credentials(known.keys).CredentialDescriptors()),
		webauthn.WithAuthenticatorSelection(protocol.AuthenticatorSelection{ResidentKey: protocol.ResidentKeyRequirementPreferred, UserVerification: verification(who.user.Role)}))
	if err != nil {
		return PasskeyAsk{}, fmt.Errorf("identity: ask for a new passkey: %w", err)
	}
	return s.ask(challenge{For: toAdd, Session: who.session, Data: *data}, options.Response)
}

// AddPasskey keeps the passkey that the browser has made.
func (s *Service) AddPasskey(ctx context.Context, token, name string, proof FactorProof, from Client) (added Added, err error) {
	who, err := s.ownerOf(ctx, token, from)
	if err != nil {
		return added, err
	}
	if name, err = factorName(name, "Passkey"); err != nil {
		return added, err
	}
	party, err := s.relyingParty()
	if err != nil {
		return added, err
	}
	var fault *desk.Fault
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		added, fault = Added{}, nil
		if err := tx.LockFactors(ctx, who.user.ID); err != nil {
			return err
		}
		asked, ok, err := s.spend(ctx, tx, proof.Challenge, toAdd, who.session)
		if err != nil || !ok || len(proof.Answer) > longestAnswer {
			fault = errPasskey
			return err
		}
		known, err := holderOf(ctx, tx.Reader, who.user)
		if err != nil {
			return err
		}
		parsed, err := protocol.ParseCredentialCreationResponseBytes([]byte(proof.Answer))
		if err != nil || len(known.keys) >= mostPasskeys {
			fault = errPasskey
			return nil
		}
		key, err := party.CreateCredential(known, asked.Data, parsed)
		if err != nil {
			fault = errPasskey
			return nil
		}
		if err := s.keepPasskey(ctx, tx, who, name, key); err != nil {
			return err
		}
		added, err = s.added(ctx, tx, who, addition{kind: desk.FactorPasskey, name: name, token: token})
		return err
	})
	return added, orFault(err, fault)
}

func (s *Service) keepPasskey(ctx context.Context, tx *store.Tx, who owner, name string, key *webauthn.Credential) error {
	id, err := tx.NextFactor(ctx)
	if err != nil {
		return err
	}
	record, err := recordOf(key)
	if err != nil {
		return err
	}
	return tx.AddFactor(ctx, store.Factor{
		ID: id, UserID: who.user.ID, Kind: desk.FactorPasskey, Name: name, CredentialID: key.ID, Record: record, Verifies: key.Flags.UserVerified, Ready: true, CreatedAt: s.now(),
	})
}

// RenamePasskey gives a passkey another name.
func (s *Service) RenamePasskey(ctx context.Context, token string, id int64, name string, from Client) error {
	who, err := s.ownerOf(ctx, token, from)
	if err != nil {
		return err
	}
	if name, err = factorName(name, "Passkey"); err != nil {
		return err
	}
	return s.audited(ctx, func(tx *store.Tx) (entry, error) {
		found, err := tx.RenameFactor(ctx, who.user.ID, id, name)
		if err == nil && !found {
			err = desk.Faultf(desk.NotFound, "This passkey is not yours, or is gone.")
		}
		return entry{actor: who.actor(), action: "user.factor-rename", subject: subjectOf(who.user.ID), detail: map[string]any{"factor": id, "name": name}}, err
	})
}

// RemoveFactor takes a factor away, after a fresh proof with one. All other sessions end. The last one stays while the rules ask for one; with the last one go the recovery codes.
func (s *Service) RemoveFactor(ctx context.Context, token string, id int64, from Client) error {
	who, err := s.ownerOf(ctx, token, from)
	if err != nil {
		return err
	}
	values, err := s.Settings(ctx)
	if err != nil {
		return err
	}
	return s.audited(ctx, func(tx *store.Tx) (entry, error) {
		entry := entry{actor: who.actor(), action: "user.factor-remove", subject: subjectOf(who.user.ID)}
		if err := tx.LockFactors(ctx, who.user.ID); err != nil {
			return entry, err
		}
		gone, found, err := tx.RemoveFactor(ctx, who.user.ID, id)
		if err == nil && !found {
			err = desk.Faultf(desk.NotFound, "This factor is not yours, or is gone.")
		}
		if err != nil {
			return entry, err
		}
		entry.detail = map[string]any{"factor": gone.Kind, "name": gone.Name}
		left, err := tx.Factors(ctx, who.user.ID)
		if err != nil {
			return entry, err
		}
		strong, some := remaining(left)
		switch {
		case !some && factorRequired(values, who.user):
			return entry, desk.Faultf(desk.Conflict, "Your desk asks you for a second factor, and this is your last: add another one first.")
		case some && !strong:
			return entry, desk.Faultf(desk.Conflict, "Codes by text message work beside another factor only: remove the telephone first.")
		case !some:
			err = tx.DropRecoveryCodes(ctx, who.user.ID)
		}
		if err == nil {
			err = s.endOthers(ctx, tx, who, token)
		}
		if err == nil {
			err = s.tell(ctx, tx, desk.TellPerson{User: who.user.ID, About: desk.LetterFactorRemoved, IP: from.IP, Device: from.agent(), Facts: map[string]string{"kind": string(gone.Kind), "name": gone.Name}}, "")
		}
		return entry, err
	})
}

// remaining says whether an app or a passkey is left, and whether anything is.
func remaining(rows []store.Factor) (strong, some bool) {
	for _, row := range rows {
		some = some || row.Ready
		strong = strong || row.Ready && row.Kind != desk.FactorSMS
	}
	return strong, some
}

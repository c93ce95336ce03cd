package identity

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"postern/desk"
	"postern/store"
)

// ByPasskey is a sign-in by passkey alone.
const ByPasskey Method = "passkey"

// AskPasskeySignIn makes a challenge for whoever has a passkey that asks for PIN, finger or face: the browser offers those that it knows for us. It says nothing about who has one.
func (s *Service) AskPasskeySignIn() (PasskeyAsk, error) {
	party, err := s.relyingParty()
	if err != nil {
		return PasskeyAsk{}, err
	}
	options, data, err := party.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return PasskeyAsk{}, fmt.Errorf("identity: ask for a passkey: %w", err)
	}
	return s.ask(challenge{For: toSignIn, Data: *data}, options.Response)
}

// SignInPasskey opens a session for whoever answers with a passkey of theirs. Having the device and unlocking it are two factors, so no other one is asked for.
// The error is a desk.Fault of kind Invalid when it opens nothing, whatever the reason.
func (s *Service) SignInPasskey(ctx context.Context, ask, answer string, from Client) (came Came, err error) {
	values, err := s.Settings(ctx)
	if err != nil {
		return Came{}, err
	}
	party, err := s.relyingParty()
	if err != nil {
		return Came{}, err
	}
	var fault *desk.Fault
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		fault = nil
		asked, ok, err := s.spend(ctx, tx, ask, toSignIn, 0)
		if err != nil || !ok {
			fault = errPasskey
			return err
		}
		known, key, err := validateAlone(ctx, tx, party, asked.Data, answer)
		if err != nil {
			return err
		}
		who := owner{user: known.user, from: from}
		if key == nil {
			fault = errPasskey
			if known.user.ID == 0 {
				return nil
			}
			return tx.Audit(ctx, who.actor(), "user.factor-failed", subjectOf(known.user.ID), map[string]any{"factor": desk.FactorPasskey})
		}
		if fault, err = s.keepUse(ctx, tx, who, known, key); err != nil || fault != nil {
			return err
		}
		came, err = s.arrive(ctx, tx, values, Arrival{User: known.user, Method: ByPasskey, Strong: true, From: from})
		return err
	})
	return came, orFault(err, fault)
}

// validateAlone finds whose passkey it is and whether the answer is right; nil: it is not.
func validateAlone(ctx context.Context, tx *store.Tx, party *webauthn.WebAuthn, data webauthn.SessionData, answer string) (known holder, key *webauthn.Credential, err error) {
	parsed, err := parseAnswer(answer)
	if err != nil {
		return known, nil, nil
	}
	var broken error
	find := func(_, handle []byte) (webauthn.User, error) {
		found, ok, err := tx.PasskeyOwner(ctx, handle)
		if err != nil || !ok || found.DisabledAt != nil {
			broken = err
			return nil, errors.New("nobody's")
		}
		if known, broken = holderOf(ctx, tx.Reader, found.User); broken != nil {
			return nil, broken
		}
		return known, nil
	}
	_, key, err = party.ValidatePasskeyLogin(find, data, parsed)
	if broken != nil {
		return known, nil, broken
	}
	if err != nil {
		return known, nil, nil
	}
	return known, key, nil
}

package identity

import (
	"context"
	"time"

	"postern/desk"
	"postern/secret"
	"postern/store"
)

// ProofFor is how long it counts that somebody has shown that it is them, for what is sensitive (security R3).
const ProofFor = 10 * time.Minute

// Proof is what somebody shows who is signed in already, to prove that they still sit there themselves.
type Proof struct {
	Password string
}

// errProof is the answer to a proof that proves nothing.
var errProof = &desk.Fault{Kind: desk.Invalid, Reason: "This is not your password.", Field: "proof_password"}

// CanProve says whether the person has something to show without signing in again: a password.
func (s *Service) CanProve(ctx context.Context, user int64) (bool, error) {
	known, err := s.store.CredentialsOf(ctx, user)
	return known.PasswordHash != "", err
}

// Prove checks what somebody shows again, and notes on their session that they did. Wrong proofs are counted like attempts to sign in: a stolen session must not become a place to guess at.
func (s *Service) Prove(ctx context.Context, actor desk.Actor, session string, proof Proof) error {
	known, err := s.store.CredentialsOf(ctx, actor.User.ID)
	if err != nil {
		return err
	}
	if err := s.admit(ctx, known.Email, Client{IP: actor.IP}); err != nil {
		return err
	}
	right, _, err := s.checkPassword(ctx, known, proof.Password)
	if err != nil {
		return err
	}
	if !right {
		if err := s.store.Write(ctx, func(tx *store.Tx) error {
			return tx.Audit(ctx, actor, "user.proof-failed", subjectOf(known.ID), nil)
		}); err != nil {
			return err
		}
		return errProof
	}
	return s.audited(ctx, func(tx *store.Tx) (entry, error) {
		if err := tx.Forgive(ctx, known.Email); err != nil {
			return entry{}, err
		}
		return entry{actor: actor, action: "user.proof", subject: subjectOf(known.ID)}, tx.ProveSession(ctx, secret.HashToken(session), s.now())
	})
}

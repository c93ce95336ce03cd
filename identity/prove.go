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
	Factor   FactorProof
}

// Empty says whether nothing is shown.
func (p Proof) Empty() bool { return p.Password == "" && p.Factor.Empty() }

// errProof is the answer to a proof that proves nothing.
var errProof = &desk.Fault{Kind: desk.Invalid, Reason: "This is not your password.", Field: "proof_password"}

// Provable is what somebody can show without signing in again.
type Provable struct {
	Password bool
	Factors  Factors // if they have any, one of them is shown and the password is not enough
}

// Able says whether there is anything to show.
func (p Provable) Able() bool { return p.Password || len(p.Factors.List) > 0 }

// CanProve says what the person has to show.
func (s *Service) CanProve(ctx context.Context, user desk.User) (Provable, error) {
	known, err := s.store.CredentialsOf(ctx, user.ID)
	if err != nil {
		return Provable{}, err
	}
	factors, err := s.Factors(ctx, user)
	return Provable{Password: known.PasswordHash != "", Factors: factors}, err
}

// Prove checks what somebody shows again, and notes on their session that they did. Whoever has a second factor shows that: it is what a thief of the password, or of an open screen, has not got.
// Wrong proofs are counted like attempts to sign in: a stolen session must not become a place to guess at.
func (s *Service) Prove(ctx context.Context, actor desk.Actor, session string, proof Proof) error {
	has, err := s.store.HasFactor(ctx, actor.User.ID)
	if err != nil {
		return err
	}
	if has {
		return s.proveByFactor(ctx, actor, session, proof.Factor)
	}
	return s.proveByPassword(ctx, actor, session, proof.Password)
}

func (s *Service) proveByPassword(ctx context.Context, actor desk.Actor, session, password string) error {
	known, err := s.store.CredentialsOf(ctx, actor.User.ID)
	if err != nil {
		return err
	}
	if err := s.admit(ctx, known.Email, clientOf(actor)); err != nil {
		return err
	}
	right, _, err := s.checkPassword(ctx, known, password)
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
		if err := tx.Forgive(ctx, attemptOf(known.Email, clientOf(actor)), s.now()); err != nil {
			return entry{}, err
		}
		return entry{actor: actor, action: "user.proof", subject: subjectOf(known.ID)}, tx.ProveSession(ctx, secret.HashToken(session), s.now())
	})
}

// proveByFactor is Prove for somebody who has a factor.
func (s *Service) proveByFactor(ctx context.Context, actor desk.Actor, session string, proof FactorProof) error {
	if proof.Kind == desk.FactorMail {
		return errFactor // mail is for those who have nothing better
	}
	var fault *desk.Fault
	err := s.store.Write(ctx, func(tx *store.Tx) (err error) {
		who := owner{user: actor.User, session: actor.Session, from: Client{IP: actor.IP}}
		if fault, err = s.judge(ctx, tx, who, proof); err != nil || fault != nil {
			return err
		}
		if err := tx.ProveSessionBy(ctx, secret.HashToken(session), string(proof.Kind), s.now()); err != nil {
			return err
		}
		return tx.Audit(ctx, actor, "user.proof", subjectOf(actor.User.ID), map[string]any{"factor": proof.Kind})
	})
	return orFault(err, fault)
}

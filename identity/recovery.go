package identity

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"postern/desk"
	"postern/secret"
	"postern/store"
)

// Recovery codes get a person in once in place of a factor that they have lost.
const (
	recoveryCodes    = 10
	recoveryBytes    = 15 // 120 bits: nobody guesses one, so a plain hash is enough
	adminCodeLife    = 24 * time.Hour
	leastCheck       = 10 // characters of how an admin has made sure whom they talk to
	mostCheck        = 500
	recoveryAlphabet = 24 // characters of a code
)

// newRecoveryCode makes a code, in groups of four letters and digits, and the hash under which it is kept.
func (s *Service) newRecoveryCode() (code string, hash []byte) {
	raw := make([]byte, recoveryBytes)
	s.fill(raw)
	plain := base32Plain.EncodeToString(raw)
	return strings.ReplaceAll(grouped(plain), " ", "-"), secret.HashToken(plain)
}

// recoveryPlain is a code as it was made, from one as people type it. Base32 has neither 0 nor 1 nor 8: whoever types one means the letter.
func recoveryPlain(typed string) string {
	plain := strings.Map(func(r rune) rune {
		switch {
		case r == '0':
			return 'O'
		case r == '1':
			return 'I'
		case r == '8':
			return 'B'
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '2' && r <= '7':
			return r
		}
		return -1
	}, typed[:min(len(typed), 100)])
	if len(plain) != recoveryAlphabet {
		return ""
	}
	return plain
}

func (s *Service) matchesRecovery(ctx context.Context, tx *store.Tx, who owner, typed string) (*desk.Fault, error) {
	plain := recoveryPlain(typed)
	if plain == "" {
		return errFactor, nil
	}
	used, found, err := tx.UseRecoveryCode(ctx, who.user.ID, secret.HashToken(plain), s.now())
	if err != nil || !found {
		return errFactor, err
	}
	left, err := tx.RecoveryCodesLeft(ctx, who.user.ID)
	if err != nil {
		return nil, err
	}
	if err := s.tell(ctx, tx, desk.TellPerson{User: who.user.ID, About: desk.LetterRecoveryUsed, IP: who.from.IP, Device: who.from.agent()}, ""); err != nil {
		return nil, err
	}
	return nil, tx.Audit(ctx, who.actor(), "user.recovery-used", subjectOf(who.user.ID), map[string]any{"by_admin": used.ByAdmin, "left": left})
}

// setRecoveryCodes replaces a person's codes and returns the new ones, which are shown once.
func (s *Service) setRecoveryCodes(ctx context.Context, tx *store.Tx, user int64) ([]string, error) {
	codes, hashes := make([]string, recoveryCodes), make([][]byte, recoveryCodes)
	for i := range codes {
		codes[i], hashes[i] = s.newRecoveryCode()
	}
	return codes, tx.SetRecoveryCodes(ctx, user, hashes, s.now())
}

// NewRecoveryCodes replaces the codes of whoever is signed in by new ones, which are shown once. It needs a factor that they could stand in for.
func (s *Service) NewRecoveryCodes(ctx context.Context, token string, from Client) (codes []string, err error) {
	who, err := s.ownerOf(ctx, token, from)
	if err != nil {
		return nil, err
	}
	err = s.audited(ctx, func(tx *store.Tx) (entry, error) {
		has, err := tx.HasFactor(ctx, who.user.ID)
		if err == nil && !has {
			err = desk.Faultf(desk.Conflict, "Add an app or a passkey first: recovery codes stand in for them.")
		}
		if err == nil {
			codes, err = s.setRecoveryCodes(ctx, tx, who.user.ID)
		}
		if err == nil {
			err = s.tell(ctx, tx, desk.TellPerson{User: who.user.ID, About: desk.LetterRecoveryMade, IP: from.IP, Device: from.agent()}, "")
		}
		return entry{actor: who.actor(), action: "user.recovery-codes", subject: subjectOf(who.user.ID)}, err
	})
	return codes, err
}

// IssueRecovery makes a code by which somebody who has lost their factors gets in once within 24 hours. How the admin made sure whom they talk to is kept in the audit log; the person and all owners are told.
// Nobody does it for themselves, and only an owner for an owner.
func (s *Service) IssueRecovery(ctx context.Context, actor desk.Actor, user int64, check string) (code string, err error) {
	check = strings.Join(strings.Fields(check), " ")
	if n := utf8.RuneCountInString(check); n < leastCheck || n > mostCheck {
		return "", desk.Wrong("check", "Write how you made sure that it is really them, in %d to %d characters: it is kept in the audit log.", leastCheck, mostCheck)
	}
	if !actor.Can(desk.MayManagePeople) {
		return "", desk.Faultf(desk.Forbidden, "your role does not allow helping people in")
	}
	if actor.User.ID == user {
		return "", desk.Faultf(desk.Forbidden, "Nobody makes a recovery code for themselves: ask another admin.")
	}
	err = s.audited(ctx, func(tx *store.Tx) (entry, error) {
		entry := entry{actor: actor, action: "user.recovery-issued", subject: subjectOf(user), detail: map[string]any{"check": check}}
		person, err := tx.CredentialsOf(ctx, user)
		if err == nil {
			err = outranks(actor, person.User)
		}
		if err == nil && person.DisabledAt != nil {
			err = desk.Faultf(desk.Conflict, "%s is disabled: enable them first", person.Email)
		}
		if err != nil {
			return entry, err
		}
		has, err := tx.HasFactor(ctx, user)
		if err == nil && !has {
			err = desk.Faultf(desk.Conflict, "%s has no second factor, so there is nothing to stand in for: send them a sign-in link", person.Email)
		}
		if err != nil {
			return entry, err
		}
		var hash []byte
		code, hash = s.newRecoveryCode()
		now := s.now()
		if err := tx.AddRecoveryCode(ctx, user, hash, now, now.Add(adminCodeLife)); err != nil {
			return entry, err
		}
		return entry, s.tellRecovery(ctx, tx, actor, person)
	})
	if err != nil {
		return "", err
	}
	return code, nil
}

// tellRecovery tells the person and all owners that somebody can get in without a factor.
func (s *Service) tellRecovery(ctx context.Context, tx *store.Tx, actor desk.Actor, person store.Credentials) error {
	letter := desk.TellPerson{User: person.ID, About: desk.LetterRecoveryIssued, IP: actor.IP, Who: whoOf(actor), Facts: map[string]string{"address": person.Email}}
	if err := s.tell(ctx, tx, letter, ""); err != nil {
		return err
	}
	letter.About = desk.LetterOwnersRecovery
	return s.tellOwners(ctx, tx, letter)
}

// whoOf names who does something, for a letter.
func whoOf(actor desk.Actor) string {
	if actor.User.ID == 0 {
		return actor.Via
	}
	return actor.User.Email
}

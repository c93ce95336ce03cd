package identity

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"golang.org/x/text/secure/precis"

	"postern/desk"
	"postern/identity/breached"
	"postern/secret"
	"postern/store"
)

// longestPasswordBytes bounds what is prepared at all: 128 code points can have 512 bytes, and twice that before they are composed.
const longestPasswordBytes = 1024

// prepare brings a password into the one form in which it is hashed: RFC 8265 §4.2 (OpaqueString), so that é is é on every keyboard. It never cuts anything off.
func prepare(password string) (string, error) {
	if len(password) > longestPasswordBytes || utf8.RuneCountInString(password) > desk.PasswordLongest {
		return "", desk.Wrong("password", "A password has at most %d characters.", desk.PasswordLongest)
	}
	plain, err := precis.OpaqueString.String(password)
	if err != nil || !utf8.ValidString(password) {
		return "", desk.Wrong("password", "This password is empty, or has characters in it that cannot be typed.")
	}
	return plain, nil
}

// errBusy is the answer while more passwords are being checked than this machine can.
var errBusy = &desk.Fault{Kind: desk.Unavailable, Reason: "Too many people are signing in at this moment. Try again in a few seconds."}

// sealHash is a password's hash as it is kept: only for this person, and only for who holds the key file. That is the pepper: the database alone is nothing to guess at,
// and a hash is sealed anew under another key without its password.
func (s *Service) sealHash(person int64, phc string) store.SealedPassword {
	sealed, key := s.keys.Seal(passwordContext(person), []byte(phc))
	return store.SealedPassword{Hash: base64.StdEncoding.EncodeToString(sealed), Key: key}
}

// openHash is the hash that was sealed.
func (s *Service) openHash(person int64, kept string) (string, error) {
	sealed, err := base64.StdEncoding.DecodeString(kept)
	if err != nil {
		return "", fmt.Errorf("decode the password hash of user %d: %w", person, err)
	}
	phc, err := s.keys.Open(passwordContext(person), sealed)
	if err != nil {
		return "", fmt.Errorf("open the password hash of user %d: %w", person, err)
	}
	return string(phc), nil
}

func passwordContext(person int64) string { return "user/password/" + strconv.FormatInt(person, 10) }

// checkPassword says whether it is the person's password, and whether its hash is outdated. It takes as long for somebody who is unknown (the zero value), disabled or has none.
func (s *Service) checkPassword(ctx context.Context, known store.Credentials, password string) (right, outdated bool, err error) {
	phc := ""
	if known.PasswordHash != "" && known.DisabledAt == nil {
		if phc, err = s.openHash(known.ID, known.PasswordHash); err != nil {
			return false, false, err
		}
	}
	plain, err := prepare(password)
	if err != nil {
		plain, phc = "", "" // no password can be like this; it costs as much as a wrong one
	}
	right, outdated, err = secret.CheckPassword(ctx, plain, phc)
	if err == nil && !right && plain != password && phc != "" {
		if kind, unread := secret.ReadableHash(phc); unread == nil && kind != "argon2id" { // another program hashed what was typed, as it was typed
			right, outdated, err = secret.CheckPassword(ctx, password, phc)
		}
	}
	if errors.Is(err, secret.ErrBusy) {
		return false, false, errBusy
	}
	if err != nil {
		return false, false, fmt.Errorf("check the password of %s: %w", known.Email, err)
	}
	return right, outdated, nil
}

// foreignPace is how long the answer to a wrong password takes at least while hashes of other programs are kept: those take another time to check than ours, and nobody shall find out from it whose they are.
const foreignPace = 400 * time.Millisecond

// pace waits until a refused attempt that began then has taken long enough.
func (s *Service) pace(ctx context.Context, began time.Time) error {
	foreign, err := s.store.ForeignPasswords(ctx)
	if err != nil || !foreign {
		return err
	}
	wait := time.NewTimer(time.Until(began.Add(foreignPace)))
	defer wait.Stop()
	select {
	case <-wait.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// guessingAt is what somebody knows who guesses at the password of that person.
func (s *Service) guessingAt(ctx context.Context, values desk.Values, user desk.User) (guessing, error) {
	names, err := s.store.PlaceNames(ctx)
	if err != nil {
		return guessing{}, err
	}
	g := guessing{own: ownWords(user), place: wordsOf(append(names, values.List(desk.PasswordWords)...)...), leaked: breached.Common().Has}
	if s.leaks != "" {
		g.seen = s.leaks.Has
	}
	return g, nil
}

// chosen checks a new password of that person against the rules and hashes it. The person's id is 0 for one that is not added yet: then there are no earlier passwords, and sealing is for later.
func (s *Service) chosen(ctx context.Context, values desk.Values, user desk.User, password string) (phc string, err error) {
	plain, err := prepare(password)
	if err != nil {
		return "", err
	}
	rule := ruleFor(values, user)
	known, err := s.guessingAt(ctx, values, user)
	if err != nil {
		return "", err
	}
	reason, err := known.weakness(plain, rule)
	if err != nil {
		return "", err
	}
	if reason != "" {
		return "", desk.Wrong("password", "%s Choose at least %d characters that nobody would guess: four or five words that do not belong together are good.", reason, rule.Shortest)
	}
	if err := s.notUsedBefore(ctx, user.ID, plain, rule.History); err != nil {
		return "", err
	}
	phc, err = secret.HashPassword(ctx, plain)
	if errors.Is(err, secret.ErrBusy) {
		return "", errBusy
	}
	if err != nil {
		return "", fmt.Errorf("hash the password of %s: %w", user.Email, err)
	}
	return phc, nil
}

// ruleFor is the rule for the password of that person.
func ruleFor(values desk.Values, user desk.User) desk.PasswordRule {
	return desk.PasswordSettingsOf(user.Role).RuleOf(values, factorRequired(values, user))
}

// errUsedBefore is the answer to a password that the person has or had.
var errUsedBefore = &desk.Fault{Kind: desk.Invalid, Field: "password", Reason: "You have used this password before. Choose another one."}

// notUsedBefore refuses the present password and so many earlier ones.
func (s *Service) notUsedBefore(ctx context.Context, user int64, plain string, history int) error {
	if user == 0 {
		return nil
	}
	known, err := s.store.CredentialsOf(ctx, user)
	if err != nil {
		return err
	}
	kept := []string{known.PasswordHash}
	if history > 0 {
		past, err := s.store.PastPasswords(ctx, user, history)
		if err != nil {
			return err
		}
		for _, one := range past {
			kept = append(kept, one.Hash)
		}
	}
	for _, hash := range kept {
		if hash == "" {
			continue
		}
		phc, err := s.openHash(user, hash)
		if err != nil {
			return err
		}
		same, _, err := secret.CheckPassword(ctx, plain, phc)
		switch {
		case errors.Is(err, secret.ErrBusy):
			return errBusy
		case err != nil:
			return fmt.Errorf("compare with earlier passwords of user %d: %w", user, err)
		case same:
			return errUsedBefore
		}
	}
	return nil
}

// resealAtOnce is how many hashes are sealed anew in one go.
const resealAtOnce = 500

// resealPasswords brings password hashes under the active master key, so that an older key can be taken out of the file some day.
func (s *Service) resealPasswords(ctx context.Context) error {
	active := s.keys.Active()
	for _, find := range []func(context.Context, string, int) ([]store.PastPassword, error){s.store.PasswordsUnder, s.store.PastPasswordsUnder} {
		found, err := find(ctx, active, resealAtOnce)
		if err != nil {
			return err
		}
		for _, one := range found {
			phc, err := s.openHash(one.UserID, one.Hash)
			if err != nil {
				return err
			}
			after := s.sealHash(one.UserID, phc)
			if err := s.store.Write(ctx, func(tx *store.Tx) error { return tx.ResealPassword(ctx, one, after) }); err != nil {
				return err
			}
		}
	}
	return nil
}

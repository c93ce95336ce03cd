package identity

import (
	"context"
	_ "embed"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/secure/precis"

	"postern/desk"
	"postern/secret"
	"postern/store"
)

// The rule for passwords (NIST SP 800-63B-4 §3.1.1.2): long, known to nobody, and nothing about which letters. The longest is a bound on work, not on people.
const (
	shortestPassword = 12
	longestPassword  = 128
)

// common holds words that passwords are made of, one a line: those of published lists of leaked passwords, keyboard rows, and our own name.
//
//go:embed common.txt
var common string

// prepare brings a password into the one form in which it is hashed: RFC 8265 §4.2 (OpaqueString), so that é is é on every keyboard. It never cuts anything off.
func prepare(password string) (string, error) {
	if utf8.RuneCountInString(password) > longestPassword {
		return "", desk.Wrong("password", "A password has at most %d characters.", longestPassword)
	}
	plain, err := precis.OpaqueString.String(password)
	if err != nil {
		return "", desk.Wrong("password", "This password is empty, or has characters in it that cannot be typed.")
	}
	return plain, nil
}

// choose checks a new password of that person against the rule and hashes it.
func choose(ctx context.Context, password string, user desk.User) (hash string, err error) {
	plain, err := prepare(password)
	if err != nil {
		return "", err
	}
	if reason := weak(plain, user); reason != "" {
		return "", desk.Wrong("password", "%s Choose at least %d characters that nobody would guess: four or five words that do not belong together are good.", reason, shortestPassword)
	}
	hash, err = secret.HashPassword(ctx, plain)
	if err != nil {
		return "", fmt.Errorf("hash the password of %s: %w", user.Email, err)
	}
	return hash, nil
}

// sealHash is a password's hash as it is kept: only for this person, and only for who holds the key file.
func (s *Service) sealHash(person int64, phc string) string {
	sealed, _ := s.keys.Seal(passwordContext(person), []byte(phc))
	return base64.StdEncoding.EncodeToString(sealed)
}

func passwordContext(person int64) string { return "user/password/" + strconv.FormatInt(person, 10) }

// checkPassword says whether it is the person's password, and whether its hash is outdated. It takes as long for somebody who is unknown (the zero value), disabled or has none.
func (s *Service) checkPassword(ctx context.Context, known store.Credentials, password string) (right, outdated bool, err error) {
	phc := ""
	if known.PasswordHash != "" && known.DisabledAt == nil {
		sealed, err := base64.StdEncoding.DecodeString(known.PasswordHash)
		if err != nil {
			return false, false, fmt.Errorf("decode the password hash of %s: %w", known.Email, err)
		}
		opened, err := s.keys.Open(passwordContext(known.ID), sealed)
		if err != nil {
			return false, false, fmt.Errorf("open the password hash of %s: %w", known.Email, err)
		}
		phc = string(opened)
	}
	plain, err := prepare(password)
	if err != nil {
		plain, phc = "", "" // no password can be like this; it costs as much as a wrong one
	}
	right, outdated, err = secret.CheckPassword(ctx, plain, phc)
	if err != nil {
		return false, false, fmt.Errorf("check the password of %s: %w", known.Email, err)
	}
	return right, outdated, nil
}

// weak says in a sentence why a password is easy to guess, or nothing.
func weak(plain string, user desk.User) string {
	if n := utf8.RuneCountInString(plain); n < shortestPassword {
		return fmt.Sprintf("This password has %d characters.", n)
	}
	lower := strings.ToLower(plain)
	local, _ := desk.SplitAddress(user.Email)
	for _, word := range append(strings.Fields(strings.ToLower(user.Name)), local) {
		if utf8.RuneCountInString(word) >= 4 && strings.Contains(lower, word) {
			return "This password contains your name or address."
		}
	}
	if remainder(lower) < shortestPassword/2 {
		return "This password is made of what everybody uses."
	}
	return ""
}

// leet undoes the usual disguises of letters.
var leet = strings.NewReplacer("0", "o", "1", "i", "3", "e", "4", "a", "5", "s", "7", "t", "@", "a", "$", "s", "!", "i")

// remainder counts what is left of a password to guess when common words, repetitions and runs like abcd or 4321 are taken out, as they are and with their disguises undone.
func remainder(lower string) int {
	return min(surprises(lower), surprises(leet.Replace(lower)))
}

func surprises(text string) int {
	for word := range strings.FieldsSeq(common) {
		text = strings.ReplaceAll(text, word, "\x00")
	}
	count, seen, last := 0, map[rune]bool{}, rune(-2)
	for _, r := range text {
		step := r - last
		last = r
		if r == 0 || unicode.IsSpace(r) || step >= -1 && step <= 1 || seen[r] {
			continue
		}
		seen[r] = true
		count++
	}
	return count
}

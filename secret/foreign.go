package secret

import (
	"context"
	"crypto/pbkdf2"
	"crypto/sha1" // PBKDF2 with HMAC-SHA-1 is what databases of others hold: it is read, never made
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"strconv"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

// What a hash of another program may ask for: a second of work or so, so that a row somebody imported cannot use up the machine.
const (
	bcryptMost = 14
	pbkdf2Most = 2_000_000
)

// foreign is a password's hash as another program made it.
type foreign struct {
	bcrypt string // whole; empty: PBKDF2
	digest func() hash.Hash
	rounds int
	salt   []byte
	want   []byte
}

// digests are the hashes under PBKDF2, by the names that Django and passlib give them.
var digests = map[string]func() hash.Hash{
	"pbkdf2_sha1": sha1.New, "pbkdf2_sha256": sha256.New, "pbkdf2": sha1.New, "pbkdf2-sha1": sha1.New, "pbkdf2-sha256": sha256.New, "pbkdf2-sha512": sha512.New,
}

// ReadableHash says in a word how a password was hashed (argon2id, bcrypt, pbkdf2), if CheckPassword can read it. The error is ErrPasswordHash.
func ReadableHash(text string) (kind string, err error) {
	other, is, err := parseForeign(text)
	switch {
	case err != nil:
		return "", err
	case is && other.bcrypt != "":
		return "bcrypt", nil
	case is:
		return "pbkdf2", nil
	}
	if _, _, _, err := parsePHC(text); err != nil {
		return "", err
	}
	return "argon2id", nil
}

// parseForeign reads bcrypt ($2a$, $2b$, $2y$: FreeScout, osTicket), Django's PBKDF2 (pbkdf2_sha256$rounds$salt$digest) and passlib's ($pbkdf2-sha256$rounds$salt$digest). is false: it is none of them.
func parseForeign(text string) (f foreign, is bool, err error) {
	if strings.HasPrefix(text, "$2a$") || strings.HasPrefix(text, "$2b$") || strings.HasPrefix(text, "$2y$") {
		cost, err := bcrypt.Cost([]byte(text))
		if err != nil || cost > bcryptMost || len(text) != 60 {
			return f, true, ErrPasswordHash
		}
		return foreign{bcrypt: text}, true, nil
	}
	parts := strings.Split(strings.TrimPrefix(text, "$"), "$")
	if f.digest = digests[parts[0]]; f.digest == nil || len(parts) != 4 {
		return f, f.digest != nil, badIf(f.digest != nil)
	}
	decode := func(text string) ([]byte, error) { return []byte(text), nil } // Django's salt is text
	encoding := base64.StdEncoding
	if strings.HasPrefix(text, "$") { // passlib: base64 without padding, and a point for the plus sign
		encoding = base64.RawStdEncoding
		decode = func(text string) ([]byte, error) { return encoding.DecodeString(strings.ReplaceAll(text, ".", "+")) }
		parts[3] = strings.ReplaceAll(parts[3], ".", "+")
	}
	var roundsErr, saltErr, wantErr error
	f.rounds, roundsErr = strconv.Atoi(parts[1])
	f.salt, saltErr = decode(parts[2])
	f.want, wantErr = encoding.DecodeString(parts[3])
	if roundsErr != nil || saltErr != nil || wantErr != nil || f.rounds < 1 || f.rounds > pbkdf2Most || len(f.salt) > 1024 || len(f.want) < 16 || len(f.want) > 64 {
		return f, true, ErrPasswordHash
	}
	return f, true, nil
}

func badIf(bad bool) error {
	if bad {
		return ErrPasswordHash
	}
	return nil
}

// check says whether it is the password, when one of the places is free.
func (f foreign) check(ctx context.Context, password string) (ok bool, err error) {
	var failed error
	err = inTurn(ctx, func() {
		if f.bcrypt != "" {
			failed = bcrypt.CompareHashAndPassword([]byte(f.bcrypt), []byte(password))
			return
		}
		var got []byte
		if got, failed = pbkdf2.Key(f.digest, password, f.salt, f.rounds, len(f.want)); failed == nil && subtle.ConstantTimeCompare(got, f.want) != 1 {
			failed = bcrypt.ErrMismatchedHashAndPassword
		}
	})
	switch {
	case err != nil:
		return false, err
	case errors.Is(failed, bcrypt.ErrMismatchedHashAndPassword):
		return false, nil
	case failed != nil:
		return false, fmt.Errorf("%w: %w", ErrPasswordHash, failed)
	}
	return true, nil
}

package secret

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
)

var (
	// ErrUnknownKey says that a value was sealed under a key that the key file does not hold: the wrong file, or a line removed too early.
	ErrUnknownKey = errors.New("sealed under a key that is not in the key file")
	// ErrTampered says that a sealed value was changed, cut, or sealed for another context.
	ErrTampered = errors.New("sealed value is damaged or belongs elsewhere")
)

// MinTag is the shortest tag, in bytes, that CheckMAC takes: 80 bits, so that guessing over the network is out of reach (RFC 2104 §5 asks for no less).
const MinTag = 10

// Seal encrypts plain under the active key and returns the sealed value with that key's id. The id also stands in the value itself; callers that store it beside the value
// can ask the database which rows still need an old key. The context (for instance "domain_key/12/private") must be handed to Open again: it keeps
// somebody who can write to the database from swapping values between rows or columns.
//
// The value is: length of the id, the id, 12 random bytes of nonce, ciphertext, 16 bytes of tag. One key must not seal more than 2^32 values (NIST SP 800-38D §8.3).
func (k *Keyset) Seal(context string, plain []byte) (sealed []byte, keyID string) {
	key := k.keys[0]
	sealed = make([]byte, 0, 1+len(key.id)+len(plain)+key.seal.Overhead())
	sealed = append(sealed, byte(len(key.id)))
	sealed = append(sealed, key.id...)
	return key.seal.Seal(sealed, nil, plain, []byte(context)), key.id
}

// Open decrypts a value that Seal made for the same context. The error is ErrUnknownKey or ErrTampered.
func (k *Keyset) Open(context string, sealed []byte) ([]byte, error) {
	if len(sealed) == 0 || len(sealed) < 1+int(sealed[0]) {
		return nil, ErrTampered
	}
	id, body := string(sealed[1:1+sealed[0]]), sealed[1+sealed[0]:]
	if !keyIDPattern.MatchString(id) {
		return nil, ErrTampered
	}
	key := k.find(id)
	if key == nil {
		return nil, fmt.Errorf("%w: %s", ErrUnknownKey, id)
	}
	plain, err := key.seal.Open(nil, nil, body, []byte(context))
	if err != nil {
		return nil, ErrTampered
	}
	return plain, nil
}

// MAC returns an HMAC-SHA256 (RFC 2104) of data under the active key, and that key's id. Each purpose has its own subkey (HKDF, RFC 5869), so a tag made for one is worth nothing for another.
func (k *Keyset) MAC(purpose string, data []byte) (keyID string, tag [32]byte) {
	key := &k.keys[0]
	return key.id, key.mac(purpose, data)
}

// CheckMAC says in constant time whether tag is what MAC gave for this purpose and data, or a beginning of it of at least MinTag bytes.
func (k *Keyset) CheckMAC(purpose, keyID string, data, tag []byte) bool {
	key := k.find(keyID)
	if key == nil || len(tag) < MinTag || len(tag) > sha256.Size {
		return false
	}
	want := key.mac(purpose, data)
	return subtle.ConstantTimeCompare(want[:len(tag)], tag) == 1
}

func (key *masterKey) mac(purpose string, data []byte) (tag [32]byte) {
	sub, err := hkdf.Key(sha256.New, key.master, nil, "postern mac "+purpose, sha256.Size)
	if err != nil {
		panic(err) // RFC 5869 §2.3 allows 255 hashes of output, and one is asked for
	}
	h := hmac.New(sha256.New, sub)
	h.Write(data)
	h.Sum(tag[:0])
	return tag
}

// NewToken makes a bearer token of 256 random bits in base64url (43 characters) and the hash under which it is stored. A nil random means the system's.
// It panics if random fails, which the system's does not.
func NewToken(random io.Reader) (token string, hash []byte) {
	if random == nil {
		random = rand.Reader
	}
	token = base64.RawURLEncoding.EncodeToString(readRandom(random, 32))
	return token, HashToken(token)
}

// HashToken is the form in which a token is stored and looked up: SHA-256. A slow hash would add nothing, since nobody can guess 256 random bits.
func HashToken(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

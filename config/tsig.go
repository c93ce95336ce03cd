package config

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"
)

// TSIG is a key that signs messages to a name server (RFC 8945). However it is printed, its secret does not show.
type TSIG struct {
	Name, Algorithm string
	Secret          string // base64
}

// tsigAlgorithms are those that a server must know, or should (RFC 8945 §6), without those that are no good any more.
var tsigAlgorithms = []string{"hmac-sha256", "hmac-sha384", "hmac-sha512"}

// errTSIG repeats nothing of what was written: it holds a secret.
var errTSIG = errors.New("it is not a key like name:hmac-sha256:c2VjcmV0 (name, algorithm, secret in base64)")

// UnmarshalText reads name:algorithm:secret, as knsupdate and nsupdate write it in another order.
func (k *TSIG) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*k = TSIG{}
		return nil
	}
	parts := strings.Split(strings.TrimSpace(string(text)), ":")
	if len(parts) != 3 {
		return errTSIG
	}
	key := TSIG{Name: clean(parts[0]), Algorithm: strings.ToLower(parts[1]), Secret: parts[2]}
	secret, err := base64.StdEncoding.DecodeString(key.Secret)
	if err != nil || len(secret) == 0 || key.Name == "" || strings.ContainsAny(key.Name, " \t\r\n") || len(key.Name) > 253 {
		return errTSIG
	}
	if !slices.Contains(tsigAlgorithms, key.Algorithm) {
		return errors.New("the algorithm of the key is none of " + strings.Join(tsigAlgorithms, ", "))
	}
	*k = key
	return nil
}

// String names the key without its secret.
func (k TSIG) String() string {
	if k == (TSIG{}) {
		return ""
	}
	return k.Name + ":" + k.Algorithm + ":…"
}

// GoString is String.
func (k TSIG) GoString() string { return k.String() }

// MarshalText is String.
func (k TSIG) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

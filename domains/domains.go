// Package domains makes the DKIM keys of a mail domain, says which DNS records the domain's owner has to publish, and tells truthfully which of them the DNS holds.
//
// Its rules keep nothing: keys come out as PKCS#8 to be sealed, records as values to be stored. Service is the door to what is kept: domains with their sealed keys and what was found
// for them, and the mailboxes. The package neither signs nor delivers mail, and its look at SPF only answers
// whether our own host is among the permitted senders; judging somebody else's mail is mailauth's work.
package domains

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/net/idna"
)

// Algorithm is a DKIM signing algorithm, the a= tag of a signature (RFC 6376 §3.3, RFC 8463 §3).
type Algorithm string

const (
	RSA     Algorithm = "rsa-sha256"     // what every verifier knows; 2048 bits (RFC 8301 §3.2)
	Ed25519 Algorithm = "ed25519-sha256" // small and fast, not yet known to every verifier (RFC 8463)
)

// keyType is the k= tag of the key record that belongs to the algorithm.
func (a Algorithm) keyType() string {
	kind, _, _ := strings.Cut(string(a), "-")
	return kind
}

// rsaBits: 2048 is what RFC 8301 §3.2 asks of signers; a longer key does not fit one UDP answer with its neighbours and verifiers need not take it.
const rsaBits = 2048

// Key is one DKIM key pair of a domain.
type Key struct {
	ID        int64
	Domain    string // the d= of its signatures: lower case, A-labels
	Selector  string // the s= of its signatures: unique for every generation of keys
	Algorithm Algorithm
	Private   crypto.Signer
	Public    string // the p= value of the key record, base64
}

// GenerateKeys makes a fresh pair of keys for a domain: one RSA, one Ed25519. Their selectors carry the month, so that people see their age, and three random octets,
// so that keys made twice in a month never share a record. random feeds the selectors and the Ed25519 key; crypto/rsa takes its own randomness from the system.
func GenerateKeys(domain string, now time.Time, random io.Reader) ([]Key, error) {
	domain, err := ASCII(domain)
	if err != nil {
		return nil, err
	}
	seed := make([]byte, 3+ed25519.SeedSize)
	if _, err := io.ReadFull(random, seed); err != nil {
		return nil, fmt.Errorf("reading randomness for the keys of %s: %w", domain, err)
	}
	rsaKey, err := rsa.GenerateKey(random, rsaBits)
	if err != nil {
		return nil, fmt.Errorf("making the rsa key of %s: %w", domain, err)
	}
	generation := "p" + now.UTC().Format("200601") + "-" + strings.ToLower(base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(seed[:3]))
	first, err := newKey(domain, generation+"r", rsaKey)
	if err != nil {
		return nil, err
	}
	second, err := newKey(domain, generation+"e", ed25519.NewKeyFromSeed(seed[3:]))
	if err != nil {
		return nil, err
	}
	return []Key{first, second}, nil
}

// Marshal returns the private key as PKCS#8 in DER: plain secret bytes, which the caller seals before they are stored.
func (k Key) Marshal() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k.Private)
	if err != nil {
		return nil, fmt.Errorf("encoding the key %s of %s: %w", k.Selector, k.Domain, err)
	}
	return der, nil
}

// ParseKey is the way back from Marshal. It refuses keys that DKIM does not know, and RSA keys that verifiers would not take (RFC 8301 §3.2).
func ParseKey(domain, selector string, der []byte) (Key, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return Key{}, fmt.Errorf("decoding the key %s of %s: %w", selector, domain, err)
	}
	private, ok := parsed.(crypto.Signer)
	if !ok {
		return Key{}, fmt.Errorf("key %s of %s cannot sign: it is a %T", selector, domain, parsed)
	}
	return newKey(domain, selector, private)
}

// newKey derives what a key record needs from the private key.
func newKey(domain, selector string, private crypto.Signer) (Key, error) {
	key := Key{Domain: domain, Selector: selector, Private: private}
	switch public := private.Public().(type) {
	case *rsa.PublicKey:
		if public.N.BitLen() < rsaBits {
			return Key{}, fmt.Errorf("key %s of %s has %d bits; %d is the least", selector, domain, public.N.BitLen(), rsaBits)
		}
		der, err := x509.MarshalPKIXPublicKey(public)
		if err != nil {
			return Key{}, fmt.Errorf("encoding the public key %s of %s: %w", selector, domain, err)
		}
		key.Algorithm, key.Public = RSA, base64.StdEncoding.EncodeToString(der)
	case ed25519.PublicKey:
		// RFC 8463 §4: the 32 octets of the key themselves, without the ASN.1 that RSA keys wear.
		key.Algorithm, key.Public = Ed25519, base64.StdEncoding.EncodeToString(public)
	default:
		return Key{}, fmt.Errorf("key %s of %s is a %T, which DKIM does not know", selector, domain, private)
	}
	return key, nil
}

// errName is the reason given for every name that cannot stand in the DNS.
var errName = errors.New("not a domain name")

// ASCII returns a domain as the DNS and SMTP carry it: A-labels (RFC 5891 §4.4), lower case, no final dot. Labels of letters, digits, hyphens and underscores pass.
func ASCII(domain string) (string, error) {
	name := strings.ToLower(strings.TrimSuffix(strings.TrimSpace(domain), "."))
	if !isASCII(name) {
		mapped, err := idna.Lookup.ToASCII(name)
		if err != nil {
			return "", fmt.Errorf("domain %q: %w (%w)", domain, errName, err)
		}
		name = mapped
	}
	if name == "" || len(name) > 253 { // RFC 1035 §2.3.4, less the root's two octets
		return "", fmt.Errorf("domain %q: %w", domain, errName)
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || !strings.ContainsAny(label, letters) || strings.Trim(label, letters+"-_") != "" {
			return "", fmt.Errorf("domain %q: %w", domain, errName)
		}
	}
	return name, nil
}

const letters = "abcdefghijklmnopqrstuvwxyz0123456789"

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

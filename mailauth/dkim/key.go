package dkim

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"sync"

	"postern/desk"
	"postern/mailauth/canon"
	"postern/mailauth/lookup"
)

// Bounds of a key.
const (
	minBits    = 1024    // RFC 8301 §3.2: fewer prove nothing
	maxBits    = 8192    // far more than anybody publishes; RFC 8301 asks for 4096
	maxRecord  = 8 << 10 // octets of a key record; one with 8192 bits has 1500
	maxRecords = 10      // looked at under one name
	together   = 10      // names asked for at the same time
)

// Key is a public key as its owner published it (RFC 6376 §3.6.1).
type Key struct {
	Algorithm string // rsa or ed25519
	Bits      int
	Testing   bool // t=y: a mail must not be treated otherwise than one without a signature
	Strict    bool // t=s: i= must have the very domain of d=

	rsa *rsa.PublicKey
	ed  ed25519.PublicKey
}

// Verify says whether sig is the key's signature of a SHA-256 sum (RFC 6376 §3.3, RFC 8463 §3).
func (k Key) Verify(sum, sig []byte) bool {
	if k.Algorithm == "ed25519" {
		return ed25519.Verify(k.ed, sum, sig)
	}
	return rsa.VerifyPKCS1v15(k.rsa, crypto.SHA256, sum, sig) == nil
}

// ParseKey reads a key record. Services other than mail and hashes other than SHA-256 make it useless here, and so a fault.
// A key that is too short or too long comes with a fault of its own, so that its size can be shown.
func ParseKey(record string) (Key, *Fault) {
	if len(record) > maxRecord {
		return Key{}, broken("the key record is longer than %d octets", maxRecord)
	}
	tags, err := canon.ParseTags(record)
	switch {
	case err != nil:
		return Key{}, broken("the key record cannot be read: %v", err)
	case tags.Has("v") && (tags.First() != "v" || tags.Get("v") != "DKIM1"):
		return Key{}, broken("the key record is of another version")
	case !tags.Has("p"):
		return Key{}, broken("the key record has no key")
	case tags.Packed("p") == "":
		return Key{}, broken("the key has been revoked")
	case tags.Has("h") && !slices.Contains(tags.Split("h"), "sha256"):
		return Key{}, broken("the key is not for SHA-256")
	case tags.Has("s") && !slices.Contains(tags.Split("s"), "*") && !slices.Contains(tags.Split("s"), "email"):
		return Key{}, broken("the key is not for mail")
	}
	raw, err := base64.StdEncoding.DecodeString(tags.Packed("p"))
	if err != nil {
		return Key{}, broken("the key is not base64")
	}
	flags := tags.Split("t")
	key := Key{Algorithm: tags.Get("k"), Testing: slices.Contains(flags, "y"), Strict: slices.Contains(flags, "s")}
	switch key.Algorithm {
	case "", "rsa":
		return rsaKey(key, raw)
	case "ed25519":
		if len(raw) != ed25519.PublicKeySize {
			return Key{}, broken("the key is no Ed25519 key")
		}
		key.Bits, key.ed = 8*ed25519.PublicKeySize, raw
		return key, nil
	}
	return Key{}, broken("the key is of a type that is not known")
}

// rsaKey reads an RSA key in either of the forms that RFC 6376 can be read to ask for (erratum 3017).
func rsaKey(key Key, raw []byte) (Key, *Fault) {
	parsed, err := x509.ParsePKIXPublicKey(raw)
	if err != nil {
		parsed, err = x509.ParsePKCS1PublicKey(raw)
	}
	public, is := parsed.(*rsa.PublicKey)
	if err != nil || !is {
		return Key{}, broken("the key is no RSA key")
	}
	key.Algorithm, key.Bits, key.rsa = "rsa", public.N.BitLen(), public
	switch {
	case key.Bits < minBits:
		return key, refused("the key has %d bits, and fewer than %d prove nothing", key.Bits, minBits)
	case key.Bits > maxBits:
		return key, refused("the key has %d bits, more than are checked", key.Bits)
	}
	return key, nil
}

// Keys are the key records that one mail needs. Each name is asked for once. It is for one goroutine.
type Keys struct {
	resolver lookup.Resolver
	answers  map[string]*answer
}

type answer struct {
	records []string
	err     error
}

// NewKeys starts with no records.
func NewKeys(r lookup.Resolver) *Keys { return &Keys{resolver: r, answers: map[string]*answer{}} }

// Fetch asks for the names that were not asked for before, several at a time, and returns when there is an answer for each. The caller bounds their number, ctx the time.
func (k *Keys) Fetch(ctx context.Context, names []string) {
	var asking sync.WaitGroup
	turn := make(chan struct{}, together)
	for _, name := range names {
		if k.answers[name] != nil {
			continue
		}
		found := &answer{}
		k.answers[name] = found
		turn <- struct{}{}
		ask := func() {
			found.records, found.err = k.resolver.LookupTXT(ctx, name)
			<-turn
		}
		if len(names) == 1 {
			ask() // as of most mails
			continue
		}
		asking.Go(ask)
	}
	asking.Wait()
}

// Get returns the key under a fetched name for an algorithm. Of several records the one for the algorithm counts; where two could, none does, since RFC 6376 §3.6.2.2 leaves open what then.
func (k *Keys) Get(name, algorithm string) (Key, *Fault) {
	found := k.answers[name]
	switch {
	case found == nil:
		return Key{}, &Fault{desk.ResultTempError, "the key was not looked up"}
	case lookup.NotFound(found.err) || found.err == nil && len(found.records) == 0:
		return Key{}, broken("there is no key at %s", name)
	case found.err != nil:
		return Key{}, &Fault{desk.ResultTempError, fmt.Sprintf("the key at %s could not be looked up now", name)}
	}
	var best Key
	var why *Fault // of best, or of the first record when none is for the algorithm
	good := 0
	for _, record := range found.records[:min(len(found.records), maxRecords)] {
		key, fault := ParseKey(record)
		switch {
		case fault == nil && key.Algorithm == algorithm:
			best, why = key, nil
			good++
		case good > 0:
		case key.Algorithm == algorithm:
			best, why = key, fault
		case why == nil && fault != nil:
			why = fault
		case why == nil:
			why = broken("the key at %s is not for %s", name, algorithm)
		}
	}
	if good > 1 {
		return Key{}, broken("there are several keys at %s", name)
	}
	return best, why
}

// KeyName is where a key is published (RFC 6376 §3.6.2.1).
func KeyName(selector, domain string) string {
	return strings.ToLower(selector + "._domainkey." + domain)
}

package dkim

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/idna"

	"postern/desk"
	"postern/mailauth/canon"
)

// drift is how far the clock of a signer may be off.
const drift = 5 * time.Minute

// Fault is why a signature proves nothing.
type Fault struct {
	Result desk.Result // permerror, fail, policy or temperror
	Reason string      // one sentence
}

func broken(format string, args ...any) *Fault {
	return &Fault{desk.ResultPermError, fmt.Sprintf(format, args...)}
}

func refused(format string, args ...any) *Fault {
	return &Fault{desk.ResultPolicy, fmt.Sprintf(format, args...)}
}

func failed(reason string) *Fault { return &Fault{desk.ResultFail, reason} }

// Stamp is who signed, when, and with which key: what every signature has, be it of a mail or of a chain.
type Stamp struct {
	Algorithm string // rsa-sha256 or ed25519-sha256; rsa-sha1 comes with a fault
	Domain    string // d=, lower case A-labels
	Selector  string // s=, the same
	Value     []byte // b=

	made, expires int64 // t= and x= in seconds since 1970; -1 when not said
}

// ReadStamp reads the tags a, b, d, s, t and x (RFC 6376 §3.5). With a fault, the stamp holds what could be read.
func ReadStamp(tags canon.Tags) (Stamp, *Fault) {
	var s Stamp
	var fault *Fault
	if s.Domain, fault = hostname(tags.Get("d")); fault != nil || !strings.Contains(s.Domain, ".") {
		s.Domain = ""
		return s, broken("d= is no domain")
	}
	if s.Selector, fault = hostname(tags.Get("s")); fault != nil || len(s.KeyName()) > 253 {
		s.Selector = ""
		return s, broken("s= is no selector")
	}
	switch algorithm := tags.Get("a"); algorithm {
	case "rsa-sha256", "ed25519-sha256":
		s.Algorithm = algorithm
	case "rsa-sha1":
		s.Algorithm = algorithm
		return s, refused("signatures with SHA-1 prove nothing")
	default:
		return s, broken("the algorithm of a= is not known")
	}
	var err error
	if s.Value, err = base64.StdEncoding.DecodeString(tags.Packed("b")); err != nil || len(s.Value) == 0 {
		return s, broken("b= is no signature")
	}
	if s.made, fault = number(tags, "t"); fault != nil {
		return s, fault
	}
	if s.expires, fault = number(tags, "x"); fault != nil {
		return s, fault
	}
	if s.expires >= 0 && s.expires < s.made {
		return s, broken("the signature expired before it was made")
	}
	return s, nil
}

// KeyName is where the key of the signature is published.
func (s Stamp) KeyName() string { return KeyName(s.Selector, s.Domain) }

// Timely says whether the signature was made by now and has not expired, give or take what clocks are off.
func (s Stamp) Timely(now time.Time) *Fault {
	switch {
	case s.made >= 0 && s.made > now.Add(drift).Unix():
		return failed("the signature is from the future")
	case s.expires >= 0 && s.expires < now.Add(-drift).Unix():
		return failed("the signature has expired")
	}
	return nil
}

// Check looks for the key among those fetched and verifies the signature of a sum with it. It returns the key with a fault too, as far as there is one.
func (s Stamp) Check(keys *Keys, sum [sha256.Size]byte) (Key, *Fault) {
	algorithm, _, _ := strings.Cut(s.Algorithm, "-")
	key, fault := keys.Get(s.KeyName(), algorithm)
	if fault == nil && !key.Verify(sum[:], s.Value) {
		fault = failed("the signature does not match: what it covers of the header was changed, or the key is another one")
	}
	return key, fault
}

// Signature is a stamp on a mail: a DKIM-Signature or an ARC-Message-Signature.
type Signature struct {
	Stamp
	Header canon.Selection
	Body   canon.BodyPart

	bodySum []byte // bh=
}

// ReadSignature reads the tags of a stamp and bh, c, h, l and q (RFC 6376 §3.5) of the field at a place in the mail. With a fault, the stamp holds what could be read.
func ReadSignature(m *canon.Mail, at int, tags canon.Tags) (Signature, *Fault) {
	s := Signature{Header: canon.Selection{Own: at, Unsigned: m.Fields[at].Unsigned(tags)}}
	var fault *Fault
	if s.Stamp, fault = ReadStamp(tags); fault != nil {
		return s, fault
	}
	sum, err := base64.StdEncoding.DecodeString(tags.Packed("bh"))
	if err != nil || len(sum) != sha256.Size {
		return s, broken("bh= is no hash")
	}
	s.bodySum = sum
	if !tags.Has("h") {
		return s, broken("h= is missing")
	}
	for _, name := range tags.Split("h") {
		s.Header.Names = append(s.Header.Names, strings.ToLower(name))
	}
	if s.Header.Form, s.Body.Form, fault = forms(tags); fault != nil {
		return s, fault
	}
	if s.Body.Length, fault = number(tags, "l"); fault != nil {
		return s, fault
	}
	if tags.Has("q") && !hasQuery(tags.Split("q")) {
		return s, broken("q= asks for keys in a way that is not known")
	}
	return s, nil
}

// CheckBody compares the hash of the body. A signature of a part of it is refused, since the rest can be anybody's (RFC 6376 §8.2).
func (s Signature) CheckBody(sum canon.BodySum) *Fault {
	switch {
	case s.Body.Length > sum.Length:
		return broken("l= is more than there is of the body")
	case string(sum.Sum[:]) != string(s.bodySum):
		return failed("the body was changed")
	case s.Body.Length != canon.Whole && s.Body.Length < sum.Length:
		return refused("only %d of %d octets of the body are signed", s.Body.Length, sum.Length)
	}
	return nil
}

// forms reads c= (RFC 6376 §3.5): the form of the header, then that of the body, both simple where nothing is said.
func forms(tags canon.Tags) (header, body canon.Form, fault *Fault) {
	if !tags.Has("c") {
		return canon.Simple, canon.Simple, nil
	}
	first, second, both := strings.Cut(tags.Get("c"), "/")
	if !both {
		second = "simple"
	}
	known := map[string]canon.Form{"simple": canon.Simple, "relaxed": canon.Relaxed}
	header, one := known[first]
	body, two := known[second]
	if !one || !two {
		return 0, 0, broken("c= is a canonical form that is not known")
	}
	return header, body, nil
}

// hasQuery says whether dns/txt is among the ways to ask for the key. Options may follow its name.
func hasQuery(methods []string) bool {
	for _, method := range methods {
		if method == "dns" || method == "dns/txt" || strings.HasPrefix(method, "dns/txt/") {
			return true
		}
	}
	return false
}

// number reads a tag of digits, -1 when it is not there. What is too long for a number is as good as infinite (RFC 6376 §3.5, x=).
func number(tags canon.Tags, name string) (int64, *Fault) {
	if !tags.Has(name) {
		return -1, nil
	}
	digits := tags.Get(name)
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return -1, broken("%s= is no number", name)
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		n = math.MaxInt64
	}
	return n, nil
}

// hostname reads one or more labels, as A-labels in lower case (RFC 8616 §5 allows U-labels). Underscores are allowed, since the DNS allows them.
func hostname(name string) (string, *Fault) {
	for _, c := range []byte(name) {
		if c >= 0x80 {
			ascii, err := idna.Lookup.ToASCII(name)
			if err != nil {
				return "", broken("a name has characters that no name has")
			}
			name = ascii
			break
		}
	}
	name = strings.ToLower(name)
	if len(name) > 253 {
		return "", broken("a name is too long")
	}
	for label := range strings.SplitSeq(name, ".") {
		if len(label) == 0 || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return "", broken("a name has a label that is none")
		}
	}
	return name, nil
}

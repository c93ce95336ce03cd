// Package dkim says for each DKIM signature of a mail whether it holds (RFC 6376, 8301, 8463, 8616), and what it was made with.
//
// It knows no alignment: a signature that holds says who signed, not that the author did. At most MaxSignatures are checked, each key is asked for once, the body is read
// once and only for signatures whose header part holds, and no goroutine outlives a call. The verifier of go-msgauth was not used: its time and its goroutines have no bounds that a
// stranger could not reach, it knows no t=s, and it tells neither key nor algorithm. It is a second opinion in tests, as dkimpy is.
package dkim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/publicsuffix"

	"postern/desk"
	"postern/mailauth/canon"
	"postern/mailauth/lookup"
)

// MaxSignatures are checked of one mail, from the top.
const MaxSignatures = 10

// check is one signature on its way through the steps of Verify.
type check struct {
	Signature
	identity string // i=
	key      Key
	fault    *Fault
}

// Verify checks the DKIM signatures of a mail and returns one result for each, in the order of the header; one more, 'policy', stands for all signatures beyond MaxSignatures.
// A mail whose header is beyond the bounds of canon gets one permerror, one that cannot be read one temperror, one without signatures nothing.
// raw is only read. ctx bounds the questions to the DNS and the reading of the body: what was not done by then is a temperror.
//
// A result with Testing was true or false like any other, but must not make a difference to the mail (RFC 6376 §3.6.1, t=y).
func Verify(ctx context.Context, r lookup.Resolver, raw *io.SectionReader, now time.Time) []desk.Method {
	m, err := canon.Read(raw)
	if err != nil {
		return Unread(err)
	}
	return VerifyRead(ctx, r, m, now)
}

// VerifyRead is Verify for a mail whose header has been read already. It only reads m, which others may read at the same time.
func VerifyRead(ctx context.Context, r lookup.Resolver, m *canon.Mail, now time.Time) []desk.Method {
	places := m.Named("dkim-signature")
	if len(places) == 0 {
		return nil
	}
	checks := make([]check, min(len(places), MaxSignatures))
	keys := NewKeys(r)
	var names []string
	for i := range checks {
		if checks[i] = read(m, places[i], now); checks[i].fault == nil {
			names = append(names, checks[i].KeyName())
		}
	}
	keys.Fetch(ctx, names)
	for i := range checks {
		if c := &checks[i]; c.fault == nil {
			c.verifyHeader(m, keys)
		}
	}
	verifyBodies(ctx, m, checks)
	var results []desk.Method
	for i := range checks {
		results = append(results, checks[i].method())
	}
	if more := len(places) - len(checks); more > 0 {
		results = append(results, desk.Method{Result: desk.ResultPolicy, Reason: fmt.Sprintf("there are %d more signatures than are checked", more)})
	}
	return results
}

// Unread is the result for a mail that canon does not read, with its error.
func Unread(err error) []desk.Method {
	if errors.Is(err, canon.ErrHeader) {
		return []desk.Method{{Result: desk.ResultPermError, Reason: "no signature was looked at: " + err.Error()}}
	}
	return []desk.Method{{Result: desk.ResultTempError, Reason: "the mail could not be read"}}
}

// read reads one DKIM-Signature and judges what can be judged without its key (RFC 6376 §6.1.1).
func read(m *canon.Mail, at int, now time.Time) check {
	var c check
	tags, err := canon.ParseTags(m.Fields[at].Value())
	if err != nil {
		c.fault = broken("the signature cannot be read: %v", err)
		return c
	}
	if tags.Get("v") != "1" {
		c.fault = broken("the signature is of another version")
		return c
	}
	c.Signature, c.fault = ReadSignature(m, at, tags)
	if c.fault != nil {
		return c
	}
	if !slices.Contains(c.Header.Names, "from") {
		c.fault = broken("From is not signed")
		return c
	}
	if c.identity, c.fault = identity(tags, c.Domain); c.fault != nil {
		return c
	}
	c.fault = c.Timely(now)
	return c
}

// verifyHeader fetches the key and verifies the signature itself, which covers the hash of the body but not the body (RFC 6376 §6.1.2, §6.1.3).
func (c *check) verifyHeader(m *canon.Mail, keys *Keys) {
	c.key, c.fault = c.Check(keys, m.Sum(c.Header))
	if c.fault == nil && c.key.Strict && !strings.HasSuffix(c.identity, "@"+c.Domain) {
		c.fault = broken("the key is for %s alone, not for domains below it", c.Domain)
	}
}

// verifyBodies reads the body once for all signatures that hold so far, and applies our own rules to those that still do.
func verifyBodies(ctx context.Context, m *canon.Mail, checks []check) {
	var parts []canon.BodyPart
	var open []*check
	for i := range checks {
		if c := &checks[i]; c.fault == nil {
			parts, open = append(parts, c.Body), append(open, c)
		}
	}
	sums, err := m.SumBody(ctx, parts)
	for i, c := range open {
		if err != nil {
			c.fault = &Fault{desk.ResultTempError, "the body could not be read to its end"}
		} else if c.fault = c.CheckBody(sums[i]); c.fault == nil {
			c.fault = c.refuse()
		}
	}
}

// refuse is why a signature that holds is worth nothing here: nobody is the one owner of a domain under which anybody can have his own.
func (c *check) refuse() *Fault {
	if suffix, icann := publicsuffix.PublicSuffix(c.Domain); icann && suffix == c.Domain {
		return refused("%s is a public suffix, which speaks for nobody", c.Domain)
	}
	return nil
}

// method puts the result into words.
func (c *check) method() desk.Method {
	out := desk.Method{
		Result: desk.ResultPass, Domain: c.Domain, Identity: c.identity, Selector: c.Selector, Algorithm: c.Algorithm,
		Bits: c.key.Bits, Testing: c.key.Testing, Reason: "the signature holds",
	}
	if c.fault != nil {
		out.Result, out.Reason = c.fault.Result, c.fault.Reason
	}
	return out
}

// identity reads i=, whose domain must be d= or below it (RFC 6376 §3.5). A local part that is more than plain ASCII is left out of what is returned: nothing depends on it.
func identity(tags canon.Tags, domain string) (string, *Fault) {
	if !tags.Has("i") {
		return "@" + domain, nil
	}
	decoded, ok := unquote(tags.Packed("i"))
	at := strings.LastIndexByte(decoded, '@')
	if !ok || at < 0 {
		return "", broken("i= is no address")
	}
	local, host := strings.ToLower(decoded[:at]), decoded[at+1:]
	host, fault := hostname(host)
	if fault != nil || host != domain && !strings.HasSuffix(host, "."+domain) {
		return "", broken("i= is not in the domain of d=")
	}
	if len(local) > 64 || strings.IndexFunc(local, func(c rune) bool { return c <= ' ' || c > '~' }) >= 0 {
		local = ""
	}
	return local + "@" + host, nil
}

// unquote undoes dkim-quoted-printable (RFC 6376 §2.11).
func unquote(s string) (string, bool) {
	if !strings.Contains(s, "=") {
		return s, true
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '=' {
			out = append(out, s[i])
			continue
		}
		if i+3 > len(s) {
			return "", false
		}
		octet, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
		if err != nil {
			return "", false
		}
		out = append(out, byte(octet))
		i += 2
	}
	return string(out), true
}

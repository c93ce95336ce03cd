// Package arc says whether the chain of custody that forwarders wrote into a mail holds (RFC 8617), and what each of them found when the mail came to it.
//
// It verifies and never seals. Whether a sealer may be believed is decided elsewhere: anybody can seal anything. At most MaxSets sets are looked at; the keys of older seals are only asked
// for when the newest set holds, so that a chain made up by a stranger costs two questions to the DNS.
package arc

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"time"

	"postern/desk"
	"postern/mailauth/canon"
	"postern/mailauth/dkim"
	"postern/mailauth/lookup"
)

// MaxSets is how many sets a chain may have (RFC 8617 §5.2).
const MaxSets = 50

// Chain is the result for a mail.
type Chain struct {
	Method desk.Method // none, pass, fail or temperror; domain, selector, algorithm and size of the key are those of the newest seal
	Sets   []Set       // oldest first; only of a chain that passes
}

// Set is what one forwarder wrote.
type Set struct {
	Instance int    // i=, from 1
	Sealer   string // d= of the seal, lower case A-labels
	Selector string // s= of the seal
	Results  string // its ARC-Authentication-Results, unfolded, without "i=n;": an authserv-id and its results (RFC 8601 §2.2)
}

// Verify checks the chain of a mail (RFC 8617 §5.2): the structure, the newest message signature, and all seals. raw is only read. ctx bounds the questions to the DNS and the reading of the body.
// A header beyond the bounds of canon is a chain that fails.
func Verify(ctx context.Context, r lookup.Resolver, raw *io.SectionReader, now time.Time) Chain {
	m, err := canon.Read(raw)
	if err != nil {
		return Unread(err)
	}
	return VerifyRead(ctx, r, m, now)
}

// Unread is the result for a mail that canon does not read, with its error.
func Unread(err error) Chain {
	if errors.Is(err, canon.ErrHeader) {
		return Chain{Method: desk.Method{Result: desk.ResultFail, Reason: "no seal was looked at: " + err.Error()}}
	}
	return Chain{Method: desk.Method{Result: desk.ResultTempError, Reason: "the mail could not be read"}}
}

// VerifyRead is Verify for a mail whose header has been read already. It only reads m, which others may read at the same time.
func VerifyRead(ctx context.Context, r lookup.Resolver, m *canon.Mail, now time.Time) Chain {
	links, fault := collect(m)
	if fault == nil && len(links) == 0 {
		return Chain{Method: desk.Method{Result: desk.ResultNone, Reason: "no forwarder has sealed the mail"}}
	}
	v := verification{ctx: ctx, mail: m, links: links, keys: dkim.NewKeys(r), now: now}
	if fault == nil {
		fault = v.verify()
	}
	return v.chain(fault)
}

// verification is one call of Verify.
type verification struct {
	ctx   context.Context //nolint:containedctx // of one call
	mail  *canon.Mail
	links []link // oldest first
	keys  *dkim.Keys
	now   time.Time
	key   dkim.Key // of the newest seal
}

// verify goes from what costs nothing to what costs most.
func (v *verification) verify() *dkim.Fault {
	for i := range v.links {
		if fault := v.links[i].readSeal(); fault != nil {
			return fault
		}
	}
	newest := v.links[len(v.links)-1]
	signature, fault := v.readMessageSignature(newest)
	if fault != nil {
		return fault
	}
	sums, err := v.sums()
	if err != nil {
		return &dkim.Fault{Result: desk.ResultTempError, Reason: "the chain could not be hashed"}
	}
	v.keys.Fetch(v.ctx, []string{signature.KeyName(), newest.seal.KeyName()})
	if v.key, fault = newest.seal.Check(v.keys, sums[len(sums)-1]); fault != nil {
		return newest.in("seal", fault)
	}
	if _, fault := signature.Check(v.keys, v.mail.Sum(signature.Header)); fault != nil {
		return newest.in("message signature", fault)
	}
	bodies, err := v.mail.SumBody(v.ctx, []canon.BodyPart{signature.Body})
	if err != nil {
		return &dkim.Fault{Result: desk.ResultTempError, Reason: "the body could not be read to its end"}
	}
	if fault := signature.CheckBody(bodies[0]); fault != nil {
		return newest.in("message signature", fault)
	}
	return v.verifyOlder(sums)
}

// verifyOlder checks the seals before the newest, from new to old.
func (v *verification) verifyOlder(sums [][sha256.Size]byte) *dkim.Fault {
	older := v.links[:len(v.links)-1]
	names := make([]string, len(older))
	for i, l := range older {
		names[i] = l.seal.KeyName()
	}
	v.keys.Fetch(v.ctx, names)
	for i, l := range slices.Backward(older) {
		if _, fault := l.seal.Check(v.keys, sums[i]); fault != nil {
			return l.in("seal", fault)
		}
	}
	return nil
}

// readMessageSignature reads the ARC-Message-Signature of a set: a DKIM signature without v= and with an i= of its own (RFC 8617 §4.1.2).
func (v *verification) readMessageSignature(l link) (dkim.Signature, *dkim.Fault) {
	signature, fault := dkim.ReadSignature(v.mail, l.places[message], l.tags[message])
	if !l.tags[message].Has("c") { // every sealer says it; those who made the tests of ARC take this for what is not said
		signature.Header.Form, signature.Body.Form = canon.Relaxed, canon.Relaxed
	}
	if fault == nil && slices.Contains(signature.Header.Names, "arc-seal") {
		fault = &dkim.Fault{Result: desk.ResultFail, Reason: "it signs a seal"}
	}
	if fault == nil {
		fault = signature.Timely(v.now)
	}
	if fault != nil {
		return signature, l.in("message signature", fault)
	}
	return signature, nil
}

// sums is what each seal signs: all sets up to its own, relaxed, its own seal last and without its b= (RFC 8617 §5.1.1). Each set is hashed twice, whatever their number.
func (v *verification) sums() ([][sha256.Size]byte, error) {
	sums := make([][sha256.Size]byte, len(v.links))
	running := sha256.New()
	var scratch []byte
	for i, l := range v.links {
		for _, kind := range []kind{results, message} {
			scratch = canon.Relaxed.AppendField(scratch[:0], v.mail.Fields[l.places[kind]].Raw)
			running.Write(scratch)
		}
		field := v.mail.Fields[l.places[seal]]
		scratch = canon.Relaxed.AppendField(scratch[:0], field.Unsigned(l.tags[seal]))
		own, err := running.(hash.Cloner).Clone()
		if err != nil {
			return nil, fmt.Errorf("hashing the chain: %w", err)
		}
		own.Write(scratch[:len(scratch)-len("\r\n")])
		own.Sum(sums[i][:0])
		scratch = canon.Relaxed.AppendField(scratch[:0], field.Raw)
		running.Write(scratch)
	}
	return sums, nil
}

// chain puts the result into words. What is no temporary error is a failure: RFC 8617 §5.2 knows nothing between.
func (v *verification) chain(fault *dkim.Fault) Chain {
	var out Chain
	if len(v.links) > 0 {
		newest := v.links[len(v.links)-1].seal
		out.Method = desk.Method{Domain: newest.Domain, Selector: newest.Selector, Algorithm: newest.Algorithm, Bits: v.key.Bits}
	}
	switch {
	case fault == nil:
		out.Method.Result, out.Method.Reason = desk.ResultPass, fmt.Sprintf("all %d seals hold", len(v.links))
		if len(v.links) == 1 {
			out.Method.Reason = "the only seal holds"
		}
		for i, l := range v.links {
			out.Sets = append(out.Sets, Set{Instance: i + 1, Sealer: l.seal.Domain, Selector: l.seal.Selector, Results: l.results})
		}
	case fault.Result == desk.ResultTempError:
		out.Method.Result, out.Method.Reason = desk.ResultTempError, fault.Reason
	default:
		out.Method.Result, out.Method.Reason = desk.ResultFail, fault.Reason
	}
	return out
}

package mailout

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"postern/desk"
)

// level is how much a server must show before a mail passes to it.
type level int

const (
	opportunistic level = iota // TLS where it is offered, whoever answers; clear text where TLS cannot be had (RFC 7435)
	encrypted                  // TLS, whoever answers, or nothing
	verified                   // TLS with a server that proves itself, or nothing
)

// requirement is what one host must show before a mail passes to it.
type requirement struct {
	level  level
	policy desk.TLSPolicyName // whose wish it is; empty: nobody's
	// prove says what the finished handshake proves, or why it proves nothing. It is asked at every level, for the facts; only verified makes its error count. nil: provePKIX.
	prove func(host string, roots *x509.CertPool, state tls.ConnectionState) (desk.Proof, error)
	key   string // tells apart requirements that differ in prove alone: a session is used again only under the one that it was opened for
}

// name is the policy as the facts give it.
func (r requirement) name() desk.TLSPolicyName {
	switch {
	case r.policy != "":
		return r.policy
	case r.level == verified:
		return desk.PolicyVerify
	case r.level == encrypted:
		return desk.PolicyEncrypt
	default:
		return desk.PolicyOpportunistic
	}
}

// same is the requirement as a part of a key.
func (r requirement) same() string { return fmt.Sprintf("%d %s %s", r.level, r.name(), r.key) }

// unmetError is a handshake that was finished and did not show what was required.
type unmetError struct {
	facts  *desk.TLSFacts
	answer answer
}

func (e *unmetError) Error() string { return e.answer.String() }

// judge looks at a finished handshake: what it showed, and whether that is enough for the requirement. The facts are given either way.
func (s *Sender) judge(host string, need requirement, state tls.ConnectionState) (*desk.TLSFacts, error) {
	prove := need.prove
	if prove == nil {
		prove = provePKIX
	}
	facts := factsOf(state)
	facts.Policy = need.name()
	proof, err := prove(host, s.Roots, state)
	if err == nil {
		facts.Proof = proof
		return facts, nil
	}
	facts.Problem = legible(err.Error())
	if need.level < verified {
		return facts, nil
	}
	return facts, &unmetError{facts, answer{code: 451, text: "4.7.5 " + host + " does not prove itself: " + err.Error()}} // RFC 3463 §3.8: cryptographic failure
}

// provePKIX asks for a certificate in the host's name by an authority that is trusted (RFC 9525 §6).
func provePKIX(host string, roots *x509.CertPool, state tls.ConnectionState) (desk.Proof, error) {
	if len(state.PeerCertificates) == 0 {
		return desk.ProofNone, errors.New("the server showed no certificate")
	}
	between := x509.NewCertPool()
	for _, one := range state.PeerCertificates[1:] {
		between.AddCert(one)
	}
	_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{
		DNSName: strings.Trim(host, "[]"), Roots: roots, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	if err != nil {
		return desk.ProofNone, fmt.Errorf("certificate: %w", err)
	}
	return desk.ProofPKIX, nil
}

const (
	maxNames = 10  // of a certificate that are kept
	maxName  = 255 // octets of one: what a stranger put into a certificate bounds nothing by itself
)

// factsOf is what a connection shows of its encryption.
func factsOf(state tls.ConnectionState) *desk.TLSFacts {
	facts := &desk.TLSFacts{Version: tls.VersionName(state.Version), Cipher: tls.CipherSuiteName(state.CipherSuite)}
	if len(state.PeerCertificates) == 0 {
		return facts
	}
	leaf := state.PeerCertificates[0]
	print := sha256.Sum256(leaf.Raw)
	facts.Fingerprint, facts.NotAfter, facts.Issuer = hex.EncodeToString(print[:]), leaf.NotAfter.UTC().Truncate(time.Second), bounded(leaf.Issuer.String())
	names := leaf.DNSNames
	for _, addr := range leaf.IPAddresses {
		names = append(names[:len(names):len(names)], addr.String())
	}
	if len(names) == 0 && leaf.Subject.CommonName != "" {
		names = []string{leaf.Subject.CommonName}
	}
	for _, name := range names[:min(len(names), maxNames)] {
		facts.Names = append(facts.Names, bounded(name))
	}
	return facts
}

// bounded makes words from a certificate fit to be kept and shown.
func bounded(text string) string {
	text = clean(text)
	if runes := []rune(text); len(runes) > maxName {
		return string(runes[:maxName])
	}
	return text
}

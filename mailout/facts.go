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
	"postern/mailout/dane"
)

// unmetError is a host that did not show what was required.
type unmetError struct {
	facts  *desk.TLSFacts
	answer answer
}

func (e *unmetError) Error() string { return e.answer.String() }

// judge decides whether a mail passes over a session that showed what it did, and writes down with the connection what that proves. What is not enough is an *unmetError.
func (s *Sender) judge(c *session) error {
	need := c.to.need
	found := need.judge(c.to.name, c.showed)
	if c.at.facts == nil && need.name() != desk.PolicyOpportunistic {
		c.at.facts = &desk.TLSFacts{} // clear text, where somebody asked for more
	}
	if facts := c.at.facts; facts != nil {
		facts.Policy, facts.Proof, facts.Problem = need.name(), found.proof, found.problem
	}
	if found.refused != nil {
		return &unmetError{c.at.facts, *found.refused}
	}
	return nil
}

// look is what a finished handshake showed of the certificate.
func (s *Sender) look(to exchange, state tls.ConnectionState) shown {
	showed := shown{security: agreed, pkix: provePKIX(to.name, s.Roots, state)}
	if to.need.byKeys() {
		_, showed.keys = dane.Verify(to.need.keys.Records, dane.Peer{Chain: state.PeerCertificates, Names: to.need.names, Now: time.Now()})
	}
	return showed
}

// provePKIX asks for a certificate in the host's name by an authority that is trusted (RFC 9525 §6).
func provePKIX(host string, roots *x509.CertPool, state tls.ConnectionState) error {
	if len(state.PeerCertificates) == 0 {
		return errors.New("the server showed no certificate")
	}
	between := x509.NewCertPool()
	for _, one := range state.PeerCertificates[1:] {
		between.AddCert(one)
	}
	_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{
		DNSName: strings.Trim(host, "[]"), Roots: roots, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	if err != nil {
		return fmt.Errorf("certificate: %w", err)
	}
	return nil
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

// Package saml promises that what it says about a person is exactly what an identity provider that we trust has signed, for us, in answer to us, now.
//
// It is a service provider (SAML 2.0, Web Browser SSO profile) over pure inputs: documents, keys, a clock and what we asked for. Screen refuses every document whose shape could
// let a reader see something else than what was signed; then the signature is checked, and from there on only the signed bytes are read. It reads POSTed responses only:
// no artifacts, no ECP, no assertions that other parties pass on. It keeps nothing: that a request is answered once and an assertion is used once is for whoever calls it.
// What it refuses is named by a Reason; no error of this package carries a part of the document.
package saml

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// Namespaces of the elements that we read.
const (
	nsProtocol  = "urn:oasis:names:tc:SAML:2.0:protocol"  // SAML Core §3
	nsAssertion = "urn:oasis:names:tc:SAML:2.0:assertion" // SAML Core §2
	nsSignature = "http://www.w3.org/2000/09/xmldsig#"
	nsEncrypted = "http://www.w3.org/2001/04/xmlenc#"
)

// Bindings of endpoints (SAML Bindings §3.4 and §3.5).
const (
	BindingRedirect = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
	BindingPost     = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
)

// Formats of name identifiers (SAML Core §8.3).
const (
	FormatPersistent = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
	FormatTransient  = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
	FormatEmail      = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
	FormatEntity     = "urn:oasis:names:tc:SAML:2.0:nameid-format:entity"
)

// Reason is why a document is refused: a word for the audit log, and for an administrator who looks for the fault.
type Reason string

// Why documents are refused.
const (
	TooLarge       Reason = "too_large"       // more than MaxDocument octets, or deeper or wider than any honest document
	Malformed      Reason = "malformed"       // not base64, not XML, or not a SAML document of the kind that belongs here
	Doctype        Reason = "doctype"         // a DTD, or another declaration: entities could say anything
	Instruction    Reason = "instruction"     // a processing instruction
	Comment        Reason = "comment"         // a comment, which splits a text in two for some readers
	Cdata          Reason = "cdata"           // a CDATA section, which canonicalisation rewrites
	DoubleID       Reason = "double_id"       // two elements of one ID, or one element with two: a signature could mean either
	NoAssertion    Reason = "no_assertion"    // the answer says success, but about nobody
	TwoAssertions  Reason = "two_assertions"  // more than one assertion, or one at a place where none belongs
	Misplaced      Reason = "misplaced"       // an element stands where it has no business: signature wrapping looks like this
	Unsigned       Reason = "unsigned"        // neither the response nor the assertion is signed
	WeakAlgorithm  Reason = "weak_algorithm"  // a signature or digest weaker than SHA-256, or a cipher that we do not take here
	BadReference   Reason = "bad_reference"   // a signature that covers something else than its parent, or more than one thing
	BadTransform   Reason = "bad_transform"   // a transform other than the two that SAML allows
	BadSignature   Reason = "bad_signature"   // made by somebody else, or over other bytes
	CertExpired    Reason = "cert_expired"    // the certificate's time is over, or has not begun
	UnknownCert    Reason = "unknown_cert"    // the certificate in the document has not the fingerprint that we know
	BadEncryption  Reason = "bad_encryption"  // cannot be decrypted, or is encrypted in a way that we do not take
	NotEncrypted   Reason = "not_encrypted"   // the provider has to encrypt, and did not
	WrongIssuer    Reason = "wrong_issuer"    // from another identity provider than the one asked
	WrongPlace     Reason = "wrong_place"     // Destination or Recipient is not the address that it came to
	WrongAudience  Reason = "wrong_audience"  // meant for another service
	NotAsked       Reason = "not_asked"       // InResponseTo is not what we asked, or we did not ask
	Replayed       Reason = "replayed"        // this answer or this assertion has been used already
	TooEarly       Reason = "too_early"       // its time has not come
	Expired        Reason = "expired"         // its time is over
	BadCondition   Reason = "bad_condition"   // a condition that we do not know, and so cannot keep
	BadSubject     Reason = "bad_subject"     // nobody that we could know again: no name, a passing name, or no confirmation by the bearer
	ProviderRefuse Reason = "provider_refuse" // the identity provider says that it will not
)

// Refusal is the error of everything that is refused here. It names the reason and the document by its hash, never what stands in it.
type Refusal struct {
	Reason Reason
	Detail string // a word of ours about where, for the administrator: the name of an element or of a check, or a status code of the standard's
	Digest string // SHA-256 of the document in hexadecimal, so that an identity provider's log can be searched for it
}

func (r *Refusal) Error() string {
	if r.Detail == "" {
		return fmt.Sprintf("SAML document refused: %s", r.Reason)
	}
	return fmt.Sprintf("SAML document refused: %s (%s)", r.Reason, r.Detail)
}

// refuse makes a refusal; whoever knows the document adds its digest.
func refuse(reason Reason, detail string) *Refusal { return &Refusal{Reason: reason, Detail: detail} }

// Digest names a document without showing it.
func Digest(document []byte) string {
	sum := sha256.Sum256(document)
	return hex.EncodeToString(sum[:])
}

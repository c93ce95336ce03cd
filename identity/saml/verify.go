package saml

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"strings"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
	"github.com/russellhaering/goxmldsig/etreeutils"
)

// Trust is whose signatures count.
type Trust struct {
	Certificates []*x509.Certificate // any one of them; two while a provider changes from one to the next
	Fingerprints [][sha256.Size]byte // SHA-256 of certificates that the document has to bring along itself; for those who move from a service that knew no more than that
}

// tries are the certificates to check a signature with. What stands in KeyInfo counts only when its fingerprint is known: it is part of what a stranger sent.
func (t Trust) tries(signature *etree.Element) ([]*x509.Certificate, *Refusal) {
	tries := t.Certificates
	if len(t.Fingerprints) == 0 {
		return tries, nil
	}
	cert, found := embedded(signature)
	if found {
		sum := sha256.Sum256(cert.Raw)
		for _, known := range t.Fingerprints {
			if sum == known {
				return append([]*x509.Certificate{cert}, tries...), nil
			}
		}
	}
	if len(tries) == 0 {
		return nil, refuse(UnknownCert, "")
	}
	return tries, nil
}

// embedded is the certificate that a signature brings along.
func embedded(signature *etree.Element) (*x509.Certificate, bool) {
	for _, info := range named(signature, "KeyInfo") {
		for _, data := range named(info, "X509Data") {
			certificates := named(data, "X509Certificate")
			if len(certificates) == 0 {
				continue
			}
			der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(certificates[0].Text()), ""))
			if err != nil {
				return nil, false
			}
			cert, err := x509.ParseCertificate(der)
			return cert, err == nil
		}
	}
	return nil, false
}

// verified checks the signature of an element that Screen has passed and returns what was signed: read anew from the very octets whose digest the signature covers, without the
// signature itself. Whoever reads that cannot read anything else. found says whether there was a signature.
func verified(el *etree.Element, trust Trust, now time.Time) (signed *etree.Element, found bool, err error) {
	signatures := named(el, "Signature")
	if len(signatures) == 0 {
		return nil, false, nil
	}
	tries, refusal := trust.tries(signatures[0])
	if refusal != nil {
		return nil, true, refusal
	}
	el, err = detached(el)
	if err != nil {
		return nil, true, refuse(Malformed, "namespace")
	}
	signature := named(el, "Signature")[0]
	for _, info := range named(signature, "KeyInfo") { // it is no part of what is signed, and the key is chosen by us
		signature.RemoveChild(info)
	}
	reason := BadSignature
	for _, cert := range tries {
		if now.Before(cert.NotBefore) || now.After(cert.NotAfter) {
			reason = CertExpired
			continue
		}
		context := dsig.NewDefaultValidationContext(&dsig.MemoryX509CertificateStore{Roots: []*x509.Certificate{cert}})
		context.IdAttribute = "ID"
		context.Clock = dsig.NewFakeClockAt(now)
		signed, err := context.Validate(el)
		if err != nil {
			continue
		}
		if signed.Tag != el.Tag || signed.NamespaceURI() != el.NamespaceURI() || signed.SelectAttrValue("ID", "") != el.SelectAttrValue("ID", "") {
			return nil, true, refuse(BadReference, el.Tag)
		}
		return signed, true, nil
	}
	return nil, true, refuse(reason, el.Tag)
}

// detached is a copy of an element that carries the namespaces which were declared around it.
func detached(el *etree.Element) (*etree.Element, error) {
	around, err := etreeutils.NSBuildParentContext(el)
	if err != nil {
		return nil, err
	}
	around, err = around.SubContext(el)
	if err != nil {
		return nil, err
	}
	return etreeutils.NSDetatch(around, el)
}

package saml

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"encoding/xml"
	"net"
	"net/url"
	"slices"
	"strings"

	crewjam "github.com/crewjam/saml"

	"postern/desk"
)

// MaxMetadata is the longest metadata document that we read: that of one provider has some 10 kB.
const MaxMetadata = 1 << 20

// MostCertificates of one provider: the one in use, the next, and room for a mistake.
const MostCertificates = 6

// minRSA is the shortest RSA key whose signatures count, in bits (NIST SP 800-131A).
const minRSA = 2048

// IdP is an identity provider as its metadata describes it.
type IdP struct {
	EntityID     string
	SignOn       string // where a request is sent, by the redirect binding
	LogoutAt     string // where a logout request is sent, by the redirect binding; empty without one
	LogoutAnswer string // where a logout response is sent; LogoutAt unless it says so
	Certificates []*x509.Certificate
}

// ReadMetadata reads a provider's metadata (SAML Metadata §2.4.3). When it describes several, entity says which one is meant. Each fault is a desk.Fault of the field "metadata".
// A signature on it is not looked at: it is as true as the way by which it came.
func ReadMetadata(document []byte, entity string) (IdP, error) {
	if len(document) > MaxMetadata {
		return IdP{}, desk.Wrong("metadata", "this metadata is longer than 1 MiB")
	}
	if bytes.Contains(bytes.ToUpper(document), []byte("<!DOCTYPE")) || bytes.Contains(bytes.ToUpper(document), []byte("<!ENTITY")) {
		return IdP{}, desk.Wrong("metadata", "this metadata has a document type declaration, which has no place there")
	}
	found, err := entities(document)
	if err != nil {
		return IdP{}, desk.Wrong("metadata", "this is no SAML metadata: it has to be XML that begins with EntityDescriptor")
	}
	found = slices.DeleteFunc(found, func(each crewjam.EntityDescriptor) bool {
		return len(each.IDPSSODescriptors) == 0 || entity != "" && each.EntityID != entity
	})
	switch {
	case len(found) == 0 && entity != "":
		return IdP{}, desk.Wrong("metadata", "this metadata describes no identity provider named %s", entity)
	case len(found) == 0:
		return IdP{}, desk.Wrong("metadata", "this metadata describes no identity provider")
	case len(found) > 1:
		return IdP{}, desk.Wrong("metadata", "this metadata describes %d identity providers: fill in the entity ID of yours", len(found))
	}
	idp := IdP{EntityID: found[0].EntityID}
	for _, role := range found[0].IDPSSODescriptors {
		for _, service := range role.SingleSignOnServices {
			if service.Binding == BindingRedirect && idp.SignOn == "" {
				idp.SignOn = service.Location
			}
		}
		for _, service := range role.SingleLogoutServices {
			if service.Binding == BindingRedirect && idp.LogoutAt == "" {
				idp.LogoutAt, idp.LogoutAnswer = service.Location, service.ResponseLocation
			}
		}
		for _, key := range role.KeyDescriptors {
			if key.Use != "" && key.Use != "signing" {
				continue
			}
			for _, each := range key.KeyInfo.X509Data.X509Certificates {
				certs, err := ReadCertificates(each.Data)
				if err != nil {
					return IdP{}, err
				}
				idp.Certificates = append(idp.Certificates, certs...)
			}
		}
	}
	if idp.LogoutAnswer == "" {
		idp.LogoutAnswer = idp.LogoutAt
	}
	return idp, idp.Check()
}

func entities(document []byte) ([]crewjam.EntityDescriptor, error) {
	var one crewjam.EntityDescriptor
	errOne := xml.Unmarshal(document, &one)
	if errOne == nil {
		return []crewjam.EntityDescriptor{one}, nil
	}
	var several crewjam.EntitiesDescriptor
	if err := xml.Unmarshal(document, &several); err != nil {
		return nil, errOne
	}
	all := several.EntityDescriptors
	for _, group := range several.EntitiesDescriptors {
		all = append(all, group.EntityDescriptors...)
	}
	return all, nil
}

// Check says what is missing from a provider, or unsafe, as a desk.Fault.
func (p IdP) Check() error {
	if p.EntityID == "" || len(p.EntityID) > 1024 { // SAML Core §8.3.6
		return desk.Wrong("entity_id", "the identity provider needs an entity ID of up to 1,024 characters")
	}
	if p.SignOn == "" {
		return desk.Wrong("sign_on_url", "the identity provider needs an address for sign-in by the HTTP-Redirect binding")
	}
	for _, each := range []struct{ field, address string }{{"sign_on_url", p.SignOn}, {"logout_url", p.LogoutAt}, {"logout_url", p.LogoutAnswer}} {
		if each.address != "" && !safeAddress(each.address) {
			return desk.Wrong(each.field, "%s has to be an https:// address", each.address)
		}
	}
	if len(p.Certificates) > MostCertificates {
		return desk.Wrong("certificates", "an identity provider has at most %d certificates here", MostCertificates)
	}
	return nil
}

// safeAddress says whether a browser may be sent there: by TLS, or to this very machine.
func safeAddress(address string) bool {
	at, err := url.Parse(address)
	if err != nil || at.Host == "" || at.User != nil || at.Fragment != "" {
		return false
	}
	ip := net.ParseIP(at.Hostname())
	return at.Scheme == "https" || at.Scheme == "http" && (at.Hostname() == "localhost" || ip != nil && ip.IsLoopback())
}

// ReadCertificates reads certificates as PEM, or as the bare base64 of metadata. Weak keys are refused, as a desk.Fault of the field "certificates".
func ReadCertificates(given string) ([]*x509.Certificate, error) {
	var all []*x509.Certificate
	rest := []byte(given)
	for len(bytes.TrimSpace(rest)) > 0 {
		var der []byte
		block, after := pem.Decode(rest)
		if block != nil {
			if block.Type != "CERTIFICATE" {
				return nil, desk.Wrong("certificates", "only certificates belong here, not a %s", strings.ToLower(block.Type))
			}
			der, rest = block.Bytes, after
		} else {
			var err error
			der, err = base64.StdEncoding.DecodeString(strings.Join(strings.Fields(string(rest)), ""))
			if err != nil {
				return nil, desk.Wrong("certificates", "this is no certificate: it has to be PEM, which begins with -----BEGIN CERTIFICATE-----")
			}
			rest = nil
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, desk.Wrong("certificates", "this certificate cannot be read")
		}
		if !strongKey(cert) {
			return nil, desk.Wrong("certificates", "the key of this certificate is too weak: RSA of %d bits or more, or ECDSA over P-256 or more", minRSA)
		}
		if all = append(all, cert); len(all) > MostCertificates {
			return nil, desk.Wrong("certificates", "an identity provider has at most %d certificates here", MostCertificates)
		}
	}
	return all, nil
}

func strongKey(cert *x509.Certificate) bool {
	switch key := cert.PublicKey.(type) {
	case *rsa.PublicKey:
		return key.N.BitLen() >= minRSA
	case *ecdsa.PublicKey:
		return key.Curve.Params().BitSize >= 256
	}
	return false
}

// Fingerprint is the SHA-256 of a certificate, as people compare it.
func Fingerprint(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.Raw)
	pairs := make([]string, 0, len(sum))
	for _, octet := range sum {
		pairs = append(pairs, strings.ToUpper(hex.EncodeToString([]byte{octet})))
	}
	return strings.Join(pairs, ":")
}

// ReadFingerprint reads a SHA-256 fingerprint, with colons or without, as a desk.Fault of the field "fingerprint" if it is none.
func ReadFingerprint(given string) (sum [sha256.Size]byte, err error) {
	octets, err := hex.DecodeString(strings.NewReplacer(":", "", " ", "").Replace(strings.TrimSpace(given)))
	if err != nil || len(octets) != len(sum) {
		return sum, desk.Wrong("fingerprint", "a fingerprint is the SHA-256 of the certificate: 64 hexadecimal digits, with or without colons")
	}
	copy(sum[:], octets)
	return sum, nil
}

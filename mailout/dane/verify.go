package dane

import (
	"crypto/x509"
	"errors"
	"slices"
	"time"

	"postern/domains"
)

// ErrMismatch says that no TLSA record is about the certificates that the server showed.
var ErrMismatch = errors.New("the certificate is none that the TLSA records name")

// errNoChain says that a server showed nothing at all.
var errNoChain = errors.New("the server showed no certificate")

// Peer is a server that showed its certificates.
type Peer struct {
	Chain []*x509.Certificate // as shown, its own first
	Names []string            // any of which an authority may vouch for; see Names
	Now   time.Time
}

// Verify judges a server by the records of Find (RFC 7672 §3), and returns the record that proves it. An error is ErrMismatch, or says why a chain to the authority that a record names is not good.
func Verify(records []domains.TLSA, peer Peer) (domains.TLSA, error) {
	if len(peer.Chain) == 0 {
		return domains.TLSA{}, errNoChain
	}
	failed := error(ErrMismatch)
	for _, record := range records {
		switch record.Usage {
		case usageEE:
			// RFC 7672 §3.1.1: names, dates and everything else in the certificate are ignored. The record is the binding, and its life is that of its signature.
			if matches(record, peer.Chain[0]) {
				return record, nil
			}
		case usageTA:
			err := below(record, peer)
			if err == nil {
				return record, nil
			}
			if !errors.Is(err, ErrMismatch) {
				failed = err
			}
		}
	}
	return domains.TLSA{}, failed
}

// below says whether the server's certificate stands below the authority of a record, and is in one of the names (RFC 7672 §3.1.2).
func below(record domains.TLSA, peer Peer) error {
	anchors := x509.NewCertPool()
	found := false
	for _, anchor := range anchorsOf(record, peer.Chain) {
		anchors.AddCert(anchor)
		found = true
	}
	if !found {
		return ErrMismatch
	}
	between := x509.NewCertPool()
	for _, certificate := range peer.Chain[1:] {
		between.AddCert(certificate)
	}
	options := x509.VerifyOptions{Roots: anchors, Intermediates: between, CurrentTime: peer.Now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	if _, err := peer.Chain[0].Verify(options); err != nil {
		return err
	}
	return named(peer.Chain[0], peer.Names)
}

// anchorsOf are the certificates at which a chain may end: those shown that the record names, the one that the record holds whole, and those that the key in the record has signed (RFC 7671 §5.2.2, §5.2.3).
func anchorsOf(record domains.TLSA, chain []*x509.Certificate) []*x509.Certificate {
	var anchors []*x509.Certificate
	for _, certificate := range chain[1:] { // its own certificate is no authority above it
		if matches(record, certificate) {
			anchors = append(anchors, certificate)
		}
	}
	if record.Matching != matchFull {
		return anchors
	}
	if record.Selector == selectCertificate {
		if anchor, err := x509.ParseCertificate(record.Data); err == nil {
			anchors = append(anchors, anchor)
		}
		return anchors
	}
	key, err := x509.ParsePKIXPublicKey(record.Data)
	if err != nil {
		return anchors
	}
	authority := &x509.Certificate{PublicKey: key}
	for _, certificate := range chain {
		if authority.CheckSignature(certificate.SignatureAlgorithm, certificate.RawTBSCertificate, certificate.Signature) == nil {
			anchors = append(anchors, certificate)
		}
	}
	return anchors
}

// named says whether a certificate is in one of the names.
func named(certificate *x509.Certificate, names []string) error {
	if len(certificate.DNSNames) == 0 && certificate.Subject.CommonName != "" {
		certificate = &x509.Certificate{DNSNames: []string{certificate.Subject.CommonName}} // RFC 7672 §3.2.3: the old place of the name, where there is no other
	}
	failed := errors.New("there is no name that the certificate could be in")
	for _, name := range names {
		if failed = certificate.VerifyHostname(name); failed == nil {
			return nil
		}
	}
	return failed
}

// Names are those that a certificate below an authority may be in (RFC 7672 §3.2.2): the TLSA base domain first, then, where MX records led there, the domain of the recipient and what its aliases lead to;
// where none did and an alias led there, the domain itself.
func Names(base, domain string, exchangers domains.Exchangers) []string {
	names := []string{base, domain}
	if len(exchangers.Hosts) > 0 {
		names = append(names, exchangers.Name)
	}
	var kept []string
	for _, name := range names {
		if name != "" && !slices.Contains(kept, name) {
			kept = append(kept, name)
		}
	}
	return kept
}

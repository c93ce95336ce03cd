// Package dane finds the TLSA records of a mail server and judges its certificate by them: what a domain proved in the DNS about its servers' keys decides, and what it did not prove counts for nothing (RFC 7672, RFC 7671, RFC 6698).
//
// It keeps nothing and opens no connection to the server; whether answers are proved is the resolver's word (domains.DNSSEC). What follows from a failure is for who delivers.
package dane

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"slices"

	"postern/domains"
)

// Certificate usages, selectors and matching types (RFC 6698 §2.1, by the names of RFC 7218).
const (
	usageTA = 2 // the certificate of an authority above the server's
	usageEE = 3 // the server's certificate itself

	selectCertificate = 0 // the whole certificate
	selectKey         = 1 // its public key

	matchFull   = 0
	matchSHA256 = 1
	matchSHA512 = 2
)

// Status is what the DNS proves of a server's keys.
type Status int

const (
	None     Status = iota // nothing: DANE does not apply to this server
	Secure                 // proved records by which it can be judged
	Unusable               // proved records, none of which means anything here: TLS is a must, and nobody is authenticated (RFC 7672 §2.2)
)

// Keys is what was found of one server.
type Keys struct {
	Status  Status
	Base    string         // the TLSA base domain (RFC 7672 §2.2.3): the name that SNI carries and that certificates are checked against
	Records []domains.TLSA // those that can be used; those of Unusable are left out
}

// ByName says whether any record names an authority, so that names in the certificate count.
func (k Keys) ByName() bool {
	return slices.ContainsFunc(k.Records, func(r domains.TLSA) bool { return r.Usage == usageTA })
}

// Find looks the TLSA records of a server up. Host is what was found for the server's name. An error means that nobody knows whether there are records, so that the server must not be used now (RFC 7672 §2.1.2).
func Find(ctx context.Context, resolver *domains.DNS, at Server) (Keys, error) {
	for _, base := range bases(at.Name, at.Host) {
		records, secure, err := resolver.LookupTLSA(ctx, at.Port, base)
		switch {
		case err != nil && !domains.IsNotFound(err):
			return Keys{}, err
		case err != nil || !secure || len(records) == 0: // none, or none that is proved: as good as none
			continue
		}
		if usable := usable(records); len(usable) > 0 {
			return Keys{Status: Secure, Base: base, Records: usable}, nil
		}
		return Keys{Status: Unusable, Base: base}, nil
	}
	return Keys{}, nil
}

// Server is whose records are looked for.
type Server struct {
	Name string // of the MX record, or the domain itself where there is none
	Port int
	Host domains.Host // where the name leads
}

// bases are the names below which records may stand, in order (RFC 7672 §2.2.2, §2.2.3): where an alias leads if all of the way is proved, and then the name itself if at least that it is an alias is proved.
// Servers whose addresses are not proved are not asked about: many name servers of old fail on the question alone.
func bases(name string, host domains.Host) []string {
	switch {
	case host.Secure && host.Name != name:
		return []string{host.Name, name}
	case host.Secure, host.AliasSecure:
		return []string{name}
	}
	return nil
}

// usable keeps the records that mean something for SMTP. The usages 0 and 1, which ask for a public authority as well, do not: nobody could know which authorities a sender trusts (RFC 7672 §3.1.3).
func usable(records []domains.TLSA) []domains.TLSA {
	kept := slices.DeleteFunc(slices.Clone(records), func(r domains.TLSA) bool { return !sound(r) })
	return strongest(kept)
}

// sound says whether a record is of a kind that we know, with data that can be of that kind (RFC 6698 §4.1: others are as if they were not there).
func sound(r domains.TLSA) bool {
	if r.Usage != usageTA && r.Usage != usageEE || r.Selector > selectKey {
		return false
	}
	var err error
	switch {
	case r.Matching == matchSHA256:
		return len(r.Data) == sha256.Size
	case r.Matching == matchSHA512:
		return len(r.Data) == sha512.Size
	case r.Matching != matchFull:
		return false
	case r.Selector == selectCertificate:
		_, err = x509.ParseCertificate(r.Data)
	default:
		_, err = x509.ParsePKIXPublicKey(r.Data)
	}
	return err == nil
}

// strongest leaves out SHA-256 where the same usage and selector come with SHA-512 (digest agility, RFC 7671 §9): a digest that is broken some day can then be left behind.
func strongest(records []domains.TLSA) []domains.TLSA {
	better := func(weak domains.TLSA) bool {
		return slices.ContainsFunc(records, func(r domains.TLSA) bool {
			return r.Usage == weak.Usage && r.Selector == weak.Selector && r.Matching == matchSHA512
		})
	}
	var kept []domains.TLSA
	for _, record := range records {
		if record.Matching != matchSHA256 || !better(record) {
			kept = append(kept, record)
		}
	}
	return kept
}

// matches says whether a certificate is the one that a record is about.
func matches(r domains.TLSA, certificate *x509.Certificate) bool {
	subject := certificate.Raw
	if r.Selector == selectKey {
		subject = certificate.RawSubjectPublicKeyInfo
	}
	switch r.Matching {
	case matchSHA256:
		digest := sha256.Sum256(subject)
		subject = digest[:]
	case matchSHA512:
		digest := sha512.Sum512(subject)
		subject = digest[:]
	}
	return bytes.Equal(r.Data, subject)
}

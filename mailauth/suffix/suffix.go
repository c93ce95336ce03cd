// Package suffix finds the domain that somebody registered, by the public suffix list that golang.org/x/net carries.
//
// The list is as old as the library, and a guess where a suffix is not on it. Nothing is refused because of it, and where a domain publishes DMARC the list is not asked (RFC 9989 §4.10).
package suffix

import "golang.org/x/net/publicsuffix"

// Registrable is the public suffix of a domain and one label more: example.co.uk for mail.example.co.uk. A domain that is itself a public suffix is returned as it is.
// The domain is in lower case A-labels without the final dot; so is the answer.
func Registrable(domain string) string {
	registrable, err := publicsuffix.EffectiveTLDPlusOne(domain)
	if err != nil {
		return domain
	}
	return registrable
}

// Package lookup is what sender authentication asks of the DNS, and nothing more: a small interface, so that every method of mailauth can be tested against any zone.
//
// It keeps no state and opens no socket. Who implements Resolver bounds the time of each question; who asks bounds their number.
package lookup

import (
	"context"
	"errors"
	"net"
	"net/netip"
)

// Resolver asks the DNS. Names are given and returned in ASCII without the final dot. An error for which NotFound is false may be gone a minute later.
type Resolver interface {
	// LookupTXT returns each TXT record of a name as one string: its character-strings joined without anything between them (RFC 7208 §3.3, RFC 6376 §3.6.2.2).
	LookupTXT(ctx context.Context, name string) ([]string, error)
	// LookupMX returns the mail exchangers of a domain, most preferred first.
	LookupMX(ctx context.Context, domain string) ([]*net.MX, error)
	// LookupA returns the IPv4 addresses of a name.
	LookupA(ctx context.Context, name string) ([]netip.Addr, error)
	// LookupAAAA returns the IPv6 addresses of a name.
	LookupAAAA(ctx context.Context, name string) ([]netip.Addr, error)
	// LookupPTR returns the names that the reverse zone gives an address (RFC 1035 §3.5, RFC 3596 §2.5).
	LookupPTR(ctx context.Context, addr netip.Addr) ([]string, error)
}

// NotFound says whether the DNS answered for certain that there is no such record: NXDOMAIN or an empty answer.
func NotFound(err error) bool {
	var failed *net.DNSError
	return errors.As(err, &failed) && failed.IsNotFound
}

// Package iprev checks whether the names of a client's address lead back to it (RFC 8601 §3).
//
// It says something about the care with which a machine is run, and nothing about who wrote a mail. It asks for the names of one address and the addresses of at most 10 of them.
package iprev

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"postern/desk"
	"postern/mailauth/lookup"
)

const maxNames = 10 // of one address; the others are not looked at (RFC 7208 §4.6.4 draws the same line)

// Check gives the result for the address of a client. Identity is the address; Domain is the name that leads back to it, or where none does, the first that the address has.
// In the words of RFC 8601 §2.7.3: an address without a name is permerror, one whose names lead elsewhere is fail.
func Check(ctx context.Context, resolver lookup.Resolver, addr netip.Addr) desk.Method {
	addr = addr.Unmap().WithZone("")
	method := desk.Method{Identity: addr.String()}
	names, err := resolver.LookupPTR(ctx, addr)
	switch {
	case lookup.NotFound(err), err == nil && len(names) == 0:
		method.Result, method.Reason = desk.ResultPermError, fmt.Sprintf("%s has no name in the DNS", addr)
		return method
	case err != nil:
		method.Result, method.Reason = desk.ResultTempError, fmt.Sprintf("the name of %s could not be looked up: %v", addr, err)
		return method
	}
	var failed error
	for _, name := range names[:min(len(names), maxNames)] {
		addrs, err := forward(ctx, resolver, name, addr)
		if slices.Contains(addrs, addr) {
			method.Result, method.Domain, method.Reason = desk.ResultPass, name, fmt.Sprintf("%s is %s, and the other way round", addr, name)
			return method
		}
		if err != nil && !lookup.NotFound(err) && failed == nil {
			failed = err
		}
	}
	method.Domain = names[0]
	if failed != nil {
		method.Result, method.Reason = desk.ResultTempError, fmt.Sprintf("the addresses of the names of %s could not be looked up: %v", addr, failed)
		return method
	}
	method.Result, method.Reason = desk.ResultFail, fmt.Sprintf("%s says that it is %s, which leads elsewhere", addr, names[0])
	return method
}

func forward(ctx context.Context, resolver lookup.Resolver, name string, addr netip.Addr) ([]netip.Addr, error) {
	if addr.Is4() {
		return resolver.LookupA(ctx, name)
	}
	return resolver.LookupAAAA(ctx, name)
}

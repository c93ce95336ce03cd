package mailout

import (
	"fmt"
	"net/netip"

	"postern/desk"
)

// AddressPolicy says which addresses of others may be connected to. Where mail goes is written in the DNS by strangers; without a policy they could have us talk to what only we can reach: our own machine,
// the networks behind it, the metadata service of a cloud. The zero value allows what is reachable for everybody.
type AddressPolicy struct {
	Allow []netip.Prefix // further networks that the operator vouches for
}

// Refuse says why an address may not be connected to, and what to set where it should be; nil: it may.
func (p AddressPolicy) Refuse(addr netip.Addr) error {
	plain := addr.Unmap().WithZone("")
	for _, network := range p.Allow {
		if network.Contains(plain) && addr.Zone() == "" {
			return nil
		}
	}
	if what := desk.Confined(plain); what != "" {
		return fmt.Errorf("%s is %s, where no mail goes unless POSTERN_OUTBOUND_ALLOW holds it", addr, what)
	}
	if addr.Zone() != "" {
		return fmt.Errorf("%s belongs to one link", addr)
	}
	return nil
}

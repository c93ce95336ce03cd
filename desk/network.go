package desk

import "net/netip"

// special are the networks that are not for everybody: those of the IANA registries of special-purpose addresses that are not globally reachable (RFC 6890), and multicast.
var special = []struct {
	network netip.Prefix
	what    string
}{
	{netip.MustParsePrefix("0.0.0.0/8"), "an address of this host"},
	{netip.MustParsePrefix("10.0.0.0/8"), "a private address"},
	{netip.MustParsePrefix("100.64.0.0/10"), "an address inside a provider's network"}, // RFC 6598; also where some clouds keep their metadata
	{netip.MustParsePrefix("127.0.0.0/8"), "a loopback address"},
	{netip.MustParsePrefix("169.254.0.0/16"), "a link-local address"}, // 169.254.169.254 among them
	{netip.MustParsePrefix("172.16.0.0/12"), "a private address"},
	{netip.MustParsePrefix("192.0.0.0/24"), "a reserved address"},
	{netip.MustParsePrefix("192.0.2.0/24"), "an address for documentation"},
	{netip.MustParsePrefix("192.168.0.0/16"), "a private address"},
	{netip.MustParsePrefix("198.18.0.0/15"), "an address for benchmarks"},
	{netip.MustParsePrefix("198.51.100.0/24"), "an address for documentation"},
	{netip.MustParsePrefix("203.0.113.0/24"), "an address for documentation"},
	{netip.MustParsePrefix("224.0.0.0/4"), "a multicast address"},
	{netip.MustParsePrefix("240.0.0.0/4"), "a reserved address"},
	{netip.MustParsePrefix("::/127"), "a loopback address"},
	{netip.MustParsePrefix("fc00::/7"), "a private address"}, // fd00:ec2::254 among them
	{netip.MustParsePrefix("fe80::/10"), "a link-local address"},
	{netip.MustParsePrefix("ff00::/8"), "a multicast address"},
	{netip.MustParsePrefix("2001::/23"), "a reserved address"}, // RFC 2928; Teredo (RFC 4380) among it, which leads to any IPv4 address
	{netip.MustParsePrefix("2001:db8::/32"), "an address for documentation"},
	{netip.MustParsePrefix("3fff::/20"), "an address for documentation"},
}

var (
	global6    = netip.MustParsePrefix("2000::/3")     // all that is given out for the internet (RFC 4291 §2.4)
	translated = netip.MustParsePrefix("64:ff9b::/96") // RFC 6052: an IPv4 address behind a translator
	sixToFour  = netip.MustParsePrefix("2002::/16")    // RFC 3056: an IPv4 address in the second to sixth octet
)

// Confined says what an address is that is not reachable for everybody; empty: it is. Whoever connects to what strangers or admins name asks this about the address that is really connected to
// (security T-23).
func Confined(addr netip.Addr) string {
	addr = addr.Unmap().WithZone("")
	if inner, ok := wrapped(addr); ok {
		addr = inner
	}
	for _, one := range special {
		if one.network.Contains(addr) {
			return one.what
		}
	}
	if !addr.IsValid() || addr.Is6() && !global6.Contains(addr) {
		return "a reserved address"
	}
	return ""
}

// wrapped is the IPv4 address that an IPv6 address leads to.
func wrapped(addr netip.Addr) (netip.Addr, bool) {
	octets := addr.As16()
	switch {
	case addr.Is6() && translated.Contains(addr):
		return netip.AddrFrom4([4]byte(octets[12:16])), true
	case addr.Is6() && sixToFour.Contains(addr):
		return netip.AddrFrom4([4]byte(octets[2:6])), true
	}
	return netip.Addr{}, false
}

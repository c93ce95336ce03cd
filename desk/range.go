package desk

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// RangeList says for whom a range of addresses is. The words are part of the API.
type RangeList string

const (
	RangesAll   RangeList = "all"   // where people may come from at all
	RangesAdmin RangeList = "admin" // where they may come from to look after the desk; none: from wherever they may come from at all
)

// RangeLists lists both.
var RangeLists = []RangeList{RangesAll, RangesAdmin}

// AddressRange is a range of addresses that people may come from (security row 37).
type AddressRange struct {
	ID        int64        `json:"id"`
	List      RangeList    `json:"list"`
	Range     netip.Prefix `json:"range"`
	Name      string       `json:"name"`       // what is there: Office Bologna
	ExpiresAt *time.Time   `json:"expires_at"` // from then on it counts no more; nil: never
	CreatedAt time.Time    `json:"created_at"`
	CreatedBy string       `json:"created_by"`
}

const (
	// MostRanges bounds the ranges of both lists.
	MostRanges       = 500
	longestRangeName = 100
)

// ParseRange reads a range as people write it: 192.0.2.0/24, 2001:db8::/32, 192.0.2.7, 192.168.*.*; an IPv4 address inside an IPv6 one (::ffff:192.0.2.7) is the IPv4 address.
// What allows everybody is refused: it would be a rule that is none.
func ParseRange(text string) (netip.Prefix, error) {
	text = strings.TrimSpace(text)
	if strings.Contains(text, "*") {
		return starred(text)
	}
	var (
		found netip.Prefix
		err   error
	)
	if strings.Contains(text, "/") {
		found, err = netip.ParsePrefix(text)
	} else {
		var addr netip.Addr
		if addr, err = netip.ParseAddr(text); err == nil {
			found = netip.PrefixFrom(addr, addr.BitLen())
		}
		if addr.Zone() != "" {
			err = errZone
		}
	}
	if err != nil {
		return netip.Prefix{}, Wrong("range", "%q is no range of addresses: write 192.0.2.0/24, 192.168.*.*, 2001:db8::/32 or a single address", clipped(text, 60))
	}
	if found.Addr().Is4In6() {
		if found.Bits() < 96 {
			return netip.Prefix{}, everybody(found)
		}
		found = netip.PrefixFrom(found.Addr().Unmap(), found.Bits()-96)
	}
	if found.Bits() == 0 {
		return netip.Prefix{}, everybody(found)
	}
	return found.Masked(), nil
}

// errZone is never shown: a sentence of its own for link-local zones would help nobody.
var errZone = errors.New("an address with a zone")

func everybody(found netip.Prefix) error {
	return Wrong("range", "%s is every address: to allow everybody, switch the rules off", found)
}

// starred reads an IPv4 range whose last numbers are stars.
func starred(text string) (netip.Prefix, error) {
	parts, bits := strings.Split(text, "."), 0
	wrong := Wrong("range", "%q is no range of addresses: stars stand at the end, as in 192.168.*.*", clipped(text, 60))
	if len(parts) != 4 {
		return netip.Prefix{}, wrong
	}
	var octets [4]byte
	for i, part := range parts {
		if part == "*" {
			continue
		}
		n, err := strconv.ParseUint(part, 10, 8)
		if err != nil || bits != 8*i {
			return netip.Prefix{}, wrong
		}
		octets[i], bits = byte(n), bits+8
	}
	found := netip.PrefixFrom(netip.AddrFrom4(octets), bits)
	if bits == 0 {
		return netip.Prefix{}, everybody(found)
	}
	return found, nil
}

// clipped is the beginning of a text that somebody typed, for a sentence about it.
func clipped(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// Check says what is wrong with a range, but for its addresses.
func (r AddressRange) Check(now time.Time) error {
	switch {
	case !slices.Contains(RangeLists, r.List):
		return Wrong("list", "a range is for all or for admin pages")
	case r.Name == "" || len(r.Name) > longestRangeName || strings.ContainsFunc(r.Name, func(c rune) bool { return !strconv.IsPrint(c) }):
		return Wrong("name", "the name of a range stands on one line of 1 to %d bytes", longestRangeName)
	case !r.Range.IsValid() || r.Range.Bits() == 0:
		return Wrong("range", "a range is a part of all addresses")
	case r.ExpiresAt != nil && !r.ExpiresAt.After(now):
		return Wrong("expires_at", "a range ends in the future, or never")
	}
	return nil
}

// AddressRules are the rules as they are asked at every request.
type AddressRules struct {
	On        bool
	Customers bool // customers come from wherever they like
	Ranges    []AddressRange
}

// Admit says whether somebody may come from that address at all. With the rules off, and with no range at all, everybody may.
func (r AddressRules) Admit(ip string, now time.Time) bool {
	return !r.On || r.within(RangesAll, ip, now)
}

// AdmitAdmin says whether somebody may look after the desk from that address, beyond Admit.
func (r AddressRules) AdmitAdmin(ip string, now time.Time) bool {
	if !r.On || !slices.ContainsFunc(r.Ranges, func(one AddressRange) bool { return one.List == RangesAdmin }) {
		return true
	}
	return r.within(RangesAdmin, ip, now)
}

func (r AddressRules) within(list RangeList, ip string, now time.Time) bool {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return false // an address that nobody can read is in no range
	}
	addr = addr.Unmap().WithZone("")
	return slices.ContainsFunc(r.Ranges, func(one AddressRange) bool {
		return one.List == list && one.Range.Contains(addr) && (one.ExpiresAt == nil || now.Before(*one.ExpiresAt))
	})
}

// Text is the range in short, for the audit log.
func (r AddressRange) Text() string { return fmt.Sprintf("%s %s (%s)", r.List, r.Range, r.Name) }

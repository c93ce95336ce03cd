package desk

import (
	"net/netip"
	"testing"
	"time"
)

func TestParseRange(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"192.0.2.0/24": "192.0.2.0/24", " 192.0.2.77/24 ": "192.0.2.0/24", "192.0.2.7": "192.0.2.7/32", "192.168.*.*": "192.168.0.0/16", "10.*.*.*": "10.0.0.0/8",
		"2001:db8::/32": "2001:db8::/32", "2001:db8::1": "2001:db8::1/128", "::ffff:192.0.2.7": "192.0.2.7/32", "::ffff:192.0.2.0/120": "192.0.2.0/24",
		"0.0.0.0/0": "", "::/0": "", "*.*.*.*": "", "::ffff:0.0.0.0/96": "", "::/64": "::/64", "192.*.2.*": "", "192.168.*": "", "256.1.*.*": "", "fe80::1%eth0": "", "office": "", "": "",
		"192.0.2.0/33": "", "192.0.2.0/-1": "", "192.0.2.1-192.0.2.9": "",
	} {
		got, err := ParseRange(text)
		if want == "" && err == nil || want != "" && (err != nil || got.String() != want) {
			t.Errorf("%q is %s, %v", text, got, err)
		}
	}
}

func TestAddressRules(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	over, soon := now, now.Add(time.Hour)
	rules := AddressRules{On: true, Ranges: []AddressRange{
		{List: RangesAll, Range: netip.MustParsePrefix("192.0.2.0/24")}, {List: RangesAll, Range: netip.MustParsePrefix("2001:db8::/32")},
		{List: RangesAll, Range: netip.MustParsePrefix("198.51.100.0/24"), ExpiresAt: &over}, {List: RangesAll, Range: netip.MustParsePrefix("203.0.113.0/24"), ExpiresAt: &soon},
		{List: RangesAdmin, Range: netip.MustParsePrefix("192.0.2.7/32")},
	}}
	for ip, want := range map[string][2]bool{
		"192.0.2.1": {true, false}, "192.0.2.7": {true, true}, "::ffff:192.0.2.7": {true, true}, "2001:db8:1::1": {true, false}, "2001:db9::1": {false, false},
		"198.51.100.1": {false, false}, "203.0.113.9": {true, false}, "192.0.3.1": {false, false}, "": {false, false}, "nonsense": {false, false}, "2001:db8::1%eth0": {true, false},
	} {
		if got := [2]bool{rules.Admit(ip, now), rules.AdmitAdmin(ip, now)}; got != want {
			t.Errorf("%s: %v", ip, got)
		}
	}
	if !(AddressRules{}).Admit("192.0.3.1", now) || !(AddressRules{}).AdmitAdmin("x", now) {
		t.Error("rules that are off keep somebody out")
	}
	if (AddressRules{On: true}).Admit("192.0.3.1", now) {
		t.Error("rules that are on and empty let somebody in")
	}
	open := AddressRules{On: true, Ranges: rules.Ranges[:1]}
	if !open.AdmitAdmin("203.0.113.1", now) {
		t.Error("without ranges for admin pages they are not narrower than the rest")
	}
}

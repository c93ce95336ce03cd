package mailout

import (
	"net/netip"
	"strings"
	"testing"
)

func TestAddressPolicyTable(t *testing.T) {
	t.Parallel()
	var policy AddressPolicy
	for _, c := range []struct{ addr, want string }{
		{"192.0.1.1", ""}, {"8.8.8.8", ""}, {"100.63.255.255", ""}, {"172.15.0.1", ""}, {"172.32.0.1", ""}, {"223.255.255.254", ""}, {"2a00:1450::1a", ""}, {"2001:4860::8888", ""},
		{"64:ff9b::808:808", ""}, {"2002:808:808::1", ""}, {"::ffff:8.8.8.8", ""},
		{"0.0.0.0", "this host"}, {"127.0.0.1", "loopback"}, {"127.255.0.1", "loopback"}, {"::1", "loopback"}, {"::", "loopback"}, {"::ffff:127.0.0.1", "loopback"},
		{"10.0.0.25", "private"}, {"172.16.0.1", "private"}, {"192.168.1.1", "private"}, {"fd00:ec2::254", "private"}, {"fc00::1", "private"}, {"::ffff:10.1.2.3", "private"},
		{"169.254.169.254", "link-local"}, {"fe80::1", "link-local"}, {"::ffff:169.254.169.254", "link-local"}, {"100.100.100.200", "provider"}, {"192.0.0.192", "reserved"},
		{"224.0.0.1", "multicast"}, {"ff02::1", "multicast"}, {"255.255.255.255", "reserved"}, {"198.51.100.7", "documentation"}, {"2001:db8::1", "documentation"},
		{"64:ff9b::a9fe:a9fe", "link-local"}, {"64:ff9b::7f00:1", "loopback"}, {"2002:a00:1::1", "private"}, {"2001:0:808:808::1", "reserved"}, {"64:ff9b:1::1", "reserved"}, {"::127.0.0.1", "reserved"},
		{"fec0::1", "reserved"}, {"100::1", "reserved"}, {"fe80::1%eth0", "link-local"}, {"2a00::1%eth0", "one link"},
	} {
		err := policy.Refuse(netip.MustParseAddr(c.addr))
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.addr, err, c.want)
		}
	}
	if policy.Refuse(netip.Addr{}) == nil {
		t.Error("no address at all may be connected to")
	}
	policy.Allow = []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("::1/128")}
	for addr, allowed := range map[string]bool{"10.1.2.3": true, "::ffff:10.1.2.3": true, "10.2.0.1": false, "::1": true, "127.0.0.1": false} {
		if err := policy.Refuse(netip.MustParseAddr(addr)); (err == nil) != allowed {
			t.Errorf("%s with further networks: %v", addr, err)
		}
	}
	if err := policy.Refuse(netip.MustParseAddr("192.168.0.9")); !strings.Contains(err.Error(), "POSTERN_OUTBOUND_ALLOW") {
		t.Errorf("it does not say what to set: %v", err)
	}
}

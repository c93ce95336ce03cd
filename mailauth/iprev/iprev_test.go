package iprev_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"postern/desk"
	"postern/domains"
	"postern/internal/testkit"
	"postern/mailauth/iprev"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	var many strings.Builder
	for i := range 12 {
		fmt.Fprintf(&many, "9.2.0.192.in-addr.arpa. PTR n%02d.example.com.\n", i)
	}
	server := testkit.DNS(t, `
1.2.0.192.in-addr.arpa. PTR mail.example.com.
mail.example.com. A 192.0.2.1
mail.example.com. AAAA 2001:db8::1
1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa. PTR mail.example.com.
2.2.0.192.in-addr.arpa. PTR elsewhere.example.com.
elsewhere.example.com. A 192.0.2.99
3.2.0.192.in-addr.arpa. PTR nothing.example.com.
4.2.0.192.in-addr.arpa. PTR elsewhere.example.com.
4.2.0.192.in-addr.arpa. PTR right.example.com.
right.example.com. A 192.0.2.4
5.2.0.192.in-addr.arpa. PTR six.example.com.
six.example.com. AAAA 2001:db8::5
7.2.0.192.in-addr.arpa. PTR broken.example.com.
n11.example.com. A 192.0.2.9
`+many.String())
	server.Fail("6.2.0.192.in-addr.arpa")
	server.Fail("broken.example.com")
	resolver := domains.NewResolver([]string{server.Addr}, time.Second)
	for addr, want := range map[string]struct {
		result desk.Result
		domain string
	}{
		"192.0.2.1":        {desk.ResultPass, "mail.example.com"},
		"::ffff:192.0.2.1": {desk.ResultPass, "mail.example.com"},
		"2001:db8::1":      {desk.ResultPass, "mail.example.com"},
		"2001:db8::1%eth0": {desk.ResultPass, "mail.example.com"},
		"192.0.2.2":        {desk.ResultFail, "elsewhere.example.com"},
		"192.0.2.3":        {desk.ResultFail, "nothing.example.com"},
		"192.0.2.4":        {desk.ResultPass, "right.example.com"},
		"192.0.2.5":        {desk.ResultFail, "six.example.com"}, // it has an address, but of the other kind
		"192.0.2.6":        {desk.ResultTempError, ""},
		"192.0.2.7":        {desk.ResultTempError, "broken.example.com"},
		"192.0.2.8":        {desk.ResultPermError, ""},
	} {
		got := iprev.Check(t.Context(), resolver, netip.MustParseAddr(addr))
		if got.Result != want.result || got.Domain != want.domain || got.Reason == "" || got.Identity == "" {
			t.Errorf("%s: %+v, want %+v", addr, got, want)
		}
	}
	iprev.Check(t.Context(), resolver, netip.MustParseAddr("192.0.2.9"))
	asked := 0
	for i := range 12 {
		asked += server.Asked(fmt.Sprintf("n%02d.example.com", i))
	}
	if asked != 10 {
		t.Errorf("%d names of one address were asked for, want 10", asked)
	}
}

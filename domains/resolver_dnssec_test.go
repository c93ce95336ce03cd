package domains

import (
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	"postern/internal/testkit"
	"postern/internal/testkit/peers"
)

const digest = "3 1 1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// secureZones are signed, unsigned and broken zones below a signed one, with aliases between them.
func secureZones(t *testing.T) *peers.DNS {
	t.Helper()
	records := "@ MX 10 mx\nmx A 192.0.2.1\nmx AAAA 2001:db8::1\n_25._tcp.mx TLSA " + digest + "\n"
	return peers.NewDNS(t,
		peers.Zone{Name: "signed.example.", Records: records + `
four A 192.0.2.4
near CNAME mx
far CNAME mx.plain.example.
torn CNAME mx.bogus.example.
null MX 0 .
_25._tcp.near CNAME _25._tcp.mx
_25._tcp.away CNAME _25._tcp.mx.plain.example.
_25._tcp.torn CNAME _25._tcp.mx.bogus.example.
*.wild A 192.0.2.7
`},
		peers.Zone{Name: "plain.example.", DNSSEC: peers.Unsigned, Records: records + "near CNAME mx.signed.example.\n"},
		peers.Zone{Name: "bogus.example.", DNSSEC: peers.Bogus, Records: records},
	)
}

// What Unbound says of what Knot signed, as DANE needs to know it (RFC 7672 §2.1.1): proved, not proved, or nobody knows.
func TestSecureAnswers(t *testing.T) {
	t.Parallel()
	zones := secureZones(t)
	r := NewResolver([]string{zones.Resolver}, 5*time.Second)
	if !r.Validates() {
		t.Fatal("a resolver on loopback is not believed")
	}
	ctx := t.Context()
	outcome := func(err error) string {
		switch {
		case err == nil:
			return "found"
		case IsNotFound(err):
			return "none"
		}
		return "unknown"
	}
	t.Run("exchangers", func(t *testing.T) {
		for domain, want := range map[string]string{
			"signed.example": "found true 1 signed.example", "plain.example": "found false 1 plain.example", "bogus.example": "unknown false 0 bogus.example",
			"null.signed.example": "found true 1 null.signed.example", "mx.signed.example": "none true 0 mx.signed.example", "nobody.signed.example": "none true 0 nobody.signed.example",
			"near.signed.example": "none true 0 mx.signed.example", "far.signed.example": "none false 0 mx.plain.example", "nobody.plain.example": "none false 0 nobody.plain.example",
			"torn.signed.example": "unknown false 0 torn.signed.example", "mx.wild.signed.example": "none true 0 mx.wild.signed.example",
		} {
			for range 2 { // what is kept is what was answered
				found, err := r.Exchangers(ctx, domain)
				if got := fmt.Sprintf("%s %t %d %s", outcome(err), found.Secure, len(found.Hosts), found.Name); got != want {
					t.Errorf("%s: %s (%v), want %s", domain, got, err, want)
				}
			}
		}
	})
	t.Run("hosts", func(t *testing.T) {
		for host, want := range map[string]string{
			"mx.signed.example": "found true false 2 mx.signed.example", "four.signed.example": "found true false 1 four.signed.example", "MX.Signed.Example": "found true false 2 MX.Signed.Example",
			"near.signed.example": "found true false 2 mx.signed.example", "far.signed.example": "found false true 2 mx.plain.example",
			"mx.plain.example": "found false false 2 mx.plain.example", "near.plain.example": "found false false 2 mx.signed.example",
			"mx.bogus.example": "unknown false false 0 ", "torn.signed.example": "unknown false false 0 ", "nobody.signed.example": "none true false 0 nobody.signed.example",
			"a.wild.signed.example": "found true false 1 a.wild.signed.example", "localhost": "found false false 2 localhost",
		} {
			found, err := r.Host(ctx, host)
			if got := fmt.Sprintf("%s %t %t %d %s", outcome(err), found.Secure, found.AliasSecure, len(found.Addrs), found.Name); got != want {
				t.Errorf("%s: %s (%v), want %s", host, got, err, want)
			}
		}
	})
	t.Run("keys", func(t *testing.T) {
		for host, want := range map[string]string{
			"mx.signed.example": "found true [" + digest + "]", "near.signed.example": "found true [" + digest + "]", "four.signed.example": "none true []", "nobody.signed.example": "none true []",
			"away.signed.example": "found false [" + digest + "]", "mx.plain.example": "found false [" + digest + "]", "mx.bogus.example": "unknown false []", "torn.signed.example": "unknown false []",
		} {
			keys, secure, err := r.LookupTLSA(ctx, 25, host)
			if got := fmt.Sprintf("%s %t %v", outcome(err), secure, keys); got != want {
				t.Errorf("%s: %s (%v), want %s", host, got, err, want)
			}
		}
		if _, secure, err := r.LookupTLSA(ctx, 587, "mx.signed.example"); !IsNotFound(err) || !secure {
			t.Errorf("another port: %t, %v", secure, err)
		}
	})
}

// Unbound, which here trusts nothing but example., proves nothing of org: nor does whoever only passes on.
func TestProves(t *testing.T) {
	t.Parallel()
	for _, server := range []string{secureZones(t).Resolver, testkit.DNS(t, "org. 60 IN SOA a. b. 1 2 3 4 5").Addr} {
		if proves, err := NewResolver([]string{server}, 5*time.Second).Proves(t.Context()); proves || err != nil {
			t.Errorf("%t, %v", proves, err)
		}
	}
}

// A resolver that says why tells a broken proof from a broken server (RFC 8914).
func TestBogusIsToldApart(t *testing.T) {
	t.Parallel()
	zones := secureZones(t)
	r := NewResolver([]string{zones.Resolver}, 5*time.Second)
	_, err := r.Exchangers(t.Context(), "bogus.example")
	if !IsBogus(err) || IsNotFound(err) {
		t.Errorf("bogus: %v", err)
	}
	if _, err := r.Exchangers(t.Context(), "nobody.signed.example"); IsBogus(err) {
		t.Errorf("none: %v", err)
	}
	server := testkit.DNS(t, "")
	server.Fail("to.example")
	if _, err := NewResolver([]string{server.Addr}, time.Second).Exchangers(t.Context(), "to.example"); err == nil || IsBogus(err) {
		t.Errorf("SERVFAIL without a reason: %v", err)
	}
}

// The AD bit is worth as much as the way to who sets it.
func TestWhoIsBelieved(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		trust    DNSSEC
		servers  []string
		asked    []string
		believed bool
	}{
		"on this machine":          {DNSSECAuto, []string{"127.0.0.1:53", "[::1]:53"}, []string{"127.0.0.1:53", "[::1]:53"}, true},
		"mapped":                   {DNSSECAuto, []string{"[::ffff:127.0.0.1]:53"}, []string{"[::ffff:127.0.0.1]:53"}, true},
		"over the network":         {DNSSECAuto, []string{"192.0.2.1:53"}, []string{"192.0.2.1:53"}, false},
		"by name":                  {DNSSECAuto, []string{"localhost:53"}, []string{"localhost:53"}, false},
		"both: only who is here":   {DNSSECAuto, []string{"192.0.2.1:53", "127.0.0.1:53"}, []string{"127.0.0.1:53"}, true},
		"Docker's forwarder":       {DNSSECAuto, []string{"127.0.0.11:53"}, []string{"127.0.0.11:53"}, false},
		"the operator vouches":     {DNSSECOn, []string{"192.0.2.1:53"}, []string{"192.0.2.1:53"}, true},
		"the operator wants none":  {DNSSECOff, []string{"127.0.0.1:53"}, []string{"127.0.0.1:53"}, false},
		"nothing said is as 'off'": {"", []string{"127.0.0.1:53"}, []string{"127.0.0.1:53"}, false},
	} {
		if asked, believed := test.trust.choose(test.servers); !slices.Equal(asked, test.asked) || believed != test.believed {
			t.Errorf("%s: %v, %t", name, asked, believed)
		}
	}
}

// Turned off, an answer that Unbound did prove is as any other.
func TestNobodyIsBelieved(t *testing.T) {
	t.Parallel()
	zones := secureZones(t)
	off := NewTrustingResolver([]string{zones.Resolver}, 5*time.Second, DNSSECOff)
	found, err := off.Exchangers(t.Context(), "signed.example")
	host, errHost := off.Host(t.Context(), "mx.signed.example")
	_, secure, errKeys := off.LookupTLSA(t.Context(), 25, "mx.signed.example")
	if err != nil || errHost != nil || errKeys != nil || found.Secure || host.Secure || secure || off.Validates() {
		t.Errorf("%+v %+v %t, %v, %v, %v", found, host, secure, err, errHost, errKeys)
	}
	if _, err := off.Exchangers(t.Context(), "bogus.example"); err == nil || IsNotFound(err) {
		t.Errorf("what Unbound refuses is refused all the same: %v", err)
	}
}

// A server that proves nothing is not believed to, however often it is asked: the bit must be in its answers.
func TestAnswersWithoutTheBit(t *testing.T) {
	t.Parallel()
	server := testkit.DNS(t, "to.example. 60 IN MX 10 mx.example.\nmx.example. 60 IN A 192.0.2.1\n_25._tcp.mx.example. 60 IN TLSA "+digest)
	r := NewResolver([]string{server.Addr}, time.Second)
	found, err := r.Exchangers(t.Context(), "to.example")
	keys, secure, errKeys := r.LookupTLSA(t.Context(), 25, "mx.example")
	if err != nil || errKeys != nil || found.Secure || secure || len(keys) != 1 || *found.Hosts[0] != (net.MX{Host: "mx.example", Pref: 10}) {
		t.Errorf("%+v %v %t, %v, %v", found, keys, secure, err, errKeys)
	}
}

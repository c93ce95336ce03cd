package domains

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/internal/testkit"
)

const resolverZone = `
example.com.        60 IN MX   20 b.example.com.
example.com.        60 IN MX   10 A.Example.com.
example.com.        60 IN TXT  "one" "two"
example.com.        60 IN TXT  "say \"hi\" \\ \200"
a.example.com.      60 IN A    192.0.2.1
a.example.com.      60 IN AAAA 2001:db8::1
four.example.com.   60 IN A    192.0.2.4
null.example.com.   60 IN MX   0 .
alias.example.com.  60 IN CNAME four.example.com.
loop1.example.com.  60 IN CNAME loop2.example.com.
loop2.example.com.  60 IN CNAME loop1.example.com.
dangling.example.com. 60 IN CNAME nowhere.example.com.
xn--bcher-kva.example. 60 IN A 192.0.2.9
`

func resolver(t *testing.T, zone string) (*testkit.DNSServer, *DNS) {
	t.Helper()
	server := testkit.DNS(t, zone)
	return server, NewResolver([]string{server.Addr}, 5*time.Second)
}

func TestLookups(t *testing.T) {
	t.Parallel()
	_, r := resolver(t, resolverZone)
	ctx := t.Context()
	texts, err := r.LookupTXT(ctx, "Example.com")
	if err != nil || !slices.Equal(texts, []string{"onetwo", "say \"hi\" \\ \xc8"}) {
		t.Errorf("txt: %q, %v", texts, err)
	}
	exchangers, err := r.LookupMX(ctx, "example.com.")
	if err != nil || len(exchangers) != 2 || *exchangers[0] != (net.MX{Host: "a.example.com", Pref: 10}) || exchangers[1].Host != "b.example.com" {
		t.Errorf("mx: %v, %v", exchangers, err)
	}
	if null, err := r.LookupMX(ctx, "null.example.com"); err != nil || len(null) != 1 || null[0].Host != "." {
		t.Errorf("null mx: %v, %v", null, err)
	}
	for host, want := range map[string]string{
		"a.example.com":     "[2001:db8::1 192.0.2.1]",
		"four.example.com":  "[192.0.2.4]",
		"alias.example.com": "[192.0.2.4]",
		"bücher.example":    "[192.0.2.9]",
		"localhost":         "[::1 127.0.0.1]",
	} {
		if addrs, err := r.LookupAddrs(ctx, host); err != nil || fmt.Sprint(addrs) != want {
			t.Errorf("%s: %v, %v; want %s", host, addrs, err, want)
		}
	}
}

func TestLookupErrorsTellNeverFromNotNow(t *testing.T) {
	t.Parallel()
	server, r := resolver(t, resolverZone)
	server.Fail("broken.example.com")
	server.Mute("silent.example.com")
	r.timeout = 50 * time.Millisecond
	for _, c := range []struct {
		name                          string
		notFound, noName, isTemporary bool
	}{
		{"a.example.com", true, false, false},
		{"nowhere.example.com", true, true, false},
		{"dangling.example.com", true, true, false},
		{strings.Repeat("x", 70) + ".example.com", true, true, false},
		{"loop1.example.com", false, false, true},
		{"broken.example.com", false, false, true},
		{"silent.example.com", false, false, true},
	} {
		_, err := r.LookupTXT(t.Context(), c.name)
		var standard *net.DNSError
		if !errors.As(err, &standard) {
			t.Fatalf("%s: %v is no *net.DNSError", c.name, err)
		}
		if IsNotFound(err) != c.notFound || IsNoSuchName(err) != c.noName || standard.IsTemporary != c.isTemporary {
			t.Errorf("%s: %v (not found %v, no name %v, temporary %v)", c.name, err, IsNotFound(err), IsNoSuchName(err), standard.IsTemporary)
		}
	}
}

func TestLongAnswersComeOverTCP(t *testing.T) {
	t.Parallel()
	_, r := resolver(t, `big.example.com. 60 IN TXT "`+strings.Repeat(strings.Repeat("x", 250)+`" "`, 9)+`"`)
	texts, err := r.LookupTXT(t.Context(), "big.example.com")
	if err != nil || len(texts) != 1 || len(texts[0]) != 9*250 {
		t.Errorf("%d texts, %v", len(texts), err)
	}
}

func TestNextServerIsAskedWhenOneIsDown(t *testing.T) {
	t.Parallel()
	server := testkit.DNS(t, resolverZone)
	dead, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := dead.LocalAddr().String()
	_ = dead.Close()
	r := NewResolver([]string{addr, server.Addr}, time.Second)
	if _, err := r.LookupMX(t.Context(), "example.com"); err != nil {
		t.Error(err)
	}
}

func TestGoodAnswersAreKeptAndBadOnesAreNot(t *testing.T) {
	t.Parallel()
	server, r := resolver(t, resolverZone)
	for range 3 {
		_, _ = r.LookupTXT(t.Context(), "example.com")
		_, _ = r.LookupTXT(t.Context(), "later.example.com")
	}
	if n := server.Asked("example.com"); n != 1 {
		t.Errorf("asked %d times for an answer it had", n)
	}
	server.Set(t, `later.example.com. 60 IN TXT "here"`)
	if texts, err := r.LookupTXT(t.Context(), "later.example.com"); err != nil || texts[0] != "here" {
		t.Errorf("a record that came later: %q, %v", texts, err)
	}
}

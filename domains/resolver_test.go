package domains

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/internal/testkit"
	"postern/mailauth/lookup"
)

var _ lookup.Resolver = (*DNS)(nil) // mailauth stands on a lower floor and cannot ask for it itself

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
mapped.example.com. 60 IN AAAA ::ffff:192.0.2.7
odd\032name\064x.example.com. 60 IN A 192.0.2.8
1.2.0.192.in-addr.arpa. 60 IN PTR A.Example.com.
1.2.0.192.in-addr.arpa. 60 IN PTR b.example.com.
1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.B.D.0.1.0.0.2.ip6.arpa. 60 IN PTR six.example.com.
2.2.0.192.in-addr.arpa. 60 IN CNAME 2.0-63.2.0.192.in-addr.arpa.
2.0-63.2.0.192.in-addr.arpa. 60 IN PTR classless.example.com.
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

func TestLookupsOfSenderAuthentication(t *testing.T) {
	t.Parallel()
	_, r := resolver(t, resolverZone)
	ctx := t.Context()
	for name, want := range map[string]string{
		"A.example.com": "[192.0.2.1] [2001:db8::1]", "localhost": "[127.0.0.1] [::1]", "mapped.example.com": "[] [::ffff:192.0.2.7]",
		`odd name@x.example.com`: "[192.0.2.8] []", `odd\032name@x.example.com`: "[] []", `\`: "[] []", "a..": "[] []", "": "[] []", ".": "[] []", "\xff.example.com": "[] []",
	} {
		four, errFour := r.LookupA(ctx, name)
		six, errSix := r.LookupAAAA(ctx, name)
		if got := fmt.Sprint(four, " ", six); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
		if len(four) == 0 && !lookup.NotFound(errFour) || len(six) == 0 && !lookup.NotFound(errSix) {
			t.Errorf("%q: %v, %v", name, errFour, errSix)
		}
	}
	for addr, want := range map[string]string{
		"192.0.2.1": "[a.example.com b.example.com]", "::ffff:192.0.2.1": "[a.example.com b.example.com]", "2001:db8::1": "[six.example.com]",
		"192.0.2.2": "[classless.example.com]", "192.0.2.3": "[]",
	} {
		names, err := r.LookupPTR(ctx, netip.MustParseAddr(addr))
		if fmt.Sprint(names) != want || (err != nil) != (len(names) == 0) {
			t.Errorf("%s: %v, %v; want %s", addr, names, err, want)
		}
	}
	if _, err := r.LookupPTR(ctx, netip.Addr{}); !lookup.NotFound(err) {
		t.Errorf("the name of no address: %v", err)
	}
}

func TestWhatIsKeptIsNobodysToChange(t *testing.T) {
	t.Parallel()
	_, r := resolver(t, resolverZone)
	for range 2 {
		texts, _ := r.LookupTXT(t.Context(), "example.com")
		exchangers, _ := r.LookupMX(t.Context(), "example.com")
		addrs, _ := r.LookupA(t.Context(), "a.example.com")
		if len(texts) != 2 || texts[0] != "onetwo" || len(exchangers) != 2 || exchangers[0].Host != "a.example.com" || len(addrs) != 1 || addrs[0].String() != "192.0.2.1" {
			t.Fatalf("%q %v %v", texts, exchangers, addrs)
		}
		texts[0], exchangers[0].Host, addrs[0] = "changed", "changed", netip.Addr{}
	}
}

func TestNothingIsKeptAsLongAsTheZoneSays(t *testing.T) {
	t.Parallel()
	zone := func(minimum int) string {
		return fmt.Sprintf("example.com. 3600 IN SOA ns.example.com. a.example.com. 1 2 3 4 %d\nhere.example.com. 60 IN A 192.0.2.1", minimum)
	}
	for _, c := range []struct {
		minimum int
		after   time.Duration
		asked   int
	}{{300, 59 * time.Second, 1}, {300, 61 * time.Second, 2}, {10, 9 * time.Second, 1}, {10, 11 * time.Second, 2}, {0, 0, 2}} {
		server, r := resolver(t, zone(c.minimum))
		start := time.Now()
		for _, name := range []string{"gone.example.com", "here.example.com"} {
			r.now = func() time.Time { return start }
			_, first := r.LookupTXT(t.Context(), name)
			r.now = func() time.Time { return start.Add(c.after) }
			_, second := r.LookupTXT(t.Context(), name)
			if !IsNotFound(first) || first.Error() != second.Error() || IsNoSuchName(second) != (name == "gone.example.com") {
				t.Errorf("%s: %v, then %v", name, first, second)
			}
			if got := server.Asked(name); got != c.asked {
				t.Errorf("%s: asked %d times within %s for what the zone lets be kept %d s; want %d", name, got, c.after, c.minimum, c.asked)
			}
		}
	}
}

func TestEqualQuestionsAreAskedOnce(t *testing.T) {
	t.Parallel()
	server, r := resolver(t, resolverZone)
	server.Mute("a.example.com")
	r.timeout = time.Second
	impatient, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	var all sync.WaitGroup
	for i := range 50 {
		ctx := t.Context()
		if i == 0 {
			ctx = impatient
		}
		all.Go(func() { _, _ = r.LookupA(ctx, "a.example.com") })
	}
	for server.Asked("a.example.com") == 0 {
		time.Sleep(time.Millisecond)
	}
	<-impatient.Done() // that the first one leaves must not end it for the others
	server.Heal("a.example.com")
	all.Wait()
	if addrs, err := r.LookupA(t.Context(), "a.example.com"); err != nil || len(addrs) != 1 {
		t.Errorf("%v, %v", addrs, err)
	}
	if n := server.Asked("a.example.com"); n != 2 {
		t.Errorf("50 askers made %d questions, want the unheard and the heard one", n)
	}
	if len(r.flights) != 0 {
		t.Errorf("%d questions are under way for nobody", len(r.flights))
	}
}

func TestAnAskerWhoLeavesDoesNotWait(t *testing.T) {
	t.Parallel()
	server, r := resolver(t, resolverZone)
	server.Mute("a.example.com")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := r.LookupA(ctx, "a.example.com")
	if IsNotFound(err) || !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 3*time.Second {
		t.Errorf("%v after %s", err, time.Since(start))
	}
	if _, err := r.LookupA(ctx, "four.example.com"); !errors.Is(err, context.DeadlineExceeded) || server.Asked("four.example.com") != 0 {
		t.Errorf("a question of somebody who is gone: %v", err)
	}
}

func TestTheCacheIsBounded(t *testing.T) {
	t.Parallel()
	var c cache
	now := time.Now()
	for i := range 3 * cacheSize {
		c.put(question{name: fmt.Sprint(i)}, answer{until: now.Add(time.Minute), size: 64 << 10})
		if len(c.young)+len(c.old) > cacheSize || (len(c.young)+len(c.old))*(64<<10) > cacheBytes {
			t.Fatalf("%d and %d answers are kept", len(c.young), len(c.old))
		}
	}
	if _, ok := c.get(question{name: fmt.Sprint(3*cacheSize - 1)}, now); !ok {
		t.Error("the last answer is forgotten")
	}
}

func TestCacheHitsAreCheap(t *testing.T) {
	_, r := resolver(t, resolverZone)
	ctx := t.Context()
	got := testing.AllocsPerRun(200, func() {
		if _, err := r.LookupA(ctx, "four.example.com"); err != nil {
			t.Fatal(err)
		}
	})
	if got > 1 {
		t.Errorf("a known answer costs %v allocations", got)
	}
}

func TestEscapeIsTheWayBack(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"plain.example", `a\b`, "a b@c;(d)\"'", "\x00\x7f\xff", ""} {
		if got := unescape(escape(name)); got != name {
			t.Errorf("%q became %q", name, got)
		}
	}
}

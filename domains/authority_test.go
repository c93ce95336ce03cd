package domains

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"postern/internal/testkit"
	"postern/internal/testkit/peers"
)

// zoneServers are name servers of one zone that share a port, and a resolver that knows them.
type zoneServers struct {
	*Authority
	resolver *testkit.DNSServer
	port     int
	addrs    []string
}

// newZoneServers serves each zone text from a server of its own; the resolver knows what is at the first of them.
func newZoneServers(t *testing.T, delegation string, zones ...string) *zoneServers {
	t.Helper()
	on := peers.Loopback(t)
	port, err := strconv.Atoi(on.Port)
	if err != nil {
		t.Fatal(err)
	}
	s := &zoneServers{port: port}
	full := delegation
	for i, zone := range zones {
		addr := on.Next()
		s.addrs = append(s.addrs, addr)
		full += fmt.Sprintf("ns%d.example. 60 IN A %s\n", i+1, addr)
		testkit.DNSAt(t, net.JoinHostPort(addr, on.Port), zone)
	}
	s.resolver = testkit.DNS(t, full+zones[0])
	s.Authority = NewAuthority(AuthorityConfig{Resolver: NewResolver([]string{s.resolver.Addr}, 5*time.Second), Port: port, Timeout: 500 * time.Millisecond})
	return s
}

func (s *zoneServers) look(t *testing.T, name string, kind uint16) Sighting {
	t.Helper()
	seen, err := s.Visit().Look(t.Context(), name, kind)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return seen
}

const twoServers = "shop.example. 60 IN NS ns1.example.\nshop.example. 60 IN NS ns2.example.\n"

// All servers of the zone are asked, not the resolver, and all that they say is told.
func TestAuthorityAsksEveryServer(t *testing.T) {
	t.Parallel()
	same := `shop.example. 60 IN TXT "new"` + "\n"
	s := newZoneServers(t, twoServers, same, same)
	s.resolver.Set(t, twoServers+fmt.Sprintf("ns1.example. A %s\nns2.example. A %s\nshop.example. TXT \"old\"\n", s.addrs[0], s.addrs[1]))
	seen := s.look(t, "shop.example", dns.TypeTXT)
	if len(seen.Views) != 1 || !slices.Equal(seen.Views[0].Texts(), []string{"new"}) || !slices.Equal(seen.Servers(), []string{"ns1.example", "ns2.example"}) || seen.Proxy != "" {
		t.Errorf("%+v", seen)
	}
	if missing := s.look(t, "a.b.shop.example", dns.TypeTXT); len(missing.Views) != 1 || !missing.Views[0].Empty() || len(missing.Servers()) != 2 {
		t.Errorf("what is not there: %+v", missing)
	}
}

func TestAuthorityServersThatDisagree(t *testing.T) {
	t.Parallel()
	s := newZoneServers(t, twoServers, `shop.example. 60 IN TXT "new"`, `shop.example. 60 IN TXT "old"`)
	seen := s.look(t, "shop.example", dns.TypeTXT)
	if len(seen.Views) != 2 {
		t.Fatalf("%+v", seen)
	}
	for _, view := range seen.Views {
		want := map[string]string{"ns1.example": "new", "ns2.example": "old"}[view.Servers[0]]
		if len(view.Servers) != 1 || view.Texts()[0] != want {
			t.Errorf("%+v", view)
		}
	}
}

// Servers that say nothing, nonsense, or that they are none, are named; nobody there at all, and the resolver is asked, which is told too.
func TestAuthorityFallsBack(t *testing.T) {
	t.Parallel()
	s := newZoneServers(t, twoServers+"shop.example. 60 IN NS ns9.example.\n", `shop.example. 60 IN TXT "here"`, `shop.example. 60 IN TXT "here"`)
	seen := s.look(t, "shop.example", dns.TypeTXT)
	if len(seen.Views) != 1 || len(seen.Servers()) != 2 || len(seen.Silent) != 1 || seen.Silent[0] != "ns9.example: it has no address in the DNS" {
		t.Errorf("one of three: %+v", seen)
	}
	nobody := NewAuthority(AuthorityConfig{Resolver: s.cfg.Resolver, Port: 1, Timeout: 200 * time.Millisecond})
	seen, err := nobody.Visit().Look(t.Context(), "shop.example", dns.TypeTXT)
	if err != nil || len(seen.Views) != 1 || seen.Views[0].Texts()[0] != "here" || seen.Servers() != nil || seen.Proxy == "" || len(seen.Silent) != 3 {
		t.Errorf("nobody answers: %+v, %v", seen, err)
	}
	refusing := NewAuthority(AuthorityConfig{Resolver: s.cfg.Resolver, Port: s.port, Refuse: func(addr netip.Addr) error { return fmt.Errorf("%s is not called", addr) }})
	seen, err = refusing.Visit().Look(t.Context(), "shop.example", dns.TypeTXT)
	if err != nil || seen.Proxy == "" || !strings.Contains(strings.Join(seen.Silent, " "), "is not called") {
		t.Errorf("their addresses are not called: %+v, %v", seen, err)
	}
	unknown := s.look(t, "elsewhere.test", dns.TypeTXT)
	if len(unknown.Views) != 1 || !unknown.Views[0].Empty() || len(unknown.Silent) != 0 {
		t.Errorf("no servers are known: %+v", unknown)
	}
}

func TestAuthorityLameServer(t *testing.T) {
	t.Parallel()
	on := peers.Loopback(t)
	port, _ := strconv.Atoi(on.Port)
	addr := on.Next()
	lame := testkit.DNSAt(t, net.JoinHostPort(addr, on.Port), `shop.example. 60 IN TXT "stale"`)
	lame.Lame()
	resolver := testkit.DNS(t, "shop.example. NS ns1.example.\nns1.example. A "+addr+"\nshop.example. TXT \"right\"\n")
	authority := NewAuthority(AuthorityConfig{Resolver: NewResolver([]string{resolver.Addr}, time.Second), Port: port})
	seen, err := authority.Visit().Look(t.Context(), "shop.example", dns.TypeTXT)
	if err != nil || seen.Views[0].Texts()[0] != "right" || !strings.Contains(seen.Silent[0], "does not serve it") {
		t.Errorf("%+v, %v", seen, err)
	}
}

// A server that is silent is waited for once in a visit, not for every name.
func TestAuthorityWaitsOnce(t *testing.T) {
	t.Parallel()
	on := peers.Loopback(t)
	port, _ := strconv.Atoi(on.Port)
	addr := on.Next()
	mute := testkit.DNSAt(t, net.JoinHostPort(addr, on.Port), "")
	for i := range 20 {
		mute.Mute(fmt.Sprintf("n%d.shop.example", i))
	}
	resolver := testkit.DNS(t, "shop.example. NS ns1.example.\nns1.example. A "+addr+"\n")
	visit := NewAuthority(AuthorityConfig{Resolver: NewResolver([]string{resolver.Addr}, time.Second), Port: port, Timeout: 100 * time.Millisecond}).Visit()
	for i := range 20 {
		seen, err := visit.Look(t.Context(), fmt.Sprintf("n%d.shop.example", i), dns.TypeTXT)
		if err != nil || len(seen.Silent) != 1 || seen.Silent[0] != "ns1.example: no answer" {
			t.Fatalf("%+v, %v", seen, err)
		}
	}
	for i := 1; i < 20; i++ {
		if n := mute.Asked(fmt.Sprintf("n%d.shop.example", i)); n != 0 {
			t.Errorf("asked %d times about n%d after it had said nothing", n, i)
		}
	}
}

// Aliases are followed from zone to zone, and circles of them end.
func TestAuthorityFollowsAliases(t *testing.T) {
	t.Parallel()
	loop := "a.shop.example. 60 IN CNAME b.shop.example.\nb.shop.example. 60 IN CNAME a.shop.example.\n"
	zone := loop + "k.shop.example. 60 IN CNAME label.desk.example.\nlabel.desk.example. 60 IN TXT \"key\"\ngone.shop.example. 60 IN CNAME nothing.desk.example.\n"
	s := newZoneServers(t, twoServers+"desk.example. 60 IN NS ns2.example.\n", zone, zone)
	seen := s.look(t, "k.shop.example", dns.TypeTXT)
	if len(seen.Views) != 1 || !slices.Equal(seen.Views[0].Chain, []string{"label.desk.example"}) || seen.Views[0].Texts()[0] != "key" || len(seen.Servers()) != 2 {
		t.Errorf("%+v", seen)
	}
	seen = s.look(t, "gone.shop.example", dns.TypeTXT)
	if len(seen.Views) != 1 || !slices.Equal(seen.Views[0].Chain, []string{"nothing.desk.example"}) || !seen.Views[0].Empty() {
		t.Errorf("an alias that leads nowhere: %+v", seen)
	}
	if _, err := s.Visit().Look(t.Context(), "a.shop.example", dns.TypeTXT); err == nil || IsNotFound(err) {
		t.Errorf("a circle: %v", err)
	}
}

func TestAuthorityWithoutAnybody(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	authority := NewAuthority(AuthorityConfig{Resolver: NewResolver([]string{"127.0.0.1:1"}, 200*time.Millisecond)})
	if _, err := authority.Visit().Look(ctx, "shop.example", dns.TypeTXT); err == nil || IsNotFound(err) {
		t.Errorf("%v", err)
	}
}

// A real Knot and a real Unbound: delegation, denial, long answers over TCP, aliases into another zone.
func TestAuthorityOfKnot(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 250)
	var texts strings.Builder
	for i := range 8 {
		fmt.Fprintf(&texts, "long TXT \"%d %s\"\n", i, long)
	}
	world := peers.NewDNS(t,
		peers.Zone{Name: "shop.example.", Records: texts.String() + "postern1._domainkey CNAME label.dkim.example.\n@ MX 10 mail.desk.example.\n@ TXT \"v=spf1 -all\"\n*.wild TXT any\n"},
		peers.Zone{Name: "dkim.example.", DNSSEC: peers.Unsigned, Records: "label TXT \"v=DKIM1; k=rsa; p=AAAA\"\n"})
	authority := NewAuthority(AuthorityConfig{Resolver: NewResolver([]string{world.Resolver}, 5*time.Second), Port: portOf(t, world.Authority)})
	visit := authority.Visit()
	for _, c := range []struct {
		name  string
		kind  uint16
		count int
		chain string
	}{
		{"shop.example", dns.TypeTXT, 1, ""},
		{"shop.example", dns.TypeMX, 1, ""},
		{"long.shop.example", dns.TypeTXT, 8, ""},
		{"postern1._domainkey.shop.example", dns.TypeTXT, 1, "label.dkim.example"},
		{"postern2._domainkey.shop.example", dns.TypeTXT, 0, ""},
		{"x.y.wild.shop.example", dns.TypeTXT, 1, ""},
		{"nobody.example", dns.TypeTXT, 0, ""},
	} {
		seen, err := visit.Look(t.Context(), c.name, c.kind)
		if err != nil || len(seen.Views) != 1 {
			t.Errorf("%s: %+v, %v", c.name, seen, err)
			continue
		}
		view := seen.Views[0]
		if len(view.Texts())+len(view.Hosts()) != c.count || strings.Join(view.Chain, " ") != c.chain || !slices.Equal(view.Servers, []string{"ns.example"}) {
			t.Errorf("%s: %+v (proxy %q, silent %q)", c.name, view, seen.Proxy, seen.Silent)
		}
	}
	if !visit.registered(t.Context(), "shop.example") || visit.registered(t.Context(), "nobody-holds-this.example") {
		t.Error("who is registered is not who is in the zone")
	}
}

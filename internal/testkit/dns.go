package testkit

import (
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// DNSServer is an authoritative-looking name server on loopback, over UDP and TCP, that answers from a zone text. Names that the zone does not hold do not exist.
type DNSServer struct {
	Addr string // host:port, as POSTERN_DNS takes it

	mu      sync.Mutex
	zone    map[string][]dns.RR
	failing map[string]int // rcode by name
	mute    map[string]bool
	asked   map[string]int
	lame    bool
}

// DNS starts a server for the zone (RFC 1035 §5.1 syntax; names without a final dot are absolute too) and stops it with the test.
func DNS(t testing.TB, zone string) *DNSServer {
	t.Helper()
	packets, stream := listenBoth(t)
	return serveDNS(t, packets, stream, zone)
}

// DNSAt is DNS at an address of loopback, host:port, so that several name servers can share a port.
func DNSAt(t testing.TB, addr, zone string) *DNSServer {
	t.Helper()
	packets, err := net.ListenPacket("udp", addr)
	if err != nil {
		t.Fatalf("listening for DNS: %v", err)
	}
	stream, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatalf("listening for DNS: %v", err)
	}
	return serveDNS(t, packets, stream, zone)
}

func serveDNS(t testing.TB, packets net.PacketConn, stream net.Listener, zone string) *DNSServer {
	t.Helper()
	s := &DNSServer{Addr: packets.LocalAddr().String(), failing: map[string]int{}, mute: map[string]bool{}, asked: map[string]int{}}
	s.Set(t, zone)
	for _, server := range []*dns.Server{{PacketConn: packets, Handler: s}, {Listener: stream, Handler: s}} {
		ready := make(chan struct{})
		server.NotifyStartedFunc = func() { close(ready) }
		go server.ActivateAndServe() //nolint:errcheck // ends with the test
		<-ready
		t.Cleanup(func() { _ = server.Shutdown() })
	}
	return s
}

// listenBoth finds a port that is free for UDP and for TCP.
func listenBoth(t testing.TB) (net.PacketConn, net.Listener) {
	t.Helper()
	for range 20 {
		packets, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatalf("listening for DNS: %v", err)
		}
		stream, err := net.Listen("tcp", packets.LocalAddr().String())
		if err == nil {
			return packets, stream
		}
		_ = packets.Close()
	}
	t.Fatal("no port is free for both UDP and TCP")
	return nil, nil
}

// Set replaces the whole zone.
func (s *DNSServer) Set(t testing.TB, zone string) {
	t.Helper()
	records := map[string][]dns.RR{}
	parser := dns.NewZoneParser(strings.NewReader(zone+"\n"), ".", "zone")
	parser.SetDefaultTTL(60)
	for record, ok := parser.Next(); ok; record, ok = parser.Next() {
		name := spelled(t, dns.CanonicalName(record.Header().Name))
		records[name] = append(records[name], record)
	}
	if err := parser.Err(); err != nil {
		t.Fatalf("reading the test's zone: %v", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.zone = records
}

// spelled brings a name with odd octets into the one spelling that questions come in.
func spelled(t testing.TB, name string) string {
	t.Helper()
	wire := make([]byte, 256)
	if _, err := dns.PackDomainName(name, wire, 0, nil, false); err != nil {
		t.Fatalf("the test's zone has the name %q: %v", name, err)
	}
	same, _, err := dns.UnpackDomainName(wire, 0)
	if err != nil {
		t.Fatalf("the test's zone has the name %q: %v", name, err)
	}
	return same
}

// Fail makes every question for a name end in SERVFAIL.
func (s *DNSServer) Fail(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failing[dns.Fqdn(strings.ToLower(name))] = dns.RcodeServerFailure
}

// Mute makes every question for a name go unanswered, so that the asker runs into its timeout.
func (s *DNSServer) Mute(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mute[dns.Fqdn(strings.ToLower(name))] = true
}

// Heal ends Fail and Mute for a name.
func (s *DNSServer) Heal(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.failing, dns.Fqdn(strings.ToLower(name)))
	delete(s.mute, dns.Fqdn(strings.ToLower(name)))
}

// Lame makes the server say that it is no authority for what it answers.
func (s *DNSServer) Lame() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lame = true
}

// Asked returns how many questions came for a name.
func (s *DNSServer) Asked(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[dns.Fqdn(strings.ToLower(name))]
}

// ServeDNS implements dns.Handler.
func (s *DNSServer) ServeDNS(w dns.ResponseWriter, query *dns.Msg) {
	reply := new(dns.Msg)
	reply.SetReply(query)
	reply.RecursionAvailable = true
	name, kind := dns.CanonicalName(query.Question[0].Name), query.Question[0].Qtype
	s.mu.Lock()
	s.asked[name]++
	mute, rcode := s.mute[name], s.failing[name]
	reply.Authoritative = !s.lame && !query.RecursionDesired
	if rcode == 0 {
		reply.Answer, rcode = s.answer(name, kind)
		if len(reply.Answer) == 0 {
			reply.Ns = s.authority(name)
		}
	}
	s.mu.Unlock()
	if mute {
		return
	}
	reply.Rcode = rcode
	if w.RemoteAddr().Network() == "udp" {
		size := dns.MinMsgSize
		if edns := query.IsEdns0(); edns != nil {
			size = int(edns.UDPSize())
		}
		reply.Truncate(size)
	}
	_ = w.WriteMsg(reply)
}

// authority is the SOA record of the zone that a name is in, with which a server says how long there is nothing (RFC 2308 §3). A zone text without one has none.
func (s *DNSServer) authority(name string) []dns.RR {
	for {
		for _, record := range s.zone[name] {
			if record.Header().Rrtype == dns.TypeSOA {
				return []dns.RR{record}
			}
		}
		next, end := dns.NextLabel(name, 0)
		if end {
			return nil
		}
		name = name[next:]
	}
}

// answer finds the records of a name, following aliases as a recursive server does.
func (s *DNSServer) answer(name string, kind uint16) ([]dns.RR, int) {
	var found []dns.RR
	for range 10 {
		records, known := s.zone[name]
		if !known {
			for other := range s.zone {
				if strings.HasSuffix(other, "."+name) {
					return found, dns.RcodeSuccess // an empty non-terminal exists (RFC 8020)
				}
			}
			return found, dns.RcodeNameError
		}
		alias := ""
		for _, record := range records {
			if record.Header().Rrtype == kind {
				found = append(found, record)
			} else if cname, ok := record.(*dns.CNAME); ok {
				found, alias = append(found, record), dns.CanonicalName(cname.Target)
			}
		}
		if alias == "" {
			break
		}
		name = alias
	}
	return found, dns.RcodeSuccess
}

// Deadline for anything a test waits for: far beyond what a loaded machine needs, so that reaching it means a bug.
const patience = 20 * time.Second

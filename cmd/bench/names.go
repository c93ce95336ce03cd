package main

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/net/dns/dnsmessage"

	"postern/domains"
)

// clients is how many addresses the senders come from, as the PROXY protocol tells it: SPF and names of clients are checked for addresses of others only.
const clients = 50

// clientAddr is the address of a client, out of the network for documentation (RFC 5737).
func clientAddr(i int) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, byte(1 + i%clients)}) }

// clientNetwork holds them all.
const clientNetwork = "192.0.2.0/24"

// clientName is what a client calls itself, and what its address is called.
func clientName(i int) string { return fmt.Sprintf("mx%d.client.example", 1+i%clients) }

// customer is the domain of a sender.
func customer(i uint64) string { return fmt.Sprintf("customer%d.example", i) }

// timeToLive of every record, in seconds: askers keep answers for as long as they keep any.
const timeToLive = 3600

// zone is every record that there is, one for each name and type. A name without records is one above others.
type zone map[string]map[dnsmessage.Type]dnsmessage.ResourceBody

func (z zone) add(name string, body dnsmessage.ResourceBody) {
	kind := dnsmessage.TypeTXT
	switch body.(type) {
	case *dnsmessage.AResource:
		kind = dnsmessage.TypeA
	case *dnsmessage.PTRResource:
		kind = dnsmessage.TypePTR
	case *dnsmessage.MXResource:
		kind = dnsmessage.TypeMX
	}
	for at, rest, more := name, "", true; more; at = rest {
		if z[at] == nil {
			z[at] = map[dnsmessage.Type]dnsmessage.ResourceBody{}
		}
		_, rest, more = strings.Cut(at, ".")
	}
	z[name][kind] = body
}

// text is a TXT record: character-strings hold 255 octets each (RFC 1035 §3.3.14).
func text(s string) *dnsmessage.TXTResource {
	record := &dnsmessage.TXTResource{}
	for len(s) > 255 {
		record.TXT, s = append(record.TXT, s[:255]), s[255:]
	}
	record.TXT = append(record.TXT, s)
	return record
}

// newZone publishes what senders of signed mail publish: which addresses send for them, their keys, and that DMARC applies to them. Clients have names that lead back to them.
func newZone(keys []domains.Key) (zone, error) {
	z := zone{}
	for _, key := range keys {
		z.add(key.Domain, text("v=spf1 ip4:"+clientNetwork+" -all"))
		z.add("_dmarc."+key.Domain, text("v=DMARC1; p=none"))
		z.add(key.Selector+"._domainkey."+key.Domain, text("v=DKIM1; k=rsa; p="+key.Public))
	}
	for i := range clients {
		addr := clientAddr(i).As4()
		name, err := dnsmessage.NewName(clientName(i) + ".")
		if err != nil {
			return nil, fmt.Errorf("zone: %w", err)
		}
		z.add(clientName(i), &dnsmessage.AResource{A: addr})
		z.add(fmt.Sprintf("%d.%d.%d.%d.in-addr.arpa", addr[3], addr[2], addr[1], addr[0]), &dnsmessage.PTRResource{PTR: name})
	}
	return z, nil
}

// nameServer is the only DNS that Postern sees: what it answers to everything else is that there is no such name. It answers over UDP; no record is too long for that. Its CPU is nobody's.
type nameServer struct {
	conn  net.PacketConn
	mu    sync.Mutex
	zone  zone
	asked atomic.Int64 // questions: few of them, once the askers know the answers
}

func startNames(keys []domains.Key) (*nameServer, error) {
	z, err := newZone(keys)
	if err != nil {
		return nil, err
	}
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	server := &nameServer{conn: conn, zone: z}
	go server.serve()
	return server, nil
}

func (s *nameServer) addr() string { return s.conn.LocalAddr().String() }
func (s *nameServer) stop() error  { return s.conn.Close() }

// publish adds a record while the server runs.
func (s *nameServer) publish(name string, body dnsmessage.ResourceBody) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.zone.add(name, body)
}

// publishMX says which host takes mail for a domain.
func (s *nameServer) publishMX(domain, host string) error {
	name, err := dnsmessage.NewName(host + ".")
	if err == nil {
		s.publish(domain, &dnsmessage.MXResource{Pref: 10, MX: name})
	}
	return err
}

// serve ends when the socket is closed. What is no question gets no answer.
func (s *nameServer) serve() {
	packet := make([]byte, 4096)
	for {
		n, from, err := s.conn.ReadFrom(packet)
		if err != nil {
			return
		}
		s.asked.Add(1)
		if reply, err := s.reply(packet[:n]); err == nil {
			_, _ = s.conn.WriteTo(reply, from) // who does not get it asks again
		}
	}
}

// reply answers one question. That there is nothing comes with how long that may be believed (RFC 2308 §3).
func (s *nameServer) reply(query []byte) ([]byte, error) {
	var parser dnsmessage.Parser
	header, err := parser.Start(query)
	if err != nil {
		return nil, err
	}
	question, err := parser.Question()
	if err != nil {
		return nil, err
	}
	reply := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: header.ID, Response: true, Authoritative: true, RecursionDesired: header.RecursionDesired, RecursionAvailable: true},
		Questions: []dnsmessage.Question{question},
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	records, known := s.zone[strings.ToLower(strings.TrimSuffix(question.Name.String(), "."))]
	if body, has := records[question.Type]; has {
		reply.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: question.Name, Class: dnsmessage.ClassINET, TTL: timeToLive}, Body: body}}
		return reply.Pack()
	}
	if !known {
		reply.RCode = dnsmessage.RCodeNameError
	}
	root, err := dnsmessage.NewName(".")
	if err != nil {
		return nil, err
	}
	reply.Authorities = []dnsmessage.Resource{{
		Header: dnsmessage.ResourceHeader{Name: root, Class: dnsmessage.ClassINET, TTL: timeToLive},
		Body:   &dnsmessage.SOAResource{NS: root, MBox: root, Serial: 1, Refresh: timeToLive, Retry: timeToLive, Expire: timeToLive, MinTTL: timeToLive},
	}}
	return reply.Pack()
}

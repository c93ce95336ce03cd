package domains

import (
	"net/netip"
	"testing"

	"github.com/miekg/dns"
)

// Whatever a stranger's name server says, through a resolver that passed it on, it is read or refused: what is read belongs to the question, and is bounded by what was said.
func FuzzAnswer(f *testing.F) {
	for _, text := range []string{
		"a.example. 60 IN TLSA 3 1 1 0123456789abcdef", "a.example. 60 IN CNAME b.example.", "a.example. 60 IN MX 10 b.example.", "a.example. 60 IN TXT \"v=STSv1; id=1\"", "a.example. 60 IN AAAA ::1",
	} {
		record, err := dns.NewRR(text)
		if err != nil {
			f.Fatal(err)
		}
		reply := new(dns.Msg)
		reply.SetQuestion("a.example.", record.Header().Rrtype)
		reply.Response, reply.Answer = true, []dns.RR{record}
		wire, err := reply.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wire)
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		reply := new(dns.Msg)
		if reply.Unpack(wire) != nil {
			return
		}
		refusal := refusalOf("192.0.2.1:53", reply)
		if refusal.Error() == "" || IsNotFound(refusal) {
			t.Errorf("a refusal without a word: %v", refusal)
		}
		for _, kind := range []uint16{dns.TypeTLSA, dns.TypeCNAME, dns.TypeMX, dns.TypeTXT, dns.TypeA, dns.TypeAAAA} {
			records, target := pick(reply.Answer, dns.Question{Name: "a.example.", Qtype: kind, Qclass: dns.ClassINET})
			found := decode(records)
			if target == "" || len(records) > len(reply.Answer) || len(found.keys)+len(found.texts)+len(found.exchangers)+len(found.names)+len(found.addrs) > len(records) {
				t.Errorf("%d records become %+v", len(records), found)
			}
			for _, key := range found.keys {
				if len(key.Data) > len(wire) {
					t.Errorf("%d octets of key in %d", len(key.Data), len(wire))
				}
			}
			if len(found.addrs) > 0 && found.addrs[0] == (netip.Addr{}) {
				t.Error("an address that is none")
			}
		}
	})
}

package peers

import (
	"testing"

	"github.com/miekg/dns"
)

// What a resolver says of a zone must be what the tests of DANE take it for.
func TestZonesAreSecureInsecureAndBogus(t *testing.T) {
	t.Parallel()
	records := "host A 127.0.0.1\n_25._tcp.host TLSA 3 1 1 0000000000000000000000000000000000000000000000000000000000000000\n"
	signed := Zone{Name: "signed.example.", Records: records + "_25._tcp.torn CNAME x.bogus.example.\n"}
	d := NewDNS(t, signed, Zone{Name: "plain.example.", DNSSEC: Unsigned, Records: records}, Zone{Name: "bogus.example.", DNSSEC: Bogus, Records: records})
	for _, test := range []struct {
		name   string
		kind   uint16
		rcode  int
		secure bool
		found  int
	}{
		{"host.signed.example", dns.TypeA, dns.RcodeSuccess, true, 1},
		{"_25._tcp.host.signed.example", dns.TypeTLSA, dns.RcodeSuccess, true, 1},
		{"_25._tcp.nobody.signed.example", dns.TypeTLSA, dns.RcodeNameError, true, 0}, // a denial is proved too
		{"host.signed.example", dns.TypeAAAA, dns.RcodeSuccess, true, 0},
		{"host.plain.example", dns.TypeA, dns.RcodeSuccess, false, 1},
		{"_25._tcp.host.plain.example", dns.TypeTLSA, dns.RcodeSuccess, false, 1},
		{"host.bogus.example", dns.TypeA, dns.RcodeServerFailure, false, 0},
		{"_25._tcp.torn.signed.example", dns.TypeTLSA, dns.RcodeServerFailure, false, 0},
		{"mail.outside.test", dns.TypeA, dns.RcodeNameError, false, 0},
	} {
		answer, err := d.ask(test.name, test.kind)
		if err != nil {
			t.Errorf("%s %s: %v", test.name, dns.TypeToString[test.kind], err)
			continue
		}
		found := 0
		for _, record := range answer.Answer {
			if record.Header().Rrtype == test.kind {
				found++
			}
		}
		if answer.Rcode != test.rcode || answer.AuthenticatedData != test.secure || found != test.found {
			t.Errorf("%s %s: %s, secure %t, %d records", test.name, dns.TypeToString[test.kind], dns.RcodeToString[answer.Rcode], answer.AuthenticatedData, found)
		}
	}
	signed.Records = "host A 127.0.0.2\n"
	d.Set(t, signed)
	answer, err := d.ask("host.signed.example", dns.TypeA)
	if err != nil || len(answer.Answer) == 0 || answer.Answer[0].(*dns.A).A.String() != "127.0.0.2" || !answer.AuthenticatedData {
		t.Errorf("after a change: %v, %v", answer, err)
	}
}

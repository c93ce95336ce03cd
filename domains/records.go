package domains

import (
	"fmt"
	"strings"

	"postern/desk"
)

// What a record is for: the values of desk.Record.Purpose.
const (
	PurposeRSA     = "dkim-rsa"     // the RSA key (RFC 6376 §3.6)
	PurposeEd25519 = "dkim-ed25519" // the Ed25519 key (RFC 8463)
	PurposeSPF     = "spf"          // who may send (RFC 7208)
	PurposeDMARC   = "dmarc"        // what receivers shall do with forgeries (RFC 9989)
	PurposeMX      = "mx"           // where mail for the domain goes (RFC 5321 §5)

	PurposeSTS       = "mta-sts"      // that there is a policy on TLS, and which (RFC 8461 §3.1)
	PurposeSTSHost   = "mta-sts-host" // where the policy is fetched (RFC 8461 §3.3)
	PurposeTLSReport = "tls-rpt"      // who is told whether TLS works (RFC 8460 §3)
)

// zoneTTL is an hour: long enough for caches, short enough to mend a mistake the same morning.
const zoneTTL = 3600

// Records says what the DNS has to hold for a domain that sends through hostname with these keys. The keys are required, for without them signatures do not verify;
// the others are advice: an owner may have good reasons to say it differently, and Verify accepts that.
func Records(domain, hostname string, keys []Key) []desk.Record {
	records := make([]desk.Record, 0, len(keys)+3)
	for _, key := range keys {
		purpose := PurposeRSA
		if key.Algorithm == Ed25519 {
			purpose = PurposeEd25519
		}
		records = append(records, desk.Record{
			Purpose: purpose, Type: "TXT", Required: true,
			Name:   key.Selector + "._domainkey." + key.Domain,
			Wanted: "v=DKIM1; k=" + key.Algorithm.keyType() + "; p=" + key.Public,
		})
	}
	return append(records,
		desk.Record{Purpose: PurposeSPF, Type: "TXT", Name: domain, Wanted: "v=spf1 a:" + hostname + " ~all"},
		desk.Record{Purpose: PurposeDMARC, Type: "TXT", Name: "_dmarc." + domain, Wanted: "v=DMARC1; p=none; rua=mailto:postmaster@" + domain}, // whose reports Postern reads
		desk.Record{Purpose: PurposeMX, Type: "MX", Name: domain, Wanted: "10 " + hostname},
	)
}

// ZoneLine writes the wanted record as one line of a zone file (RFC 1035 §5.1), ready to be pasted: text is cut into strings of at most 255 octets (§3.3.14), names end in a dot.
func ZoneLine(record desk.Record) string {
	value := record.Wanted
	switch record.Type {
	case "TXT":
		value = quoteText(value)
	default:
		value += "."
	}
	return fmt.Sprintf("%s. %d IN %s %s", record.Name, zoneTTL, record.Type, value)
}

func quoteText(text string) string {
	const longest = 255
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	var parts []string
	for len(text) > longest {
		parts, text = append(parts, `"`+escape.Replace(text[:longest])+`"`), text[longest:]
	}
	return strings.Join(append(parts, `"`+escape.Replace(text)+`"`), " ")
}

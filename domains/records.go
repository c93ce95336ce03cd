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

// advice are the records that an owner may have good reasons to say differently: Preflight accepts that, and makes its advice from what is there.
func advice(w Wish) []desk.Record {
	from := sender{host: w.Hostname}
	if w.Smarthost != "" {
		from = sender{host: w.Smarthost, relay: true}
	}
	records := []desk.Record{
		{Purpose: PurposeSPF, Type: "TXT", Name: w.Domain, Wanted: freshSPF(from)},
		{Purpose: PurposeDMARC, Type: "TXT", Name: "_dmarc." + w.Domain, Wanted: freshDMARC(w.Domain)},
		{Purpose: PurposeMX, Type: "MX", Name: w.Domain, Wanted: "10 " + w.mxHosts()[0]},
	}
	if w.STS == desk.STSTesting || w.STS == desk.STSEnforce {
		_, id := STSPolicy(w.STS, w.mxHosts(), STSMaxAge(w.STS))
		records = append(records,
			desk.Record{Purpose: PurposeSTS, Type: "TXT", Name: STSRecordName(w.Domain), Wanted: STSRecord(id)},
			desk.Record{Purpose: PurposeSTSHost, Type: "CNAME", Name: STSHost(w.Domain), Wanted: w.webHost()},
		)
	}
	return append(records, desk.Record{Purpose: PurposeTLSReport, Type: "TXT", Name: "_smtp._tls." + w.Domain, Wanted: freshTLSReport(w.Domain)})
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

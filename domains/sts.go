package domains

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"postern/desk"
)

// The names of MTA-STS (RFC 8461 §3.1 and §3.3): the record that says there is a policy, and the host and the path where it is.
const (
	stsLabel  = "_mta-sts."
	stsHost   = "mta-sts."
	STSPath   = "/.well-known/mta-sts.txt" // the one path of a policy host
	stsIDSize = 32                         // RFC 8461 §3.1: 1*32(ALPHA / DIGIT)
)

// How long senders may keep a policy. RFC 8461 §3.2 bounds it to 31557600 seconds and says that longer protects better. While it is only tried, or when it shall be forgotten (§8.3), a day is
// enough; an enforced one is kept for two weeks, so that whoever can suppress its record has to do so for longer than that.
const (
	stsTrial   = 24 * time.Hour
	stsEnforce = 14 * 24 * time.Hour
	stsLongest = 31557600 * time.Second
)

// STSRecordName is the name of the TXT record that says that a domain has a policy: _mta-sts.example.com (RFC 8461 §3.1).
func STSRecordName(domain string) string { return stsLabel + domain }

// STSHost is the host that serves the policy of a domain: mta-sts.example.com (RFC 8461 §3.3).
func STSHost(domain string) string { return stsHost + domain }

// STSDomain is the domain whose policy a host serves, the way back from STSHost. It says false for other hosts. The name is compared as it stands: lower case, without a final dot.
func STSDomain(host string) (domain string, ok bool) {
	domain, ok = strings.CutPrefix(host, stsHost)
	return domain, ok && domain != ""
}

// IsSTSHost says whether a host has the name of one that serves a policy.
func IsSTSHost(host string) bool {
	_, is := STSDomain(host)
	return is
}

// STSMaxAge is how long senders may keep a policy of that mode.
func STSMaxAge(mode desk.STSMode) time.Duration {
	if mode == desk.STSEnforce {
		return stsEnforce
	}
	return stsTrial
}

// STSPolicy is the text of an MTA-STS policy (RFC 8461 §3.2), and the id that its TXT record carries (§3.1). mx are the names of the hosts that take the domain's mail, as its MX records
// name them; their order does not matter. The id follows from the text alone: whoever changes the policy changes the record, and every machine of an installation gives the same.
//
// A domain whose policy is off has one of mode none: senders who ask are told to forget what they kept (§8.3), and nobody asks who does not find the record. maxAge is held within what the RFC allows.
func STSPolicy(mode desk.STSMode, mx []string, maxAge time.Duration) (text, id string) {
	hosts := make([]string, 0, len(mx))
	for _, host := range mx {
		hosts = append(hosts, strings.ToLower(strings.TrimSuffix(host, ".")))
	}
	slices.Sort(hosts)
	var b strings.Builder
	b.WriteString("version: STSv1\r\n")
	switch mode {
	case desk.STSTesting, desk.STSEnforce:
		fmt.Fprintf(&b, "mode: %s\r\n", mode)
		for _, host := range slices.Compact(hosts) {
			fmt.Fprintf(&b, "mx: %s\r\n", host)
		}
	default:
		b.WriteString("mode: none\r\n") // §3.2: mx may be left out of it
	}
	fmt.Fprintf(&b, "max_age: %d\r\n", int64(min(max(maxAge, 0), stsLongest)/time.Second))
	text = b.String()
	sum := sha256.Sum256([]byte(text))
	return text, hex.EncodeToString(sum[:])[:stsIDSize]
}

// STSRecord is the text of the TXT record at STSRecordName (RFC 8461 §3.1).
func STSRecord(id string) string { return "v=STSv1; id=" + id + ";" }

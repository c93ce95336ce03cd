package desk

import (
	"slices"
	"strings"
	"time"
)

// TLSRule is what an admin asks of connections to a destination, beyond what its own domain publishes. The words are part of the API.
type TLSRule string

const (
	TLSOpportunistic TLSRule = "opportunistic" // as its domain publishes: DANE or MTA-STS where they are there, else TLS where it is offered
	TLSEncrypt       TLSRule = "encrypt"       // TLS, whoever answers, or nothing
	TLSVerify        TLSRule = "verify"        // TLS with a server that proves itself, or nothing
	TLSRequire       TLSRule = "requiretls"    // that, and every hop behind it as well (RFC 8689)
)

// TLSRules lists every rule.
var TLSRules = []TLSRule{TLSOpportunistic, TLSEncrypt, TLSVerify, TLSRequire}

// Valid says whether r is one of TLSRules.
func (r TLSRule) Valid() bool { return slices.Contains(TLSRules, r) }

const (
	MostDestinations   = 1000  // rules
	MostConnections    = 100   // that a rule may allow at a time
	MostPerMinute      = 60000 // mails that a rule may allow
	DefaultConnections = 10    // at a time to one destination, where no rule says otherwise
)

// AnyDestination is the pattern of the rule for destinations that have none of their own.
const AnyDestination = "*"

// Destination is a rule for mail that leaves for a domain.
type Destination struct {
	Pattern     string    `json:"pattern" db:"pattern"` // a domain, *.domain for all below it, or * for all that have no rule of their own; canonical
	TLS         TLSRule   `json:"tls" db:"tls"`
	Connections int       `json:"connections" db:"connections"` // at a time, of each process; 0: DefaultConnections
	PerMinute   int       `json:"per_minute" db:"per_minute"`   // mails, of each process; 0: no limit
	Note        string    `json:"note" db:"note"`
	CreatedBy   string    `json:"created_by" db:"created_by"`
	CreatedAt   time.Time `json:"created_at" db:"created_at"`
}

// AtOnce is how many connections may be open at a time.
func (d Destination) AtOnce() int {
	if d.Connections == 0 {
		return DefaultConnections
	}
	return d.Connections
}

// Destinations is the rules as they are asked. The zero value has none.
type Destinations map[string]Destination

// NewDestinations makes rules ready to be asked.
func NewDestinations(list []Destination) Destinations {
	rules := make(Destinations, len(list))
	for _, one := range list {
		rules[one.Pattern] = one
	}
	return rules
}

// Match finds the rule for a domain, in canonical form: its own, else that of the nearest *.parent, else that for any. Where there is none, the pattern of what it returns is empty.
func (rules Destinations) Match(domain string) Destination {
	if len(rules) == 0 {
		return Destination{TLS: TLSOpportunistic}
	}
	if rule, ok := rules[domain]; ok {
		return rule
	}
	for parent := domain; ; {
		_, rest, found := strings.Cut(parent, ".")
		if !found {
			break
		}
		if rule, ok := rules["*."+rest]; ok {
			return rule
		}
		parent = rest
	}
	if rule, ok := rules[AnyDestination]; ok {
		return rule
	}
	return Destination{TLS: TLSOpportunistic}
}

// CanonicalDestination checks the pattern of a rule and returns the form in which it is stored.
func CanonicalDestination(text string) (string, error) {
	pattern := Canonical(text)
	if pattern != "*." {
		pattern = strings.TrimSuffix(pattern, ".")
	}
	domain := strings.TrimPrefix(pattern, "*.")
	if pattern == AnyDestination || !strings.ContainsAny(domain, "@*") && strings.Contains(domain, ".") && ValidAddress("x@"+domain) {
		return pattern, nil
	}
	return "", Wrong("pattern", "%q is no destination: write a domain, *.domain for all below it, or * for all without a rule of their own", text)
}

package desk

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// RuleAction is what a sender rule does. The words are part of the API.
type RuleAction string

const (
	RuleAllow   RuleAction = "allow"   // past the spam filter, the limits and the other rules; never past authentication or malware
	RuleSuspend RuleAction = "suspend" // held back as 'blocked-sender'
	RuleReject  RuleAction = "reject"  // refused at SMTP with 550
)

// RuleActions lists every action.
var RuleActions = []RuleAction{RuleAllow, RuleSuspend, RuleReject}

// MostRules bounds the block and allow lists together.
const MostRules = 10_000

// SenderRule is one line of the block and allow lists.
type SenderRule struct {
	ID        int64      `json:"id" db:"id"`
	Pattern   string     `json:"pattern" db:"pattern"` // an address, a domain, *.domain, or a network in CIDR notation; canonical
	Action    RuleAction `json:"action" db:"action"`
	Note      string     `json:"note" db:"note"`
	CreatedBy string     `json:"created_by" db:"created_by"`
	CreatedAt time.Time  `json:"created_at" db:"created_at"`
	ExpiresAt *time.Time `json:"expires_at" db:"expires_at"` // nil: never
}

// Rules is the block and allow lists as they are asked: by exact keys, and by the few networks. The zero value has no rule.
type Rules struct {
	named    map[string]SenderRule // by address, domain or *.domain
	networks []networkRule
}

type networkRule struct {
	network netip.Prefix
	rule    SenderRule
}

// NewRules makes the lists ready to be asked. A rule whose pattern cannot be read is left out: CheckPattern keeps such from being stored.
func NewRules(list []SenderRule) *Rules {
	r := &Rules{named: make(map[string]SenderRule, len(list))}
	for _, rule := range list {
		if network, ok := parseNetwork(rule.Pattern); ok {
			r.networks = append(r.networks, networkRule{network, rule})
			continue
		}
		r.named[rule.Pattern] = rule
	}
	return r
}

// Sender is who a mail comes from, as the rules see it.
type Sender struct {
	From     string     // canonical address in the From field
	MailFrom string     // canonical reverse-path; empty for the null sender
	IP       netip.Addr // of the client; not valid for mail that did not come over the network
	Proved   bool       // that it is From who wrote: only then an allowing rule counts that names an address or a domain, since anybody can write any name
}

// Match finds the rule that decides about a sender: an allowing one before one that refuses, that before one that suspends, as the worst that somebody asked for.
// A rule that allows a name counts for a proved sender only; a network needs no proof.
func (r *Rules) Match(s Sender, now time.Time) (SenderRule, bool) {
	if r == nil {
		return SenderRule{}, false
	}
	var best SenderRule
	weight := map[RuleAction]int{RuleAllow: 3, RuleReject: 2, RuleSuspend: 1}
	take := func(rule SenderRule) {
		if (rule.ExpiresAt == nil || now.Before(*rule.ExpiresAt)) && weight[rule.Action] > weight[best.Action] {
			best = rule
		}
	}
	for _, address := range []string{s.From, s.MailFrom} {
		for _, key := range keysOf(address) {
			if rule, ok := r.named[key]; ok && (s.Proved && address == s.From || rule.Action != RuleAllow) {
				take(rule)
			}
		}
	}
	if ip := s.IP.Unmap(); ip.IsValid() {
		for _, one := range r.networks {
			if one.network.Contains(ip) {
				take(one.rule)
			}
		}
	}
	return best, best.Action != ""
}

// keysOf lists the patterns that name an address: itself, its domain, and *.parent for every parent domain.
func keysOf(address string) []string {
	domain := DomainOf(address)
	if domain == "" {
		return nil
	}
	keys := []string{address, domain}
	for parent := domain; len(keys) < 20; {
		_, rest, found := strings.Cut(parent, ".")
		if !found {
			break
		}
		keys = append(keys, "*."+rest)
		parent = rest
	}
	return keys
}

// CanonicalPattern checks the pattern of a rule and returns the form in which it is stored.
func CanonicalPattern(text string) (string, error) {
	pattern := Canonical(text)
	if network, ok := parseNetwork(pattern); ok {
		return network.String(), nil
	}
	domain := strings.TrimPrefix(pattern, "*.")
	switch {
	case strings.Contains(pattern, "@") && ValidAddress(pattern) && !strings.Contains(pattern, "*"):
		return pattern, nil
	case !strings.Contains(pattern, "@") && strings.Contains(domain, ".") && ValidAddress("x@"+domain):
		return pattern, nil
	}
	return "", Wrong("pattern", "%q is no sender: write an address, a domain, *.domain for all below it, or a network like 192.0.2.0/24", text)
}

func parseNetwork(pattern string) (netip.Prefix, bool) {
	if network, err := netip.ParsePrefix(pattern); err == nil {
		return network.Masked(), true
	}
	if addr, err := netip.ParseAddr(pattern); err == nil {
		addr = addr.Unmap().WithZone("")
		return netip.PrefixFrom(addr, addr.BitLen()), true
	}
	return netip.Prefix{}, false
}

// Valid says whether a is one of RuleActions.
func (a RuleAction) Valid() bool { return slices.Contains(RuleActions, a) }

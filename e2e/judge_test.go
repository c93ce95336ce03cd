package e2e

import (
	"strings"
	"testing"

	"postern/internal/testkit/peers"
)

// judged says whether Postfix, as a sender, can be asked what must come of a square: this release does not know REQUIRETLS.
func (s square) judged() bool { return !strings.HasPrefix(s.column.policy, "requiretls") }

// otherwise are the situations in which Postfix does something else, which is as good, or not good enough. docs/standards.md says the same.
var otherwise = map[string]string{
	"two-hosts":          "it goes to the second host rather than in clear text to the first",
	"injected":           "it throws away what was said before the handshake, where we let the handshake fail of it: both believe nothing",
	"injected-enforce":   "likewise",
	"injected-dane":      "likewise",
	"insecure-mx":        "it heeds TLSA records behind an MX record that nobody vouches for, which RFC 7672 §2.2.1 allows and does not ask for",
	"one-host-unlisted":  "it looks for the policy's names in the certificate alone, and ours holds them all; RFC 8461 §4.1 has the host's own name compared",
	"all-hosts-unlisted": "likewise",
	"wildcard-deep":      "*.domain of a policy stands for more than one label there; RFC 8461 §4.1 says one",
}

func (s situation) judged() bool { return s.asked() && otherwise[s.name] == "" }

// patient says whether Postfix waits where we go on in clear text: after a handshake that failed it does so only with mail that is five minutes old, and tries other hosts first.
func patient(want outcome, how peers.TLSMode) bool {
	return want.state == "sent" && !want.tls && how == peers.BrokenTLS
}

// consult has Postfix, which does DANE with its own code and OpenSSL's, and MTA-STS by postfix-mta-sts-resolver, send to the same destinations: the tables are right only where it
// comes to the same outcome.
func (w *overseas) consult(t *testing.T) {
	t.Helper()
	rules, wants, hosts := map[string]string{}, map[string]outcome{}, map[string]string{}
	rule := map[string]string{"encrypt": "encrypt", "verify": "verify match=hostname servername=hostname"}
	enforced := map[string]bool{}
	var to []string
	add := func(domain, ours string, want outcome) {
		recipient := "judge@" + domain
		to, wants[recipient] = append(to, recipient), want
		if ours != "" {
			rules[domain] = rule[ours]
		}
	}
	for _, at := range squares() {
		if at.judged() {
			ours := ""
			if rule[at.column.policy] != "" {
				ours = at.column.policy
			}
			want := at.column.by[at.mode]
			if patient(want, at.mode) {
				want = outcome{state: "deferred", why: "Postfix waits before it sends in clear text"}
			}
			add(at.domain(), ours, want)
			enforced["judge@"+at.domain()] = at.column.policy == "sts-enforce"
		}
	}
	for _, at := range situations {
		if at.judged() {
			add(at.domain(), at.rule, at.want)
			hosts["judge@"+at.domain()] = w.host(at)
			enforced["judge@"+at.domain()] = strings.HasPrefix(at.policy, "enforce")
			if strings.HasPrefix(at.name, "dane-") {
				rules[at.domain()] = "dane" // which a policy of MTA-STS would take the place of, whatever RFC 8461 §2 says
			}
		}
	}
	found := peers.Judge(t, w.site, w.dns, w.policies, rules, to)
	for _, recipient := range to {
		got, want := found[recipient], wants[recipient]
		proved := want.proof == "dane" || want.proof == "pkix" && (enforced[recipient] || rules[strings.TrimPrefix(recipient, "judge@")] == rule["verify"])
		if got.State != want.state || want.state == "sent" && ((got.TLS != "") != want.tls || (got.TLS == "Verified") != proved) {
			t.Errorf("%s: Postfix makes %+v of it, the table %v: %s", recipient, got, want, want.why)
		}
		if host := hosts[recipient]; host != "" && want.state == "sent" && got.Host != host {
			t.Errorf("%s: Postfix goes to %s, the table to %s: %s", recipient, got.Host, host, want.why)
		}
	}
}

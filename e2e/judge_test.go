package e2e

import (
	"strings"
	"testing"

	"postern/internal/testkit/peers"
)

// judged says whether Postfix, as a sender, can be asked what must come of a square: it leaves MTA-STS to other programs, and this release does not know REQUIRETLS.
func (s square) judged() bool {
	return !strings.HasPrefix(s.column.policy, "sts-") && !strings.HasPrefix(s.column.policy, "requiretls")
}

// judged likewise. Where somebody injects replies before the handshake, Postfix throws them away and goes on, while we let the handshake fail of them: both believe nothing.
// Behind an MX record that nobody vouches for Postfix heeds TLSA records, which RFC 7672 §2.2.1 allows and does not ask for.
func (s situation) judged() bool {
	return s.asked() && (s.policy == "" || strings.Contains(s.name, "dane")) && !strings.HasPrefix(s.name, "injected") && s.name != "insecure-mx"
}

// patient says whether Postfix waits where we go on in clear text: after a handshake that failed it does so only with mail that is five minutes old, and tries other hosts first.
func patient(want outcome, how peers.TLSMode) bool {
	return want.state == "sent" && !want.tls && how == peers.BrokenTLS
}

// consult has Postfix, which does DANE with its own code and OpenSSL's, send to the same destinations: the tables are right only where it comes to the same outcome.
func (w *overseas) consult(t *testing.T) {
	t.Helper()
	rules, wants, hosts := map[string]string{}, map[string]outcome{}, map[string]string{}
	rule := map[string]string{"encrypt": "encrypt", "verify": "verify match=hostname servername=hostname"}
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
		}
	}
	for _, at := range situations {
		if at.judged() && at.name != "two-hosts" { // to whose second host Postfix goes rather than in clear text to the first
			add(at.domain(), at.rule, at.want)
			hosts["judge@"+at.domain()] = w.host(at)
		}
	}
	found := peers.Judge(t, w.site, w.dns, rules, to)
	for _, recipient := range to {
		got, want := found[recipient], wants[recipient]
		proved := want.proof == "dane" || want.proof == "pkix" && rules[strings.TrimPrefix(recipient, "judge@")] == rule["verify"]
		if got.State != want.state || want.state == "sent" && ((got.TLS != "") != want.tls || (got.TLS == "Verified") != proved) {
			t.Errorf("%s: Postfix makes %+v of it, the table %v: %s", recipient, got, want, want.why)
		}
		if host := hosts[recipient]; host != "" && want.state == "sent" && got.Host != host {
			t.Errorf("%s: Postfix goes to %s, the table to %s: %s", recipient, got.Host, host, want.why)
		}
	}
}

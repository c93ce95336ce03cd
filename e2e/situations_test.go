package e2e

import (
	"strings"

	"postern/internal/testkit/peers"
)

// situation is one destination that is not as simple as a square of the matrix.
type situation struct {
	name    string // its domain within the zone
	zone    string
	records string // of the domain, in zone file syntax; what stands between < and > is filled in
	policy  string // of MTA-STS: the mode, then what mx lists; hosts without a dot are the domain's
	rule    string // of ours
	want    outcome
	host    string // the one that must have it; empty: any
	by      string // the program behind it, where only that tells
	later   *change
}

// change is what is different later, when mail that waits is tried again.
type change struct {
	records string // empty: the same, but for the id of the policy
	policy  string // empty: it cannot be fetched
	want    outcome
}

// situations are the ways in which hosts, names, policies and attackers combine.
var situations = []situation{
	{name: "two-hosts", zone: plainZone, records: "@ MX 10 a\n@ MX 20 b\na A <postfix broken>\nb A <postfix good>\n",
		want: clear("RFC 5321 §5.1: in order; RFC 7435 §3: clear text with the first comes before TLS with the second"), host: "a"},
	{name: "two-hosts-one-dead", zone: plainZone, records: "@ MX 10 a\n@ MX 20 b\na A <nobody>\nb A <exim good>\n",
		want: pkix("RFC 5321 §5.1: the next host where one cannot be reached"), host: "b"},
	{name: "all-dead", zone: plainZone, records: "@ MX 10 a\n@ MX 20 b\na A <nobody>\nb A <nobody>\n",
		want: waits("4.4.1", "RFC 5321 §4.5.4.1: a host that cannot be reached is tried again later")},
	{name: "two-hosts-enforce", zone: plainZone, records: "@ MX 10 a\n@ MX 20 b\na A <postfix broken>\nb A <exim good>\n<policy>\n", policy: "enforce a b",
		want: pkix("RFC 8461 §5.1: a host that fails validation is passed over for the next candidate"), host: "b"},
	{name: "one-host-unlisted", zone: plainZone, records: "@ MX 10 a\n@ MX 20 b\na A <postfix good>\nb A <exim good>\n<policy>\n", policy: "enforce b",
		want: pkix("RFC 8461 §4.1: a host that the policy does not list gets no mail, however good"), host: "b"},
	{name: "all-hosts-unlisted", zone: plainZone, records: "@ MX 10 a\na A <postfix good>\n<policy>\n", policy: "enforce b",
		want: waits("4.7", "RFC 8461 §5: no delivery to hosts that fail MX matching")},
	{name: "all-hosts-unlisted-testing", zone: plainZone, records: "@ MX 10 a\na A <postfix good>\n<policy>\n", policy: "testing b",
		want: pkix("RFC 8461 §5: mode testing delivers"), host: "a"},
	{name: "wildcard", zone: plainZone, records: "@ MX 10 a\na A <exim good>\n<policy>\n", policy: "enforce *.wildcard.plain.example",
		want: pkix("RFC 8461 §4.1: a wildcard stands for the leftmost label"), host: "a"},
	{name: "wildcard-deep", zone: plainZone, records: "@ MX 10 a.b\na.b A <exim good>\n<policy>\n", policy: "enforce *.wildcard-deep.plain.example",
		want: waits("4.7", "RFC 8461 §4.1: … and for no more than that label")},
	{name: "policy-host-misnamed", zone: plainZone, records: "@ MX 10 a\na A <postfix untrusted>\n<policy>\n", policy: "enforce a",
		want: tlsOnly("RFC 8461 §3.3: a policy from a host that does not prove itself is none")},
	{name: "policy-not-found", zone: plainZone, records: "@ MX 10 a\na A <exim untrusted>\n<policy>\n", policy: "",
		want: tlsOnly("RFC 8461 §3.3: a policy that cannot be fetched, and was never there, is none")},

	{name: "two-hosts-dane", zone: signedZone, records: "@ MX 10 a\n@ MX 20 b\na A <postfix untrusted>\nb A <exim untrusted>\n_<port>._tcp.a TLSA 3 1 1 <key of stranger>\n_<port>._tcp.b TLSA 3 1 1 <key of exim untrusted>\n",
		want: dane("RFC 7672 §2.2: a host that fails is passed over for the next one"), host: "b"},
	{name: "dane-fails-sts-holds", zone: signedZone, records: "@ MX 10 a\na A <postfix good>\n_<port>._tcp.a TLSA 3 1 1 <key of stranger>\n<policy>\n", policy: "enforce a",
		want: waits(noProof, "RFC 8461 §2: MTA-STS must not override DANE that fails")},
	{name: "dane-fails-sts-testing", zone: signedZone, records: "@ MX 10 a\na A <postfix good>\n_<port>._tcp.a TLSA 3 1 1 <key of stranger>\n<policy>\n", policy: "testing a",
		want: waits(noProof, "RFC 8461 §2: nor must its mode testing")},
	{name: "dane-holds-sts-fails", zone: signedZone, records: "@ MX 10 a\na A <postfix untrusted>\n_<port>._tcp.a TLSA 3 1 1 <key of postfix untrusted>\n<policy>\n", policy: "enforce a",
		want: dane("RFC 8461 §2: where both are published, DANE that holds is enough (a decision of ours)")},
	{name: "insecure-mx", zone: plainZone, records: "@ MX 10 a.insecure-mx.signed.example.\n",
		want: tlsOnly("RFC 7672 §2.2.1: DANE need not be used behind an MX record that nobody vouches for"), host: "a.insecure-mx.signed.example"},
	{name: "insecure-mx", zone: signedZone, records: "a A <exim untrusted>\n_<port>._tcp.a TLSA 3 1 1 <key of stranger>\n"},
	{name: "insecure-host", zone: signedZone, records: "@ MX 10 a.insecure-host.plain.example.\n",
		want: tlsOnly("RFC 7672 §2.2.2: TLSA records are looked for only where the host's addresses are secure"), host: "a.insecure-host.plain.example"},
	{name: "insecure-host", zone: plainZone, records: "a A <postfix untrusted>\n_<port>._tcp.a TLSA 3 1 1 <key of stranger>\n"},
	{name: "alias", zone: signedZone, records: "@ MX 10 a\na CNAME b\nb A <postfix untrusted>\n_<port>._tcp.b TLSA 3 1 1 <key of postfix untrusted>\n",
		want: dane("RFC 7672 §2.2.2: the end of a chain of secure aliases is asked first")},
	{name: "alias-first-name", zone: signedZone, records: "@ MX 10 a\na CNAME b\nb A <exim untrusted>\n_<port>._tcp.a TLSA 3 1 1 <key of exim untrusted>\n",
		want: dane("RFC 7672 §2.2.2: … and its beginning where nothing is found there")},
	{name: "alias-of-tlsa", zone: signedZone, records: "@ MX 10 a\na A <postfix untrusted>\n_<port>._tcp.a CNAME shared\nshared TLSA 3 1 1 <key of postfix untrusted>\n",
		want: dane("RFC 7672 §2.2.3: the record may be reached through an alias")},
	{name: "no-mx", zone: signedZone, records: "@ A <exim untrusted>\n_<port>._tcp TLSA 3 1 1 <key of exim untrusted>\n",
		want: dane("RFC 5321 §5.1, RFC 7672 §2.2.2: without an MX record the domain itself is the host"), host: "no-mx.signed.example"},

	{name: "anything", zone: bogusZone, records: "@ MX 10 a\na A <postfix good>\n",
		want: waits("4.4.3", "RFC 4035 §5.5, RFC 7672 §2.1.2: what is bogus is an error of the DNS, which may pass")},
	{name: "bogus-tlsa", zone: signedZone, records: "@ MX 10 a\na A <postfix good>\n_<port>._tcp.a CNAME x.anything.bogus.example.\n",
		want: waits("4.", "RFC 7672 §2.1.2: a host whose TLSA look-up fails gets no mail, since an attacker can make it fail")},
	{name: "bogus-tlsa-of-one", zone: signedZone, records: "@ MX 10 a\n@ MX 20 b\na A <postfix good>\nb A <exim good>\n_<port>._tcp.a CNAME x.anything.bogus.example.\n",
		want: pkix("RFC 7672 §2.1.2: … and the next host is tried"), host: "b"},
	{name: "bogus-host", zone: signedZone, records: "@ MX 10 a.anything.bogus.example.\n@ MX 20 b\nb A <postfix good>\n",
		want: pkix("RFC 7672 §2.1.2"), host: "b"},

	{name: "null", zone: plainZone, records: "@ MX 0 .\n@ A <postfix good>\n", want: outcome{state: "bounced", says: "556 5.1.10", why: "RFC 7505 §4.1"}},
	{name: "null-and-dane", zone: signedZone, records: "@ MX 0 .\n_<port>._tcp TLSA 3 1 1 <key of stranger>\n", want: outcome{state: "bounced", says: "556 5.1.10", why: "RFC 7505 §4.1"}},
	{name: "ipv6", zone: plainZone, records: "@ MX 10 a\na AAAA ::1\n", want: pkix("RFC 5321 §5.2"), host: "a", by: "postfix"},
	{name: "two-families", zone: plainZone, records: "@ MX 10 a\na A <exim good>\na AAAA ::1\n", want: pkix("behaviour T-DELIVERY: IPv6, then IPv4"), host: "a", by: "postfix"},
	{name: "two-addresses", zone: plainZone, records: "@ MX 10 a\na A <nobody>\na A <exim good>\n", want: pkix("RFC 5321 §5.1: every address of a host is tried"), host: "a"},
	{name: "ipv6-dane", zone: signedZone, records: "@ MX 10 a\na AAAA ::1\n_<port>._tcp.a TLSA 2 1 1 <key of authority>\n", want: dane("RFC 7672 §2.2.2: AAAA records count as addresses"), host: "a"},

	{name: "stripped", zone: plainZone, records: "@ MX 10 a\na A <strip>\n", want: clear("RFC 3207 §6: without a policy nobody can tell that something was taken away")},
	{name: "stripped-testing", zone: plainZone, records: "@ MX 10 a\na A <strip>\n<policy>\n", policy: "testing a", want: clear("RFC 8461 §5")},
	{name: "stripped-enforce", zone: plainZone, records: "@ MX 10 a\na A <strip>\n<policy>\n", policy: "enforce a", want: waits(noSTARTTLS, "RFC 8461 §10.2: this is what it is for")},
	{name: "stripped-dane", zone: signedZone, records: "@ MX 10 a\na A <strip>\n_<port>._tcp.a TLSA 2 1 1 <key of authority>\n", want: waits(noSTARTTLS, "RFC 7672 §1.3.1")},
	{name: "stripped-encrypt", zone: plainZone, records: "@ MX 10 a\na A <strip>\n", rule: "encrypt", want: waits(noSTARTTLS, "a rule of ours")},
	{name: "stripped-verify", zone: plainZone, records: "@ MX 10 a\na A <strip>\n", rule: "verify", want: waits(noSTARTTLS, "a rule of ours")},
	{name: "refused", zone: plainZone, records: "@ MX 10 a\na A <refuse>\n", want: clear("RFC 3207 §4.1: whether to go on after a 454 is the client's to decide")},
	{name: "refused-enforce", zone: plainZone, records: "@ MX 10 a\na A <refuse>\n<policy>\n", policy: "enforce a", want: waits(noSTARTTLS, "RFC 8461 §5")},
	{name: "refused-dane", zone: signedZone, records: "@ MX 10 a\na A <refuse>\n_<port>._tcp.a TLSA 2 1 1 <key of authority>\n", want: waits(noSTARTTLS, "RFC 7672 §2.2")},
	{name: "injected-enforce", zone: plainZone, records: "@ MX 10 a\na A <inject>\n<policy>\n", policy: "enforce a", want: waits(noProof, "RFC 3207 §4.2: nothing that came before the handshake counts after it (T-13)")},
	{name: "injected-dane", zone: signedZone, records: "@ MX 10 a\na A <inject>\n_<port>._tcp.a TLSA 2 1 1 <key of authority>\n", want: waits(noProof, "RFC 3207 §4.2")},
	{name: "injected", zone: plainZone, records: "@ MX 10 a\na A <inject>\n", want: clear("RFC 7435 §3: a handshake that was spoilt is like one that failed")},

	{name: "mended", zone: signedZone, records: "@ MX 10 a\na A <postfix good>\n_<port>._tcp.a TLSA 3 1 1 <key of stranger>\n", want: waits(noProof, "RFC 7672 §2.2"),
		later: &change{records: "@ MX 10 a\na A <postfix good>\n_<port>._tcp.a TLSA 3 1 1 <key of postfix good>\n", want: dane("RFC 7672 §2.2: a record that was wrong, and is right now")}},
	{name: "cached", zone: plainZone, records: "@ MX 10 a\na A <postfix untrusted>\n<policy>\n", policy: "enforce a", want: waits(noProof, "RFC 8461 §4.2"),
		later: &change{want: waits(noProof, "RFC 8461 §3.3: a policy that was fetched counts until it expires, though it cannot be fetched any more: else whoever stops the fetch could end it")}},
	{name: "withdrawn", zone: plainZone, records: "@ MX 10 a\na A <exim untrusted>\n<policy>\n", policy: "enforce a", want: waits(noProof, "RFC 8461 §4.2"),
		later: &change{policy: "none", want: tlsOnly("RFC 8461 §5.1, §8.3: a new id makes senders fetch the policy again, and it says none now")}},

	{name: "busy-postfix", zone: plainZone, records: "@ MX 10 a\na A <postfix good>\n"}, // see busy
	{name: "busy-exim", zone: plainZone, records: "@ MX 10 a\na A <exim good>\n"},
}

func (s situation) domain() string { return s.name + "." + s.zone }
func (s situation) to() string     { return "person@" + s.domain() }

// policyText is a policy in full.
func (s situation) policyText(short string) string {
	words := strings.Fields(short)
	if len(words) == 0 {
		return ""
	}
	for i, host := range words[1:] {
		if !strings.Contains(host, ".") {
			words[1+i] = host + "." + s.domain()
		}
	}
	return peers.Policy(words[0], words[1:]...)
}

// asked says whether mail is sent to it: without an outcome it is a part of another one.
func (s situation) asked() bool { return s.want.state != "" }

// hosts are the names that a good certificate holds for it.
func (s situation) hosts() []string {
	return []string{"a." + s.domain(), "b." + s.domain(), "a.b." + s.domain(), s.domain()}
}

package e2e

import (
	"fmt"
	"strings"

	"postern/internal/testkit/peers"
)

// column is what must come of one policy, by what the server does about STARTTLS.
type column struct {
	policy string
	signed bool // its domains are in the signed zone
	by     map[peers.TLSMode]outcome
}

// shown is the policy that the story of a mail gives as the one that decided.
func (c column) shown() string {
	switch {
	case c.policy == "none", c.policy == "sts-none", c.policy == "dane-unsigned":
		return "opportunistic"
	case strings.HasPrefix(c.policy, "dane"):
		return "dane"
	case strings.HasPrefix(c.policy, "requiretls"):
		return "requiretls"
	default:
		return c.policy
	}
}

// Outcomes that occur often.
func clear(why string) outcome { return outcome{state: "sent", why: why} }

func tlsOnly(why string) outcome { return outcome{state: "sent", tls: true, why: why} }

func pkix(why string) outcome { return outcome{state: "sent", tls: true, proof: "pkix", why: why} }

func dane(why string) outcome { return outcome{state: "sent", tls: true, proof: "dane", why: why} }

func bounces(says, why string) outcome { return outcome{state: "bounced", says: says, why: why} }

// unwanted is a mail that comes back from a server that proved itself.
func unwanted(proof, why string) outcome {
	return outcome{state: "bounced", proof: proof, says: "5.7.30", why: why}
}

func waits(says, why string) outcome { return outcome{state: "deferred", says: says, why: why} }

// What a deferral tells the agent: RFC 3463 §3.8 has 4.7.4 for a feature that is missing, and 4.7.5 for a cryptographic failure.
const (
	noSTARTTLS = "4.7.4"
	noProof    = "4.7.5"
)

// matrix is every policy that a destination may have, with what must become of a mail there. It is the same whichever program receives it.
var matrix = []column{
	{policy: "none", by: map[peers.TLSMode]outcome{
		peers.NoTLS:     clear("RFC 7435 §3: clear text where nothing better can be had"),
		peers.GoodTLS:   pkix("RFC 3207 §4: STARTTLS where it is offered; what the certificate proves is shown"),
		peers.WrongName: tlsOnly("RFC 7435 §3: encryption without authentication is better than neither"),
		peers.Expired:   tlsOnly("RFC 7435 §3"),
		peers.Untrusted: tlsOnly("RFC 7435 §3"),
		peers.ByName:    pkix("RFC 6066 §3: a server with several certificates shows the one that it is asked for"),
		peers.BrokenTLS: clear("RFC 7435 §3: a handshake that fails must not make delivery less likely than no offer at all"),
	}},
	{policy: "sts-testing", by: map[peers.TLSMode]outcome{
		peers.NoTLS:     clear("RFC 8461 §5: in mode testing a failure is reported, and the mail delivered as if there were no policy"),
		peers.GoodTLS:   pkix("RFC 8461 §4"),
		peers.WrongName: tlsOnly("RFC 8461 §5"),
		peers.Expired:   tlsOnly("RFC 8461 §5"),
		peers.Untrusted: tlsOnly("RFC 8461 §5"),
		peers.BrokenTLS: clear("RFC 8461 §5"),
	}},
	{policy: "sts-enforce", by: map[peers.TLSMode]outcome{
		peers.NoTLS:     waits(noSTARTTLS, "RFC 8461 §5: not to hosts that do not support STARTTLS; §5.1: that is for now, not for good"),
		peers.GoodTLS:   pkix("RFC 8461 §4.2"),
		peers.WrongName: waits(noProof, "RFC 8461 §4.2: the certificate must hold the name of the MX host"),
		peers.Expired:   waits(noProof, "RFC 8461 §4.2: it must not have expired"),
		peers.Untrusted: waits(noProof, "RFC 8461 §4.2: it must chain to an authority that is trusted"),
		peers.ByName:    pkix("RFC 8461 §4.2: … by the name of the MX host, which SNI tells"),
		peers.BrokenTLS: waits(noProof, "RFC 8461 §5: no clear text after a handshake that failed"),
	}},
	{policy: "sts-none", by: map[peers.TLSMode]outcome{
		peers.NoTLS:     clear("RFC 8461 §5: mode none is no policy"),
		peers.GoodTLS:   pkix("RFC 8461 §5"),
		peers.WrongName: tlsOnly("RFC 8461 §5"),
		peers.Expired:   tlsOnly("RFC 8461 §5"),
		peers.Untrusted: tlsOnly("RFC 8461 §5"),
		peers.BrokenTLS: clear("RFC 8461 §5"),
	}},
	{policy: "dane-ee", signed: true, by: map[peers.TLSMode]outcome{
		peers.NoTLS:     waits(noSTARTTLS, "RFC 7672 §2.2: with TLSA records no delivery without TLS"),
		peers.GoodTLS:   dane("RFC 7672 §3.1.1"),
		peers.WrongName: dane("RFC 7672 §3.1.1: for DANE-EE names are not checked"),
		peers.Expired:   dane("RFC 7672 §3.1.1: nor is the time of validity"),
		peers.Untrusted: dane("RFC 7672 §3.1.1: nor who signed it"),
		peers.ByName:    dane("RFC 7672 §8.1: SNI tells the TLSA base domain, and so brings the key that the record names"),
		peers.BrokenTLS: waits(noProof, "RFC 7672 §2.2: no clear text after a handshake that failed"),
	}},
	{policy: "dane-ta", signed: true, by: map[peers.TLSMode]outcome{
		peers.NoTLS:     waits(noSTARTTLS, "RFC 7672 §2.2"),
		peers.GoodTLS:   dane("RFC 7672 §3.1.2: the authority that the record names signed it, and it was sent along"),
		peers.WrongName: waits(noProof, "RFC 7672 §3.2.2: for DANE-TA a reference identifier must match"),
		peers.Expired:   waits(noProof, "RFC 7672 §3.1.2: for DANE-TA the rules of PKIX hold, the time of validity among them"),
		peers.Untrusted: waits(noProof, "RFC 7672 §3.1.2: another authority signed it"),
		peers.ByName:    dane("RFC 7672 §8.1"),
		peers.BrokenTLS: waits(noProof, "RFC 7672 §2.2"),
	}},
	{policy: "dane-ta-private", signed: true, by: map[peers.TLSMode]outcome{
		peers.Untrusted: dane("RFC 7672 §3.1.2: the record alone says whom to trust"),
		peers.GoodTLS:   waits(noProof, "RFC 7672 §3.1.2: an authority that everybody trusts is not the one that the record names"),
	}},
	{policy: "dane-other-key", signed: true, by: map[peers.TLSMode]outcome{
		peers.NoTLS:     waits(noSTARTTLS, "RFC 7672 §2.2"),
		peers.GoodTLS:   waits(noProof, "RFC 7672 §2.2: a server that matches no usable record gets no mail, whatever its certificate"),
		peers.WrongName: waits(noProof, "RFC 7672 §2.2"),
		peers.Expired:   waits(noProof, "RFC 7672 §2.2"),
		peers.Untrusted: waits(noProof, "RFC 7672 §2.2"),
		peers.BrokenTLS: waits(noProof, "RFC 7672 §2.2"),
	}},
	{policy: "dane-rollover", signed: true, by: map[peers.TLSMode]outcome{
		peers.GoodTLS:   dane("RFC 7672 §2.2: one record that matches is enough"),
		peers.Untrusted: dane("RFC 7672 §2.2"),
	}},
	{policy: "dane-unusable", signed: true, by: map[peers.TLSMode]outcome{
		peers.NoTLS:     waits(noSTARTTLS, "RFC 7672 §2.2: records of which none is usable ask for TLS all the same"),
		peers.GoodTLS:   outcome{state: "sent", tls: true, proof: "pkix", why: "RFC 7672 §3.1.3: usages 0 and 1 are unusable; §2.2: TLS without authentication"},
		peers.WrongName: tlsOnly("RFC 7672 §2.2"),
		peers.Expired:   tlsOnly("RFC 7672 §2.2"),
		peers.Untrusted: tlsOnly("RFC 7672 §2.2"),
		peers.BrokenTLS: waits(noProof, "RFC 7672 §2.2"),
	}},
	{policy: "dane-unsigned", by: map[peers.TLSMode]outcome{
		peers.NoTLS:     clear("RFC 7672 §2.1.1: records that nobody vouches for are none"),
		peers.GoodTLS:   pkix("RFC 7672 §2.1.1"),
		peers.WrongName: tlsOnly("RFC 7672 §2.1.1"),
		peers.Expired:   tlsOnly("RFC 7672 §2.1.1"),
		peers.Untrusted: tlsOnly("RFC 7672 §2.1.1"),
		peers.BrokenTLS: clear("RFC 7672 §2.1.1"),
	}},
	{policy: "encrypt", by: map[peers.TLSMode]outcome{
		peers.NoTLS:     waits(noSTARTTLS, "a rule of ours: TLS, whoever answers"),
		peers.GoodTLS:   pkix("a rule of ours"),
		peers.WrongName: tlsOnly("a rule of ours"),
		peers.Expired:   tlsOnly("a rule of ours"),
		peers.Untrusted: tlsOnly("a rule of ours"),
		peers.BrokenTLS: waits(noProof, "a rule of ours"),
	}},
	{policy: "verify", by: map[peers.TLSMode]outcome{
		peers.NoTLS:     waits(noSTARTTLS, "a rule of ours: TLS with a server that proves itself"),
		peers.GoodTLS:   pkix("RFC 9525 §6"),
		peers.WrongName: waits(noProof, "RFC 9525 §6.3"),
		peers.Expired:   waits(noProof, "RFC 5280 §6.1.3"),
		peers.Untrusted: waits(noProof, "RFC 5280 §6.1.1"),
		peers.ByName:    pkix("RFC 9525 §6"),
		peers.BrokenTLS: waits(noProof, "a rule of ours"),
	}},
	{policy: "requiretls", by: map[peers.TLSMode]outcome{
		peers.NoTLS:     bounces("5.7.30", "RFC 8689 §4.2.1, step 2: an MX record that neither DNSSEC nor MTA-STS proves may lead anywhere"),
		peers.GoodTLS:   bounces("5.7.30", "RFC 8689 §4.2.1, step 2"),
		peers.WrongName: bounces("5.7.30", "RFC 8689 §4.2.1, step 2"),
		peers.Expired:   bounces("5.7.30", "RFC 8689 §4.2.1, step 2"),
		peers.Untrusted: bounces("5.7.30", "RFC 8689 §4.2.1, step 2"),
		peers.BrokenTLS: bounces("5.7.30", "RFC 8689 §4.2.1, step 2"),
	}},
	{policy: "requiretls-sts", by: map[peers.TLSMode]outcome{
		peers.NoTLS:     bounces("5.7.10", "RFC 8689 §4.2.1, step 4: no TLS, and the mail comes back at once"),
		peers.GoodTLS:   unwanted("pkix", "RFC 8689 §4.2.1, step 5: neither Postfix nor Exim of this release offers REQUIRETLS"),
		peers.WrongName: bounces("5.7.10", "RFC 8689 §4.2.1, step 4: the certificate must hold the name of the MX host"),
		peers.Expired:   bounces("5.7.10", "RFC 8689 §4.2.1, step 4"),
		peers.Untrusted: bounces("5.7.10", "RFC 8689 §4.2.1, step 4"),
		peers.BrokenTLS: bounces("5.7.10", "RFC 8689 §4.2.1, step 4: a session protected by TLS cannot be established"),
	}},
	{policy: "requiretls-dane", signed: true, by: map[peers.TLSMode]outcome{
		peers.NoTLS:     bounces("5.7.10", "RFC 8689 §4.2.1, step 4"),
		peers.GoodTLS:   unwanted("dane", "RFC 8689 §4.2.1, step 5"),
		peers.WrongName: unwanted("dane", "RFC 7672 §3.1.1: DANE-EE proves the server, and then step 5 fails"),
		peers.Expired:   unwanted("dane", "RFC 7672 §3.1.1"),
		peers.Untrusted: unwanted("dane", "RFC 7672 §3.1.1"),
		peers.BrokenTLS: bounces("5.7.10", "RFC 8689 §4.2.1, step 4"),
	}},
}

// square is one field of the matrix: a domain with its policy, its MX host, and the server behind it.
type square struct {
	column  column
	mode    peers.TLSMode
	program string // in small letters
}

// domain has the policy in it, so that one rule covers all of a policy.
func (s square) domain() string {
	zone := plainZone
	if s.column.signed {
		zone = signedZone
	}
	return fmt.Sprintf("%s-%s.%s.%s", s.mode, s.program, s.column.policy, zone)
}

func (s square) to() string { return "person@" + s.domain() }
func (s square) name() string {
	return fmt.Sprintf("%s, STARTTLS %s, %s", s.column.policy, s.mode, s.program)
}

// squares are all of them.
func squares() (all []square) {
	for _, column := range matrix {
		for _, mode := range peers.Modes {
			for _, program := range []string{"postfix", "exim"} {
				if _, told := column.by[mode]; told {
					all = append(all, square{column, mode, program})
				}
			}
		}
	}
	return all
}

// records are what the DNS says of a square's domain. The notation is that of situations.
func (s square) records() string {
	server := fmt.Sprintf("%s %s", s.program, s.mode)
	lines := "@ MX 10 mx\nmx A <" + server + ">\n"
	tlsa := "_<port>._tcp.mx TLSA "
	switch s.column.policy {
	case "sts-testing", "sts-enforce", "sts-none", "requiretls-sts":
		lines += "<policy>\n"
	case "dane-ee", "requiretls-dane":
		lines += tlsa + "3 1 1 <key of " + server + ">\n"
	case "dane-ta":
		lines += tlsa + "2 1 1 <key of authority>\n"
	case "dane-ta-private":
		lines += tlsa + "2 1 1 <key of stranger>\n"
	case "dane-other-key", "dane-unsigned": // were it heeded where it is not signed, nothing would arrive
		lines += tlsa + "3 1 1 <key of stranger>\n"
	case "dane-rollover":
		lines += tlsa + "3 1 1 <key of stranger>\n" + tlsa + "3 1 1 <key of " + server + ">\n"
	case "dane-unusable":
		lines += tlsa + "1 1 1 <key of " + server + ">\n"
	}
	return lines
}

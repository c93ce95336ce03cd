package mailout

import (
	"fmt"
	"strings"

	"postern/desk"
	"postern/mailout/dane"
	"postern/mailout/mtasts"
)

// Wish is what a mail asks of the way to its recipients (RFC 8689).
type Wish int

const (
	WishNone       Wish = iota
	WishRequireTLS      // REQUIRETLS: every hop proves itself and passes the wish on, or the mail comes back (RFC 8689 §4.2.1)
	WishAnyhow          // TLS-Required: No: what domains ask of senders is passed over, since the mail is about exactly that, as TLS reports are (RFC 8689 §3, RFC 8460 §3)
)

// level is how much a server must show before a mail passes to it.
type level int

const (
	opportunistic level = iota // TLS where it is offered, whoever answers; clear text where TLS cannot be had (RFC 7435)
	encrypted                  // TLS, whoever answers, or nothing
	verified                   // TLS with a server that proves itself, or nothing
)

// asked is all that is known of one host before it is connected to, of what decides what it must show.
type asked struct {
	rule   desk.TLSRule // ours, for the destination; empty is opportunistic
	wish   Wish         // the mail's
	sts    mtasts.Mode  // of the recipients' domain; empty is none
	named  bool         // by its MTA-STS policy
	keys   dane.Keys    // of the host
	bogus  error        // why nobody knows whether the host has keys in the DNS; nil: it is known
	proved bool         // that the host is one of the domain's: by DNSSEC, or since no MX record had to be believed
}

// requires says whether the mail, or our rule for all mail there, is one of RFC 8689.
func (a asked) requires() bool {
	return a.wish == WishRequireTLS || a.rule == desk.TLSRequire
}

// heeds says whether policies of the recipients' domain count. A rule of ours counts always: it is the operator's word.
func (a asked) heeds() bool { return a.wish != WishAnyhow || a.requires() } // RFC 8689 §4.1: REQUIRETLS wins where a mail has both

// require decides what a host must show, or that no mail may pass to it whatever it shows. The order is that of the RFCs: what DNSSEC proves of the host's keys comes first, and an MTA-STS policy
// cannot weaken it (RFC 8461 §2); nor need it be asked then, since a proved MX record is more than a policy that names the host.
func (a asked) require(host string) (requirement, *answer) {
	sts := a.sts
	if !a.heeds() || sts == mtasts.ModeNone {
		sts = ""
	}
	var need requirement
	switch {
	case a.heeds() && a.bogus != nil: // RFC 7672 §2.1.2
		return requirement{level: verified, policy: desk.PolicyDANE}, &answer{code: 451, text: "4.7.5 whether " + host + " has keys in the DNS cannot be found out, so nothing is sent to it: " + a.bogus.Error()}
	case a.heeds() && a.keys.Status == dane.Secure: // RFC 7672 §2.2
		need = requirement{level: verified, policy: desk.PolicyDANE}
	case sts == mtasts.ModeEnforce && !a.named: // RFC 8461 §4.1, §5
		return requirement{level: verified, policy: desk.PolicySTSEnforce}, &answer{code: 451, text: "4.7.1 the MTA-STS policy of the domain does not name " + host}
	case sts == mtasts.ModeEnforce:
		need = requirement{level: verified, policy: desk.PolicySTSEnforce}
	case a.rule == desk.TLSVerify:
		need = requirement{level: verified, policy: desk.PolicyVerify}
	case a.heeds() && a.keys.Status == dane.Unusable: // RFC 7672 §2.2: TLS all the same
		need = requirement{level: encrypted, policy: desk.PolicyDANE}
	case a.rule == desk.TLSEncrypt:
		need = requirement{level: encrypted, policy: desk.PolicyEncrypt}
	case sts == mtasts.ModeTesting: // RFC 8461 §5: a failure is reported, and that is all
		need = requirement{policy: desk.PolicySTSTesting}
	default:
		need = requirement{policy: desk.PolicyOpportunistic}
	}
	if a.heeds() {
		need.keys = a.keys
	}
	if !a.requires() {
		return need, nil
	}
	need.level, need.policy, need.passedOn = verified, desk.PolicyRequireTLS, true
	if !a.proved && !(a.named && sts != "") { // RFC 8689 §4.2.1, step 2
		return need, &answer{code: 550, text: "5.7.30 REQUIRETLS: neither DNSSEC nor MTA-STS proves that " + host + " is a mail server of the domain"}
	}
	return need, nil
}

// requirement is what one host must show before a mail passes to it.
type requirement struct {
	level    level
	policy   desk.TLSPolicyName // whose wish it is; empty: that of the level
	keys     dane.Keys          // where they are Secure they alone prove the host
	names    []string           // that a certificate below an authority of the keys may be in
	passedOn bool               // REQUIRETLS must be offered, and what does not fit is final (RFC 8689 §4.2.1)
	reported []reported         // under which the outcome is reported
}

// name is the policy as the facts give it.
func (r requirement) name() desk.TLSPolicyName {
	switch {
	case r.policy != "":
		return r.policy
	case r.level == verified:
		return desk.PolicyVerify
	case r.level == encrypted:
		return desk.PolicyEncrypt
	default:
		return desk.PolicyOpportunistic
	}
}

// same is the requirement as a part of a key: a session is used again only under the one that it was opened for.
func (r requirement) same() string {
	return fmt.Sprintf("%d %s %d %v %v %v", r.level, r.name(), r.keys.Status, r.keys.Records, r.names, r.passedOn)
}

// byKeys says whether it is TLSA records that prove the host.
func (r requirement) byKeys() bool { return r.keys.Status == dane.Secure }

// serverName is what SNI carries: the TLSA base domain where there is one (RFC 7672 §8.1), and else the host.
func (r requirement) serverName(host string) string {
	if r.byKeys() {
		return r.keys.Base
	}
	return strings.Trim(host, "[]")
}

// security is how far a host came with TLS.
type security int

const (
	notOffered security = iota // STARTTLS was not announced
	declined                   // it was announced, and then refused
	broken                     // the handshake failed
	agreed                     // TLS is there, and the certificate was looked at
)

// offer is what is known of an extension.
type offer int

const (
	unheard offer = iota // EHLO was not said yet
	missing
	offered
)

// shown is what a host showed.
type shown struct {
	security security
	words    string // the host's own to declined, or what broke
	pkix     error  // agreed: why no authority vouches for the certificate; nil: one does
	keys     error  // agreed: why the TLSA records do not; nil: they do. It means nothing without keys
	passesOn offer  // REQUIRETLS
}

// finding is what follows from what a host showed.
type finding struct {
	proof   desk.Proof
	problem string  // why it proves nothing, or not what was asked
	refused *answer // the mail does not pass; nil: it does, in clear text unless TLS is there
}

// judge decides whether a mail passes to a host that showed this, under what is required of it.
func (r requirement) judge(host string, s shown) finding {
	switch s.security {
	case notOffered:
		return r.without(host, answer{code: 451, text: "4.7.4 " + host + " does not offer STARTTLS"}) // RFC 3463 §3.8: security features not supported
	case declined:
		return r.without(host, answer{code: 451, text: "4.7.4 " + host + " refused STARTTLS: " + s.words})
	case broken:
		return r.without(host, answer{code: 451, text: "4.7.5 " + s.words}) // cryptographic failure
	}
	var v finding
	failed := s.pkix
	switch {
	case r.byKeys() && s.keys == nil:
		v.proof, failed = desk.ProofDANE, nil
	case r.byKeys():
		failed = s.keys
	case s.pkix == nil:
		v.proof = desk.ProofPKIX
	}
	if failed != nil {
		v.problem = legible(failed.Error())
		if r.level >= verified {
			v.refused = r.refusal(answer{code: 451, text: "4.7.5 " + host + " does not prove itself: " + failed.Error()})
		}
		return v
	}
	if r.passedOn && s.passesOn == missing {
		v.refused = &answer{code: 550, text: "5.7.30 " + host + " does not offer REQUIRETLS, which this mail asks of every server on its way"} // RFC 8689 §4.2.1, step 5
	}
	return v
}

// without is the finding on a host with which there is no TLS.
func (r requirement) without(host string, why answer) finding {
	v := finding{problem: legible(strings.TrimLeft(why.text, "0123456789. "))}
	if r.level > opportunistic {
		v.refused = r.refusal(answer{code: why.code, text: why.text + ", which " + r.because() + " asks for"})
	}
	return v
}

// refusal makes final what REQUIRETLS makes final: the mail goes back to its writer at once, who can take another way (RFC 8689 §4.2.1, §4.3).
func (r requirement) refusal(why answer) *answer {
	if r.passedOn {
		_, words, _ := strings.Cut(why.text, " ")
		why = answer{code: 550, text: "5.7.10 " + words}
	}
	return &why
}

// because names the policy in a sentence.
func (r requirement) because() string {
	switch r.name() {
	case desk.PolicyDANE:
		return "the domain (DANE)"
	case desk.PolicySTSEnforce:
		return "the domain (MTA-STS)"
	case desk.PolicyRequireTLS:
		return "this mail (REQUIRETLS)"
	}
	return "a rule of ours"
}

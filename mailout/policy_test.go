package mailout

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"postern/desk"
	"postern/mailout/dane"
	"postern/mailout/mtasts"
)

// situation is one combination of all that decides, each by its word.
type situation struct{ rule, wish, sts, named, dane, proved, shown, keys, passesOn string }

var dimensions = []struct {
	name  string
	words []string
}{
	{"rule", []string{"opportunistic", "encrypt", "verify", "requiretls"}},
	{"wish", []string{"none", "require", "anyhow"}},
	{"sts", []string{"none", "testing", "enforce"}},
	{"named", []string{"named", "unnamed"}},
	{"dane", []string{"none", "secure", "unusable", "bogus"}},
	{"proved", []string{"proved", "unproved"}},
	{"shown", []string{"clear", "declined", "broken", "good", "bad"}}, // good and bad: the certificate, by the authorities
	{"keys", []string{"match", "differ"}},                             // the certificate, by the TLSA records
	{"passesOn", []string{"passes", "keeps"}},                         // REQUIRETLS is offered, or not
}

// everySituation calls do with each of them.
func everySituation(do func(situation)) {
	words := make([]string, len(dimensions))
	var pick func(int)
	pick = func(i int) {
		if i == len(dimensions) {
			do(situation{words[0], words[1], words[2], words[3], words[4], words[5], words[6], words[7], words[8]})
			return
		}
		for _, word := range dimensions[i].words {
			words[i] = word
			pick(i + 1)
		}
	}
	pick(0)
}

// decide is the whole decision: what the host must show, and what follows from what it showed.
func (s situation) decide() (desk.TLSPolicyName, finding) {
	known := asked{rule: desk.TLSRule(s.rule), sts: mtasts.Mode(s.sts), named: s.named == "named", proved: s.proved == "proved"}
	known.wish = map[string]Wish{"none": WishNone, "require": WishRequireTLS, "anyhow": WishAnyhow}[s.wish]
	known.keys.Status = map[string]dane.Status{"secure": dane.Secure, "unusable": dane.Unusable}[s.dane]
	if s.dane == "bogus" {
		known.bogus = errors.New("SERVFAIL")
	}
	need, refused := known.require("mx.example")
	if refused != nil {
		return need.name(), finding{refused: refused}
	}
	showed := shown{security: map[string]security{"clear": notOffered, "declined": declined, "broken": broken, "good": agreed, "bad": agreed}[s.shown], words: "words"}
	if s.shown == "bad" {
		showed.pkix = errors.New("expired")
	}
	if s.keys == "differ" {
		showed.keys = dane.ErrMismatch
	}
	if showed.passesOn = offered; s.passesOn == "keeps" {
		showed.passesOn = missing
	}
	return need.name(), need.judge("mx.example", showed)
}

// outcome is the policy and what becomes of the mail, in words.
func (s situation) outcome() string {
	policy, found := s.decide()
	switch {
	case found.refused != nil:
		enhanced, _, _ := strings.Cut(found.refused.text, " ")
		return fmt.Sprintf("%s: %d %s", policy, found.refused.code, enhanced)
	case slices.Contains([]string{"clear", "declined", "broken"}, s.shown):
		return fmt.Sprintf("%s: sent in clear", policy)
	case found.proof == desk.ProofNone:
		return fmt.Sprintf("%s: sent", policy)
	}
	return fmt.Sprintf("%s: sent, %s", policy, found.proof)
}

// requires and heeds are columns of the table that follow from two others.
func (s situation) requires() bool { return s.rule == "requiretls" || s.wish == "require" }
func (s situation) heeds() bool    { return s.wish != "anyhow" || s.requires() }

// decisions is the manual of transport policies: the first line that holds counts. Words of a dimension stand with | between; REQUIRETLS and heeded stand for requires and heeds.
var decisions = []struct{ when, want, rfc string }{
	// What no host can mend by anything that it shows.
	{"heeded bogus", "dane: 451 4.7.5", "RFC 7672 §2.1.2"},
	{"heeded none|unusable@dane enforce unnamed", "sts-enforce: 451 4.7.1", "RFC 8461 §4.1, §5"},
	{"REQUIRETLS unproved unnamed", "requiretls: 550 5.7.30", "RFC 8689 §4.2.1 step 2"},
	{"REQUIRETLS unproved none@sts", "requiretls: 550 5.7.30", "RFC 8689 §4.2.1 step 2"},

	// REQUIRETLS: TLS, a proved server, and the wish passed on, or back to the writer.
	{"REQUIRETLS clear|declined|broken", "requiretls: 550 5.7.10", "RFC 8689 §4.2.1 step 4: 'Unable to establish TLS-protected SMTP session' is a non-delivery, and no try again"},
	{"REQUIRETLS secure differ", "requiretls: 550 5.7.10", "RFC 8689 §4.2.1 step 4, RFC 7672"},
	{"REQUIRETLS secure match passes", "requiretls: sent, dane", "RFC 8689 §4.2.1"},
	{"REQUIRETLS secure match keeps", "requiretls: 550 5.7.30", "RFC 8689 §4.2.1 step 5"},
	{"REQUIRETLS bad", "requiretls: 550 5.7.10", "RFC 8689 §4.2.1 step 4"},
	{"REQUIRETLS good passes", "requiretls: sent, pkix", "RFC 8689 §4.2.1"},
	{"REQUIRETLS good keeps", "requiretls: 550 5.7.30", "RFC 8689 §4.2.1 step 5"},

	// DANE with records that can be used decides alone.
	{"heeded secure clear|declined", "dane: 451 4.7.4", "RFC 7672 §2.2"},
	{"heeded secure broken", "dane: 451 4.7.5", "RFC 7672 §2.2"},
	{"heeded secure differ", "dane: 451 4.7.5", "RFC 7672 §3, RFC 8461 §2"},
	{"heeded secure match", "dane: sent, dane", "RFC 7672 §3.1"},

	// MTA-STS in force.
	{"heeded enforce clear|declined", "sts-enforce: 451 4.7.4", "RFC 8461 §5"},
	{"heeded enforce broken|bad", "sts-enforce: 451 4.7.5", "RFC 8461 §4.2, §5"},
	{"heeded enforce good", "sts-enforce: sent, pkix", "RFC 8461 §4.2"},

	// Our rule: verify.
	{"verify clear|declined", "verify: 451 4.7.4", ""},
	{"verify broken|bad", "verify: 451 4.7.5", ""},
	{"verify good", "verify: sent, pkix", ""},

	// Records that cannot be used: TLS, whoever answers.
	{"heeded unusable clear|declined", "dane: 451 4.7.4", "RFC 7672 §2.2"},
	{"heeded unusable broken", "dane: 451 4.7.5", "RFC 7672 §2.2"},
	{"heeded unusable bad", "dane: sent", "RFC 7672 §2.2"},
	{"heeded unusable good", "dane: sent, pkix", "RFC 7672 §2.2"},

	// Our rule: encrypt.
	{"encrypt clear|declined", "encrypt: 451 4.7.4", ""},
	{"encrypt broken", "encrypt: 451 4.7.5", ""},
	{"encrypt bad", "encrypt: sent", ""},
	{"encrypt good", "encrypt: sent, pkix", ""},

	// MTA-STS being tried, and nothing at all: both deliver.
	{"heeded testing clear|declined|broken", "sts-testing: sent in clear", "RFC 8461 §5"},
	{"heeded testing bad", "sts-testing: sent", "RFC 8461 §5"},
	{"heeded testing good", "sts-testing: sent, pkix", "RFC 8461 §5"},
	{"clear|declined|broken", "opportunistic: sent in clear", "RFC 7435 §3"},
	{"bad", "opportunistic: sent", "RFC 7435 §3"},
	{"good", "opportunistic: sent, pkix", "RFC 7435 §3"},
}

// holds says whether a line of the table is about a situation.
func (s situation) holds(when string) bool {
	values := []string{s.rule, s.wish, s.sts, s.named, s.dane, s.proved, s.shown, s.keys, s.passesOn}
	for _, term := range strings.Fields(when) {
		switch term {
		case "heeded":
			if !s.heeds() {
				return false
			}
			continue
		case "REQUIRETLS":
			if !s.requires() {
				return false
			}
			continue
		}
		words, of, _ := strings.Cut(term, "@")
		alternatives := strings.Split(words, "|")
		met := false
		for i, dimension := range dimensions {
			if of == "" && slices.Contains(dimension.words, alternatives[0]) || of == dimension.name {
				met = slices.Contains(alternatives, values[i])
				break
			}
		}
		if !met {
			return false
		}
	}
	return true
}

// The table says what becomes of a mail in every one of the 11,520 situations, and says nothing that cannot happen.
func TestTransportDecisions(t *testing.T) {
	t.Parallel()
	used := make([]bool, len(decisions))
	count, wrong := 0, 0
	everySituation(func(s situation) {
		count++
		at := slices.IndexFunc(decisions, func(line struct{ when, want, rfc string }) bool { return s.holds(line.when) })
		if at < 0 {
			t.Fatalf("nothing is said of %+v", s)
		}
		used[at] = true
		if got := s.outcome(); got != decisions[at].want {
			if wrong++; wrong <= 20 {
				t.Errorf("%+v: %s, want %s (%s: %s)", s, got, decisions[at].want, decisions[at].when, decisions[at].rfc)
			}
		}
	})
	for i, line := range decisions {
		if !used[i] {
			t.Errorf("%q never decides", line.when)
		}
	}
	if count != 4*3*3*2*4*2*5*2*2 {
		t.Errorf("%d situations", count)
	}
}

// Whatever the table says: what each policy promises holds in every situation.
func TestTransportPromises(t *testing.T) {
	t.Parallel()
	everySituation(func(s situation) {
		_, found := s.decide()
		passes, inClear := found.refused == nil, slices.Contains([]string{"clear", "declined", "broken"}, s.shown)
		for promise, broken := range map[string]bool{
			"encrypt, verify and requiretls never go in clear text":      s.rule != "opportunistic" && passes && inClear,
			"verify and requiretls never go to who proves nothing":       (s.rule == "verify" || s.rule == "requiretls") && passes && found.proof == desk.ProofNone,
			"usable records of DANE alone prove":                         s.dane == "secure" && s.heeds() && passes && found.proof != desk.ProofDANE,
			"nothing but usable records is a proof by DANE":              found.proof == desk.ProofDANE && (s.dane != "secure" || s.keys != "match" || inClear),
			"no authority vouches in clear text, or for a bad one":       found.proof == desk.ProofPKIX && s.shown != "good",
			"bogus is never sent to":                                     s.dane == "bogus" && s.heeds() && passes,
			"MTA-STS in force needs a proof":                             s.sts == "enforce" && s.heeds() && passes && found.proof == desk.ProofNone,
			"MTA-STS in force needs a named host, unless DANE proves":    s.sts == "enforce" && s.heeds() && s.named == "unnamed" && passes && found.proof != desk.ProofDANE,
			"MTA-STS being tried refuses nothing":                        s.sts == "testing" && s.rule == "opportunistic" && s.wish == "none" && s.dane == "none" && !passes,
			"REQUIRETLS goes only to who proves itself and passes it on": s.requires() && passes && (found.proof == desk.ProofNone || s.passesOn != "passes"),
			"only REQUIRETLS is final":                                   !s.requires() && !passes && found.refused.code/100 != 4,
			"TLS-Required: No goes anyhow":                               s.wish == "anyhow" && s.rule == "opportunistic" && !passes,
			"who wants nothing gets everything through":                  s.rule == "opportunistic" && s.wish == "none" && s.sts == "none" && s.dane == "none" && !passes,
			"what does not prove itself has a reason":                    passes && !inClear && found.proof == desk.ProofNone && found.problem == "",
			"a code goes with its class":                                 !passes && fmt.Sprint(found.refused.code)[:1] != found.refused.text[:1],
		} {
			if broken {
				t.Fatalf("%s: %+v: %s", promise, s, s.outcome())
			}
		}
	})
}

// A session is used again only under the requirement that it was opened for.
func TestRequirementsAreToldApart(t *testing.T) {
	t.Parallel()
	keys := dane.Keys{Status: dane.Secure, Base: "mx.example", Records: nil}
	seen := map[string]bool{}
	for _, need := range []requirement{
		{}, {level: encrypted}, {level: verified}, {level: verified, policy: desk.PolicySTSEnforce}, {level: verified, policy: desk.PolicyDANE, keys: keys},
		{level: verified, policy: desk.PolicyDANE, keys: keys, names: []string{"a.example"}}, {level: verified, policy: desk.PolicyRequireTLS, passedOn: true}, {policy: desk.PolicySTSTesting},
	} {
		if seen[need.same()] {
			t.Errorf("%+v is taken for another: %s", need, need.same())
		}
		seen[need.same()] = true
	}
}

package portal

import (
	"fmt"
	"strings"

	"postern/desk"
)

// trustWords say how far the sender may be believed.
type trustWords struct {
	Short string // empty: nothing to say
	Look  string // class of the badge
	Icon  string
	Long  string
	Facts []fact // what was checked, a line each
}

// fact is one thing that is known of a mail: what was looked at, how it came out, and words about it.
type fact struct {
	Name   string
	Result string // empty: nothing was measured
	Look   string // good, warn, bad or nothing
	Words  string
	Quote  string // of a stranger
}

// trustOf puts into words who wrote a mail (T-AUTH).
func trustOf(facts desk.MessageFacts) trustWords {
	var t trustWords
	switch facts.Trust {
	case desk.TrustVerified:
		t = trustWords{Short: "Verified", Look: "good", Icon: "check", Long: "The sender is verified: the domain of the From address vouches for this mail."}
		if facts.Verdict != nil && facts.Verdict.Rescued != "" {
			t.Long = "The sender is verified by " + facts.Verdict.Rescued + ", which forwarded this mail and is trusted here: forwarding broke what the sender's own domain could prove."
		}
	case desk.TrustToken:
		t = trustWords{Short: "By reply token", Icon: "link", Long: "The sender is not proved, but the mail carries a reply token that only people on this ticket were given."}
	case desk.TrustUnverified:
		t = trustWords{Short: "Unverified", Look: "warn", Icon: "shield", Long: "Nothing proves that this mail comes from the address it names. Ask before you act on it."}
	default:
		return t
	}
	if facts.Forwarded != nil {
		t = trustWords{Short: "Forwarded", Icon: "person", Long: facts.Forwarded.By + " forwarded this mail. What follows was checked of the forwarding; nothing of it proves who wrote the original."}
	}
	t.Facts = append(proofs(facts.Verdict), opinions(facts.Opinion)...)
	return t
}

// proofs is a verdict as lines, the decisive one first. A verdict that is not there gives none.
func proofs(v *desk.Verdict) []fact {
	if v == nil {
		return nil
	}
	var out []fact
	add := func(name string, m desk.Method, words string) {
		if m.Result != "" {
			out = append(out, fact{Name: name, Result: resultWord(m.Result), Look: resultLook(m.Result), Words: joined(words, sentence(m.Reason)), Quote: m.Told})
		}
	}
	add("DMARC", v.DMARC, dmarcWords(v.DMARC))
	add("SPF", v.SPF, spokenFor(v.SPF))
	for _, signature := range v.DKIM {
		add("DKIM", signature, joined(spokenFor(signature), keyWords(signature)))
	}
	if checked := v.SPF.Result != "" && v.SPF.Result != desk.ResultNone; checked && len(v.DKIM) == 0 {
		add("DKIM", desk.Method{Result: desk.ResultNone}, "It carries no signature.")
	}
	arc := keyWords(v.ARC)
	if v.ARC.Domain != "" {
		arc = joined("Sealed last by "+v.ARC.Domain+".", arc)
	}
	if v.Rescued != "" {
		arc = joined(arc, "You trust "+v.Rescued+", so its word makes up for what forwarding broke.")
	}
	if v.ARC.Result != desk.ResultNone { // most mail was never forwarded, which is not worth a line
		add("ARC", v.ARC, arc)
	}
	if v.IPRev.Result != desk.ResultNone {
		add("Server", v.IPRev, serverWords(v.IPRev))
	}
	return out
}

// resultWord is the outcome of a check, for people.
func resultWord(r desk.Result) string {
	switch r {
	case desk.ResultPass:
		return "passed"
	case desk.ResultFail:
		return "failed"
	case desk.ResultSoftFail:
		return "probably forged"
	case desk.ResultNeutral:
		return "undecided"
	case desk.ResultTempError:
		return "could not be checked"
	case desk.ResultPermError:
		return "broken"
	case desk.ResultPolicy:
		return "refused by our rules"
	case desk.ResultNone:
		return "nothing to check"
	}
	return string(r)
}

// resultLook is its colour.
func resultLook(r desk.Result) string {
	switch r {
	case desk.ResultPass:
		return "good"
	case desk.ResultFail:
		return "bad"
	case desk.ResultSoftFail, desk.ResultPermError, desk.ResultPolicy, desk.ResultTempError:
		return "warn"
	}
	return ""
}

// dmarcWords says which domain was judged and what it asks for.
func dmarcWords(m desk.Method) string {
	if m.Domain == "" {
		return ""
	}
	words := "For " + m.Domain
	switch m.Policy {
	case "none":
		words += ", which asks for nothing when this fails"
	case "quarantine", "reject":
		words += ", which asks to " + m.Policy + " what fails"
	}
	if m.Testing {
		words += ", and is still testing"
	}
	return words + "."
}

// spokenFor says which domain a result speaks for, and whether that is the domain of From.
func spokenFor(m desk.Method) string {
	if m.Domain == "" {
		return ""
	}
	if m.Aligned {
		return "For " + m.Domain + ", as in From."
	}
	return "For " + m.Domain + ", which is not the domain of From."
}

// keyWords says with which key a signature was made.
func keyWords(m desk.Method) string {
	var words []string
	if m.Selector != "" {
		words = append(words, "selector "+m.Selector)
	}
	if m.Algorithm != "" {
		words = append(words, m.Algorithm)
	}
	if m.Bits > 0 {
		words = append(words, fmt.Sprintf("%d bits", m.Bits))
	}
	if m.Testing {
		words = append(words, "in test")
	}
	if len(words) == 0 {
		return ""
	}
	return label(strings.Join(words, ", ")) + "."
}

// serverWords says whether the name of the server that brought the mail leads back to it (RFC 8601 §3).
func serverWords(m desk.Method) string {
	switch {
	case m.Result == desk.ResultPass && m.Domain != "":
		return "It came from " + m.Domain + "."
	case m.Identity != "":
		return "It came from " + m.Identity + "."
	}
	return ""
}

// opinions is what the filters said, a line each.
func opinions(o *desk.Opinion) []fact {
	if o == nil {
		return nil
	}
	var out []fact
	if len(o.Malware) > 0 {
		out = append(out, fact{Name: "Scanner", Result: "malware", Look: "bad", Words: strings.Join(o.Malware, ", ")})
	}
	if o.Action != "" || len(o.Symbols) > 0 {
		out = append(out, fact{Name: "Spam filter", Result: fmt.Sprintf("score %.1f", o.Score), Look: scoreLook(o), Words: symbolWords(o.Symbols)})
	}
	for _, said := range []struct{ result, words string }{{"refuses it", o.Refused}, {"wants it later", o.Deferred}, {"wants it held", o.Quarantined}} {
		if said.words != "" {
			out = append(out, fact{Name: "Mail filter", Result: said.result, Look: "warn", Quote: said.words})
		}
	}
	for _, note := range o.Notes {
		out = append(out, fact{Name: "Mail filter", Result: "wanted a change", Words: note})
	}
	for _, silent := range o.Silent {
		out = append(out, fact{Name: label(silent.Filter), Result: "no answer", Look: "warn", Words: sentence(silent.Reason)})
	}
	return out
}

// scoreLook is the colour of a score: beside that from which the filter itself would refuse the mail.
func scoreLook(o *desk.Opinion) string {
	switch {
	case o.Required > 0 && o.Score >= o.Required:
		return "bad"
	case o.Required > 0 && o.Score >= o.Required/2:
		return "warn"
	}
	return ""
}

// mostSymbols is how many rules of the spam filter a page names.
const mostSymbols = 12

// symbolWords names what a score is made of, the weightiest first.
func symbolWords(symbols []desk.Symbol) string {
	var words []string
	for _, one := range symbols[:min(len(symbols), mostSymbols)] {
		words = append(words, fmt.Sprintf("%s %+.1f", one.Name, one.Score))
	}
	if more := len(symbols) - mostSymbols; more > 0 {
		words = append(words, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(words, ", ")
}

// joined puts sentences one after the other.
func joined(sentences ...string) string {
	var out []string
	for _, one := range sentences {
		if one != "" {
			out = append(out, one)
		}
	}
	return strings.Join(out, " ")
}

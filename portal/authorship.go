package portal

import (
	"fmt"
	"strings"

	"postern/desk"
	"postern/language"
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
func trustOf(lang *language.Language, facts desk.MessageFacts) trustWords {
	var t trustWords
	switch facts.Trust {
	case desk.TrustVerified:
		t = trustWords{Short: lang.Say("Verified"), Look: "good", Icon: "check", Long: lang.Say("The sender is verified: the domain of the From address vouches for this mail.")}
		if facts.Verdict != nil && facts.Verdict.Rescued != "" {
			t.Long = lang.Say("The sender is verified by %s, which forwarded this mail and is trusted here: forwarding broke what the sender's own domain could prove.", facts.Verdict.Rescued)
		}
	case desk.TrustToken:
		t = trustWords{Short: lang.Say("By reply token"), Icon: "link", Long: lang.Say("The sender is not proved, but the mail carries a reply token that only people on this ticket were given.")}
	case desk.TrustUnverified:
		t = trustWords{Short: lang.Say("Unverified"), Look: "warn", Icon: "shield", Long: lang.Say("Nothing proves that this mail comes from the address it names. Ask before you act on it.")}
	default:
		return t
	}
	if t, written := writtenHere(lang, facts); written {
		t.Facts = opinions(lang, facts.Opinion)
		return t
	}
	if facts.Forwarded != nil {
		t = trustWords{Short: lang.Say("Forwarded"), Icon: "person", Long: lang.Say("%s forwarded this mail. What follows was checked of the forwarding; nothing of it proves who wrote the original.", facts.Forwarded.By)}
	}
	t.Facts = append(proofs(lang, facts.Verdict), opinions(lang, facts.Opinion)...)
	return t
}

// proofs is a verdict as lines, the decisive one first. A verdict that is not there gives none.
func proofs(lang *language.Language, v *desk.Verdict) []fact {
	if v == nil {
		return nil
	}
	var out []fact
	add := func(name string, m desk.Method, words string) {
		if m.Result != "" {
			out = append(out, fact{Name: name, Result: resultWord(lang, m.Result), Look: resultLook(m.Result), Words: joined(words, sentence(lang.Sentence(m.Reason))), Quote: m.Told})
		}
	}
	add("DMARC", v.DMARC, dmarcWords(lang, v.DMARC))
	add("SPF", v.SPF, spokenFor(lang, v.SPF))
	for _, signature := range v.DKIM {
		add("DKIM", signature, joined(spokenFor(lang, signature), keyWords(lang, signature)))
	}
	if checked := v.SPF.Result != "" && v.SPF.Result != desk.ResultNone; checked && len(v.DKIM) == 0 {
		add("DKIM", desk.Method{Result: desk.ResultNone}, lang.Say("It carries no signature."))
	}
	arc := keyWords(lang, v.ARC)
	if v.ARC.Domain != "" {
		arc = joined(lang.Say("Sealed last by %s.", v.ARC.Domain), arc)
	}
	if v.Rescued != "" {
		arc = joined(arc, lang.Say("You trust %s, so its word makes up for what forwarding broke.", v.Rescued))
	}
	if v.ARC.Result != desk.ResultNone { // most mail was never forwarded, which is not worth a line
		add("ARC", v.ARC, arc)
	}
	if v.IPRev.Result != desk.ResultNone {
		add(lang.Say("Server"), v.IPRev, serverWords(lang, v.IPRev))
	}
	return out
}

// resultWord is the outcome of a check, for people.
func resultWord(lang *language.Language, r desk.Result) string {
	switch r {
	case desk.ResultPass:
		return lang.Say("passed")
	case desk.ResultFail:
		return lang.Say("failed")
	case desk.ResultSoftFail:
		return lang.Say("probably forged")
	case desk.ResultNeutral:
		return lang.Say("undecided")
	case desk.ResultTempError:
		return lang.Say("could not be checked")
	case desk.ResultPermError:
		return lang.Say("broken")
	case desk.ResultPolicy:
		return lang.Say("refused by our rules")
	case desk.ResultNone:
		return lang.Say("nothing to check")
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
func dmarcWords(lang *language.Language, m desk.Method) string {
	if m.Domain == "" {
		return ""
	}
	var words string
	switch m.Policy {
	case "none":
		words = lang.Say("For %s, which asks for nothing when this fails.", m.Domain)
	case "quarantine":
		words = lang.Say("For %s, which asks to quarantine what fails.", m.Domain)
	case "reject":
		words = lang.Say("For %s, which asks to reject what fails.", m.Domain)
	default:
		words = lang.Say("For %s.", m.Domain)
	}
	if m.Testing {
		words = joined(words, lang.Say("It is still testing."))
	}
	return words
}

// spokenFor says which domain a result speaks for, and whether that is the domain of From.
func spokenFor(lang *language.Language, m desk.Method) string {
	if m.Domain == "" {
		return ""
	}
	if m.Aligned {
		return lang.Say("For %s, as in From.", m.Domain)
	}
	return lang.Say("For %s, which is not the domain of From.", m.Domain)
}

// keyWords says with which key a signature was made.
func keyWords(lang *language.Language, m desk.Method) string {
	var words []string
	if m.Selector != "" {
		words = append(words, lang.Say("selector %s", m.Selector))
	}
	if m.Algorithm != "" {
		words = append(words, m.Algorithm)
	}
	if m.Bits > 0 {
		words = append(words, lang.Say("%d bits", m.Bits))
	}
	if m.Testing {
		words = append(words, lang.Say("in test"))
	}
	if len(words) == 0 {
		return ""
	}
	return capital(strings.Join(words, ", ")) + "."
}

// serverWords says whether the name of the server that brought the mail leads back to it (RFC 8601 §3).
func serverWords(lang *language.Language, m desk.Method) string {
	switch {
	case m.Result == desk.ResultPass && m.Domain != "":
		return lang.Say("It came from %s.", m.Domain)
	case m.Identity != "":
		return lang.Say("It came from %s.", m.Identity)
	}
	return ""
}

// opinions is what the filters said, a line each.
func opinions(lang *language.Language, o *desk.Opinion) []fact {
	if o == nil {
		return nil
	}
	var out []fact
	if len(o.Malware) > 0 {
		out = append(out, fact{Name: lang.Say("Scanner"), Result: lang.Say("malware"), Look: "bad", Words: strings.Join(o.Malware, ", ")})
	}
	if o.Action != "" || len(o.Symbols) > 0 {
		out = append(out, fact{Name: lang.Say("Spam filter"), Result: lang.Say("score %s", lang.Decimal(o.Score, 1)), Look: scoreLook(o), Words: symbolWords(lang, o.Symbols)})
	}
	for _, said := range []struct{ result, words string }{{lang.Say("refuses it"), o.Refused}, {lang.Say("wants it later"), o.Deferred}, {lang.Say("wants it held"), o.Quarantined}} {
		if said.words != "" {
			out = append(out, fact{Name: lang.Say("Mail filter"), Result: said.result, Look: "warn", Quote: lang.Sentence(said.words)})
		}
	}
	for _, note := range o.Notes {
		out = append(out, fact{Name: lang.Say("Mail filter"), Result: lang.Say("wanted a change"), Words: lang.Sentence(note)})
	}
	for _, silent := range o.Silent {
		out = append(out, fact{Name: capital(silent.Filter), Result: lang.Say("no answer"), Look: "warn", Words: sentence(lang.Sentence(silent.Reason))})
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
func symbolWords(lang *language.Language, symbols []desk.Symbol) string {
	var words []string
	for _, one := range symbols[:min(len(symbols), mostSymbols)] {
		words = append(words, fmt.Sprintf("%s %+.1f", one.Name, one.Score))
	}
	if more := len(symbols) - mostSymbols; more > 0 {
		words = append(words, lang.Count(int64(more), "and one more", "and %d more"))
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

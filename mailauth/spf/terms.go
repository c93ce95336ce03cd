package spf

import (
	"net/netip"
	"strings"

	"postern/desk"
)

// Redirect is the kind of the term that Terms gives for the modifier redirect=.
const Redirect = "redirect"

// Term is a directive of a record, or its redirect, for whoever explains a record instead of following it.
type Term struct {
	Text   string       // as published
	Kind   string       // all, include, a, mx, ptr, ip4, ip6, exists, or Redirect
	Result desk.Result  // what it gives where it matches
	Target string       // the domain that it is about, in lower case; empty: that of the record itself
	Macro  bool         // its domain depends on the mail, and Target is empty
	Prefix netip.Prefix // of ip4 and ip6
}

// Asks says whether the term counts among the ten for which the DNS is asked (RFC 7208 §4.6.4).
func (t Term) Asks() bool { return t.Kind != "all" && t.Kind != "ip4" && t.Kind != "ip6" }

// Terms are the directives of a record in order, and its redirect at the end, where it takes effect (RFC 7208 §6.1).
func (r *Record) Terms() []Term {
	terms := make([]Term, 0, len(r.directives)+1)
	for _, d := range r.directives {
		term := Term{Text: d.text, Kind: string(d.kind), Result: d.result, Prefix: d.prefix}
		term.Target, term.Macro = d.target.literal()
		terms = append(terms, term)
	}
	if r.redirect != nil {
		term := Term{Kind: Redirect, Result: desk.ResultPass}
		term.Target, term.Macro = r.redirect.literal()
		term.Text = "redirect=" + term.Target
		terms = append(terms, term)
	}
	return terms
}

// literal is the name that a template always expands to; macro says that there is none.
func (t template) literal() (name string, macro bool) {
	for _, one := range t {
		if one.letter != 0 {
			return "", true
		}
		name += one.text
	}
	return strings.ToLower(strings.TrimSuffix(name, ".")), false
}

// Is says whether a TXT record is an SPF record, well or badly written (RFC 7208 §4.5).
func Is(text string) bool { return isSPF(text) }

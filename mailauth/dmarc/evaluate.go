package dmarc

import (
	"context"
	"fmt"

	"postern/desk"
)

// Facts are what a judgement is made of.
type Facts struct {
	Author        Walk            // from the From domain
	Missing       bool            // the From domain does not exist; asked only if NeedsExistence
	SPF           desk.Method     // of MAIL FROM
	DKIM          []desk.Method   //
	Organizations map[string]Walk // of the domains in SPF and DKIM that may be aligned (Walker.Organizations)
}

// Judgement is the outcome. SPF and DKIM are those of the Facts with Aligned set, where they passed, by the mode that the record asks for; relaxed where there is none.
type Judgement struct {
	DMARC        desk.Method
	SPF          desk.Method
	DKIM         []desk.Method
	Organization string
	Strict       Modes
}

// Modes says where only the very From domain is aligned with it.
type Modes struct{ SPF, DKIM bool }

// Judge gathers the facts from the DNS and evaluates them. author is what Author of the same walker returned.
func (w *Walker) Judge(ctx context.Context, author Walk, spf desk.Method, dkim []desk.Method) Judgement {
	facts := Facts{Author: author, SPF: spf, DKIM: dkim, Organizations: w.Organizations(ctx, author, spf, dkim)}
	var err error
	if NeedsExistence(author) {
		facts.Missing, err = w.Missing(ctx, author.Start)
	}
	judged := Evaluate(facts)
	if err != nil && judged.DMARC.Result == desk.ResultFail {
		// The mail fails whatever the answer; sp is what it asks for then.
		judged.DMARC.Reason += "; " + err.Error()
	}
	return judged
}

// NeedsExistence says whether the policy depends on whether the From domain exists (tag np).
func NeedsExistence(author Walk) bool {
	found, ok := author.Policy()
	return ok && found.Domain != author.Start && found.Record.NP != found.Record.SP
}

// Evaluate judges a mail (RFC 9989 §5.3). A mail passes if SPF or one DKIM signature passed for a domain that is aligned with its From domain.
// Where the DNS did not answer something that could have made it pass, the result is temperror, and nothing is asked for.
func Evaluate(facts Facts) Judgement {
	author := facts.Author
	found, published := author.Policy()
	if published && found.Record.Void {
		published = false
	}
	judged := Judgement{Organization: author.Organization(), SPF: facts.SPF, DKIM: append([]desk.Method(nil), facts.DKIM...)}
	if published {
		judged.Strict = Modes{SPF: found.Record.StrictSPF, DKIM: found.Record.StrictDKIM}
	}
	passed, open := "", ""
	judge := func(method *desk.Method, strict bool, name string) {
		aligned, err := facts.aligned(method.Domain, strict)
		switch {
		case !counts(*method):
		case method.Result == desk.ResultPass && aligned:
			method.Aligned = true
			if passed == "" {
				passed = fmt.Sprintf("%s passed for %s, which is aligned with %s", name, method.Domain, author.Start)
			}
		case aligned && open == "":
			open = fmt.Sprintf("%s could not be checked for %s, which is aligned with %s", name, method.Domain, author.Start)
		case err != nil && open == "":
			open = err.Error()
		}
	}
	judge(&judged.SPF, judged.Strict.SPF, "SPF")
	for i := range judged.DKIM {
		judge(&judged.DKIM[i], judged.Strict.DKIM, "DKIM")
	}
	judged.DMARC = facts.verdict(outcome{found: found, published: published, passed: passed, open: open})
	return judged
}

// outcome is what the identifiers came to: both texts are reasons, and empty where there is none.
type outcome struct {
	found        Found
	published    bool
	passed, open string
}

func (f Facts) verdict(o outcome) desk.Method {
	author := f.Author
	method := desk.Method{Domain: author.Start, Result: desk.ResultNone}
	// Records higher up cannot change what is known: its own record judges it, and a domain is always aligned with itself.
	settled := author.own() && (f.exact() || !f.anyPass() && o.open == "")
	switch {
	case author.Err != nil && !settled:
		method.Result, method.Reason = desk.ResultTempError, author.Err.Error()
		return method
	case !o.published && o.found.Record.Void:
		method.Reason = fmt.Sprintf("the DMARC record of %s has no valid policy, and DMARC does not apply", o.found.Domain)
		return method
	case !o.published:
		method.Reason = fmt.Sprintf("neither %s nor a domain above it publishes a DMARC record", author.Start)
		return method
	}
	method.Policy, method.Testing = f.policy(o.found), o.found.Record.Testing
	switch {
	case o.passed != "":
		method.Result, method.Reason = desk.ResultPass, o.passed
	case o.open != "":
		method.Result, method.Reason = desk.ResultTempError, o.open
	default:
		method.Result, method.Reason = desk.ResultFail, fmt.Sprintf("neither SPF nor DKIM passed for a domain that is aligned with %s", author.Start)
		if o.found.Domain != author.Start {
			method.Reason += ", as the record of " + o.found.Domain + " wants it"
		}
	}
	return method
}

// policy is what the record asks to do with this mail if it fails.
func (f Facts) policy(found Found) string {
	policy := found.Record.P
	if found.Domain != f.Author.Start {
		policy = found.Record.SP
		if f.Missing {
			policy = found.Record.NP
		}
	}
	if found.Record.Testing {
		policy = weaker(policy)
	}
	return policy
}

// aligned compares a domain with the From domain (RFC 9989 §4.4). An error means that it may be aligned, and that the DNS did not say so.
func (f Facts) aligned(domain string, strict bool) (bool, error) {
	if domain == "" || domain == f.Author.Start || strict {
		return domain != "" && domain == f.Author.Start, nil
	}
	walk, walked := f.Organizations[domain]
	if !walked { // outside of the From domain's organization
		return false, nil
	}
	if walk.Err != nil {
		return false, walk.Err
	}
	return walk.Organization() == f.Author.Organization(), nil
}

// exact says whether something passed for the very From domain.
func (f Facts) exact() bool {
	for _, method := range append([]desk.Method{f.SPF}, f.DKIM...) {
		if method.Result == desk.ResultPass && method.Domain == f.Author.Start {
			return true
		}
	}
	return false
}

func (f Facts) anyPass() bool {
	for _, method := range append([]desk.Method{f.SPF}, f.DKIM...) {
		if method.Result == desk.ResultPass {
			return true
		}
	}
	return false
}

// counts says whether a method speaks for a domain, or might have if the DNS had answered.
func counts(method desk.Method) bool {
	return method.Domain != "" && (method.Result == desk.ResultPass || method.Result == desk.ResultTempError)
}

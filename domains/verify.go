package domains

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"postern/desk"
)

// Look looks up every record of a wish and fills in what was found. before is Wanted with what the last look found: what cannot be looked up now stays as it was.
// A key behind a CNAME is right when the name in the operator's zone holds it.
func Look(ctx context.Context, r Resolver, w Wish, before []desk.Record, now time.Time) []desk.Record {
	texts := map[string]string{}
	for _, key := range w.Keys {
		texts[key.Name()] = key.Text()
	}
	wanted := slices.Clone(before)
	for i, record := range wanted {
		if text, ok := texts[record.Name]; ok && record.Type == "CNAME" && record.Purpose != PurposeObsolete {
			wanted[i].Wanted = text
		}
	}
	checked := Verify(ctx, r, wanted, now)
	for i := range checked {
		checked[i].Wanted = before[i].Wanted
	}
	return checked
}

// Verify looks each wanted record up and fills in Found, OK, Problem and CheckedAt. A record whose lookup fails for now keeps what the last check said of it and only gets a Problem:
// a resolver's bad minute must not make a domain look broken.
func Verify(ctx context.Context, r Resolver, wanted []desk.Record, now time.Time) []desk.Record {
	checked := slices.Clone(wanted)
	for i := range checked {
		record := &checked[i]
		result, err := check(ctx, r, *record, hostOf(wanted))
		if err != nil && !IsNotFound(err) {
			record.Problem = "could not be looked up: " + err.Error()
			continue
		}
		record.Found = append([]string{}, result.found...) // never nil: the API says [] where nothing was found
		record.Problem, record.OK, record.CheckedAt = result.problem, result.problem == "", now
	}
	return checked
}

// finding is what one lookup says: the records as they stand in the DNS, and what is wrong with them.
type finding struct {
	found   []string
	problem string
}

// check looks one record up. An error that is IsNotFound comes with a finding that says so.
func check(ctx context.Context, r Resolver, wanted desk.Record, host string) (finding, error) {
	switch wanted.Purpose {
	case PurposeRSA, PurposeEd25519:
		texts, err := r.LookupTXT(ctx, wanted.Name)
		return finding{texts, keyProblem(wanted.Wanted, texts)}, err
	case PurposeChallenge:
		texts, err := r.LookupTXT(ctx, wanted.Name)
		result := finding{texts, "none of the records there is the challenge"}
		if slices.Contains(texts, wanted.Wanted) {
			result.problem = ""
		} else if len(texts) == 0 {
			result.problem = missing
		}
		return result, err
	case PurposeObsolete:
		texts, err := r.LookupTXT(ctx, wanted.Name)
		if IsNotFound(err) {
			err = nil
		}
		result := finding{found: texts}
		if len(texts) > 0 {
			result.problem = "it is not used any more: delete it"
		}
		return result, err
	case PurposeSPF:
		return checkSPF(ctx, r, wanted.Name, host)
	case PurposeDMARC:
		return checkDMARC(ctx, r, wanted.Name)
	case PurposeMX:
		return checkMX(ctx, r, wanted.Name, host)
	}
	return finding{problem: fmt.Sprintf("nobody knows how to check a record for %q", wanted.Purpose)}, nil
}

// hostOf finds the name of our host in the advice for the MX.
func hostOf(wanted []desk.Record) string {
	for _, record := range wanted {
		if record.Purpose == PurposeMX {
			_, host, _ := strings.Cut(record.Wanted, " ")
			return host
		}
	}
	return ""
}

const missing = "the record is not in the DNS"

// keyProblem compares a published key record with the wanted one by meaning, not by spelling: tags in any order, white space anywhere in p= (RFC 6376 §3.2, §3.6.1).
func keyProblem(wanted string, published []string) string {
	switch len(published) {
	case 0:
		return missing
	case 1:
	default:
		return "there are several records; a verifier may pick any of them (RFC 6376 §3.6.2.2)"
	}
	want, have := tags(wanted), tags(published[0])
	kind, named := have["k"]
	if !named {
		kind = "rsa" // RFC 6376 §3.6.1: the default
	}
	version, versioned := have["v"]
	switch {
	case versioned && version != "DKIM1":
		return "v= is not DKIM1"
	case have["p"] == "" && want["p"] != "":
		return "the key is revoked: p= is empty"
	case kind != want["k"]:
		return fmt.Sprintf("k= is %s instead of %s", kind, want["k"])
	case strip(have["p"]) != want["p"]:
		return "p= holds another key"
	case !lists(have, "h", "sha256"):
		return "h= does not allow sha256"
	case !lists(have, "s", "email", "*"):
		return "s= does not allow email"
	case lists(have, "t", "y") && have["t"] != "":
		return "t=y says that the domain is only testing DKIM"
	}
	return ""
}

// tags reads a tag=value list (RFC 6376 §3.2). Of a tag that stands twice the first counts.
func tags(text string) map[string]string {
	found := map[string]string{}
	for pair := range strings.SplitSeq(text, ";") {
		name, value, _ := strings.Cut(pair, "=")
		name = strings.TrimSpace(name)
		if _, twice := found[name]; !twice {
			found[name] = strings.TrimSpace(value)
		}
	}
	return found
}

// lists says whether a colon-separated tag is absent, and so allows everything, or names one of the words.
func lists(have map[string]string, tag string, words ...string) bool {
	value, ok := have[tag]
	if !ok {
		return true
	}
	for word := range strings.SplitSeq(value, ":") {
		if slices.Contains(words, strings.TrimSpace(word)) {
			return true
		}
	}
	return false
}

func strip(s string) string { return strings.Join(strings.Fields(s), "") }

// checkDMARC finds the policy that covers a domain: at the name itself, or at a parent (RFC 9989 §4.10, without its limits for names of more than eight labels).
func checkDMARC(ctx context.Context, r Resolver, name string) (finding, error) {
	domain := strings.TrimPrefix(name, "_dmarc.")
	for strings.Contains(domain, ".") {
		texts, err := r.LookupTXT(ctx, "_dmarc."+domain)
		if err != nil && !IsNotFound(err) {
			return finding{}, err
		}
		policies := keep(texts, "v=dmarc1")
		switch {
		case len(policies) > 1:
			return finding{policies, "there are several DMARC records at _dmarc." + domain + "; receivers then use none (RFC 9989 §4.7)"}, nil
		case len(policies) == 1:
			return finding{policies, ""}, nil
		}
		_, domain, _ = strings.Cut(domain, ".")
	}
	return finding{problem: missing + ", nor is one for a parent domain"}, nil
}

// checkMX says whether mail for the domain reaches our host.
func checkMX(ctx context.Context, r Resolver, domain, host string) (finding, error) {
	exchangers, err := r.LookupMX(ctx, domain)
	result := finding{problem: missing}
	for _, mx := range exchangers {
		result.found = append(result.found, fmt.Sprintf("%d %s", mx.Pref, mx.Host))
		if strings.EqualFold(mx.Host, host) {
			result.problem = ""
		}
	}
	if len(exchangers) > 0 && result.problem != "" {
		result.problem = "mail for the domain goes elsewhere; that is right only if it is forwarded here"
	}
	return result, err
}

// keep returns the texts of one kind of record: those whose first tag is version, in any case.
func keep(texts []string, version string) []string {
	var kept []string
	for _, text := range texts {
		head := strings.ToLower(text)
		rest, ok := strings.CutPrefix(head, version)
		if ok && (rest == "" || strings.ContainsAny(rest[:1], " ;\t")) {
			kept = append(kept, text)
		}
	}
	return kept
}

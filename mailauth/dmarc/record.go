// Package dmarc says whether a mail really comes from the domain in its From, as that domain wants it judged (RFC 9989).
//
// Parse and Evaluate are pure; a Walker asks the DNS, at most 8 names upwards from the From domain, 8 more to align others with it, and 4 to see whether the From domain exists.
// Records of RFC 7489 are read as RFC 9989 reads them: pct, ri and rf mean nothing any more. Reports are not sent.
//
// The public suffix list decides nothing about DMARC. It is asked only where no name from a domain up to the root has a record, so that DMARC does not apply,
// and an aligned SPF or DKIM pass is all that a mail can have.
package dmarc

import (
	"net/url"
	"strings"
)

// What a domain asks to do with mail that fails, in the words of the record (RFC 9989 §4.7).
const (
	PolicyNone       = "none"
	PolicyQuarantine = "quarantine"
	PolicyReject     = "reject"
)

// PSD is what a record says about the place of its domain in the tree (tag psd).
type PSD string

const (
	PSDUnknown PSD = "u" // nothing: the default
	PSDYes     PSD = "y" // others register domains below it
	PSDNo      PSD = "n" // an organizational domain, for itself and what is below
)

// Record is a DMARC policy record. What it says wrongly counts as not said (RFC 9989 §4.8).
type Record struct {
	P          string   // policy for the domain itself
	SP         string   // for those below it; as P where the record says nothing
	NP         string   // for names below it that do not exist; as SP where the record says nothing
	PSD        PSD      //
	Testing    bool     // t=y: policies are applied one step weaker
	StrictDKIM bool     // adkim=s
	StrictSPF  bool     // aspf=s
	RUA        []string // URIs for aggregate reports, at most 10
	RUF        []string // URIs for failure reports, at most 10
	FO         string   // when failure reports are wanted, as written
	Void       bool     // its policy is missing or wrong and nobody reads reports about it: DMARC is not applied (§4.10.1)
}

const (
	maxTags = 50
	maxURIs = 10
)

// Parse reads one TXT record. It is false for everything that is not a DMARC record at all: v=DMARC1 must stand first (§4.8).
// Names of tags and values may be in either case; of tags given twice the first counts; unknown ones are ignored.
func Parse(text string) (Record, bool) {
	version, rest, _ := strings.Cut(text, ";")
	name, value, found := strings.Cut(version, "=")
	if !found || !strings.EqualFold(trim(name), "v") || trim(value) != "DMARC1" {
		return Record{}, false
	}
	tags := map[string]string{}
	for range maxTags {
		var part string
		part, rest, _ = strings.Cut(rest, ";")
		name, value, found := strings.Cut(part, "=")
		name = strings.ToLower(trim(name))
		if _, twice := tags[name]; found && !twice {
			tags[name] = trim(value)
		}
		if rest == "" {
			break
		}
	}
	record := Record{
		PSD: PSDUnknown, Testing: strings.EqualFold(tags["t"], "y"), StrictDKIM: strings.EqualFold(tags["adkim"], "s"), StrictSPF: strings.EqualFold(tags["aspf"], "s"),
		RUA: uris(tags["rua"]), RUF: uris(tags["ruf"]), FO: tags["fo"],
	}
	switch psd := PSD(strings.ToLower(tags["psd"])); psd {
	case PSDYes, PSDNo:
		record.PSD = psd
	}
	record.policies(tags)
	return record, true
}

// policies reads p, sp and np. One that is wrong, or no p, makes all of them none, or the record void (RFC 9989 §4.10.1).
func (r *Record) policies(tags map[string]string) {
	p, valid := policy(tags, "p", "")
	sp, validSP := policy(tags, "sp", p)
	np, validNP := policy(tags, "np", sp)
	if p == "" || !valid || !validSP || !validNP {
		r.P, r.SP, r.NP = PolicyNone, PolicyNone, PolicyNone
		r.Void = len(r.RUA) == 0
		return
	}
	r.P, r.SP, r.NP = p, sp, np
}

// policy reads one policy tag; without it, other applies.
func policy(tags map[string]string, name, other string) (string, bool) {
	value, found := tags[name]
	if !found {
		return other, true
	}
	switch value = strings.ToLower(value); value {
	case PolicyNone, PolicyQuarantine, PolicyReject:
		return value, true
	}
	return "", false
}

// uris reads a list of reporting URIs, without the size limits of RFC 7489 §6.4 ('!10m'), which mean nothing any more.
func uris(list string) []string {
	var found []string
	for uri := range strings.SplitSeq(list, ",") {
		uri, _, _ = strings.Cut(trim(uri), "!")
		parsed, err := url.Parse(uri)
		if err != nil || parsed.Scheme == "" || parsed.Opaque == "" && parsed.Host == "" {
			continue
		}
		if strings.EqualFold(parsed.Scheme, "mailto") && !strings.Contains(parsed.Opaque, "@") {
			continue
		}
		if found = append(found, uri); len(found) == maxURIs {
			break
		}
	}
	return found
}

func trim(s string) string { return strings.Trim(s, " \t\r\n") }

// weaker is a policy one step down, as t=y asks for (RFC 9989 §4.7).
func weaker(policy string) string {
	if policy == PolicyReject {
		return PolicyQuarantine
	}
	return PolicyNone
}

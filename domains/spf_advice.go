package domains

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"postern/desk"
	"postern/mailauth/spf"
	"postern/mailauth/suffix"
)

const spfRecord = "v=spf1" // what an SPF record begins with (RFC 7208 §4.5)

func registrableOf(name string) string { return suffix.Registrable(name) }

// freshSPF is the record of a domain that has none.
func freshSPF(from sender) string { return spfRecord + " " + from.term() + " ~all" }

// adviseSPF is the record that the domain should have: the one that is there, with no more changed than what our mail needs.
func (v *Visit) adviseSPF(ctx context.Context, seen spfSight) (string, error) {
	have := mergeSPF(seen.records)
	if have == "" {
		return freshSPF(seen.sender), nil
	}
	before := have
	have = withoutSPF(have, seen.survey.useless)
	if len(seen.sender.addrs) == 0 {
		return have, nil
	}
	if len(seen.records) == 1 {
		verdict, err := seen.verdict, error(nil)
		if have != before {
			verdict, err = v.permits(ctx, seen.domain, have, seen.sender)
		}
		if err != nil || verdict.Result == desk.ResultPass {
			return have, err
		}
	}
	candidates := spfCandidates(have, seen.sender)
	for _, candidate := range candidates {
		verdict, err := v.permits(ctx, seen.domain, candidate.record, seen.sender)
		if err != nil {
			return "", err
		}
		if verdict.Result != desk.ResultPass {
			continue
		}
		if candidate.whole { // servers of others must stay permitted too
			found, err := v.surveySPF(ctx, seen.domain, candidate.record)
			if err != nil {
				return "", err
			}
			if found.lookups > spfLookups {
				continue
			}
		}
		return candidate.record, nil
	}
	return candidates[0].record, nil // what is wrong with it beyond us is said beside it
}

// candidate is a record that may do.
type candidate struct {
	record string
	whole  bool // only if all of it stays within ten lookups
}

// spfCandidates are the ways to permit a sender, the least intrusive first: by name before what is denied, by address where lookups are scarce, and in front of everything where something denies us earlier.
func spfCandidates(have string, from sender) []candidate {
	name, addrs := []string{from.term()}, spfAddrs(from.addrs)
	return []candidate{
		{insertSPF(have, name, beforeAll), true},
		{insertSPF(have, addrs, beforeAll), true},
		{insertSPF(have, name, inFront), true},
		{insertSPF(have, addrs, inFront), false},
	}
}

// spfAddrs are mechanisms that cost no lookup.
func spfAddrs(addrs []netip.Addr) []string {
	terms := make([]string, len(addrs))
	for i, addr := range addrs {
		terms[i] = "ip6:" + addr.String()
		if addr.Is4() {
			terms[i] = "ip4:" + addr.String()
		}
	}
	return terms
}

// place is where in a record something is put.
type place int

const (
	beforeAll place = iota // where the terms that permit somebody end
	inFront                // before every other term
)

// insertSPF puts terms into a record, and leaves what is there as it is written.
func insertSPF(record string, terms []string, where place) string {
	words := strings.Fields(record)
	at := 1
	if where == beforeAll {
		at = len(words)
		for i, word := range words {
			if i > 0 && endsSPF(word) {
				at = i
				break
			}
		}
	}
	terms = slices.DeleteFunc(slices.Clone(terms), func(term string) bool { return slices.Contains(words[:at], term) })
	return strings.Join(slices.Insert(words, at, terms...), " ")
}

// withoutSPF takes terms out of a record. What permits everybody becomes what marks everybody else as suspicious.
func withoutSPF(record string, terms []string) string {
	if len(terms) == 0 {
		return record
	}
	words := strings.Fields(record)
	kept := words[:1:1]
	for _, word := range words[1:] {
		switch everybody := strings.EqualFold(strings.TrimLeft(word, "+"), "all"); {
		case !slices.Contains(terms, word):
			kept = append(kept, word)
		case everybody:
			kept = append(kept, "~all")
		}
	}
	return strings.Join(kept, " ")
}

// endsSPF says whether nothing that stands behind a term counts, or nothing need to: all, redirect=, exp=.
func endsSPF(word string) bool {
	word = strings.ToLower(strings.TrimLeft(word, "+-~?"))
	return word == "all" || strings.HasPrefix(word, "redirect=") || strings.HasPrefix(word, "exp=")
}

// mergeSPF makes one record of several, and leaves out what cannot be read: the terms of all in their order, then the ending of the first that has one.
func mergeSPF(records []string) string {
	var terms, endings []string
	for _, record := range records {
		var last []string
		for _, word := range strings.Fields(record)[1:] {
			if _, err := spf.Parse(spfRecord + " " + word); err != nil {
				continue
			}
			if endsSPF(word) {
				last = append(last, word)
			} else if !slices.Contains(terms, word) {
				terms = append(terms, word)
			}
		}
		if endings == nil {
			endings = last
		}
	}
	if len(records) == 0 {
		return ""
	}
	if len(records) == 1 {
		if _, err := spf.Parse(records[0]); err == nil {
			return records[0]
		}
	}
	return strings.Join(slices.Concat([]string{spfRecord}, terms, endings), " ")
}

package dmarc

import (
	"context"
	"fmt"
	"strings"

	"postern/desk"
	"postern/mailauth/lookup"
	"postern/mailauth/suffix"
)

const (
	maxNames = 8 // names of one walk (RFC 9989 §4.10)
	maxMore  = 8 // names that a mail may make us ask to align SPF and DKIM, over those of the From domain
)

// Found is a DMARC record and the domain that it was found for.
type Found struct {
	Domain string
	Record Record
}

// Walk is what the names from a domain up to the root say (RFC 9989 §4.10).
type Walk struct {
	Start string  // in lower case A-labels without the final dot
	Found []Found // longest name first
	Err   error   // the name at which the DNS gave no answer: those above it were not asked
}

// Names are the domains whose records a walk asks for, in order.
func Names(domain string) []string {
	names := []string{domain}
	rest := domain
	if count := strings.Count(domain, ".") + 1; count > maxNames {
		for range count - maxNames {
			_, rest, _ = strings.Cut(rest, ".")
		}
	}
	for {
		_, parent, found := strings.Cut(rest, ".")
		if !found {
			return names
		}
		names, rest = append(names, parent), parent
	}
}

// Organization is the organizational domain of where the walk started (RFC 9989 §4.10.2). Where no record was found at all it is the registrable domain of the public suffix list.
func (w Walk) Organization() string {
	if len(w.Found) == 0 {
		return suffix.Registrable(w.Start)
	}
	for _, found := range w.Found {
		switch {
		case found.Record.PSD == PSDNo:
			return found.Domain
		case found.Record.PSD == PSDYes && found.Domain != w.Start:
			return below(w.Start, found.Domain)
		}
	}
	return w.Found[len(w.Found)-1].Domain
}

// below is the domain one label below a parent, on the way to name.
func below(name, parent string) string {
	rest := strings.TrimSuffix(name, "."+parent)
	return rest[strings.LastIndexByte(rest, '.')+1:] + "." + parent
}

// Policy is the record that judges mail from where the walk started: its own, else that of its organizational domain, else that of its public suffix domain (RFC 9989 §4.10.1).
func (w Walk) Policy() (Found, bool) {
	if len(w.Found) == 0 {
		return Found{}, false
	}
	organization := w.Organization()
	for _, domain := range []string{w.Start, organization} {
		for _, found := range w.Found {
			if found.Domain == domain {
				return found, true
			}
		}
	}
	last := w.Found[len(w.Found)-1] // psd=y ends the walk
	return last, last.Record.PSD == PSDYes
}

// own says whether the walk's first name has a record of its own.
func (w Walk) own() bool { return len(w.Found) > 0 && w.Found[0].Domain == w.Start }

// Walker walks for one mail and asks no name twice. It is not safe for concurrent use.
type Walker struct {
	resolver lookup.Resolver
	known    map[string]answer
	more     int
}

type answer struct {
	record Record
	found  bool
	err    error
}

// NewWalker makes a walker for one mail.
func NewWalker(resolver lookup.Resolver) *Walker {
	return &Walker{resolver: resolver, known: map[string]answer{}, more: maxMore}
}

// Author walks upwards from the From domain.
func (w *Walker) Author(ctx context.Context, domain string) Walk {
	return w.walk(ctx, domain, w.ask)
}

func (w *Walker) walk(ctx context.Context, domain string, ask func(context.Context, string) answer) Walk {
	walk := Walk{Start: domain}
	for _, name := range Names(domain) {
		answer := ask(ctx, name)
		if answer.err != nil {
			walk.Err = answer.err
			return walk
		}
		if !answer.found {
			continue
		}
		walk.Found = append(walk.Found, Found{Domain: name, Record: answer.record})
		if answer.record.PSD != PSDUnknown {
			break
		}
	}
	return walk
}

// ask reads the record of one domain. Several are none (RFC 9989 §4.10 step 2).
func (w *Walker) ask(ctx context.Context, domain string) answer {
	if known, ok := w.known[domain]; ok {
		return known
	}
	var got answer
	texts, err := w.resolver.LookupTXT(ctx, "_dmarc."+domain)
	if err != nil && !lookup.NotFound(err) {
		got.err = fmt.Errorf("the DMARC record of %s could not be looked up: %w", domain, err)
	}
	records := 0
	for _, text := range texts {
		if record, ok := Parse(text); ok {
			got.record, got.found = record, true
			records++
		}
	}
	if records > 1 {
		got.record, got.found = Record{}, false
	}
	w.known[domain] = got
	return got
}

// askMore is ask within what one mail may make us ask for other domains than its own.
func (w *Walker) askMore(ctx context.Context, domain string) answer {
	if _, known := w.known[domain]; !known {
		if w.more == 0 {
			return answer{err: fmt.Errorf("the DMARC record of %s was not looked up: more names than one mail may ask for", domain)}
		}
		w.more--
	}
	return w.ask(ctx, domain)
}

// Organizations finds the organizational domains of what SPF and DKIM proved, as far as they can be that of the From domain: a name outside of that is aligned with nothing, and is not asked for.
func (w *Walker) Organizations(ctx context.Context, author Walk, spf desk.Method, dkim []desk.Method) map[string]Walk {
	walks := map[string]Walk{}
	organization := author.Organization()
	for _, method := range append([]desk.Method{spf}, dkim...) {
		domain := method.Domain
		if !counts(method) || domain == author.Start || !within(domain, organization) {
			continue
		}
		if _, known := walks[domain]; !known {
			walks[domain] = w.walk(ctx, domain, w.askMore)
		}
	}
	return walks
}

// within says whether a domain is another or below it.
func within(domain, parent string) bool {
	return domain == parent || strings.HasSuffix(domain, "."+parent)
}

// Missing says whether a domain does not exist, which np asks about. It has to have a TXT, MX, A or AAAA record to exist: the resolver does not tell a name without records of those kinds
// from no name (RFC 9989 §A.4), and no mail comes from either.
func (w *Walker) Missing(ctx context.Context, domain string) (bool, error) {
	questions := []func() error{
		func() error { _, err := w.resolver.LookupTXT(ctx, domain); return err },
		func() error { _, err := w.resolver.LookupMX(ctx, domain); return err },
		func() error { _, err := w.resolver.LookupA(ctx, domain); return err },
		func() error { _, err := w.resolver.LookupAAAA(ctx, domain); return err },
	}
	for _, question := range questions {
		switch err := question(); {
		case err == nil:
			return false, nil
		case !lookup.NotFound(err):
			return false, fmt.Errorf("whether %s exists could not be looked up: %w", domain, err)
		}
	}
	return true, nil
}

package domains

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"postern/desk"
	"postern/store"
)

// SendDecision is what becomes of mail that would leave in the name of a domain.
type SendDecision string

const (
	SendUse      SendDecision = "use"      // it leaves, signed by the domain's keys
	SendHold     SendDecision = "hold"     // it waits until the domain is mended or resumed, or until Until
	SendFallback SendDecision = "fallback" // it leaves in the name of the system's domain
)

// Sending says how mail leaves in the name of a domain.
type Sending struct {
	Do    SendDecision
	Keys  []Key            // use: what signs; not to be changed
	Since time.Time        // hold: since when
	Until time.Time        // hold: when it will leave in the system's name after all; zero: it does not
	Why   string           // hold, fallback: in words, for the person who wrote the mail
	State desk.DomainState // of the domain; empty: it is not here
}

// decide says how mail leaves in the name of a domain that is here.
func decide(d desk.Domain, now time.Time, spans Spans) Sending {
	switch d.State {
	case desk.DomainActive:
		return Sending{Do: SendUse}
	case desk.DomainPaused:
		if d.OnBroken == desk.BrokenFallback {
			return Sending{Do: SendFallback, Why: fmt.Sprintf("the domain %s is paused", d.Name)}
		}
		return Sending{Do: SendHold, Since: d.BrokenSince, Why: fmt.Sprintf("the domain %s is paused", d.Name)}
	case desk.DomainDegraded:
		why := fmt.Sprintf("the DNS records of %s are broken (%s)", d.Name, d.BrokenWhy)
		until := d.BrokenSince.Add(spans.Fallback)
		switch {
		case d.OnBroken != desk.BrokenFallback:
			return Sending{Do: SendHold, Since: d.BrokenSince, Why: why}
		case now.Before(until):
			return Sending{Do: SendHold, Since: d.BrokenSince, Until: until, Why: why}
		}
		return Sending{Do: SendFallback, Why: why}
	case desk.DomainRemoved:
		return Sending{Do: SendFallback, Why: fmt.Sprintf("the domain %s was removed", d.Name)}
	}
	return Sending{Do: SendFallback, Why: fmt.Sprintf("the domain %s is not verified: see its records under Domains", d.Name)}
}

// signing is what is known of a domain of ours for a moment.
type signing struct {
	domain desk.Domain
	here   bool
	keys   []Key             // that sign
	rows   []store.DomainKey // all
	until  time.Time
}

// Forget drops what is kept in memory about domains and their keys, after somebody else may have changed them.
func (s *Service) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.signed)
}

// know returns what is known of a domain. It asks the database at most once in a while, and again when the service hears that something has changed (Forget).
func (s *Service) know(ctx context.Context, domain string) (signing, error) {
	name, err := ASCII(domain)
	if err != nil {
		return signing{}, nil // it cannot be ours, whatever it is
	}
	s.mu.Lock()
	known, ok := s.signed[name]
	s.mu.Unlock()
	if ok && s.cfg.Now().Before(known.until) {
		return known, nil
	}
	view, err := s.read(ctx, name)
	if isNotFound(err) {
		return signing{}, nil
	}
	if err != nil {
		return signing{}, err
	}
	fresh := signing{domain: view.domain, here: true, rows: view.keys, until: s.cfg.Now().Add(s.cfg.Spans.Memory)}
	if fresh.keys, err = s.unseal(name, view.keys); err != nil {
		return signing{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.signed[name] = fresh // only domains of ours get here, so the map stays as small as the list of them
	return fresh, nil
}

func isNotFound(err error) bool {
	var fault *desk.Fault
	return errors.As(err, &fault) && fault.Kind == desk.NotFound
}

// SigningKeys are the keys that sign for a domain, and whether it may be used as From now. A domain that is not ours has none.
// The caller must not change the list.
func (s *Service) SigningKeys(ctx context.Context, domain string) (keys []Key, active bool, err error) {
	known, err := s.know(ctx, domain)
	return known.keys, known.domain.State == desk.DomainActive, err
}

// SendingAs says how mail leaves in the name of a domain: signed by its keys, later, or in the name of the system's domain.
func (s *Service) SendingAs(ctx context.Context, domain string) (Sending, error) {
	known, err := s.know(ctx, domain)
	if err != nil {
		return Sending{}, err
	}
	if !known.here {
		return Sending{Do: SendFallback, Why: fmt.Sprintf("the domain %s is not here: add it under Domains", domain)}, nil
	}
	sending := decide(known.domain, s.cfg.Now(), s.cfg.Spans)
	sending.State = known.domain.State
	if sending.Do == SendUse {
		sending.Keys = known.keys
	}
	return sending, nil
}

// Valid says whether bytes that were signed at a time, with these selectors of a domain, will still be believed by whoever gets them now. Bytes of which it is not so are to be signed anew:
// a key was revoked, replaced in a hurry, or its record is about to go.
func (s *Service) Valid(ctx context.Context, domain string, selectors []string, signed time.Time) (bool, error) {
	known, err := s.know(ctx, domain)
	if err != nil {
		return false, err
	}
	for _, selector := range selectors {
		if !slices.ContainsFunc(known.rows, func(key store.DomainKey) bool {
			return key.Selector == selector && believed(key, signed, s.cfg.Now(), s.cfg.Spans)
		}) {
			return false, nil
		}
	}
	return true, nil
}

// believed says whether what a key signed at a time will be believed for long enough to arrive. A selector behind a CNAME is used again and again: what was signed before the key was made is another's.
// Signatures count time in whole seconds (RFC 6376 §3.5, t=).
func believed(key store.DomainKey, signed, now time.Time, spans Spans) bool {
	if signed.Before(key.CreatedAt.Truncate(time.Second)) {
		return false
	}
	switch key.Role {
	case desk.KeySigning:
		return true
	case desk.KeyRetired:
		return key.Grace == nil && key.EndsAt != nil && now.Add(spans.UnderWay).Before(*key.EndsAt)
	}
	return false
}

package domains

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"postern/desk"
	"postern/mailauth/lookup"
	"postern/mailauth/spf"
)

// sender is who hands our mail to the servers of recipients: what SPF has to permit.
type sender struct {
	host  string       // ours, or the smarthost
	addrs []netip.Addr // of host
	relay bool         // it is a smarthost: from which of its addresses our mail leaves, only its owner knows
}

// spfSight is the SPF record of a domain, and what follows from it for our mail.
type spfSight struct {
	domain  string
	records []string // SPF records at the name
	sender  sender
	verdict desk.Method // of our verifier, for the first of our addresses that is not permitted, or for one that is
	survey  survey
	wanted  string // the record to publish
}

// lookSPF judges the texts at a domain, as a receiver does, and looks at all that they lead to.
func (v *Visit) lookSPF(ctx context.Context, domain string, texts []string, from sender) (spfSight, error) {
	seen := spfSight{domain: domain, sender: from}
	for _, text := range texts {
		if spf.Is(text) {
			seen.records = append(seen.records, text)
		}
	}
	var err error
	if len(seen.records) == 1 {
		if seen.verdict, err = v.permits(ctx, domain, seen.records[0], from); err != nil {
			return seen, err
		}
		if seen.survey, err = v.surveySPF(ctx, domain, seen.records[0]); err != nil {
			return seen, err
		}
	}
	seen.wanted, err = v.adviseSPF(ctx, seen)
	return seen, err
}

// permits asks our own verifier whether a record lets our mail pass, from each of our addresses.
func (v *Visit) permits(ctx context.Context, domain, record string, from sender) (verdict desk.Method, err error) {
	asked := overlaid{v.authority.cfg.Resolver, map[string][]string{domain: {record}}}
	for _, addr := range from.addrs {
		verdict = spf.CheckMailFrom(ctx, asked, spf.Query{IP: addr, Helo: from.host, MailFrom: "postmaster@" + domain, Receiver: from.host, Now: time.Now()})
		switch verdict.Result {
		case desk.ResultPass:
		case desk.ResultTempError:
			return verdict, errors.New(verdict.Reason)
		default:
			return verdict, nil
		}
	}
	return verdict, nil
}

// overlaid is the DNS as it is, or would be with some texts in it.
type overlaid struct {
	*DNS
	texts map[string][]string
}

var _ lookup.Resolver = overlaid{}

// LookupTXT implements lookup.Resolver.
func (o overlaid) LookupTXT(ctx context.Context, name string) ([]string, error) {
	if texts, ok := o.texts[name]; ok {
		return texts, nil
	}
	return o.DNS.LookupTXT(ctx, name)
}

// judge says what is wrong with the record. A record that permits our host in other words than ours is as good.
func (s spfSight) judge() judgement {
	result := judgement{found: s.records, wanted: s.wanted}
	switch {
	case len(s.records) == 0:
		result.problem = missing
	case len(s.records) > 1:
		result.problem = "there are several SPF records; receivers then treat it as broken (RFC 7208 §4.5): put the one below in their place"
	case len(s.sender.addrs) == 0:
		result.problem = "our own host " + s.sender.host + " has no address in the DNS"
	case s.verdict.Result == desk.ResultPermError && strings.Contains(s.verdict.Reason, "DNS lookups"):
		result.problem = "it needs more than ten DNS lookups; receivers then treat it as broken (RFC 7208 §4.6.4)"
	case s.verdict.Result == desk.ResultPermError:
		result.problem = s.verdict.Reason
	case s.verdict.Result != desk.ResultPass && s.sender.relay:
		result.warning = "it does not name " + s.sender.host + ", which mail leaves through; its owner says what to put into the record, often an include:"
	case s.verdict.Result != desk.ResultPass:
		result.problem = "it does not permit our host: add " + s.sender.term()
	}
	result.danger = s.survey.open
	if result.problem == "" {
		result.problem = strings.Join(s.survey.problems, "; ")
	} else if result.danger {
		result.problem = join(result.problem, s.survey.problems...)
	}
	result.warning = join(result.warning, s.survey.warnings...)
	return result
}

// term is the mechanism that permits the sender.
func (s sender) term() string { return "a:" + s.host }

func join(first string, more ...string) string {
	return strings.Join(slices.DeleteFunc(append([]string{first}, more...), func(s string) bool { return s == "" }), "; ")
}

// survey is what is found in a record and in all that it includes, whoever sends.
type survey struct {
	lookups  int      // terms that ask the DNS
	problems []string // what others can abuse, or what breaks the record
	warnings []string
	open     bool     // strangers may send, or can see to it that they may
	useless  []string // terms of the record itself that lead to nothing, or to everybody
}

const maxSurveyed = 40 // records that one record leads to

// surveyor walks through the records.
type surveyor struct {
	visit *Visit
	survey
	seen  map[string]bool
	voids int
}

// surveySPF looks at every term of a record and of those that it includes (T-32).
func (v *Visit) surveySPF(ctx context.Context, domain, record string) (survey, error) {
	walk := &surveyor{visit: v, seen: map[string]bool{domain: true}}
	if err := walk.record(ctx, domain, record); err != nil {
		return survey{}, err
	}
	if walk.lookups > spfLookups {
		walk.warn("as a whole it needs %d DNS lookups, and receivers stop at %d (RFC 7208 §4.6.4): servers that it names late are not permitted", walk.lookups, spfLookups)
	}
	if walk.voids > spfVoids {
		walk.warn("it names %d things that are not in the DNS, and receivers stop at the third (RFC 7208 §4.6.4)", walk.voids)
	}
	return walk.survey, nil
}

// Limits of one evaluation (RFC 7208 §4.6.4).
const (
	spfLookups = 10
	spfVoids   = 2
	spfOctets  = 450 // more may not fit one answer over UDP (§3.4)
	wideIP4    = 8   // prefixes as short as this permit networks that nobody owns whole
	wideIP6    = 16
)

func (s *surveyor) problem(format string, about ...any) {
	s.problems = appendNew(s.problems, fmt.Sprintf(format, about...))
}
func (s *surveyor) warn(format string, about ...any) {
	s.warnings = appendNew(s.warnings, fmt.Sprintf(format, about...))
}

func appendNew(list []string, one string) []string {
	if len(list) >= maxSurveyed || slices.Contains(list, one) {
		return list
	}
	return append(list, one)
}

// record looks at the terms of one record.
func (s *surveyor) record(ctx context.Context, domain, text string) error {
	parsed, err := spf.Parse(text)
	if err != nil {
		s.problem("the SPF record of %s is broken: %v", domain, err)
		return nil
	}
	if len(text) > spfOctets {
		s.warn("the record of %s has %d octets; more than %d may not fit one answer (RFC 7208 §3.4)", domain, len(text), spfOctets)
	}
	top, ended := len(s.seen) == 1, false
	for _, term := range parsed.Terms() {
		if ended {
			s.warn("%s of %s stands behind all and means nothing", term.Text, domain)
			continue
		}
		if term.Asks() {
			s.lookups++
		}
		wrong := len(s.problems) + s.voids
		if err := s.term(ctx, domain, term); err != nil {
			return err
		}
		if top && len(s.problems)+s.voids > wrong {
			s.useless = append(s.useless, term.Text)
		}
		ended = term.Kind == "all"
		if ended && top && term.Result == desk.ResultNeutral {
			s.warn("?all says nothing about other senders: forgers are as welcome as before")
		}
	}
	if last := parsed.Terms(); top && !ended && (len(last) == 0 || last[len(last)-1].Kind != spf.Redirect) {
		s.warn("it does not end in ~all or -all, so it says nothing about other senders")
	}
	return nil
}

// term looks at one term.
func (s *surveyor) term(ctx context.Context, domain string, term spf.Term) error {
	switch term.Kind {
	case "all":
		if term.Result == desk.ResultPass {
			s.problem("+all of %s permits every server in the world", domain)
			s.open = true
		}
	case "ip4", "ip6":
		if wide := map[string]int{"ip4": wideIP4, "ip6": wideIP6}[term.Kind]; term.Prefix.Bits() <= wide && term.Result == desk.ResultPass {
			s.warn("%s of %s permits more of the internet than anybody owns", term.Text, domain)
		}
	case "ptr":
		s.warn("%s of %s is slow and should not be used (RFC 7208 §5.5)", term.Text, domain)
	case "include", spf.Redirect:
		if !term.Macro {
			return s.include(ctx, domain, term)
		}
	case "a", "mx", "exists":
		if !term.Macro && term.Target != "" {
			return s.host(ctx, domain, term)
		}
	}
	return nil
}

// include looks at the record that a term leads to.
func (s *surveyor) include(ctx context.Context, domain string, term spf.Term) error {
	if s.seen[term.Target] || len(s.seen) >= maxSurveyed {
		return nil
	}
	s.seen[term.Target] = true
	texts, err := s.visit.authority.cfg.Resolver.LookupTXT(ctx, term.Target)
	if err != nil && !IsNotFound(err) {
		return err
	}
	records := slices.DeleteFunc(slices.Clone(texts), func(text string) bool { return !spf.Is(text) })
	switch {
	case len(records) == 1:
		return s.record(ctx, term.Target, records[0])
	case len(records) > 1:
		s.problem("%s of %s leads to several SPF records, which receivers treat as broken", term.Text, domain)
		return nil
	}
	if len(texts) == 0 {
		s.voids++
	}
	if !s.orphan(ctx, domain, term) {
		s.problem("%s of %s leads to a name without an SPF record, which breaks yours (RFC 7208 §5.2): take it out", term.Text, domain)
	}
	return nil
}

// host looks whether the name of a term is in the DNS.
func (s *surveyor) host(ctx context.Context, domain string, term spf.Term) (err error) {
	if term.Kind == "mx" {
		_, err = s.visit.authority.cfg.Resolver.LookupMX(ctx, term.Target)
	} else {
		_, err = s.visit.authority.cfg.Resolver.LookupAddrs(ctx, term.Target)
	}
	switch {
	case err == nil:
		return nil
	case !IsNotFound(err):
		return err
	}
	s.voids++
	if !s.orphan(ctx, domain, term) {
		s.warn("%s of %s names what is not in the DNS: take it out", term.Text, domain)
	}
	return nil
}

// orphan says whether a name that is missing is in a domain that nobody holds, so that anybody can register it and send in our domain's name (T-32).
func (s *surveyor) orphan(ctx context.Context, domain string, term spf.Term) bool {
	held := registrableOf(term.Target)
	if s.visit.registered(ctx, held) {
		return false
	}
	s.open = true
	s.problem("%s of %s depends on %s, which nobody holds: whoever registers it may send in your name. Take it out", term.Text, domain, held)
	return true
}

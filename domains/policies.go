package domains

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"postern/desk"
)

// policiesFor is how long the policies are kept in memory: strangers may ask for them as often as they like.
const policiesFor = 15 * time.Second

// Policy is the MTA-STS policy of one domain.
type Policy struct {
	Domain string
	Mode   desk.STSMode
	Text   string // RFC 8461 §3.2
}

// policies is what Policies said a moment ago.
type policies struct {
	byDomain map[string]Policy
	until    time.Time
}

// Policies are the MTA-STS policies of the domains whose owner is proved, by domain. A domain whose policy is off is among them: who still asks is told that there is none (RFC 8461 §8.3).
// The map is shared and must not be changed.
func (s *Service) Policies(ctx context.Context) (map[string]Policy, error) {
	now := s.cfg.Now()
	s.mu.Lock()
	known := s.policies
	s.mu.Unlock()
	if now.Before(known.until) {
		return known.byDomain, nil
	}
	list, err := s.cfg.Store.Domains(ctx)
	if err != nil {
		return nil, err
	}
	fresh := policies{byDomain: map[string]Policy{}, until: now.Add(policiesFor)}
	for _, domain := range list {
		if domain.State == desk.DomainAdded || domain.State == desk.DomainRemoved {
			continue
		}
		text, _ := STSPolicy(domain.STS, Wish{Hostname: s.cfg.Preflight.Hostname, MXHosts: s.cfg.Preflight.MXHosts}.mxHosts(), STSMaxAge(domain.STS))
		fresh.byDomain[domain.Name] = Policy{Domain: domain.Name, Mode: domain.STS, Text: text}
	}
	s.mu.Lock()
	s.policies = fresh
	s.mu.Unlock()
	return fresh.byDomain, nil
}

// forgetPolicies makes the next Policies read them again.
func (s *Service) forgetPolicies() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.policies = policies{}
}

// LeadsTo says what is wrong if a host's addresses are none of those that our own hosts have, so that nobody who asks for it would come to us.
func LeadsTo(ctx context.Context, resolver Resolver, host string, ours []string) error {
	there, err := resolver.LookupAddrs(ctx, host)
	if err != nil {
		return fmt.Errorf("%s has no address: %w", host, err)
	}
	var here []netip.Addr
	for _, name := range ours {
		found, err := resolver.LookupAddrs(ctx, name)
		if err != nil && !IsNotFound(err) {
			return fmt.Errorf("where %s is could not be found out: %w", name, err)
		}
		here = append(here, found...)
	}
	if slices.ContainsFunc(there, func(addr netip.Addr) bool { return slices.Contains(here, addr) }) {
		return nil
	}
	return fmt.Errorf("%s leads to %s, which is not where %s is (%s)", host, addrs(there), strings.Join(ours, " or "), addrs(here))
}

// addrs writes a few addresses.
func addrs(list []netip.Addr) string {
	if len(list) == 0 {
		return "no address"
	}
	const most = 4
	words := make([]string, 0, most)
	for _, addr := range list[:min(len(list), most)] {
		words = append(words, addr.String())
	}
	return strings.Join(words, ", ")
}

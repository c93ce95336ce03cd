package mailout

import (
	"context"
	"net/netip"
	"slices"

	"postern/desk"
	"postern/domains"
	"postern/mailout/dane"
)

// stricter is the stricter of two rules of ours.
func stricter(a, b desk.TLSRule) desk.TLSRule {
	if slices.Index(desk.TLSRules, a) > slices.Index(desk.TLSRules, b) {
		return a
	}
	return b
}

// policies finds out what the recipients' domain asks of its senders, and what we do. Through a smarthost it is only what we ask, of the way to each of the domains: their policies are for whoever meets their servers.
func (s *Sender) policies(ctx context.Context, way *route, m envelope) *answer {
	destinations := m.domains()
	if s.Smarthost != nil {
		destinations = append(destinations, s.Smarthost.Host)
	}
	for _, name := range destinations {
		rule, err := s.Destinations.Match(ctx, name)
		if err != nil {
			return &answer{code: 451, text: "4.3.0 what is asked of the way to " + name + " cannot be read: " + err.Error()}
		}
		way.rule = stricter(way.rule, rule.TLS)
	}
	if _, isLiteral := literal(way.domain); s.STS == nil || s.Smarthost != nil || isLiteral {
		return nil
	}
	// RFC 8461 §3.1: of the domain itself, not of what its aliases lead to: else one forged alias would lead to another's policy.
	found, err := s.STS.Policy(ctx, way.domain)
	if err != nil && way.wish != WishAnyhow {
		return &answer{code: 451, text: "4.3.0 the MTA-STS policy of " + way.domain + " cannot be read: " + err.Error()}
	}
	way.sts = found
	if found.Failure != nil && way.wish != WishAnyhow {
		s.reportFetch(way.domain, found)
	}
	return nil
}

// RenewPolicies keeps the policies of the domains that mail goes to from running out (RFC 8461 §10.2).
func (s *Sender) RenewPolicies(ctx context.Context) error {
	if s.STS == nil {
		return nil
	}
	return s.STS.Renew(ctx)
}

// domains are those of the recipients, each once.
func (m envelope) domains() []string {
	var list []string
	for _, one := range m.copies {
		if domain := one.to.domain; domain != "" && !slices.Contains(list, domain) {
			list = append(list, domain)
		}
	}
	return list
}

// approach looks one host up: its addresses, and what it must show. The exchange is complete also where the host must not be connected to, as far as it could be.
func (s *Sender) approach(ctx context.Context, way route, to exchange) (exchange, []netip.Addr, *answer) {
	host := domains.Host{Addrs: []netip.Addr{to.addr}, Name: to.name}
	if !to.addr.IsValid() {
		var err error
		host, err = s.Resolver.Host(ctx, to.name)
		switch {
		case domains.IsNotFound(err):
			return to, nil, &answer{code: 550, text: "5.4.4 the mail server " + to.name + " has no address"}
		case err != nil:
			return to, nil, &answer{code: 451, text: "4.4.3 " + err.Error()}
		}
	}
	addrs, failed := s.addresses(to, host.Addrs)
	if failed != nil {
		return to, nil, failed
	}
	known := asked{rule: way.rule, wish: way.wish, sts: way.sts.Policy.Mode, named: way.sts.Policy.Names(to.name), proved: way.proved}
	if to.login != nil || to.implicit {
		known.rule = stricter(known.rule, desk.TLSVerify) // our password only leaves to who proves itself
	}
	if proves := len(way.exchangers.Hosts) == 0 || way.exchangers.Secure; proves && known.heeds() {
		known.keys, known.bogus = dane.Find(ctx, s.Resolver, dane.Server{Name: to.name, Port: to.port, Host: host}) // RFC 7672 §2.2.1: not behind MX records that anybody could have made
	}
	need, refused := known.require(to.name)
	if need.keys.ByName() { // otherwise sessions serve all domains that the host serves
		domain := way.domain
		if way.relayed {
			domain = to.name
		}
		need.names = dane.Names(need.keys.Base, domain, way.exchangers)
	}
	need.reported = reportedOf(way, known)
	to.need = need
	if refused != nil && !way.relayed {
		s.reportRefused(to, way, known)
	}
	return to, addrs, refused
}

// withheld are the facts of a host that was not connected to, because of what is asked of it.
func (r requirement) withheld(why *answer) *desk.TLSFacts {
	if r.level == opportunistic {
		return nil
	}
	return &desk.TLSFacts{Policy: r.name(), Problem: legible(why.text)}
}

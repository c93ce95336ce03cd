package domains

import (
	"context"
	"errors"
	"strings"

	"github.com/miekg/dns"

	"postern/mailauth/lookup"
)

// Live is the DNS as it is this moment for one domain: its texts come from the servers of its zone, all of which have to agree, and everything else from the resolver.
type Live struct {
	*DNS
	visit  *Visit
	domain string
}

var _ lookup.Resolver = (*Live)(nil)

// Live is a resolver for whoever judges mail of a domain. It is for one mail: what the servers said is not asked again.
func (a *Authority) Live(domain string) *Live {
	return &Live{DNS: a.cfg.Resolver, visit: a.Visit(), domain: domain}
}

// LookupTXT implements lookup.Resolver.
func (l *Live) LookupTXT(ctx context.Context, name string) ([]string, error) {
	if name != l.domain && !strings.HasSuffix(name, "."+l.domain) {
		return l.DNS.LookupTXT(ctx, name)
	}
	seen, err := l.visit.Look(ctx, name, dns.TypeTXT)
	switch {
	case err != nil:
		return nil, err
	case len(seen.Views) > 1:
		return nil, temporary(name, dns.TypeTXT, errors.New("the name servers do not agree"))
	case seen.Views[0].missing:
		return nil, noSuchName(name)
	case len(seen.Views[0].Texts()) == 0:
		return nil, noRecord(name, dns.TypeTXT)
	}
	return seen.Views[0].Texts(), nil
}

package main

import (
	"postern/config"
	"postern/domains"
	"postern/mailout"
)

// newPreflight looks domains up at their own name servers.
func newPreflight(settings config.Settings) *domains.Preflight {
	preflight := &domains.Preflight{
		Authority: domains.NewAuthority(domains.AuthorityConfig{
			Resolver: domains.NewResolver(settings.DNS, lookUpTime), Port: int(settings.NSPort), Refuse: mailout.AddressPolicy{Allow: settings.OutboundAllow}.Refuse,
		}),
		Hostname: settings.Hostname, MXHosts: settings.MXHosts,
	}
	if settings.Secure() {
		preflight.WebHost = settings.PublicHost()
	}
	if smarthost, err := mailout.ParseSmarthost(settings.Smarthost); settings.Smarthost != "" && err == nil {
		preflight.Smarthost = smarthost.Host
	}
	return preflight
}

package main

import (
	"context"

	"postern/identity"
)

// providers checks those who vouch for people by SAML: certificates whose time ends, metadata that cannot be read.
func (c *checkup) providers(ctx context.Context, p *platform) {
	warnings, err := identity.New(identity.Config{Store: p.store, Keys: p.keys, PublicURL: c.settings.PublicURL}).SAMLDoctor(ctx)
	if err != nil {
		c.failed("sign-in providers", "see the provider's page under Accounts and access", err)
		return
	}
	for _, warning := range warnings {
		c.warn("sign-in providers", "see the provider's page under Accounts and access, and ask whoever runs it", "%s", warning)
	}
}

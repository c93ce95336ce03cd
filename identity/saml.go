package identity

import (
	"context"

	"postern/desk"
)

// beginSAML begins a dance with a SAML identity provider.
func (s *Service) beginSAML(context.Context, desk.Provider, Begin) (Begun, error) {
	return Begun{}, refused(ProviderError, "this version does not speak SAML")
}

// checkSAML says what is wrong with the settings of a SAML identity provider.
func checkSAML(desk.SAMLSettings, Outward) error {
	return desk.Wrong("kind", "this version does not speak SAML")
}

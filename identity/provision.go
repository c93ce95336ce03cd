package identity

import (
	"context"
	"strings"
	"time"

	"postern/desk"
	"postern/secret"
	"postern/store"
)

// Provisioning: a provider's own program keeps its people here by SCIM (RFC 7643, RFC 7644), so that whoever leaves the company is out here the same second (security row 31). It knows no people but those that it has brought
// or taken over, within the domains in which its word counts; it never touches an owner.

// ProvisionPath is where such a program asks.
const ProvisionPath = "/scim/v2"

const (
	prefixProvision   = "pst_scim_"
	provisionTokens   = 5       // of one provider: one in use, and those that take its place
	provisionLongest  = 366     // days that a token can last
	provisionedMost   = 100_000 // people of one provider
	longestProvision  = 255     // bytes of a user name or external id
	longestTold       = 200     // bytes of any other word
	provisionVia      = "scim"
	provisionIsClosed = "This token opens nothing: it is unknown, has expired, or was revoked."
)

// Provisioner is a provider's program that has shown its token.
type Provisioner struct {
	Provider desk.Provider
	token    int64
	from     Client
}

// actor is how the audit log names it: 'system (provider/3)'.
func (p Provisioner) actor() desk.Actor {
	return desk.Actor{User: desk.User{Name: p.Provider.Name}, Via: provisionVia, IP: p.from.IP, Operator: providerSubject(p.Provider.ID)}
}

// detail is what every entry of it in the audit log says.
func (p Provisioner) detail(more map[string]any) map[string]any {
	if more == nil {
		more = map[string]any{}
	}
	more["provider"], more["provisioning_token"] = p.Provider.Name, p.token
	return more
}

// ProvisionBearer is the provider for which a token speaks. What is none, or of a provider that is switched off, is a desk.Fault of kind Unsigned or Forbidden.
func (s *Service) ProvisionBearer(ctx context.Context, token string, from Client) (by Provisioner, err error) {
	prefix, ours := prefixOf(token)
	if !ours || prefix != prefixProvision {
		return by, unsigned("Send a token for provisioning, as Authorization: Bearer TOKEN. It is made on the page of the provider, and begins with " + prefixProvision + ".")
	}
	now := s.now()
	found, known, err := s.store.ProvisionBearer(ctx, secret.HashToken(token), now)
	if err == nil && !known {
		err = unsigned(provisionIsClosed)
	}
	if err != nil {
		return by, err
	}
	provider, err := s.store.Provider(ctx, found.ProviderID)
	if err != nil {
		return by, err
	}
	if !provider.Enabled {
		return by, desk.Faultf(desk.Forbidden, "the provider is switched off here")
	}
	if found.LastUsedAt == nil || now.Sub(*found.LastUsedAt) >= touchEvery || found.LastIP != from.IP {
		err = s.store.Write(ctx, func(tx *store.Tx) error { return tx.TouchProvisionToken(ctx, found.ID, from.IP, now) })
	}
	return Provisioner{Provider: provider, token: found.ID, from: from}, err
}

// ProvisionTokens lists the tokens of a provider that open something. It needs MayReadSecurity.
func (s *Service) ProvisionTokens(ctx context.Context, actor desk.Actor, provider int64) ([]desk.ProvisionToken, error) {
	if err := readSecurity(actor); err != nil {
		return nil, err
	}
	return s.store.ProvisionTokens(ctx, provider, s.now())
}

// Provisions lists people whom a provider keeps here, from the one after the given id on, and says how many there are in all. It needs MayReadSecurity; without MayReadPeople, it says only how many.
func (s *Service) Provisions(ctx context.Context, actor desk.Actor, provider, after int64, limit int) (people []desk.Provision, all int, err error) {
	if err := readSecurity(actor); err != nil {
		return nil, 0, err
	}
	if !actor.Can(desk.MayReadPeople) {
		limit = 0
	}
	return s.store.Provisions(ctx, desk.ProvisionQuery{Provider: provider, After: after, Limit: limit})
}

// NewProvisionToken makes a token by which a provider's program keeps people here for so many days. It is returned once, to be shown once. It needs MayManageSecurity.
func (s *Service) NewProvisionToken(ctx context.Context, actor desk.Actor, provider int64, days int) (plain string, err error) {
	if err := manageSecurity(actor); err != nil {
		return "", err
	}
	if days < 1 || days > provisionLongest {
		return "", desk.Wrong("days", "a token lasts 1 to %d days", provisionLongest)
	}
	now := s.now()
	random, _ := s.newToken()
	plain = seal(prefixProvision, random)
	add := desk.ProvisionToken{ProviderID: provider, CreatedBy: actor.User.Email, CreatedAt: now, ExpiresAt: now.Add(time.Duration(days) * aDay)}
	err = s.audited(ctx, func(tx *store.Tx) (entry, error) {
		at, err := s.lockProvider(ctx, tx, provider)
		if err == nil {
			err = provisionable(at)
		}
		if err != nil {
			return entry{}, err
		}
		live, err := tx.ProvisionTokens(ctx, provider, now)
		if err != nil {
			return entry{}, err
		}
		if len(live) >= provisionTokens {
			return entry{}, desk.Faultf(desk.Conflict, "%s has %d tokens: end one that is no longer used", at.Name, len(live))
		}
		id, err := tx.AddProvisionToken(ctx, secret.HashToken(plain), add)
		return entry{actor: actor, action: "provider.scim-token", subject: providerSubject(provider), detail: map[string]any{"name": at.Name, "token": id, "expires": add.ExpiresAt}}, err
	})
	if err != nil {
		return "", err
	}
	return plain, nil
}

// provisionable says why a provider cannot keep people here; nil: it can.
func provisionable(p desk.Provider) error {
	switch {
	case p.Kind.Social():
		return desk.Faultf(desk.Conflict, "anybody has an account at %s: it keeps nobody here", p.Name)
	case len(p.Settings.Domains) == 0:
		return desk.Wrong("domains", "name the domains of addresses about which the word of %s is enough: it can keep only people there", p.Name)
	}
	return nil
}

// RevokeProvisionToken ends a token of a provider at once. It needs MayManageSecurity.
func (s *Service) RevokeProvisionToken(ctx context.Context, actor desk.Actor, provider, id int64) error {
	if err := manageSecurity(actor); err != nil {
		return err
	}
	return s.audited(ctx, func(tx *store.Tx) (entry, error) {
		at, err := s.lockProvider(ctx, tx, provider)
		if err != nil {
			return entry{}, err
		}
		done, err := tx.RevokeProvisionToken(ctx, provider, id, s.now())
		if err == nil && !done {
			err = desk.Faultf(desk.NotFound, "there is no such token")
		}
		return entry{actor: actor, action: "provider.scim-token-end", subject: providerSubject(provider), detail: map[string]any{"name": at.Name, "token": id}}, err
	})
}

// SetProvisionRole says which role people get whom a provider brings, where it says none. It is no change of how they sign in, so that no new trial is needed. It needs MayManageSecurity, and a role that one may give.
func (s *Service) SetProvisionRole(ctx context.Context, actor desk.Actor, provider int64, role desk.Role) error {
	if err := manageSecurity(actor); err != nil {
		return err
	}
	return s.audited(ctx, func(tx *store.Tx) (entry, error) {
		before, err := s.lockProvider(ctx, tx, provider)
		if err != nil {
			return entry{}, err
		}
		if role == desk.RoleOwner || !role.Valid() || !before.Population.Covers(role) {
			return entry{}, desk.Wrong("provision_role", "this provider is not for people of that role")
		}
		if err := mayGive(ctx, tx.Reader, actor, role); err != nil {
			return entry{}, err
		}
		after := before
		after.Settings.ProvisionRole = role
		if _, err := tx.SetProvider(ctx, after); err != nil {
			return entry{}, err
		}
		detail := map[string]any{"before": providerDetail(before), "after": providerDetail(after)}
		return entry{actor: actor, action: "provider.change", subject: providerSubject(provider), detail: detail}, nil
	})
}

// burnProvision ends a token of a provider's program that others may have.
func (s *Service) burnProvision(ctx context.Context, b burning) (ended bool, err error) {
	now := s.now()
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		token, found, err := tx.ProvisionBearer(ctx, b.hash, now)
		if err != nil || !found {
			return err
		}
		if ended, err = tx.RevokeProvisionToken(ctx, token.ProviderID, token.ID, now); err != nil || !ended {
			return err
		}
		provider, err := tx.Provider(ctx, token.ProviderID)
		if err != nil {
			return err
		}
		actor := desk.Actor{Via: "api", IP: b.from.IP}
		if err := tx.Audit(ctx, actor, "token.exposed", providerSubject(provider.ID), b.detail(map[string]any{"provider": provider.Name, "token": token.ID})); err != nil {
			return err
		}
		return s.tellOwners(ctx, tx, b.letter(provider.Name))
	})
	return ended, err
}

// checkProvisioned says what is wrong with what a provider says about a person.
func checkProvisioned(p desk.Provider, said desk.Provisioned) error {
	words := map[string]string{
		"displayName": said.DisplayName, "name.formatted": said.Formatted, "name.givenName": said.GivenName, "name.familyName": said.FamilyName, "roles": said.Role, "preferredLanguage": said.Language,
		"locale": said.Locale, "phoneNumbers": said.Phone, "title": said.Title, "organization": said.Organization, "department": said.Department,
	}
	for field, word := range words {
		if len(word) > longestTold || strings.ContainsFunc(word, unprintable) {
			return desk.Wrong(field, "%s is one line of at most %d bytes", field, longestTold)
		}
	}
	address := said.Address()
	switch {
	case said.UserName == "" || len(said.UserName) > longestProvision || strings.ContainsFunc(said.UserName, unprintable):
		return desk.Wrong("userName", "userName is one line of 1 to %d bytes", longestProvision)
	case len(said.ExternalID) > longestProvision || strings.ContainsFunc(said.ExternalID, unprintable):
		return desk.Wrong("externalId", "externalId is one line of at most %d bytes", longestProvision)
	case !desk.ValidAddress(address) || len(address) > 254:
		return desk.Wrong("emails", "the person needs an e-mail address: as the primary one of emails, or as userName")
	case !p.Settings.Authoritative(address):
		return desk.Wrong("emails", "the address is in none of the domains in which this provider's word is enough here")
	}
	return nil
}

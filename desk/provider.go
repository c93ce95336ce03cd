package desk

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// ProviderKind is how a provider of sign-in is spoken to. The words are part of the API.
type ProviderKind string

const (
	ProviderOIDC      ProviderKind = "oidc"      // OpenID Connect, with discovery
	ProviderGoogle    ProviderKind = "google"    // OpenID Connect, with Google's 'hd'
	ProviderMicrosoft ProviderKind = "microsoft" // OpenID Connect, with Microsoft's 'tid'
	ProviderSAML      ProviderKind = "saml"      // SAML 2.0, where we are the service provider
	ProviderJWT       ProviderKind = "jwt"       // a program of the company signs a token
	ProviderFacebook  ProviderKind = "facebook"  // OAuth 2 with a profile, no OpenID Connect
	ProviderX         ProviderKind = "x"         // OAuth 2 with a profile, no OpenID Connect
)

// ProviderKinds lists every kind, the most usual first.
var ProviderKinds = []ProviderKind{ProviderOIDC, ProviderGoogle, ProviderMicrosoft, ProviderSAML, ProviderJWT, ProviderFacebook, ProviderX}

// Valid says whether k is a kind.
func (k ProviderKind) Valid() bool { return slices.Contains(ProviderKinds, k) }

// Social says whether anybody in the world has an account there, so that it says nothing about who works here. Such a provider is for customers only.
func (k ProviderKind) Social() bool { return k == ProviderFacebook || k == ProviderX }

// OpenID says whether the provider speaks OpenID Connect.
func (k ProviderKind) OpenID() bool {
	return k == ProviderOIDC || k == ProviderGoogle || k == ProviderMicrosoft
}

// Population is for whom a way to sign in is. The words are part of the API.
type Population string

const (
	ForStaff     Population = "staff"
	ForCustomers Population = "customers"
	ForBoth      Population = "both"
)

// Populations lists every population.
var Populations = []Population{ForStaff, ForCustomers, ForBoth}

// Covers says whether somebody of this role is among the population.
func (p Population) Covers(role Role) bool {
	if role == RoleCustomer {
		return p == ForCustomers || p == ForBoth
	}
	return p == ForStaff || p == ForBoth
}

// MostProviders is what a sign-in page can show.
const MostProviders = 20

// Provider is somebody else whose word about who a person is we take.
type Provider struct {
	ID         int64            `json:"id" db:"id"`
	Kind       ProviderKind     `json:"kind" db:"kind"`
	Name       string           `json:"name" db:"name"`
	Population Population       `json:"population" db:"population"`
	Settings   ProviderSettings `json:"settings" db:"settings"`
	Enabled    bool             `json:"enabled" db:"enabled"`
	HasSecret  bool             `json:"has_secret" db:"has_secret"`
	TestedAt   *time.Time       `json:"tested_at" db:"tested_at"` // a trial sign-in worked with the settings as they are; nil: none yet
	CreatedAt  time.Time        `json:"created_at" db:"created_at"`
	UpdatedAt  time.Time        `json:"updated_at" db:"updated_at"`
}

// ProviderSettings is what is known about a provider. Nothing in it is secret.
type ProviderSettings struct {
	// Of every kind.
	Domains    []string `json:"domains,omitempty"`     // of addresses about which its word is enough
	Create     bool     `json:"create,omitempty"`      // whoever it vouches for and nobody knows gets an account
	CreateRole Role     `json:"create_role,omitempty"` // of such an account; never owner
	AllowRole  bool     `json:"allow_role,omitempty"`  // it may say a role: user, light_agent, agent or admin
	RequireMFA bool     `json:"require_mfa,omitempty"` // it has to say that a second factor was asked for
	MFAValues  []string `json:"mfa_values,omitempty"`  // words of amr, acr or AuthnContextClassRef that say so; empty: the usual ones
	Ranges     []string `json:"ranges,omitempty"`      // networks from which it is offered and believed; empty: from everywhere
	LogoutURL  string   `json:"logout_url,omitempty"`  // where a browser goes after signing out here
	Fields     []string `json:"fields,omitempty"`      // what its people have besides, by name: what it says under another name is not kept

	ProvisionRole Role `json:"provision_role,omitempty"` // of people whom its program brings by SCIM; empty: see RoleProvisioned

	// Of OpenID Connect and OAuth 2.
	Issuer   string   `json:"issuer,omitempty"`
	ClientID string   `json:"client_id,omitempty"`
	Scopes   []string `json:"scopes,omitempty"`  // besides openid, email and profile
	Hosted   []string `json:"hosted,omitempty"`  // Google: the Workspace domains ('hd') that may come in
	Tenants  []string `json:"tenants,omitempty"` // Microsoft: the tenants ('tid') that may come in

	// Of JWT.
	Algorithm   string   `json:"algorithm,omitempty"`    // HS256, RS256, ES256 or EdDSA; no other is taken from a token
	PublicKey   string   `json:"public_key,omitempty"`   // PEM
	KeysURL     string   `json:"keys_url,omitempty"`     // a JSON Web Key Set, in place of the key
	LoginURL    string   `json:"login_url,omitempty"`    // where people without a session are sent
	AllowGet    bool     `json:"allow_get,omitempty"`    // the token may stand in the address, where histories and logs keep it
	Audience    string   `json:"audience,omitempty"`     // that a token has to name; empty: one that it names has to be our address
	TokenIssuer string   `json:"token_issuer,omitempty"` // that a token has to name; empty: any or none
	ReturnHosts []string `json:"return_hosts,omitempty"` // other hosts that return_to may name

	SAML SAMLSettings `json:"saml,omitzero"`
}

// RoleProvisioned is the role of people whom the provider's program brings, where it says none itself: the least that its people can have, unless another was chosen.
func (p Provider) RoleProvisioned() Role {
	switch {
	case p.Settings.ProvisionRole != "" && p.Population.Covers(p.Settings.ProvisionRole):
		return p.Settings.ProvisionRole
	case p.Population == ForStaff:
		return RoleLight
	}
	return RoleCustomer
}

// Authoritative says whether the provider's word about an address is enough: it runs the domain.
func (s ProviderSettings) Authoritative(address string) bool {
	domain := DomainOf(address)
	return domain != "" && slices.Contains(s.Domains, domain)
}

// From says whether the provider may be used from there: an address that cannot be read is nowhere.
func (s ProviderSettings) From(ip string) bool {
	if len(s.Ranges) == 0 {
		return true
	}
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return false
	}
	addr = addr.Unmap().WithZone("")
	return slices.ContainsFunc(s.Ranges, func(text string) bool {
		network, err := netip.ParsePrefix(text)
		return err == nil && network.Contains(addr)
	})
}

// usualMFA are the words by which providers say that a second factor was asked for: amr of RFC 8176, acr of OpenID's EAP and RFC 9470's example, NIST and REFEDS, and SAML's own class.
var usualMFA = []string{
	"mfa", "otp", "hwk", "sc", "fpt", "phr", "phrh", "possessionorinherence",
	"urn:okta:loa:2fa:any", "https://refeds.org/profile/mfa", "http://schemas.microsoft.com/claims/multipleauthn",
	"urn:oasis:names:tc:saml:2.0:ac:classes:timesynctoken", "urn:oasis:names:tc:saml:2.0:ac:classes:mobiletwofactorcontract",
	"urn:oasis:names:tc:saml:2.0:ac:classes:mobiletwofactorunregistered", "urn:oasis:names:tc:saml:2.0:ac:classes:smartcardpki",
}

// SaysMFA says whether some of the words that a provider said about how a person proved who they are stand for a second factor.
func (s ProviderSettings) SaysMFA(words []string) bool {
	known := s.MFAValues
	if len(known) == 0 {
		known = usualMFA
	}
	return slices.ContainsFunc(words, func(word string) bool {
		return slices.ContainsFunc(known, func(one string) bool { return strings.EqualFold(one, word) })
	})
}

// ForeignIdentity is an account at a provider that belongs to a person here.
type ForeignIdentity struct {
	ID         int64      `json:"id" db:"id"`
	ProviderID int64      `json:"provider_id" db:"provider_id"`
	Provider   string     `json:"provider" db:"provider"` // its name
	Issuer     string     `json:"issuer" db:"issuer"`
	Subject    string     `json:"subject" db:"subject"`
	UserID     int64      `json:"user_id" db:"user_id"`
	Email      string     `json:"email" db:"email"` // as the provider last said it
	CreatedAt  time.Time  `json:"created_at" db:"created_at"`
	LastUsedAt *time.Time `json:"last_used_at" db:"last_used_at"`
}

package desk

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// ProvisionToken is one by which a provider's program keeps people here (SCIM, RFC 7644), without its secret.
type ProvisionToken struct {
	ID         int64      `json:"id" db:"id"`
	ProviderID int64      `json:"provider_id" db:"provider_id"`
	CreatedBy  string     `json:"created_by" db:"created_by"`
	CreatedAt  time.Time  `json:"created_at" db:"created_at"`
	ExpiresAt  time.Time  `json:"expires_at" db:"expires_at"`
	LastUsedAt *time.Time `json:"last_used_at" db:"last_used_at"`
	LastIP     string     `json:"last_ip" db:"last_ip"`
}

// Provisioned is what a provider says about a person whom it keeps here, by the names of RFC 7643 §4.1 as far as there is a place for them. Of addresses, numbers and roles there is one: the primary one.
type Provisioned struct {
	UserName     string `json:"user_name"`
	ExternalID   string `json:"external_id,omitempty"`
	Email        string `json:"email,omitempty"` // empty: the user name is the address
	DisplayName  string `json:"display_name,omitempty"`
	Formatted    string `json:"formatted,omitempty"`
	GivenName    string `json:"given_name,omitempty"`
	FamilyName   string `json:"family_name,omitempty"`
	Active       bool   `json:"active"`
	Role         string `json:"role,omitempty"`
	Language     string `json:"language,omitempty"`
	Locale       string `json:"locale,omitempty"`
	Phone        string `json:"phone,omitempty"`
	Title        string `json:"title,omitempty"`
	Organization string `json:"organization,omitempty"` // of the enterprise extension, RFC 7643 §4.3
	Department   string `json:"department,omitempty"`
}

// Address is that of the person, in its canonical form.
func (p Provisioned) Address() string {
	if p.Email != "" {
		return Canonical(p.Email)
	}
	return Canonical(p.UserName)
}

// Name is that of the person; empty: nothing says it.
func (p Provisioned) Name() string {
	for _, name := range []string{p.DisplayName, p.Formatted, strings.TrimSpace(p.GivenName + " " + p.FamilyName)} {
		if name != "" {
			return name
		}
	}
	return ""
}

// Provision is a person whom a provider keeps here.
type Provision struct {
	UserID     int64
	ProviderID int64
	Said       Provisioned
	Disabled   bool       // by the provider's word
	GoneAt     *time.Time // the provider has let go of them
	CreatedAt  time.Time
	UpdatedAt  time.Time

	Person User
	Out    bool // the person is disabled, by whomever
}

// ProvisionQuery asks for people whom a provider keeps. Empty fields match everybody.
type ProvisionQuery struct {
	Provider   int64
	UserName   string // whatever its case
	ExternalID string
	Email      string
	ID         int64
	After      int64 // those whose id is larger
	Skip       int   // SCIM pages by numbers, not by places (RFC 7644 §3.4.2.4)
	Limit      int   // 0: none, only how many there are
}

// Profile is what is known of a person beside name and address, as a provider said it.
type Profile struct {
	Organization string            `json:"organization,omitempty" db:"organization"`
	Department   string            `json:"department,omitempty" db:"department"`
	Title        string            `json:"title,omitempty" db:"title"`
	Phone        string            `json:"phone,omitempty" db:"phone"`
	Tags         []string          `json:"tags,omitempty" db:"tags"`
	Fields       map[string]string `json:"fields,omitempty" db:"fields"`
}

// Empty says whether nothing is known.
func (p Profile) Empty() bool {
	return p.Organization == "" && p.Department == "" && p.Title == "" && p.Phone == "" && len(p.Tags) == 0 && len(p.Fields) == 0
}

// Same says whether both know the same.
func (p Profile) Same(other Profile) bool {
	return p.Organization == other.Organization && p.Department == other.Department && p.Title == other.Title && p.Phone == other.Phone &&
		slices.Equal(p.Tags, other.Tags) && maps.Equal(p.Fields, other.Fields)
}

// Names lists what is known, without saying it: for the audit log.
func (p Profile) Names() (names []string) {
	for _, one := range []struct {
		name string
		has  bool
	}{{"organization", p.Organization != ""}, {"department", p.Department != ""}, {"title", p.Title != ""}, {"phone", p.Phone != ""}, {"tags", len(p.Tags) > 0}, {"fields", len(p.Fields) > 0}} {
		if one.has {
			names = append(names, one.name)
		}
	}
	return names
}

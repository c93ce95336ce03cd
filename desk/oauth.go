package desk

import "time"

// OAuthClient is a program that people may let in for themselves (RFC 6749 §2).
type OAuthClient struct {
	ID            int64      `json:"id" db:"id"`
	Key           string     `json:"client_id" db:"key"`
	Name          string     `json:"name" db:"name"`
	About         string     `json:"about" db:"about"`
	Confidential  bool       `json:"confidential" db:"confidential"` // it can keep a secret
	Redirects     []string   `json:"redirect_uris" db:"redirects"`
	Scopes        []Scope    `json:"scopes" db:"scopes"` // all that it may ever ask for
	ServiceID     *int64     `json:"-" db:"service_id"`
	ServiceEmail  string     `json:"service" db:"service_email"` // the service account for which it acts by itself; empty: it cannot
	AccessMinutes int        `json:"access_minutes" db:"access_minutes"`
	CreatedAt     time.Time  `json:"created_at" db:"created_at"`
	DisabledAt    *time.Time `json:"disabled_at" db:"disabled_at"`
	OldUntil      *time.Time `json:"old_secret_until" db:"old_until"` // until then the secret before the present one is taken as well
}

// OAuthGrant is what a person has allowed a client.
type OAuthGrant struct {
	ID         int64      `json:"id" db:"id"`
	ClientID   int64      `json:"-" db:"client_id"`
	ClientName string     `json:"client" db:"client_name"`
	About      string     `json:"about" db:"about"`
	UserID     int64      `json:"-" db:"user_id"`
	UserEmail  string     `json:"user" db:"user_email"`
	Scopes     []Scope    `json:"scopes" db:"scopes"`
	CreatedAt  time.Time  `json:"created_at" db:"created_at"`
	LastUsedAt *time.Time `json:"last_used_at" db:"last_used_at"`
	RevokedAt  *time.Time `json:"revoked_at" db:"revoked_at"`
}

package desk

import "time"

// TokenKind is for whom an API token speaks, and how it came to be.
type TokenKind string

const (
	PersonalToken TokenKind = "personal" // a person made it for a program of theirs
	ServiceToken  TokenKind = "service"  // it speaks for a service account, which never signs in
	OAuthToken    TokenKind = "oauth"    // a client got it by OAuth 2
)

// Token is an API token without its secret.
type Token struct {
	ID         int64      `json:"id" db:"id"`
	Kind       TokenKind  `json:"kind" db:"kind"`
	UserID     int64      `json:"user_id" db:"user_id"`
	UserEmail  string     `json:"user" db:"user_email"`
	Name       string     `json:"name" db:"name"`
	Scopes     []Scope    `json:"scopes" db:"scopes"`
	Networks   []string   `json:"networks" db:"networks"` // from where it may be used, as CIDR; empty: from everywhere
	CreatedAt  time.Time  `json:"created_at" db:"created_at"`
	ExpiresAt  *time.Time `json:"expires_at" db:"expires_at"`
	LastUsedAt *time.Time `json:"last_used_at" db:"last_used_at"`
	LastIP     string     `json:"last_ip" db:"last_ip"`
	DisabledAt *time.Time `json:"disabled_at" db:"disabled_at"` // switched off, since nobody used it; it can be switched on again for a while
	RevokedAt  *time.Time `json:"revoked_at" db:"revoked_at"`
}

// Ended says whether the token can open nothing any more.
func (t Token) Ended(now time.Time) bool {
	return t.RevokedAt != nil || t.ExpiresAt != nil && !t.ExpiresAt.After(now)
}

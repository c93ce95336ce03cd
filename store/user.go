package store

import (
	"time"

	"postern/desk"
)

// Person is a user as administration sees them.
type Person struct {
	desk.User
	CreatedAt  time.Time  `json:"created_at"`
	DisabledAt *time.Time `json:"disabled_at"`
	LastSeenAt *time.Time `json:"last_seen_at"` // to the minute; nil: has never signed in
}

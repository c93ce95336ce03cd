// Package identity promises to know who somebody is: it keeps people, passwords, one-time links, sessions and API tokens, and says who may sign in.
//
// What a person may do follows from their role (desk.User.Can); this package asks that question about people and tokens only. It knows passwords and links,
// not second factors or single sign-on. It draws no pages and sends no mail: whoever asks for a link hands it on.
package identity

import (
	"io"
	"strings"
	"sync"
	"time"

	"postern/desk"
	"postern/secret"
	"postern/store"
)

// Config is what a Service needs.
type Config struct {
	Store     *store.Store
	Keys      *secret.Keyset
	PublicURL string           // the portal as people reach it: one-time links begin with it
	Now       func() time.Time // nil: time.Now
	Rand      io.Reader        // nil: the system's
}

// Service is the door to people and their proofs. It is safe for concurrent use.
type Service struct {
	store  *store.Store
	keys   *secret.Keyset
	public string
	now    func() time.Time
	random io.Reader
	staff  staffCache
}

// Client is where a request came from, as it is kept with a session and in the audit log.
type Client struct {
	IP        string
	UserAgent string
}

// Person is a user as administration sees them.
type Person = store.Person

// NewUser is somebody to be added.
type NewUser struct {
	Email    string
	Name     string
	Role     desk.Role
	Password string // empty: signs in by one-time link only
}

// UserChange is what shall be different about a person; nil fields stay.
type UserChange struct {
	Name     *string
	Email    *string
	Role     *desk.Role
	Password *string
	Current  string // the password so far: whoever changes their own password or address proves that they know it
	Session  string // token of the session that asks: it stays, when a new password ends the others
}

// New makes the service.
func New(cfg Config) *Service {
	now := cfg.Now
	if now == nil {
		now = time.Now
	}
	return &Service{store: cfg.Store, keys: cfg.Keys, public: strings.TrimSuffix(cfg.PublicURL, "/"), now: now, random: cfg.Rand}
}

type staffCache struct {
	mu    sync.Mutex
	users []desk.User
	until time.Time
}

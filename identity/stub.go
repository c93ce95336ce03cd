package identity

import (
	"context"
	"errors"
	"time"

	"postern/desk"
)

var errStub = errors.New("identity: not built yet")

// SignIn opens a session for whoever knows the password.
func (s *Service) SignIn(ctx context.Context, email, password string, from Client) (token string, user desk.User, err error) {
	return "", desk.User{}, errStub
}

// SignOut ends a session.
func (s *Service) SignOut(ctx context.Context, token string) error { return errStub }

// Session is whose session it is.
func (s *Service) Session(ctx context.Context, token string) (desk.User, error) {
	return desk.User{}, errStub
}

// LoginLink makes a one-time link.
func (s *Service) LoginLink(ctx context.Context, actor desk.Actor, email string) (url string, err error) {
	return "", errStub
}

// PeekLink says whose link it is without using it.
func (s *Service) PeekLink(ctx context.Context, token string) (email string, err error) {
	return "", errStub
}

// UseLink opens a session.
func (s *Service) UseLink(ctx context.Context, token string, from Client) (session string, user desk.User, err error) {
	return "", desk.User{}, errStub
}

// FirstOwner says whether nobody can administer yet.
func (s *Service) FirstOwner(ctx context.Context) (needed bool, err error) { return false, errStub }

// MakeFirstOwner makes the first owner and a link of 24 hours.
func (s *Service) MakeFirstOwner(ctx context.Context, email string) (url string, err error) {
	return "", errStub
}

// Bearer is whom an API token speaks for.
func (s *Service) Bearer(ctx context.Context, token string) (desk.Actor, error) {
	return desk.Actor{}, errStub
}

// AddToken makes an API token; expires zero means 90 days.
func (s *Service) AddToken(ctx context.Context, actor desk.Actor, token NewToken) (secret string, made desk.Token, err error) {
	return "", desk.Token{}, errStub
}

// NewToken is an API token to be made.
type NewToken struct {
	UserEmail string
	Name      string
	Scopes    []desk.Scope // empty: all that the user may
	Expires   time.Time    // zero: 90 days from now
}

// Tokens lists the tokens that the actor may see.
func (s *Service) Tokens(ctx context.Context, actor desk.Actor, cursor string, limit int) (desk.Page[desk.Token], error) {
	return desk.Page[desk.Token]{}, errStub
}

// RevokeToken ends a token.
func (s *Service) RevokeToken(ctx context.Context, actor desk.Actor, nameOrID string) error {
	return errStub
}

// AddUser adds a person.
func (s *Service) AddUser(ctx context.Context, actor desk.Actor, user NewUser) (desk.User, error) {
	return desk.User{}, errStub
}

// Users lists people.
func (s *Service) Users(ctx context.Context, actor desk.Actor, cursor string, limit int) (desk.Page[Person], error) {
	return desk.Page[Person]{}, errStub
}

// Find is the person with this address.
func (s *Service) Find(ctx context.Context, actor desk.Actor, email string) (Person, error) {
	return Person{}, errStub
}

// UpdateUser changes a person.
func (s *Service) UpdateUser(ctx context.Context, actor desk.Actor, id int64, change UserChange) (desk.User, error) {
	return desk.User{}, errStub
}

// Disable keeps a person from signing in, at once.
func (s *Service) Disable(ctx context.Context, actor desk.Actor, id int64) error { return errStub }

// Enable undoes Disable.
func (s *Service) Enable(ctx context.Context, actor desk.Actor, id int64) error { return errStub }

// Staff lists who works on tickets.
func (s *Service) Staff(ctx context.Context) ([]desk.User, error) { return nil, errStub }

// Sweep removes what has expired.
func (s *Service) Sweep(ctx context.Context) error { return errStub }

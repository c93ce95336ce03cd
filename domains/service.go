package domains

import (
	"context"
	"errors"
	"io"
	"time"

	"postern/desk"
	"postern/secret"
	"postern/store"
)

// ServiceConfig is what a Service needs.
type ServiceConfig struct {
	Store    *store.Store
	Keys     *secret.Keyset
	Resolver Resolver
	Hostname string           // our own name: what SPF must permit and the MX should name
	Now      func() time.Time // nil: time.Now
	Rand     io.Reader        // nil: the system's
}

// Service keeps the mail domains and mailboxes of an installation. It is safe for concurrent use.
type Service struct{ cfg ServiceConfig }

// NewService makes the service.
func NewService(cfg ServiceConfig) *Service { return &Service{cfg: cfg} }

var errStub = errors.New("domains: not built yet")

// Add makes a domain's keys and says what its owner has to publish.
func (s *Service) Add(ctx context.Context, actor desk.Actor, name string) (desk.Domain, []desk.Record, error) {
	return desk.Domain{}, nil, errStub
}

// List is every domain, by name.
func (s *Service) List(ctx context.Context, actor desk.Actor) ([]desk.Domain, error) {
	return nil, errStub
}

// Show is one domain and its records as last found.
func (s *Service) Show(ctx context.Context, actor desk.Actor, name string) (desk.Domain, []desk.Record, error) {
	return desk.Domain{}, nil, errStub
}

// Verify looks the records of a domain up.
func (s *Service) Verify(ctx context.Context, actor desk.Actor, name string) (desk.Domain, []desk.Record, error) {
	return desk.Domain{}, nil, errStub
}

// VerifyAll looks the records of every domain up.
func (s *Service) VerifyAll(ctx context.Context) error { return errStub }

// Rotate makes new keys.
func (s *Service) Rotate(ctx context.Context, actor desk.Actor, name string) ([]desk.Record, error) {
	return nil, errStub
}

// Remove forgets a domain and its keys.
func (s *Service) Remove(ctx context.Context, actor desk.Actor, name string) error { return errStub }

// SigningKeys are the keys that sign for a domain.
func (s *Service) SigningKeys(ctx context.Context, domain string) (keys []Key, active bool, err error) {
	return nil, false, errStub
}

// AddMailbox adds an address that takes mail.
func (s *Service) AddMailbox(ctx context.Context, actor desk.Actor, address, name string) (desk.Mailbox, error) {
	return desk.Mailbox{}, errStub
}

// Mailboxes lists the addresses that take mail.
func (s *Service) Mailboxes(ctx context.Context) ([]desk.Mailbox, error) { return nil, errStub }

// RemoveMailbox closes an address; its tickets stay.
func (s *Service) RemoveMailbox(ctx context.Context, actor desk.Actor, address string) error {
	return errStub
}

package domains

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"postern/desk"
	"postern/secret"
	"postern/store"
)

// keepRetired is how long the record of a key that signs no more shall stay in the DNS: mail that it signed can be under way, or be checked again, for a week (RFC 6376 §6.1 leaves it to us).
const keepRetired = 7 * 24 * time.Hour

// keysFor is how long unsealed keys are kept in memory between two mails. A domain that another machine has just verified or removed is noticed after so long.
const keysFor = 15 * time.Second

// ServiceConfig is what a Service needs.
type ServiceConfig struct {
	Store    *store.Store
	Keys     *secret.Keyset // seals the private keys
	Resolver Resolver
	Hostname string           // our own name: what SPF must permit and the MX should name
	Now      func() time.Time // nil: time.Now
	Rand     io.Reader        // nil: the system's
}

// Service keeps the mail domains and mailboxes of an installation. It is safe for concurrent use.
type Service struct {
	cfg    ServiceConfig
	mu     sync.Mutex
	signed map[string]signing
}

// signing is what SigningKeys said of a domain a moment ago.
type signing struct {
	keys   []Key
	active bool
	until  time.Time
}

// NewService makes the service.
func NewService(cfg ServiceConfig) *Service {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.Reader
	}
	return &Service{cfg: cfg, signed: map[string]signing{}}
}

// administer says whether the actor may administer domains and mailboxes.
func administer(actor desk.Actor) error {
	if !actor.Can(desk.MayAdminister) {
		return desk.Faultf(desk.Forbidden, "only an owner or admin may do this")
	}
	return nil
}

// asciiOf is the name of a domain as it is stored, or what is wrong with it.
func asciiOf(name string) (string, error) {
	ascii, err := ASCII(name)
	if err != nil {
		return "", desk.Wrong("name", "%q is not a domain name like example.com", name)
	}
	return ascii, nil
}

// Add makes a domain's keys and says what its owner has to publish. Until those records are found (Verify) the domain is not used as From.
func (s *Service) Add(ctx context.Context, actor desk.Actor, name string) (desk.Domain, []desk.Record, error) {
	name, err := asciiOf(name)
	if err == nil {
		err = administer(actor)
	}
	if err != nil {
		return desk.Domain{}, nil, err
	}
	now := s.cfg.Now()
	keys, sealed, err := s.newKeys(name, now)
	if err != nil {
		return desk.Domain{}, nil, err
	}
	var domain desk.Domain
	err = s.change(ctx, func(tx *store.Tx) error {
		if domain, err = tx.AddDomain(ctx, name, now); err != nil {
			return err
		}
		if err := tx.AddDomainKeys(ctx, domain.ID, sealed); err != nil {
			return err
		}
		return tx.Audit(ctx, actor, "domain.add", subjectOf(name), map[string]any{"selectors": selectors(sealed)})
	})
	if err != nil {
		return desk.Domain{}, nil, err
	}
	return domain, Records(name, s.cfg.Hostname, keys), nil
}

// newKeys makes a pair of keys, and the rows in which they are kept.
func (s *Service) newKeys(name string, now time.Time) ([]Key, []store.DomainKey, error) {
	keys, err := GenerateKeys(name, now, s.cfg.Rand)
	if err != nil {
		return nil, nil, err
	}
	rows := make([]store.DomainKey, len(keys))
	for i, key := range keys {
		der, err := key.Marshal()
		if err != nil {
			return nil, nil, err
		}
		sealed, _ := s.cfg.Keys.Seal(sealContext(name, key.Selector), der)
		rows[i] = store.DomainKey{Selector: key.Selector, Algorithm: string(key.Algorithm), PublicKey: key.Public, Private: sealed, CreatedAt: now}
	}
	return keys, rows, nil
}

// sealContext ties a sealed key to its domain and selector, so that nobody who can write to the database makes one domain sign with another's key.
func sealContext(domain, selector string) string { return "domain_key/" + domain + "/" + selector }

func subjectOf(name string) string { return "domain/" + name }

func selectors(keys []store.DomainKey) []string {
	names := make([]string, len(keys))
	for i, key := range keys {
		names[i] = key.Selector
	}
	return names
}

// List is every domain, by name.
func (s *Service) List(ctx context.Context, actor desk.Actor) ([]desk.Domain, error) {
	if err := administer(actor); err != nil {
		return nil, err
	}
	return s.cfg.Store.Domains(ctx)
}

// Show is one domain and its records: what is wanted, and what the last look found.
func (s *Service) Show(ctx context.Context, actor desk.Actor, name string) (desk.Domain, []desk.Record, error) {
	name, err := asciiOf(name)
	if err == nil {
		err = administer(actor)
	}
	if err != nil {
		return desk.Domain{}, nil, err
	}
	view, err := s.read(ctx, name)
	return view.domain, view.records, err
}

// Rotate makes new keys and returns all records that the DNS has to hold until they have taken over: the old keys sign until Verify finds the new ones' records,
// and their own records shall stay for a week after that.
func (s *Service) Rotate(ctx context.Context, actor desk.Actor, name string) ([]desk.Record, error) {
	name, err := asciiOf(name)
	if err == nil {
		err = administer(actor)
	}
	if err != nil {
		return nil, err
	}
	now := s.cfg.Now()
	_, sealed, err := s.newKeys(name, now)
	if err != nil {
		return nil, err
	}
	err = s.change(ctx, func(tx *store.Tx) error {
		domain, err := tx.LockDomain(ctx, name)
		if err != nil {
			return err
		}
		rows, err := tx.DomainKeys(ctx, domain.ID, now)
		if err != nil {
			return err
		}
		if waiting(sortKeys(rows)) {
			return desk.Faultf(desk.Conflict, "keys of %s wait for their records already: publish those and verify first", name)
		}
		if err := tx.AddDomainKeys(ctx, domain.ID, sealed); err != nil {
			return err
		}
		return tx.Audit(ctx, actor, "domain.rotate", subjectOf(name), map[string]any{"selectors": selectors(sealed)})
	})
	if err != nil {
		return nil, err
	}
	view, err := s.read(ctx, name)
	return view.records, err
}

// Remove forgets a domain and destroys its keys. Its mailboxes stay; answers from them leave by the system's own domain.
func (s *Service) Remove(ctx context.Context, actor desk.Actor, name string) error {
	name, err := asciiOf(name)
	if err == nil {
		err = administer(actor)
	}
	if err != nil {
		return err
	}
	return s.change(ctx, func(tx *store.Tx) error {
		if err := tx.RemoveDomain(ctx, name); err != nil {
			return err
		}
		return tx.Audit(ctx, actor, "domain.remove", subjectOf(name), nil)
	})
}

// change runs a change in one transaction, tells everybody, and forgets what was known of the domains' keys.
func (s *Service) change(ctx context.Context, do func(*store.Tx) error) error {
	err := s.cfg.Store.Write(ctx, func(tx *store.Tx) error {
		if err := do(tx); err != nil {
			return err
		}
		return tx.Announce(ctx, store.News{Settings: true})
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.signed)
	return err
}

// SigningKeys are the keys that sign for a domain, and whether it may be used as From: its records were found at the last look. A domain that is not ours has none.
// The caller must not change the list.
func (s *Service) SigningKeys(ctx context.Context, domain string) (keys []Key, active bool, err error) {
	name, err := ASCII(domain)
	if err != nil {
		return nil, false, nil // it cannot be ours, whatever it is
	}
	s.mu.Lock()
	known, ok := s.signed[name]
	s.mu.Unlock()
	if ok && s.cfg.Now().Before(known.until) {
		return known.keys, known.active, nil
	}
	view, err := s.read(ctx, name)
	var fault *desk.Fault
	if errors.As(err, &fault) && fault.Kind == desk.NotFound {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	if keys, err = s.unseal(name, view.keys.signing); err != nil {
		return nil, false, err
	}
	fresh := signing{keys: keys, active: view.domain.State == desk.DomainActive, until: s.cfg.Now().Add(keysFor)}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.signed[name] = fresh // only domains of ours get here, so the map stays as small as the list of them
	return fresh.keys, fresh.active, nil
}

func (s *Service) unseal(domain string, rows []store.DomainKey) ([]Key, error) {
	keys := make([]Key, len(rows))
	for i, row := range rows {
		der, err := s.cfg.Keys.Open(sealContext(domain, row.Selector), row.Private)
		if err != nil {
			return nil, fmt.Errorf("unseal the key %s of %s: %w", row.Selector, domain, err)
		}
		if keys[i], err = ParseKey(domain, row.Selector, der); err != nil {
			return nil, err
		}
		keys[i].ID = row.ID
	}
	return keys, nil
}

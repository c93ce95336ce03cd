package domains

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"sync"
	"time"

	"postern/desk"
	"postern/secret"
	"postern/store"
)

// ServiceConfig is what a Service needs.
type ServiceConfig struct {
	Store     *store.Store
	Keys      *secret.Keyset // seals the private keys
	Resolver  *DNS
	Hostname  string       // our own name: what SPF must permit and the MX should name
	Preflight *Preflight   // looks the records up; nil: by Resolver, for Hostname
	Zone      OperatorZone // where the keys of delegated domains are published; zero: domains publish TXT records
	// SelfTest signs a mail with these keys and judges it as a stranger would, by what the DNS says now; with an address, a copy is sent there. nil: the records are proof enough, and nothing can be tested.
	SelfTest func(ctx context.Context, domain string, keys []Key, to string) (desk.Trial, error)
	Observe  func([]desk.Domain) // is told how far every domain is whenever they were tended; nil: nobody
	// Provable says what is wrong with the certificates of the hosts that take our mail, if senders would not take them: then no policy can ask senders to check them. nil: nothing is known of that.
	Provable func(ctx context.Context) error
	Spans    Spans            // zero: DefaultSpans
	Now      func() time.Time // nil: time.Now
	Rand     io.Reader        // nil: the system's
}

// Service keeps the mail domains and mailboxes of an installation. It is safe for concurrent use.
type Service struct {
	cfg      ServiceConfig
	mu       sync.Mutex
	signed   map[string]signing
	policies policies
}

// NewService makes the service.
func NewService(cfg ServiceConfig) *Service {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.Reader
	}
	if cfg.Preflight == nil {
		cfg.Preflight = &Preflight{Authority: NewAuthority(AuthorityConfig{Resolver: cfg.Resolver}), Hostname: cfg.Hostname}
	}
	if cfg.Preflight.Reported == nil {
		preflight := *cfg.Preflight
		preflight.Reported = func(ctx context.Context, domain string) ([]desk.ReportDay, error) {
			return cfg.Store.ReportDays(ctx, domain, "dmarc", cfg.Now().Add(-heardSpan))
		}
		cfg.Preflight = &preflight
	}
	if cfg.Spans == (Spans{}) {
		cfg.Spans = DefaultSpans()
	}
	return &Service{cfg: cfg, signed: map[string]signing{}}
}

// may says whether the actor holds the right.
func may(actor desk.Actor, right desk.Right) error {
	if !actor.Can(right) {
		return desk.Faultf(desk.Forbidden, "you may not do this: it takes the right %q", right)
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

// allowed is the name of a domain as it is stored, if the actor holds the right.
func allowed(actor desk.Actor, right desk.Right, name string) (string, error) {
	name, err := asciiOf(name)
	if err != nil {
		return "", err
	}
	return name, may(actor, right)
}

// Add makes a domain's keys and says what its owner has to publish, in the way that suits this installation: CNAMEs where there is an operator's zone, else TXT records.
func (s *Service) Add(ctx context.Context, actor desk.Actor, name string) (desk.Domain, []desk.Record, error) {
	how := desk.PublishTXT
	if s.cfg.Zone.Name != "" {
		how = desk.PublishDelegated
	}
	return s.AddPublished(ctx, actor, name, how)
}

// AddPublished is Add with the way in which the keys get into the DNS. Until its challenge and its records are found (Verify) and a mail signed by its keys is verified, the domain is not used as From.
// A domain that was removed is added as if it had never been here: with other keys, another challenge, and other labels (T-31).
func (s *Service) AddPublished(ctx context.Context, actor desk.Actor, name string, how desk.Publication) (desk.Domain, []desk.Record, error) {
	name, err := allowed(actor, desk.MayManageDomains, name)
	if err != nil {
		return desk.Domain{}, nil, err
	}
	if err := s.canPublish(how); err != nil {
		return desk.Domain{}, nil, err
	}
	now := s.cfg.Now()
	challenge, err := randomLabel(s.cfg.Rand)
	if err != nil {
		return desk.Domain{}, nil, err
	}
	domain := desk.Domain{
		Name: name, State: desk.DomainAdded, Publication: how, OnBroken: desk.BrokenHold, RotateDays: defaultRotateDays, STS: desk.STSOff, Challenge: challenge, CreatedAt: now,
	}
	err = s.change(ctx, func(tx *store.Tx) error {
		if err := forgetRemoved(ctx, tx, name); err != nil {
			return err
		}
		if domain.ID, err = tx.AddDomain(ctx, domain); err != nil {
			return err
		}
		made, err := s.firstKeys(ctx, tx, domain, now)
		if err != nil {
			return err
		}
		return tx.Audit(ctx, actor, "domain.add", subjectOf(name), map[string]any{"selectors": made, "publication": how})
	})
	if err != nil {
		return desk.Domain{}, nil, err
	}
	_ = s.publishSoon(ctx, name, asNoted) // managers are told, and it is tried again
	view, err := s.read(ctx, name)
	return view.domain, view.records, err
}

// defaultRotateDays is a quarter of a year: what large senders do, and long enough for guided rotation to be no nuisance.
const defaultRotateDays = 90

// canPublish says whether this installation can publish keys in that way.
func (s *Service) canPublish(how desk.Publication) error {
	switch {
	case how != desk.PublishTXT && how != desk.PublishDelegated:
		return desk.Wrong("publication", "%q is neither txt nor delegated", how)
	case how == desk.PublishDelegated && s.cfg.Zone.Name == "":
		return desk.Wrong("publication", "keys can be published behind CNAMEs only where POSTERN_DKIM_ZONE names a zone for them")
	}
	return nil
}

// forgetRemoved makes room for a domain that was here before.
func forgetRemoved(ctx context.Context, tx *store.Tx, name string) error {
	old, err := tx.LockDomain(ctx, name)
	if isNotFound(err) {
		return nil
	}
	if err != nil || old.State != desk.DomainRemoved {
		return err
	}
	return tx.ForgetDomain(ctx, name)
}

// firstKeys makes the keys that sign first, and where they change behind CNAMEs those that will take over, so that these stand in the DNS long before they are needed.
func (s *Service) firstKeys(ctx context.Context, tx *store.Tx, d desk.Domain, now time.Time) (made []string, err error) {
	slots := []int16{0}
	if d.Publication == desk.PublishDelegated {
		slots = []int16{1, 2}
	}
	for i, slot := range slots {
		rows, err := s.newKeys(d.Name, slot, now)
		if err != nil {
			return nil, err
		}
		for k := range rows {
			if i == 0 {
				rows[k].Role = desk.KeySigning
			}
		}
		if err := tx.AddDomainKeys(ctx, d.ID, rows); err != nil {
			return nil, err
		}
		made = append(made, selectors(rows)...)
	}
	return made, s.labels(ctx, tx, d, now)
}

// newKeys makes a pair of keys that shall sign later, as the rows in which they are kept. In a slot their selectors are those of its CNAMEs.
func (s *Service) newKeys(name string, slot int16, now time.Time) ([]store.DomainKey, error) {
	keys, err := GenerateKeys(name, now, s.cfg.Rand)
	if err != nil {
		return nil, err
	}
	rows := make([]store.DomainKey, len(keys))
	for i, key := range keys {
		if slot > 0 {
			key.Selector = selectorOf(slot, key.Algorithm)
		}
		if rows[i], err = s.row(key, now); err != nil {
			return nil, err
		}
		rows[i].Slot = slot
	}
	return rows, nil
}

// row is how a new key is kept.
func (s *Service) row(key Key, now time.Time) (store.DomainKey, error) {
	der, err := key.Marshal()
	if err != nil {
		return store.DomainKey{}, err
	}
	sealed, _ := s.cfg.Keys.Seal(sealContext(key.Domain, key.Selector), der)
	return store.DomainKey{
		Selector: key.Selector, Algorithm: string(key.Algorithm), PublicKey: key.Public, Private: sealed, Role: desk.KeyNext, CreatedAt: now,
	}, nil
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

// List is every domain, by name, also those that were removed lately.
func (s *Service) List(ctx context.Context, actor desk.Actor) ([]desk.Domain, error) {
	if err := may(actor, desk.MayReadConfig); err != nil {
		return nil, err
	}
	return s.cfg.Store.Domains(ctx)
}

// Show is one domain and its records: what is wanted, and what the last look found.
func (s *Service) Show(ctx context.Context, actor desk.Actor, name string) (desk.Domain, []desk.Record, error) {
	name, err := allowed(actor, desk.MayReadConfig, name)
	if err != nil {
		return desk.Domain{}, nil, err
	}
	view, err := s.read(ctx, name)
	return view.domain, view.records, err
}

// Remove ends the use of a domain and destroys its keys; what the operator's zone holds for it goes. Its records are looked for a while longer, since one that is left behind is a danger to its owner.
// Its mailboxes stay; answers from them leave by the system's own domain.
func (s *Service) Remove(ctx context.Context, actor desk.Actor, name string) error {
	name, err := allowed(actor, desk.MayManageDomains, name)
	if err != nil {
		return err
	}
	err = s.change(ctx, func(tx *store.Tx) error {
		d, err := lockLiving(ctx, tx, name)
		if err != nil {
			return err
		}
		keys, err := tx.DomainKeys(ctx, d.ID)
		if err != nil {
			return err
		}
		for i := range keys {
			keys[i].Role, keys[i].Private = desk.KeyRevoked, nil
		}
		if err := tx.SetDomainKeys(ctx, keys); err != nil {
			return err
		}
		now := s.cfg.Now()
		if err := tx.DropDomainLabels(ctx, d.ID, now); err != nil {
			return err
		}
		d.State, d.RemovedAt, d.BrokenSince, d.BrokenWhy, d.TestProblem, d.CheckedAt = desk.DomainRemoved, now, time.Time{}, "", "", time.Time{}
		if err := tx.SetDomain(ctx, d); err != nil {
			return err
		}
		for _, kind := range ofLook {
			if _, err := tx.EndAlert(ctx, name, kind, now); err != nil {
				return err
			}
		}
		return tx.Audit(ctx, actor, "domain.remove", subjectOf(name), map[string]any{"selectors": selectors(keys)})
	})
	if err == nil {
		_ = s.publishSoon(ctx, name, asNoted) // managers are told, and it is tried again
	}
	return err
}

// lockLiving takes a domain in hand that was not removed.
func lockLiving(ctx context.Context, tx *store.Tx, name string) (desk.Domain, error) {
	d, err := tx.LockDomain(ctx, name)
	if err == nil && d.State == desk.DomainRemoved {
		err = desk.Faultf(desk.NotFound, "the domain %s was removed: add it again", name)
	}
	return d, err
}

// change runs a change in one transaction, tells everybody, and forgets what was known of the domains' keys.
func (s *Service) change(ctx context.Context, do func(*store.Tx) error) error {
	return s.note(ctx, func(tx *store.Tx) (bool, error) { return true, do(tx) })
}

// note is change for what may turn out to be no news: then nobody has to read anything again.
func (s *Service) note(ctx context.Context, do func(*store.Tx) (news bool, err error)) error {
	var news bool
	err := s.cfg.Store.Write(ctx, func(tx *store.Tx) (err error) {
		if news, err = do(tx); err != nil || !news {
			return err
		}
		return tx.Announce(ctx, store.News{Settings: true})
	})
	if news || err != nil {
		s.Forget()
	}
	return err
}

func (s *Service) unseal(domain string, rows []store.DomainKey) ([]Key, error) {
	var keys []Key
	for _, row := range rows {
		if !signs(row) {
			continue
		}
		der, err := s.cfg.Keys.Open(sealContext(domain, row.Selector), row.Private)
		if err != nil {
			return nil, fmt.Errorf("unseal the key %s of %s: %w", row.Selector, domain, err)
		}
		key, err := ParseKey(domain, row.Selector, der)
		if err != nil {
			return nil, err
		}
		key.ID = row.ID
		keys = append(keys, key)
	}
	return keys, nil
}

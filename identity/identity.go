// Package identity promises to know who somebody is: it keeps people, passwords, one-time links, sessions and API tokens, and says who may come in. Customers prove an address by a code, without an account.
//
// What a person may do follows from their role (desk.User.Can); this package asks that question about people and tokens only. It knows passwords, links and second factors. It draws no pages and sends no mail: whoever asks for a link hands it on.
// Every token is kept as a hash only, and every change of who may come in is in the audit log with the change itself.
package identity

import (
	"context"
	"crypto/x509"
	"errors"
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
	Store           *store.Store
	Keys            *secret.Keyset   // seals password hashes, so that the database alone is nothing to guess at
	PublicURL       string           // the portal as people reach it: one-time links begin with it
	Roots           *x509.CertPool   // who vouches for the gateway of text messages; nil: the system's
	Now             func() time.Time // nil: time.Now
	Rand            io.Reader        // nil: the system's
	Atlas           *Atlas           // where addresses are; nil: nobody knows
	LeakedPasswords string           // file of hashes of leaked passwords, as LeakFile has it; empty: the built-in list is all there is
}

// Service is the door to people and their proofs. It is safe for concurrent use.
type Service struct {
	store    *store.Store
	keys     *secret.Keyset
	public   string
	now      func() time.Time
	random   io.Reader
	staff    staff
	settings kept
	openIDs  openIDs
	keySets  keySets
	rules    keptRules
	turned   turnedAway
	slow     throttled
	atlas    *Atlas
	leaks    LeakFile

	rates        rates   // permits to ask
	moved        noted   // tokens that came from a new network
	acted        noted   // tokens that act for customers
	denials      denials // what tokens were refused
	refused      noted   // what people were refused
	gatewayRoots *x509.CertPool
}

// New makes the service.
func New(cfg Config) *Service {
	now := cfg.Now
	if now == nil {
		now = time.Now
	}
	return &Service{store: cfg.Store, keys: cfg.Keys, public: strings.TrimSuffix(cfg.PublicURL, "/"), now: now, random: cfg.Rand, gatewayRoots: cfg.Roots, leaks: LeakFile(cfg.LeakedPasswords), atlas: cfg.Atlas}
}

// PublicURL is where people and programs reach this installation, without a slash at its end.
func (s *Service) PublicURL() string { return s.public }

// Client is where a request came from, as it is kept with a session and in the audit log.
type Client struct {
	IP        string
	UserAgent string
	Device    string // the cookie by which the browser is known again; empty: it has none

	session int64 // of who is signed in there already; 0: nobody is
}

// clientOf is where an actor acts from who is signed in.
func clientOf(actor desk.Actor) Client { return Client{IP: actor.IP, session: actor.Session} }

// longestAgent is how much of a User-Agent is kept: enough to recognise a browser, too little to fill a disk with.
const longestAgent = 300

// agent is the User-Agent as it is kept.
func (c Client) agent() string {
	return strings.ToValidUTF8(c.UserAgent[:min(len(c.UserAgent), longestAgent)], "")
}

// actor is a person who comes in through the portal.
func (c Client) actor(user desk.User) desk.Actor {
	return desk.Actor{User: user, Via: "portal", IP: c.IP}
}

// newToken makes a secret of 256 random bits, and the hash under which it is kept.
func (s *Service) newToken() (token string, hash []byte) { return secret.NewToken(s.random) }

// audited runs a change in one transaction with its entry in the audit log.
func (s *Service) audited(ctx context.Context, change func(*store.Tx) (entry, error)) error {
	return s.store.Write(ctx, func(tx *store.Tx) error {
		entry, err := change(tx)
		if err != nil {
			return err
		}
		return tx.Audit(ctx, entry.actor, entry.action, entry.subject, entry.detail)
	})
}

// entry is a line of the audit log.
type entry struct {
	actor   desk.Actor
	action  string
	subject string
	detail  map[string]any
}

// announce tells everybody, when the transaction commits, that people have changed.
func announce(ctx context.Context, tx *store.Tx) error {
	return tx.Announce(ctx, store.News{Settings: true})
}

// unsigned is the answer to a credential that opens nothing.
func unsigned(reason string) error { return &desk.Fault{Kind: desk.Unsigned, Reason: reason} }

// staff is the list of those who work on tickets, kept for a few seconds since every page asks for it.
type staff struct {
	mu    sync.Mutex
	users []desk.User
	until time.Time
}

// staffFor is how long the list is kept: a new colleague may be missing from a menu for so long.
const staffFor = 5 * time.Second

// Staff lists everybody who can work on tickets, by name. The caller must not change the list.
func (s *Service) Staff(ctx context.Context) ([]desk.User, error) {
	s.staff.mu.Lock()
	defer s.staff.mu.Unlock()
	if s.now().Before(s.staff.until) {
		return s.staff.users, nil
	}
	users, err := s.store.Staff(ctx)
	if err != nil {
		return nil, err
	}
	s.staff.users, s.staff.until = users, s.now().Add(staffFor)
	return users, nil
}

// Sweep removes sessions, links and failed sign-ins that can matter no more, and brings hashes of passwords under the active master key.
func (s *Service) Sweep(ctx context.Context) error {
	now := s.now()
	values, err := s.Settings(ctx)
	if err != nil {
		return err
	}
	staff, _ := limits(values, desk.RoleAgent)
	customers, _ := limits(values, desk.RoleCustomer)
	if err := s.resealPasswords(ctx); err != nil {
		return err
	}
	return s.store.Write(ctx, func(tx *store.Tx) error {
		return errors.Join(tx.SweepSessions(ctx, now, now.Add(-max(staff, customers))), tx.SweepLogins(ctx, now.Add(-failuresFor)),
			tx.SweepResets(ctx, now.Add(-keepResets)), tx.SweepVisitors(ctx, now, now.Add(-visitorIdle), now.Add(-keepCodes)), tx.SweepSignOns(ctx, now), tx.SweepDelegations(ctx, now.Add(-keepDelegations)), tx.SweepSAML(ctx, now), tx.SweepThrottles(ctx, now.Add(-aDay)), tx.SweepCountries(ctx, now.Add(-countryFor)), tx.SweepFactors(ctx, now, now.Add(-factorPause), now.Add(-unfinishedFor)))
	})
}

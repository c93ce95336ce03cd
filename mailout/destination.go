package mailout

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"postern/desk"
	"postern/domains"
)

const (
	freshRules = 5 * time.Second // how long rules are believed to be as they were read
	staleRules = time.Minute     // and for how long where they cannot be read again
)

// Destinations gives the rules for destinations as they are kept, a few seconds old at most. A nil one has none. It is safe for use by several goroutines.
type Destinations struct {
	read func(context.Context) ([]desk.Destination, error)
	now  func() time.Time

	mu    sync.Mutex
	rules desk.Destinations
	as    time.Time // of when the rules are; zero: nobody has read them yet
	next  time.Time // when to read them again
}

// NewDestinations makes rules that are read when they are needed.
func NewDestinations(read func(context.Context) ([]desk.Destination, error)) *Destinations {
	return &Destinations{read: read, now: time.Now}
}

// Match finds the rule for a domain. An error means that nobody knows what an admin wants, and mail must wait.
func (d *Destinations) Match(ctx context.Context, domain string) (desk.Destination, error) {
	if d == nil {
		return desk.Destinations(nil).Match(domain), nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if now := d.now(); !now.Before(d.next) {
		list, err := d.read(ctx)
		switch {
		case err == nil:
			d.rules, d.as = desk.NewDestinations(ascii(list)), now
		case d.as.IsZero() || now.Sub(d.as) > staleRules:
			return desk.Destination{}, fmt.Errorf("rules for destinations: %w", err)
		}
		d.next = now.Add(freshRules)
	}
	return d.rules.Match(strings.ToLower(domain)), nil
}

// ascii writes patterns as envelopes write domains: in A-labels (RFC 5890 §2.3.2.1).
func ascii(list []desk.Destination) []desk.Destination {
	for i, one := range list {
		below := ""
		domain, wild := strings.CutPrefix(one.Pattern, "*.")
		if wild {
			below = "*."
		}
		if name, err := domains.ASCII(domain); err == nil {
			list[i].Pattern = below + name
		}
	}
	return list
}

package mtasts

import (
	"context"
	"errors"
	"sync"
	"time"

	"postern/domains"
	"postern/store"
)

const (
	fresh      = time.Minute         // how long an answer is given again without looking: as long as the resolver keeps a record
	remembered = 4096                // domains of which that is so
	pause      = 5 * time.Minute     // after a fetch that failed, until the same id is fetched again (RFC 8461 §3.3)
	renewAfter = 24 * time.Hour      // a policy that is used is fetched again once a day, so that it does not expire while its record is suppressed (RFC 8461 §10.2)
	unused     = 90 * 24 * time.Hour // what nobody sent to for so long is left to expire, and then forgotten
	renewals   = 100                 // policies fetched again in one round
	atOnce     = 8                   // of them
	renewTime  = 10 * time.Second    // for each: nobody waits for it, and there is a next round
)

// Cache answers what a domain asks. Its fields are set before the first use; it is then safe for use by several goroutines.
type Cache struct {
	Store    *store.Store
	Resolver *domains.DNS
	Fetcher  *Fetcher
	Now      func() time.Time // nil: time.Now

	mu      sync.Mutex
	known   map[string]known
	flights map[string]*flight
}

// Found is what a domain asks now.
type Found struct {
	Policy  Policy   // mode none where it asks nothing
	Failure *Failure // why a policy that is said to be there could not be fetched; an older one may stand in for it
}

type known struct {
	found Found
	until time.Time
}

// flight is a look that is under way.
type flight struct {
	landed chan struct{}
	found  Found
	err    error
}

func (c *Cache) now() time.Time {
	if c.Now != nil {
		return c.Now()
	}
	return time.Now()
}

// Policy says what a domain asks. An error means that what was kept could not be read, so that nobody knows: mail waits.
func (c *Cache) Policy(ctx context.Context, domain string) (Found, error) {
	c.mu.Lock()
	if seen, ok := c.known[domain]; ok && c.now().Before(seen.until) {
		c.mu.Unlock()
		return seen.found, nil
	}
	under, ok := c.flights[domain]
	if !ok {
		under = &flight{landed: make(chan struct{})}
		if c.flights == nil {
			c.flights = map[string]*flight{}
		}
		c.flights[domain] = under
		go c.fly(context.WithoutCancel(ctx), domain, under) // others may come to wait for it too; every step of it has a deadline
	}
	c.mu.Unlock()
	select {
	case <-under.landed:
		return under.found, under.err
	case <-ctx.Done():
		return Found{}, ctx.Err()
	}
}

func (c *Cache) fly(ctx context.Context, domain string, under *flight) {
	ctx, cancel := context.WithTimeout(ctx, 2*fetchTime)
	defer cancel()
	under.found, under.err = c.look(ctx, domain)
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.flights, domain)
	if under.err == nil {
		if len(c.known) >= remembered || c.known == nil {
			c.known = map[string]known{}
		}
		c.known[domain] = known{under.found, c.now().Add(fresh)}
	}
	close(under.landed)
}

// look asks the record, and fetches the policy where it is a new one.
func (c *Cache) look(ctx context.Context, domain string) (Found, error) {
	kept, _, err := c.Store.STSPolicy(ctx, domain)
	if err != nil {
		return Found{}, err
	}
	texts, err := c.Resolver.LookupTXT(ctx, domains.STSRecordName(domain))
	id := ""
	if err == nil {
		id, _ = ParseRecord(texts) // RFC 8461 §3.1: a record that cannot be read is as good as none
	}
	now := c.now()
	if next(kept, id, now) == fetch {
		kept.Domain = domain
		policy, err := c.Fetcher.Fetch(ctx, domain)
		if err := c.note(ctx, &kept, fetched{id, policy, err}); err != nil {
			return Found{}, err
		}
	}
	return c.use(ctx, kept, id)
}

// step is what a look leads to.
type step int

const (
	keep  step = iota // what is kept counts, until it expires
	fetch             // the policy is fetched
)

// next decides whether a policy must be fetched (RFC 8461 §3.3): when the record names one that is not kept, or not any more, unless just that was tried in vain a moment ago. Without a record, what is kept counts.
func next(kept store.STSPolicy, id string, now time.Time) step {
	switch {
	case id == "":
		return keep
	case id == kept.RecordID && now.Before(kept.ExpiresAt):
		return keep
	case kept.TriedAt != nil && kept.TriedID == id && now.Before(kept.TriedAt.Add(pause)):
		return keep
	}
	return fetch
}

// fetched is what a fetch came to.
type fetched struct {
	id     string // of the record that led to it
	policy Policy
	err    error
}

// note keeps what was fetched. Where that failed, what was kept stays, with the reason.
func (c *Cache) note(ctx context.Context, kept *store.STSPolicy, got fetched) error {
	now := c.now()
	if got.err != nil {
		kept.TriedID, kept.TriedAt, kept.Problem, kept.Result = got.id, &now, words(got.err), resultFetch
		var failed *Failure
		if errors.As(got.err, &failed) {
			kept.Result = failed.Result
		}
		return c.Store.Write(ctx, func(tx *store.Tx) error { return tx.NoteSTSFailure(ctx, *kept) })
	}
	*kept = store.STSPolicy{
		Domain: kept.Domain, RecordID: got.id, Mode: string(got.policy.Mode), MX: append([]string{}, got.policy.MX...), MaxAge: int64(got.policy.MaxAge / time.Second),
		FetchedAt: now, ExpiresAt: now.Add(got.policy.MaxAge), UsedAt: now,
	}
	return c.Store.Write(ctx, func(tx *store.Tx) error { return tx.KeepSTSPolicy(ctx, *kept) })
}

// use reads what is kept, and notes now and then that it is used.
func (c *Cache) use(ctx context.Context, kept store.STSPolicy, id string) (Found, error) {
	now := c.now()
	found := Found{Policy: Policy{Mode: ModeNone}}
	if kept.TriedAt != nil && kept.TriedID == id && id != "" {
		found.Failure = &Failure{kept.Result, errors.New(kept.Problem)}
	}
	just := kept.RecordID == id && kept.FetchedAt.Add(fresh).After(now) // a max_age of nothing is still for the mail at hand
	if kept.Mode == "" || !now.Before(kept.ExpiresAt) && !just {
		return found, nil
	}
	found.Policy = Policy{Mode: Mode(kept.Mode), MaxAge: time.Duration(kept.MaxAge) * time.Second, MX: kept.MX}
	if now.Sub(kept.UsedAt) < renewAfter {
		return found, nil
	}
	return found, c.Store.Write(ctx, func(tx *store.Tx) error { return tx.UseSTSPolicy(ctx, kept.Domain, now) })
}

// Renew fetches the policies again that are a day old and in use, and forgets those that nobody needs. One that cannot be fetched stays as it is until it expires.
func (c *Cache) Renew(ctx context.Context) error {
	now := c.now()
	list, err := c.Store.AgingSTSPolicies(ctx, now.Add(-renewAfter), now.Add(-unused), renewals)
	if err != nil {
		return err
	}
	places := make(chan struct{}, atOnce)
	failed := make(chan error, len(list))
	for _, kept := range list {
		places <- struct{}{}
		go func() {
			failed <- c.renew(ctx, kept)
			<-places
		}()
	}
	var all error
	for range list {
		all = errors.Join(all, <-failed)
	}
	if all != nil {
		return all
	}
	return c.Store.Write(ctx, func(tx *store.Tx) error { return tx.DropSTSPolicies(ctx, now.Add(-unused)) })
}

// renew fetches one policy again. Its record is only asked which id it has now: without one, the policy is fetched all the same.
func (c *Cache) renew(ctx context.Context, kept store.STSPolicy) error {
	limited, cancel := context.WithTimeout(ctx, renewTime)
	defer cancel()
	id := kept.RecordID
	if texts, err := c.Resolver.LookupTXT(limited, domains.STSRecordName(kept.Domain)); err == nil {
		if live, err := ParseRecord(texts); err == nil {
			id = live
		}
	}
	policy, err := c.Fetcher.Fetch(limited, kept.Domain)
	return c.note(ctx, &kept, fetched{id, policy, err})
}

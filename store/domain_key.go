package store

import (
	"context"
	"time"

	"postern/desk"
)

// DomainKey is one DKIM key of a mail domain, its private part sealed.
type DomainKey struct {
	ID         int64
	DomainID   int64
	Selector   string
	Algorithm  string // rsa-sha256 or ed25519-sha256
	PublicKey  string // p= of the key record
	Private    []byte // PKCS #8, sealed; nil once it signs no more
	Role       desk.KeyRole
	Slot       int16 // the pair of CNAMEs that leads to its record; 0: it has a record of its own
	Imported   bool
	CreatedAt  time.Time
	SeenAt     *time.Time // since when its record is found, at every look; nil: it was not at the last one
	SignsSince *time.Time
	EndsAt     *time.Time // retired: until then its record stays; revoked: until then its record says so
	Grace      *int       // next: it takes over in an emergency, and the one before is revoked after so many seconds
}

// DomainKeys lists the keys of a domain, oldest first.
func (r Reader) DomainKeys(ctx context.Context, domain int64) ([]DomainKey, error) {
	keys, err := rowsOf[DomainKey](ctx, r.q, `
		select id, domain_id, selector, algorithm, public_key, private, role, slot, imported, created_at, seen_at, signs_since, ends_at, grace
		from domain_key
		where domain_id = $1
		order by id
		limit 200`, domain)
	return keys, wrap(err, "domain keys")
}

// AllDomainKeys are the keys of every domain, by the domain's id, without their private parts.
func (r Reader) AllDomainKeys(ctx context.Context) (map[int64][]DomainKey, error) {
	keys, err := rowsOf[DomainKey](ctx, r.q, `
		select id, domain_id, selector, algorithm, public_key, null::bytea as private, role, slot, imported, created_at, seen_at, signs_since, ends_at, grace
		from domain_key
		order by domain_id, id
		limit 100000`)
	byDomain := map[int64][]DomainKey{}
	for _, key := range keys {
		byDomain[key.DomainID] = append(byDomain[key.DomainID], key)
	}
	return byDomain, wrap(err, "keys of all domains")
}

// AddDomainKeys keeps new keys of a domain. A selector that the domain has already is a desk.Conflict.
func (tx *Tx) AddDomainKeys(ctx context.Context, domain int64, keys []DomainKey) error {
	for _, key := range keys {
		_, err := tx.tx.Exec(ctx, `
			insert into domain_key (domain_id, selector, algorithm, public_key, private, role, slot, imported, created_at, seen_at, signs_since, ends_at, grace)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`, domain, key.Selector, key.Algorithm, key.PublicKey, key.Private, key.Role, key.Slot, key.Imported,
			key.CreatedAt, key.SeenAt, key.SignsSince, key.EndsAt, key.Grace)
		if violates(err, "domain_key_domain_id_selector_key") {
			return desk.Faultf(desk.Conflict, "the selector %s is in use already", key.Selector)
		}
		if err != nil {
			return wrap(err, "add domain key")
		}
	}
	return nil
}

// SetDomainKeys writes what these keys are for now. A key without a private part loses it.
func (tx *Tx) SetDomainKeys(ctx context.Context, keys []DomainKey) error {
	for _, key := range keys {
		_, err := tx.tx.Exec(ctx, `
			update domain_key
			set private = $2, role = $3, seen_at = $4, signs_since = $5, ends_at = $6, grace = $7
			where id = $1`, key.ID, key.Private, key.Role, key.SeenAt, key.SignsSince, key.EndsAt, key.Grace)
		if err != nil {
			return wrap(err, "set domain key "+key.Selector)
		}
	}
	return nil
}

// DropDomainKeys forgets keys, record and all.
func (tx *Tx) DropDomainKeys(ctx context.Context, keys []int64) error {
	_, err := tx.tx.Exec(ctx, `delete from domain_key where id = any($1)`, keys)
	return wrap(err, "drop domain keys")
}

// DomainLabel is a name in the operator's zone that holds one key of one domain, for ever of that domain.
type DomainLabel struct {
	Label     string
	Domain    string // its name
	Zone      string // the operator's zone that it is in
	Slot      int16
	Algorithm string
	Published string // what the zone's server took last; empty: nothing
	CreatedAt time.Time
	DroppedAt *time.Time
}

// DomainLabels lists the labels of a domain that are in use.
func (r Reader) DomainLabels(ctx context.Context, domain int64) ([]DomainLabel, error) {
	labels, err := rowsOf[DomainLabel](ctx, r.q, `
		select label, domain, zone, slot, algorithm, published, created_at, dropped_at
		from domain_label
		where domain_id = $1 and dropped_at is null
		order by slot, algorithm desc
		limit 100`, domain)
	return labels, wrap(err, "domain labels")
}

// LabelsOf lists every label that was ever a domain's, by its name: in use, or given up.
func (r Reader) LabelsOf(ctx context.Context, name string) ([]DomainLabel, error) {
	labels, err := rowsOf[DomainLabel](ctx, r.q, `
		select label, domain, zone, slot, algorithm, published, created_at, dropped_at
		from domain_label
		where domain = $1
		order by dropped_at is not null, created_at desc, slot, algorithm desc
		limit 1000`, name)
	return labels, wrap(err, "labels of a domain")
}

// LabelledDomains names the domains that have labels in use, or of which the zone still holds something.
func (r Reader) LabelledDomains(ctx context.Context) ([]string, error) {
	type row struct{ Domain string }
	rows, err := rowsOf[row](ctx, r.q, `
		select distinct domain
		from domain_label
		where dropped_at is null or published <> ''
		order by domain
		limit 10000`)
	names := make([]string, len(rows))
	for i, row := range rows {
		names[i] = row.Domain
	}
	return names, wrap(err, "domains with labels")
}

// AllDomainLabels are the labels in use, and those of which the zone still holds something, by the name of their domain.
func (r Reader) AllDomainLabels(ctx context.Context) (map[string][]DomainLabel, error) {
	labels, err := rowsOf[DomainLabel](ctx, r.q, `
		select label, domain, zone, slot, algorithm, published, created_at, dropped_at
		from domain_label
		where dropped_at is null or published <> ''
		order by domain, label
		limit 100000`)
	byDomain := map[string][]DomainLabel{}
	for _, label := range labels {
		byDomain[label.Domain] = append(byDomain[label.Domain], label)
	}
	return byDomain, wrap(err, "labels of all domains")
}

// AddDomainLabels gives labels to a domain.
func (tx *Tx) AddDomainLabels(ctx context.Context, domain int64, labels []DomainLabel) error {
	for _, label := range labels {
		_, err := tx.tx.Exec(ctx, `
			insert into domain_label (label, domain, domain_id, zone, slot, algorithm, created_at)
			values ($1, $2, $3, $4, $5, $6, $7)`, label.Label, label.Domain, domain, label.Zone, label.Slot, label.Algorithm, label.CreatedAt)
		if err != nil {
			return wrap(err, "add domain label")
		}
	}
	return nil
}

// DropDomainLabels ends the use of a domain's labels. Nobody gets them again.
func (tx *Tx) DropDomainLabels(ctx context.Context, domain int64, now time.Time) error {
	_, err := tx.tx.Exec(ctx, `update domain_label set dropped_at = $2 where domain_id = $1 and dropped_at is null`, domain, now)
	return wrap(err, "drop domain labels")
}

// LockLabels keeps others from publishing the labels of a domain until the transaction ends, also when the domain itself is gone.
func (tx *Tx) LockLabels(ctx context.Context, name string) ([]DomainLabel, error) {
	labels, err := rowsOf[DomainLabel](ctx, tx.tx, `
		select label, domain, zone, slot, algorithm, published, created_at, dropped_at
		from domain_label
		where domain = $1
		order by dropped_at is not null, dropped_at desc, label
		limit 1000
		for update`, name)
	return labels, wrap(err, "lock labels")
}

// LabelPublished notes what the zone's server took for a label.
func (tx *Tx) LabelPublished(ctx context.Context, label, text string) error {
	_, err := tx.tx.Exec(ctx, `update domain_label set published = $2 where label = $1`, label, text)
	return wrap(err, "note what a label holds")
}

package store

import (
	"context"
	"time"

	"postern/desk"
)

// DomainKey is one DKIM key of a mail domain, its private part sealed.
type DomainKey struct {
	ID        int64
	Selector  string
	Algorithm string // rsa-sha256 or ed25519-sha256
	PublicKey string // p= of the key record
	Private   []byte // PKCS #8, sealed
	CreatedAt time.Time
	SeenAt    *time.Time // its record was found in the DNS for the first time
	RetiredAt *time.Time // it signs no more, and from then on its record may go
}

// errNoDomain is what everybody gets who asks for a domain that is not here.
func errNoDomain(name string) error {
	return desk.Faultf(desk.NotFound, "there is no domain %s here: add it first", name)
}

// Domains lists every mail domain by name. The list is an admin's work: thousands at most.
func (r Reader) Domains(ctx context.Context) ([]desk.Domain, error) {
	domains, err := rowsOf[domainRow](ctx, r.q, `
		select id, name, state, checked_at, created_at
		from domain
		order by name
		limit 10000`)
	list := make([]desk.Domain, len(domains))
	for i, row := range domains {
		list[i] = row.domain()
	}
	return list, wrap(err, "domains")
}

// Domain is the mail domain of that name.
func (r Reader) Domain(ctx context.Context, name string) (desk.Domain, error) {
	row, found, err := perhapsOne[domainRow](ctx, r.q, `
		select id, name, state, checked_at, created_at
		from domain
		where name = $1`, name)
	if err == nil && !found {
		return desk.Domain{}, errNoDomain(name)
	}
	return row.domain(), wrap(err, "domain")
}

// LockDomain is the mail domain of that name, which nobody else can change until the transaction ends.
func (tx *Tx) LockDomain(ctx context.Context, name string) (desk.Domain, error) {
	row, found, err := perhapsOne[domainRow](ctx, tx.tx, `
		select id, name, state, checked_at, created_at
		from domain
		where name = $1
		for update`, name)
	if err == nil && !found {
		return desk.Domain{}, errNoDomain(name)
	}
	return row.domain(), wrap(err, "lock domain")
}

// domainRow is a row of the table: its time of the last check can be missing.
type domainRow struct {
	ID        int64
	Name      string
	State     desk.DomainState
	CheckedAt *time.Time
	CreatedAt time.Time
}

func (row domainRow) domain() desk.Domain {
	domain := desk.Domain{ID: row.ID, Name: row.Name, State: row.State, CreatedAt: row.CreatedAt}
	if row.CheckedAt != nil {
		domain.CheckedAt = *row.CheckedAt
	}
	return domain
}

// DomainKeys lists the keys of a domain, oldest first, without those that were retired before now.
func (r Reader) DomainKeys(ctx context.Context, domain int64, now time.Time) ([]DomainKey, error) {
	keys, err := rowsOf[DomainKey](ctx, r.q, `
		select id, selector, algorithm, public_key, private, created_at, seen_at, retired_at
		from domain_key
		where domain_id = $1 and (retired_at is null or retired_at > $2)
		order by id
		limit 100`, domain, now)
	return keys, wrap(err, "domain keys")
}

// DomainRecords lists what was found in the DNS for a domain at the last look, in no order.
func (r Reader) DomainRecords(ctx context.Context, domain int64) ([]desk.Record, error) {
	rows, err := rowsOf[struct{ Record desk.Record }](ctx, r.q, `
		select record
		from domain_record
		where domain_id = $1
		limit 200`, domain)
	records := make([]desk.Record, len(rows))
	for i, row := range rows {
		records[i] = row.Record
	}
	return records, wrap(err, "domain records")
}

// AddDomain adds a mail domain. One that is here already is a desk.Conflict.
func (tx *Tx) AddDomain(ctx context.Context, name string, now time.Time) (desk.Domain, error) {
	domain := desk.Domain{Name: name, State: desk.DomainAdded, CreatedAt: now}
	err := tx.tx.QueryRow(ctx, `
		insert into domain (name, state, created_at)
		values ($1, $2, $3)
		returning id`, name, domain.State, now).Scan(&domain.ID)
	if violates(err, "domain_name_key") {
		return domain, desk.Faultf(desk.Conflict, "the domain %s is here already", name)
	}
	return domain, wrap(err, "add domain")
}

// AddDomainKeys keeps new keys of a domain.
func (tx *Tx) AddDomainKeys(ctx context.Context, domain int64, keys []DomainKey) error {
	for _, key := range keys {
		_, err := tx.tx.Exec(ctx, `
			insert into domain_key (domain_id, selector, algorithm, public_key, private, created_at)
			values ($1, $2, $3, $4, $5, $6)`, domain, key.Selector, key.Algorithm, key.PublicKey, key.Private, key.CreatedAt)
		if err != nil {
			return wrap(err, "add domain key")
		}
	}
	return nil
}

// SeeDomainKeys notes that the records of these keys were found in the DNS for the first time.
func (tx *Tx) SeeDomainKeys(ctx context.Context, keys []int64, now time.Time) error {
	_, err := tx.tx.Exec(ctx, `update domain_key set seen_at = $2 where id = any($1) and seen_at is null`, keys, now)
	return wrap(err, "mark domain keys as seen")
}

// RetireDomainKeys ends signing with these keys; their records shall stay in the DNS until then.
func (tx *Tx) RetireDomainKeys(ctx context.Context, keys []int64, until time.Time) error {
	_, err := tx.tx.Exec(ctx, `update domain_key set retired_at = $2 where id = any($1) and retired_at is null`, keys, until)
	return wrap(err, "retire domain keys")
}

// DropDomainKeys destroys the private keys of a domain that were retired before now.
func (tx *Tx) DropDomainKeys(ctx context.Context, domain int64, now time.Time) error {
	_, err := tx.tx.Exec(ctx, `delete from domain_key where domain_id = $1 and retired_at <= $2`, domain, now)
	return wrap(err, "drop domain keys")
}

// SetDomainRecords replaces what was found for a domain.
func (tx *Tx) SetDomainRecords(ctx context.Context, domain int64, records []desk.Record) error {
	if _, err := tx.tx.Exec(ctx, `delete from domain_record where domain_id = $1`, domain); err != nil {
		return wrap(err, "domain records")
	}
	for _, record := range records {
		_, err := tx.tx.Exec(ctx, `
			insert into domain_record (domain_id, purpose, name, record)
			values ($1, $2, $3, $4)`, domain, record.Purpose, record.Name, record)
		if err != nil {
			return wrap(err, "domain record "+record.Purpose)
		}
	}
	return nil
}

// SetDomainState notes how far a domain has come, and when it was looked at.
func (tx *Tx) SetDomainState(ctx context.Context, domain int64, state desk.DomainState, checked time.Time) error {
	_, err := tx.tx.Exec(ctx, `update domain set state = $2, checked_at = $3 where id = $1`, domain, state, checked)
	return wrap(err, "domain state")
}

// RemoveDomain forgets a domain, its keys and what was found for it.
func (tx *Tx) RemoveDomain(ctx context.Context, name string) error {
	done, err := tx.tx.Exec(ctx, `delete from domain where name = $1`, name)
	if err == nil && done.RowsAffected() == 0 {
		return errNoDomain(name)
	}
	return wrap(err, "remove domain")
}

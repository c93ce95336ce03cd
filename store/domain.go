package store

import (
	"context"
	"time"

	"postern/desk"
)

// errNoDomain is what everybody gets who asks for a domain that is not here.
func errNoDomain(name string) error {
	return desk.Faultf(desk.NotFound, "there is no domain %s here: add it first", name)
}

// Domains lists every mail domain by name, also those that were removed lately. The list is an admin's work: thousands at most.
func (r Reader) Domains(ctx context.Context) ([]desk.Domain, error) {
	domains, err := rowsOf[domainRow](ctx, r.q, `
		select id, name, state, publication, on_broken, rotate_days, sts, challenge, proven_at, checked_at, broken_since, broken_why, tested_at, test_problem, created_at, removed_at
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
		select id, name, state, publication, on_broken, rotate_days, sts, challenge, proven_at, checked_at, broken_since, broken_why, tested_at, test_problem, created_at, removed_at
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
		select id, name, state, publication, on_broken, rotate_days, sts, challenge, proven_at, checked_at, broken_since, broken_why, tested_at, test_problem, created_at, removed_at
		from domain
		where name = $1
		for update`, name)
	if err == nil && !found {
		return desk.Domain{}, errNoDomain(name)
	}
	return row.domain(), wrap(err, "lock domain")
}

// domainRow is a row of the table: most of its times can be missing.
type domainRow struct {
	ID          int64
	Name        string
	State       desk.DomainState
	Publication desk.Publication
	OnBroken    desk.OnBroken
	RotateDays  int
	STS         desk.STSMode
	Challenge   string
	ProvenAt    *time.Time
	CheckedAt   *time.Time
	BrokenSince *time.Time
	BrokenWhy   string
	TestedAt    *time.Time
	TestProblem string
	CreatedAt   time.Time
	RemovedAt   *time.Time
}

func (row domainRow) domain() desk.Domain {
	return desk.Domain{
		ID: row.ID, Name: row.Name, State: row.State, Publication: row.Publication, OnBroken: row.OnBroken, RotateDays: row.RotateDays, STS: row.STS,
		Challenge: row.Challenge, ProvenAt: timeOrZero(row.ProvenAt), CheckedAt: timeOrZero(row.CheckedAt),
		BrokenSince: timeOrZero(row.BrokenSince), BrokenWhy: row.BrokenWhy, TestedAt: timeOrZero(row.TestedAt), TestProblem: row.TestProblem,
		CreatedAt: row.CreatedAt, RemovedAt: timeOrZero(row.RemovedAt),
	}
}

func timeOrZero(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
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
func (tx *Tx) AddDomain(ctx context.Context, d desk.Domain) (int64, error) {
	var id int64
	err := tx.tx.QueryRow(ctx, `
		insert into domain (name, state, publication, on_broken, rotate_days, sts, challenge, created_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8)
		returning id`, d.Name, d.State, d.Publication, d.OnBroken, d.RotateDays, d.STS, d.Challenge, d.CreatedAt).Scan(&id)
	if violates(err, "domain_name_key") {
		return 0, desk.Faultf(desk.Conflict, "the domain %s is here already", d.Name)
	}
	return id, wrap(err, "add domain")
}

// SetDomain writes how a domain is set and how far it has come.
func (tx *Tx) SetDomain(ctx context.Context, d desk.Domain) error {
	_, err := tx.tx.Exec(ctx, `
		update domain
		set state = $2, publication = $3, on_broken = $4, rotate_days = $5, sts = $6, challenge = $7, proven_at = $8, checked_at = $9,
		    broken_since = $10, broken_why = $11, tested_at = $12, test_problem = $13, removed_at = $14
		where id = $1`, d.ID, d.State, d.Publication, d.OnBroken, d.RotateDays, d.STS, d.Challenge, timeOrNull(d.ProvenAt), timeOrNull(d.CheckedAt),
		timeOrNull(d.BrokenSince), d.BrokenWhy, timeOrNull(d.TestedAt), d.TestProblem, timeOrNull(d.RemovedAt))
	return wrap(err, "set domain "+d.Name)
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

// ForgetDomain forgets a domain, its keys and what was found for it. Its labels stay.
func (tx *Tx) ForgetDomain(ctx context.Context, name string) error {
	_, err := tx.tx.Exec(ctx, `delete from domain where name = $1`, name)
	return wrap(err, "forget domain")
}

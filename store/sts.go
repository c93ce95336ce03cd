package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// STSPolicy is what is kept of the MTA-STS policy of a domain that mail goes to (RFC 8461 §3.3), and of the last time that it could not be fetched.
type STSPolicy struct {
	Domain    string     `db:"domain"`
	RecordID  string     `db:"record_id"`
	Mode      string     `db:"mode"`
	MX        []string   `db:"mx"`
	MaxAge    int64      `db:"max_age"` // seconds
	FetchedAt time.Time  `db:"fetched_at"`
	ExpiresAt time.Time  `db:"expires_at"`
	UsedAt    time.Time  `db:"used_at"`
	TriedID   string     `db:"tried_id"`
	TriedAt   *time.Time `db:"tried_at"` // nil: the last fetch was good
	Result    string     `db:"result"`
	Problem   string     `db:"problem"`
}

// STSPolicy returns what is kept of a domain, and whether anything is.
func (r Reader) STSPolicy(ctx context.Context, domain string) (STSPolicy, bool, error) {
	rows, err := r.q.Query(ctx, `
		select domain, record_id, mode, mx, max_age, fetched_at, expires_at, used_at, tried_id, tried_at, result, problem
		from sts_policy
		where domain = $1`, domain)
	if err != nil {
		return STSPolicy{}, false, wrap(err, "MTA-STS policy of "+domain)
	}
	found, err := pgx.CollectOneRow(rows, pgx.RowToStructByName[STSPolicy])
	if none(err) {
		return STSPolicy{}, false, nil
	}
	return found, err == nil, wrap(err, "MTA-STS policy of "+domain)
}

// AgingSTSPolicies returns policies that were fetched before one time and used since another, the oldest first.
func (r Reader) AgingSTSPolicies(ctx context.Context, fetchedBefore, usedSince time.Time, limit int) ([]STSPolicy, error) {
	rows, err := r.q.Query(ctx, `
		select domain, record_id, mode, mx, max_age, fetched_at, expires_at, used_at, tried_id, tried_at, result, problem
		from sts_policy
		where fetched_at < $1
		  and used_at >= $2
		  and (tried_at is null or tried_at < $1)
		  and mode <> 'none'
		order by fetched_at
		limit $3`, fetchedBefore, usedSince, limit)
	if err != nil {
		return nil, wrap(err, "aging MTA-STS policies")
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[STSPolicy])
	return list, wrap(err, "aging MTA-STS policies")
}

// KeepSTSPolicy keeps a policy that was fetched, in the place of what was kept of its domain. One that was fetched earlier, by a process that was slow to say so, does not replace one that was fetched later.
func (tx *Tx) KeepSTSPolicy(ctx context.Context, p STSPolicy) error {
	_, err := tx.tx.Exec(ctx, `
		insert into sts_policy (domain, record_id, mode, mx, max_age, fetched_at, expires_at, used_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8)
		on conflict (domain) do update
		set record_id = excluded.record_id, mode = excluded.mode, mx = excluded.mx, max_age = excluded.max_age, fetched_at = excluded.fetched_at,
		    expires_at = excluded.expires_at, used_at = greatest(sts_policy.used_at, excluded.used_at), tried_id = '', tried_at = null, result = '', problem = ''
		where sts_policy.fetched_at <= excluded.fetched_at`,
		p.Domain, p.RecordID, p.Mode, p.MX, p.MaxAge, p.FetchedAt, p.ExpiresAt, p.UsedAt)
	return wrap(err, "keep MTA-STS policy of "+p.Domain)
}

// NoteSTSFailure notes that the policy of a domain could not be fetched; what was kept of it stays. A domain of which nothing is kept gets a policy that asks nothing and has expired.
func (tx *Tx) NoteSTSFailure(ctx context.Context, p STSPolicy) error {
	_, err := tx.tx.Exec(ctx, `
		insert into sts_policy (domain, record_id, mode, mx, max_age, fetched_at, expires_at, used_at, tried_id, tried_at, result, problem)
		values ($1, '', 'none', '{}', 0, $3, $3, $3, $2, $3, $4, $5)
		on conflict (domain) do update
		set tried_id = excluded.tried_id, tried_at = excluded.tried_at, result = excluded.result, problem = excluded.problem`,
		p.Domain, p.TriedID, p.TriedAt, p.Result, p.Problem)
	return wrap(err, "note the failure of the MTA-STS policy of "+p.Domain)
}

// UseSTSPolicy notes that mail goes by a policy.
func (tx *Tx) UseSTSPolicy(ctx context.Context, domain string, at time.Time) error {
	_, err := tx.tx.Exec(ctx, `
		update sts_policy
		set used_at = greatest(used_at, $2)
		where domain = $1`, domain, at)
	return wrap(err, "use of the MTA-STS policy of "+domain)
}

// DropSTSPolicies forgets what expired and was last used before a time.
func (tx *Tx) DropSTSPolicies(ctx context.Context, before time.Time) error {
	_, err := tx.tx.Exec(ctx, `
		delete from sts_policy
		where expires_at < $1
		  and used_at < $1
		  and (tried_at is null or tried_at < $1)`, before)
	return wrap(err, "drop old MTA-STS policies")
}

package store

import (
	"context"
	"time"

	"postern/desk"
)

// Usage is how large the database is, and what its largest tables hold, as far as the server has estimated.
func (r Reader) Usage(ctx context.Context) (size int64, tables []desk.TableSize, err error) {
	if err = r.q.QueryRow(ctx, `select pg_database_size(current_database())`).Scan(&size); err != nil {
		return 0, nil, wrap(err, "size of the database")
	}
	tables, err = rowsOf[desk.TableSize](ctx, r.q, `
		select c.relname as name, greatest(c.reltuples, 0)::bigint as rows, pg_total_relation_size(c.oid) as bytes
		from pg_class c
		where c.relnamespace = current_schema()::regnamespace and c.relkind = 'r'
		order by pg_total_relation_size(c.oid) desc
		limit 8`)
	return size, tables, wrap(err, "sizes of tables")
}

// Queue says how many jobs of each kind wait, work and fail, and what was last done: from the queue's own table, which forgets what was done an hour ago. Each kind is counted to 10,000.
func (r Reader) Queue(ctx context.Context) ([]desk.JobState, error) {
	jobs, err := rowsOf[desk.JobState](ctx, r.q, `
		select kind, count(*) filter (where state in ('available', 'pending') or state = 'scheduled' and scheduled_at <= now()) as waiting,
		       count(*) filter (where state = 'scheduled' and scheduled_at > now()) as later,
		       count(*) filter (where state = 'running') as working,
		       count(*) filter (where state in ('retryable', 'discarded')) as failing,
		       min(scheduled_at) filter (where state = 'available') as oldest,
		       max(finalized_at) filter (where state = 'completed') as done_at,
		       max(extract(epoch from finalized_at - attempted_at)) filter (where state = 'completed') as slowest
		from (select kind, state, scheduled_at, attempted_at, finalized_at from river_job order by id desc limit 20000) as jobs
		group by kind
		order by kind
		limit 100`)
	return jobs, wrap(err, "jobs")
}

// Living are the processes that deliver, by when they were heard of last.
func (r Reader) Living(ctx context.Context) ([]desk.Process, error) {
	list, err := rowsOf[desk.Process](ctx, r.q, `
		select id, host, started_at, beat_at
		from worker
		order by beat_at desc, id
		limit 100`)
	return list, wrap(err, "processes")
}

// Unreacted is how much has happened that nobody has reacted to yet, and since when the oldest of it waits.
func (r Reader) Unreacted(ctx context.Context) (n int64, oldest *time.Time, err error) {
	err = r.q.QueryRow(ctx, `select count(*), min(at) from (select at from happening order by due_at limit 10000) as waiting`).Scan(&n, &oldest)
	return n, oldest, wrap(err, "happenings")
}

// STSPolicies is one page of the MTA-STS policies that are kept, by domain.
func (r Reader) STSPolicies(ctx context.Context, after string, limit int) (desk.Page[desk.KeptPolicy], error) {
	limit = bounded(limit, largestPage)
	from, err := parsePlace(after)
	if err != nil {
		return desk.Page[desk.KeptPolicy]{}, err
	}
	name := ""
	if from != nil {
		name = from.Name
	}
	rows, err := rowsOf[desk.KeptPolicy](ctx, r.q, `
		select domain, mode, mx, fetched_at, expires_at, used_at, problem
		from sts_policy
		where domain > $1
		order by domain
		limit $2`, name, limit+1)
	return pageOf(rows, limit, func(p desk.KeptPolicy) place { return place{Name: p.Domain} }), wrap(err, "policies")
}

package store

import (
	"context"
	"time"

	"postern/desk"
)

// Reports is one page of the reports about a domain, the newest first.
func (r Reader) Reports(ctx context.Context, domain, cursor string, limit int) (desk.Page[desk.Report], error) {
	var none desk.Page[desk.Report]
	limit = bounded(limit, largestPage)
	from, err := parsePlace(cursor)
	if err != nil {
		return none, err
	}
	var c conditions
	c.and("r.domain = " + c.arg(domain))
	if from != nil {
		c.and("(r.begins_at, r.id) < (" + c.arg(from.At) + "::timestamptz, " + c.arg(from.ID) + "::bigint)")
	}
	list, err := rowsOf[desk.Report](ctx, r.q, `
		select r.id, r.kind, r.domain, r.org, r.contact, r.report_id, r.begins_at, r.ends_at, r.verified, r.from_address, r.received_at,
		       coalesce((select sum(s.count) from report_source s where s.report = r.id), 0)
		       + coalesce((select sum(s.successes + s.failures) from report_session s where s.report = r.id), 0) as total,
		       coalesce((select sum(s.count) from report_source s where s.report = r.id and (s.dkim or s.spf)), 0)
		       + coalesce((select sum(s.successes) from report_session s where s.report = r.id), 0) as passed
		from report r
		where `+c.where()+`
		order by r.begins_at desc, r.id desc
		limit `+c.arg(limit+1), c.args...)
	if err != nil {
		return none, wrap(err, "reports")
	}
	return pageOf(list, limit, func(one desk.Report) place { return place{At: one.BeginsAt, ID: one.ID} }), nil
}

// ReportDays sums up the DMARC or TLS reports about a domain by day, the oldest first. Only those count whose sender is proved: anybody can write a report.
func (r Reader) ReportDays(ctx context.Context, domain, kind string, since time.Time) ([]desk.ReportDay, error) {
	const sql = `
		select date_trunc('day', r.begins_at at time zone 'UTC') as day,
		       coalesce(sum(s.count), 0)::bigint as total,
		       coalesce(sum(s.count) filter (where s.passed), 0)::bigint as passed
		from report r
		join (select report, count, dkim or spf as passed from report_source
		      union all select report, successes, true from report_session
		      union all select report, failures, false from report_session) as s on s.report = r.id
		where r.domain = $1 and r.kind = $2 and r.verified and r.begins_at >= $3
		group by 1
		order by 1
		limit 400`
	days, err := rowsOf[desk.ReportDay](ctx, r.q, sql, domain, kind, since)
	return days, wrap(err, "report days")
}

// ReportSources lists who sends as a domain, the busiest first, by the reports whose sender is proved.
func (r Reader) ReportSources(ctx context.Context, domain string, since time.Time) ([]desk.ReportSource, error) {
	const sql = `
		select host(s.source_ip) as source_ip, sum(s.count)::bigint as total,
		       coalesce(sum(s.count) filter (where s.dkim), 0)::bigint as dkim,
		       coalesce(sum(s.count) filter (where s.spf), 0)::bigint as spf,
		       coalesce(sum(s.count) filter (where s.dkim or s.spf), 0)::bigint as passed,
		       coalesce(sum(s.count) filter (where s.disposition in ('quarantine', 'reject')), 0)::bigint as stopped,
		       count(distinct r.org) as reporters, max(r.ends_at) as last_at
		from report r
		join report_source s on s.report = r.id
		where r.domain = $1 and r.kind = 'dmarc' and r.verified and r.begins_at >= $2
		group by s.source_ip
		order by total desc, source_ip
		limit 200`
	sources, err := rowsOf[desk.ReportSource](ctx, r.q, sql, domain, since)
	return sources, wrap(err, "report sources")
}

// SweepReports removes reports that ended before the given time, 1,000 at most.
func (tx *Tx) SweepReports(ctx context.Context, before time.Time) error {
	_, err := tx.tx.Exec(ctx, `delete from report where id in (select id from report where ends_at < $1 order by ends_at limit 1000)`, before)
	return wrap(err, "sweep reports")
}

package store

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"postern/desk"
)

// TLSSessions is a number of connections of one day that came to the same.
type TLSSessions struct {
	Day         time.Time      `db:"day"` // UTC
	Domain      string         `db:"domain"`
	Policy      desk.TLSPolicy `db:"policy"` // type, domain, lines and hosts; nothing counted
	MX          string         `db:"mx"`
	SendingIP   string         `db:"sending_ip"`
	ReceivingIP string         `db:"receiving_ip"`
	Result      string         `db:"result"` // RFC 8460 §4.3; empty: success
	Reason      string         `db:"reason"`
	Sessions    int64          `db:"sessions"`
}

// mostTLSRows bounds what is read for one report: a domain whose servers say something else each time must not fill memory.
const mostTLSRows = 2000

// AddTLSSessions adds to what was counted, all in one statement. Rows that are told twice are counted twice.
func (tx *Tx) AddTLSSessions(ctx context.Context, rows []TLSSessions) error {
	keys, policies := make([][]byte, len(rows)), make([]string, len(rows))
	for i, row := range rows {
		policy, err := json.Marshal(row.Policy)
		if err != nil {
			return wrap(err, "policy of a TLS session")
		}
		sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%s\x00%s\x00%s\x00%s", policy, row.MX, row.SendingIP, row.ReceivingIP, row.Result, row.Reason))
		policies[i], keys[i] = string(policy), sum[:16]
	}
	const sql = `
		insert into tls_session as t (day, domain, key, policy, mx, sending_ip, receiving_ip, result, reason, sessions)
		select *
		from unnest($1::date[], $2::text[], $3::bytea[], $4::json[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::bigint[])
		order by 1, 2, 3
		on conflict (day, domain, key) do update set sessions = t.sessions + excluded.sessions`
	_, err := tx.tx.Exec(ctx, sql,
		column(rows, func(r *TLSSessions) time.Time { return r.Day.UTC().Truncate(24 * time.Hour) }),
		column(rows, func(r *TLSSessions) string { return r.Domain }), keys, policies,
		column(rows, func(r *TLSSessions) string { return r.MX }),
		column(rows, func(r *TLSSessions) string { return r.SendingIP }),
		column(rows, func(r *TLSSessions) string { return r.ReceivingIP }),
		column(rows, func(r *TLSSessions) string { return r.Result }),
		column(rows, func(r *TLSSessions) string { return r.Reason }),
		column(rows, func(r *TLSSessions) int64 { return r.Sessions }))
	return wrap(err, "count TLS sessions")
}

// TLSSessions is what was counted of a day for one domain, the most frequent first; 2,000 rows at most.
func (r Reader) TLSSessions(ctx context.Context, day time.Time, domain string) ([]TLSSessions, error) {
	const sql = `
		select day, domain, policy, mx, sending_ip, receiving_ip, result, reason, sessions
		from tls_session
		where day = $1 and domain = $2
		order by sessions desc, key
		limit $3`
	rows, err := rowsOf[TLSSessions](ctx, r.q, sql, day, domain, mostTLSRows)
	return rows, wrap(err, "TLS sessions")
}

// TLSReport is one that is to be sent.
type TLSReport struct {
	Day      time.Time `db:"day"`
	Domain   string    `db:"domain"`
	Attempts int       `db:"attempts"` // with this one
}

// TakeTLSReports takes reports in hand that are due: about days before the given one, not done, and not tried since the given time. Nobody else gets them until then passes again.
func (tx *Tx) TakeTLSReports(ctx context.Context, today, triedBefore, now time.Time, limit int) ([]TLSReport, error) {
	const sql = `
		insert into tls_report as t (day, domain, attempts, taken_at)
		select s.day, s.domain, 1, $3
		from (select distinct day, domain from tls_session where day < $1) s
		left join tls_report r on r.day = s.day and r.domain = s.domain
		where r.day is null or r.done_at is null and r.taken_at < $2
		order by s.day, s.domain
		limit $4
		on conflict (day, domain) do update set attempts = t.attempts + 1, taken_at = excluded.taken_at
		where t.done_at is null and t.taken_at < $2
		returning day, domain, attempts`
	reports, err := rowsOf[TLSReport](ctx, tx.tx, sql, today, triedBefore, now, limit)
	return reports, wrap(err, "take TLS reports")
}

// EndTLSReport says what became of a report that was taken in hand.
func (tx *Tx) EndTLSReport(ctx context.Context, report TLSReport, now time.Time, outcome string) error {
	const sql = `
		update tls_report
		set done_at = $3, outcome = $4
		where day = $1 and domain = $2`
	_, err := tx.tx.Exec(ctx, sql, report.Day, report.Domain, now, outcome)
	return wrap(err, "end a TLS report")
}

// SweepTLSSessions forgets what was counted before a day, and the reports about it.
func (tx *Tx) SweepTLSSessions(ctx context.Context, before time.Time) error {
	if _, err := tx.tx.Exec(ctx, `delete from tls_session where day < $1`, before); err != nil {
		return wrap(err, "sweep TLS sessions")
	}
	_, err := tx.tx.Exec(ctx, `delete from tls_report where day < $1`, before)
	return wrap(err, "sweep TLS reports")
}

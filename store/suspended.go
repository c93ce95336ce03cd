package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"postern/desk"
)

const selectSuspended = `
		select s.id, s.cause, s.evidence, s.from_address, s.subject, s.preview, s.envelope, s.verdict, s.opinion, s.mailboxes, s.received_at, coalesce(o.size, 0) as size
		from suspended s
		left join original o on o.suspended = s.id`

// Suspended is one page of the mails held back, the newest first.
func (r Reader) Suspended(ctx context.Context, query desk.SuspendedQuery) (desk.Page[desk.SuspendedMail], error) {
	var none desk.Page[desk.SuspendedMail]
	limit := bounded(query.Limit, largestPage)
	from, err := parsePlace(query.Cursor)
	if err != nil {
		return none, err
	}
	var c conditions
	if query.Cause != "" {
		c.and("s.cause = " + c.arg(query.Cause))
	}
	if query.Text != "" {
		text := c.arg("%" + likeEscaped(query.Text) + "%")
		c.and("(s.from_address ilike " + text + " or s.subject ilike " + text + ")")
	}
	if from != nil {
		c.and("(s.received_at, s.id) < (" + c.arg(from.At) + "::timestamptz, " + c.arg(from.ID) + "::bigint)")
	}
	mails, err := rowsOf[desk.SuspendedMail](ctx, r.q, selectSuspended+`
		where `+c.where()+`
		order by s.received_at desc, s.id desc
		limit `+c.arg(limit+1), c.args...)
	if err != nil {
		return none, fmt.Errorf("store: suspended: %w", err)
	}
	return pageOf(mails, limit, func(m desk.SuspendedMail) place { return place{At: m.ReceivedAt, ID: m.ID} }), nil
}

// likeEscaped takes their meaning from the characters that mean something in a LIKE pattern.
func likeEscaped(text string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(text)
}

// SuspendedCauses counts the mails held back by cause, none beyond 10,000 in all.
func (r Reader) SuspendedCauses(ctx context.Context) ([]desk.CauseCount, error) {
	counts, err := rowsOf[desk.CauseCount](ctx, r.q, `
		select cause, count(*) as count
		from (select cause from suspended limit 10000) as held
		group by cause
		order by cause`)
	return counts, wrap(err, "suspended causes")
}

// SuspendedSince counts the mails that were held back since a time, by cause: for the digest.
func (r Reader) SuspendedSince(ctx context.Context, since time.Time) ([]desk.CauseCount, error) {
	counts, err := rowsOf[desk.CauseCount](ctx, r.q, `
		select cause, count(*) as count
		from suspended
		where received_at >= $1
		group by cause
		order by count desc, cause`, since)
	return counts, wrap(err, "suspended since")
}

// LockSuspended keeps others from releasing or deleting an entry until the transaction ends.
func (tx *Tx) LockSuspended(ctx context.Context, id int64) error {
	var locked int64
	err := tx.tx.QueryRow(ctx, `select id from suspended where id = $1 for update`, id).Scan(&locked)
	if err != nil {
		return missing(err, "suspended mail %d", id)
	}
	return nil
}

// SuspendedMail is one mail held back.
func (r Reader) SuspendedMail(ctx context.Context, id int64) (desk.SuspendedMail, error) {
	mail, err := rowOf[desk.SuspendedMail](ctx, r.q, selectSuspended+"\n\t\twhere s.id = $1", id)
	if err != nil {
		return mail, missing(err, "suspended mail %d", id)
	}
	return mail, nil
}

// SuspendedDigest is the digest of a mail held back, by which it is known again.
func (r Reader) SuspendedDigest(ctx context.Context, id int64) (digest []byte, err error) {
	err = r.q.QueryRow(ctx, `select digest from suspended where id = $1`, id).Scan(&digest)
	if err != nil {
		return nil, missing(err, "suspended mail %d", id)
	}
	return digest, nil
}

// DropSuspended removes an entry with its original, and returns what it was. A large original's object is left to the sweep of the bucket.
func (tx *Tx) DropSuspended(ctx context.Context, id int64) (desk.SuspendedMail, error) {
	mail, err := tx.SuspendedMail(ctx, id)
	if err != nil {
		return mail, err
	}
	const sql = `
		with gone as (delete from suspended where id = $1 returning id)
		delete from original where suspended in (select id from gone)`
	if _, err := tx.tx.Exec(ctx, sql, id); err != nil {
		return mail, fmt.Errorf("store: drop suspended mail %d: %w", id, err)
	}
	return mail, nil
}

// PurgeSuspended removes entries that came before the given time, 1,000 at most, and returns how many.
func (tx *Tx) PurgeSuspended(ctx context.Context, before time.Time) (int64, error) {
	const sql = `
		with old as (
		    select id from suspended where received_at < $1 order by received_at limit 1000
		), originals as (
		    delete from original where suspended in (select id from old)
		)
		delete from suspended where id in (select id from old)`
	tag, err := tx.tx.Exec(ctx, sql, before)
	if err != nil {
		return 0, fmt.Errorf("store: purge suspended: %w", err)
	}
	return tag.RowsAffected(), nil
}

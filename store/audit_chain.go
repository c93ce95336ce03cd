package store

import (
	"context"
	"time"

	"postern/desk"
)

// The keys of advisory locks: any constants that nothing else in this database locks.
const (
	chainLock = 0x61756401 // who links records
	watchLock = 0x61756402 // who looks for what should alarm people
	sinkLock  = 0x61756403 // with the sink's id: who sends to it
)

// Head is where the chain ends.
type Head struct {
	Seq  int64  `db:"seq"`
	Hash []byte `db:"hash"`
}

// Link is a record's place in the chain.
type Link struct {
	Seq, Audit int64
	Hash       []byte
}

// AloneToLink says whether this transaction alone may link records until it ends.
func (tx *Tx) AloneToLink(ctx context.Context) (alone bool, err error) {
	err = tx.tx.QueryRow(ctx, `select pg_try_advisory_xact_lock($1)`, chainLock).Scan(&alone)
	return alone, wrap(err, "lock the chain")
}

// Unlinked lists records that wait for their link, in the order in which they were made: limit at most.
func (r Reader) Unlinked(ctx context.Context, limit int) ([]desk.AuditEntry, error) {
	entries, err := rowsOf[desk.AuditEntry](ctx, r.q, `
		select `+auditColumns+`
		from audit_pending p
		join audit a on a.id = p.audit_id
		order by p.audit_id
		limit $1`, limit)
	return entries, wrap(err, "records to link")
}

// AnyUnlinked says whether a record waits for its link.
func (r Reader) AnyUnlinked(ctx context.Context) (any bool, err error) {
	err = r.q.QueryRow(ctx, `select exists (select from audit_pending)`).Scan(&any)
	return any, wrap(err, "records to link")
}

// ChainHead is where the chain ends; before the first link it is the zero value, or where the last purge ended.
func (r Reader) ChainHead(ctx context.Context) (Head, error) {
	head, err := rowOf[Head](ctx, r.q, `
		select seq, hash from (
		    (select seq, hash from audit_link order by seq desc limit 1)
		    union all
		    (select seq, hash from audit_tombstone order by seq desc limit 1)) ends
		order by seq desc
		limit 1`)
	if none(err) {
		return Head{}, nil
	}
	return head, wrap(err, "end of the chain")
}

// AddLinks writes links, and that their records wait no more.
func (tx *Tx) AddLinks(ctx context.Context, links []Link) error {
	ids := column(links, func(l *Link) int64 { return l.Audit })
	_, err := tx.tx.Exec(ctx, `
		with gone as (
		    delete from audit_pending where audit_id = any($2::bigint[]))
		insert into audit_link (seq, audit_id, hash)
		select seq, audit_id, hash
		from unnest($1::bigint[], $2::bigint[], $3::bytea[]) as new (seq, audit_id, hash)`,
		column(links, func(l *Link) int64 { return l.Seq }), ids, column(links, func(l *Link) []byte { return l.Hash }))
	return wrap(err, "link records")
}

// ChainedAfter lists records in the order of the chain, from the link after seq on. A link without its record is not among them.
func (r Reader) ChainedAfter(ctx context.Context, seq int64, limit int) ([]desk.Linked, error) {
	found, err := rowsOf[desk.Linked](ctx, r.q, `
		select `+auditColumns+`, l.seq, l.hash
		from audit_link l
		join audit a on a.id = l.audit_id
		where l.seq > $1
		order by l.seq
		limit $2`, seq, limit)
	return found, wrap(err, "records of the chain")
}

// LinksAfter lists links alone.
func (r Reader) LinksAfter(ctx context.Context, seq int64, limit int) ([]Link, error) {
	type row struct {
		Seq   int64  `db:"seq"`
		Audit int64  `db:"audit_id"`
		Hash  []byte `db:"hash"`
	}
	found, err := rowsOf[row](ctx, r.q, `
		select seq, audit_id, hash
		from audit_link
		where seq > $1
		order by seq
		limit $2`, seq, limit)
	links := make([]Link, len(found))
	for i, one := range found {
		links[i] = Link(one)
	}
	return links, wrap(err, "links")
}

// LinkBehind is the last link of a record of that id or a lower one; zero where there is none.
func (r Reader) LinkBehind(ctx context.Context, audit int64) (seq int64, err error) {
	err = r.q.QueryRow(ctx, `select coalesce(max(seq), 0) from audit_link where audit_id <= $1`, audit).Scan(&seq)
	return seq, wrap(err, "place in the chain")
}

// Strays lists records that stand in no chain and wait for none, and those that wait and are not there: both were made by hand. Ten at most.
func (r Reader) Strays(ctx context.Context) (ids []int64, err error) {
	rows, err := r.q.Query(ctx, `
		select id from (
		    select a.id from audit a
		    where not exists (select from audit_link l where l.audit_id = a.id) and not exists (select from audit_pending p where p.audit_id = a.id)
		    union all
		    select p.audit_id from audit_pending p
		    where not exists (select from audit a where a.id = p.audit_id)) strays
		order by id
		limit 10`)
	if err != nil {
		return nil, wrap(err, "stray records")
	}
	return collectIDs(rows, "stray records")
}

// AuditKeys lists the keys that sign checkpoints, the newest first.
func (r Reader) AuditKeys(ctx context.Context) ([]desk.AuditKey, error) {
	keys, err := rowsOf[desk.AuditKey](ctx, r.q, `
		select id, public, sealed, made_at
		from audit_key
		order by id desc`)
	return keys, wrap(err, "keys of the audit log")
}

// AddAuditKey keeps a key whose private half is sealed for its number, which seal is told.
func (tx *Tx) AddAuditKey(ctx context.Context, public []byte, seal func(id int64) []byte) (id int64, err error) {
	if err = tx.tx.QueryRow(ctx, `select nextval(pg_get_serial_sequence('audit_key', 'id'))`).Scan(&id); err != nil {
		return 0, wrap(err, "number a key of the audit log")
	}
	_, err = tx.tx.Exec(ctx, `
		insert into audit_key (id, public, sealed)
		overriding system value
		values ($1, $2, $3)`, id, public, seal(id))
	return id, wrap(err, "keep a key of the audit log")
}

// LastCheckpoint is the newest checkpoint; its Seq is 0 where there is none.
func (r Reader) LastCheckpoint(ctx context.Context) (desk.Checkpoint, error) {
	found, err := r.checkpoints(ctx, `order by seq desc limit 1`)
	if err != nil || len(found) == 0 {
		return desk.Checkpoint{}, err
	}
	return found[0], nil
}

// CheckpointsAfter lists checkpoints of links after seq, in order: 1000 at most.
func (r Reader) CheckpointsAfter(ctx context.Context, seq int64) ([]desk.Checkpoint, error) {
	return r.checkpoints(ctx, `where seq > $1 order by seq limit 1000`, seq)
}

func (r Reader) checkpoints(ctx context.Context, which string, args ...any) ([]desk.Checkpoint, error) {
	found, err := rowsOf[desk.Checkpoint](ctx, r.q, `
		select seq, hash, at, key_id, signature
		from audit_checkpoint
		`+which, args...)
	return found, wrap(err, "checkpoints")
}

// AddCheckpoint keeps a checkpoint.
func (tx *Tx) AddCheckpoint(ctx context.Context, c desk.Checkpoint) error {
	_, err := tx.tx.Exec(ctx, `
		insert into audit_checkpoint (seq, hash, at, key_id, signature)
		values ($1, $2, $3, $4, $5)`, c.Seq, c.Hash, c.At, c.KeyID, c.Signature)
	return wrap(err, "keep a checkpoint")
}

// Tombstones lists what was purged, in order.
func (r Reader) Tombstones(ctx context.Context) ([]desk.Tombstone, error) {
	found, err := rowsOf[desk.Tombstone](ctx, r.q, `
		select seq, hash, first_seq, from_at, until_at, digest, file, at, key_id, signature
		from audit_tombstone
		order by seq`)
	return found, wrap(err, "tombstones of the audit log")
}

// PurgeableUntil is the last link before which every record is older than the given time; 0 where there is none.
func (r Reader) PurgeableUntil(ctx context.Context, before time.Time) (seq int64, err error) {
	err = r.q.QueryRow(ctx, `
		select coalesce(
		    (select min(l.seq) - 1 from audit a join audit_link l on l.audit_id = a.id where a.at >= $1),
		    (select max(seq) from audit_link), 0)`, before).Scan(&seq)
	return seq, wrap(err, "what of the audit log can be purged")
}

// Purge takes records away up to a link, with their links and checkpoints, and leaves the tombstone. The database lets nothing go that is younger than a year.
func (tx *Tx) Purge(ctx context.Context, t desk.Tombstone) (records int64, err error) {
	if _, err := tx.tx.Exec(ctx, `select set_config('postern.audit_purge', 'on', true)`); err != nil {
		return 0, wrap(err, "purge the audit log")
	}
	tag, err := tx.tx.Exec(ctx, `
		delete from audit
		where id in (select audit_id from audit_link where seq <= $1)`, t.Seq)
	if err != nil {
		return 0, wrap(err, "purge the audit log")
	}
	for _, sql := range []string{`delete from audit_link where seq <= $1`, `delete from audit_checkpoint where seq <= $1`} {
		if _, err := tx.tx.Exec(ctx, sql, t.Seq); err != nil {
			return 0, wrap(err, "purge the audit log")
		}
	}
	if _, err := tx.tx.Exec(ctx, `select set_config('postern.audit_purge', 'off', true)`); err != nil {
		return 0, wrap(err, "purge the audit log")
	}
	_, err = tx.tx.Exec(ctx, `
		insert into audit_tombstone (seq, hash, first_seq, from_at, until_at, digest, file, at, key_id, signature)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`, t.Seq, t.Hash, t.FirstSeq, t.FromAt, t.UntilAt, t.Digest, t.File, t.At, t.KeyID, t.Signature)
	return tag.RowsAffected(), wrap(err, "leave a tombstone")
}

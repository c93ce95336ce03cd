package store

import (
	"context"
	"time"

	"postern/desk"
)

// FormEntry is what was written into a form and waits until its address is proved: the mail that it will be, sealed here or in the bucket.
type FormEntry struct {
	ID        int64     `db:"id"`
	Mailbox   int64     `db:"mailbox_id"`
	Address   string    `db:"address"`
	Size      int64     `db:"size"` // of the mail, in bytes
	DEK       []byte    `db:"dek"`
	Sealed    []byte    `db:"sealed"`
	ObjectKey *string   `db:"object_key"`
	CreatedAt time.Time `db:"created_at"`
	ExpiresAt time.Time `db:"expires_at"`
}

// NextFormEntry takes the id of an entry, since its key is sealed for it.
func (tx *Tx) NextFormEntry(ctx context.Context) (int64, error) {
	var id int64
	err := tx.tx.QueryRow(ctx, `select nextval(pg_get_serial_sequence('form_entry', 'id'))`).Scan(&id)
	return id, wrap(err, "next form entry")
}

// AddFormEntry keeps an entry.
func (tx *Tx) AddFormEntry(ctx context.Context, e FormEntry) error {
	_, err := tx.tx.Exec(ctx, `
		insert into form_entry (id, mailbox_id, address, size, dek, sealed, object_key, created_at, expires_at)
		overriding system value
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, e.ID, e.Mailbox, e.Address, e.Size, e.DEK, e.Sealed, e.ObjectKey, e.CreatedAt, e.ExpiresAt)
	return wrap(err, "add form entry")
}

// FormEntry is an entry that has not expired and is this address's.
func (r Reader) FormEntry(ctx context.Context, id int64, address string, now time.Time) (FormEntry, error) {
	entry, found, err := perhapsOne[FormEntry](ctx, r.q, `
		select id, mailbox_id, address, size, dek, sealed, object_key, created_at, expires_at
		from form_entry
		where id = $1 and address = $2 and expires_at > $3`, id, desk.Canonical(address), now)
	if err == nil && !found {
		return entry, desk.Faultf(desk.NotFound, "what was written into the form is not here any more")
	}
	return entry, wrap(err, "form entry")
}

// DropFormEntry removes an entry that has become a ticket. Its object is left to the sweep of the bucket.
func (tx *Tx) DropFormEntry(ctx context.Context, id int64) error {
	_, err := tx.tx.Exec(ctx, `delete from form_entry where id = $1`, id)
	return wrap(err, "drop form entry")
}

// FormCounts is how much was sent by forms.
type FormCounts struct {
	Address int `db:"address"`
	Place   int `db:"place"`
	All     int `db:"everybody"`
}

const lockForm = 0x666f // class of an advisory lock: any constant that nothing else in this database uses

// CountForm counts what was sent since then, each to a thousand at most, and this once more. Others from the same place wait until the transaction ends.
func (tx *Tx) CountForm(ctx context.Context, address, place string, now, since time.Time) (FormCounts, error) {
	if _, err := tx.tx.Exec(ctx, `select pg_advisory_xact_lock($1, hashtext($2))`, lockForm, place); err != nil {
		return FormCounts{}, wrap(err, "lock form's place")
	}
	const sql = `
		with sent as (insert into form_sent (place, address, at) values ($2, $1, $3))
		select (select count(*) from (select from form_sent where address = $1 and at > $4 limit 1000) as c) as address,
		       (select count(*) from (select from form_sent where place = $2 and at > $4 limit 1000) as c) as place,
		       (select count(*) from (select from form_sent where at > $4 limit 1000) as c) as everybody`
	counts, err := rowOf[FormCounts](ctx, tx.q, sql, address, place, now, since)
	return counts, wrap(err, "count forms")
}

// SweepFormEntries removes entries whose address nobody proved in time, and counts that no limit looks at any more.
func (tx *Tx) SweepFormEntries(ctx context.Context, now, counted time.Time) error {
	if _, err := tx.tx.Exec(ctx, `delete from form_sent where at <= $1`, counted); err != nil {
		return wrap(err, "sweep forms")
	}
	_, err := tx.tx.Exec(ctx, `delete from form_entry where expires_at <= $1`, now)
	return wrap(err, "sweep form entries")
}

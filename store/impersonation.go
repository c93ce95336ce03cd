package store

import (
	"context"
	"time"

	"postern/desk"
)

// Impersonation is one of our people who looks at customers' pages in a customer's place.
type Impersonation struct {
	ID      int64
	UserID  int64
	Session *int64 `db:"session_id"` // nil: it has ended
	Address string // of the customer
	Reason  string
	BegunAt time.Time
	EndsAt  time.Time
}

// CustomerStanding is what of an address decides whether somebody may look in its place.
type CustomerStanding struct {
	Known bool // as a customer: by a conversation, or an account
	Staff bool // the address, or another one of the same contact, is that of somebody who works here, or one of ours
	Off   bool // the account is disabled
	Name  string
	ID    int64 // of the account; 0: there is none
}

// CustomerStanding looks a canonical address up.
func (r Reader) CustomerStanding(ctx context.Context, address string) (CustomerStanding, error) {
	found, err := rowOf[CustomerStanding](ctx, r.q, `
		with person as (
		    select c.id, c.address, c.name from contact c
		    where c.address = $1 or c.id in (select a.contact_id from contact_address a where a.address = $1)
		    limit 100
		), spelling as (
		    select $1 as address
		    union select p.address from person p
		    union select a.address from contact_address a join person p on p.id = a.contact_id
		)
		select exists (select from person) or exists (select from "user" u where u.email = $1 and u.role = 'customer') as known,
		       exists (select from "user" u join spelling s on s.address = u.email where u.role <> 'customer')
		       or exists (
		           select from mailbox own
		           where own.address = $1
		              or split_part($1, '@', 2) = split_part(own.address, '@', 2) and starts_with($1, split_part(own.address, '@', 1) || '+')) as staff,
		       exists (select from "user" u where u.email = $1 and u.disabled_at is not null) as off,
		       coalesce((select u.name from "user" u where u.email = $1), (select p.name from person p where p.address = $1), '') as name,
		       coalesce((select u.id from "user" u where u.email = $1), 0) as id`, address)
	return found, wrap(err, "customer")
}

// BeginImpersonation keeps one. The session must have none that is open.
func (tx *Tx) BeginImpersonation(ctx context.Context, i Impersonation) (id int64, err error) {
	err = tx.tx.QueryRow(ctx, `
		insert into impersonation (user_id, session_id, address, reason, begun_at, ends_at)
		values ($1, $2, $3, $4, $5, $6)
		returning id`, i.UserID, i.Session, i.Address, i.Reason, i.BegunAt, i.EndsAt).Scan(&id)
	return id, wrap(err, "begin impersonation")
}

// EndImpersonation ends the open one of a session. None is no error: found is false.
func (tx *Tx) EndImpersonation(ctx context.Context, session int64, now time.Time) (ended Impersonation, found bool, err error) {
	ended, found, err = perhapsOne[Impersonation](ctx, tx.tx, `
		update impersonation
		set ended_at = $2
		where session_id = $1 and ended_at is null
		returning id, user_id, session_id, address, reason, begun_at, ends_at`, session, now)
	return ended, found, wrap(err, "end impersonation")
}

// EndedImpersonation is one that has ended by itself, and whose it was.
type EndedImpersonation struct {
	desk.User
	Impersonation int64
	Address       string
	Out           bool // the session has ended before
}

// EndImpersonations ends those whose time is over, and those whose session is: a hundred at most. One that somebody else ends just now is theirs.
func (tx *Tx) EndImpersonations(ctx context.Context, now time.Time) ([]EndedImpersonation, error) {
	ended, err := rowsOf[EndedImpersonation](ctx, tx.tx, `
		with due as (
		    select id from impersonation
		    where ended_at is null and (ends_at <= $1 or session_id is null)
		    order by ends_at
		    limit 100
		    for update skip locked
		)
		update impersonation i
		set ended_at = $1
		from due, "user" u
		where i.id = due.id and u.id = i.user_id
		returning u.id, u.email, u.name, u.role, i.id as impersonation, i.address, i.session_id is null as out`, now)
	return ended, wrap(err, "end impersonations")
}

// SweepDelegations forgets what ended before the given time: the audit log knows of it.
func (tx *Tx) SweepDelegations(ctx context.Context, before time.Time) error {
	_, err := tx.tx.Exec(ctx, `delete from impersonation where ended_at <= $1`, before)
	return wrap(err, "sweep impersonations")
}

// Due says whether the time of a guest or of somebody who looks in a customer's place is over, and nobody has written it down. Guests are due whose time is over by the second moment. A question to be asked often.
func (r Reader) Due(ctx context.Context, now, guests time.Time) (bool, error) {
	var due bool
	err := r.q.QueryRow(ctx, `
		select exists (select from impersonation where ended_at is null and (ends_at <= $1 or session_id is null))
		    or exists (select from guest where ended_at is null and ends_at <= $2)`, now, guests).Scan(&due)
	return due, wrap(err, "what is due")
}

// ImpersonatedReader is a customer as a letter to them needs them: the mailbox is that of their newest conversation, or the oldest one.
type ImpersonatedReader struct {
	Ours       bool // the address is a mailbox of ours, or that of somebody who works here
	Suppressed bool // it gets no mail, since it bounces
	FromAddr   string
	FromName   string
	Language   string
	TimeZone   string
}

// ImpersonatedReader reads what such a letter needs.
func (r Reader) ImpersonatedReader(ctx context.Context, address string) (ImpersonatedReader, error) {
	reader, err := rowOf[ImpersonatedReader](ctx, r.q, `
		with box as (
		    select b.id, b.address, b.name
		    from mailbox b
		    where b.removed_at is null
		    order by b.id = (
		                 select t.mailbox_id from ticket t join contact c on c.id = t.requester_id
		                 where c.address = $1 or c.id in (select a.contact_id from contact_address a where a.address = $1)
		                 order by t.id desc
		                 limit 1) desc nulls last, b.id
		    limit 1
		)
		select exists (select from mailbox own
		               where own.address = $1
		                  or split_part($1, '@', 2) = split_part(own.address, '@', 2) and starts_with($1, split_part(own.address, '@', 1) || '+'))
		       or exists (select from "user" u where u.email = $1 and u.role <> 'customer') as ours,
		       exists (select from suppression s where s.address = $1) as suppressed,
		       coalesce((select address from box), '') as from_addr, coalesce((select name from box), '') as from_name,
		       coalesce(nullif((select u.language from "user" u where u.email = $1), ''), (select s.language from customer_setting s join box on box.id = s.mailbox_id), '') as language,
		       coalesce((select u.time_zone from "user" u where u.email = $1), '') as time_zone`, address)
	return reader, wrap(err, "reader of a letter")
}

package store

import (
	"context"
	"time"

	"postern/desk"
)

// Classes of advisory locks: any constants that nothing else in this database uses.
const (
	lockVisitor      = 0x7661
	lockVisitorPlace = 0x7670
)

// VisitorCode is a code and a link by which somebody proves an address.
type VisitorCode struct {
	ID          int64     `db:"id"`
	Address     string    `db:"address"` // canonical, as typed: known or not
	Place       string    `db:"place"`   // the network of who asked
	BrowserHash []byte    `db:"browser_hash"`
	TokenHash   []byte    `db:"token_hash"`
	Sealed      []byte    `db:"sealed"` // the code and the token
	Next        string    `db:"next"`   // the page that it leads to
	Mailbox     *int64    `db:"mailbox_id"`
	Form        *int64    `db:"form_id"`
	Language    string    `db:"language"`
	Tries       int       `db:"tries"` // wrong codes so far
	CreatedAt   time.Time `db:"created_at"`
	CodeUntil   time.Time `db:"code_until"`
	LinkUntil   time.Time `db:"link_until"`
}

const visitorCodeColumns = `id, address, place, browser_hash, token_hash, sealed, next, mailbox_id, form_id, language, tries, created_at, code_until, link_until`

// NextVisitorCode takes the id of a code, since it is sealed for it.
func (tx *Tx) NextVisitorCode(ctx context.Context) (int64, error) {
	var id int64
	err := tx.tx.QueryRow(ctx, `select nextval(pg_get_serial_sequence('visitor_code', 'id'))`).Scan(&id)
	return id, wrap(err, "next visitor's code")
}

// AddVisitorCode keeps a code.
func (tx *Tx) AddVisitorCode(ctx context.Context, c VisitorCode) error {
	_, err := tx.tx.Exec(ctx, `
		insert into visitor_code (`+visitorCodeColumns+`)
		overriding system value
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
		c.ID, c.Address, c.Place, c.BrowserHash, c.TokenHash, c.Sealed, c.Next, c.Mailbox, c.Form, c.Language, c.Tries, c.CreatedAt, c.CodeUntil, c.LinkUntil)
	return wrap(err, "add visitor's code")
}

// VisitorCodeCounts is how many codes were asked for.
type VisitorCodeCounts struct {
	Address int `db:"address"`
	Place   int `db:"place"`
	All     int `db:"everybody"`
}

// CountVisitorCodes counts the codes that were asked for since then, each to a thousand at most. Others who ask for the address or from the place wait until the transaction ends: a thousand at once would all find the count of before.
func (tx *Tx) CountVisitorCodes(ctx context.Context, address, place string, since time.Time) (VisitorCodeCounts, error) {
	if _, err := tx.tx.Exec(ctx, `select pg_advisory_xact_lock($1, hashtext($2))`, lockVisitor, address); err != nil {
		return VisitorCodeCounts{}, wrap(err, "lock visitor's address")
	}
	if _, err := tx.tx.Exec(ctx, `select pg_advisory_xact_lock($1, hashtext($2))`, lockVisitorPlace, place); err != nil {
		return VisitorCodeCounts{}, wrap(err, "lock visitor's place")
	}
	const sql = `
		select (select count(*) from (select from visitor_code where address = $1 and created_at > $3 limit 1000) as c) as address,
		       (select count(*) from (select from visitor_code where place = $2 and created_at > $3 limit 1000) as c) as place,
		       (select count(*) from (select from visitor_code where created_at > $3 limit 1000) as c) as everybody`
	counts, err := rowOf[VisitorCodeCounts](ctx, tx.q, sql, address, place, since)
	return counts, wrap(err, "count visitors' codes")
}

// VisitorCodesOf locks the codes that this browser asked for and that can still be used, the newest first.
func (tx *Tx) VisitorCodesOf(ctx context.Context, browser []byte, now time.Time, tries int) ([]VisitorCode, error) {
	codes, err := rowsOf[VisitorCode](ctx, tx.q, `
		select `+visitorCodeColumns+`
		from visitor_code
		where browser_hash = $1 and used_at is null and code_until > $2 and tries < $3
		order by id desc
		limit 10
		for update`, browser, now, tries)
	return codes, wrap(err, "visitor's codes")
}

// VisitorAsked is the newest code that this browser asked for and that can still be used. None is no error: found is false.
func (r Reader) VisitorAsked(ctx context.Context, browser []byte, now time.Time, tries int) (code VisitorCode, found bool, err error) {
	code, found, err = perhapsOne[VisitorCode](ctx, r.q, `
		select `+visitorCodeColumns+`
		from visitor_code
		where browser_hash = $1 and used_at is null and code_until > $2 and tries < $3
		order by id desc
		limit 1`, browser, now, tries)
	return code, found, wrap(err, "visitor's newest code")
}

// VisitorLink is the code of a link that can still be used. None is no error: found is false.
func (r Reader) VisitorLink(ctx context.Context, token []byte, now time.Time) (code VisitorCode, found bool, err error) {
	code, found, err = perhapsOne[VisitorCode](ctx, r.q, `
		select `+visitorCodeColumns+`
		from visitor_code
		where token_hash = $1 and used_at is null and link_until > $2`, token, now)
	return code, found, wrap(err, "visitor's link")
}

// MissVisitorCodes counts a wrong code on all that it might have been meant for.
func (tx *Tx) MissVisitorCodes(ctx context.Context, ids []int64) error {
	_, err := tx.tx.Exec(ctx, `update visitor_code set tries = tries + 1 where id = any($1)`, ids)
	return wrap(err, "count wrong code")
}

// UseVisitorCode spends a code with its link. Of two who try at the same moment, one wins.
func (tx *Tx) UseVisitorCode(ctx context.Context, id int64, now time.Time) (won bool, err error) {
	tag, err := tx.tx.Exec(ctx, `update visitor_code set used_at = $2 where id = $1 and used_at is null`, id, now)
	return tag.RowsAffected() == 1, wrap(err, "use visitor's code")
}

// VisitorWanted is a code that is to be mailed, with what speaks for and against it.
type VisitorWanted struct {
	VisitorCode
	Known      bool         `db:"known"`      // the address is on a ticket
	Ours       bool         `db:"ours"`       // it is a mailbox of ours, with or without a detail
	Suppressed bool         `db:"suppressed"` // it gets no mail, since it bounces
	Outcome    string       `db:"outcome"`    // not empty: it was mailed, or will not be
	FromAddr   string       `db:"from_addr"`  // the mailbox in whose name it leaves; empty: there is none
	FromName   string       `db:"from_name"`
	From       desk.Address `db:"-"`
}

// VisitorWanted reads a code that is to be mailed. One that was swept away is not found.
func (r Reader) VisitorWanted(ctx context.Context, id int64) (wanted VisitorWanted, found bool, err error) {
	const sql = `
		select v.id, v.address, v.place, v.browser_hash, v.token_hash, v.sealed, v.next, v.mailbox_id, v.form_id, v.language, v.tries, v.created_at, v.code_until, v.link_until,
		       v.outcome || case when v.used_at is not null then ' used' else '' end as outcome,
		       exists (
		           select from contact c
		           where (c.address = v.address or c.id in (select a.contact_id from contact_address a where a.address = v.address))
		             and (exists (select from ticket t where t.requester_id = c.id) or exists (select from participant p where p.contact_id = c.id and not p.pending))) as known,
		       exists (
		           select from mailbox own
		           where own.address = v.address
		              or split_part(v.address, '@', 2) = split_part(own.address, '@', 2) and starts_with(v.address, split_part(own.address, '@', 1) || '+')) as ours,
		       exists (select from suppression s where s.address = v.address) as suppressed,
		       coalesce(b.address, '') as from_addr, coalesce(b.name, '') as from_name
		from visitor_code v
		left join lateral (
		    select address, name
		    from mailbox
		    where removed_at is null
		    order by (id = v.mailbox_id) desc nulls last, id
		    limit 1) b on true
		where v.id = $1`
	wanted, found, err = perhapsOne[VisitorWanted](ctx, r.q, sql, id)
	wanted.From = desk.Address{Name: wanted.FromName, Addr: wanted.FromAddr}
	return wanted, found, wrap(err, "visitor's code to be mailed")
}

// KeepVisitorCode writes down what became of the mail.
func (tx *Tx) KeepVisitorCode(ctx context.Context, id int64, outcome string) error {
	_, err := tx.tx.Exec(ctx, `update visitor_code set outcome = $2 where id = $1`, id, outcome)
	return wrap(err, "keep visitor's code")
}

// visitorSessionsMost is how many browsers an address keeps; the oldest end.
const visitorSessionsMost = 10

// VisitorSession is a browser in which an address was proved.
type VisitorSession struct {
	Hash      []byte // of the token
	Address   string
	At        time.Time
	ExpiresAt time.Time
	IP        string
	UserAgent string
}

// AddVisitorSession keeps a session and ends the oldest of too many.
func (tx *Tx) AddVisitorSession(ctx context.Context, s VisitorSession) error {
	_, err := tx.tx.Exec(ctx, `
		insert into visitor_session (token_hash, address, created_at, last_seen_at, expires_at, ip, user_agent)
		values ($1, $2, $3, $3, $4, $5, $6)`, s.Hash, s.Address, s.At, s.ExpiresAt, s.IP, s.UserAgent)
	if err != nil {
		return wrap(err, "add visitor's session")
	}
	_, err = tx.tx.Exec(ctx, `
		delete from visitor_session
		where token_hash in (
		    select token_hash
		    from visitor_session
		    where address = $1
		    order by created_at desc, token_hash
		    offset $2)`, s.Address, visitorSessionsMost)
	return wrap(err, "end visitor's oldest session")
}

// LiveVisitor is whose session it is, and when it was last used.
type LiveVisitor struct {
	Address string    `db:"address"`
	Name    string    `db:"name"` // as the address's mails say; empty: unknown
	SeenAt  time.Time `db:"last_seen_at"`
}

// VisitorSession finds a session that has not expired and was used since idle. None is no error: found is false.
func (r Reader) VisitorSession(ctx context.Context, hash []byte, now, idle time.Time) (live LiveVisitor, found bool, err error) {
	live, found, err = perhapsOne[LiveVisitor](ctx, r.q, `
		select s.address, coalesce((select c.name from contact c where c.address = s.address), '') as name, s.last_seen_at
		from visitor_session s
		where s.token_hash = $1 and s.expires_at > $2 and s.last_seen_at > $3`, hash, now, idle)
	return live, found, wrap(err, "visitor's session")
}

// TouchVisitorSession notes that a session was used.
func (tx *Tx) TouchVisitorSession(ctx context.Context, hash []byte, now time.Time) error {
	_, err := tx.tx.Exec(ctx, `update visitor_session set last_seen_at = greatest(last_seen_at, $2) where token_hash = $1`, hash, now)
	return wrap(err, "touch visitor's session")
}

// RemoveVisitorSession ends a session and says whose it was; empty: there was none.
func (tx *Tx) RemoveVisitorSession(ctx context.Context, hash []byte) (address string, err error) {
	err = tx.tx.QueryRow(ctx, `delete from visitor_session where token_hash = $1 returning address`, hash).Scan(&address)
	if none(err) {
		return "", nil
	}
	return address, wrap(err, "end visitor's session")
}

// SweepVisitors removes sessions that have expired or were not used since idle, and codes from before the given time, which no limit counts any more.
func (tx *Tx) SweepVisitors(ctx context.Context, now, idle, before time.Time) error {
	if _, err := tx.tx.Exec(ctx, `delete from visitor_session where expires_at <= $1 or last_seen_at <= $2`, now, idle); err != nil {
		return wrap(err, "sweep visitors' sessions")
	}
	_, err := tx.tx.Exec(ctx, `delete from visitor_code where created_at <= $1 and link_until <= $2`, before, now)
	return wrap(err, "sweep visitors' codes")
}

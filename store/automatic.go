package store

import (
	"context"
	"time"

	"postern/desk"
)

// AutomaticReply is an answer that no person wrote.
type AutomaticReply struct {
	Message int64 // ours
	Mailbox int64
	Ticket  int64
	Address string // canonical
	At      time.Time
}

// AutomaticStanding is what speaks against an answer that no person wrote.
type AutomaticStanding struct {
	Sent       desk.AutomaticCounts
	Ours       bool // the address is a mailbox of ours, or of one of our people
	Paused     bool // its domain's circuit breaker is open
	Suppressed bool // it gets no mail, since it bounces
}

// AutomaticStanding locks the limits until the transaction ends, so that nobody else sends the last answer that they allow, and counts.
func (tx *Tx) AutomaticStanding(ctx context.Context, a AutomaticReply) (s AutomaticStanding, err error) {
	if _, err := tx.tx.Exec(ctx, `select pg_advisory_xact_lock($1)`, decideLock); err != nil {
		return s, wrap(err, "lock the limits of automatic answers")
	}
	sent, err := tx.CountAcknowledgements(ctx, Acknowledgement{Mailbox: a.Mailbox, Ticket: a.Ticket, Address: a.Address, Domain: desk.DomainOf(a.Address)}, a.At)
	if err != nil {
		return s, err
	}
	s.Sent = desk.AutomaticCounts(sent)
	const sql = `
		select exists (select from mailbox own where own.address = $1
		          or $2 = split_part(own.address, '@', 2) and starts_with($1, split_part(own.address, '@', 1) || '+'))
		       or exists (select from "user" u where u.email = $1 and u.role <> 'customer'),
		       exists (select from acknowledgement_pause p where p.domain = $2 and p.until > $3),
		       exists (select from suppression x where x.address = $1)`
	err = tx.q.QueryRow(ctx, sql, a.Address, desk.DomainOf(a.Address), a.At).Scan(&s.Ours, &s.Paused, &s.Suppressed)
	return s, wrap(err, "what speaks against an automatic answer")
}

// AddAutomaticReply counts an answer that no person wrote.
func (tx *Tx) AddAutomaticReply(ctx context.Context, a AutomaticReply) error {
	const sql = `
		insert into automatic_reply (message_id, mailbox_id, ticket_id, address, domain, at)
		values ($1, $2, $3, $4, $5, $6)`
	_, err := tx.tx.Exec(ctx, sql, a.Message, a.Mailbox, a.Ticket, a.Address, desk.DomainOf(a.Address), a.At)
	return wrap(err, "count an automatic answer")
}

// ToTell is one of our people who is to be told of something.
type ToTell struct {
	User     int64       `db:"id"`
	Wishes   desk.Wishes `db:"notify"`
	TimeZone string      `db:"time_zone"`
}

// ToTell is a person, or the members of a team; of those, who is not disabled.
func (r Reader) ToTell(ctx context.Context, person, team int64) ([]ToTell, error) {
	const sql = `
		select u.id, u.notify, u.time_zone
		from "user" u
		where u.disabled_at is null and u.role <> 'customer'
		  and (u.id = $1 or u.id in (select m.user_id from team_member m where m.team_id = $2))
		order by u.id
		limit $3`
	list, err := rowsOf[ToTell](ctx, r.q, sql, person, team, desk.MostMembers)
	return list, wrap(err, "people to tell")
}

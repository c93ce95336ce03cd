package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"postern/desk"
)

// Intake is written for speed: a whole group of mails is one transaction of two round trips (three when a mail answers something), and every statement
// takes arrays. Nothing here decides anything: the plan is made by a pure function between the look-up and the writing.

// Lookup is what a group of mails asks before its plan can be made.
type Lookup struct {
	Keys     [][16]byte // Message-IDs that the mails bear or name
	Messages []int64    // messages of ours that tokens and signed Message-IDs name
	Numbers  []int64    // ticket numbers in subjects
	Digests  [][]byte   // of mails that may be suspended, to know them again
	Returned []int64    // messages of ours that delivery reports are about
	Reports  []ReportKey
	Need     Numbers // how many fresh numbers the plan may use
}

// Numbers is how many rows of each kind need an id before they are written, since other rows of the same plan refer to them.
type Numbers struct{ Tickets, Messages, Originals, Suspended, Reports int }

// Found is the answer to a Lookup.
type Found struct {
	Keys       []KeyRow
	Messages   map[int64]int64 // message → ticket
	Sides      map[int64]Side  // message → the conversation beside its ticket's own in which it stands; the others are not here
	Tickets    []TicketState
	Suspended  map[string]int64   // digest → entry
	Recipients map[int64][]string // message of ours → to whom it was sent
	Reports    map[ReportKey]bool // those of the asked that are here already

	TicketIDs, MessageIDs, OriginalIDs, SuspendedIDs, ReportIDs []int64
}

// Side is a conversation with others beside the ticket's own: what was forwarded to them, and what they answered.
type Side struct {
	ID     int64    // of the forward that began it
	People []string // canonical: to whom we wrote in it; the first hundred
}

// KeyRow is one Message-ID that a message bears or names.
type KeyRow struct {
	Key       [16]byte `db:"key"`
	Message   int64    `db:"message"`
	TicketID  int64    `db:"ticket_id"`
	MailboxID int64    `db:"mailbox_id"`
	Named     bool     `db:"named"`
	Digest    []byte   `db:"digest"`
}

// TicketState is what threading has to know of a ticket. The row stays locked until the plan is written.
type TicketState struct {
	ID        int64       `db:"id"`
	Status    desk.Status `db:"status"`
	ClosedAt  *time.Time  `db:"closed_at"`
	MergedTo  *int64      `db:"merged_into"`
	MailboxID int64       `db:"mailbox_id"`
	Requester string      `db:"requester"`
	Mailboxes []int64     `db:"mailboxes"`
	People    []string    `db:"people"`
}

// FileMails looks up what a group of mails needs, has plan decide, and writes the result, in one transaction. When it returns nil everything is durable.
func (s *Store) FileMails(ctx context.Context, ask Lookup, plan func(Found) (*Filing, error)) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("store: intake: %w", err)
	}
	defer conn.Release()
	done := false
	defer func() {
		if !done {
			abandon(conn.Conn())
		}
	}()
	found, err := lookUp(ctx, conn.Conn(), ask)
	if err != nil {
		return err
	}
	filing, err := plan(found)
	if err != nil {
		return err
	}
	if err := filing.write(ctx, conn.Conn()); err != nil {
		return err
	}
	done = true
	return nil
}

// abandon ends a transaction that will not be written. The error of a connection that is gone needs no answer: its transaction is gone with it.
func abandon(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_, _ = conn.Exec(ctx, `rollback`)
}

const (
	// Planning these statements anew for every group costs more than some of them do, and what PostgreSQL learns of the arguments is only how long the arrays are. A plan that is
	// kept must not be one for the small tables of the first minute, which would read them whole until their statistics come: an index is there for each look-up.
	sqlPlans = `select set_config('plan_cache_mode', 'force_generic_plan', true), set_config('enable_seqscan', 'off', true)`

	// One lock per Message-ID keeps two processes from filing a mail and its answer, or the same mail twice, past each other. Sorted, so that no two wait for each other.
	sqlLocks = `
		select count(pg_advisory_xact_lock(h))
		from (select distinct ('x' || left(replace(k::text, '-', ''), 16))::bit(64)::bigint as h from unnest($1::uuid[]) as k order by h) as locks`

	sqlKeys = `
		select key, message, ticket_id, mailbox_id, named, digest
		from message_key
		where key = any($1)
		limit 5000`

	sqlMessages = `
		select m.id, m.ticket_id, coalesce(m.side, 0),
		       case when m.side is not null then array(select lower(d.recipient) from message s join delivery d on d.message_id = s.id where s.side = m.side limit 100) end
		from message m
		where m.id = any($1)`

	sqlSuspended = `
		select id, digest
		from suspended
		where digest = any($1)`

	sqlNumbers = `
		select array(select nextval('ticket_id_seq') from generate_series(1, $1::int)) as ticket_ids,
		       array(select nextval('message_id_seq') from generate_series(1, $2::int)) as message_ids,
		       array(select nextval('original_id_seq') from generate_series(1, $3::int)) as original_ids,
		       array(select nextval('suspended_id_seq') from generate_series(1, $4::int)) as suspended_ids,
		       array(select nextval('report_id_seq') from generate_series(1, $5::int)) as report_ids`

	sqlRecipients = `
		select message_id, recipient
		from delivery
		where message_id = any($1)
		limit 10000`

	sqlReports = `
		select kind, domain, org, report_id
		from report
		where (kind, domain, org, report_id) in (select * from unnest($1::text[], $2::text[], $3::text[], $4::text[]))`

	// Everybody in To or Cc of the last mails of a ticket is known there (T-STRANGER), as are the further addresses of its people. A mail that joined it without proof makes nobody known:
	// whoever wrote it may have put themselves there (T-09).
	sqlTickets = `
		with recursive asked as (
		    select unnest($1::bigint[]) as id
		    union
		    select t.merged_into from ticket t join asked on asked.id = t.id where t.merged_into is not null
		)
		select t.id, t.status, t.closed_at, t.merged_into, t.mailbox_id, r.address as requester,
		       array(select m.mailbox_id from ticket_mailbox m where m.ticket_id = t.id) as mailboxes,
		       array(
		           select c.address from participant p join contact c on c.id = p.contact_id
		           where p.ticket_id = t.id and not p.pending
		           union
		           select a.address from contact_address a
		           where a.contact_id = t.requester_id
		              or a.contact_id in (select p.contact_id from participant p where p.ticket_id = t.id and not p.pending)
		           union
		           select lower(person ->> 'address')
		           from (select m."to", m.cc from message m
		                 where m.ticket_id = t.id and m.side is null and (m.kind = 'reply' or m.kind = 'inbound' and (m.facts ->> 'trust' = 'verified' or m.facts -> 'why' ->> 'rule' in ('new', 'follow-up', 'forwarded', 'released')))
		                 order by m.at desc limit 30) as recent,
		                lateral (select json_array_elements(recent."to") union all select json_array_elements(recent.cc)) as people (person)
		           limit 1000
		       ) as people
		from ticket t
		join contact r on r.id = t.requester_id
		where t.id in (select id from asked)
		order by t.id
		for no key update of t`
)

// lookUp opens the transaction and answers the questions in one round trip, and in a second one if there are tickets to look at.
func lookUp(ctx context.Context, conn *pgx.Conn, ask Lookup) (Found, error) {
	found := Found{Messages: map[int64]int64{}, Sides: map[int64]Side{}, Suspended: map[string]int64{}, Recipients: map[int64][]string{}, Reports: map[ReportKey]bool{}}
	batch := &pgx.Batch{}
	batch.Queue(`begin`)
	batch.Queue(sqlPlans)
	if len(ask.Keys) > 0 {
		batch.Queue(sqlLocks, ask.Keys)
		batch.Queue(sqlKeys, ask.Keys).Query(into(&found.Keys))
	}
	if len(ask.Messages) > 0 {
		batch.Queue(sqlMessages, ask.Messages).Query(func(rows pgx.Rows) error {
			var message, ticket int64
			var side Side
			_, err := pgx.ForEachRow(rows, []any{&message, &ticket, &side.ID, &side.People}, func() error {
				found.Messages[message] = ticket
				if side.ID != 0 {
					found.Sides[message] = side
				}
				side.People = nil
				return nil
			})
			return err
		})
	}
	if len(ask.Digests) > 0 {
		batch.Queue(sqlSuspended, ask.Digests).Query(func(rows pgx.Rows) error {
			var id int64
			var digest []byte
			_, err := pgx.ForEachRow(rows, []any{&id, &digest}, func() error { found.Suspended[string(digest)] = id; return nil })
			return err
		})
	}
	if need := ask.Need; need != (Numbers{}) {
		batch.Queue(sqlNumbers, need.Tickets, need.Messages, need.Originals, need.Suspended, need.Reports).QueryRow(func(row pgx.Row) error {
			return row.Scan(&found.TicketIDs, &found.MessageIDs, &found.OriginalIDs, &found.SuspendedIDs, &found.ReportIDs)
		})
	}
	ask.reports(batch, &found)
	if err := conn.SendBatch(ctx, batch).Close(); err != nil {
		return found, fmt.Errorf("store: intake: look up: %w", err)
	}
	tickets := found.ticketsToAsk(ask.Numbers)
	if len(tickets) == 0 {
		return found, nil
	}
	rows, err := conn.Query(ctx, sqlTickets, tickets)
	if err == nil {
		found.Tickets, err = pgx.CollectRows(rows, pgx.RowToStructByName[TicketState])
	}
	if err != nil {
		return found, fmt.Errorf("store: intake: tickets: %w", err)
	}
	return found, nil
}

// reports asks about messages of ours that were returned, and whether reports about our domains are here already.
func (ask Lookup) reports(batch *pgx.Batch, found *Found) {
	if len(ask.Returned) > 0 {
		batch.Queue(sqlRecipients, ask.Returned).Query(func(rows pgx.Rows) error {
			var message int64
			var recipient string
			_, err := pgx.ForEachRow(rows, []any{&message, &recipient}, func() error {
				found.Recipients[message] = append(found.Recipients[message], recipient)
				return nil
			})
			return err
		})
	}
	if keys := ask.Reports; len(keys) > 0 {
		batch.Queue(sqlReports,
			column(keys, func(k *ReportKey) string { return k.Kind }),
			column(keys, func(k *ReportKey) string { return k.Domain }),
			column(keys, func(k *ReportKey) string { return k.Org }),
			column(keys, func(k *ReportKey) string { return k.ReportID })).Query(func(rows pgx.Rows) error {
			known, err := pgx.CollectRows(rows, pgx.RowToStructByName[ReportKey])
			for _, key := range known {
				found.Reports[key] = true
			}
			return err
		})
	}
}

func (f Found) ticketsToAsk(numbers []int64) []int64 {
	seen := map[int64]bool{}
	for _, number := range numbers {
		seen[number] = true
	}
	for _, row := range f.Keys {
		seen[row.TicketID] = true
	}
	for _, ticket := range f.Messages {
		seen[ticket] = true
	}
	ids := make([]int64, 0, len(seen))
	for id := range seen {
		ids = append(ids, id)
	}
	return ids
}

// MergeSearch sorts the words that filing has put in front of the search index into it. Without it the statement that finds the space in front full would have to.
func (s *Store) MergeSearch(ctx context.Context) error {
	if _, err := s.pool.Exec(ctx, `select gin_clean_pending_list('message_search')`); err != nil {
		return fmt.Errorf("store: merge search: %w", err)
	}
	return nil
}

// into collects rows by name into a slice.
func into[T any](target *[]T) func(pgx.Rows) error {
	return func(rows pgx.Rows) (err error) {
		*target, err = pgx.CollectRows(rows, pgx.RowToStructByName[T])
		return err
	}
}

// IsOne says whether an error of a statement about many may be one row's alone: PostgreSQL refused a value, or rows were locked by others in another order.
func IsOne(err error) bool {
	var pg interface{ SQLState() string }
	return IsData(err) || errors.As(err, &pg) && (pg.SQLState() == "40P01" || pg.SQLState() == "40001") // deadlock, serialization failure
}

// IsData says whether PostgreSQL refused a value (as opposed to being unreachable, busy or full): trying the same again will fail again.
func IsData(err error) bool {
	var pg interface{ SQLState() string }
	if !errors.As(err, &pg) {
		return false
	}
	switch state := pg.SQLState(); state[:2] {
	case "22", "23": // data exception, integrity constraint violation (PostgreSQL appendix A)
		return true
	case "54": // program limit exceeded: a row or an index entry too large
		return true
	default:
		return false
	}
}

// AddressBook is who and what lives here and how mail is judged: what intake keeps in memory, so that neither RCPT nor a mail waits for a query.
type AddressBook struct {
	Mailboxes []BookedMailbox
	Staff     []BookedPerson
	Domains   []string
	Rules     []desk.SenderRule
	Policy    desk.Policy
	Agents    desk.AgentsByMail
}

// BookedMailbox is a mailbox, and whether it still takes mail.
type BookedMailbox struct {
	ID          int64           `db:"id"`
	Address     string          `db:"address"`
	Name        string          `db:"name"`
	Removed     bool            `db:"removed"`
	DMARC       desk.DMARCLevel `db:"dmarc"`
	Acknowledge bool            `db:"acknowledge"`
}

// BookedPerson is an enabled owner, admin or agent.
type BookedPerson struct {
	ID    int64  `db:"id"`
	Email string `db:"email"`
	Name  string `db:"name"`
}

// AddressBook reads it, mailboxes oldest first. The lists are an admin's work, thousands at most.
func (r Reader) AddressBook(ctx context.Context) (book AddressBook, err error) {
	book.Policy, book.Agents = desk.DefaultPolicy(), desk.AgentsByMailOff
	book.Mailboxes, err = rowsOf[BookedMailbox](ctx, r.q, `select id, address, name, removed_at is not null as removed, dmarc, acknowledge from mailbox order by id limit 100000`)
	if err != nil {
		return book, wrap(err, "mailboxes")
	}
	book.Staff, err = rowsOf[BookedPerson](ctx, r.q, `select id, email, name from "user" where role <> 'customer' and disabled_at is null order by id limit 100000`)
	if err != nil {
		return book, wrap(err, "staff")
	}
	if err := r.q.QueryRow(ctx, `select array(select name from domain where state <> 'removed' order by id limit 100000)`).Scan(&book.Domains); err != nil {
		return book, wrap(err, "domains")
	}
	if book.Rules, err = r.AllRules(ctx); err != nil {
		return book, err
	}
	if err := r.Setting(ctx, AgentsByMailKey, &book.Agents); err != nil {
		return book, err
	}
	return book, r.Setting(ctx, PolicyKey, &book.Policy)
}

// The names under which how mail is judged is kept among the settings.
const (
	PolicyKey       = "mail-policy"    // a desk.Policy
	AgentsByMailKey = "agents-by-mail" // a desk.AgentsByMail
)

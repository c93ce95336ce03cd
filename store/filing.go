package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"postern/desk"
)

// Filing is what a group of mails writes: rows by table. Ids that other rows refer to were taken from Found.
type Filing struct {
	Contacts     []desk.Address // canonical; those who are known already stay as they are
	Tickets      []NewTicketRow
	Touches      []TicketTouch
	Messages     []NewMessageRow
	Keys         []KeyRow
	Originals    []OriginalRow
	Files        []FileRow
	Participants []ParticipantRow
	SeenIn       []SeenRow
	Suspended    []SuspendedRow
	Returns      []ReturnRow
	Reports      []ReportRow
	Acknowledge  []AcknowledgementRow
	Happenings   []HappeningRow
	Audit        []AuditRow
	News         News
}

// NewTicketRow is a ticket that a mail opens. Its requester is an address among Contacts, or a known one.
type NewTicketRow struct {
	ID            int64
	Subject       string
	MailboxID     int64
	Requester     string
	Preview       string
	WaitingSince  *time.Time
	HasAttachment bool
	Unverified    bool
	Suggested     *int64
	Follows       *int64
	At            time.Time
}

// TicketTouch is what a mail changes on a ticket that is there. The status is the one decided under the row's lock.
type TicketTouch struct {
	ID             int64
	Status         desk.Status
	Waiting        *time.Time // since when somebody waits, if nobody did before
	Preview        string     // empty: stays
	At             time.Time
	HasAttachment  bool // only ever turns on
	Unverified     bool
	NewParticipant bool // only ever turns on
	Problem        bool // a message of ours did not arrive; only ever turns on
	Quiet          bool // by automatic mail: neither the preview nor the sender's standing changes
}

// NewMessageRow is a message of kind inbound or event, or the note of an agent who forwarded a mail in (T-FWD).
type NewMessageRow struct {
	ID          int64
	TicketID    int64
	Kind        desk.MessageKind
	AuthorID    *int64 // of a note
	FromName    string
	FromAddress string // canonical; empty for an event
	To, Cc      []desk.Address
	Subject     string
	MessageID   string
	At          time.Time
	SentAt      *time.Time
	Text        string
	Quoted      string
	HTML        string
	Facts       desk.MessageFacts
	Words       []string // for search
	Side        *int64   // the conversation beside the ticket's own in which it stands
}

// OriginalRow is the sealed original of a message or of a suspended entry: in the row, or in the bucket.
type OriginalRow struct {
	ID        int64
	Message   *int64
	Suspended *int64
	Report    *int64
	Size      int64
	DEK       []byte
	Sealed    []byte
	ObjectKey *string
}

// FileRow is an attachment whose bytes are in the bucket.
type FileRow struct {
	Message     int64
	Info        desk.FileInfo
	ObjectKey   string
	DEK, SHA256 []byte
}

// ParticipantRow puts a contact on a ticket, if they are not on it.
type ParticipantRow struct {
	TicketID int64
	Address  string
	Pending  bool
}

// SeenRow shows a ticket in a further mailbox.
type SeenRow struct{ TicketID, MailboxID int64 }

// SuspendedRow is a mail held back.
type SuspendedRow struct {
	ID         int64
	Cause      desk.Cause
	Evidence   string
	From       string
	Subject    string
	Preview    string
	Envelope   desk.Envelope
	Verdict    desk.Verdict
	Opinion    desk.Opinion
	Mailboxes  []int64
	Digest     []byte
	ReceivedAt time.Time
}

// AuditRow is an entry about something that a mail caused.
type AuditRow struct {
	Action, Subject string
	Detail          any
	IP              string // from where a mail came; empty: it is not told. What a person does has the address of its Actor
}

// write puts the whole plan and the commit into one round trip.
func (f *Filing) write(ctx context.Context, conn *pgx.Conn) error {
	batch := &pgx.Batch{}
	for _, queue := range []func(*pgx.Batch) error{
		f.contacts, f.tickets, f.touches, f.messages, f.keys, f.suspended, f.reports, f.originals, f.files, f.participants, f.seenIn,
		f.returns, f.acknowledgements, f.happenings, f.audit, f.news,
	} {
		if err := queue(batch); err != nil {
			return fmt.Errorf("store: intake: %w", err)
		}
	}
	batch.Queue(`commit`)
	if err := conn.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("store: intake: write: %w", err)
	}
	return nil
}

// column makes an array argument out of one field of every row.
func column[R, V any](rows []R, field func(*R) V) []V {
	values := make([]V, len(rows))
	for i := range rows {
		values[i] = field(&rows[i])
	}
	return values
}

func (f *Filing) contacts(batch *pgx.Batch) error {
	if len(f.Contacts) == 0 {
		return nil
	}
	batch.Queue(`
		insert into contact (address, name)
		select address, name from unnest($1::text[], $2::text[]) as new (address, name)
		on conflict (address) do nothing`,
		column(f.Contacts, func(a *desk.Address) string { return a.Addr }),
		column(f.Contacts, func(a *desk.Address) string { return a.Name }))
	return nil
}

// contactOf finds the person behind an address: an address that an agent gave to somebody wins over a contact of its own (T-ALT-ADDR).
const contactOf = `(select a.contact_id from contact_address a where a.address = new.address
	union all select c.id from contact c where c.address = new.address limit 1)`

func (f *Filing) tickets(batch *pgx.Batch) error {
	rows := f.Tickets
	if len(rows) == 0 {
		return nil
	}
	batch.Queue(`
		insert into ticket (id, subject, status, mailbox_id, team_id, requester_id, preview, waiting_since, has_attachment, unverified, suggested, follows, created_at, updated_at)
		select id, subject, 'new', mailbox_id, (select b.team_id from mailbox b where b.id = new.mailbox_id), `+contactOf+`, preview, waiting_since, has_attachment, unverified, suggested, follows, at, at
		from unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::timestamptz[], $7::boolean[], $8::boolean[], $9::bigint[], $10::bigint[], $11::timestamptz[])
		     as new (id, subject, mailbox_id, address, preview, waiting_since, has_attachment, unverified, suggested, follows, at)`,
		column(rows, func(r *NewTicketRow) int64 { return r.ID }),
		column(rows, func(r *NewTicketRow) string { return r.Subject }),
		column(rows, func(r *NewTicketRow) int64 { return r.MailboxID }),
		column(rows, func(r *NewTicketRow) string { return r.Requester }),
		column(rows, func(r *NewTicketRow) string { return r.Preview }),
		column(rows, func(r *NewTicketRow) *time.Time { return r.WaitingSince }),
		column(rows, func(r *NewTicketRow) bool { return r.HasAttachment }),
		column(rows, func(r *NewTicketRow) bool { return r.Unverified }),
		column(rows, func(r *NewTicketRow) *int64 { return r.Suggested }),
		column(rows, func(r *NewTicketRow) *int64 { return r.Follows }),
		column(rows, func(r *NewTicketRow) time.Time { return r.At }))
	return nil
}

func (f *Filing) touches(batch *pgx.Batch) error {
	rows := f.Touches
	if len(rows) == 0 {
		return nil
	}
	batch.Queue(`
		update ticket t
		set status          = new.status,
		    waiting_since   = case when new.status in ('new', 'open') then coalesce(t.waiting_since, new.waiting) else null end,
		    snoozed_until   = case when not new.quiet and new.status in ('new', 'open') then null else t.snoozed_until end,
		    preview         = case when new.preview = '' then t.preview else new.preview end,
		    updated_at      = greatest(t.updated_at, new.at),
		    has_attachment  = t.has_attachment or new.has_attachment,
		    unverified      = case when new.quiet then t.unverified else new.unverified end,
		    new_participant = t.new_participant or new.new_participant,
		    delivery_problem = t.delivery_problem or new.problem,
		    solved_at       = case when new.status in ('solved', 'closed') then t.solved_at else null end,
		    closed_at       = case when new.status = 'closed' then t.closed_at else null end
		from unnest($1::bigint[], $2::text[], $3::timestamptz[], $4::text[], $5::timestamptz[], $6::boolean[], $7::boolean[], $8::boolean[], $9::boolean[], $10::boolean[])
		     as new (id, status, waiting, preview, at, has_attachment, unverified, new_participant, problem, quiet)
		where t.id = new.id`,
		column(rows, func(r *TicketTouch) int64 { return r.ID }),
		column(rows, func(r *TicketTouch) string { return string(r.Status) }),
		column(rows, func(r *TicketTouch) *time.Time { return r.Waiting }),
		column(rows, func(r *TicketTouch) string { return r.Preview }),
		column(rows, func(r *TicketTouch) time.Time { return r.At }),
		column(rows, func(r *TicketTouch) bool { return r.HasAttachment }),
		column(rows, func(r *TicketTouch) bool { return r.Unverified }),
		column(rows, func(r *TicketTouch) bool { return r.NewParticipant }),
		column(rows, func(r *TicketTouch) bool { return r.Problem }),
		column(rows, func(r *TicketTouch) bool { return r.Quiet }))
	return nil
}

func (f *Filing) messages(batch *pgx.Batch) error {
	rows := f.Messages
	if len(rows) == 0 {
		return nil
	}
	to, cc, facts, words := make([]string, len(rows)), make([]string, len(rows)), make([]string, len(rows)), make([]string, len(rows))
	for i := range rows {
		var err error
		if to[i], err = document(rows[i].To); err != nil {
			return err
		}
		if cc[i], err = document(rows[i].Cc); err != nil {
			return err
		}
		if facts[i], err = document(rows[i].Facts); err != nil {
			return err
		}
		words[i] = joinWords(rows[i].Words)
	}
	batch.Queue(`
		insert into message (id, ticket_id, kind, author_id, contact_id, from_name, from_address, "to", cc, subject, message_id, at, sent_at, text, quoted, html, facts, search, side)
		select id, ticket_id, kind, author, case when address <> '' then `+contactOf+` end, from_name, address, "to"::json, cc::json, subject, message_id, at, sent_at, text, quoted, html,
		       facts::json, case when words <> '' then array_to_tsvector(string_to_array(words, ' ')) end, side
		from unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::timestamptz[], $11::timestamptz[],
		            $12::text[], $13::text[], $14::text[], $15::text[], $16::text[], $17::bigint[], $18::bigint[])
		     as new (id, ticket_id, kind, from_name, address, "to", cc, subject, message_id, at, sent_at, text, quoted, html, facts, words, author, side)`,
		column(rows, func(r *NewMessageRow) int64 { return r.ID }),
		column(rows, func(r *NewMessageRow) int64 { return r.TicketID }),
		column(rows, func(r *NewMessageRow) string { return string(r.Kind) }),
		column(rows, func(r *NewMessageRow) string { return r.FromName }),
		column(rows, func(r *NewMessageRow) string { return r.FromAddress }),
		to, cc,
		column(rows, func(r *NewMessageRow) string { return r.Subject }),
		column(rows, func(r *NewMessageRow) string { return r.MessageID }),
		column(rows, func(r *NewMessageRow) time.Time { return r.At }),
		column(rows, func(r *NewMessageRow) *time.Time { return r.SentAt }),
		column(rows, func(r *NewMessageRow) string { return r.Text }),
		column(rows, func(r *NewMessageRow) string { return r.Quoted }),
		column(rows, func(r *NewMessageRow) string { return r.HTML }),
		facts, words,
		column(rows, func(r *NewMessageRow) *int64 { return r.AuthorID }),
		column(rows, func(r *NewMessageRow) *int64 { return r.Side }))
	return nil
}

// document writes a value as JSON text; an empty list is [].
func document(value any) (string, error) {
	if list, ok := value.([]desk.Address); ok && len(list) == 0 {
		return "[]", nil
	}
	text, err := json.Marshal(value)
	if err != nil {
		return "", fmt.Errorf("write document: %w", err)
	}
	return string(text), nil
}

func (f *Filing) keys(batch *pgx.Batch) error {
	rows := f.Keys
	if len(rows) == 0 {
		return nil
	}
	batch.Queue(`
		insert into message_key (key, message, ticket_id, mailbox_id, named, digest)
		select key, message, ticket_id, mailbox_id, named, digest
		from unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::boolean[], $6::bytea[]) as new (key, message, ticket_id, mailbox_id, named, digest)`,
		column(rows, func(r *KeyRow) [16]byte { return r.Key }),
		column(rows, func(r *KeyRow) int64 { return r.Message }),
		column(rows, func(r *KeyRow) int64 { return r.TicketID }),
		column(rows, func(r *KeyRow) int64 { return r.MailboxID }),
		column(rows, func(r *KeyRow) bool { return r.Named }),
		column(rows, func(r *KeyRow) []byte { return r.Digest }))
	return nil
}

func (f *Filing) originals(batch *pgx.Batch) error {
	rows := f.Originals
	if len(rows) == 0 {
		return nil
	}
	batch.Queue(`
		insert into original (id, message, suspended, size, dek, sealed, object_key, report)
		select id, message, suspended, size, dek, sealed, object_key, report
		from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bytea[], $6::bytea[], $7::text[], $8::bigint[])
		     as new (id, message, suspended, size, dek, sealed, object_key, report)`,
		column(rows, func(r *OriginalRow) int64 { return r.ID }),
		column(rows, func(r *OriginalRow) *int64 { return r.Message }),
		column(rows, func(r *OriginalRow) *int64 { return r.Suspended }),
		column(rows, func(r *OriginalRow) int64 { return r.Size }),
		column(rows, func(r *OriginalRow) []byte { return r.DEK }),
		column(rows, func(r *OriginalRow) []byte { return r.Sealed }),
		column(rows, func(r *OriginalRow) *string { return r.ObjectKey }),
		column(rows, func(r *OriginalRow) *int64 { return r.Report }))
	return nil
}

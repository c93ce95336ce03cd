package store

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// This file writes what stands around a message: its files, people, mailboxes, what was held back, the audit and the news.

// joinWords makes one argument of many words: they hold no spaces, so a space divides them.
func joinWords(words []string) string { return strings.Join(words, " ") }

func (f *Filing) files(batch *pgx.Batch) error {
	rows := f.Files
	if len(rows) == 0 {
		return nil
	}
	batch.Queue(`
		insert into attachment (message, name, media_type, size, inline, content_id, origin, description, object_key, dek, sha256)
		select message, name, media_type, size, inline, content_id, origin, description, object_key, dek, sha256
		from unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::boolean[], $6::text[], $7::text[], $8::text[], $9::text[], $10::bytea[], $11::bytea[])
		     as new (message, name, media_type, size, inline, content_id, origin, description, object_key, dek, sha256)`,
		column(rows, func(r *FileRow) int64 { return r.Message }),
		column(rows, func(r *FileRow) string { return r.Info.Name }),
		column(rows, func(r *FileRow) string { return r.Info.MediaType }),
		column(rows, func(r *FileRow) int64 { return r.Info.Size }),
		column(rows, func(r *FileRow) bool { return r.Info.Inline }),
		column(rows, func(r *FileRow) string { return r.Info.ContentID }),
		column(rows, func(r *FileRow) string { return r.Info.Origin }),
		column(rows, func(r *FileRow) string { return r.Info.Description }),
		column(rows, func(r *FileRow) string { return r.ObjectKey }),
		column(rows, func(r *FileRow) []byte { return r.DEK }),
		column(rows, func(r *FileRow) []byte { return r.SHA256 }))
	return nil
}

func (f *Filing) participants(batch *pgx.Batch) error {
	rows := f.Participants
	if len(rows) == 0 {
		return nil
	}
	batch.Queue(`
		insert into participant (ticket_id, contact_id, pending)
		select ticket_id, contact_id, bool_and(pending)
		from (select ticket_id, `+contactOf+` as contact_id, pending
		      from unnest($1::bigint[], $2::text[], $3::boolean[]) as new (ticket_id, address, pending)) as people
		where contact_id <> (select requester_id from ticket where id = ticket_id)
		group by ticket_id, contact_id
		on conflict (ticket_id, contact_id) do nothing`,
		column(rows, func(r *ParticipantRow) int64 { return r.TicketID }),
		column(rows, func(r *ParticipantRow) string { return r.Address }),
		column(rows, func(r *ParticipantRow) bool { return r.Pending }))
	return nil
}

func (f *Filing) seenIn(batch *pgx.Batch) error {
	rows := f.SeenIn
	if len(rows) == 0 {
		return nil
	}
	batch.Queue(`
		insert into ticket_mailbox (ticket_id, mailbox_id)
		select ticket_id, mailbox_id
		from unnest($1::bigint[], $2::bigint[]) as new (ticket_id, mailbox_id)
		on conflict do nothing`,
		column(rows, func(r *SeenRow) int64 { return r.TicketID }),
		column(rows, func(r *SeenRow) int64 { return r.MailboxID }))
	return nil
}

func (f *Filing) suspended(batch *pgx.Batch) error {
	rows := f.Suspended
	if len(rows) == 0 {
		return nil
	}
	envelopes, verdicts, opinions, mailboxes := make([]string, len(rows)), make([]string, len(rows)), make([]string, len(rows)), make([]string, len(rows))
	for i := range rows {
		var err error
		if envelopes[i], err = document(rows[i].Envelope); err != nil {
			return err
		}
		if verdicts[i], err = document(rows[i].Verdict); err != nil {
			return err
		}
		if opinions[i], err = document(rows[i].Opinion); err != nil {
			return err
		}
		mailboxes[i] = joinNumbers(rows[i].Mailboxes)
	}
	batch.Queue(`
		insert into suspended (id, cause, evidence, from_address, subject, preview, envelope, verdict, opinion, mailboxes, digest, received_at)
		select id, cause, evidence, from_address, subject, preview, envelope::json, verdict::json, opinion::json, string_to_array(mailboxes, ' ')::bigint[], digest, received_at
		from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::bytea[], $12::timestamptz[])
		     as new (id, cause, evidence, from_address, subject, preview, envelope, verdict, opinion, mailboxes, digest, received_at)`,
		column(rows, func(r *SuspendedRow) int64 { return r.ID }),
		column(rows, func(r *SuspendedRow) string { return string(r.Cause) }),
		column(rows, func(r *SuspendedRow) string { return r.Evidence }),
		column(rows, func(r *SuspendedRow) string { return r.From }),
		column(rows, func(r *SuspendedRow) string { return r.Subject }),
		column(rows, func(r *SuspendedRow) string { return r.Preview }),
		envelopes, verdicts, opinions, mailboxes,
		column(rows, func(r *SuspendedRow) []byte { return r.Digest }),
		column(rows, func(r *SuspendedRow) time.Time { return r.ReceivedAt }))
	return nil
}

// joinNumbers makes one argument of a list of ids: PostgreSQL has no array of arrays of different lengths.
func joinNumbers(ids []int64) string {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = strconv.FormatInt(id, 10)
	}
	return strings.Join(texts, " ")
}

func (f *Filing) news(batch *pgx.Batch) error {
	news := f.News
	for len(news.Tickets) > 0 || news.Suspended {
		part := news
		part.Tickets = news.Tickets[:min(len(news.Tickets), most)]
		payload, err := json.Marshal(part)
		if err != nil {
			return fmt.Errorf("news: %w", err)
		}
		batch.Queue(`select pg_notify($1, $2)`, channel, string(payload))
		news = News{Tickets: news.Tickets[len(part.Tickets):]}
	}
	return nil
}

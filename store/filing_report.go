package store

import (
	"net/netip"
	"time"

	"github.com/jackc/pgx/v5"

	"postern/desk"
)

// This file writes what other systems say about us: what became of our messages (T-DSN), and how they saw our domains.

// ReturnRow is what a delivery report says about one recipient of one message of ours.
type ReturnRow struct {
	Message   int64
	Recipient string // as it stands in delivery
	Bounced   bool   // for good; else the words are noted and the state stays
	Words     string
	Host      string      // who said them
	Hard      desk.Reason // why every other mail to the address will fare the same, by a report that only its server can have caused (T-50); empty: nothing says so
	At        time.Time
}

// ReportRow is one report about a domain of ours, with its rows.
type ReportRow struct {
	ID       int64
	Kind     string // dmarc, tls
	Domain   string
	Org      string
	Contact  string
	ReportID string
	Begin    time.Time
	End      time.Time
	Verified bool
	From     string
	Policy   any
	At       time.Time
	Sources  []SourceRow  // of a DMARC report
	Sessions []SessionRow // of a TLS report
}

// SourceRow is what one address sent as us.
type SourceRow struct {
	IP                       netip.Addr
	Count                    int64
	Disposition              string
	DKIM, SPF                bool // aligned pass
	HeaderFrom, EnvelopeFrom string
	Detail                   any
}

// SessionRow is how TLS went under one policy.
type SessionRow struct {
	Policy              string
	Successes, Failures int64
	Detail              any
}

// returns marks recipients of messages that were sent, and writes it into their stories. What is still under way is decided by its own delivery, and what is over stays.
func (f *Filing) returns(batch *pgx.Batch) error {
	rows := f.Returns
	if len(rows) == 0 {
		return nil
	}
	batch.Queue(`
		with reported as (
		    update delivery d
		    set state      = case when new.bounced then 'bounced' else d.state end,
		        reply      = new.words,
		        updated_at = new.at
		    from unnest($1::bigint[], $2::text[], $3::boolean[], $4::text[], $5::timestamptz[], $6::text[]) as new (message_id, recipient, bounced, words, at, host)
		    where d.message_id = new.message_id and d.recipient = new.recipient and d.state = 'sent'
		    returning d.message_id, d.recipient, d.state, new.words, new.at, new.host)
		insert into delivery_event (message_id, recipient, at, kind, state, host, reply, became)
		select message_id, recipient, at, 'reported', state, host, words, case when state = 'bounced' then state else '' end
		from reported`,
		column(rows, func(r *ReturnRow) int64 { return r.Message }),
		column(rows, func(r *ReturnRow) string { return r.Recipient }),
		column(rows, func(r *ReturnRow) bool { return r.Bounced }),
		column(rows, func(r *ReturnRow) string { return r.Words }),
		column(rows, func(r *ReturnRow) time.Time { return r.At }),
		column(rows, func(r *ReturnRow) string { return r.Host }))
	queueBounces(batch, f.hardBounces(), "mail")
	return nil
}

// hardBounces are the returns that count against their address.
func (f *Filing) hardBounces() (hard []desk.HardBounce) {
	for _, r := range f.Returns {
		if r.Bounced && r.Hard != desk.ReasonNone {
			hard = append(hard, desk.HardBounce{Address: desk.Canonical(r.Recipient), Message: r.Message, At: r.At, Proof: desk.ByReport, Reason: r.Hard, Words: r.Words})
		}
	}
	return hard
}

// reports writes each report with its rows.
func (f *Filing) reports(batch *pgx.Batch) error {
	for i := range f.Reports {
		r := &f.Reports[i]
		policy, err := document(r.Policy)
		if err != nil {
			return err
		}
		batch.Queue(`
			insert into report (id, kind, domain, org, contact, report_id, begins_at, ends_at, verified, from_address, policy, received_at)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::text::json, $12)`,
			r.ID, r.Kind, r.Domain, r.Org, r.Contact, r.ReportID, r.Begin, r.End, r.Verified, r.From, policy, r.At)
		if err := r.sources(batch); err != nil {
			return err
		}
		if err := r.sessions(batch); err != nil {
			return err
		}
	}
	return nil
}

func (r *ReportRow) sources(batch *pgx.Batch) error {
	rows := r.Sources
	if len(rows) == 0 {
		return nil
	}
	details := make([]string, len(rows))
	for i := range rows {
		text, err := document(rows[i].Detail)
		if err != nil {
			return err
		}
		details[i] = text
	}
	batch.Queue(`
		insert into report_source (report, source_ip, count, disposition, dkim, spf, header_from, envelope_from, detail)
		select $1, ip::inet, count, disposition, dkim, spf, header_from, envelope_from, detail::json
		from unnest($2::text[], $3::bigint[], $4::text[], $5::boolean[], $6::boolean[], $7::text[], $8::text[], $9::text[])
		     as new (ip, count, disposition, dkim, spf, header_from, envelope_from, detail)`,
		r.ID,
		column(rows, func(r *SourceRow) string { return r.IP.String() }),
		column(rows, func(r *SourceRow) int64 { return r.Count }),
		column(rows, func(r *SourceRow) string { return r.Disposition }),
		column(rows, func(r *SourceRow) bool { return r.DKIM }),
		column(rows, func(r *SourceRow) bool { return r.SPF }),
		column(rows, func(r *SourceRow) string { return r.HeaderFrom }),
		column(rows, func(r *SourceRow) string { return r.EnvelopeFrom }),
		details)
	return nil
}

func (r *ReportRow) sessions(batch *pgx.Batch) error {
	for _, row := range r.Sessions {
		detail, err := document(row.Detail)
		if err != nil {
			return err
		}
		batch.Queue(`insert into report_session (report, policy, successes, failures, detail) values ($1, $2, $3, $4, $5::text::json)`,
			r.ID, row.Policy, row.Successes, row.Failures, detail)
	}
	return nil
}

func (f *Filing) acknowledgements(batch *pgx.Batch) error {
	if len(f.Acknowledge) > 0 {
		queueAcknowledgements(batch, f.Acknowledge)
	}
	return nil
}

// ReportKey tells reports apart: who reports on what, by their own number.
type ReportKey struct {
	Kind     string `db:"kind"`
	Domain   string `db:"domain"`
	Org      string `db:"org"`
	ReportID string `db:"report_id"`
}

// Key is what makes a report the same as one that is here already.
func (r *ReportRow) Key() ReportKey { return ReportKey{r.Kind, r.Domain, r.Org, r.ReportID} }

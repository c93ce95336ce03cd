package audit

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
	"strconv"
	"time"

	"postern/desk"
	"postern/store"
)

// Form is how the log is written out. The words are part of the API.
type Form string

const (
	CSV   Form = "csv"   // a table (RFC 4180), whose cells no spreadsheet takes for a formula
	JSONL Form = "jsonl" // a line of JSON for each entry
)

// Type is the media type of what is written.
func (f Form) Type() string {
	if f == CSV {
		return "text/csv; charset=utf-8; header=present"
	}
	return "application/jsonl; charset=utf-8"
}

// FormOf reads the name of a form; empty is a table.
func FormOf(name string) (Form, error) {
	switch form := Form(name); form {
	case CSV, JSONL:
		return form, nil
	case "":
		return CSV, nil
	}
	return "", desk.Wrong("format", "there is no format %q: it is csv or jsonl", name)
}

// exportRun is how many entries are read at a time: an export takes the memory of so many, however long it is.
const exportRun = 1000

// Export is what will be written: it has been asked for rightly, and its asking is recorded.
type Export struct {
	s    *Service
	form Form
	q    desk.AuditQuery
}

// Export prepares to write out what the query asks for, the oldest first. That somebody takes the log out stands in the log before the first byte has left.
func (s *Service) Export(ctx context.Context, actor desk.Actor, q desk.AuditQuery, form Form) (*Export, error) {
	if err := need(actor, mayExport); err != nil {
		return nil, err
	}
	q.Oldest, q.Cursor, q.Limit, q.Veiled = true, "", exportRun, veiled(actor)
	if _, err := s.store.AuditLog(ctx, desk.AuditQuery{IP: q.IP, Limit: 1}); err != nil {
		return nil, err
	}
	if q.Until.IsZero() {
		q.Until = s.now()
	}
	err := s.store.Write(ctx, func(tx *store.Tx) error {
		return tx.Audit(ctx, actor, "audit.export", "audit", askedFor(q, form))
	})
	return &Export{s, form, q}, err
}

// askedFor is the question as it is recorded.
func askedFor(q desk.AuditQuery, form Form) map[string]any {
	asked := map[string]any{"format": form}
	for name, value := range map[string]string{"actor": q.Actor, "action": q.Action, "subject": q.Subject, "ip": q.IP, "text": q.Text, "outcome": string(q.Outcome)} {
		if value != "" {
			asked[name] = value
		}
	}
	if !q.From.IsZero() {
		asked["from"] = q.From.UTC().Format(time.RFC3339)
	}
	asked["until"] = q.Until.UTC().Format(time.RFC3339)
	return asked
}

// Write writes it.
func (e *Export) Write(ctx context.Context, to io.Writer) error {
	line, flush := writerOf(e.form, to)
	if e.form == CSV {
		if err := line(nil); err != nil {
			return err
		}
	}
	for q := e.q; ; {
		page, err := e.s.store.AuditLog(ctx, q)
		if err != nil {
			return err
		}
		for i := range page.Items {
			if err := line(&page.Items[i]); err != nil {
				return err
			}
		}
		if err := flush(); err != nil || page.Next == "" {
			return err
		}
		q.Cursor = page.Next
	}
}

// Columns are those of the table.
var Columns = []string{"id", "time", "actor", "actor_id", "ip", "via", "action", "activity", "outcome", "subject", "detail", "session_id", "token_id", "device_id", "on_behalf_of", "request"}

// writerOf writes entries in the form; nil is the head.
func writerOf(form Form, to io.Writer) (line func(*desk.AuditEntry) error, flush func() error) {
	if form == JSONL {
		encoder := json.NewEncoder(to)
		return func(e *desk.AuditEntry) error { return encoder.Encode(e) }, func() error { return nil }
	}
	table := csv.NewWriter(to)
	table.UseCRLF = true
	line = func(e *desk.AuditEntry) error {
		if e == nil {
			return table.Write(Columns)
		}
		return table.Write(row(*e))
	}
	return line, func() error { table.Flush(); return table.Error() }
}

// row is an entry as cells.
func row(e desk.AuditEntry) []string {
	detail := string(e.Detail)
	if detail == "null" {
		detail = ""
	}
	return desk.Cells(strconv.FormatInt(e.ID, 10), e.At.UTC().Format(timeForm), e.Actor, number(e.ActorID), e.IP, e.Via, e.Action, desk.Acts[e.Action].Words, string(e.Outcome),
		e.Subject, detail, number(e.Session), number(e.Token), number(e.Device), e.OnBehalf, e.Request)
}

func number(id *int64) string {
	if id == nil {
		return ""
	}
	return strconv.FormatInt(*id, 10)
}

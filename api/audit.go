package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"postern/attachments"
	"postern/audit"
	"postern/desk"
)

// auditEntry is desk.AuditEntry as it is sent.
type auditEntry struct {
	ID       int64           `json:"id"`
	At       time.Time       `json:"at"`
	Actor    string          `json:"actor" doc:"An address, system, or mail."`
	ActorID  *int64          `json:"actor_id"`
	Via      string          `json:"via" doc:"portal, api, cli, mail or job"`
	IP       string          `json:"ip"`
	Action   string          `json:"action"`
	Activity string          `json:"activity" doc:"The action in words."`
	Outcome  string          `json:"outcome" enum:"done,refused,failed"`
	Subject  string          `json:"subject" doc:"What it was done to: ticket/12."`
	Detail   json.RawMessage `json:"detail"`
	Session  *int64          `json:"session_id"`
	Token    *int64          `json:"token_id"`
	Device   *int64          `json:"device_id"`
	OnBehalf string          `json:"on_behalf_of" doc:"In whose place the actor acted; empty: their own."`
	Request  string          `json:"request" doc:"The request, as the log of requests names it."`
}

func viewAuditEntry(from desk.AuditEntry) auditEntry {
	return auditEntry{
		ID: from.ID, At: from.At.UTC(), Actor: from.Actor, ActorID: from.ActorID, Via: from.Via, IP: from.IP, Action: from.Action, Activity: desk.Acts[from.Action].Words, Outcome: string(from.Outcome),
		Subject: from.Subject, Detail: from.Detail, Session: from.Session, Token: from.Token, Device: from.Device, OnBehalf: from.OnBehalf, Request: from.Request,
	}
}

// AuditFilter is what is asked of the log.
type AuditFilter struct {
	Actor   string `query:"actor" maxLength:"320" doc:"An address or a part of one, system, or mail."`
	Action  string `query:"action" maxLength:"100" doc:"An action, or a noun with a dot for all of its actions: ticket."`
	Subject string `query:"subject" maxLength:"400" doc:"What it was done to, or a kind with a slash: ticket/"`
	IP      string `query:"ip" maxLength:"50" doc:"An address or a range: 192.0.2.0/24"`
	From    string `query:"from" doc:"Not before this time (RFC 3339)."`
	Until   string `query:"until" doc:"Before this time (RFC 3339)."`
	Text    string `query:"q" maxLength:"200" doc:"In the subject or the detail."`
	Outcome string `query:"outcome" enum:"done,refused,failed" doc:"How it ended."`
}

func (f AuditFilter) query() (q desk.AuditQuery, err error) {
	q = desk.AuditQuery{Actor: f.Actor, Action: f.Action, Subject: f.Subject, IP: f.IP, Text: f.Text, Outcome: desk.Ending(f.Outcome)}
	if q.From, err = timeOf("from", f.From); err != nil {
		return q, err
	}
	q.Until, err = timeOf("until", f.Until)
	return q, err
}

// timeOf reads a time of a query; empty is the zero time.
func timeOf(name, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, desk.Wrong(name, "%q is no time: write it like 2026-11-30T12:00:00Z", text)
	}
	return at, nil
}

// AuditPage asks for a page of the log.
type AuditPage struct {
	Page
	AuditFilter
}

func (a *API) listAudit(ctx context.Context, actor desk.Actor, in *AuditPage) (list[auditEntry], error) {
	q, err := in.query()
	if err != nil {
		return list[auditEntry]{}, err
	}
	q.Cursor, q.Limit = in.Cursor, in.Limit
	found, err := a.cfg.Audit.List(ctx, actor, q)
	return listed(found, viewAuditEntry), err
}

// AuditExport asks for the log as a file.
type AuditExport struct {
	AuditFilter
	Format string `query:"format" enum:"csv,jsonl" default:"csv"`
}

// exportAudit is the log as a table, or as lines of JSON. Its asking is recorded before anything is sent.
func (a *API) exportAudit(ctx context.Context, actor desk.Actor, in *AuditExport) (writer, error) {
	form, err := audit.FormOf(in.Format)
	if err != nil {
		return nil, err
	}
	q, err := in.query()
	if err != nil {
		return nil, err
	}
	export, err := a.cfg.Audit.Export(ctx, actor, q, form)
	if err != nil {
		return nil, err
	}
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", form.Type())
		w.Header().Set("Content-Disposition", attachments.Disposition("audit."+string(form), attachments.AsAttachment))
		if err := export.Write(r.Context(), w); err != nil {
			visitOf(r.Context()).err = fmt.Errorf("api: export the audit log: %w", err)
			panic(http.ErrAbortHandler) // the answer has begun: only a broken connection says that it is not whole
		}
	}, nil
}

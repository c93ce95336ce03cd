package api

import (
	"context"
	"encoding/json"
	"time"

	"postern/desk"
)

// unlessZero is the time as it is sent, or null for one that never was.
func unlessZero(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return utc(&at)
}

// auditEntry is desk.AuditEntry as it is sent.
type auditEntry struct {
	ID      int64           `json:"id"`
	At      time.Time       `json:"at"`
	Actor   string          `json:"actor" doc:"An address, system, or mail."`
	ActorID *int64          `json:"actor_id"`
	Via     string          `json:"via" doc:"portal, api, cli, mail or job"`
	IP      string          `json:"ip"`
	Action  string          `json:"action"`
	Subject string          `json:"subject" doc:"What it was done to: ticket/12."`
	Detail  json.RawMessage `json:"detail"`
}

func viewAuditEntry(from desk.AuditEntry) auditEntry {
	return auditEntry{
		ID: from.ID, At: from.At.UTC(), Actor: from.Actor, ActorID: from.ActorID, Via: from.Via, IP: from.IP,
		Action: from.Action, Subject: from.Subject, Detail: from.Detail,
	}
}

func (a *API) listAudit(ctx context.Context, actor desk.Actor, in *Page) (list[auditEntry], error) {
	found, err := a.cfg.Tickets.Audit(ctx, actor, in.Cursor, in.Limit)
	return listed(found, viewAuditEntry), err
}

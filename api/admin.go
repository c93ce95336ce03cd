package api

import (
	"context"
	"encoding/json"
	"time"

	"postern/desk"
)

// record is desk.Record as it is sent.
type record struct {
	Purpose   string     `json:"purpose" doc:"challenge, dkim-rsa, dkim-ed25519, spf, dmarc, mx, mta-sts, mta-sts-host, tls-rpt or obsolete"`
	Type      string     `json:"type"`
	Name      string     `json:"name"`
	Wanted    string     `json:"wanted"`
	Found     []string   `json:"found" nullable:"false"`
	OK        bool       `json:"ok"`
	Required  bool       `json:"required" doc:"Without it the domain is not used as From."`
	Problem   string     `json:"problem,omitempty"`
	CheckedAt *time.Time `json:"checked_at"`
}

func viewRecord(from desk.Record) record {
	return record{
		Purpose: from.Purpose, Type: from.Type, Name: from.Name, Wanted: from.Wanted, Found: some(from.Found),
		OK: from.OK, Required: from.Required, Problem: from.Problem, CheckedAt: unlessZero(from.CheckedAt),
	}
}

// unlessZero is the time as it is sent, or null for one that never was.
func unlessZero(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return utc(&at)
}

// Domain is desk.Domain as it is sent.
type Domain struct {
	ID        int64            `json:"id"`
	Name      string           `json:"name"`
	State     desk.DomainState `json:"state" enum:"added,owned,ready,active,degraded,paused,removed"`
	CheckedAt *time.Time       `json:"checked_at"`
	CreatedAt time.Time        `json:"created_at"`
}

func viewDomain(from desk.Domain) Domain {
	return Domain{ID: from.ID, Name: from.Name, State: from.State, CheckedAt: unlessZero(from.CheckedAt), CreatedAt: from.CreatedAt.UTC()}
}

// domainRecords is a domain with the DNS records that it wants.
type domainRecords struct {
	Domain
	Records []record `json:"records" nullable:"false"`
}

func viewDomainRecords(from desk.Domain, records []desk.Record) domainRecords {
	return domainRecords{viewDomain(from), whole(records, viewRecord).Items}
}

// DomainNamed names a domain in the path.
type DomainNamed struct {
	Name string `path:"name" maxLength:"253"`
}

func (a *API) listDomains(ctx context.Context, actor desk.Actor, _ *struct{}) (list[Domain], error) {
	found, err := a.cfg.Domains.List(ctx, actor)
	return whole(found, viewDomain), err
}

func (a *API) showDomain(ctx context.Context, actor desk.Actor, in *DomainNamed) (domainRecords, error) {
	found, records, err := a.cfg.Domains.Show(ctx, actor, in.Name)
	return viewDomainRecords(found, records), err
}

// newDomain is a mail domain to be added.
type newDomain struct {
	Body struct {
		Name string `json:"name" minLength:"1" maxLength:"253"`
	}
}

func (a *API) addDomain(ctx context.Context, actor desk.Actor, in *newDomain) (domainRecords, error) {
	made, records, err := a.cfg.Domains.Add(ctx, actor, in.Body.Name)
	return viewDomainRecords(made, records), err
}

func (a *API) verifyDomain(ctx context.Context, actor desk.Actor, in *DomainNamed) (domainRecords, error) {
	found, records, err := a.cfg.Domains.Verify(ctx, actor, in.Name)
	return viewDomainRecords(found, records), err
}

func (a *API) rotateDomain(ctx context.Context, actor desk.Actor, in *DomainNamed) (domainRecords, error) {
	if _, err := a.cfg.Domains.Rotate(ctx, actor, in.Name); err != nil {
		return domainRecords{}, err
	}
	return a.showDomain(ctx, actor, in)
}

func (a *API) removeDomain(ctx context.Context, actor desk.Actor, in *DomainNamed) error {
	return a.cfg.Domains.Remove(ctx, actor, in.Name)
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

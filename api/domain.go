package api

import (
	"context"
	"time"

	"postern/desk"
	"postern/domains"
)

// record is desk.Record as it is sent.
type record struct {
	Purpose   string     `json:"purpose" doc:"challenge, dkim-rsa, dkim-ed25519, spf, dmarc, mx, mta-sts, mta-sts-host, tls-rpt, or obsolete: a record that shall go."`
	Type      string     `json:"type" doc:"TXT, MX or CNAME"`
	Name      string     `json:"name"`
	Wanted    string     `json:"wanted"`
	Found     []string   `json:"found" nullable:"false"`
	OK        bool       `json:"ok"`
	Required  bool       `json:"required" doc:"Without it the domain is not used as From."`
	Problem   string     `json:"problem,omitempty"`
	Warning   string     `json:"warning,omitempty" doc:"It is right, and yet something about it wants attention."`
	Danger    bool       `json:"danger,omitempty" doc:"Strangers can make use of what is wrong with it."`
	Servers   []string   `json:"servers" nullable:"false" doc:"The authoritative name servers that were asked; empty: only the resolver was."`
	Since     *time.Time `json:"since" doc:"Since when it has been found as it is now."`
	CheckedAt *time.Time `json:"checked_at"`
}

func viewRecord(from desk.Record) record {
	return record{
		Purpose: from.Purpose, Type: from.Type, Name: from.Name, Wanted: from.Wanted, Found: some(from.Found), OK: from.OK, Required: from.Required,
		Problem: from.Problem, Warning: from.Warning, Danger: from.Danger, Servers: some(from.Servers), Since: unlessZero(from.Since), CheckedAt: unlessZero(from.CheckedAt),
	}
}

// Domain is desk.Domain as it is sent.
type Domain struct {
	ID          int64            `json:"id"`
	Name        string           `json:"name"`
	State       desk.DomainState `json:"state" enum:"added,owned,ready,active,degraded,paused,removed"`
	Publication desk.Publication `json:"publication" enum:"txt,delegated"`
	OnBroken    desk.OnBroken    `json:"on_broken" enum:"hold,fallback"`
	RotateDays  int              `json:"rotate_days" doc:"0: keys change only by hand."`
	STS         desk.STSMode     `json:"sts" enum:"off,testing,enforce"`
	ProvenAt    *time.Time       `json:"proven_at" doc:"When its challenge was found for the first time."`
	CheckedAt   *time.Time       `json:"checked_at"`
	BrokenSince *time.Time       `json:"broken_since" doc:"Since when it is degraded, or paused."`
	BrokenWhy   string           `json:"broken_why,omitempty"`
	TestedAt    *time.Time       `json:"tested_at" doc:"When a mail signed by its keys was last verified."`
	TestProblem string           `json:"test_problem,omitempty" doc:"Why the last such mail was not."`
	CreatedAt   time.Time        `json:"created_at"`
	RemovedAt   *time.Time       `json:"removed_at"`
}

func viewDomain(from desk.Domain) Domain {
	return Domain{
		ID: from.ID, Name: from.Name, State: from.State, Publication: from.Publication, OnBroken: from.OnBroken, RotateDays: from.RotateDays, STS: from.STS,
		ProvenAt: unlessZero(from.ProvenAt), CheckedAt: unlessZero(from.CheckedAt), BrokenSince: unlessZero(from.BrokenSince), BrokenWhy: from.BrokenWhy,
		TestedAt: unlessZero(from.TestedAt), TestProblem: from.TestProblem, CreatedAt: from.CreatedAt.UTC(), RemovedAt: unlessZero(from.RemovedAt),
	}
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
		Name        string           `json:"name" minLength:"1" maxLength:"253"`
		Publication desk.Publication `json:"publication,omitempty" enum:"txt,delegated" doc:"How its keys get into the DNS; delegated where the installation has a zone for them, else txt."`
	}
}

func (a *API) addDomain(ctx context.Context, actor desk.Actor, in *newDomain) (domainRecords, error) {
	if in.Body.Publication == "" {
		made, records, err := a.cfg.Domains.Add(ctx, actor, in.Body.Name)
		return viewDomainRecords(made, records), err
	}
	made, records, err := a.cfg.Domains.AddPublished(ctx, actor, in.Body.Name, in.Body.Publication)
	return viewDomainRecords(made, records), err
}

// domainPatch is a merge patch (RFC 7396): what is absent stays.
type domainPatch struct {
	DomainNamed
	Body struct {
		OnBroken    *desk.OnBroken    `json:"on_broken,omitempty" enum:"hold,fallback"`
		RotateDays  *int              `json:"rotate_days,omitempty" minimum:"0" maximum:"365" doc:"30 to 365, or 0: only by hand."`
		STS         *desk.STSMode     `json:"sts,omitempty" enum:"off,testing,enforce"`
		Publication *desk.Publication `json:"publication,omitempty" enum:"txt,delegated"`
	}
}

func (a *API) patchDomain(ctx context.Context, actor desk.Actor, in *domainPatch) (domainRecords, error) {
	_, err := a.cfg.Domains.Set(ctx, actor, in.Name, domains.Change{
		OnBroken: in.Body.OnBroken, RotateDays: in.Body.RotateDays, STS: in.Body.STS, Publication: in.Body.Publication,
	})
	if err != nil {
		return domainRecords{}, err
	}
	return a.showDomain(ctx, actor, &in.DomainNamed)
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

// domainEmergency is what an emergency rotation is made with.
type domainEmergency struct {
	DomainNamed
	Body struct {
		GraceSeconds *int `json:"grace_seconds,omitempty" minimum:"0" maximum:"604800" doc:"How long mail under way may still be checked by the keys before, where they change behind CNAMEs; an hour unless given."`
	}
}

func (a *API) replaceKeys(ctx context.Context, actor desk.Actor, in *domainEmergency) (domainRecords, error) {
	grace := domains.DefaultSpans().Grace
	if in.Body.GraceSeconds != nil {
		grace = time.Duration(*in.Body.GraceSeconds) * time.Second
	}
	if _, err := a.cfg.Domains.Emergency(ctx, actor, in.Name, grace); err != nil {
		return domainRecords{}, err
	}
	return a.showDomain(ctx, actor, &in.DomainNamed)
}

// domainKey is a private key that was made elsewhere.
type domainKey struct {
	DomainNamed
	Body struct {
		Selector string `json:"selector" minLength:"1" maxLength:"100"`
		Key      string `json:"key" minLength:"1" maxLength:"65536" doc:"PEM of PKCS #1 or PKCS #8: RSA of 2048 bits at least, or Ed25519."`
	}
}

func (a *API) importKey(ctx context.Context, actor desk.Actor, in *domainKey) (domainRecords, error) {
	if _, err := a.cfg.Domains.ImportKey(ctx, actor, in.Name, in.Body.Selector, []byte(in.Body.Key)); err != nil {
		return domainRecords{}, err
	}
	return a.showDomain(ctx, actor, &in.DomainNamed)
}

func (a *API) pauseDomain(ctx context.Context, actor desk.Actor, in *DomainNamed) (Domain, error) {
	paused, err := a.cfg.Domains.Pause(ctx, actor, in.Name)
	return viewDomain(paused), err
}

func (a *API) resumeDomain(ctx context.Context, actor desk.Actor, in *DomainNamed) (Domain, error) {
	resumed, err := a.cfg.Domains.Resume(ctx, actor, in.Name)
	return viewDomain(resumed), err
}

func (a *API) removeDomain(ctx context.Context, actor desk.Actor, in *DomainNamed) error {
	return a.cfg.Domains.Remove(ctx, actor, in.Name)
}

// domainAlert is domains.Alert as it is sent.
type domainAlert struct {
	Domain string    `json:"domain"`
	Kind   string    `json:"kind" doc:"broken, standby, publish, delete, test, danger or zone"`
	Text   string    `json:"text"`
	At     time.Time `json:"at" doc:"Since when it is so."`
}

func (a *API) listDomainAlerts(ctx context.Context, actor desk.Actor, _ *struct{}) (list[domainAlert], error) {
	found, err := a.cfg.Domains.Alerts(ctx, actor)
	return whole(found, func(from domains.Alert) domainAlert {
		return domainAlert{from.Domain, from.Kind, from.Text, from.At.UTC()}
	}), err
}

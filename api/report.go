package api

import (
	"context"
	"time"

	"postern/desk"
)

// report is desk.Report as it is sent.
type report struct {
	ID         int64     `json:"id"`
	Kind       string    `json:"kind" enum:"dmarc,tls"`
	Org        string    `json:"org" doc:"Who reports. Like contact and report_id it is in the reporter's own words."`
	Contact    string    `json:"contact"`
	ReportID   string    `json:"report_id"`
	BeginsAt   time.Time `json:"begins_at"`
	EndsAt     time.Time `json:"ends_at"`
	Verified   bool      `json:"verified" doc:"The mail that brought it proves its sender. Only then it counts in the summary."`
	From       string    `json:"from" doc:"The address that sent it."`
	ReceivedAt time.Time `json:"received_at"`
	Total      int64     `json:"total" doc:"Mails (dmarc) or sessions (tls)."`
	Passed     int64     `json:"passed" doc:"Of these: aligned by DKIM or SPF; or encrypted as the policy asks."`
}

func viewReport(from desk.Report) report {
	return report{
		ID: from.ID, Kind: from.Kind, Org: from.Org, Contact: from.Contact, ReportID: from.ReportID, BeginsAt: from.BeginsAt.UTC(), EndsAt: from.EndsAt.UTC(),
		Verified: from.Verified, From: from.From, ReceivedAt: from.ReceivedAt.UTC(), Total: from.Total, Passed: from.Passed,
	}
}

// reportsAsked asks for a page of the reports about a domain.
type reportsAsked struct {
	DomainNamed
	Page
}

func (a *API) listReports(ctx context.Context, actor desk.Actor, in *reportsAsked) (list[report], error) {
	found, err := a.cfg.Domains.Reports(ctx, actor, in.Name, in.Cursor, in.Limit)
	return listed(found, viewReport), err
}

// summaryAsked asks for the sum of the reports of some days.
type summaryAsked struct {
	DomainNamed
	Days int `query:"days" minimum:"1" maximum:"365" default:"30"`
}

// reportSummary is desk.ReportSummary as it is sent.
type reportSummary struct {
	Domain  string         `json:"domain"`
	Since   time.Time      `json:"since"`
	DMARC   []reportDay    `json:"dmarc" nullable:"false" doc:"Mails in the domain's name by day, as those report who got them. A day without a report is left out."`
	TLS     []reportDay    `json:"tls" nullable:"false" doc:"SMTP sessions to the domain by day."`
	Sources []reportSource `json:"sources" nullable:"false" doc:"Who sends as the domain, the busiest 200."`
}

// reportDay is what the reports say of one day.
type reportDay struct {
	Day    string `json:"day" format:"date" doc:"In UTC."`
	Total  int64  `json:"total"`
	Passed int64  `json:"passed"`
}

// reportSource is what one address sent as a domain of ours.
type reportSource struct {
	IP        string    `json:"source_ip"`
	Total     int64     `json:"total"`
	DKIM      int64     `json:"dkim" doc:"Aligned passes."`
	SPF       int64     `json:"spf" doc:"Aligned passes."`
	Passed    int64     `json:"passed" doc:"By either."`
	Stopped   int64     `json:"stopped" doc:"Quarantined or rejected."`
	Reporters int64     `json:"reporters" doc:"How many saw it."`
	LastAt    time.Time `json:"last_at"`
}

func viewReportDay(from desk.ReportDay) reportDay {
	return reportDay{Day: from.Day.Format(time.DateOnly), Total: from.Total, Passed: from.Passed}
}

func viewReportSource(from desk.ReportSource) reportSource {
	to := reportSource(from)
	to.LastAt = from.LastAt.UTC()
	return to
}

func (a *API) sumReports(ctx context.Context, actor desk.Actor, in *summaryAsked) (reportSummary, error) {
	found, err := a.cfg.Domains.ReportSummary(ctx, actor, in.Name, in.Days)
	return reportSummary{
		Domain: found.Domain, Since: found.Since.UTC(), DMARC: whole(found.DMARC, viewReportDay).Items, TLS: whole(found.TLS, viewReportDay).Items,
		Sources: whole(found.Sources, viewReportSource).Items,
	}, err
}

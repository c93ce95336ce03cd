package intake

import (
	"postern/desk"
	"postern/store"
)

// dmarcRow makes rows of a DMARC report about a domain of ours.
func dmarcRow(m *mail, report *desk.DMARCReport) *store.ReportRow {
	row := &store.ReportRow{
		Kind: "dmarc", Domain: report.Domain, Org: report.Org, Contact: report.Email, ReportID: report.ReportID, Begin: report.Begin, End: report.End,
		Verified: m.verified(), From: m.from.Addr, Policy: report.Policy, At: m.at,
	}
	for _, source := range report.Rows {
		row.Sources = append(row.Sources, store.SourceRow{
			IP: source.SourceIP, Count: source.Count, Disposition: source.Disposition, DKIM: source.DKIM == "pass", SPF: source.SPF == "pass",
			HeaderFrom: source.HeaderFrom, EnvelopeFrom: source.EnvelopeFrom,
			Detail: dmarcDetail{source.DKIMResults, source.SPFResults, source.Reasons},
		})
	}
	return row
}

// dmarcDetail is what is shown of a row when somebody asks.
type dmarcDetail struct {
	DKIM    []desk.DMARCResult `json:"dkim,omitempty"`
	SPF     []desk.DMARCResult `json:"spf,omitempty"`
	Reasons []desk.DMARCReason `json:"reasons,omitempty"`
}

// tlsRow makes rows of a TLS report, if one of its policies is of a domain of ours.
func (in *Intake) tlsRow(m *mail, report *desk.TLSReport) *store.ReportRow {
	row := &store.ReportRow{
		Kind: "tls", Org: report.Org, Contact: report.Contact, ReportID: report.ReportID, Begin: report.Begin, End: report.End,
		Verified: m.verified(), From: m.from.Addr, Policy: struct{}{}, At: m.at,
	}
	for _, policy := range report.Policies {
		if !in.directory.owns(desk.Canonical(policy.Domain)) {
			continue
		}
		if row.Domain == "" {
			row.Domain = desk.Canonical(policy.Domain)
		}
		row.Sessions = append(row.Sessions, store.SessionRow{Policy: policy.Type, Successes: policy.Successes, Failures: policy.Failures, Detail: policy.Details})
	}
	if row.Domain == "" {
		return nil
	}
	return row
}

// report files a report about a domain of ours. The same one again is a duplicate.
func (p *plan) report(m *mail) error {
	key := m.about.Key()
	if p.found.Reports[key] {
		p.outcomes = append(p.outcomes, desk.Outcome{Disposition: desk.Duplicate})
		return nil
	}
	p.found.Reports[key] = true
	row := *m.about
	row.ID = take(&p.found.ReportIDs)
	p.filing.Reports = append(p.filing.Reports, row)
	p.outcomes = append(p.outcomes, desk.Outcome{Disposition: desk.Reported})
	return p.keep(m, keptBy{report: &row.ID})
}

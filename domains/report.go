package domains

import (
	"context"
	"time"

	"postern/desk"
)

// Reports is one page of what others report about a mail domain of ours, the newest first.
func (s *Service) Reports(ctx context.Context, actor desk.Actor, domain, cursor string, limit int) (desk.Page[desk.Report], error) {
	name, err := s.reported(ctx, actor, domain)
	if err != nil {
		return desk.Page[desk.Report]{}, err
	}
	return s.cfg.Store.Reports(ctx, name, cursor, limit)
}

// ReportSummary says who sends as a mail domain of ours and how much of it passes, by the reports of the last days (1 to 365).
func (s *Service) ReportSummary(ctx context.Context, actor desk.Actor, domain string, days int) (summary desk.ReportSummary, err error) {
	if summary.Domain, err = s.reported(ctx, actor, domain); err != nil {
		return desk.ReportSummary{}, err
	}
	if days < 1 || days > 365 {
		return summary, desk.Wrong("days", "a summary is of 1 to 365 days")
	}
	midnight := s.cfg.Now().UTC().Truncate(24 * time.Hour)
	summary.Since = midnight.AddDate(0, 0, 1-days)
	if summary.DMARC, err = s.cfg.Store.ReportDays(ctx, summary.Domain, "dmarc", summary.Since); err != nil {
		return summary, err
	}
	if summary.TLS, err = s.cfg.Store.ReportDays(ctx, summary.Domain, "tls", summary.Since); err != nil {
		return summary, err
	}
	summary.Sources, err = s.cfg.Store.ReportSources(ctx, summary.Domain, summary.Since)
	return summary, err
}

// reported is the stored name of a domain that is ours: of another there are no reports, which is no good news but a slip of the pen.
func (s *Service) reported(ctx context.Context, actor desk.Actor, domain string) (string, error) {
	if err := may(actor, desk.MayReadConfig); err != nil {
		return "", err
	}
	name, err := asciiOf(domain)
	if err != nil {
		return "", err
	}
	found, err := s.cfg.Store.Domain(ctx, name)
	return found.Name, err
}

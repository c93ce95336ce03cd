package identity

import (
	"context"

	"postern/desk"
	"postern/store"
)

// FactorReport lists who has which factors, and whether the rules ask them for one. It needs MayReadSecurity.
func (s *Service) FactorReport(ctx context.Context, actor desk.Actor, cursor string, limit int) (desk.Page[desk.FactorHolder], error) {
	var none desk.Page[desk.FactorHolder]
	values, err := s.ShownSettings(ctx, actor)
	if err != nil {
		return none, err
	}
	page, err := s.store.FactorHolders(ctx, cursor, limit)
	if err != nil {
		return none, err
	}
	for i := range page.Items {
		page.Items[i].Required = factorRequired(values, page.Items[i].User)
	}
	return page, nil
}

// FactorHolder is one person of the report.
func (s *Service) FactorHolder(ctx context.Context, actor desk.Actor, user int64) (desk.FactorHolder, error) {
	values, err := s.ShownSettings(ctx, actor)
	if err != nil {
		return desk.FactorHolder{}, err
	}
	holder, err := s.store.FactorHolder(ctx, user)
	holder.Required = factorRequired(values, holder.User)
	return holder, err
}

// ReportFactors hands the whole report to each, a page at a time, for a file. It needs MayReadSecurity, and is in the audit log, as every list of people that leaves is.
func (s *Service) ReportFactors(ctx context.Context, actor desk.Actor, each func(desk.FactorHolder) error) error {
	if _, err := s.ShownSettings(ctx, actor); err != nil {
		return err
	}
	if err := s.store.Write(ctx, func(tx *store.Tx) error {
		return tx.Audit(ctx, actor, "user.factor-report", "settings", nil)
	}); err != nil {
		return err
	}
	for cursor := ""; ; {
		page, err := s.FactorReport(ctx, actor, cursor, 100)
		if err != nil {
			return err
		}
		for _, holder := range page.Items {
			if err := each(holder); err != nil {
				return err
			}
		}
		if cursor = page.Next; cursor == "" {
			return nil
		}
	}
}

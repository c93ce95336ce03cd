package tickets

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"postern/desk"
	"postern/store"
)

// AllHours lists the business hours by name.
func (s *Service) AllHours(ctx context.Context, actor desk.Actor) ([]desk.Hours, error) {
	if err := need(actor, desk.MayReadConfig); err != nil {
		return nil, err
	}
	return s.store.AllHours(ctx)
}

// Hours is the business hours of that number.
func (s *Service) Hours(ctx context.Context, actor desk.Actor, id int64) (desk.Hours, error) {
	if err := need(actor, desk.MayReadConfig); err != nil {
		return desk.Hours{}, err
	}
	return s.store.Hours(ctx, id)
}

// SetHours adds business hours (id 0) or changes them. The first ones are the default. What is due on tickets is reckoned anew by a job.
func (s *Service) SetHours(ctx context.Context, actor desk.Actor, h desk.Hours) (desk.Hours, error) {
	if err := need(actor, desk.MayManageTargets); err != nil {
		return h, err
	}
	h.Name, h.Zone = oneLine(h.Name), strings.TrimSpace(h.Zone)
	if err := h.Check(); err != nil {
		return h, err
	}
	err := s.store.Write(ctx, func(tx *store.Tx) error {
		all, err := tx.AllHours(ctx)
		if err != nil {
			return err
		}
		h.Default = h.Default || len(all) == 0
		before := slices.IndexFunc(all, func(one desk.Hours) bool { return one.ID == h.ID })
		if h, err = tx.SetHours(ctx, h); err != nil {
			return err
		}
		if err := tx.Enqueue(ctx, time.Time{}, desk.ReckonTargets{}); err != nil {
			return err
		}
		if before < 0 {
			return tx.Audit(ctx, actor, "hours.set", hoursName(h.ID), h)
		}
		return tx.Audit(ctx, actor, "hours.set", hoursName(h.ID), map[string]desk.Hours{"before": all[before], "after": h})
	})
	return h, err
}

// DropHours removes business hours. Teams that had them go by the default; without one, targets run day and night.
func (s *Service) DropHours(ctx context.Context, actor desk.Actor, id int64) error {
	if err := need(actor, desk.MayManageTargets); err != nil {
		return err
	}
	return s.store.Write(ctx, func(tx *store.Tx) error {
		h, err := tx.DropHours(ctx, id)
		if err != nil {
			return err
		}
		if err := tx.Enqueue(ctx, time.Time{}, desk.ReckonTargets{}); err != nil {
			return err
		}
		return tx.Audit(ctx, actor, "hours.remove", hoursName(id), h)
	})
}

func hoursName(id int64) string { return fmt.Sprintf("hours/%d", id) }

package tickets

import (
	"context"
	"fmt"
	"io"

	"postern/desk"
	"postern/store"
)

// Suspended is one page of the mails held back, the newest first.
func (s *Service) Suspended(ctx context.Context, actor desk.Actor, cursor string, limit int) (desk.Page[desk.SuspendedMail], error) {
	if err := need(actor, desk.MayRead); err != nil {
		return desk.Page[desk.SuspendedMail]{}, err
	}
	return s.store.Suspended(ctx, cursor, limit)
}

// SuspendedOriginal is a mail held back, as it was received. The caller closes it.
func (s *Service) SuspendedOriginal(ctx context.Context, actor desk.Actor, id int64) (io.ReadCloser, int64, error) {
	if err := need(actor, desk.MayRead); err != nil {
		return nil, 0, err
	}
	original, err := s.store.OriginalOfSuspended(ctx, id)
	if err != nil {
		return nil, 0, err
	}
	return s.openOriginal(ctx, original)
}

// Release lets a mail in as if it had just arrived: the same threading, the time at which it was received.
func (s *Service) Release(ctx context.Context, actor desk.Actor, id int64) (desk.Outcome, error) {
	if err := need(actor, desk.MayWrite); err != nil {
		return desk.Outcome{}, err
	}
	if s.cfg.Releaser == nil {
		return desk.Outcome{}, desk.Faultf(desk.Unavailable, "this process takes no mail in: release it where the smtp role runs")
	}
	return s.cfg.Releaser.Release(ctx, actor, id)
}

// DeleteSuspended throws a mail away that was held back.
func (s *Service) DeleteSuspended(ctx context.Context, actor desk.Actor, id int64) error {
	if err := need(actor, desk.MayWrite); err != nil {
		return err
	}
	return s.store.Write(ctx, func(tx *store.Tx) error {
		mail, err := tx.DropSuspended(ctx, id)
		if err != nil {
			return err
		}
		detail := map[string]string{"cause": string(mail.Cause), "from": mail.From}
		if err := tx.Audit(ctx, actor, "suspended.delete", fmt.Sprintf("suspended/%d", id), detail); err != nil {
			return err
		}
		return tx.Announce(ctx, store.News{Suspended: true})
	})
}

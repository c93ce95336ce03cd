package tickets

import (
	"context"
	"errors"
	"fmt"
	"io"

	"postern/desk"
	"postern/store"
)

// mostAtOnce is how many entries one bulk action takes.
const mostAtOnce = 200

// Suspended is one page of the mails held back, the newest first.
func (s *Service) Suspended(ctx context.Context, actor desk.Actor, query desk.SuspendedQuery) (desk.Page[desk.SuspendedMail], error) {
	if err := need(actor, desk.MayReadHeld); err != nil {
		return desk.Page[desk.SuspendedMail]{}, err
	}
	if _, known := desk.Causes[query.Cause]; query.Cause != "" && !known {
		return desk.Page[desk.SuspendedMail]{}, desk.Wrong("cause", "%q is no cause of suspension", query.Cause)
	}
	return s.store.Suspended(ctx, query)
}

// SuspendedMail is one mail held back, with its evidence.
func (s *Service) SuspendedMail(ctx context.Context, actor desk.Actor, id int64) (desk.SuspendedMail, error) {
	if err := need(actor, desk.MayReadHeld); err != nil {
		return desk.SuspendedMail{}, err
	}
	return s.store.SuspendedMail(ctx, id)
}

// SuspendedCauses counts the mails held back by cause.
func (s *Service) SuspendedCauses(ctx context.Context, actor desk.Actor) ([]desk.CauseCount, error) {
	if err := need(actor, desk.MayReadHeld); err != nil {
		return nil, err
	}
	return s.store.SuspendedCauses(ctx)
}

// SuspendedOriginal is a mail held back, as it was received. The caller closes it.
func (s *Service) SuspendedOriginal(ctx context.Context, actor desk.Actor, id int64) (io.ReadCloser, int64, error) {
	if err := need(actor, desk.MayReadHeld); err != nil {
		return nil, 0, err
	}
	if err := s.sensitive(ctx, actor, id); err != nil {
		return nil, 0, err
	}
	original, err := s.store.OriginalOfSuspended(ctx, id)
	if err != nil {
		return nil, 0, err
	}
	return s.openOriginal(ctx, original)
}

// Release lets a mail in as if it had just arrived: the same threading, the time at which it was received. With a ticket it goes onto that one, whatever its evidence says.
func (s *Service) Release(ctx context.Context, actor desk.Actor, id, ticket int64) (desk.Outcome, error) {
	releaser, err := s.releaser(actor)
	if err != nil {
		return desk.Outcome{}, err
	}
	if err := s.sensitive(ctx, actor, id); err != nil {
		return desk.Outcome{}, err
	}
	if ticket != 0 {
		if err := s.see(ctx, actor, ticket); err != nil {
			return desk.Outcome{}, err
		}
	}
	return releaser.Release(ctx, actor, id, ticket)
}

// sensitive keeps other services' sign-in codes from those who are no admins: with one they could take an account over (T-11).
func (s *Service) sensitive(ctx context.Context, actor desk.Actor, id int64) error {
	mail, err := s.store.SuspendedMail(ctx, id)
	if err != nil || mail.Cause != desk.CauseCode {
		return err
	}
	return need(actor, desk.MayReadCodes)
}

// Spam throws a mail away as spam: the filter learns it, and its entry goes.
func (s *Service) Spam(ctx context.Context, actor desk.Actor, id int64) error {
	releaser, err := s.releaser(actor)
	if err != nil {
		return err
	}
	return releaser.Condemn(ctx, actor, id)
}

func (s *Service) releaser(actor desk.Actor) (Releaser, error) {
	if err := need(actor, desk.MayManageHeld); err != nil {
		return nil, err
	}
	if s.cfg.Releaser == nil {
		return nil, desk.Faultf(desk.Unavailable, "this process takes no mail in: release it where the smtp role runs")
	}
	return s.cfg.Releaser, nil
}

// DeleteSuspended throws a mail away that was held back.
func (s *Service) DeleteSuspended(ctx context.Context, actor desk.Actor, id int64) error {
	if err := need(actor, desk.MayManageHeld); err != nil {
		return err
	}
	return s.store.Write(ctx, func(tx *store.Tx) error {
		mail, err := tx.DropSuspended(ctx, id)
		if err != nil {
			return err
		}
		detail := map[string]string{"cause": string(mail.Cause), "from": mail.From}
		if err := tx.Audit(ctx, actor, "suspended.delete", suspendedName(id), detail); err != nil {
			return err
		}
		return tx.Announce(ctx, store.News{Suspended: true})
	})
}

// OnSuspended does the same to several mails held back, one after the other: what fails for one does not stop the others. 200 at most.
func (s *Service) OnSuspended(ctx context.Context, actor desk.Actor, do desk.SuspendedAction, ids []int64) ([]desk.SuspendedResult, error) {
	if err := need(actor, desk.MayManageHeld); err != nil {
		return nil, err
	}
	if len(ids) == 0 || len(ids) > mostAtOnce {
		return nil, desk.Wrong("ids", "name 1 to %d suspended mails", mostAtOnce)
	}
	results := make([]desk.SuspendedResult, 0, len(ids))
	for _, id := range ids {
		outcome, err := s.onOne(ctx, actor, do, id)
		result := desk.SuspendedResult{ID: id, Outcome: outcome}
		var fault *desk.Fault
		switch {
		case errors.As(err, &fault):
			result.Problem = fault.Reason
		case err != nil:
			return results, err
		}
		results = append(results, result)
	}
	return results, nil
}

func (s *Service) onOne(ctx context.Context, actor desk.Actor, do desk.SuspendedAction, id int64) (desk.Outcome, error) {
	switch do {
	case desk.SuspendedRelease:
		return s.Release(ctx, actor, id, 0)
	case desk.SuspendedDelete:
		return desk.Outcome{}, s.DeleteSuspended(ctx, actor, id)
	case desk.SuspendedSpam:
		return desk.Outcome{}, s.Spam(ctx, actor, id)
	case desk.SuspendedBlock, desk.SuspendedAllow:
		return s.ruleOnSender(ctx, actor, do, id)
	default:
		return desk.Outcome{}, desk.Wrong("action", "%q is none of release, delete, spam, block, allow", do)
	}
}

// ruleOnSender puts the sender of a mail onto a list, and then deletes or releases the mail.
func (s *Service) ruleOnSender(ctx context.Context, actor desk.Actor, do desk.SuspendedAction, id int64) (desk.Outcome, error) {
	mail, err := s.store.SuspendedMail(ctx, id)
	if err != nil {
		return desk.Outcome{}, err
	}
	rule := desk.SenderRule{Pattern: mail.From, Action: desk.RuleSuspend, Note: fmt.Sprintf("from suspended mail %d", id)}
	if do == desk.SuspendedAllow {
		rule.Action = desk.RuleAllow
	}
	if _, err := s.SetSenderRule(ctx, actor, rule); err != nil {
		return desk.Outcome{}, err
	}
	if do == desk.SuspendedBlock {
		return desk.Outcome{}, s.DeleteSuspended(ctx, actor, id)
	}
	return s.Release(ctx, actor, id, 0)
}

func suspendedName(id int64) string { return fmt.Sprintf("suspended/%d", id) }

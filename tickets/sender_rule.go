package tickets

import (
	"context"
	"strings"

	"postern/desk"
	"postern/store"
)

// longestNote bounds the note on a sender rule, in bytes.
const longestNote = 500

// SenderRules is one page of the block and allow lists, by pattern.
func (s *Service) SenderRules(ctx context.Context, actor desk.Actor, cursor string, limit int) (desk.Page[desk.SenderRule], error) {
	if err := need(actor, desk.MayReadHeld); err != nil {
		return desk.Page[desk.SenderRule]{}, err
	}
	return s.store.SenderRules(ctx, cursor, limit)
}

// SetSenderRule adds a rule or replaces the one with the same pattern. It holds from the next mail on.
func (s *Service) SetSenderRule(ctx context.Context, actor desk.Actor, rule desk.SenderRule) (desk.SenderRule, error) {
	if err := need(actor, desk.MayManageSenders); err != nil {
		return rule, err
	}
	err := s.store.Write(ctx, func(tx *store.Tx) (err error) {
		rule, err = s.setRule(ctx, tx, actor, rule)
		return err
	})
	return rule, err
}

// setRule checks a rule and keeps it.
func (s *Service) setRule(ctx context.Context, tx *store.Tx, actor desk.Actor, rule desk.SenderRule) (desk.SenderRule, error) {
	pattern, err := desk.CanonicalPattern(rule.Pattern)
	switch {
	case err != nil:
		return rule, err
	case !rule.Action.Valid():
		return rule, desk.Wrong("action", "%q is none of allow, suspend, reject", rule.Action)
	case len(rule.Note) > longestNote || strings.ContainsFunc(rule.Note, func(r rune) bool { return r < ' ' }):
		return rule, desk.Wrong("note", "a note stands on one line of at most %d bytes", longestNote)
	case rule.ExpiresAt != nil && !rule.ExpiresAt.After(s.now()):
		return rule, desk.Wrong("expires_at", "the rule would have ended already")
	}
	rule.Pattern, rule.CreatedBy = pattern, actor.User.Email
	if rule, err = tx.SetSenderRule(ctx, rule); err != nil {
		return rule, err
	}
	detail := map[string]any{"action": rule.Action, "note": rule.Note, "expires_at": rule.ExpiresAt}
	if err := tx.Audit(ctx, actor, "sender.rule", "sender/"+pattern, detail); err != nil {
		return rule, err
	}
	return rule, tx.Announce(ctx, store.News{Settings: true})
}

// DropSenderRule removes a rule.
func (s *Service) DropSenderRule(ctx context.Context, actor desk.Actor, pattern string) error {
	if err := need(actor, desk.MayManageSenders); err != nil {
		return err
	}
	pattern, err := desk.CanonicalPattern(pattern)
	if err != nil {
		return err
	}
	return s.store.Write(ctx, func(tx *store.Tx) error {
		rule, err := tx.DropSenderRule(ctx, pattern)
		if err != nil {
			return err
		}
		if err := tx.Audit(ctx, actor, "sender.unrule", "sender/"+pattern, map[string]any{"action": rule.Action}); err != nil {
			return err
		}
		return tx.Announce(ctx, store.News{Settings: true})
	})
}

// Would says what would happen to a mail like this one, by the rules as they are now: nothing is sent, kept or counted.
func (s *Service) Would(ctx context.Context, actor desk.Actor, mail desk.Supposed) (desk.Ruling, error) {
	if err := need(actor, desk.MayReadHeld); err != nil {
		return desk.Ruling{}, err
	}
	if s.cfg.Releaser == nil {
		return desk.Ruling{}, desk.Faultf(desk.Unavailable, "this process takes no mail in: ask where the smtp role runs")
	}
	if !desk.ValidAddress(desk.Canonical(mail.From)) {
		return desk.Ruling{}, desk.Wrong("from", "%q is not an address like anna@customer.example", mail.From)
	}
	return s.cfg.Releaser.Would(ctx, mail)
}

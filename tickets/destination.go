package tickets

import (
	"context"
	"strings"

	"postern/desk"
	"postern/store"
)

// Destinations is the rules for destinations of mail, by pattern.
func (s *Service) Destinations(ctx context.Context, actor desk.Actor) ([]desk.Destination, error) {
	if err := need(actor, desk.MayReadConfig); err != nil {
		return nil, err
	}
	return s.store.Destinations(ctx)
}

// SetDestination adds a rule or replaces the one with the same pattern. Every delivering process goes by it within seconds.
func (s *Service) SetDestination(ctx context.Context, actor desk.Actor, rule desk.Destination) (desk.Destination, error) {
	if err := need(actor, desk.MayManageDeliveries); err != nil {
		return rule, err
	}
	rule, err := checkDestination(rule)
	if err != nil {
		return rule, err
	}
	rule.CreatedBy = actor.User.Email
	err = s.store.Write(ctx, func(tx *store.Tx) (err error) {
		if rule, err = tx.SetDestination(ctx, rule); err != nil {
			return err
		}
		detail := map[string]any{"tls": rule.TLS, "connections": rule.Connections, "per_minute": rule.PerMinute, "note": rule.Note}
		return tx.Audit(ctx, actor, "destination.rule", "destination/"+rule.Pattern, detail)
	})
	return rule, err
}

// checkDestination says what is wrong with a rule, and gives it its canonical form.
func checkDestination(rule desk.Destination) (desk.Destination, error) {
	pattern, err := desk.CanonicalDestination(rule.Pattern)
	if err != nil {
		return rule, err
	}
	rule.Pattern = pattern
	if rule.TLS == "" {
		rule.TLS = desk.TLSOpportunistic
	}
	switch {
	case !rule.TLS.Valid():
		return rule, desk.Wrong("tls", "%q is none of opportunistic, encrypt, verify, requiretls", rule.TLS)
	case rule.Connections < 0 || rule.Connections > desk.MostConnections:
		return rule, desk.Wrong("connections", "at least 1 and at most %d connections at a time, or 0 for %d", desk.MostConnections, desk.DefaultConnections)
	case rule.PerMinute < 0 || rule.PerMinute > desk.MostPerMinute:
		return rule, desk.Wrong("per_minute", "at least 1 and at most %d mails a minute, or 0 for no limit", desk.MostPerMinute)
	case len(rule.Note) > longestNote || strings.ContainsFunc(rule.Note, func(r rune) bool { return r < ' ' }):
		return rule, desk.Wrong("note", "a note stands on one line of at most %d bytes", longestNote)
	}
	return rule, nil
}

// DropDestination removes a rule.
func (s *Service) DropDestination(ctx context.Context, actor desk.Actor, pattern string) error {
	if err := need(actor, desk.MayManageDeliveries); err != nil {
		return err
	}
	pattern, err := desk.CanonicalDestination(pattern)
	if err != nil {
		return err
	}
	return s.store.Write(ctx, func(tx *store.Tx) error {
		rule, err := tx.DropDestination(ctx, pattern)
		if err != nil {
			return err
		}
		detail := map[string]any{"tls": rule.TLS, "connections": rule.Connections, "per_minute": rule.PerMinute}
		return tx.Audit(ctx, actor, "destination.unrule", "destination/"+pattern, detail)
	})
}

package identity

import (
	"context"

	"postern/desk"
	"postern/store"
)

// profiling is a change of what is known of a person.
type profiling struct {
	user          int64
	before, after desk.Profile
	actor         desk.Actor
	detail        map[string]any // of the entry in the audit log, besides
}

// setProfile writes what is known of a person, if it is something else than before. The audit log says what is known now, and not its words.
func (s *Service) setProfile(ctx context.Context, tx *store.Tx, p profiling) error {
	if p.before.Same(p.after) {
		return nil
	}
	if err := tx.SetProfile(ctx, p.user, p.after, s.now()); err != nil {
		return err
	}
	detail := map[string]any{"before": p.before.Names(), "after": p.after.Names()}
	for name, value := range p.detail {
		detail[name] = value
	}
	return tx.Audit(ctx, p.actor, "user.profile", subjectOf(p.user), detail)
}

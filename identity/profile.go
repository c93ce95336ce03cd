package identity

import (
	"context"
	"maps"

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

// keepAsserted keeps what a provider says about a person who comes in. What it does not say stays as it is.
func (s *Service) keepAsserted(ctx context.Context, tx *store.Tx, w settling, person desk.User) error {
	before, err := tx.Profile(ctx, person.ID)
	if err != nil {
		return err
	}
	after, said := before, w.asserted.Profile
	if said.Company != "" {
		after.Organization = oneLine(said.Company, longestTold)
	}
	if said.Phone != "" {
		after.Phone = oneLine(said.Phone, longestTold)
	}
	if said.Tags != nil {
		after.Tags = nil
		for _, tag := range said.Tags {
			if tag = oneLine(tag, longestTold); tag != "" {
				after.Tags = append(after.Tags, tag)
			}
		}
	}
	if len(said.Fields) > 0 {
		after.Fields = maps.Clone(before.Fields)
		if after.Fields == nil {
			after.Fields = map[string]string{}
		}
		for name, value := range said.Fields {
			after.Fields[name] = oneLine(value, longestTold)
		}
	}
	return s.setProfile(ctx, tx, profiling{user: person.ID, before: before, after: after, actor: w.from.actor(person), detail: map[string]any{"provider": w.asserted.Provider.Name}})
}

package identity

import (
	"context"
	"time"

	"postern/desk"
)

// ResetsByMail says whether people may replace a forgotten password by mail.
func (s *Service) ResetsByMail(ctx context.Context) (bool, error) {
	values, err := s.Settings(ctx)
	return values.On(desk.PasswordByMail), err
}

// OwnPassword is what somebody is told of their own password.
type OwnPassword struct {
	At    *time.Time // when they chose it; nil: they have none
	Ends  *time.Time // by when they have to choose another one; nil: never
	Asked bool       // a change asks for the present one
	Must  string     // why they have to choose another one now: set, rules, expired; empty: they have not
	Rule  desk.PasswordRule
}

// PasswordOf is what the actor is told of their own password.
func (s *Service) PasswordOf(ctx context.Context, actor desk.Actor) (have OwnPassword, err error) {
	values, err := s.Settings(ctx)
	if err != nil {
		return have, err
	}
	state, err := s.store.PasswordState(ctx, actor.User.ID)
	if err != nil {
		return have, err
	}
	have = OwnPassword{At: state.At, Must: state.Must, Rule: ruleFor(values, actor.User)}
	if state.At == nil {
		return have, nil
	}
	if have.Rule.Expiry > 0 {
		ends := state.At.Add(have.Rule.Expiry)
		have.Ends = &ends
	}
	byLink, err := s.store.LinkUsedSince(ctx, actor.User.ID, s.now().Add(-linkTrust))
	have.Asked = !byLink
	return have, err
}

// PasswordOfOther is what somebody who looks after people is told of somebody else's password: what it has to be, and whether they may set it. It needs MayManagePeople.
func (s *Service) PasswordOfOther(ctx context.Context, actor desk.Actor, user int64) (person Person, rule desk.PasswordRule, maySet bool, err error) {
	if err := needs(actor, desk.MayManagePeople); err != nil {
		return person, rule, false, err
	}
	values, err := s.Settings(ctx)
	if err != nil {
		return person, rule, false, err
	}
	known, err := s.store.CredentialsOf(ctx, user)
	return known.Person, ruleFor(values, known.User), maySetPassword(actor, values, known.User) == nil, err
}

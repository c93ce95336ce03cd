package tickets

import (
	"context"

	"postern/desk"
	"postern/language"
	"postern/store"
)

// Policy is how mail is judged.
func (s *Service) Policy(ctx context.Context, actor desk.Actor) (desk.Policy, error) {
	if err := needs(actor, desk.MayRead, desk.MayReadConfig); err != nil {
		return desk.Policy{}, err
	}
	return policyOf(ctx, s.store.Reader)
}

func policyOf(ctx context.Context, r store.Reader) (desk.Policy, error) {
	policy := desk.DefaultPolicy()
	return policy, r.Setting(ctx, store.PolicyKey, &policy)
}

// SetPolicy changes how mail is judged, from the next mail on. change gets the policy as it is.
func (s *Service) SetPolicy(ctx context.Context, actor desk.Actor, change func(*desk.Policy) error) (policy desk.Policy, err error) {
	if err := need(actor, desk.MayManagePolicy); err != nil {
		return desk.Policy{}, err
	}
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		before, err := policyOf(ctx, tx.Reader)
		if err != nil {
			return err
		}
		policy = before
		policy.ARCSealers = append([]string{}, before.ARCSealers...)
		if err := change(&policy); err != nil {
			return err
		}
		for i, sealer := range policy.ARCSealers {
			policy.ARCSealers[i] = desk.Canonical(sealer)
		}
		if err := policy.Check(); err != nil {
			return err
		}
		if language.Of(policy.Language) == nil {
			return desk.Wrong("language", "there is no language %q here", policy.Language)
		}
		if err := tx.SetSetting(ctx, store.PolicyKey, policy); err != nil {
			return err
		}
		if err := tx.Audit(ctx, actor, "policy.change", "policy", map[string]any{"from": before, "to": policy}); err != nil {
			return err
		}
		return tx.Announce(ctx, store.News{Settings: true})
	})
	return policy, err
}

// AgentsByMail says whether our people may answer by mail.
func (s *Service) AgentsByMail(ctx context.Context, actor desk.Actor) (desk.AgentsByMail, error) {
	if err := needs(actor, desk.MayRead, desk.MayReadConfig); err != nil {
		return "", err
	}
	return agentsByMail(ctx, s.store.Reader)
}

func agentsByMail(ctx context.Context, r store.Reader) (desk.AgentsByMail, error) {
	set := desk.AgentsByMailOff
	return set, r.Setting(ctx, store.AgentsByMailKey, &set)
}

// SetAgentsByMail lets our people answer by mail, or no longer: from the next mail on. Addresses that were given out before are good again when it is on again.
func (s *Service) SetAgentsByMail(ctx context.Context, actor desk.Actor, set desk.AgentsByMail) error {
	if err := need(actor, desk.MayManagePolicy); err != nil {
		return err
	}
	if set != desk.AgentsByMailOff && set != desk.AgentsByMailOn {
		return desk.Wrong("agents_by_mail", "agents_by_mail is off or on")
	}
	return s.store.Write(ctx, func(tx *store.Tx) error {
		if err := tx.LockSetting(ctx, store.AgentsByMailKey, desk.AgentsByMailOff); err != nil {
			return err
		}
		before, err := agentsByMail(ctx, tx.Reader)
		if err != nil || before == set {
			return err
		}
		if err := tx.SetSetting(ctx, store.AgentsByMailKey, set); err != nil {
			return err
		}
		if err := tx.Audit(ctx, actor, "policy.agents-by-mail", "policy", values{string(before), string(set)}); err != nil {
			return err
		}
		return tx.Announce(ctx, store.News{Settings: true})
	})
}

package tickets

import (
	"context"

	"postern/desk"
	"postern/store"
)

// Policy is how mail is judged.
func (s *Service) Policy(ctx context.Context, actor desk.Actor) (desk.Policy, error) {
	if err := need(actor, desk.MayRead); err != nil {
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
	if err := need(actor, desk.MayAdminister); err != nil {
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

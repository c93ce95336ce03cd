package domains

import (
	"context"

	"postern/desk"
	"postern/store"
)

// Test makes a mail in the name of a domain, signs it with the keys that sign for it, and says what a stranger's server would make of it; with an address, a copy is sent there, in one attempt.
// A domain that waited for nothing else is active once such a mail is believed.
func (s *Service) Test(ctx context.Context, actor desk.Actor, name, to string) (trial desk.Trial, err error) {
	name, err = allowed(actor, desk.MayManageDomains, name)
	if err != nil {
		return trial, err
	}
	if to != "" && !desk.ValidAddress(to) {
		return trial, desk.Wrong("to", "%q is not an e-mail address", to)
	}
	v, err := s.read(ctx, name)
	if err != nil {
		return trial, err
	}
	keys, err := s.unseal(name, v.keys)
	switch {
	case err != nil:
		return trial, err
	case s.cfg.SelfTest == nil:
		return trial, desk.Faultf(desk.Unavailable, "this process cannot make test mails")
	case len(keys) == 0:
		return trial, desk.Faultf(desk.Conflict, "%s has no keys that could sign", name)
	case to != "" && v.domain.ProvenAt.IsZero():
		return trial, desk.Faultf(desk.Conflict, "nothing leaves in the name of %s before it is proved to be yours: publish the first record and check again", name)
	}
	if trial, err = s.cfg.SelfTest(ctx, name, keys, to); err != nil {
		return trial, err
	}
	problem := ""
	if !trial.Good {
		problem = trial.Problem()
	}
	return trial, s.tested(ctx, actor, v, verdict{problem, map[string]any{"to": to, "good": trial.Good}})
}

// prove tests a domain that waits for nothing else, or is in use. Then it is active, or says why not.
func (s *Service) prove(ctx context.Context, actor desk.Actor, name string) error {
	v, err := s.read(ctx, name)
	if err != nil || v.domain.State != desk.DomainReady && v.domain.State != desk.DomainActive {
		return err
	}
	keys, err := s.unseal(name, v.keys)
	if err != nil {
		return err
	}
	var problem string
	if s.cfg.SelfTest != nil {
		trial, err := s.cfg.SelfTest(ctx, name, keys, "")
		switch {
		case v.domain.State == desk.DomainActive && (err != nil || !trial.Settled()):
			return ctx.Err() // a resolver's bad minute is no verdict on a domain that was proved before
		case err != nil:
			problem = err.Error()
		case !trial.Good:
			problem = trial.Problem()
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.tested(ctx, actor, v, verdict{problem: problem})
}

// verdict is what a test mail came to.
type verdict struct {
	problem string         // empty: it is believed
	asked   map[string]any // what somebody asked for, for the audit log; nil: nobody asked
}

// tested writes down what a test mail came to, and what follows for the domain.
func (s *Service) tested(ctx context.Context, actor desk.Actor, v view, came verdict) error {
	at, name := s.cfg.Now(), v.domain.Name
	return s.note(ctx, func(tx *store.Tx) (bool, error) {
		d, err := tx.LockDomain(ctx, name)
		if err != nil || d.ID != v.domain.ID {
			return false, err
		}
		was := d
		d.TestProblem = came.problem
		if came.problem == "" {
			d.TestedAt = at
			if was.State == desk.DomainReady || was.State == desk.DomainActive { // by the records as they were found when it became so
				d = settle(d, v.records, at)
			}
		}
		if err := tx.SetDomain(ctx, d); err != nil {
			return false, err
		}
		v.domain = d
		if err := s.alert(ctx, tx, actor, v, at); err != nil {
			return false, err
		}
		if came.asked != nil {
			if err := tx.Audit(ctx, actor, "domain.test", subjectOf(name), came.asked); err != nil {
				return false, err
			}
		}
		if d.State == was.State && d.TestProblem == was.TestProblem {
			return false, nil
		}
		return d.State != was.State, tx.Audit(ctx, actor, "domain.state", subjectOf(name), map[string]any{"before": was.State, "after": d.State, "test": came.problem})
	})
}

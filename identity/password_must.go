package identity

import (
	"context"
	"time"

	"postern/desk"
	"postern/store"
)

// Why somebody has to choose another password. The words stand in the database and in the audit log.
const (
	mustSet     = "set"     // an admin chose the one that they have
	mustRules   = "rules"   // it does not keep to the rules, or nobody knows whether it does
	mustExpired = "expired" // it is older than the rules allow
)

// raiseGrace is how long after rules have become stricter a password is looked at where its person signs in; whoever has not signed in by then chooses another (security row 32).
const raiseGrace = 5 * 24 * time.Hour

// raisedKey is the setting that says when the rules of those people became stricter last. It is no setting for people.
func raisedKey(of store.Population) string { return "passwords." + string(of) + ".raised" }

func populationOf(role desk.Role) store.Population {
	if role.Staff() {
		return store.PopulationStaff
	}
	return store.PopulationCustomers
}

// mustChange decides why the person who has just signed in by password has to choose another one; empty: they have not. unfit is what the rules say against the one they have.
func mustChange(state store.PasswordState, rule desk.PasswordRule, raised time.Time, unfit string, now time.Time) string {
	unseen := state.CheckedAt == nil || state.CheckedAt.Before(raised)
	switch {
	case state.Must != "":
		return state.Must
	case unfit != "":
		return mustRules
	case !raised.IsZero() && unseen && !now.Before(raised.Add(raiseGrace)):
		return mustRules
	case rule.Expiry > 0 && state.At != nil && !now.Before(state.At.Add(rule.Expiry)):
		return mustExpired
	}
	return ""
}

// judgePassword looks at a password with which somebody has just signed in, in clear, and says why they have to choose another one; empty: they have not.
func (s *Service) judgePassword(ctx context.Context, values desk.Values, user desk.User, password string) (must string, err error) {
	state, err := s.store.PasswordState(ctx, user.ID)
	if err != nil {
		return "", err
	}
	var raised time.Time
	if err := s.store.Setting(ctx, raisedKey(populationOf(user.Role)), &raised); err != nil {
		return "", err
	}
	rule := ruleFor(values, user)
	plain, err := prepare(password)
	if err != nil {
		return mustRules, nil // another program took it; ours cannot hold it
	}
	known, err := s.guessingAt(ctx, values, user)
	if err != nil {
		return "", err
	}
	unfit, err := known.weakness(plain, rule)
	return mustChange(state, rule, raised, unfit, s.now()), err
}

// notePassword writes down what judgePassword said, in the transaction that opens the session.
func (s *Service) notePassword(ctx context.Context, tx *store.Tx, user int64, must string) error {
	if must != "" {
		return tx.MustChangePassword(ctx, user, must)
	}
	return tx.PasswordKept(ctx, user, s.now())
}

// passwordRulesChanged does what follows when rules for passwords change: where they become stricter, people are told, and their passwords are looked at; where they become weaker, owners are told.
func (s *Service) passwordRulesChanged(ctx context.Context, tx *store.Tx, actor desk.Actor, before, after desk.Values) error {
	weaker := false
	for _, group := range []struct {
		of    store.Population
		roles []desk.Role
	}{{store.PopulationStaff, []desk.Role{desk.RoleOwner, desk.RoleAgent}}, {store.PopulationCustomers, []desk.Role{desk.RoleCustomer}}} {
		stricter := false
		for _, role := range group.roles {
			was, is := ruleFor(before, desk.User{Role: role}), ruleFor(after, desk.User{Role: role})
			stricter, weaker = stricter || is.Stricter(was), weaker || is.Weaker(was)
		}
		if !stricter {
			continue
		}
		if err := tx.SetSetting(ctx, raisedKey(group.of), s.now()); err != nil {
			return err
		}
		if err := tx.Enqueue(ctx, time.Time{}, desk.TellStricter{Population: string(group.of), At: s.now()}); err != nil {
			return err
		}
	}
	letter := desk.TellPerson{At: s.now(), IP: actor.IP, Who: actor.User.Name}
	if weaker {
		letter.About = desk.LetterPasswordLoosened
		if err := s.tellOwners(ctx, tx, letter); err != nil {
			return err
		}
	}
	if before.On(desk.AdminsSetPassword) != after.On(desk.AdminsSetPassword) {
		letter.About = desk.LetterAdminsSetPassword
		return s.tellOwners(ctx, tx, letter)
	}
	return nil
}

// tellAtOnce is how many people are told in one transaction.
const tellAtOnce = 200

// TellStricter puts letters into the queue that say that the rules have become stricter, for some of those who have a password, and itself for the rest.
func (s *Service) TellStricter(ctx context.Context, job desk.TellStricter) error {
	return s.store.Write(ctx, func(tx *store.Tx) error {
		people, err := tx.WithPassword(ctx, store.Population(job.Population), job.After, tellAtOnce)
		if err != nil {
			return err
		}
		for _, user := range people {
			if err := s.tell(ctx, tx, desk.TellPerson{User: user, About: desk.LetterPasswordMust, At: job.At}, ""); err != nil {
				return err
			}
			job.After = user
		}
		if len(people) < tellAtOnce {
			return nil
		}
		return tx.Enqueue(ctx, time.Time{}, job)
	})
}

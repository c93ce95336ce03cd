package identity

import (
	"context"

	"postern/desk"
	"postern/store"
)

// admission is an assertion at the door.
type admission struct {
	asserted Asserted
	browser  string // cookie of the browser; empty: it cannot be asked to wait for a mail
	next     string
	language string // of a mail
	proved   bool   // the address was proved by mail
	from     Client
}

// admitFederated lets in whoever a provider has vouched for, connecting or making the person where decide says so. It is for every protocol. A refusal is a *Refused, and in the audit log.
func (s *Service) admitFederated(ctx context.Context, in admission) (done SignedOn, err error) {
	done = SignedOn{Purpose: ToEnter, Next: in.next}
	values, err := s.Settings(ctx)
	if err != nil {
		return done, err
	}
	a := in.asserted
	a.Email = desk.Canonical(a.Email)
	var refusal *Refused
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		known, owner, err := s.look(ctx, tx, a)
		if err != nil {
			return err
		}
		known.From, known.Proved, known.MayProve = in.from.IP, in.proved, in.browser != "" && !in.proved
		what := decide(a, known)
		switch what.Step {
		case stepRefuse:
			refusal = &Refused{Code: what.Code, Detail: what.Detail}
			return s.auditRefusal(ctx, tx, refusalOf{provider: a.Provider, person: personOf(known), why: refusal, from: in.from})
		case stepProve:
			done.Proving = true
			return s.askProof(ctx, tx, in, a)
		}
		settled := settling{asserted: a, verdict: what, identity: owner, from: in.from}
		person, err := s.settle(ctx, tx, settled)
		if err == nil {
			err = s.keepAsserted(ctx, tx, settled, person)
		}
		if err != nil {
			return err
		}
		done.Came, err = s.arrive(ctx, tx, values, Arrival{
			User: person, Method: methodOf(a.Provider.Kind), Provider: a.Provider.Name, Strong: a.Provider.Settings.SaysMFA(a.MFA), Until: a.until(s.now()), From: in.from,
		})
		return err
	})
	if err == nil && refusal != nil {
		return SignedOn{}, refusal
	}
	if err != nil {
		return SignedOn{}, s.refuseSignOn(ctx, a.Provider, err, in.from)
	}
	return done, nil
}

// personOf is whom an assertion is about, as far as that is known.
func personOf(f facts) int64 {
	if f.Owner != nil {
		return f.Owner.ID
	}
	return 0
}

// look finds out what decide has to know. Where the account is nobody's yet, changes of people wait meanwhile, so that nobody gets the address in between.
func (s *Service) look(ctx context.Context, tx *store.Tx, a Asserted) (known facts, owner desk.ForeignIdentity, err error) {
	known.SaysNoName = a.Subject == ""
	if a.Subject != "" {
		found := false
		owner, found, err = tx.ForeignIdentity(ctx, a.Provider.ID, a.Issuer, a.Subject)
		if err != nil {
			return known, owner, err
		}
		if found {
			person, err := tx.CredentialsOf(ctx, owner.UserID)
			known.Owner = &person.Person
			return known, owner, err
		}
	}
	if _, err := tx.LockOwners(ctx); err != nil {
		return known, owner, err
	}
	holder, err := tx.Credentials(ctx, a.Email)
	if err != nil || holder.ID == 0 {
		return known, owner, err
	}
	known.Holder = &holder.Person
	known.HolderHas, err = tx.HasForeignIdentity(ctx, a.Provider.ID, holder.ID)
	return known, owner, err
}

// settling is what is to be written before somebody comes in.
type settling struct {
	asserted Asserted
	verdict  verdict
	identity desk.ForeignIdentity // of an account that is connected
	from     Client
}

// settle makes the person, connects the account, and gives the role, as decided; and returns who comes in.
func (s *Service) settle(ctx context.Context, tx *store.Tx, w settling) (person desk.User, err error) {
	a, now := w.asserted, s.now()
	switch w.verdict.Step {
	case stepCreate:
		if person, err = s.makePerson(ctx, tx, w); err != nil {
			return person, err
		}
	default:
		person = w.verdict.Person.User
	}
	if w.verdict.Step == stepEnter {
		if w.identity.ID == 0 { // a JWT without a lasting name
			return s.giveRole(ctx, tx, w, person)
		}
		if err := tx.TouchForeignIdentity(ctx, w.identity.ID, a.Email, now); err != nil {
			return person, err
		}
		return s.giveRole(ctx, tx, w, person)
	}
	if a.Subject != "" {
		if err := s.addIdentity(ctx, tx, person, a, w.from); err != nil {
			return person, err
		}
	}
	return s.giveRole(ctx, tx, w, person)
}

// addIdentity connects an account to a person, and tells them.
func (s *Service) addIdentity(ctx context.Context, tx *store.Tx, person desk.User, a Asserted, from Client) error {
	link := desk.ForeignIdentity{ProviderID: a.Provider.ID, Issuer: a.Issuer, Subject: a.Subject, UserID: person.ID, Email: a.Email}
	if err := tx.AddForeignIdentity(ctx, link, s.now()); err != nil {
		return err
	}
	detail := map[string]any{"provider": a.Provider.Name, "issuer": a.Issuer, "subject": a.Subject}
	if err := tx.Audit(ctx, from.actor(person), "identity.link", subjectOf(person.ID), detail); err != nil {
		return err
	}
	return s.tell(ctx, tx, desk.TellPerson{User: person.ID, About: desk.LetterAccountConnected, IP: from.IP, Facts: map[string]string{"provider": a.Provider.Name}}, "")
}

// makePerson makes an account for whoever the provider has vouched for.
func (s *Service) makePerson(ctx context.Context, tx *store.Tx, w settling) (desk.User, error) {
	a := w.asserted
	person := desk.User{Email: a.Email, Name: nameOf(a), Role: w.verdict.Role}
	if err := check(person); err != nil {
		return person, &Refused{Code: BadClaims, Detail: err.Error()}
	}
	made, err := tx.AddPerson(ctx, person)
	if err != nil {
		return made, err
	}
	if a.Profile.Language != "" {
		if err := tx.SetLanguage(ctx, made.ID, a.Profile.Language); err != nil {
			return made, err
		}
	}
	s.forgetStaff()
	detail := map[string]any{"email": made.Email, "role": made.Role, "provider": a.Provider.Name}
	if err := tx.Audit(ctx, w.from.actor(desk.User{}), "user.add", subjectOf(made.ID), detail); err != nil {
		return made, err
	}
	return made, announce(ctx, tx)
}

// giveRole gives an existing person the role that the provider says, where decide allows it.
func (s *Service) giveRole(ctx context.Context, tx *store.Tx, w settling, person desk.User) (desk.User, error) {
	if w.verdict.Step == stepCreate || w.verdict.Role == "" {
		return person, nil
	}
	if _, err := tx.LockOwners(ctx); err != nil {
		return person, err
	}
	before, err := tx.CredentialsOf(ctx, person.ID)
	if err != nil || before.Role == desk.RoleOwner {
		return before.User, err
	}
	after := before
	after.Role = w.verdict.Role
	if err := tx.UpdatePerson(ctx, after.User); err != nil {
		return person, err
	}
	s.forgetStaff()
	detail := map[string]any{"fields": []string{"role"}, "role": after.Role, "before": before.Role, "provider": w.asserted.Provider.Name}
	if err := tx.Audit(ctx, w.from.actor(desk.User{}), "user.change", subjectOf(person.ID), detail); err != nil {
		return person, err
	}
	return after.User, announce(ctx, tx)
}

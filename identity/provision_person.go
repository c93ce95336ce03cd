package identity

import (
	"context"
	"slices"

	"postern/desk"
	"postern/store"
)

// Provisioned is a person whom the provider keeps here. Everybody else does not exist for it.
func (s *Service) Provisioned(ctx context.Context, by Provisioner, id int64) (desk.Provision, error) {
	return provisionOf(ctx, s.store.Reader, by, id)
}

func provisionOf(ctx context.Context, r store.Reader, by Provisioner, id int64) (desk.Provision, error) {
	found, known, err := r.Provision(ctx, id)
	if err == nil && (!known || found.ProviderID != by.Provider.ID || found.GoneAt != nil) {
		err = desk.Faultf(desk.NotFound, "the provider keeps nobody of this id here")
	}
	return found, err
}

// ProvisionedPeople lists whom the provider keeps here, and how many match in all.
func (s *Service) ProvisionedPeople(ctx context.Context, by Provisioner, q desk.ProvisionQuery) ([]desk.Provision, int, error) {
	q.Provider = by.Provider.ID
	return s.store.Provisions(ctx, q)
}

// provisionFacts are what is known when a provider brings somebody.
type provisionFacts struct {
	Holder  *Person         // who has the address here; nil: nobody
	Service bool            // that is the account of a program
	Kept    *desk.Provision // who keeps the holder; nil: nobody
}

// decideProvision says whom a provider gets that brings somebody: a new person (0), or the one who has the address, whom it takes over, or takes back. Its word about the address has been found to be enough.
// An owner is never taken over, nor somebody for whom the provider is not meant, nor somebody whom another provider keeps.
func decideProvision(p desk.Provider, f provisionFacts) (person int64, err error) {
	switch {
	case f.Holder == nil:
		return 0, nil
	case f.Holder.Role == desk.RoleOwner || f.Service:
		return 0, desk.Faultf(desk.Conflict, "the address belongs to somebody here whom no provider keeps")
	case !p.Population.Covers(f.Holder.Role):
		return 0, desk.Faultf(desk.Conflict, "the address belongs to somebody here for whom this provider is not meant")
	case f.Kept != nil && f.Kept.GoneAt == nil:
		return 0, desk.Faultf(desk.Conflict, "the address belongs to somebody here whom a provider keeps already")
	}
	return f.Holder.ID, nil
}

// AddProvisioned keeps somebody here whom the provider brings: a new person, or the one who has the address already.
func (s *Service) AddProvisioned(ctx context.Context, by Provisioner, said desk.Provisioned) (made desk.Provision, err error) {
	if err := checkProvisioned(by.Provider, said); err != nil {
		return made, err
	}
	values, err := s.Settings(ctx)
	if err != nil {
		return made, err
	}
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		if _, err := tx.LockOwners(ctx); err != nil {
			return err
		}
		id, err := s.whomProvisioned(ctx, tx, by, said)
		if err != nil {
			return err
		}
		if id == 0 {
			id, err = s.makeProvisioned(ctx, tx, by, said)
		} else {
			err = tx.Audit(ctx, by.actor(), "user.provision", subjectOf(id), by.detail(map[string]any{"taken_over": true}))
		}
		if err != nil {
			return err
		}
		before, _, err := tx.Provision(ctx, id) // of whom it takes back: its word may enable them again
		if err != nil {
			return err
		}
		now := s.now()
		work := provisioning{by: by, values: values, before: desk.Provision{UserID: id, ProviderID: by.Provider.ID, CreatedAt: now, Disabled: before.Disabled && before.ProviderID == by.Provider.ID}}
		work.after = work.before
		work.after.Said, work.after.UpdatedAt = said, now
		made, err = s.provision(ctx, tx, work)
		return err
	})
	s.forgetStaff()
	return made, err
}

// whomProvisioned looks who has the address of somebody whom a provider brings; 0: nobody.
func (s *Service) whomProvisioned(ctx context.Context, tx *store.Tx, by Provisioner, said desk.Provisioned) (int64, error) {
	holder, err := tx.Credentials(ctx, said.Address())
	if err != nil {
		return 0, err
	}
	var known provisionFacts
	if holder.ID != 0 {
		known.Holder = &holder.Person
		if known.Service, err = tx.IsService(ctx, holder.ID); err != nil {
			return 0, err
		}
		one, found, err := tx.Provision(ctx, holder.ID)
		if err != nil {
			return 0, err
		}
		if found {
			known.Kept = &one
		}
	}
	return decideProvision(by.Provider, known)
}

// makeProvisioned makes a person, with the least role of the provider's people; a role that it says itself comes with the rest.
func (s *Service) makeProvisioned(ctx context.Context, tx *store.Tx, by Provisioner, said desk.Provisioned) (int64, error) {
	_, count, err := tx.Provisions(ctx, desk.ProvisionQuery{Provider: by.Provider.ID})
	if err != nil {
		return 0, err
	}
	if count >= provisionedMost {
		return 0, desk.Faultf(desk.TooLarge, "the provider keeps %d people here, which is the most", count)
	}
	person := desk.User{Email: said.Address(), Name: nameOf(Asserted{Name: said.Name(), Email: said.Address()}), Role: by.Provider.RoleProvisioned()}
	if err := check(person); err != nil {
		return 0, err
	}
	made, err := tx.AddPerson(ctx, person)
	if err != nil {
		return 0, err
	}
	for _, word := range []string{said.Language, said.Locale} {
		if language := languageOf(word); language != "" {
			if err := tx.SetLanguage(ctx, made.ID, language); err != nil {
				return 0, err
			}
			break
		}
	}
	if err := tx.Audit(ctx, by.actor(), "user.add", subjectOf(made.ID), by.detail(map[string]any{"email": made.Email, "role": made.Role})); err != nil {
		return 0, err
	}
	return made.ID, announce(ctx, tx)
}

// ChangeProvisioned changes what a provider says about a person whom it keeps here. change gets what it said before and returns what it says now.
func (s *Service) ChangeProvisioned(ctx context.Context, by Provisioner, id int64, change func(desk.Provisioned) (desk.Provisioned, error)) (made desk.Provision, err error) {
	values, err := s.Settings(ctx)
	if err != nil {
		return made, err
	}
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		if _, err := tx.LockOwners(ctx); err != nil {
			return err
		}
		work := provisioning{by: by, values: values}
		if work.before, err = provisionOf(ctx, tx.Reader, by, id); err != nil {
			return err
		}
		if err := mayProvision(by.Provider, work.before.Person); err != nil {
			return err
		}
		work.before.Said.Active = !work.before.Out
		work.after = work.before
		if work.after.Said, err = change(work.before.Said); err != nil {
			return err
		}
		if work.after.Said == work.before.Said {
			made = work.before
			return nil
		}
		work.after.UpdatedAt = s.now()
		made, err = s.provision(ctx, tx, work)
		return err
	})
	s.forgetStaff()
	return made, err
}

// mayProvision says whether a provider still has a say about a person: who has become an owner, or somebody for whom it is not meant, has outgrown it.
func mayProvision(p desk.Provider, person desk.User) error {
	if person.Role == desk.RoleOwner || !p.Population.Covers(person.Role) {
		return desk.Faultf(desk.Forbidden, "this person's role here has grown beyond the provider: an owner of the desk changes them")
	}
	return nil
}

// ReleaseProvisioned ends what a provider has to say about a person, who is out from then on. What they wrote stays, and so does who they are: the provider can bring them back.
func (s *Service) ReleaseProvisioned(ctx context.Context, by Provisioner, id int64) error {
	defer s.forgetStaff()
	return s.store.Write(ctx, func(tx *store.Tx) error {
		if _, err := tx.LockOwners(ctx); err != nil {
			return err
		}
		person, err := provisionOf(ctx, tx.Reader, by, id)
		if err == nil {
			err = mayProvision(by.Provider, person.Person)
		}
		if err != nil {
			return err
		}
		now := s.now()
		person.Said.Active = false
		if err := s.provisionActive(ctx, tx, by, &person); err != nil {
			return err
		}
		person.GoneAt, person.UpdatedAt = &now, now
		if err := tx.SetProvision(ctx, person); err != nil {
			return err
		}
		return tx.Audit(ctx, by.actor(), "user.release", subjectOf(id), by.detail(nil))
	})
}

// provisioning is what a provider wants of a person, about to be done.
type provisioning struct {
	by            Provisioner
	values        desk.Values
	before, after desk.Provision
}

// provision writes what a provider says about a person, and does what follows: name, address, role, profile, and whether they may come in.
func (s *Service) provision(ctx context.Context, tx *store.Tx, w provisioning) (made desk.Provision, err error) {
	said := w.after.Said
	if err := checkProvisioned(w.by.Provider, said); err != nil {
		return made, err
	}
	if err := s.provisionPerson(ctx, tx, w); err != nil {
		return made, err
	}
	known, err := tx.Profile(ctx, w.after.UserID)
	if err != nil {
		return made, err
	}
	profile := known
	profile.Organization, profile.Department, profile.Title, profile.Phone = said.Organization, said.Department, said.Title, said.Phone
	if err := s.setProfile(ctx, tx, profiling{user: w.after.UserID, before: known, after: profile, actor: w.by.actor(), detail: w.by.detail(nil)}); err != nil {
		return made, err
	}
	person, err := tx.CredentialsOf(ctx, w.after.UserID)
	if err != nil {
		return made, err
	}
	w.after.Person, w.after.Out = person.User, person.DisabledAt != nil
	if err := s.provisionActive(ctx, tx, w.by, &w.after); err != nil {
		return made, err
	}
	return w.after, tx.SetProvision(ctx, w.after)
}

// provisionPerson gives a person the name, address and role that the provider says now, where they are others than it said before: what people have changed here stays otherwise.
func (s *Service) provisionPerson(ctx context.Context, tx *store.Tx, w provisioning) error {
	before, err := tx.CredentialsOf(ctx, w.after.UserID)
	if err != nil {
		return err
	}
	after, fields := before, []string{}
	said, already := w.after.Said, w.before.Said
	if name := oneLine(said.Name(), longestName); name != "" && said.Name() != already.Name() && name != before.Name {
		after.Name, fields = name, append(fields, "name")
	}
	if address := said.Address(); address != already.Address() && address != before.Email {
		after.Email, fields = address, append(fields, "email")
	}
	if said.Role != already.Role {
		wished, fault := roleWished(Asserted{Provider: w.by.Provider, Role: said.Role})
		if fault != nil {
			return desk.Wrong("roles", "%s", "the role is none that this provider may say here")
		}
		if role := newRole(before.Role, wished); role != "" {
			after.Role, fields = role, append(fields, "role")
		}
	}
	if len(fields) == 0 {
		return nil
	}
	if err := check(after.User); err != nil {
		return err
	}
	if err := tx.UpdatePerson(ctx, after.User); err != nil {
		return err
	}
	if after.Email != before.Email {
		change := update{before: before, after: after, values: w.values, actor: w.by.actor()}
		if err := s.newAddress(ctx, tx, change, false); err != nil {
			return err
		}
	}
	slices.Sort(fields)
	detail := w.by.detail(map[string]any{"fields": fields})
	if after.Role != before.Role {
		detail["role"], detail["before"] = after.Role, before.Role
	}
	if err := tx.Audit(ctx, w.by.actor(), "user.change", subjectOf(after.ID), detail); err != nil {
		return err
	}
	return announce(ctx, tx)
}

// provisionActive keeps a person out whom the provider calls inactive, and lets them in again if it was its word that kept them out. Whom somebody here has disabled stays out.
func (s *Service) provisionActive(ctx context.Context, tx *store.Tx, by Provisioner, person *desk.Provision) error {
	switch {
	case !person.Said.Active && !person.Out:
		now := s.now()
		if err := s.shut(ctx, tx, person.UserID, &now); err != nil {
			return err
		}
		person.Out, person.Disabled = true, true
		return tx.Audit(ctx, by.actor(), "user.disable", subjectOf(person.UserID), by.detail(nil))
	case person.Said.Active && person.Out && person.Disabled:
		if err := s.shut(ctx, tx, person.UserID, nil); err != nil {
			return err
		}
		person.Out, person.Disabled = false, false
		return tx.Audit(ctx, by.actor(), "user.enable", subjectOf(person.UserID), by.detail(nil))
	}
	return nil
}

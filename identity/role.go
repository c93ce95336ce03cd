package identity

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"postern/desk"
	"postern/mailtext"
	"postern/store"
)

// asFault is the fault in an error, or nil.
func asFault(err error) *desk.Fault {
	var fault *desk.Fault
	errors.As(err, &fault)
	return fault
}

// Roles lists the roles that people made here, by name. Whoever sees people sees them.
func (s *Service) Roles(ctx context.Context, actor desk.Actor) ([]desk.CustomRole, error) {
	if err := needs(actor, desk.MayReadPeople); err != nil {
		return nil, err
	}
	return s.store.Roles(ctx)
}

// Role is one role that people made here.
func (s *Service) Role(ctx context.Context, actor desk.Actor, name desk.Role) (desk.CustomRole, error) {
	if err := needs(actor, desk.MayReadPeople); err != nil {
		return desk.CustomRole{}, err
	}
	return s.store.Role(ctx, name)
}

// PeopleByRole says how many people have each role, disabled ones among them.
func (s *Service) PeopleByRole(ctx context.Context, actor desk.Actor) (map[desk.Role]int, error) {
	if err := needs(actor, desk.MayReadPeople); err != nil {
		return nil, err
	}
	return s.store.CountByRole(ctx)
}

// HeldBy lists people who have a role, by name: the first two hundred.
func (s *Service) HeldBy(ctx context.Context, actor desk.Actor, role desk.Role) ([]Person, error) {
	if err := needs(actor, desk.MayReadPeople); err != nil {
		return nil, err
	}
	return s.store.HeldBy(ctx, role)
}

// GivenTo lists the roles that the actor may give to others, the most usual first.
func (s *Service) GivenTo(ctx context.Context, actor desk.Actor) ([]desk.Role, error) {
	given := []desk.Role{}
	for _, role := range []desk.Role{desk.RoleAgent, desk.RoleLight, desk.RoleAdmin, desk.RoleOwner, desk.RoleAuditor, desk.RoleCustomer} {
		if outranks(actor, desk.User{Role: role}) == nil {
			given = append(given, role)
		}
	}
	roles, err := s.store.Roles(ctx)
	for _, role := range roles {
		grant := role.Grant()
		if outranks(actor, desk.User{Role: role.Name, Grant: &grant}) == nil {
			given = append(given, role.Name)
		}
	}
	return given, err
}

// AddRole makes a role. Nobody makes one that gives what they do not hold.
func (s *Service) AddRole(ctx context.Context, actor desk.Actor, role desk.CustomRole) (desk.CustomRole, error) {
	if err := needs(actor, desk.MayManageRoles); err != nil {
		return role, err
	}
	made, err := s.formed(actor, role)
	if err != nil {
		return role, err
	}
	err = s.audited(ctx, func(tx *store.Tx) (entry, error) {
		if err := tx.LockRoles(ctx); err != nil {
			return entry{}, err
		}
		if err := s.holdsNow(ctx, tx, actor, made.Grant()); err != nil {
			return entry{}, err
		}
		detail := map[string]any{"to": auditedRole(made.CustomRole)}
		return entry{actor: actor, action: "role.add", subject: roleSubject(made.Name), detail: detail}, tx.AddRole(ctx, made)
	})
	return made.CustomRole, err
}

// ChangeRole changes the role of that name, its name too, for all who have it and at once. Nobody changes their own role, nor one that gives what they do not hold, before or after.
func (s *Service) ChangeRole(ctx context.Context, actor desk.Actor, name desk.Role, role desk.CustomRole) (desk.CustomRole, error) {
	if err := needs(actor, desk.MayManageRoles); err != nil {
		return role, err
	}
	made, err := s.formed(actor, role)
	if err != nil {
		return role, err
	}
	err = s.onRole(ctx, actor, name, func(tx *store.Tx, before desk.CustomRole) (entry, error) {
		made.CreatedAt, made.People = before.CreatedAt, before.People
		if err := s.holdsNow(ctx, tx, actor, made.Grant()); err != nil {
			return entry{}, err
		}
		detail := map[string]any{"from": auditedRole(before), "to": auditedRole(made.CustomRole)}
		return entry{actor: actor, action: "role.change", subject: roleSubject(made.Name), detail: detail}, tx.SaveRole(ctx, name, made)
	})
	s.forgetStaff()
	return made.CustomRole, err
}

// RemoveRole removes a role that nobody has.
func (s *Service) RemoveRole(ctx context.Context, actor desk.Actor, name desk.Role) error {
	if err := needs(actor, desk.MayManageRoles); err != nil {
		return err
	}
	return s.onRole(ctx, actor, name, func(tx *store.Tx, before desk.CustomRole) (entry, error) {
		return entry{actor: actor, action: "role.remove", subject: roleSubject(name), detail: map[string]any{"from": auditedRole(before)}}, tx.DropRole(ctx, name)
	})
}

// onRole is one audited change of a role, which the actor does not have and holds all of.
func (s *Service) onRole(ctx context.Context, actor desk.Actor, name desk.Role, do func(*store.Tx, desk.CustomRole) (entry, error)) error {
	return s.audited(ctx, func(tx *store.Tx) (entry, error) {
		if err := tx.LockRoles(ctx); err != nil {
			return entry{}, err
		}
		before, err := tx.Role(ctx, name)
		if err != nil {
			return entry{}, err
		}
		if actor.User.Role == name {
			return entry{}, desk.Faultf(desk.Forbidden, "nobody changes their own role")
		}
		if err := s.holdsNow(ctx, tx, actor, before.Grant()); err != nil {
			return entry{}, err
		}
		done, err := do(tx, before)
		if err == nil {
			err = announce(ctx, tx)
		}
		return done, err
	})
}

// holdsNow says whether the actor, as they are at this moment, may give the grant away.
func (s *Service) holdsNow(ctx context.Context, tx *store.Tx, actor desk.Actor, grant desk.Grant) error {
	if actor.IsSystem() {
		return nil
	}
	now, err := tx.CredentialsOf(ctx, actor.User.ID)
	if err != nil {
		return err
	}
	holds := now.Holds()
	if now.DisabledAt == nil && holds.Covers(grant) {
		return nil
	}
	for _, right := range grant.Rights {
		if !holds.Has(right) {
			return desk.Faultf(desk.Forbidden, "nobody gives what they do not hold: you lack the right %q", right)
		}
	}
	return desk.Faultf(desk.Forbidden, "nobody gives what they do not hold: the role would show more than yours")
}

// formed brings a role into the form in which it is kept.
func (s *Service) formed(actor desk.Actor, role desk.CustomRole) (store.NewRole, error) {
	role.Name, role.Says = desk.Role(strings.Join(strings.Fields(string(role.Name)), " ")), strings.TrimSpace(role.Says)
	rights := []desk.Right{}
	for _, row := range desk.Rights { // in the order of the table, each once
		if slices.Contains(role.Rights, row.Right) {
			rights = append(rights, row.Right)
		}
	}
	for _, right := range role.Rights {
		if _, known := right.Row(); !known {
			return store.NewRole{}, desk.Wrong("rights", "there is no right %q", right)
		}
	}
	masks := []desk.Mask{}
	for _, mask := range desk.Masks {
		if slices.Contains(role.Masks, mask) {
			masks = append(masks, mask)
		}
	}
	if len(masks) < len(role.Masks) {
		return store.NewRole{}, desk.Wrong("masks", "a role hides the email, phone or name of customers")
	}
	role.Rights, role.Masks, role.UpdatedBy, role.UpdatedAt = rights, masks, actor.User.Email, s.now()
	if role.CreatedAt.IsZero() {
		role.CreatedAt = role.UpdatedAt
	}
	if err := role.Check(); err != nil {
		return store.NewRole{}, err
	}
	likeness := mailtext.Likeness(string(role.Name))
	if likeness == "" {
		return store.NewRole{}, desk.Wrong("name", "the name of a role needs letters or digits")
	}
	for _, name := range desk.BuiltIn {
		if likeness == mailtext.Likeness(string(name)) {
			return store.NewRole{}, &desk.Fault{Kind: desk.Conflict, Reason: fmt.Sprintf("there is a role already whose name looks like %s", role.Name), Field: "name"}
		}
	}
	grant := role.Grant()
	sees := grant.Has(desk.MayRead) && role.Sight != desk.SightNone
	return store.NewRole{CustomRole: role, Skeleton: likeness, Reads: sees, Works: sees && grant.Has(desk.MayWrite)}, nil
}

func roleSubject(name desk.Role) string { return "role/" + string(name) }

// auditedRole is a role as the audit log shows it.
func auditedRole(r desk.CustomRole) map[string]any {
	return map[string]any{"name": r.Name, "rights": r.Rights, "sight": r.Sight, "masks": r.Masks, "description": r.Says}
}

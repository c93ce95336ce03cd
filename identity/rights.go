package identity

import (
	"context"
	"slices"

	"postern/desk"
	"postern/store"
)

// needs says whether the actor holds the right.
func needs(actor desk.Actor, right desk.Right) error {
	switch {
	case actor.Can(right):
		return nil
	case actor.User.ID == 0:
		return unsigned("Please sign in.")
	}
	return desk.Faultf(desk.Forbidden, "you may not do this: it takes the right %q", right)
}

// own says whether the actor is this person, with all that they may: a token that was narrowed is not the person.
func own(actor desk.Actor, id int64) bool {
	return actor.User.ID == id && id != 0 && actor.Allows(desk.MayManagePeople)
}

// outranks says whether the actor may make, change or disable such a person, or act for them: owners anybody, others only those who may less than they. Otherwise an admin could make
// themselves an owner, or come in as another admin.
func outranks(actor desk.Actor, person desk.User) error {
	switch {
	case actor.IsSystem() || actor.User.Outranks(person.Role, person.Holds()):
		return nil
	case person.Role == desk.RoleOwner:
		return desk.Faultf(desk.Forbidden, "only an owner may do this to an owner")
	}
	return desk.Faultf(desk.Forbidden, "only somebody who may more than a person with the role %q may do this to them", person.Role)
}

// outranksOrIs is outranks, but everybody may act for themselves.
func outranksOrIs(actor desk.Actor, person desk.User) error {
	if actor.User.ID == person.ID && person.ID != 0 {
		return needs(actor, desk.MayHoldTokens)
	}
	return outranks(actor, person)
}

// mayRevoke says whether the actor may end what belongs to somebody of that role. Among admins everybody may: it makes nobody more powerful.
func mayRevoke(actor desk.Actor, role desk.Role) error {
	if role == desk.RoleOwner && !actor.IsSystem() && actor.User.Role != desk.RoleOwner {
		return desk.Faultf(desk.Forbidden, "only an owner may do this to an owner")
	}
	return nil
}

// mayChange says whether the actor may make this change of a person. What role they shall have is another question (mayGive).
func mayChange(actor desk.Actor, person store.Credentials, change UserChange) error {
	itself := own(actor, person.ID)
	if change.Password != nil && !itself {
		return desk.Faultf(desk.Forbidden, "nobody chooses a password for somebody else: send them a sign-in link")
	}
	if itself && change.Role != nil && *change.Role != person.Role {
		return desk.Faultf(desk.Forbidden, "nobody changes their own role: an owner can hand the installation over, and others ask somebody above them")
	}
	if itself {
		return nil
	}
	if err := needs(actor, desk.MayManagePeople); err != nil {
		return err
	}
	return outranks(actor, person.User)
}

// mayGive says whether the actor may give somebody the role: one that there is, and gives less than what they hold themselves.
func mayGive(ctx context.Context, r store.Reader, actor desk.Actor, role desk.Role) error {
	would := desk.User{Role: role}
	if role == desk.RoleOwner && actor.Token != 0 {
		return desk.Faultf(desk.Forbidden, "no token makes an owner: an owner does it in the portal, or whoever holds the machine")
	}
	if !role.IsBuiltIn() {
		custom, err := r.Role(ctx, role)
		if fault := asFault(err); fault != nil && fault.Kind == desk.NotFound {
			return desk.Wrong("role", "there is no role %q", role)
		}
		if err != nil {
			return err
		}
		grant := custom.Grant()
		would.Grant = &grant
	}
	return outranks(actor, would)
}

// keepsOwner says whether an owner is left when this person is none any more.
func keepsOwner(owners []int64, without int64) error {
	if slices.Equal(owners, []int64{without}) {
		return desk.Faultf(desk.Conflict, "this is the last owner: make somebody else an owner first")
	}
	return nil
}

package identity

import (
	"slices"

	"postern/desk"
	"postern/store"
)

// administer says whether the actor may administer people.
func administer(actor desk.Actor) error {
	if !actor.Can(desk.MayAdminister) {
		return desk.Faultf(desk.Forbidden, "only an owner or admin may do this")
	}
	return nil
}

// own says whether the actor is this person, with all that they may: a token that was narrowed is not the person.
func own(actor desk.Actor, id int64) bool {
	return actor.User.ID == id && id != 0 && desk.Allows(actor.Scopes, desk.MayAdminister)
}

// mayHandle says whether the actor may make, change or disable somebody of that role, or act for them: owners are out of an admin's reach,
// or an admin could make themselves one.
func mayHandle(actor desk.Actor, role desk.Role) error {
	if role == desk.RoleOwner && !actor.IsSystem() && actor.User.Role != desk.RoleOwner {
		return desk.Faultf(desk.Forbidden, "only an owner may do this to an owner")
	}
	return nil
}

// mayChange says whether the actor may make this change of a person.
func mayChange(actor desk.Actor, person store.Credentials, change UserChange) error {
	itself := own(actor, person.ID)
	if change.Password != nil && !itself {
		return desk.Faultf(desk.Forbidden, "nobody chooses a password for somebody else: send them a sign-in link")
	}
	if itself && change.Role == nil {
		return nil
	}
	if err := administer(actor); err != nil {
		return err
	}
	if err := mayHandle(actor, person.Role); err != nil {
		return err
	}
	if change.Role != nil {
		return mayHandle(actor, *change.Role)
	}
	return nil
}

// keepsOwner says whether an owner is left when this person is none any more.
func keepsOwner(owners []int64, without int64) error {
	if slices.Equal(owners, []int64{without}) {
		return desk.Faultf(desk.Conflict, "this is the last owner: make somebody else an owner first")
	}
	return nil
}

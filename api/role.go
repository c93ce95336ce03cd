package api

import (
	"context"
	"time"

	"postern/desk"
)

// role is a role with all that it gives.
type role struct {
	Name        desk.Role    `json:"name"`
	BuiltIn     bool         `json:"built_in" doc:"It is part of the program and stays as it is."`
	Description string       `json:"description"`
	Rights      []desk.Right `json:"rights" nullable:"false"`
	Sight       desk.Sight   `json:"sight" doc:"Which conversations it shows."`
	Masks       []desk.Mask  `json:"masks" nullable:"false" doc:"What it hides of customers."`
	People      int          `json:"people" doc:"How many have it, disabled ones among them."`
	UpdatedAt   *time.Time   `json:"updated_at"`
	UpdatedBy   string       `json:"updated_by"`
}

func viewRole(from desk.CustomRole) role {
	return role{Name: from.Name, Description: from.Says, Rights: some(from.Rights), Sight: from.Sight, Masks: some(from.Masks), People: from.People, UpdatedAt: utc(&from.UpdatedAt), UpdatedBy: from.UpdatedBy}
}

// listRoles are the built-in roles, and after them those that were made here: two hundred at most, so that there is one page.
func (a *API) listRoles(ctx context.Context, actor desk.Actor, _ *struct{}) (list[role], error) {
	count, err := a.cfg.Identity.PeopleByRole(ctx, actor)
	if err != nil {
		return list[role]{}, err
	}
	made, err := a.cfg.Identity.Roles(ctx, actor)
	if err != nil {
		return list[role]{}, err
	}
	all := whole(desk.BuiltIn, func(name desk.Role) role {
		grant, _ := name.Grant()
		return role{Name: name, BuiltIn: true, Rights: some(grant.Rights), Sight: grant.Sight, Masks: some(grant.Masks), People: count[name]}
	})
	all.Items = append(all.Items, whole(made, viewRole).Items...)
	return all, nil
}

// RoleNamed names a role in the path.
type RoleNamed struct {
	Role desk.Role `path:"role" minLength:"1" maxLength:"60"`
}

func (a *API) showRole(ctx context.Context, actor desk.Actor, in *RoleNamed) (role, error) {
	all, err := a.listRoles(ctx, actor, nil)
	if err != nil {
		return role{}, err
	}
	for _, one := range all.Items {
		if one.Name == in.Role {
			return one, nil
		}
	}
	return role{}, desk.Faultf(desk.NotFound, "there is no role %q", in.Role)
}

// newRole is a role to be made.
type newRole struct {
	Body struct {
		Name        desk.Role    `json:"name" minLength:"1" maxLength:"60"`
		Description string       `json:"description,omitempty" maxLength:"500"`
		Rights      []desk.Right `json:"rights" nullable:"false" maxItems:"100" doc:"No more than whoever makes it holds. What each means stands in docs/rights.md."`
		Sight       desk.Sight   `json:"sight" doc:"Which conversations it shows: all, teams, members, assigned or none."`
		Masks       []desk.Mask  `json:"masks,omitempty" maxItems:"10" doc:"What it hides of customers: email, phone, name."`
	}
}

func (a *API) addRole(ctx context.Context, actor desk.Actor, in *newRole) (role, error) {
	made, err := a.cfg.Identity.AddRole(ctx, actor, desk.CustomRole{Name: in.Body.Name, Says: in.Body.Description, Rights: in.Body.Rights, Sight: in.Body.Sight, Masks: in.Body.Masks})
	return viewRole(made), err
}

// rolePatch is a merge patch (RFC 7396): what is absent stays. It holds at once for all who have the role.
type rolePatch struct {
	RoleNamed
	Body struct {
		Name        *desk.Role    `json:"name,omitempty" minLength:"1" maxLength:"60"`
		Description *string       `json:"description,omitempty" maxLength:"500"`
		Rights      *[]desk.Right `json:"rights,omitempty" maxItems:"100"`
		Sight       *desk.Sight   `json:"sight,omitempty"`
		Masks       *[]desk.Mask  `json:"masks,omitempty" maxItems:"10"`
	}
}

func (a *API) patchRole(ctx context.Context, actor desk.Actor, in *rolePatch) (role, error) {
	if in.Role.IsBuiltIn() {
		return role{}, desk.Faultf(desk.Conflict, "the role %q is part of the program and stays as it is: copy it", in.Role)
	}
	now, err := a.cfg.Identity.Role(ctx, actor, in.Role)
	if err != nil {
		return role{}, err
	}
	set(&now.Name, in.Body.Name)
	set(&now.Says, in.Body.Description)
	set(&now.Rights, in.Body.Rights)
	set(&now.Sight, in.Body.Sight)
	set(&now.Masks, in.Body.Masks)
	made, err := a.cfg.Identity.ChangeRole(ctx, actor, in.Role, now)
	return viewRole(made), err
}

func (a *API) removeRole(ctx context.Context, actor desk.Actor, in *RoleNamed) error {
	return a.cfg.Identity.RemoveRole(ctx, actor, in.Role)
}

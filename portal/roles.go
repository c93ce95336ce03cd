package portal

import (
	"net/url"
	"slices"
	"strings"

	"postern/desk"
	"postern/identity"
)

// rolesPage lists the roles.
type rolesPage struct {
	page
	BuiltIn []roleLine
	Custom  []roleLine
	Makes   bool // the reader may make roles
}

// roleLine is one role in the list.
type roleLine struct {
	Name   desk.Role
	Says   string
	People int
	Rights int
	Sight  desk.Sight
	URL    string
}

// rolePage is one role: to be read, or as a form.
type rolePage struct {
	page
	Role    desk.CustomRole
	Says    string // of a built-in one
	Name    desk.Role
	Form    bool // it can be changed here
	Fresh   bool // it is about to be made
	Makes   bool // the reader may make roles, copies of this one too
	Groups  []rightGroup
	Sights  []desk.Sight
	Masks   []roleBox
	People  []identity.Person
	Copy    string
	Problem string
}

// rightGroup is the rights that people look for together.
type rightGroup struct {
	Title string
	Boxes []roleBox
}

// roleBox is one thing that a role can have.
type roleBox struct {
	Value string
	Says  string
	Has   bool
	Off   bool // the reader cannot give it
}

// builtInSays is what the built-in roles are for.
var builtInSays = map[desk.Role]string{
	desk.RoleOwner:    "Everything. No admin can lock an owner out, and there is always one.",
	desk.RoleAdmin:    "Everything but what owners alone may, and but for handling owners and other admins.",
	desk.RoleAgent:    "Works on the conversations of their teams and on those that no team has.",
	desk.RoleLight:    "Reads the same conversations and writes private notes. Nothing that they do sends mail to a customer.",
	desk.RoleAuditor:  "Reads how the desk is set up and what was done by whom. Sees no conversation and no customer.",
	desk.RoleCustomer: "Reads and answers the conversations in which they are the customer.",
}

// sightSays are the sights in words.
var sightSays = map[desk.Sight]string{
	desk.SightAll: "every conversation", desk.SightTeams: "those of their teams, and those that no team has", desk.SightMembers: "those of their teams",
	desk.SightAssigned: "those given to them", desk.SightOwn: "those in which they are the customer", desk.SightNone: "none",
}

// maskSays are the masks in words.
var maskSays = map[desk.Mask]string{desk.MaskEmail: "Addresses of customers", desk.MaskPhone: "Phone numbers of customers", desk.MaskName: "Names of customers"}

// SightSays is a sight in words.
func (roleLine) SightSays(s desk.Sight) string { return sightSays[s] }

// SightSays is a sight in words.
func (rolePage) SightSays(s desk.Sight) string { return sightSays[s] }

// roleURL is where a role is looked at.
func roleURL(name desk.Role) string { return "/role/" + url.PathEscape(string(name)) }

// roleList shows every role and how many people have it.
func (p *Portal) roleList(c *call) error {
	ctx := c.r.Context()
	custom, err := p.identity.Roles(ctx, c.actor)
	if err != nil {
		return err
	}
	counts, err := p.identity.PeopleByRole(ctx, c.actor)
	if err != nil {
		return err
	}
	answer := rolesPage{Makes: c.actor.Can(desk.MayManageRoles)}
	for _, role := range desk.BuiltIn {
		grant, _ := role.Grant()
		answer.BuiltIn = append(answer.BuiltIn, roleLine{role, c.lang.Say(builtInSays[role]), counts[role], len(grant.Rights), grant.Sight, roleURL(role)})
	}
	for _, role := range custom {
		answer.Custom = append(answer.Custom, roleLine{role.Name, role.Says, role.People, len(role.Rights), role.Sight, roleURL(role.Name)})
	}
	if answer.page, err = p.framed(c, "Roles", "/roles"); err != nil {
		return err
	}
	return p.show(c, "roles", answer)
}

// roleNew is the form of a role that is made, perhaps as a copy of another.
func (p *Portal) roleNew(c *call) error {
	answer := rolePage{Fresh: true, Form: true, Role: desk.CustomRole{Sight: desk.SightTeams}}
	from := desk.Role(c.r.URL.Query().Get("from"))
	if grant, known := from.Grant(); known {
		answer.Role.Rights, answer.Role.Sight, answer.Role.Masks = grant.Rights, grant.Sight, grant.Masks
		if from == desk.RoleCustomer {
			answer.Role.Sight = desk.SightNone
		}
	} else if from != "" {
		role, err := p.identity.Role(c.r.Context(), c.actor, from)
		if err != nil {
			return err
		}
		answer.Role.Rights, answer.Role.Sight, answer.Role.Masks, answer.Role.Says = role.Rights, role.Sight, role.Masks, role.Says
	}
	return p.rolePage(c, answer, nil)
}

// roleShow is one role.
func (p *Portal) roleShow(c *call) error {
	name := desk.Role(c.r.PathValue("name"))
	answer := rolePage{Name: name}
	if grant, known := name.Grant(); known {
		answer.Role, answer.Says = desk.CustomRole{Name: name, Rights: grant.Rights, Sight: grant.Sight, Masks: grant.Masks}, c.lang.Say(builtInSays[name])
		return p.rolePage(c, answer, nil)
	}
	role, err := p.identity.Role(c.r.Context(), c.actor, name)
	if err != nil {
		return err
	}
	answer.Role = role
	answer.Form = c.actor.Can(desk.MayManageRoles) && c.actor.User.Role != name && c.actor.User.Holds().Covers(role.Grant())
	return p.rolePage(c, answer, nil)
}

// rolePage renders a role, with what was wrong.
func (p *Portal) rolePage(c *call, answer rolePage, fault *desk.Fault) (err error) {
	holds := c.actor.User.Holds()
	answer.Makes = c.actor.Can(desk.MayManageRoles)
	for _, row := range desk.Rights {
		if answer.Form && !row.Grantable() {
			continue
		}
		if len(answer.Groups) == 0 || answer.Groups[len(answer.Groups)-1].Title != row.Group {
			answer.Groups = append(answer.Groups, rightGroup{Title: row.Group})
		}
		group := &answer.Groups[len(answer.Groups)-1]
		group.Boxes = append(group.Boxes, roleBox{Value: string(row.Right), Says: row.Says, Has: slices.Contains(answer.Role.Rights, row.Right), Off: !holds.Has(row.Right)})
	}
	for _, mask := range desk.Masks {
		answer.Masks = append(answer.Masks, roleBox{Value: string(mask), Says: maskSays[mask], Has: slices.Contains(answer.Role.Masks, mask)})
	}
	for _, sight := range desk.Sights {
		if sight != desk.SightOwn && holds.Sight.Covers(sight) {
			answer.Sights = append(answer.Sights, sight)
		}
	}
	title := "New role"
	if !answer.Fresh {
		title, answer.Copy = "Role", "/roles/new?"+url.Values{"from": {string(answer.Name)}}.Encode()
		if answer.People, err = p.identity.HeldBy(c.r.Context(), c.actor, answer.Name); err != nil {
			return err
		}
	}
	if fault != nil {
		answer.Problem = c.sentence(fault.Reason)
	}
	if answer.page, err = p.framed(c, title, "/roles"); err != nil {
		return err
	}
	return p.render(c, view{statusOf(fault), "role", "layout"}, answer)
}

// roleTyped is the role of a form.
func roleTyped(form url.Values) desk.CustomRole {
	role := desk.CustomRole{Name: desk.Role(strings.TrimSpace(form.Get("name"))), Says: strings.TrimSpace(form.Get("says")), Sight: desk.Sight(form.Get("sight"))}
	for _, right := range form["right"] {
		role.Rights = append(role.Rights, desk.Right(right))
	}
	for _, mask := range form["mask"] {
		role.Masks = append(role.Masks, desk.Mask(mask))
	}
	return role
}

// roleAdd makes a role.
func (p *Portal) roleAdd(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	typed := roleTyped(form)
	made, err := p.identity.AddRole(c.r.Context(), c.actor, typed)
	if fault := asFault(err); fault != nil {
		return p.rolePage(c, rolePage{Fresh: true, Form: true, Role: typed}, fault)
	}
	if err != nil {
		return err
	}
	return c.seeOther(roleURL(made.Name) + "?done=added")
}

// roleSave changes a role, for all who have it.
func (p *Portal) roleSave(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	name, typed := desk.Role(c.r.PathValue("name")), roleTyped(form)
	made, err := p.identity.ChangeRole(c.r.Context(), c.actor, name, typed)
	if fault := asFault(err); fault != nil && fault.Kind != desk.NotFound {
		return p.rolePage(c, rolePage{Form: true, Name: name, Role: typed}, fault)
	}
	if err != nil {
		return err
	}
	return c.seeOther(roleURL(made.Name) + "?done=saved")
}

// roleRemove removes a role that nobody has.
func (p *Portal) roleRemove(c *call) error {
	name := desk.Role(c.r.PathValue("name"))
	err := p.identity.RemoveRole(c.r.Context(), c.actor, name)
	if fault := asFault(err); fault != nil && fault.Kind == desk.Conflict {
		role, err := p.identity.Role(c.r.Context(), c.actor, name)
		if err != nil {
			return err
		}
		return p.rolePage(c, rolePage{Form: true, Name: name, Role: role}, fault)
	}
	if err != nil {
		return err
	}
	return c.seeOther("/roles?done=removed")
}

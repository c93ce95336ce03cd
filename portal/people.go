package portal

import (
	"slices"
	"strings"

	"postern/desk"
	"postern/identity"
	"postern/tickets"
)

// peoplePage lists who can sign in.
type peoplePage struct {
	page
	People  []identity.Person
	Next    string
	Roles   []desk.Role // that the reader may give
	Manages bool        // the reader may add and change people
	Owns    bool        // the reader may hand the installation over
	Problem string
	Typed   identity.NewUser
	Link    string // a one-time link that was just made; it is shown once
	LinkFor string
	Away    []int64
}

// Handles says whether the reader may change that person.
func (p peoplePage) Handles(person identity.Person) bool {
	return p.Manages && person.ID != p.User.ID && p.User.Outranks(person.Role, person.Holds())
}

// Gives says whether the reader may give that role.
func (p peoplePage) Gives(role desk.Role) bool { return slices.Contains(p.Roles, role) }

// IsAway says whether somebody gets no tickets by turn.
func (p peoplePage) IsAway(user int64) bool { return slices.Contains(p.Away, user) }

// personList shows who can sign in, and the form that adds somebody.
func (p *Portal) personList(c *call) error { return p.peoplePage(c, peoplePage{}, nil) }

// peoplePage renders the list, with a link that was just made or what was wrong.
func (p *Portal) peoplePage(c *call, answer peoplePage, fault *desk.Fault) error {
	found, err := p.identity.Users(c.r.Context(), c.actor, c.r.URL.Query().Get("cursor"), pageLimit)
	if err != nil {
		return err
	}
	answer.People, answer.Next, answer.Manages = found.Items, found.Next, c.actor.Can(desk.MayManagePeople)
	if answer.Roles, err = p.identity.GivenTo(c.r.Context(), c.actor); err != nil {
		return err
	}
	if answer.Away, err = p.tickets.Away(c.r.Context(), c.actor); err != nil {
		return err
	}
	if fault != nil {
		answer.Problem = c.sentence(fault.Reason)
	}
	if answer.page, err = p.framed(c, "People", "/people"); err != nil {
		return err
	}
	return p.render(c, view{statusOf(fault), "people", "layout"}, answer)
}

// personAdd adds somebody and makes the link with which they sign in for the first time.
func (p *Portal) personAdd(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	ctx := c.r.Context()
	wanted := identity.NewUser{Email: strings.TrimSpace(form.Get("email")), Name: strings.TrimSpace(form.Get("name")), Role: desk.Role(form.Get("role"))}
	made, err := p.identity.AddUser(ctx, c.actor, wanted)
	if fault := asFault(err); fault != nil && fault.Kind != desk.Forbidden {
		return p.peoplePage(c, peoplePage{Typed: wanted}, fault)
	}
	if err != nil {
		return err
	}
	link, err := p.identity.LoginLink(ctx, c.actor, made.Email)
	if err != nil {
		return err
	}
	return p.peoplePage(c, peoplePage{Link: link, LinkFor: made.Email}, nil)
}

// personUpdate changes a role, or lets somebody in or out.
func (p *Portal) personUpdate(c *call) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	form, err := c.form()
	if err != nil {
		return err
	}
	ctx, done := c.r.Context(), "saved"
	switch form.Get("do") {
	case "disable":
		done, err = "disabled", p.identity.Disable(ctx, c.actor, id)
	case "away":
		err = p.tickets.SetPresence(ctx, c.actor, id, tickets.IsAway)
	case "there":
		err = p.tickets.SetPresence(ctx, c.actor, id, tickets.IsThere)
	case "enable":
		done, err = "enabled", p.identity.Enable(ctx, c.actor, id)
	default:
		_, err = p.identity.UpdateUser(ctx, c.actor, id, identity.UserChange{Role: new(desk.Role(form.Get("role")))})
	}
	if fault := asFault(err); fault != nil && fault.Kind != desk.NotFound {
		return p.peoplePage(c, peoplePage{}, fault)
	}
	if err != nil {
		return err
	}
	return c.seeOther("/people?done=" + done)
}

// personLink makes a one-time sign-in link and shows it once.
func (p *Portal) personLink(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	link, err := p.identity.LoginLink(c.r.Context(), c.actor, form.Get("email"))
	if err != nil {
		return err
	}
	return p.peoplePage(c, peoplePage{Link: link, LinkFor: form.Get("email")}, nil)
}

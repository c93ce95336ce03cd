package portal

import (
	"strconv"
	"time"

	"postern/desk"
	"postern/identity"
)

const guestsPath = "/security/guests"

// guestsPage lists who was let in for a while, and lets somebody in.
type guestsPage struct {
	page
	On      bool // guests are let in at all
	Here    []desk.Guest
	Gone    []desk.Guest
	Next    string
	Roles   []desk.Role
	Typed   guestTyped
	Link    string // by which the new one comes in, shown once
	New     desk.Guest
	Problem string
	Field   string
}

// guestTyped is the form as it was filled in.
type guestTyped struct {
	Email, Name, Reason string
	Role                desk.Role
	Hours               string
}

// guestsShow shows them.
func (p *Portal) guestsShow(c *call) error {
	return p.guestsPage(c, guestsPage{Typed: guestTyped{Hours: "8", Role: desk.RoleLight}}, nil)
}

func (p *Portal) guestsPage(c *call, answer guestsPage, fault *desk.Fault) (err error) {
	ctx := c.r.Context()
	if answer.page, err = p.framed(c, "Guests", "/security"); err != nil {
		return err
	}
	values, err := p.identity.ShownSettings(ctx, c.actor)
	if err != nil {
		return err
	}
	answer.On = values.On(desk.SupportAccess)
	found, err := p.identity.Guests(ctx, c.actor, c.r.URL.Query().Get("after"), 50)
	if err != nil {
		return err
	}
	for _, guest := range found.Items {
		if guest.Open(p.now()) {
			answer.Here = append(answer.Here, guest)
		} else {
			answer.Gone = append(answer.Gone, guest)
		}
	}
	if found.Next != "" {
		answer.Next = guestsPath + "?after=" + found.Next
	}
	if answer.Roles, err = p.identity.GuestRoles(ctx, c.actor); err != nil {
		return err
	}
	if fault != nil {
		answer.Problem, answer.Field = c.sentence(fault.Reason), fault.Field
	}
	return p.render(c, view{statusOf(fault), "guests", "layout"}, answer)
}

// guestsPost lets somebody in, or ends one.
func (p *Portal) guestsPost(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	if form.Get("do") == "end" {
		err = p.identity.EndGuest(c.r.Context(), c.actor, number64(form, "guest"))
		if fault := asFault(err); fault != nil && fault.Kind == desk.NotFound {
			return p.guestsPage(c, guestsPage{}, fault)
		}
		if err != nil {
			return err
		}
		return c.seeOther(guestsPath + "?done=guest-ended")
	}
	typed := guestTyped{Email: form.Get("email"), Name: form.Get("name"), Reason: form.Get("reason"), Role: desk.Role(form.Get("role")), Hours: form.Get("hours")}
	hours, _ := strconv.Atoi(typed.Hours) // what is no number is no length of time, and the service says so
	guest, link, err := p.identity.AddGuest(c.r.Context(), c.actor, identity.NewGuest{Email: typed.Email, Name: typed.Name, Role: typed.Role, Reason: typed.Reason, For: time.Duration(hours) * time.Hour})
	if fault := asFault(err); fault != nil && fault.Kind != desk.Forbidden && fault.Kind != desk.Unsigned {
		return p.guestsPage(c, guestsPage{Typed: typed}, fault)
	}
	if err != nil {
		return err
	}
	return p.guestsPage(c, guestsPage{Typed: guestTyped{Hours: "8", Role: desk.RoleLight}, Link: link, New: guest}, nil)
}

// delegationSettingsPath is where it is set who sees and does what in whose place.
const delegationSettingsPath = "/security/sight"

// delegationSettingsShow shows those settings.
func (p *Portal) delegationSettingsShow(c *call) error {
	form, err := p.settingsOf(c, delegationSettingsPath, desk.DelegationSettings)
	if err != nil {
		return err
	}
	return p.delegationSettingsPage(c, form, nil)
}

// delegationSettingsPost changes them.
func (p *Portal) delegationSettingsPost(c *call) error {
	form, fault, err := p.saveSettings(c, delegationSettingsPath, desk.DelegationSettings)
	switch {
	case err != nil:
		return err
	case fault != nil:
		return p.delegationSettingsPage(c, form, fault)
	}
	return c.seeOther(delegationSettingsPath + "?done=saved")
}

func (p *Portal) delegationSettingsPage(c *call, form settingsForm, fault *desk.Fault) error {
	frame, err := p.framed(c, "Who sees what", "/security")
	if err != nil {
		return err
	}
	return p.render(c, view{statusOf(fault), "delegation_settings", "layout"}, sessionSettingsPage{page: frame, Form: form})
}

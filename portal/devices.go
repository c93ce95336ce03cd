package portal

import (
	"fmt"
	"strings"

	"postern/desk"
	"postern/identity"
)

// devicesPage is where somebody is signed in.
type devicesPage struct {
	page
	Path    string // where its forms go
	Whose   string // name of the person, where it is somebody else
	Devices []identity.Device
	Session int64 // by which the reader is signed in
	Others  int   // sessions beside it
	Problem string
}

// ownDevices shows where the reader is signed in.
func (p *Portal) ownDevices(c *call) error {
	return p.devicesPage(c, devicesPage{Path: "/you/devices"}, c.actor.User.ID, nil)
}

// ownDevicesPost changes one's own devices.
func (p *Portal) ownDevicesPost(c *call) error {
	return p.devicesDo(c, devicesPage{Path: "/you/devices"}, c.actor.User.ID)
}

// personDevices shows where somebody else is signed in.
func (p *Portal) personDevices(c *call) error {
	answer, user, err := p.devicesOf(c)
	if err != nil {
		return err
	}
	return p.devicesPage(c, answer, user, nil)
}

// personDevicesPost changes somebody else's devices.
func (p *Portal) personDevicesPost(c *call) error {
	answer, user, err := p.devicesOf(c)
	if err != nil {
		return err
	}
	return p.devicesDo(c, answer, user)
}

// devicesOf is whose devices the address names.
func (p *Portal) devicesOf(c *call) (answer devicesPage, user int64, err error) {
	if user, err = c.id64("id"); err != nil {
		return answer, 0, err
	}
	person, err := p.identity.Named(c.r.Context(), c.actor, user)
	return devicesPage{Path: fmt.Sprintf("/people/%d/devices", user), Whose: person.Name}, user, err
}

func (p *Portal) devicesPage(c *call, answer devicesPage, user int64, fault *desk.Fault) (err error) {
	if answer.Devices, err = p.identity.Devices(c.r.Context(), c.actor, user); err != nil {
		return err
	}
	place := "/you"
	if answer.Whose != "" {
		place = "/people"
	}
	if answer.page, err = p.framed(c, "Devices and sessions", place); err != nil {
		return err
	}
	answer.Session = c.actor.Session
	for _, device := range answer.Devices {
		for _, session := range device.Sessions {
			if session.ID != answer.Session {
				answer.Others++
			}
		}
	}
	if fault != nil {
		answer.Problem = c.sentence(fault.Reason)
	}
	return p.render(c, view{statusOf(fault), "devices", "layout"}, answer)
}

// devicesDo carries out one form of the page.
func (p *Portal) devicesDo(c *call, answer devicesPage, user int64) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	ctx, id := c.r.Context(), number64(form, "id")
	switch form.Get("do") {
	case "rename":
		err = p.identity.RenameDevice(ctx, c.actor, user, id, form.Get("name"))
	case "forget":
		err = p.identity.ForgetDevice(ctx, c.actor, user, id)
	case "end":
		err = p.identity.EndSession(ctx, c.actor, user, id)
	case "others":
		err = p.identity.EndOtherSessions(ctx, c.actor, user)
	default:
		err = desk.Faultf(desk.Invalid, "The form could not be read. Go back and try again.")
	}
	if fault := asFault(err); fault != nil && fault.Kind != desk.Forbidden {
		return p.devicesPage(c, answer, user, fault)
	}
	if err != nil {
		return err
	}
	return c.seeOther(answer.Path + "?done=saved")
}

// wasItYouPage asks somebody about a sign-in, by the link in the mail about it.
type wasItYouPage struct {
	page
	Asked identity.AskedAbout
	Token string
	Said  string // what was answered; empty: nothing yet
}

// wasItYouShow asks. Opening the link answers nothing, since programs that look into mail open links.
func (p *Portal) wasItYouShow(c *call) error {
	token := c.r.PathValue("token")
	about, err := p.identity.AskedAbout(c.r.Context(), token)
	if err != nil {
		return err
	}
	c.w.Header().Set("Referrer-Policy", "no-referrer")
	return p.show(c, "was_it_you", wasItYouPage{page: p.bare(c, "Was this you?"), Asked: about, Token: token})
}

// wasItYouPost takes the answer.
func (p *Portal) wasItYouPost(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	answer := wasItYouPage{page: p.bare(c, "Was this you?"), Said: "mine"}
	token := strings.TrimSpace(c.r.PathValue("token"))
	if form.Get("do") == "not-me" {
		answer.Said = "not-mine"
		err = p.identity.ItWasNotMe(c.r.Context(), token, c.client())
	} else {
		err = p.identity.ItWasMe(c.r.Context(), token, c.client())
	}
	if err != nil {
		return err
	}
	return p.show(c, "was_it_you", answer)
}

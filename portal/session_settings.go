package portal

import "postern/desk"

// sessionSettingsPage is how long people stay signed in.
type sessionSettingsPage struct {
	page
	Form settingsForm
}

// sessionSettings are those on the page, in its order.
var sessionSettings = []*desk.Setting{desk.StaffIdle, desk.StaffLife, desk.CustomerIdle, desk.CustomerLife, desk.DeviceNotify}

const sessionSettingsPath = "/security/sessions"

// sessionSettingsShow shows them.
func (p *Portal) sessionSettingsShow(c *call) error {
	form, err := p.settingsOf(c, sessionSettingsPath, sessionSettings)
	if err != nil {
		return err
	}
	return p.sessionSettingsPage(c, form, nil)
}

// sessionSettingsPost changes them.
func (p *Portal) sessionSettingsPost(c *call) error {
	form, fault, err := p.saveSettings(c, sessionSettingsPath, sessionSettings)
	switch {
	case err != nil:
		return err
	case fault != nil:
		return p.sessionSettingsPage(c, form, fault)
	}
	return c.seeOther(sessionSettingsPath + "?done=saved")
}

func (p *Portal) sessionSettingsPage(c *call, form settingsForm, fault *desk.Fault) error {
	frame, err := p.framed(c, "Sessions and devices", "/security")
	if err != nil {
		return err
	}
	return p.render(c, view{statusOf(fault), "session_settings", "layout"}, sessionSettingsPage{page: frame, Form: form})
}

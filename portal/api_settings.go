package portal

import "postern/desk"

// apiSettingsPage is how long tokens work, and how much may be asked.
type apiSettingsPage struct {
	page
	Form settingsForm
}

const apiSettingsPath = "/security/api"

// apiSettingsShow shows the settings.
func (p *Portal) apiSettingsShow(c *call) error {
	form, err := p.settingsOf(c, apiSettingsPath, desk.AccessSettings)
	if err != nil {
		return err
	}
	return p.apiSettingsPage(c, form, nil)
}

// apiSettingsPost changes them.
func (p *Portal) apiSettingsPost(c *call) error {
	form, fault, err := p.saveSettings(c, apiSettingsPath, desk.AccessSettings)
	switch {
	case err != nil:
		return err
	case fault != nil:
		return p.apiSettingsPage(c, form, fault)
	}
	return c.seeOther(apiSettingsPath + "?done=saved")
}

func (p *Portal) apiSettingsPage(c *call, form settingsForm, fault *desk.Fault) error {
	frame, err := p.framed(c, "API and limits", "/security")
	if err != nil {
		return err
	}
	return p.render(c, view{statusOf(fault), "api_settings", "layout"}, apiSettingsPage{page: frame, Form: form})
}

package portal

import (
	"postern/desk"
)

// passwordSettingsPage is what passwords have to be.
type passwordSettingsPage struct {
	page
	Staff, Customers, Everybody settingsForm
	Disputed                    string // what speaks against the rules; empty: nothing
}

const passwordSettingsPath = "/security/passwords"

// everybodysPasswords are the settings that are not those of staff or of customers.
var everybodysPasswords = []*desk.Setting{desk.PasswordByMail, desk.AdminsSetPassword, desk.NotifySensitive, desk.PasswordWords}

// passwordGroups are the forms of the page, by the end of the address that each goes to.
var passwordGroups = map[string][]*desk.Setting{
	"staff": desk.StaffPasswords.All(), "customers": desk.CustomerPasswords.All(), "everybody": everybodysPasswords,
}

// passwordSettingsShow shows them.
func (p *Portal) passwordSettingsShow(c *call) error {
	return p.passwordSettingsPage(c, "", settingsForm{}, nil)
}

// passwordSettingsPost changes those of one form.
func (p *Portal) passwordSettingsPost(c *call) error {
	group := c.r.PathValue("group")
	settings, known := passwordGroups[group]
	if !known {
		return desk.Faultf(desk.NotFound, "There is nothing at this address.")
	}
	form, fault, err := p.saveSettings(c, passwordSettingsPath+"/"+group, settings)
	switch {
	case err != nil:
		return err
	case fault != nil:
		return p.passwordSettingsPage(c, group, form, fault)
	}
	return c.seeOther(passwordSettingsPath + "?done=saved")
}

// passwordSettingsPage renders the forms; that of the group comes back as it was typed.
func (p *Portal) passwordSettingsPage(c *call, group string, back settingsForm, fault *desk.Fault) (err error) {
	var answer passwordSettingsPage
	if answer.page, err = p.framed(c, "Passwords", "/security"); err != nil {
		return err
	}
	values, err := p.identity.ShownSettings(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	for name, form := range map[string]*settingsForm{"staff": &answer.Staff, "customers": &answer.Customers, "everybody": &answer.Everybody} {
		if *form = back; name == group {
			continue
		}
		if *form, err = p.settingsOf(c, passwordSettingsPath+"/"+name, passwordGroups[name]); err != nil {
			return err
		}
	}
	for _, form := range []*settingsForm{&answer.Staff, &answer.Customers} { // all but the level is for one level only
		form.fold(c.lang.Say("Rules of your own, for the level custom"), form.Fields[0].Value == string(desk.PasswordCustom))
	}
	if desk.StaffPasswords.RuleOf(values, false).Disputed() || desk.CustomerPasswords.RuleOf(values, false).Disputed() {
		answer.Disputed = c.lang.Say("Guidance today (NIST SP 800-63B-4; OWASP ASVS 5.0, 6.2.5 and 6.2.10) advises against rules about kinds of characters and against changes after some time: people answer them with worse passwords.")
	}
	return p.render(c, view{statusOf(fault), "password_settings", "layout"}, answer)
}

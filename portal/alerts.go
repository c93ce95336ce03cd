package portal

import (
	"fmt"

	"postern/audit"
	"postern/desk"
	"postern/store"
)

// alertsPage lists what detectors found.
type alertsPage struct {
	page
	Rows   []alertRow
	All    bool // those that somebody has seen, too
	Next   string
	Config bool // the reader may see what is looked for
}

// alertRow is one alert in words.
type alertRow struct {
	desk.Alert
	Means, Words, Did, URL string
	Undo                   bool // what was done can be taken back here, by the reader
}

const alertsPath = "/security/alerts"

// remedies are words for what was done about a person.
var remedies = map[audit.Remedy]string{audit.Throttle: "They may ask for little for a while.", audit.SignOut: "All sessions of the person were ended.", audit.Suspend: "The person was disabled. An admin can enable them again under People."}

// alertList shows alerts, the newest first: those that nobody has seen, or all.
func (p *Portal) alertList(c *call) error {
	values := c.r.URL.Query()
	answer := alertsPage{All: values.Get("all") != "", Config: c.actor.Can(desk.MayReadSecurity)}
	found, err := p.audit.Alerts(c.r.Context(), c.actor, store.Unseen(!answer.All), values.Get("cursor"), pageLimit)
	if err != nil {
		return err
	}
	if found.Next != "" {
		answer.Next = alertsPath + "?cursor=" + found.Next
		if answer.All {
			answer.Next += "&all=yes"
		}
	}
	for _, one := range found.Items {
		answer.Rows = append(answer.Rows, alertRow{one, c.lang.Say(audit.DetectorWords[audit.Detector(one.Detector)]), detailWords(one.Detail), c.lang.Say(remedies[audit.Remedy(one.Done)]), subjectURL(one.About), p.undoable(c, one)})
	}
	if answer.page, err = p.framed(c, "Alerts", "/security"); err != nil {
		return err
	}
	return p.show(c, "alerts", answer)
}

// undoable says whether the reader may take back here what was done: who was throttled may be let ask again, and who was disabled is enabled among the people.
func (p *Portal) undoable(c *call, one desk.Alert) bool {
	return audit.Remedy(one.Done) == audit.Throttle && c.actor.Can(desk.MayManageSecurity)
}

// alertUndo takes back what was done about an alert.
func (p *Portal) alertUndo(c *call) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	if err := p.audit.Unslow(c.r.Context(), c.actor, id); err != nil {
		return err
	}
	return c.seeOther(alertsPath + "?all=yes&done=saved")
}

// alertSeen notes that somebody has seen an alert.
func (p *Portal) alertSeen(c *call) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	if err := p.audit.SeeAlert(c.r.Context(), c.actor, id); err != nil {
		return err
	}
	return c.seeOther(alertsPath)
}

// logSettingsPage is a page of settings under a title of its own.
type logSettingsPage struct {
	page
	Form settingsForm
	Back string // the page that these settings are about
	Name string
}

// alertSettings and logSettings are those on their pages, in their order.
var (
	alertSettings = []*desk.Setting{
		desk.AlertWindow, desk.AlertQuiet, desk.AlertMail, desk.AlertGuesses, desk.AlertSpray, desk.AlertSprayDo, desk.AlertGuessed, desk.AlertGuessedDo, desk.AlertCountry, desk.AlertTravel, desk.AlertPlaceDo,
		desk.AlertRemovals, desk.AlertRemoveDo, desk.AlertMailed, desk.AlertMailedDo, desk.AlertViews, desk.AlertFiles, desk.AlertReadDo, desk.AlertPowers, desk.AlertFactors, desk.AlertForwards, desk.AlertExposed,
		desk.AlertSpoofed, desk.AlertTokens, desk.AlertKeys, desk.AlertDomains, desk.AlertLog, desk.AlertRate, desk.AlertRateFor,
	}
	logSettings = []*desk.Setting{desk.AuditDays, desk.AccessLog, desk.AccessLogDays}
)

// settingsPlace is a page of settings.
type settingsPlace struct {
	path, title, back, name string
	of                      []*desk.Setting
}

func (p *Portal) alertSettingsShow(c *call) error { return p.placeShow(c, p.alertPlace(c)) }
func (p *Portal) alertSettingsPost(c *call) error { return p.placePost(c, p.alertPlace(c)) }
func (p *Portal) logSettingsShow(c *call) error   { return p.placeShow(c, p.logPlace(c)) }
func (p *Portal) logSettingsPost(c *call) error   { return p.placePost(c, p.logPlace(c)) }

func (p *Portal) alertPlace(c *call) settingsPlace {
	return settingsPlace{alertsPath + "/settings", c.lang.Say("What raises an alert"), alertsPath, c.lang.Say("Alerts"), alertSettings}
}

func (p *Portal) logPlace(c *call) settingsPlace {
	return settingsPlace{"/audit/settings", c.lang.Say("What is kept, and for how long"), "/audit", c.lang.Say("Audit log"), logSettings}
}

func (p *Portal) placeShow(c *call, at settingsPlace) error {
	form, err := p.settingsOf(c, at.path, at.of)
	if err != nil {
		return err
	}
	return p.placePage(c, at, form, nil)
}

func (p *Portal) placePost(c *call, at settingsPlace) error {
	form, fault, err := p.saveSettings(c, at.path, at.of)
	switch {
	case err != nil:
		return err
	case fault != nil:
		return p.placePage(c, at, form, fault)
	}
	return c.seeOther(fmt.Sprintf("%s?done=saved", at.path))
}

func (p *Portal) placePage(c *call, at settingsPlace, form settingsForm, fault *desk.Fault) error {
	frame, err := p.framed(c, at.title, "/security")
	if err != nil {
		return err
	}
	return p.render(c, view{statusOf(fault), "log_settings", "layout"}, logSettingsPage{frame, form, at.back, at.name})
}

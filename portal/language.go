package portal

import (
	"net/http"

	"postern/language"
)

// languageCookie keeps the language that somebody chose who is not signed in. It is a preference and proves nothing.
const languageCookie = "language"

// languagePost takes the language that somebody chose on a page for people who are not signed in, and shows that page again.
func (p *Portal) languagePost(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	if chosen := language.Of(form.Get("language")); chosen != nil {
		http.SetCookie(c.w, &http.Cookie{Name: languageCookie, Value: chosen.Code, Path: "/", MaxAge: 365 * 24 * 60 * 60, HttpOnly: true, Secure: p.secure, SameSite: http.SameSiteLaxMode})
	}
	return c.seeOther(localPath(form.Get("next"), "/sign-in"))
}

// readingForm is how somebody likes to read, as a form.
type readingForm struct {
	Language string // code; empty: the browser's
	Zone     string
	Browser  string // zone of the browser, as its script told
	Zones    []string
	Problem  string
}

// readingOf is the form as it stands.
func (p *Portal) readingOf(c *call) readingForm {
	form := readingForm{Language: c.chosen.Language, Zone: c.chosen.TimeZone, Zones: zones}
	if cookie, err := c.r.Cookie(zoneCookie); err == nil {
		form.Browser = zoneOf(cookie.Value).String()
	}
	return form
}

// readingPost changes how the person who is signed in likes to read.
func (p *Portal) readingPost(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	typed := p.readingOf(c)
	typed.Language, typed.Zone = form.Get("language"), form.Get("zone")
	err = p.identity.SetReading(c.r.Context(), c.actor, typed.Language, typed.Zone)
	if fault := asFault(err); fault != nil {
		typed.Problem = c.sentence(fault.Reason)
		return p.youPage(c, youPage{Form: youFormOf(c), Reading: typed}, fault)
	}
	if err != nil {
		return err
	}
	return c.seeOther("/you?done=saved")
}

// zones are time zones to choose from quickly; any other of the IANA database can be typed.
var zones = []string{
	"Africa/Cairo", "Africa/Johannesburg", "Africa/Lagos", "Africa/Nairobi", "America/Argentina/Buenos_Aires", "America/Bogota", "America/Chicago", "America/Denver", "America/Halifax", "America/Los_Angeles",
	"America/Mexico_City", "America/New_York", "America/Phoenix", "America/Sao_Paulo", "America/Toronto", "America/Vancouver", "Asia/Bangkok", "Asia/Dubai", "Asia/Hong_Kong", "Asia/Jakarta", "Asia/Jerusalem",
	"Asia/Kolkata", "Asia/Manila", "Asia/Seoul", "Asia/Shanghai", "Asia/Singapore", "Asia/Tokyo", "Atlantic/Reykjavik", "Australia/Brisbane", "Australia/Perth", "Australia/Sydney", "Europe/Amsterdam",
	"Europe/Athens", "Europe/Belgrade", "Europe/Berlin", "Europe/Brussels", "Europe/Bucharest", "Europe/Budapest", "Europe/Copenhagen", "Europe/Dublin", "Europe/Helsinki", "Europe/Istanbul", "Europe/Kyiv",
	"Europe/Lisbon", "Europe/Ljubljana", "Europe/London", "Europe/Luxembourg", "Europe/Madrid", "Europe/Malta", "Europe/Moscow", "Europe/Oslo", "Europe/Paris", "Europe/Prague", "Europe/Riga", "Europe/Rome",
	"Europe/San_Marino", "Europe/Sofia", "Europe/Stockholm", "Europe/Tallinn", "Europe/Vatican", "Europe/Vienna", "Europe/Vilnius", "Europe/Warsaw", "Europe/Zagreb", "Europe/Zurich", "Pacific/Auckland",
	"Pacific/Honolulu", "UTC",
}

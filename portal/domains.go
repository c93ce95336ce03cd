package portal

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"postern/desk"
	"postern/domains"
	"postern/language"
)

// domainsPage lists the mail domains, with what about them wants somebody's attention.
type domainsPage struct {
	page
	Domains []desk.Domain
	Alerts  []domains.Alert
	Problem string
	Typed   string
}

// domainPage is one domain: a list of steps that somebody can finish who has never seen a zone file, and how it is used.
type domainPage struct {
	page
	Domain  desk.Domain
	Steps   []domainStep
	Alerts  []domains.Alert
	Missing int    // required records that are not right yet
	Lead    string // where it stands, in a sentence
	Trial   *desk.Trial
	To      string // where a test mail goes
	Problem string
	Reports reportsPart
}

// domainList shows the domains and the form that adds one.
func (p *Portal) domainList(c *call) error { return p.domainsPage(c, "", nil) }

// domainsPage renders the list, with what was wrong with a name.
func (p *Portal) domainsPage(c *call, typed string, fault *desk.Fault) error {
	list, err := p.domains.List(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	answer := domainsPage{Domains: list, Typed: typed}
	if answer.Alerts, err = p.domains.Alerts(c.r.Context(), c.actor); err != nil {
		return err
	}
	if fault != nil {
		answer.Problem = c.sentence(fault.Reason)
	}
	if answer.page, err = p.framed(c, "Domains", "/domains"); err != nil {
		return err
	}
	return p.render(c, view{statusOf(fault), "domains", "layout"}, answer)
}

// domainAdd makes the keys of a domain and shows what to publish.
func (p *Portal) domainAdd(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	added, _, err := p.domains.Add(c.r.Context(), c.actor, strings.TrimSpace(form.Get("name")))
	if fault := asFault(err); fault != nil && fault.Kind != desk.Forbidden {
		return p.domainsPage(c, form.Get("name"), fault)
	}
	if err != nil {
		return err
	}
	return c.seeOther(localPath(form.Get("next"), domainPath(added.Name)))
}

// domainPath is the address of a domain's page.
func domainPath(name string) string { return "/domains/" + url.PathEscape(name) }

// domainShow shows the records of a domain as they were last found.
func (p *Portal) domainShow(c *call) error { return p.domainPage(c, domainPage{}, nil) }

func (p *Portal) domainPage(c *call, answer domainPage, fault *desk.Fault) error {
	ctx := c.r.Context()
	domain, records, err := p.domains.Show(ctx, c.actor, c.r.PathValue("name"))
	if err != nil {
		return err
	}
	answer.Domain, answer.Steps = domain, stepsOf(c.lang, domain, records)
	for _, record := range records {
		if record.Required && !record.OK {
			answer.Missing++
		}
	}
	answer.Lead = leadOf(c.lang, domain, answer.Missing)
	alerts, err := p.domains.Alerts(ctx, c.actor)
	if err != nil {
		return err
	}
	answer.Alerts = slices.DeleteFunc(alerts, func(a domains.Alert) bool { return a.Domain != domain.Name })
	if answer.To == "" {
		answer.To = c.actor.User.Email
	}
	if fault != nil {
		answer.Problem = c.sentence(fault.Reason)
	}
	if answer.Reports, err = p.reportsOf(c, domain.Name); err != nil {
		return err
	}
	if answer.page, err = p.framed(c, domain.Name, "/domains"); err != nil {
		return err
	}
	return p.render(c, view{statusOf(fault), "domain", "layout"}, answer)
}

// leadOf says in a sentence where a domain stands, and what comes next.
func leadOf(lang *language.Language, domain desk.Domain, missing int) string {
	switch domain.State {
	case desk.DomainAdded:
		return lang.Say("Publish the records of the first two steps at your DNS provider, then check. A change can take up to an hour to show; Postern looks by itself as well.")
	case desk.DomainOwned:
		return lang.Count(int64(missing), "The domain is yours. One record is missing before Postern can sign its mail.", "The domain is yours. %d records are missing before Postern can sign its mail.")
	case desk.DomainReady:
		return lang.Say("Every record is there, but a test mail was not believed yet: the last step says why.")
	case desk.DomainDegraded:
		return lang.Count(int64(missing), "It was in use, and now one record is gone or wrong.", "It was in use, and now %d records are gone or wrong.")
	case desk.DomainPaused:
		return lang.Say("Paused by one of you: nothing leaves in its name until it is resumed.")
	case desk.DomainRemoved:
		return lang.Say("Removed: its keys are destroyed. Take the records that are still there out of your DNS, so that nobody can use them.")
	default:
		return lang.Say("In use: answers leave in its name, signed. Postern checks every day that it stays so.")
	}
}

// domainVerify looks the records up now.
func (p *Portal) domainVerify(c *call) error {
	domain, _, err := p.domains.Verify(c.r.Context(), c.actor, c.r.PathValue("name"))
	if err != nil {
		return err
	}
	return c.seeOther(domainPath(domain.Name) + "?done=verified")
}

// domainTest makes, signs and judges a mail, and sends a copy of it where somebody wants to see it.
func (p *Portal) domainTest(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	name, to := c.r.PathValue("name"), strings.TrimSpace(form.Get("to"))
	if form.Get("send") == "" {
		to = ""
	}
	trial, err := p.domains.Test(c.r.Context(), c.actor, name, to)
	if fault := asFault(err); fault != nil && fault.Kind != desk.Forbidden && fault.Kind != desk.NotFound {
		return p.domainPage(c, domainPage{To: form.Get("to")}, fault)
	}
	if err != nil {
		return err
	}
	return p.domainPage(c, domainPage{Trial: &trial, To: form.Get("to")}, nil)
}

// domainRotate makes new keys.
func (p *Portal) domainRotate(c *call) error {
	name := c.r.PathValue("name")
	if _, err := p.domains.Rotate(c.r.Context(), c.actor, name); err != nil {
		return err
	}
	return c.seeOther(domainPath(name) + "?done=rotated")
}

// domainEmergency changes keys that somebody else may have.
func (p *Portal) domainEmergency(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	name := c.r.PathValue("name")
	if _, err := p.domains.Emergency(c.r.Context(), c.actor, name, time.Duration(number64(form, "minutes"))*time.Minute); err != nil {
		return err
	}
	return c.seeOther(domainPath(name) + "?done=emergency")
}

// domainPause takes a domain out of use.
func (p *Portal) domainPause(c *call) error {
	domain, err := p.domains.Pause(c.r.Context(), c.actor, c.r.PathValue("name"))
	if err != nil {
		return err
	}
	return c.seeOther(domainPath(domain.Name) + "?done=paused")
}

// domainResume puts it to use again.
func (p *Portal) domainResume(c *call) error {
	domain, err := p.domains.Resume(c.r.Context(), c.actor, c.r.PathValue("name"))
	if err != nil {
		return err
	}
	return c.seeOther(domainPath(domain.Name) + "?done=resumed")
}

// domainSet changes how a domain is used.
func (p *Portal) domainSet(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	broken, sts, publication := desk.OnBroken(form.Get("on_broken")), desk.STSMode(form.Get("sts")), desk.Publication(form.Get("publication"))
	days, err := strconv.Atoi(strings.TrimSpace(form.Get("rotate_days")))
	if err != nil {
		err = desk.Wrong("rotate_days", "%q is no number of days", form.Get("rotate_days"))
	}
	change := domains.Change{OnBroken: &broken, STS: &sts, RotateDays: &days}
	if publication != "" {
		change.Publication = &publication
	}
	name := c.r.PathValue("name")
	if err == nil {
		_, err = p.domains.Set(c.r.Context(), c.actor, name, change)
	}
	if fault := asFault(err); fault != nil && fault.Kind == desk.Invalid {
		return p.domainPage(c, domainPage{}, fault)
	}
	if err != nil {
		return err
	}
	return c.seeOther(domainPath(name) + "?done=saved")
}

// domainRemove forgets the domain and destroys its keys.
func (p *Portal) domainRemove(c *call) error {
	if err := p.domains.Remove(c.r.Context(), c.actor, c.r.PathValue("name")); err != nil {
		return err
	}
	return c.seeOther("/domains?done=removed")
}

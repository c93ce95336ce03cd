package portal

import (
	"net/url"
	"strings"

	"postern/desk"
)

// domainsPage lists the mail domains.
type domainsPage struct {
	page
	Domains []desk.Domain
	Problem string
	Typed   string
}

// domainPage is one domain with the records that it needs.
type domainPage struct {
	page
	Domain  desk.Domain
	Records []desk.Record
	Missing int // required records that are not right yet
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
	if fault != nil {
		answer.Problem = sentence(fault.Reason)
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
	return c.seeOther(domainPath(added.Name))
}

// domainPath is the address of a domain's page.
func domainPath(name string) string { return "/domains/" + url.PathEscape(name) }

// domainShow shows the records of a domain as they were last found.
func (p *Portal) domainShow(c *call) error {
	domain, records, err := p.domains.Show(c.r.Context(), c.actor, c.r.PathValue("name"))
	if err != nil {
		return err
	}
	answer := domainPage{Domain: domain, Records: records}
	for _, record := range records {
		if record.Required && !record.OK {
			answer.Missing++
		}
	}
	if answer.Reports, err = p.reportsOf(c, domain.Name); err != nil {
		return err
	}
	if answer.page, err = p.framed(c, domain.Name, "/domains"); err != nil {
		return err
	}
	return p.show(c, "domain", answer)
}

// domainVerify looks the records up now.
func (p *Portal) domainVerify(c *call) error {
	domain, _, err := p.domains.Verify(c.r.Context(), c.actor, c.r.PathValue("name"))
	if err != nil {
		return err
	}
	return c.seeOther(domainPath(domain.Name) + "?done=verified")
}

// domainRotate makes new keys.
func (p *Portal) domainRotate(c *call) error {
	name := c.r.PathValue("name")
	if _, err := p.domains.Rotate(c.r.Context(), c.actor, name); err != nil {
		return err
	}
	return c.seeOther(domainPath(name) + "?done=rotated")
}

// domainRemove forgets the domain and its keys.
func (p *Portal) domainRemove(c *call) error {
	if err := p.domains.Remove(c.r.Context(), c.actor, c.r.PathValue("name")); err != nil {
		return err
	}
	return c.seeOther("/domains?done=removed")
}

package portal

import (
	"strconv"
	"strings"

	"postern/desk"
)

// destinationsPage lists the rules for mail that leaves, with the form that sets one.
type destinationsPage struct {
	page
	Rules   []desk.Destination
	TLS     []desk.TLSRule
	Problem string
	Typed   desk.Destination
}

// destinationList shows the rules.
func (p *Portal) destinationList(c *call) error {
	return p.destinationsPage(c, destinationsPage{Typed: desk.Destination{TLS: desk.TLSVerify}}, nil)
}

func (p *Portal) destinationsPage(c *call, answer destinationsPage, fault *desk.Fault) (err error) {
	if answer.Rules, err = p.tickets.Destinations(c.r.Context(), c.actor); err != nil {
		return err
	}
	answer.TLS = desk.TLSRules
	if fault != nil {
		answer.Problem = c.sentence(fault.Reason)
	}
	if answer.page, err = p.framed(c, "Destinations", "/destinations"); err != nil {
		return err
	}
	return p.render(c, view{statusOf(fault), "destinations", "layout"}, answer)
}

// destinationSet adds a rule or replaces the one with the same pattern.
func (p *Portal) destinationSet(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	rule := desk.Destination{Pattern: strings.TrimSpace(form.Get("pattern")), TLS: desk.TLSRule(form.Get("tls")), Note: strings.TrimSpace(form.Get("note"))}
	rule.Connections, err = count("connections", form.Get("connections"))
	if err == nil {
		rule.PerMinute, err = count("per_minute", form.Get("per_minute"))
	}
	if err == nil {
		_, err = p.tickets.SetDestination(c.r.Context(), c.actor, rule)
	}
	if fault := asFault(err); fault != nil && fault.Kind != desk.Forbidden {
		return p.destinationsPage(c, destinationsPage{Typed: rule}, fault)
	}
	if err != nil {
		return err
	}
	return c.seeOther("/destinations?done=ruled")
}

// destinationRemove takes a rule away.
func (p *Portal) destinationRemove(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	if err := p.tickets.DropDestination(c.r.Context(), c.actor, form.Get("pattern")); err != nil {
		return err
	}
	return c.seeOther("/destinations?done=unruled")
}

// count reads a number of things; nothing is 0, which is what there is without a rule.
func count(field, typed string) (int, error) {
	typed = strings.TrimSpace(typed)
	if typed == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(typed)
	if err != nil || n < 0 {
		return 0, desk.Wrong(field, "%q is no number", typed)
	}
	return n, nil
}

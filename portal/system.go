package portal

import (
	"fmt"
	"net/url"
	"time"

	"postern/desk"
)

// systemPage is how the installation fares.
type systemPage struct {
	page
	System   desk.Installation
	Version  string
	Running  time.Time // this process, since
	Waiting  desk.DeliveryCounts
	Degraded []desk.Domain
	Troubles []string // in sentences, the worst first; none: all is well
	Now      time.Time
}

// certificatesPage is what is known of certificates of ours and policies of others.
type certificatesPage struct {
	page
	Certificates []desk.NamedCertificate
	Policies     []desk.KeptPolicy
	Next         string
	Soon         time.Time // what ends before it ends soon
}

// systemShow shows how the installation fares.
func (p *Portal) systemShow(c *call) (err error) {
	ctx := c.r.Context()
	answer := systemPage{Version: p.version, Running: p.started, Now: p.now()}
	if answer.System, err = p.tickets.System(ctx, c.actor); err != nil {
		return err
	}
	if answer.Waiting, err = p.tickets.DeliveryCounts(ctx, c.actor); err != nil {
		return err
	}
	all, err := p.domains.List(ctx, c.actor)
	if err != nil {
		return err
	}
	for _, one := range all {
		if one.State == desk.DomainDegraded {
			answer.Degraded = append(answer.Degraded, one)
		}
	}
	certificates, err := p.tickets.Certificates(ctx, c.actor)
	if err != nil {
		return err
	}
	answer.Troubles = p.attention(c, answer, certificates)
	if answer.page, err = p.framed(c, "System", "/system"); err != nil {
		return err
	}
	return p.show(c, "system", answer)
}

// soonEnds is how long before its end a certificate should have been renewed.
const soonEnds = 7 * 24 * time.Hour

// attention says what an admin should look at.
func (p *Portal) attention(c *call, s systemPage, certificates []desk.NamedCertificate) (list []string) {
	add := func(text string, values ...any) { list = append(list, c.lang.Say(text, values...)) }
	if s.System.Apart != "" {
		add("The clocks of this machine and of the database are %s apart: run a time service on both.", s.System.Apart)
	}
	living := 0
	for _, one := range s.System.Processes {
		if !one.Silent(s.Now) {
			living++
		}
	}
	if living == 0 {
		add("No process delivers mail: start one with the worker role.")
	}
	for _, one := range s.System.Jobs {
		if one.Oldest != nil && s.Now.Sub(*one.Oldest) > 15*time.Minute {
			add("Jobs of the kind %s wait since %s.", one.Kind, c.lang.Clock(one.Oldest.In(c.zone), s.Now))
		}
	}
	if s.System.Oldest != nil && s.Now.Sub(*s.System.Oldest) > 5*time.Minute {
		add("What happened to tickets is not acted upon since %s: rules, targets and notifications are late.", c.lang.Clock(s.System.Oldest.In(c.zone), s.Now))
	}
	for _, one := range s.Degraded {
		add("The domain %s is broken.", one.Name)
	}
	for _, one := range certificates {
		switch {
		case one.Problem != "":
			add("The certificate for %s could not be obtained.", one.Name)
		case one.Ends != nil && one.Ends.Before(s.Now.Add(soonEnds)):
			add("The certificate for %s ends on %s.", one.Name, c.lang.Date(*one.Ends))
		}
	}
	return list
}

// Seconds is how long the slowest job of an hour took.
func (systemPage) Seconds(s *float64) string {
	if s == nil {
		return ""
	}
	return fmt.Sprintf("%.1f s", *s)
}

// certificatesShow lists certificates of ours and policies of others.
func (p *Portal) certificatesShow(c *call) (err error) {
	answer := certificatesPage{Soon: p.now().Add(soonEnds)}
	if answer.Certificates, err = p.tickets.Certificates(c.r.Context(), c.actor); err != nil {
		return err
	}
	found, err := p.tickets.KeptPolicies(c.r.Context(), c.actor, c.r.URL.Query().Get("cursor"))
	if err != nil {
		return err
	}
	if answer.Policies = found.Items; found.Next != "" {
		answer.Next = "/certificates?cursor=" + url.QueryEscape(found.Next)
	}
	if answer.page, err = p.framed(c, "Certificates", "/certificates"); err != nil {
		return err
	}
	return p.show(c, "certificates", answer)
}

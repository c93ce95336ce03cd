package portal

import (
	"encoding/csv"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"postern/desk"
)

// factorReportPage is who has which second factor, and the rules about it.
type factorReportPage struct {
	page
	Form    settingsForm
	People  []desk.FactorHolder
	More    string
	Gateway string
	Secret  string // of the gateway that was just set; it is shown once
	Problem string
	Locked  bool // the reader may look and not change
}

const factorReportPath = "/security/factors"

// factorSettings are those on the page, in its order.
var factorSettings = []*desk.Setting{
	desk.RequireFactor, desk.FactorGrace, desk.FactorRemember, desk.MailCode, desk.FactorProviders, desk.TextMessages, desk.GatewayNetworks, desk.CommandFactor, desk.CommandUnattended,
}

// factorReport shows it.
func (p *Portal) factorReport(c *call) error {
	form, err := p.settingsOf(c, factorReportPath, factorSettings)
	if err != nil {
		return err
	}
	return p.factorReportPage(c, factorReportPage{Form: form}, nil)
}

// factorReportPost changes the rules.
func (p *Portal) factorReportPost(c *call) error {
	form, fault, err := p.saveSettings(c, factorReportPath, factorSettings)
	switch {
	case err != nil:
		return err
	case fault != nil:
		return p.factorReportPage(c, factorReportPage{Form: form}, fault)
	}
	return c.seeOther(factorReportPath + "?done=saved")
}

// gatewayPost sets where text messages go, and shows the new secret once.
func (p *Portal) gatewayPost(c *call) error {
	typed, err := c.form()
	if err != nil {
		return err
	}
	form, err := p.settingsOf(c, factorReportPath, factorSettings)
	if err != nil {
		return err
	}
	secret, err := p.identity.SetGateway(c.r.Context(), c.actor, typed.Get("url"))
	if fault := asFault(err); fault != nil && fault.Kind != desk.Forbidden {
		return p.factorReportPage(c, factorReportPage{Form: form, Problem: c.sentence(fault.Reason)}, fault)
	}
	if err != nil {
		return err
	}
	return p.factorReportPage(c, factorReportPage{Form: form, Secret: secret}, nil)
}

func (p *Portal) factorReportPage(c *call, answer factorReportPage, fault *desk.Fault) error {
	ctx := c.r.Context()
	found, err := p.identity.FactorReport(ctx, c.actor, c.r.URL.Query().Get("cursor"), pageLimit)
	if err != nil {
		return err
	}
	answer.People, answer.Locked = found.Items, !c.actor.Can(desk.MayManageSecurity)
	if found.Next != "" {
		answer.More = factorReportPath + "?" + url.Values{"cursor": {found.Next}}.Encode()
	}
	gateway, err := p.identity.Gateway(ctx, c.actor)
	if err != nil {
		return err
	}
	answer.Gateway = gateway.URL
	if answer.page, err = p.framed(c, "Second factors", "/security"); err != nil {
		return err
	}
	return p.render(c, view{statusOf(fault), "factor_report", "layout"}, answer)
}

// factorReportCSV is the report as a file.
func (p *Portal) factorReportCSV(c *call) error {
	rows := [][]string{{"email", "name", "role", "required", "passkeys", "app", "telephone", "recovery codes", "last used"}}
	err := p.identity.ReportFactors(c.r.Context(), c.actor, func(h desk.FactorHolder) error {
		used := ""
		if h.LastUsedAt != nil {
			used = h.LastUsedAt.UTC().Format(time.RFC3339)
		}
		rows = append(rows, desk.Cells(h.Email, h.Name, string(h.Role), yesNo(h.Required), strconv.Itoa(h.Passkeys), yesNo(h.TOTP), yesNo(h.SMS), strconv.Itoa(h.Codes), used))
		return nil
	})
	if err != nil {
		return err
	}
	c.w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	c.w.Header().Set("Content-Disposition", `attachment; filename="second-factors.csv"`)
	out := csv.NewWriter(c.w)
	if err := out.WriteAll(rows); err != nil {
		return fmt.Errorf("portal: report of factors: %w", err)
	}
	return nil
}

// yesNo is for programs, so it is the same in every language.
func yesNo(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}

// factorHelpPage is one person who may have lost what they sign in with.
type factorHelpPage struct {
	page
	Person  desk.FactorHolder
	Check   string
	Problem string
	Code    string // that was just made; it is shown once
}

// factorHelp shows what they have, and the form that gets them in.
func (p *Portal) factorHelp(c *call) error { return p.factorHelpPage(c, factorHelpPage{}, nil) }

func (p *Portal) factorHelpPage(c *call, answer factorHelpPage, fault *desk.Fault) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	if answer.Person, err = p.identity.FactorHolder(c.r.Context(), c.actor, id); err != nil {
		return err
	}
	if fault != nil {
		answer.Problem = c.sentence(fault.Reason)
	}
	if answer.page, err = p.framed(c, answer.Person.Name, "/security"); err != nil {
		return err
	}
	return p.render(c, view{statusOf(fault), "factor_help", "layout"}, answer)
}

// factorHelpPost makes a recovery code for them.
func (p *Portal) factorHelpPost(c *call) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	form, err := c.form()
	if err != nil {
		return err
	}
	code, err := p.identity.IssueRecovery(c.r.Context(), c.actor, id, form.Get("check"))
	if fault := asFault(err); fault != nil && fault.Kind != desk.NotFound {
		return p.factorHelpPage(c, factorHelpPage{Check: form.Get("check")}, fault)
	}
	if err != nil {
		return err
	}
	return p.factorHelpPage(c, factorHelpPage{Code: code}, nil)
}

package portal

import (
	"net/url"
	"slices"
	"strconv"

	"postern/desk"
	"postern/language"
)

// mostReports is how many reports one page lists: with two plots and their tables above, it stays light.
const mostReports = 15

// reportsPart is what others report about a domain: who sends as it, how much of that passes, and each report.
type reportsPart struct {
	Days    int
	Spans   []spanLink
	Plots   []plot // of DMARC and TLS; only those about which there is something
	Sources []sourceRow
	List    []desk.Report
	Next    string // address of the next page
	Any     bool   // at least one report came, ever
}

// spanLink chooses how far back to look.
type spanLink struct {
	Title, URL string
	Here       bool
}

// sourceRow is one machine that sends as the domain.
type sourceRow struct {
	desk.ReportSource
	lang        *language.Language
	Look, Short string // of the badge: what is known of it
}

// DKIMRate is the share of its mails that passed by an aligned DKIM signature.
func (s sourceRow) DKIMRate() string { return percent(s.lang, s.DKIM, s.Total) }

// SPFRate is the share that passed by an aligned SPF.
func (s sourceRow) SPFRate() string { return percent(s.lang, s.SPF, s.Total) }

// Rate is the share that passed by either.
func (s sourceRow) Rate() string { return percent(s.lang, s.Passed, s.Total) }

// spans are the lengths of time to choose from, in days.
var spans = []int{7, 30, 90}

// reportsOf gathers what others report about a domain.
func (p *Portal) reportsOf(c *call, domain string) (part reportsPart, err error) {
	asked := c.r.URL.Query()
	if part.Days = int(number64(asked, "days")); !slices.Contains(spans, part.Days) {
		part.Days = 30
	}
	for _, days := range spans {
		part.Spans = append(part.Spans, spanLink{c.lang.Say("%d days", days), domainPath(domain) + "?days=" + strconv.Itoa(days) + "#reports", days == part.Days})
	}
	summary, err := p.domains.ReportSummary(c.r.Context(), c.actor, domain, part.Days)
	if err != nil {
		return part, err
	}
	list, err := p.domains.Reports(c.r.Context(), c.actor, domain, asked.Get("cursor"), mostReports)
	if err != nil {
		return part, err
	}
	part.List, part.Any = list.Items, len(list.Items) > 0
	if list.Next != "" {
		part.Next = domainPath(domain) + "?" + url.Values{"days": {strconv.Itoa(part.Days)}, "cursor": {list.Next}}.Encode() + "#reports"
	}
	part.Plots = plotsOf(c.lang, summary, part.Days)
	for _, source := range summary.Sources {
		part.Sources = append(part.Sources, sourceOf(c.lang, source))
	}
	return part, nil
}

// plotsOf draws what there is to draw.
func plotsOf(lang *language.Language, summary desk.ReportSummary, days int) []plot {
	var plots []plot
	dmarc := plotOf(lang, summary.DMARC, summary.Since, days)
	dmarc.Name, dmarc.Title, dmarc.What = "dmarc", lang.Say("Mail that passes as yours (DMARC)"), lang.Say("Mails")
	dmarc.Of = lang.Count(dmarc.Total, "of one mail", "of %d mails")
	dmarc.UpTo = lang.Count(dmarc.Most, "up to one mail a day", "up to %d mails a day")
	dmarc.Summary = lang.Say("From %s to %s, %d of %d mails passed: %s. The busiest day had %d.", lang.Date(dmarc.From), lang.Date(dmarc.To), dmarc.Passed, dmarc.Total, dmarc.Rate(), dmarc.Most)
	tls := plotOf(lang, summary.TLS, summary.Since, days)
	tls.Name, tls.Title, tls.What = "tls", lang.Say("Mail to you that came encrypted (TLS)"), lang.Say("Sessions")
	tls.Of = lang.Count(tls.Total, "of one session", "of %d sessions")
	tls.UpTo = lang.Count(tls.Most, "up to one session a day", "up to %d sessions a day")
	tls.Summary = lang.Say("From %s to %s, %d of %d sessions passed: %s. The busiest day had %d.", lang.Date(tls.From), lang.Date(tls.To), tls.Passed, tls.Total, tls.Rate(), tls.Most)
	for _, one := range []plot{dmarc, tls} {
		if one.Total > 0 {
			plots = append(plots, one)
		}
	}
	return plots
}

// sourceOf says what to think of a machine that sends as the domain.
func sourceOf(lang *language.Language, source desk.ReportSource) sourceRow {
	row := sourceRow{ReportSource: source, lang: lang}
	switch {
	case source.Passed == source.Total:
		row.Look, row.Short = "good", lang.Say("Passes")
	case source.Passed == 0:
		row.Look, row.Short = "bad", lang.Say("Never passes")
	default:
		row.Look, row.Short = "warn", lang.Say("Passes in part")
	}
	return row
}

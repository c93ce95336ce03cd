package portal

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"

	"postern/desk"
)

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
	Look, Short string // of the badge: what is known of it
}

// DKIMRate is the share of its mails that passed by an aligned DKIM signature.
func (s sourceRow) DKIMRate() string { return percent(s.DKIM, s.Total) }

// SPFRate is the share that passed by an aligned SPF.
func (s sourceRow) SPFRate() string { return percent(s.SPF, s.Total) }

// Rate is the share that passed by either.
func (s sourceRow) Rate() string { return percent(s.Passed, s.Total) }

// spans are the lengths of time to choose from, in days.
var spans = []int{7, 30, 90}

// reportsOf gathers what others report about a domain.
func (p *Portal) reportsOf(c *call, domain string) (part reportsPart, err error) {
	asked := c.r.URL.Query()
	if part.Days = int(number64(asked, "days")); !slices.Contains(spans, part.Days) {
		part.Days = 30
	}
	for _, days := range spans {
		part.Spans = append(part.Spans, spanLink{fmt.Sprintf("%d days", days), domainPath(domain) + "?days=" + strconv.Itoa(days) + "#reports", days == part.Days})
	}
	summary, err := p.domains.ReportSummary(c.r.Context(), c.actor, domain, part.Days)
	if err != nil {
		return part, err
	}
	list, err := p.domains.Reports(c.r.Context(), c.actor, domain, asked.Get("cursor"), pageLimit)
	if err != nil {
		return part, err
	}
	part.List, part.Any = list.Items, len(list.Items) > 0
	if list.Next != "" {
		part.Next = domainPath(domain) + "?" + url.Values{"days": {strconv.Itoa(part.Days)}, "cursor": {list.Next}}.Encode() + "#reports"
	}
	part.Plots = plotsOf(summary, part.Days)
	for _, source := range summary.Sources {
		part.Sources = append(part.Sources, sourceOf(source))
	}
	return part, nil
}

// plotsOf draws what there is to draw.
func plotsOf(summary desk.ReportSummary, days int) []plot {
	var plots []plot
	dmarc := plotOf(summary.DMARC, summary.Since, days)
	dmarc.Name, dmarc.Title, dmarc.What = "dmarc", "Mail that passes as yours (DMARC)", "mails"
	tls := plotOf(summary.TLS, summary.Since, days)
	tls.Name, tls.Title, tls.What = "tls", "Mail to you that came encrypted (TLS)", "sessions"
	for _, one := range []plot{dmarc, tls} {
		if one.Total > 0 {
			one.Summary = fmt.Sprintf("From %s to %s, %d of %d %s passed: %s. The busiest day had %d.", one.From.Format("2 January 2006"), one.To.Format("2 January 2006"), one.Passed, one.Total, one.What, one.Rate(), one.Most)
			plots = append(plots, one)
		}
	}
	return plots
}

// sourceOf says what to think of a machine that sends as the domain.
func sourceOf(source desk.ReportSource) sourceRow {
	row := sourceRow{ReportSource: source}
	switch {
	case source.Passed == source.Total:
		row.Look, row.Short = "good", "Passes"
	case source.Passed == 0:
		row.Look, row.Short = "bad", "Never passes"
	default:
		row.Look, row.Short = "warn", "Passes in part"
	}
	return row
}

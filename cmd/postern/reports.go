package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"postern/config"
	"postern/desk"
)

type domainReports struct {
	domainArg
	Days int `name:"days" default:"30" help:"Of how many days, today included: 1 to 365."`
	listing
}

// Validate knows the bounds.
func (d domainReports) Validate() error {
	if d.Days < 1 || d.Days > 365 {
		return fmt.Errorf("--days must be 1 to 365 but got %d", d.Days)
	}
	return nil
}

// Run sums the reports up.
func (d domainReports) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		summary, err := a.domains.ReportSummary(ctx, operator(), d.Name, d.Days)
		if err != nil {
			return err
		}
		if d.JSON {
			return d.print(term.out, summary, nil, nil)
		}
		return printReports(term.out, summary)
	})
}

// printReports writes the days of both kinds of report as bars, and who sends as the domain.
func printReports(out io.Writer, summary desk.ReportSummary) error {
	if len(summary.DMARC)+len(summary.TLS) == 0 {
		_, err := fmt.Fprintf(out, "nobody reports about %s since %s; reports come to the rua= address of its _dmarc and _smtp._tls records\n", summary.Domain, summary.Since.Format(time.DateOnly))
		return err
	}
	if len(summary.DMARC) > 0 {
		fmt.Fprintf(out, "Mail in the name of %s since %s: %s (# passes DMARC, x does not)\n", summary.Domain, summary.Since.Format(time.DateOnly), share(summary.DMARC))
		if err := printDays(out, summary.DMARC); err != nil {
			return err
		}
		if err := printSources(out, summary.Sources); err != nil {
			return err
		}
	}
	if len(summary.TLS) > 0 {
		fmt.Fprintf(out, "SMTP sessions to %s since %s: %s (# encrypted as asked, x not)\n", summary.Domain, summary.Since.Format(time.DateOnly), share(summary.TLS))
		return printDays(out, summary.TLS)
	}
	return nil
}

// share says how many there were and which part passed.
func share(days []desk.ReportDay) string {
	var total, passed int64
	for _, day := range days {
		total, passed = total+day.Total, passed+day.Passed
	}
	if total == 0 {
		return "0"
	}
	return fmt.Sprintf("%d, %.1f%% passed", total, 100*float64(passed)/float64(total))
}

// dayWidth is the length of the bar of the busiest day.
const dayWidth = 40

func printDays(out io.Writer, days []desk.ReportDay) error {
	var most int64
	for _, day := range days {
		most = max(most, day.Total)
	}
	table := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "DAY\tTOTAL\tPASSED")
	for _, day := range days {
		fmt.Fprintf(table, "%s\t%d\t%d\t%s\n", day.Day.Format(time.DateOnly), day.Total, day.Passed, bar(day, most))
	}
	fmt.Fprintln(table)
	return table.Flush()
}

// bar draws a day. Whatever there is of either kind is seen, be it ever so little.
func bar(day desk.ReportDay, most int64) string {
	if day.Total <= 0 || most <= 0 {
		return ""
	}
	failed := day.Total - day.Passed
	width := max(1, int(float64(day.Total)/float64(most)*dayWidth+0.5))
	if failed > 0 && day.Passed > 0 {
		width = max(2, width)
	}
	bad := int(float64(failed)/float64(day.Total)*float64(width) + 0.5)
	if failed > 0 {
		bad = max(1, bad)
	}
	if day.Passed > 0 {
		bad = min(bad, width-1)
	}
	return strings.Repeat("#", width-bad) + strings.Repeat("x", bad)
}

func printSources(out io.Writer, sources []desk.ReportSource) error {
	table := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "SOURCE\tTOTAL\tPASSED\tDKIM\tSPF\tSTOPPED\tREPORTERS\tLAST")
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	for _, s := range sources {
		fmt.Fprintln(table, strings.Join([]string{
			s.IP, number(s.Total), number(s.Passed), number(s.DKIM), number(s.SPF), number(s.Stopped), number(s.Reporters), s.LastAt.UTC().Format(time.DateOnly),
		}, "\t"))
	}
	fmt.Fprintln(table)
	return table.Flush()
}

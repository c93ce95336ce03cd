package portal

import (
	"encoding/csv"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"postern/desk"
	"postern/language"
)

// reportsPage is what happened to tickets: figures, plots and tables.
type reportsPage struct {
	page
	Asked    reportAsked
	Spans    []spanLink
	About    []reportGroup  // of whom the figures are
	By       []reportOption // what the last table tells apart
	Problem  string
	Figures  desk.Figures
	Tallies  []tallyTile
	Charts   []chart
	Rows     []reportRow // by day, week or month, the newest first
	RowsName string      // Day, Week, Month
	Lines    []reportRow
	LineName string
	CSV      string
	LinesCSV string
	Whole    bool // the reader sees every ticket
	Zones    bool // the reader may choose the zone
	Behind   bool // history is being summed up
}

// reportAsked is the question as the address bar holds it.
type reportAsked struct {
	Days     int    // up to today; 0: from From to To
	From, To string // 2026-11-29
	About    string // part:key; empty: all
	By       desk.TallyPart
}

// reportOption is one choice of a list.
type reportOption struct {
	Value, Title string
	Here         bool
}

// reportGroup are choices under one heading.
type reportGroup struct {
	Title   string
	Options []reportOption
}

// tallyTile is one number at the head of the page.
type tallyTile struct{ Title, Value, Hint string }

// reportRow is one line of a table.
type reportRow struct {
	Name                            string
	Tally                           desk.Tally
	Answer, Answer90, Solve         string
	AnswerWork, SolveWork, Met, Sat string
}

// reportScope is whose figures the reader may ask for: those of the teams whose tickets they see, or all.
type reportScope struct {
	sees  func(team int64) bool // 0: of no team
	whole bool
}

// reportSpans are the lengths of time to choose from, in days.
var reportSpans = []int{7, 30, 90, 365}

func reportAskedOf(values url.Values) reportAsked {
	a := reportAsked{Days: int(number64(values, "days")), From: values.Get("from"), To: values.Get("to"), About: values.Get("about"), By: desk.TallyPart(values.Get("by"))}
	if a.From != "" || a.To != "" {
		a.Days = 0
	} else if !slices.Contains(reportSpans, a.Days) {
		a.Days = 30
	}
	if !slices.Contains(desk.TallyParts, a.By) {
		a.By = desk.PartMailbox
	}
	return a
}

// values is the question as a query.
func (a reportAsked) values() url.Values {
	v := url.Values{}
	if a.Days != 0 {
		v.Set("days", strconv.Itoa(a.Days))
	}
	for name, value := range map[string]string{"from": a.From, "to": a.To, "about": a.About, "by": string(a.By)} {
		if value != "" {
			v.Set(name, value)
		}
	}
	return v
}

// query is the question as the service takes it.
func (a reportAsked) query(today desk.Day) (q desk.TallyQuery, err error) {
	part, key, _ := strings.Cut(a.About, ":")
	q = desk.TallyQuery{Part: desk.TallyPart(part), Key: key, First: today.AddDate(0, 0, 1-a.Days), Last: today}
	if a.About == "" {
		q.Part = desk.PartAll
	}
	if a.Days != 0 {
		return q, nil
	}
	if q.First, err = time.Parse(time.DateOnly, a.From); err == nil {
		q.Last, err = time.Parse(time.DateOnly, a.To)
	}
	if err != nil {
		return q, desk.Wrong("from", "write both days, such as 2026-11-22")
	}
	return q, nil
}

// reportsShow shows the figures that the address asks for.
func (p *Portal) reportsShow(c *call) error {
	answer := reportsPage{Asked: reportAskedOf(c.r.URL.Query()), Zones: c.actor.Can(desk.MayManageTargets)}
	sees, whole, err := p.tickets.FigureTeams(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	if answer.Whole = whole; !whole {
		answer.Asked.By = desk.PartTeam
	}
	if answer.Figures, err = p.figuresFor(c, answer.Asked); err != nil {
		fault := asFault(err)
		if fault == nil || fault.Kind != desk.Invalid {
			return err
		}
		answer.Problem = sentence(c.lang.Sentence(fault.Reason))
	}
	for _, days := range reportSpans {
		other := answer.Asked
		other.Days, other.From, other.To = days, "", ""
		answer.Spans = append(answer.Spans, spanLink{c.lang.Say("%d days", days), "/reports?" + other.values().Encode(), days == answer.Asked.Days})
	}
	if answer.About, answer.By, err = p.reportChoices(c, answer.Asked, reportScope{sees, whole}); err != nil {
		return err
	}
	answer.draw(c.lang)
	if answer.page, err = p.framed(c, "Reports", "/reports"); err != nil {
		return err
	}
	return p.show(c, "reports", answer)
}

// figuresFor asks for the figures. What day it is they know best, for they have a zone of their own; so a page that runs over midnight asks twice.
func (p *Portal) figuresFor(c *call, asked reportAsked) (desk.Figures, error) {
	today, err := p.tickets.FiguresToday(c.r.Context())
	if err != nil {
		return desk.Figures{}, err
	}
	q, err := asked.query(today)
	if err != nil {
		return desk.Figures{}, err
	}
	return p.tickets.Figures(c.r.Context(), c.actor, q, asked.By)
}

// reportChoices are whom figures can be about, and what they can tell apart. Colleagues are for admins.
func (p *Portal) reportChoices(c *call, asked reportAsked, scope reportScope) (groups []reportGroup, by []reportOption, err error) {
	ctx := c.r.Context()
	group := func(title string, part desk.TallyPart, none string) *reportGroup {
		groups = append(groups, reportGroup{Title: c.lang.Say(title)})
		g := &groups[len(groups)-1]
		if none != "" {
			g.add(part, "", c.lang.Say(none), asked)
		}
		return g
	}
	var mailboxes []desk.Mailbox
	if scope.whole {
		if mailboxes, err = p.domains.Mailboxes(ctx); err != nil {
			return nil, nil, err
		}
	}
	g := group("Mailboxes", desk.PartMailbox, "")
	for _, box := range mailboxes {
		g.add(desk.PartMailbox, strconv.FormatInt(box.ID, 10), firstOf(box.Name, box.Address), asked)
	}
	teams, err := p.tickets.Teams(ctx, c.actor)
	if err != nil {
		return nil, nil, err
	}
	none := ""
	if scope.sees(0) {
		none = "No team"
	}
	g = group("Teams", desk.PartTeam, none)
	for _, team := range teams {
		if scope.sees(team.ID) {
			g.add(desk.PartTeam, strconv.FormatInt(team.ID, 10), team.Name, asked)
		}
	}
	g = group("People", desk.PartAgent, "")
	g.add(desk.PartAgent, strconv.FormatInt(c.actor.User.ID, 10), c.lang.Say("You"), asked)
	if c.actor.Can(desk.MayReadAllReports) {
		staff, err := p.identity.Staff(ctx)
		if err != nil {
			return nil, nil, err
		}
		for _, one := range staff {
			if one.ID != c.actor.User.ID {
				g.add(desk.PartAgent, strconv.FormatInt(one.ID, 10), one.Name, asked)
			}
		}
	}
	tags, _, err := p.tickets.Tags(ctx, c.actor, "", "", 100)
	if err != nil {
		return nil, nil, err
	}
	if !scope.whole {
		tags = nil
	}
	g = group("Tags", desk.PartTag, "")
	for _, tag := range tags {
		g.add(desk.PartTag, tag.Name, tag.Name, asked)
	}
	groups = slices.DeleteFunc(groups, func(g reportGroup) bool { return len(g.Options) == 0 })
	return groups, breakdowns(c, asked, scope), nil
}

// breakdowns are what figures can be told apart by.
func breakdowns(c *call, asked reportAsked, scope reportScope) (by []reportOption) {
	for _, one := range []struct {
		part  desk.TallyPart
		title string
	}{{desk.PartMailbox, "Mailbox"}, {desk.PartTeam, "Team"}, {desk.PartAgent, "Person"}, {desk.PartTag, "Tag"}} {
		if !scope.whole && one.part != desk.PartTeam {
			continue
		}
		if one.part != desk.PartAgent || c.actor.Can(desk.MayReadAllReports) {
			by = append(by, reportOption{string(one.part), c.lang.Say(one.title), one.part == asked.By})
		}
	}
	return by
}

func (g *reportGroup) add(part desk.TallyPart, key, title string, asked reportAsked) {
	value := string(part) + ":" + key
	g.Options = append(g.Options, reportOption{value, title, value == asked.About})
}

// firstOf is the first of two that says anything.
func firstOf(one, other string) string {
	if one != "" {
		return one
	}
	return other
}

// rowOf puts a tally into words.
func rowOf(lang *language.Language, name string, t desk.Tally) reportRow {
	row := reportRow{Name: name, Tally: t, Answer: shareOf(lang, t.Answer, .5), Answer90: shareOf(lang, t.Answer, .9), Solve: shareOf(lang, t.Solve, .5),
		AnswerWork: shareOf(lang, t.AnswerWork, .5), SolveWork: shareOf(lang, t.SolveWork, .5)}
	row.Met = percent(lang, t.AnswerMet+t.SolveMet, t.AnswerMet+t.AnswerMissed+t.SolveMet+t.SolveMissed)
	row.Sat = percent(lang, t.Good, t.Good+t.Bad)
	return row
}

// shareOf is the time within which a part of them was done; empty where there are none.
func shareOf(lang *language.Language, s desk.Spread, part float64) string {
	within, ok := s.Share(part)
	if !ok {
		return ""
	}
	return took(lang, within)
}

// took is a length of time in its two largest units.
func took(lang *language.Language, d time.Duration) string {
	minutes := int64(d.Round(time.Minute) / time.Minute)
	switch {
	case minutes < 60:
		return lang.Say("%d min", max(minutes, 1))
	case minutes < 24*60 && minutes%60 == 0:
		return lang.Say("%d h", minutes/60)
	case minutes < 24*60:
		return lang.Say("%d h %d min", minutes/60, minutes%60)
	case minutes%(24*60) < 60:
		return lang.Say("%d d", minutes/(24*60))
	default:
		return lang.Say("%d d %d h", minutes/(24*60), minutes%(24*60)/60)
	}
}

// reportCSV is the figures as a table for other programs: by day, or by what the report tells apart.
func (p *Portal) reportCSV(c *call) error {
	values := c.r.URL.Query()
	asked := reportAskedOf(values)
	report, err := p.figuresFor(c, asked)
	if err != nil {
		return err
	}
	name, lines := "days", [][]string{append([]string{"day"}, csvColumns...)}
	if values.Get("table") == "lines" {
		name, lines = string(asked.By), [][]string{append([]string{string(asked.By)}, csvColumns...)}
		for _, line := range report.Lines {
			lines = append(lines, append(desk.Cells(line.Name), csvRow(line.Tally)...))
		}
	} else {
		for _, day := range report.Days {
			if !day.Day.After(report.Today) {
				lines = append(lines, append([]string{day.Day.Format(time.DateOnly)}, csvRow(day.Tally)...))
			}
		}
	}
	c.w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	c.w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="postern-%s-%s-%s.csv"`, name, report.Query.First.Format(time.DateOnly), report.Query.Last.Format(time.DateOnly)))
	return csv.NewWriter(c.w).WriteAll(lines)
}

// csvColumns are names for programs, so they are the same in every language. Times are in minutes.
var csvColumns = []string{"new", "solved", "reopened", "mails_in", "answers_out", "unsolved_at_end", "first_answer_median_min", "first_answer_p90_min", "first_answer_median_business_min",
	"solution_median_min", "solution_p90_min", "solution_median_business_min", "answer_targets_met", "answer_targets_missed", "solution_targets_met", "solution_targets_missed", "rated_good", "rated_bad"}

func csvRow(t desk.Tally) []string {
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	minutes := func(s desk.Spread, part float64) string {
		within, ok := s.Share(part)
		if !ok {
			return ""
		}
		return number(int64(within / time.Minute))
	}
	return []string{number(t.Created), number(t.Solved), number(t.Reopened), number(t.In), number(t.Out), number(t.Backlog), minutes(t.Answer, .5), minutes(t.Answer, .9), minutes(t.AnswerWork, .5),
		minutes(t.Solve, .5), minutes(t.Solve, .9), minutes(t.SolveWork, .5), number(t.AnswerMet), number(t.AnswerMissed), number(t.SolveMet), number(t.SolveMissed), number(t.Good), number(t.Bad)}
}

// reportZone says in which zone the days of all reports are.
func (p *Portal) reportZone(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	if err := p.tickets.SetFiguresZone(c.r.Context(), c.actor, strings.TrimSpace(form.Get("zone"))); err != nil {
		return err
	}
	return c.seeOther("/reports?done=saved")
}

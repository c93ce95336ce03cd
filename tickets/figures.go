package tickets

import (
	"context"
	"slices"
	"strconv"
	"time"

	"postern/desk"
	"postern/store"
)

const (
	figuresKey   = "reports" // the setting that holds figuresState
	mostSummed   = 30        // days that one transaction sums up
	mostLive     = 3         // days that are counted while somebody waits; older ones are summed up before they show
	longestSpan  = 1100      // days of one report: three years
	mostKeys     = 25        // lines of a report
	figuresAfter = time.Hour // after midnight, when what happened before is written down
)

// figuresState says in which zone days are, and which was summed up last.
type figuresState struct {
	Zone  string   `json:"zone"`
	Since desk.Day `json:"since,omitzero"` // the first day
	Day   desk.Day `json:"day,omitzero"`   // the last that was summed up
}

// location is the zone; one that this machine does not know is UTC.
func (f figuresState) location() *time.Location {
	zone, err := time.LoadLocation(f.Zone)
	if err != nil || f.Zone == "" || f.Zone == "Local" {
		return time.UTC
	}
	return zone
}

// figuresStateOf reads the setting. Until somebody chose a zone it is that of the default business hours, else UTC.
func figuresStateOf(ctx context.Context, r store.Reader) (state figuresState, err error) {
	if err = r.Setting(ctx, figuresKey, &state); err != nil || state.Zone != "" {
		return state, err
	}
	state.Zone = "UTC"
	all, err := r.AllHours(ctx)
	for _, one := range all {
		if one.Default {
			state.Zone = one.Zone
		}
	}
	return state, err
}

// SetFiguresZone says in which zone a day of the reports begins. All days are summed up anew; until that is done, reports reach back only as far as it has come.
func (s *Service) SetFiguresZone(ctx context.Context, actor desk.Actor, zone string) error {
	if err := need(actor, desk.MayManageTargets); err != nil {
		return err
	}
	if _, err := time.LoadLocation(zone); err != nil || zone == "" || zone == "Local" {
		return desk.Wrong("zone", "there is no time zone %q: write one like Europe/Rome", zone)
	}
	return s.store.Write(ctx, func(tx *store.Tx) error {
		before, err := figuresStateOf(ctx, tx.Reader)
		if err != nil || before.Zone == zone && !before.Day.IsZero() {
			return err
		}
		if err := tx.LockSetting(ctx, figuresKey, before); err != nil {
			return err
		}
		if err := tx.DropTallies(ctx); err != nil {
			return err
		}
		if err := tx.SetSetting(ctx, figuresKey, figuresState{Zone: zone}); err != nil {
			return err
		}
		return tx.Audit(ctx, actor, "reports.zone", "reports", map[string]string{"from": before.Zone, "to": zone})
	})
}

// SumUp sums up the days that are over and were not yet, so that a report of years costs as much as one of weeks. It goes on until all are, or ctx ends.
func (s *Service) SumUp(ctx context.Context) error {
	for {
		more := false
		err := s.store.Write(ctx, func(tx *store.Tx) (err error) {
			more, err = s.sumUp(ctx, tx)
			return err
		})
		if err != nil || !more {
			return err
		}
	}
}

// sumUp does some days and says whether there are more.
func (s *Service) sumUp(ctx context.Context, tx *store.Tx) (more bool, err error) {
	state, err := figuresStateOf(ctx, tx.Reader)
	if err != nil {
		return false, err
	}
	if err := tx.LockSetting(ctx, figuresKey, state); err != nil {
		return false, err
	}
	if err := tx.Setting(ctx, figuresKey, &state); err != nil { // as the last who held the lock left it
		return false, err
	}
	zone := state.location()
	if state.Day.IsZero() {
		first, err := tx.FirstMessage(ctx)
		if err != nil || first.IsZero() {
			return false, err
		}
		state.Since = desk.DayOf(first, zone)
		state.Day = state.Since.AddDate(0, 0, -1)
	}
	over := desk.DayOf(s.now().Add(-figuresAfter), zone).AddDate(0, 0, -1)
	last := state.Day.AddDate(0, 0, mostSummed)
	if last.After(over) {
		last = over
	}
	if !last.After(state.Day) {
		return false, nil
	}
	days, err := countDays(ctx, tx.Reader, zone, state.Day.AddDate(0, 0, 1), last)
	if err != nil {
		return false, err
	}
	for i, day := range days {
		if err := tx.SetTallies(ctx, state.Day.AddDate(0, 0, i+1), day.rows(state.Day.AddDate(0, 0, i+1))); err != nil {
			return false, err
		}
	}
	state.Day = last
	return last.Before(over), tx.SetSetting(ctx, figuresKey, state)
}

// figures are the tallies of one day, by part and key.
type figures map[desk.TallyPart]map[string]*desk.Tally

func (f figures) of(part desk.TallyPart, key string) *desk.Tally {
	if f[part] == nil {
		f[part] = map[string]*desk.Tally{}
	}
	if f[part][key] == nil {
		f[part][key] = &desk.Tally{}
	}
	return f[part][key]
}

// rows are what is written down of a day: the whole of it, also when nothing happened, and of the parts what has something to say.
func (f figures) rows(day desk.Day) (rows []store.TallyRow) {
	f.of(desk.PartAll, "")
	for part, keys := range f {
		for key, tally := range keys {
			if part == desk.PartAll || !tally.Empty() {
				rows = append(rows, store.TallyRow{Day: day, Part: part, Key: key, Tally: *tally})
			}
		}
	}
	return rows
}

// belongs says which tallies something counts in.
type belongs struct {
	mailbox     int64
	team, agent *int64
	tags        []string
}

// each calls count for every tally of the day that something belongs to.
func (f figures) each(b belongs, count func(*desk.Tally)) {
	count(f.of(desk.PartAll, ""))
	count(f.of(desk.PartMailbox, strconv.FormatInt(b.mailbox, 10)))
	count(f.of(desk.PartTeam, keyOf(b.team)))
	count(f.of(desk.PartAgent, keyOf(b.agent)))
	for _, tag := range b.tags {
		count(f.of(desk.PartTag, tag))
	}
}

// keyOf is the key of an id; empty where there is none.
func keyOf(id *int64) string {
	if id == nil {
		return ""
	}
	return strconv.FormatInt(*id, 10)
}

// countDays counts what happened from one day to another, by day.
func countDays(ctx context.Context, r store.Reader, zone *time.Location, first, last desk.Day) ([]figures, error) {
	n := int(last.Sub(first).Hours()/24+.5) + 1
	days := make([]figures, n)
	for i := range days {
		days[i] = figures{}
	}
	from, to := desk.Midnight(first, zone), desk.Midnight(last.AddDate(0, 0, 1), zone)
	place := func(at time.Time) int { return int(desk.DayOf(at, zone).Sub(first).Hours()/24 + .5) }
	work, err := workOf(ctx, r)
	if err != nil {
		return nil, err
	}
	counter := factCounter{work: work, began: map[int64]bool{}, answered: map[int64]bool{}, from: from, to: to}
	err = r.EachFact(ctx, from, to, func(fact desk.TicketFact) {
		if i := place(fact.At); i >= 0 && i < n {
			counter.count(days[i], fact)
		}
	})
	if err != nil {
		return nil, err
	}
	err = r.EachUnsolved(ctx, from, to, func(one store.Unsolved) {
		begin, end := max(place(one.CreatedAt), 0), n
		if one.SolvedAt != nil {
			end = min(place(*one.SolvedAt), n)
		}
		for i := begin; i < end; i++ {
			days[i].each(belongs{one.Mailbox, one.Team, one.Assignee, one.Tags}, func(t *desk.Tally) { t.Backlog++ })
		}
	})
	return days, err
}

// working finds the hours that a ticket's times are measured in.
type working struct {
	byTeam map[int64]desk.Hours
	other  desk.Hours
	set    bool // somebody has set hours
}

// workOf reads the business hours of the teams, and those of everybody else.
func workOf(ctx context.Context, r store.Reader) (working, error) {
	w := working{byTeam: map[int64]desk.Hours{}, other: desk.Always}
	all, err := r.AllHours(ctx)
	if err != nil {
		return w, err
	}
	byID := map[int64]desk.Hours{}
	for _, one := range all {
		byID[one.ID], w.set = one, true
		if one.Default {
			w.other = one
		}
	}
	teams, err := r.HoursOfTeams(ctx)
	for team, id := range teams {
		w.byTeam[team] = byID[id]
	}
	return w, err
}

// between is how much of a time somebody was at work.
func (w working) between(team *int64, from, to time.Time) time.Duration {
	if team != nil {
		if own, has := w.byTeam[*team]; has {
			return own.Between(from, to)
		}
	}
	return w.other.Between(from, to)
}

// factCounter counts facts in their order. Each ticket begins once, and is answered for the first time once.
type factCounter struct {
	work            working
	began, answered map[int64]bool
	from, to        time.Time
}

func (c *factCounter) within(at time.Time) bool { return !at.Before(c.from) && at.Before(c.to) }

// count puts one fact into the tallies of its day. What somebody did counts for them; what happened to the ticket counts for whose it is now.
func (c *factCounter) count(day figures, fact desk.TicketFact) {
	whose := belongs{fact.Mailbox, fact.Team, fact.Assignee, fact.Tags}
	did := whose
	if fact.Author != nil {
		did.agent = fact.Author
	}
	if !c.began[fact.Ticket] && !fact.Merged && c.within(fact.CreatedAt) {
		c.began[fact.Ticket] = true
		day.each(whose, func(t *desk.Tally) { t.Created++ })
	}
	switch fact.Kind {
	case desk.KindInbound:
		day.each(whose, func(t *desk.Tally) { t.In++ })
	case desk.KindReply:
		day.each(did, func(t *desk.Tally) { t.Out++ })
		c.firstAnswer(day, fact, did)
	case desk.KindEvent:
		c.event(day, fact, whose, did)
	}
}

// firstAnswer counts how long a customer waited for it.
func (c *factCounter) firstAnswer(day figures, fact desk.TicketFact, did belongs) {
	if fact.AnsweredAt == nil || c.answered[fact.Ticket] || !c.within(*fact.AnsweredAt) || fact.At.Before(*fact.AnsweredAt) {
		return
	}
	c.answered[fact.Ticket] = true
	took, work := fact.AnsweredAt.Sub(fact.CreatedAt), c.work.between(fact.Team, fact.CreatedAt, *fact.AnsweredAt)
	day.each(did, func(t *desk.Tally) {
		t.Answer.Note(took)
		t.AnswerWork.Note(work)
		verdict(fact.Answer, &t.AnswerMet, &t.AnswerMissed)
	})
}

// event counts what a line of a conversation says of its ticket.
func (c *factCounter) event(day figures, fact desk.TicketFact, whose, did belongs) {
	before, after := desk.Status(fact.From), desk.Status(fact.To)
	switch {
	case fact.Verb == "rated-good":
		day.each(whose, func(t *desk.Tally) { t.Good++ })
	case fact.Verb == "rated-bad":
		day.each(whose, func(t *desk.Tally) { t.Bad++ })
	case before.Ended() && !after.Ended():
		day.each(whose, func(t *desk.Tally) { t.Reopened++ })
	case fact.Verb == "status" && after.Ended() && !before.Ended():
		took, work := fact.At.Sub(fact.CreatedAt), c.work.between(fact.Team, fact.CreatedAt, fact.At)
		day.each(did, func(t *desk.Tally) {
			t.Solved++
			t.Solve.Note(took)
			t.SolveWork.Note(work)
			verdict(fact.Solve, &t.SolveMet, &t.SolveMissed)
		})
	}
}

// verdict counts whether a target was met.
func verdict(missed *bool, met, not *int64) {
	switch {
	case missed == nil:
	case *missed:
		*not++
	default:
		*met++
	}
}

// Figures is a report. Days that are not summed up yet are counted now, if they are few. Agents see what the desk and its parts do, and of single people only themselves.
func (s *Service) Figures(ctx context.Context, actor desk.Actor, q desk.TallyQuery, breakDown desk.TallyPart) (desk.Figures, error) {
	report := desk.Figures{Query: q, Days: []desk.TallyDay{}, Lines: []desk.TallyLine{}}
	if err := checkFigures(actor, q, breakDown); err != nil {
		return report, err
	}
	scope, err := s.figureScope(ctx, actor)
	if err != nil {
		return report, err
	}
	sums, err := scope.sums(q)
	if err != nil {
		return report, err
	}
	err = s.store.Snapshot(ctx, func(r store.Reader) error {
		state, err := figuresStateOf(ctx, r)
		if err != nil {
			return err
		}
		report.Zone, report.Since, report.Today = state.Zone, state.Since, desk.DayOf(s.now(), state.location())
		live, first, err := s.live(ctx, r, state, &report)
		if err != nil {
			return err
		}
		if err := fillDays(ctx, r, &report, sums, live, first); err != nil {
			return err
		}
		if breakDown == desk.PartAll || breakDown == desk.PartAgent && !actor.Can(desk.MayReadAllReports) {
			return nil
		}
		if !scope.whole && breakDown != desk.PartTeam {
			return nil
		}
		if err := fillLines(ctx, r, &report, breakDown, live, first); err != nil || scope.whole {
			return err
		}
		report.Lines = slices.DeleteFunc(report.Lines, func(line desk.TallyLine) bool { return !slices.Contains(scope.teams, line.Key) })
		report.Cut = false
		return nil
	})
	return report, err
}

func checkFigures(actor desk.Actor, q desk.TallyQuery, breakDown desk.TallyPart) error {
	if err := need(actor, desk.MayReadReports); err != nil {
		return err
	}
	switch {
	case !slices.Contains(desk.TallyParts, q.Part) || !slices.Contains(desk.TallyParts, breakDown):
		return desk.Wrong("by", "figures are of all, a mailbox, a team, an agent or a tag")
	case q.Last.Before(q.First):
		return desk.Wrong("to", "the time ends before it begins")
	case q.Last.Sub(q.First) > longestSpan*24*time.Hour:
		return desk.Wrong("from", "a report is of %d days at most", longestSpan)
	case q.Part == desk.PartAgent && q.Key != strconv.FormatInt(actor.User.ID, 10) && !actor.Can(desk.MayReadAllReports):
		return desk.Faultf(desk.Forbidden, "figures about colleagues are for admins")
	}
	return nil
}

// live counts the days of the report that are not summed up, up to today. first is the day of the first of them.
func (s *Service) live(ctx context.Context, r store.Reader, state figuresState, report *desk.Figures) (days []figures, first desk.Day, err error) {
	report.Reached = state.Day
	first = report.Today.AddDate(0, 0, 1-mostLive)
	if next := state.Day.AddDate(0, 0, 1); next.After(first) {
		first = next
	}
	if !state.Day.IsZero() && first.After(state.Day.AddDate(0, 0, 1)) {
		return nil, first, nil // history is being summed up
	}
	report.Reached = report.Today
	if report.Query.Last.Before(first) || first.After(report.Today) {
		return nil, first, nil // nobody asks for these days
	}
	work, err := workOf(ctx, r)
	if err != nil {
		return nil, first, err
	}
	report.Hours = work.set
	if report.Since.IsZero() {
		report.Since = first
	}
	days, err = countDays(ctx, r, state.location(), first, report.Today)
	return days, first, err
}

// fillDays puts one tally for each day into the report, and their sum.
func fillDays(ctx context.Context, r store.Reader, report *desk.Figures, sums []desk.TallyQuery, live []figures, first desk.Day) error {
	q := report.Query
	for day := q.First; !day.After(q.Last); day = day.AddDate(0, 0, 1) {
		report.Days = append(report.Days, desk.TallyDay{Day: day})
	}
	at := func(day desk.Day) *desk.Tally {
		if i := int(day.Sub(q.First).Hours()/24 + .5); i >= 0 && i < len(report.Days) {
			return &report.Days[i].Tally
		}
		return nil
	}
	for _, part := range sums {
		rows, err := r.TallyDays(ctx, part)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if to := at(row.Day); to != nil && row.Day.Before(first) {
				beside(to, row.Tally)
			}
		}
		for i, day := range live {
			if to := at(first.AddDate(0, 0, i)); to != nil {
				beside(to, *day.of(part.Part, part.Key))
			}
		}
	}
	for _, day := range report.Days {
		if !day.Day.After(report.Today) {
			report.Total.Add(day.Tally)
		}
	}
	return nil
}

// beside adds what happened to other tickets on the same day.
func beside(to *desk.Tally, other desk.Tally) {
	backlog := to.Backlog + other.Backlog
	to.Add(other)
	to.Backlog = backlog
}

// fillLines puts one tally for each mailbox, team, agent or tag into the report.
func fillLines(ctx context.Context, r store.Reader, report *desk.Figures, part desk.TallyPart, live []figures, first desk.Day) error {
	q := desk.TallyQuery{Part: part, First: report.Query.First, Last: report.Query.Last}
	keys, err := r.BusiestKeys(ctx, q, mostKeys+1)
	if err != nil {
		return err
	}
	for i, day := range live {
		if at := first.AddDate(0, 0, i); at.Before(q.First) || at.After(q.Last) {
			continue
		}
		for key := range day[part] {
			if len(keys) <= mostKeys && !slices.Contains(keys, key) {
				keys = append(keys, key)
			}
		}
	}
	if report.Cut = len(keys) > mostKeys; report.Cut {
		keys = keys[:mostKeys]
	}
	rows, err := r.TalliesOf(ctx, q, keys)
	if err != nil {
		return err
	}
	sums, until := map[string]*desk.Tally{}, map[string]desk.Day{}
	for _, key := range keys {
		sums[key] = &desk.Tally{}
	}
	for _, row := range rows {
		sums[row.Key].Add(row.Tally)
		until[row.Key] = row.Day
	}
	last := q.Last
	if report.Reached.Before(last) {
		last = report.Reached
	}
	for i, day := range live {
		at := first.AddDate(0, 0, i)
		if at.Before(q.First) || at.After(q.Last) {
			continue
		}
		for _, key := range keys {
			sums[key].Add(*day.of(part, key))
			until[key] = at
		}
	}
	names, err := r.TallyNames(ctx, part, keys)
	for _, key := range keys {
		if until[key].Before(last) {
			sums[key].Backlog = 0 // nothing is written down of a day on which nothing waits
		}
		report.Lines = append(report.Lines, desk.TallyLine{Key: key, Name: names[key], Tally: *sums[key]})
	}
	return err
}

// FiguresToday is what day it is where the days of the figures begin.
func (s *Service) FiguresToday(ctx context.Context) (desk.Day, error) {
	state, err := figuresStateOf(ctx, s.store.Reader)
	return desk.DayOf(s.now(), state.location()), err
}

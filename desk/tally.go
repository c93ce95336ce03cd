package desk

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"time"
)

// Tally is what happened to tickets in some time: all of them, or those of a mailbox, a team, an agent or a tag.
type Tally struct {
	Created      int64  `json:"created,omitempty"`  // tickets that began
	Solved       int64  `json:"solved,omitempty"`   // how often one was solved
	Reopened     int64  `json:"reopened,omitempty"` // how often a solved one was opened again
	In           int64  `json:"in,omitempty"`       // mails that came in
	Out          int64  `json:"out,omitempty"`      // answers that left
	Backlog      int64  `json:"backlog,omitempty"`  // tickets that were not solved at the end
	AnswerMet    int64  `json:"answer_met,omitempty"`
	AnswerMissed int64  `json:"answer_missed,omitempty"`
	SolveMet     int64  `json:"solve_met,omitempty"`
	SolveMissed  int64  `json:"solve_missed,omitempty"`
	Good         int64  `json:"good,omitempty"` // customers who were helped
	Bad          int64  `json:"bad,omitempty"`
	Answer       Spread `json:"answer,omitempty"`      // from the first mail to the first answer
	AnswerWork   Spread `json:"answer_work,omitempty"` // of it, within business hours
	Solve        Spread `json:"solve,omitempty"`       // from the first mail to the solution
	SolveWork    Spread `json:"solve_work,omitempty"`
}

// Add adds what happened in a later time; the backlog is that of the later one.
func (t *Tally) Add(later Tally) {
	t.Created, t.Solved, t.Reopened, t.In, t.Out, t.Backlog = t.Created+later.Created, t.Solved+later.Solved, t.Reopened+later.Reopened, t.In+later.In, t.Out+later.Out, later.Backlog
	t.AnswerMet, t.AnswerMissed = t.AnswerMet+later.AnswerMet, t.AnswerMissed+later.AnswerMissed
	t.SolveMet, t.SolveMissed = t.SolveMet+later.SolveMet, t.SolveMissed+later.SolveMissed
	t.Good, t.Bad = t.Good+later.Good, t.Bad+later.Bad
	t.Answer.Join(later.Answer)
	t.AnswerWork.Join(later.AnswerWork)
	t.Solve.Join(later.Solve)
	t.SolveWork.Join(later.SolveWork)
}

// Empty says whether nothing happened and nothing waits.
func (t Tally) Empty() bool {
	t.Answer, t.AnswerWork, t.Solve, t.SolveWork = nil, nil, nil, nil
	one, _ := json.Marshal(t) // a struct of numbers
	return string(one) == "{}"
}

// Spread says how long something took, how often: by steps that each are a twentieth longer than the one before, so that spreads can be joined and a share is exact to 2.5 %. Nil is empty.
type Spread map[int]int64

// spreadStep is how much longer each step is. The first is a minute; what took less counts as that.
const spreadStep = 1.05

// Note counts one that took so long.
func (s *Spread) Note(took time.Duration) {
	if *s == nil {
		*s = Spread{}
	}
	(*s)[stepOf(took)]++
}

func stepOf(took time.Duration) int {
	if took <= time.Minute {
		return 0
	}
	return 1 + int(math.Log(took.Minutes())/math.Log(spreadStep))
}

// Join adds the other's.
func (s *Spread) Join(other Spread) {
	if len(other) > 0 && *s == nil {
		*s = Spread{}
	}
	for step, n := range other {
		(*s)[step] += n
	}
}

// Count is how many were noted.
func (s Spread) Count() (n int64) {
	for _, one := range s {
		n += one
	}
	return n
}

// Share is the time within which such a part of them was done: 0.5 is the median. ok is false where there are none.
func (s Spread) Share(part float64) (within time.Duration, ok bool) {
	total := s.Count()
	if total == 0 {
		return 0, false
	}
	steps := make([]int, 0, len(s))
	for step := range s {
		steps = append(steps, step)
	}
	slices.Sort(steps)
	rank := max(1, int64(math.Ceil(part*float64(total))))
	for _, step := range steps {
		if rank -= s[step]; rank <= 0 {
			return spanOf(step), true
		}
	}
	return spanOf(steps[len(steps)-1]), true
}

// spanOf is the middle of a step.
func spanOf(step int) time.Duration {
	if step == 0 {
		return time.Minute
	}
	return time.Duration(math.Pow(spreadStep, float64(step)-.5) * float64(time.Minute)).Round(time.Minute)
}

// MarshalJSON writes the steps that were taken only.
func (s Spread) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	steps := make([]int, 0, len(s))
	for step := range s {
		steps = append(steps, step)
	}
	slices.Sort(steps)
	for i, step := range steps {
		if i > 0 {
			out = append(out, ',')
		}
		out = strconv.AppendQuote(out, strconv.Itoa(step))
		out = append(out, ':')
		out = strconv.AppendInt(out, s[step], 10)
	}
	return append(out, '}'), nil
}

// TallyPart is what figures are asked about.
type TallyPart string

const (
	PartAll     TallyPart = "all"
	PartMailbox TallyPart = "mailbox"
	PartTeam    TallyPart = "team"
	PartAgent   TallyPart = "agent"
	PartTag     TallyPart = "tag"
)

// TallyParts lists every part, the whole first.
var TallyParts = []TallyPart{PartAll, PartMailbox, PartTeam, PartAgent, PartTag}

// TallyQuery asks for figures.
type TallyQuery struct {
	Part  TallyPart
	Key   string // of the part; empty and AnyKey false: those without one
	First Day
	Last  Day // included
}

// Day is a date of the calendar, in whatever zone: midnight UTC of it.
type Day = time.Time

// DayOf is the day that it is in a zone.
func DayOf(at time.Time, zone *time.Location) Day {
	at = at.In(zone)
	return time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, time.UTC)
}

// Midnight is when a day begins in a zone.
func Midnight(day Day, zone *time.Location) time.Time {
	return time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, zone)
}

// TallyDay is the tally of one day.
type TallyDay struct {
	Day   Day   `json:"day"`
	Tally Tally `json:"tally"`
}

// TallyLine is the tally of one mailbox, team, agent or tag over the whole time.
type TallyLine struct {
	Key   string `json:"key"`
	Name  string `json:"name"` // empty: those without one, or what is gone
	Tally Tally  `json:"tally"`
}

// Figures is what the pages show.
type Figures struct {
	Query   TallyQuery  `json:"-"`
	Zone    string      `json:"zone"`
	Days    []TallyDay  `json:"days"`    // one for each day, oldest first, also where nothing happened
	Total   Tally       `json:"total"`   // of all of them
	Lines   []TallyLine `json:"lines"`   // by what the query's part is, the busiest first; none for all
	Cut     bool        `json:"cut"`     // there are more lines
	Since   Day         `json:"since"`   // the first day that there are figures of
	Reached Day         `json:"reached"` // the last day that is summed up or counted now; before the query's last while history is being summed up
	Hours   bool        `json:"hours"`   // somebody has set business hours, so that times within them differ
	Today   Day         `json:"today"`   // in the zone of the figures
}

// TicketFact is one line of a conversation as the figures see it, with what the ticket is now.
type TicketFact struct {
	Ticket     int64       `db:"ticket_id"`
	Kind       MessageKind `db:"kind"`
	Author     *int64      `db:"author_id"`
	At         time.Time   `db:"at"`
	Verb       string      `db:"verb"` // of an event
	From       string      `db:"before"`
	To         string      `db:"after"`
	Mailbox    int64       `db:"mailbox_id"`
	Team       *int64      `db:"team_id"`
	Assignee   *int64      `db:"assignee_id"`
	Tags       []string    `db:"tags"`
	CreatedAt  time.Time   `db:"created_at"`
	AnsweredAt *time.Time  `db:"first_answered_at"`
	Merged     bool        `db:"merged"`
	Answer     *bool       `db:"answer_missed"` // whether the target of the first answer was missed; nil: there is none
	Solve      *bool       `db:"solve_missed"`
}

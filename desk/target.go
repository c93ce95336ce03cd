package desk

import "time"

// Target is how long an answer and a solution may take, within business hours. A more special one holds before a more general one: that of mailbox and priority, of the mailbox, of the priority, of all.
type Target struct {
	ID            int64     `json:"id" db:"id"`
	MailboxID     *int64    `json:"mailbox_id" db:"mailbox_id"` // nil: of every mailbox
	MailboxName   string    `json:"mailbox_name" db:"mailbox_name"`
	Priority      *Priority `json:"priority" db:"priority"`             // nil: of every priority
	AnswerMinutes *int      `json:"answer_minutes" db:"answer_minutes"` // to the first answer; nil: what a more general target says
	SolveMinutes  *int      `json:"solve_minutes" db:"solve_minutes"`   // to the solution; nil: what a more general target says
}

const (
	// MostTargets is more than five a mailbox, for forty mailboxes.
	MostTargets = 200
	// LongestTarget is 1,000 hours at work: half a year of forty hours a week.
	LongestTarget = 60_000 // minutes
)

// TargetKind is what a target is about. The words are part of the API.
type TargetKind string

const (
	TargetAnswer TargetKind = "answer" // our first answer to the customer
	TargetSolve  TargetKind = "solve"  // the solution
)

// TargetKinds lists every kind, in the order in which they are due.
var TargetKinds = []TargetKind{TargetAnswer, TargetSolve}

// minutes is what the target says about one kind, nil where it says nothing.
func (t Target) minutes(kind TargetKind) *int {
	if kind == TargetAnswer {
		return t.AnswerMinutes
	}
	return t.SolveMinutes
}

// Allowed is how long something may take for a ticket of this mailbox and priority; 0: as long as it takes.
func Allowed(targets []Target, kind TargetKind, mailbox int64, priority Priority) time.Duration {
	best, allowed := -1, time.Duration(0)
	for _, t := range targets {
		minutes := t.minutes(kind)
		if minutes == nil || t.MailboxID != nil && *t.MailboxID != mailbox || t.Priority != nil && *t.Priority != priority {
			continue
		}
		special := 0
		if t.MailboxID != nil {
			special += 2
		}
		if t.Priority != nil {
			special++
		}
		if special > best {
			best, allowed = special, time.Duration(*minutes)*time.Minute
		}
	}
	return allowed
}

// Clock is how far a ticket is on its way to one target. It stands still while the ticket waits for somebody else, is snoozed or is over.
type Clock struct {
	TicketID  int64         `db:"ticket_id"`
	Kind      TargetKind    `db:"kind"`
	Allowed   time.Duration `db:"allowed"`    // time at work; 0: there is no target, or none any more
	Spent     time.Duration `db:"spent"`      // time at work before Since
	Since     *time.Time    `db:"since"`      // it runs since then; nil: it stands still
	DueAt     *time.Time    `db:"due_at"`     // when it will be missed if nobody does anything; nil while it stands still
	ReachedAt *time.Time    `db:"reached_at"` // the answer was given, or the ticket solved
	MissedAt  *time.Time    `db:"missed_at"`  // when the time was over before that; it stays when the target is reached later
}

// Moment is how a ticket stands to a target at a moment.
type Moment struct {
	At      time.Time
	Hours   Hours         // of the ticket's team
	Allowed time.Duration // 0: there is no target
	Runs    bool          // somebody on our side has to act
	Reached bool
}

// Step brings a clock to a moment. Taking the same step again changes nothing, and a moment that lies before the clock's last one counts as that one.
func (c Clock) Step(m Moment) Clock {
	if c.Since != nil && m.At.Before(*c.Since) {
		m.At = *c.Since
	}
	c.Allowed = m.Allowed
	runs := m.Runs && !m.Reached && m.Allowed > 0
	if c.Since != nil && !runs {
		c.Spent += m.Hours.Between(*c.Since, m.At)
		c.Since = nil
	}
	if c.Since == nil && runs {
		c.Since = &m.At
	}
	switch {
	case !m.Reached:
		c.ReachedAt = nil
	case c.ReachedAt == nil:
		c.ReachedAt = &m.At
	}
	was := c.DueAt
	c.DueAt = nil
	if c.Since != nil {
		due := m.Hours.Add(*c.Since, c.Allowed-c.Spent)
		switch {
		case c.Spent >= c.Allowed && c.MissedAt != nil:
			c.DueAt = c.MissedAt
		case !due.IsZero():
			c.DueAt = &due
		}
	}
	c.MissedAt = c.missed(m, was)
	return c
}

// missed is when the target was missed. What was missed once stays so, unless the target has become one that is not missed yet, or there is none any more.
func (c Clock) missed(m Moment, was *time.Time) *time.Time {
	switch {
	case c.Allowed == 0:
		return nil
	case c.DueAt != nil && c.DueAt.After(m.At), c.Since == nil && c.Spent <= c.Allowed:
		return nil
	case c.MissedAt != nil:
		return c.MissedAt
	case c.DueAt != nil:
		return c.DueAt
	case was != nil && was.Before(m.At):
		return was // it was over before anybody looked
	default:
		return &m.At // the target became a shorter one at the same moment
	}
}

// Same says whether two clocks are at the same point.
func (c Clock) Same(other Clock) bool {
	same := func(a, b *time.Time) bool { return a == nil && b == nil || a != nil && b != nil && a.Equal(*b) }
	return c.TicketID == other.TicketID && c.Kind == other.Kind && c.Allowed == other.Allowed && c.Spent == other.Spent &&
		same(c.Since, other.Since) && same(c.DueAt, other.DueAt) && same(c.ReachedAt, other.ReachedAt) && same(c.MissedAt, other.MissedAt)
}

package desk

import (
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// Sleep says whether a list holds the tickets that are snoozed. The words are part of the API.
type Sleep string

const (
	SleepEither Sleep = ""       // both
	SleepAwake  Sleep = "awake"  // only those that are not snoozed
	SleepAsleep Sleep = "asleep" // only those that are
)

// Words of a ListFilter that stand for nobody in particular.
const (
	AssigneeMe   = "me"   // whoever looks
	AssigneeNone = "none" // nobody
	TeamMine     = "mine" // any team of whoever looks
	TeamNone     = "none" // no team
)

// ListFilter is what a list of tickets is narrowed to. It means the same for everybody, and is read anew for each reader: AssigneeMe is whoever looks.
type ListFilter struct {
	Statuses   []Status   `json:"statuses,omitempty"`   // any of them; none: every status
	Mailbox    int64      `json:"mailbox,omitempty"`    // 0: every mailbox
	Assignee   string     `json:"assignee,omitempty"`   // AssigneeMe, AssigneeNone or the id of a person; empty: anybody
	Team       string     `json:"team,omitempty"`       // TeamMine, TeamNone or the id of a team; empty: any
	Tag        string     `json:"tag,omitempty"`        // empty: any
	Priorities []Priority `json:"priorities,omitempty"` // any of them; none: every priority
	Sleep      Sleep      `json:"sleep,omitempty"`
	Overdue    bool       `json:"overdue,omitempty"` // only those whose target is missed
	Text       string     `json:"text,omitempty"`    // search words and operators
	Order      Order      `json:"order,omitempty"`   // empty: OrderWaiting
}

// Equal says whether two filters are the same.
func (f ListFilter) Equal(other ListFilter) bool {
	same := f.Mailbox == other.Mailbox && f.Assignee == other.Assignee && f.Team == other.Team && f.Tag == other.Tag && f.Sleep == other.Sleep &&
		f.Overdue == other.Overdue && f.Text == other.Text && f.Order == other.Order
	return same && slices.Equal(f.Statuses, other.Statuses) && slices.Equal(f.Priorities, other.Priorities)
}

// Query is the filter as the person with that id asks for it. A word or id that cannot be read is a fault.
func (f ListFilter) Query(me int64) (TicketQuery, error) {
	q := TicketQuery{Statuses: f.Statuses, MailboxID: f.Mailbox, Tag: f.Tag, Priorities: f.Priorities, Sleep: f.Sleep, Overdue: f.Overdue, Text: f.Text, Order: f.Order}
	var err error
	switch f.Assignee {
	case "":
	case AssigneeMe:
		q.AssigneeID = me
	case AssigneeNone:
		q.Unassigned = true
	default:
		if q.AssigneeID, err = idOf("assignee", f.Assignee); err != nil {
			return q, err
		}
	}
	switch f.Team {
	case "":
	case TeamMine:
		q.TeamsOf = me
	case TeamNone:
		q.NoTeam = true
	default:
		q.TeamID, err = idOf("team", f.Team)
	}
	return q, err
}

// idOf reads an id out of a word.
func idOf(field, word string) (int64, error) {
	id, err := strconv.ParseInt(word, 10, 64)
	if err != nil || id <= 0 {
		return 0, Wrong(field, "%q names nobody here", word)
	}
	return id, nil
}

// Check says what is wrong with a filter that shall be kept.
func (f ListFilter) Check() error {
	for _, status := range f.Statuses {
		if !status.Valid() {
			return Wrong("status", "there is no status %q", status)
		}
	}
	for _, priority := range f.Priorities {
		if !priority.Valid() {
			return Wrong("priority", "there is no priority %q", priority)
		}
	}
	if f.Sleep != SleepEither && f.Sleep != SleepAwake && f.Sleep != SleepAsleep {
		return Wrong("sleep", "a list holds tickets that are %s, %s, or both", SleepAwake, SleepAsleep)
	}
	if !f.Order.Valid() {
		return Wrong("order", "there is no order %q", f.Order)
	}
	if len(f.Text) > LongestSearch {
		return Wrong("q", "a search is at most %d bytes long", LongestSearch)
	}
	_, err := f.Query(0)
	return err
}

// LongestSearch bounds the text of a search that is kept, in bytes.
const LongestSearch = 1000

// Orders lists every order of a list.
var Orders = []Order{OrderWaiting, OrderDue, OrderUpdated, OrderNewest}

// Valid says whether o is one of Orders, or empty for the usual one.
func (o Order) Valid() bool { return o == "" || slices.Contains(Orders, o) }

// Audience is who sees a saved view. The words are part of the API.
type Audience string

const (
	AudienceMe   Audience = "me"   // who made it
	AudienceTeam Audience = "team" // the members of its team
	AudienceAll  Audience = "all"  // everybody who works on tickets
)

// View is a list of tickets that somebody has given a name.
type View struct {
	ID        int64      `json:"id" db:"id"`
	Name      string     `json:"name" db:"name"`
	Audience  Audience   `json:"audience" db:"audience"`
	TeamID    *int64     `json:"team_id" db:"team_id"` // of AudienceTeam
	TeamName  string     `json:"team" db:"team_name"`
	OwnerID   int64      `json:"owner_id" db:"owner_id"` // who made it
	OwnerName string     `json:"owner" db:"owner_name"`
	Filter    ListFilter `json:"filter" db:"filter"`
	UpdatedAt time.Time  `json:"updated_at" db:"updated_at"`
}

const (
	// MostViews bounds the views that one person makes.
	MostViews = 100
	// LongestViewName bounds the name of a view, in characters: it stands in a narrow column.
	LongestViewName = 60
)

// Check says what is wrong with a view that shall be kept.
func (v View) Check() error {
	switch {
	case v.Name == "":
		return Wrong("name", "give the view a name")
	case utf8.RuneCountInString(v.Name) > LongestViewName:
		return Wrong("name", "the name of a view has at most %d characters", LongestViewName)
	case v.Audience != AudienceMe && v.Audience != AudienceTeam && v.Audience != AudienceAll:
		return Wrong("audience", "say who sees the view: you, a team, or everybody")
	case (v.Audience == AudienceTeam) != (v.TeamID != nil):
		return Wrong("team", "choose the team that sees the view")
	}
	return v.Filter.Check()
}

// MayChange says whether a person may change or delete the view: who made it, and for views of others' an admin.
func (v View) MayChange(u User) bool {
	return v.OwnerID == u.ID || v.Audience != AudienceMe && u.Can(MayShelveAll)
}

// Bulk is what shall be done to several tickets at once. Exactly one of Change, Into and Spam is used: Spam before Into before Change.
type Bulk struct {
	Tickets []int64 // at most MostBulk, each once
	Change  TicketChange
	Into    int64 // merge all of them into this one
	Spam    bool  // mark all of them as spam
}

// MostBulk is how many tickets one bulk action takes: what a page of the list holds at most.
const MostBulk = 100

// BulkDone tells what became of a bulk action, to the person who did it.
type BulkDone struct {
	ID     int64      `json:"id" db:"id"`
	Kind   BulkKind   `json:"kind" db:"kind"`
	Into   int64      `json:"into,omitempty" db:"into"` // of BulkMerged
	Done   []BulkStep `json:"done" db:"done"`
	Left   []BulkLeft `json:"left" db:"left"`
	At     time.Time  `json:"at" db:"at"`
	Undone bool       `json:"undone" db:"undone"`
}

// BulkKind is what sort of bulk action it was.
type BulkKind string

const (
	BulkChanged BulkKind = "changed"
	BulkMerged  BulkKind = "merged"
	BulkSpam    BulkKind = "spam"
	BulkUndone  BulkKind = "undone" // it took another one back
)

// BulkStep is one ticket to which it was done, with what undoing it puts back.
type BulkStep struct {
	Ticket int64        `json:"ticket"`
	Before TicketValues `json:"before,omitzero"`
	After  TicketValues `json:"after,omitzero"`
}

// BulkLeft is one ticket to which it could not be done, and why.
type BulkLeft struct {
	Ticket int64  `json:"ticket"`
	Reason string `json:"reason"`
}

// TicketValues are those of a ticket's values that a bulk action changes.
type TicketValues struct {
	Status       Status     `json:"status,omitempty"`
	Priority     Priority   `json:"priority,omitempty"`
	Assignee     int64      `json:"assignee,omitempty"`
	Team         int64      `json:"team,omitempty"`
	Tags         []string   `json:"tags,omitempty"`
	SnoozedUntil *time.Time `json:"snoozed_until,omitempty"`
	WaitingSince *time.Time `json:"waiting_since,omitempty"`
	SolvedAt     *time.Time `json:"solved_at,omitempty"`
	ClosedAt     *time.Time `json:"closed_at,omitempty"`
}

// Due is by when the next thing on the ticket has to be done, or nil where no target runs.
func (t Ticket) Due() *time.Time {
	if t.AnswerDueAt == nil || t.SolveDueAt != nil && t.SolveDueAt.Before(*t.AnswerDueAt) {
		return t.SolveDueAt
	}
	return t.AnswerDueAt
}

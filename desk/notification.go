package desk

import (
	"slices"
	"time"
)

// NotificationKind is why somebody of ours is told of something. The words are part of the API.
type NotificationKind string

const (
	NotifyAssigned  NotificationKind = "assigned"  // a ticket became mine
	NotifyMentioned NotificationKind = "mentioned" // a note names me
	NotifyAnswered  NotificationKind = "answered"  // a customer wrote on mine
	NotifyTeam      NotificationKind = "team"      // something new for my team that nobody has taken
	NotifyFollowed  NotificationKind = "followed"  // something was written on a ticket that I watch, or by a colleague on mine
	NotifyTarget    NotificationKind = "target"    // a target of mine is about to be missed, or was
	NotifyBounced   NotificationKind = "bounced"   // an answer of mine, or on mine, did not arrive
	NotifyWoken     NotificationKind = "woken"     // one of mine is back after its snooze
	NotifyRule      NotificationKind = "rule"      // a rule or a macro says so
)

// NotificationKinds lists every kind in the order of the settings.
var NotificationKinds = []NotificationKind{NotifyAssigned, NotifyMentioned, NotifyAnswered, NotifyTeam, NotifyFollowed, NotifyTarget, NotifyBounced, NotifyWoken, NotifyRule}

// Valid says whether k is one of NotificationKinds.
func (k NotificationKind) Valid() bool { return slices.Contains(NotificationKinds, k) }

// NotifyBy is how somebody is told.
type NotifyBy string

const (
	NotifyOff    NotifyBy = "off"    // not at all
	NotifyPortal NotifyBy = "portal" // behind the bell, and in browsers that may show it
	NotifyMail   NotifyBy = "mail"   // so, and by mail where it was not read meanwhile
)

// NotifyWhen is when mail about notifications leaves.
type NotifyWhen string

const (
	NotifySoon   NotifyWhen = "soon"   // two minutes later: what is read by then needs no mail
	NotifyHourly NotifyWhen = "hourly" // together, at the full hour
	NotifyDaily  NotifyWhen = "daily"  // together, at eight in the morning where the person is
)

// Wishes are how one person wants to be told. The zero value is what everybody begins with.
type Wishes struct {
	By   map[NotificationKind]NotifyBy `json:"by,omitempty"` // a kind that is missing: behind the bell
	When NotifyWhen                    `json:"when,omitempty"`
}

// Of is how the person wants to be told of a kind.
func (w Wishes) Of(kind NotificationKind) NotifyBy {
	if by, ok := w.By[kind]; ok {
		return by
	}
	return NotifyPortal
}

// Check says what is wrong with wishes.
func (w Wishes) Check() error {
	for kind, by := range w.By {
		if !kind.Valid() || by != NotifyOff && by != NotifyPortal && by != NotifyMail {
			return Wrong(string(kind), "there is no way of telling %q of %q", by, kind)
		}
	}
	if w.When != "" && w.When != NotifySoon && w.When != NotifyHourly && w.When != NotifyDaily {
		return Wrong("when", "mail about notifications leaves soon, hourly or daily")
	}
	return nil
}

const (
	mailSoon    = 2 * time.Minute
	morningHour = 8
)

// MailAt is when a notification of this moment is mailed, for somebody in that zone.
func (w Wishes) MailAt(at time.Time, zone *time.Location) time.Time {
	switch w.When {
	case NotifyHourly:
		return at.Truncate(time.Hour).Add(time.Hour)
	case NotifyDaily:
		local := at.In(zone)
		morning := time.Date(local.Year(), local.Month(), local.Day(), morningHour, 0, 0, 0, zone)
		if !morning.After(local) {
			morning = time.Date(local.Year(), local.Month(), local.Day()+1, morningHour, 0, 0, 0, zone)
		}
		return morning
	default:
		return at.Add(mailSoon)
	}
}

// Tie is how somebody of ours belongs to something that happened on a ticket.
type Tie struct {
	User      int64  `db:"id"`
	Name      string `db:"name"`
	Assignee  bool   `db:"assignee"`  // the ticket is theirs
	Member    bool   `db:"member"`    // of the team that it belongs to
	Watcher   bool   `db:"watcher"`   // of the ticket
	Mentioned bool   `db:"mentioned"` // by the note
	Author    bool   `db:"author"`    // of the message
	Wishes    Wishes `db:"notify"`
	TimeZone  string `db:"time_zone"`
	Role      Role   `db:"role"`
	Sight     Sight  `db:"-"`       // of that role
	TeamID    *int64 `db:"team_id"` // of the ticket
	Copied    bool   `db:"copied"`  // is in copy or watches, and that shows the ticket
}

// Sees says whether the ticket is in the person's sight. What is out of it nobody is told of, not even who is named there.
func (t Tie) Sees() bool {
	ticket := SeenTicket{TeamID: t.TeamID, Copied: t.Copied}
	if t.Assignee {
		ticket.AssigneeID = &t.User
	}
	var teams []int64
	if t.Member && t.TeamID != nil {
		teams = []int64{*t.TeamID}
	}
	return t.Sight.Shows(ticket, t.User, teams)
}

// WhyTold says for what kind of reason somebody is told of what happened, the strongest of those that there are; empty: they are not. taken says whether the ticket has an assignee.
// Nobody is told of what they did themselves, and automatic mail tells nobody anything (T-OOO).
func WhyTold(kind HappeningKind, actor *int64, detail HappeningDetail, tie Tie, taken bool) NotificationKind {
	if actor != nil && *actor == tie.User {
		return ""
	}
	switch verbs := verbsOf(detail); {
	case tie.Mentioned && kind == HappenedNoted:
		return NotifyMentioned
	case tie.Assignee && verbs.has("assigned") && verbs["assigned"] == tie.Name:
		return NotifyAssigned
	case kind == HappenedBounced && (tie.Author || tie.Assignee):
		return NotifyBounced
	case detail.Automatic:
		return ""
	case tie.Assignee && (verbs.has("due") || verbs.has("missed")), !taken && tie.Member && verbs.has("missed"):
		return NotifyTarget
	case (tie.Assignee || tie.Watcher) && verbs.has("woken"): // whoever snoozed it watches it
		return NotifyWoken
	case (kind == HappenedJoined || kind == HappenedAside) && tie.Assignee:
		return NotifyAnswered
	case tie.Watcher && kind != HappenedChanged && kind != HappenedCreated, tie.Watcher && verbs.has("status") && !verbs.has("assigned"): // whoever takes a new ticket opens it
		return NotifyFollowed
	case tie.Assignee && (kind == HappenedReplied || kind == HappenedNoted):
		return NotifyFollowed
	case tie.Member && !taken && (kind == HappenedCreated || kind == HappenedJoined || verbs.has("team")):
		return NotifyTeam
	}
	return ""
}

// changedTo maps the verb of each event to its new value.
type changedTo map[string]string

func (c changedTo) has(verb string) bool { _, ok := c[verb]; return ok }

func verbsOf(detail HappeningDetail) changedTo {
	verbs := changedTo{}
	for _, event := range detail.Events {
		verbs[event.Verb] = event.To
	}
	return verbs
}

// Notification is something that somebody of ours was told.
type Notification struct {
	ID       int64            `json:"id" db:"id"`
	Ticket   int64            `json:"ticket" db:"ticket_id"`
	Subject  string           `json:"subject" db:"subject"`
	Customer string           `json:"customer" db:"customer"` // the requester's name, or address
	Message  *int64           `json:"message" db:"message_id"`
	Kind     NotificationKind `json:"kind" db:"kind"`
	Actor    string           `json:"actor" db:"actor"` // who did it; empty: Postern
	Detail   string           `json:"detail" db:"detail"`
	At       time.Time        `json:"at" db:"at"`
	ReadAt   *time.Time       `json:"read_at" db:"read_at"`
}

package desk

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// ActionKind is what an automation or a macro does to a ticket. The words are part of the API.
type ActionKind string

const (
	ActAssign     ActionKind = "assign"      // to the person ID; 0: to nobody
	ActTake       ActionKind = "take"        // to whoever runs it: macros only
	ActTeam       ActionKind = "team"        // to the team ID; 0: to none
	ActStatus     ActionKind = "status"      // Value
	ActPriority   ActionKind = "priority"    // Value
	ActAddTags    ActionKind = "add-tags"    // the words of Value
	ActDropTags   ActionKind = "drop-tags"   // the words of Value
	ActField      ActionKind = "field"       // the field Name becomes Value; empty: it is emptied
	ActSnooze     ActionKind = "snooze"      // for the span Value
	ActReply      ActionKind = "reply"       // with the canned reply ID, to whoever wrote last
	ActNote       ActionKind = "note"        // Value, with placeholders
	ActNotify     ActionKind = "notify"      // the person ID; 0: whoever has the ticket
	ActNotifyTeam ActionKind = "notify-team" // everybody in the team ID; 0: in the ticket's
	ActSpam       ActionKind = "spam"        // it is closed and tagged; the filter learns nothing by itself
)

// ActionKinds lists every kind in the order in which people meet them.
var ActionKinds = []ActionKind{
	ActAssign, ActTake, ActTeam, ActStatus, ActPriority, ActAddTags, ActDropTags, ActField, ActSnooze, ActReply, ActNote, ActNotify, ActNotifyTeam, ActSpam,
}

// Mails says whether somebody gets a mail by the action.
func (k ActionKind) Mails() bool { return k == ActReply || k == ActNotify || k == ActNotifyTeam }

const (
	// MostActions is how many actions one automation or macro has at most.
	MostActions = 20
	// longestValue bounds the values of actions and conditions but notes, in bytes.
	longestValue = 500
	// longestScript bounds what an action writes, in bytes.
	longestScript = 20_000
)

// Action is one thing that is done to a ticket.
type Action struct {
	Do    ActionKind `json:"do"`
	ID    int64      `json:"id,omitempty"`    // of a person, a team or a canned reply
	Name  string     `json:"name,omitempty"`  // of a field
	Value string     `json:"value,omitempty"` // a status, a priority, tags, the value of a field, a span, a text
}

// Check says what is wrong with an action, as far as that can be seen without looking anything up.
func (a Action) Check() error {
	if strings.ContainsRune(a.Value, 0) || len(a.Value) > longestScript || a.Do != ActNote && len(a.Value) > longestValue || len(a.Name) > longestValue {
		return Wrong("actions", "a value is too long")
	}
	switch a.Do {
	case ActAssign, ActTeam, ActNotify, ActNotifyTeam:
		if a.ID < 0 {
			return Wrong("actions", "there is nobody with the number %d", a.ID)
		}
	case ActTake, ActSpam:
	case ActStatus:
		if !Status(a.Value).Valid() {
			return Wrong("actions", "there is no status %q", a.Value)
		}
	case ActPriority:
		if !Priority(a.Value).Valid() {
			return Wrong("actions", "there is no priority %q", a.Value)
		}
	case ActAddTags, ActDropTags:
		if len(strings.Fields(a.Value)) == 0 {
			return Wrong("actions", "name at least one tag")
		}
	case ActField:
		if strings.TrimSpace(a.Name) == "" {
			return Wrong("actions", "choose the field that is to be set")
		}
	case ActSnooze:
		_, err := ParseSpan(a.Value)
		return err
	case ActReply:
		if a.ID <= 0 {
			return Wrong("actions", "choose the canned reply that is to be sent")
		}
	case ActNote:
		if strings.TrimSpace(a.Value) == "" {
			return Wrong("actions", "there is nothing in the note yet")
		}
		_, err := PlaceholdersIn(a.Value)
		return err
	default:
		return Wrong("actions", "there is no action %q", a.Do)
	}
	return nil
}

// CheckActions checks what an automation or a macro does.
func CheckActions(actions []Action) error {
	if len(actions) > MostActions {
		return Wrong("actions", "%d actions are the most", MostActions)
	}
	for _, one := range actions {
		if err := one.Check(); err != nil {
			return err
		}
	}
	return nil
}

// Needs is the right that doing by hand what the action does takes.
func (a Action) Needs() Right {
	switch a.Do {
	case ActReply:
		return MayReply
	case ActNote, ActNotify, ActNotifyTeam:
		return MayNote
	default:
		return MayWrite
	}
}

// Done is what became of an action.
type Done struct {
	Action
	Problem string `json:"problem,omitempty"` // why nothing came of it; empty: it is done
}

// spanUnits are the units of spans.
var spanUnits = map[byte]time.Duration{'m': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour}

// longestSpan is a year: nobody remembers why an automation waits for longer.
const longestSpan = 366 * 24 * time.Hour

// ParseSpan reads a span of time as rules keep it: 30m, 4h or 3d.
func ParseSpan(text string) (time.Duration, error) {
	text = strings.TrimSpace(text)
	if text != "" {
		unit, known := spanUnits[text[len(text)-1]]
		n, err := strconv.ParseInt(text[:len(text)-1], 10, 32)
		if known && err == nil && n > 0 && time.Duration(n) <= longestSpan/unit {
			return time.Duration(n) * unit, nil
		}
	}
	return 0, Wrong("span", "%q is no span of time: write a number of minutes, hours or days, up to a year", text)
}

// Idle says whether an action would leave a ticket as it is.
func (a Action) Idle(t Ticket) bool {
	words := strings.Fields(a.Value)
	switch a.Do {
	case ActAssign:
		return number(t.AssigneeID) == strconv.FormatInt(a.ID, 10)
	case ActTeam:
		return number(t.TeamID) == strconv.FormatInt(a.ID, 10)
	case ActStatus:
		return string(t.Status) == a.Value
	case ActPriority:
		return string(t.Priority) == a.Value
	case ActAddTags:
		return !slices.ContainsFunc(words, func(tag string) bool { return !slices.Contains(t.Tags, tag) })
	case ActDropTags:
		return !slices.ContainsFunc(words, func(tag string) bool { return slices.Contains(t.Tags, tag) })
	case ActField:
		return t.Fields[a.Name] == a.Value
	}
	return false
}

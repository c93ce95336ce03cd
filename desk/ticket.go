package desk

import "time"

// Status is where a ticket stands. The words are part of the API.
type Status string

const (
	StatusNew     Status = "new"     // nobody has answered or taken it yet
	StatusOpen    Status = "open"    // waiting for us
	StatusPending Status = "pending" // waiting for the customer
	StatusHold    Status = "hold"    // waiting for a third party
	StatusSolved  Status = "solved"  // answered; a reply opens it again
	StatusClosed  Status = "closed"  // over; a reply starts a follow-up
)

// Statuses lists every status in the order in which people meet them.
var Statuses = []Status{StatusNew, StatusOpen, StatusPending, StatusHold, StatusSolved, StatusClosed}

// Valid says whether s is one of Statuses.
func (s Status) Valid() bool {
	for _, known := range Statuses {
		if s == known {
			return true
		}
	}
	return false
}

// Waiting says whether a ticket of this status waits for somebody on our side.
func (s Status) Waiting() bool { return s == StatusNew || s == StatusOpen }

// Ended says whether work on a ticket of this status is over.
func (s Status) Ended() bool { return s == StatusSolved || s == StatusClosed }

// Priority orders tickets that wait.
type Priority string

const (
	PriorityLow    Priority = "low"
	PriorityNormal Priority = "normal"
	PriorityHigh   Priority = "high"
	PriorityUrgent Priority = "urgent"
)

// Priorities lists every priority, lowest first.
var Priorities = []Priority{PriorityLow, PriorityNormal, PriorityHigh, PriorityUrgent}

// Valid says whether p is one of Priorities.
func (p Priority) Valid() bool {
	for _, known := range Priorities {
		if p == known {
			return true
		}
	}
	return false
}

// FollowUpWindow is how long after its closing a reply still joins a ticket; later it starts a new one that continues it (T-FOLLOWUP).
const FollowUpWindow = 14 * 24 * time.Hour

// Reply is what a person's mail does to the status of the ticket that it joins.
type Reply int

const (
	ReplyKeeps     Reply = iota // the status stays as it is
	ReplyReopens                // the ticket becomes open and keeps its assignee (T-REOPEN)
	ReplyFollowsUp              // the ticket stays closed; a new one continues it (T-FOLLOWUP)
)

// OnReply decides what a customer's mail does to a ticket of this status. closedAt is when it was closed, zero if it was not.
// mayReopen is the trust table's word (behaviour §4); mail without that right never changes a status.
func (s Status) OnReply(closedAt, now time.Time, mayReopen bool) Reply {
	switch {
	case s == StatusClosed && now.Sub(closedAt) > FollowUpWindow:
		return ReplyFollowsUp
	case !mayReopen, s == StatusNew, s == StatusOpen:
		return ReplyKeeps
	default:
		return ReplyReopens
	}
}

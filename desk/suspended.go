package desk

import "net/netip"

// SuspendedAction is what somebody does to a mail held back. The words are part of the API.
type SuspendedAction string

const (
	SuspendedRelease SuspendedAction = "release" // it goes the way that it would have gone
	SuspendedDelete  SuspendedAction = "delete"
	SuspendedSpam    SuspendedAction = "spam"  // deleted, and the spam filter learns it
	SuspendedBlock   SuspendedAction = "block" // deleted, and its sender put onto the block list
	SuspendedAllow   SuspendedAction = "allow" // released, and its sender put onto the allow list
)

// SuspendedResult is what became of one mail of a bulk action.
type SuspendedResult struct {
	ID      int64
	Outcome Outcome // of a release
	Problem string  // why nothing was done to it; empty when all went well
}

// Supposed is a mail that nobody has sent: what somebody asks about in 'what would happen to …'.
type Supposed struct {
	From       string     `json:"from"`
	MailFrom   string     `json:"mail_from,omitempty"` // empty: the same as From
	IP         netip.Addr `json:"ip,omitzero"`
	Mailbox    string     `json:"mailbox,omitempty"`    // empty: the first
	Proof      Result     `json:"proof,omitempty"`      // pass: the domain vouches for it; fail: it says that it is not its own; none: neither
	Asked      string     `json:"asked,omitempty"`      // what the domain asks for on fail: none, quarantine, reject
	Score      float64    `json:"score,omitempty"`      // of the spam filter
	Recipients int        `json:"recipients,omitempty"` // people in To and Cc
}

// Ruling is what would happen to a Supposed mail.
type Ruling struct {
	Disposition Disposition `json:"disposition"` // ticketed, suspended or refused
	Cause       Cause       `json:"cause,omitempty"`
	Evidence    string      `json:"evidence,omitempty"`
	Rule        *SenderRule `json:"rule,omitempty"` // of the lists, if one matched
}

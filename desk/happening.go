package desk

import (
	"encoding/json"
	"time"
)

// HappeningKind is what sort of thing happened to a ticket. The words are part of the API.
type HappeningKind string

const (
	HappenedCreated HappeningKind = "created" // the ticket began, by a mail, a form or an agent
	HappenedJoined  HappeningKind = "joined"  // a mail of a person outside joined it
	HappenedAside   HappeningKind = "aside"   // a mail joined a conversation beside the ticket's own: somebody answered what was forwarded to them
	HappenedReplied HappeningKind = "replied" // one of us answered
	HappenedNoted   HappeningKind = "noted"   // one of us wrote a note
	HappenedChanged HappeningKind = "changed" // one of us, or a rule, changed what is not said in messages; Detail holds the verbs
	HappenedBounced HappeningKind = "bounced" // a message of ours did not arrive
)

// Happening is something that happened to a ticket, as those hear of it who react: targets, automations, teams, notifications. It is written in the transaction that made it happen.
type Happening struct {
	ID       int64           `db:"id"`
	Ticket   int64           `db:"ticket_id"`
	Message  *int64          `db:"message_id"` // the mail, answer or note, if it was one
	Kind     HappeningKind   `db:"kind"`
	Actor    *int64          `db:"actor_id"` // nil: a customer, or Postern itself
	Detail   json.RawMessage `db:"detail"`   // a HappeningDetail
	At       time.Time       `db:"at"`
	Attempts int             `db:"attempts"` // made so far
}

// HappeningDetail is what else is known of it.
type HappeningDetail struct {
	Events     []Event `json:"events,omitempty"`     // what changed, as the conversation's lines tell it
	Automatic  bool    `json:"automatic,omitempty"`  // by automatic mail (T-OOO): nothing answers it
	Automation int64   `json:"automation,omitempty"` // the rule that did it, which it does not set off again
}

// Decode reads the detail; one that cannot be read is an error of the program that wrote it.
func (h Happening) Decode() (detail HappeningDetail, err error) {
	if len(h.Detail) > 0 {
		err = json.Unmarshal(h.Detail, &detail)
	}
	return detail, err
}

package desk

import (
	"fmt"
	"time"
)

// An address is suppressed when this many mails to it were refused within this time, each in words that are about the address (T-50).
const (
	SuppressAfter  = 2
	SuppressWithin = 30 * 24 * time.Hour
)

// BounceProof is why a hard bounce may be believed. The words are part of the API.
type BounceProof string

const (
	BySMTP   BounceProof = "smtp"   // a server said so to ourselves
	ByReport BounceProof = "report" // a report said so that came to the return path which only the recipient's server has seen
)

// HardBounce is a mail that was refused for good, because of its recipient.
type HardBounce struct {
	Address string      `json:"address" db:"address"`    // canonical
	Message int64       `json:"message" db:"message_id"` // of ours
	Ticket  int64       `json:"ticket" db:"ticket_id"`   // where it stands; 0: it is gone
	At      time.Time   `json:"at" db:"at"`
	Proof   BounceProof `json:"proof" db:"proof"`
	Reason  Reason      `json:"reason" db:"reason"`
	Words   string      `json:"words" db:"words"`
}

// Suppression is an address that gets no mail until somebody lifts it.
type Suppression struct {
	Address   string    `json:"address" db:"address"` // canonical
	Since     time.Time `json:"since" db:"since"`
	CreatedBy string    `json:"created_by" db:"created_by"` // an address; empty: Postern itself, or the command line where a note says so
	Note      string    `json:"note" db:"note"`
	Reason    Reason    `json:"reason" db:"reason"`      // of the last bounce
	Words     string    `json:"words" db:"words"`        // the remote's own
	Message   int64     `json:"message" db:"message_id"` // that the last bounce was about; 0: none
	Ticket    int64     `json:"ticket" db:"ticket_id"`   // where that stands; 0: nowhere
	Bounces   int       `json:"bounces" db:"bounces"`    // hard ones, of different mails; 0: somebody put it there
}

// Why says in a sentence for an agent why the address gets no mail.
func (s Suppression) Why() string {
	switch {
	case s.Bounces > 0:
		return fmt.Sprintf("%d mails to it were refused; the last time: %s", s.Bounces, s.Words)
	case s.CreatedBy != "" && s.Note != "":
		return fmt.Sprintf("%s put it on the list: %s", s.CreatedBy, s.Note)
	case s.Note != "":
		return s.Note
	case s.CreatedBy != "":
		return s.CreatedBy + " put it on the list"
	default:
		return "an operator put it on the list"
	}
}

// Reply is what stands at a recipient who was not tried, in the form of a server's reply (RFC 3463 §3.8: mailbox-specific policy).
func (s Suppression) Reply() string {
	return "550 5.7.1 not tried: " + s.Address + " is suppressed since " + s.Since.UTC().Format("2 January 2006") + ": " + s.Why()
}

// SuppressionQuery asks for suppressed addresses, the newest first. The zero value asks for all.
type SuppressionQuery struct {
	Text   string // in the address
	Cursor string
	Limit  int
}

package desk

import (
	"fmt"
	"strings"
	"time"
)

// Outbound is one recipient of one outgoing message, as the log of deliveries and the message itself show it.
type Outbound struct {
	MessageID   int64     `json:"message"`
	TicketID    int64     `json:"ticket"`
	Subject     string    `json:"subject"`
	Destination string    `json:"destination"` // domain of the recipient
	Sender      string    `json:"sender"`      // domain of From as the mail leaves
	QueuedAt    time.Time `json:"queued_at"`
	Delivery
}

// CanRetry says whether trying it now makes sense: it failed, or waits for a later time.
func (d Delivery) CanRetry() bool {
	return !d.InHand && (d.State == DeliveryDeferred || d.State == DeliveryBounced && d.RedirectedTo == "" || d.State == DeliveryQueued && !d.HeldSince.IsZero())
}

// CanCancel says whether there is still something to stop.
func (d Delivery) CanCancel() bool { return !d.State.Final() && !d.Stopping }

// CanRedirect says whether it can be sent to another address instead: it has not arrived, and was not sent elsewhere already.
func (d Delivery) CanRedirect() bool { return d.State != DeliverySent && d.RedirectedTo == "" }

// Words says in a sentence how it stands. Times are in UTC; a page that knows the reader's zone shows NextAt itself.
func (d Delivery) Words() string {
	switch {
	case d.RedirectedTo != "" && d.State == DeliveryCancelled:
		return "Sent to " + d.RedirectedTo + " instead."
	case d.RedirectedTo != "":
		return "Refused, and sent to " + d.RedirectedTo + " instead: " + d.Reply
	case d.Stopping:
		return "To be stopped. It is being sent at this moment: if the server has taken it already, it will show as sent."
	case d.InHand:
		return "Being sent now."
	}
	switch d.State {
	case DeliveryQueued, DeliveryDeferred:
		return d.waiting()
	case DeliverySent:
		return "Taken by " + hostWord(d.Host) + tlsWord(d.TLS, d.Proof) + ": " + d.Reply
	case DeliveryBounced:
		if d.Host == "" {
			return "Not delivered: " + d.Reply
		}
		return "Refused by " + d.Host + ": " + d.Reply
	case DeliveryCancelled:
		return "Stopped before it was sent."
	default:
		return string(d.State)
	}
}

func (d Delivery) waiting() string {
	switch {
	case !d.HeldSince.IsZero():
		return "Held since " + moment(d.HeldSince) + ": " + d.HeldWhy
	case d.State == DeliveryQueued && d.Attempts == 0:
		return "Waits for its first attempt."
	case d.NextAt.IsZero():
		return "Waits to be tried again."
	default:
		return fmt.Sprintf("Tried again at %s. The last answer: %s", moment(d.NextAt), d.Reply)
	}
}

func moment(at time.Time) string { return at.UTC().Format("2 January 2006 15:04 MST") }

func hostWord(host string) string {
	if host == "" {
		return "its server"
	}
	return host
}

// tlsWord says how well a connection was protected.
func tlsWord(version string, proof Proof) string {
	switch {
	case version == "":
		return " in clear text"
	case proof == ProofDANE:
		return " over " + version + ", proved by DANE"
	case proof == ProofPKIX:
		return " over " + version + ", with a certificate in its name"
	default:
		return " over " + version
	}
}

// Words says in a sentence what a line of a recipient's timeline tells; its time stands beside it.
func (a Attempt) Words() string {
	who := a.Actor
	if who == "" {
		who = "An operator"
	}
	switch a.Kind {
	case AttemptHeld:
		return "Held: " + a.Reply
	case AttemptRetry:
		return who + " had it tried again."
	case AttemptCancelled:
		if a.Reply != "" {
			return who + " wanted it stopped: " + a.Reply
		}
		return who + " stopped it."
	case AttemptRedirected:
		return who + " " + a.Reply
	case AttemptSuppressed:
		return "Not tried: " + strings.TrimPrefix(a.Reply, "550 5.7.1 not tried: ")
	case AttemptReported:
		if a.State == DeliveryBounced {
			return "A report says that it could not be delivered: " + a.Reply
		}
		return "A report came: " + a.Reply
	case AttemptSigned:
		return "Signed anew: " + a.Reply
	}
	version, proof := "", ProofNone
	if a.TLS != nil {
		version, proof = a.TLS.Version, a.TLS.Proof
	}
	switch {
	case a.State == DeliverySent:
		return hostWord(a.Host) + " took it" + tlsWord(version, proof) + ": " + a.Reply
	case a.Host == "" && a.State == DeliveryDeferred:
		return "Nobody could be asked: " + a.Reply
	case a.Host == "":
		return "Given up: " + a.Reply
	case a.State == DeliveryDeferred:
		return a.Host + " did not take it for now: " + a.Reply
	default:
		return a.Host + " refused it: " + a.Reply
	}
}

// Recipient is one recipient of a message with the whole story: what each server said, and what one of us did.
type Recipient struct {
	Outbound
	Suppressed *Suppression `json:"suppressed"` // why the address gets no mail; nil: it does
	Timeline   []Attempt    `json:"timeline"`   // oldest first
}

// DeliveryQuery asks for deliveries, the last changed first. The zero value asks for all.
type DeliveryQuery struct {
	States      []DeliveryState // none: any
	Held        bool            // only those that wait until their own domain is mended
	Destination string          // domain of the recipient; *.example.com is every domain below it
	Sender      string          // domain of ours
	Recipient   string          // an address; or, without @, a part of one
	Ticket      int64
	Message     int64
	Since       time.Time // last changed at or after
	Until       time.Time // last changed before
	Text        string    // in the last reply
	Cursor      string
	Limit       int // at most 100; 0 means 25
}

// DeliveryCounts is how much mail stands how, for the head of a page.
type DeliveryCounts struct {
	Queued     int64     `json:"queued" db:"queued"`     // waiting for the first attempt
	Deferred   int64     `json:"deferred" db:"deferred"` // waiting for another
	Held       int64     `json:"held" db:"held"`         // of these: until their own domain is mended
	InHand     int64     `json:"in_hand" db:"in_hand"`   // being sent now
	Oldest     time.Time `json:"oldest,omitzero" db:"-"` // since when the oldest waits
	Sent       int64     `json:"sent" db:"-"`            // since Since
	Bounced    int64     `json:"bounced" db:"-"`         // since Since
	Suppressed int64     `json:"suppressed" db:"-"`      // addresses that get no mail
	Since      time.Time `json:"since" db:"-"`           // the beginning of today, UTC
}

// DeliveryDay is what became of recipients on one day, in UTC. A recipient who waits and is then taken counts as both.
type DeliveryDay struct {
	Day        time.Time `json:"day" db:"day"`
	Sender     string    `json:"sender,omitempty" db:"sender"` // domain of ours; empty where all are summed up
	Sent       int64     `json:"sent" db:"sent"`
	Deferred   int64     `json:"deferred" db:"deferred"` // had to wait, however often
	Bounced    int64     `json:"bounced" db:"bounced"`   // at once, or by a report later
	Suppressed int64     `json:"suppressed" db:"suppressed"`
}

// DeliveryFigures is what the charts show.
type DeliveryFigures struct {
	Since   time.Time     `json:"since"`
	Sender  string        `json:"sender,omitempty"` // domain of ours that was asked for; empty: all
	Days    []DeliveryDay `json:"days"`             // one for each day, also where nothing happened, oldest first
	Senders []DeliveryDay `json:"senders"`          // sums by domain of ours, the busiest first; Day is the first day
	Total   DeliveryDay   `json:"total"`
}

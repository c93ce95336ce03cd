package desk

import "time"

// MessageKind says what stands in a conversation. The words are part of the API.
type MessageKind string

const (
	KindInbound MessageKind = "inbound" // a mail that came in
	KindReply   MessageKind = "reply"   // a public answer that leaves as mail
	KindNote    MessageKind = "note"    // seen by agents only
	KindEvent   MessageKind = "event"   // a change of the ticket, as one thin line
	KindForward MessageKind = "forward" // a mail of ours to somebody who is not on the ticket: the customer never sees it
)

// Leaves says whether messages of this kind leave as mail.
func (k MessageKind) Leaves() bool { return k == KindReply || k == KindForward }

// FileInfo describes an attachment without its bytes.
type FileInfo struct {
	ID          int64  `json:"id"`
	Name        string `json:"name"`
	MediaType   string `json:"media_type"`
	Size        int64  `json:"size"`
	Inline      bool   `json:"inline"`
	ContentID   string `json:"content_id,omitempty"`
	Origin      string `json:"origin,omitempty"` // part, tnef, message: where in the mail it came from
	Description string `json:"description,omitempty"`
}

// Event is a change of a ticket as its conversation shows it: who did what.
type Event struct {
	Verb string `json:"verb"`           // assigned, status, tagged, merged, …: the audit's word
	From string `json:"from,omitempty"` // the value before
	To   string `json:"to,omitempty"`   // the value after
}

// CalendarEvent is what a text/calendar part invites to (RFC 5545).
type CalendarEvent struct {
	Method    string    `json:"method,omitempty"` // REQUEST, CANCEL, REPLY
	Summary   string    `json:"summary"`
	Location  string    `json:"location,omitempty"`
	Organizer string    `json:"organizer,omitempty"`
	Start     time.Time `json:"start"`
	End       time.Time `json:"end,omitzero"`
	AllDay    bool      `json:"all_day,omitempty"`
}

// Why is the evidence by which a message came to stand on its ticket: shown as 'Why here?'.
type Why struct {
	Rule      string `json:"rule"`                // token, message-id, foreign-message-id, subject, late, new, follow-up, moved, manual
	Saw       string `json:"saw"`                 // what the rule looked at: an address, a Message-ID, a subject
	Suggested int64  `json:"suggested,omitempty"` // 'perhaps #123': evidence that was too weak to act on
	Note      string `json:"note,omitempty"`      // a sentence for people
}

// Before is how a ticket stood before a reply changed it: what undoing the reply puts back.
type Before struct {
	Status       Status     `json:"status"`
	WaitingSince *time.Time `json:"waiting_since,omitempty"`
	SolvedAt     *time.Time `json:"solved_at,omitempty"`
	ClosedAt     *time.Time `json:"closed_at,omitempty"`
	Problem      bool       `json:"problem,omitempty"`
	Preview      string     `json:"preview,omitempty"`
}
